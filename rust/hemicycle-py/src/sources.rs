//! Text tables: a handle on the columns, so that only what is asked for becomes Python objects.

use std::path::PathBuf;

use hemicycle_core::read_limits::ReadLimits;
use hemicycle_core::sources::{Number, Table, read_table as read};
use numpy::{PyArray1, ToPyArray};
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;

use crate::errors::BindingError;
use crate::interrupt::interruptible;

/// The limits as `hemicycle.read_limits` holds them.
pub struct LimitsArgument(pub ReadLimits);

impl<'py> FromPyObject<'_, 'py> for LimitsArgument {
    type Error = PyErr;

    fn extract(limits: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let limit = |name| limits.getattr(name)?.extract();
        Ok(Self(ReadLimits {
            file_bytes: limit("file_bytes")?,
            submission_bytes: limit("submission_bytes")?,
            line_bytes: limit("line_bytes")?,
            rows: limit("rows")?,
            submission_rows: limit("submission_rows")?,
            columns: limit("columns")?,
            name_characters: limit("name_characters")?,
            files: limit("files")?,
            total_bytes: limit("total_bytes")?,
            ratio: limit("ratio")?,
        }))
    }
}

/// Values, nan where there is none, and what each cell is.
type NumbersTuple<'py> = (Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<u8>>);

/// A text table read from a file.
#[pyclass(frozen)]
pub struct TextTable(Table);

/// Number, empty, no number, not finite: as the stub explains.
const fn status(number: Number) -> (f64, u8) {
    match number {
        Number::Value(value) => (value, 0),
        Number::Empty => (f64::NAN, 1),
        Number::Text => (f64::NAN, 2),
        Number::NotFinite => (f64::NAN, 3),
    }
}

#[pymethods]
impl TextTable {
    #[new]
    fn new(header: Vec<String>, columns: Vec<Vec<String>>) -> Result<Self, BindingError> {
        Ok(Self(Table::from_columns(header, &columns)?))
    }

    #[getter]
    fn header(&self) -> Vec<String> {
        self.0.header.clone()
    }

    #[getter]
    fn lines<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<i64>> {
        self.0.lines.iter().map(|&line| line as i64).collect::<Vec<_>>().to_pyarray(py)
    }

    #[getter]
    fn ragged(&self) -> Vec<(u64, usize)> {
        self.0.ragged.iter().map(|ragged| (ragged.line, ragged.n_fields)).collect()
    }

    fn cell(&self, column: usize, row: usize) -> PyResult<&str> {
        let cell = self.0.columns.get(column).and_then(|column| column.get(row));
        cell.ok_or_else(|| PyIndexError::new_err(format!("no cell [{row}, {column}]")))
    }

    fn interned<'py>(&self, py: Python<'py>, column: usize) -> PyResult<(Bound<'py, PyArray1<u32>>, Vec<String>)> {
        let (codes, distinct) = self.column(column)?.interned();
        Ok((codes.to_pyarray(py), distinct))
    }

    fn numbers<'py>(&self, py: Python<'py>, column: usize) -> PyResult<NumbersTuple<'py>> {
        let (values, statuses): (Vec<f64>, Vec<u8>) = self.column(column)?.numbers().map(status).unzip();
        Ok((values.to_pyarray(py), statuses.to_pyarray(py)))
    }
}

impl TextTable {
    fn column(&self, column: usize) -> PyResult<&hemicycle_core::sources::Column> {
        self.0.columns.get(column).ok_or_else(|| PyIndexError::new_err(format!("no column {column}")))
    }
}

/// Read a csv file within limits.
#[pyfunction]
pub fn read_table(py: Python<'_>, path: PathBuf, limits: LimitsArgument) -> Result<TextTable, BindingError> {
    interruptible(py, None, |execution| read(&path, &limits.0, &execution.interrupt)).map(TextTable)
}
