//! Tables of points by cell: near points are in one cell of some table with a probability that is known.
//!
//! A table cuts some coordinates into strips of one width, at random offsets; points in the same strips are in one cell
//! (M. Datar, N. Immorlica, P. Indyk, V. Mirrokni, "Locality-sensitive hashing scheme based on p-stable distributions",
//! SoCG 2004, doi:10.1145/997817.997857). Strips are as wide as the points are typically apart, and so many coordinates
//! are cut that a cell holds a few points by chance.

use rayon::prelude::*;

use crate::error::Result;
use crate::kernels::{InstructionSet, Kernel, Simd};
use crate::parallel::{Execution, sort};

use super::crowds::WITHIN;
use super::lists::ROUNDING;
use super::random::{Stream, mixed};

/// Number of tables.
pub(super) const N_TABLES: usize = 16;

/// Points of other crowds that a cell holds by chance, on average.
const BY_CHANCE: f64 = 1.0;

/// Strips are no narrower than this, in bandwidths: what is this near must be found.
const MIN_WIDTH: f64 = 12.0;

/// Pairs of points whose distances tell how far points are apart.
const N_DISTANCES: usize = 4096;

/// Points whose distance is this are found by a table with a probability of at least [`MIN_FOUND`].
const FOUND_WITHIN: f64 = 3.0;
const MIN_FOUND: f64 = 0.1;

/// Strips further out are one.
const MAX_STRIP: f32 = 2e6;

/// Points whose cells are found by one task.
const AT_ONCE: usize = 4096;

/// Steps of the integral over a Gaussian, and how far out they go.
const STEPS: usize = 400;
const OUT: f64 = 8.0;

/// The shape of the cells.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cells {
    /// Width of a strip, in bandwidths, as a unit vector's projection would be cut.
    width: f64,
    /// Coordinates that are cut.
    n_cuts: usize,
}

impl Cells {
    /// Cells that suit `n` points of `n_coordinates`, of which these squared distances are a sample.
    pub(super) fn suiting(n: usize, n_coordinates: usize, mut squared: Vec<f64>) -> Self {
        squared.sort_unstable_by(f64::total_cmp);
        let typical = squared.get(squared.len() / 2).map_or(0.0, |squared| squared.sqrt());
        let width = typical.max(MIN_WIDTH);
        let others = squared.iter().filter(|squared| **squared > f64::from(WITHIN));
        let met: Vec<f64> = others.map(|squared| in_one_strip(squared.sqrt() / width)).collect();
        let within = in_one_strip(FOUND_WITHIN / width);
        let enough = |n_cuts: usize| {
            let by_chance: f64 =
                met.iter().map(|met| met.powi(n_cuts as i32)).sum::<f64>() / squared.len().max(1) as f64;
            by_chance * n as f64 <= BY_CHANCE
        };
        let most = ((MIN_FOUND.ln() / within.ln()) as usize).min(n_coordinates);
        let n_cuts = (1..most).find(|&n_cuts| enough(n_cuts)).unwrap_or(most);
        Self { width, n_cuts }
    }

    /// The probability that a table has two points at this distance in one cell.
    pub(super) fn met(self, distance: f64) -> f64 {
        in_one_strip(distance / self.width).powi(self.n_cuts as i32)
    }
}

/// The probability that two points, whose projections are a Gaussian of this deviation apart, are in one strip of width 1
/// at a random offset: `E max(0, 1 - |x|)`.
fn in_one_strip(deviation: f64) -> f64 {
    let step = OUT / STEPS as f64;
    let mass = |x: f64| (-0.5 * x * x).exp();
    let (mut inside, mut all) = (0.0, 0.0);
    for k in 0..STEPS {
        let x = (k as f64 + 0.5) * step;
        all += mass(x);
        inside += mass(x) * (1.0 - deviation * x).max(0.0);
    }
    inside / all
}

/// Which pairs of `n` points tell how far points are apart: `N_DISTANCES` at most.
pub(super) fn sampled_pairs(n: usize) -> impl Iterator<Item = (usize, usize)> {
    let step = n.div_ceil(N_DISTANCES).max(1);
    (0..if n > 1 { n } else { 0 })
        .step_by(step)
        .enumerate()
        .map(move |(k, i)| (i, (i + 1 + (mixed(k as u64) % (n as u64 - 1)) as usize) % n))
}

/// The points in the order of their cells.
#[derive(Debug)]
pub(super) struct Table {
    /// Points, cell by cell.
    pub(super) order: Vec<u32>,
    /// Where each cell begins in `order`, and the end of the last.
    pub(super) starts: Vec<u32>,
}

