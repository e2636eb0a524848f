//! One pair under eight models: how far it is, for each way of scoring it.
//!
//! Each way is a type, not a closure: a closure would be compiled without the instructions of the kernel around it.

use crate::kernels::{Lanes, Simd, Sum, two_diff};
use crate::pool::Block;

use super::plan::{CarefulSquare, Mixture, Plan, Square};

/// A pair with one Gaussian.
pub(crate) trait Difference {
    /// The difference of `mu` and the label, scaled.
    fn difference<const FMA: bool>(&self, block: &Block, group: usize) -> Lanes<FMA>;
}

impl Difference for Square {
    #[inline(always)]
    fn difference<const FMA: bool>(&self, block: &Block, group: usize) -> Lanes<FMA> {
        let mu = block.logits(self.b, group) - block.logits(self.a, group);
        mu.mul_add(Lanes::splat(self.scale), Lanes::splat(-self.shift))
    }
}

impl Difference for CarefulSquare {
    #[inline(always)]
    fn difference<const FMA: bool>(&self, block: &Block, group: usize) -> Lanes<FMA> {
        let (mu, mu_low) = two_diff(block.logits(self.b, group), block.logits(self.a, group));
        let (difference, low) = two_diff(mu, Lanes::splat(self.target));
        (difference + (low + (mu_low - Lanes::splat(self.target_low)))) * Lanes::splat(self.scale)
    }
}

/// Labels added without compensation before the partial sum is.
pub(super) const LABELS_PER_SUM: usize = 64;

/// A squared distance `h` in base 2, and the sum of the densities relative to `2^-h`, for some groups of models.
pub(crate) type Densities<const FMA: bool, const G: usize> = ([Lanes<FMA>; G], [Lanes<FMA>; G]);

/// A way to score pairs with several labels.
pub(crate) trait Density {
    /// Of `G` groups of models from `first` on: their exponentials do not wait for each other.
    fn densities<const FMA: bool, const G: usize>(
        simd: impl Simd,
        plan: &Plan,
        block: &Block,
        pair: &Mixture,
        first: usize,
    ) -> Densities<FMA, G>;
}

/// Two labels of equal weight: one exponential.
pub(crate) struct Two;

/// Labels close to each other.
pub(crate) struct Close;

/// Labels wide apart.
pub(crate) struct Wide;

/// Labels far from 0, or with weights of very different size.
pub(crate) struct Careful;

impl Density for Two {
    /// With `u` the distance from the middle and `r` half that of the labels, the nearer is at `|u| - r`, and the square of the
    /// distance to the other is larger by `4 |u| r`.
    #[inline(always)]
    fn densities<const FMA: bool, const G: usize>(
        simd: impl Simd,
        plan: &Plan,
        block: &Block,
        pair: &Mixture,
        first: usize,
    ) -> Densities<FMA, G> {
        let [mut h, mut sum] = [[Lanes::splat(0.0); G]; 2];
        for g in 0..G {
            let u = from_middle(plan, block, pair, first + g).abs();
            let near = u - Lanes::splat(pair.reach);
            h[g] = near * near;
            sum[g] = simd.exp2(u * Lanes::splat(-4.0 * pair.reach)).add_to(Lanes::splat(1.0));
        }
        (h, sum)
    }
}

impl Density for Close {
    /// Relative to the end of their range that is nearer, at `|u| - r`, the density of a label at `p` from the middle is
    /// `2^(r^2 - p^2) 2^(2 (u p - |u| r))`: no search for the nearest label.
    #[inline(always)]
    fn densities<const FMA: bool, const G: usize>(
        simd: impl Simd,
        plan: &Plan,
        block: &Block,
        pair: &Mixture,
        first: usize,
    ) -> Densities<FMA, G> {
        let [mut h, mut u, mut end] = [[Lanes::splat(0.0); G]; 3];
        for g in 0..G {
            u[g] = from_middle(plan, block, pair, first + g);
            let distance = u[g].abs();
            let near = distance - Lanes::splat(pair.reach);
            h[g] = near * near;
            end[g] = distance * Lanes::splat(-2.0 * pair.reach);
        }
        let (positions, weights) = (&plan.position[pair.first..pair.last], &plan.weight[pair.first..pair.last]);
        if positions.len() <= LABELS_PER_SUM {
            return (h, close_sum(simd, u, end, positions, weights));
        }
        let mut sums = [Sum::zero(); G];
        for (positions, weights) in positions.chunks(LABELS_PER_SUM).zip(weights.chunks(LABELS_PER_SUM)) {
            add(&mut sums, close_sum(simd, u, end, positions, weights));
        }
        (h, values(sums))
    }
}

