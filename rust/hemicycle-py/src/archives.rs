//! Submissions in an archive.

use std::path::PathBuf;

use hemicycle_core::archives::{Archive, read_archive as read};
use pyo3::prelude::*;

use crate::errors::BindingError;
use crate::interrupt::interruptible;
use crate::sources::LimitsArgument;
use crate::submissions::{RefusalTuple, SubmissionRows, refusal_tuple, submission_rows};

/// Paths of the members in parts, their rows, what was not read and why, how many members are ignored, and why the reading
/// ended early.
type ArchiveTuple = (Vec<Vec<String>>, SubmissionRows, Vec<(String, RefusalTuple)>, u64, Option<String>);

/// Parse the submissions of a zip, tar or gzipped tar archive.
#[pyfunction]
pub fn read_archive(
    py: Python<'_>,
    path: PathBuf,
    limits: LimitsArgument,
    n_threads: Option<usize>,
) -> Result<ArchiveTuple, BindingError> {
    let Archive { members, submissions, refused, n_ignored, ended } =
        interruptible(py, n_threads, |execution| read(&path, &limits.0, execution))?;
    let refused = refused.into_iter().map(|(path, refusal)| (path, refusal_tuple(refusal))).collect();
    Ok((members, submission_rows(py, submissions), refused, n_ignored, ended))
}
