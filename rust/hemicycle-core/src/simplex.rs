//! The probability simplex: exact Euclidean projection onto it, and the last step of every solver, weights that sum
//! to 1 to the last bit.

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::kernels::{InstructionSet, Kernel, LANES, Lanes, Simd, Sum};
use crate::parallel::Execution;

/// Values that one task projects at least; constant, though nothing here depends on it but the speed.
const CHUNK: usize = 1 << 15;

/// Rounds of thinning out before what is left is halved instead: an input made to be thinned one value a round stays fast.
const ROUNDS: usize = 8;

/// Sum of finite values with the rounding errors added back: the error is one rounding of the result, whatever the
/// number of values (for values of one sign).
///
/// Source: Neumaier (1974), Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen.
///
/// ```
/// assert_eq!(hemicycle_core::simplex::compensated_sum(&[1.0, 1e-16, 1e-16]), 1.0 + 2.220446049250313e-16);
/// ```
#[must_use]
pub fn compensated_sum(values: &[f64]) -> f64 {
    let (vectors, rest) = values.as_chunks::<LANES>();
    if vectors.len() < LANES {
        return sum_of(&[values]);
    }
    let (high, low) = InstructionSet::detect().run(SumOfLanes(vectors));
    sum_of(&[&high, rest, &low])
}

/// The same, one value after another.
fn sum_of(parts: &[&[f64]]) -> f64 {
    let mut sum = 0.0_f64;
    let mut lost = 0.0_f64;
    for &value in parts.iter().copied().flatten() {
        let next = sum + value;
        lost += if sum.abs() >= value.abs() { (sum - next) + value } else { (value - next) + sum };
        sum = next;
    }
    sum + lost
}

/// The sum of each lane, and what rounding took from it. Additions alone: every instruction set gives the same bits.
struct SumOfLanes<'a>(&'a [[f64; LANES]]);

impl Kernel for SumOfLanes<'_> {
    type Output = ([f64; LANES], [f64; LANES]);

    #[inline(always)]
    fn run<const FMA: bool>(self, _: impl Simd) -> Self::Output {
        let mut sum = Sum::<FMA>::zero();
        for &vector in self.0 {
            sum.add(Lanes(vector));
        }
        sum.parts()
    }
}

/// Divide non-negative values, not all 0, by their sum. Their exact sum is then within 2^-52 of 1 (one rounding of the
/// sum and one of each quotient), and equal values stay equal.
pub fn normalise(weights: &mut [f64]) {
    let sum = compensated_sum(weights);
    for weight in weights {
        *weight /= sum;
    }
}

/// The nearest point of the simplex to each row of `v`, which has `length` columns, row-major.
///
/// Source: Michelot (1986), A finite algorithm for finding the projection of a point onto the canonical simplex of
/// R^n, doi:10.1007/BF00938486. Every row is shifted by its maximum first, so a common offset costs no digit that the
/// differences still have. Linear time: a few rounds of thinning out, then halving around medians.
///
/// # Errors
/// [`Error::Shape`] if `length` is 0 or does not divide the number of values, [`Error::NonFinite`] for NaN and
/// infinities, [`Error::Interrupted`].
///
/// ```
/// use hemicycle_core::{Execution, simplex::project_simplex};
/// let nearest = project_simplex(&[2.0, 1.5, 0.0], 3, &Execution::default())?;
/// assert_eq!(nearest, [0.75, 0.25, 0.0]);
/// # Ok::<(), hemicycle_core::Error>(())
/// ```
pub fn project_simplex(v: &[f64], length: usize, execution: &Execution) -> Result<Vec<f64>> {
    if length == 0 || !v.len().is_multiple_of(length) {
        return Err(Error::Shape {
            what: "v",
            expected: "rows of at least one value".into(),
            got: format!("{} values in rows of {length}", v.len()),
        });
    }
    if let Some(index) = v.iter().position(|value| !value.is_finite()) {
        return Err(Error::NonFinite { what: "v", position: vec![index / length, index % length], value: v[index] });
    }
    let mut projected = vec![0.0; v.len()];
    let chunk = length * (CHUNK / length).max(1);
    projected.par_chunks_mut(chunk).zip(v.par_chunks(chunk)).try_for_each(|(nearest, given)| {
        execution.interrupt.check()?;
        let mut active = Vec::new();
        for (nearest, given) in nearest.chunks_exact_mut(length).zip(given.chunks_exact(length)) {
            project(given, nearest, &mut active);
        }
        Ok(())
    })?;
    Ok(projected)
}

