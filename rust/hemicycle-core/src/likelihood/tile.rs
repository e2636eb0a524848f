//! Results by pair on their way to rows by model.

use crate::kernels::{InstructionSet, LANES, Lanes, transpose};

/// Collects the results of pairs under eight models and writes them, transposed, to the rows of these models.
///
/// Eight rows and no more: the processor fetches ahead for as many as it writes to, but not for 32. Every write is a
/// cache line, of eight pairs.
pub(crate) struct Tile<'a, const FMA: bool> {
    rows: &'a mut [f64],
    n_columns: usize,
    written: usize,
    values: [Lanes<FMA>; LANES],
    n: usize,
    instructions: InstructionSet,
}

impl<'a, const FMA: bool> Tile<'a, FMA> {
    /// Nothing collected yet; `rows` has one row a model, of `n_columns` pairs, for up to eight models. `instructions`
    /// are those of the kernel around it.
    #[inline(always)]
    pub(crate) fn new(rows: &'a mut [f64], n_columns: usize, instructions: InstructionSet) -> Self {
        Self { rows, n_columns, written: 0, values: [Lanes::splat(0.0); LANES], n: 0, instructions }
    }

    /// Index of the next pair.
    #[inline(always)]
    pub(crate) fn position(&self) -> usize {
        self.written + self.n
    }

    /// Add one pair.
    #[inline(always)]
    pub(crate) fn push(&mut self, values: Lanes<FMA>) {
        self.values[self.n] = values;
        self.n += 1;
        if self.n == LANES {
            self.write(LANES);
        }
    }

    /// Write what is left.
    #[inline(always)]
    pub(crate) fn finish(mut self) {
        self.write(self.n);
    }

    /// Write the first `n` of the pairs collected.
    #[inline(always)]
    fn write(&mut self, n: usize) {
        for (model, values) in transpose(self.instructions, self.values).iter().enumerate() {
            let first = model * self.n_columns + self.written;
            // the last models of a pool may be fewer than eight
            if let Some(out) = self.rows.get_mut(first..first + n) {
                out.copy_from_slice(&values.0[..n]);
            }
        }
        self.written += n;
        self.n = 0;
    }
}
