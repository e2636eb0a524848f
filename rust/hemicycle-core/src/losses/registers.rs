//! Registers of float32 and float64 numbers, by the instructions that a kernel is compiled for.

use pulp::bytemuck::{Pod, cast_slice_mut};
use pulp::{Scalar128b, Simd, cast};

/// Instructions that kernels are compiled for.
pub(super) trait Machine: Simd {
    /// Whether multiplication and addition are fused.
    const FMA: bool;

    /// `x << 52`, lane by lane.
    fn left_52(self, x: Self::u64s) -> Self::u64s;

    /// `x >> 52`, lane by lane.
    fn right_52(self, x: Self::u64s) -> Self::u64s;

    /// `x << 23`, lane by lane.
    #[inline(always)]
    fn left_23(self, x: Self::u32s) -> Self::u32s {
        self.wrapping_dyn_shl_u32s(x, self.splat_u32s(23))
    }

    /// `x >> 23`, lane by lane.
    #[inline(always)]
    fn right_23(self, x: Self::u32s) -> Self::u32s {
        self.wrapping_dyn_shr_u32s(x, self.splat_u32s(23))
    }

    /// Run a kernel, whose `call` is `#[inline(always)]`, with these instructions.
    fn launch<K: pulp::NullaryFnOnce>(self, kernel: K) -> K::Output;
}

impl Machine for Scalar128b {
    const FMA: bool = cfg!(target_arch = "aarch64");

    #[inline(always)]
    fn left_52(self, x: Self::u64s) -> Self::u64s {
        let [low, high]: [u64; 2] = cast(x);
        cast([low << 52, high << 52])
    }

    #[inline(always)]
    fn right_52(self, x: Self::u64s) -> Self::u64s {
        let [low, high]: [u64; 2] = cast(x);
        cast([low >> 52, high >> 52])
    }

    fn launch<K: pulp::NullaryFnOnce>(self, kernel: K) -> K::Output {
        kernel.call()
    }
}

#[cfg(target_arch = "x86_64")]
impl Machine for pulp::x86::V3 {
    const FMA: bool = true;

    #[inline(always)]
    fn left_52(self, x: Self::u64s) -> Self::u64s {
        self.shl_const_u64x4::<52>(x)
    }

    #[inline(always)]
    fn right_52(self, x: Self::u64s) -> Self::u64s {
        self.shr_const_u64x4::<52>(x)
    }

    fn launch<K: pulp::NullaryFnOnce>(self, kernel: K) -> K::Output {
        self.vectorize(kernel)
    }
}

#[cfg(target_arch = "x86_64")]
impl Machine for pulp::x86::V4 {
    const FMA: bool = true;

    #[inline(always)]
    fn left_52(self, x: Self::u64s) -> Self::u64s {
        self.shl_const_u64x8::<52>(x)
    }

    #[inline(always)]
    fn right_52(self, x: Self::u64s) -> Self::u64s {
        self.shr_const_u64x8::<52>(x)
    }

    fn launch<K: pulp::NullaryFnOnce>(self, kernel: K) -> K::Output {
        self.vectorize(kernel)
    }
}

/// Arithmetic of whole registers, lane by lane.
pub(super) trait Registers: Pod + Send + Sync + PartialOrd {
    type Register<S: Machine>: Pod + Send + Sync;

    fn splat<S: Machine>(simd: S, x: Self) -> Self::Register<S>;
    /// The first lanes of a slice that is as long or longer.
    fn load<S: Machine>(numbers: &[Self]) -> Self::Register<S>;
    /// The lanes of registers.
    fn lanes<S: Machine>(registers: &mut [Self::Register<S>]) -> &mut [Self];
    fn add<S: Machine>(simd: S, a: Self::Register<S>, b: Self::Register<S>) -> Self::Register<S>;
    fn sub<S: Machine>(simd: S, a: Self::Register<S>, b: Self::Register<S>) -> Self::Register<S>;
    fn mul<S: Machine>(simd: S, a: Self::Register<S>, b: Self::Register<S>) -> Self::Register<S>;
    fn div<S: Machine>(simd: S, a: Self::Register<S>, b: Self::Register<S>) -> Self::Register<S>;
    /// `a * b + c`, rounded once.
    fn fused<S: Machine>(
        simd: S,
        a: Self::Register<S>,
        b: Self::Register<S>,
        c: Self::Register<S>,
    ) -> Self::Register<S>;
    fn abs<S: Machine>(simd: S, a: Self::Register<S>) -> Self::Register<S>;
    /// The smaller; `b` where `a` is NaN.
    fn min<S: Machine>(simd: S, a: Self::Register<S>, b: Self::Register<S>) -> Self::Register<S>;
    /// The larger; `b` where `a` is NaN.
    fn max<S: Machine>(simd: S, a: Self::Register<S>, b: Self::Register<S>) -> Self::Register<S>;
    /// `yes` where `a < b`, else `no`.
    fn if_less<S: Machine>(
        simd: S,
        a: Self::Register<S>,
        b: Self::Register<S>,
        yes: Self::Register<S>,
        no: Self::Register<S>,
    ) -> Self::Register<S>;
    /// `x * 2^n`, with `n` in the low bits of `shifted`; `x` in `[1/2, 2)` and the result normal or 0.
    fn scale<S: Machine>(simd: S, x: Self::Register<S>, shifted: Self::Register<S>) -> Self::Register<S>;
    /// The fraction in `[1, 2)` of positive normal numbers.
    fn fraction<S: Machine>(simd: S, x: Self::Register<S>) -> Self::Register<S>;
    /// The exponent of positive normal numbers.
    fn exponent<S: Machine>(simd: S, x: Self::Register<S>) -> Self::Register<S>;
}

