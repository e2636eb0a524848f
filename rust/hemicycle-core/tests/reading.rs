//! Files as hostile and careless people write them: what is read, what is refused, and with which words.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

use hemicycle_core::read_limits::ReadLimits;
use hemicycle_core::sources::{Number, Ragged, read_table};
use hemicycle_core::submissions::{Submissions, read_submissions};
use hemicycle_core::{Error, Execution, Interrupt};
use proptest::prelude::*;

/// A folder of this test alone, removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("hemicycle-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn complaint(path: &Path, limits: ReadLimits) -> (Option<u64>, String) {
    match read_table(path, &limits, &Interrupt::new()) {
        Err(Error::Format { line, reason, .. }) => (line, reason),
        other => panic!("expected a complaint, got {other:?}"),
    }
}

#[test]
fn lines_are_physical_lines_whatever_ends_them() {
    let folder = Folder::new("lines");
    for (name, end) in [("lf", "\n"), ("crlf", "\r\n"), ("cr", "\r")] {
        let text = ["\u{feff}repo , weight", "", "a,1", "\"b", "c\",2", ",", "d,3,4", "e,5"].join(end);
        let table = read_table(&folder.write(name, text), &ReadLimits::default(), &Interrupt::new()).unwrap();
        assert_eq!(table.header, ["repo", "weight"], "{name}");
        assert_eq!(table.lines, [3, 4, 8], "{name}");
        assert_eq!(table.ragged, [Ragged { line: 7, n_fields: 3 }], "{name}");
        assert_eq!(table.columns[0].iter().collect::<Vec<_>>(), ["a", &format!("b{end}c"), "e"], "{name}");
    }
}

#[test]
fn what_is_no_text_table_is_refused_by_line() {
    let folder = Folder::new("refused");
    let limits = ReadLimits::default();
    let not_utf8 = complaint(&folder.write("latin1", b"repo,weight\nx,1\ncaf\xe9,2\n"), limits);
    assert_eq!((not_utf8.0, not_utf8.1.contains("UTF-8")), (Some(3), true));
    let nul = complaint(&folder.write("nul", b"repo,weight\nx\0,1\n"), limits);
    assert_eq!((nul.0, nul.1.contains("NUL")), (Some(2), true));
    assert!(complaint(&folder.0, limits).1.contains("directory"));
    assert!(complaint(&folder.0.join("absent"), limits).1.contains("no such file"));
}

#[test]
fn every_limit_is_named_when_it_is_broken() {
    let folder = Folder::new("limits");
    let path = folder.write("table", "a,b,c\n1,2,3\n4,5,6\n");
    let limits = ReadLimits::default();
    for (broken, word) in [
        (ReadLimits { file_bytes: 17, ..limits }, "limit of 17 bytes (file_bytes;"),
        (ReadLimits { line_bytes: 4, ..limits }, "limit of 4 bytes (line_bytes;"),
        (ReadLimits { rows: 1, ..limits }, "limit of 1 rows (rows;"),
        (ReadLimits { columns: 2, ..limits }, "3, more than the limit of 2 columns (columns;"),
    ] {
        assert!(complaint(&path, broken).1.contains(word), "{word}: {:?}", complaint(&path, broken));
    }
    let exact = ReadLimits { file_bytes: 18, line_bytes: 5, rows: 2, columns: 3, ..limits };
    assert_eq!(read_table(&path, &exact, &Interrupt::new()).unwrap().lines.len(), 2);
}

#[test]
fn numbers_are_decimal_and_nothing_else() {
    for text in ["1", " 1 ", "+1.0", "1e0", ".1e1", "10.e-1"] {
        assert_eq!(Number::parse(text), Number::Value(1.0), "{text}");
    }
    for text in ["1_0", "0x1", "1,0", "1 0", "one", "1C", "--1", "e5", "1f"] {
        assert_eq!(Number::parse(text), Number::Text, "{text}");
    }
    for text in ["nan", "NaN", "inf", "-Infinity", "1e309"] {
        assert_eq!(Number::parse(text), Number::NotFinite, "{text}");
    }
    assert_eq!(Number::parse("1e308"), Number::Value(1e308));
    assert_eq!(Number::parse(" "), Number::Empty);
}

#[test]
fn a_bad_submission_leaves_the_others_alone() {
    let folder = Folder::new("submissions");
    let cases = [
        ("good", "repo,parent,weight\nx,p,1\ny,p,0\n", None),
        ("text", "repo,parent,weight\nx,p,1\ny,p,2C\n", Some((Some(3), "weight", "2C", "not a number"))),
        ("negative", "repo,parent,weight\nx,p,-1\n", Some((Some(2), "weight", "-1", "negative"))),
        ("infinite", "repo,weight\nx,1e400\n", Some((Some(2), "weight", "1e400", "not finite"))),
        ("unnamed", "repo,weight\n ,1\n", Some((Some(2), "repo", " ", "no item is named"))),
        (
            "share",
            "repo,originality\nx,1.5\n",
            Some((Some(2), "originality", "1.5", "an originality lies between 0 and 1")),
        ),
        ("bare", "repo,weight\n", Some((None, "file", "", "no rows below the header"))),
        ("nothing", "", Some((None, "file", "", "empty"))),
    ];
    let paths: Vec<PathBuf> = cases.iter().map(|(name, text, _)| folder.write(name, text)).collect();
    let read = read_submissions(None, &paths, &ReadLimits::default(), &Execution::default()).unwrap();
    for ((name, _, expected), refusal) in cases.iter().zip(&read.refusals) {
        let found = refusal.as_ref().map(|r| (r.line, r.field.as_str(), r.value.as_str(), r.reason.as_str()));
        assert_eq!(found, *expected, "{name}");
    }
    assert_eq!(read.offsets, [0, 2, 2, 2, 2, 2, 2, 2, 2]);
    assert_eq!(read.weight, [1.0, 0.0]);
}

