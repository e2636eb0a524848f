//! The sum-Gaussian loss of predictions, with its slope and its curvature by the prediction: what models are trained on.
//!
//! For a prediction and the labels `y_i` of its pair, with weights `u_i`, the loss is
//! `-log sum_i u_i exp(-(pred - y_i)^2 / (2 sigma^2))`. Pairs are the lanes of vectors, and the labels of a pair are added in
//! their order, so that a pair has the same bits wherever it lies and however many threads there are. All of it takes one
//! pass over the labels; what is at fault in them shows in the sums, and is looked for only then.

mod block;
mod careful;
mod dense;
mod few;
mod numbers;
mod ragged;
mod registers;
mod run;
mod shares;
#[cfg(test)]
mod tests;
mod tile;
mod vectors;

use crate::error::{Error, Result};
use crate::kernels::InstructionSet;
use crate::parallel::Execution;

pub use numbers::Number;
use run::Loss;
use shares::Width;

/// Labels of every pair, and their weights.
#[derive(Debug, Clone, Copy)]
pub struct Labels<'a, T> {
    /// One number a label.
    pub values: &'a [T],
    /// As many, 0 or more, those of a pair not all 0; `None`: all are 1.
    pub weights: Option<&'a [T]>,
    /// Which label belongs to which pair.
    pub layout: Layout<'a>,
}

/// Which label belongs to which pair.
#[derive(Debug, Clone, Copy)]
pub enum Layout<'a> {
    /// A row-major matrix (n_labels, n_pairs).
    Dense {
        /// Its columns.
        n_pairs: usize,
    },
    /// The labels of one pair after those of another.
    Ragged {
        /// `n_pairs + 1` of them: where the labels of each pair begin, and where the last ends.
        offsets: &'a [i64],
    },
}

/// What is computed.
#[derive(Debug)]
pub struct Outputs<'a, T> {
    /// The loss.
    pub loss: Losses<'a, T>,
    /// Its derivative by every prediction.
    pub slope: Option<&'a mut [T]>,
    /// Its second derivative by every prediction.
    pub curvature: Option<&'a mut [T]>,
}

/// Where losses go.
#[derive(Debug)]
pub enum Losses<'a, T> {
    /// One number a prediction.
    Each(&'a mut [T]),
    /// The sum over the pairs of each model, times a number.
    ///
    /// It is summed in float64: over the pairs of a block, each eighth together, then over blocks in their order.
    Total {
        /// One number a model.
        sums: &'a mut [f64],
        /// The number; derivatives are those of the sum, so that it multiplies them too.
        scale: f64,
    },
}

impl<T> Losses<'_, T> {
    fn scale(&self) -> f64 {
        match self {
            Self::Each(_) => 1.0,
            Self::Total { scale, .. } => *scale,
        }
    }
}

/// The loss of every prediction or its sum, and where asked for its slope and its curvature.
///
/// `pred` and the outputs of every prediction are row-major (n_models, n_pairs); sigma is the width of the Gaussians, in the unit of predictions
/// and labels. float64 is within 1e-13 of `max(1, |loss|)`, float32 within some units of its last place. A prediction
/// that is NaN gives NaN, an infinite one an infinite loss.
///
/// # Errors
/// Lengths that disagree, sigma not above 0, a pair without labels, offsets that do not run from 0 to the number of labels, a
/// label or a weight that is not finite, a weight below 0, weights of a pair that are all 0, an interrupt.
///
/// ```
/// use hemicycle_core::Execution;
/// use hemicycle_core::kernels::InstructionSet;
/// use hemicycle_core::losses::{Labels, Layout, Losses, Outputs, sum_gaussian_loss};
///
/// let labels = Labels { values: &[1.0, -1.0], weights: None, layout: Layout::Dense { n_pairs: 1 } };
/// let (mut loss, mut slope) = ([0.0], [1.0]);
/// let outputs = Outputs { loss: Losses::Each(&mut loss), slope: Some(&mut slope), curvature: None };
/// sum_gaussian_loss(&[0.0], &labels, 0.5, InstructionSet::detect(), &Execution::default(), outputs)?;
/// assert!((loss[0] - (2.0 - 2.0_f64.ln())).abs() < 1e-14 && slope[0].abs() < 1e-14);
/// # Ok::<(), hemicycle_core::Error>(())
/// ```
pub fn sum_gaussian_loss<T: Number>(
    pred: &[T],
    labels: &Labels<'_, T>,
    sigma: f64,
    set: InstructionSet,
    execution: &Execution,
    outputs: Outputs<'_, T>,
) -> Result<()> {
    let n_pairs = labels.check()?;
    check_sigma(sigma)?;
    check_lengths(pred, n_pairs, &outputs)?;
    if pred.is_empty() {
        if let Losses::Total { sums, .. } = outputs.loss {
            sums.fill(0.0);
        }
        return Ok(());
    }
    let loss = Loss { labels, n_pairs, sigma, width: Width::new(sigma, outputs.loss.scale()), set, execution };
    execution.install(|| loss.all(pred, outputs))
}

