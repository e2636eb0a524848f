//! One pair under eight models: how far it is, for each way of scoring it.
//!
//! Each way is a type, not a closure: a closure would be compiled without the instructions of the kernel around it.

use crate::kernels::{Lanes, Simd, two_diff};
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
        let [mut h, mut sum, mut u, mut end] = [[Lanes::splat(0.0); G]; 4];
        for g in 0..G {
            u[g] = from_middle(plan, block, pair, first + g);
            let distance = u[g].abs();
            let near = distance - Lanes::splat(pair.reach);
            h[g] = near * near;
            end[g] = distance * Lanes::splat(-2.0 * pair.reach);
        }
        for (&twice, &weight) in plan.position[pair.first..pair.last].iter().zip(&plan.weight[pair.first..pair.last]) {
            for g in 0..G {
                let exponent = u[g].mul_add(Lanes::splat(twice), end[g] + Lanes::splat(weight));
                sum[g] = simd.exp2(exponent).add_to(sum[g]);
            }
        }
        (h, sum)
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
        let [mut nearest, mut sum, mut mu] = [[Lanes::splat(0.0); G]; 3];
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
        for (&y, &v) in positions.iter().zip(weights) {
            for g in 0..G {
                sum[g] = simd.exp2(nearest[g] - exponent(mu[g] - Lanes::splat(y), v)).add_to(sum[g]);
            }
        }
        (nearest, sum)
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
        let [mut nearest, mut sum] = [[Lanes::splat(0.0); G]; 2];
        let (positions, weights) = (&plan.position[pair.first..pair.last], &plan.weight[pair.first..pair.last]);
        for g in 0..G {
            let (mu, mu_low) = two_diff(block.logits(pair.b, first + g), block.logits(pair.a, first + g));
            nearest[g] = Lanes::splat(f64::INFINITY);
            for (&y, &v) in positions.iter().zip(weights) {
                nearest[g] = careful_exponent(plan, mu, mu_low, y, v).min(nearest[g]);
            }
            for (&y, &v) in positions.iter().zip(weights) {
                sum[g] = simd.exp2(nearest[g] - careful_exponent(plan, mu, mu_low, y, v)).add_to(sum[g]);
            }
        }
        (nearest, sum)
    }
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
