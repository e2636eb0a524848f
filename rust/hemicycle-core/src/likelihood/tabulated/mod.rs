//! The tabulated kernel: log p of a pair with many labels, as a piecewise polynomial in the one number that it depends on.
//!
//! What a model costs does then not depend on the number of labels. The error of a pair is at most
//! `rtol * max(1, |log p|)`, by construction: a quarter of it may be the interpolants' ([`bound`]), a quarter what cutting
//! them down to eight coefficients takes ([`parts`]), an eighth what labels that hardly matter add, a sixteenth what bins
//! of labels take ([`bins`]), the rest what rounding takes; a pair for which that cannot be had is left to the direct kernel. Tables cover all logit differences
//! of the domain: a model far from all labels costs as much as any other.
//!
//! Whether a pair has a table follows from the judgments, sigma and `rtol` alone, by the constants here.

mod bins;
mod bound;
mod build;
mod grid;
mod interpolation;
mod labels;
mod octaves;
mod parts;
mod score;
mod series;
mod slope;
mod sources;
mod span;
mod uniform;
mod waves;

use std::ops::Range;

use rayon::prelude::*;

use crate::error::Result;
use crate::judgments::Pairs;
use crate::kernels::InstructionSet;
use crate::parallel::{Execution, Interrupt, sort};

use super::Likelihood;
use super::plan::{log_normaliser, scale};
use build::{Build, Precision};
use grid::Grid;
use labels::Labels;
pub(crate) use score::{Columns, Tabulated, add_tables};
use series::Coefficients;
use uniform::Uniform;

/// An integer for every lane.
macro_rules! words {
    ($lane:ident => $value:expr) => {{
        let mut out = [0_u64; LANES];
        let mut $lane = 0;
        while $lane < LANES {
            out[$lane] = $value;
            $lane += 1;
        }
        out
    }};
}
use words;

/// Labels that a pair must have at least: with fewer the direct kernel is about as fast, however many models there are.
const FEWEST_LABELS: usize = 10;

/// The smallest `rtol` that tables are built for; below it rounding alone could take more.
const LEAST_RTOL: f64 = 1e-13;

/// Bytes that the cells and the index of one pair may have; labels for slopes come on top.
const MOST_BYTES: usize = 1 << 18;

/// Bytes that the tables of all pairs may have together.
const MOST_BYTES_TOGETHER: usize = 1 << 27;

/// Pairs whose tables are built before their bytes are counted.
const PAIRS_AT_ONCE: usize = 64;

/// Half the distance from 1 to the next number: what one rounding takes.
const UNIT: f64 = 0.5 * f64::EPSILON;

/// The log density of one pair, tabulated.
#[derive(Debug)]
pub(crate) struct Table {
    /// The logit difference half way between the first and the last label.
    middle: f64,
    /// From logit differences to the unit of the labels.
    scale: f64,
    /// Cells of one width around the middle; there may be none.
    uniform: Uniform,
    /// The index of the others.
    grid: Grid,
    cells: Vec<Coefficients>,
    /// Slopes are summed over these where those of the polynomials are less precise than promised.
    labels: Option<Labels>,
}

impl Table {
    /// Of the labels of one pair; none if it cannot be had within the memory or the error allowed, or after an interrupt.
    fn new(
        log_ratio: &[f64],
        weight: &[f64],
        sigma: f64,
        precision: &Precision,
        interrupt: &Interrupt,
    ) -> Option<Self> {
        let scale = scale(sigma);
        let labels = Labels::new(log_ratio, weight, scale, interrupt).ok()?;
        let constant = -(labels.total.ln() + log_normaliser(sigma));
        let (uniform, grid, cells) = Build::new(&labels, scale, constant, precision, interrupt).cells()?;
        let all = uniform.spans(scale).zip(&uniform.cells).chain(grid.spans().zip(&cells));
        let precise = slope::precise(all, &labels, precision.rtol);
        let middle = labels.middle;
        Some(Self { middle, scale, uniform, grid, cells, labels: (!precise).then_some(labels) })
    }

    /// Memory of the table, with the labels that it may need for slopes.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.labels.as_ref().map_or(0, Labels::bytes) + self.uniform.bytes() + self.grid.bytes()
    }
}

/// Ranges of consecutive pairs whose tables fit into the memory of all, whatever they take; at least one range. Inside of
/// one, whether a pair has a table follows from its own labels.
pub(crate) fn batches(pairs: &Pairs<'_>) -> Vec<Range<usize>> {
    let (mut batches, mut first, mut bytes) = (vec![], 0, 0);
    for n in 0..pairs.len() {
        let n_labels = pairs.labels(n).len();
        let most = if n_labels < FEWEST_LABELS { 0 } else { most_bytes(n_labels) };
        if most > 0 && n > first && bytes + most > MOST_BYTES_TOGETHER {
            batches.push(first..n);
            (first, bytes) = (n, 0);
        }
        bytes += most;
    }
    batches.push(first..pairs.len());
    batches
}

