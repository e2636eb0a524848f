//! One pair under eight models: what its log density is, and how fast it changes with `mu`.
//!
//! The slope of the log density is minus twice `sum_i r_i z_i` (times what the unit demands), with `z_i` the distance of
//! `mu` to label `i` and `r_i` the share of that label in the density. Each way computes what `terms` does by the same
//! operations, so that values are the same bits with slopes and without.

use crate::kernels::{LANES, Lanes, Simd, Sum, each_lane, two_diff};
use crate::pool::Block;

use super::plan::{CarefulSquare, Mixture, Plan, Square};
use super::terms::{Careful, Close, Difference, LABELS_PER_SUM, Two, Wide, add, exponent, from_middle, values};

/// A pair with one Gaussian.
pub(super) trait Gaussian: Difference {
    /// Both items.
    fn items(&self) -> [u32; 2];

    /// How fast the difference grows with `mu`.
    fn scale(&self) -> f64;
}

impl Gaussian for Square {
    #[inline(always)]
    fn items(&self) -> [u32; 2] {
        [self.a, self.b]
    }

    #[inline(always)]
    fn scale(&self) -> f64 {
        self.scale
    }
}

impl Gaussian for CarefulSquare {
    #[inline(always)]
    fn items(&self) -> [u32; 2] {
        [self.a, self.b]
    }

    #[inline(always)]
    fn scale(&self) -> f64 {
        self.scale
    }
}

/// What is known of a pair with several labels under eight models.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moments<const FMA: bool> {
    /// The smallest squared distance `h`, in base 2.
    pub nearest: Lanes<FMA>,
    /// The sum of the densities relative to `2^-h`.
    pub sum: Lanes<FMA>,
    /// The mean distance of `mu` to the labels, weighted by their densities.
    pub mean: Lanes<FMA>,
}

/// A way to score pairs with several labels.
pub(super) trait Slope {
    /// The density as in `terms`, with the mean distance to the labels.
    fn moments<const FMA: bool>(
        simd: impl Simd,
        plan: &Plan,
        block: &Block,
        pair: &Mixture,
        group: usize,
    ) -> Moments<FMA>;
}

impl Slope for Two {
    /// At `u` from the middle of labels `2 r` apart, with the farther `e` times as dense as the nearer, the mean distance is
    /// `|u| - r (1 - e) / (1 + e)`, on the side of `u`.
    #[inline(always)]
    fn moments<const FMA: bool>(
        simd: impl Simd,
        plan: &Plan,
        block: &Block,
        pair: &Mixture,
        group: usize,
    ) -> Moments<FMA> {
        let signed = from_middle(plan, block, pair, group);
        let u = signed.abs();
        let near = u - Lanes::splat(pair.reach);
        let one = Lanes::splat(1.0);
        let farther = simd.exp2(u * Lanes::splat(-4.0 * pair.reach));
        let sum = farther.add_to(one);
        let inwards = (one - farther.value()) / sum;
        let inwards = each_lane!(i => inwards.0[i].copysign(signed.0[i]));
        Moments { nearest: near * near, sum, mean: inwards.mul_add(Lanes::splat(-pair.reach), signed) }
    }
}

impl Slope for Close {
    #[inline(always)]
    fn moments<const FMA: bool>(
        simd: impl Simd,
        plan: &Plan,
        block: &Block,
        pair: &Mixture,
        group: usize,
    ) -> Moments<FMA> {
        let u = from_middle(plan, block, pair, group);
        let distance = u.abs();
        let near = distance - Lanes::splat(pair.reach);
        let end = distance * Lanes::splat(-2.0 * pair.reach);
        let (positions, weights) = (&plan.position[pair.first..pair.last], &plan.weight[pair.first..pair.last]);
        let [sum, first] = if positions.len() <= LABELS_PER_SUM {
            close_sums(simd, u, end, positions, weights)
        } else {
            let mut sums = [Sum::zero(); 2];
            for (positions, weights) in positions.chunks(LABELS_PER_SUM).zip(weights.chunks(LABELS_PER_SUM)) {
                add(&mut sums, close_sums(simd, u, end, positions, weights));
            }
            values(sums)
        };
        Moments { nearest: near * near, sum, mean: (first / sum).mul_add(Lanes::splat(-0.5), u) }
    }
}

