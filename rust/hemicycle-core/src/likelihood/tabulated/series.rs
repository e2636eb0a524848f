//! Chebyshev series of the log density, halved until few coefficients are enough, and those that tables keep.
//!
//! On a half of its span a series is again one: `T_j((y + 1) / 2)` is a sum of `T_k(y)`, `k <= j`, with coefficients that
//! are integers over `2^j`, so the matrix of halving is exact. Since `|T_k| <= 1`, the sum of the absolute values of the
//! coefficients left away bounds the error of leaving them away.

use crate::kernels::{InstructionSet, Kernel, LANES, Lanes, Simd, each_lane};

use super::UNIT;
use super::interpolation::{POINTS, lanes};
use super::span::Span;

/// Coefficients that a table keeps of each cell: one cache line.
pub(super) const KEPT: usize = 8;

/// Factors of a sum of all but the constant.
const WAVES: [f64; POINTS] = {
    let mut factors = [1.0; POINTS];
    factors[0] = 0.0;
    factors
};

/// Bounds of the derivatives of the Chebyshev polynomials kept.
const SQUARES: [f64; KEPT] = [0.0, 1.0, 4.0, 9.0, 16.0, 25.0, 36.0, 49.0];

/// Coefficients of powers of half the place, in `[-1/2, 1/2]`, that of the constant first.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(align(64))]
pub(super) struct Coefficients(pub [f64; KEPT]);

/// `origin + sum_k coefficients[k] T_k(place)`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Series<const N: usize> {
    pub span: Span,
    pub coefficients: [f64; N],
    pub origin: f64,
    /// Rounding in all but the place took at most this from the log density.
    pub rounding: f64,
}

impl<const N: usize> Series<N> {
    /// A lower bound of the absolute value.
    pub(super) fn magnitude(&self) -> f64 {
        (self.origin + self.coefficients[0]).abs() - sum_of_products(&self.coefficients, &WAVES)
    }

    /// The series on both halves of the span.
    pub(super) fn halves(&self, halving: &Halving, instructions: InstructionSet) -> [Self; 2] {
        let [first, last] = instructions.run(Halve { halving, coefficients: &self.coefficients });
        // 16 products and their additions, or 17 units of what they are at most
        let rounding = self.rounding + 20.0 * UNIT * sum_of_products(&self.coefficients, &halving.norms);
        let spans = self.span.halves();
        [(first, spans[0]), (last, spans[1])].map(|(coefficients, span)| Self { span, coefficients, rounding, ..*self })
    }
}

impl Series<POINTS> {
    /// The first coefficients, and what leaving the others away takes at most.
    pub(super) fn cut(&self) -> (Series<KEPT>, f64) {
        let Self { span, coefficients, origin, rounding } = *self;
        let (kept, left) = coefficients.split_at(KEPT);
        let mut coefficients = [0.0; KEPT];
        coefficients.copy_from_slice(kept);
        (Series { span, coefficients, origin, rounding }, sum_of_products(left, &WAVES[KEPT..]))
    }
}

impl Series<KEPT> {
    /// A bound of the derivative with respect to the place: `|T_k'| <= k^2`.
    pub(super) fn slope(&self) -> f64 {
        sum_of_products(&self.coefficients, &SQUARES)
    }

    /// As powers of half the place, and what rounding takes from them and their evaluation.
    pub(super) fn powers(&self, halving: &Halving) -> (Coefficients, f64) {
        let mut powers = [0.0; KEPT];
        for (a, row) in self.coefficients.iter().zip(&halving.powers) {
            for (power, factor) in powers.iter_mut().zip(row) {
                *power += a * factor;
            }
        }
        let growth = sum_of_products(&self.coefficients, &halving.growth);
        powers[0] += self.origin;
        // powers: 9 roundings of each product; evaluation: at most 12 of each term, 4 of the constant
        let rounding = UNIT * (24.0 * growth + 8.0 * (self.origin.abs() + growth));
        (Coefficients(powers), rounding)
    }
}

/// The sum of the absolute values, each times its factor: eight at a time, as many as there are of both.
fn sum_of_products(numbers: &[f64], factors: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    for (numbers, factors) in numbers.chunks_exact(LANES).zip(factors.chunks_exact(LANES)) {
        for ((sum, number), factor) in sums.iter_mut().zip(numbers).zip(factors) {
            *sum += number.abs() * factor;
        }
    }
    let [a, b, c, d, e, f, g, h] = sums;
    ((a + b) + (c + d)) + ((e + f) + (g + h))
}

/// What halving and the change to powers need.
#[derive(Debug)]
pub(super) struct Halving {
    /// Row j: the coefficients of `T_j((y + 1) / 2)`.
    rows: [[f64; POINTS]; POINTS],
    /// The sum of the absolute values of each row.
    norms: [f64; POINTS],
    /// Row k: the powers of half the place in `T_k`.
    powers: [[f64; KEPT]; KEPT],
    /// The largest sum of the absolute values of their terms.
    growth: [f64; KEPT],
}

