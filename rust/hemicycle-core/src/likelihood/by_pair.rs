//! Log densities by pair, some models at a time: the terms of the totals, each with its own logarithm.

use std::f64::consts::LN_2;

use crate::kernels::{Lanes, Simd, ln};
use crate::parallel::Interrupt;
use crate::pool::Block;

use super::plan::{Mixture, Plan};
use super::tabulated::Tabulated;
use super::terms::{Densities, Density, Gaussian, Groups};
use super::walk::Visit;

/// Pairs scored between looks for an interrupt.
const PAIRS_AT_ONCE: usize = 64;

/// Where the log densities of pairs under `G` groups of models go.
pub(super) trait Sink<const FMA: bool, const G: usize> {
    /// Take those of the next pair.
    fn push(&mut self, log_density: Groups<FMA, G>);
}

/// One walk over the judgments, for `G` groups of models of a block.
pub(super) struct ByPair<'a, S, T, const FMA: bool, const G: usize> {
    simd: S,
    plan: &'a Plan,
    block: &'a Block,
    /// The first group of the block.
    first: usize,
    interrupt: &'a Interrupt,
    sink: &'a mut T,
    /// Of the pairs not visited yet.
    constants: &'a [f64],
}

impl<'a, S: Simd, T: Sink<FMA, G>, const FMA: bool, const G: usize> ByPair<'a, S, T, FMA, G> {
    /// Push the log densities of every pair, in the order of the plan.
    #[inline(always)]
    pub(super) fn push_all(
        simd: S,
        plan: &'a Plan,
        block: &'a Block,
        first: usize,
        interrupt: &'a Interrupt,
        sink: &'a mut T,
    ) {
        plan.walk(&mut Self { simd, plan, block, first, interrupt, sink, constants: &plan.constants });
    }

    /// The constants of the next pairs.
    #[inline(always)]
    fn next_constants(&mut self, n_pairs: usize) -> &'a [f64] {
        let (next, others) = self.constants.split_at(n_pairs);
        self.constants = others;
        next
    }
}

impl<S: Simd, T: Sink<FMA, G>, const FMA: bool, const G: usize> Visit for ByPair<'_, S, T, FMA, G> {
    #[inline(always)]
    fn squares(&mut self, pairs: &[impl Gaussian]) {
        let constants = self.next_constants(pairs.len());
        for (pairs, constants) in pairs.chunks(PAIRS_AT_ONCE).zip(constants.chunks(PAIRS_AT_ONCE)) {
            if self.interrupt.is_raised() {
                return;
            }
            for (pair, &constant) in pairs.iter().zip(constants) {
                let mut log_density = [Lanes::splat(constant); G];
                for (g, log_density) in log_density.iter_mut().enumerate() {
                    let z = pair.difference(self.block, self.first + g);
                    *log_density = *log_density - z * z;
                }
                self.sink.push(log_density);
            }
        }
    }

    #[inline(always)]
    fn mixtures<D: Density>(&mut self, _: f64, pairs: &[Mixture]) {
        let constants = self.next_constants(pairs.len());
        for (pairs, constants) in pairs.chunks(PAIRS_AT_ONCE).zip(constants.chunks(PAIRS_AT_ONCE)) {
            if self.interrupt.is_raised() {
                return;
            }
            for (pair, &constant) in pairs.iter().zip(constants) {
                if pair.is_long() && self.interrupt.is_raised() {
                    return;
                }
                let Densities { distance, sum, .. } =
                    D::densities::<FMA, G, false>(self.simd, self.plan, self.block, pair, self.first);
                let mut log_density = [Lanes::splat(constant); G];
                for g in 0..G {
                    log_density[g] = log_density[g] + (ln(sum[g]) - distance[g] * Lanes::splat(LN_2));
                }
                self.sink.push(log_density);
            }
        }
    }

    #[inline(always)]
    fn tables(&mut self, pairs: &[Tabulated]) {
        self.next_constants(pairs.len());
        for pair in pairs {
            if self.interrupt.is_raised() {
                return; // a model beyond the table takes as long as its labels
            }
            let mut log_density = [Lanes::splat(0.0); G];
            for (g, log_density) in log_density.iter_mut().enumerate() {
                *log_density = pair.log_density(self.simd, self.block, self.first + g);
            }
            self.sink.push(log_density);
        }
    }
}
