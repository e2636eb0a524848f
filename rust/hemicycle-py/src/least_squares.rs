//! Bindings of the simplex least squares solver.

use hemicycle_core::least_squares::{
    Dense, Options, PairDifferences, Predictions, Solver, WeightedPairs, certify, solve,
};
use hemicycle_core::{Execution, Result};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;

use crate::arrays::{Logits, in_its_precision, slice1};
use crate::errors::BindingError;
use crate::interrupt::interruptible;

/// `hemicycle.solver_options.SolverOptions`, checked there.
#[derive(FromPyObject)]
pub struct SolverOptions<'py> {
    projected_gradient: bool,
    reference: Option<PyReadonlyArray1<'py, f64>>,
    vertex: bool,
    l2: f64,
    cost: Option<PyReadonlyArray1<'py, f64>>,
    tol: f64,
    start: PyReadonlyArray1<'py, i64>,
    n_threads: Option<usize>,
}

/// `hemicycle.SimplexSolution`, as the core finds it.
#[pyclass(frozen, get_all)]
pub struct LeastSquaresSolution {
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
}

/// Certified weights, and whether they are those that were given.
#[pyclass(frozen, get_all)]
pub struct CertifiedWeights {
    pub weights: Py<PyArray1<f64>>,
    pub objective: f64,
    pub gap: f64,
    pub relative_gap: f64,
    pub passes: usize,
    pub whole: bool,
}

/// Least squares over rows of a matrix; documented at `hemicycle.simplex_least_squares`.
#[pyfunction]
pub fn simplex_least_squares<'py>(
    py: Python<'py>,
    x: Logits<'py>,
    y: PyReadonlyArray1<'py, f64>,
    options: SolverOptions<'py>,
) -> std::result::Result<LeastSquaresSolution, BindingError> {
    let y = slice1(&y, "y")?;
    in_its_precision!(&x, x => {
        let (x, n_models, _) = x.rows("x")?;
        options.solve(py, |_| Dense::new(x, y, n_models))
    })
}

/// Least squares over labels of pairs of items; documented at `hemicycle.pair_least_squares`.
#[pyfunction]
pub fn pair_least_squares<'py>(
    py: Python<'py>,
    logits: Logits<'py>,
    a: PyReadonlyArray1<'py, u32>,
    b: PyReadonlyArray1<'py, u32>,
    weight: PyReadonlyArray1<'py, f64>,
    y: PyReadonlyArray1<'py, f64>,
    options: SolverOptions<'py>,
) -> std::result::Result<LeastSquaresSolution, BindingError> {
    let (a, b) = (slice1(&a, "a")?, slice1(&b, "b")?);
    let labels = WeightedPairs { a, b, weight: slice1(&weight, "weight")?, y: slice1(&y, "y")? };
    in_its_precision!(&logits, logits => {
        let (logits, n_models, n_items) = logits.rows("logits")?;
        options.solve(py, |execution| PairDifferences::new(logits, n_models, n_items, labels, execution))
    })
}

/// Certify weights over rows of a matrix, or some on the way to them; used by the tie-breaks of `hemicycle.simplex_least_squares`.
#[pyfunction]
pub fn certify_least_squares<'py>(
    py: Python<'py>,
    x: Logits<'py>,
    y: PyReadonlyArray1<'py, f64>,
    weights: PyReadonlyArray1<'py, f64>,
    optimum: PyReadonlyArray1<'py, f64>,
    options: SolverOptions<'py>,
) -> std::result::Result<CertifiedWeights, BindingError> {
    let y = slice1(&y, "y")?;
    let ends = (slice1(&weights, "weights")?, slice1(&optimum, "optimum")?);
    in_its_precision!(&x, x => {
        let (x, n_models, _) = x.rows("x")?;
        options.certify(py, ends, |_| Dense::new(x, y, n_models))
    })
}

