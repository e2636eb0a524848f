//! Interpolants as Chebyshev series, and what bounds them.

use super::interpolation::POINTS;
use super::span::Span;

/// Coefficients that a table keeps of each cell: one cache line.
pub(super) const KEPT: usize = 8;

/// A span is cut into up to `2^5` parts: beyond that an interpolant of its own for each half is better.
pub(super) const LEVELS: usize = 6;

/// Coefficients of powers of half the place, in `[-1/2, 1/2]`, that of the constant first.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(align(64))]
pub(super) struct Coefficients(pub [f64; KEPT]);

impl Coefficients {
    /// Of no cell.
    pub(super) const NONE: Self = Self([0.0; KEPT]);
}

/// `origin + sum_k coefficients[k] T_k(place)`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Series {
    pub span: Span,
    pub coefficients: [f64; POINTS],
    pub origin: f64,
    /// Rounding in all but the place took at most this from the log density.
    pub rounding: f64,
    /// A lower bound of the absolute value, as far as it is known by other means; 0 if it is not.
    pub magnitude: f64,
}

impl Series {
    /// A bound of the absolute values of what is added to a value.
    pub(super) fn size(&self) -> f64 {
        self.origin.abs() + self.coefficients.iter().map(|c| c.abs()).sum::<f64>()
    }
}

/// What bounds a series and, by level, the polynomials on its parts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    /// A lower bound of the absolute value.
    pub magnitude: f64,
    /// A bound of the derivative with respect to the place: `|T_k'| <= k^2`.
    pub slope: f64,
    /// What polynomials leave away at most, whatever the signs of the coefficients.
    pub left: [f64; LEVELS],
    /// Of that, what is beyond twice the coefficients kept.
    pub far: [f64; LEVELS],
    /// What rounding takes at most from polynomials and their evaluation.
    pub rounding: [f64; LEVELS],
}
