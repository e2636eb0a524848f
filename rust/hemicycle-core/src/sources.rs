//! Text tables (csv) from people whom nobody has vetted: everything is bounded before it is read, and every complaint
//! names the file, the line and the limit.

use std::collections::HashMap;
use std::io::{Error as IoError, ErrorKind, Read};
use std::path::Path;

use csv::{ByteRecord, ReaderBuilder};

use crate::error::{Error, Result};
use crate::opening::open_regular;
use crate::parallel::Interrupt;
use crate::read_limits::{ReadLimits, TableLimits};

/// Bytes read before they are looked at.
const STEP: u64 = 1 << 16;

/// The cells of one column.
#[derive(Debug, Clone, Default)]
pub struct Column {
    text: String,
    ends: Vec<usize>,
}

/// What a cell holds when it is read as a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// A finite number.
    Value(f64),
    /// Nothing but space.
    Empty,
    /// No number at all.
    Text,
    /// NaN, an infinity, or more than a float64 holds.
    NotFinite,
}

impl Number {
    /// Read a cell: decimal notation with an optional exponent, surrounding space allowed, nothing else.
    ///
    /// ```
    /// use hemicycle_core::sources::Number;
    /// assert_eq!(Number::parse(" 1e-3 "), Number::Value(0.001));
    /// assert_eq!(Number::parse("0.02853076603930131C"), Number::Text);
    /// assert_eq!(Number::parse("1_000"), Number::Text);
    /// assert_eq!(Number::parse("-inf"), Number::NotFinite);
    /// ```
    #[must_use]
    pub fn parse(cell: &str) -> Self {
        let cell = cell.trim();
        match cell.parse::<f64>() {
            _ if cell.is_empty() => Self::Empty,
            Ok(value) if value.is_finite() => Self::Value(value + 0.0),
            Ok(_) => Self::NotFinite,
            Err(_) => Self::Text,
        }
    }
}

impl Column {
    fn push(&mut self, cell: &str) {
        self.text.push_str(cell);
        self.ends.push(self.text.len());
    }

    /// Number of cells.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are no cells.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The cell of a row as written; `None` past the end.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<&str> {
        let end = *self.ends.get(row)?;
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.text.get(start..end)
    }

    /// All cells in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).filter_map(|row| self.get(row))
    }

    /// Each cell as a number.
    pub fn numbers(&self) -> impl Iterator<Item = Number> {
        self.iter().map(Number::parse)
    }

    /// The distinct cells, space around them stripped, in order of first appearance, and which of them each row holds.
    #[must_use]
    pub fn interned(&self) -> (Vec<u32>, Vec<String>) {
        let mut code_of: HashMap<&str, u32> = HashMap::new();
        let mut distinct = Vec::new();
        let codes = self.iter().map(str::trim).map(|cell| {
            *code_of.entry(cell).or_insert_with(|| {
                distinct.push(cell.to_owned());
                (distinct.len() - 1) as u32
            })
        });
        (codes.collect(), distinct)
    }
}

/// A record whose number of fields differs from the header's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ragged {
    /// Physical line on which it starts, from 1.
    pub line: u64,
    /// How many fields it has.
    pub n_fields: usize,
}

/// A text table: a header and columns of cells. Records of nothing but space are left out, as empty lines are.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// Names of the columns, space around them stripped; empty if the file holds nothing.
    pub header: Vec<String>,
    /// One column a name.
    pub columns: Vec<Column>,
    /// Physical line on which each record starts, from 1.
    pub lines: Vec<u64>,
    /// Records that do not fit the header; they are in no column.
    pub ragged: Vec<Ragged>,
}

/// Read a csv file: comma separated, quoted fields may span lines, LF or CRLF, with or without a byte order mark.
///
/// # Errors
/// [`Error::Format`] if the path is not a readable regular file, the file breaks a limit, holds a NUL byte or is not
/// UTF-8; [`Error::Interrupted`] on request.
pub fn read_table(path: &Path, limits: &ReadLimits, interrupt: &Interrupt) -> Result<Table> {
    let label = path.display().to_string();
    let refuse = |reason: String| Error::Format { path: label.clone(), line: None, reason };
    let file = open_regular(path).map_err(refuse)?;
    let size = file.metadata().map_err(|error| refuse(error.to_string()))?.len();
    parse_table(file, size, &label, &limits.table(), interrupt)
}

