//! Results by pair on their way to rows by model.

use crate::kernels::{Columns, InstructionSet, LANES, Lanes, transpose};

/// Collects the results of pairs under eight models and writes them, transposed, to the rows of these models.
///
/// Eight rows and no more: the processor fetches ahead for as many as it writes to, but not for 32. Every write is a
/// cache line, of eight pairs.
pub(crate) struct Tile<'a, const FMA: bool> {
    rows: &'a mut [f64],
    n_columns: usize,
    written: usize,
    /// Borrowed, so that the counters beside it stay in registers.
    collected: &'a mut [Lanes<FMA>; LANES],
    n: usize,
    instructions: InstructionSet,
}

impl<'a, const FMA: bool> Tile<'a, FMA> {
    /// Nothing collected yet; `rows` has one row a model, of `n_columns` pairs, for up to eight models. `instructions`
    /// are those of the kernel around it.
    #[inline(always)]
    pub(crate) fn new(
        rows: &'a mut [f64],
        n_columns: usize,
        collected: &'a mut [Lanes<FMA>; LANES],
        instructions: InstructionSet,
    ) -> Self {
        Self { rows, n_columns, written: 0, collected, n: 0, instructions }
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
            let target = Lines { rows: self.rows, n_columns: self.n_columns, first: self.written };
            transpose(self.instructions, self.collected, target);
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

/// Eight numbers of each row, from column `first` on.
struct Lines<'a> {
    rows: &'a mut [f64],
    n_columns: usize,
    first: usize,
}

impl Columns for Lines<'_> {
    #[inline(always)]
    fn take<const FMA: bool>(self, columns: [Lanes<FMA>; LANES]) {
        for (model, values) in columns.iter().enumerate() {
            let first = model * self.n_columns + self.first;
            // the last models of a pool may be fewer than eight
            if let Some(out) = self.rows.get_mut(first..first + LANES) {
                out.copy_from_slice(&values.0);
            }
        }
    }
}