macro_rules! registers {
    ($float:ident, $bits:ident, $fraction_bits:literal, $bias:literal, $register:ident, $integers:ident, $as_simd:ident,
     $splat:ident, $add:ident, $sub:ident, $mul:ident, $div:ident, $fused:ident, $abs:ident, $min:ident, $max:ident,
     $less:ident, $select:ident,
     $splat_bits:ident, $add_bits:ident, $and_bits:ident, $or_bits:ident, $left:ident, $right:ident) => {
        impl Registers for $float {
            type Register<S: Machine> = S::$register;

            #[inline(always)]
            fn splat<S: Machine>(simd: S, x: Self) -> S::$register {
                simd.$splat(x)
            }

            #[inline(always)]
            fn load<S: Machine>(numbers: &[Self]) -> S::$register {
                S::$as_simd(numbers).0[0]
            }

            #[inline(always)]
            fn lanes<S: Machine>(registers: &mut [S::$register]) -> &mut [Self] {
                cast_slice_mut(registers)
            }

            #[inline(always)]
            fn add<S: Machine>(simd: S, a: S::$register, b: S::$register) -> S::$register {
                simd.$add(a, b)
            }

            #[inline(always)]
            fn sub<S: Machine>(simd: S, a: S::$register, b: S::$register) -> S::$register {
                simd.$sub(a, b)
            }

            #[inline(always)]
            fn mul<S: Machine>(simd: S, a: S::$register, b: S::$register) -> S::$register {
                simd.$mul(a, b)
            }

            #[inline(always)]
            fn div<S: Machine>(simd: S, a: S::$register, b: S::$register) -> S::$register {
                simd.$div(a, b)
            }

            #[inline(always)]
            fn fused<S: Machine>(simd: S, a: S::$register, b: S::$register, c: S::$register) -> S::$register {
                simd.$fused(a, b, c)
            }

            #[inline(always)]
            fn abs<S: Machine>(simd: S, a: S::$register) -> S::$register {
                simd.$abs(a)
            }

            #[inline(always)]
            fn min<S: Machine>(simd: S, a: S::$register, b: S::$register) -> S::$register {
                simd.$min(a, b)
            }

            #[inline(always)]
            fn max<S: Machine>(simd: S, a: S::$register, b: S::$register) -> S::$register {
                simd.$max(a, b)
            }

            #[inline(always)]
            fn if_less<S: Machine>(
                simd: S,
                a: S::$register,
                b: S::$register,
                yes: S::$register,
                no: S::$register,
            ) -> S::$register {
                simd.$select(simd.$less(a, b), yes, no)
            }

            #[inline(always)]
            fn scale<S: Machine>(simd: S, x: S::$register, shifted: S::$register) -> S::$register {
                let places: S::$integers = simd.$left(cast(shifted));
                cast(simd.$add_bits(cast(x), places))
            }

            #[inline(always)]
            fn fraction<S: Machine>(simd: S, x: S::$register) -> S::$register {
                let bits = simd.$and_bits(cast(x), simd.$splat_bits((1 << $fraction_bits) - 1));
                cast(simd.$or_bits(bits, simd.$splat_bits($bias << $fraction_bits)))
            }

            /// By the bits of `2^fraction_bits`: an integer put into its fraction is added to it.
            #[inline(always)]
            fn exponent<S: Machine>(simd: S, x: S::$register) -> S::$register {
                const BASE: $bits = ($bias + $fraction_bits) << $fraction_bits;
                let biased = simd.$right(cast(x));
                let shifted = cast(simd.$or_bits(biased, simd.$splat_bits(BASE)));
                simd.$sub(shifted, simd.$splat($float::from_bits(BASE) + $bias as $float))
            }
        }
    };
}

registers! {
    f32, u32, 23, 127, f32s, u32s, as_simd_f32s,
    splat_f32s, add_f32s, sub_f32s, mul_f32s, div_f32s, mul_add_f32s, abs_f32s, min_f32s, max_f32s, less_than_f32s,
    select_f32s, splat_u32s, add_u32s, and_u32s, or_u32s, left_23, right_23
}

registers! {
    f64, u64, 52, 1023, f64s, u64s, as_simd_f64s,
    splat_f64s, add_f64s, sub_f64s, mul_f64s, div_f64s, mul_add_f64s, abs_f64s, min_f64s, max_f64s, less_than_f64s,
    select_f64s, splat_u64s, add_u64s, and_u64s, or_u64s, left_52, right_52
}
