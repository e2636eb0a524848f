//! The Euclidean projection of many values onto the simplex, found as one number: what to subtract before clipping.

use rayon::prelude::*;

/// Values of one partial sum.
const LEAF: usize = 8192;
/// More Newton steps than any input needs: the steps are monotone and finite.
const MAX_STEPS: usize = 200;

/// The level t with `sum max(0, v - t) = 1`, searched by Newton's method from `start`.
pub(super) fn threshold(values: &[f64], start: f64) -> f64 {
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
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

/// The sum of what rises above `level`, and how many values do.
fn mass_above(values: &[f64], level: f64) -> (f64, f64) {
    let leaf = |values: &[f64]| {
        values
            .iter()
            .filter(|&&value| value > level)
            .fold((0.0, 0.0), |(mass, n), value| (mass + (value - level), n + 1.0))
    };
    let leaves: Vec<(f64, f64)> = values.par_chunks(LEAF).map(leaf).collect();
    leaves.iter().fold((0.0, 0.0), |(mass, n), leaf| (mass + leaf.0, n + leaf.1))
}

/// The projection itself.
pub(super) fn clip(values: &[f64], level: f64) -> Vec<f64> {
    values.par_iter().with_min_len(LEAF).map(|value| (value - level).max(0.0)).collect()
}

/// `a . b` in leaves of constant size.
pub(super) fn long_dot(a: &[f64], b: &[f64]) -> f64 {
    let leaves: Vec<f64> =
        a.par_chunks(LEAF).zip(b.par_chunks(LEAF)).map(|(a, b)| crate::least_squares::lanes::dot(a, b)).collect();
    leaves.iter().sum()
}
