//! What is around each class, compared only with those that share a cell of some table: an unbiased estimate for pools
//! that are too many to compare each with each.
//!
//! A class that is found adds what it would, divided by the probability that it is found at all (M. Charikar, P.
//! Siminelakis, "Hashing-based-estimators for kernel density in high dimensions", FOCS 2017, arXiv:1808.10530).
//! What is near is found almost surely, so that only sums over many far classes have an error to speak of.

use rayon::prelude::*;

use crate::error::Result;
use crate::kernels::{InstructionSet, Kernel, Simd};
use crate::parallel::Execution;
use crate::pool::{BLOCK, Logit, Pool};

use super::classes::Classes;
use super::coordinates::points;
use super::geometry::{Geometry, STEP};
use super::groups::Groups;
use super::random::mixed;
use super::tables::{Cells, MAX_COMPARED, N_TABLES, Tables, Tail, sampled_pairs};
use super::{NEAR, Neighbours};

/// Places of a table that one task looks at.
const AT_ONCE: usize = 2048;

/// A share at this squared distance is 1e-9 of itself: what a million such add is below a hundredth.
const FAR: f32 = 41.5;

/// A sum over the first coordinates is this often its part of all, at most; below 1e-9 of pairs have more.
const SLACK: f32 = 4.0;

/// Steps of the table of probabilities, and of those of each point in a crowd.
const STEPS: usize = 512;
const CROWD_STEPS: usize = 16;

/// Compare classes that share a cell.
pub(super) fn neighbours<T: Logit>(
    pool: &Pool<'_, T>,
    geometry: &Geometry,
    classes: &Classes,
    instructions: InstructionSet,
    execution: &Execution,
) -> Result<Neighbours> {
    let (n, n_coordinates) = (classes.len(), geometry.n_coordinates);
    let mut rows = vec![0.0_f32; n * n_coordinates];
    let out = (&mut rows[..], BLOCK * n_coordinates);
    points(pool, geometry, &classes.representative, (instructions, execution), out, |coordinates, out| {
        for (model, row) in out.chunks_mut(n_coordinates).enumerate() {
            let (g, lane) = (model / crate::kernels::LANES, model % crate::kernels::LANES);
            row.iter_mut().zip(coordinates).for_each(|(out, coordinate)| *out = coordinate[g][lane] as f32);
        }
    })?;
    let points = Points { rows: &rows, n_coordinates };
    let distances = sampled_pairs(n).map(|(x, y)| f64::from(points.squared_distance(x, y))).collect();
    let cells = Cells::suiting(n, n_coordinates, distances);
    let tables = Tables::new(&rows, n_coordinates, cells, geometry.seed, execution)?;
    let groups = Groups::new(n);
    let found = Found::new(cells, &tables, points);
    let search = Search { points, tables: &tables, found: &found, share: &[], groups: Some(&groups) };
    let mut n_near = vec![1.0; n];
    search.add(instructions, execution, &mut n_near)?;
    let share: Vec<f64> = n_near.iter().map(|n_near| 1.0 / n_near).collect();
    let mut density = share.clone();
    Search { share: &share, groups: None, ..search }.add(instructions, execution, &mut density)?;
    Ok(Neighbours { n_near, density, group: groups.roots() })
}

/// Points by row.
#[derive(Clone, Copy)]
struct Points<'a> {
    rows: &'a [f32],
    n_coordinates: usize,
}

impl Points<'_> {
    #[inline(always)]
    fn of(&self, point: usize) -> &[f32] {
        &self.rows[point * self.n_coordinates..][..self.n_coordinates]
    }

    #[inline(always)]
    fn squared_distance(&self, x: usize, y: usize) -> f32 {
        squared_distance(self.of(x), self.of(y))
    }

    /// The highest level at which a point is in the samples of a table.
    #[inline(always)]
    fn level(&self, point: u32, table: usize) -> u8 {
        let row = self.of(point as usize);
        let bits = u64::from(row[0].to_bits()) << 32 | u64::from(row[1].to_bits());
        mixed(bits ^ (u64::from(row[2].to_bits()) << 17) ^ ((table as u64) << 56)).trailing_zeros() as u8
    }
}

/// The squared distance of two points, of a number of coordinates that is a multiple of [`STEP`].
#[inline(always)]
fn squared_distance(x: &[f32], y: &[f32]) -> f32 {
    let mut sums = [0.0_f32; STEP];
    for (x, y) in x.chunks_exact(STEP).zip(y.chunks_exact(STEP)) {
        for lane in 0..STEP {
            let difference = x[lane] - y[lane];
            sums[lane] += difference * difference;
        }
    }
    let mut width = STEP / 2;
    while width > 0 {
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
        width /= 2;
    }
    sums[0]
}

/// The probabilities that classes are found, by distance.
struct Found {
    /// By a point that is compared with all of its cells, wherever it is in them.
    anywhere: Vec<f32>,
    /// Of each point that is compared with a sample: where it is in its cells. A crowd shares its cells, and would all
    /// be wrong alike if they were wide by chance.
    in_crowd: Vec<[f32; CROWD_STEPS + 1]>,
    /// Places in `in_crowd`.
    place: Vec<u32>,
}

