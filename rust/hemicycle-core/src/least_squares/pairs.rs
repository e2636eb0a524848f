//! Predictions of pairs of items, straight from the logits: a round has many pairs but few items, and only the items
//! are ever read.
//!
//! With l the logits of a model, relative to one item of each connected component of the comparisons, the loss
//! `sum_n W_n (l_b - l_a - y_n)^2` is a quadratic in l with a weighted graph Laplacian, `L = T' T`: it equals
//! `|T (l - m)|^2 + constant`, m the least squares logits. The deviation of a model is `T (l - m)`, its
//! coordinates are `l - m`.

use std::sync::Arc;

use pulp::NullaryFnOnce;

use crate::error::{Error, Result};
use crate::lanes::{add_scaled, dot, vectorised};
use crate::least_squares::laplacian::PairForm;
use crate::least_squares::predictions::{MAX_MAGNITUDE, Predictions, check_magnitudes};
use crate::parallel::Execution;

/// The heaviest pair weighs this, at least, so that products with small labels are doubles.
const MIN_WEIGHT: f64 = 1e-140;

/// One row a pair: `sqrt(weight) * ((logit_b - logit_a) - y)`.
#[derive(Debug, Clone)]
pub struct PairDifferences<'a, T> {
    logits: &'a [T],
    n_models: usize,
    n_items: usize,
    form: Arc<PairForm>,
}

/// Pairs of items with their weights and labels: one entry a pair in each slice.
#[derive(Debug, Clone, Copy)]
pub struct WeightedPairs<'a> {
    /// The item that the label compares with.
    pub a: &'a [u32],
    /// The item that the label speaks for.
    pub b: &'a [u32],
    /// Weight of the pair, positive.
    pub weight: &'a [f64],
    /// Label: the log ratio of b to a.
    pub y: &'a [f64],
}

impl<'a, T: Copy + Into<f64> + Sync> PairDifferences<'a, T> {
    /// Logits (n_models, n_items), row-major, and the pairs.
    ///
    /// # Errors
    /// [`Error::Shape`] if there is no model or lengths disagree; [`Error::Index`] for an item that does not exist;
    /// [`Error::NonFinite`] and [`Error::Domain`] for a logit of a judged item or a label that is not finite or above
    /// 1e140 in magnitude, by itself or times the root of a weight, a weight that is not positive, weights all below 1e-140,
    /// a pair of an item with itself; [`Error::Interrupted`].
    pub fn new(
        logits: &'a [T],
        n_models: usize,
        n_items: usize,
        pairs: WeightedPairs<'_>,
        execution: &Execution,
    ) -> Result<Self> {
        if n_models == 0 || logits.len() != n_models * n_items {
            let expected = format!("at least one model, and {n_models} rows of {n_items} items");
            return Err(Error::Shape { what: "logits", expected, got: format!("{} values", logits.len()) });
        }
        check_pairs(pairs, n_items)?;
        let form = PairForm::new(pairs, n_items, execution)?;
        let judged = |item| form.columns.iter().any(|&(i, r)| i == item || r == item);
        let heaviest = pairs.weight.iter().copied().fold(1.0, f64::max);
        let limit = MAX_MAGNITUDE / heaviest.sqrt();
        for (at, logit) in logits.iter().enumerate() {
            let value: f64 = (*logit).into();
            let allowed = value.abs() <= limit; // NaN is not
            if !allowed && judged(at % n_items) {
                let (what, position) = ("logits", vec![at / n_items, at % n_items]);
                if value.is_finite() {
                    let requirement = "at most 1e140 in magnitude, also times the root of the largest weight";
                    return Err(Error::Domain { what, position, value, requirement });
                }
                return Err(Error::NonFinite { what, position, value });
            }
        }
        Ok(Self { logits, n_models, n_items, form: Arc::new(form) })
    }

    /// The same models under some of the pairs, at least one.
    pub(super) fn under(&self, some: WeightedPairs<'_>, execution: &Execution) -> Result<Self> {
        Ok(Self { form: Arc::new(PairForm::new(some, self.n_items, execution)?), ..self.clone() })
    }

    /// The quadratic form of the loss.
    pub(super) fn form(&self) -> &PairForm {
        &self.form
    }

    /// What `model` says of the pair (a, b).
    #[inline(always)]
    pub(super) fn log_ratio(&self, model: usize, a: u32, b: u32) -> f64 {
        let row = &self.logits[model * self.n_items..(model + 1) * self.n_items];
        let (a, b): (f64, f64) = (row[a as usize].into(), row[b as usize].into());
        b - a
    }
}

