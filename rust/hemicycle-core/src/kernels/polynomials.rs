//! Eight polynomials of degree 7, each at its own place, by Estrin's scheme.
//!
//! Each polynomial is one cache line; the work is to bring the coefficients of eight of them together. The compiler does
//! that by a full transposition; with AVX-512 each step here adds the upper half of what is left of the polynomials, times a
//! power of the place, to the lower half, and packs two vectors in one: 7 additions and 14 shuffles. Both do the
//! same operations on each lane.

use super::Simd;
use super::lanes::{LANES, Lanes, each_lane};

#[inline(always)]
pub(super) fn portable<const FMA: bool>(rows: [&[f64; LANES]; LANES], place: Lanes<FMA>) -> Lanes<FMA> {
    let c = [
        column(rows, 0),
        column(rows, 1),
        column(rows, 2),
        column(rows, 3),
        column(rows, 4),
        column(rows, 5),
        column(rows, 6),
        column(rows, 7),
    ];
    estrin(c, place)
}

/// The polynomials, the same bits, and those of the coefficients of their derivatives.
#[inline(always)]
pub(super) fn with_slopes<const FMA: bool>(
    simd: impl Simd,
    rows: [&[f64; LANES]; LANES],
    place: Lanes<FMA>,
) -> (Lanes<FMA>, Lanes<FMA>) {
    let mut square = [Lanes::splat(0.0); LANES];
    for (out, row) in square.iter_mut().zip(rows) {
        *out = Lanes(*row);
    }
    let c = simd.transpose(&square);
    let slopes = [
        c[1],
        times(c[2], 2.0),
        times(c[3], 3.0),
        times(c[4], 4.0),
        times(c[5], 5.0),
        times(c[6], 6.0),
        times(c[7], 7.0),
        Lanes::splat(0.0),
    ];
    (estrin(c, place), estrin(slopes, place))
}

#[inline(always)]
fn estrin<const FMA: bool>(c: [Lanes<FMA>; LANES], place: Lanes<FMA>) -> Lanes<FMA> {
    let second = place * place;
    let fourth = second * second;
    let even = c[6].mul_add(fourth, c[2]).mul_add(second, c[4].mul_add(fourth, c[0]));
    let odd = c[7].mul_add(fourth, c[3]).mul_add(second, c[5].mul_add(fourth, c[1]));
    odd.mul_add(place, even)
}

#[inline(always)]
fn times<const FMA: bool>(x: Lanes<FMA>, factor: f64) -> Lanes<FMA> {
    x * Lanes::splat(factor)
}

/// One coefficient of each polynomial.
#[inline(always)]
fn column<const FMA: bool>(rows: [&[f64; LANES]; LANES], power: usize) -> Lanes<FMA> {
    each_lane!(i => rows[i][power])
}

/// With the shuffles of AVX-512.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(super) fn avx512<const FMA: bool>(
    simd: pulp::x86::V4,
    rows: [&[f64; LANES]; LANES],
    place: Lanes<FMA>,
) -> Lanes<FMA> {
    let mut wide = [simd.avx512f._mm512_setzero_pd(); LANES];
    for (wide, row) in wide.iter_mut().zip(rows) {
        *wide = pulp::cast(*row);
    }
    packed(simd, wide, place)
}

