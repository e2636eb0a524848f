//! How far the slope of a table's polynomial may be off, from what its values promise.
//!
//! With the unit of place, half the width `h` of a cell, the polynomial differs from the interpolant that it is cut from by
//! [`POLYNOMIAL`] of the error allowed, bins included, and both are polynomials of degree 31 at most: by Markov's inequality their
//! slopes differ by at most `31^2` times as much. What rounding takes in the place and the evaluation grows less: the second
//! derivative of a polynomial of degree 7 is at most `6^2` times its first. The interpolant lacks what is beyond degree
//! 31, `sum_k a_k (T_k - T_m)` with `m < k` and `|a_k| <= 2 M rho^-k` (see [`super::bound`]): values err by `4 M rho^-31 / (rho - 1)`,
//! [`INTERPOLANT`] of the error allowed, slopes by at most `4 M sum_k k^2 rho^-k`, no more than `2 31^2` times as much for any
//! `rho >= 1.1`. The span of an interpolant is no narrower than the cell.
//!
//! Labels that hardly matter have a share of an eighth of the error together, each of at most `2^-(E - E')` at a distance below
//! `sqrt(E)`, with E their exponent and `E'`, at least `bits` smaller, that of a label which is near the centre of the span:
//! `sqrt(E')` is at most the distance to the nearest label, the width of the span and the root of the largest lightness. They
//! move the mean distance by at most their share of `sqrt(E' + bits)` and of the mean.
//!
//! Errors are measured by the pull of the pair, `sum_i r_i max(1, |y_i - mu| / sigma) / sigma`: no less than `1 / sigma`, than the slope,
//! and than the distance to the nearest label over `sigma^2`.

use super::bound::SLOPE;
use super::interpolation::DEGREE;
use super::labels::Labels;
use super::series::Coefficients;
use super::span::Span;

/// What the slope of a pair with a table may err by, over what its value may: of the pull of the pair.
const OVER_RTOL: f64 = 1e6;

/// That error at most: the slope that a bound relies on is itself one of a table.
const MOST: f64 = 0.1;

/// Share of the error allowed for what is cut, rounding and bins.
const POLYNOMIAL: f64 = 0.625;

/// Share of the error allowed for the interpolants.
const INTERPOLANT: f64 = 0.25;

/// Share of the error allowed for labels that hardly matter.
const DROPPED: f64 = 0.125;

/// No span of a cell is wider than this, the distance of the cell and twice the reach of the labels.
const WIDTH: f64 = 16.0;

/// Whether the slopes of all cells are as precise as promised.
pub(super) fn precise<'a>(cells: impl Iterator<Item = (Span, &'a Coefficients)>, labels: &Labels, rtol: f64) -> bool {
    let lightest = labels.lightness.iter().copied().fold(0.0, f64::max);
    let bits = (labels.position.len() as f64 / (DROPPED * rtol)).log2().max(0.0);
    let bound = Bound { labels, rtol, apart: lightest.sqrt() + bits.sqrt() };
    let allowed = 0.9 * (OVER_RTOL * rtol).min(MOST);
    let mut worst = 0.0_f64;
    for (span, coefficients) in cells {
        worst = worst.max(bound.of(span, &coefficients.0));
    }
    worst <= allowed
}

struct Bound<'a> {
    labels: &'a Labels,
    rtol: f64,
    /// The roots of the largest lightness and of the bits by which labels that hardly matter are lighter.
    apart: f64,
}

impl Bound<'_> {
    /// Of the error of the slope in a cell over the pull.
    fn of(&self, span: Span, coefficients: &[f64]) -> f64 {
        let markov = (DEGREE * DEGREE) as f64;
        let (mut size, mut curve, mut power) = (coefficients[0].abs(), 0.0, 1.0);
        for (k, c) in coefficients.iter().enumerate().skip(1) {
            size += 0.5 * power * c.abs();
            curve += if k > 1 { k as f64 * power * c.abs() } else { 0.0 };
            power *= 0.5;
        }
        let slope = (coefficients[1].abs() - curve) * 0.5 / span.half();
        let nearest = self.labels.distance(span);
        let pull = slope.max(SLOPE * nearest).max(SLOPE.sqrt());
        let cell = markov * (POLYNOMIAL * size.max(1.0) + 2.0 * INTERPOLANT) / span.half();
        let width = WIDTH + span.reach() + 2.0 * self.labels.reach();
        let dropped = DROPPED * (SLOPE * (nearest + width + self.apart) + pull);
        self.rtol * (cell + dropped) / pull
    }
}

