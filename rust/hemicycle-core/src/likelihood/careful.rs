//! Labels far from 0, or with weights of very different size: distances without cancellation.

use crate::kernels::{LANES, Lanes, Simd, each_lane, two_diff};
use crate::pool::Block;

use super::plan::{Mixture, Plan};
use super::terms::{Densities, Density, Groups, Summands};

/// Labels far from 0, or with weights of very different size.
pub(super) struct Careful;

impl Density for Careful {
    /// The shares of labels follow from differences of exponents, and these from products that do not cancel: between two
    /// labels far apart exponents are so large that their rounding alone would decide.
    #[inline(always)]
    fn densities<const FMA: bool, const G: usize, const SLOPES: bool>(
        simd: impl Simd,
        plan: &Plan,
        block: &Block,
        pair: &Mixture,
        first: usize,
    ) -> Densities<FMA, G> {
        let scale = Lanes::splat(plan.scale);
        let (positions, weights) = plan.labels(pair);
        let mut mu = [(Lanes::splat(0.0), Lanes::splat(0.0)); G];
        let mut nearest = [Lanes::splat(f64::INFINITY); G];
        let mut densest = [Label::new(mu[0], positions[0], weights[0]); G];
        for g in 0..G {
            mu[g] = two_diff(block.logits(pair.b, first + g), block.logits(pair.a, first + g));
            densest[g] = Label::new(mu[g], positions[0], weights[0]);
            for (&y, &v) in positions.iter().zip(weights) {
                let label = Label::new(mu[g], y, v);
                nearest[g] = label.exponent(scale).min(nearest[g]);
                if SLOPES {
                    densest[g] = densest[g].or_denser(label, scale);
                }
            }
        }
        let [sum, total, moment] = FromDensest { mu, scale, nearest, densest }.over_all::<SLOPES>(simd, plan, pair);
        let mut mean = [Lanes::splat(0.0); G];
        if SLOPES {
            for g in 0..G {
                mean[g] = moment[g] / total[g];
            }
        }
        Densities { distance: nearest, sum, mean }
    }
}

/// Densities relative to that of the smallest exponent; relative to the densest label, and their products with the
/// distances of `mu`.
struct FromDensest<const FMA: bool, const G: usize> {
    mu: [(Lanes<FMA>, Lanes<FMA>); G],
    scale: Lanes<FMA>,
    nearest: Groups<FMA, G>,
    densest: [Label<FMA>; G],
}

impl<const FMA: bool, const G: usize> Summands<FMA, G, 3> for FromDensest<FMA, G> {
    #[inline(always)]
    fn over<const SLOPES: bool>(&self, simd: impl Simd, positions: &[f64], weights: &[f64]) -> [Groups<FMA, G>; 3] {
        let [mut sum, mut total, mut moment] = [[Lanes::splat(0.0); G]; 3];
        for (&y, &v) in positions.iter().zip(weights) {
            for g in 0..G {
                let label = Label::new(self.mu[g], y, v);
                sum[g] = simd.exp2(self.nearest[g] - label.exponent(self.scale)).add_to(sum[g]);
                if SLOPES {
                    let density = simd.exp2_floored(self.densest[g].difference(label, self.scale)).value();
                    total[g] = total[g] + density;
                    moment[g] = density.mul_add(label.z(self.scale), moment[g]);
                }
            }
        }
        [sum, total, moment]
    }
}

/// A label where cancellation must be avoided, or one in each lane.
#[derive(Debug, Clone, Copy)]
struct Label<const FMA: bool> {
    y: Lanes<FMA>,
    /// Minus the base-2 log of its weight.
    v: Lanes<FMA>,
    /// `mu - y`, and what rounding took from it.
    high: Lanes<FMA>,
    low: Lanes<FMA>,
}

impl<const FMA: bool> Label<FMA> {
    #[inline(always)]
    fn new((mu, mu_low): (Lanes<FMA>, Lanes<FMA>), y: f64, v: f64) -> Self {
        let y = Lanes::splat(y);
        let (high, low) = two_diff(mu, y);
        Self { y, v: Lanes::splat(v), high, low: low + mu_low }
    }

    /// The distance of `mu` to it, scaled.
    #[inline(always)]
    fn z(self, scale: Lanes<FMA>) -> Lanes<FMA> {
        (self.high + self.low) * scale
    }

    /// Minus the base-2 log of its density.
    #[inline(always)]
    fn exponent(self, scale: Lanes<FMA>) -> Lanes<FMA> {
        let z = self.z(scale);
        z * z + self.v
    }

    /// The exponent less that of another.
    #[inline(always)]
    fn difference(self, other: Self, scale: Lanes<FMA>) -> Lanes<FMA> {
        let apart = (other.y - self.y) * scale;
        let around = ((self.high + other.high) + (self.low + other.low)) * scale;
        around.mul_add(apart, self.v - other.v)
    }

    /// The denser of both, lane by lane.
    #[inline(always)]
    fn or_denser(self, other: Self, scale: Lanes<FMA>) -> Self {
        let behind = self.difference(other, scale);
        Self {
            y: each_lane!(i => if behind.0[i] > 0.0 { other.y.0[i] } else { self.y.0[i] }),
            v: each_lane!(i => if behind.0[i] > 0.0 { other.v.0[i] } else { self.v.0[i] }),
            high: each_lane!(i => if behind.0[i] > 0.0 { other.high.0[i] } else { self.high.0[i] }),
            low: each_lane!(i => if behind.0[i] > 0.0 { other.low.0[i] } else { self.low.0[i] }),
        }
    }
}
