//! The weighted mean and spread of a pair's labels, to twice the working precision.

/// Labels as one: `sum_i u_i (mu - y_i)^2 = weight * (mu - value)^2 + spread`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Mean {
    /// The sum of the weights.
    pub weight: f64,
    /// The weighted mean, rounded.
    pub value: f64,
    /// What rounding took from it.
    pub value_low: f64,
    /// The weighted sum of squared distances to the mean.
    pub spread: f64,
}

impl Mean {
    /// One label of weight 1.
    pub(crate) fn single(log_ratio: f64) -> Self {
        Self { weight: 1.0, value: log_ratio, value_low: 0.0, spread: 0.0 }
    }

    /// Of labels with weights, both of one length of at least 1.
    pub(crate) fn of(log_ratio: &[f64], weight: &[f64]) -> Self {
        let mut total = Double::default();
        let mut moment = Double::default();
        for (&y, &u) in log_ratio.iter().zip(weight) {
            total.add(u);
            moment.add(u * y);
            moment.add(u.mul_add(y, -(u * y)));
        }
        let value = moment.high / total.high;
        // remainder of the division in double-double, then one Newton step
        moment.add(-(value * total.high));
        moment.add(-value.mul_add(total.high, -(value * total.high)));
        moment.add(-(value * total.low));
        let value_low = (moment.high + moment.low) / total.high;
        let distance = |y: f64| (y - value) - value_low;
        let spread = log_ratio.iter().zip(weight).map(|(&y, &u)| u * distance(y) * distance(y)).sum();
        Self { weight: total.high, value, value_low, spread }
    }
}

/// A running sum with its rounding error.
#[derive(Debug, Clone, Copy, Default)]
struct Double {
    high: f64,
    low: f64,
}

impl Double {
    fn add(&mut self, term: f64) {
        let sum = self.high + term;
        let seen = sum - self.high;
        self.low += (self.high - (sum - seen)) + (term - seen);
        self.high = sum;
    }
}

#[cfg(test)]
mod tests {
    use super::Mean;
    use proptest::prelude::*;

    #[test]
    fn thirds_keep_what_rounding_takes() {
        let mean = Mean::of(&[1.0, 0.0, 0.0], &[1.0, 1.0, 1.0]);
        assert_eq!((mean.weight, mean.value), (3.0, 1.0 / 3.0));
        // 1/3 = 0x0.5555...: what is cut off is a third of the last bit
        assert_eq!(mean.value_low, 2f64.powi(-54) / 3.0);
        assert!((mean.spread - 2.0 / 3.0).abs() < 3e-16);
    }

    proptest! {
        #[test]
        fn equal_labels_have_no_spread(y in -1e6..1e6, weight in prop::collection::vec(1e-9..1e9, 1..20)) {
            let mean = Mean::of(&vec![y; weight.len()], &weight);
            prop_assert!(((mean.value - y) + mean.value_low).abs() <= 1e-25 * y.abs());
            prop_assert!(mean.spread <= 1e-20 * mean.weight);
        }
    }
}
