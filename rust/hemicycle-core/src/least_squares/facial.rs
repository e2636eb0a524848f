//! Facial reduction: where the point to reproduce lies on the boundary of the convex hull, some models cannot have
//! weight in any mixture that gives it. Without them the dual of the nearest-point problem is well posed.
//!
//! The point is pushed a little away from the centre of the models. If it leaves the hull, the hyperplane that separates
//! it supports the hull, and if that hyperplane contains the original point, only models on it can have weight.
//! (J. Borwein and H. Wolkowicz, "Regularizing the abstract convex program", Journal of Mathematical Analysis and
//! Applications 83, 1981, doi:10.1016/0022-247X(81)90138-4, give the idea its name.)

use crate::error::Result;
use crate::lanes::{add_scaled, dot};
use crate::least_squares::certificate::{Problem, typical_length};
use crate::least_squares::face::{FLAT, add_weighted};
use crate::least_squares::passes;
use crate::least_squares::predictions::{InCoordinates, Predictions};
use crate::least_squares::pricing;
use crate::parallel::Execution;

/// Pushes, relative to the distance from the centre: near faces need small ones.
const PUSHES: [f64; 3] = [1e-2, 1e-4, 1e-6];
/// Distances from the centre, relative to the rows, that are rounding.
const ROUNDING: f64 = 1e-13;
/// Gap of the pushed problem: as small as rounding allows.
const TOL: f64 = 1e-17;

/// Which models may have weight where a mixture of `rows` gives the same point as `weights`; all, if none can be
/// excluded. Also the passes made.
pub(super) fn reduce(rows: &dyn Predictions, weights: &[f64], execution: &Execution) -> Result<(Vec<bool>, usize)> {
    let rows = &InCoordinates(rows);
    let n_models = rows.n_models();
    let uniform = vec![1.0 / n_models as f64; n_models];
    let point = passes::mix(rows, weights, execution)?;
    let mut outwards = point.clone();
    add_scaled(&mut outwards, -1.0, &passes::mix(rows, &uniform, execution)?);
    let mut passes = 2;
    for push in PUSHES {
        let mut target = point.clone();
        add_scaled(&mut target, push, &outwards);
        let pushed = Pushed { rows, target };
        let mut problem = Problem::new(&pushed, 0.0, None, TOL, execution)?;
        let (_, certificate) = pricing::vertex(&mut problem, &[], execution)?;
        passes += problem.passes;
        let normal = &certificate.residual;
        let (distance, step) = (dot(normal, normal).sqrt(), push * dot(&outwards, &outwards).sqrt());
        if distance <= FLAT * step || step <= push * ROUNDING * typical_length(&problem.lengths) {
            break; // the point is inside the hull, or its very centre
        }
        // Heights over the hyperplane, in lengths of the rows.
        let least = certificate.slopes.iter().copied().fold(f64::INFINITY, f64::min);
        let height = -push * dot(&outwards, normal) - least;
        if height > FLAT * distance * typical_length(&problem.lengths) {
            continue;
        }
        let flat = |d: usize| certificate.slopes[d] - least <= FLAT * distance * problem.lengths[d].sqrt();
        let mut possible: Vec<bool> = (0..n_models).map(flat).collect();
        add_weighted(&mut possible, rows, weights, &certificate.slopes);
        return Ok((possible, passes));
    }
    Ok((vec![true; n_models], passes))
}

/// Rows relative to another target.
struct Pushed<'a> {
    rows: &'a dyn Predictions,
    target: Vec<f64>,
}

impl Predictions for Pushed<'_> {
    fn n_models(&self) -> usize {
        self.rows.n_models()
    }

    fn n_coordinates(&self) -> usize {
        self.target.len()
    }

    fn coordinates(&self, model: usize, out: &mut [f64]) {
        self.rows.coordinates(model, out);
        add_scaled(out, -1.0, &self.target);
    }

    fn times(&self, first: usize, v: &[f64], out: &mut [f64]) {
        self.rows.times(first, v, out);
        let shift = dot(&self.target, v);
        out.iter_mut().for_each(|value| *value -= shift);
    }
}
