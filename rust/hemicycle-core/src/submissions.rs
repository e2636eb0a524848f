//! Submissions: small csv files, one a model, tens of thousands of them. They are parsed in parallel; a bad file is
//! turned away with its reason and never stops the others.

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::opening::{Folder, open_regular};
use crate::parallel::{Execution, Interrupt};
use crate::read_limits::{ReadLimits, TableLimits};
use crate::sources::{Column, Number, Table, parse_table};
use crate::spelling::kept_name;

/// Files parsed by one task.
const CHUNK: usize = 64;
/// Longest excerpt of a bad cell, in characters.
const EXCERPT: usize = 120;

/// Names of columns that hold an item.
const ITEM: [&str; 7] = ["item", "repo", "project", "name", "repository", "repo_url", "item_name"];
/// Names of columns that hold a dependency, the item of a file whose parents are repositories.
const DEPENDENCY: [&str; 4] = ["dependency", "dep_url", "dependency_url", "dep"];
/// Names of columns that hold a weight.
const WEIGHT: [&str; 2] = ["weight", "user_weight"];
/// Names of columns that hold who submitted.
const AUTHOR: [&str; 2] = ["author", "submitter"];

/// Which columns of a table of submissions hold what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// The item, or the dependency of a parent.
    pub item: usize,
    /// The parent, if named.
    pub parent: Option<usize>,
    /// The weight or the originality.
    pub weight: usize,
    /// The share of a repository's worth that is its own, instead of a weight.
    pub is_originality: bool,
    /// Who submitted.
    pub author: Option<usize>,
    /// The model, where one table holds many.
    pub model: Option<usize>,
}

impl Layout {
    /// Recognise the columns by their names, in any case; others are ignored.
    ///
    /// ```
    /// use hemicycle_core::submissions::Layout;
    /// let layout = Layout::of(&["", "Repo", "parent", "weight"].map(String::from)).unwrap();
    /// assert_eq!((layout.item, layout.parent, layout.weight), (1, Some(2), 3));
    /// ```
    ///
    /// # Errors
    /// What is missing or there twice, in words.
    pub fn of(header: &[String]) -> std::result::Result<Self, String> {
        let lower: Vec<String> = header.iter().map(|name| name.to_lowercase()).collect();
        let repeated = |(place, name): (usize, &String)| !name.is_empty() && lower[..place].contains(name);
        if let Some((_, name)) = lower.iter().enumerate().find(|&column| repeated(column)) {
            return Err(format!("the column {:?} occurs twice", excerpt(name)));
        }
        let find = |names: &[&str]| names.iter().find_map(|name| lower.iter().position(|column| column == name));
        let (item, dependency, weight, originality) =
            (find(&ITEM), find(&DEPENDENCY), find(&WEIGHT), find(&["originality"]));
        let (author, model) = (find(&AUTHOR), find(&["model"]));
        match (item, dependency, weight, originality) {
            (parent, Some(item), Some(weight), _) => {
                Ok(Self { item, parent: parent.or(find(&["parent"])), weight, is_originality: false, author, model })
            }
            (Some(item), None, Some(weight), _) => {
                Ok(Self { item, parent: find(&["parent"]), weight, is_originality: false, author, model })
            }
            (Some(item), None, None, Some(weight)) => {
                Ok(Self { item, parent: None, weight, is_originality: true, author, model })
            }
            _ => Err(format!(
                "found the columns {}; needed are repo[,parent],weight or dependency,repo,weight or repo,originality",
                excerpt(&header.join(","))
            )),
        }
    }
}

/// Why a file was turned away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Physical line, from 1, if one is at fault.
    pub line: Option<u64>,
    /// The column at fault.
    pub field: String,
    /// What stood there, shortened.
    pub value: String,
    /// What is wrong with it.
    pub reason: String,
}

/// The rows of many files, end to end.
#[derive(Debug, Clone, Default)]
pub struct Submissions {
    /// Distinct (parent, name) in every spelling found, sorted.
    pub spellings: Vec<(String, String)>,
    /// The rows of file f are `offsets[f]..offsets[f + 1]`; none for a file turned away.
    pub offsets: Vec<usize>,
    /// Index into `spellings` of each row.
    pub item: Vec<u32>,
    /// Weight of each row: finite and not negative.
    pub weight: Vec<f64>,
    /// Line of each row.
    pub line: Vec<u64>,
    /// Author named in each file.
    pub authors: Vec<Option<String>>,
    /// Why each file was turned away, if it was.
    pub refusals: Vec<Option<Refusal>>,
}

