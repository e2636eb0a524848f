//! Totals that follow the jury: a pair whose labels change is scored as it was and as it is, no other pair at all.
//!
//! The term of a pair, `c_n log p_n`, is a float64 that depends on the labels of this pair, the model, sigma and `rtol`
//! alone, so what is taken away later is the very number that was added. Totals are kept in double-double: a step errs by
//! some `2^-104` of the total, and not at all while the terms of a model span fewer than 106 bits. Pairs with many labels
//! have tables, in batches that never reach the limit on the memory of all of them: that would couple pairs.

use std::ops::Range;

use rayon::prelude::*;

use crate::error::Result;
use crate::judgments::{Pairs, check_length};
use crate::kernels::{InstructionSet, Kernel, LANES, Lanes, Simd, Sum, two_sum};
use crate::parallel::{Execution, Interrupt};
use crate::pool::{BLOCK, Block, Logit, Pool};

use super::by_pair::{ByPair, Sink};
use super::plan::Plan;
use super::tabulated::batches;
use super::terms;
use super::{Scoring, check_inputs, check_sigma};

/// Batches of pairs that a pass over the pool takes: of a small change, the pairs as they were and as they are.
const BATCHES_AT_ONCE: usize = 2;

/// The totals of every model and the size of what they hold; each list has one number a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Running {
    /// The total, rounded.
    pub total: Vec<f64>,
    /// What rounding took from it.
    pub total_low: Vec<f64>,
    /// The sum of `|c_n log p_n|` over the pairs held, to rounding of the largest.
    pub magnitude: Vec<f64>,
    /// The largest that `magnitude` ever was.
    pub largest_magnitude: Vec<f64>,
}

/// The pairs that a change touches, as they were before it and as they are after it.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// Those that were held already, with their labels and weights of then.
    pub before: Pairs<'a>,
    /// Those that are still held or new, with their labels and weights of now.
    pub after: Pairs<'a>,
}

impl Running {
    /// No pair is held.
    #[must_use]
    pub fn empty(n_models: usize) -> Self {
        let zeros = vec![0.0; n_models];
        Self { total: zeros.clone(), total_low: zeros.clone(), magnitude: zeros.clone(), largest_magnitude: zeros }
    }

    fn check(&self, n_models: usize) -> Result<()> {
        check_length("total", self.total.len(), n_models)?;
        check_length("total_low", self.total_low.len(), n_models)?;
        check_length("magnitude", self.magnitude.len(), n_models)?;
        check_length("largest_magnitude", self.largest_magnitude.len(), n_models)
    }
}

/// The totals after a change, and how many terms were computed for every model.
///
/// Logits are read, and checked, of the items that the change touches, unless `every_item` asks for all.
///
/// # Errors
/// As [`super::log_likelihood_by_model`]; lists of `running` of another length than `n_models`.
pub fn update<T: Logit>(
    pool: &Pool<'_, T>,
    mut running: Running,
    change: &Change<'_>,
    every_item: bool,
    scoring: Scoring,
    instructions: InstructionSet,
    execution: &Execution,
) -> Result<(Running, usize)> {
    check_inputs(pool, &change.before)?;
    check_inputs(pool, &change.after)?;
    check_sigma(scoring.sigma)?;
    running.check(pool.n_models)?;
    let items = if every_item { (0..pool.n_items as u32).collect() } else { items_touched(change) };
    let batches = [Batch::of(&change.before, -1.0), Batch::of(&change.after, 1.0)].concat();
    let mut n_terms = 0;
    for batches in batches.chunks(BATCHES_AT_ONCE) {
        let step = |batch: &Batch<'_>| batch.step(&items, scoring, instructions, execution);
        let steps: Vec<Step> = batches.iter().map(step).collect::<Result<_>>()?;
        take(&steps, pool, &mut running, &items, instructions, execution)?;
        n_terms += steps.iter().map(|step| step.factors.len()).sum::<usize>();
    }
    Ok((running, n_terms))
}

/// Take some steps for every model.
fn take<T: Logit>(
    steps: &[Step],
    pool: &Pool<'_, T>,
    running: &mut Running,
    items: &[u32],
    instructions: InstructionSet,
    execution: &Execution,
) -> Result<()> {
    let lists = (
        running.total.par_chunks_mut(BLOCK),
        running.total_low.par_chunks_mut(BLOCK),
        running.magnitude.par_chunks_mut(BLOCK),
        running.largest_magnitude.par_chunks_mut(BLOCK),
    );
    lists.into_par_iter().enumerate().try_for_each_init(
        || Block::new(items.len()),
        |block, (index, (total, total_low, magnitude, largest_magnitude))| {
            let interrupt = &execution.interrupt;
            block.load_items(pool, index * BLOCK, items, interrupt)?;
            instructions.run(Steps { steps, block, interrupt, total, total_low, magnitude, largest_magnitude });
            interrupt.check()
        },
    )
}

/// The items of the pairs that a change touches, sorted.
fn items_touched(change: &Change<'_>) -> Vec<u32> {
    let mut items = [change.before.a, change.before.b, change.after.a, change.after.b].concat();
    items.sort_unstable();
    items.dedup();
    items
}

/// Consecutive pairs whose terms are added, or taken away, together.
#[derive(Clone)]
struct Batch<'a> {
    pairs: &'a Pairs<'a>,
    own: Range<usize>,
    /// 1 or -1.
    sign: f64,
}

impl<'a> Batch<'a> {
    /// All pairs, in batches of which each may have all the tables that it could.
    fn of(pairs: &'a Pairs<'a>, sign: f64) -> Vec<Self> {
        batches(pairs).into_iter().map(|own| Self { pairs, own, sign }).collect()
    }

