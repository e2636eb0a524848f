//! Projections onto the optimal face, and ridge problems: a smooth convex function of as many variables as there are
//! coordinates, minimised by a semismooth Newton method.
//!
//! For an anchor a, a target q and a ridge l >= 0 the weights are `w(z) = P(a + Z z)`, P the Euclidean projection onto
//! the simplex, and z is a root of `e(z) = Z' w(z) + l z - q`, the gradient of a convex function.
//! With l = 0 these are the weights nearest to a among those with `Z' w = q`; with q = 0, l = l2 and
//! a = -cost / (2 l2) they minimise `|Z' w|^2 + l2 |w|^2 + cost . w`.
//! (X. Li, D. Sun, K.-C. Toh, "On the efficient computation of a generalized Jacobian of the projector over the Birkhoff
//! polytope", Mathematical Programming 179, 2020, doi:10.1007/s10107-018-1342-9, use the same Newton system.)

use std::sync::Arc;

use crate::error::Result;
use crate::lanes::{add_scaled, dot};
use crate::least_squares::cholesky::Cholesky;
use crate::least_squares::dual_point::{Point, Start, Trial};
use crate::least_squares::known_system::KnownSystem;
use crate::least_squares::passes;
use crate::least_squares::predictions::{InCoordinates, Predictions};
use crate::least_squares::scatter::scatter;
use crate::least_squares::threshold::{clip, long_dot, threshold};
use crate::parallel::Execution;
use crate::simplex::compensated_sum;

/// Newton steps tried directly, in each stage of the continuation, and in its last one.
const QUICK_STEPS: usize = 25;
const STAGE_STEPS: usize = 25;
const MAX_STEPS: usize = 200;
/// The continuation's ridge falls by this factor from stage to stage, to this fraction of a squared row at least.
const FALL: f64 = 0.1;
const LEAST_RIDGE: f64 = 1e-13;
/// The residual of a stage, relative to the part of the ridge in it.
const LOOSE: f64 = 0.1;
/// Evaluations of one line search.
const MAX_SEARCH: usize = 60;
/// Newton steps without a smaller residual before rounding is blamed.
const PATIENCE: usize = 4;
/// Residuals below this fraction of the rows may be rounding.
const SMALL: f64 = 1e-9;
/// Ridge of the Newton system relative to the residual: the support of a far point may not span all directions.
const DAMPING: f64 = 1e-4;
/// Newton steps end at residuals of this size relative to the rows: where rows do not span all directions, steps further
/// down follow rounding. Refinement goes on to what is rounding itself.
const CLOSE: f64 = 1e-14;
const ROUNDING: f64 = 4e-16;
/// What the values may be off by, relative to the largest.
const DRIFT: f64 = 1e-13;
/// Weights whose sum is further than this from 1 are no weights.
const LOST: f64 = 1e-3;
/// Steps of refinement on the final support.
const MAX_REFINEMENTS: usize = 12;

/// A point on the simplex, defined through its dual.
pub(super) struct Dual<'a> {
    pub(super) predictions: &'a dyn Predictions,
    pub(super) anchor: &'a [f64],
    pub(super) ridge: f64,
    pub(super) target: &'a [f64],
    /// A typical length of the rows, and the square of the longest.
    pub(super) length: f64,
    pub(super) longest: f64,
    /// Where to start, if not at 0.
    pub(super) start: Option<&'a Start>,
    /// The Newton system of a similar problem without ridge.
    pub(super) known: Option<&'a KnownSystem>,
}

