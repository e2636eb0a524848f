//! What models would add to the score: passes over the densities, exponentiated as they are read and kept nowhere. Models
//! that a bound rules out are not read again.

use rayon::prelude::*;

use super::observations::{Scale, models_at_once};
use super::source::LogDensities;
use crate::error::Result;
use crate::kernels::{InstructionSet, Kernel, LANES, Lanes, Simd, exp};
use crate::parallel::Execution;

/// Room for the rounding of bounds, relative.
const ROUNDING: f64 = 1e-10;

/// The part of the models above which all are priced, and known better from then on.
const MANY: f64 = 0.25;

/// Multiples of the last known prices that bounds are built on: this many between the least and the largest growth.
const MULTIPLES: i32 = 16;

/// Prices of models, `sum_n p_dn ratio_n`, and what they were when all were read.
pub struct Pricing<'a, S> {
    source: &'a S,
    scale: &'a Scale,
    execution: &'a Execution,
    /// The price of every model at `ratio`; both empty before the first pass.
    known: Vec<f64>,
    ratio: Vec<f64>,
    /// Passes over all models, in parts of them.
    pub passes: f64,
}

/// Some models, ascending, and their prices; those of all others are below a floor.
pub struct Prices {
    /// The models.
    pub models: Vec<usize>,
    /// Their prices.
    pub values: Vec<f64>,
}

impl Prices {
    /// How far the highest is above 1: if the prices are those of a mixture and all that reach 1 are there, its score is at most
    /// this far from the best.
    pub fn gap(&self) -> f64 {
        let larger = |a: f64, b: f64| if b > a || b.is_nan() { b } else { a };
        self.values.iter().copied().fold(1.0, larger) - 1.0
    }
}

impl<'a, S: LogDensities> Pricing<'a, S> {
    /// Nothing is priced yet.
    pub fn new(source: &'a S, scale: &'a Scale, execution: &'a Execution) -> Self {
        Self { source, scale, execution, known: Vec::new(), ratio: Vec::new(), passes: 1.0 }
    }

    /// The prices of all models that may be worth `floor` or more at `ratio`; a gap that is NaN where the mixture gives an
    /// observation no density, and bounds of it none.
    ///
    /// # Errors
    /// What the source cannot make; [`crate::Error::Interrupted`].
    pub fn above(&mut self, ratio: &[f64], floor: f64) -> Result<Prices> {
        if !ratio.iter().all(|ratio| ratio.is_finite()) {
            return Ok(Prices { models: vec![0], values: vec![f64::NAN] });
        }
        let n_models = self.source.n_models();
        let least = if self.known.is_empty() { f64::NEG_INFINITY } else { least_known(&self.ratio, ratio, floor) };
        let models: Vec<usize> = match least > f64::NEG_INFINITY {
            true => (0..n_models).filter(|&d| self.known[d] >= least).collect(),
            false => (0..n_models).collect(),
        };
        if models.len() as f64 > MANY * n_models as f64 {
            let all: Vec<usize> = (0..n_models).collect();
            self.known = self.price(&all, ratio)?;
            self.ratio = ratio.to_vec();
            return Ok(Prices { models: all, values: self.known.clone() });
        }
        let values = self.price(&models, ratio)?;
        Ok(Prices { models, values })
    }

    /// `sum_n p_dn^2 curvature_n` of these models, ascending.
    ///
    /// # Errors
    /// As [`Self::above`].
    pub fn squares(&self, models: &[usize], curvature: &[f64]) -> Result<Vec<f64>> {
        let mut squares = vec![0.0; models.len()];
        let instructions = InstructionSet::detect();
        self.by_block(models, &mut squares, 1, |rows, prices| {
            instructions.run(Price::<true> { rows, shift: &self.scale.shift, ratio: curvature, prices });
        })?;
        Ok(squares)
    }

    /// The largest price at `ratio` of a model that is not among `others`, ascending, if there is such a model.
    ///
    /// # Errors
    /// As [`Self::above`].
    pub fn next(&mut self, ratio: &[f64], others: &[usize]) -> Result<Option<f64>> {
        let n_models = self.source.n_models();
        let is_other = |d: &usize| others.binary_search(d).is_err();
        let best = (0..n_models).filter(is_other).max_by(|&d, &e| self.known[d].total_cmp(&self.known[e]));
        let Some(best) = best else { return Ok(None) };
        let floor = self.price(&[best], ratio)?[0];
        let Prices { models, values } = self.above(ratio, floor)?;
        let priced = models.iter().zip(values).filter(|(d, _)| is_other(d));
        Ok(Some(priced.map(|(_, value)| value).fold(floor, f64::max)))
    }

    /// The prices of these models, ascending.
    ///
    /// # Errors
    /// As [`Self::above`].
    pub fn price(&mut self, models: &[usize], ratio: &[f64]) -> Result<Vec<f64>> {
        self.passes += models.len() as f64 / self.source.n_models() as f64;
        let mut prices = vec![0.0; models.len()];
        let instructions = InstructionSet::detect();
        self.by_block(models, &mut prices, 1, |rows, prices| {
            instructions.run(Price::<false> { rows, shift: &self.scale.shift, ratio, prices });
        })?;
        Ok(prices)
    }

