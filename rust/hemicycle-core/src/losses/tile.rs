//! Labels of a few vectors of pairs side by side, as the arithmetic reads them: small enough for the first cache.

use super::numbers::Number;
use super::registers::Machine;
use super::shares::{Column, ROWS};
use super::vectors::Vector;

/// Vectors of pairs in a tile.
pub(super) const VECTORS: usize = 16;

/// One number a row of each vector.
type Registers<T, S> = [[<T as super::registers::Registers>::Register<S>; ROWS]; VECTORS];

/// One column a vector of pairs, the labels of a pair in one lane of it.
#[repr(C, align(64))]
pub(super) struct Tile<T: Number, S: Machine> {
    labels: Registers<T, S>,
    weights: Registers<T, S>,
    /// Labels in each column.
    rows: [usize; VECTORS],
    /// Whether the weights of a column are not all 1.
    weighted: [bool; VECTORS],
    simd: S,
}

/// Where the labels of a block of pairs lie; `#[inline(always)]` like all that runs in a kernel.
pub(super) trait Source<T: Number, S: Machine> {
    /// Columns, one after the other, that hold all labels of the tile whose first pair is at this place of the block.
    fn n_columns(&self, start: usize) -> usize;

    /// One of them, for each vector of the tile.
    fn fill(&self, tile: &mut Tile<T, S>, start: usize, column: usize);
}

impl<T: Number, S: Machine> Tile<T, S> {
    /// Pairs in a vector.
    pub const LANES: usize = Vector::<T, S>::LANES;

    /// Pairs that it holds.
    pub const PAIRS: usize = VECTORS * Self::LANES;

    pub fn new(simd: S) -> Box<Self> {
        let empty = [[T::splat(simd, T::ZERO); ROWS]; VECTORS];
        Box::new(Self { labels: empty, weights: empty, rows: [0; VECTORS], weighted: [false; VECTORS], simd })
    }

    /// A vector's labels, and their weights where these are not all 1.
    #[inline(always)]
    pub fn column(&self, vector: usize) -> Column<'_, T, S> {
        let rows = self.rows[vector].min(ROWS);
        let weights = if self.weighted[vector] { Some(&self.weights[vector][..rows]) } else { None };
        Column { simd: self.simd, labels: &self.labels[vector][..rows], weights }
    }

    /// Set how many labels a column has and whether they have weights.
    #[inline(always)]
    pub fn shape(&mut self, vector: usize, rows: usize, weighted: bool) {
        self.rows[vector] = rows;
        self.weighted[vector] = weighted;
    }

    /// One label of each of the tile's pairs.
    #[inline(always)]
    pub fn set_labels(&mut self, row: usize, labels: &[T]) {
        set_row(self.simd, &mut self.labels, row, labels);
    }

    /// One weight of each of the tile's pairs.
    #[inline(always)]
    pub fn set_weights(&mut self, row: usize, weights: &[T]) {
        set_row(self.simd, &mut self.weights, row, weights);
    }

    /// Labels of one pair, from the first row on.
    #[inline(always)]
    pub fn set_lane(&mut self, vector: usize, lane: usize, labels: &[T]) {
        let lanes = &mut T::lanes::<S>(&mut self.labels[vector])[lane..];
        macro_rules! by_length {
            ($($n:literal)*) => {
                match labels.len() {
                    $($n => set_strided::<T, S, $n>(lanes, labels),)*
                    _ => {}
                }
            };
        }
        by_length!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16);
    }

    /// Weights of one pair from the first row on; rows beyond its labels get labels of weight 0.
    #[inline(always)]
    pub fn set_lane_weights(&mut self, vector: usize, lane: usize, weights: Option<&[T]>, n_labels: usize) {
        let labels = T::lanes::<S>(&mut self.labels[vector]);
        let lanes = T::lanes::<S>(&mut self.weights[vector]);
        for row in 0..self.rows[vector].min(ROWS) {
            let place = row * Self::LANES + lane;
            let inside = row < n_labels;
            lanes[place] = match weights {
                Some(weights) if inside => weights[row],
                None if inside => T::ONE,
                _ => T::ZERO,
            };
            if !inside {
                labels[place] = T::ZERO;
            }
        }
    }
}

/// Consecutive numbers, one row of each column.
#[inline(always)]
fn set_row<T: Number, S: Machine>(simd: S, columns: &mut Registers<T, S>, row: usize, numbers: &[T]) {
    let lanes = Vector::<T, S>::LANES;
    for (column, numbers) in columns.iter_mut().zip(numbers.chunks(lanes)) {
        column[row] = Vector::<T, S>::load(simd, numbers).register();
    }
}

/// `COUNT` numbers to one lane: without a loop, whose end would be guessed wrongly.
#[inline(always)]
fn set_strided<T: Number, S: Machine, const COUNT: usize>(lanes: &mut [T], numbers: &[T]) {
    let stride = Vector::<T, S>::LANES;
    let lanes = &mut lanes[..(COUNT - 1) * stride + 1];
    let numbers = &numbers[..COUNT];
    let mut k = 0;
    while k < COUNT {
        lanes[k * stride] = numbers[k];
        k += 1;
    }
}
