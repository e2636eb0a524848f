//! Log densities by pair or by label of some models at a time, for what reads them more than once and never needs all.

use std::ops::Range;

use crate::error::Result;
use crate::judgments::Pairs;
use crate::kernels::InstructionSet;
use crate::parallel::{Execution, Interrupt};
use crate::pool::{BLOCK, Block, Logit, Pool};

use super::plan::Plan;
use super::rows::Rows;
use super::{Scoring, check_inputs, check_sigma};

/// The log densities of a pool, made when they are asked for.
#[derive(Debug)]
pub struct Terms<'a, T> {
    pool: Pool<'a, T>,
    plan: Plan,
    instructions: InstructionSet,
}

/// Room for the terms of some models.
#[derive(Debug)]
pub struct Room {
    block: Block,
    rows: Vec<f64>,
}

impl<'a, T: Logit> Terms<'a, T> {
    /// `log Normal(y_i | mu, sigma)` of every label.
    ///
    /// # Errors
    /// As [`super::log_likelihood_by_label`], but for the values of logits, which are checked as they are read.
    pub fn by_label(pool: Pool<'a, T>, pairs: &Pairs<'_>, sigma: f64, execution: &Execution) -> Result<Self> {
        check_inputs(&pool, pairs)?;
        check_sigma(sigma)?;
        let plan = Plan::by_label(pairs, sigma, &execution.interrupt)?;
        Ok(Self { pool, plan, instructions: InstructionSet::detect() })
    }

    /// `log p_n` of every pair, without `c_n`.
    ///
    /// # Errors
    /// As [`super::log_likelihood_by_pair`], but for the values of logits, which are checked as they are read.
    pub fn by_pair(pool: Pool<'a, T>, pairs: &Pairs<'_>, scoring: Scoring, execution: &Execution) -> Result<Self> {
        check_inputs(&pool, pairs)?;
        let instructions = InstructionSet::detect();
        let every = Pairs { pair_weight: &vec![1.0; pairs.len()], ..*pairs };
        let plan = scoring.plan_in_order(&every, instructions, execution)?;
        Ok(Self { pool, plan, instructions })
    }

    /// Number of models.
    #[must_use]
    pub fn n_models(&self) -> usize {
        self.pool.n_models
    }

    /// Number of labels or pairs.
    #[must_use]
    pub fn n_terms(&self) -> usize {
        self.plan.constants.len()
    }

    /// Room for the terms of some models.
    #[must_use]
    pub fn room(&self) -> Room {
        Room { block: Block::new(self.pool.n_items), rows: Vec::new() }
    }

    /// The terms of these models, one row a model.
    ///
    /// # Errors
    /// [`crate::Error::Domain`] or [`crate::Error::NonFinite`] for a logit outside the domain; [`crate::Error::Interrupted`].
    pub fn rows<'r>(&self, models: Range<usize>, room: &'r mut Room, interrupt: &Interrupt) -> Result<&'r [f64]> {
        let Room { block, rows } = room;
        rows.resize(models.len() * self.n_terms(), 0.0);
        for (k, out) in rows.chunks_mut(BLOCK * self.n_terms().max(1)).enumerate() {
            block.load(&self.pool, models.start + k * BLOCK, interrupt)?;
            self.instructions.run(Rows { plan: &self.plan, block, interrupt, out });
            interrupt.check()?;
        }
        Ok(rows)
    }
}
