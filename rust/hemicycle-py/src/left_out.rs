//! Bindings of the problems that are left when something is left out.

use hemicycle_core::Result;
use hemicycle_core::least_squares::{Options, PairDifferences, Solution, WeightedPairs, Without, leave_out};
use numpy::{IntoPyArray, PyReadonlyArray1};
use pyo3::prelude::*;

use crate::arrays::{Logits, in_its_precision, slice1};
use crate::errors::BindingError;
use crate::interrupt::interruptible;

/// `hemicycle.left_out.Labels`.
#[derive(FromPyObject)]
pub struct Labels<'py> {
    a: PyReadonlyArray1<'py, u32>,
    b: PyReadonlyArray1<'py, u32>,
    weight: PyReadonlyArray1<'py, f64>,
    y: PyReadonlyArray1<'py, f64>,
}

/// Solve without some labels at a time (rows `left_out[offsets[k]..offsets[k + 1]]`), or, without `offsets`, without each
/// of the models `left_out`; used by `hemicycle.left_out`.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "plain columns and options, checked in hemicycle.left_out")]
pub fn leave_out_least_squares<'py>(
    py: Python<'py>,
    logits: Logits<'py>,
    labels: Labels<'py>,
    left_out: PyReadonlyArray1<'py, i64>,
    offsets: Option<PyReadonlyArray1<'py, i64>>,
    start: PyReadonlyArray1<'py, i64>,
    tol: f64,
    n_threads: Option<usize>,
) -> std::result::Result<Bound<'py, PyAny>, BindingError> {
    let Labels { a, b, weight, y } = &labels;
    let labels =
        WeightedPairs { a: slice1(a, "a")?, b: slice1(b, "b")?, weight: slice1(weight, "weight")?, y: slice1(y, "y")? };
    let places: Vec<usize> = slice1(&left_out, "left_out")?.iter().map(|&place| place as usize).collect();
    let start: Vec<usize> = slice1(&start, "start")?.iter().map(|&model| model as usize).collect();
    let without: Vec<Without<'_>> = match &offsets {
        None => places.iter().map(|&model| Without::Model(model)).collect(),
        Some(offsets) => {
            let bounds = slice1(offsets, "offsets")?.windows(2);
            bounds.map(|at| Without::Labels(&places[at[0] as usize..at[1] as usize])).collect()
        }
    };
    let options = Options { tol, start: &start, ..Options::default() };
    let (labels, without, options) = (&labels, &without, &options);
    let solutions = in_its_precision!(&logits, logits => {
        let (logits, n_models, n_items) = logits.rows("logits")?;
        interruptible(py, n_threads, |execution| {
            let models = PairDifferences::new(logits, n_models, n_items, *labels, execution)?;
            leave_out(&models, *labels, without, options, execution)
        })?
    });
    let fields: Vec<Bound<'py, PyAny>> =
        solutions.into_iter().map(|solution| fields(py, solution)).collect::<std::result::Result<_, _>>()?;
    Ok(fields.into_pyobject(py)?.into_any())
}

/// Weights, relative gap, face dimension and whether the tie was broken; or the error in the place of a solution.
fn fields<'py>(py: Python<'py>, solution: Result<Solution>) -> std::result::Result<Bound<'py, PyAny>, BindingError> {
    match solution {
        Err(error) => Ok(PyErr::from(BindingError::Core(error)).into_value(py).into_bound(py).into_any()),
        Ok(Solution { weights, relative_gap, face_dimension, reason, .. }) => {
            let tie_broken = reason.is_as_asked();
            Ok((weights.into_pyarray(py), relative_gap, face_dimension, tie_broken).into_pyobject(py)?.into_any())
        }
    }
}
