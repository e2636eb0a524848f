//! Predictions so small, or so far apart, that their squares leave the range of doubles: they are read in another unit, a
//! power of two, so that no digit changes and no part of the solver needs to know.

use std::ops::RangeInclusive;

use crate::error::{Error, Result};
use crate::least_squares::certificate::{longest, lowest, median};
use crate::least_squares::options::Options;
use crate::least_squares::passes;
use crate::least_squares::predictions::Predictions;
use crate::least_squares::{Certified, Solution};
use crate::parallel::Execution;

/// Squared lengths, whose own squares are doubles, that are read as they are: 2^-400 to 2^400.
const IN_RANGE: RangeInclusive<f64> = f64::from_bits((1023 - 400) << 52)..=f64::from_bits((1023 + 400) << 52);
/// Exponents in the new unit, at most: of a deviation, and of what is added to squares of deviations.
const MAX_DEVIATION: i32 = 240;
const MAX_ADDED: i32 = 480;
/// The exponent of a typical deviation, at least: the squares of its digits are still doubles.
const MIN_DEVIATION: i32 = -480;
/// The exponent of the unit, at most: it and its inverse are doubles.
pub(super) const MAX_UNIT: i32 = 1000;

/// What deviations are multiplied by; objectives are by its square.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Unit {
    factor: f64,
    /// The lowest price: every mixture pays it, and it stays out of the new unit.
    lowest: f64,
}

impl Unit {
    /// The unit for predictions with these squared lengths; `None` if they are in range as they are.
    ///
    /// # Errors
    /// [`Error::Domain`] where the median model is lost beside the farthest, or beside prices, in any unit;
    /// [`Error::Interrupted`].
    pub(super) fn fitting(
        predictions: &dyn Predictions,
        squared: &[f64],
        options: &Options<'_>,
        execution: &Execution,
    ) -> Result<Option<Self>> {
        if in_range(squared) {
            return Ok(None);
        }
        let magnitudes = passes::magnitudes(predictions, execution)?;
        let (typical, largest) = (median(&magnitudes), longest(&magnitudes));
        if largest == 0.0 || (typical == 0.0 && IN_RANGE.contains(&(largest * largest))) {
            return Ok(None);
        }
        let lowest = options.cost.map_or(0.0, lowest);
        let prices: Vec<f64> = options.cost.unwrap_or(&[0.0]).iter().map(|price| price - lowest).collect();
        let added = [options.l2, longest(&prices), predictions.constant()];
        let of = exponent(if typical > 0.0 { typical } else { largest });
        let room = (MAX_ADDED - exponent(longest(&added))).div_euclid(2);
        let power = (-of).min(MAX_DEVIATION - exponent(largest)).min(room).clamp(-MAX_UNIT, MAX_UNIT);
        let alone = options.l2 == 0.0 && predictions.constant() == 0.0 && median(&prices) == 0.0;
        if alone && of + power < MIN_DEVIATION {
            let what = "the largest deviation of the median model from the target";
            let requirement = "less far below the deviations of other models, or the prices, than doubles reach";
            return Err(Error::Domain { what, position: vec![], value: typical, requirement });
        }
        Ok((power != 0).then(|| Self { factor: 2.0_f64.powi(power), lowest }))
    }

    /// The predictions in this unit.
    pub(super) fn predictions(self, predictions: &dyn Predictions) -> Scaled<'_> {
        Scaled { predictions, factor: self.factor }
    }

    /// Prices in this unit, counted from the lowest.
    pub(super) fn prices(self, cost: Option<&[f64]>) -> Option<Vec<f64>> {
        cost.map(|cost| cost.iter().map(|price| self.square(price - self.lowest)).collect())
    }

    /// What is added to squares, in this unit.
    pub(super) fn square(self, added: f64) -> f64 {
        added * self.factor * self.factor
    }

    fn given(self, square: f64) -> f64 {
        square / self.factor / self.factor
    }

    /// An outcome in the unit of the caller.
    pub(super) fn solution(self, outcome: Result<Solution>) -> Result<Solution> {
        let solution = outcome.map_err(|error| self.error(error))?;
        Ok(Solution {
            objective: self.given(solution.objective) + self.lowest,
            gap: self.given(solution.gap),
            reduced_cost: self.given(solution.reduced_cost),
            ..solution
        })
    }

    /// A certificate in the unit of the caller.
    pub(super) fn certified(self, outcome: Result<Certified>) -> Result<Certified> {
        let certified = outcome.map_err(|error| self.error(error))?;
        Ok(Certified {
            objective: self.given(certified.objective) + self.lowest,
            gap: self.given(certified.gap),
            ..certified
        })
    }

    fn error(self, error: Error) -> Error {
        match error {
            Error::NotConverged { what, passes, gap, tol, weights } => {
                Error::NotConverged { what, passes, gap: self.given(gap), tol: self.given(tol), weights }
            }
            other => other,
        }
    }
}

/// Whether squared lengths are read as they are.
pub(super) fn in_range(squared: &[f64]) -> bool {
    IN_RANGE.contains(&median(squared)) && IN_RANGE.contains(&longest(squared))
}

/// The power of two below a number; the least of all for 0.
pub(super) fn exponent(value: f64) -> i32 {
    value.max(f64::from_bits(1)).log2().floor() as i32
}

/// Predictions in another unit.
pub(super) struct Scaled<'a> {
    predictions: &'a dyn Predictions,
    factor: f64,
}

impl Predictions for Scaled<'_> {
    fn n_models(&self) -> usize {
        self.predictions.n_models()
    }

    fn n_coordinates(&self) -> usize {
        self.predictions.n_coordinates()
    }

    fn coordinates(&self, model: usize, out: &mut [f64]) {
        self.predictions.coordinates(model, out);
        out.iter_mut().for_each(|value| *value *= self.factor);
    }

    fn push(&self, coordinates: &mut [f64]) {
        self.predictions.push(coordinates);
    }

    fn pull(&self, v: &mut [f64]) {
        self.predictions.pull(v);
    }

    fn constant(&self) -> f64 {
        self.predictions.scaled_constant(self.factor)
    }
}

#[cfg(test)]
mod tests {
    use super::{IN_RANGE, exponent};

    #[test]
    fn exponents_are_those_of_powers_of_two() {
        for power in [-1000, -400, -1, 0, 1, 400, 1023] {
            assert_eq!(exponent(2.0_f64.powi(power)), power);
            assert_eq!(exponent(1.5 * 2.0_f64.powi(power)), power);
        }
        assert_eq!([exponent(f64::from_bits(1)), exponent(0.0)], [-1074, -1074]);
        assert_eq!(IN_RANGE, 2.0_f64.powi(-400)..=2.0_f64.powi(400));
    }
}