impl Slope for Wide {
    #[inline(always)]
    fn moments<const FMA: bool>(
        simd: impl Simd,
        plan: &Plan,
        block: &Block,
        pair: &Mixture,
        group: usize,
    ) -> Moments<FMA> {
        let mu = (block.logits(pair.b, group) - block.logits(pair.a, group)) * Lanes::splat(plan.scale);
        let (positions, weights) = (&plan.position[pair.first..pair.last], &plan.weight[pair.first..pair.last]);
        let mut nearest = Lanes::splat(f64::INFINITY);
        for (&y, &v) in positions.iter().zip(weights) {
            nearest = exponent(mu - Lanes::splat(y), v).min(nearest);
        }
        let [sum, first] = if positions.len() <= LABELS_PER_SUM {
            wide_sums(simd, mu, nearest, positions, weights)
        } else {
            let mut sums = [Sum::zero(); 2];
            for (positions, weights) in positions.chunks(LABELS_PER_SUM).zip(weights.chunks(LABELS_PER_SUM)) {
                add(&mut sums, wide_sums(simd, mu, nearest, positions, weights));
            }
            values(sums)
        };
        Moments { nearest, sum, mean: first / sum }
    }
}

impl Slope for Careful {
    /// The shares of labels follow from differences of exponents, and these from products that do not cancel: between two
    /// labels far apart exponents are so large that their rounding alone would decide.
    #[inline(always)]
    fn moments<const FMA: bool>(
        simd: impl Simd,
        plan: &Plan,
        block: &Block,
        pair: &Mixture,
        group: usize,
    ) -> Moments<FMA> {
        let mu = two_diff(block.logits(pair.b, group), block.logits(pair.a, group));
        let (positions, weights) = (&plan.position[pair.first..pair.last], &plan.weight[pair.first..pair.last]);
        let scale = Lanes::splat(plan.scale);
        let mut nearest = Lanes::<FMA>::splat(f64::INFINITY);
        let mut densest = Label::new(mu, positions[0], weights[0]);
        for (&y, &v) in positions.iter().zip(weights) {
            let label = Label::new(mu, y, v);
            nearest = label.exponent(scale).min(nearest);
            densest = densest.or_denser(label, scale);
        }
        let mut sums = [Sum::zero(); 3];
        for (positions, weights) in positions.chunks(LABELS_PER_SUM).zip(weights.chunks(LABELS_PER_SUM)) {
            let [mut sum, mut total, mut first] = [Lanes::splat(0.0); 3];
            for (&y, &v) in positions.iter().zip(weights) {
                let label = Label::new(mu, y, v);
                sum = simd.exp2(nearest - label.exponent(scale)).add_to(sum);
                let density = simd.exp2_floored(densest.difference(label, scale)).value();
                total = total + density;
                first = density.mul_add(label.z(scale), first);
            }
            add(&mut sums, [sum, total, first]);
        }
        let [sum, total, first] = values(sums);
        Moments { nearest, sum, mean: first / total }
    }
}

/// The sum of some densities of [`Close`], and that of their products with twice the distances from the middle.
#[inline(always)]
fn close_sums<const FMA: bool>(
    simd: impl Simd,
    u: Lanes<FMA>,
    end: Lanes<FMA>,
    positions: &[f64],
    weights: &[f64],
) -> [Lanes<FMA>; 2] {
    let [mut sum, mut first] = [Lanes::splat(0.0); 2];
    for (&twice, &weight) in positions.iter().zip(weights) {
        let density = simd.exp2(u.mul_add(Lanes::splat(twice), end + Lanes::splat(weight)));
        sum = density.add_to(sum);
        first = density.value().mul_add(Lanes::splat(twice), first);
    }
    [sum, first]
}

/// The sum of some densities of [`Wide`], and that of their products with the distances.
#[inline(always)]
fn wide_sums<const FMA: bool>(
    simd: impl Simd,
    mu: Lanes<FMA>,
    nearest: Lanes<FMA>,
    positions: &[f64],
    weights: &[f64],
) -> [Lanes<FMA>; 2] {
    let [mut sum, mut first] = [Lanes::splat(0.0); 2];
    for (&y, &v) in positions.iter().zip(weights) {
        let z = mu - Lanes::splat(y);
        let density = simd.exp2_floored(nearest - exponent(z, v));
        sum = density.add_to(sum);
        first = density.value().mul_add(z, first);
    }
    [sum, first]
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

    /// Minus the base-2 log of its density, as in `terms`.
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
