//! Results by pair on their way to rows by model.

use crate::kernels::{LANES, Lanes};
use crate::pool::{BLOCK, GROUPS};

/// Pairs whose results are collected before they are written to the models' rows.
const TILE: usize = 64;

/// Collects the results of pairs and writes them, transposed, to the rows of a block of models.
pub(crate) struct Tile<'a> {
    rows: &'a mut [f64],
    n_columns: usize,
    written: usize,
    values: [[f64; BLOCK]; TILE],
    n: usize,
}

impl<'a> Tile<'a> {
    /// Nothing collected yet; `rows` has one row a model, of `n_columns` pairs.
    #[inline(always)]
    pub(crate) fn new(rows: &'a mut [f64], n_columns: usize) -> Self {
        Self { rows, n_columns, written: 0, values: [[0.0; BLOCK]; TILE], n: 0 }
    }

    /// Index of the next pair.
    #[inline(always)]
    pub(crate) fn position(&self) -> usize {
        self.written + self.n
    }

    /// Add one pair.
    #[inline(always)]
    pub(crate) fn push<const FMA: bool>(&mut self, values: [Lanes<FMA>; GROUPS]) {
        for (out, values) in self.values[self.n].chunks_exact_mut(LANES).zip(values) {
            out.copy_from_slice(&values.0);
        }
        self.n += 1;
        if self.n == TILE {
            self.flush();
        }
    }

    /// Write what was collected; to be called once at the end.
    pub(crate) fn flush(&mut self) {
        for (model, row) in self.rows.chunks_exact_mut(self.n_columns).enumerate() {
            for (out, values) in row[self.written..][..self.n].iter_mut().zip(&self.values) {
                *out = values[model];
            }
        }
        self.written += self.n;
        self.n = 0;
    }
}