    /// `items` holds the items of the pairs, sorted: the kernel reads blocks that have no others.
    fn step(
        &self,
        items: &[u32],
        scoring: Scoring,
        instructions: InstructionSet,
        execution: &Execution,
    ) -> Result<Step> {
        let Self { pairs, own, sign } = self;
        let column = |item: &u32| items.partition_point(|other| other < item) as u32;
        let a: Vec<u32> = pairs.a[own.clone()].iter().map(column).collect();
        let b: Vec<u32> = pairs.b[own.clone()].iter().map(column).collect();
        let first = pairs.offsets[own.start];
        let offsets: Vec<i64> = pairs.offsets[own.start..=own.end].iter().map(|offset| offset - first).collect();
        let labels = first as usize..pairs.offsets[own.end] as usize;
        let own = Pairs {
            n_items: items.len(),
            a: &a,
            b: &b,
            offsets: &offsets,
            log_ratio: &pairs.log_ratio[labels.clone()],
            weight: &pairs.weight[labels],
            pair_weight: &pairs.pair_weight[own.clone()],
        };
        let plan = scoring.plan_in_order(&own, instructions, execution)?;
        Ok(Step { plan, factors: own.pair_weight.iter().map(|weight| sign * weight).collect() })
    }
}

/// Pairs as the kernel reads them.
struct Step {
    plan: Plan,
    /// The weight of each pair, negative where its term is taken away.
    factors: Vec<f64>,
}

/// All steps of an update for a block of models; one number a model in each list.
struct Steps<'a> {
    steps: &'a [Step],
    block: &'a Block,
    interrupt: &'a Interrupt,
    total: &'a mut [f64],
    total_low: &'a mut [f64],
    magnitude: &'a mut [f64],
    largest_magnitude: &'a mut [f64],
}

impl Kernel for Steps<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self, simd: impl Simd) {
        let Self { steps, block, interrupt, total, total_low, magnitude, largest_magnitude } = self;
        let lists = total.chunks_mut(MODELS_AT_ONCE).zip(total_low.chunks_mut(MODELS_AT_ONCE));
        let lists = lists.zip(magnitude.chunks_mut(MODELS_AT_ONCE));
        let lists = lists.zip(largest_magnitude.chunks_mut(MODELS_AT_ONCE));
        for ((((total, total_low), magnitude), largest_magnitude), first) in lists.zip((0..).step_by(GROUPS_AT_ONCE)) {
            let [of_total, of_low, of_size] = [groups(total), groups(total_low), groups(magnitude)];
            let mut held = Held::<FMA>::new(of_total, of_low, of_size);
            for Step { plan, factors } in steps {
                held.factors = factors;
                ByPair::push_all(simd, plan, block, first, interrupt, &mut held);
            }
            let (mut now, mut largest) = (of_size, groups::<FMA>(largest_magnitude));
            for g in 0..GROUPS_AT_ONCE {
                now[g] = held.magnitude[g].value().max(Lanes::splat(0.0));
                largest[g] = now[g].max(largest[g]);
            }
            store(held.total, total);
            store(held.total_low, total_low);
            store(now, magnitude);
            store(largest, largest_magnitude);
        }
    }
}

/// Vectors of models whose totals are followed side by side: additions to one wait for each other.
const GROUPS_AT_ONCE: usize = 2;

const MODELS_AT_ONCE: usize = GROUPS_AT_ONCE * LANES;

/// A vector for each group at once.
type Groups<const FMA: bool> = terms::Groups<FMA, GROUPS_AT_ONCE>;

/// The totals of some models.
struct Held<'a, const FMA: bool> {
    total: Groups<FMA>,
    total_low: Groups<FMA>,
    magnitude: [Sum<FMA>; GROUPS_AT_ONCE],
    /// Of the terms to come.
    factors: &'a [f64],
}

impl<const FMA: bool> Held<'_, FMA> {
    #[inline(always)]
    fn new(total: Groups<FMA>, total_low: Groups<FMA>, size: Groups<FMA>) -> Self {
        let mut magnitude = [Sum::zero(); GROUPS_AT_ONCE];
        for g in 0..GROUPS_AT_ONCE {
            magnitude[g].add(size[g]);
        }
        Self { total, total_low, magnitude, factors: &[] }
    }
}

impl<const FMA: bool> Sink<FMA, GROUPS_AT_ONCE> for Held<'_, FMA> {
    /// Add `factor * log_density`, rounded to a float64, which a negative factor takes away.
    #[inline(always)]
    fn push(&mut self, log_density: Groups<FMA>) {
        let Some((&factor, others)) = self.factors.split_first() else { return };
        self.factors = others;
        let factor = Lanes::splat(factor);
        for (g, log_density) in log_density.into_iter().enumerate() {
            let (sum, error) = two_sum(self.total[g], log_density * factor);
            (self.total[g], self.total_low[g]) = two_sum(sum, self.total_low[g] + error);
            self.magnitude[g].add(log_density.abs() * factor);
        }
    }
}

/// A number for each of some models, and zeros.
#[inline(always)]
fn groups<const FMA: bool>(numbers: &[f64]) -> Groups<FMA> {
    let mut groups = [Lanes::splat(0.0); GROUPS_AT_ONCE];
    for (group, numbers) in groups.iter_mut().zip(numbers.chunks(LANES)) {
        group.0[..numbers.len()].copy_from_slice(numbers);
    }
    groups
}

/// Put the numbers back.
#[inline(always)]
fn store<const FMA: bool>(groups: Groups<FMA>, numbers: &mut [f64]) {
    for (group, numbers) in groups.iter().zip(numbers.chunks_mut(LANES)) {
        numbers.copy_from_slice(&group.0[..numbers.len()]);
    }
}
