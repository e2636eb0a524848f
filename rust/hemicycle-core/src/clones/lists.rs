//! Lists of points that many points are compared with, and the sums around those.

use std::f32::consts::{LN_2, LOG2_E};

use crate::kernels::{Kernel, Simd};

use super::NEAR;
use super::geometry::STEP;
use super::groups::Groups;
use super::points::Points;

/// Points that are compared with a list side by side.
pub(super) const SIDE_BY_SIDE: usize = 4;

/// A number of points at once.
pub(super) type Sixteen = [f32; STEP];

/// `-1 / (2 ln 2)`: turns a squared distance into the logarithm of the kernel in base 2.
const TO_LOG2: f32 = -0.5 * LOG2_E;

/// 1.5 * 2^23: adding it rounds to a whole number, which the last bits of the sum then hold.
pub(super) const ROUNDING: f32 = 12_582_912.0;

/// Coefficients of `2^x`, the highest first: `ln(2)^k / k!`. For x within a half they leave 1.2e-7 of the value.
const POWERS: [f32; 7] = [1.540_353e-4, 1.333_355_8e-3, 9.618_129e-3, 0.055_504_11, 0.240_226_5, LN_2, 1.0];

/// Points with weights, 16 at a time, coordinate by coordinate.
#[derive(Debug, Default)]
pub(super) struct List {
    coordinates: Vec<Sixteen>,
    points: Vec<[u32; STEP]>,
    weights: Vec<Sixteen>,
}

impl List {
    /// Hold these points and weights instead of any before.
    pub(super) fn fill(&mut self, points: Points<'_>, members: impl Iterator<Item = (u32, f32)>) {
        self.coordinates.clear();
        self.points.clear();
        self.weights.clear();
        for (k, (point, weight)) in members.enumerate() {
            let lane = k % STEP;
            if lane == 0 {
                self.coordinates.resize(self.coordinates.len() + points.n_coordinates, [0.0; STEP]);
                self.points.push([u32::MAX; STEP]);
                self.weights.push([0.0; STEP]);
            }
            self.points[k / STEP][lane] = point;
            self.weights[k / STEP][lane] = weight;
            let sixteen = &mut self.coordinates[k / STEP * points.n_coordinates..];
            for (out, &value) in sixteen.iter_mut().zip(points.of(point as usize)) {
                out[lane] = value;
            }
        }
    }

    /// The coordinates of each 16 points.
    #[inline(always)]
    pub(super) fn sixteens(&self, n_coordinates: usize) -> std::slice::ChunksExact<'_, Sixteen> {
        self.coordinates.chunks_exact(n_coordinates)
    }
}

/// The squared distances of some points from 16 others.
#[inline(always)]
pub(super) fn squared_distances<const FMA: bool>(
    own: &[&[f32]; SIDE_BY_SIDE],
    others: &[Sixteen],
) -> [Sixteen; SIDE_BY_SIDE] {
    let mut squared = [[0.0_f32; STEP]; SIDE_BY_SIDE];
    let n = others.len();
    let own = [&own[0][..n], &own[1][..n], &own[2][..n], &own[3][..n]];
    for c in 0..n {
        for i in 0..SIDE_BY_SIDE {
            for lane in 0..STEP {
                let difference = others[c][lane] - own[i][c];
                squared[i][lane] = fused::<FMA>(difference, difference, squared[i][lane]);
            }
        }
    }
    squared
}

#[inline(always)]
fn fused<const FMA: bool>(x: f32, y: f32, z: f32) -> f32 {
    if FMA { x.mul_add(y, z) } else { x * y + z }
}

/// `exp(-squared / 2)`, to two units in the last place.
#[inline(always)]
fn kernel<const FMA: bool>(squared: f32) -> f32 {
    let exponent = (squared * TO_LOG2).max(-126.0);
    let shifted = exponent + ROUNDING;
    let rest = exponent - (shifted - ROUNDING);
    let mut value = POWERS[0];
    for &coefficient in &POWERS[1..] {
        value = fused::<FMA>(value, rest, coefficient);
    }
    value * f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23))
}