/// Read a table from anything that gives bytes, `size` of them as it says.
///
/// # Errors
/// As of [`read_table`], with `label` in place of the path.
pub fn parse_table(
    source: impl Read,
    size: u64,
    label: &str,
    limits: &TableLimits,
    interrupt: &Interrupt,
) -> Result<Table> {
    let refuse = |line: Option<u64>, reason: String| Error::Format { path: label.to_owned(), line, reason };
    let text = read_text(source, size, label, limits)?;
    let bytes = text.as_bytes();
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
    let (mut record, mut table, mut lines) = (ByteRecord::new(), Table::default(), LineCounter::new(bytes));
    while reader.read_byte_record(&mut record).map_err(|error| refuse(None, error.to_string()))? {
        let line = lines.at(record.position().map_or(0, csv::Position::byte) as usize);
        if table.lines.len() % 65_536 == 0 {
            interrupt.check()?;
        }
        if record.iter().all(|field| field.trim_ascii().is_empty()) {
            continue;
        }
        if table.header.is_empty() {
            if record.len() as u64 > limits.columns.value {
                return Err(refuse(Some(line), limits.columns.broken(&format!("{}, more", record.len()), "columns")));
            }
            table.header = record.iter().map(|field| String::from_utf8_lossy(field).trim().to_owned()).collect();
            table.columns = vec![Column::default(); table.header.len()];
            continue;
        }
        if (table.lines.len() + table.ragged.len()) as u64 >= limits.rows.value {
            return Err(refuse(Some(line), limits.rows.broken("more", "rows")));
        }
        table.push(&record, line);
    }
    Ok(table)
}

impl Table {
    /// A table of cells that come from elsewhere; row r counts as line r.
    ///
    /// # Errors
    /// [`Error::Shape`] if there is not one column a name, or the columns differ in length.
    pub fn from_columns(header: Vec<String>, columns: &[Vec<String>]) -> Result<Self> {
        let n_rows = columns.first().map_or(0, Vec::len);
        let odd = columns.iter().find(|column| column.len() != n_rows).map(Vec::len);
        if header.len() != columns.len() || odd.is_some() {
            let got = format!("{} columns, one of {} rows", columns.len(), odd.unwrap_or(n_rows));
            return Err(Error::Shape { what: "columns", expected: format!("{} of {n_rows} rows", header.len()), got });
        }
        let mut table = Self { header, lines: (0..n_rows as u64).collect(), ..Self::default() };
        for cells in columns {
            let mut column = Column::default();
            cells.iter().for_each(|cell| column.push(cell));
            table.columns.push(column);
        }
        Ok(table)
    }

    fn push(&mut self, record: &ByteRecord, line: u64) {
        if record.len() != self.header.len() {
            self.ragged.push(Ragged { line, n_fields: record.len() });
            return;
        }
        for (column, field) in self.columns.iter_mut().zip(record) {
            column.push(&String::from_utf8_lossy(field));
        }
        self.lines.push(line);
    }
}

/// The line of ever later places in a text.
struct LineCounter<'a> {
    bytes: &'a [u8],
    seen: usize,
    line: u64,
}

impl<'a> LineCounter<'a> {
    const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, seen: 0, line: 1 }
    }

    /// The line of the first byte at or after `start` that ends no line.
    fn at(&mut self, start: usize) -> u64 {
        while let Some(&byte) = self.bytes.get(self.seen) {
            let ends_line = byte == b'\n' || (byte == b'\r' && self.bytes.get(self.seen + 1) != Some(&b'\n'));
            if self.seen >= start && byte != b'\n' && byte != b'\r' {
                break;
            }
            self.line += u64::from(ends_line);
            self.seen += 1;
        }
        self.line
    }
}

/// The text of a source without its byte order mark, read only as far as the limits allow.
fn read_text(mut source: impl Read, size: u64, label: &str, limits: &TableLimits) -> Result<String> {
    let refuse = |line: Option<u64>, reason: String| Error::Format { path: label.to_owned(), line, reason };
    let too_large = || refuse(None, limits.bytes.broken("larger", "bytes"));
    if size > limits.bytes.value {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(size.min(limits.bytes.value) as usize + 1);
    let (mut line, mut line_start) = (1, 0);
    loop {
        let start = bytes.len();
        let n_read = source.by_ref().take(STEP).read_to_end(&mut bytes);
        if n_read.map_err(|error| refuse(None, unreadable(&error)))? == 0 {
            break;
        }
        for (offset, &byte) in bytes[start..].iter().enumerate() {
            let position = start + offset;
            match byte {
                b'\n' => (line, line_start) = (line + 1, position + 1),
                0 => return Err(refuse(Some(line), "holds a NUL byte; save the file as UTF-8 text".into())),
                _ if (position - line_start) as u64 >= limits.line_bytes.value => {
                    return Err(refuse(Some(line), limits.line_bytes.broken("longer", "bytes")));
                }
                _ => {}
            }
        }
        if bytes.len() as u64 > limits.bytes.value {
            return Err(too_large());
        }
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3);
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + valid.iter().filter(|&&byte| byte == b'\n').count() as u64;
        refuse(Some(line), "not UTF-8; save the file as UTF-8 text".into())
    })
}

/// Why bytes do not come.
fn unreadable(error: &IoError) -> String {
    match error.kind() {
        ErrorKind::UnexpectedEof => "ends before all of it is there".into(),
        _ => error.to_string(),
    }
}
