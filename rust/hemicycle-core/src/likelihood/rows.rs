//! Log densities by pair, 32 models at a time: the terms of the totals, each with its own logarithm.

use std::f64::consts::LN_2;

use crate::kernels::{Kernel, Lanes, ln};
use crate::pool::{Block, GROUPS};

use super::plan::{Kind, Mixture, Plan, Run};
use super::tabulated::Tabulated;
use super::terms::{Careful, Close, Density, Difference, Two, Wide};
use super::tile::Tile;

/// A vector for each group of a block.
type Groups<const FMA: bool> = [Lanes<FMA>; GROUPS];

/// The log density of every pair under every model of a block.
pub(crate) struct Rows<'a> {
    pub plan: &'a Plan,
    pub block: &'a Block,
    /// One row a model of the block, one column a pair.
    pub out: &'a mut [f64],
}

impl Kernel for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { plan, block, out } = self;
        let mut tile = Tile::new(out, plan.constants.len());
        for run in &plan.runs {
            let Run { kind, first, last, .. } = *run;
            match kind {
                Kind::Square => push_squares::<FMA>(&mut tile, plan, block, &plan.squares[first..last]),
                Kind::CarefulSquare => push_squares::<FMA>(&mut tile, plan, block, &plan.careful_squares[first..last]),
                Kind::Two => push_mixtures::<FMA, Two>(&mut tile, plan, block, &plan.mixtures[first..last]),
                Kind::Close => push_mixtures::<FMA, Close>(&mut tile, plan, block, &plan.mixtures[first..last]),
                Kind::Wide => push_mixtures::<FMA, Wide>(&mut tile, plan, block, &plan.mixtures[first..last]),
                Kind::Careful => push_mixtures::<FMA, Careful>(&mut tile, plan, block, &plan.mixtures[first..last]),
                Kind::Tabulated => push_tables::<FMA>(&mut tile, block, &plan.tables[first..last]),
            }
        }
        tile.flush();
    }
}

#[inline(always)]
fn push_squares<const FMA: bool>(tile: &mut Tile<'_>, plan: &Plan, block: &Block, pairs: &[impl Difference]) {
    for pair in pairs {
        let constant = Lanes::splat(plan.constants[tile.position()]);
        let mut values: Groups<FMA> = [constant; GROUPS];
        for (g, value) in values.iter_mut().enumerate() {
            let z = pair.difference(block, g);
            *value = *value - z * z;
        }
        tile.push(values);
    }
}

#[inline(always)]
fn push_tables<const FMA: bool>(tile: &mut Tile<'_>, block: &Block, pairs: &[Tabulated]) {
    for pair in pairs {
        let mut values: Groups<FMA> = [Lanes::splat(0.0); GROUPS];
        for (g, value) in values.iter_mut().enumerate() {
            *value = pair.log_density(block, g);
        }
        tile.push(values);
    }
}

#[inline(always)]
fn push_mixtures<const FMA: bool, D: Density>(tile: &mut Tile<'_>, plan: &Plan, block: &Block, pairs: &[Mixture]) {
    for pair in pairs {
        let constant = Lanes::splat(plan.constants[tile.position()]);
        let mut values: Groups<FMA> = [constant; GROUPS];
        for (g, value) in values.iter_mut().enumerate() {
            let (h, sum) = D::density(plan, block, pair, g);
            *value = *value + (ln(sum) - h * Lanes::splat(LN_2));
        }
        tile.push(values);
    }
}
