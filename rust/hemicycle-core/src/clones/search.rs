//! Sums over points of other crowds: those that share a cell of some table.
//!
//! A point that is found adds what it would, divided by the probability that it is found at all (M. Charikar, P.
//! Siminelakis, "Hashing-based-estimators for kernel density in high dimensions", FOCS 2017, arXiv:1808.10530).
//! What is near is found almost surely, so that only sums over many far points have an error to speak of.

use rayon::prelude::*;

use crate::error::Result;
use crate::kernels::{InstructionSet, Kernel, Simd};
use crate::parallel::Execution;

use super::NEAR;
use super::crowds::SLACK;
use super::geometry::STEP;
use super::groups::Groups;
use super::levels::{Searched, Tables};
use super::points::{Points, squared_distance};
use super::tables::{Cells, Table};

/// Places of a table that one task looks at.
const AT_ONCE: usize = 1024;

/// A share at this squared distance is 1e-9 of itself: what a million such add is below a hundredth.
const FAR: f32 = 41.5;

/// Steps of the table of probabilities.
const STEPS: usize = 512;

/// The probabilities that points are found, by distance.
#[derive(Debug)]
struct Found {
    /// By one table.
    met: Vec<f32>,
    n_tables: i32,
}

impl Found {
    fn new(cells: Cells, n_tables: usize) -> Self {
        let distance = |step: usize| f64::from(FAR).sqrt() * step as f64 / STEPS as f64;
        let met = (0..STEPS + 2).map(|step| cells.met(distance(step)) as f32).collect();
        Self { met, n_tables: n_tables as i32 }
    }

    /// Of a point at this distance, by one that is compared at this level.
    #[inline(always)]
    fn probability(&self, squared: f32, level: u8) -> f32 {
        let place = (squared / FAR).sqrt() * STEPS as f32;
        let k = (place as usize).min(STEPS);
        let met = self.met[k] + (place - k as f32) * (self.met[k + 1] - self.met[k]);
        let missed = 1.0 - met * f32::from_bits((127 - u32::from(level)) << 23); // met / 2^level
        1.0 - missed.powi(self.n_tables)
    }
}

/// A search of all tables.
pub(super) struct Search<'a> {
    points: Points<'a>,
    tables: &'a Tables,
    found: Found,
    /// Which tasks find anything, table by table; what one search learns spares the next.
    is_busy: Vec<Vec<bool>>,
}

impl<'a> Search<'a> {
    pub(super) fn new(points: Points<'a>, tables: &'a Tables, cells: Cells) -> Self {
        let found = Found::new(cells, tables.tables.len());
        let is_busy = vec![vec![true; tables.cell_of.len().div_ceil(AT_ONCE)]; tables.tables.len()];
        Self { points, tables, found, is_busy }
    }

    /// Add what is found around each point to `out`, table by table: how many are near where groups are wanted, else
    /// shares by how near they are.
    pub(super) fn add(
        &mut self,
        (share, groups): (&[f64], Option<&Groups>),
        instructions: InstructionSet,
        execution: &Execution,
        out: &mut [f64],
    ) -> Result<()> {
        let mut is_busy = std::mem::take(&mut self.is_busy);
        let mut sums = vec![0.0; out.len()];
        for (searched, is_busy) in self.tables.tables.iter().zip(&mut is_busy) {
            let around = Around { search: self, searched, share, groups };
            sums.par_chunks_mut(AT_ONCE).zip(is_busy.par_iter_mut()).enumerate().try_for_each_init(
                Heads::default,
                |heads, (chunk, (sums, is_busy))| {
                    *is_busy = *is_busy && around.task(chunk * AT_ONCE, instructions, execution, heads, sums)?;
                    Ok(())
                },
            )?;
            let order = searched.table.order.chunks(AT_ONCE).zip(sums.chunks(AT_ONCE)).zip(is_busy);
            for ((order, sums), _) in order.filter(|(_, is_busy)| **is_busy) {
                order.iter().zip(sums).for_each(|(&point, sum)| out[point as usize] += sum);
            }
        }
        self.is_busy = is_busy;
        Ok(())
    }
}

/// A search of one table.
#[derive(Clone, Copy)]
struct Around<'a> {
    search: &'a Search<'a>,
    searched: &'a Searched,
    share: &'a [f64],
    groups: Option<&'a Groups>,
}

