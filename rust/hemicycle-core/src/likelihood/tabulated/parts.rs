//! On each part of the span of a series, the polynomial of few coefficients that a table keeps.
//!
//! A span is cut into `2^level` parts. On a part `T_j` is again a sum of Chebyshev polynomials ([`super::waves`]). The first of
//! them become powers of half the place; since `|T_k| <= 1`, the sum of the absolute values of the others bounds the error
//! of leaving them away. All that is linear in the
//! coefficients of the series: one matrix for each part takes them to the polynomial, another to the first of those left away,
//! and one for each level takes their absolute values to a bound of the others on every part.

use crate::kernels::{InstructionSet, Kernel, LANES, Lanes, Simd, each_lane};

use super::UNIT;
use super::interpolation::POINTS;
use super::series::{Coefficients, KEPT, LEVELS, Series, Sizes};
use super::waves::{PowersOfWaves, inexact, on_part};

/// From series to polynomials on parts of their spans.
#[derive(Debug)]
pub(super) struct Parts {
    /// For level 0 and then for each part of the upper half, level by level: row j has the powers of half the place in `T_j`.
    powers: Vec<[Coefficients; POINTS]>,
    /// In the same order: row `j - KEPT` has the first coefficients left away of `T_j`.
    next: Vec<[Coefficients; POINTS - KEPT]>,
    /// Row j: what `|coefficients[j]|` adds to the sizes, see [`Measure`].
    sizes: [[Coefficients; 3]; POINTS],
}

impl Parts {
    pub(super) fn new() -> Self {
        let powers = PowersOfWaves::new();
        let mut parts = Self { powers: vec![], next: vec![], sizes: [[Coefficients::NONE; 3]; POINTS] };
        for (j, [left, rounding, _]) in parts.sizes.iter_mut().enumerate() {
            left.0[LEVELS] = if j == 0 { 0.0 } else { 1.0 };
            rounding.0[LEVELS] = (j * j) as f64;
        }
        for level in 0..LEVELS {
            let half = 1.0 / (1 << level) as f64;
            for part in 0..((1 << level) / 2).max(1) {
                let centre = if level == 0 { 0.0 } else { half * f64::from(2 * part + 1) };
                parts.push(level, &on_part(centre, half), &powers);
            }
        }
        parts
    }

    /// Another part of a level, with every `T_j` there.
    fn push(&mut self, level: usize, waves: &[[f64; POINTS]; POINTS], powers: &PowersOfWaves) {
        self.powers.push(waves.map(|waves| powers.of(&waves)));
        self.next.push(std::array::from_fn(|j| Coefficients(std::array::from_fn(|k| waves[KEPT + j][KEPT + k]))));
        let sum = |waves: &[f64]| waves.iter().map(|c| c.abs()).sum::<f64>();
        let mut largest = 0.0_f64;
        for (j, (waves, sizes)) in waves.iter().zip(&mut self.sizes).enumerate() {
            largest = largest.max(sum(waves));
            let inexact = UNIT * inexact(j, level) * largest * largest;
            let left = sum(&waves[KEPT..]) + inexact;
            // 16 products, their rows and additions; the evaluation: 12 roundings of each power
            let rounding = 56.0 * UNIT * powers.growth(waves) + powers.growth[KEPT - 1] * inexact;
            let far = sum(&waves[2 * KEPT..]) + inexact + 24.0 * UNIT * left;
            for (most, size) in sizes.iter_mut().zip([left, rounding, far]) {
                most.0[level] = most.0[level].max(size);
            }
        }
    }

    /// What bounds a series and the polynomials on its parts.
    pub(super) fn sizes(&self, series: &Series, instructions: InstructionSet) -> Sizes {
        let [left, rounding, far] = instructions.run(Measure { parts: self, coefficients: &series.coefficients });
        let by_level = |sizes: [f64; LANES]| std::array::from_fn(|level| sizes[level]);
        Sizes {
            magnitude: ((series.origin + series.coefficients[0]).abs() - left[LEVELS]).max(series.magnitude),
            slope: rounding[LEVELS],
            left: by_level(left),
            far: by_level(far),
            // the origin: 8 roundings
            rounding: by_level(rounding).map(|rounding: f64| rounding + 8.0 * UNIT * series.origin.abs()),
        }
    }