/// [`with_slopes`] with the shuffles of AVX-512: each polynomial is turned into its derivative by one shuffle and one product.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(super) fn avx512_with_slopes<const FMA: bool>(
    simd: pulp::x86::V4,
    rows: [&[f64; LANES]; LANES],
    place: Lanes<FMA>,
) -> (Lanes<FMA>, Lanes<FMA>) {
    let zero = simd.avx512f._mm512_setzero_pd();
    let powers = pulp::cast([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 0.0]);
    macro_rules! derivative {
        ($i:literal) => {{
            let row = pulp::cast(*rows[$i]);
            let next = simd.avx512f._mm512_alignr_epi64::<1>(pulp::cast(zero), row);
            simd.avx512f._mm512_mul_pd(pulp::cast(next), powers)
        }};
    }
    let slopes = [
        derivative!(0),
        derivative!(1),
        derivative!(2),
        derivative!(3),
        derivative!(4),
        derivative!(5),
        derivative!(6),
        derivative!(7),
    ];
    (avx512(simd, rows, place), packed(simd, slopes, place))
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn packed<const FMA: bool>(
    simd: pulp::x86::V4,
    rows: [core::arch::x86_64::__m512d; LANES],
    place: Lanes<FMA>,
) -> Lanes<FMA> {
    let simd = simd.avx512f;
    let place = pulp::cast(place.0);
    let second = simd._mm512_mul_pd(place, place);
    let fourth = simd._mm512_mul_pd(second, second);
    // two polynomials of eight coefficients as two of four
    macro_rules! halves {
        ($i:literal, $j:literal, $lane:literal) => {{
            let (a, b) = (rows[$i], rows[$j]);
            let lower = simd._mm512_shuffle_f64x2::<0x44>(a, b);
            let upper = simd._mm512_shuffle_f64x2::<0xEE>(a, b);
            simd._mm512_fmadd_pd(upper, simd._mm512_permutex_pd::<$lane>(fourth), lower)
        }};
    }
    let four = [halves!(0, 4, 0x00), halves!(1, 5, 0x55), halves!(2, 6, 0xAA), halves!(3, 7, 0xFF)];
    // four of four as four of two: those of lanes 0, 4, 2, 6 and of lanes 1, 5, 3, 7
    let power = simd._mm512_shuffle_f64x2::<0xD8>(second, second);
    macro_rules! quarters {
        ($i:literal, $j:literal, $power:expr) => {{
            let lower = simd._mm512_shuffle_f64x2::<0x88>(four[$i], four[$j]);
            let upper = simd._mm512_shuffle_f64x2::<0xDD>(four[$i], four[$j]);
            simd._mm512_fmadd_pd(upper, $power, lower)
        }};
    }
    let even = quarters!(0, 2, simd._mm512_movedup_pd(power));
    let odd = quarters!(1, 3, simd._mm512_permute_pd::<0xFF>(power));
    let (lower, upper) = (simd._mm512_unpacklo_pd(even, odd), simd._mm512_unpackhi_pd(even, odd));
    let lower = simd._mm512_shuffle_f64x2::<0xD8>(lower, lower);
    let upper = simd._mm512_shuffle_f64x2::<0xD8>(upper, upper);
    Lanes(pulp::cast(simd._mm512_fmadd_pd(upper, place, lower)))
}

#[cfg(test)]
mod tests {
    use super::super::{InstructionSet, Kernel, LANES, Lanes, Simd};
    use proptest::prelude::*;

    struct Polynomials<'a>(&'a [[f64; LANES]; LANES], [f64; LANES]);

    impl Kernel for Polynomials<'_> {
        type Output = [[f64; LANES]; 3];

        /// Values, values with slopes, and these.
        #[inline(always)]
        fn run<const FMA: bool>(self, simd: impl Simd) -> [[f64; LANES]; 3] {
            let (rows, place) = (self.0.each_ref(), Lanes::<FMA>(self.1));
            let (values, slopes) = simd.polynomials_with_slopes(rows, place);
            [simd.polynomials(rows, place).0, values.0, slopes.0]
        }
    }

    /// A polynomial and its derivative.
    fn horner(row: &[f64; LANES], x: f64) -> (f64, f64) {
        row.iter().rev().fold((0.0, 0.0), |(value, slope), c| (value * x + c, slope * x + value))
    }

    proptest! {
        #[test]
        fn every_way_gives_value_and_slope(
            rows in prop::array::uniform8(prop::array::uniform8(-1.0..1.0)), place in prop::array::uniform8(-0.5..0.5),
        ) {
            let mut fused = None;
            for set in InstructionSet::available() {
                let [values, again, slopes] = set.run(Polynomials(&rows, place));
                prop_assert_eq!(again, values);
                for i in 0..LANES {
                    let (value, slope) = horner(&rows[i], place[i]);
                    prop_assert!((values[i] - value).abs() < 1e-15, "{}", set.name());
                    prop_assert!((slopes[i] - slope).abs() < 1e-14, "{}", set.name());
                }
                if set.name() != "portable" {
                    prop_assert_eq!(*fused.get_or_insert([values, slopes]), [values, slopes]);
                }
            }
        }
    }
}