/// Project one vector; `active` is scratch space.
fn project(v: &[f64], nearest: &mut [f64], active: &mut Vec<f64>) {
    if v.iter().all(|&value| value >= 0.0) && (compensated_sum(v) - 1.0).abs() <= f64::EPSILON / 2.0 {
        nearest.copy_from_slice(v);
        return;
    }
    let largest = v.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    active.clear();
    active.extend(v.iter().map(|value| value - largest).filter(|&value| value > -1.0));
    let threshold = threshold(active);
    active.iter_mut().for_each(|value| *value -= threshold);
    let excess = (compensated_sum(active) - 1.0) / active.len() as f64; // what rounding the threshold left
    for (weight, value) in nearest.iter_mut().zip(v) {
        *weight = (((value - largest) - threshold) - excess).max(0.0);
    }
    normalise(nearest);
}

/// The number t with sum of max(value - t, 0) = 1, for values whose maximum is 0. Values at or below t are removed.
fn threshold(active: &mut Vec<f64>) -> f64 {
    let mut round = 0;
    loop {
        if round == ROUNDS {
            keep_above_threshold(active);
        }
        let threshold = (compensated_sum(active) - 1.0) / active.len() as f64;
        let before = active.len();
        active.retain(|&value| value > threshold);
        if active.len() == before {
            return threshold;
        }
        round += 1;
    }
}

/// Keep the values that are above the threshold which they define together, found by halving: the larger half of what is
/// left either all belongs to them, or all others do not.
fn keep_above_threshold(active: &mut Vec<f64>) {
    let (mut kept, mut end) = (0, active.len());
    let mut sum = 0.0;
    while kept < end {
        let middle = (end - kept) / 2;
        let (larger, &mut value, _) = active[kept..end].select_nth_unstable_by(middle, |a, b| b.total_cmp(a));
        let with = sum + larger.iter().sum::<f64>() + value;
        if value * (kept + middle + 1) as f64 > with - 1.0 {
            sum = with;
            kept += middle + 1;
        } else {
            end = kept + middle;
        }
    }
    active.truncate(kept.max(1));
}

#[cfg(test)]
mod tests {
    use super::{compensated_sum, keep_above_threshold, normalise, project_simplex, threshold};
    use crate::Execution;

    fn nearest(v: &[f64]) -> Vec<f64> {
        project_simplex(v, v.len(), &Execution::default()).expect("finite")
    }

    #[test]
    fn offsets_do_not_matter_while_differences_are_exact() {
        assert_eq!(nearest(&[(1_u64 << 40) as f64, ((1_u64 << 40) + 1) as f64]), [0.0, 1.0]);
        assert_eq!(nearest(&[1e300, 1e300]), [0.5, 0.5]);
        assert_eq!(nearest(&[f64::MAX, -f64::MAX]), [1.0, 0.0]);
    }

    #[test]
    fn one_value_gets_everything() {
        assert_eq!(nearest(&[-7.0]), [1.0]);
    }

    #[test]
    fn thinning_out_and_halving_find_the_same_threshold() {
        let mut seed = 7_u64;
        for length in 1..300 {
            let mut values: Vec<f64> = (0..length).map(|_| -(uniform(&mut seed) / f64::from(length))).collect();
            values[0] = 0.0;
            let mut halved = values.clone();
            keep_above_threshold(&mut halved);
            let by_halving = (compensated_sum(&halved) - 1.0) / halved.len() as f64;
            assert!((threshold(&mut values) - by_halving).abs() < 1e-15);
            assert_eq!(values.len(), halved.len());
        }
    }

    fn uniform(seed: &mut u64) -> f64 {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        8.0 * (*seed >> 11) as f64 / (1_u64 << 53) as f64
    }

    #[test]
    fn a_long_vector_loses_no_digit() {
        let values: Vec<f64> = (0..5000).map(|k| if k == 0 { 0.0 } else { -0.5 - 1e-9 * f64::from(k % 7) }).collect();
        let weights = nearest(&values);
        assert!((compensated_sum(&weights) - 1.0).abs() <= f64::EPSILON);
        for (value, weight) in values.iter().zip(&weights) {
            assert!(((value - values[1]) - (weight - weights[1])).abs() < 2e-16);
        }
    }

    #[test]
    fn equal_weights_stay_equal() {
        for n in 1..400 {
            let mut weights = vec![0.3; n];
            normalise(&mut weights);
            assert!(weights.iter().all(|&weight| weight == weights[0]));
            assert!((compensated_sum(&weights) - 1.0).abs() <= f64::EPSILON);
        }
    }
}