#[cfg(test)]
mod tests {
    use super::super::Table;
    use super::super::build::Precision;
    use super::{Labels, MOST, OVER_RTOL, SLOPE};
    use crate::kernels::{InstructionSet, Kernel, LANES, Lanes, Simd};
    use crate::parallel::Interrupt;
    use proptest::prelude::*;

    struct Slopes<'a>(&'a Table, [f64; LANES]);

    impl Kernel for Slopes<'_> {
        type Output = [f64; LANES];

        #[inline(always)]
        fn run<const FMA: bool>(self, simd: impl Simd) -> [f64; LANES] {
            self.0.with_slope::<FMA>(simd, Lanes(self.1)).1.0
        }
    }

    /// The derivative of the log density at a logit difference, and the pull.
    fn exact(labels: &Labels, table: &Table, mu: f64) -> (f64, f64) {
        let t = (mu - labels.middle) * table.scale;
        let exponents = || labels.position.iter().zip(&labels.lightness).map(|(p, light)| (t - p) * (t - p) + light);
        let nearest = exponents().fold(f64::INFINITY, f64::min);
        let (mut total, mut slope, mut pull) = (0.0, 0.0, 0.0);
        for (p, exponent) in labels.position.iter().zip(exponents()) {
            let share = (nearest - exponent).exp2();
            total += share;
            slope += share * SLOPE * (p - t);
            pull += share * (SLOPE * (p - t)).abs().max(SLOPE.sqrt());
        }
        (slope / total * table.scale, pull / total * table.scale)
    }

    proptest! {
        #[test]
        fn slopes_are_as_precise_as_promised(
            labels in prop::collection::vec(-4.0..4.0, 24..200), camp in prop_oneof![Just(0.0), 0.0..50.0],
            exponent in 5..13_i32, places in prop::array::uniform8(-80.0..80.0), near: bool,
        ) {
            let positions: Vec<f64> =
                labels.iter().enumerate().map(|(k, y)| if k % 3 == 0 { camp + y } else { *y }).collect();
            let rtol = 10f64.powi(-exponent);
            for set in InstructionSet::available() {
                let precision = Precision::new(rtol, set);
                let ones = vec![1.0; positions.len()];
                let table = Table::new(&positions, &ones, 0.7, &precision, &Interrupt::new());
                let Some(table) = table else { continue };
                let labels = Labels::new(&positions, &ones, table.scale, &Interrupt::new()).unwrap();
                let mu = places.map(|place| if near { 0.1 * place } else { place });
                for (slope, mu) in set.run(Slopes(&table, mu)).into_iter().zip(mu) {
                    let (expected, pull) = exact(&labels, &table, mu);
                    let allowed = (OVER_RTOL * rtol).min(MOST) * pull;
                    prop_assert!((slope - expected).abs() <= allowed, "{slope} {expected} {pull} {}", table.labels.is_none());
                }
            }
        }
    }

    #[test]
    fn ordinary_labels_have_slopes() {
        let set = InstructionSet::detect();
        for (n, rtol) in [(24, 1e-6), (24, 1e-10), (100, 1e-10), (3000, 1e-10), (100, 1e-12)] {
            let positions: Vec<f64> = (0..n).map(|k| 6.0 * (f64::from(k) * 0.618_034).fract()).collect();
            let (ones, precision) = (vec![1.0; positions.len()], Precision::new(rtol, set));
            let table = Table::new(&positions, &ones, 0.5, &precision, &Interrupt::new());
            assert!(table.is_some_and(|table| table.labels.is_none()), "{n} labels at {rtol}");
        }
    }
}
