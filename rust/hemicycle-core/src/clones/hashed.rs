//! What is around each class, each compared only with those that may be near: an unbiased estimate for pools that are
//! too many to compare each with each. Points of one crowd are compared as [`super::strata`] says, others where they
//! share a cell of some table.

use rayon::prelude::*;

use crate::error::Result;
use crate::kernels::{InstructionSet, LANES};
use crate::parallel::Execution;
use crate::pool::{BLOCK, Logit, Pool};

use super::Neighbours;
use super::classes::Classes;
use super::coordinates;
use super::crowds::Joining;
use super::geometry::Geometry;
use super::groups::Groups;
use super::levels::Tables;
use super::points::{Points, permute};
use super::search::Search;
use super::strata::Strata;
use super::tables::{Cells, Table, cells_of, sampled_pairs};

/// Tables that crowds are made by; the others are searched for points of different crowds.
const N_JOINING: usize = 5;

/// Compare classes of one crowd, and those that share a cell.
pub(super) fn neighbours<T: Logit>(
    pool: &Pool<'_, T>,
    geometry: &Geometry,
    classes: &Classes,
    instructions: InstructionSet,
    execution: &Execution,
) -> Result<Neighbours> {
    let (n, n_coordinates, seed) = (classes.len(), geometry.n_coordinates, geometry.seed);
    let mut rows = rows(pool, geometry, classes, instructions, execution)?;
    let points = Points { rows: &rows, n_coordinates };
    let distances = sampled_pairs(n).map(|(x, y)| f64::from(points.squared_distance(x, y))).collect();
    let cells = Cells::suiting(n, n_coordinates, distances);
    let mut cell_of = cells_of(&rows, n_coordinates, cells, seed, instructions, execution)?;
    let mut joining = Joining::new(n);
    let tables = (0..N_JOINING).into_par_iter().map(|t| Table::new(t, &cell_of, execution));
    for table in tables.collect::<Result<Vec<_>>>()? {
        joining.meet(points, &table, instructions, execution)?;
    }
    let mut crowds = joining.crowds();
    let strata = Strata::new(points, &mut crowds, seed, instructions, execution)?;
    if !crowds.order.is_empty() {
        permute(&mut rows, n_coordinates, &crowds.order);
        permute(&mut cell_of, 1, &crowds.order);
    }
    let tables = Tables::new(N_JOINING, cell_of, crowds.ranges(), seed, execution)?;
    let points = Points { rows: &rows, n_coordinates };
    let mut search = Search::new(points, &tables, cells);
    let groups = Groups::new(n);
    let mut n_near = vec![1.0; n];
    strata.add(points, (&[], Some(&groups)), instructions, execution, &mut n_near)?;
    search.add((&[], Some(&groups)), instructions, execution, &mut n_near)?;
    let share: Vec<f64> = n_near.iter().map(|n_near| 1.0 / n_near).collect();
    let mut density = share.clone();
    strata.add(points, (&share, None), instructions, execution, &mut density)?;
    search.add((&share, None), instructions, execution, &mut density)?;
    Ok(by_class(Neighbours { n_near, density, group: groups.roots() }, &crowds.order))
}

/// The points of the classes.
fn rows<T: Logit>(
    pool: &Pool<'_, T>,
    geometry: &Geometry,
    classes: &Classes,
    instructions: InstructionSet,
    execution: &Execution,
) -> Result<Vec<f32>> {
    let n_coordinates = geometry.n_coordinates;
    let mut rows = vec![0.0_f32; classes.len() * n_coordinates];
    let out = (&mut rows[..], BLOCK * n_coordinates);
    coordinates::points(
        pool,
        geometry,
        &classes.representative,
        (instructions, execution),
        out,
        |coordinates, out| {
            for (model, row) in out.chunks_mut(n_coordinates).enumerate() {
                let (g, lane) = (model / LANES, model % LANES);
                row.iter_mut().zip(coordinates).for_each(|(out, coordinate)| *out = coordinate[g][lane] as f32);
            }
        },
    )?;
    Ok(rows)
}

/// What is known of points in this order, class by class.
fn by_class(found: Neighbours, order: &[u32]) -> Neighbours {
    if order.is_empty() {
        return found;
    }
    let n = order.len();
    let mut placed = Neighbours { n_near: vec![0.0; n], density: vec![0.0; n], group: vec![0; n] };
    for (place, &class) in order.iter().enumerate() {
        let class = class as usize;
        placed.n_near[class] = found.n_near[place];
        placed.density[class] = found.density[place];
        placed.group[class] = order[found.group[place] as usize];
    }
    placed
}
