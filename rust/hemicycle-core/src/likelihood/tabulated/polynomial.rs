//! The polynomial of a cell: through the log density at its Chebyshev points, with what rounding may add to its error.

use std::f64::consts::{LN_2, PI};

use crate::kernels::{InstructionSet, Kernel, LANES, Lanes, ln};

use super::labels::Window;

/// Degree of the polynomials.
pub(super) const DEGREE: usize = 15;

/// Chebyshev points, and coefficients: a whole number of vectors.
pub(super) const POINTS: usize = DEGREE + 1;

/// Vectors of points.
const VECTORS: usize = POINTS / LANES;

/// Half the distance from 1 to the next number: what one rounding takes.
const UNIT: f64 = 0.5 * f64::EPSILON;

/// Largest sum of the absolute values of the Lagrange polynomials of 16 points: `2 / pi log 16 + 1`, rounded up.
const LEBESGUE: f64 = 3.0;

/// Coefficients of powers of `x` in `[-1, 1]`, that of the constant first: two cache lines.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(align(64))]
pub(super) struct Coefficients(pub [f64; POINTS]);

/// A polynomial and its rounding errors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Polynomial {
    pub coefficients: Coefficients,
    /// Rounding in all but `x` takes at most this from the log density.
    pub rounding: f64,
}

impl Polynomial {
    /// A bound of the derivative with respect to `x`, but for the error of the polynomial.
    pub(super) fn slope(&self) -> f64 {
        self.coefficients.0.iter().enumerate().map(|(k, c)| k as f64 * c.abs()).sum()
    }

    /// A lower bound of the absolute value.
    pub(super) fn magnitude(&self) -> f64 {
        let [constant, powers @ ..] = &self.coefficients.0;
        constant.abs() - powers.iter().map(|c| c.abs()).sum::<f64>()
    }
}

/// What interpolation needs whatever the cell.
#[derive(Debug)]
pub(super) struct Interpolation {
    /// `x_j = cos(pi (j + 1/2) / 16)`.
    pub points: [f64; POINTS],
    /// Row j: what the value at `x_j` adds to each Chebyshev coefficient.
    analysis: [[f64; POINTS]; POINTS],
    /// Row k: the powers of `x` in the Chebyshev polynomial `T_k`.
    powers: [[f64; POINTS]; POINTS],
    /// The sum of the absolute values of each row of `powers`.
    growth: [f64; POINTS],
}

impl Interpolation {
    pub(super) fn new() -> Self {
        let angle = |j: usize| PI * (j as f64 + 0.5) / POINTS as f64;
        let share = |k: usize| if k == 0 { 1.0 } else { 2.0 } / POINTS as f64;
        let mut powers = [[0.0; POINTS]; POINTS];
        powers[0][0] = 1.0;
        powers[1][1] = 1.0;
        for k in 2..POINTS {
            // T_k = 2 x T_(k-1) - T_(k-2)
            for power in 0..POINTS {
                let raised = if power == 0 { 0.0 } else { 2.0 * powers[k - 1][power - 1] };
                powers[k][power] = raised - powers[k - 2][power];
            }
        }
        Self {
            points: std::array::from_fn(|j| angle(j).cos()),
            analysis: std::array::from_fn(|j| std::array::from_fn(|k| share(k) * (k as f64 * angle(j)).cos())),
            growth: powers.map(|row| row.iter().map(|c: &f64| c.abs()).sum()),
            powers,
        }
    }

    /// The polynomial through `constant` plus the log density of `labels` at `t`, the places of the points.
    pub(super) fn through(
        &self,
        labels: Window<'_>,
        t: [f64; POINTS],
        constant: f64,
        instructions: InstructionSet,
    ) -> Polynomial {
        let Fit { chebyshev, coefficients, largest, spread } =
            instructions.run(Through { interpolation: self, labels, t, constant });
        let growth: f64 = chebyshev.iter().zip(&self.growth).map(|(a, growth)| a.abs() * growth).sum();
        // values: distances, scale and exponents err in proportion to the mean exponent, at most the log density, its
        // normaliser (below 15) and the log of the number of labels; exp2, ln and the chain of additions in units
        let value = 12.0 * largest + 300.0 + labels.additions();
        // Chebyshev coefficients: 16 of 16 products each; powers: 16 products, then at most 30 roundings of a term
        let rounding = LEBESGUE * value + 608.0 * spread + 50.0 * growth + 3.0 * largest;
        Polynomial { coefficients: Coefficients(coefficients), rounding: UNIT * rounding }
    }
}

/// A polynomial in both bases, with the largest value and the largest difference from one of them.
struct Fit {
    chebyshev: [f64; POINTS],
    coefficients: [f64; POINTS],
    largest: f64,
    spread: f64,
}

/// Interpolate the log density of one cell.
struct Through<'a> {
    interpolation: &'a Interpolation,
    labels: Window<'a>,
    t: [f64; POINTS],
    constant: f64,
}

impl Kernel for Through<'_> {
    type Output = Fit;

    #[inline(always)]
    fn run<const FMA: bool>(self) -> Fit {
        let Self { interpolation, labels, t, constant } = self;
        let mut values = [0.0; POINTS];
        for (values, t) in values.chunks_exact_mut(LANES).zip(t.chunks_exact(LANES)) {
            values.copy_from_slice(&log_density::<FMA>(labels, lanes(t), constant).0);
        }
        let origin = values[POINTS / 2];
        let largest = values.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
        let differences = values.map(|value| value - origin);
        let spread = differences.iter().fold(0.0, |spread: f64, difference| spread.max(difference.abs()));
        let chebyshev = combine::<FMA>(&differences, &interpolation.analysis);
        let mut coefficients = combine::<FMA>(&chebyshev, &interpolation.powers);
        coefficients[0] += origin;
        Fit { chebyshev, coefficients, largest, spread }
    }
}

/// `constant` plus the log density at eight points.
#[inline(always)]
pub(super) fn log_density<const FMA: bool>(labels: Window<'_>, t: Lanes<FMA>, constant: f64) -> Lanes<FMA> {
    let (nearest, sum) = labels.density(t);
    nearest.mul_add(Lanes::splat(-LN_2), Lanes::splat(constant)) + ln(sum)
}

/// The sum of the rows, each times its factor.
#[inline(always)]
fn combine<const FMA: bool>(factors: &[f64; POINTS], rows: &[[f64; POINTS]; POINTS]) -> [f64; POINTS] {
    let mut sums = [Lanes::<FMA>::splat(0.0); VECTORS];
    for (&factor, row) in factors.iter().zip(rows) {
        for (sum, row) in sums.iter_mut().zip(row.chunks_exact(LANES)) {
            *sum = lanes(row).mul_add(Lanes::splat(factor), *sum);
        }
    }
    let mut out = [0.0; POINTS];
    for (out, sum) in out.chunks_exact_mut(LANES).zip(sums) {
        out.copy_from_slice(&sum.0);
    }
    out
}

/// Eight numbers of a slice of at least eight.
#[inline(always)]
fn lanes<const FMA: bool>(numbers: &[f64]) -> Lanes<FMA> {
    let mut out = [0.0; LANES];
    out.copy_from_slice(&numbers[..LANES]);
    Lanes(out)
}
