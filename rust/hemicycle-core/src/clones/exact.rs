//! What is around each class, each compared with each.

use rayon::prelude::*;

use crate::error::Result;
use crate::kernels::{InstructionSet, Kernel, LANES, Lanes, Simd};
use crate::parallel::{Execution, Interrupt};
use crate::pool::{BLOCK, Logit, Pool};

use super::classes::Classes;
use super::coordinates::points;
use super::geometry::{Geometry, STEP};
use super::groups::Groups;
use super::{NEAR, Neighbours};

/// Squared distance beyond which a share adds less than 1e-32 of itself.
const FAR: f64 = 150.0;

/// `-1 / (2 ln 2)`: turns a squared distance into the logarithm of the kernel in base 2.
const TO_LOG2: f64 = -0.5 * std::f64::consts::LOG2_E;

/// The points of eight classes, coordinate by coordinate.
type Eight = [[f64; LANES]];

/// Compare each class with each.
pub(super) fn neighbours<T: Logit>(
    pool: &Pool<'_, T>,
    geometry: &Geometry,
    classes: &Classes,
    instructions: InstructionSet,
    execution: &Execution,
) -> Result<Neighbours> {
    let (n, n_coordinates) = (classes.len(), geometry.n_coordinates);
    let mut by_eight = vec![[0.0; LANES]; n.next_multiple_of(BLOCK) / LANES * n_coordinates];
    let n_written = BLOCK / LANES * n_coordinates;
    let out = (&mut by_eight[..], n_written);
    points(pool, geometry, &classes.representative, (instructions, execution), out, |coordinates, out| {
        for (g, eight) in out.chunks_mut(n_coordinates).enumerate() {
            eight.iter_mut().zip(coordinates).for_each(|(out, coordinate)| *out = coordinate[g]);
        }
    })?;
    let points = &by_eight[..n.div_ceil(LANES) * n_coordinates];
    let padded = |value: &dyn Fn(usize) -> f64| {
        (0..n.div_ceil(LANES))
            .map(|e| {
                std::array::from_fn(|lane| {
                    let class = e * LANES + lane;
                    if class < n { value(class) } else { 0.0 }
                })
            })
            .collect::<Vec<[f64; LANES]>>()
    };
    let groups = Groups::new(n);
    let mut n_near = vec![0.0; n];
    let present = padded(&|_| 1.0);
    let near = Around { points, n_coordinates, share: &present, groups: Some(&groups) };
    near.write(instructions, execution, &mut n_near)?;
    let share = padded(&|class| 1.0 / n_near[class]);
    let mut density = vec![0.0; n];
    Around { share: &share, groups: None, ..near }.write(instructions, execution, &mut density)?;
    Ok(Neighbours { n_near, density, group: groups.roots() })
}

/// Sums of shares around classes: of all that are near where groups are wanted, else of each by how near it is.
#[derive(Clone, Copy)]
struct Around<'a> {
    points: &'a Eight,
    n_coordinates: usize,
    share: &'a [[f64; LANES]],
    groups: Option<&'a Groups>,
}

impl Around<'_> {
    fn write(self, instructions: InstructionSet, execution: &Execution, out: &mut [f64]) -> Result<()> {
        let interrupt = &execution.interrupt;
        out.par_chunks_mut(LANES).enumerate().try_for_each(|(eight, out)| {
            instructions.run(AroundEight { around: self, eight, interrupt, out });
            interrupt.check()
        })
    }
}

/// The sums around eight classes.
struct AroundEight<'a> {
    around: Around<'a>,
    eight: usize,
    interrupt: &'a Interrupt,
    out: &'a mut [f64],
}

impl Kernel for AroundEight<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self, simd: impl Simd) {
        let Around { points, n_coordinates, share, groups } = self.around;
        let own = &points[self.eight * n_coordinates..][..n_coordinates];
        let mut sums = [Lanes::<FMA>::splat(0.0); LANES];
        let far = if groups.is_some() { NEAR * NEAR } else { FAR };
        for (other, (points, share)) in points.chunks_exact(n_coordinates).zip(share).enumerate() {
            if other % 1024 == 0 && self.interrupt.is_raised() {
                return;
            }
            let Some(squared) = squared_distances::<FMA>(own, points, far) else { continue };
            let share = Lanes(*share);
            match groups {
                None => {
                    for (sum, squared) in sums.iter_mut().zip(squared) {
                        *sum = simd.exp2_floored(squared * Lanes::splat(TO_LOG2)).value().mul_add(share, *sum);
                    }
                }
                Some(groups) => {
                    for (i, (sum, squared)) in sums.iter_mut().zip(squared).enumerate() {
                        for lane in 0..LANES {
                            if squared.0[lane] <= far && share.0[lane] > 0.0 && i < self.out.len() {
                                sum.0[lane] += 1.0;
                                groups.link((self.eight * LANES + i) as u32, (other * LANES + lane) as u32);
                            }
                        }
                    }
                }
            }
        }
        for (out, sum) in self.out.iter_mut().zip(sums) {
            *out = crate::lanes::total(&sum.0);
        }
    }
}

/// The squared distances of eight points from eight others; `None` where all are beyond `far`.
#[inline(always)]
fn squared_distances<const FMA: bool>(own: &Eight, others: &Eight, far: f64) -> Option<[Lanes<FMA>; LANES]> {
    let mut squared = [Lanes::<FMA>::splat(0.0); LANES];
    for (own, others) in own.chunks_exact(STEP).zip(others.chunks_exact(STEP)) {
        for (own, others) in own.iter().zip(others) {
            for (i, squared) in squared.iter_mut().enumerate() {
                let difference = Lanes(*others) - Lanes::splat(own[i]);
                *squared = difference.mul_add(difference, *squared);
            }
        }
        let mut least = squared[0];
        for squared in &squared[1..] {
            least = least.min(*squared);
        }
        let mut any = false;
        for lane in 0..LANES {
            any |= least.0[lane] <= far;
        }
        if !any {
            return None;
        }
    }
    Some(squared)
}
