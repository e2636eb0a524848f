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

use super::plan::{Mixture, Plan};
use super::tabulated::Tabulated;
use super::terms::{self, Densities, Density, Gaussian};
use super::walk::Visit;

/// Terms added without compensation before the partial sum is.
pub(super) const TERMS_PER_SUM: usize = 64;

/// Sums multiplied before the exponent is taken out: each lies in `[2^-30, 2^62]`.
pub(super) const SUMS_PER_PRODUCT: usize = 16;

/// Groups whose exponentials are computed side by side.
const GROUPS_AT_ONCE: usize = 2;

/// A vector for each group of a block.
type Groups<const FMA: bool> = terms::Groups<FMA, GROUPS>;

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
        let mut pass = Pass { simd, plan, block, interrupt, totals: [Sum::<FMA>::zero(); GROUPS] };
        plan.walk(&mut pass);
        for (out, mut total) in out.chunks_mut(LANES).zip(pass.totals) {
            total.add(Lanes::splat(constant));
            out.copy_from_slice(&total.value().0[..out.len()]);
        }
    }
}

/// One walk over the judgments, for a block of models.
struct Pass<'a, S, const FMA: bool> {
    simd: S,
    plan: &'a Plan,
    block: &'a Block,
    interrupt: &'a Interrupt,
    totals: [Sum<FMA>; GROUPS],
}

impl<S: Simd, const FMA: bool> Visit for Pass<'_, S, FMA> {
    /// Subtract squared distances from the totals.
    #[inline(always)]
    fn squares(&mut self, pairs: &[impl Gaussian]) {
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
            for (total, partial) in self.totals.iter_mut().zip(partial) {
                total.subtract(partial);
            }
        }
    }

    /// Add `factor * (log sum - h log 2)` of mixtures to the totals, with one logarithm for all.
    #[inline(always)]
    fn mixtures<D: Density>(&mut self, factor: f64, pairs: &[Mixture]) {
        let mut distances = [Sum::<FMA>::zero(); GROUPS];
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
                    let Densities { distance, sum, .. } =
                        D::densities::<FMA, GROUPS_AT_ONCE, false>(self.simd, self.plan, self.block, pair, g);
                    for k in 0..GROUPS_AT_ONCE {
                        partial[k] = partial[k] + distance[k];
                        products[k] = products[k] * sum[k];
                    }
                }
                for k in 0..GROUPS_AT_ONCE {
                    distances[g + k].add(partial[k]);
                    let (fraction, taken) = split_exponent(products[k]);
                    product[g + k] = fraction;
                    exponent[g + k] = exponent[g + k] + taken;
                }
            }
        }
        for g in 0..GROUPS {
            let base_2 = exponent[g] - distances[g].value();
            let log = base_2.mul_add(Lanes::splat(LN_2), ln(product[g]));
            self.totals[g].add(log * Lanes::splat(factor));
        }
    }

    /// Scored over many blocks at once.
    #[inline(always)]
    fn tables(&mut self, _: &[Tabulated]) {}
}
