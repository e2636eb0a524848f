//! One pair under eight models: how far it is, for each way of scoring it.
//!
//! Each way is a type, not a closure: a closure would be compiled without the instructions of the kernel around it.

use crate::kernels::{Lanes, exp2, two_diff};
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

/// A way to score pairs with several labels.
pub(crate) trait Density {
    /// A squared distance `h` in base 2, and the sum of the densities relative to `2^-h`.
    fn density<const FMA: bool>(plan: &Plan, block: &Block, pair: &Mixture, group: usize) -> (Lanes<FMA>, Lanes<FMA>);
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
    fn density<const FMA: bool>(plan: &Plan, block: &Block, pair: &Mixture, group: usize) -> (Lanes<FMA>, Lanes<FMA>) {
        let u = from_middle(plan, block, pair, group).abs();
        let near = u - Lanes::splat(pair.reach);
        (near * near, Lanes::splat(1.0) + exp2(u * Lanes::splat(-4.0 * pair.reach)))
    }
}

impl Density for Close {
    /// Relative to the end of their range that is nearer, at `|u| - r`, the density of a label at `p` from the middle is
    /// `2^(r^2 - p^2) 2^(2 (u p - |u| r))`: one product, and no search for the nearest label.
    #[inline(always)]
    fn density<const FMA: bool>(plan: &Plan, block: &Block, pair: &Mixture, group: usize) -> (Lanes<FMA>, Lanes<FMA>) {
        let u = from_middle(plan, block, pair, group);
        let distance = u.abs();
        let near = distance - Lanes::splat(pair.reach);
        let end = distance * Lanes::splat(-2.0 * pair.reach);
        let mut sum = Lanes::splat(0.0);
        for (&twice, &weight) in plan.position[pair.first..pair.last].iter().zip(&plan.weight[pair.first..pair.last]) {
            sum = exp2(u.mul_add(Lanes::splat(twice), end)).mul_add(Lanes::splat(weight), sum);
        }
        (near * near, sum)
    }
}

impl Density for Wide {
    #[inline(always)]
    fn density<const FMA: bool>(plan: &Plan, block: &Block, pair: &Mixture, group: usize) -> (Lanes<FMA>, Lanes<FMA>) {
        let mu = (block.logits(pair.b, group) - block.logits(pair.a, group)) * Lanes::splat(plan.scale);
        let positions = &plan.position[pair.first..pair.last];
        let mut nearest = Lanes::splat(f64::INFINITY);
        for &y in positions {
            nearest = squared_distance(mu, y).min(nearest);
        }
        let mut sum = Lanes::splat(0.0);
        for (&y, &v) in positions.iter().zip(&plan.weight[pair.first..pair.last]) {
            sum = exp2(nearest - squared_distance(mu, y)).mul_add(Lanes::splat(v), sum);
        }
        (nearest, sum)
    }
}

impl Density for Careful {
    #[inline(always)]
    fn density<const FMA: bool>(plan: &Plan, block: &Block, pair: &Mixture, group: usize) -> (Lanes<FMA>, Lanes<FMA>) {
        let (mu, mu_low) = two_diff(block.logits(pair.b, group), block.logits(pair.a, group));
        let (positions, weights) = (&plan.position[pair.first..pair.last], &plan.weight[pair.first..pair.last]);
        let mut nearest = Lanes::<FMA>::splat(f64::INFINITY);
        for (&y, &v) in positions.iter().zip(weights) {
            nearest = careful_distance(plan, mu, mu_low, y, v).min(nearest);
        }
        let mut sum = Lanes::splat(0.0);
        for (&y, &v) in positions.iter().zip(weights) {
            sum = sum + exp2(nearest - careful_distance(plan, mu, mu_low, y, v));
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

#[inline(always)]
fn squared_distance<const FMA: bool>(mu: Lanes<FMA>, y: f64) -> Lanes<FMA> {
    let z = mu - Lanes::splat(y);
    z * z
}

/// The squared distance without cancellation, and with minus the log of the label's weight.
#[inline(always)]
fn careful_distance<const FMA: bool>(plan: &Plan, mu: Lanes<FMA>, mu_low: Lanes<FMA>, y: f64, v: f64) -> Lanes<FMA> {
    let (difference, low) = two_diff(mu, Lanes::splat(y));
    let z = (difference + (low + mu_low)) * Lanes::splat(plan.scale);
    z * z + Lanes::splat(v)
}
