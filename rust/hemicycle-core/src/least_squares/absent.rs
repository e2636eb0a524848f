//! What is taken out of a whole problem, and what that changes in losses and slopes.

use crate::lanes::dot;
use crate::least_squares::certificate::{longest, median};
use crate::least_squares::downdate::Downdate;
use crate::least_squares::left_out::{Whole, Without};
use crate::least_squares::pairs::WeightedPairs;
use crate::least_squares::predictions::Predictions;

/// Losses below this part of those that they are computed from by subtraction have lost too many digits.
pub(super) const CANCELLED: f64 = 1e-3;

/// A model whose loss is so many times the median one may have slopes whose rounding is as large as the tolerance.
const WILD: f64 = 1e6;

/// What is taken out of the loss, or of the pool.
pub(super) struct Absent<'a> {
    /// Positions of labels, ascending.
    labels: &'a [usize],
    /// Their pairs, with the sum of the weights and the mean of the labels that are absent.
    pairs: Vec<(u32, u32, f64, f64)>,
    /// The loss of the labels around those means.
    within: f64,
    /// The same pairs over deviations.
    pub(super) terms: Downdate,
    pub(super) model: Option<usize>,
}

impl<'a> Absent<'a> {
    pub(super) fn of<T: Copy + Into<f64> + Send + Sync>(whole: &Whole<'_, T>, without: Without<'a>) -> Self {
        let (labels, model) = match without {
            Without::Labels(labels) => (labels, None),
            Without::Model(model) => (Default::default(), Some(model)),
        };
        let mut absent = Self { labels, pairs: vec![], within: 0.0, terms: Downdate::default(), model };
        let WeightedPairs { a, b, weight, y } = whole.labels;
        for group in labels.chunk_by(|&i, &j| (a[i], b[i]) == (a[j], b[j])) {
            let total: f64 = group.iter().map(|&i| weight[i]).sum();
            let mean = group.iter().map(|&i| weight[i] / total * y[i]).sum::<f64>();
            absent.within += group.iter().map(|&i| weight[i] * (y[i] - mean).powi(2)).sum::<f64>();
            absent.pairs.push((a[group[0]], b[group[0]], total, mean));
        }
        for &(a, b, weight, mean) in &absent.pairs {
            let form = whole.models.form();
            let mut row = vec![0.0; form.columns.len()];
            let mut target = mean;
            for (item, sign) in [(a, -1.0), (b, 1.0)] {
                if let Some(column) = whole.column_of(item) {
                    row[column] = sign * weight.sqrt();
                    target -= sign * form.centre[column];
                }
            }
            form.pull_back(&mut row);
            absent.terms.rows.extend(row);
            absent.terms.targets.push(weight.sqrt() * target);
        }
        absent
    }

    /// The loss of a mixture with these coordinates at the labels that are left.
    pub(super) fn loss_at<T: Copy + Into<f64> + Send + Sync>(&self, whole: &Whole<'_, T>, coordinates: &[f64]) -> f64 {
        let WeightedPairs { a, b, weight, y } = whole.labels;
        let centre = &whole.models.form().centre;
        let logit = |item: u32| whole.column_of(item).map_or(0.0, |column| centre[column] + coordinates[column]);
        let mut absent = self.labels.iter().peekable();
        let left = (0..y.len()).filter(|i| absent.next_if_eq(&i).is_none());
        left.map(|i| weight[i] * (y[i] - (logit(b[i]) - logit(a[i]))).powi(2)).sum()
    }

    /// The vector whose products with the coordinates of the models are their slopes, up to what all share, at a mixture
    /// of deviation `residual`.
    pub(super) fn gradient<T: Copy + Into<f64> + Send + Sync>(
        &self,
        whole: &Whole<'_, T>,
        residual: &[f64],
    ) -> Vec<f64> {
        let mut gradient = self.terms.gradient(residual);
        whole.models.pull(&mut gradient);
        gradient
    }

    /// What those products say about the mixture `weights`, by model.
    pub(super) fn price<T: Copy + Into<f64> + Send + Sync>(
        &self,
        whole: &Whole<'_, T>,
        residual: &[f64],
        products: Vec<f64>,
        weights: impl Iterator<Item = (usize, f64)>,
    ) -> Priced {
        // Slopes are counted like losses: the product of the errors of a model with those of the mixture.
        let constant = whole.problem.predictions.constant() - self.within;
        let shift = constant + dot(&self.terms.terms(residual), &self.terms.targets);
        let mut slopes = products;
        slopes.iter_mut().for_each(|slope| *slope += shift);
        if let Some(model) = self.model {
            slopes[model] = f64::INFINITY;
        }
        let least = slopes.iter().copied().fold(f64::INFINITY, f64::min);
        let excess: f64 = weights.map(|(d, weight)| weight * (slopes[d] - least)).sum();
        let objective = self.terms.objective(residual) + constant;
        Priced { slopes, level: least + excess, objective, gap: 2.0 * excess }
    }
}

/// What one pass says about some weights.
pub(super) struct Priced {
    /// Half the gradient; infinite for a model that is absent.
    pub(super) slopes: Vec<f64>,
    /// The mean slope under the weights.
    pub(super) level: f64,
    pub(super) objective: f64,
    pub(super) gap: f64,
}

/// The models that are left, each alone.
pub(super) struct Alone {
    pub(super) losses: Vec<f64>,
    pub(super) median_loss: f64,
    /// The largest gap that counts as solved.
    pub(super) tolerance: f64,
}

impl Alone {
    /// Their losses: those of the whole, less what the absent labels added. `None` where too little is left of them, or
    /// they are too far apart.
    pub(super) fn of<T: Copy + Into<f64> + Send + Sync>(whole: &Whole<'_, T>, absent: &Absent<'_>) -> Option<Self> {
        let constant = whole.problem.predictions.constant() - absent.within;
        let mut losses: Vec<f64> = whole.problem.lengths.iter().map(|length| length + constant).collect();
        for &(a, b, weight, mean) in &absent.pairs {
            for (model, loss) in losses.iter_mut().enumerate() {
                let error = whole.models.log_ratio(model, a, b) - mean;
                *loss -= weight * error * error;
            }
        }
        if let Some(model) = absent.model {
            losses.remove(model);
        }
        let median_loss = median(&losses);
        let enough = median_loss > CANCELLED * whole.problem.median_loss; // NaN is not
        let wild = longest(&losses) > WILD * median_loss;
        (enough && !wild).then_some(Self { losses, median_loss, tolerance: whole.tol * median_loss })
    }
}
