//! Binding of [`hemicycle_core::simplex`].

use hemicycle_core::simplex;
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray2};
use pyo3::prelude::*;

use crate::arrays::slice2;
use crate::errors::BindingError;
use crate::interrupt::interruptible;

/// Projection of each row onto the simplex, row after row.
#[pyfunction]
pub fn project_simplex<'py>(
    py: Python<'py>,
    v: PyReadonlyArray2<'py, f64>,
) -> Result<Bound<'py, PyArray1<f64>>, BindingError> {
    let (values, _, length) = slice2(&v, "v")?;
    let projected = interruptible(py, None, |execution| simplex::project_simplex(values, length, execution))?;
    Ok(projected.into_pyarray(py))
}