impl Density for Wide {
    #[inline(always)]
    fn densities<const FMA: bool, const G: usize>(
        simd: impl Simd,
        plan: &Plan,
        block: &Block,
        pair: &Mixture,
        first: usize,
    ) -> Densities<FMA, G> {
        let [mut nearest, mut mu] = [[Lanes::splat(0.0); G]; 2];
        for g in 0..G {
            nearest[g] = Lanes::splat(f64::INFINITY);
            mu[g] = (block.logits(pair.b, first + g) - block.logits(pair.a, first + g)) * Lanes::splat(plan.scale);
        }
        let (positions, weights) = (&plan.position[pair.first..pair.last], &plan.weight[pair.first..pair.last]);
        for (&y, &v) in positions.iter().zip(weights) {
            for g in 0..G {
                nearest[g] = exponent(mu[g] - Lanes::splat(y), v).min(nearest[g]);
            }
        }
        if positions.len() <= LABELS_PER_SUM {
            return (nearest, wide_sum(simd, mu, nearest, positions, weights));
        }
        let mut sums = [Sum::zero(); G];
        for (positions, weights) in positions.chunks(LABELS_PER_SUM).zip(weights.chunks(LABELS_PER_SUM)) {
            add(&mut sums, wide_sum(simd, mu, nearest, positions, weights));
        }
        (nearest, values(sums))
    }
}

impl Density for Careful {
    #[inline(always)]
    fn densities<const FMA: bool, const G: usize>(
        simd: impl Simd,
        plan: &Plan,
        block: &Block,
        pair: &Mixture,
        first: usize,
    ) -> Densities<FMA, G> {
        let mut nearest = [Lanes::splat(f64::INFINITY); G];
        let mut sums = [Sum::zero(); G];
        let (positions, weights) = (&plan.position[pair.first..pair.last], &plan.weight[pair.first..pair.last]);
        for g in 0..G {
            let (mu, mu_low) = two_diff(block.logits(pair.b, first + g), block.logits(pair.a, first + g));
            for (&y, &v) in positions.iter().zip(weights) {
                nearest[g] = careful_exponent(plan, mu, mu_low, y, v).min(nearest[g]);
            }
            for (positions, weights) in positions.chunks(LABELS_PER_SUM).zip(weights.chunks(LABELS_PER_SUM)) {
                let mut sum = Lanes::splat(0.0);
                for (&y, &v) in positions.iter().zip(weights) {
                    sum = simd.exp2(nearest[g] - careful_exponent(plan, mu, mu_low, y, v)).add_to(sum);
                }
                sums[g].add(sum);
            }
        }
        (nearest, values(sums))
    }
}

/// The sum of some densities of [`Close`].
#[inline(always)]
fn close_sum<const FMA: bool, const G: usize>(
    simd: impl Simd,
    u: [Lanes<FMA>; G],
    end: [Lanes<FMA>; G],
    positions: &[f64],
    weights: &[f64],
) -> [Lanes<FMA>; G] {
    let mut sum = [Lanes::splat(0.0); G];
    for (&twice, &weight) in positions.iter().zip(weights) {
        for g in 0..G {
            let exponent = u[g].mul_add(Lanes::splat(twice), end[g] + Lanes::splat(weight));
            sum[g] = simd.exp2(exponent).add_to(sum[g]);
        }
    }
    sum
}

/// The sum of some densities of [`Wide`].
#[inline(always)]
fn wide_sum<const FMA: bool, const G: usize>(
    simd: impl Simd,
    mu: [Lanes<FMA>; G],
    nearest: [Lanes<FMA>; G],
    positions: &[f64],
    weights: &[f64],
) -> [Lanes<FMA>; G] {
    let mut sum = [Lanes::splat(0.0); G];
    for (&y, &v) in positions.iter().zip(weights) {
        for g in 0..G {
            sum[g] = simd.exp2(nearest[g] - exponent(mu[g] - Lanes::splat(y), v)).add_to(sum[g]);
        }
    }
    sum
}

/// Add partial sums to compensated ones.
#[inline(always)]
pub(super) fn add<const FMA: bool, const G: usize>(sums: &mut [Sum<FMA>; G], terms: [Lanes<FMA>; G]) {
    for g in 0..G {
        sums[g].add(terms[g]);
    }
}

/// The sums, rounded.
#[inline(always)]
pub(super) fn values<const FMA: bool, const G: usize>(sums: [Sum<FMA>; G]) -> [Lanes<FMA>; G] {
    let mut values = [Lanes::splat(0.0); G];
    for g in 0..G {
        values[g] = sums[g].value();
    }
    values
}

/// The distance of `mu` from the middle of the labels, scaled.
#[inline(always)]
pub(super) fn from_middle<const FMA: bool>(plan: &Plan, block: &Block, pair: &Mixture, group: usize) -> Lanes<FMA> {
    let mu = block.logits(pair.b, group) - block.logits(pair.a, group);
    mu.mul_add(Lanes::splat(plan.scale), Lanes::splat(-pair.middle))
}

/// Minus the base-2 log of the density of a label at distance `z`; `v` is that of its weight.
#[inline(always)]
pub(super) fn exponent<const FMA: bool>(z: Lanes<FMA>, v: f64) -> Lanes<FMA> {
    z.mul_add(z, Lanes::splat(v))
}

/// [`exponent`] without cancellation in the distance.
#[inline(always)]
fn careful_exponent<const FMA: bool>(plan: &Plan, mu: Lanes<FMA>, mu_low: Lanes<FMA>, y: f64, v: f64) -> Lanes<FMA> {
    let (difference, low) = two_diff(mu, Lanes::splat(y));
    let z = (difference + (low + mu_low)) * Lanes::splat(plan.scale);
    z * z + Lanes::splat(v)
}
