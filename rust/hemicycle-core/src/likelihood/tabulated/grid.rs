//! From a point to its cell in a few operations, by the bits of a floating point number.
//!
//! A point at the scaled distance `d` from the middle has the position `base + |d|`, with `base` a power of two that is no smaller than
//! the farthest label: among the labels positions have one exponent, so equal steps of their bits are equal distances;
//! beyond them every octave is twice as wide as the last, as the density grows smoother. The first bits of a position,
//! less those of `base`, name its bucket; each bucket has its own number of cells, a power of two, named by the bits that
//! follow; the bits after those are the place in the cell.

use crate::kernels::{LANES, Lanes, each_lane};

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

/// Bits of a fraction.
const FRACTION_BITS: u32 = 52;

/// The fraction of a number.
const FRACTION: u64 = (1 << FRACTION_BITS) - 1;

/// Bits of 1.0.
const ONE: u64 = 1023 << FRACTION_BITS;

/// Least distance from the middle covered beyond the farthest label, scaled: 75 sigma.
const MARGIN: f64 = 64.0;

/// Least `base`: with fewer units the first octaves beyond the labels would be narrow without need.
const LEAST_BASE: f64 = 4.0;

/// Cells of an octave are no wider than a quarter of it.
const ROOT_DEPTH: u32 = 2;

/// Cells are no narrower than an octave times `2^-DEEPEST`.
const DEEPEST: u32 = 24;

/// Buckets of an octave are no narrower than this power of one half.
const FINEST_BUCKET: u32 = 10;

/// Where positions are, and how far they go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Octaves {
    /// The position of the middle: a power of two.
    pub base: f64,
    /// Octaves on each side.
    pub count: u32,
}

/// A dyadic part of an octave on one side of the middle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cell {
    /// Below the middle.
    below: bool,
    /// Bits of the first position less those of `base`.
    start: u64,
    /// The cell is an octave times `2^-depth`.
    depth: u32,
}

impl Cell {
    /// Both halves.
    fn halves(self) -> [Self; 2] {
        let depth = self.depth + 1;
        [Self { depth, ..self }, Self { depth, start: self.start + (1 << (FRACTION_BITS - depth)), ..self }]
    }
}

impl Octaves {
    /// For labels up to `reach` from the middle.
    pub(super) fn covering(reach: f64) -> Self {
        let mut base = LEAST_BASE;
        while base < reach {
            base *= 2.0;
        }
        let mut count = 1;
        while base * (f64::powi(2.0, count as i32) - 1.0) < reach + MARGIN {
            count += 1;
        }
        Self { base, count }
    }

    /// The positions at which a cell begins and ends.
    pub(super) fn positions(&self, cell: Cell) -> [f64; 2] {
        let position = |bits: u64| f64::from_bits(self.base.to_bits() + bits);
        [position(cell.start), position(cell.start + (1 << (FRACTION_BITS - cell.depth)))]
    }

    /// The signed distance from the middle of a position of the cell.
    pub(super) fn distance(&self, cell: Cell, position: f64) -> f64 {
        if cell.below { self.base - position } else { position - self.base }
    }

    /// The signed distances from the middle between which a cell lies, the lower first.
    pub(super) fn ends(&self, cell: Cell) -> [f64; 2] {
        let [first, last] = self.positions(cell).map(|position| self.distance(cell, position));
        if cell.below { [last, first] } else { [first, last] }
    }

    /// Halve cells until each `holds`; none if more than `most` would be needed.
    pub(super) fn divide(&self, most: usize, mut holds: impl FnMut(Cell) -> bool) -> Option<Vec<Cell>> {
        let mut waiting = self.roots();
        let mut cells = vec![];
        while let Some(cell) = waiting.pop() {
            if holds(cell) {
                cells.push(cell);
            } else if cell.depth == DEEPEST || cells.len() + waiting.len() + 2 > most {
                return None;
            } else {
                waiting.extend(cell.halves());
            }
        }
        Some(cells)
    }

