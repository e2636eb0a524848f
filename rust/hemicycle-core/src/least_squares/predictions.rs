//! What the solver needs to know of the models: their deviations from the target, one row or one product at a time,
//! never as a matrix that somebody has to form first.

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::least_squares::lanes::dot_deviation;

/// The deviations `x_d - y` of every model d from the target, as a linear image of some coordinates.
///
/// The deviation of a model is `push(coordinates)`: for dense rows the two are the same; for pairs of items
/// the coordinates are differences of logits, and there are far fewer of them than pairs.
pub trait Predictions: Sync {
    /// Number of models.
    fn n_models(&self) -> usize;

    /// Length of a model's coordinates, and of its deviation.
    fn n_coordinates(&self) -> usize;

    /// Write the coordinates of `model` to `out`, `n_coordinates` long.
    fn coordinates(&self, model: usize, out: &mut [f64]);

    /// Write the dot product of `v` with the coordinates of models `first..first + out.len()`.
    fn times(&self, first: usize, v: &[f64], out: &mut [f64]);

    /// Turn coordinates into a deviation, in place.
    fn push(&self, _coordinates: &mut [f64]) {}

    /// The transpose of `push`, in place: `pull(v) . coordinates = v . push(coordinates)`.
    fn pull(&self, _v: &mut [f64]) {}

    /// What the squared length of a deviation leaves out of the loss: the same for every model.
    fn constant(&self) -> f64 {
        0.0
    }
}

/// Predictions that are rows of a matrix.
#[derive(Debug)]
pub struct Dense<'a, T> {
    x: &'a [T],
    y: &'a [f64],
    n_models: usize,
}

impl<'a, T: Copy + Into<f64> + Sync> Dense<'a, T> {
    /// Rows `x` (n_models, n_observations), row-major, and the target `y` (n_observations,).
    ///
    /// # Errors
    /// [`Error::Shape`] if there is no model or the lengths disagree; [`Error::NonFinite`] for a NaN or an infinity;
    /// [`Error::Domain`] for a magnitude above 1e140, whose square would overflow.
    pub fn new(x: &'a [T], y: &'a [f64], n_models: usize) -> Result<Self> {
        if n_models == 0 {
            return Err(Error::Shape { what: "x", expected: "at least one model".into(), got: "none".into() });
        }
        if x.len() != n_models * y.len() {
            let expected = format!("{n_models} rows of {} values", y.len());
            return Err(Error::Shape { what: "x", expected, got: format!("{} values", x.len()) });
        }
        check_magnitudes("y", y, None)?;
        check_magnitudes("x", x, Some(y.len()))?;
        Ok(Self { x, y, n_models })
    }
}

impl<T: Copy + Into<f64> + Sync> Predictions for Dense<'_, T> {
    fn n_models(&self) -> usize {
        self.n_models
    }

    fn n_coordinates(&self) -> usize {
        self.y.len()
    }

    fn coordinates(&self, model: usize, out: &mut [f64]) {
        let n = self.y.len();
        let row = &self.x[model * n..(model + 1) * n];
        for ((out, x), y) in out.iter_mut().zip(row).zip(self.y) {
            *out = (*x).into() - y;
        }
    }

    #[inline(always)]
    fn times(&self, first: usize, v: &[f64], out: &mut [f64]) {
        let n = self.y.len();
        for (i, out) in out.iter_mut().enumerate() {
            let model = first + i;
            *out = dot_deviation(&self.x[model * n..(model + 1) * n], self.y, v);
        }
    }
}

/// The same models, seen through their coordinates: nothing is pushed.
pub(super) struct InCoordinates<'a>(pub(super) &'a dyn Predictions);

impl Predictions for InCoordinates<'_> {
    fn n_models(&self) -> usize {
        self.0.n_models()
    }

    fn n_coordinates(&self) -> usize {
        self.0.n_coordinates()
    }

    fn coordinates(&self, model: usize, out: &mut [f64]) {
        self.0.coordinates(model, out);
    }

    fn times(&self, first: usize, v: &[f64], out: &mut [f64]) {
        self.0.times(first, v, out);
    }
}

/// The largest magnitude whose squares can be summed without overflow.
const MAX_MAGNITUDE: f64 = 1e140;

/// Values that are checked before the first one that is wrong is looked for.
const CHUNK: usize = 1 << 14;

/// Refuse NaN, infinities and magnitudes whose squares overflow, by their place; `width` is the row length of a matrix.
pub(super) fn check_magnitudes<T: Copy + Into<f64> + Sync>(
    what: &'static str,
    values: &[T],
    width: Option<usize>,
) -> Result<()> {
    let allowed = |value: &T| (*value).into().abs() <= MAX_MAGNITUDE; // NaN is not
    let wrong = |(_, chunk): &(usize, &[T])| !chunk.iter().fold(true, |all, value| all & allowed(value));
    let Some((chunk, values)) = values.par_chunks(CHUNK).enumerate().find_first(wrong) else {
        return Ok(());
    };
    let Some(within) = values.iter().position(|value| !allowed(value)) else {
        return Ok(());
    };
    let (at, value) = (chunk * CHUNK + within, values[within].into());
    let position = width.map_or_else(|| vec![at], |width| vec![at / width, at % width]);
    if value.is_finite() {
        return Err(Error::Domain { what, position, value, requirement: "at most 1e140 in magnitude" });
    }
    Err(Error::NonFinite { what, position, value })
}
