//! One of many problems that are a small change of a whole one.

use crate::error::Result;
use crate::least_squares::absent::{Absent, Alone, CANCELLED, Priced};
use crate::least_squares::face::{FLAT, ROUNDING};
use crate::least_squares::left_out::Whole;
use crate::least_squares::predictions::Predictions;
use crate::least_squares::pricing::{MASTER_SHARE, MIN_GATHERED, gather, least};
use crate::least_squares::working_set::WorkingSet;
use crate::least_squares::{Reason, Solution};
use crate::parallel::Execution;
use crate::simplex::normalise;

/// Residuals below this part of a typical loss may be 0 in truth.
const NEARLY_EXACT: f64 = 1e-8;

/// A problem that is being solved.
pub(super) struct Case<'a> {
    absent: Absent<'a>,
    set: WorkingSet,
    gathered: Vec<bool>,
    alone: Alone,
    passes: usize,
}

/// What a round of pricing says about a problem.
pub(super) enum Judged<'a> {
    /// Other models must be gathered: another round.
    Open(Box<Case<'a>>),
    /// Certified, and the only optimum.
    Solved(Box<Solution>),
    /// To be solved by itself.
    Other,
}

impl<'a> Case<'a> {
    /// `None` for a problem that is too far from the whole one.
    pub(super) fn new<T: Copy + Into<f64> + Send + Sync>(whole: &Whole<'_, T>, absent: Absent<'a>) -> Option<Self> {
        let alone = Alone::of(whole, &absent)?;
        let set = whole.set.without(absent.terms.clone(), absent.model);
        if set.is_lost() {
            return None;
        }
        let mut gathered = whole.gathered.clone();
        if let Some(model) = absent.model {
            gathered[model] = true; // and never gathered again
        }
        Some(Self { absent, set, gathered, alone, passes: 1 })
    }

    /// Move to the optimum over the models gathered so far; the vector whose products with the coordinates price models.
    pub(super) fn improve<T: Copy + Into<f64> + Send + Sync>(
        &mut self,
        whole: &Whole<'_, T>,
        execution: &Execution,
    ) -> Result<Vec<f64>> {
        self.set.improve(MASTER_SHARE * self.alone.tolerance, execution)?;
        Ok(self.absent.gradient(whole, &self.set.residual()))
    }

    /// `products` of every model's coordinates with that vector.
    pub(super) fn judge<T: Copy + Into<f64> + Send + Sync>(
        mut self,
        whole: &Whole<'_, T>,
        products: Vec<f64>,
    ) -> Judged<'a> {
        self.passes += 1;
        let (models, mut weights): (Vec<usize>, Vec<f64>) = self.set.support().unzip();
        normalise(&mut weights);
        let with_weight = models.iter().copied().zip(weights.iter().copied());
        let priced = self.absent.price(whole, &self.set.residual(), products, with_weight);
        let Alone { median_loss, tolerance, .. } = self.alone;
        if self.set.is_lost()
            || priced.objective.is_nan()
            || priced.objective <= CANCELLED * whole.objective
            || priced.objective <= NEARLY_EXACT * median_loss
        {
            return Judged::Other;
        }
        if priced.gap <= tolerance {
            return self.conclude(&models, &weights, &priced);
        }
        let level = priced.level - 0.5 * tolerance;
        let count = whole.models.n_coordinates().max(MIN_GATHERED);
        let worst = least(&priced.slopes, count, |d| !self.gathered[d] && priced.slopes[d] < level);
        if worst.is_empty() {
            return Judged::Other;
        }
        gather(&whole.problem, &mut self.set, &mut self.gathered, &worst);
        Judged::Open(Box::new(self))
    }

    /// The solution, if no other model has the slope of the members: these are independent, so no other weights of theirs fit
    /// as well.
    fn conclude(self, models: &[usize], weights: &[f64], priced: &Priced) -> Judged<'a> {
        let Priced { slopes, level, objective, gap } = priced;
        let (level, objective, gap) = (*level, *objective, *gap);
        let Alone { losses, median_loss, .. } = self.alone;
        let residual = objective.sqrt();
        let known = (FLAT * residual).max(ROUNDING * median_loss.sqrt());
        let is_flat = |d: usize, loss: f64| {
            let distance = (loss - 2.0 * slopes[d] + objective).max(0.0).sqrt();
            slopes[d] - level <= known * distance + 4.0 * f64::EPSILON * residual * loss.sqrt()
        };
        let longest = losses.iter().copied().fold(0.0, f64::max).sqrt();
        let near = level + (known + 4.0 * f64::EPSILON * residual) * (longest + residual);
        let mut next = f64::INFINITY;
        for (d, &slope) in slopes.iter().enumerate() {
            if slope <= near && models.contains(&d) {
                continue;
            }
            next = next.min(slope);
            let left = d - usize::from(self.absent.model.is_some_and(|absent| d > absent));
            if slope <= near && is_flat(d, losses[left]) {
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
            relative_gap: gap / median_loss,
            passes: self.passes,
            reason: Reason::Unique,
            vertex: face.clone(),
            face,
            face_dimension: 0,
            reduced_cost: 2.0 * (next - level),
        }))
    }
}
