//! From a point to its cell in a few operations, by the bits of its position ([`super::octaves`]).
//!
//! The first bits of a position, less those of the first, name its bucket, in octaves far from all labels those of the
//! octave alone; each bucket has its own number of cells, a power of two, named by the bits that follow; the bits after those
//! are the place in the cell.

use crate::kernels::{LANES, Lanes, each_lane};

use super::octaves::{Cell, FRACTION_BITS, Octaves};
use super::series::Coefficients;
use super::span::Span;
use super::words;

/// The fraction of a number.
const FRACTION: u64 = (1 << FRACTION_BITS) - 1;

/// Bits of 1.0.
const ONE: u64 = 1023 << FRACTION_BITS;

/// Buckets of an octave are no narrower than this power of one half.
const FINEST_BUCKET: u32 = 10;

/// The index of a table.
#[derive(Debug)]
pub(super) struct Grid {
    octaves: Octaves,
    sides: Sides,
    /// Those above the middle, then those below.
    buckets: Vec<Bucket>,
    /// Number of cells.
    n_cells: usize,
}

/// Which bits name buckets, on each side of the middle.
#[derive(Debug, Clone, Copy)]
struct Sides {
    /// A near position's bits shifted by this are its bucket.
    shift: u32,
    /// Buckets of near octaves.
    near: u64,
    /// The bucket of a far octave is its number and this, modulo 2^64.
    far: u64,
    /// Buckets in all.
    len: u64,
}

impl Sides {
    /// Near octaves in `2^bucket_depth` buckets each.
    fn new(octaves: Octaves, bucket_depth: u32) -> Self {
        let near = u64::from(octaves.near) << bucket_depth;
        let far = near - u64::from(octaves.near);
        Self { shift: FRACTION_BITS - bucket_depth, near, far, len: far + u64::from(octaves.count) }
    }

    /// The bucket of a position's bits, too large beyond the octaves.
    #[inline(always)]
    fn bucket(self, bits: u64) -> u64 {
        let near = bits >> self.shift;
        if near < self.near { near } else { (bits >> FRACTION_BITS).wrapping_add(self.far) }
    }

    /// The first bits of a bucket, and how many of them are free in it.
    fn start(self, bucket: u64) -> (u64, u32) {
        if bucket < self.near {
            (bucket << self.shift, self.shift)
        } else {
            ((bucket - self.far) << FRACTION_BITS, FRACTION_BITS)
        }
    }
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
    /// The index with the fewest bytes in which no cell is wider than the parts of these, each halved as often as is said;
    /// they cover both sides.
    pub(super) fn smallest(octaves: Octaves, cells: &[(Cell, u32)]) -> Self {
        let bytes_a_cell = size_of::<Coefficients>();
        let bytes = |depths: &[u32]| size_of::<Bucket>() * depths.len() + bytes_a_cell * n_cells(depths);
        let mut sides = Sides::new(octaves, 0);
        let mut best = depths(sides, cells);
        for finer in 1..=FINEST_BUCKET {
            let finer = Sides::new(octaves, finer);
            let next = depths(finer, cells);
            if bytes_a_cell * next.len() > bytes(&best) {
                break;
            }
            if bytes(&next) < bytes(&best) {
                (best, sides) = (next, finer);
            }
        }
        Self::with_buckets(octaves, sides, &best)
    }

    fn with_buckets(octaves: Octaves, sides: Sides, depths: &[u32]) -> Self {
        let mut first = 0;
        let buckets = (0..).zip(depths).map(|(bucket, &depth): (u64, &u32)| {
            let (start, free) = sides.start(bucket % sides.len);
            let shift = free - depth;
            let entry = Bucket::new(shift, u64::wrapping_sub(first, start >> shift));
            first += 1 << depth;
            entry
        });
        let buckets = buckets.collect();
        Self { octaves, sides, buckets, n_cells: first as usize }
    }

