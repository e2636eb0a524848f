//! Models scored from tables: eight at a time, and a pair for many models before the next, so that its table stays near.

use std::f64::consts::LN_2;

use crate::error::Result;
use crate::kernels::{InstructionSet, Kernel, LANES, Lanes, Simd, Sum};
use crate::parallel::Interrupt;
use crate::pool::{BLOCK, Block, GROUPS};

use super::Table;
use super::grid::Located;

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
}

impl Table {
    /// The log density at eight logit differences.
    #[inline(always)]
    fn log_density<const FMA: bool>(&self, simd: impl Simd, mu: Lanes<FMA>) -> Lanes<FMA> {
        let difference = mu - Lanes::splat(self.middle);
        let (cell, place) = self.uniform.locate(difference);
        if self.uniform.have(cell) {
            return simd.polynomials(self.uniform.rows(cell), place);
        }
        let anywhere = self.anywhere(difference, cell, place);
        simd.polynomials(anywhere.rows, anywhere.place)
    }

    /// The same bits, and the derivative with respect to the logit difference.
    #[inline(always)]
    pub(super) fn with_slope<const FMA: bool>(&self, simd: impl Simd, mu: Lanes<FMA>) -> (Lanes<FMA>, Lanes<FMA>) {
        let difference = mu - Lanes::splat(self.middle);
        let (cell, place) = self.uniform.locate(difference);
        let (value, slope) = if self.uniform.have(cell) {
            let (value, slope) = simd.polynomials_with_slopes(self.uniform.rows(cell), place);
            (value, slope * Lanes::splat(self.uniform.scale))
        } else {
            let anywhere = self.anywhere(difference, cell, place);
            let (value, slope) = simd.polynomials_with_slopes(anywhere.rows, anywhere.place);
            (value, slope * anywhere.growth)
        };
        if let Some(labels) = &self.labels {
            let distance = labels.all().mean_distance(simd, difference * Lanes::splat(self.scale));
            return (value, distance * Lanes::splat(-2.0 * LN_2 * self.scale));
        }
        (value, slope)
    }

    /// The cells of eight differences from the middle, those without a cell of one width among them.
    #[inline(always)]
    fn anywhere<const FMA: bool>(
        &self,
        difference: Lanes<FMA>,
        uniform: [u64; LANES],
        uniform_place: Lanes<FMA>,
    ) -> Anywhere<'_, FMA> {
        let Located { cell, mut place, growth } = self.grid.locate(difference * Lanes::splat(self.scale));
        let mut growth = growth * Lanes::splat(self.scale);
        let mut rows = [&NOTHING; LANES];
        for i in 0..LANES {
            if let Some(row) = self.uniform.cells.get(uniform[i] as usize) {
                (rows[i], place.0[i], growth.0[i]) = (&row.0, uniform_place.0[i], self.uniform.scale);
            } else if let Some(row) = self.cells.get(cell[i] as u32 as usize) {
                rows[i] = &row.0;
            }
        }
        Anywhere { rows, place, growth }
    }
}

/// The cells of eight points.
struct Anywhere<'a, const FMA: bool> {
    rows: [&'a [f64; LANES]; LANES],
    /// Half the place.
    place: Lanes<FMA>,
    /// Its derivative with respect to the logit difference.
    growth: Lanes<FMA>,
}

/// A polynomial for no cell.
static NOTHING: [f64; LANES] = [0.0; LANES];

/// A number for each of the items that pairs with tables compare and each of many models, item after item: logits, or
/// slopes.
#[derive(Debug, Clone)]
pub(crate) struct Columns {
    items: Vec<u32>,
    /// Where the items of each pair are among these.
    pairs: Vec<[usize; 2]>,
    numbers: Vec<Group>,
    /// Groups from one item to the next.
    stride: usize,
}