    fn roots(&self) -> Vec<Cell> {
        let starts = (0..u64::from(self.count) << ROOT_DEPTH).map(|k| k << (FRACTION_BITS - ROOT_DEPTH));
        starts.flat_map(|start| [false, true].map(|below| Cell { below, start, depth: ROOT_DEPTH })).collect()
    }
}

/// The index of a table.
#[derive(Debug)]
pub(super) struct Grid {
    octaves: Octaves,
    /// A position's bits shifted by this are its bucket.
    bucket_shift: u32,
    /// Buckets on each side of the middle.
    a_side: u64,
    /// Those above the middle, then those below.
    buckets: Vec<Bucket>,
    /// Number of cells.
    pub n_cells: usize,
}

/// The cells of one bucket: the shift of a position's bits that leaves those that name the cell, in the low 8 bits, and
/// above them what to add to these, modulo 2^56.
#[derive(Debug, Clone, Copy)]
struct Bucket(u64);

impl Bucket {
    fn new(shift: u32, first: u64) -> Self {
        Self(first << 8 | u64::from(shift))
    }

    #[inline(always)]
    fn shift(self) -> u64 {
        self.0 & 63
    }

    #[inline(always)]
    fn first(self) -> u64 {
        self.0 >> 8
    }
}

impl Grid {
    /// The index with the fewest bytes in which no cell is wider than these, which cover both sides.
    pub(super) fn smallest(octaves: Octaves, cells: &[Cell], bytes_a_cell: usize) -> Self {
        let depths = |bucket_depth| depths(octaves, cells, bucket_depth);
        let bytes = |depths: &[u32]| size_of::<Bucket>() * depths.len() + bytes_a_cell * n_cells(depths);
        let (mut best, mut bucket_depth) = (depths(0), 0);
        for finer in 1..=FINEST_BUCKET {
            let next = depths(finer);
            if bytes_a_cell * next.len() > bytes(&best) {
                break;
            }
            if bytes(&next) < bytes(&best) {
                (best, bucket_depth) = (next, finer);
            }
        }
        Self::with_buckets(octaves, bucket_depth, &best)
    }

    fn with_buckets(octaves: Octaves, bucket_depth: u32, depths: &[u32]) -> Self {
        let bucket_shift = FRACTION_BITS - bucket_depth;
        let a_side = u64::from(octaves.count) << bucket_depth;
        let mut first = 0;
        let buckets = (0..).zip(depths).map(|(bucket, &depth): (u64, &u32)| {
            let before = (bucket % a_side) << depth;
            let entry = Bucket::new(bucket_shift - depth, u64::wrapping_sub(first, before));
            first += 1 << depth;
            entry
        });
        let buckets = buckets.collect();
        Self { octaves, bucket_shift, a_side, buckets, n_cells: first as usize }
    }

    /// Memory of the index.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(self.buckets.as_slice())
    }

    /// The cells in the order of [`Grid::locate`].
    pub(super) fn cells(&self) -> Vec<Cell> {
        let a_side = self.buckets.len() / 2;
        let cells_of = |(index, bucket): (usize, &Bucket)| {
            let below = index >= a_side;
            let start = ((index % a_side) as u64) << self.bucket_shift;
            let shift = bucket.shift() as u32;
            let depth = FRACTION_BITS - shift;
            let count = 1_u64 << (self.bucket_shift - shift);
            (0..count).map(move |k| Cell { below, start: start + (k << shift), depth })
        };
        self.buckets.iter().enumerate().flat_map(cells_of).collect()
    }

    /// The cell and the place in it, in `[-1, 1)`, of points at these distances from the middle; and whether every one is
    /// in the table. A point outside gets some cell. One plain loop a step, so that each becomes vector instructions.
    #[inline(always)]
    pub(super) fn locate<const FMA: bool>(&self, distance: Lanes<FMA>) -> Located<FMA> {
        let base = self.octaves.base.to_bits();
        let a_side = self.a_side;
        let position: Lanes<FMA> = each_lane!(i => self.octaves.base + distance.0[i].abs());
        let bits = words!(i => position.0[i].to_bits().wrapping_sub(base));
        let bucket = words!(i => bits[i] >> self.bucket_shift);
        let inside = words!(i => u64::from(bucket[i] < a_side));
        let bucket = words!(i => bucket[i].min(a_side - 1) + if distance.0[i] < 0.0 { a_side } else { 0 });
        let last = self.buckets.len().saturating_sub(1);
        let bucket = words!(i => self.buckets[(bucket[i] as usize).min(last)].0);
        let cell = words!(i => Bucket(bucket[i]).first().wrapping_add(bits[i] >> Bucket(bucket[i]).shift()));
        let place = words!(i => bits[i] << (u64::from(FRACTION_BITS) - Bucket(bucket[i]).shift()) & FRACTION | ONE);
        let place = each_lane!(i => 2.0 * f64::from_bits(place[i]) - 3.0);
        Located { cell, place, all_inside: inside == [1; LANES], inside }
    }
}