impl Found {
    fn new(cells: Cells, tables: &Tables, points: Points<'_>) -> Self {
        let most = f64::from(FAR).sqrt();
        let missed = |step: usize| 1.0 - cells.met(most * step as f64 / STEPS as f64);
        let anywhere = (0..STEPS + 2).map(|step| (1.0 - missed(step).powi(N_TABLES as i32)) as f32).collect();
        let crowd: Vec<usize> = (0..tables.level_of.len()).filter(|&point| tables.level_of[point] > 0).collect();
        let mut place = vec![0; tables.level_of.len()];
        crowd.iter().zip(0..).for_each(|(&point, k)| place[point] = k);
        let distances = std::array::from_fn(|step| most * (step as f64).max(0.1) / CROWD_STEPS as f64);
        let tail = Tail::new();
        let in_crowd = crowd
            .into_par_iter()
            .map(|point| tables.missed(point, points.of(point), &distances, &tail).map(|missed| 1.0 - missed));
        Self { anywhere, in_crowd: in_crowd.collect(), place }
    }

    /// Of a class at this distance from a point that is compared at this level.
    #[inline(always)]
    fn probability(&self, squared: f32, point: u32, level: u8) -> f32 {
        let part = (squared / FAR).sqrt();
        if level == 0 {
            return interpolated(&self.anywhere, part * STEPS as f32);
        }
        interpolated(&self.in_crowd[self.place[point as usize] as usize], part * CROWD_STEPS as f32)
    }
}

#[inline(always)]
fn interpolated(values: &[f32], place: f32) -> f32 {
    let k = (place as usize).min(values.len() - 2);
    values[k] + (place - k as f32) * (values[k + 1] - values[k])
}

/// A search of all tables: for how many classes are near where groups are wanted, else for sums of shares.
struct Search<'a> {
    points: Points<'a>,
    tables: &'a Tables,
    found: &'a Found,
    share: &'a [f64],
    groups: Option<&'a Groups>,
}

impl Search<'_> {
    /// Add what is found around each class to `out`, table by table.
    fn add(&self, instructions: InstructionSet, execution: &Execution, out: &mut [f64]) -> Result<()> {
        let mut sums = vec![0.0; out.len()];
        for (t, table) in self.tables.tables.iter().enumerate() {
            sums.par_chunks_mut(AT_ONCE).enumerate().try_for_each_init(Vec::new, |heads, (chunk, sums)| {
                sums.fill(0.0);
                let first = chunk * AT_ONCE;
                for (start, end) in table.cells(first, first + sums.len()) {
                    if end - start > MAX_COMPARED {
                        execution.interrupt.check()?;
                    }
                    let queries = first.max(start)..end.min(first + sums.len());
                    let sums = &mut sums[queries.start - first..queries.end - first];
                    if end - start > 1 {
                        let (queries, cell) = (&table.order[queries], &table.order[start..end]);
                        instructions.run(SearchCell { search: self, t, queries, cell, heads, sums });
                    }
                }
                execution.interrupt.check()
            })?;
            for (&point, sum) in table.order.iter().zip(&sums) {
                out[point as usize] += sum;
            }
        }
        Ok(())
    }
}

/// The first coordinates of a point.
type Head = [f32; STEP];

/// A search of one cell for some of its classes.
struct SearchCell<'a> {
    search: &'a Search<'a>,
    t: usize,
    queries: &'a [u32],
    cell: &'a [u32],
    heads: &'a mut Vec<(u32, u8, Head)>,
    sums: &'a mut [f64],
}

impl Kernel for SearchCell<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self, _: impl Simd) {
        let Self { search, t, queries, cell, heads, sums } = self;
        let points = search.points;
        let level_of = &search.tables.level_of;
        let least = cell.iter().map(|&point| level_of[point as usize]).min().unwrap_or(0);
        heads.clear();
        for &point in cell {
            let level = points.level(point, t);
            if level >= least {
                let mut head = [0.0; STEP];
                head.copy_from_slice(&points.of(point as usize)[..STEP]);
                heads.push((point, level, head));
            }
        }
        let far = if search.groups.is_some() { (NEAR * NEAR) as f32 } else { FAR };
        let head_far = far.min(far * SLACK * STEP as f32 / points.n_coordinates as f32);
        for (&x, sum) in queries.iter().zip(sums) {
            let (own, level) = (points.of(x as usize), level_of[x as usize]);
            for (y, own_level, head) in heads.iter() {
                if *own_level < level || *y == x || squared_distance(&own[..STEP], head) > head_far {
                    continue;
                }
                let squared = squared_distance(own, points.of(*y as usize));
                if squared <= far && !search.found_before(x, *y, t) {
                    *sum += search.value(x, *y, squared);
                }
            }
        }
    }
}

impl Search<'_> {
    /// Whether an earlier table has compared the two.
    #[inline(always)]
    fn found_before(&self, x: u32, y: u32, table: usize) -> bool {
        let Tables { cell_of, level_of, .. } = self.tables;
        let (own, other) = (&cell_of[x as usize], &cell_of[y as usize]);
        let level = level_of[x as usize];
        (0..table).any(|t| own[t] == other[t] && self.points.level(y, t) >= level)
    }

    /// What a class that was found adds.
    #[inline(always)]
    fn value(&self, x: u32, y: u32, squared: f32) -> f64 {
        let found = f64::from(self.found.probability(squared, x, self.tables.level_of[x as usize]));
        match self.groups {
            Some(groups) => {
                groups.link(x, y);
                1.0 / found
            }
            None => self.share[y as usize] * (-0.5 * f64::from(squared)).exp() / found,
        }
    }
}
