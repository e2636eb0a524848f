//! Eight numbers, one a model, with the arithmetic of one.

use std::ops::{Add, Div, Mul, Sub};

/// Models that a vector holds: one AVX-512 register, two of AVX2, four of SSE2.
pub const LANES: usize = 8;

/// Eight numbers; every operation acts lane by lane. With `FMA`, [`Lanes::mul_add`] rounds once.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(align(64))]
pub struct Lanes<const FMA: bool>(pub [f64; LANES]);

/// An expression for every lane. A plain loop without closures: what the compiler does not inline would be compiled
/// without the instructions of the kernel.
macro_rules! each_lane {
    ($lane:ident => $value:expr) => {{
        let mut out = [0.0; LANES];
        let mut $lane = 0;
        while $lane < LANES {
            out[$lane] = $value;
            $lane += 1;
        }
        Lanes(out)
    }};
}
pub(crate) use each_lane;

impl<const FMA: bool> Lanes<FMA> {
    /// The same number in every lane.
    #[inline(always)]
    #[must_use]
    pub fn splat(x: f64) -> Self {
        Self([x; LANES])
    }

    /// `self * factor + summand`.
    #[inline(always)]
    #[must_use]
    pub fn mul_add(self, factor: Self, summand: Self) -> Self {
        if FMA { each_lane!(i => self.0[i].mul_add(factor.0[i], summand.0[i])) } else { self * factor + summand }
    }

    /// The absolute value.
    #[inline(always)]
    #[must_use]
    pub fn abs(self) -> Self {
        each_lane!(i => self.0[i].abs())
    }

    /// The smaller; `other` where either is NaN.
    #[inline(always)]
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        each_lane!(i => if self.0[i] < other.0[i] { self.0[i] } else { other.0[i] })
    }

    /// The larger; `other` where either is NaN.
    #[inline(always)]
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        each_lane!(i => if self.0[i] > other.0[i] { self.0[i] } else { other.0[i] })
    }
}

/// An operator, lane by lane.
macro_rules! operator {
    ($trait:ident, $method:ident, $symbol:tt) => {
        impl<const FMA: bool> $trait for Lanes<FMA> {
            type Output = Self;

            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                each_lane!(i => self.0[i] $symbol other.0[i])
            }
        }
    };
}

operator!(Add, add, +);
operator!(Sub, sub, -);
operator!(Mul, mul, *);
operator!(Div, div, /);
