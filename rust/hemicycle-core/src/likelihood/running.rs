//! Totals that follow the jury: a pair whose labels change is scored as it was and as it is, no other pair at all.
//!
//! The term of a pair, `c_n log p_n`, is a float64 that depends on the labels of this pair, the model, sigma and `rtol`
//! alone, so what is taken away later is the very number that was added. Totals are kept in double-double: a step errs by
//! some `2^-104` of the total, and not at all while the terms of a model span fewer than 106 bits. Pairs with many labels
//! have tables, in batches that never reach the limit on the memory of all of them: that would couple pairs.

use std::f64::consts::LN_2;
use std::ops::Range;

use rayon::prelude::*;

use crate::error::Result;
use crate::judgments::{Pairs, check_length};
use crate::kernels::{InstructionSet, Kernel, LANES, Lanes, Simd, Sum, each_lane, ln, two_sum};
use crate::parallel::{Execution, Interrupt};
use crate::pool::{BLOCK, Block, GROUPS, Logit, Pool};

use super::plan::{Kind, Mixture, Plan, Run};
use super::tabulated::{Tables, Tabulated, batches};
use super::terms::{Careful, Close, Density, Difference, Two, Wide};
use super::{Likelihood, check_inputs, check_sigma};

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
/// As [`super::log_likelihood`]; lists of `running` of another length than `n_models`.
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
            execution.interrupt.check()?;
            block.load_items(pool, index * BLOCK, items)?;
            let interrupt = &execution.interrupt;
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
        let Scoring { likelihood, sigma, rtol } = scoring;
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
        let tables = Tables::new(&own, likelihood, sigma, rtol, instructions, execution)?;
        let plan = Plan::in_order(&own, likelihood, sigma, tables);
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
        let mut held = [Held::<FMA>::empty(); GROUPS];
        for (g, held) in held.iter_mut().enumerate() {
            *held = Held { total: lanes(total, g), total_low: lanes(total_low, g), magnitude: Sum::zero() };
            held.magnitude.add(lanes(magnitude, g));
        }
        for Step { plan, factors } in steps {
            add_terms(simd, &mut held, plan, factors, block, interrupt);
        }
        for (g, held) in held.iter().enumerate() {
            let now = held.magnitude.value().max(Lanes::splat(0.0));
            let largest = now.max(lanes(largest_magnitude, g));
            store(held.total, total, g);
            store(held.total_low, total_low, g);
            store(now, magnitude, g);
            store(largest, largest_magnitude, g);
        }
    }
}

/// The totals of eight models.
#[derive(Clone, Copy)]
struct Held<const FMA: bool> {
    total: Lanes<FMA>,
    total_low: Lanes<FMA>,
    magnitude: Sum<FMA>,
}

impl<const FMA: bool> Held<FMA> {
    #[inline(always)]
    fn empty() -> Self {
        Self { total: Lanes::splat(0.0), total_low: Lanes::splat(0.0), magnitude: Sum::zero() }
    }

    /// Add `factor * log_density`, rounded to a float64, which a negative factor takes away.
    #[inline(always)]
    fn add(&mut self, log_density: Lanes<FMA>, factor: f64) {
        let factor = Lanes::splat(factor);
        let (sum, error) = two_sum(self.total, log_density * factor);
        (self.total, self.total_low) = two_sum(sum, self.total_low + error);
        let size: Lanes<FMA> = each_lane!(i => log_density.0[i].abs());
        self.magnitude.add(size * factor);
    }
}

/// Add the terms of all pairs of a step.
#[inline(always)]
fn add_terms<const FMA: bool>(
    simd: impl Simd,
    held: &mut [Held<FMA>; GROUPS],
    plan: &Plan,
    factors: &[f64],
    block: &Block,
    interrupt: &Interrupt,
) {
    let mut first_term = 0;
    for run in &plan.runs {
        let Run { kind, first, last, .. } = *run;
        let range = first_term..first_term + (last - first);
        let (constants, factors) = (&plan.constants[range.clone()], &factors[range.clone()]);
        let terms = Terms { simd, plan, block, interrupt, constants, factors };
        match kind {
            Kind::Square => terms.add_squares(held, &plan.squares[first..last]),
            Kind::CarefulSquare => terms.add_squares(held, &plan.careful_squares[first..last]),
            Kind::Two => terms.add_mixtures::<FMA, Two>(held, &plan.mixtures[first..last]),
            Kind::Close => terms.add_mixtures::<FMA, Close>(held, &plan.mixtures[first..last]),
            Kind::Wide => terms.add_mixtures::<FMA, Wide>(held, &plan.mixtures[first..last]),
            Kind::Careful => terms.add_mixtures::<FMA, Careful>(held, &plan.mixtures[first..last]),
            Kind::Tabulated => terms.add_tables(held, &plan.tables[first..last]),
        }
        first_term = range.end;
    }
}

/// What the terms of a run have in common, and their constants and factors.
struct Terms<'a, S> {
    simd: S,
    plan: &'a Plan,
    block: &'a Block,
    interrupt: &'a Interrupt,
    constants: &'a [f64],
    factors: &'a [f64],
}

impl<S: Simd> Terms<'_, S> {
    #[inline(always)]
    fn add_squares<const FMA: bool>(&self, held: &mut [Held<FMA>; GROUPS], pairs: &[impl Difference]) {
        for ((pair, &constant), &factor) in pairs.iter().zip(self.constants).zip(self.factors) {
            if self.interrupt.is_raised() {
                return;
            }
            for (g, held) in held.iter_mut().enumerate() {
                let z = pair.difference(self.block, g);
                held.add(Lanes::splat(constant) - z * z, factor);
            }
        }
    }

    #[inline(always)]
    fn add_mixtures<const FMA: bool, D: Density>(&self, held: &mut [Held<FMA>; GROUPS], pairs: &[Mixture]) {
        for ((pair, &constant), &factor) in pairs.iter().zip(self.constants).zip(self.factors) {
            if self.interrupt.is_raised() {
                return;
            }
            for (g, held) in held.iter_mut().enumerate() {
                let ([h], [sum]) = D::densities(self.simd, self.plan, self.block, pair, g);
                held.add(Lanes::splat(constant) + (ln(sum) - h * Lanes::splat(LN_2)), factor);
            }
        }
    }

    #[inline(always)]
    fn add_tables<const FMA: bool>(&self, held: &mut [Held<FMA>; GROUPS], pairs: &[Tabulated]) {
        for (pair, &factor) in pairs.iter().zip(self.factors) {
            if self.interrupt.is_raised() {
                return;
            }
            for (g, held) in held.iter_mut().enumerate() {
                held.add(pair.log_density(self.simd, self.block, g), factor);
            }
        }
    }
}

/// The numbers of group `g` of a block; 0 past the end.
#[inline(always)]
fn lanes<const FMA: bool>(list: &[f64], g: usize) -> Lanes<FMA> {
    let mut lanes = [0.0; LANES];
    let start = (g * LANES).min(list.len());
    let end = (start + LANES).min(list.len());
    lanes[..end - start].copy_from_slice(&list[start..end]);
    Lanes(lanes)
}

/// Put the numbers of group `g` back.
#[inline(always)]
fn store<const FMA: bool>(lanes: Lanes<FMA>, list: &mut [f64], g: usize) {
    let start = (g * LANES).min(list.len());
    let end = (start + LANES).min(list.len());
    list[start..end].copy_from_slice(&lanes.0[..end - start]);
}