/// Where eight points are in a table.
pub(super) struct Located<const FMA: bool> {
    /// The cell of each, modulo 2^32.
    pub cell: [u64; LANES],
    pub place: Lanes<FMA>,
    /// 1 for points in the table, 0 for others.
    pub inside: [u64; LANES],
    pub all_inside: bool,
}

/// For each bucket, those above the middle first, how often it is halved, at least, so that no cell is wider than these.
fn depths(octaves: Octaves, cells: &[Cell], bucket_depth: u32) -> Vec<u32> {
    let bucket_shift = FRACTION_BITS - bucket_depth;
    let a_side = (octaves.count as usize) << bucket_depth;
    let mut depths = vec![0; 2 * a_side];
    for cell in cells {
        let last = cell.start + (1 << (FRACTION_BITS - cell.depth)) - 1;
        let side = usize::from(cell.below) * a_side;
        for bucket in cell.start >> bucket_shift..=last >> bucket_shift {
            let deepest = &mut depths[side + bucket as usize];
            *deepest = cell.depth.saturating_sub(bucket_depth).max(*deepest);
        }
    }
    depths
}

fn n_cells(depths: &[u32]) -> usize {
    depths.iter().map(|depth| 1 << depth).sum()
}

#[cfg(test)]
mod tests {
    use super::{Grid, LANES, Lanes, Located, Octaves};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn points_are_found_where_their_cell_says(
            reach in 0.0..1000.0, narrow in -1.0..1.0, distance in prop::array::uniform8(-1.0..1.0),
        ) {
            let octaves = Octaves::covering(reach);
            let end = octaves.base * (f64::powi(2.0, octaves.count as i32) - 1.0);
            let place: f64 = narrow * reach;
            let fine = |t: [f64; 2]| t[1] - t[0] < 0.01 * (1.0 + f64::abs(t[0] - octaves.base - place));
            let cells = octaves.divide(100_000, |cell| fine(octaves.positions(cell)));
            prop_assert!(cells.is_some());
            let grid = Grid::smallest(octaves, &cells.unwrap_or_default(), 128);
            let cells = grid.cells();
            let distance: [f64; LANES] = distance.map(|d| d * end);
            let Located { cell, place, inside, .. } = grid.locate(Lanes::<false>(distance));
            for i in 0..LANES {
                prop_assert_eq!(inside[i], 1);
                let cell = cells[cell[i] as u32 as usize];
                let [first, last] = octaves.positions(cell);
                let position = first + (last - first) * (0.5 * (place.0[i] + 1.0));
                let recovered = octaves.distance(cell, position);
                prop_assert!((recovered - distance[i]).abs() <= 1e-15 * last, "{recovered} {}", distance[i]);
                prop_assert!((-1.0..1.0).contains(&place.0[i]));
            }
        }
    }

    #[test]
    fn points_beyond_the_last_octave_are_outside() {
        let octaves = Octaves::covering(10.0);
        let cells = octaves.divide(1000, |_| true).unwrap_or_default();
        let grid = Grid::smallest(octaves, &cells, 128);
        let end = 16.0 * 7.0;
        let points = [end - 1e-9, end, -end, 1e-9 - end, 1e300, 0.0, -0.0, -1e300];
        assert_eq!(grid.locate(Lanes::<false>(points)).inside, [1, 0, 0, 1, 0, 1, 1, 0]);
    }
}
