//! Binding of [`hemicycle_core::pairs`]. The columns are documented in `hemicycle.pairs`.

use hemicycle_core::pairs::{Grouped, Judged, group_pairs as group};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;

use crate::arrays::slice1;
use crate::errors::BindingError;
use crate::interrupt::interruptible;

type Column<'py, T> = Bound<'py, PyArray1<T>>;

/// The columns of `hemicycle.pairs.Pairs`, in their order.
type Columns<'py> =
    (Column<'py, u32>, Column<'py, u32>, Column<'py, i64>, Column<'py, f64>, Column<'py, f64>, Column<'py, i64>, usize);

/// Judgments grouped by unordered pair, on one thread.
#[pyfunction]
pub fn group_pairs<'py>(
    py: Python<'py>,
    a: PyReadonlyArray1<'py, i64>,
    b: PyReadonlyArray1<'py, i64>,
    log_ratio: PyReadonlyArray1<'py, f64>,
    weight: PyReadonlyArray1<'py, f64>,
) -> Result<Columns<'py>, BindingError> {
    let judged = Judged {
        a: slice1(&a, "a")?,
        b: slice1(&b, "b")?,
        log_ratio: slice1(&log_ratio, "log_ratio")?,
        weight: slice1(&weight, "weight")?,
    };
    let Grouped { a, b, offsets, log_ratio, weight, row, n_zero_weight } =
        interruptible(py, Some(1), |execution| group(&judged, &execution.interrupt))?;
    Ok((
        a.into_pyarray(py),
        b.into_pyarray(py),
        offsets.into_pyarray(py),
        log_ratio.into_pyarray(py),
        weight.into_pyarray(py),
        row.into_pyarray(py),
        n_zero_weight,
    ))
}
