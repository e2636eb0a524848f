//! Bindings of the simplex least squares solver.

use hemicycle_core::least_squares::{
    Certified, Dense, Options, PairDifferences, Predictions, Solution, Solver, WeightedPairs, certify, solve,
};
use hemicycle_core::{Execution, Result};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;

use crate::arrays::{Logits, in_its_precision, slice1};
use crate::errors::BindingError;
use crate::interrupt::interruptible;

/// `hemicycle.least_squares.SolverOptions`, checked there.
#[derive(FromPyObject)]
pub struct SolverOptions<'py> {
    projected_gradient: bool,
    reference: Option<PyReadonlyArray1<'py, f64>>,
    l2: f64,
    cost: Option<PyReadonlyArray1<'py, f64>>,
    tol: f64,
    start: PyReadonlyArray1<'py, i64>,
    n_threads: Option<usize>,
}

/// Least squares over rows of a matrix; documented at `hemicycle.simplex_least_squares`.
#[pyfunction]
pub fn simplex_least_squares<'py>(
    py: Python<'py>,
    x: Logits<'py>,
    y: PyReadonlyArray1<'py, f64>,
    options: SolverOptions<'py>,
) -> std::result::Result<Bound<'py, PyAny>, BindingError> {
    let y = slice1(&y, "y")?;
    in_its_precision!(&x, x => {
        let (x, n_models, _) = x.rows("x")?;
        options.solve(py, || Dense::new(x, y, n_models))
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
) -> std::result::Result<Bound<'py, PyAny>, BindingError> {
    let (a, b) = (slice1(&a, "a")?, slice1(&b, "b")?);
    let labels = WeightedPairs { a, b, weight: slice1(&weight, "weight")?, y: slice1(&y, "y")? };
    in_its_precision!(&logits, logits => {
        let (logits, n_models, n_items) = logits.rows("logits")?;
        options.solve(py, || PairDifferences::new(logits, n_models, n_items, labels))
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
) -> std::result::Result<Bound<'py, PyAny>, BindingError> {
    let y = slice1(&y, "y")?;
    let ends = (slice1(&weights, "weights")?, slice1(&optimum, "optimum")?);
    in_its_precision!(&x, x => {
        let (x, n_models, _) = x.rows("x")?;
        options.certify(py, ends, || Dense::new(x, y, n_models))
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
) -> std::result::Result<Bound<'py, PyAny>, BindingError> {
    let (a, b) = (slice1(&a, "a")?, slice1(&b, "b")?);
    let ends = (slice1(&weights, "weights")?, slice1(&optimum, "optimum")?);
    let labels = WeightedPairs { a, b, weight: slice1(&weight, "weight")?, y: slice1(&y, "y")? };
    in_its_precision!(&logits, logits => {
        let (logits, n_models, n_items) = logits.rows("logits")?;
        options.certify(py, ends, || PairDifferences::new(logits, n_models, n_items, labels))
    })
}

impl SolverOptions<'_> {
    /// Certify, without the GIL, and return weights, objective, gap, relative gap, passes and whether they are those given.
    fn certify<'py, P: Predictions>(
        &self,
        py: Python<'py>,
        (weights, optimum): (&[f64], &[f64]),
        predictions: impl FnOnce() -> Result<P> + Send,
    ) -> std::result::Result<Bound<'py, PyAny>, BindingError> {
        let cost = self.cost.as_ref().map(|array| slice1(array, "cost")).transpose()?;
        let options = Options { l2: self.l2, cost, tol: self.tol, ..Options::default() };
        let work = |execution: &Execution| certify(&predictions()?, weights, optimum, &options, execution);
        let Certified { weights, objective, gap, relative_gap, passes, whole } =
            interruptible(py, self.n_threads, work)?;
        Ok((weights.into_pyarray(py), objective, gap, relative_gap, passes, whole).into_pyobject(py)?.into_any())
    }

    /// Solve, without the GIL, and return the fields of `hemicycle.SimplexSolution` in their order.
    fn solve<'py, P: Predictions>(
        &self,
        py: Python<'py>,
        predictions: impl FnOnce() -> Result<P> + Send,
    ) -> std::result::Result<Bound<'py, PyAny>, BindingError> {
        let reference = self.reference.as_ref().map(|array| slice1(array, "reference")).transpose()?;
        let cost = self.cost.as_ref().map(|array| slice1(array, "cost")).transpose()?;
        let start: Vec<usize> = slice1(&self.start, "start")?.iter().map(|&model| model as usize).collect();
        let solver = if self.projected_gradient { Solver::ProjectedGradient } else { Solver::WorkingSet };
        let options = Options { solver, reference, l2: self.l2, cost, tol: self.tol, start: &start };
        let work = |execution: &Execution| solve(&predictions()?, &options, execution);
        let Solution {
            weights,
            objective,
            gap,
            relative_gap,
            passes,
            reason,
            tie_broken,
            face,
            face_dimension,
            reduced_cost,
            vertex,
        } = interruptible(py, self.n_threads, work)?;
        let weights = weights.into_pyarray(py);
        let (face, vertex) = (models(py, &face), models(py, &vertex));
        let fields = (
            weights,
            objective,
            gap,
            relative_gap,
            passes,
            reason,
            face,
            face_dimension,
            reduced_cost,
            vertex,
            tie_broken,
        );
        Ok(fields.into_pyobject(py)?.into_any())
    }
}

/// Positions of models, or of observations, as an array.
pub fn models<'py>(py: Python<'py>, models: &[usize]) -> Bound<'py, PyArray1<i64>> {
    models.iter().map(|&model| model as i64).collect::<Vec<_>>().into_pyarray(py)
}