/// The sums of the weights of a list around consecutive points: of all that are near where groups are wanted, else of
/// each by how near it is.
pub(super) struct AroundPoints<'a> {
    pub(super) points: Points<'a>,
    pub(super) first: usize,
    pub(super) list: &'a List,
    /// For each point, those that do not count.
    pub(super) skipped: &'a [[u32; 2]],
    pub(super) groups: Option<&'a Groups>,
    pub(super) sums: &'a mut [f64],
}

impl Kernel for AroundPoints<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self, _: impl Simd) {
        let Self { points, first, list, skipped, groups, sums } = self;
        for (k, (sums, skipped)) in sums.chunks_mut(SIDE_BY_SIDE).zip(skipped.chunks(SIDE_BY_SIDE)).enumerate() {
            let from = first + k * SIDE_BY_SIDE;
            let mut own = [points.of(from); SIDE_BY_SIDE];
            for (i, own) in own.iter_mut().enumerate().take(sums.len()) {
                *own = points.of(from + i);
            }
            let mut around = [[0.0_f32; STEP]; SIDE_BY_SIDE];
            for (block, others) in list.sixteens(points.n_coordinates).enumerate() {
                let squared = squared_distances::<FMA>(&own, others);
                let (names, weights) = (&list.points[block], &list.weights[block]);
                for i in 0..sums.len() {
                    let weights = counted(names, weights, skipped[i]);
                    match groups {
                        None => {
                            for lane in 0..STEP {
                                around[i][lane] =
                                    fused::<FMA>(weights[lane], kernel::<FMA>(squared[i][lane]), around[i][lane]);
                            }
                        }
                        Some(groups) => {
                            let near = near(&squared[i], &weights);
                            for lane in 0..STEP {
                                around[i][lane] += near[lane];
                            }
                            link(groups, (from + i) as u32, names, &near);
                        }
                    }
                }
            }
            for (sum, around) in sums.iter_mut().zip(&around) {
                for &value in around {
                    *sum += f64::from(value);
                }
            }
        }
    }
}

/// The weights of points that are not skipped.
#[inline(always)]
fn counted(names: &[u32; STEP], weights: &Sixteen, skipped: [u32; 2]) -> Sixteen {
    let mut counted = *weights;
    for lane in 0..STEP {
        let is_skipped = names[lane].wrapping_sub(skipped[0]) < skipped[1] - skipped[0];
        counted[lane] = if is_skipped { 0.0 } else { counted[lane] };
    }
    counted
}

/// The weights of points that are near.
#[inline(always)]
fn near(squared: &Sixteen, weights: &Sixteen) -> Sixteen {
    let mut near = *weights;
    for lane in 0..STEP {
        near[lane] = if squared[lane] <= (NEAR * NEAR) as f32 { near[lane] } else { 0.0 };
    }
    near
}

/// Make one group of a point and those that have a weight.
#[inline(always)]
fn link(groups: &Groups, point: u32, names: &[u32; STEP], near: &Sixteen) {
    for lane in 0..STEP {
        if near[lane] > 0.0 && !groups.have_one_parent(point, names[lane]) {
            groups.link(point, names[lane]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::kernel;

    #[test]
    fn the_kernel_is_that_of_a_gaussian() {
        for k in 0..17_000_u16 {
            let squared = f32::from(k) * 0.01;
            let expected = (-0.5 * f64::from(squared)).exp();
            for found in [kernel::<true>(squared), kernel::<false>(squared)] {
                // the rounding of the exponent adds its own part
                let error = (f64::from(found) - expected).abs() / expected.max(1e-37);
                assert!(error < 2e-7 * (2.0 + f64::from(squared) / 4.0), "{squared}: {found} is not {expected}");
            }
        }
        assert_eq!(kernel::<true>(0.0), 1.0);
    }
}
