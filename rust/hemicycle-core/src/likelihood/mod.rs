//! How likely the jury's labels are under each model.
//!
//! For a pair with labels `y_i` and weights `v_i` that sum to 1, a model that predicts `mu` has the sum-Gaussian density
//! `log p = log sum_i v_i Normal(y_i | mu, sigma)`: labels of one pair are alternatives. A model's total is
//! `sum_n c_n log p_n`. Inside the domain (`|logit|, |log_ratio| <= 1e6`, `1e-6 <= sigma <= 1e6`) every total is finite and
//! errs by at most `1e-13 * sum_n c_n max(1, |log p_n|)`; under [`Likelihood::Gaussian`] every label counts as a term.
//! Pairs with many labels are tabulated and their terms err by at most `rtol` instead, unless it is too small for tables.

mod blocks;
mod by_pair;
mod careful;
mod direct;
mod gradient;
mod kind;
mod mean;
mod plan;
mod rows;
pub mod running;
mod slopes;
mod tabulated;
mod terms;
mod walk;

use rayon::prelude::*;

use crate::error::Result;
use crate::judgments::{Pairs, check_length, refusal};
use crate::kernels::InstructionSet;
use crate::parallel::Execution;
use crate::pool::{BLOCK, Block, Logit, Pool};

pub use blocks::{Room, Terms};
pub use gradient::value_and_gradient;

use direct::Totals;
pub(crate) use plan::Plan;
use rows::Rows;
use tabulated::{Columns, Tables, add_tables};

/// How the labels of one pair combine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Likelihood {
    /// Alternatives: a weighted mean of densities.
    SumGaussian,
    /// Independent observations: a product of densities, each to the power of its weight.
    Gaussian,
}

/// What a term is, apart from its pair.
#[derive(Debug, Clone, Copy)]
pub struct Scoring {
    /// How the labels of a pair combine.
    pub likelihood: Likelihood,
    /// Width of the Gaussian at each label.
    pub sigma: f64,
    /// The error that a pair with many labels may have.
    pub rtol: f64,
}

impl Scoring {
    /// The tables of these pairs.
    fn tables(self, pairs: &Pairs<'_>, instructions: InstructionSet, execution: &Execution) -> Result<Tables> {
        check_sigma(self.sigma)?;
        Tables::new(pairs, self.likelihood, self.sigma, self.rtol, instructions, execution)
    }

    /// The judgments as kernels for totals read them.
    fn plan(self, pairs: &Pairs<'_>, instructions: InstructionSet, execution: &Execution) -> Result<Plan> {
        let tables = self.tables(pairs, instructions, execution)?;
        Plan::sorted(pairs, self.likelihood, self.sigma, tables, &execution.interrupt)
    }

    /// The judgments as kernels for results by pair read them.
    fn plan_in_order(self, pairs: &Pairs<'_>, instructions: InstructionSet, execution: &Execution) -> Result<Plan> {
        let tables = self.tables(pairs, instructions, execution)?;
        Plan::in_order(pairs, self.likelihood, self.sigma, tables, &execution.interrupt)
    }
}

/// Write the log-likelihood of every model, `sum_n c_n log p_n`, to `out`: length `n_models`.
///
/// # Errors
/// Whatever [`Pairs::check`] refuses, logits of another shape or outside the domain, a sigma outside its domain, an
/// interrupt; [`Error::Shape`](crate::Error::Shape) if `out` has another length. What `out` holds after an error is not
/// said.
pub fn log_likelihood_by_model<T: Logit>(
    pool: &Pool<'_, T>,
    pairs: &Pairs<'_>,
    scoring: Scoring,
    instructions: InstructionSet,
    execution: &Execution,
    out: &mut [f64],
) -> Result<()> {
    check_inputs(pool, pairs)?;
    check_length("out", out.len(), pool.n_models)?;
    totals(pool, &scoring.plan(pairs, instructions, execution)?, instructions, execution, out)
}

/// Write `log p_n` of every model and pair, without `c_n`, to `out`: `n_models` rows of `n_pairs`.
///
/// # Errors
/// As [`log_likelihood_by_model`].
pub fn log_likelihood_by_pair<T: Logit>(
    pool: &Pool<'_, T>,
    pairs: &Pairs<'_>,
    scoring: Scoring,
    instructions: InstructionSet,
    execution: &Execution,
    out: &mut [f64],
) -> Result<()> {
    check_inputs(pool, pairs)?;
    check_length("out", out.len(), pool.n_models.saturating_mul(pairs.len()))?;
    let every = Pairs { pair_weight: &vec![1.0; pairs.len()], ..*pairs };
    rows(pool, &scoring.plan_in_order(&every, instructions, execution)?, instructions, execution, out)
}

