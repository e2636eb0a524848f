//! `2^x` for `x <= 0`, the exponential of the sum-Gaussian kernel. In base 2 the argument needs no reduction by ln 2.
//!
//! With `x = n / 8 + r` it is `2^floor(n / 8)`, times one of eight roots of 2 that stay in a register, times `2^r`, a polynomial.
//! Every instruction set does the same operations, so that all with FMA give the same bits from `2^-1000` up.

use super::lanes::{LANES, Lanes, each_lane};

/// Below this the result is `2^-1000` or less, nothing beside a term of the sum that is near 1.
pub(super) const LOWEST: f64 = -1000.0;

/// Adding it rounds a number to eighths, to be read in the low bits.
const ROUND: f64 = 844_424_930_131_968.0; // 1.5 * 2^49

/// Bits from the number of eighths in [`ROUND`]'s lowest bit to the exponent, where units count.
const TO_EXPONENT: u32 = 49;

/// `LEADING * 2^r` on `|r| <= 1/16`, less `r^6`: least squares at Chebyshev points, relative error 1.0e-15 with the table's.
const POLYNOMIAL: [f64; 6] = [
    LEADING,
    4_499.911_496_195_81,
    1_559.550_483_178_165,
    360.332_672_129_893,
    62.440_894_357_566_04,
    8.656_822_870_990_776,
];

/// What makes the coefficient of `r^6` one, which saves a multiplication.
const LEADING: f64 = 6_492.0;

/// `2^(k / 8) / LEADING`.
const ROOTS: [f64; LANES] = [
    0.000_154_035_736_290_819_48,
    0.000_167_977_161_531_925_08,
    0.000_183_180_393_561_725_36,
    0.000_199_759_635_651_726_69,
    0.000_217_839_427_352_602_44,
    0.000_237_555_580_007_384_6,
    0.000_259_056_196_935_833_17,
    0.000_282_502_785_953_379_9,
];

/// A power of 2 of every lane, as a product.
#[derive(Debug, Clone, Copy)]
pub struct Power<const FMA: bool> {
    fraction: Lanes<FMA>,
    scale: Lanes<FMA>,
}

impl<const FMA: bool> Power<FMA> {
    /// To 7 units of `f64::EPSILON`; exactly 1 at 0, and `2^-1000` at most for every `x <= -1000`.
    #[inline(always)]
    #[must_use]
    pub fn value(self) -> Lanes<FMA> {
        self.fraction * self.scale
    }

    /// `sum` and the power; with `FMA` rounded once.
    #[inline(always)]
    #[must_use]
    pub fn add_to(self, sum: Lanes<FMA>) -> Lanes<FMA> {
        self.fraction.mul_add(self.scale, sum)
    }
}

/// A number as eighths and the rest.
struct Reduced<const FMA: bool> {
    /// The number of eighths in the low bits.
    shifted: Lanes<FMA>,
    eighths: Lanes<FMA>,
    rest: Lanes<FMA>,
}

impl<const FMA: bool> Reduced<FMA> {
    #[inline(always)]
    fn new(x: Lanes<FMA>) -> Self {
        let shifted = x + Lanes::splat(ROUND);
        let eighths = shifted - Lanes::splat(ROUND);
        Self { shifted, eighths, rest: x - eighths }
    }

    /// `LEADING * 2^rest`.
    #[inline(always)]
    fn fraction(&self) -> Lanes<FMA> {
        let mut k = POLYNOMIAL.len() - 1;
        let mut value = self.rest + Lanes::splat(POLYNOMIAL[k]);
        while k > 0 {
            k -= 1;
            value = value.mul_add(self.rest, Lanes::splat(POLYNOMIAL[k]));
        }
        value
    }
}

/// Each root less its place in the table where numbers of eighths are added to its exponent.
const fn roots_less_places() -> [u64; LANES] {
    let mut bits = [0; LANES];
    let mut k = 0;
    while k < LANES {
        bits[k] = ROOTS[k].to_bits() - ((k as u64) << TO_EXPONENT);
        k += 1;
    }
    bits
}

/// [`roots_less_places`], to be read at the lowest three bits of numbers.
static ROOTS_LESS_PLACES: [u64; LANES] = roots_less_places();