    /// The first level whose polynomials leave away no more than `allowed`, if one is known to.
    pub(super) fn level(
        &self,
        series: &Series,
        sizes: &Sizes,
        allowed: f64,
        instructions: InstructionSet,
    ) -> Option<usize> {
        let mut level = sizes.left.iter().position(|left| *left <= allowed)?;
        while level > 0 && self.leave(series, sizes, level - 1, allowed, instructions) {
            level -= 1;
        }
        Some(level)
    }

    /// Whether the polynomials of a level leave away no more than `allowed`.
    pub(super) fn leave(
        &self,
        series: &Series,
        sizes: &Sizes,
        level: usize,
        allowed: f64,
        instructions: InstructionSet,
    ) -> bool {
        let n_upper = (1 << level) / 2;
        let next = Next { rows: &self.next[n_upper..], n_upper, coefficients: &series.coefficients };
        sizes.left[level] <= allowed || instructions.run(next) + sizes.far[level] <= allowed
    }

    /// The polynomials on consecutive parts of a level, from `first` on.
    pub(super) fn polynomials(
        &self,
        series: &Series,
        level: usize,
        first: usize,
        out: &mut [Coefficients],
        instructions: InstructionSet,
    ) {
        let n_upper = (1 << level) / 2;
        instructions.run(Polynomials { rows: &self.powers[n_upper..], n_upper, series, first, out });
    }
}

/// The sum of the rows of sizes, each times an absolute coefficient: the first levels' `left` and the sum of all but the
/// constant; then their `rounding` and the slope.
struct Measure<'a> {
    parts: &'a Parts,
    coefficients: &'a [f64; POINTS],
}

impl Kernel for Measure<'_> {
    type Output = [[f64; LANES]; 3];

    #[inline(always)]
    fn run<const FMA: bool>(self, _: impl Simd) -> Self::Output {
        let [mut left, mut rounding, mut far] = [[Lanes::<FMA>::splat(0.0); 2]; 3];
        let mut j = 0;
        while j < POINTS {
            let size = Lanes::splat(self.coefficients[j].abs());
            let [of_left, of_rounding, of_far] = self.parts.sizes[j];
            left[j % 2] = Lanes(of_left.0).mul_add(size, left[j % 2]);
            rounding[j % 2] = Lanes(of_rounding.0).mul_add(size, rounding[j % 2]);
            far[j % 2] = Lanes(of_far.0).mul_add(size, far[j % 2]);
            j += 1;
        }
        [(left[0] + left[1]).0, (rounding[0] + rounding[1]).0, (far[0] + far[1]).0]
    }
}

/// The sum of the largest absolute values, in any part, of the first coefficients left away.
struct Next<'a> {
    /// Of the parts of the upper half; of the whole span if there are none.
    rows: &'a [[Coefficients; POINTS - KEPT]],
    n_upper: usize,
    coefficients: &'a [f64; POINTS],
}

impl Kernel for Next<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<const FMA: bool>(self, _: impl Simd) -> f64 {
        let Self { rows, n_upper, coefficients } = self;
        let mut largest = Lanes::<FMA>::splat(0.0);
        for rows in rows.iter().take(n_upper.max(1)) {
            let [mut even, mut odd] = [Lanes::<FMA>::splat(0.0); 2];
            let mut j = 0;
            while j < POINTS - KEPT {
                even = Lanes(rows[j].0).mul_add(Lanes::splat(coefficients[KEPT + j]), even);
                odd = Lanes(rows[j + 1].0).mul_add(Lanes::splat(coefficients[KEPT + j + 1]), odd);
                j += 2;
            }
            largest = (even + odd).abs().max((even - odd).abs()).max(largest);
        }
        let [a, b, c, d, e, f, g, h] = largest.0;
        ((a + b) + (c + d)) + ((e + f) + (g + h))
    }
}

/// Even and odd rows apart: a part below the middle follows from that above by symmetry.
struct Polynomials<'a> {
    /// Of the parts of the upper half; of the whole span if there are none.
    rows: &'a [[Coefficients; POINTS]],
    n_upper: usize,
    series: &'a Series,
    first: usize,
    out: &'a mut [Coefficients],
}

