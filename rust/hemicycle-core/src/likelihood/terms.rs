//! One pair under eight models: how far it is and, where asked for, how fast that changes, for each way of scoring it.
//!
//! Each way is a type, not a closure: a closure would be compiled without the instructions of the kernel around it. The
//! slope of a log density is minus twice `sum_i r_i z_i` (times what the unit demands), with `z_i` the distance of `mu` to
//! label `i` and `r_i` the share of that label in the density.

use crate::kernels::{LANES, Lanes, Simd, Sum, each_lane, two_diff};
use crate::pool::Block;

use super::plan::{CarefulSquare, Mixture, Plan, Square};

/// A pair with one Gaussian.
pub(super) trait Gaussian {
    /// Both items.
    fn items(&self) -> [u32; 2];

    /// How fast the difference grows with `mu`.
    fn scale(&self) -> f64;

    /// The difference of `mu` and the label, scaled.
    fn difference<const FMA: bool>(&self, block: &Block, group: usize) -> Lanes<FMA>;
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

    #[inline(always)]
    fn difference<const FMA: bool>(&self, block: &Block, group: usize) -> Lanes<FMA> {
        let mu = block.logits(self.b, group) - block.logits(self.a, group);
        mu.mul_add(Lanes::splat(self.scale), Lanes::splat(-self.shift))
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

    #[inline(always)]
    fn difference<const FMA: bool>(&self, block: &Block, group: usize) -> Lanes<FMA> {
        let (mu, mu_low) = two_diff(block.logits(self.b, group), block.logits(self.a, group));
        let (difference, low) = two_diff(mu, Lanes::splat(self.target));
        (difference + (low + (mu_low - Lanes::splat(self.target_low)))) * Lanes::splat(self.scale)
    }
}

/// A vector for each of some groups of models.
pub(super) type Groups<const FMA: bool, const G: usize> = [Lanes<FMA>; G];

/// What is known of a pair with several labels under some groups of models.
pub(super) struct Densities<const FMA: bool, const G: usize> {
    /// A squared distance `h`, in base 2.
    pub distance: Groups<FMA, G>,
    /// The sum of the densities relative to `2^-h`.
    pub sum: Groups<FMA, G>,
    /// The mean distance of `mu` to the labels, weighted by their densities; 0 unless asked for.
    pub mean: Groups<FMA, G>,
}

/// A way to score pairs with several labels.
pub(super) trait Density {
    /// Of `G` groups of models from `first` on: their exponentials do not wait for each other. With `SLOPES` the mean
    /// distance too; all else is the same bits with it and without.
    fn densities<const FMA: bool, const G: usize, const SLOPES: bool>(
        simd: impl Simd,
        plan: &Plan,
        block: &Block,
        pair: &Mixture,
        first: usize,
    ) -> Densities<FMA, G>;
}

/// Two labels of equal weight: one exponential.
pub(super) struct Two;

/// Labels close to each other.
pub(super) struct Close;

/// Labels wide apart.
pub(super) struct Wide;

impl Density for Two {
    /// With `u` the distance from the middle and `r` half that of the labels, the nearer is at `|u| - r`, and the square of the
    /// distance to the other is larger by `4 |u| r`: it is `e` times as dense. The mean distance is `|u| - r (1 - e) / (1 + e)`,
    /// on the side of `u`.
    #[inline(always)]
    fn densities<const FMA: bool, const G: usize, const SLOPES: bool>(
        simd: impl Simd,
        plan: &Plan,
        block: &Block,
        pair: &Mixture,
        first: usize,
    ) -> Densities<FMA, G> {
        let one = Lanes::splat(1.0);
        let [mut distance, mut sum, mut mean] = [[Lanes::splat(0.0); G]; 3];
        for g in 0..G {
            let signed = from_middle(plan, block, pair, first + g);
            let u = signed.abs();
            let near = u - Lanes::splat(pair.reach);
            let farther = simd.exp2(u * Lanes::splat(-4.0 * pair.reach));
            distance[g] = near * near;
            sum[g] = farther.add_to(one);
            if SLOPES {
                let inwards = (one - farther.value()) / sum[g];
                let inwards: Lanes<FMA> = each_lane!(i => inwards.0[i].copysign(signed.0[i]));
                mean[g] = inwards.mul_add(Lanes::splat(-pair.reach), signed);
            }
        }
        Densities { distance, sum, mean }
    }
}

impl Density for Close {
    /// Relative to the end of their range that is nearer, at `|u| - r`, the density of a label at `p` from the middle is
    /// `2^(r^2 - p^2) 2^(2 (u p - |u| r))`: no search for the nearest label.
    #[inline(always)]
    fn densities<const FMA: bool, const G: usize, const SLOPES: bool>(
        simd: impl Simd,
        plan: &Plan,
        block: &Block,
        pair: &Mixture,
        first: usize,
    ) -> Densities<FMA, G> {
        let [mut distance, mut u, mut end, mut mean] = [[Lanes::splat(0.0); G]; 4];
        for g in 0..G {
            u[g] = from_middle(plan, block, pair, first + g);
            let near = u[g].abs() - Lanes::splat(pair.reach);
            distance[g] = near * near;
            end[g] = u[g].abs() * Lanes::splat(-2.0 * pair.reach);
        }
        let [sum, moment] = FromEnd { u, end }.over_all::<SLOPES>(simd, plan, pair);
        if SLOPES {
            for g in 0..G {
                mean[g] = (moment[g] / sum[g]).mul_add(Lanes::splat(-0.5), u[g]);
            }
        }
        Densities { distance, sum, mean }
    }
}

impl Density for Wide {
    #[inline(always)]
    fn densities<const FMA: bool, const G: usize, const SLOPES: bool>(
        simd: impl Simd,
        plan: &Plan,
        block: &Block,
        pair: &Mixture,
        first: usize,
    ) -> Densities<FMA, G> {
        let [mut nearest, mut mu, mut mean] = [[Lanes::splat(0.0); G]; 3];
        for g in 0..G {
            nearest[g] = Lanes::splat(f64::INFINITY);
            mu[g] = (block.logits(pair.b, first + g) - block.logits(pair.a, first + g)) * Lanes::splat(plan.scale);
        }
        let (positions, weights) = plan.labels(pair);
        for (&y, &v) in positions.iter().zip(weights) {
            for g in 0..G {
                let z = mu[g] - Lanes::splat(y);
                nearest[g] = z.mul_add(z, Lanes::splat(v)).min(nearest[g]);
            }
        }
        let [sum, moment] = FromNearest { mu, nearest }.over_all::<SLOPES>(simd, plan, pair);
        if SLOPES {
            for g in 0..G {
                mean[g] = moment[g] / sum[g];
            }
        }
        Densities { distance: nearest, sum, mean }
    }
}

/// Labels added without compensation before the partial sum is.
const LABELS_PER_SUM: usize = 64;

/// What is added up of every label of a pair: `N` numbers, the first of them the density.
pub(super) trait Summands<const FMA: bool, const G: usize, const N: usize> {
    /// The sums over some labels; those that only `SLOPES` need are 0 without it.
    fn over<const SLOPES: bool>(&self, simd: impl Simd, positions: &[f64], weights: &[f64]) -> [Groups<FMA, G>; N];

