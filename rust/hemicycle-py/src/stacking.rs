//! Binding of [`hemicycle_core::stacking`].

use hemicycle_core::stacking;
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;

use crate::arrays::{slice1, slice2};
use crate::errors::BindingError;
use crate::interrupt::interruptible;

/// Weights, objective, gap, passes and the observations dropped.
type Stacked<'py> = (Bound<'py, PyArray1<f64>>, f64, f64, usize, Vec<usize>);

/// Log-score stacking weights with their certificate.
#[pyfunction]
pub fn stacking_weights<'py>(
    py: Python<'py>,
    log_density: PyReadonlyArray2<'py, f64>,
    observation_weights: PyReadonlyArray1<'py, f64>,
    tol: f64,
    n_threads: Option<usize>,
) -> Result<Stacked<'py>, BindingError> {
    let (log_density, n_models, _) = slice2(&log_density, "log_density")?;
    let observation_weights = slice1(&observation_weights, "observation_weights")?;
    let stacking = interruptible(py, n_threads, |execution| {
        stacking::stacking_weights(log_density, n_models, observation_weights, tol, execution)
    })?;
    Ok((stacking.weights.into_pyarray(py), stacking.objective, stacking.gap, stacking.passes, stacking.dropped))
}
