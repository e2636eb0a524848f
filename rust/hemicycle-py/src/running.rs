//! Binding of [`hemicycle_core::likelihood::running`]. The arguments are documented in `hemicycle.running`.

use hemicycle_core::likelihood::running::{Change, Running, update};

use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;

use crate::arrays::{Logits, in_its_precision, slice1};
use crate::errors::BindingError;
use crate::interrupt::interruptible;
use crate::likelihood::{PairColumns, instruction_set, scoring};

/// Four lists with one number a model, and the number of terms computed.
type Updated<'py> = (Column<'py>, Column<'py>, Column<'py>, Column<'py>, usize);

type Column<'py> = Bound<'py, PyArray1<f64>>;

/// The lists of `hemicycle.running.RunningScores`, held while they are copied.
#[derive(FromPyObject)]
pub struct RunningColumns<'py> {
    log_likelihood: PyReadonlyArray1<'py, f64>,
    low: PyReadonlyArray1<'py, f64>,
    magnitude: PyReadonlyArray1<'py, f64>,
    largest_magnitude: PyReadonlyArray1<'py, f64>,
}

impl RunningColumns<'_> {
    fn copied(&self) -> std::result::Result<Running, BindingError> {
        Ok(Running {
            total: slice1(&self.log_likelihood, "log_likelihood")?.to_vec(),
            total_low: slice1(&self.low, "low")?.to_vec(),
            magnitude: slice1(&self.magnitude, "magnitude")?.to_vec(),
            largest_magnitude: slice1(&self.largest_magnitude, "largest_magnitude")?.to_vec(),
        })
    }
}

/// Running scores after the pairs `before` became the pairs `after`.
#[pyfunction]
#[pyo3(signature = (
    logits, running, before, before_weight, after, after_weight, n_items, every_item, gaussian, sigma, rtol,
    n_threads=None, instructions=None
))]
#[expect(clippy::too_many_arguments, reason = "each is an argument of the documented functions")]
pub fn update_running<'py>(
    py: Python<'py>,
    logits: Logits<'py>,
    running: RunningColumns<'py>,
    before: PairColumns<'py>,
    before_weight: PyReadonlyArray1<'py, f64>,
    after: PairColumns<'py>,
    after_weight: PyReadonlyArray1<'py, f64>,
    n_items: usize,
    every_item: bool,
    gaussian: bool,
    sigma: f64,
    rtol: f64,
    n_threads: Option<usize>,
    instructions: Option<&str>,
) -> std::result::Result<Updated<'py>, BindingError> {
    let before = before.borrow(n_items, slice1(&before_weight, "before_weight")?)?;
    let after = after.borrow(n_items, slice1(&after_weight, "after_weight")?)?;
    let (scoring, set) = (scoring(gaussian, sigma, rtol), instruction_set(instructions)?);
    let change = Change { before, after };
    let running = running.copied()?;
    let (running, n_terms) = in_its_precision!(&logits, logits => {
        let pool = logits.pool()?;
        interruptible(py, n_threads, |e| update(&pool, running, &change, every_item, scoring, set, e))?
    });
    let column = |list: Vec<f64>| list.into_pyarray(py);
    let Running { total, total_low, magnitude, largest_magnitude } = running;
    Ok((column(total), column(total_low), column(magnitude), column(largest_magnitude), n_terms))
}
