//! Results by pair as rows by model.

use crate::kernels::{Kernel, LANES, Lanes, Simd};
use crate::parallel::Interrupt;
use crate::pool::Block;

use super::by_pair::{ByPair, Sink};
use super::plan::Plan;

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
            let mut tile = Tile::<_, FMA> { rows, n_columns, written: 0, collected: &mut collected, n: 0, simd };
            ByPair::push_all(simd, plan, block, group, interrupt, &mut tile);
            tile.finish();
        }
    }
}

/// Collects the results of pairs under eight models and writes them, transposed, to the rows of these models.
///
/// Eight rows and no more: the processor fetches ahead for as many as it writes to, but not for 32. Every write is a
/// cache line, of eight pairs.
struct Tile<'a, S, const FMA: bool> {
    /// One row a model, for up to eight models.
    rows: &'a mut [f64],
    n_columns: usize,
    written: usize,
    /// Borrowed, so that the counters beside it stay in registers.
    collected: &'a mut [Lanes<FMA>; LANES],
    n: usize,
    simd: S,
}

impl<S: Simd, const FMA: bool> Sink<FMA, 1> for Tile<'_, S, FMA> {
    #[inline(always)]
    fn push(&mut self, [log_density]: [Lanes<FMA>; 1]) {
        self.collected[self.n] = log_density;
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
}

impl<S: Simd, const FMA: bool> Tile<'_, S, FMA> {
    /// Write what is left.
    #[inline(always)]
    fn finish(self) {
        for (model, row) in self.rows.chunks_exact_mut(self.n_columns).enumerate() {
            for (out, values) in row[self.written..].iter_mut().zip(&*self.collected) {
                *out = values.0[model];
            }
        }
    }
}
