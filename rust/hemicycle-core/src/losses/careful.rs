//! One pair on its own, in float64 and for any finite labels and weights: where the vectors' arithmetic does not reach, and
//! where an argument is at fault.

use crate::error::{Error, Result};

use super::numbers::Number;
use super::{Labels, Layout};

/// Loss, slope and curvature.
pub(super) type Derivatives = [f64; 3];

/// A label of weight above 0.
#[derive(Debug, Clone, Copy)]
struct Label {
    difference: f64,
    /// The logarithm of the density, the constant left out, and of the weight.
    log: f64,
}

/// The loss of one prediction and its derivatives.
///
/// # Errors
/// A label or a weight that is not finite, a weight below 0, weights that are all 0.
pub(super) fn derivatives<T: Number>(
    labels: &Labels<'_, T>,
    pair: usize,
    pred: f64,
    sigma: f64,
) -> Result<Derivatives> {
    let mut terms = vec![];
    for index in labels.indices(pair) {
        let (label, weight) = labels.checked(index)?;
        if weight > 0.0 {
            let difference = pred - label;
            let z = difference / sigma;
            terms.push(Label { difference, log: weight.ln() - 0.5 * z * z });
        }
    }
    if terms.is_empty() {
        return Err(labels.weightless(pair));
    }
    Ok(of_terms(&terms, pred, sigma))
}

fn of_terms(terms: &[Label], pred: f64, sigma: f64) -> Derivatives {
    let precision = 1.0 / sigma / sigma;
    let greatest = terms.iter().map(|term| term.log).fold(f64::NEG_INFINITY, f64::max);
    if pred.is_nan() {
        return [f64::NAN; 3];
    }
    if greatest == f64::NEG_INFINITY {
        // the square is beyond all numbers: the nearest label takes all
        let nearest = terms.iter().map(|term| term.difference).min_by(|a, b| a.abs().total_cmp(&b.abs()));
        return [f64::INFINITY, nearest.unwrap_or_default() / sigma / sigma, precision];
    }
    let share = |term: &Label| (term.log - greatest).exp();
    // a share of 0 of an infinite number would not be a number
    let near = || terms.iter().filter(|term| share(term) > 0.0);
    let sum: f64 = near().map(share).sum();
    let mean: f64 = near().map(|term| share(term) / sum * term.difference).sum();
    let deviation = |term: &Label| (term.difference - mean) / sigma;
    let variance: f64 = near().map(|term| share(term) / sum * deviation(term).powi(2)).sum();
    [-greatest - sum.ln(), mean / sigma / sigma, (1.0 - variance) * precision]
}

impl<T: Number> Labels<'_, T> {
    /// Where the labels of a pair are.
    fn indices(&self, pair: usize) -> impl Iterator<Item = usize> + use<T> {
        let (begin, end, step) = match self.layout {
            Layout::Dense { n_pairs } => (pair, self.values.len(), n_pairs),
            Layout::Ragged { offsets } => (offsets[pair] as usize, offsets[pair + 1] as usize, 1),
        };
        (begin..end).step_by(step)
    }

    /// A label and its weight.
    fn checked(&self, index: usize) -> Result<(f64, f64)> {
        let label = self.values[index].to_f64();
        if !label.is_finite() {
            return Err(Error::NonFinite { what: "labels", position: self.position(index), value: label });
        }
        let weight = self.weights.map_or(1.0, |weights| weights[index].to_f64());
        if !weight.is_finite() {
            return Err(Error::NonFinite { what: "label_weights", position: self.position(index), value: weight });
        }
        if weight < 0.0 {
            let (position, requirement) = (self.position(index), "0 or more");
            return Err(Error::Domain { what: "label_weights", position, value: weight, requirement });
        }
        Ok((label, weight))
    }

    fn position(&self, index: usize) -> Vec<usize> {
        match self.layout {
            Layout::Dense { n_pairs } => vec![index / n_pairs, index % n_pairs],
            Layout::Ragged { .. } => vec![index],
        }
    }

    fn weightless(&self, pair: usize) -> Error {
        let reason = format!("those of pair {pair} are all 0; give one above 0, or leave the pair out");
        Error::NoData { what: "label_weights", reason }
    }
}

/// The first of the offsets that is at fault: each is to be above the one before.
pub(super) fn offsets_error(offsets: &[i64]) -> Error {
    for (pair, ends) in offsets.windows(2).enumerate() {
        if ends[1] == ends[0] {
            return Error::NoData { what: "offsets", reason: format!("pair {pair} has no label; leave the pair out") };
        }
        if ends[1] < ends[0] {
            return decreasing(pair + 1, ends[1]);
        }
    }
    decreasing(0, offsets.first().copied().unwrap_or_default())
}

fn decreasing(place: usize, value: i64) -> Error {
    let requirement = "above the one before, from 0 to the number of labels";
    Error::Domain { what: "offsets", position: vec![place], value: value as f64, requirement }
}
