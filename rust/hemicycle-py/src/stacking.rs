//! Bindings of [`hemicycle_core::stacking`].

use hemicycle_core::likelihood::{Likelihood, Scoring, Terms};
use hemicycle_core::stacking::{self, Certified, Ends, LogDensities, Matrix, Stacking};
use hemicycle_core::{Execution, Result};
use numpy::{IntoPyArray, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;

use crate::arrays::{Logits, in_its_precision, slice1, slice2};
use crate::errors::BindingError;
use crate::interrupt::interruptible;
use crate::least_squares::{CertifiedWeights, models};
use crate::likelihood::PairColumns;

/// `hemicycle.stacking.StackingOptions`, checked there.
#[derive(FromPyObject)]
pub struct StackingOptions<'py> {
    observation_weights: PyReadonlyArray1<'py, f64>,
    reference: Option<PyReadonlyArray1<'py, f64>>,
    tol: f64,
    start: PyReadonlyArray1<'py, i64>,
    start_weights: PyReadonlyArray1<'py, f64>,
    n_threads: Option<usize>,
}

/// Stacking over a matrix of log densities; documented at `hemicycle.stacking_weights`.
#[pyfunction]
pub fn stacking_weights<'py>(
    py: Python<'py>,
    log_density: PyReadonlyArray2<'py, f64>,
    options: StackingOptions<'py>,
) -> std::result::Result<Bound<'py, PyAny>, BindingError> {
    let (log_density, n_models, n_observations) = slice2(&log_density, "log_density")?;
    options.solve(py, |_| Matrix::new(log_density, n_models, n_observations))
}

/// Certify weights, or some on the way to them; used by the tie-breaks of `hemicycle.stacking_weights`.
#[pyfunction]
pub fn certify_stacking<'py>(
    py: Python<'py>,
    log_density: PyReadonlyArray2<'py, f64>,
    weights: PyReadonlyArray1<'py, f64>,
    optimum: PyReadonlyArray1<'py, f64>,
    options: StackingOptions<'py>,
) -> std::result::Result<CertifiedWeights, BindingError> {
    let (log_density, n_models, n_observations) = slice2(&log_density, "log_density")?;
    let observation_weights = slice1(&options.observation_weights, "observation_weights")?;
    let (weights, optimum) = (slice1(&weights, "weights")?, slice1(&optimum, "optimum")?);
    let work = |execution: &Execution| {
        let matrix = Matrix::new(log_density, n_models, n_observations)?;
        stacking::certify(&matrix, observation_weights, weights, optimum, options.tol, execution)
    };
    let Certified { weights, objective, gap, passes, whole } = interruptible(py, options.n_threads, work)?;
    let weights = weights.into_pyarray(py).unbind();
    Ok(CertifiedWeights { weights, objective, gap, relative_gap: gap, passes, whole })
}

/// Stacking over the labels or the pairs of a jury, their log densities made as they are needed; documented at
/// `hemicycle.label_stacking`.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "each is an argument of the documented function")]
pub fn pool_stacking<'py>(
    py: Python<'py>,
    logits: Logits<'py>,
    pairs: PairColumns<'py>,
    n_items: usize,
    sigma: f64,
    rtol: f64,
    by_pair: bool,
    options: StackingOptions<'py>,
) -> std::result::Result<Bound<'py, PyAny>, BindingError> {
    let ones = vec![1.0; pairs.len()];
    let pairs = pairs.borrow(n_items, &ones)?;
    let scoring = Scoring { likelihood: Likelihood::SumGaussian, sigma, rtol };
    in_its_precision!(&logits, logits => {
        let pool = logits.pool()?;
        options.solve(py, |execution| match by_pair {
            true => Terms::by_pair(pool, &pairs, scoring, execution),
            false => Terms::by_label(pool, &pairs, sigma, execution),
        })
    })
}

impl StackingOptions<'_> {
    /// Solve, without the GIL, and return the fields of `hemicycle.SimplexSolution` in their order, with the observations
    /// dropped behind them.
    fn solve<'py, S: LogDensities>(
        &self,
        py: Python<'py>,
        source: impl FnOnce(&Execution) -> Result<S> + Send,
    ) -> std::result::Result<Bound<'py, PyAny>, BindingError> {
        let observation_weights = slice1(&self.observation_weights, "observation_weights")?;
        let reference = self.reference.as_ref().map(|array| slice1(array, "reference")).transpose()?;
        let (start, weights) = (slice1(&self.start, "start")?, slice1(&self.start_weights, "start_weights")?);
        let start: Vec<(usize, f64)> = start.iter().zip(weights).map(|(&d, &weight)| (d as usize, weight)).collect();
        let ends = Ends { tol: self.tol, reference, start: &start };
        let work = |execution: &Execution| {
            stacking::stacking_weights(&source(execution)?, observation_weights, &ends, execution)
        };
        let Stacking {
            weights,
            objective,
            gap,
            passes,
            reason,
            tie_broken,
            face,
            face_dimension,
            reduced_cost,
            vertex,
            dropped,
        } = interruptible(py, self.n_threads, work)?;
        let weights = weights.into_pyarray(py);
        let (face, vertex, dropped) = (models(py, &face), models(py, &vertex), models(py, &dropped));
        let fields = (
            weights,
            objective,
            gap,
            gap,
            passes,
            reason,
            face,
            face_dimension,
            reduced_cost,
            vertex,
            tie_broken,
            dropped,
        );
        Ok(fields.into_pyobject(py)?.into_any())
    }
}
