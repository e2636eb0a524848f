//! `2^x` for `x <= 0`, the exponential of the sum-Gaussian kernel. In base 2 the argument needs no reduction by ln 2.

use super::horner;
use super::lanes::{LANES, Lanes, each_lane};

/// Below this the result is that of the bound: `2^-1000`, nothing beside a term of the sum that is near 1.
const LOWEST: f64 = -1000.0;

/// Adding it rounds a number to an integer, to be read in the low bits.
const ROUND: f64 = 6_755_399_441_055_744.0; // 1.5 * 2^52

/// `(2^r - 1) / r` on `|r| <= 1/2`: interpolation at the Chebyshev points, relative error 6e-16 of `2^r`.
const POLYNOMIAL: [f64; 10] = [
    0.693_147_180_559_946_2,
    0.240_226_506_959_100_75,
    0.055_504_108_664_651_67,
    0.009_618_129_107_618_665,
    0.001_333_355_820_079_459_2,
    0.000_154_035_304_247_765_29,
    1.525_267_292_485_073_7e-5,
    1.321_545_163_322_143_4e-6,
    1.020_590_541_376_559_5e-7,
    7.070_977_866_508_138e-9,
];

/// `2^x` of every lane for `x <= 0`, to 4 ulp; exactly 1 at 0, and `2^-1000` for every `x <= -1000`.
#[inline(always)]
#[must_use]
pub fn exp2<const FMA: bool>(x: Lanes<FMA>) -> Lanes<FMA> {
    let x = x.max(Lanes::splat(LOWEST));
    let shifted = x + Lanes::splat(ROUND);
    let r = x - (shifted - Lanes::splat(ROUND));
    let p = horner(&POLYNOMIAL, r).mul_add(r, Lanes::splat(1.0));
    each_lane!(i => f64::from_bits(p.0[i].to_bits().wrapping_add(shifted.0[i].to_bits() << 52)))
}

#[cfg(test)]
mod tests {
    use super::super::{InstructionSet, Kernel, LANES, Lanes};
    use super::exp2;
    use proptest::prelude::*;

    struct Exp2([f64; LANES]);

    impl Kernel for Exp2 {
        type Output = [f64; LANES];

        #[inline(always)]
        fn run<const FMA: bool>(self) -> [f64; LANES] {
            exp2::<FMA>(Lanes(self.0)).0
        }
    }

    proptest! {
        #[test]
        fn within_four_ulps_of_the_library(x in prop::array::uniform8(-999.0..=0.0)) {
            for set in InstructionSet::available() {
                for (x, y) in x.iter().zip(set.run(Exp2(x))) {
                    let expected = x.exp2();
                    prop_assert!((y - expected).abs() <= 4.0 * f64::EPSILON * expected, "{}: 2^{x} = {y}", set.name());
                }
            }
        }
    }

    #[test]
    fn ends_are_exact() {
        for set in InstructionSet::available() {
            let x = [0.0, -0.0, -1.0, -52.0, -999.0, -1000.0, -1e300, f64::NEG_INFINITY];
            let tiny = f64::powi(2.0, -1000);
            let expected = [1.0, 1.0, 0.5, f64::EPSILON, 2.0 * tiny, tiny, tiny, tiny];
            assert_eq!(set.run(Exp2(x)), expected, "{}", set.name());
        }
    }
}
