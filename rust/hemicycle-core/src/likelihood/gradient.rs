//! Totals with their gradient with respect to the logits, in one pass over the judgments.
//!
//! A pair adds the slope of its log density to the gradient of its item `b` and takes it from that of `a`. Beside the
//! logits of some models, transposed, lies their gradient: few enough models that both stay in the cache next to the
//! core.

use std::f64::consts::LN_2;

use rayon::prelude::*;

use crate::error::Result;
use crate::judgments::{Pairs, check_length};
use crate::kernels::{InstructionSet, Kernel, LANES, Lanes, Simd, Sum, ln, split_exponent};
use crate::parallel::{Execution, Interrupt};
use crate::pool::{BLOCK, Block, GROUPS, Logit, Pool};

use super::direct::{SUMS_PER_PRODUCT, TERMS_PER_SUM};
use super::plan::{Mixture, Plan};
use super::slopes::{Column, GROUPS_AT_ONCE, Groups, Held, write_rows};
use super::tabulated::{self, Tabulated, add_tables};
use super::terms::{Densities, Density, Gaussian};
use super::walk::Visit;
use super::{Scoring, check_inputs};

/// The log-likelihood of every model, the same bits as [`super::log_likelihood_by_model`], into `values` of length
/// `n_models`, and its derivative with respect to every logit into `gradient`: `n_models` rows of `n_items`.
///
/// # Errors
/// As [`super::log_likelihood_by_model`]; [`crate::Error::Shape`] if `values` or `gradient` has another length.
pub fn value_and_gradient<T: Logit>(
    pool: &Pool<'_, T>,
    pairs: &Pairs<'_>,
    scoring: Scoring,
    instructions: InstructionSet,
    execution: &Execution,
    values: &mut [f64],
    gradient: &mut [f64],
) -> Result<()> {
    check_inputs(pool, pairs)?;
    check_length("values", values.len(), pool.n_models)?;
    check_length("gradient", gradient.len(), pool.n_models * pool.n_items)?;
    let plan = scoring.plan(pairs, instructions, execution)?;
    let constant = plan.constant();
    let tabulated = tabulated::Columns::new(&plan.tables);
    let at_once = tabulated.blocks_at_once(pool.n_models);
    let values = values.par_chunks_mut(BLOCK * at_once);
    let rows = gradient.par_chunks_mut(BLOCK * at_once * pool.n_items.max(1));
    values.zip(rows).enumerate().try_for_each_init(
        || Work::new(pool.n_items, &tabulated, at_once),
        |work, (index, (values, rows))| {
            let Work { block, columns, logits, slopes } = work;
            values.fill(0.0);
            if !plan.tables.is_empty() {
                for k in 0..values.len().div_ceil(BLOCK) {
                    block.load(pool, (index * at_once + k) * BLOCK, &execution.interrupt)?;
                    logits.take(block, k);
                }
                add_tables(&plan.tables, logits, Some(&mut *slopes), values, instructions, &execution.interrupt)?;
            }
            let blocks = values.chunks_mut(BLOCK).zip(rows.chunks_mut(BLOCK * pool.n_items.max(1)));
            for (k, (values, rows)) in blocks.enumerate() {
                block.load(pool, (index * at_once + k) * BLOCK, &execution.interrupt)?;
                let slopes = (&*slopes, k * GROUPS);
                let interrupt = &execution.interrupt;
                instructions.run(Gradient { plan: &plan, constant, block, interrupt, slopes, columns, values, rows });
            }
            execution.interrupt.check()
        },
    )
}

/// What one thread needs.
struct Work {
    block: Block,
    columns: Vec<Column>,
    /// Of pairs with tables.
    logits: tabulated::Columns,
    slopes: tabulated::Columns,
}

impl Work {
    fn new(n_items: usize, tabulated: &tabulated::Columns, n_blocks: usize) -> Self {
        Self {
            block: Block::new(n_items),
            columns: vec![Column::ZERO; n_items],
            logits: tabulated.with_room(n_blocks),
            slopes: tabulated.with_room(n_blocks),
        }
    }
}

/// The log-likelihood of every model of a block, and its gradient.
struct Gradient<'a> {
    plan: &'a Plan,
    constant: f64,
    block: &'a Block,
    interrupt: &'a Interrupt,
    /// Those of pairs with tables, and the group where those of the block begin.
    slopes: (&'a tabulated::Columns, usize),
    /// Room for one column an item.
    columns: &'a mut [Column],
    /// One number a model of the block, added to.
    values: &'a mut [f64],
    /// One row a model of the block.
    rows: &'a mut [f64],
}

