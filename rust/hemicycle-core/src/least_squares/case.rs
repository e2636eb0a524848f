//! One of many problems that are a small change of a whole one.

use crate::error::Result;
use crate::lanes::dot;
use crate::least_squares::Solution;
use crate::least_squares::certificate::median;
use crate::least_squares::face::{FLAT, ROUNDING};
use crate::least_squares::left_out::{Absent, Judged, Whole};
use crate::least_squares::predictions::Predictions;
use crate::least_squares::pricing::{MASTER_SHARE, MIN_GATHERED, gather, least};
use crate::least_squares::working_set::WorkingSet;
use crate::parallel::Execution;
use crate::simplex::normalise;

/// Losses below this part of those that they are computed from by subtraction have lost too many digits.
pub(super) const CANCELLED: f64 = 1e-3;
/// Residuals below this part of a typical loss may be 0 in truth.
const NEARLY_EXACT: f64 = 1e-8;

/// A problem that is being solved.
pub(super) struct Case {
    absent: Absent,
    set: WorkingSet,
    gathered: Vec<bool>,
    /// Losses of the single models that are left.
    losses: Vec<f64>,
    median_loss: f64,
    tolerance: f64,
    passes: usize,
}

impl Case {
    /// `None` for a problem that is too far from the whole one.
    pub(super) fn new<T: Copy + Into<f64> + Send + Sync>(whole: &Whole<'_, T>, absent: Absent) -> Option<Self> {
        let losses = whole.losses(&absent);
        let median_loss = median(&losses);
        let set = whole.set.without(absent.terms.clone(), absent.model);
        if set.is_lost() || median_loss.is_nan() || median_loss <= CANCELLED * whole.median_loss() {
            return None;
        }
        let mut gathered = whole.gathered.clone();
        if let Some(model) = absent.model {
            gathered[model] = true; // and never gathered again
        }
        let tolerance = whole.tol * median_loss;
        Some(Self { absent, set, gathered, losses, median_loss, tolerance, passes: 1 })
    }

    /// Move to the optimum over the models gathered so far; the vector whose products with the coordinates price models.
    pub(super) fn improve<T: Copy + Into<f64> + Send + Sync>(
        &mut self,
        whole: &Whole<'_, T>,
        execution: &Execution,
    ) -> Result<Vec<f64>> {
        self.set.improve(MASTER_SHARE * self.tolerance, execution)?;
        let mut gradient = self.absent.terms.gradient(&self.set.residual());
        whole.models.pull(&mut gradient);
        Ok(gradient)
    }

    /// `products` of every model's coordinates with the gradient.
    pub(super) fn judge<T: Copy + Into<f64> + Send + Sync>(
        mut self,
        whole: &Whole<'_, T>,
        products: Vec<f64>,
    ) -> Judged {
        self.passes += 1;
        let residual = self.set.residual();
        let terms = self.absent.terms.terms(&residual);
        // Slopes are counted like losses: the product of the errors of a model with those of the mixture.
        let constant = whole.problem.predictions.constant() - self.absent.within;
        let shift = constant + dot(&terms, &self.absent.terms.targets);
        let objective = self.absent.terms.objective(&residual) + constant;
        if self.set.is_lost()
            || objective.is_nan()
            || objective <= CANCELLED * whole.objective
            || objective <= NEARLY_EXACT * self.median_loss
        {
            return Judged::Other;
        }
        let mut slopes = products;
        slopes.iter_mut().for_each(|slope| *slope += shift);
        let (models, mut weights): (Vec<usize>, Vec<f64>) = self.set.support().unzip();
        normalise(&mut weights);
        if let Some(model) = self.absent.model {
            slopes[model] = f64::INFINITY;
        }
        let least_slope = slopes.iter().copied().fold(f64::INFINITY, f64::min);
        let excess: f64 = models.iter().zip(&weights).map(|(&d, weight)| weight * (slopes[d] - least_slope)).sum();
        let gap = 2.0 * excess;
        if gap <= self.tolerance {
            return self.conclude(&models, &weights, &slopes, objective, gap);
        }
        let level = least_slope + excess - 0.5 * self.tolerance;
        let count = whole.models.n_coordinates().max(MIN_GATHERED);
        let worst = least(&slopes, count, |d| !self.gathered[d] && slopes[d] < level);
        if worst.is_empty() {
            return Judged::Other;
        }
        gather(&whole.problem, &mut self.set, &mut self.gathered, &worst);
        Judged::Open(Box::new(self))
    }

    /// The solution, if no other model has the slope of the members: these are independent, so no other weights of theirs fit
    /// as well.
    fn conclude(self, models: &[usize], weights: &[f64], slopes: &[f64], objective: f64, gap: f64) -> Judged {
        let residual = objective.sqrt();
        let known = (FLAT * residual).max(ROUNDING * self.median_loss.sqrt());
        let level: f64 = models.iter().zip(weights).map(|(&d, weight)| weight * slopes[d]).sum();
        let is_flat = |d: usize, loss: f64| {
            let distance = (loss - 2.0 * slopes[d] + objective).max(0.0).sqrt();
            slopes[d] - level <= known * distance + 4.0 * f64::EPSILON * residual * loss.sqrt()
        };
        let longest = self.losses.iter().copied().fold(0.0, f64::max).sqrt();
        let near = level + (known + 4.0 * f64::EPSILON * residual) * (longest + residual);
        let mut next = f64::INFINITY;
        for (d, &slope) in slopes.iter().enumerate() {
            if slope <= near && models.contains(&d) {
                continue;
            }
            next = next.min(slope);
            let left = d - usize::from(self.absent.model.is_some_and(|absent| d > absent));
            if slope <= near && is_flat(d, self.losses[left]) {
                return Judged::Other;
            }
        }
        let mut dense = vec![0.0; slopes.len()];
        models.iter().zip(weights).for_each(|(&model, &weight)| dense[model] = weight);
        let mut face = models.to_vec();
        face.sort_unstable();
        Judged::Solved(Box::new(Solution {
            weights: dense,
            objective,
            gap,
            relative_gap: gap / self.median_loss,
            passes: self.passes,
            reason: "the optimum is unique",
            tie_broken: true,
            vertex: face.clone(),
            face,
            face_dimension: 0,
            reduced_cost: 2.0 * (next - level),
        }))
    }
}
