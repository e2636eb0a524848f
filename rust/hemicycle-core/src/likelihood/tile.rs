//! Results by pair on their way to rows by model.

use crate::kernels::{LANES, Lanes, Simd};

/// Collects the results of pairs under eight models and writes them, transposed, to the rows of these models.
///
/// Eight rows and no more: the processor fetches ahead for as many as it writes to, but not for 32. Every write is a
/// cache line, of eight pairs.
pub(crate) struct Tile<'a, S, const FMA: bool> {
    rows: &'a mut [f64],
    n_columns: usize,
    written: usize,
    /// Borrowed, so that the counters beside it stay in registers.
    collected: &'a mut [Lanes<FMA>; LANES],
    n: usize,
    simd: S,
}

impl<'a, S: Simd, const FMA: bool> Tile<'a, S, FMA> {
    /// Nothing collected yet; `rows` has one row a model, of `n_columns` pairs, for up to eight models.
    #[inline(always)]
    pub(crate) fn new(rows: &'a mut [f64], n_columns: usize, collected: &'a mut [Lanes<FMA>; LANES], simd: S) -> Self {
        Self { rows, n_columns, written: 0, collected, n: 0, simd }
    }

    /// The instructions around it.
    #[inline(always)]
    pub(crate) fn simd(&self) -> S {
        self.simd
    }

    /// Index of the next pair.
    #[inline(always)]
    pub(crate) fn position(&self) -> usize {
        self.written + self.n
    }

    /// Add one pair.
    #[inline(always)]
    pub(crate) fn push(&mut self, values: Lanes<FMA>) {
        self.collected[self.n] = values;
        self.n += 1;
        if self.n == LANES {
            let models = self.simd.transpose(self.collected);
            for (model, values) in models.iter().enumerate() {
                let first = model * self.n_columns + self.written;
                // the last models of a pool may be fewer than eight
                if let Some(out) = self.rows.get_mut(first..first + LANES) {
                    out.copy_from_slice(&values.0);
                }
            }
            self.written += LANES;
            self.n = 0;
        }
    }

    /// Write what is left.
    #[inline(always)]
    pub(crate) fn finish(self) {
        for (model, row) in self.rows.chunks_exact_mut(self.n_columns).enumerate() {
            for (out, values) in row[self.written..].iter_mut().zip(&*self.collected) {
                *out = values.0[model];
            }
        }
    }
}
