//! Binding of [`hemicycle_core::averaging`].

use hemicycle_core::averaging;
use hemicycle_core::bootstrap::{self, Models};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;

use crate::arrays::{slice1, slice2};
use crate::errors::BindingError;
use crate::interrupt::interruptible;
use crate::likelihood::{Output, instruction_set};

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

/// Add the weights of some replicates of the Bayesian bootstrap to `total`.
#[pyfunction]
#[pyo3(signature = (log_likelihood, models, top, log2_prior, alpha, scores, total, n_threads=None, instructions=None))]
#[expect(clippy::too_many_arguments, reason = "the models, the replicates, memory to work in and the options")]
pub fn add_replicates<'py>(
    py: Python<'py>,
    log_likelihood: PyReadonlyArray2<'py, f64>,
    models: PyReadonlyArray1<'py, usize>,
    top: PyReadonlyArray1<'py, f64>,
    log2_prior: PyReadonlyArray1<'py, f64>,
    alpha: PyReadonlyArray2<'py, f64>,
    mut scores: Output<'py>,
    mut total: Output<'py>,
    n_threads: Option<usize>,
    instructions: Option<&str>,
) -> Result<(), BindingError> {
    let (log_likelihood, _, _) = slice2(&log_likelihood, "log_likelihood")?;
    let (alpha, n_replicates, _) = slice2(&alpha, "alpha")?;
    let (models, top) = (slice1(&models, "models")?, slice1(&top, "top")?);
    let models = Models { log_likelihood, models, top, log2_prior: slice1(&log2_prior, "log2_prior")? };
    let (set, total) = (instruction_set(instructions)?, total.borrow("total")?);
    let scores = scores.borrow("scores")?;
    let needed = bootstrap::n_scores(total.len(), n_replicates).min(scores.len());
    interruptible(py, n_threads, |e| bootstrap::add_replicates(&models, alpha, set, e, &mut scores[..needed], total))
}

/// Numbers that `add_replicates` needs as `scores`.
#[pyfunction]
pub fn n_scores(n_models: usize, n_replicates: usize) -> usize {
    bootstrap::n_scores(n_models, n_replicates)
}