impl Dual<'_> {
    /// The weights, as near to the root as rounding allows, the length of their residual, the passes made, and the dual
    /// variables. Where `a + Z z` is so large that shares of 1 are lost in it, or overflows, the length is infinite.
    pub(super) fn solve(&self, execution: &Execution) -> Result<(Vec<f64>, f64, usize, Vec<f64>)> {
        let centre = self.centre(execution)?;
        let mut passes = 2;
        let first = match self.start {
            Some(start) => start.towards(self.target),
            None => self.origin(execution)?,
        };
        let mut point = self.descend(first, QUICK_STEPS, 0.0, &centre, &mut passes, execution)?;
        if point.size().is_nan() || point.size() > SMALL * self.length {
            point = self.continuation(&centre, &mut passes, execution)?;
        }
        point = self.without_drift(point, &centre, &mut passes, execution)?;
        let z = point.z.clone();
        let (weights, residual) = self.refine(point, &centre, &mut passes, execution)?;
        let sums_to_one = (compensated_sum(&weights) - 1.0).abs() <= LOST; // NaN does not
        let known = sums_to_one && residual.is_finite();
        Ok((weights, if known { residual } else { f64::INFINITY }, passes, z))
    }

    /// The same point where `values` still is `a + Z z`; else, as after steps far out and back, which cost it digits of the
    /// anchor, Newton steps from there.
    fn without_drift(&self, point: Point, centre: &[f64], passes: &mut usize, execution: &Execution) -> Result<Point> {
        let mut values = passes::times(self.predictions, &point.z, execution)?;
        *passes += 1;
        values.iter_mut().zip(self.anchor).for_each(|(value, anchor)| *value += anchor);
        let drift = values.iter().zip(&point.values).map(|(fresh, old)| (fresh - old).abs()).fold(0.0, f64::max);
        let largest = values.iter().copied().map(f64::abs).fold(1.0, f64::max);
        if drift <= DRIFT * largest {
            return Ok(point);
        }
        let fresh = self.point(point.z.clone(), values, point.level, execution)?;
        let fresh = self.descend(fresh, QUICK_STEPS, 0.0, centre, passes, execution)?;
        Ok(if fresh.size() <= SMALL * self.length { fresh } else { point })
    }

    /// Newton steps under a ridge that falls to that of the problem: every problem is near enough to the one before.
    fn continuation(&self, centre: &[f64], passes: &mut usize, execution: &Execution) -> Result<Point> {
        let square = self.length * self.length;
        let mut point = self.origin(execution)?;
        let mut ridge = self.longest;
        while ridge > self.ridge.max(LEAST_RIDGE * square) && point.size().is_finite() {
            let relaxed = Dual { ridge, ..*self };
            point = relaxed.adopt(point, execution)?;
            point = relaxed.descend(point, STAGE_STEPS, LOOSE, centre, passes, execution)?;
            ridge *= FALL;
        }
        point = self.adopt(point, execution)?;
        self.descend(point, MAX_STEPS, 0.0, centre, passes, execution)
    }

    /// Newton steps until the residual is rounding or below `goal` times the part of the ridge; the best point of all.
    fn descend(
        &self,
        point: Point,
        max_steps: usize,
        goal: f64,
        centre: &[f64],
        passes: &mut usize,
        execution: &Execution,
    ) -> Result<Point> {
        let mut best = point;
        let mut worse: Option<Point> = None;
        let mut since = 0;
        for _ in 0..max_steps {
            let size = best.size();
            let enough = (CLOSE * self.length).max(goal * self.ridge * dot(&best.z, &best.z).sqrt());
            if !size.is_finite() || size <= enough || (since > PATIENCE && size <= SMALL * self.length) {
                break;
            }
            *passes += 3;
            let Some(point) = self.step(worse.as_ref().unwrap_or(&best), centre, execution)? else {
                break;
            };
            since = if point.size() < 0.5 * size { 0 } else { since + 1 };
            worse = None;
            if point.size() < size {
                best = point;
            } else {
                worse = Some(point);
            }
        }
        Ok(best)
    }

    fn origin(&self, execution: &Execution) -> Result<Point> {
        self.point(vec![0.0; self.target.len()], self.anchor.to_vec(), 0.0, execution)
    }

    /// The same dual variables under the ridge of this problem.
    fn adopt(&self, point: Point, execution: &Execution) -> Result<Point> {
        let residual = self.residual(&point.weights, &point.z, execution)?;
        Ok(Point { residual, ..point })
    }

    /// The mean coordinates: sums of products are taken around them.
    fn centre(&self, execution: &Execution) -> Result<Vec<f64>> {
        if let Some(known) = self.known {
            return Ok(known.centre().to_vec());
        }
        let n_models = self.predictions.n_models();
        let uniform = vec![1.0 / n_models as f64; n_models];
        passes::mix(&InCoordinates(self.predictions), &uniform, execution)
    }

    fn point(&self, z: Vec<f64>, values: Vec<f64>, start: f64, execution: &Execution) -> Result<Point> {
        let level = threshold(&values, start);
        let weights = clip(&values, level);
        let residual = self.residual(&weights, &z, execution)?;
        Ok(Point { z, values, level, weights, residual })
    }

    fn residual(&self, weights: &[f64], z: &[f64], execution: &Execution) -> Result<Vec<f64>> {
        let mut residual = passes::mix(self.predictions, weights, execution)?;
        add_scaled(&mut residual, self.ridge, z);
        add_scaled(&mut residual, -1.0, self.target);
        Ok(residual)
    }

    /// The Newton system on the support of `weights`, in the space of deviations; `None` if it overflows.
    fn system(
        &self,
        weights: &[f64],
        damping: f64,
        centre: &[f64],
        execution: &Execution,
    ) -> Result<Option<Arc<Cholesky>>> {
        if let Some(known) = self.known.filter(|_| self.ridge == 0.0)
            && let Some(system) = known.near(self.predictions, weights, damping, execution)?
        {
            return Ok(Some(system));
        }
        let n = centre.len();
        let mut matrix = scatter(self.predictions, weights, centre, execution)?;
        for _ in 0..2 {
            for row in matrix.chunks_exact_mut(n.max(1)) {
                execution.interrupt.check()?;
                self.predictions.push(row);
            }
            transpose(&mut matrix, n);
        }
        (0..n).for_each(|i| matrix[i * n + i] += self.ridge);
        Ok(Cholesky::new(&matrix, n, damping, execution)?.map(Arc::new))
    }

    fn damping(&self, point: &Point) -> f64 {
        DAMPING * point.size() / self.length
    }

    /// A Newton step; `None` where the numbers overflow.
    fn step(&self, point: &Point, centre: &[f64], execution: &Execution) -> Result<Option<Point>> {
        let Some(system) = self.system(&point.weights, self.damping(point), centre, execution)? else {
            return Ok(None);
        };
        let mut direction: Vec<f64> = point.residual.iter().map(|value| -value).collect();
        system.solve(&mut direction);
        let change = passes::times(self.predictions, &direction, execution)?;
        let Trial { step, values, level, weights } = self.search(point, &direction, &change);
        drop(change);
        let mut z = point.z.clone();
        add_scaled(&mut z, step, &direction);
        let residual = self.residual(&weights, &z, execution)?;
        Ok(Some(Point { z, values, level, weights, residual }))
    }

    /// A step along which the slope of the dual falls to a fraction: on a convex function that is descent enough.
    fn search(&self, point: &Point, direction: &[f64], change: &[f64]) -> Trial {
        let fixed = self.ridge * dot(&point.z, direction) - dot(self.target, direction);
        let bend = self.ridge * dot(direction, direction);
        let first = dot(&point.residual, direction);
        let (mut low, mut high) = (0.0, f64::INFINITY);
        let mut trial = Trial::of(point, change, 1.0);
        for _ in 0..MAX_SEARCH {
            let here = long_dot(&trial.weights, change) + fixed + trial.step * bend;
            if here.abs() <= 0.3 * first.abs() || !here.is_finite() {
                break;
            }
            if here < 0.0 {
                low = trial.step;
            } else {
                high = trial.step;
            }
            let step = if high.is_infinite() {
                4.0 * low
            } else if low > 0.1 * high {
                0.5 * (low + high)
            } else {
                (low * high).sqrt().max(0.1 * high)
            };
            trial = Trial::of(point, change, step);
        }
        trial
    }

    /// Remove what is left of the residual by least changes on the support, applied to the weights themselves: their
    /// digits are not lost in `a + Z z`, whose terms may be far larger than the weights.
    fn refine(
        &self,
        point: Point,
        centre: &[f64],
        passes: &mut usize,
        execution: &Execution,
    ) -> Result<(Vec<f64>, f64)> {
        let Point { mut weights, mut z, mut residual, .. } = point;
        let mut least = dot(&residual, &residual);
        let mut best = weights.clone();
        for _ in 0..MAX_REFINEMENTS {
            if least.sqrt() <= ROUNDING * self.length {
                break;
            }
            *passes += 3;
            let Some(system) = self.system(&weights, 0.0, centre, execution)? else {
                break;
            };
            let mut change: Vec<f64> = residual.iter().map(|value| -value).collect();
            system.solve(&mut change);
            let shift = passes::times(self.predictions, &change, execution)?;
            let active = weights.iter().filter(|&&weight| weight > 0.0).count() as f64;
            let mean = weights.iter().zip(&shift).filter(|(w, _)| **w > 0.0).map(|(_, s)| s).sum::<f64>() / active;
            let moved = weights.iter().zip(&shift);
            weights = moved.map(|(&w, s)| if w > 0.0 { (w + (s - mean)).max(0.0) } else { 0.0 }).collect();
            add_scaled(&mut z, 1.0, &change);
            residual = self.residual(&weights, &z, execution)?;
            let size = dot(&residual, &residual);
            let halved = size < 0.25 * least;
            if size < least {
                least = size;
                best.clone_from(&weights);
            }
            if !halved {
                break;
            }
        }
        Ok((best, least.sqrt()))
    }
}

fn transpose(matrix: &mut [f64], n: usize) {
    for i in 0..n {
        for j in 0..i {
            matrix.swap(i * n + j, j * n + i);
        }
    }
}
