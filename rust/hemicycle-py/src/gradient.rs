//! Binding of the likelihood with its gradient. The arguments are documented in `hemicycle.likelihood`.

use hemicycle_core::likelihood::value_and_gradient as core_value_and_gradient;
use pyo3::prelude::*;

use crate::arrays::{Logits, in_its_precision};
use crate::errors::BindingError;
use crate::interrupt::interruptible;
use crate::likelihood::{Output, PairColumns, PairWeight, instruction_set, scoring};

/// Log-likelihood of every model into `values`, and its gradient into `gradient`, row-major.
#[pyfunction]
#[pyo3(signature = (
    logits, pairs, pair_weight, n_items, gaussian, sigma, values, gradient, n_threads=None, instructions=None, rtol=1e-10
))]
#[expect(clippy::too_many_arguments, reason = "each is an argument of the documented function, or a result")]
pub fn value_and_gradient<'py>(
    py: Python<'py>,
    logits: Logits<'py>,
    pairs: PairColumns<'py>,
    pair_weight: PairWeight<'py>,
    n_items: usize,
    gaussian: bool,
    sigma: f64,
    mut values: Output<'py>,
    mut gradient: Output<'py>,
    n_threads: Option<usize>,
    instructions: Option<&str>,
    rtol: f64,
) -> Result<(), BindingError> {
    let pairs = pairs.borrow(n_items, pair_weight.borrow()?)?;
    let (scoring, set) = (scoring(gaussian, sigma, rtol), instruction_set(instructions)?);
    let (values, gradient) = (values.borrow("values")?, gradient.borrow("gradient")?);
    in_its_precision!(&logits, logits => {
        let pool = logits.pool()?;
        interruptible(py, n_threads, |e| core_value_and_gradient(&pool, &pairs, scoring, set, e, values, gradient))
    })
}
