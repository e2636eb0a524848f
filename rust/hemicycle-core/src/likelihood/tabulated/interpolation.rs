//! The log density on a span as a Chebyshev series, with what rounding may add to its error.

use std::f64::consts::{LN_2, PI};

use crate::kernels::{InstructionSet, Kernel, LANES, Lanes, Simd, ln};

use super::UNIT;
use super::series::Series;
use super::sources::Sources;
use super::span::Span;

/// Degree of the interpolants.
pub(super) const DEGREE: usize = 31;

/// Chebyshev points of an interpolant, and its coefficients.
pub(super) const POINTS: usize = DEGREE + 1;

/// Points above 0, each with its mirror image.
const MIRRORED: usize = POINTS / 2;

/// Largest sum of the absolute values of the Lagrange polynomials of 32 points: `2 / pi log 32 + 1`, rounded up. An error
/// of the values becomes one of the interpolant that is at most so many times larger.
pub(super) const LEBESGUE: f64 = 3.3;

/// What interpolation needs whatever the span.
#[derive(Debug)]
pub(super) struct Interpolation {
    /// `x_j = cos(pi (j + 1/2) / 32)` for `j < 16`, the points above 0.
    points: [f64; MIRRORED],
    /// Row j: what the sum of the values at `x_j` and `-x_j` adds to each even coefficient, their difference to each odd.
    analysis: [[[f64; MIRRORED]; 2]; MIRRORED],
}

impl Interpolation {
    pub(super) fn new() -> Self {
        let share = |k: usize| if k == 0 { 1.0 } else { 2.0 } / POINTS as f64;
        let weight = |j: usize, k: usize| share(k) * cosine(k * (2 * j + 1));
        Self {
            points: std::array::from_fn(|j| cosine(2 * j + 1)),
            analysis: std::array::from_fn(|j| [0, 1].map(|odd| std::array::from_fn(|i| weight(j, 2 * i + odd)))),
        }
    }

    /// The series through `constant` plus the log density of `labels`.
    pub(super) fn through(
        &self,
        labels: Sources<'_>,
        span: Span,
        constant: f64,
        instructions: InstructionSet,
    ) -> Series {
        let beside = labels.beside(span);
        let magnitude = beside.map_or(0.0, |position| magnitude(position, labels.len(), span, constant));
        if let Some(label) = labels.only() {
            return Series { magnitude, ..of_one(label, span, constant) };
        }
        let mut places = [0.0; POINTS];
        for (j, point) in self.points.iter().enumerate() {
            (places[j], places[MIRRORED + j]) = (span.at(*point), span.at(-point));
        }
        let fit = Through { interpolation: self, labels, places, constant, beside };
        let Fit { mut coefficients, mut origin, largest, total } = instructions.run(fit);
        // values: distances, scale and exponents err in proportion to the mean exponent, at most the log density, its
        // normaliser (below 15) and the log of the number of labels; exp2, ln and the chain of additions in units
        let value = 12.0 * largest + 300.0 + labels.additions();
        // 32 coefficients of 16 products: a sum of two values, their weight and additions err by 21 units of
        // share * total, and all differences from the origin by one
        let mut rounding = UNIT * (LEBESGUE * value + (42.0 + 0.5 * LEBESGUE) * total);
        if let Some(position) = beside {
            let parabola = of_one((position, 0.0), span, 0.0);
            // its values are of the size of its origin; taking them away rounds them four times
            rounding += parabola.rounding + UNIT * (8.0 + 8.0 * LEBESGUE) * (parabola.size() + largest);
            origin += parabola.origin;
            for (c, of_parabola) in coefficients.iter_mut().zip(parabola.coefficients) {
                *c += of_parabola;
            }
        }
        Series { span, coefficients, origin, rounding, magnitude }
    }
}

/// A lower bound of the absolute value of the log density on a span beyond `n` labels, of which the nearest is at `position`: none
/// weighs more than 1.
fn magnitude(position: f64, n: usize, span: Span, constant: f64) -> f64 {
    let distance = (span.first - position).abs().min((span.last - position).abs());
    0.999 * (LN_2 * distance * distance - constant - (n as f64).ln()).max(0.0)
}

