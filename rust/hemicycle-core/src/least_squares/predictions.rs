//! What the solver needs to know of the models: their deviations from the target, one row or one product at a time,
//! never as a matrix that somebody has to form first.

use pulp::NullaryFnOnce;
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::lanes::{add_scaled, dot, dot_deviation, vectorised};

/// The deviations `x_d - y` of every model d from the target, as a linear image of some coordinates.
///
/// The deviation of a model is `push(coordinates)`: for dense rows the two are the same; for pairs of items
/// the coordinates are differences of logits, and there are far fewer of them than pairs. `coordinates` and `product` are
/// `inline(always)`: the loops over models are compiled around them for the CPU at hand.
pub trait Predictions: Sync {
    /// Number of models.
    fn n_models(&self) -> usize;

    /// Length of a model's coordinates, and of its deviation.
    fn n_coordinates(&self) -> usize;

    /// Write the coordinates of `model` to `out`, `n_coordinates` long.
    fn coordinates(&self, model: usize, out: &mut [f64]);

    /// The dot product of `v` with the coordinates of `model`; `row` is space for them.
    #[inline(always)]
    fn product(&self, model: usize, v: &[f64], row: &mut [f64]) -> f64 {
        self.coordinates(model, row);
        dot(row, v)
    }

    /// Write the dot product of `v` with the coordinates of models `first..first + out.len()`.
    fn times(&self, first: usize, v: &[f64], out: &mut [f64]) {
        vectorised(Times { predictions: self, first, v, out });
    }

    /// Add the weighted coordinates of models `first..first + weights.len()` to `sum`; those of weight 0 are not read.
    fn add_mix(&self, first: usize, weights: &[f64], sum: &mut [f64]) {
        vectorised(AddMix { predictions: self, first, weights, sum });
    }

    /// Write the squared length of the deviations of models `first..first + out.len()`.
    fn squared_lengths(&self, first: usize, out: &mut [f64]) {
        vectorised(SquaredLengths { predictions: self, first, out });
    }

    /// Turn coordinates into a deviation, in place.
    fn push(&self, _coordinates: &mut [f64]) {}

    /// The transpose of `push`, in place: `pull(v) . coordinates = v . push(coordinates)`.
    fn pull(&self, _v: &mut [f64]) {}

    /// What the squared length of a deviation leaves out of the loss: the same for every model.
    fn constant(&self) -> f64 {
        0.0
    }

    /// The same where deviations are counted in a unit that makes them `factor` times as large, a power of two.
    fn scaled_constant(&self, factor: f64) -> f64 {
        self.constant() * factor * factor
    }
}

struct Times<'a, P: ?Sized> {
    predictions: &'a P,
    first: usize,
    v: &'a [f64],
    out: &'a mut [f64],
}

impl<P: Predictions + ?Sized> NullaryFnOnce for Times<'_, P> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let mut row = vec![0.0; self.v.len()];
        for (i, out) in self.out.iter_mut().enumerate() {
            *out = self.predictions.product(self.first + i, self.v, &mut row);
        }
    }
}

struct AddMix<'a, P: ?Sized> {
    predictions: &'a P,
    first: usize,
    weights: &'a [f64],
    sum: &'a mut [f64],
}

impl<P: Predictions + ?Sized> NullaryFnOnce for AddMix<'_, P> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let mut row = vec![0.0; self.sum.len()];
        for (i, &weight) in self.weights.iter().enumerate() {
            if weight != 0.0 {
                self.predictions.coordinates(self.first + i, &mut row);
                add_scaled(self.sum, weight, &row);
            }
        }
    }
}

struct SquaredLengths<'a, P: ?Sized> {
    predictions: &'a P,
    first: usize,
    out: &'a mut [f64],
}

impl<P: Predictions + ?Sized> NullaryFnOnce for SquaredLengths<'_, P> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let mut row = vec![0.0; self.predictions.n_coordinates()];
        for (i, out) in self.out.iter_mut().enumerate() {
            self.predictions.coordinates(self.first + i, &mut row);
            self.predictions.push(&mut row);
            *out = dot(&row, &row);
        }
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

    #[inline(always)]
    fn coordinates(&self, model: usize, out: &mut [f64]) {
        let n = self.y.len();
        let row = &self.x[model * n..(model + 1) * n];
        for ((out, x), y) in out.iter_mut().zip(row).zip(self.y) {
            *out = (*x).into() - y;
        }
    }

    #[inline(always)]
    fn product(&self, model: usize, v: &[f64], _row: &mut [f64]) -> f64 {
        let n = self.y.len();
        dot_deviation(&self.x[model * n..(model + 1) * n], self.y, v)
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

    fn add_mix(&self, first: usize, weights: &[f64], sum: &mut [f64]) {
        self.0.add_mix(first, weights, sum);
    }
}

/// The largest magnitude whose squares can be summed without overflow.
pub(super) const MAX_MAGNITUDE: f64 = 1e140;

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
        let requirement = "at most 1e140 in magnitude, as squares must be finite: count in a larger unit";
        return Err(Error::Domain { what, position, value, requirement });
    }
    Err(Error::NonFinite { what, position, value })
}