/// Parse one submission a file. The result depends neither on the number of threads nor, file by file, on the order of
/// `paths`. With a `folder` they are paths inside it, and no part of them may be a link; without, they are what the
/// caller vouches for.
///
/// # Errors
/// [`Error::Format`] if the folder cannot be opened, or all files together break a limit; [`Error::Interrupted`] on
/// request; [`Error::Domain`] if the threads cannot be started. Bad files are refusals.
pub fn read_submissions(
    folder: Option<&Path>,
    paths: &[PathBuf],
    limits: &ReadLimits,
    execution: &Execution,
) -> Result<Submissions> {
    let whole = |reason: String| {
        let path = folder.map_or_else(|| "submissions".into(), |path| path.display().to_string());
        Error::Format { path, line: None, reason }
    };
    if paths.len() as u64 > limits.files {
        return Err(whole(limits.files().broken("more", "files")));
    }
    let inside = folder.map(Folder::open).transpose().map_err(whole)?;
    let total = AtomicU64::new(0);
    let open = |path: &PathBuf| {
        let opened = inside.as_ref().map_or_else(|| open_regular(path), |folder| folder.open_regular(path));
        let sized = opened.and_then(|file| Ok((file.metadata().map_err(|error| error.to_string())?.len(), file)));
        let size = sized.as_ref().map_or(0, |(size, _)| if *size > limits.submission_bytes { 0 } else { *size });
        if total.fetch_add(size, Ordering::Relaxed).saturating_add(size) > limits.total_bytes {
            return Err(whole(limits.total_bytes().broken("all files together are larger", "bytes")));
        }
        Ok(sized.map(|(size, file)| (file, size)))
    };
    execution.install(|| Ok(merge(parse_each(paths, open, &limits.submission(), &execution.interrupt)?)))
}

/// What opening a source gives: its bytes and how many there are, or why there are none.
pub(crate) type Opened<R> = std::result::Result<(R, u64), String>;

/// Parse sources in parallel, in chunks that are merged later.
pub(crate) fn parse_each<S: Sync, R: Read>(
    sources: &[S],
    open: impl Fn(&S) -> Result<Opened<R>> + Sync,
    limits: &TableLimits,
    interrupt: &Interrupt,
) -> Result<Vec<Submissions>> {
    let parse = |chunk: &[S]| {
        let mut rows = Rows::new(limits);
        for source in chunk {
            interrupt.check()?;
            let outcome = match open(source)? {
                Err(reason) => Err(no_line("file", reason)),
                Ok((bytes, size)) => match parse_table(bytes, size, "", limits, interrupt) {
                    Err(Error::Format { line, reason, .. }) => Err(Refusal { line, ..no_line("file", reason) }),
                    Err(error) => return Err(error),
                    Ok(table) => rows.append(&table),
                },
            };
            rows.close(outcome);
        }
        Ok(rows.done)
    };
    sources.par_chunks(CHUNK).map(parse).collect()
}

fn no_line(field: &str, reason: String) -> Refusal {
    Refusal { line: None, field: field.into(), value: String::new(), reason }
}

/// Rows of files under construction.
struct Rows<'a> {
    limits: &'a TableLimits,
    done: Submissions,
    code_of: HashMap<String, u32>,
    /// How many spellings the files before the present one have.
    n_spellings: usize,
    key: String,
}

impl<'a> Rows<'a> {
    fn new(limits: &'a TableLimits) -> Self {
        Self { limits, done: Submissions::default(), code_of: HashMap::new(), n_spellings: 0, key: String::new() }
    }

    /// Append the rows of a table; its author, or why it is turned away.
    fn append(&mut self, table: &Table) -> std::result::Result<Option<String>, Refusal> {
        if table.header.is_empty() {
            return Err(no_line("file", "empty".into()));
        }
        let layout = Layout::of(&table.header).map_err(|reason| no_line("header", reason))?;
        if let Some(ragged) = table.ragged.first() {
            let s = if ragged.n_fields == 1 { "" } else { "s" };
            let reason = format!("{} field{s} in this row, {} in the header", ragged.n_fields, table.header.len());
            return Err(Refusal { line: Some(ragged.line), field: "row".into(), value: String::new(), reason });
        }
        if table.lines.is_empty() {
            return Err(no_line("file", "no rows below the header".into()));
        }
        for row in 0..table.lines.len() {
            self.append_row(table, &layout, row)?;
        }
        let Some(column) = layout.author else { return Ok(None) };
        let author = cell(&table.columns[column], 0);
        let refuse = |reason| Refusal {
            line: Some(table.lines[0]),
            field: table.header[column].clone(),
            value: excerpt(author),
            reason,
        };
        let kept = kept_name(author, self.limits.name_characters).map_err(refuse)?;
        Ok((!kept.is_empty()).then(|| kept.into_owned()))
    }

