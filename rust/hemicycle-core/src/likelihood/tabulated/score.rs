//! Models scored from tables: eight at a time, and a pair for many models before the next, so that its table stays near.

use crate::kernels::{Kernel, LANES, Lanes, Sum, each_lane};
use crate::pool::{Block, GROUPS};

use super::Table;
use super::grid::Located;
use super::polynomial::{Coefficients, POINTS, log_density};

/// Terms added without compensation before the partial sum is.
const TERMS_PER_SUM: usize = 64;

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
    pub(crate) fn log_density<const FMA: bool>(&self, block: &Block, group: usize) -> Lanes<FMA> {
        self.table.log_density(block.logits(self.b, group) - block.logits(self.a, group))
    }
}

impl Table {
    /// The log density at eight logit differences.
    #[inline(always)]
    fn log_density<const FMA: bool>(&self, mu: Lanes<FMA>) -> Lanes<FMA> {
        let distance = (mu - Lanes::splat(self.labels.middle)) * Lanes::splat(self.scale);
        let Located { cell, place, inside, all_inside } = self.grid.locate(distance);
        let value = self.polynomials(cell, place);
        if all_inside {
            return value;
        }
        let exact = log_density(self.labels.all(), distance, self.constant);
        each_lane!(i => if inside[i] == 1 { value.0[i] } else { exact.0[i] })
    }

    /// The polynomial of each lane's cell at its place.
    #[inline(always)]
    fn polynomials<const FMA: bool>(&self, cell: [u64; LANES], place: Lanes<FMA>) -> Lanes<FMA> {
        let Some(last) = self.cells.len().checked_sub(1) else {
            return Lanes::splat(self.constant);
        };
        let mut rows = [&Coefficients([0.0; POINTS]); LANES];
        for (row, cell) in rows.iter_mut().zip(cell) {
            *row = &self.cells[(cell as u32 as usize).min(last)];
        }
        evaluate(rows, place)
    }
}

/// Eight polynomials of degree 15, each at its own place, in their coefficients' own order in memory: every step adds the
/// upper half of what is left of each polynomial, times a power of the place, to the lower half, and packs two
/// vectors in one. That takes 14 shuffles, and a transposition 48.
#[inline(always)]
fn evaluate<const FMA: bool>(rows: [&Coefficients; LANES], place: Lanes<FMA>) -> Lanes<FMA> {
    let second = place * place;
    let fourth = second * second;
    let Lanes(eighth) = fourth * fourth;
    let mut half = [Lanes::<FMA>::splat(0.0); LANES];
    for ((half, row), eighth) in half.iter_mut().zip(rows).zip(eighth) {
        let (mut lower, mut upper) = ([0.0; LANES], [0.0; LANES]);
        lower.copy_from_slice(&row.0[..LANES]);
        upper.copy_from_slice(&row.0[LANES..]);
        *half = Lanes(upper).mul_add(Lanes::splat(eighth), Lanes(lower));
    }
    let Lanes(p) = fourth;
    let four = [
        halves(half[0], half[4], Lanes([p[0], p[0], p[0], p[0], p[4], p[4], p[4], p[4]])),
        halves(half[1], half[5], Lanes([p[1], p[1], p[1], p[1], p[5], p[5], p[5], p[5]])),
        halves(half[2], half[6], Lanes([p[2], p[2], p[2], p[2], p[6], p[6], p[6], p[6]])),
        halves(half[3], half[7], Lanes([p[3], p[3], p[3], p[3], p[7], p[7], p[7], p[7]])),
    ];
    let Lanes(p) = second;
    let two = [
        quarters(four[0], four[2], Lanes([p[0], p[0], p[2], p[2], p[4], p[4], p[6], p[6]])),
        quarters(four[1], four[3], Lanes([p[1], p[1], p[3], p[3], p[5], p[5], p[7], p[7]])),
    ];
    pairs(two[0], two[1], place)
}

/// Two polynomials of eight coefficients as two of four.
#[inline(always)]
fn halves<const FMA: bool>(Lanes(a): Lanes<FMA>, Lanes(b): Lanes<FMA>, power: Lanes<FMA>) -> Lanes<FMA> {
    let lower = Lanes([a[0], a[1], a[2], a[3], b[0], b[1], b[2], b[3]]);
    let upper = Lanes([a[4], a[5], a[6], a[7], b[4], b[5], b[6], b[7]]);
    upper.mul_add(power, lower)
}

/// Four polynomials of four coefficients as four of two.
#[inline(always)]
fn quarters<const FMA: bool>(Lanes(a): Lanes<FMA>, Lanes(b): Lanes<FMA>, power: Lanes<FMA>) -> Lanes<FMA> {
    let lower = Lanes([a[0], a[1], b[0], b[1], a[4], a[5], b[4], b[5]]);
    let upper = Lanes([a[2], a[3], b[2], b[3], a[6], a[7], b[6], b[7]]);
    upper.mul_add(power, lower)
}

/// Eight polynomials of two coefficients as eight values.
#[inline(always)]
fn pairs<const FMA: bool>(Lanes(a): Lanes<FMA>, Lanes(b): Lanes<FMA>, power: Lanes<FMA>) -> Lanes<FMA> {
    let lower = Lanes([a[0], b[0], a[2], b[2], a[4], b[4], a[6], b[6]]);
    let upper = Lanes([a[1], b[1], a[3], b[3], a[5], b[5], a[7], b[7]]);
    upper.mul_add(power, lower)
}

/// Add the log densities of pairs with tables, times the weights of the pairs, to the totals of the models of blocks.
pub(crate) struct AddTables<'a> {
    pub pairs: &'a [Tabulated],
    pub blocks: &'a [Block],
    /// One number a model of the blocks.
    pub out: &'a mut [f64],
}

impl Kernel for AddTables<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { pairs, blocks, out } = self;
        let mut totals = vec![[Sum::<FMA>::zero(); GROUPS]; blocks.len()];
        let mut partial = vec![[Lanes::<FMA>::splat(0.0); GROUPS]; blocks.len()];
        for chunk in pairs.chunks(TERMS_PER_SUM) {
            partial.fill([Lanes::splat(0.0); GROUPS]);
            for pair in chunk {
                for (block, partial) in blocks.iter().zip(&mut partial) {
                    for (g, partial) in partial.iter_mut().enumerate() {
                        *partial = pair.log_density(block, g).mul_add(Lanes::splat(pair.factor), *partial);
                    }
                }
            }
            for (total, partial) in totals.as_flattened_mut().iter_mut().zip(partial.as_flattened()) {
                total.add(*partial);
            }
        }
        for (out, total) in out.chunks_mut(LANES).zip(totals.as_flattened()) {
            for (out, total) in out.iter_mut().zip(total.value().0) {
                *out += total;
            }
        }
    }
}
