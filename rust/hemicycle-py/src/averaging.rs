//! Binding of [`hemicycle_core::averaging`].

use hemicycle_core::averaging;
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;

use crate::arrays::slice1;
use crate::errors::BindingError;

/// Weights proportional to prior x likelihood^power.
#[pyfunction]
pub fn bma_weights<'py>(
    py: Python<'py>,
    log_likelihood: PyReadonlyArray1<'py, f64>,
    prior: Option<PyReadonlyArray1<'py, f64>>,
    power: f64,
) -> Result<Bound<'py, PyArray1<f64>>, BindingError> {
    let log_likelihood = slice1(&log_likelihood, "log_likelihood")?;
    let prior = prior.as_ref().map(|prior| slice1(prior, "prior")).transpose()?;
    let weights = py.detach(|| averaging::bma_weights(log_likelihood, prior, power))?;
    Ok(weights.into_pyarray(py))
}

/// Exponential of the entropy, and 1 / sum w^2.
#[pyfunction]
pub fn effective_models(weights: PyReadonlyArray1<'_, f64>) -> Result<(f64, f64), BindingError> {
    Ok(averaging::effective_models(slice1(&weights, "weights")?))
}