    fn append_row(&mut self, table: &Table, layout: &Layout, row: usize) -> std::result::Result<(), Refusal> {
        let refuse = |column: usize, reason: String| Refusal {
            line: Some(table.lines[row]),
            field: table.header[column].clone(),
            value: excerpt(cell(&table.columns[column], row)),
            reason,
        };
        let weight = weight_of(Number::parse(cell(&table.columns[layout.weight], row)), layout.is_originality)
            .map_err(|reason| refuse(layout.weight, reason))?;
        let item = cell(&table.columns[layout.item], row).trim();
        if item.is_empty() {
            return Err(refuse(layout.item, "no item is named".into()));
        }
        let parent_column = layout.parent.unwrap_or(layout.item);
        let parent = layout.parent.map_or("", |column| cell(&table.columns[column], row).trim());
        let (parent_column, rows): (_, &[(&str, &str, f64)]) = if layout.is_originality {
            (layout.item, &[(item, "own", weight), (item, "dependencies", 1.0 - weight)])
        } else {
            (parent_column, &[(parent, item, weight)])
        };
        for &(parent, name, weight) in rows {
            let code = self
                .code(parent, name)
                .map_err(|(is_parent, reason)| refuse(if is_parent { parent_column } else { layout.item }, reason))?;
            self.done.item.push(code);
            self.done.weight.push(weight);
            self.done.line.push(table.lines[row]);
        }
        Ok(())
    }

    /// The code of an item, or whether its parent's name is at fault and why.
    fn code(&mut self, parent: &str, name: &str) -> std::result::Result<u32, (bool, String)> {
        self.key.clear();
        self.key.extend([parent, "\0", name]); // no file with a NUL byte gets here
        if let Some(&code) = self.code_of.get(self.key.as_str()) {
            return Ok(code);
        }
        let limit = self.limits.name_characters;
        let kept = kept_name(name, limit).map_err(|reason| (false, reason))?.into_owned();
        let kept_parent = kept_name(parent, limit).map_err(|reason| (true, reason))?.into_owned();
        let code = self.done.spellings.len() as u32;
        self.code_of.insert(self.key.clone(), code);
        self.done.spellings.push((kept_parent, kept));
        Ok(code)
    }

    /// End a file; the rows of one that is turned away are taken back.
    fn close(&mut self, outcome: std::result::Result<Option<String>, Refusal>) {
        let done = &mut self.done;
        if outcome.is_err() {
            let start = done.offsets.last().copied().unwrap_or(0);
            done.item.truncate(start);
            done.weight.truncate(start);
            done.line.truncate(start);
            if done.spellings.len() > self.n_spellings {
                done.spellings.truncate(self.n_spellings);
                self.code_of.retain(|_, code| (*code as usize) < self.n_spellings);
            }
        }
        self.n_spellings = done.spellings.len();
        done.offsets.push(done.item.len());
        let (author, refusal) = outcome.map_or_else(|refusal| (None, Some(refusal)), |author| (author, None));
        done.authors.push(author);
        done.refusals.push(refusal);
    }
}

/// A cell as a weight, or what is wrong with it.
fn weight_of(number: Number, is_originality: bool) -> std::result::Result<f64, String> {
    match number {
        Number::Value(value) if value < 0.0 => Err("negative".into()),
        Number::Value(value) if is_originality && value > 1.0 => Err("an originality lies between 0 and 1".into()),
        Number::Value(value) => Ok(value),
        Number::Empty => Err("empty; a number is needed".into()),
        Number::Text => Err("not a number".into()),
        Number::NotFinite => Err("not finite".into()),
    }
}

fn cell(column: &Column, row: usize) -> &str {
    column.get(row).unwrap_or_default()
}

/// The beginning of a cell.
fn excerpt(text: &str) -> String {
    text.char_indices().nth(EXCERPT).map_or_else(|| text.to_owned(), |(end, _)| format!("{}...", &text[..end]))
}

/// Join chunks in order, with one sorted list of spellings.
pub(crate) fn merge(chunks: Vec<Submissions>) -> Submissions {
    let mut spellings: Vec<(String, String)> =
        chunks.iter().flat_map(|chunk| chunk.spellings.iter().cloned()).collect();
    spellings.par_sort_unstable();
    spellings.dedup();
    let mut all = Submissions { offsets: vec![0], ..Submissions::default() };
    for chunk in chunks {
        let code_of = |spelling| spellings.binary_search(spelling).unwrap_or_default() as u32;
        let codes: Vec<u32> = chunk.spellings.iter().map(code_of).collect();
        let start = all.item.len();
        all.offsets.extend(chunk.offsets.iter().map(|end| start + end));
        all.item.extend(chunk.item.iter().map(|&code| codes[code as usize]));
        all.weight.extend(chunk.weight);
        all.line.extend(chunk.line);
        all.authors.extend(chunk.authors);
        all.refusals.extend(chunk.refusals);
    }
    Submissions { spellings, ..all }
}
