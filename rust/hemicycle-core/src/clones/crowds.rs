//! Crowds: sets of points within a few bandwidths of one, the centre. Points of one crowd are compared with each other
//! without cells, and points of different crowds by tables that had no part in making them, so that sums over both
//! have no bias.

use std::cmp::Reverse;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use rayon::prelude::*;

use crate::error::Result;
use crate::kernels::{InstructionSet, Kernel, Simd};
use crate::parallel::Execution;

use super::geometry::STEP;
use super::points::{Points, squared_distance};
use super::tables::Table;

/// Points this near to its centre, squared, join a crowd.
pub(super) const WITHIN: f32 = 16.0;

/// Centres of a cell that a point is compared with, at most.
const MAX_CENTRES: usize = 16;

/// A sum over the first coordinates is this often its part of all, at most; below 1e-9 of pairs have more.
pub(super) const SLACK: f32 = 4.0;

/// Cells that one task looks at.
const AT_ONCE: usize = 1024;

/// No centre.
const NONE: u32 = u32::MAX;

/// Points that look for a crowd, table by table.
#[derive(Debug)]
pub(super) struct Joining(Vec<AtomicU32>);

impl Joining {
    /// `n` points, each by itself.
    pub(super) fn new(n: usize) -> Self {
        Self((0..n).map(|_| AtomicU32::new(NONE)).collect())
    }

    /// Have the points of each cell join crowds that the cell knows of, or be a new one's centre, and join crowds whose
    /// centres are near. Whatever a cell reads or writes is of its own points, or was settled by earlier tables: the
    /// order of cells leaves no trace.
    pub(super) fn meet(
        &mut self,
        points: Points<'_>,
        table: &Table,
        instructions: InstructionSet,
        execution: &Execution,
    ) -> Result<()> {
        let n_cells = table.starts.len() - 1;
        let near = (0..n_cells.div_ceil(AT_ONCE)).into_par_iter().map(|chunk| {
            let cells = &table.starts[chunk * AT_ONCE..((chunk + 1) * AT_ONCE).min(n_cells) + 1];
            execution.interrupt.check()?;
            Ok(instructions.run(Meet { centre_of: &self.0, points, cells, order: &table.order }))
        });
        let near = near.collect::<Result<Vec<_>>>()?.concat();
        self.merge(near);
        Ok(())
    }

    /// Have crowds join larger ones whose centres are near to theirs, unless those join others: they stay small in
    /// extent, however long a chain of crowds is.
    fn merge(&mut self, mut near: Vec<[u32; 2]>) {
        if near.is_empty() {
            return;
        }
        let size = self.sizes();
        let rank = |centre: u32| (Reverse(size[centre as usize]), centre);
        near.iter_mut().for_each(|pair| pair.sort_unstable_by_key(|&centre| rank(centre)));
        near.sort_unstable_by_key(|&[larger, smaller]| (rank(larger), rank(smaller)));
        let mut joins: Vec<u32> = (0..size.len() as u32).collect();
        let mut is_joined = vec![false; size.len()];
        for [larger, smaller] in near {
            let (into, from) = (larger as usize, smaller as usize);
            if joins[into] == larger && joins[from] == smaller && !is_joined[from] {
                joins[from] = larger;
                is_joined[into] = true;
            }
        }
        for centre in self.0.iter_mut().map(AtomicU32::get_mut).filter(|centre| **centre != NONE) {
            *centre = joins[*centre as usize];
        }
    }

    /// The number of points of each centre.
    fn sizes(&mut self) -> Vec<u32> {
        let mut size = vec![0; self.0.len()];
        for centre in self.0.iter_mut().map(AtomicU32::get_mut).filter(|centre| **centre != NONE) {
            size[*centre as usize] += 1;
        }
        size
    }

    /// The crowds of two and more, in the order of their centres, then all others.
    pub(super) fn crowds(mut self) -> Crowds {
        let mut size = self.sizes();
        let centre_of: Vec<u32> = self.0.into_iter().map(AtomicU32::into_inner).collect();
        let mut starts = vec![0];
        let mut end = 0;
        for size in size.iter_mut().filter(|size| **size > 0) {
            (end, *size) = (end + *size, end);
            starts.push(end);
        }
        if end == 0 {
            return Crowds { starts, order: vec![] };
        }
        let mut order = vec![0; centre_of.len()];
        for (&centre, point) in centre_of.iter().zip(0..) {
            let place = if centre == NONE { &mut end } else { &mut size[centre as usize] };
            order[*place as usize] = point;
            *place += 1;
        }
        Crowds { starts, order }
    }
}

