//! The tabulated kernel: log p of a pair with many labels, as a piecewise polynomial in the one number that it depends on.
//!
//! What a model costs does then not depend on the number of labels. The error of a pair is at most
//! `rtol * max(1, |log p|)`, by construction: half of it may be the polynomials' ([`bound`]), an eighth what labels that
//! hardly matter add, the rest what rounding takes ([`polynomial`]); a pair for which that cannot be had is left to the
//! direct kernel. Models farther away than the table reaches are scored label by label.
//!
//! Whether a pair has a table follows from the judgments, sigma and `rtol` alone, by the constants here.

mod bound;
mod grid;
mod labels;
mod polynomial;
mod score;

use rayon::prelude::*;

use crate::error::Result;
use crate::judgments::Pairs;
use crate::kernels::InstructionSet;
use crate::parallel::Execution;

use super::Likelihood;
use super::plan::{log_normaliser, scale};
use bound::Ellipse;
use grid::{Cell, Grid, Octaves};
use labels::{Labels, Window};
use polynomial::{Coefficients, Interpolation};
pub(crate) use score::{AddTables, Tabulated};

/// Labels that a pair must have at least: with fewer the direct kernel is as fast, or faster until a pool has thousands
/// of models and the time to build the table is forgotten.
const FEWEST_LABELS: usize = 24;

/// The smallest `rtol` that tables are built for; below it rounding alone could take more.
const LEAST_RTOL: f64 = 1e-13;

/// Bytes that the cells and the index of one pair may have; its labels come on top.
const MOST_BYTES: usize = 1 << 18;

/// Bytes that the tables of all pairs may have together.
const MOST_BYTES_TOGETHER: usize = 1 << 26;

/// Pairs whose tables are built before their bytes are counted.
const PAIRS_AT_ONCE: usize = 64;

/// Half the distance from 1 to the next number: what one rounding takes.
const UNIT: f64 = 0.5 * f64::EPSILON;

/// The log density of one pair, tabulated.
#[derive(Debug)]
pub(crate) struct Table {
    labels: Labels,
    /// From logit differences to the unit of the labels.
    scale: f64,
    /// What the log density adds to that of the labels.
    constant: f64,
    grid: Grid,
    cells: Vec<Coefficients>,
}

impl Table {
    /// Of the labels of one pair; none if it cannot be had within the memory or the error allowed.
    fn new(log_ratio: &[f64], weight: &[f64], sigma: f64, precision: &Precision) -> Option<Self> {
        let scale = scale(sigma);
        let labels = Labels::new(log_ratio, weight, scale);
        let constant = -(labels.total.ln() + log_normaliser(sigma));
        let octaves = Octaves::covering(labels.reach());
        let most = MOST_BYTES / size_of::<Coefficients>();
        let cells = octaves.divide(most, |cell| precision.holds(&labels, octaves, cell))?;
        let grid = Grid::smallest(octaves, &cells, size_of::<Coefficients>());
        if grid.bytes() + grid.n_cells * size_of::<Coefficients>() > MOST_BYTES {
            return None;
        }
        let mut table = Self { labels, scale, constant, grid, cells: vec![] };
        let cells = table.grid.cells().into_iter().map(|cell| table.polynomial(octaves, cell, precision));
        table.cells = cells.collect::<Option<_>>()?;
        Some(table)
    }

    /// The polynomial of a cell, if rounding leaves it precise enough.
    fn polynomial(&self, octaves: Octaves, cell: Cell, precision: &Precision) -> Option<Coefficients> {
        let [first, last] = octaves.positions(cell);
        let half = 0.5 * (last - first);
        let place = |x: f64| octaves.distance(cell, first + half * (1.0 + x));
        let labels = precision.labels_that_matter(&self.labels, octaves, cell);
        let Precision { interpolation, instructions, .. } = precision;
        let polynomial = interpolation.through(labels, interpolation.points.map(place), self.constant, *instructions);
        // the difference of logits; of it and the middle, its scaling, the place of a point; the position, twice in
        // interpolation; labels
        let near = last - octaves.base;
        let input = self.labels.middle.abs() * self.scale + 4.0 * near + 3.0 * last + 2.0 * self.labels.reach();
        let input = 2.0 * input / half * polynomial.slope() + self.labels.additions;
        let rounding = polynomial.rounding + UNIT * input;
        (rounding <= precision.rounding * polynomial.magnitude().max(1.0)).then_some(polynomial.coefficients)
    }

    /// Memory of the table, with the labels that score what lies outside it.
    pub(crate) fn bytes(&self) -> usize {
        let labels = size_of_val(self.labels.position.as_slice()) + size_of_val(self.labels.lightness.as_slice());
        size_of::<Self>() + labels + self.grid.bytes() + self.grid.n_cells * size_of::<Coefficients>()
    }
}

/// How precise tables are, and how they become so.
#[derive(Debug)]
struct Precision {
    ellipse: Ellipse,
    interpolation: Interpolation,
    /// Labels lighter than `2^-bits` of another, over their number, do not matter.
    bits: f64,
    /// What rounding may take, relative.
    rounding: f64,
    instructions: InstructionSet,
}

impl Precision {
    fn new(rtol: f64, instructions: InstructionSet) -> Self {
        Self {
            ellipse: Ellipse::widest(0.5 * rtol),
            interpolation: Interpolation::new(),
            bits: -(0.125 * rtol).log2(),
            rounding: 0.375 * rtol,
            instructions,
        }
    }

    fn labels_that_matter<'a>(&self, labels: &'a Labels, octaves: Octaves, cell: Cell) -> Window<'a> {
        let [low, high] = octaves.ends(cell);
        let bits = self.bits + (labels.position.len() as f64).log2();
        labels.all().matters(low, high, bits)
    }

    fn holds(&self, labels: &Labels, octaves: Octaves, cell: Cell) -> bool {
        let [low, high] = octaves.ends(cell);
        let matters = self.labels_that_matter(labels, octaves, cell);
        self.ellipse.holds(matters, 0.5 * (low + high), 0.5 * (high - low), self.instructions)
    }
}

/// The tables of those pairs that have one.
#[derive(Debug)]
pub(crate) struct Tables(Vec<Option<Table>>);

impl Tables {
    /// No table for any of `n_pairs`.
    pub(crate) fn none(n_pairs: usize) -> Self {
        Self((0..n_pairs).map(|_| None).collect())
    }

    /// Build those of pairs with many labels and a weight above 0, most labels first, until memory is used up.
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
        order.sort_by_key(|&n| (usize::MAX - pairs.labels(n).len(), n));
        let precision = Precision::new(rtol, instructions);
        let mut bytes = 0;
        for chunk in order.chunks(PAIRS_AT_ONCE) {
            execution.interrupt.check()?;
            let build = |&n: &usize| {
                execution.interrupt.check()?;
                let labels = pairs.labels(n);
                Ok(Table::new(&pairs.log_ratio[labels.clone()], &pairs.weight[labels], sigma, &precision))
            };
            let built: Vec<Option<Table>> = chunk.par_iter().map(build).collect::<Result<_>>()?;
            for (&n, table) in chunk.iter().zip(built) {
                bytes += table.as_ref().map_or(0, Table::bytes);
                if bytes > MOST_BYTES_TOGETHER {
                    return Ok(tables);
                }
                tables.0[n] = table;
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
        self.0[n].take()
    }

    /// Bytes of the table of every pair, 0 for those without.
    pub(crate) fn bytes(&self) -> Vec<usize> {
        self.0.iter().map(|table| table.as_ref().map_or(0, Table::bytes)).collect()
    }
}
