//! Submissions read in parallel.

use std::path::PathBuf;

use hemicycle_core::Error;
use hemicycle_core::submissions::{Layout, Refusal, Submissions, read_submissions as read};
use numpy::{PyArray1, ToPyArray};
use pyo3::prelude::*;

use crate::errors::BindingError;
use crate::interrupt::interruptible;
use crate::sources::LimitsArgument;

/// Line, field, value and reason.
pub type RefusalTuple = (Option<u64>, String, String, String);

/// Columns of item, parent, weight, author and model, and whether the weight is an originality.
type LayoutTuple = (usize, Option<usize>, usize, Option<usize>, Option<usize>, bool);

/// The rows of many files, end to end, and which files were turned away.
#[pyclass(frozen, get_all)]
pub struct SubmissionRows {
    spellings: Vec<(String, String)>,
    offsets: Py<PyArray1<i64>>,
    item: Py<PyArray1<i64>>,
    weight: Py<PyArray1<f64>>,
    line: Py<PyArray1<i64>>,
    authors: Vec<Option<String>>,
    refusals: Vec<Option<RefusalTuple>>,
}

pub fn refusal_tuple(refusal: Refusal) -> RefusalTuple {
    (refusal.line, refusal.field, refusal.value, refusal.reason)
}

fn signed<T: Copy + TryInto<i64>>(py: Python<'_>, values: &[T]) -> Py<PyArray1<i64>> {
    values.iter().map(|&value| value.try_into().unwrap_or(i64::MAX)).collect::<Vec<_>>().to_pyarray(py).unbind()
}

/// The rows as arrays.
pub fn submission_rows(py: Python<'_>, read: Submissions) -> SubmissionRows {
    SubmissionRows {
        spellings: read.spellings,
        offsets: signed(py, &read.offsets),
        item: signed(py, &read.item),
        weight: read.weight.to_pyarray(py).unbind(),
        line: signed(py, &read.line),
        authors: read.authors,
        refusals: read.refusals.into_iter().map(|refusal| refusal.map(refusal_tuple)).collect(),
    }
}

/// Parse one submission a file, of paths inside a folder or of paths that the caller vouches for.
#[pyfunction]
pub fn read_submissions(
    py: Python<'_>,
    folder: Option<PathBuf>,
    paths: Vec<PathBuf>,
    limits: LimitsArgument,
    n_threads: Option<usize>,
) -> Result<SubmissionRows, BindingError> {
    let read = interruptible(py, n_threads, |execution| read(folder.as_deref(), &paths, &limits.0, execution))?;
    Ok(submission_rows(py, read))
}

/// Item, parent, weight, author and model columns of a table of submissions, and whether the weight is an originality.
#[pyfunction]
pub fn submission_layout(file: String, header: Vec<String>) -> Result<LayoutTuple, BindingError> {
    let layout = Layout::of(&header).map_err(|reason| Error::Format { path: file, line: None, reason })?;
    Ok((layout.item, layout.parent, layout.weight, layout.author, layout.model, layout.is_originality))
}
