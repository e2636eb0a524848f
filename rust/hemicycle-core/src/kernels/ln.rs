//! The natural logarithm of positive normal numbers, the same bits on every machine with FMA.

use std::f64::consts::{LN_2, SQRT_2};

use super::horner;
use super::lanes::{LANES, Lanes, each_lane};

/// Bits of a fraction.
const FRACTION: u64 = (1 << 52) - 1;

/// Bits of 1.0: the exponent's bias.
const ONE: u64 = 1023 << 52;

/// Bits of 2^52; an integer below 2^52 put into its fraction reads as 2^52 plus the integer.
const TWO_52: u64 = 1075 << 52;

/// `(2 atanh(s) - 2 s) / s^3` in `s^2`, for `|s| <= (sqrt(2) - 1) / (sqrt(2) + 1)`: relative error 4e-18 of `2 atanh(s)`.
const POLYNOMIAL: [f64; 7] = [
    0.666_666_666_666_667,
    0.399_999_999_998_995,
    0.285_714_286_259_754_87,
    0.222_222_111_347_950_8,
    0.181_828_891_252_617_23,
    0.153_317_216_005_560_42,
    0.146_164_496_850_434_06,
];

/// The fraction in `[1, 2)` and the exponent of every lane; `x` is positive and normal.
#[inline(always)]
#[must_use]
pub fn split_exponent<const FMA: bool>(x: Lanes<FMA>) -> (Lanes<FMA>, Lanes<FMA>) {
    let fraction = each_lane!(i => f64::from_bits(x.0[i].to_bits() & FRACTION | ONE));
    let biased: Lanes<FMA> = each_lane!(i => f64::from_bits(x.0[i].to_bits() >> 52 | TWO_52));
    (fraction, biased - Lanes::splat(f64::from_bits(TWO_52) + 1023.0))
}

/// The natural logarithm of every lane, to 1e-15 of `max(|ln x|, |x - 1|)`; `x` is positive and normal.
#[inline(always)]
#[must_use]
pub fn ln<const FMA: bool>(x: Lanes<FMA>) -> Lanes<FMA> {
    let (fraction, exponent) = split_exponent(x);
    let one = Lanes::splat(1.0);
    let exponent: Lanes<FMA> =
        each_lane!(i => if fraction.0[i] > SQRT_2 { exponent.0[i] + 1.0 } else { exponent.0[i] });
    let fraction: Lanes<FMA> =
        each_lane!(i => if fraction.0[i] > SQRT_2 { 0.5 * fraction.0[i] } else { fraction.0[i] });
    let s = (fraction - one) / (fraction + one);
    let z = s * s;
    let log_fraction = (s * z).mul_add(horner(&POLYNOMIAL, z), s + s);
    exponent.mul_add(Lanes::splat(LN_2), log_fraction)
}

#[cfg(test)]
mod tests {
    use super::super::{InstructionSet, Kernel, LANES, Lanes, Simd};
    use super::{ln, split_exponent};
    use proptest::prelude::*;

    struct Ln([f64; LANES]);

    impl Kernel for Ln {
        type Output = [f64; LANES];

        #[inline(always)]
        fn run<const FMA: bool>(self, _: impl Simd) -> [f64; LANES] {
            ln::<FMA>(Lanes(self.0)).0
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_library(exponent in prop::array::uniform8(-1021.0..1023.0)) {
            let x = exponent.map(f64::exp2);
            for set in InstructionSet::available() {
                for (x, y) in x.iter().zip(set.run(Ln(x))) {
                    let scale = x.ln().abs().max((x - 1.0).abs().min(1.0));
                    prop_assert!((y - x.ln()).abs() <= 1e-15 * scale, "{}: ln {x} = {y}", set.name());
                }
            }
        }

        #[test]
        fn fraction_and_exponent_make_the_number(x in prop::array::uniform8(f64::MIN_POSITIVE..f64::MAX)) {
            let (fraction, exponent) = split_exponent(Lanes::<false>(x));
            for ((x, fraction), exponent) in x.iter().zip(fraction.0).zip(exponent.0) {
                prop_assert!((1.0..2.0).contains(&fraction));
                let (half, rest) = ((0.5 * exponent).floor(), (0.5 * exponent).ceil());
                prop_assert_eq!(fraction * half.exp2() * rest.exp2(), *x);
            }
        }
    }

    #[test]
    fn of_one_is_zero() {
        for set in InstructionSet::available() {
            assert_eq!(set.run(Ln([1.0; LANES])), [0.0; LANES], "{}", set.name());
        }
    }
}
