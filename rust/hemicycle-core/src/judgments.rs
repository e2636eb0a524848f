//! Judged pairs as validated columns, in compressed rows: the labels of pair `n` are
//! `log_ratio[offsets[n]..offsets[n + 1]]`.

use std::ops::Range;

use crate::error::{Error, Result};

/// The largest logit or log ratio in absolute value: any weight that a file can hold is far inside.
pub const MAX_LOG: f64 = 1e6;

/// The largest weight of a judgment.
const MAX_WEIGHT: f64 = 1e100;

/// The largest weight of a pair: room for the sum of any number of judgments' weights.
const MAX_PAIR_WEIGHT: f64 = 1e150;

/// What [`MAX_LOG`] demands, in words.
pub(crate) const WITHIN_MAX_LOG: &str = "at most 1e6 in absolute value";

/// Pairs of items with the labels that jurors gave them.
#[derive(Debug, Clone, Copy)]
pub struct Pairs<'a> {
    /// Number of items that the pairs point into.
    pub n_items: usize,
    /// First item of each pair, length `n_pairs`.
    pub a: &'a [u32],
    /// Second item of each pair, length `n_pairs`.
    pub b: &'a [u32],
    /// Where the labels of each pair begin, and the end of the last: length `n_pairs + 1`.
    pub offsets: &'a [i64],
    /// Natural log of how much more `b` is worth than `a`, length `n_labels`.
    pub log_ratio: &'a [f64],
    /// Weight of each label, above 0 and at most 1e100, length `n_labels`.
    pub weight: &'a [f64],
    /// Weight of each pair, from 0 to 1e150, length `n_pairs`.
    pub pair_weight: &'a [f64],
}

impl Pairs<'_> {
    /// Number of pairs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.a.len()
    }

    /// Whether there is no pair.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.a.is_empty()
    }

    /// Where the labels of pair `n` are. Only after [`Pairs::check`] passed.
    pub(crate) fn labels(&self, n: usize) -> Range<usize> {
        self.offsets[n] as usize..self.offsets[n + 1] as usize
    }

    /// Check every length, index and value, so that nothing after it needs to.
    ///
    /// # Errors
    /// [`Error::Shape`] for lengths that disagree or offsets that do not rise, [`Error::Index`] for an item out of range,
    /// [`Error::NonFinite`] and [`Error::Domain`] for values.
    pub fn check(&self) -> Result<()> {
        let n_pairs = self.len();
        check_length("b", self.b.len(), n_pairs)?;
        check_length("pair_weight", self.pair_weight.len(), n_pairs)?;
        check_length("offsets", self.offsets.len(), n_pairs + 1)?;
        check_length("weight", self.weight.len(), self.log_ratio.len())?;
        check_items("a", self.a, self.n_items)?;
        check_items("b", self.b, self.n_items)?;
        self.check_offsets()?;
        check_values("log_ratio", self.log_ratio, WITHIN_MAX_LOG, |y| y.abs() <= MAX_LOG)?;
        check_weights("weight", self.weight)?;
        check_values("pair_weight", self.pair_weight, "from 0 to 1e150", |c| (0.0..=MAX_PAIR_WEIGHT).contains(&c))
    }

    /// Offsets start at 0, rise by at least one label a pair, and end at the number of labels.
    fn check_offsets(&self) -> Result<()> {
        let ends = self.offsets.first() == Some(&0)
            && self.offsets.last().is_some_and(|&last| usize::try_from(last) == Ok(self.log_ratio.len()));
        if ends && self.offsets.windows(2).all(|w| w[0] < w[1]) {
            return Ok(());
        }
        Err(Error::Shape {
            what: "offsets",
            expected: format!("integers that rise from 0 to {}", self.log_ratio.len()),
            got: "others".into(),
        })
    }
}

/// One length must equal another.
pub(crate) fn check_length(what: &'static str, got: usize, expected: usize) -> Result<()> {
    if got == expected {
        return Ok(());
    }
    Err(Error::Shape { what, expected: format!("length {expected}"), got: format!("length {got}") })
}