/// The cell of each point in each table; points with `n_coordinates` each, row-major.
pub(super) fn cells_of(
    points: &[f32],
    n_coordinates: usize,
    cells: Cells,
    seed: u64,
    instructions: InstructionSet,
    execution: &Execution,
) -> Result<Vec<[u32; N_TABLES]>> {
    let mut cell_of = vec![[0; N_TABLES]; points.len() / n_coordinates];
    let cuts = Cuts::new(cells, n_coordinates, seed);
    cell_of.par_chunks_mut(AT_ONCE).zip(points.par_chunks(AT_ONCE * n_coordinates)).try_for_each(
        |(cell_of, points)| {
            instructions.run(FindCells { cuts: &cuts, n_coordinates, points, cell_of });
            execution.interrupt.check()
        },
    )?;
    Ok(cell_of)
}

impl Table {
    /// Of one column of the cells.
    pub(super) fn new(t: usize, cell_of: &[[u32; N_TABLES]], execution: &Execution) -> Result<Self> {
        let mut listed: Vec<u64> =
            cell_of.iter().zip(0_u64..).map(|(cells, point)| u64::from(cells[t]) << 32 | point).collect();
        sort(&mut listed, &execution.interrupt, Ord::cmp)?;
        let mut starts: Vec<u32> = vec![0];
        let ends = listed.windows(2).zip(1..).filter(|(pair, _)| pair[0] >> 32 != pair[1] >> 32).map(|(_, end)| end);
        starts.extend(ends);
        starts.push(listed.len() as u32);
        Ok(Self { order: listed.into_iter().map(|point| point as u32).collect(), starts })
    }

    /// The cells that overlap a range of places in `order`.
    pub(super) fn cells(&self, first: usize, end: usize) -> impl Iterator<Item = (usize, usize)> {
        let from = self.starts.partition_point(|&start| start as usize <= first) - 1;
        let ends = self.starts[from..].windows(2).map(|ends| (ends[0] as usize, ends[1] as usize));
        ends.take_while(move |&(start, _)| start < end)
    }
}

/// The strips of all tables, side by side: table by table for every cut.
struct Cuts {
    per_width: f32,
    /// Coordinate of each cut of each table.
    coordinate: Vec<[u32; N_TABLES]>,
    /// Offset of each cut of each table.
    offset: Vec<[f32; N_TABLES]>,
}

impl Cuts {
    fn new(cells: Cells, n_coordinates: usize, seed: u64) -> Self {
        let mut cuts = Self {
            // a coordinate of a rotated point is a projection, over the root of the number of coordinates
            per_width: ((n_coordinates as f64).sqrt() / cells.width) as f32,
            coordinate: vec![[0; N_TABLES]; cells.n_cuts],
            offset: vec![[0.0; N_TABLES]; cells.n_cuts],
        };
        for t in 0..N_TABLES {
            let mut stream = Stream::of([seed, t as u64]);
            for (cut, coordinate) in stream.order(n_coordinates).into_iter().take(cells.n_cuts).enumerate() {
                cuts.coordinate[cut][t] = coordinate as u32;
                cuts.offset[cut][t] = stream.uniform() as f32;
            }
        }
        cuts
    }
}

/// The cells of some points.
struct FindCells<'a> {
    cuts: &'a Cuts,
    n_coordinates: usize,
    points: &'a [f32],
    cell_of: &'a mut [[u32; N_TABLES]],
}

impl Kernel for FindCells<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self, _: impl Simd) {
        let Self { cuts, n_coordinates, points, cell_of } = self;
        for (cell_of, point) in cell_of.iter_mut().zip(points.chunks_exact(n_coordinates)) {
            let mut cells = [0_u32; N_TABLES];
            for (coordinates, offsets) in cuts.coordinate.iter().zip(&cuts.offset) {
                let mut values = [0.0_f32; N_TABLES];
                for t in 0..N_TABLES {
                    values[t] = point[coordinates[t] as usize];
                }
                for t in 0..N_TABLES {
                    let place = (values[t] * cuts.per_width + offsets[t]).clamp(-MAX_STRIP, MAX_STRIP);
                    let strip = (place + ROUNDING).to_bits();
                    cells[t] = (cells[t].rotate_left(13) ^ strip.wrapping_mul(0x9e37_79b1)).wrapping_mul(0x85eb_ca6b);
                }
            }
            *cell_of = cells;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::in_one_strip;

    #[test]
    fn strips_hold_near_points() {
        // E max(0, 1 - |x|) of a standard Gaussian: 2 Phi(1) - 1 - 2 (phi(0) - phi(1))
        assert!((in_one_strip(1.0) - 0.368_746_3).abs() < 1e-5, "{}", in_one_strip(1.0));
        assert!((in_one_strip(0.1) - (1.0 - 0.079_788)).abs() < 1e-5);
        assert!((in_one_strip(0.0) - 1.0).abs() < 1e-12);
    }
}
