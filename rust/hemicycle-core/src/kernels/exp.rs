//! `e^x` for `x <= 0`, to a few units at any size of x: the argument is reduced to base 2 with twice the digits.

use std::f64::consts::{LN_2, LOG2_E};

use super::lanes::{LANES, Lanes, each_lane};
use super::simd::Simd;

/// Below this the result is 0: `2^-995`, where every instruction set still agrees on `2^x`.
const LOWEST: f64 = -689.5;

/// What [`LOG2_E`] lacks of the number.
const LOG2_E_LOW: f64 = 2.035_527_374_093_103_3e-17;

/// `e^x` of every lane, `x <= 0` or -inf: to 8 units of `f64::EPSILON`, exactly 1 at 0, and exactly 0 below -689.5.
#[inline(always)]
#[must_use]
pub fn exp<const FMA: bool>(simd: impl Simd, x: Lanes<FMA>) -> Lanes<FMA> {
    let floored = x.max(Lanes::splat(LOWEST));
    let (high, rest) = in_base_two(floored);
    let power = simd.exp2(high).value();
    let value = power.mul_add(rest * Lanes::splat(LN_2), power);
    each_lane!(i => if x.0[i] >= LOWEST { value.0[i] } else { 0.0 })
}

/// `x log2(e)` as a number and what it lacks.
#[inline(always)]
fn in_base_two<const FMA: bool>(x: Lanes<FMA>) -> (Lanes<FMA>, Lanes<FMA>) {
    let high = x * Lanes::splat(LOG2_E);
    let lost = if FMA {
        x.mul_add(Lanes::splat(LOG2_E), Lanes::splat(0.0) - high)
    } else {
        let (above, below) = halves(x);
        let (upper, lower) = halves(Lanes::splat(LOG2_E));
        ((above * upper - high) + above * lower + below * upper) + below * lower
    };
    (high, x.mul_add(Lanes::splat(LOG2_E_LOW), lost))
}

/// The upper 26 bits and the lower 27 of every fraction, whose products are exact.
#[inline(always)]
fn halves<const FMA: bool>(x: Lanes<FMA>) -> (Lanes<FMA>, Lanes<FMA>) {
    let above: Lanes<FMA> = each_lane!(i => f64::from_bits(x.0[i].to_bits() & !((1 << 27) - 1)));
    (above, x - above)
}

#[cfg(test)]
mod tests {
    use super::super::{InstructionSet, Kernel, LANES, Lanes, Simd};
    use super::exp;
    use proptest::prelude::*;

    struct Exp([f64; LANES]);

    impl Kernel for Exp {
        type Output = [f64; LANES];

        #[inline(always)]
        fn run<const FMA: bool>(self, simd: impl Simd) -> [f64; LANES] {
            exp(simd, Lanes::<FMA>(self.0)).0
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn within_eight_units_of_the_library(x in prop::array::uniform8(-689.0..=0.0), divisor in 1.0..1e6) {
            let x = x.map(|x: f64| x / divisor);
            let mut fused = None;
            for set in InstructionSet::available() {
                let results = set.run(Exp(x));
                for (x, y) in x.iter().zip(results) {
                    let expected = x.exp();
                    prop_assert!((y - expected).abs() <= 8.0 * f64::EPSILON * expected, "{}: e^{x} = {y}", set.name());
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
            let x = [0.0, -0.0, -689.6, -1e5, -1e300, f64::NEG_INFINITY, f64::MIN, -700.0];
            assert_eq!(set.run(Exp(x)), [1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], "{}", set.name());
        }
    }
}