impl Kernel for Gradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self, simd: impl Simd) {
        let Self { plan, constant, block, interrupt, slopes, columns, values, rows } = self;
        let values = values.chunks_mut(LANES * GROUPS_AT_ONCE);
        let rows = rows.chunks_mut(LANES * GROUPS_AT_ONCE * columns.len().max(1));
        for ((values, rows), first) in values.zip(rows).zip((0..GROUPS).step_by(GROUPS_AT_ONCE)) {
            columns.fill(Column::ZERO);
            for (item, groups) in slopes.0.groups(slopes.1 + first) {
                columns[item as usize] = Column(groups);
            }
            let totals = [Sum::zero(); GROUPS_AT_ONCE];
            let mut pass = Pass::<_, FMA> { simd, plan, block, interrupt, first, columns, totals };
            plan.walk(&mut pass);
            for (out, mut total) in values.chunks_mut(LANES).zip(pass.totals) {
                total.add(Lanes::splat(constant));
                for (out, total) in out.iter_mut().zip(total.value().0) {
                    *out += total;
                }
            }
            write_rows::<FMA>(simd, columns, rows);
        }
    }
}

/// One walk over the judgments, for some models of a block.
struct Pass<'a, S, const FMA: bool> {
    simd: S,
    plan: &'a Plan,
    block: &'a Block,
    interrupt: &'a Interrupt,
    /// The first group of the block.
    first: usize,
    columns: &'a mut [Column],
    totals: [Sum<FMA>; GROUPS_AT_ONCE],
}

impl<S: Simd, const FMA: bool> Visit for Pass<'_, S, FMA> {
    /// Subtract squared distances from the totals.
    #[inline(always)]
    fn squares(&mut self, pairs: &[impl Gaussian]) {
        let mut held = Held::<FMA>::of(pairs[0].items()[0]);
        for chunk in pairs.chunks(TERMS_PER_SUM) {
            if self.interrupt.is_raised() {
                return;
            }
            let mut partial: Groups<FMA> = [Lanes::splat(0.0); GROUPS_AT_ONCE];
            for pair in chunk {
                let [a, b] = pair.items();
                held.turn_to(a, self.columns);
                let mut distances: Groups<FMA> = [Lanes::splat(0.0); GROUPS_AT_ONCE];
                for g in 0..GROUPS_AT_ONCE {
                    let z = pair.difference(self.block, self.first + g);
                    partial[g] = z.mul_add(z, partial[g]);
                    distances[g] = z;
                }
                held.add(b, distances, Lanes::splat(pair.scale()), self.columns);
            }
            for (total, partial) in self.totals.iter_mut().zip(partial) {
                total.subtract(partial);
            }
        }
        held.release(self.columns);
    }

    /// Add `factor * (log sum - h log 2)` of mixtures to the totals, with one logarithm for all.
    #[inline(always)]
    fn mixtures<D: Density>(&mut self, factor: f64, pairs: &[Mixture]) {
        let mut distances = [Sum::<FMA>::zero(); GROUPS_AT_ONCE];
        let mut exponent: Groups<FMA> = [Lanes::splat(0.0); GROUPS_AT_ONCE];
        let mut product: Groups<FMA> = [Lanes::splat(1.0); GROUPS_AT_ONCE];
        let scale = Lanes::splat(factor * self.plan.scale * LN_2);
        let mut held = Held::<FMA>::of(pairs[0].a);
        for chunk in pairs.chunks(SUMS_PER_PRODUCT) {
            if self.interrupt.is_raised() {
                return;
            }
            let mut partial: Groups<FMA> = [Lanes::splat(0.0); GROUPS_AT_ONCE];
            for pair in chunk {
                if pair.is_long() && self.interrupt.is_raised() {
                    return;
                }
                held.turn_to(pair.a, self.columns);
                let mut means: Groups<FMA> = [Lanes::splat(0.0); GROUPS_AT_ONCE];
                for g in 0..GROUPS_AT_ONCE {
                    let Densities { distance: [distance], sum: [sum], mean: [mean] } =
                        D::densities::<FMA, 1, true>(self.simd, self.plan, self.block, pair, self.first + g);
                    partial[g] = partial[g] + distance;
                    product[g] = product[g] * sum;
                    means[g] = mean;
                }
                held.add(pair.b, means, scale, self.columns);
            }
            for g in 0..GROUPS_AT_ONCE {
                distances[g].add(partial[g]);
                let (fraction, taken) = split_exponent(product[g]);
                product[g] = fraction;
                exponent[g] = exponent[g] + taken;
            }
        }
        held.release(self.columns);
        for g in 0..GROUPS_AT_ONCE {
            let base_2 = exponent[g] - distances[g].value();
            let log = base_2.mul_add(Lanes::splat(LN_2), ln(product[g]));
            self.totals[g].add(log * Lanes::splat(factor));
        }
    }

    /// Scored over many blocks at once.
    #[inline(always)]
    fn tables(&mut self, _: &[Tabulated]) {}
}