/// The series of the log density of a label, by position and lightness: a parabola.
fn of_one((position, lightness): (f64, f64), span: Span, constant: f64) -> Series {
    let (distance, half) = (span.centre() - position, 0.5 * (span.last - span.first));
    let mut coefficients = [0.0; POINTS];
    // x^2 = (T_0 + T_2) / 2
    let curved = -0.5 * LN_2 * half * half;
    (coefficients[0], coefficients[1], coefficients[2]) = (curved, -2.0 * LN_2 * half * distance, curved);
    let nearest = -LN_2 * distance.mul_add(distance, lightness);
    let series = Series { span, coefficients, origin: constant + nearest, rounding: 0.0, magnitude: 0.0 };
    // constant and lightness are logarithms; all else takes a few units
    Series { rounding: UNIT * (12.0 * (series.size() + constant.abs()) + 300.0), ..series }
}

/// `cos(pi n / 64)`, from an angle of at most half a right angle's double.
fn cosine(n: usize) -> f64 {
    let n = n % 128;
    let n = if n > 64 { 128 - n } else { n };
    let angle = |n: usize| PI * n as f64 / 64.0;
    if n > 32 { -angle(64 - n).cos() } else { angle(n).cos() }
}

/// Coefficients beside the origin; the largest value and the sum of the differences from the origin, absolute.
struct Fit {
    coefficients: [f64; POINTS],
    origin: f64,
    largest: f64,
    total: f64,
}

/// Interpolate the log density between these places.
struct Through<'a> {
    interpolation: &'a Interpolation,
    labels: Sources<'a>,
    places: [f64; POINTS],
    constant: f64,
    /// A label whose parabola is taken away.
    beside: Option<f64>,
}

impl Kernel for Through<'_> {
    type Output = Fit;

    #[inline(always)]
    fn run<const FMA: bool>(self, simd: impl Simd) -> Fit {
        let Self { interpolation, labels, places, constant, beside } = self;
        let mut values = [0.0; POINTS];
        for (values, places) in values.chunks_exact_mut(LANES).zip(places.chunks_exact(LANES)) {
            values.copy_from_slice(&log_density::<FMA>(simd, labels, lanes(places), constant).0);
        }
        let (mut largest, mut total) = (0.0_f64, 0.0);
        for value in &values {
            largest = largest.max(value.abs());
        }
        if let Some(position) = beside {
            for (values, places) in values.chunks_exact_mut(LANES).zip(places.chunks_exact(LANES)) {
                let distance = lanes::<FMA>(places) - Lanes::splat(position);
                let without = (distance * distance).mul_add(Lanes::splat(LN_2), lanes(values));
                values.copy_from_slice(&without.0);
            }
        }
        let origin = values[MIRRORED - 1];
        for value in &mut values {
            *value -= origin;
            total += value.abs();
        }
        let mut sums = [[Lanes::<FMA>::splat(0.0); MIRRORED / LANES]; 2];
        for (j, rows) in interpolation.analysis.iter().enumerate() {
            let (above, below) = (values[j], values[MIRRORED + j]);
            for ((sums, row), factor) in sums.iter_mut().zip(rows).zip([above + below, above - below]) {
                for (sum, row) in sums.iter_mut().zip(row.chunks_exact(LANES)) {
                    *sum = lanes(row).mul_add(Lanes::splat(factor), *sum);
                }
            }
        }
        let [even, odd] = sums;
        let mut coefficients = [0.0; POINTS];
        for (pair, k) in coefficients.chunks_exact_mut(2).zip(0..) {
            (pair[0], pair[1]) = (even[k / LANES].0[k % LANES], odd[k / LANES].0[k % LANES]);
        }
        Fit { coefficients, origin, largest, total }
    }
}

/// `constant` plus the log density at eight points.
#[inline(always)]
pub(super) fn log_density<const FMA: bool>(
    simd: impl Simd,
    labels: Sources<'_>,
    t: Lanes<FMA>,
    constant: f64,
) -> Lanes<FMA> {
    let (nearest, sum) = labels.density(simd, t);
    nearest.mul_add(Lanes::splat(-LN_2), Lanes::splat(constant)) + ln(sum)
}

/// Eight numbers of a slice of at least eight.
#[inline(always)]
pub(super) fn lanes<const FMA: bool>(numbers: &[f64]) -> Lanes<FMA> {
    let mut out = [0.0; LANES];
    out.copy_from_slice(&numbers[..LANES]);
    Lanes(out)
}