impl Kernel for Polynomials<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self, _: impl Simd) {
        let Self { rows, n_upper, series, first, out } = self;
        for (part, rows) in rows.iter().take(n_upper.max(1)).enumerate() {
            let above = (n_upper + part).wrapping_sub(first);
            let below = n_upper.wrapping_sub(part + 1).wrapping_sub(first);
            if above >= out.len() && below >= out.len() {
                continue;
            }
            let [mut even, mut odd] = [Lanes::<FMA>::splat(0.0); 2];
            let mut j = 0;
            while j < POINTS {
                even = Lanes(rows[j].0).mul_add(Lanes::splat(series.coefficients[j]), even);
                odd = Lanes(rows[j + 1].0).mul_add(Lanes::splat(series.coefficients[j + 1]), odd);
                j += 2;
            }
            if let Some(out) = out.get_mut(above) {
                out.0 = (even + odd).0;
                out.0[0] += series.origin;
            }
            if let Some(out) = out.get_mut(below) {
                let below: Lanes<FMA> =
                    each_lane!(i => if i % 2 == 0 { even.0[i] - odd.0[i] } else { odd.0[i] - even.0[i] });
                out.0 = below.0;
                out.0[0] += series.origin;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::span::Span;
    use super::{Coefficients, KEPT, LEVELS, POINTS, Parts, Series};
    use crate::kernels::InstructionSet;
    use proptest::prelude::*;

    fn value(series: &Series, place: f64) -> f64 {
        let waves = series.coefficients.iter().enumerate();
        series.origin + waves.map(|(k, c)| c * (k as f64 * place.acos()).cos()).sum::<f64>()
    }

    fn series(coefficients: [f64; POINTS], decay: f64) -> Series {
        let coefficients = std::array::from_fn(|k| coefficients[k] * decay.powi(k as i32));
        Series { span: Span { first: 0.0, last: 1.0 }, coefficients, origin: 3.0, rounding: 0.0, magnitude: 0.0 }
    }

    /// The polynomial of a part at a place of the span.
    fn polynomial(cells: &[Coefficients], place: f64) -> f64 {
        let position = 0.5 * (place + 1.0) * cells.len() as f64;
        let part = (position as usize).min(cells.len() - 1);
        cells[part].0.iter().rev().fold(0.0, |sum, c| sum * (position - part as f64 - 0.5) + c)
    }

    proptest! {
        #[test]
        fn polynomials_are_the_series_but_for_what_they_leave_away(
            coefficients in prop::array::uniform32(-1.0..1.0), decay in 0.05..1.0, places in prop::collection::vec(-1.0..1.0, 40),
        ) {
            let series = series(coefficients, decay);
            let parts = Parts::new();
            for set in InstructionSet::available() {
                let sizes = parts.sizes(&series, set);
                for level in 0..LEVELS {
                    let mut cells = vec![Coefficients::NONE; 1 << level];
                    parts.polynomials(&series, level, 0, &mut cells, set);
                    let mut left = sizes.left[level];
                    while parts.leave(&series, &sizes, level, 0.9 * left, set) {
                        left *= 0.9;
                    }
                    for &place in &places {
                        let expected = value(&series, place);
                        let error = (polynomial(&cells, place) - expected).abs();
                        prop_assert!(error <= left + sizes.rounding[level] + 1e-13, "{error} {left} {}", set.name());
                        prop_assert!(sizes.magnitude <= expected.abs() + 1e-13);
                    }
                }
            }
        }

        #[test]
        fn parts_can_be_had_apart(coefficients in prop::array::uniform32(-1.0..1.0), level in 0..LEVELS, a: usize, b: usize) {
            let (series, parts, set) = (series(coefficients, 0.5), Parts::new(), InstructionSet::detect());
            let [a, b] = [a, b].map(|part| part % (1 << level));
            let (first, last) = (a.min(b), a.max(b) + 1);
            let mut cells = vec![Coefficients::NONE; 1 << level];
            parts.polynomials(&series, level, 0, &mut cells, set);
            let mut some = vec![Coefficients::NONE; last - first];
            parts.polynomials(&series, level, first, &mut some, set);
            prop_assert_eq!(&cells[first..last], some);
        }
    }

    #[test]
    fn a_series_of_few_coefficients_is_kept_whole() {
        let coefficients = std::array::from_fn(|k| if k < KEPT { 1.0 } else { 0.0 });
        let (series, parts, set) = (series(coefficients, 1.0), Parts::new(), InstructionSet::detect());
        let sizes = parts.sizes(&series, set);
        assert_eq!((sizes.left, sizes.slope, sizes.magnitude), ([0.0; LEVELS], 140.0, 0.0));
        assert_eq!(parts.level(&series, &sizes, 0.0, set), Some(0));
    }
}