    /// The densities of these models for the observations that count, scaled by the best one of each: one row a model.
    ///
    /// # Errors
    /// As [`Self::above`].
    pub fn densities(&self, models: &[usize]) -> Result<Vec<f64>> {
        let n = self.scale.shift.len();
        let mut densities = vec![0.0; models.len() * n];
        let instructions = InstructionSet::detect();
        self.by_block(models, &mut densities, n, |rows, out| {
            instructions.run(Densities { rows, shift: &self.scale.shift, out });
        })?;
        Ok(densities)
    }

    /// Call `work` with the rows of some models and their part of `out`, `width` values each.
    fn by_block(
        &self,
        models: &[usize],
        out: &mut [f64],
        width: usize,
        work: impl Fn(&[f64], &mut [f64]) + Sync,
    ) -> Result<()> {
        let n = self.source.n_observations();
        let at_once = models_at_once(n);
        out.par_chunks_mut(at_once * width).zip(models.par_chunks(at_once)).try_for_each_init(
            || (self.source.room(), Vec::new()),
            |(room, kept), (mut out, models)| {
                for run in models.chunk_by(|a, b| a + 1 == *b) {
                    let (here, rest) = out.split_at_mut(run.len() * width);
                    let rows = self.source.rows(run[0]..run[run.len() - 1] + 1, room, &self.execution.interrupt)?;
                    work(self.scale.of_rows(rows, n, kept), here);
                    out = rest;
                }
                Ok(())
            },
        )
    }
}

/// What a model's price at `before` is at least where it is `floor` or more at `now`: for any c it is at most c times that at
/// `before` plus the sum of what `now` has beyond c times `before`, since densities are at most 1.
fn least_known(before: &[f64], now: &[f64], floor: f64) -> f64 {
    let growth = now.iter().zip(before).map(|(now, before)| now / before).fold(0.0, f64::max);
    let beyond = |c: f64| now.iter().zip(before).map(|(now, before)| (now - c * before).max(0.0)).sum::<f64>();
    let least = |k: i32| {
        let c = growth.powf(f64::from(k) / f64::from(MULTIPLES));
        (floor - if k == MULTIPLES { 0.0 } else { beyond(c) }) / c * (1.0 - ROUNDING)
    };
    (0..=MULTIPLES).map(least).fold(f64::NEG_INFINITY, f64::max)
}

/// The price of every row: its densities, or their squares, times a ratio.
struct Price<'a, const SQUARED: bool> {
    rows: &'a [f64],
    shift: &'a [f64],
    ratio: &'a [f64],
    prices: &'a mut [f64],
}

impl<const SQUARED: bool> Kernel for Price<'_, SQUARED> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self, simd: impl Simd) {
        let n = self.shift.len();
        let (shifts, last_shift) = self.shift.as_chunks::<LANES>();
        let (ratios, last_ratio) = self.ratio.as_chunks::<LANES>();
        for (row, price) in self.rows.chunks_exact(n).zip(self.prices) {
            let (values, last) = row.as_chunks::<LANES>();
            let mut sum = Lanes::<FMA>::splat(0.0);
            for ((value, shift), ratio) in values.iter().zip(shifts).zip(ratios) {
                let density = exp(simd, Lanes(*value) - Lanes(*shift));
                let factor = if SQUARED { density * Lanes(*ratio) } else { Lanes(*ratio) };
                sum = density.mul_add(factor, sum);
            }
            let density = exp::<FMA>(simd, padded(last) - padded_zero(last_shift));
            let ratio = padded_zero(last_ratio);
            sum = density.mul_add(if SQUARED { density * ratio } else { ratio }, sum);
            let [a, b, c, d, e, f, g, h] = sum.0;
            *price = ((a + e) + (c + g)) + ((b + f) + (d + h));
        }
    }
}

/// The density of every entry of some rows.
struct Densities<'a> {
    rows: &'a [f64],
    shift: &'a [f64],
    out: &'a mut [f64],
}

impl Kernel for Densities<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self, simd: impl Simd) {
        let n = self.shift.len();
        let (shifts, last_shift) = self.shift.as_chunks::<LANES>();
        for (row, out) in self.rows.chunks_exact(n).zip(self.out.chunks_exact_mut(n)) {
            let (values, last) = row.as_chunks::<LANES>();
            let (outs, last_out) = out.as_chunks_mut::<LANES>();
            for ((value, shift), out) in values.iter().zip(shifts).zip(outs) {
                *out = exp::<FMA>(simd, Lanes(*value) - Lanes(*shift)).0;
            }
            let density = exp::<FMA>(simd, padded(last) - padded_zero(last_shift));
            last_out.copy_from_slice(&density.0[..last_out.len()]);
        }
    }
}

/// Fewer than eight values and -inf.
#[inline(always)]
fn padded<const FMA: bool>(values: &[f64]) -> Lanes<FMA> {
    let mut lanes = [f64::NEG_INFINITY; LANES];
    lanes[..values.len()].copy_from_slice(values);
    Lanes(lanes)
}

/// Fewer than eight values and zeros.
#[inline(always)]
fn padded_zero<const FMA: bool>(values: &[f64]) -> Lanes<FMA> {
    let mut lanes = [0.0; LANES];
    lanes[..values.len()].copy_from_slice(values);
    Lanes(lanes)
}