impl<T: Number> Labels<'_, T> {
    /// The number of pairs, from lengths that agree.
    fn check(&self) -> Result<usize> {
        let n_labels = self.values.len();
        if let Some(weights) = self.weights.filter(|weights| weights.len() != n_labels) {
            return Err(shape("label_weights", n_labels, weights.len()));
        }
        let offsets = match self.layout {
            Layout::Dense { n_pairs } if n_pairs == 0 || (n_labels > 0 && n_labels.is_multiple_of(n_pairs)) => {
                return Ok(n_pairs);
            }
            Layout::Dense { n_pairs } => {
                let expected = format!("a row or more of {n_pairs} numbers");
                return Err(Error::Shape { what: "labels", expected, got: n_labels.to_string() });
            }
            Layout::Ragged { offsets } => offsets,
        };
        let ends = [offsets.first(), offsets.last()];
        let refused = |position: usize, value: i64, requirement: &'static str| {
            Err(Error::Domain { what: "offsets", position: vec![position], value: value as f64, requirement })
        };
        match ends {
            [Some(0), Some(last)] if usize::try_from(*last) == Ok(n_labels) => Ok(offsets.len() - 1),
            [Some(0), Some(last)] => refused(offsets.len() - 1, *last, "the number of labels"),
            [Some(first), _] => refused(0, *first, "0, where the labels of the first pair begin"),
            [None, _] => Err(shape("offsets", 1, 0)),
        }
    }
}

fn check_sigma(sigma: f64) -> Result<()> {
    if !sigma.is_finite() {
        return Err(Error::NonFinite { what: "sigma", position: vec![], value: sigma });
    }
    if sigma <= 0.0 {
        return Err(Error::Domain { what: "sigma", position: vec![], value: sigma, requirement: "above 0" });
    }
    Ok(())
}

fn check_lengths<T>(pred: &[T], n_pairs: usize, outputs: &Outputs<'_, T>) -> Result<()> {
    let whole = if n_pairs == 0 { pred.is_empty() } else { pred.len().is_multiple_of(n_pairs) };
    if !whole {
        let expected = format!("rows of {n_pairs} numbers, one a pair");
        return Err(Error::Shape { what: "pred", expected, got: pred.len().to_string() });
    }
    let (losses, expected) = match &outputs.loss {
        Losses::Each(losses) => (losses.len(), pred.len()),
        Losses::Total { sums, .. } => (sums.len(), pred.len().checked_div(n_pairs).unwrap_or(sums.len())),
    };
    if losses != expected {
        return Err(shape("loss", expected, losses));
    }
    for (what, output) in [("slope", &outputs.slope), ("curvature", &outputs.curvature)] {
        if let Some(output) = output.as_ref().filter(|output| output.len() != pred.len()) {
            return Err(shape(what, pred.len(), output.len()));
        }
    }
    Ok(())
}

fn shape(what: &'static str, expected: usize, got: usize) -> Error {
    Error::Shape { what, expected: format!("{expected} numbers"), got: got.to_string() }
}
