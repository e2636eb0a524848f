//! The weighted mean and spread of a pair's labels, to twice the working precision.

use crate::judgments::Pairs;

use super::Likelihood;

/// Labels as one: `sum_i u_i (mu - y_i)^2 = unit * (weight * (mu - value)^2 + spread)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Mean {
    /// A power of two near the heaviest weight: products with tiny weights would underflow.
    pub unit: f64,
    /// The sum of the weights, in units.
    pub weight: f64,
    /// The weighted mean, rounded.
    pub value: f64,
    /// What rounding took from it.
    pub value_low: f64,
    /// The weighted sum of squared distances to the mean, in units.
    pub spread: f64,
}

impl Mean {
    /// One label of weight 1.
    pub(crate) fn single(log_ratio: f64) -> Self {
        Self { unit: 1.0, weight: 1.0, value: log_ratio, value_low: 0.0, spread: 0.0 }
    }

    /// The one Gaussian of a pair: its only label, or the product of all of them.
    pub(super) fn of_pair(pairs: &Pairs<'_>, n: usize, likelihood: Likelihood) -> Self {
        let labels = pairs.labels(n);
        match likelihood {
            Likelihood::SumGaussian => Self::single(pairs.log_ratio[labels.start]),
            Likelihood::Gaussian => Self::of(&pairs.log_ratio[labels.clone()], &pairs.weight[labels]),
        }
    }

    /// Of labels with weights, both of one length of at least 1.
    pub(crate) fn of(log_ratio: &[f64], weight: &[f64]) -> Self {
        let unit = power_of_two(weight.iter().copied().fold(0.0, f64::max));
        let mut total = Double::default();
        let mut moment = Double::default();
        for (&y, u) in log_ratio.iter().zip(weight) {
            let u = u / unit;
            total.add(u);
            moment.add(u * y);
            moment.add(u.mul_add(y, -(u * y)));
        }
        let [mut moment, total] = [moment.renormalised(), total.renormalised()];
        let value = moment.high / total.high;
        // remainder of the division in double-double, then one Newton step
        moment.add(-(value * total.high));
        moment.add(-value.mul_add(total.high, -(value * total.high)));
        moment.add(-(value * total.low));
        let value_low = (moment.high + moment.low) / total.high;
        let distance = |y: f64| (y - value) - value_low;
        let squares = log_ratio.iter().zip(weight).map(|(&y, u)| u / unit * distance(y) * distance(y));
        Self { unit, weight: total.high, value, value_low, spread: compensated_sum(squares) }
    }
}

/// The sum of any number of terms, to one rounding or so.
pub(super) fn compensated_sum(terms: impl Iterator<Item = f64>) -> f64 {
    let mut sum = Double::default();
    terms.for_each(|term| sum.add(term));
    sum.renormalised().high
}

/// The largest power of two that is not above `x > 0`; of a subnormal one the smallest float64.
fn power_of_two(x: f64) -> f64 {
    let power = f64::from_bits(x.to_bits() & f64::INFINITY.to_bits());
    if power > 0.0 { power } else { f64::from_bits(1) }
}

/// A running sum with its rounding error.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Double {
    high: f64,
    low: f64,
}

impl Double {
    /// Of these terms.
    pub(super) fn of(terms: impl IntoIterator<Item = f64>) -> Self {
        let mut sum = Self::default();
        terms.into_iter().for_each(|term| sum.add(term));
        sum
    }

    /// The sum, rounded.
    pub(super) fn value(self) -> f64 {
        self.high + self.low
    }

    fn add(&mut self, term: f64) {
        let sum = self.high + term;
        let seen = sum - self.high;
        self.low += (self.high - (sum - seen)) + (term - seen);
        self.high = sum;
    }

    /// The same sum, with `high` rounded from all of it.
    fn renormalised(self) -> Self {
        let high = self.high + self.low;
        Self { high, low: self.low - (high - self.high) }
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

    #[test]
    fn tiny_weights_count_as_any_others() {
        let (labels, weights) = ([0.5, -0.25, 2.0], [1.0, 3.0, 2.0]);
        let of = |unit: f64| Mean::of(&labels, &weights.map(|u| u * unit));
        let expected = of(1.0);
        for unit in [2f64.powi(-1000), f64::from_bits(1)] {
            let mean = of(unit);
            assert_eq!((mean.value, mean.value_low), (expected.value, expected.value_low));
            let units = mean.unit / unit / expected.unit;
            assert_eq!((mean.weight * units, mean.spread * units), (expected.weight, expected.spread));
        }
    }

    #[test]
    fn sums_of_many_labels_do_not_drift() {
        let labels: Vec<f64> = (0..300_000).map(|k| if k % 2 == 0 { 0.1 } else { 0.7 }).collect();
        let Mean { weight, spread, unit, .. } = Mean::of(&labels, &vec![0.1; labels.len()]);
        assert!((unit * weight / 30_000.0 - 1.0).abs() < 1e-15, "{weight}");
        assert!((unit * spread / (30_000.0 * 0.09) - 1.0).abs() < 1e-15, "{spread}");
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
