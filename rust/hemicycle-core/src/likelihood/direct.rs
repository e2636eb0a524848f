//! The direct kernel: every label of every pair, 32 models at a time.
//!
//! With `h_i` the squared distance of `mu` to label `i`, scaled so that the density is `2^-h_i`, a pair is
//! `log p = log sum_i v_i 2^(h - h_i) - h log 2`, with `h` that of the nearest label or of the nearer end of their range. The
//! sum is then a normal number of a known size, so the sums of many pairs are multiplied before one logarithm is taken, and
//! the `h` are added, compensated.

use std::f64::consts::LN_2;

use crate::kernels::{Kernel, LANES, Lanes, Simd, Sum, ln, split_exponent};
use crate::parallel::Interrupt;
use crate::pool::{Block, GROUPS};

use super::plan::{Kind, Mixture, Plan, Run};
use super::terms::{Careful, Close, Density, Difference, Two, Wide};

/// Terms added without compensation before the partial sum is.
pub(super) const TERMS_PER_SUM: usize = 64;

/// Sums multiplied before the exponent is taken out: each lies in `[2^-30, 2^62]`.
pub(super) const SUMS_PER_PRODUCT: usize = 16;

/// Groups whose exponentials are computed side by side.
const GROUPS_AT_ONCE: usize = 2;

/// A vector for each group of a block.
type Groups<const FMA: bool> = [Lanes<FMA>; GROUPS];

/// The log-likelihood of every model of a block.
pub(crate) struct Totals<'a> {
    pub plan: &'a Plan,
    pub constant: f64,
    pub block: &'a Block,
    pub interrupt: &'a Interrupt,
    /// One number a model of the block.
    pub out: &'a mut [f64],
}

impl Kernel for Totals<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self, simd: impl Simd) {
        let Self { plan, constant, block, interrupt, out } = self;
        let walk = Walk { plan, block, interrupt };
        let mut totals = [Sum::<FMA>::zero(); GROUPS];
        for run in &plan.runs {
            let Run { kind, factor, first, last } = *run;
            match kind {
                Kind::Square => walk.add_squares(&mut totals, &plan.squares[first..last]),
                Kind::CarefulSquare => walk.add_squares(&mut totals, &plan.careful_squares[first..last]),
                Kind::Two => walk.add_mixtures::<FMA, Two>(simd, &mut totals, factor, &plan.mixtures[first..last]),
                Kind::Close => walk.add_mixtures::<FMA, Close>(simd, &mut totals, factor, &plan.mixtures[first..last]),
                Kind::Wide => walk.add_mixtures::<FMA, Wide>(simd, &mut totals, factor, &plan.mixtures[first..last]),
                Kind::Careful => {
                    walk.add_mixtures::<FMA, Careful>(simd, &mut totals, factor, &plan.mixtures[first..last])
                }
                Kind::Tabulated => {} // scored over many blocks at once
            }
        }
        for (out, mut total) in out.chunks_mut(LANES).zip(totals) {
            total.add(Lanes::splat(constant));
            out.copy_from_slice(&total.value().0[..out.len()]);
        }
    }
}

/// A walk over the judgments for a block of models.
struct Walk<'a> {
    plan: &'a Plan,
    block: &'a Block,
    interrupt: &'a Interrupt,
}

impl Walk<'_> {
    /// Subtract squared distances from the totals.
    #[inline(always)]
    fn add_squares<const FMA: bool>(&self, totals: &mut [Sum<FMA>; GROUPS], pairs: &[impl Difference]) {
        for chunk in pairs.chunks(TERMS_PER_SUM) {
            if self.interrupt.is_raised() {
                return;
            }
            let mut partial: Groups<FMA> = [Lanes::splat(0.0); GROUPS];
            for pair in chunk {
                for (g, partial) in partial.iter_mut().enumerate() {
                    let z = pair.difference(self.block, g);
                    *partial = z.mul_add(z, *partial);
                }
            }
            for (total, partial) in totals.iter_mut().zip(partial) {
                total.subtract(partial);
            }
        }
    }

    /// Add `factor * (log sum - h log 2)` of mixtures to the totals, with one logarithm for all.
    #[inline(always)]
    fn add_mixtures<const FMA: bool, D: Density>(
        &self,
        simd: impl Simd,
        totals: &mut [Sum<FMA>; GROUPS],
        factor: f64,
        pairs: &[Mixture],
    ) {
        let mut distance = [Sum::<FMA>::zero(); GROUPS];
        let mut exponent: Groups<FMA> = [Lanes::splat(0.0); GROUPS];
        let mut product: Groups<FMA> = [Lanes::splat(1.0); GROUPS];
        for chunk in pairs.chunks(SUMS_PER_PRODUCT) {
            for g in (0..GROUPS).step_by(GROUPS_AT_ONCE) {
                if self.interrupt.is_raised() {
                    return;
                }
                // few enough vectors to stay in registers from pair to pair
                let mut partial = [Lanes::splat(0.0); GROUPS_AT_ONCE];
                let mut products = [product[g], product[g + 1]];
                for pair in chunk {
                    if pair.is_long() && self.interrupt.is_raised() {
                        return;
                    }
                    let (h, sum) = D::densities::<FMA, GROUPS_AT_ONCE>(simd, self.plan, self.block, pair, g);
                    for k in 0..GROUPS_AT_ONCE {
                        partial[k] = partial[k] + h[k];
                        products[k] = products[k] * sum[k];
                    }
                }
                for k in 0..GROUPS_AT_ONCE {
                    distance[g + k].add(partial[k]);
                    let (fraction, taken) = split_exponent(products[k]);
                    product[g + k] = fraction;
                    exponent[g + k] = exponent[g + k] + taken;
                }
            }
        }
        for g in 0..GROUPS {
            let base_2 = exponent[g] - distance[g].value();
            let log = base_2.mul_add(Lanes::splat(LN_2), ln(product[g]));
            totals[g].add(log * Lanes::splat(factor));
        }
    }
}
