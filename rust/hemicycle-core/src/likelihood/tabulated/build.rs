//! From labels to cells: interpolants of degree 31 on spans as wide as the bound allows, and of parts of them on which that is
//! enough, polynomials of eight coefficients.

use super::bins::Bins;
use super::bound::{BINNED, Ellipse};
use super::grid::Grid;
use super::interpolation::{Interpolation, LEBESGUE};
use super::labels::Labels;
use super::octaves::{Cell, Octaves};
use super::parts::Parts;
use super::series::{Coefficients, LEVELS, Series, Sizes};
use super::sources::Sources;
use super::span::Span;
use super::uniform::Uniform;
use super::{MOST_BYTES, UNIT};
use crate::judgments::MAX_LOG;
use crate::kernels::InstructionSet;
use crate::parallel::Interrupt;

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
    /// The error allowed, relative.
    pub rtol: f64,
    ellipse: Ellipse,
    interpolation: Interpolation,
    parts: Parts,
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
            rtol,
            ellipse: Ellipse::widest(0.25 * rtol),
            interpolation: Interpolation::new(),
            parts: Parts::new(),
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
    /// Labels lighter than two to minus this beside another do not matter, even all together.
    bits: f64,
    interrupt: &'a Interrupt,
}

/// A part of a root on which an interpolant keeps the error.
struct Part<'a> {
    root: usize,
    /// How often the root was halved.
    depth: u32,
    span: Span,
    /// The labels that matter there.
    labels: Sources<'a>,
}

/// A part of a root with its interpolant.
struct Leaf {
    /// Which root.
    root: usize,
    /// How often the root was halved.
    depth: u32,
    interpolant: Interpolant,
}

/// A series within its error on its span.
struct Interpolant {
    series: Series,
    sizes: Sizes,
    /// The level whose polynomials leave away no more than is allowed.
    level: usize,
}

impl<'a> Build<'a> {
    pub(super) fn new(
        labels: &'a Labels,
        scale: f64,
        constant: f64,
        precision: &'a Precision,
        interrupt: &'a Interrupt,
    ) -> Self {
        let bits = precision.bits + (labels.position.len() as f64).log2();
        let bins = Bins::new(labels, precision.instructions, interrupt);
        Self { labels, bins, scale, constant, precision, bits, interrupt }
    }

    /// Cells of one width around the middle, if they are few, and cells as wide as they may be elsewhere; none if that
    /// cannot be had within the memory or the error allowed, or after an interrupt. They cover all logit differences.
    pub(super) fn cells(&self) -> Option<(Uniform, Grid, Vec<Coefficients>)> {
        // rounding takes no difference farther than this
        let farthest = 1.000_001 * (2.0 * MAX_LOG + self.labels.middle.abs()) * self.scale;
        let (uniform, octaves) = match self.uniform() {
            Some((uniform, edge)) => (uniform, Octaves::beyond(edge, farthest)),
            None => (Uniform::empty(), Octaves::covering(self.labels.reach(), farthest)),
        };
        let leaves = self.octaves(octaves)?;
        let grid =
            Grid::smallest(octaves, &leaves.iter().map(|(cell, leaf)| (*cell, leaf.level as u32)).collect::<Vec<_>>());
        if uniform.bytes() + grid.bytes() > MOST_BYTES {
            return None;
        }
        let cells = grid.cells();
        let mut coefficients = vec![Coefficients::NONE; cells.len()];
        let mut begin = 0;
        for (whole, leaf) in &leaves {
            while let Some(first) = cells.get(begin).filter(|first| whole.contains(**first)) {
                let (deeper, index) = whole.way_to(*first);
                let like = |cell: &&Cell| whole.contains(**cell) && whole.way_to(**cell).0 == deeper;
                let end = begin + cells[begin..].iter().take_while(like).count();
                self.fill(leaf, deeper as usize, index as usize, &mut coefficients[begin..end])?;
                begin = end;
            }
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
        let depth = leaves.iter().map(|leaf| leaf.depth + leaf.interpolant.level as u32).max()?;
        let n_cells = n_roots << depth;
        if n_cells * size_of::<Coefficients>() > MOST_UNIFORM_BYTES {
            return None;
        }
        let mut cells = vec![Coefficients::NONE; n_cells];
        let mut rest = cells.as_mut_slice();
        for Leaf { depth: above, interpolant, .. } in &leaves {
            let (part, others) = rest.split_at_mut(1 << (depth - above));
            self.fill(interpolant, (depth - above) as usize, 0, part)?;
            rest = others;
        }
        Some((Uniform::new(cells, ROOT / f64::powi(2.0, depth as i32), self.scale), edge))
    }

    /// Parts of octaves with their interpolants, by side and position.
    fn octaves(&self, octaves: Octaves) -> Option<Vec<(Cell, Interpolant)>> {
        let roots = octaves.roots();
        let spans: Vec<Span> = roots.iter().map(|root| octaves.span(*root)).collect();
        let (mut place, mut last) = (0.0, 0);
        let place_in_root = |Leaf { root, depth, interpolant }| {
            if root > last {
                (place, last) = (0.0, root);
            }
            let parts = f64::powi(2.0, depth as i32);
            let cell = roots[root].part(depth, (place * parts) as u64)?;
            place += 1.0 / parts;
            cell.part(interpolant.level as u32, 0)?;
            Some((cell, interpolant))
        };
        self.leaves(&spans)?.into_iter().map(place_in_root).collect()
    }

    /// Parts of the roots with interpolants, root after root, each in its direction.
    fn leaves(&self, roots: &[Span]) -> Option<Vec<Leaf>> {
        let spans = self.spans(roots)?;
        let most = MOST_BYTES / size_of::<Coefficients>();
        let (mut leaves, mut n_cells) = (Vec::with_capacity(spans.len()), 0);
        let mut waiting = vec![];
        for Part { root, depth, span, labels } in spans {
            waiting.push((depth, span, labels));
            while let Some((depth, span, labels)) = waiting.pop() {
                if let Some(interpolant) = self.interpolant(span, labels) {
                    n_cells += 1 << interpolant.level;
                    leaves.push(Leaf { root, depth, interpolant });
                } else {
                    waiting.extend(span.halves().map(|half| (depth + 1, half, labels)).into_iter().rev());
                }
                if n_cells > most || depth == DEEPEST || self.interrupt.check().is_err() {
                    return None;
                }
            }
        }
        Some(leaves)
    }

    /// Halve the roots until interpolants keep the error.
    fn spans(&self, roots: &[Span]) -> Option<Vec<Part<'_>>> {
        let Precision { ellipse, instructions, .. } = self.precision;
        let mut waiting: Vec<_> = roots.iter().enumerate().rev().map(|(root, span)| (root, 0, *span)).collect();
        let mut spans = Vec::with_capacity(4 * roots.len());
        while let Some((root, depth, span)) = waiting.pop() {
            if self.interrupt.check().is_err() {
                return None;
            }
            let labels = self.labels_that_matter(span);
            if ellipse.holds(labels, span, *instructions) {
                spans.push(Part { root, depth, span, labels });
            } else if depth == DEEPEST || spans.len() + waiting.len() + 2 > MOST_SPANS {
                return None;
            } else {
                waiting.extend(span.halves().map(|half| (root, depth + 1, half)).into_iter().rev());
            }
        }
        Some(spans)
    }

