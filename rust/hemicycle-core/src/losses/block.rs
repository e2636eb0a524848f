//! The kernel: every prediction of a block of pairs, tile by tile.

use std::ops::Range;

use pulp::NullaryFnOnce;

use crate::parallel::Interrupt;

use super::numbers::Number;
use super::registers::Machine;
use super::shares::{Shares, Width};
use super::tile::{Source, Tile, VECTORS};
use super::vectors::Vector;

/// The predictions of one model and what is computed from them.
pub(super) struct Row<'a, T> {
    pub pred: &'a [T],
    pub loss: &'a mut [T],
    pub slope: Option<&'a mut [T]>,
    pub curvature: Option<&'a mut [T]>,
}

impl<T: Number> Row<'_, T> {
    /// Write the loss and the slope of one vector.
    #[inline(always)]
    pub fn store<M: Machine>(&mut self, at: Range<usize>, width: &Width<T>, shares: &Shares<T, M>) {
        shares.loss(width).store(&mut self.loss[at.clone()]);
        if let Some(slope) = &mut self.slope {
            shares.slope(width).store(&mut slope[at]);
        }
    }

    /// Write the curvature of one vector.
    #[inline(always)]
    pub fn store_curvature<M: Machine>(&mut self, at: Range<usize>, width: &Width<T>, shares: &Shares<T, M>) {
        if let Some(curvature) = &mut self.curvature {
            shares.curvature(width).store(&mut curvature[at]);
        }
    }
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
        let mut shares = [Shares::none(self.simd); VECTORS];
        for column in 0..self.n_columns {
            if self.interrupt.is_raised() {
                return;
            }
            self.fill(column);
            for (vector, shares) in shares.iter_mut().enumerate() {
                let Some(at) = self.places(vector, row) else { break };
                shares.absorb(&self.width, Vector::load(self.simd, &row.pred[at]), self.tile.column(vector));
            }
        }
        for (vector, shares) in shares.iter().enumerate() {
            let Some(at) = self.places(vector, row) else { break };
            row.store(at, &self.width, shares);
        }
        if row.curvature.is_some() {
            self.curvature(row, &mut shares);
        }
    }

    /// The places in the block of the pairs of a vector, if it has any.
    #[inline(always)]
    fn places(&self, vector: usize, row: &Row<'_, T>) -> Option<Range<usize>> {
        let begin = self.start + vector * Tile::<T, M>::LANES;
        let end = (begin + Tile::<T, M>::LANES).min(row.pred.len());
        if begin < end { Some(begin..end) } else { None }
    }

    /// The second derivatives: once more through the labels.
    #[inline(always)]
    fn curvature(&mut self, row: &mut Row<'_, T>, shares: &mut [Shares<T, M>; VECTORS]) {
        for column in 0..self.n_columns {
            if self.interrupt.is_raised() {
                return;
            }
            self.fill(column);
            for (vector, shares) in shares.iter_mut().enumerate() {
                let Some(at) = self.places(vector, row) else { break };
                shares.spread(&self.width, Vector::load(self.simd, &row.pred[at]), self.tile.column(vector));
            }
        }
        for (vector, shares) in shares.iter().enumerate() {
            let Some(at) = self.places(vector, row) else { break };
            row.store_curvature(at, &self.width, shares);
        }
    }
}