impl<T: Copy + Into<f64> + Sync> Predictions for PairDifferences<'_, T> {
    fn n_models(&self) -> usize {
        self.n_models
    }

    fn n_coordinates(&self) -> usize {
        self.form.columns.len()
    }

    #[inline(always)]
    fn coordinates(&self, model: usize, out: &mut [f64]) {
        let row = &self.logits[model * self.n_items..(model + 1) * self.n_items];
        for ((out, &(item, reference)), centre) in out.iter_mut().zip(&self.form.columns).zip(&self.form.centre) {
            let (item, reference): (f64, f64) = (row[item].into(), row[reference].into());
            *out = (item - reference) - centre;
        }
    }

    fn push(&self, coordinates: &mut [f64]) {
        vectorised(Push { factor: &self.form.factor, coordinates });
    }

    fn pull(&self, v: &mut [f64]) {
        let n = v.len();
        for i in (0..n).rev() {
            let value = std::mem::take(&mut v[i]);
            add_scaled(&mut v[i..], value, &self.form.factor[i * n + i..(i + 1) * n]);
        }
    }

    fn constant(&self) -> f64 {
        self.form.constant(1.0)
    }

    fn scaled_constant(&self, factor: f64) -> f64 {
        self.form.constant(factor)
    }
}

/// The product of an upper triangle, row-major, with coordinates, in place.
struct Push<'a> {
    factor: &'a [f64],
    coordinates: &'a mut [f64],
}

impl NullaryFnOnce for Push<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let n = self.coordinates.len();
        for i in 0..n {
            let row = &self.factor[i * n + i..(i + 1) * n];
            self.coordinates[i] = dot(row, &self.coordinates[i..]);
        }
    }
}

fn check_pairs(pairs: WeightedPairs<'_>, n_items: usize) -> Result<()> {
    let n = pairs.a.len();
    for (what, length) in [("b", pairs.b.len()), ("weight", pairs.weight.len()), ("y", pairs.y.len())] {
        if length != n {
            let (expected, got) = (format!("{n} values, as in a"), format!("{length}"));
            return Err(Error::Shape { what, expected, got });
        }
    }
    check_magnitudes("y", pairs.y, None)?;
    check_magnitudes("weight", pairs.weight, None)?;
    for (position, (&a, &b)) in pairs.a.iter().zip(pairs.b).enumerate() {
        for (what, item) in [("a", a as usize), ("b", b as usize)] {
            if item >= n_items {
                return Err(Error::Index { what, position, index: item, length: n_items });
            }
        }
        if a == b {
            let requirement = "another item than a";
            return Err(Error::Domain { what: "b", position: vec![position], value: f64::from(b), requirement });
        }
        let value = pairs.weight[position];
        if value <= 0.0 {
            let requirement = "greater than 0";
            return Err(Error::Domain { what: "weight", position: vec![position], value, requirement });
        }
        if value.sqrt() * pairs.y[position].abs() > MAX_MAGNITUDE {
            let requirement = "small enough that it times the square of its label is at most 1e280";
            return Err(Error::Domain { what: "weight", position: vec![position], value, requirement });
        }
    }
    let heaviest = (0..n).max_by(|&i, &j| pairs.weight[i].total_cmp(&pairs.weight[j]));
    if let Some(position) = heaviest.filter(|&i| pairs.weight[i] < MIN_WEIGHT) {
        let (value, requirement) =
            (pairs.weight[position], "at least 1e-140, as the largest: multiply all by one number");
        return Err(Error::Domain { what: "weight", position: vec![position], value, requirement });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{PairDifferences, WeightedPairs};
    use crate::parallel::Execution;

    /// What is said of two models and one pair, that of items 0 and 1 of 3.
    fn refused(logits: [f64; 6], weight: f64, y: f64) -> Option<String> {
        let pairs = WeightedPairs { a: &[0], b: &[1], weight: &[weight], y: &[y] };
        PairDifferences::new(&logits, 2, 3, pairs, &Execution::default()).err().map(|error| error.to_string())
    }

    #[test]
    fn what_would_overflow_is_refused_by_place() {
        let logits = |value| [0.0, 1.0, 2.0, 0.5, value, 1.0];
        assert_eq!(refused(logits(1e140), 1.0, 1e140), None);
        assert_eq!(refused(logits(1e90), 1e100, 1e90), None);
        for (value, weight) in [(-2e140, 0.5), (2e90, 1e100)] {
            let message = refused(logits(value), weight, 1.0).expect("refused");
            assert!(message.starts_with("logits[1, 1] is") && message.contains("1e140"), "{message}");
        }
        let message = refused(logits(1.0), 1e100, 2e90).expect("refused");
        assert!(message.starts_with("weight[0] is") && message.contains("square of its label"), "{message}");
        assert_eq!(refused([0.0, 1.0, f64::NEG_INFINITY, 0.5, 1.0, 1e200], 1.0, 1.0), None);
    }
}