/// The numbers of eight models.
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
        Self { items, pairs, numbers: vec![], stride: 0 }
    }

    /// Blocks of models that one thread best scores at once; one if no pair has a table.
    pub(crate) fn blocks_at_once(&self, n_models: usize) -> usize {
        if self.items.is_empty() {
            return 1;
        }
        let fit = BYTES_AT_ONCE / (size_of::<f64>() * self.items.len());
        let share = n_models.div_ceil(BLOCK * rayon::current_num_threads());
        (fit.max(FEWEST_MODELS) / BLOCK).min(share).max(1)
    }

    /// With room for so many blocks. Items lie an odd number of cache lines apart: they do not fight for a place.
    pub(crate) fn with_room(&self, n_blocks: usize) -> Self {
        let stride = n_blocks * GROUPS + 1;
        Self { numbers: vec![Group([0.0; LANES]); self.items.len() * stride], stride, ..self.clone() }
    }

    /// Take the logits of a block.
    pub(crate) fn take(&mut self, block: &Block, index: usize) {
        for (column, &item) in self.numbers.chunks_exact_mut(self.stride).zip(&self.items) {
            for (g, group) in column[index * GROUPS..][..GROUPS].iter_mut().enumerate() {
                *group = Group(block.logits::<false>(item, g).0);
            }
        }
    }

    /// Every item with its numbers for `N` groups from `first` on.
    #[inline(always)]
    pub(crate) fn groups<const N: usize>(&self, first: usize) -> impl Iterator<Item = (u32, [[f64; LANES]; N])> {
        let columns = self.numbers.chunks_exact(self.stride.max(1));
        self.items.iter().zip(columns).map(move |(&item, column)| (item, std::array::from_fn(|g| column[first + g].0)))
    }

    /// The numbers of one of the items.
    #[inline(always)]
    fn column(&self, place: usize, n_groups: usize) -> &[Group] {
        &self.numbers[place * self.stride..][..n_groups]
    }

    /// The numbers of two of the items.
    #[inline(always)]
    fn two_columns(&mut self, [a, b]: [usize; 2], n_groups: usize) -> [&mut [Group]; 2] {
        let (before, after) = self.numbers.split_at_mut(a.max(b) * self.stride);
        let (lower, upper) = (&mut before[a.min(b) * self.stride..][..n_groups], &mut after[..n_groups]);
        if a < b { [lower, upper] } else { [upper, lower] }
    }
}

impl Group {
    /// Add a term times a factor.
    #[inline(always)]
    fn add<const FMA: bool>(&mut self, term: Lanes<FMA>, factor: f64) {
        *self = Self(term.mul_add(Lanes::splat(factor), Lanes(self.0)).0);
    }
}

/// Add the log densities of pairs with tables, times the weights of the pairs, to the totals of the models of `logits`,
/// and put minus half their derivatives to `slopes`, if asked for.
///
/// # Errors
/// An interrupt.
pub(crate) fn add_tables(
    pairs: &[Tabulated],
    logits: &Columns,
    slopes: Option<&mut Columns>,
    out: &mut [f64],
    instructions: InstructionSet,
    interrupt: &Interrupt,
) -> Result<()> {
    instructions.run(AddTables { pairs, logits, slopes, out, interrupt })
}

struct AddTables<'a> {
    pairs: &'a [Tabulated],
    logits: &'a Columns,
    slopes: Option<&'a mut Columns>,
    /// One number a model.
    out: &'a mut [f64],
    interrupt: &'a Interrupt,
}

impl Kernel for AddTables<'_> {
    type Output = Result<()>;

    #[inline(always)]
    fn run<const FMA: bool>(self, simd: impl Simd) -> Result<()> {
        let Self { pairs, logits, mut slopes, out, interrupt } = self;
        let n_groups = out.len().div_ceil(LANES);
        let mut totals = vec![Sum::<FMA>::zero(); n_groups];
        let mut partial = vec![Lanes::<FMA>::splat(0.0); n_groups];
        if let Some(slopes) = &mut slopes {
            slopes.numbers.fill(Group([0.0; LANES]));
        }
        for (chunk, places) in pairs.chunks(TERMS_PER_SUM).zip(logits.pairs.chunks(TERMS_PER_SUM)) {
            partial.fill(Lanes::splat(0.0));
            for (pair, &[a, b]) in chunk.iter().zip(places) {
                interrupt.check()?;
                let columns = logits.column(a, n_groups).iter().zip(logits.column(b, n_groups));
                let factor = Lanes::splat(pair.factor);
                if let Some(slopes) = &mut slopes {
                    let [of_a, of_b] = slopes.two_columns([a, b], n_groups);
                    let slopes = of_a.iter_mut().zip(of_b);
                    for ((partial, (of_a, of_b)), (a, b)) in partial.iter_mut().zip(slopes).zip(columns) {
                        interrupt.check()?; // of many labels slopes may be slow
                        let mu = Lanes::<FMA>(b.0) - Lanes(a.0);
                        let (value, slope) = pair.table.with_slope(simd, mu);
                        *partial = value.mul_add(factor, *partial);
                        of_a.add(slope, 0.5 * pair.factor);
                        of_b.add(slope, -0.5 * pair.factor);
                    }
                } else {
                    for (partial, (a, b)) in partial.iter_mut().zip(columns) {
                        let value = pair.table.log_density(simd, Lanes::<FMA>(b.0) - Lanes(a.0));
                        *partial = value.mul_add(factor, *partial);
                    }
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
