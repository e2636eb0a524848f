//! The Chebyshev polynomials of a span on a part of it, and as powers.
//!
//! On the part `c + h y`, `|y| <= 1`, `T_j` is a sum of `T_k(y)`, `k <= j`, whose coefficients follow from
//! `T_j = 2 (c + h y) T_(j-1) - T_(j-2)`.

use super::interpolation::POINTS;
use super::series::{Coefficients, KEPT};

/// `T_j` on a part has coefficients over `2^(j level)`: with no more bits than this, all that is done with them is exact.
const EXACT_BITS: usize = 46;

/// The coefficients of every `T_j` on the part from `centre - half` to `centre + half`.
pub(super) fn on_part(centre: f64, half: f64) -> [[f64; POINTS]; POINTS] {
    let mut rows = [[0.0; POINTS]; POINTS];
    rows[0][0] = 1.0;
    (rows[1][0], rows[1][1]) = (centre, half);
    for j in 2..POINTS {
        // y T_k(y) = (T_(k+1)(y) + T_|k-1|(y)) / 2
        let mut row = rows[j - 2].map(|c: f64| -c);
        for (k, c) in rows[j - 1].iter().enumerate().take(j) {
            row[k] += 2.0 * centre * c;
            row[k + 1] += half * c;
            row[k.abs_diff(1)] += half * c;
        }
        rows[j] = row;
    }
    rows
}

/// By how much the absolute values of what rounding takes from row j of [`on_part`] sum up, in units, over the square of the largest
/// such sum S of a row up to j. Making a row takes `12 S`; what a row lacks reaches the row n later times `U_n`, a sum of
/// at most n + 1 `T_k` or their doubles, so times at most `(n + 1) S`.
pub(super) fn inexact(j: usize, level: usize) -> f64 {
    let steps = j.saturating_sub(EXACT_BITS.checked_div(level).unwrap_or(j));
    6.0 * (steps * (steps + 1)) as f64
}

/// From Chebyshev polynomials to powers of half the place.
pub(super) struct PowersOfWaves {
    /// Row k: the powers in `T_k`.
    powers: [[f64; KEPT]; KEPT],
    /// The largest sum of the absolute values of the terms of each.
    pub growth: [f64; KEPT],
}

impl PowersOfWaves {
    pub(super) fn new() -> Self {
        let mut powers = [[0.0; KEPT]; KEPT];
        (powers[0][0], powers[1][1]) = (1.0, 2.0);
        for k in 2..KEPT {
            // T_k(2 x) = 4 x T_(k-1)(2 x) - T_(k-2)(2 x)
            for power in 0..KEPT {
                let raised = if power == 0 { 0.0 } else { 4.0 * powers[k - 1][power - 1] };
                powers[k][power] = raised - powers[k - 2][power];
            }
        }
        let growth = powers.map(|row| row.iter().rev().fold(0.0, |sum, c: &f64| 0.5 * sum + c.abs()));
        Self { powers, growth }
    }

    /// The powers of the first of these.
    pub(super) fn of(&self, waves: &[f64; POINTS]) -> Coefficients {
        let mut powers = [0.0; KEPT];
        for (c, row) in waves.iter().zip(&self.powers) {
            for (power, factor) in powers.iter_mut().zip(row) {
                *power += c * factor;
            }
        }
        Coefficients(powers)
    }

    /// The largest sum of the absolute values of their terms.
    pub(super) fn growth(&self, waves: &[f64; POINTS]) -> f64 {
        waves.iter().zip(&self.growth).map(|(c, growth)| c.abs() * growth).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::on_part;

    #[test]
    fn waves_on_a_part_end_where_they_should() {
        for (centre, half) in [(0.0, 1.0), (0.5, 0.5), (0.96875, 0.03125)] {
            for (j, row) in on_part(centre, half).iter().enumerate() {
                let expected = (j as f64 * f64::acos(centre + half)).cos();
                assert!((row.iter().sum::<f64>() - expected).abs() < 1e-12, "{j}");
            }
        }
    }
}
