//! Labels as a matrix, one column a pair.

use super::numbers::Number;
use super::registers::Machine;
use super::shares::ROWS;
use super::tile::{Source, Tile, VECTORS};

/// The labels of a block of pairs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dense<'a, T> {
    /// (n_labels, n_pairs), row-major.
    pub labels: &'a [T],
    /// As the labels.
    pub weights: Option<&'a [T]>,
    pub n_pairs: usize,
    /// The first pair of the block.
    pub first: usize,
    /// Pairs in the block.
    pub len: usize,
}

impl<T: Number> Dense<'_, T> {
    pub fn n_labels(&self) -> usize {
        self.labels.len() / self.n_pairs
    }
}

impl<T: Number, M: Machine> Source<T, M> for Dense<'_, T> {
    #[inline(always)]
    fn n_columns(&self, _: usize) -> usize {
        self.n_labels().div_ceil(ROWS)
    }

    #[inline(always)]
    fn fill(&self, tile: &mut Tile<T, M>, start: usize, column: usize) {
        let first = column * ROWS;
        let rows = (self.n_labels() - first).min(ROWS);
        let n_pairs = (self.len - start).min(Tile::<T, M>::PAIRS);
        for row in 0..rows {
            let begin = (first + row) * self.n_pairs + self.first + start;
            tile.set_labels(row, &self.labels[begin..begin + n_pairs]);
            if let Some(weights) = self.weights {
                tile.set_weights(row, &weights[begin..begin + n_pairs]);
            }
        }
        for vector in 0..VECTORS {
            tile.shape(vector, rows, self.weights.is_some());
        }
    }
}