impl Halving {
    pub(super) fn new() -> Self {
        let mut rows = [[0.0; POINTS]; POINTS];
        rows[0][0] = 1.0;
        (rows[1][0], rows[1][1]) = (0.5, 0.5);
        for j in 2..POINTS {
            // T_j(x) = 2 x T_(j-1)(x) - T_(j-2)(x), 2 x = y + 1, y T_k(y) = (T_(k+1)(y) + T_|k-1|(y)) / 2
            let mut row = rows[j - 2].map(|c: f64| -c);
            for (k, c) in rows[j - 1].iter().enumerate().take(j) {
                row[k] += c;
                row[k + 1] += 0.5 * c;
                row[k.abs_diff(1)] += 0.5 * c;
            }
            rows[j] = row;
        }
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
        Self { rows, norms: rows.map(|row| row.iter().map(|c| c.abs()).sum()), powers, growth }
    }
}

/// The coefficients on both halves: with the sums of even and odd rows apart, those below follow by symmetry.
struct Halve<'a, const N: usize> {
    halving: &'a Halving,
    coefficients: &'a [f64; N],
}

impl<const N: usize> Kernel for Halve<'_, N> {
    type Output = [[f64; N]; 2];

    #[inline(always)]
    fn run<const FMA: bool>(self, _: impl Simd) -> Self::Output {
        let Self { halving, coefficients } = self;
        let mut halves = [[0.0; N]; 2];
        let mut start = 0;
        while start < N {
            let [mut even, mut odd] = [Lanes::<FMA>::splat(0.0); 2];
            let mut j = start;
            while j < N {
                even = lanes(&halving.rows[j][start..]).mul_add(Lanes::splat(coefficients[j]), even);
                odd = lanes(&halving.rows[j + 1][start..]).mul_add(Lanes::splat(coefficients[j + 1]), odd);
                j += 2;
            }
            let below: Lanes<FMA> =
                each_lane!(i => if i % 2 == 0 { even.0[i] - odd.0[i] } else { odd.0[i] - even.0[i] });
            halves[0][start..start + LANES].copy_from_slice(&below.0);
            halves[1][start..start + LANES].copy_from_slice(&(even + odd).0);
            start += LANES;
        }
        halves
    }
}

#[cfg(test)]
mod tests {
    use super::{Halving, KEPT, POINTS, Series, Span};
    use crate::kernels::InstructionSet;
    use proptest::prelude::*;

    fn value<const N: usize>(series: &Series<N>, place: f64) -> f64 {
        let waves = series.coefficients.iter().enumerate();
        series.origin + waves.map(|(k, c)| c * (k as f64 * place.acos()).cos()).sum::<f64>()
    }

    proptest! {
        #[test]
        fn halves_are_the_same_function(
            coefficients in prop::array::uniform32(-1.0..1.0), places in prop::collection::vec(-1.0..1.0, 10),
        ) {
            let halving = Halving::new();
            let series = Series { span: Span { first: 5.0, last: 3.0 }, coefficients, origin: 2.0, rounding: 0.0 };
            for set in InstructionSet::available() {
                let [first, last] = series.halves(&halving, set);
                prop_assert_eq!((first.span, last.span), (Span { first: 5.0, last: 4.0 }, Span { first: 4.0, last: 3.0 }));
                for place in &places {
                    let half = if *place < 0.0 { &first } else { &last };
                    let inside = 2.0 * place - f64::signum(*place);
                    prop_assert!((value(half, inside) - value(&series, *place)).abs() < 1e-12 + first.rounding);
                }
            }
        }

        #[test]
        fn powers_are_the_same_function(
            coefficients in prop::array::uniform8(-1.0..1.0), places in prop::collection::vec(-1.0..1.0, 10),
        ) {
            let series = Series { span: Span { first: 0.0, last: 1.0 }, coefficients, origin: 3.0, rounding: 0.0 };
            let (powers, rounding) = series.powers(&Halving::new());
            for place in places {
                let expected = value(&series, place);
                let found = powers.0.iter().rev().fold(0.0, |sum, c| sum * 0.5 * place + c);
                prop_assert!((found - expected).abs() <= rounding + 1e-14);
                prop_assert!(series.magnitude() <= expected.abs());
            }
        }
    }

    #[test]
    fn the_matrix_of_halving_is_exact() {
        for (j, row) in Halving::new().rows.iter().enumerate() {
            assert!(row.iter().all(|c| (c * f64::powi(2.0, j as i32)).fract() == 0.0), "{j}");
            assert_eq!(row.iter().sum::<f64>(), 1.0); // T_j(1)
        }
    }

    #[test]
    fn what_is_left_away_is_counted() {
        let coefficients = std::array::from_fn(|k| if k < KEPT { 1.0 } else { -0.5 });
        let series = Series { span: Span { first: 0.0, last: 1.0 }, coefficients, origin: 0.0, rounding: 0.25 };
        let (kept, left) = series.cut();
        assert_eq!((kept.coefficients, kept.rounding), ([1.0; KEPT], 0.25));
        assert_eq!(left, 0.5 * (POINTS - KEPT) as f64);
        assert_eq!(kept.slope(), 140.0);
    }
}
