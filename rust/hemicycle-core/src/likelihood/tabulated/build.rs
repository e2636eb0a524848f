//! From labels to cells: series of degree 31 on spans as wide as the bound allows, halved until eight coefficients are
//! enough.

use super::bins::Bins;
use super::bound::{BINNED, Ellipse};
use super::grid::{Cell, Grid, Octaves};
use super::interpolation::{Interpolation, LEBESGUE, POINTS};
use super::labels::Labels;
use super::series::{Coefficients, Halving, KEPT, Series};
use super::sources::Sources;
use super::span::Span;
use super::uniform::Uniform;
use super::{MOST_BYTES, UNIT};
use crate::kernels::InstructionSet;

/// Widths of the spans from which cells of one width are made.
const ROOT: f64 = 4.0;

/// Cells of one width go at least so far beyond the labels, 9 sigma: models farther away take several times as long.
const NEAR: f64 = 8.0;

/// Cells of one width go no farther from the middle than this.
const MOST_REACH: f64 = 40.0;

/// Bytes that cells of one width may take.
const MOST_UNIFORM_BYTES: usize = 1 << 16;

/// Spans with an interpolant that a pair may need.
const MOST_SPANS: usize = 1024;

/// How often a span is halved at most.
const DEEPEST: u32 = 30;

/// How precise tables are, and how they become so.
#[derive(Debug)]
pub(super) struct Precision {
    ellipse: Ellipse,
    interpolation: Interpolation,
    halving: Halving,
    /// Labels lighter than `2^-bits` of another, over their number, do not matter.
    bits: f64,
    /// What bins may take from the density, relative.
    binned: f64,
    /// What leaving coefficients away may take, relative.
    cut: f64,
    /// What rounding may take, relative.
    rounding: f64,
    instructions: InstructionSet,
}

impl Precision {
    pub(super) fn new(rtol: f64, instructions: InstructionSet) -> Self {
        Self {
            ellipse: Ellipse::widest(0.25 * rtol),
            interpolation: Interpolation::new(),
            halving: Halving::new(),
            bits: -(0.125 * rtol).log2(),
            binned: (0.0625 * rtol / LEBESGUE).min(BINNED),
            cut: 0.25 * rtol,
            rounding: 0.3125 * rtol,
            instructions,
        }
    }
}

/// One pair on its way to a table.
pub(super) struct Build<'a> {
    labels: &'a Labels,
    bins: Bins,
    /// From logit differences to the unit of the labels.
    scale: f64,
    /// What the log density adds to that of the labels.
    constant: f64,
    precision: &'a Precision,
}

/// A part of a span on which eight coefficients are enough.
struct Leaf {
    /// How often the span was halved.
    depth: u32,
    series: Series<KEPT>,
}

impl<'a> Build<'a> {
    pub(super) fn new(labels: &'a Labels, scale: f64, constant: f64, precision: &'a Precision) -> Self {
        Self { labels, bins: Bins::new(labels, precision.instructions), scale, constant, precision }
    }

    /// Cells of one width around the middle, if they are few, and cells as wide as they may be elsewhere; none if that
    /// cannot be had within the memory or the error allowed.
    pub(super) fn cells(&self) -> Option<(Uniform, Grid, Vec<Coefficients>)> {
        let (uniform, octaves) = match self.uniform() {
            Some((uniform, edge)) => (uniform, Octaves::beyond(edge)),
            None => (Uniform::empty(), Octaves::covering(self.labels.reach())),
        };
        let leaves = self.octaves(octaves)?;
        let grid = Grid::smallest(octaves, &leaves.iter().map(|(cell, _)| *cell).collect::<Vec<_>>());
        if uniform.bytes() + grid.bytes() > MOST_BYTES {
            return None;
        }
        let mut leaves = leaves.iter();
        let mut leaf = leaves.next()?;
        let cells = grid.cells();
        let mut coefficients = Vec::with_capacity(cells.len());
        for cell in cells {
            while !leaf.0.contains(cell) {
                leaf = leaves.next()?;
            }
            coefficients.push(self.coefficients(&self.part(&leaf.1, leaf.0.way_to(cell)))?);
        }
        Some((uniform, grid, coefficients))
    }

    /// Cells of one width, and how far from the middle they go.
    fn uniform(&self) -> Option<(Uniform, f64)> {
        let edge = ROOT * ((self.labels.reach() + NEAR) / ROOT).ceil();
        if edge > MOST_REACH {
            return None;
        }
        let n_roots = (2.0 * edge / ROOT) as usize;
        let begin = |root: usize| ROOT * root as f64 - edge;
        let roots: Vec<Span> = (0..n_roots).map(|root| Span { first: begin(root), last: begin(root + 1) }).collect();
        let leaves = self.leaves(&roots)?;
        let depth = leaves.iter().flatten().map(|leaf| leaf.depth).max()?;
        let n_cells = n_roots << depth;
        if n_cells * size_of::<Coefficients>() > MOST_UNIFORM_BYTES {
            return None;
        }
        let mut cells = Vec::with_capacity(n_cells);
        let mut parts = vec![];
        for leaf in leaves.iter().flatten() {
            parts.push((leaf.depth, leaf.series));
            while let Some((deep, series)) = parts.pop() {
                if deep == depth {
                    cells.push(self.coefficients(&series)?);
                } else {
                    parts.extend(self.halves(&series).map(|half| (deep + 1, half)).into_iter().rev());
                }
            }
        }
        Some((Uniform::new(cells, ROOT / f64::powi(2.0, depth as i32), self.scale), edge))
    }

