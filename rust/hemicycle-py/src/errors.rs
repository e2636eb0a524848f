//! The only map from the core's [`Error`] to Python's exceptions. The match has no catch-all arm: a new variant does
//! not build until it has an exception.

use hemicycle_core::Error;
use numpy::ToPyArray;
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;

/// A failure of a binding: the core's error, or an exception that Python raised already.
pub enum BindingError {
    /// From the core.
    Core(Error),
    /// From Python.
    Python(PyErr),
}

impl From<Error> for BindingError {
    fn from(error: Error) -> Self {
        Self::Core(error)
    }
}

impl From<PyErr> for BindingError {
    fn from(error: PyErr) -> Self {
        Self::Python(error)
    }
}

impl From<BindingError> for PyErr {
    fn from(error: BindingError) -> Self {
        match error {
            BindingError::Python(error) => error,
            BindingError::Core(error) => Python::attach(|py| exception(py, &error).unwrap_or_else(|failure| failure)),
        }
    }
}

/// Build the exception that `hemicycle.errors` defines for this error.
fn exception(py: Python<'_>, error: &Error) -> PyResult<PyErr> {
    let class = match error {
        Error::Shape { .. } => "ShapeError",
        Error::Index { .. } => "IndexOutOfRangeError",
        Error::NonFinite { .. } => "NonFiniteError",
        Error::Domain { .. } => "DomainError",
        Error::NotConverged { .. } => "NotConvergedError",
        Error::Format { .. } => "FormatError",
        Error::NoData { .. } => "NoDataError",
        Error::Interrupted => return Ok(PyKeyboardInterrupt::new_err(())),
    };
    let class = py.import("hemicycle.errors")?.getattr(class)?;
    let value = match error {
        Error::NotConverged { passes, gap, weights, .. } => {
            class.call1((error.to_string(), weights.to_pyarray(py), *gap, *passes))?
        }
        _ => class.call1((error.to_string(),))?,
    };
    Ok(PyErr::from_value(value))
}
