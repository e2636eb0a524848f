//! float32 and float64 behind one name, with the constants that their exponential and logarithm need.

use super::registers::Registers;

/// A floating-point number that losses are computed in.
#[expect(private_bounds, reason = "no type from outside can be one")]
pub trait Number: Registers {
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// 1 / 2.
    const HALF: Self;
    /// Above every number.
    const INFINITY: Self;
    /// Not a number.
    const NAN: Self;
    /// The square root of 2.
    const SQRT_2: Self;
    /// The natural logarithm of 2.
    const LN_2: Self;
    /// Adding it rounds a number to an integer, to be read in the low bits.
    const ROUND: Self;
    /// The power of 2 that is 0 by `scale`; all that is lower is 0 as well.
    const LOWEST: Self;
    /// `(2^r - 1) / r` on `|r| <= 1/2`, the constant first: minimax for the relative error of `2^r`.
    const EXP2: &'static [Self];
    /// `(2 atanh(s) - 2 s) / s^3` in `s^2` for `|s| <= (sqrt(2) - 1) / (sqrt(2) + 1)`, the constant first.
    const LN: &'static [Self];
    /// Weights below this, and above its inverse, can neither hide a label nor leave the range of numbers.
    const WEIGHT_LIMIT: Self;
    /// Its inverse.
    const WEIGHT_LEAST: Self;
    /// Widths in this range, and its inverse, keep every intermediate result a normal number.
    const SIGMA_LIMIT: f64;

    /// The nearest of this precision.
    fn from_f64(x: f64) -> Self;
    /// The same number.
    fn to_f64(self) -> f64;
}

/// What both precisions spell the same way.
macro_rules! number {
    ($float:ident, $($constant:ident: $kind:ty = $value:expr;)*) => {
        impl Number for $float {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const HALF: Self = 0.5;
            const INFINITY: Self = $float::INFINITY;
            const NAN: Self = $float::NAN;
            const SQRT_2: Self = std::$float::consts::SQRT_2;
            const LN_2: Self = std::$float::consts::LN_2;
            $(const $constant: $kind = $value;)*

            #[inline(always)]
            fn from_f64(x: f64) -> Self {
                x as $float
            }

            #[inline(always)]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
        }
    };
}

number! {
    f32,
    ROUND: Self = 12_582_912.0; // 1.5 * 2^23
    LOWEST: Self = -127.0;
    EXP2: &'static [Self] = &[Self::LN_2, 0.240_226_48, 0.055_503_32, 0.009_618_428, 0.001_339_897_9, 0.000_153_558_9];
    LN: &'static [Self] = &[0.666_667_76, 0.399_775_33, 0.298_719_13];
    WEIGHT_LIMIT: Self = 1e12;
    WEIGHT_LEAST: Self = 1e-12;
    SIGMA_LIMIT: f64 = 1e15;
}

number! {
    f64,
    ROUND: Self = 6_755_399_441_055_744.0; // 1.5 * 2^52
    LOWEST: Self = -1023.0;
    EXP2: &'static [Self] = &[
        Self::LN_2,
        0.240_226_506_959_101_3,
        0.055_504_108_664_820_08,
        0.009_618_129_107_594_097,
        0.001_333_355_814_677_508_2,
        0.000_154_035_304_571_369_88,
        0.000_015_252_733_492_744_05,
        1.321_543_527_141_243_3e-6,
        1.017_819_971_383_249_9e-7,
        7.073_784_928_037_135e-9,
        4.434_751_900_162_49e-10,
    ];
    LN: &'static [Self] = &[
        0.666_666_666_666_667,
        0.399_999_999_998_995,
        0.285_714_286_259_754_87,
        0.222_222_111_347_950_8,
        0.181_828_891_252_617_23,
        0.153_317_216_005_560_42,
        0.146_164_496_850_434_06,
    ];
    WEIGHT_LIMIT: Self = 1e100;
    WEIGHT_LEAST: Self = 1e-100;
    SIGMA_LIMIT: f64 = 1e100;
}