#[inline(always)]
pub(super) fn portable<const FMA: bool>(x: Lanes<FMA>) -> Power<FMA> {
    let reduced = Reduced::new(x.max(Lanes::splat(LOWEST)));
    let scale = each_lane!(i => {
        let n = reduced.shifted.0[i].to_bits();
        f64::from_bits(ROOTS_LESS_PLACES[n as usize % LANES].wrapping_add(n << TO_EXPONENT))
    });
    Power { fraction: reduced.fraction(), scale }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{avx2, avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use pulp::cast;
    use pulp::x86::{V3, V4};

    use super::{LANES, LOWEST, Lanes, Power, ROOTS, Reduced, TO_EXPONENT, roots_less_places};

    /// The odd halves of the second vector.
    const ODD: i32 = 0b1010_1010;

    /// The lower halves of [`roots_less_places`], or the upper ones.
    const fn halves(shift: u32) -> [u32; LANES] {
        let (bits, mut halves) = (roots_less_places(), [0; LANES]);
        let mut k = 0;
        while k < LANES {
            halves[k] = (bits[k] >> shift) as u32;
            k += 1;
        }
        halves
    }

    /// The table as two registers of eight halves of numbers.
    #[inline(always)]
    pub(in super::super) fn avx2<const FMA: bool>(simd: V3, x: Lanes<FMA>) -> Power<FMA> {
        let reduced = Reduced::new(x.max(Lanes::splat(LOWEST)));
        let (lower, upper) = (cast(const { halves(0) }), cast(const { halves(32) }));
        let shifted: [pulp::f64x4; 2] = cast(reduced.shifted.0);
        let mut scale = shifted;
        for (scale, shifted) in scale.iter_mut().zip(shifted) {
            let place = cast(simd.avx._mm256_moveldup_ps(cast(shifted)));
            let (lower, upper) =
                (simd.avx2._mm256_permutevar8x32_ps(lower, place), simd.avx2._mm256_permutevar8x32_ps(upper, place));
            let root = simd.avx._mm256_blend_ps::<ODD>(lower, upper);
            let exponent = simd.avx2._mm256_slli_epi64::<{ TO_EXPONENT as i32 }>(cast(shifted));
            *scale = cast(simd.avx2._mm256_add_epi64(cast(root), exponent));
        }
        Power { fraction: reduced.fraction(), scale: Lanes(cast(scale)) }
    }

    /// The table as one register; what is below the range of numbers becomes 0 by itself.
    #[inline(always)]
    pub(in super::super) fn avx512<const FMA: bool>(simd: V4, x: Lanes<FMA>) -> Power<FMA> {
        let simd = simd.avx512f;
        let reduced = Reduced::new(x);
        let root = simd._mm512_permutexvar_pd(cast(reduced.shifted.0), cast(ROOTS));
        let scale = simd._mm512_scalef_pd(root, cast(reduced.eighths.0));
        Power { fraction: reduced.fraction(), scale: Lanes(cast(scale)) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{InstructionSet, Kernel, LANES, Lanes, Simd};
    use proptest::prelude::*;

    struct Exp2([f64; LANES]);

    impl Kernel for Exp2 {
        type Output = [[f64; LANES]; 3];

        #[inline(always)]
        fn run<const FMA: bool>(self, simd: impl Simd) -> [[f64; LANES]; 3] {
            let power = simd.exp2(Lanes::<FMA>(self.0));
            let floored = simd.exp2_floored(Lanes::<FMA>(self.0));
            [power.value().0, power.add_to(Lanes::splat(1.0)).0, floored.value().0]
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn within_seven_units_of_the_library(x in prop::array::uniform8(-999.0..=0.0), divisor in 1.0..1e6) {
            let x = x.map(|x: f64| x / divisor);
            let mut fused = None;
            for set in InstructionSet::available() {
                let results = set.run(Exp2(x));
                for ((x, y), beside_one) in x.iter().zip(results[0]).zip(results[1]) {
                    let expected = x.exp2();
                    prop_assert!((y - expected).abs() <= 7.0 * f64::EPSILON * expected, "{}: 2^{x} = {y}", set.name());
                    prop_assert!((beside_one - (1.0 + expected)).abs() <= 8.0 * f64::EPSILON, "{}", set.name());
                }
                if set.name() != "portable" {
                    prop_assert_eq!(*fused.get_or_insert(results), results);
                }
            }
        }
    }

    #[test]
    fn ends_are_exact() {
        for set in InstructionSet::available() {
            let x = [0.0, -0.0, -1.0, -52.0, -999.0, -1000.0, -1e30, -1e60];
            let [values, _, floored] = set.run(Exp2(x));
            let tiny = f64::powi(2.0, -1000);
            let expected = [1.0, 1.0, 0.5, f64::EPSILON, 2.0 * tiny, tiny, tiny, tiny];
            assert_eq!((&values[..6], floored), (&expected[..6], expected), "{}", set.name());
            assert!(values[6..].iter().all(|value| (0.0..=tiny).contains(value)), "{}", set.name());
        }
    }
}
