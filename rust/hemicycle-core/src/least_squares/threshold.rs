//! The Euclidean projection of many values onto the simplex, found as one number: what to subtract before clipping.

use pulp::NullaryFnOnce;
use rayon::prelude::*;

use crate::lanes::{LANES, dot, total, vectorised};

/// Values of one partial sum.
const LEAF: usize = 8192;
/// More Newton steps than any input needs: the steps are monotone and finite.
const MAX_STEPS: usize = 200;

/// The level t with `sum max(0, v - t) = 1`, searched by Newton's method from `start`.
pub(super) fn threshold(values: &[f64], start: f64) -> f64 {
    let largest = largest(values);
    let mut level = start.min(largest - 1.0 / values.len() as f64).max(largest - 1.0);
    let mut below = false;
    for _ in 0..MAX_STEPS {
        let (mass, count) = mass_above(values, level);
        let next = level + (mass - 1.0) / count.max(1.0);
        // The mass is convex and falls with the level, so after one step every step moves up.
        if next == level || (below && next < level) {
            break;
        }
        (level, below) = (next, true);
    }
    level
}

fn largest(values: &[f64]) -> f64 {
    let leaves: Vec<f64> = values.par_chunks(LEAF).map(|values| vectorised(Largest(values))).collect();
    leaves.into_iter().fold(f64::NEG_INFINITY, f64::max)
}

struct Largest<'a>(&'a [f64]);

impl NullaryFnOnce for Largest<'_> {
    type Output = f64;

    #[inline(always)]
    fn call(self) -> f64 {
        let mut largest = [f64::NEG_INFINITY; LANES];
        let (head, tail) = self.0.as_chunks::<LANES>();
        for values in head {
            for lane in 0..LANES {
                largest[lane] = if values[lane] > largest[lane] { values[lane] } else { largest[lane] };
            }
        }
        largest.iter().chain(tail).copied().fold(f64::NEG_INFINITY, f64::max)
    }
}

/// The sum of what rises above `level`, and how many values do.
fn mass_above(values: &[f64], level: f64) -> (f64, f64) {
    let leaf = |values| vectorised(MassAbove { values, level });
    let leaves: Vec<(f64, f64)> = values.par_chunks(LEAF).map(leaf).collect();
    leaves.iter().fold((0.0, 0.0), |(mass, n), leaf| (mass + leaf.0, n + leaf.1))
}

struct MassAbove<'a> {
    values: &'a [f64],
    level: f64,
}

impl NullaryFnOnce for MassAbove<'_> {
    type Output = (f64, f64);

    #[inline(always)]
    fn call(self) -> (f64, f64) {
        let (mut mass, mut count) = ([0.0; LANES], [0.0; LANES]);
        let (head, tail) = self.values.as_chunks::<LANES>();
        for values in head {
            for lane in 0..LANES {
                let above = values[lane] > self.level;
                mass[lane] += if above { values[lane] - self.level } else { 0.0 };
                count[lane] += if above { 1.0 } else { 0.0 };
            }
        }
        let above = tail.iter().filter(|&&value| value > self.level);
        above.fold((total(&mass), total(&count)), |(mass, n), value| (mass + (value - self.level), n + 1.0))
    }
}

/// The projection itself.
pub(super) fn clip(values: &[f64], level: f64) -> Vec<f64> {
    values.par_iter().with_min_len(LEAF).map(|value| (value - level).max(0.0)).collect()
}

/// `a . b` in leaves of constant size.
pub(super) fn long_dot(a: &[f64], b: &[f64]) -> f64 {
    let leaves: Vec<f64> = a.par_chunks(LEAF).zip(b.par_chunks(LEAF)).map(|(a, b)| vectorised(Dot(a, b))).collect();
    leaves.iter().sum()
}

struct Dot<'a>(&'a [f64], &'a [f64]);

impl NullaryFnOnce for Dot<'_> {
    type Output = f64;

    #[inline(always)]
    fn call(self) -> f64 {
        dot(self.0, self.1)
    }
}