#[test]
fn headers_are_recognised_in_any_order_and_case() {
    let folder = Folder::new("headers");
    let own_and_rest = [("r", "dependencies"), ("r", "own")];
    for (text, spellings) in [
        (",Weight,REPO\n0,1,x\n", vec![("", "x")]),
        ("dependency,repo,weight\nd,r,1\n", vec![("r", "d")]),
        ("repo_url,dep_url,user_weight\nr,d,1\n", vec![("r", "d")]),
        ("repo,originality,note\nr,0.25,?\n", own_and_rest.to_vec()),
        ("project,parent,weight\nx,p,1\n", vec![("p", "x")]),
    ] {
        let path = folder.write("file", text);
        let read = read_submissions(None, &[path], &ReadLimits::default(), &Execution::default()).unwrap();
        let found: Vec<(&str, &str)> = read.spellings.iter().map(|(p, n)| (p.as_str(), n.as_str())).collect();
        assert_eq!(found, spellings, "{text}");
    }
    for (text, word) in [("repo,weight,Weight\nx,1,1\n", "twice"), ("a,b\n1,2\n", "found the columns a,b")] {
        let path = folder.write("file", text);
        let read = read_submissions(None, &[path], &ReadLimits::default(), &Execution::default()).unwrap();
        assert!(read.refusals[0].as_ref().unwrap().reason.contains(word), "{text}");
    }
}

/// The rows of each file, in words.
fn rows(read: &Submissions) -> Vec<Vec<(&str, f64)>> {
    let row = |row: usize| (read.spellings[read.item[row] as usize].1.as_str(), read.weight[row]);
    read.offsets.windows(2).map(|ends| (ends[0]..ends[1]).map(row).collect()).collect()
}

#[test]
fn neither_threads_nor_the_order_of_files_change_a_file() {
    let folder = Folder::new("threads");
    let text = |file: usize| (0..5).map(|item| format!("i{},{file}.{item}\n", (file + item) % 7)).collect::<String>();
    let mut paths: Vec<PathBuf> =
        (0..300).map(|file| folder.write(&format!("m{file:03}"), format!("repo,weight\n{}", text(file)))).collect();
    let one = Execution { n_threads: Some(1), ..Execution::default() };
    let four = Execution { n_threads: Some(4), ..Execution::default() };
    let limits = ReadLimits::default();
    let first = read_submissions(None, &paths, &limits, &one).unwrap();
    let again = read_submissions(None, &paths, &limits, &four).unwrap();
    assert_eq!((&first.spellings, rows(&first)), (&again.spellings, rows(&again)));
    paths.reverse();
    let reversed = read_submissions(None, &paths, &limits, &four).unwrap();
    assert_eq!(first.spellings, reversed.spellings);
    assert_eq!(rows(&first), rows(&reversed).into_iter().rev().collect::<Vec<_>>());
}

#[test]
fn a_raised_flag_stops_the_reading() {
    let folder = Folder::new("interrupt");
    let path = folder.write("file", "repo,weight\nx,1\n");
    let execution = Execution::default();
    execution.interrupt.raise();
    assert!(matches!(read_submissions(None, &[path], &ReadLimits::default(), &execution), Err(Error::Interrupted)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_crash_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let folder = Folder::new("bytes");
        let path = folder.write("file", [b"repo,weight\n".as_slice(), &bytes].concat());
        let read = read_submissions(None, &[path], &ReadLimits::default(), &Execution::default()).unwrap();
        prop_assert_eq!(read.offsets.len(), 2);
        prop_assert!(read.weight.iter().all(|weight| *weight >= 0.0 && weight.is_finite()));
    }

    #[test]
    fn what_is_written_is_read(cells in proptest::collection::vec(("[^\0]{0,12}", any::<f64>()), 1..20)) {
        let folder = Folder::new("cells");
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["repo", "weight"]).unwrap();
        for (name, value) in &cells {
            writer.write_record([name.as_str(), &value.to_string()]).unwrap();
        }
        let path = folder.write("file", writer.into_inner().unwrap());
        let table = read_table(&path, &ReadLimits::default(), &Interrupt::new()).unwrap();
        let names: Vec<&str> = table.columns[0].iter().collect();
        prop_assert_eq!(names, cells.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>());
        for (number, (_, value)) in table.columns[1].numbers().zip(&cells) {
            let expected = if value.is_finite() { Number::Value(*value + 0.0) } else { Number::NotFinite };
            prop_assert_eq!(number, expected);
        }
    }
}
