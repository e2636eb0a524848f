//! Binding of the likelihood with its gradient. The arguments are documented in `hemicycle.likelihood`.

use hemicycle_core::kernels::InstructionSet;
use hemicycle_core::likelihood::{Likelihood, value_and_gradient as core_value_and_gradient};
use hemicycle_core::pool::Logit;
use hemicycle_core::{Pairs, Pool};
use pyo3::prelude::*;

use crate::arrays::Logits;
use crate::errors::BindingError;
use crate::interrupt::interruptible;
use crate::likelihood::{Output, PairColumns, PairWeight, combination, instruction_set};

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
    let score = Score {
        pairs: pairs.borrow(n_items, pair_weight.borrow()?)?,
        likelihood: combination(gaussian),
        sigma,
        rtol,
        instructions: instruction_set(instructions)?,
        n_threads,
        values: values.borrow("values")?,
        gradient: gradient.borrow("gradient")?,
    };
    match &logits {
        Logits::Double(logits) => score.of(py, &logits.pool()?),
        Logits::Single(logits) => score.of(py, &logits.pool()?),
    }
}

/// What is to be computed, apart from the pool, and where it goes.
struct Score<'a> {
    pairs: Pairs<'a>,
    likelihood: Likelihood,
    sigma: f64,
    rtol: f64,
    instructions: InstructionSet,
    n_threads: Option<usize>,
    values: &'a mut [f64],
    gradient: &'a mut [f64],
}

impl Score<'_> {
    fn of<T: Logit>(self, py: Python<'_>, pool: &Pool<'_, T>) -> Result<(), BindingError> {
        let Self { pairs, likelihood, sigma, rtol, instructions, n_threads, values, gradient } = self;
        interruptible(py, n_threads, |execution| {
            core_value_and_gradient(pool, &pairs, likelihood, sigma, rtol, instructions, execution, values, gradient)
        })
    }
}
