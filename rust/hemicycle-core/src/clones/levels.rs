//! Who is compared in cells that are too full for each to be: samples, the fuller the cell the sparser.

use std::ops::Range;

use rayon::prelude::*;

use crate::error::Result;
use crate::parallel::Execution;

use super::random::mixed;
use super::tables::{N_TABLES, Table};

/// Points that the points of a cell are compared with, at most; of fuller cells a sample.
const MAX_COMPARED: usize = 96;

/// Tables that are searched: those that had no part in making crowds.
#[derive(Debug)]
pub(super) struct Tables {
    pub(super) tables: Vec<Searched>,
    /// The cell of each point in each table.
    pub(super) cell_of: Vec<[u32; N_TABLES]>,
    /// For each place in a crowd, where that begins and ends; beyond, points are by themselves.
    ranges: Vec<[u32; 2]>,
    /// Each point is compared with one in `2^level` of its cells: one level for all tables, since points at the edge of
    /// a crowd's cell would else be compared with all of a few, and count few.
    pub(super) level_of: Vec<u8>,
    seed: u64,
}

impl Tables {
    /// Those from `first` on.
    pub(super) fn new(
        first: usize,
        cell_of: Vec<[u32; N_TABLES]>,
        ranges: Vec<[u32; 2]>,
        seed: u64,
        execution: &Execution,
    ) -> Result<Self> {
        let tables = (first..N_TABLES)
            .into_par_iter()
            .map(|t| Ok(Searched { t, table: Table::new(t, &cell_of, execution)?, long: vec![] }));
        let tables = tables.collect::<Result<Vec<_>>>()?;
        let mut found = Self { level_of: vec![], tables: vec![], cell_of, ranges, seed };
        let mut level_of = vec![0; found.cell_of.len()];
        for Searched { table, .. } in &tables {
            for cell in table.starts.windows(2).filter(|ends| (ends[1] - ends[0]) as usize > MAX_COMPARED) {
                let cell = &table.order[cell[0] as usize..cell[1] as usize];
                for run in found.runs(cell) {
                    let level = (cell.len() - run.len()).div_ceil(MAX_COMPARED).next_power_of_two().ilog2() as u8;
                    run.for_each(|k| level_of[cell[k] as usize] = level.max(level_of[cell[k] as usize]));
                }
            }
        }
        found.level_of = level_of;
        let tables = tables.into_par_iter().map(|searched| searched.with_long_cells(&found));
        found.tables = tables.collect();
        Ok(found)
    }

    /// Where the crowd of a point begins and ends.
    #[inline(always)]
    pub(super) fn range(&self, point: u32) -> [u32; 2] {
        if (point as usize) < self.ranges.len() { self.ranges[point as usize] } else { [point, point + 1] }
    }

    /// The places in a cell that hold points of one crowd.
    fn runs<'a>(&'a self, cell: &'a [u32]) -> impl Iterator<Item = Range<usize>> + 'a {
        let mut start = 0;
        std::iter::from_fn(move || {
            let end = self.range(*cell.get(start)?)[1];
            let run = start..start + cell[start..].partition_point(|&point| point < end);
            start = run.end;
            Some(run)
        })
    }

    /// The highest level at which a point is in the samples of a table.
    #[inline(always)]
    pub(super) fn level(&self, point: u32, table: usize) -> u8 {
        mixed(self.seed ^ u64::from(point) ^ ((table as u64) << 56)).trailing_zeros() as u8
    }

    /// The points of a cell that some point of another crowd is compared with.
    fn compared(&self, table: usize, cell: &[u32]) -> Vec<u32> {
        // the least level among others: the least of all but one's own run
        let (mut least, mut second, mut run_of_least) = (u8::MAX, u8::MAX, 0);
        for run in self.runs(cell) {
            let level = cell[run.clone()].iter().map(|&point| self.level_of[point as usize]).min().unwrap_or(u8::MAX);
            if level < least {
                (least, second, run_of_least) = (level, least, run.start);
            } else {
                second = second.min(level);
            }
        }
        let mut compared = vec![];
        for run in self.runs(cell) {
            let least = if run.start == run_of_least { second } else { least };
            compared.extend(cell[run].iter().filter(|&&point| self.level(point, table) >= least));
        }
        compared
    }
}

/// A table that is searched.
#[derive(Debug)]
pub(super) struct Searched {
    pub(super) t: usize,
    pub(super) table: Table,
    /// Where each cell of many points begins, and who is compared with any of them.
    long: Vec<(usize, Vec<u32>)>,
}

impl Searched {
    fn with_long_cells(mut self, tables: &Tables) -> Self {
        for ends in self.table.starts.windows(2).filter(|ends| (ends[1] - ends[0]) as usize > MAX_COMPARED) {
            let (start, end) = (ends[0] as usize, ends[1] as usize);
            self.long.push((start, tables.compared(self.t, &self.table.order[start..end])));
        }
        self
    }

    /// The points of a cell that some point of another crowd is compared with.
    #[inline(always)]
    pub(super) fn listed(&self, start: usize, end: usize) -> &[u32] {
        if end - start <= MAX_COMPARED {
            return &self.table.order[start..end];
        }
        self.long.binary_search_by_key(&start, |cell| cell.0).map_or(&[], |k| &self.long[k].1)
    }
}