    /// The interpolant on a span that keeps the error; none if even small parts would need more coefficients.
    fn interpolant(&self, span: Span, labels: Sources<'_>) -> Option<Interpolant> {
        let Precision { interpolation, parts, cut, instructions, .. } = self.precision;
        let series = interpolation.through(labels, span, self.constant, *instructions);
        let sizes = parts.sizes(&series, *instructions);
        let level = parts.level(&series, &sizes, cut * sizes.magnitude.max(1.0), *instructions)?;
        Some(Interpolant { series, sizes, level })
    }

    fn labels_that_matter(&self, span: Span) -> Sources<'_> {
        let (low, high) = (span.first.min(span.last), span.first.max(span.last));
        let labels = self.labels.all().matters(low, high, self.bits);
        match self.bins.within(labels.first, labels.first + labels.len(), span, self.precision.binned) {
            Some(bins) => Sources::Bins(bins),
            None => Sources::Labels(labels),
        }
    }

    /// Consecutive cells, from `first` on, of those that a span has when it is halved `level` times; none if they cannot be
    /// had within the error allowed.
    fn fill(&self, interpolant: &Interpolant, level: usize, first: usize, out: &mut [Coefficients]) -> Option<()> {
        let Interpolant { series, sizes, level: enough } = interpolant;
        let Precision { parts, cut, instructions, .. } = self.precision;
        let allowed = cut * sizes.magnitude.max(1.0);
        let precise = level == *enough || level < LEVELS && parts.leave(series, sizes, level, allowed, *instructions);
        if precise && self.rounding(interpolant, level) <= self.precision.rounding * sizes.magnitude.max(1.0) {
            parts.polynomials(series, level, first, out, *instructions);
            Some(())
        } else if level > 0 {
            self.fill_halves(series.span, level, first, out)
        } else {
            None
        }
    }

    /// What rounding takes from the log density on a level of parts.
    fn rounding(&self, interpolant: &Interpolant, level: usize) -> f64 {
        let Interpolant { series, sizes, .. } = interpolant;
        // the difference of logits; of it and the middle, its scaling, its position (at most 16 more than the distance, or
        // twice it), labels: each twice, as interpolation meets them too; the weights of labels and their sum
        let near = series.span.reach();
        let input = self.labels.middle.abs() * self.scale + 10.0 * near + 48.0 + 2.0 * self.labels.reach();
        let input = 2.0 * input / series.span.half() * sizes.slope + 4.0;
        series.rounding + sizes.rounding[level] + UNIT * input
    }

    /// The same cells from an interpolant on each half, where the bound holds as on the whole.
    fn fill_halves(&self, span: Span, level: usize, first: usize, out: &mut [Coefficients]) -> Option<()> {
        if self.interrupt.check().is_err() {
            return None;
        }
        let n_half = 1 << (level - 1);
        let (before, after) = out.split_at_mut(usize::saturating_sub(n_half, first).min(out.len()));
        let begins = [first, first.saturating_sub(n_half)];
        for ((span, first), out) in span.halves().into_iter().zip(begins).zip([before, after]) {
            if !out.is_empty() {
                self.fill(&self.interpolant(span, self.labels_that_matter(span))?, level - 1, first, out)?;
            }
        }
        Some(())
    }
}
