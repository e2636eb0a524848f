//! Any bytes as a table and as a submission: what is kept is consistent, what is refused has a reason.
#![no_main]

use std::sync::LazyLock;
use std::{env, fs, process};

use hemicycle_core::names::item_key;
use hemicycle_core::sources::{Number, read_table};
use hemicycle_core::spelling::kept_name;
use hemicycle_core::submissions::read_submissions;
use hemicycle_core::{Error, Execution};
use libfuzzer_sys::fuzz_target;

/// Where the bytes are written: the readers take paths.
static PATH: LazyLock<std::path::PathBuf> =
    LazyLock::new(|| env::temp_dir().join(format!("hemicycle-fuzz-{}.csv", process::id())));

fuzz_target!(|bytes: &[u8]| {
    fs::write(&*PATH, bytes).expect("the folder for temporary files is writable");
    let (execution, limits) = (Execution::default(), hemicycle_fuzz::limits());
    let table = match read_table(&PATH, &limits, &execution.interrupt) {
        Ok(table) => Some(table),
        Err(Error::Format { line, reason, .. }) => {
            assert!(!reason.is_empty() && line != Some(0));
            None
        }
        Err(error) => panic!("{error}"),
    };
    if let Some(table) = &table {
        assert_eq!(table.header.len(), table.columns.len());
        assert!(table.lines.len() + table.ragged.len() <= limits.rows as usize);
        assert!(table.lines.is_sorted_by(|a, b| a < b) || table.lines.len() < 2, "{:?}", table.lines);
        let newlines = bytes.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() as u64;
        for column in &table.columns {
            assert_eq!(column.len(), table.lines.len());
            assert!(column.numbers().all(|number| !matches!(number, Number::Value(x) if !x.is_finite())));
            let (codes, distinct) = column.interned();
            for (cell, code) in column.iter().zip(codes) {
                assert_eq!(cell.trim(), distinct[code as usize]);
                let key = item_key(cell);
                assert_eq!(item_key(&key), key, "of {cell:?}");
            }
        }
        assert!(table.lines.iter().all(|line| (1..=newlines + 1).contains(line)));
    }
    let read = read_submissions(None, &[PATH.clone(), PATH.clone()], &limits, &execution).expect("bad files are refusals");
    assert_eq!((read.offsets.len(), read.refusals.len(), read.authors.len()), (3, 2, 2));
    assert_eq!(
        (read.item.len(), read.weight.len(), read.line.len()),
        (read.offsets[2], read.offsets[2], read.offsets[2])
    );
    assert_eq!(read.refusals[0], read.refusals[1]);
    assert!(read.weight.iter().all(|weight| weight.is_finite() && *weight >= 0.0));
    assert!(read.item.iter().all(|&item| (item as usize) < read.spellings.len()));
    for name in read.spellings.iter().flat_map(|(parent, name)| [parent, name]) {
        assert_eq!(kept_name(name, limits.name()).as_deref(), Ok(name.as_str()), "what is kept stays so");
    }
    assert!(read.refusals[0].is_some() || table.is_some());
    assert!(read.refusals[0].is_none() || read.offsets == [0, 0, 0]);
});
