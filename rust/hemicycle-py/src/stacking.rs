//! Bindings of [`hemicycle_core::stacking`].

use hemicycle_core::likelihood::{Likelihood, Scoring, Terms};
use hemicycle_core::pool::Logit;
use hemicycle_core::stacking::{self, Certified, Ends, LogDensities, Matrix};
use hemicycle_core::{Execution, Pairs, Pool, Result};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;

use crate::arrays::{Logits, in_its_precision, slice1, slice2};
use crate::errors::BindingError;
use crate::interrupt::interruptible;
use crate::least_squares::{CertifiedWeights, models};
use crate::likelihood::PairColumns;

/// `hemicycle.stacking_options.StackingOptions`, checked there.
#[derive(FromPyObject)]
pub struct StackingOptions<'py> {
    observation_weights: PyReadonlyArray1<'py, f64>,
    reference: Option<PyReadonlyArray1<'py, f64>>,
    vertex: bool,
    tol: f64,
    start: PyReadonlyArray1<'py, i64>,
    start_weights: PyReadonlyArray1<'py, f64>,
    n_threads: Option<usize>,
}

/// `hemicycle.stacking.JuryDensities`: log densities that are made as they are needed.
pub struct JuryDensities<'py> {
    logits: Logits<'py>,
    pairs: PairColumns<'py>,
    n_items: usize,
    sigma: f64,
    rtol: f64,
    by_pair: bool,
}

/// Not derived: NumPy runs Python code to make the logits, and where Ctrl-C interrupts that, a derived extraction would
/// raise `TypeError` in its place.
impl<'py> FromPyObject<'_, 'py> for JuryDensities<'py> {
    type Error = PyErr;

    fn extract(densities: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Ok(Self {
            logits: densities.getattr("logits")?.extract()?,
            pairs: densities.getattr("pairs")?.extract()?,
            n_items: densities.getattr("n_items")?.extract()?,
            sigma: densities.getattr("sigma")?.extract()?,
            rtol: densities.getattr("rtol")?.extract()?,
            by_pair: densities.getattr("by_pair")?.extract()?,
        })
    }
}

/// `hemicycle.SimplexSolution`, as the core finds it, and what it knows of the observations.
#[pyclass(frozen, get_all)]
pub struct StackingSolution {
    weights: Py<PyArray1<f64>>,
    objective: f64,
    gap: f64,
    relative_gap: f64,
    passes: usize,
    reason: String,
    tie_broken: bool,
    face: Py<PyArray1<i64>>,
    face_dimension: usize,
    reduced_cost: f64,
    vertex: Py<PyArray1<i64>>,
    dropped: Py<PyArray1<i64>>,
    share: Py<PyArray1<f64>>,
    highest: Py<PyArray1<f64>>,
}

/// Stacking over a matrix of log densities; documented at `hemicycle.stacking_weights`.
#[pyfunction]
pub fn stacking_weights<'py>(
    py: Python<'py>,
    log_density: PyReadonlyArray2<'py, f64>,
    options: StackingOptions<'py>,
) -> std::result::Result<StackingSolution, BindingError> {
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
    let ends = (slice1(&weights, "weights")?, slice1(&optimum, "optimum")?);
    options.certify(py, ends, |_| Matrix::new(log_density, n_models, n_observations))
}

/// Stacking over the labels or the pairs of a jury; documented at `hemicycle.stacking.pool_stacking`.
#[pyfunction]
pub fn pool_stacking<'py>(
    py: Python<'py>,
    densities: JuryDensities<'py>,
    options: StackingOptions<'py>,
) -> std::result::Result<StackingSolution, BindingError> {
    let ones = vec![1.0; densities.pairs.len()];
    let (pairs, making) = (densities.pairs.borrow(densities.n_items, &ones)?, densities.making());
    in_its_precision!(&densities.logits, logits => {
        let pool = logits.pool()?;
        options.solve(py, |execution| making.terms(pool, &pairs, execution))
    })
}

/// Certify weights, or some on the way to them; used by the tie-breaks of `hemicycle.stacking.pool_stacking`.
#[pyfunction]
pub fn certify_pool_stacking<'py>(
    py: Python<'py>,
    densities: JuryDensities<'py>,
    weights: PyReadonlyArray1<'py, f64>,
    optimum: PyReadonlyArray1<'py, f64>,
    options: StackingOptions<'py>,
) -> std::result::Result<CertifiedWeights, BindingError> {
    let ends = (slice1(&weights, "weights")?, slice1(&optimum, "optimum")?);
    let ones = vec![1.0; densities.pairs.len()];
    let (pairs, making) = (densities.pairs.borrow(densities.n_items, &ones)?, densities.making());
    in_its_precision!(&densities.logits, logits => {
        let pool = logits.pool()?;
        options.certify(py, ends, |execution| making.terms(pool, &pairs, execution))
    })
}

/// The largest log density of every observation, and the model that has it.
type Best<'py> = (Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<i64>>);

