//! Classes: models whose predictions are equal, to what a logarithm or a softmax of their author's leaves of them.

use rayon::prelude::*;

use crate::error::Result;
use crate::kernels::{InstructionSet, Kernel, LANES, Lanes, Simd};
use crate::parallel::{Execution, sort};
use crate::pool::{BLOCK, Block, GROUPS, Logit, Pool};

use super::geometry::Geometry;
use super::random::Stream;

/// Differences of logits up to this are none.
const EQUAL: f64 = 1e-9;

/// How often a set of models is looked through for gaps. A chain of models that takes more, each within [`EQUAL`] of
/// the next, is one class: nobody's but the author's of all of them.
const SWEEPS: usize = 4;

/// Models by class, in an order that does not depend on the order of the models.
#[derive(Debug)]
pub(super) struct Classes {
    /// Class of each model.
    pub(super) of_model: Vec<u32>,
    /// The first model of each class.
    pub(super) representative: Vec<usize>,
}

impl Classes {
    /// Two models are in different classes where a gap of more than [`EQUAL`] lies between them, in the logit of some
    /// judged item relative to the reference item of its component.
    pub(super) fn new<T: Logit>(pool: &Pool<'_, T>, geometry: &Geometry, execution: &Execution) -> Result<Self> {
        let (mut listed, gap) = mixtures(pool, geometry, execution)?;
        sort(&mut listed, &execution.interrupt, |x, y| x.0.total_cmp(&y.0).then(x.1.cmp(&y.1)))?;
        let candidates: Vec<_> = listed.chunk_by(|x, y| y.0 - x.0 <= gap).filter(|models| models.len() > 1).collect();
        let blocks = candidates.par_iter().map(|candidates| {
            execution.interrupt.check()?;
            let models = candidates.iter().map(|&(_, model)| model).collect();
            Ok(split(pool, geometry, models, SWEEPS))
        });
        let mut blocks = blocks.collect::<Result<Vec<_>>>()?.into_iter();
        let mut classes = Self { of_model: vec![0; pool.n_models], representative: vec![] };
        for models in listed.chunk_by(|x, y| y.0 - x.0 <= gap) {
            if let [(_, model)] = models {
                classes.add(&[*model]);
            } else {
                blocks.next().unwrap_or_default().iter().for_each(|models| classes.add(models));
            }
        }
        Ok(classes)
    }

    fn add(&mut self, models: &[u32]) {
        let class = self.representative.len() as u32;
        models.iter().for_each(|&model| self.of_model[model as usize] = class);
        self.representative.extend(models.iter().min().map(|&model| model as usize));
    }

    /// Number of classes.
    pub(super) fn len(&self) -> usize {
        self.representative.len()
    }

    /// Number of models of each class.
    pub(super) fn sizes(&self) -> Vec<u32> {
        let mut sizes = vec![0; self.len()];
        self.of_model.iter().for_each(|&class| sizes[class as usize] += 1);
        sizes
    }
}

/// One number of each model, near for models that are near, with the model; and how far equal models may be apart.
fn mixtures<T: Logit>(
    pool: &Pool<'_, T>,
    geometry: &Geometry,
    execution: &Execution,
) -> Result<(Vec<(f64, u32)>, f64)> {
    let mut stream = Stream::of([geometry.seed]);
    let factors: Vec<f64> = geometry.differences.iter().map(|_| 0.5 + stream.uniform()).collect();
    let mut values = vec![0.0; pool.n_models];
    let instructions = InstructionSet::detect();
    values.par_chunks_mut(BLOCK).enumerate().try_for_each_init(
        || Block::new(geometry.items.len()),
        |block, (index, out)| {
            block.load_items(pool, index * BLOCK, &geometry.items, &execution.interrupt)?;
            instructions.run(Mixtures { block, geometry, factors: &factors, out });
            Ok(())
        },
    )?;
    let listed = values.into_iter().zip(0..).collect();
    Ok((listed, EQUAL * factors.iter().sum::<f64>()))
}

/// The mixtures of the models of a block.
struct Mixtures<'a> {
    block: &'a Block,
    geometry: &'a Geometry,
    factors: &'a [f64],
    out: &'a mut [f64],
}

impl Kernel for Mixtures<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self, _: impl Simd) {
        let mut sums = [Lanes::<FMA>::splat(0.0); GROUPS];
        for (&(item, reference), &factor) in self.geometry.differences.iter().zip(self.factors) {
            for (g, sum) in sums.iter_mut().enumerate() {
                let difference = self.block.logits::<FMA>(item, g) - self.block.logits::<FMA>(reference, g);
                *sum = difference.mul_add(Lanes::splat(factor), *sum);
            }
        }
        for (out, sum) in self.out.chunks_mut(LANES).zip(sums) {
            out.copy_from_slice(&sum.0[..out.len()]);
        }
    }
}

/// Split a set of models wherever a coordinate has a gap.
fn split<T: Logit>(pool: &Pool<'_, T>, geometry: &Geometry, models: Vec<u32>, sweeps: usize) -> Vec<Vec<u32>> {
    if models.len() == 1 || sweeps == 0 {
        return vec![models];
    }
    let wide = wide(pool, geometry, &models);
    let mut blocks = vec![models];
    for difference in wide {
        let difference_of = |model: u32| pool.difference(geometry, model as usize, difference);
        blocks = blocks.into_iter().flat_map(|models| split_at_gaps(models, difference_of)).collect();
    }
    if blocks.len() == 1 {
        return blocks;
    }
    blocks.into_iter().flat_map(|models| split(pool, geometry, models, sweeps - 1)).collect()
}

/// The coordinates in which not all of the models are equal.
fn wide<T: Logit>(pool: &Pool<'_, T>, geometry: &Geometry, models: &[u32]) -> Vec<usize> {
    let n = geometry.differences.len();
    let mut ends = vec![(f64::INFINITY, f64::NEG_INFINITY); n];
    for &model in models {
        for (difference, (low, high)) in ends.iter_mut().enumerate() {
            let value = pool.difference(geometry, model as usize, difference);
            (*low, *high) = (low.min(value), high.max(value));
        }
    }
    (0..n).filter(|&difference| ends[difference].1 - ends[difference].0 > EQUAL).collect()
}

fn split_at_gaps(models: Vec<u32>, value: impl Fn(u32) -> f64) -> Vec<Vec<u32>> {
    if models.len() == 1 {
        return vec![models];
    }
    let mut listed: Vec<(f64, u32)> = models.into_iter().map(|model| (value(model), model)).collect();
    listed.sort_unstable_by(|x, y| x.0.total_cmp(&y.0).then(x.1.cmp(&y.1)));
    let blocks = listed.chunk_by(|x, y| y.0 - x.0 <= EQUAL);
    blocks.map(|block| block.iter().map(|&(_, model)| model).collect()).collect()
}

impl<T: Logit> Pool<'_, T> {
    /// The logit of a judged item relative to its reference item.
    fn difference(&self, geometry: &Geometry, model: usize, difference: usize) -> f64 {
        let (item, reference) = geometry.differences[difference];
        let logit = |place: u32| self.logit(model, geometry.items[place as usize] as usize);
        logit(item) - logit(reference)
    }
}
