//! Models scored from tables: eight at a time, and a pair for many models before the next, so that its table stays near.

use crate::error::Result;
use crate::kernels::{InstructionSet, Kernel, LANES, Lanes, Simd, Sum, each_lane};
use crate::parallel::Interrupt;
use crate::pool::{BLOCK, Block, GROUPS};

use super::Table;
use super::grid::Located;
use super::interpolation::log_density;
use super::series::Coefficients;
use super::sources::Sources;

/// Terms added without compensation before the partial sum is.
const TERMS_PER_SUM: usize = 64;

/// Bytes of logits that are transposed at once: each table is read for so many models that fetching it does not
/// count, and logits stay in the cache near a core.
const BYTES_AT_ONCE: usize = 1 << 19;

/// Models that a table is read for at least, however many items there are.
const FEWEST_MODELS: usize = 512;

/// A pair with a table.
#[derive(Debug)]
pub(crate) struct Tabulated {
    pub a: u32,
    pub b: u32,
    /// The weight of the pair.
    pub factor: f64,
    pub table: Table,
}

impl Tabulated {
    /// The log density under eight models.
    #[inline(always)]
    pub(crate) fn log_density<const FMA: bool>(&self, simd: impl Simd, block: &Block, group: usize) -> Lanes<FMA> {
        self.table.log_density(simd, block.logits(self.b, group) - block.logits(self.a, group))
    }

    /// The mean distance of `mu` to the labels under eight models, scaled, weighted by their densities.
    #[inline(always)]
    pub(crate) fn mean_distance<const FMA: bool>(&self, simd: impl Simd, block: &Block, group: usize) -> Lanes<FMA> {
        let mu = block.logits(self.b, group) - block.logits(self.a, group);
        self.table
            .labels
            .all()
            .mean_distance(simd, (mu - Lanes::splat(self.table.labels.middle)) * Lanes::splat(self.table.scale))
    }
}

impl Table {
    /// The log density at eight logit differences.
    #[inline(always)]
    fn log_density<const FMA: bool>(&self, simd: impl Simd, mu: Lanes<FMA>) -> Lanes<FMA> {
        let difference = mu - Lanes::splat(self.labels.middle);
        let (cell, place) = self.uniform.locate(difference);
        if self.uniform.have(cell) {
            let cells = self.uniform.cells.as_slice();
            let mut rows = [&NOTHING.0; LANES];
            for (row, cell) in rows.iter_mut().zip(cell) {
                *row = &cells[cell as usize].0;
            }
            return simd.polynomials(rows, place);
        }
        self.log_density_beyond(simd, difference, cell, place)
    }

    /// The log density at eight differences from the middle, those without a cell of one width among them.
    #[inline(always)]
    fn log_density_beyond<const FMA: bool>(
        &self,
        simd: impl Simd,
        difference: Lanes<FMA>,
        near: [u64; LANES],
        near_place: Lanes<FMA>,
    ) -> Lanes<FMA> {
        let distance = difference * Lanes::splat(self.scale);
        let Located { cell, place, mut inside } = self.grid.locate(distance);
        let mut rows = [&NOTHING.0; LANES];
        let mut places = place;
        for i in 0..LANES {
            if let Some(row) = self.uniform.cells.get(near[i] as usize) {
                (rows[i], places.0[i], inside[i]) = (&row.0, near_place.0[i], 1);
            } else if let Some(row) = self.cells.get(cell[i] as u32 as usize) {
                rows[i] = &row.0;
            }
        }
        let value = simd.polynomials(rows, places);
        if inside == [1; LANES] {
            return value;
        }
        let exact = log_density(simd, Sources::Labels(self.labels.all()), distance, self.constant);
        each_lane!(i => if inside[i] == 1 { value.0[i] } else { exact.0[i] })
    }
}

/// A polynomial for no cell.
static NOTHING: Coefficients = Coefficients([0.0; LANES]);