/// The largest log density of every observation and the first model that has it; used where a pool is in parts.
#[pyfunction]
#[pyo3(signature = (densities, n_threads=None))]
pub fn best_densities<'py>(
    py: Python<'py>,
    densities: JuryDensities<'py>,
    n_threads: Option<usize>,
) -> std::result::Result<Best<'py>, BindingError> {
    let ones = vec![1.0; densities.pairs.len()];
    let (pairs, making) = (densities.pairs.borrow(densities.n_items, &ones)?, densities.making());
    in_its_precision!(&densities.logits, logits => {
        let pool = logits.pool()?;
        let work = |execution: &Execution| stacking::best_densities(&making.terms(pool, &pairs, execution)?, execution);
        let (largest, best) = interruptible(py, n_threads, work)?;
        Ok((largest.into_pyarray(py), models(py, &best)))
    })
}

/// The price of every model, `sum_n exp(l_dn - shift_n) ratio_n`, or that of its squares; used where a pool is in parts.
#[pyfunction]
#[pyo3(signature = (densities, shift, ratio, squared=false, n_threads=None))]
pub fn density_prices<'py>(
    py: Python<'py>,
    densities: JuryDensities<'py>,
    shift: PyReadonlyArray1<'py, f64>,
    ratio: PyReadonlyArray1<'py, f64>,
    squared: bool,
    n_threads: Option<usize>,
) -> std::result::Result<Bound<'py, PyArray1<f64>>, BindingError> {
    let ones = vec![1.0; densities.pairs.len()];
    let (pairs, making) = (densities.pairs.borrow(densities.n_items, &ones)?, densities.making());
    let (shift, ratio) = (slice1(&shift, "shift")?, slice1(&ratio, "ratio")?);
    in_its_precision!(&densities.logits, logits => {
        let pool = logits.pool()?;
        let prices = interruptible(py, n_threads, |execution| {
            stacking::prices(&making.terms(pool, &pairs, execution)?, shift, ratio, squared, execution)
        })?;
        Ok(prices.into_pyarray(py))
    })
}

/// How densities are made.
#[derive(Clone, Copy)]
struct Making {
    scoring: Scoring,
    by_pair: bool,
}

impl JuryDensities<'_> {
    fn making(&self) -> Making {
        let scoring = Scoring { likelihood: Likelihood::SumGaussian, sigma: self.sigma, rtol: self.rtol };
        Making { scoring, by_pair: self.by_pair }
    }
}

impl Making {
    /// The densities as the core makes them.
    fn terms<'a, T: Logit>(self, pool: Pool<'a, T>, pairs: &Pairs<'_>, execution: &Execution) -> Result<Terms<'a, T>> {
        match self.by_pair {
            true => Terms::by_pair(pool, pairs, self.scoring, execution),
            false => Terms::by_label(pool, pairs, self.scoring.sigma, execution),
        }
    }
}

impl StackingOptions<'_> {
    /// Solve without the GIL.
    fn solve<S: LogDensities>(
        &self,
        py: Python<'_>,
        source: impl FnOnce(&Execution) -> Result<S> + Send,
    ) -> std::result::Result<StackingSolution, BindingError> {
        let observation_weights = slice1(&self.observation_weights, "observation_weights")?;
        let reference = self.reference.as_ref().map(|array| slice1(array, "reference")).transpose()?;
        let (start, weights) = (slice1(&self.start, "start")?, slice1(&self.start_weights, "start_weights")?);
        let start: Vec<(usize, f64)> = start.iter().zip(weights).map(|(&d, &weight)| (d as usize, weight)).collect();
        let ends = Ends { tol: self.tol, reference, vertex: self.vertex, start: &start };
        let work = |execution: &Execution| {
            stacking::stacking_weights(&source(execution)?, observation_weights, &ends, execution)
        };
        let stacking = interruptible(py, self.n_threads, work)?;
        Ok(StackingSolution {
            objective: stacking.objective,
            gap: stacking.gap,
            relative_gap: stacking.gap,
            passes: stacking.passes,
            reason: stacking.reason.to_string(),
            tie_broken: stacking.reason.is_as_asked(),
            face: models(py, &stacking.face).unbind(),
            face_dimension: stacking.face_dimension,
            reduced_cost: stacking.reduced_cost,
            vertex: models(py, &stacking.vertex).unbind(),
            dropped: models(py, &stacking.dropped).unbind(),
            weights: stacking.weights.into_pyarray(py).unbind(),
            share: stacking.share.into_pyarray(py).unbind(),
            highest: stacking.highest.into_pyarray(py).unbind(),
        })
    }

    /// Certify without the GIL.
    fn certify<S: LogDensities>(
        &self,
        py: Python<'_>,
        (weights, optimum): (&[f64], &[f64]),
        source: impl FnOnce(&Execution) -> Result<S> + Send,
    ) -> std::result::Result<CertifiedWeights, BindingError> {
        let observation_weights = slice1(&self.observation_weights, "observation_weights")?;
        let tol = self.tol;
        let work = |execution: &Execution| {
            stacking::certify(&source(execution)?, observation_weights, weights, optimum, tol, execution)
        };
        let Certified { weights, objective, gap, passes, whole } = interruptible(py, self.n_threads, work)?;
        let weights = weights.into_pyarray(py).unbind();
        Ok(CertifiedWeights { weights, objective, gap, relative_gap: gap, passes, whole })
    }
}
