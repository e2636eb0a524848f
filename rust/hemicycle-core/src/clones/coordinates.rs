//! Points of models: rows of logits times the matrix of the geometry.

use rayon::prelude::*;

use crate::error::Result;
use crate::kernels::{InstructionSet, Kernel, LANES, Lanes, Simd};
use crate::parallel::Execution;
use crate::pool::{BLOCK, Block, GROUPS, Logit, Pool};

use super::geometry::Geometry;

/// Coordinates that are summed side by side.
const AT_ONCE: usize = 4;

/// One coordinate of the points of 32 models.
pub(super) type Coordinate = [[f64; LANES]; GROUPS];

/// Work out the points of `models`, 32 at a time, and write those of each 32 to `n_written` values of `out`.
pub(super) fn points<T: Logit, V: Send>(
    pool: &Pool<'_, T>,
    geometry: &Geometry,
    models: &[usize],
    (instructions, execution): (InstructionSet, &Execution),
    (out, n_written): (&mut [V], usize),
    write: impl Fn(&[Coordinate], &mut [V]) + Sync,
) -> Result<()> {
    out.par_chunks_mut(n_written).zip(models.par_chunks(BLOCK)).try_for_each_init(
        || (Block::new(geometry.items.len()), Room::new(geometry)),
        |(block, room), (out, models)| {
            block.load_models(pool, models, &geometry.items, &execution.interrupt)?;
            instructions.run(Points { block, geometry, room });
            write(&room.coordinates, out);
            Ok(())
        },
    )
}

/// Space for the points of 32 models.
struct Room {
    differences: Vec<Coordinate>,
    coordinates: Vec<Coordinate>,
}

impl Room {
    fn new(geometry: &Geometry) -> Self {
        let zeros = |n: usize| vec![[[0.0; LANES]; GROUPS]; n];
        Self { differences: zeros(geometry.differences.len()), coordinates: zeros(geometry.n_coordinates) }
    }
}

/// The points of the models of a block.
struct Points<'a> {
    block: &'a Block,
    geometry: &'a Geometry,
    room: &'a mut Room,
}

impl Kernel for Points<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self, _: impl Simd) {
        let Self { block, geometry, room } = self;
        for (difference, &(item, reference)) in room.differences.iter_mut().zip(&geometry.differences) {
            for (g, difference) in difference.iter_mut().enumerate() {
                *difference = (block.logits::<FMA>(item, g) - block.logits::<FMA>(reference, g)).0;
            }
        }
        let n = room.differences.len();
        let rows = geometry.matrix.chunks_exact(AT_ONCE * n);
        for (coordinates, rows) in room.coordinates.chunks_exact_mut(AT_ONCE).zip(rows) {
            let mut sums = [[Lanes::<FMA>::splat(0.0); GROUPS]; AT_ONCE];
            for (k, difference) in room.differences.iter().enumerate() {
                for (j, sums) in sums.iter_mut().enumerate() {
                    let factor = Lanes::splat(rows[j * n + k]);
                    for (sum, difference) in sums.iter_mut().zip(difference) {
                        *sum = factor.mul_add(Lanes(*difference), *sum);
                    }
                }
            }
            for (coordinate, sums) in coordinates.iter_mut().zip(sums) {
                for (coordinate, sum) in coordinate.iter_mut().zip(sums) {
                    *coordinate = sum.0;
                }
            }
        }
    }
}
