//! Distances from the middle as positions, whose octaves are cut into cells.
//!
//! A point at the scaled distance `d` from the middle has the position `offset + |d|`, from `base` on, a power of two: every
//! octave of positions is twice as wide as the last, and inside one equal steps of their bits are equal distances. Either
//! all labels lie in the first octave, of `base` no smaller than the farthest label and the offset the same; or cells
//! of one width hold them ([`super::uniform`]) and the first octave begins beyond. The density grows smoother with the
//! distance.

use super::span::Span;

/// Bits of a fraction.
pub(super) const FRACTION_BITS: u32 = 52;

/// Octaves up to this far beyond the farthest label, scaled, are near: 56 sigma.
pub(super) const MARGIN: f64 = 48.0;

/// `base` at least: with less the first octaves would be narrow without need.
const LEAST_BASE: f64 = 4.0;

/// `base` where cells of one width hold the labels: beyond those, octaves as wide as this often have one cell.
const BASE_BEYOND: f64 = 16.0;

/// Cells are no narrower than an octave times `2^-DEEPEST`.
const DEEPEST: u32 = 24;

/// Where positions are, and how far they go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Octaves {
    /// The first position: a power of two.
    pub base: f64,
    /// A position less this is a distance from the middle.
    pub offset: f64,
    /// Octaves on each side.
    pub count: u32,
    /// Those of them that are near the labels: the first.
    pub near: u32,
}

/// A dyadic part of an octave on one side of the middle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cell {
    /// Below the middle.
    pub below: bool,
    /// Bits of the first position less those of `base`.
    pub start: u64,
    /// The cell is an octave times `2^-depth`.
    pub depth: u32,
}

impl Cell {
    /// The bits of its positions.
    pub(super) fn bits(self) -> u64 {
        1 << (FRACTION_BITS - self.depth)
    }

    /// The part that is named `index` after it was halved `deeper` times; none if that is too narrow.
    pub(super) fn part(self, deeper: u32, index: u64) -> Option<Self> {
        let depth = self.depth + deeper;
        let part = Self { depth, ..self };
        (depth <= DEEPEST).then(|| Self { start: self.start + index * part.bits(), ..part })
    }

    /// How often it must be halved to arrive at the cell `part` of it, and the name of that part.
    pub(super) fn way_to(self, part: Self) -> (u32, u64) {
        (part.depth - self.depth, (part.start - self.start) / part.bits())
    }

    /// Whether another cell is part of it.
    pub(super) fn contains(self, part: Self) -> bool {
        self.below == part.below && (self.start..self.start + self.bits()).contains(&part.start)
    }
}

impl Octaves {
    /// From the middle on up to `farthest`, for labels up to `reach` from it.
    pub(super) fn covering(reach: f64, farthest: f64) -> Self {
        let mut base = LEAST_BASE;
        while base < reach {
            base *= 2.0;
        }
        Self::up_to(base, base, reach + MARGIN, farthest)
    }

    /// From the distance `edge` on up to `farthest`.
    pub(super) fn beyond(edge: f64, farthest: f64) -> Self {
        Self::up_to(BASE_BEYOND, BASE_BEYOND - edge, edge + MARGIN, farthest)
    }

    fn up_to(base: f64, offset: f64, near: f64, farthest: f64) -> Self {
        let mut octaves = Self { base, offset, count: 1, near: 1 };
        while octaves.end() < farthest {
            octaves.near += u32::from(octaves.end() < near);
            octaves.count += 1;
        }
        octaves
    }

    /// The distance from the middle up to which they go.
    fn end(&self) -> f64 {
        self.base * f64::powi(2.0, self.count as i32) - self.offset
    }

    /// Whole octaves, those above the middle first.
    pub(super) fn roots(&self) -> Vec<Cell> {
        let root = |below, k: u32| Cell { below, start: u64::from(k) << FRACTION_BITS, depth: 0 };
        [false, true].into_iter().flat_map(|below| (0..self.count).map(move |k| root(below, k))).collect()
    }

    /// The distances from the middle between which a cell lies, by position.
    pub(super) fn span(&self, cell: Cell) -> Span {
        let distance = |bits: u64| {
            let distance = f64::from_bits(self.base.to_bits() + bits) - self.offset;
            if cell.below { -distance } else { distance }
        };
        Span { first: distance(cell.start), last: distance(cell.start + cell.bits()) }
    }
}

#[cfg(test)]
mod tests {
    use super::Octaves;

    #[test]
    fn octaves_reach_as_far_as_they_should() {
        for farthest in [1.0, 64.0, 1e4, 2.6e12] {
            for octaves in [Octaves::covering(10.0, farthest), Octaves::beyond(10.0, farthest)] {
                assert!((farthest..(2.0 * farthest).max(70.0)).contains(&octaves.end()), "{farthest} {octaves:?}");
            }
        }
        assert_eq!(Octaves::covering(10.0, 1.0).roots().len(), 2);
    }
}