    /// Cells of octaves, by side and position.
    fn octaves(&self, octaves: Octaves) -> Option<Vec<(Cell, Series<KEPT>)>> {
        let roots = octaves.roots();
        let spans: Vec<Span> = roots.iter().map(|root| octaves.span(*root)).collect();
        let mut cells = vec![];
        for (root, leaves) in roots.into_iter().zip(self.leaves(&spans)?) {
            let mut place = 0.0;
            for Leaf { depth, series } in leaves {
                let cells_of_depth = f64::powi(2.0, depth as i32);
                cells.push((root.part(depth, (place * cells_of_depth) as u64)?, series));
                place += 1.0 / cells_of_depth;
            }
        }
        Some(cells)
    }

    /// Leaves of each root, in the direction of the root.
    fn leaves(&self, roots: &[Span]) -> Option<Vec<Vec<Leaf>>> {
        let mut spans = vec![];
        for root in roots {
            spans.push(self.spans(*root, MOST_SPANS.checked_sub(spans.iter().map(Vec::len).sum())?)?);
        }
        let most = MOST_BYTES / size_of::<Coefficients>();
        let mut n_leaves = 0;
        let (mut leaves, mut waiting) = (vec![], vec![]);
        for spans in spans {
            let mut of_root = vec![];
            for (depth, span) in spans {
                waiting.push((depth, self.interpolant(span)));
                self.cut(&mut waiting, &mut of_root)?;
            }
            n_leaves += of_root.len();
            if n_leaves > most {
                return None;
            }
            leaves.push(of_root);
        }
        Some(leaves)
    }

    /// Halve a root until interpolants keep the error; none if more than `most` would be needed.
    fn spans(&self, root: Span, most: usize) -> Option<Vec<(u32, Span)>> {
        let mut waiting = vec![(0, root)];
        let mut spans = vec![];
        while let Some((depth, span)) = waiting.pop() {
            let Precision { ellipse, instructions, .. } = self.precision;
            if ellipse.holds(self.labels_that_matter(span), span, *instructions) {
                spans.push((depth, span));
            } else if depth == DEEPEST || spans.len() + waiting.len() + 2 > most {
                return None;
            } else {
                waiting.extend(span.halves().map(|half| (depth + 1, half)).into_iter().rev());
            }
        }
        Some(spans)
    }

    fn interpolant(&self, span: Span) -> Series<POINTS> {
        let Precision { interpolation, instructions, .. } = self.precision;
        interpolation.through(self.labels_that_matter(span), span, self.constant, *instructions)
    }

    /// Halve the series that wait until eight coefficients are enough.
    fn cut(&self, waiting: &mut Vec<(u32, Series<POINTS>)>, leaves: &mut Vec<Leaf>) -> Option<()> {
        let Precision { halving, cut, instructions, .. } = self.precision;
        while let Some((depth, series)) = waiting.pop() {
            let (kept, left) = series.cut();
            if left <= cut * series.magnitude().max(1.0) {
                leaves.push(Leaf { depth, series: kept });
            } else if depth == DEEPEST {
                return None;
            } else {
                let halves = series.halves(halving, *instructions);
                waiting.extend(halves.map(|half| (depth + 1, half)).into_iter().rev());
            }
        }
        Some(())
    }

    /// Labels lighter than two to minus this beside another do not matter, even all together.
    fn bits(&self) -> f64 {
        self.precision.bits + (self.labels.position.len() as f64).log2()
    }

    fn labels_that_matter(&self, span: Span) -> Sources<'_> {
        let (low, high) = (span.first.min(span.last), span.first.max(span.last));
        let labels = self.labels.all().matters(low, high, self.bits());
        match self.bins.within(labels.first, labels.first + labels.len(), span, self.precision.binned) {
            Some(bins) => Sources::Bins(bins),
            None => Sources::Labels(labels),
        }
    }

    fn halves(&self, series: &Series<KEPT>) -> [Series<KEPT>; 2] {
        series.halves(&self.precision.halving, self.precision.instructions)
    }

    /// The part of a series that is named `index` after it was halved `deeper` times.
    fn part(&self, series: &Series<KEPT>, (deeper, index): (u32, u64)) -> Series<KEPT> {
        let half = |series, bit: u32| self.halves(&series)[(index >> bit & 1) as usize];
        (0..deeper).rev().fold(*series, half)
    }

    /// The coefficients of a cell, if rounding leaves them precise enough.
    fn coefficients(&self, series: &Series<KEPT>) -> Option<Coefficients> {
        let (coefficients, rounding) = series.powers(&self.precision.halving);
        // the difference of logits; of it and the middle, its scaling, its position (at most 4 more than the distance, or
        // twice it), labels: each twice, as interpolation meets them too
        let near = series.span.reach();
        let input = self.labels.middle.abs() * self.scale + 10.0 * near + 12.0 + 2.0 * self.labels.reach();
        let input = 2.0 * input / series.span.half() * series.slope() + self.labels.additions;
        let rounding = series.rounding + rounding + UNIT * input;
        (rounding <= self.precision.rounding * series.magnitude().max(1.0)).then_some(coefficients)
    }
}
