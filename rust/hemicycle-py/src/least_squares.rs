//! Bindings of the simplex least squares solver.

use hemicycle_core::least_squares::{Dense, Options, PairDifferences, Predictions, Solution, WeightedPairs, solve};
use hemicycle_core::{Execution, Result};
use numpy::{PyArray1, PyReadonlyArray1, PyReadonlyArray2, ToPyArray};
use pyo3::prelude::*;

use crate::arrays::{Logits, slice1, slice2};
use crate::errors::BindingError;
use crate::interrupt::interruptible;

/// Weights, objective, gap, relative gap, passes, reason.
type Fields<'py> = (Bound<'py, PyArray1<f64>>, f64, f64, f64, usize, &'static str);

/// Least squares over rows of a matrix; documented at `hemicycle.simplex_least_squares`.
#[pyfunction]
#[pyo3(signature = (x, y, *, reference, l2, cost, tol, n_threads))]
#[allow(clippy::too_many_arguments)]
pub fn simplex_least_squares<'py>(
    py: Python<'py>,
    x: PyReadonlyArray2<'py, f64>,
    y: PyReadonlyArray1<'py, f64>,
    reference: Option<PyReadonlyArray1<'py, f64>>,
    l2: f64,
    cost: Option<PyReadonlyArray1<'py, f64>>,
    tol: f64,
    n_threads: Option<usize>,
) -> std::result::Result<Fields<'py>, BindingError> {
    let (x, n_models, _) = slice2(&x, "x")?;
    let y = slice1(&y, "y")?;
    let reference = reference.as_ref().map(|array| slice1(array, "reference")).transpose()?;
    let cost = cost.as_ref().map(|array| slice1(array, "cost")).transpose()?;
    let options = Options { reference, l2, cost, tol };
    let work = |execution: &Execution| solve(&Dense::new(x, y, n_models)?, &options, execution);
    Ok(fields(py, interruptible(py, n_threads, work)?))
}

/// Least squares over labels of pairs of items; documented at `hemicycle.pair_least_squares`.
#[pyfunction]
#[pyo3(signature = (logits, a, b, weight, y, *, reference, l2, cost, tol, n_threads))]
#[allow(clippy::too_many_arguments)]
pub fn pair_least_squares<'py>(
    py: Python<'py>,
    logits: Logits<'py>,
    a: PyReadonlyArray1<'py, u32>,
    b: PyReadonlyArray1<'py, u32>,
    weight: PyReadonlyArray1<'py, f64>,
    y: PyReadonlyArray1<'py, f64>,
    reference: Option<PyReadonlyArray1<'py, f64>>,
    l2: f64,
    cost: Option<PyReadonlyArray1<'py, f64>>,
    tol: f64,
    n_threads: Option<usize>,
) -> std::result::Result<Fields<'py>, BindingError> {
    let (a, b) = (slice1(&a, "a")?, slice1(&b, "b")?);
    let labels = WeightedPairs { a, b, weight: slice1(&weight, "weight")?, y: slice1(&y, "y")? };
    let reference = reference.as_ref().map(|array| slice1(array, "reference")).transpose()?;
    let cost = cost.as_ref().map(|array| slice1(array, "cost")).transpose()?;
    let options = Options { reference, l2, cost, tol };
    let solution = match &logits {
        Logits::Double(logits) => {
            let (logits, n_models, n_items) = logits.rows()?;
            let models = || PairDifferences::new(logits, n_models, n_items, labels);
            interruptible(py, n_threads, |execution| run(models()?, &options, execution))?
        }
        Logits::Single(logits) => {
            let (logits, n_models, n_items) = logits.rows()?;
            let models = || PairDifferences::new(logits, n_models, n_items, labels);
            interruptible(py, n_threads, |execution| run(models()?, &options, execution))?
        }
    };
    Ok(fields(py, solution))
}

fn run(models: impl Predictions, options: &Options<'_>, execution: &Execution) -> Result<Solution> {
    solve(&models, options, execution)
}

fn fields(py: Python<'_>, solution: Solution) -> Fields<'_> {
    let Solution { weights, objective, gap, relative_gap, passes, reason } = solution;
    (weights.to_pyarray(py), objective, gap, relative_gap, passes, reason)
}
