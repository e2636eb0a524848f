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
use super::tables::{Cells, MAX_COMPARED, N_TABLES, Tables, sampled_pairs};
use super::{NEAR, Neighbours};

/// Places of a table that one task looks at.
const AT_ONCE: usize = 2048;

/// A share at this squared distance is 1e-9 of itself: what a million such add is below a hundredth.
const FAR: f32 = 41.5;

/// A sum over the first coordinates is this often its part of all, at most; below 1e-9 of pairs have more.
const SLACK: f32 = 4.0;

/// Steps of the table of probabilities.
const STEPS: usize = 512;

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
    let tables = Tables::new(&rows, n_coordinates, cells, geometry.seed, instructions, execution)?;
    let groups = Groups::new(n);
    let found = Found::new(cells);
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
    /// By one table.
    met: Vec<f32>,
}

impl Found {
    fn new(cells: Cells) -> Self {
        let distance = |step: usize| f64::from(FAR).sqrt() * step as f64 / STEPS as f64;
        Self { met: (0..STEPS + 2).map(|step| cells.met(distance(step)) as f32).collect() }
    }

    /// Of a class at this distance, by one that is compared at this level.
    #[inline(always)]
    fn probability(&self, squared: f32, level: u8) -> f32 {
        let place = (squared / FAR).sqrt() * STEPS as f32;
        let k = (place as usize).min(STEPS);
        let met = self.met[k] + (place - k as f32) * (self.met[k + 1] - self.met[k]);
        let missed = 1.0 - met * f32::from_bits((127 - u32::from(level)) << 23); // met / 2^level
        1.0 - missed.powi(N_TABLES as i32)
    }
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
            sums.par_chunks_mut(AT_ONCE).enumerate().try_for_each_init(Heads::default, |heads, (chunk, sums)| {
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

/// The first coordinates of the points of a cell, 16 points at a time, coordinate by coordinate.
#[derive(Default)]
struct Heads {
    points: Vec<u32>,
    /// The highest level at which each point is in the samples of the table.
    levels: Vec<u8>,
    coordinates: Vec<[[f32; STEP]; STEP]>,
}

impl Heads {
    #[inline(always)]
    fn clear(&mut self) {
        self.points.clear();
        self.levels.clear();
        self.coordinates.clear();
    }

    #[inline(always)]
    fn push(&mut self, point: u32, level: u8, coordinates: &[f32]) {
        let lane = self.points.len() % STEP;
        if lane == 0 {
            self.coordinates.push([[f32::INFINITY; STEP]; STEP]);
        }
        if let Some(sixteen) = self.coordinates.last_mut() {
            for (k, value) in coordinates[..STEP].iter().enumerate() {
                sixteen[k][lane] = *value;
            }
        }
        self.points.push(point);
        self.levels.push(level);
    }
}

/// A search of one cell for some of its classes.
struct SearchCell<'a> {
    search: &'a Search<'a>,
    t: usize,
    queries: &'a [u32],
    cell: &'a [u32],
    heads: &'a mut Heads,
    sums: &'a mut [f64],
}

impl Kernel for SearchCell<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self, _: impl Simd) {
        let Self { search, t, queries, cell, heads, sums } = self;
        let points = search.points;
        let level_of = &search.tables.level_of;
        let mut least = u8::MAX;
        for &point in cell {
            least = least.min(level_of[point as usize]);
        }
        heads.clear();
        for &point in cell {
            let level = points.level(point, t);
            if level >= least {
                heads.push(point, level, points.of(point as usize));
            }
        }
        let far = if search.groups.is_some() { (NEAR * NEAR) as f32 } else { FAR };
        let head_far = far.min(far * SLACK * STEP as f32 / points.n_coordinates as f32);
        for (&x, sum) in queries.iter().zip(sums) {
            let (own, level) = (points.of(x as usize), level_of[x as usize]);
            for (first, coordinates) in heads.coordinates.iter().enumerate() {
                let mut squared = [0.0_f32; STEP];
                for (own, others) in own[..STEP].iter().zip(coordinates) {
                    for lane in 0..STEP {
                        let difference = others[lane] - own;
                        squared[lane] += difference * difference;
                    }
                }
                for (lane, squared) in squared.iter().enumerate() {
                    if *squared > head_far {
                        continue;
                    }
                    let (y, sampled) = (heads.points[first * STEP + lane], heads.levels[first * STEP + lane]);
                    if sampled >= level && y != x {
                        *sum += search.found(x, y, t, far);
                    }
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
        let mut before = false;
        for t in 0..table {
            before |= own[t] == other[t] && (level == 0 || self.points.level(y, t) >= level);
        }
        before
    }

    /// What a class in the same cell adds.
    #[inline(always)]
    fn found(&self, x: u32, y: u32, table: usize, far: f32) -> f64 {
        if self.found_before(x, y, table) {
            return 0.0;
        }
        let squared = self.points.squared_distance(x as usize, y as usize);
        if squared > far {
            return 0.0;
        }
        let found = f64::from(self.found.probability(squared, self.tables.level_of[x as usize]));
        match self.groups {
            Some(groups) => {
                groups.link(x, y);
                1.0 / found
            }
            None => self.share[y as usize] * (-0.5 * f64::from(squared)).exp() / found,
        }
    }
}