/// Write `log Normal(y_i | mu, sigma)` of every model and label, without weights, to `out`: `n_models` rows of
/// `n_labels`.
///
/// # Errors
/// As [`log_likelihood_by_model`].
pub fn log_likelihood_by_label<T: Logit>(
    pool: &Pool<'_, T>,
    pairs: &Pairs<'_>,
    sigma: f64,
    instructions: InstructionSet,
    execution: &Execution,
    out: &mut [f64],
) -> Result<()> {
    check_inputs(pool, pairs)?;
    check_sigma(sigma)?;
    check_length("out", out.len(), pool.n_models.saturating_mul(pairs.log_ratio.len()))?;
    rows(pool, &Plan::by_label(pairs, sigma, &execution.interrupt)?, instructions, execution, out)
}

/// The terms of a plan for every model, into `out`: `n_models` rows.
fn rows<T: Logit>(
    pool: &Pool<'_, T>,
    plan: &Plan,
    instructions: InstructionSet,
    execution: &Execution,
    out: &mut [f64],
) -> Result<()> {
    by_block(pool, out, plan.constants.len(), execution, |block, out| {
        instructions.run(Rows { plan, block, interrupt: &execution.interrupt, out });
    })
}

/// Bytes of the table that scores each pair, 0 where the direct kernel does: length `n_pairs`.
///
/// # Errors
/// Whatever [`Pairs::check`] refuses, a sigma outside its domain, an interrupt.
pub fn table_bytes(
    pairs: &Pairs<'_>,
    scoring: Scoring,
    instructions: InstructionSet,
    execution: &Execution,
) -> Result<Vec<usize>> {
    pairs.check()?;
    Ok(scoring.tables(pairs, instructions, execution)?.bytes())
}

/// The total of a plan for every model, into `out`: length `n_models`.
pub(crate) fn totals<T: Logit>(
    pool: &Pool<'_, T>,
    plan: &Plan,
    instructions: InstructionSet,
    execution: &Execution,
    out: &mut [f64],
) -> Result<()> {
    let constant = plan.constant();
    if plan.tables.is_empty() {
        return by_block(pool, out, 1, execution, |block, out| {
            instructions.run(Totals { plan, constant, block, interrupt: &execution.interrupt, out });
        });
    }
    let columns = Columns::new(&plan.tables);
    let at_once = columns.blocks_at_once(pool.n_models);
    out.par_chunks_mut(BLOCK * at_once).enumerate().try_for_each_init(
        || (Block::new(pool.n_items), columns.with_room(at_once)),
        |(block, columns), (index, out)| {
            for (k, out) in out.chunks_mut(BLOCK).enumerate() {
                block.load(pool, (index * at_once + k) * BLOCK, &execution.interrupt)?;
                columns.take(block, k);
                instructions.run(Totals { plan, constant, block, interrupt: &execution.interrupt, out });
            }
            add_tables(&plan.tables, columns, None, out, instructions, &execution.interrupt)
        },
    )
}

/// Call `score` for every block of models with the rows of `out` that are theirs, `n_columns` each.
pub(crate) fn by_block<T: Logit>(
    pool: &Pool<'_, T>,
    out: &mut [f64],
    n_columns: usize,
    execution: &Execution,
    score: impl Fn(&Block, &mut [f64]) + Sync,
) -> Result<()> {
    out.par_chunks_mut(BLOCK * n_columns.max(1)).enumerate().try_for_each_init(
        || Block::new(pool.n_items),
        |block, (index, out)| {
            block.load(pool, index * BLOCK, &execution.interrupt)?;
            score(block, out);
            execution.interrupt.check()
        },
    )
}

/// Check everything but the values of the logits, which are checked as they are read.
pub(crate) fn check_inputs<T: Logit>(pool: &Pool<'_, T>, pairs: &Pairs<'_>) -> Result<()> {
    pool.check_shape(pairs.n_items)?;
    pairs.check()
}

fn check_sigma(sigma: f64) -> Result<()> {
    if (1e-6..=1e6).contains(&sigma) {
        return Ok(());
    }
    Err(refusal("sigma", vec![], sigma, "from 1e-6 to 1e6"))
}