/// Every index must be below the number of items.
pub(crate) fn check_items(what: &'static str, items: &[u32], n_items: usize) -> Result<()> {
    match items.iter().position(|&item| item as usize >= n_items) {
        None => Ok(()),
        Some(position) => Err(Error::Index { what, position, index: items[position] as usize, length: n_items }),
    }
}

/// Every weight must be positive, and so small that no sum overflows.
pub(crate) fn check_weights(what: &'static str, weights: &[f64]) -> Result<()> {
    check_values(what, weights, "above 0 and at most 1e100", |u| u > 0.0 && u <= MAX_WEIGHT)
}

/// Every value must be finite and pass `accept`.
pub(crate) fn check_values(
    what: &'static str,
    values: &[f64],
    requirement: &'static str,
    accept: impl Fn(f64) -> bool,
) -> Result<()> {
    match values.iter().position(|&value| !(value.is_finite() && accept(value))) {
        None => Ok(()),
        Some(position) => Err(refusal(what, vec![position], values[position], requirement)),
    }
}

/// The error for a value outside its domain.
pub(crate) fn refusal(what: &'static str, position: Vec<usize>, value: f64, requirement: &'static str) -> Error {
    if value.is_finite() {
        Error::Domain { what, position, value, requirement }
    } else {
        Error::NonFinite { what, position, value }
    }
}

#[cfg(test)]
mod tests {
    use super::{Error, Pairs};

    const VALID: Pairs<'_> = Pairs {
        n_items: 3,
        a: &[0, 1],
        b: &[1, 2],
        offsets: &[0, 1, 3],
        log_ratio: &[0.5, -1.0, 2.0],
        weight: &[1.0, 1.0, 2.0],
        pair_weight: &[1.0, 0.0],
    };

    #[test]
    fn valid_pairs_pass() {
        assert_eq!(VALID.check(), Ok(()));
        assert_eq!((VALID.len(), VALID.is_empty(), VALID.labels(1)), (2, false, 1..3));
    }

    #[test]
    fn each_broken_column_is_named() {
        let message = |pairs: Pairs<'_>| pairs.check().err().map(|error| error.to_string()).unwrap_or_default();
        for (broken, expected) in [
            (Pairs { b: &[1], ..VALID }, "b: expected length 2, got length 1"),
            (Pairs { pair_weight: &[], ..VALID }, "pair_weight: expected length 2, got length 0"),
            (Pairs { offsets: &[0, 3], ..VALID }, "offsets: expected length 3, got length 2"),
            (Pairs { offsets: &[0, 0, 3], ..VALID }, "offsets: expected integers that rise from 0 to 3, got others"),
            (Pairs { offsets: &[0, 1, 4], ..VALID }, "offsets: expected integers that rise from 0 to 3, got others"),
            (Pairs { offsets: &[-1, 1, 3], ..VALID }, "offsets: expected integers that rise from 0 to 3, got others"),
            (Pairs { weight: &[1.0], ..VALID }, "weight: expected length 3, got length 1"),
            (Pairs { a: &[0, 3], ..VALID }, "a[1] is 3, but there are only 3"),
            (Pairs { log_ratio: &[0.5, 2e6, 0.0], ..VALID }, "log_ratio[1] is 2000000.0; it must be at most 1e6"),
            (Pairs { log_ratio: &[f64::NAN, 0.0, 0.0], ..VALID }, "log_ratio[0] is nan; it must be finite"),
            (Pairs { weight: &[1.0, 0.0, 1.0], ..VALID }, "weight[1] is 0.0; it must be above 0 and at most 1e100"),
            (Pairs { pair_weight: &[1.0, -1.0], ..VALID }, "pair_weight[1] is -1.0; it must be from 0 to 1e150"),
        ] {
            assert!(message(broken).starts_with(expected), "{} is not {expected}", message(broken));
        }
    }

    #[test]
    fn index_errors_carry_facts() {
        let error = Pairs { b: &[1, 9], ..VALID }.check();
        assert_eq!(error, Err(Error::Index { what: "b", position: 1, index: 9, length: 3 }));
    }
}