/// A partition of the points, in which those by themselves come last.
#[derive(Debug)]
pub(super) struct Crowds {
    /// Where each crowd of two and more begins in `order`, and the end of the last.
    pub(super) starts: Vec<u32>,
    /// Points, crowd by crowd; empty if each is by itself, and in its place.
    pub(super) order: Vec<u32>,
}

impl Crowds {
    /// For each place in a crowd, where that begins and ends.
    pub(super) fn ranges(&self) -> Vec<[u32; 2]> {
        let ranges = self.starts.windows(2);
        ranges.flat_map(|ends| std::iter::repeat_n([ends[0], ends[1]], (ends[1] - ends[0]) as usize)).collect()
    }
}

/// The meetings of some cells.
struct Meet<'a> {
    centre_of: &'a [AtomicU32],
    points: Points<'a>,
    cells: &'a [u32],
    order: &'a [u32],
}

impl Kernel for Meet<'_> {
    type Output = Vec<[u32; 2]>;

    #[inline(always)]
    fn run<const FMA: bool>(self, _: impl Simd) -> Self::Output {
        let mut near = vec![];
        for ends in self.cells.windows(2) {
            if ends[1] - ends[0] > 1 {
                self.cell(&self.order[ends[0] as usize..ends[1] as usize], &mut near);
            }
        }
        near
    }
}

impl Meet<'_> {
    #[inline(always)]
    fn cell(&self, members: &[u32], near: &mut Vec<[u32; 2]>) {
        let mut centres = [0_u32; MAX_CENTRES];
        let mut n_centres = 0;
        for &x in members {
            let centre = self.centre_of(x);
            if centre != NONE && n_centres < MAX_CENTRES && !centres[..n_centres].contains(&centre) {
                centres[n_centres] = centre;
                n_centres += 1;
            }
        }
        for &x in members {
            if self.centre_of(x) != NONE {
                continue;
            }
            if let Some(centre) = self.first_near(x, &centres[..n_centres]) {
                self.centre_of[centre as usize].store(centre, Relaxed);
                self.centre_of[x as usize].store(centre, Relaxed);
            } else if n_centres < MAX_CENTRES {
                centres[n_centres] = x;
                n_centres += 1;
            }
        }
        for k in 1..n_centres {
            for &other in &centres[..k] {
                let both = self.centre_of(other) == other && self.centre_of(centres[k]) == centres[k];
                if both && self.first_near(centres[k], &[other]).is_some() {
                    near.push([other, centres[k]]);
                }
            }
        }
    }

    #[inline(always)]
    fn centre_of(&self, point: u32) -> u32 {
        self.centre_of[point as usize].load(Relaxed)
    }

    #[inline(always)]
    fn first_near(&self, x: u32, centres: &[u32]) -> Option<u32> {
        let own = self.points.of(x as usize);
        let head_within = WITHIN.min(WITHIN * SLACK * STEP as f32 / own.len() as f32);
        for &centre in centres {
            let other = self.points.of(centre as usize);
            let head = squared_distance(&own[..STEP], &other[..STEP]);
            if head <= head_within && squared_distance(own, other) <= WITHIN {
                return Some(centre);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::Joining;
    use crate::clones::points::Points;
    use crate::clones::tables::Table;
    use crate::kernels::InstructionSet;
    use crate::parallel::Execution;

    #[test]
    fn who_is_near_to_a_centre_joins_it() {
        // on a line: 0, 1, 2, ... with 32 coordinates, all but one of them 0
        let mut rows = vec![0.0; 32 * 9];
        (0..9).for_each(|point| rows[32 * point] = [0.0, 0.5, 50.0, 1.0, 90.0, 50.5, 5.0, 0.2, 91.0][point]);
        let points = Points { rows: &rows, n_coordinates: 32 };
        let mut joining = Joining::new(9);
        for order in [[0, 1, 2, 3, 4, 5, 6, 7, 8], [4, 0, 6, 8, 1, 2, 3, 5, 7]] {
            let table = Table { order: order.to_vec(), starts: vec![0, 4, 9] };
            joining.meet(points, &table, InstructionSet::detect(), &Execution::default()).unwrap();
        }
        let crowds = joining.crowds();
        assert_eq!(crowds.starts, [0, 4, 6, 8]);
        assert_eq!(crowds.order, [0, 1, 3, 7, 2, 5, 4, 8, 6]);
        assert_eq!(crowds.ranges(), [[0, 4], [0, 4], [0, 4], [0, 4], [4, 6], [4, 6], [6, 8], [6, 8]]);
    }
}
