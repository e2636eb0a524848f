//! Tables of points by cell: near points are in one cell of some table with a probability that is known.
//!
//! A table cuts some coordinates into strips of one width, at random offsets; points in the same strips are in one cell
//! (M. Datar, N. Immorlica, P. Indyk, V. Mirrokni, "Locality-sensitive hashing scheme based on p-stable distributions",
//! SoCG 2004, doi:10.1145/997817.997857). Strips are as wide as the points are typically apart, and so many coordinates
//! are cut that a cell holds a few points by chance.

use rayon::prelude::*;

use crate::error::Result;
use crate::parallel::{Execution, sort};

use super::random::{Stream, mixed};

/// Number of tables.
pub(super) const N_TABLES: usize = 12;

/// Points that the points of a cell are compared with, at most; of fuller cells a sample.
pub(super) const MAX_COMPARED: usize = 96;

/// Points of other models that a cell holds by chance, on average.
const BY_CHANCE: f64 = 1.0;

/// Strips are no narrower than this, in bandwidths: what is this near must be found.
const MIN_WIDTH: f64 = 12.0;

/// Pairs of points whose distances tell how far points are apart.
const N_DISTANCES: usize = 4096;

/// Points whose distance is this are found by a table with a probability of at least [`MIN_FOUND`].
const FOUND_WITHIN: f64 = 3.0;
const MIN_FOUND: f64 = 0.1;

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
        let met: Vec<f64> = squared.iter().map(|squared| in_one_strip(squared.sqrt() / width)).collect();
        let within = in_one_strip(FOUND_WITHIN / width);
        let enough = |n_cuts: usize| {
            let by_chance: f64 = met.iter().map(|met| met.powi(n_cuts as i32)).sum::<f64>() / met.len() as f64;
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

/// All tables.
#[derive(Debug)]
pub(super) struct Tables {
    cuts: [Cuts; N_TABLES],
    pub(super) tables: Vec<Table>,
    /// The cell of each point in each table.
    pub(super) cell_of: Vec<[u32; N_TABLES]>,
    /// Each point is compared with one in `2^level` of its cells: one level for all tables, since points at the edge of
    /// a crowd's cell would else be compared with all of a few, and count few.
    pub(super) level_of: Vec<u8>,
}

impl Tables {
    /// Of points with `n_coordinates` each, row-major.
    pub(super) fn new(
        points: &[f32],
        n_coordinates: usize,
        cells: Cells,
        seed: u64,
        execution: &Execution,
    ) -> Result<Self> {
        let n = points.len() / n_coordinates;
        let mut cell_of = vec![[0; N_TABLES]; n];
        let cuts = Cuts::new(cells, n_coordinates, seed);
        cell_of.par_iter_mut().zip(points.par_chunks(n_coordinates)).for_each(|(cell_of, point)| {
            for (cell, cuts) in cell_of.iter_mut().zip(&cuts) {
                *cell = cuts.cell(point);
            }
        });
        execution.interrupt.check()?;
        let tables =
            (0..N_TABLES).into_par_iter().map(|t| Table::new(t, &cell_of, execution)).collect::<Result<Vec<_>>>()?;
        let mut level_of = vec![0; n];
        for table in &tables {
            for cell in table.starts.windows(2).filter(|ends| (ends[1] - ends[0]) as usize > MAX_COMPARED) {
                let members = &table.order[cell[0] as usize..cell[1] as usize];
                let level = members.len().div_ceil(MAX_COMPARED).next_power_of_two().ilog2() as u8;
                for &point in members {
                    level_of[point as usize] = level.max(level_of[point as usize]);
                }
            }
        }
        Ok(Self { cuts, tables, cell_of, level_of })
    }
}

impl Table {
    fn new(t: usize, cell_of: &[[u32; N_TABLES]], execution: &Execution) -> Result<Self> {
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

impl Tables {
    /// The probabilities that no table has a point at these distances, in an unknown direction, in the cell of `point`,
    /// among its samples.
    pub(super) fn missed<const N: usize>(
        &self,
        point: usize,
        coordinates: &[f32],
        distances: &[f64; N],
        tail: &Tail,
    ) -> [f32; N] {
        let sampled = (-f64::from(self.level_of[point])).exp2();
        let mut missed = [1.0; N];
        for cuts in &self.cuts {
            let places = cuts.cuts.iter().map(|&(coordinate, offset)| {
                let place = coordinates[coordinate as usize] * cuts.per_width + offset;
                f64::from(place - place.floor()) * cuts.width
            });
            let mut met = [1.0; N];
            for place in places {
                for (met, distance) in met.iter_mut().zip(distances) {
                    *met *= 1.0 - tail.beyond(place / distance) - tail.beyond((cuts.width - place) / distance);
                }
            }
            missed.iter_mut().zip(met).for_each(|(missed, met)| *missed *= 1.0 - met * sampled);
        }
        missed.map(|missed: f64| missed as f32)
    }
}

/// The probability that a standard Gaussian is beyond a number, from a table.
pub(super) struct Tail(Vec<f64>);

impl Tail {
    const PER_UNIT: f64 = 128.0;

    pub(super) fn new() -> Self {
        let step = 1.0 / Self::PER_UNIT;
        let mass = |x: f64| (-0.5 * x * x).exp() * step / (2.0 * std::f64::consts::PI).sqrt();
        let mut beyond: Vec<f64> = vec![0.0];
        for k in (0..(OUT * Self::PER_UNIT) as usize).rev() {
            beyond.push(beyond[beyond.len() - 1] + mass((k as f64 + 0.5) * step));
        }
        beyond.reverse();
        Self(beyond)
    }

    fn beyond(&self, x: f64) -> f64 {
        let place = (x * Self::PER_UNIT).min((self.0.len() - 1) as f64);
        let (k, part) = (place as usize, place.fract());
        let next = self.0.get(k + 1).copied().unwrap_or(0.0);
        self.0[k] + part * (next - self.0[k])
    }
}

/// The strips of one table.
#[derive(Debug)]
struct Cuts {
    width: f64,
    per_width: f32,
    /// Coordinate and offset of each cut.
    cuts: Vec<(u32, f32)>,
}

impl Cuts {
    fn new(cells: Cells, n_coordinates: usize, seed: u64) -> [Self; N_TABLES] {
        // a coordinate of a rotated point is a projection, times the root of the number of coordinates
        let per_width = ((n_coordinates as f64).sqrt() / cells.width) as f32;
        std::array::from_fn(|t| {
            let mut stream = Stream::of([seed, t as u64]);
            let chosen = stream.order(n_coordinates).into_iter().take(cells.n_cuts);
            let cuts = chosen.map(|coordinate| (coordinate as u32, stream.uniform() as f32)).collect();
            Self { width: cells.width, per_width, cuts }
        })
    }

    fn cell(&self, point: &[f32]) -> u32 {
        let strip = |&(coordinate, offset): &(u32, f32)| (point[coordinate as usize] * self.per_width + offset).floor();
        let cell = self.cuts.iter().fold(0, |cell: u64, cut| {
            (cell ^ strip(cut) as i64 as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
        });
        (mixed(cell) >> 32) as u32
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
