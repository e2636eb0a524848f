//! Eight polynomials of degree 7, each at its own place, by Estrin's scheme.
//!
//! Each polynomial is one cache line; the work is to bring the coefficients of eight of them together. The compiler does
//! that by a full transposition; with AVX-512 each step here adds the upper half of what is left of the polynomials, times a
//! power of the place, to the lower half, and packs two vectors in one: 7 additions and 14 shuffles. Both do the
//! same operations on each lane.

use super::lanes::{LANES, Lanes, each_lane};

#[inline(always)]
pub(super) fn portable<const FMA: bool>(rows: [&[f64; LANES]; LANES], place: Lanes<FMA>) -> Lanes<FMA> {
    let second = place * place;
    let fourth = second * second;
    let [a, b, c, d] = [
        column(rows, 4).mul_add(fourth, column(rows, 0)),
        column(rows, 5).mul_add(fourth, column(rows, 1)),
        column(rows, 6).mul_add(fourth, column(rows, 2)),
        column(rows, 7).mul_add(fourth, column(rows, 3)),
    ];
    d.mul_add(second, b).mul_add(place, c.mul_add(second, a))
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
    let simd = simd.avx512f;
    let place = pulp::cast(place.0);
    let second = simd._mm512_mul_pd(place, place);
    let fourth = simd._mm512_mul_pd(second, second);
    // two polynomials of eight coefficients as two of four
    macro_rules! halves {
        ($i:literal, $j:literal, $lane:literal) => {{
            let (a, b) = (pulp::cast(*rows[$i]), pulp::cast(*rows[$j]));
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
        type Output = [f64; LANES];

        #[inline(always)]
        fn run<const FMA: bool>(self, simd: impl Simd) -> [f64; LANES] {
            simd.polynomials(self.0.each_ref(), Lanes::<FMA>(self.1)).0
        }
    }

    proptest! {
        #[test]
        fn every_way_gives_the_value(
            rows in prop::array::uniform8(prop::array::uniform8(-1.0..1.0)), place in prop::array::uniform8(-0.5..0.5),
        ) {
            let expected: Vec<f64> =
                rows.iter().zip(place).map(|(row, x)| row.iter().rev().fold(0.0, |sum, c| sum * x + c)).collect();
            let mut fused = None;
            for set in InstructionSet::available() {
                let values = set.run(Polynomials(&rows, place));
                for (value, expected) in values.iter().zip(&expected) {
                    prop_assert!((value - expected).abs() < 1e-15, "{}", set.name());
                }
                if set.name() != "portable" {
                    prop_assert_eq!(*fused.get_or_insert(values), values);
                }
            }
        }
    }
}
