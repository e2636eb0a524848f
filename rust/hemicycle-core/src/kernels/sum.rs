//! Sums and differences without rounding error: the result and what was lost.

use super::{LANES, Lanes};

/// `a + b` rounded, and its rounding error (Knuth's TwoSum: exact for any order of magnitude).
#[inline(always)]
#[must_use]
pub fn two_sum<const FMA: bool>(a: Lanes<FMA>, b: Lanes<FMA>) -> (Lanes<FMA>, Lanes<FMA>) {
    let sum = a + b;
    let b_seen = sum - a;
    let a_seen = sum - b_seen;
    (sum, (a - a_seen) + (b - b_seen))
}

/// `a - b` rounded, and its rounding error.
#[inline(always)]
#[must_use]
pub fn two_diff<const FMA: bool>(a: Lanes<FMA>, b: Lanes<FMA>) -> (Lanes<FMA>, Lanes<FMA>) {
    let difference = a - b;
    let b_seen = a - difference;
    let a_seen = difference + b_seen;
    (difference, (a - a_seen) + (b_seen - b))
}

/// A compensated sum: its error does not grow with the number of terms.
#[derive(Debug, Clone, Copy)]
pub struct Sum<const FMA: bool> {
    high: Lanes<FMA>,
    low: Lanes<FMA>,
}

impl<const FMA: bool> Sum<FMA> {
    /// The empty sum.
    #[inline(always)]
    #[must_use]
    pub fn zero() -> Self {
        Self { high: Lanes::splat(0.0), low: Lanes::splat(0.0) }
    }

    /// Add one term.
    #[inline(always)]
    pub fn add(&mut self, term: Lanes<FMA>) {
        let (high, error) = two_sum(self.high, term);
        self.high = high;
        self.low = self.low + error;
    }

    /// Subtract one term.
    #[inline(always)]
    pub fn subtract(&mut self, term: Lanes<FMA>) {
        let (high, error) = two_diff(self.high, term);
        self.high = high;
        self.low = self.low + error;
    }

    /// The sum without what rounding took from it, and that.
    #[inline(always)]
    #[must_use]
    pub fn parts(self) -> ([f64; LANES], [f64; LANES]) {
        (self.high.0, self.low.0)
    }

    /// The sum, rounded.
    #[inline(always)]
    #[must_use]
    pub fn value(self) -> Lanes<FMA> {
        self.high + self.low
    }
}

#[cfg(test)]
mod tests {
    use super::{Lanes, Sum, two_diff, two_sum};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn errors_are_exact(a in -1_000_000_i64..1_000_000, b in -1_000_000_i64..1_000_000, shift in 0_i32..80) {
            // a * 2^shift and b are integers below 2^100: i128 is the exact judge
            let (x, y) = (a as f64 * 2f64.powi(shift), b as f64);
            let exact = |sign: i128| (i128::from(a) << shift) + sign * i128::from(b);
            let (sum, error) = two_sum(Lanes::<false>::splat(x), Lanes::splat(y));
            prop_assert_eq!(sum.0[0] as i128 + error.0[0] as i128, exact(1));
            let (difference, error) = two_diff(Lanes::<false>::splat(x), Lanes::splat(y));
            prop_assert_eq!(difference.0[0] as i128 + error.0[0] as i128, exact(-1));
        }
    }

    #[test]
    fn small_terms_survive_a_large_one() {
        let mut sum = Sum::<false>::zero();
        for term in [1.0, 1e17, 1.0, -1e17] {
            sum.add(Lanes::splat(term));
        }
        sum.subtract(Lanes::splat(1.5));
        assert_eq!(sum.value().0[0], 0.5);
    }
}