    /// The sums over all labels of a pair.
    #[inline(always)]
    fn over_all<const SLOPES: bool>(&self, simd: impl Simd, plan: &Plan, pair: &Mixture) -> [Groups<FMA, G>; N] {
        let (positions, weights) = plan.labels(pair);
        if positions.len() <= LABELS_PER_SUM {
            return self.over::<SLOPES>(simd, positions, weights);
        }
        let mut sums = [[Sum::zero(); G]; N];
        for (positions, weights) in positions.chunks(LABELS_PER_SUM).zip(weights.chunks(LABELS_PER_SUM)) {
            let partial = self.over::<SLOPES>(simd, positions, weights);
            for (sums, partial) in sums.iter_mut().zip(partial) {
                for g in 0..G {
                    sums[g].add(partial[g]);
                }
            }
        }
        let mut values = [[Lanes::splat(0.0); G]; N];
        for (values, sums) in values.iter_mut().zip(sums) {
            for g in 0..G {
                values[g] = sums[g].value();
            }
        }
        values
    }
}

/// Densities of [`Close`], and their products with twice the distances of labels from the middle.
struct FromEnd<const FMA: bool, const G: usize> {
    u: Groups<FMA, G>,
    end: Groups<FMA, G>,
}

impl<const FMA: bool, const G: usize> Summands<FMA, G, 2> for FromEnd<FMA, G> {
    #[inline(always)]
    fn over<const SLOPES: bool>(&self, simd: impl Simd, positions: &[f64], weights: &[f64]) -> [Groups<FMA, G>; 2] {
        let [mut sum, mut moment] = [[Lanes::splat(0.0); G]; 2];
        for (&twice, &weight) in positions.iter().zip(weights) {
            for g in 0..G {
                let exponent = self.u[g].mul_add(Lanes::splat(twice), self.end[g] + Lanes::splat(weight));
                let density = simd.exp2(exponent);
                sum[g] = density.add_to(sum[g]);
                if SLOPES {
                    moment[g] = density.value().mul_add(Lanes::splat(twice), moment[g]);
                }
            }
        }
        [sum, moment]
    }
}

/// Densities of [`Wide`], and their products with the distances of `mu`.
struct FromNearest<const FMA: bool, const G: usize> {
    mu: Groups<FMA, G>,
    nearest: Groups<FMA, G>,
}

impl<const FMA: bool, const G: usize> Summands<FMA, G, 2> for FromNearest<FMA, G> {
    #[inline(always)]
    fn over<const SLOPES: bool>(&self, simd: impl Simd, positions: &[f64], weights: &[f64]) -> [Groups<FMA, G>; 2] {
        let [mut sum, mut moment] = [[Lanes::splat(0.0); G]; 2];
        for (&y, &v) in positions.iter().zip(weights) {
            for g in 0..G {
                let z = self.mu[g] - Lanes::splat(y);
                let exponent = self.nearest[g] - z.mul_add(z, Lanes::splat(v));
                if SLOPES {
                    let density = simd.exp2_floored(exponent);
                    sum[g] = density.add_to(sum[g]);
                    moment[g] = density.value().mul_add(z, moment[g]);
                } else {
                    sum[g] = simd.exp2(exponent).add_to(sum[g]);
                }
            }
        }
        [sum, moment]
    }
}

/// The distance of `mu` from the middle of the labels, scaled.
#[inline(always)]
fn from_middle<const FMA: bool>(plan: &Plan, block: &Block, pair: &Mixture, group: usize) -> Lanes<FMA> {
    let mu = block.logits(pair.b, group) - block.logits(pair.a, group);
    mu.mul_add(Lanes::splat(plan.scale), Lanes::splat(-pair.middle))
}