/// Certify weights over labels of pairs of items, or some on the way to them; used by the tie-breaks of
/// `hemicycle.pair_least_squares`.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "the columns of the pairs, as in pair_least_squares")]
pub fn certify_pair_least_squares<'py>(
    py: Python<'py>,
    logits: Logits<'py>,
    a: PyReadonlyArray1<'py, u32>,
    b: PyReadonlyArray1<'py, u32>,
    weight: PyReadonlyArray1<'py, f64>,
    y: PyReadonlyArray1<'py, f64>,
    weights: PyReadonlyArray1<'py, f64>,
    optimum: PyReadonlyArray1<'py, f64>,
    options: SolverOptions<'py>,
) -> std::result::Result<CertifiedWeights, BindingError> {
    let (a, b) = (slice1(&a, "a")?, slice1(&b, "b")?);
    let ends = (slice1(&weights, "weights")?, slice1(&optimum, "optimum")?);
    let labels = WeightedPairs { a, b, weight: slice1(&weight, "weight")?, y: slice1(&y, "y")? };
    in_its_precision!(&logits, logits => {
        let (logits, n_models, n_items) = logits.rows("logits")?;
        options.certify(py, ends, |execution| PairDifferences::new(logits, n_models, n_items, labels, execution))
    })
}

impl SolverOptions<'_> {
    /// Certify without the GIL.
    fn certify<P: Predictions>(
        &self,
        py: Python<'_>,
        (weights, optimum): (&[f64], &[f64]),
        predictions: impl FnOnce(&Execution) -> Result<P> + Send,
    ) -> std::result::Result<CertifiedWeights, BindingError> {
        let cost = self.cost.as_ref().map(|array| slice1(array, "cost")).transpose()?;
        let options = Options { l2: self.l2, cost, tol: self.tol, ..Options::default() };
        let work = |execution: &Execution| certify(&predictions(execution)?, weights, optimum, &options, execution);
        let certified = interruptible(py, self.n_threads, work)?;
        Ok(CertifiedWeights {
            weights: certified.weights.into_pyarray(py).unbind(),
            objective: certified.objective,
            gap: certified.gap,
            relative_gap: certified.relative_gap,
            passes: certified.passes,
            whole: certified.whole,
        })
    }

    /// Solve without the GIL.
    fn solve<P: Predictions>(
        &self,
        py: Python<'_>,
        predictions: impl FnOnce(&Execution) -> Result<P> + Send,
    ) -> std::result::Result<LeastSquaresSolution, BindingError> {
        let reference = self.reference.as_ref().map(|array| slice1(array, "reference")).transpose()?;
        let cost = self.cost.as_ref().map(|array| slice1(array, "cost")).transpose()?;
        let start: Vec<usize> = slice1(&self.start, "start")?.iter().map(|&model| model as usize).collect();
        let solver = if self.projected_gradient { Solver::ProjectedGradient } else { Solver::WorkingSet };
        let (vertex, l2, tol) = (self.vertex, self.l2, self.tol);
        let options = Options { solver, reference, vertex, l2, cost, tol, start: &start };
        let work = |execution: &Execution| solve(&predictions(execution)?, &options, execution);
        let solution = interruptible(py, self.n_threads, work)?;
        Ok(LeastSquaresSolution {
            objective: solution.objective,
            gap: solution.gap,
            relative_gap: solution.relative_gap,
            passes: solution.passes,
            reason: solution.reason.to_string(),
            tie_broken: solution.reason.is_as_asked(),
            face: models(py, &solution.face).unbind(),
            face_dimension: solution.face_dimension,
            reduced_cost: solution.reduced_cost,
            vertex: models(py, &solution.vertex).unbind(),
            weights: solution.weights.into_pyarray(py).unbind(),
        })
    }
}

/// Positions of models, or of observations, as an array.
pub fn models<'py>(py: Python<'py>, models: &[usize]) -> Bound<'py, PyArray1<i64>> {
    models.iter().map(|&model| model as i64).collect::<Vec<_>>().into_pyarray(py)
}
