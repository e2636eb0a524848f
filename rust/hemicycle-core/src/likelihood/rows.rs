//! Log densities by pair, eight models at a time: the terms of the totals, each with its own logarithm.

use std::f64::consts::LN_2;

use crate::kernels::{Kernel, LANES, Lanes, Simd, ln};
use crate::parallel::Interrupt;
use crate::pool::Block;

use super::plan::{Kind, Plan, Run};
use super::tabulated::Tabulated;
use super::terms::{Careful, Close, Density, Difference, Two, Wide};
use super::tile::Tile;

/// Pairs scored between looks for an interrupt.
const PAIRS_AT_ONCE: usize = 64;

/// The log density of every pair under every model of a block.
pub(crate) struct Rows<'a> {
    pub plan: &'a Plan,
    pub block: &'a Block,
    pub interrupt: &'a Interrupt,
    /// One row a model of the block, one column a pair.
    pub out: &'a mut [f64],
}

impl Kernel for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self, simd: impl Simd) {
        let Self { plan, block, interrupt, out } = self;
        let n_columns = plan.constants.len();
        for (group, rows) in out.chunks_mut(LANES * n_columns).enumerate() {
            let mut collected = [Lanes::splat(0.0); LANES];
            let mut tile = Tile::<_, FMA>::new(rows, n_columns, &mut collected, simd);
            for run in &plan.runs {
                let Run { kind, first, last, .. } = *run;
                match kind {
                    Kind::Square => push_squares(&mut tile, plan, block, interrupt, group, &plan.squares[first..last]),
                    Kind::CarefulSquare => {
                        push_squares(&mut tile, plan, block, interrupt, group, &plan.careful_squares[first..last]);
                    }
                    Kind::Two => push_mixtures::<FMA, _, Two>(&mut tile, plan, block, interrupt, group, run),
                    Kind::Close => push_mixtures::<FMA, _, Close>(&mut tile, plan, block, interrupt, group, run),
                    Kind::Wide => push_mixtures::<FMA, _, Wide>(&mut tile, plan, block, interrupt, group, run),
                    Kind::Careful => push_mixtures::<FMA, _, Careful>(&mut tile, plan, block, interrupt, group, run),
                    Kind::Tabulated => push_tables(&mut tile, block, interrupt, group, &plan.tables[first..last]),
                }
            }
            tile.finish();
        }
    }
}

#[inline(always)]
fn push_squares<const FMA: bool>(
    tile: &mut Tile<'_, impl Simd, FMA>,
    plan: &Plan,
    block: &Block,
    interrupt: &Interrupt,
    group: usize,
    pairs: &[impl Difference],
) {
    for pairs in pairs.chunks(PAIRS_AT_ONCE) {
        if interrupt.is_raised() {
            return;
        }
        for pair in pairs {
            let constant = Lanes::splat(plan.constants[tile.position()]);
            let z = pair.difference(block, group);
            tile.push(constant - z * z);
        }
    }
}

#[inline(always)]
fn push_mixtures<const FMA: bool, S: Simd, D: Density>(
    tile: &mut Tile<'_, S, FMA>,
    plan: &Plan,
    block: &Block,
    interrupt: &Interrupt,
    group: usize,
    run: &Run,
) {
    for pairs in plan.mixtures[run.first..run.last].chunks(PAIRS_AT_ONCE) {
        if interrupt.is_raised() {
            return;
        }
        for pair in pairs {
            if pair.is_long() && interrupt.is_raised() {
                return;
            }
            let constant = Lanes::splat(plan.constants[tile.position()]);
            let ([h], [sum]) = D::densities(tile.simd(), plan, block, pair, group);
            tile.push(constant + (ln(sum) - h * Lanes::splat(LN_2)));
        }
    }
}

#[inline(always)]
fn push_tables<const FMA: bool>(
    tile: &mut Tile<'_, impl Simd, FMA>,
    block: &Block,
    interrupt: &Interrupt,
    group: usize,
    pairs: &[Tabulated],
) {
    for pair in pairs {
        if interrupt.is_raised() {
            return; // a model beyond the table takes as long as its labels
        }
        tile.push(pair.log_density(tile.simd(), block, group));
    }
}
