//! The kernel: every prediction of a block of pairs, tile by tile.

use pulp::NullaryFnOnce;

use crate::parallel::Interrupt;

use super::Outputs;
use super::numbers::Number;
use super::registers::Machine;
use super::shares::{Shares, Width};
use super::tile::{Source, Tile, VECTORS};
use super::vectors::Vector;

/// The predictions of one model and what is computed from them.
pub(super) struct Row<'a, T> {
    pub pred: &'a [T],
    pub out: Outputs<'a, T>,
}

/// A block of pairs and the models that predict them, all in the order of the source.
pub(super) struct Block<'a, 'b, T: Number, S, M: Machine> {
    pub simd: M,
    pub source: &'a S,
    pub width: Width<T>,
    pub rows: &'a mut [Row<'b, T>],
    pub tile: &'a mut Tile<T, M>,
    pub interrupt: &'a Interrupt,
}

impl<T: Number, S: Source<T, M>, M: Machine> NullaryFnOnce for Block<'_, '_, T, S, M> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { simd, source, width, rows, tile, interrupt } = self;
        let n_pairs = rows.first().map_or(0, |row| row.pred.len());
        let mut start = 0;
        while start < n_pairs {
            let n_columns = source.n_columns(start);
            let mut sweep = Sweep { simd, source, width, tile, interrupt, start, n_columns, filled: n_columns };
            for row in rows.iter_mut() {
                sweep.model(row);
            }
            start += Tile::<T, M>::PAIRS;
        }
    }
}

/// The labels of one tile, column after column.
struct Sweep<'a, T: Number, S, M: Machine> {
    simd: M,
    source: &'a S,
    width: Width<T>,
    tile: &'a mut Tile<T, M>,
    interrupt: &'a Interrupt,
    /// The first pair, as its place in the block.
    start: usize,
    n_columns: usize,
    /// The columns that the tile holds.
    filled: usize,
}

impl<T: Number, S: Source<T, M>, M: Machine> Sweep<'_, T, S, M> {
    /// Bring columns into the tile, unless they are in it.
    #[inline(always)]
    fn fill(&mut self, column: usize) {
        if self.filled != column {
            self.source.fill(self.tile, self.start, column);
            self.filled = column;
        }
    }

    /// One model's pairs of the tile.
    #[inline(always)]
    fn model(&mut self, row: &mut Row<'_, T>) {
        let pairs = self.start..(self.start + Tile::<T, M>::PAIRS).min(row.pred.len());
        let mut shares = [Shares::none(self.simd); VECTORS];
        for column in 0..self.n_columns {
            if self.interrupt.is_raised() {
                return;
            }
            self.fill(column);
            for (vector, pred) in row.pred[pairs.clone()].chunks(Tile::<T, M>::LANES).enumerate() {
                shares[vector].absorb(&self.width, Vector::load(self.simd, pred), self.tile.column(vector));
            }
        }
        for (shares, out) in shares.iter().zip(row.out.loss[pairs.clone()].chunks_mut(Tile::<T, M>::LANES)) {
            shares.loss(&self.width).store(out);
        }
        if let Some(slope) = &mut row.out.slope {
            for (shares, out) in shares.iter().zip(slope[pairs.clone()].chunks_mut(Tile::<T, M>::LANES)) {
                shares.slope(&self.width).store(out);
            }
        }
        if row.out.curvature.is_some() {
            self.curvature(row, &mut shares);
        }
    }

    /// The second derivatives: once more through the labels.
    #[inline(always)]
    fn curvature(&mut self, row: &mut Row<'_, T>, shares: &mut [Shares<T, M>; VECTORS]) {
        let pairs = self.start..(self.start + Tile::<T, M>::PAIRS).min(row.pred.len());
        for column in 0..self.n_columns {
            if self.interrupt.is_raised() {
                return;
            }
            self.fill(column);
            for (vector, pred) in row.pred[pairs.clone()].chunks(Tile::<T, M>::LANES).enumerate() {
                shares[vector].spread(&self.width, Vector::load(self.simd, pred), self.tile.column(vector));
            }
        }
        if let Some(curvature) = &mut row.out.curvature {
            for (shares, out) in shares.iter().zip(curvature[pairs].chunks_mut(Tile::<T, M>::LANES)) {
                shares.curvature(&self.width).store(out);
            }
        }
    }
}
