//! What instruction sets do each in its own way; all else is one source, compiled for each.

use super::exp2::{self, LOWEST, Power};
use super::lanes::{LANES, Lanes};
use super::{polynomials, transpose};

/// The instructions around a kernel, by name. Everything is `#[inline(always)]`.
pub trait Simd: Copy {
    /// `2^x` of every lane, as a product; `x <= 0` and not below -1e60.
    fn exp2<const FMA: bool>(self, x: Lanes<FMA>) -> Power<FMA>;

    /// As [`Simd::exp2`], and `2^-1000` for every `x <= -1000`: the same bits where nothing but such terms is left.
    #[inline(always)]
    fn exp2_floored<const FMA: bool>(self, x: Lanes<FMA>) -> Power<FMA> {
        self.exp2(x.max(Lanes::splat(LOWEST)))
    }

    /// The columns of eight rows: lane `j` of column `i` is lane `i` of row `j`.
    fn transpose<const FMA: bool>(self, rows: &[Lanes<FMA>; LANES]) -> [Lanes<FMA>; LANES];

    /// The polynomial of each lane, of these coefficients, that of the constant first, at the place of the lane.
    fn polynomials<const FMA: bool>(self, rows: [&[f64; LANES]; LANES], place: Lanes<FMA>) -> Lanes<FMA>;

    /// The bits of [`Simd::polynomials`], and the derivatives.
    #[inline(always)]
    fn polynomials_with_slopes<const FMA: bool>(
        self,
        rows: [&[f64; LANES]; LANES],
        place: Lanes<FMA>,
    ) -> (Lanes<FMA>, Lanes<FMA>) {
        polynomials::with_slopes(self, rows, place)
    }
}

/// The baseline of the target.
#[derive(Debug, Clone, Copy)]
pub struct Portable;

impl Simd for Portable {
    #[inline(always)]
    fn exp2<const FMA: bool>(self, x: Lanes<FMA>) -> Power<FMA> {
        exp2::portable(x)
    }

    #[inline(always)]
    fn transpose<const FMA: bool>(self, rows: &[Lanes<FMA>; LANES]) -> [Lanes<FMA>; LANES] {
        transpose::portable(rows)
    }

    #[inline(always)]
    fn polynomials<const FMA: bool>(self, rows: [&[f64; LANES]; LANES], place: Lanes<FMA>) -> Lanes<FMA> {
        polynomials::portable(rows, place)
    }
}

#[cfg(target_arch = "x86_64")]
impl Simd for pulp::x86::V3 {
    #[inline(always)]
    fn exp2<const FMA: bool>(self, x: Lanes<FMA>) -> Power<FMA> {
        exp2::avx2(self, x)
    }

    #[inline(always)]
    fn transpose<const FMA: bool>(self, rows: &[Lanes<FMA>; LANES]) -> [Lanes<FMA>; LANES] {
        transpose::avx2(self, rows)
    }

    #[inline(always)]
    fn polynomials<const FMA: bool>(self, rows: [&[f64; LANES]; LANES], place: Lanes<FMA>) -> Lanes<FMA> {
        polynomials::portable(rows, place)
    }
}

#[cfg(target_arch = "x86_64")]
impl Simd for pulp::x86::V4 {
    #[inline(always)]
    fn exp2<const FMA: bool>(self, x: Lanes<FMA>) -> Power<FMA> {
        exp2::avx512(self, x)
    }

    #[inline(always)]
    fn transpose<const FMA: bool>(self, rows: &[Lanes<FMA>; LANES]) -> [Lanes<FMA>; LANES] {
        transpose::avx512(self, rows)
    }

    #[inline(always)]
    fn polynomials<const FMA: bool>(self, rows: [&[f64; LANES]; LANES], place: Lanes<FMA>) -> Lanes<FMA> {
        polynomials::avx512(self, rows, place)
    }

    #[inline(always)]
    fn polynomials_with_slopes<const FMA: bool>(
        self,
        rows: [&[f64; LANES]; LANES],
        place: Lanes<FMA>,
    ) -> (Lanes<FMA>, Lanes<FMA>) {
        polynomials::avx512_with_slopes(self, rows, place)
    }
}