    /// Memory of the index and its cells.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(self.buckets.as_slice()) + self.n_cells * size_of::<Coefficients>()
    }

    /// The cells in the order of [`Grid::locate`].
    pub(super) fn cells(&self) -> Vec<Cell> {
        let cells_of = |(index, bucket): (u64, &Bucket)| {
            let below = index >= self.sides.len;
            let (start, free) = self.sides.start(index % self.sides.len);
            let shift = bucket.shift() as u32;
            let depth = FRACTION_BITS - shift;
            let count = 1_u64 << (free - shift);
            (0..count).map(move |k| Cell { below, start: start + (k << shift), depth })
        };
        (0..).zip(&self.buckets).flat_map(cells_of).collect()
    }

    /// The distances from the middle between which each cell lies, by position.
    pub(super) fn spans(&self) -> impl Iterator<Item = Span> {
        self.cells().into_iter().map(|cell| self.octaves.span(cell))
    }

    /// The cell and half the place in it, in `[-1/2, 1/2)`, of points at these distances from the middle. A point beyond
    /// the octaves gets some cell. One plain loop a step, so that each becomes vector instructions.
    #[inline(always)]
    pub(super) fn locate<const FMA: bool>(&self, distance: Lanes<FMA>) -> Located<FMA> {
        let base = self.octaves.base.to_bits();
        let a_side = self.sides.len;
        let position: Lanes<FMA> = each_lane!(i => self.octaves.offset + distance.0[i].abs());
        let bits = words!(i => position.0[i].to_bits().wrapping_sub(base));
        let bucket = words!(i => self.sides.bucket(bits[i]));
        let bucket = words!(i => bucket[i].min(a_side - 1) + if distance.0[i] < 0.0 { a_side } else { 0 });
        let last = self.buckets.len().saturating_sub(1);
        let bucket = words!(i => self.buckets[(bucket[i] as usize).min(last)].0);
        let cell = words!(i => Bucket(bucket[i]).first().wrapping_add(bits[i] >> Bucket(bucket[i]).shift()));
        let place = words!(i => bits[i] << (u64::from(FRACTION_BITS) - Bucket(bucket[i]).shift()) & FRACTION | ONE);
        let place = each_lane!(i => f64::from_bits(place[i]) - 1.5);
        let octave = words!(i => bits[i] >> FRACTION_BITS);
        let growth = words!(i => (u64::from(FRACTION_BITS) - Bucket(bucket[i]).shift()).wrapping_sub(octave[i]));
        let growth = words!(i => (growth[i] << FRACTION_BITS).wrapping_add(ONE - (base - ONE)));
        let growth = each_lane!(i => f64::from_bits(growth[i]).copysign(distance.0[i]));
        Located { cell, place, growth }
    }
}

/// Where eight points are in a table.
pub(super) struct Located<const FMA: bool> {
    /// The cell of each, modulo 2^32.
    pub cell: [u64; LANES],
    /// Half the place.
    pub place: Lanes<FMA>,
    /// The derivative of half the place with respect to the distance.
    pub growth: Lanes<FMA>,
}

/// For each bucket, those above the middle first, how often it is halved, at least, so that no cell is wider than the parts of these.
fn depths(sides: Sides, cells: &[(Cell, u32)]) -> Vec<u32> {
    let mut depths = vec![0; 2 * sides.len as usize];
    for &(cell, deeper) in cells {
        let last = cell.start + cell.bits() - 1;
        let side = u64::from(cell.below) * sides.len;
        for bucket in sides.bucket(cell.start)..=sides.bucket(last) {
            let deepest = &mut depths[(side + bucket) as usize];
            let of_bucket = FRACTION_BITS - sides.start(bucket).1;
            *deepest = (cell.depth + deeper).saturating_sub(of_bucket).max(*deepest);
        }
    }
    depths
}

fn n_cells(depths: &[u32]) -> usize {
    depths.iter().map(|depth| 1 << depth).sum()
}

#[cfg(test)]
mod tests {
    use super::super::octaves::MARGIN;
    use super::{Cell, Grid, LANES, Lanes, Located, Octaves, Span};
    use proptest::prelude::*;

    /// Cells of `octaves`, halved while they are wide for their distance from `narrow`.
    fn divided(octaves: Octaves, narrow: f64) -> Vec<Cell> {
        let (mut waiting, mut cells) = (octaves.roots(), vec![]);
        while let Some(cell) = waiting.pop() {
            let span = octaves.span(cell);
            let fine = span.half() < 0.005 * (1.0 + (span.first.abs() - narrow.abs()).abs());
            match (fine, cell.part(1, 0), cell.part(1, 1)) {
                (false, Some(first), Some(last)) => waiting.extend([first, last]),
                _ => cells.push(cell),
            }
        }
        cells
    }

    proptest! {
        #[test]
        fn points_are_found_where_their_cell_says(
            reach in 0.0..1000.0_f64, narrow in -1.0..1.0, distance in prop::array::uniform8(-1.0..1.0), from_middle: bool,
            far in 0..20,
        ) {
            let span = MARGIN * f64::powi(2.0, far);
            let farthest = reach.ceil() + span;
            let octaves =
                if from_middle { Octaves::covering(reach, farthest) } else { Octaves::beyond(reach.ceil(), farthest) };
            let begin = if from_middle { 0.0 } else { reach.ceil() };
            let divided = divided(octaves, narrow * reach);
            let wanted: Vec<(Cell, u32)> = divided.iter().map(|cell| (*cell, 0)).collect();
            let grid = Grid::smallest(octaves, &wanted);
            let cells = grid.cells();
            let distance: [f64; LANES] = distance.map(|d: f64| d * span + begin.copysign(d));
            let Located { cell, place, growth } = grid.locate(Lanes::<false>(distance));
            for i in 0..LANES {
                let cell = cells[cell[i] as u32 as usize];
                let recovered = octaves.span(cell).at(2.0 * place.0[i]);
                prop_assert!((recovered - distance[i]).abs() <= 1e-15 * (farthest + 200.0), "{recovered} {}", distance[i]);
                prop_assert!((-0.5..0.5).contains(&place.0[i]));
                let Span { first, last } = octaves.span(cell);
                prop_assert_eq!(growth.0[i], 1.0 / (last - first));
                let whole = divided.iter().filter(|whole| whole.contains(cell)).collect::<Vec<_>>();
                prop_assert_eq!(whole.len(), 1);
                let (deeper, index) = whole[0].way_to(cell);
                prop_assert_eq!(whole[0].part(deeper, index), Some(cell));
            }
        }
    }
}
