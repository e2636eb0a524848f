//! Binding of [`hemicycle_core::clones`]. The arguments are documented in `hemicycle.clones`.

use hemicycle_core::clones::{Options, clone_proof_prior as core_clone_proof_prior};
use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;

use crate::arrays::{Logits, in_its_precision};
use crate::errors::BindingError;
use crate::interrupt::interruptible;
use crate::likelihood::{PairColumns, instruction_set};

/// Prior, class, group, number of near classes and density of every model, and whether they are exact.
type Columns<'py> = (
    Bound<'py, PyArray1<f64>>,
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<f64>>,
    Bound<'py, PyArray1<f64>>,
    bool,
);

/// The clone-proof prior of the models.
#[pyfunction]
#[pyo3(signature = (logits, pairs, n_items, bandwidth, exact=None, n_threads=None, instructions=None))]
#[expect(clippy::too_many_arguments, reason = "the models, the pairs and the options")]
pub fn clone_proof_prior<'py>(
    py: Python<'py>,
    logits: Logits<'py>,
    pairs: PairColumns<'py>,
    n_items: usize,
    bandwidth: f64,
    exact: Option<bool>,
    n_threads: Option<usize>,
    instructions: Option<&str>,
) -> Result<Columns<'py>, BindingError> {
    let equal = vec![1.0; pairs.len()];
    let pairs = pairs.borrow(n_items, &equal)?;
    let (set, options) = (instruction_set(instructions)?, Options { bandwidth, exact });
    let found = in_its_precision!(&logits, logits => {
        let pool = logits.pool()?;
        interruptible(py, n_threads, |e| core_clone_proof_prior(&pool, &pairs, options, set, e))
    })?;
    Ok((
        found.prior.into_pyarray(py),
        found.class_of.into_pyarray(py),
        found.group_of.into_pyarray(py),
        found.n_near.into_pyarray(py),
        found.density.into_pyarray(py),
        found.is_exact,
    ))
}