impl Around<'_> {
    /// The sums around the points at the places from `first` on, and whether there is anything.
    fn task(
        &self,
        first: usize,
        instructions: InstructionSet,
        execution: &Execution,
        heads: &mut Heads,
        sums: &mut [f64],
    ) -> Result<bool> {
        sums.fill(0.0);
        let Table { order, .. } = &self.searched.table;
        let mut is_busy = false;
        for (start, end) in self.searched.table.cells(first, first + sums.len()) {
            let tables = self.search.tables;
            let last_of_crowd = tables.range(order[start])[1];
            if order[end - 1] < last_of_crowd {
                continue; // all of one crowd
            }
            let queries = first.max(start)..end.min(first + sums.len());
            let sums = &mut sums[queries.start - first..queries.end - first];
            let listed = self.searched.listed(start, end);
            is_busy |= instructions.run(SearchCell { around: self, queries: &order[queries], listed, heads, sums });
            execution.interrupt.check()?;
        }
        Ok(is_busy)
    }

    /// The sums around some points of a cell in which few are compared, one by one.
    #[inline(always)]
    fn few(&self, queries: &[u32], listed: &[u32], head_far: f32, sums: &mut [f64]) -> bool {
        let Search { points, tables, .. } = self.search;
        let mut is_busy = false;
        for (&x, sum) in queries.iter().zip(sums) {
            let own = &points.of(x as usize)[..STEP];
            for &y in listed {
                if y == x || squared_distance(own, &points.of(y as usize)[..STEP]) > head_far {
                    continue;
                }
                let ([start, end], level) = (tables.range(x), tables.level_of[x as usize]);
                if (start..end).contains(&y) || (level > 0 && tables.level(y, self.searched.t) < level) {
                    continue;
                }
                if let Some(found) = self.found(x, y) {
                    is_busy = true;
                    *sum += found;
                }
            }
        }
        is_busy
    }

    /// Whether an earlier table has compared the two.
    #[inline(always)]
    fn found_before(&self, x: u32, y: u32) -> bool {
        let tables = self.search.tables;
        let (own, other) = (&tables.cell_of[x as usize], &tables.cell_of[y as usize]);
        let level = tables.level_of[x as usize];
        let mut before = false;
        for t in tables.tables[0].t..self.searched.t {
            before |= own[t] == other[t] && (level == 0 || tables.level(y, t) >= level);
        }
        before
    }

    /// What a point in the same cell adds; `None` if it is far.
    #[inline(always)]
    fn found(&self, x: u32, y: u32) -> Option<f64> {
        let squared = self.search.points.squared_distance(x as usize, y as usize);
        if squared > FAR {
            return None;
        }
        if self.found_before(x, y) {
            return Some(0.0);
        }
        let probability = self.search.found.probability(squared, self.search.tables.level_of[x as usize]);
        let found = f64::from(probability);
        Some(match self.groups {
            Some(groups) if squared <= (NEAR * NEAR) as f32 => {
                groups.link(x, y);
                1.0 / found
            }
            Some(_) => 0.0,
            None => self.share[y as usize] * (-0.5 * f64::from(squared)).exp() / found,
        })
    }
}

/// The first coordinates of points, 16 points at a time, coordinate by coordinate.
#[derive(Debug, Default)]
struct Heads {
    /// The highest level at which each point is in the samples of the table.
    levels: Vec<u8>,
    coordinates: Vec<[[f32; STEP]; STEP]>,
}

impl Heads {
    #[inline(always)]
    fn fill(&mut self, around: &Around<'_>, points: &[u32]) {
        self.levels.clear();
        self.coordinates.clear();
        for (k, &point) in points.iter().enumerate() {
            if k % STEP == 0 {
                self.coordinates.push([[f32::INFINITY; STEP]; STEP]);
            }
            let sixteen = &mut self.coordinates[k / STEP];
            let row = around.search.points.of(point as usize);
            for c in 0..STEP {
                sixteen[c][k % STEP] = row[c];
            }
            self.levels.push(around.search.tables.level(point, around.searched.t));
        }
    }
}

/// A search of one cell for some of its points; returns whether anything is not far.
struct SearchCell<'a> {
    around: &'a Around<'a>,
    queries: &'a [u32],
    listed: &'a [u32],
    heads: &'a mut Heads,
    sums: &'a mut [f64],
}

impl Kernel for SearchCell<'_> {
    type Output = bool;

    #[inline(always)]
    fn run<const FMA: bool>(self, _: impl Simd) -> bool {
        let Self { around, queries, listed, heads, sums } = self;
        let Search { points, tables, .. } = around.search;
        let head_far = FAR.min(FAR * SLACK * STEP as f32 / points.n_coordinates as f32);
        if listed.len() < STEP / 2 {
            return around.few(queries, listed, head_far, sums);
        }
        heads.fill(around, listed);
        let mut is_busy = false;
        let (mut crowd, mut own_heads) = ([0, 0], 0..0);
        for (&x, sum) in queries.iter().zip(sums) {
            if x >= crowd[1] {
                crowd = tables.range(x);
                let place = |point: u32| listed.partition_point(|&y| y < point);
                own_heads = place(crowd[0])..place(crowd[1]);
            }
            let (own, level) = (points.of(x as usize), tables.level_of[x as usize]);
            for (block, coordinates) in heads.coordinates.iter().enumerate() {
                let first = block * STEP;
                if own_heads.start <= first && first + STEP <= own_heads.end {
                    continue;
                }
                let squared = head_distances(own, coordinates);
                for (lane, squared) in squared.iter().enumerate() {
                    let place = first + lane;
                    if *squared > head_far || (own_heads.start <= place && place < own_heads.end) {
                        continue;
                    }
                    let found = if heads.levels[place] < level { None } else { around.found(x, listed[place]) };
                    if let Some(found) = found {
                        is_busy = true;
                        *sum += found;
                    }
                }
            }
        }
        is_busy
    }
}

/// The squared distances of a point from 16 others in their first coordinates.
#[inline(always)]
fn head_distances(own: &[f32], others: &[[f32; STEP]; STEP]) -> [f32; STEP] {
    let mut squared = [0.0_f32; STEP];
    for (own, others) in own[..STEP].iter().zip(others) {
        for lane in 0..STEP {
            let difference = others[lane] - own;
            squared[lane] += difference * difference;
        }
    }
    squared
}
