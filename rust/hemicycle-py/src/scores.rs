//! Binding of the contests' scores. The arguments are documented in `hemicycle.scores`.

use hemicycle_core::scores::{Choices, accuracy as core_accuracy, mean_squared_error as core_mean_squared_error};
use numpy::PyReadonlyArray1;
use pyo3::prelude::*;

use crate::arrays::{Logits, in_its_precision, slice1};
use crate::errors::BindingError;
use crate::interrupt::interruptible;
use crate::likelihood::{Output, PairColumns, instruction_set};

/// Write the weighted mean squared error of every model to `out`.
#[pyfunction]
#[pyo3(signature = (logits, pairs, n_items, out, n_threads=None, instructions=None))]
pub fn mean_squared_error<'py>(
    py: Python<'py>,
    logits: Logits<'py>,
    pairs: PairColumns<'py>,
    n_items: usize,
    mut out: Output<'py>,
    n_threads: Option<usize>,
    instructions: Option<&str>,
) -> Result<(), BindingError> {
    let equal = vec![1.0; pairs.len()];
    let pairs = pairs.borrow(n_items, &equal)?;
    let (set, out) = (instruction_set(instructions)?, out.borrow("out")?);
    in_its_precision!(&logits, logits => {
        let pool = logits.pool()?;
        interruptible(py, n_threads, |e| core_mean_squared_error(&pool, &pairs, set, e, out))
    })
}

/// Write the weighted share of the choices that every model agrees with to `out`.
#[pyfunction]
#[pyo3(signature = (logits, loser, winner, weight, n_items, out, n_threads=None, instructions=None))]
#[expect(clippy::too_many_arguments, reason = "three columns, the result and the options")]
pub fn accuracy<'py>(
    py: Python<'py>,
    logits: Logits<'py>,
    loser: PyReadonlyArray1<'py, u32>,
    winner: PyReadonlyArray1<'py, u32>,
    weight: PyReadonlyArray1<'py, f64>,
    n_items: usize,
    mut out: Output<'py>,
    n_threads: Option<usize>,
    instructions: Option<&str>,
) -> Result<(), BindingError> {
    let choices = Choices {
        n_items,
        loser: slice1(&loser, "loser")?,
        winner: slice1(&winner, "winner")?,
        weight: slice1(&weight, "weight")?,
    };
    let (set, out) = (instruction_set(instructions)?, out.borrow("out")?);
    in_its_precision!(&logits, logits => {
        let pool = logits.pool()?;
        interruptible(py, n_threads, |e| core_accuracy(&pool, &choices, set, e, out))
    })
}