/// The largest that [`Table::bytes`] may be for a pair of so many labels.
fn most_bytes(n_labels: usize) -> usize {
    size_of::<Table>() + MOST_BYTES + 2 * size_of::<f64>() * n_labels
}

/// The tables of those pairs that have one.
#[derive(Debug)]
pub(crate) struct Tables(Vec<Option<Box<Table>>>);

impl Tables {
    /// No table for any of `n_pairs`.
    pub(crate) fn none(n_pairs: usize) -> Self {
        Self((0..n_pairs).map(|_| None).collect())
    }

    /// Build those of pairs with many labels and a weight above 0, most labels first, as far as they fit into memory.
    /// Once none of many pairs in a row does, no more are built.
    pub(crate) fn new(
        pairs: &Pairs<'_>,
        likelihood: Likelihood,
        sigma: f64,
        rtol: f64,
        instructions: InstructionSet,
        execution: &Execution,
    ) -> Result<Self> {
        let mut tables = Self::none(pairs.len());
        if likelihood == Likelihood::Gaussian || rtol < LEAST_RTOL {
            return Ok(tables);
        }
        let many = |&n: &usize| pairs.labels(n).len() >= FEWEST_LABELS && pairs.pair_weight[n] > 0.0;
        let mut order: Vec<usize> = (0..pairs.len()).filter(many).collect();
        if order.is_empty() {
            return Ok(tables);
        }
        let n_labels = |n: usize| pairs.labels(n).len();
        sort(&mut order, &execution.interrupt, |&m, &n| n_labels(n).cmp(&n_labels(m)).then(m.cmp(&n)))?;
        let precision = Precision::new(rtol, instructions);
        let mut bytes = 0;
        for chunk in order.chunks(PAIRS_AT_ONCE) {
            execution.interrupt.check()?;
            let build = |&n: &usize| {
                execution.interrupt.check()?;
                let (labels, interrupt) = (pairs.labels(n), &execution.interrupt);
                let (log_ratio, weight) = (&pairs.log_ratio[labels.clone()], &pairs.weight[labels]);
                let table = Table::new(log_ratio, weight, sigma, &precision, interrupt);
                interrupt.check()?;
                Ok(table)
            };
            let built: Vec<Option<Table>> = chunk.par_iter().map(build).collect::<Result<_>>()?;
            let (mut kept, mut left) = (0, 0);
            for (&n, table) in chunk.iter().zip(built) {
                let with = bytes + table.as_ref().map_or(0, Table::bytes);
                if with <= MOST_BYTES_TOGETHER {
                    kept += usize::from(table.is_some());
                    (bytes, tables.0[n]) = (with, table.map(Box::new));
                } else {
                    left += 1;
                }
            }
            if kept == 0 && left == PAIRS_AT_ONCE {
                break;
            }
        }
        Ok(tables)
    }

    /// Whether a pair has a table.
    pub(crate) fn holds(&self, n: usize) -> bool {
        self.0[n].is_some()
    }

    /// Take the table of a pair, if it has one.
    pub(crate) fn take(&mut self, n: usize) -> Option<Table> {
        self.0[n].take().map(|table| *table)
    }

    /// Bytes of the table of every pair, 0 for those without.
    pub(crate) fn bytes(&self) -> Vec<usize> {
        self.0.iter().map(|table| table.as_deref().map_or(0, Table::bytes)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{FEWEST_LABELS, MOST_BYTES_TOGETHER, Pairs, batches, most_bytes};

    /// Where the batches end of pairs with these numbers of labels.
    fn ends(n_labels: &[usize]) -> Vec<usize> {
        let n_pairs = n_labels.len();
        let offsets: Vec<i64> = (0..=n_pairs).map(|n| n_labels[..n].iter().sum::<usize>() as i64).collect();
        let labels = vec![1.0; n_labels.iter().sum()];
        let (items, weights) = (vec![0; n_pairs], vec![1.0; n_pairs]);
        let pairs = Pairs {
            n_items: 1,
            a: &items,
            b: &items,
            offsets: &offsets,
            log_ratio: &labels,
            weight: &labels,
            pair_weight: &weights,
        };
        batches(&pairs).into_iter().map(|batch| batch.end).collect()
    }

    #[test]
    fn batches_hold_all_the_tables_that_they_may_have() {
        let fit = MOST_BYTES_TOGETHER / most_bytes(FEWEST_LABELS);
        assert_eq!(ends(&[]), [0]);
        assert_eq!(ends(&vec![1; 1000]), [1000]);
        assert_eq!(ends(&vec![FEWEST_LABELS; fit]), [fit]);
        assert_eq!(ends(&vec![FEWEST_LABELS; 2 * fit + 1]), [fit, 2 * fit, 2 * fit + 1]);
        // a pair that could never fit is alone with those that need nothing
        let huge = MOST_BYTES_TOGETHER / 16;
        assert_eq!(ends(&[FEWEST_LABELS, huge, 1, FEWEST_LABELS]), [1, 3, 4]);
    }
}
