//! The direct kernel: every label of every pair, 32 models at a time.
//!
//! With `h_i` the squared distance of `mu` to label `i`, scaled so that the density is `2^-h_i`, a pair is
//! `log p = log sum_i v_i 2^(h - h_i) - h log 2`, with `h` that of the nearest label or of the nearer end of their range. The
//! sum is then a normal number of a known size, so the sums of many pairs are multiplied before one logarithm is taken, and
//! the `h` are added, compensated.

use std::f64::consts::LN_2;

use crate::kernels::{Kernel, LANES, Lanes, Simd, Sum, ln, split_exponent};
use crate::pool::{Block, GROUPS};

use super::plan::{Kind, Plan, Run};
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
    /// One number a model of the block.
    pub out: &'a mut [f64],
}

impl Kernel for Totals<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self, simd: impl Simd) {
        let Self { plan, constant, block, out } = self;
        let mut totals = [Sum::<FMA>::zero(); GROUPS];
        for run in &plan.runs {
            let Run { kind, factor, first, last } = *run;
            match kind {
                Kind::Square => add_squares(&mut totals, block, &plan.squares[first..last]),
                Kind::CarefulSquare => add_squares(&mut totals, block, &plan.careful_squares[first..last]),
                Kind::Two => add_mixtures::<FMA, Two>(simd, &mut totals, plan, block, factor, first, last),
                Kind::Close => add_mixtures::<FMA, Close>(simd, &mut totals, plan, block, factor, first, last),
                Kind::Wide => add_mixtures::<FMA, Wide>(simd, &mut totals, plan, block, factor, first, last),
                Kind::Careful => add_mixtures::<FMA, Careful>(simd, &mut totals, plan, block, factor, first, last),
                Kind::Tabulated => {} // scored over many blocks at once
            }
        }
        for (out, mut total) in out.chunks_mut(LANES).zip(totals) {
            total.add(Lanes::splat(constant));
            out.copy_from_slice(&total.value().0[..out.len()]);
        }
    }
}

/// Subtract squared distances from the totals.
#[inline(always)]
fn add_squares<const FMA: bool>(totals: &mut [Sum<FMA>; GROUPS], block: &Block, pairs: &[impl Difference]) {
    for chunk in pairs.chunks(TERMS_PER_SUM) {
        let mut partial: Groups<FMA> = [Lanes::splat(0.0); GROUPS];
        for pair in chunk {
            for (g, partial) in partial.iter_mut().enumerate() {
                let z = pair.difference(block, g);
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
    simd: impl Simd,
    totals: &mut [Sum<FMA>; GROUPS],
    plan: &Plan,
    block: &Block,
    factor: f64,
    first: usize,
    last: usize,
) {
    let mut distance = [Sum::<FMA>::zero(); GROUPS];
    let mut exponent: Groups<FMA> = [Lanes::splat(0.0); GROUPS];
    let mut product: Groups<FMA> = [Lanes::splat(1.0); GROUPS];
    for chunk in plan.mixtures[first..last].chunks(SUMS_PER_PRODUCT) {
        for g in (0..GROUPS).step_by(GROUPS_AT_ONCE) {
            // few enough vectors to stay in registers from pair to pair
            let mut partial = [Lanes::splat(0.0); GROUPS_AT_ONCE];
            let mut products = [product[g], product[g + 1]];
            for pair in chunk {
                let (h, sum) = D::densities::<FMA, GROUPS_AT_ONCE>(simd, plan, block, pair, g);
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
