//! A register of numbers, one a pair, with the arithmetic of one, their exponential and their logarithm.
//!
//! Everything acts lane by lane, so that a pair has the same bits in whatever lane it lies and however many there are.

use std::ops::{Add, Div, Mul, Sub};

use super::numbers::Number;
use super::registers::Machine;

/// One register, with the instructions that it is computed by.
#[derive(Clone, Copy)]
pub(super) struct Vector<T: Number, S: Machine> {
    simd: S,
    register: T::Register<S>,
}

impl<T: Number, S: Machine> Vector<T, S> {
    /// Numbers in a register.
    pub const LANES: usize = size_of::<T::Register<S>>() / size_of::<T>();

    #[inline(always)]
    pub fn new(simd: S, register: T::Register<S>) -> Self {
        Self { simd, register }
    }

    #[inline(always)]
    pub fn splat(simd: S, x: T) -> Self {
        Self { simd, register: T::splat(simd, x) }
    }

    /// The same number in every lane.
    #[inline(always)]
    pub fn all(self, x: T) -> Self {
        Self::splat(self.simd, x)
    }

    #[inline(always)]
    pub fn register(self) -> T::Register<S> {
        self.register
    }

    /// The first numbers of a slice that is not empty; lanes beyond its end repeat the last of them.
    #[inline(always)]
    pub fn load(simd: S, numbers: &[T]) -> Self {
        if numbers.len() >= Self::LANES {
            return Self { simd, register: T::load::<S>(numbers) };
        }
        let mut register = [T::splat(simd, T::ZERO)];
        for (lane, place) in T::lanes::<S>(&mut register).iter_mut().enumerate() {
            *place = numbers[lane.min(numbers.len() - 1)];
        }
        Self { simd, register: register[0] }
    }

    /// The first lanes into a slice.
    #[inline(always)]
    pub fn store(self, numbers: &mut [T]) {
        let mut register = [self.register];
        let lanes = T::lanes::<S>(&mut register);
        if numbers.len() >= Self::LANES {
            numbers[..Self::LANES].copy_from_slice(lanes);
        } else {
            numbers.copy_from_slice(&lanes[..numbers.len()]);
        }
    }

    /// `self * factor + summand`, rounded once where that is one instruction.
    #[inline(always)]
    pub fn mul_add(self, factor: Self, summand: Self) -> Self {
        if !S::FMA {
            return self * factor + summand;
        }
        Self { register: T::fused(self.simd, self.register, factor.register, summand.register), ..self }
    }

    #[inline(always)]
    pub fn abs(self) -> Self {
        Self { register: T::abs(self.simd, self.register), ..self }
    }

    /// The smaller; `other` where `self` is NaN.
    #[inline(always)]
    pub fn min(self, other: Self) -> Self {
        Self { register: T::min(self.simd, self.register, other.register), ..self }
    }

    /// The larger; `other` where `self` is NaN.
    #[inline(always)]
    pub fn max(self, other: Self) -> Self {
        Self { register: T::max(self.simd, self.register, other.register), ..self }
    }

    /// `self` where `low < high`, else `other`.
    #[inline(always)]
    pub fn where_less(self, low: Self, high: Self, other: Self) -> Self {
        let register = T::if_less(self.simd, low.register, high.register, self.register, other.register);
        Self { register, ..self }
    }

    /// The polynomial of these coefficients, that of the constant first.
    #[inline(always)]
    fn polynomial(self, coefficients: &[T]) -> Self {
        let mut k = coefficients.len() - 1;
        let mut value = self.all(coefficients[k]);
        while k > 0 {
            k -= 1;
            value = value.mul_add(self, self.all(coefficients[k]));
        }
        value
    }

    /// `2^x` for `x <= 0`, to 2 units in the last place of normal numbers; 1 at 0; 0 from `2^LOWEST` down and for NaN.
    #[inline(always)]
    pub fn exp2(self) -> Self {
        let x = self.max(self.all(T::LOWEST));
        let shifted = x + self.all(T::ROUND);
        let rest = x - (shifted - self.all(T::ROUND));
        let power = rest.polynomial(T::EXP2).mul_add(rest, self.all(T::ONE));
        Self { register: T::scale(self.simd, power.register, shifted.register), ..self }
    }

    /// The natural logarithm of positive normal numbers, to 4 units of the last place of `max(|ln x|, |x - 1|)`.
    #[inline(always)]
    pub fn ln(self) -> Self {
        let (one, root) = (self.all(T::ONE), self.all(T::SQRT_2));
        let fraction = Self { register: T::fraction(self.simd, self.register), ..self };
        let exponent = Self { register: T::exponent(self.simd, self.register), ..self };
        let exponent = (exponent + one).where_less(root, fraction, exponent);
        let fraction = (fraction * self.all(T::HALF)).where_less(root, fraction, fraction);
        let s = (fraction - one) / (fraction + one);
        let square = s * s;
        let log_fraction = (s * square).mul_add(square.polynomial(T::LN), s + s);
        exponent.mul_add(self.all(T::LN_2), log_fraction)
    }
}

/// An operator, lane by lane.
macro_rules! operator {
    ($trait:ident, $method:ident) => {
        impl<T: Number, S: Machine> $trait for Vector<T, S> {
            type Output = Self;

            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                Self { register: T::$method(self.simd, self.register, other.register), ..self }
            }
        }
    };
}

operator!(Add, add);
operator!(Sub, sub);
operator!(Mul, mul);
operator!(Div, div);