/// The logits of the items that pairs with tables compare, for many models: item after item.
#[derive(Debug, Clone)]
pub(crate) struct Columns {
    items: Vec<u32>,
    /// Where the items of each pair are among these.
    pairs: Vec<[usize; 2]>,
    logits: Vec<Group>,
    /// Groups from one item to the next.
    stride: usize,
}

/// The logits of eight models.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Group([f64; LANES]);

impl Columns {
    /// For these pairs, without room for any model.
    pub(crate) fn new(pairs: &[Tabulated]) -> Self {
        let mut items: Vec<u32> = pairs.iter().flat_map(|pair| [pair.a, pair.b]).collect();
        items.sort_unstable();
        items.dedup();
        let place = |item| items.partition_point(|other| *other < item);
        let pairs = pairs.iter().map(|pair| [place(pair.a), place(pair.b)]).collect();
        Self { items, pairs, logits: vec![], stride: 0 }
    }

    /// Blocks of models that are best scored at once.
    pub(crate) fn blocks_at_once(&self) -> usize {
        let fit = BYTES_AT_ONCE / (size_of::<f64>() * self.items.len().max(1));
        fit.max(FEWEST_MODELS) / BLOCK
    }

    /// With room for so many blocks. Items lie an odd number of cache lines apart: they do not fight for a place.
    pub(crate) fn with_room(&self, n_blocks: usize) -> Self {
        let stride = n_blocks * GROUPS + 1;
        Self { logits: vec![Group([0.0; LANES]); self.items.len() * stride], stride, ..self.clone() }
    }

    /// Take the logits of a block.
    pub(crate) fn take(&mut self, block: &Block, index: usize) {
        for (column, &item) in self.logits.chunks_exact_mut(self.stride).zip(&self.items) {
            for (g, group) in column[index * GROUPS..][..GROUPS].iter_mut().enumerate() {
                *group = Group(block.logits::<false>(item, g).0);
            }
        }
    }

    /// The logits of one of the items.
    #[inline(always)]
    fn column(&self, place: usize, n_groups: usize) -> &[Group] {
        &self.logits[place * self.stride..][..n_groups]
    }
}

/// Add the log densities of pairs with tables, times the weights of the pairs, to the totals of the models of columns.
///
/// # Errors
/// An interrupt.
pub(crate) fn add_tables(
    pairs: &[Tabulated],
    columns: &Columns,
    out: &mut [f64],
    instructions: InstructionSet,
    interrupt: &Interrupt,
) -> Result<()> {
    instructions.run(AddTables { pairs, columns, out, interrupt })
}

struct AddTables<'a> {
    pairs: &'a [Tabulated],
    columns: &'a Columns,
    /// One number a model.
    out: &'a mut [f64],
    interrupt: &'a Interrupt,
}

impl Kernel for AddTables<'_> {
    type Output = Result<()>;

    #[inline(always)]
    fn run<const FMA: bool>(self, simd: impl Simd) -> Result<()> {
        let Self { pairs, columns, out, interrupt } = self;
        let n_groups = out.len().div_ceil(LANES);
        let mut totals = vec![Sum::<FMA>::zero(); n_groups];
        let mut partial = vec![Lanes::<FMA>::splat(0.0); n_groups];
        for (chunk, places) in pairs.chunks(TERMS_PER_SUM).zip(columns.pairs.chunks(TERMS_PER_SUM)) {
            partial.fill(Lanes::splat(0.0));
            for (pair, &[a, b]) in chunk.iter().zip(places) {
                interrupt.check()?;
                let (a, b) = (columns.column(a, n_groups), columns.column(b, n_groups));
                let factor = Lanes::splat(pair.factor);
                for ((partial, a), b) in partial.iter_mut().zip(a).zip(b) {
                    let value = pair.table.log_density(simd, Lanes::<FMA>(b.0) - Lanes(a.0));
                    *partial = value.mul_add(factor, *partial);
                }
            }
            for (total, partial) in totals.iter_mut().zip(&partial) {
                total.add(*partial);
            }
        }
        for (out, total) in out.chunks_mut(LANES).zip(totals) {
            for (out, total) in out.iter_mut().zip(total.value().0) {
                *out += total;
            }
        }
        Ok(())
    }
}
