//! The Newton system of a dual at some weights: those at weights of nearly the same support follow from it.

use std::sync::Arc;

use crate::error::Result;
use crate::least_squares::cholesky::Cholesky;
use crate::least_squares::predictions::Predictions;
use crate::least_squares::scatter::Scatter;
use crate::parallel::Execution;

/// Where more than this part of the models comes or goes, the system is made anew.
const NEAR: f64 = 0.125;

/// The scatter of the models with weight, without ridge, and its factor; the predictions are seen in their coordinates.
#[derive(Clone)]
pub(super) struct KnownSystem {
    support: Vec<bool>,
    scatter: Scatter,
    factor: Arc<Cholesky>,
}

impl KnownSystem {
    /// `None` where the numbers overflow.
    pub(super) fn of(
        predictions: &dyn Predictions,
        weights: &[f64],
        centre: &[f64],
        execution: &Execution,
    ) -> Result<Option<Self>> {
        let scatter = Scatter::of(predictions, weights, centre, execution)?;
        let factor = Cholesky::new(&scatter.matrix(), centre.len(), 0.0, execution)?.map(Arc::new);
        let support = weights.iter().map(|&weight| weight > 0.0).collect();
        Ok(factor.map(|factor| Self { support, scatter, factor }))
    }

    /// The same without one of the models; `None` where the numbers overflow.
    pub(super) fn without(
        &self,
        predictions: &dyn Predictions,
        model: usize,
        execution: &Execution,
    ) -> Result<Option<Self>> {
        let mut less = self.clone();
        if less.support.remove(model) {
            less.scatter.add(-1.0, predictions, &[model], execution)?;
            let Some(factor) = Cholesky::new(&less.scatter.matrix(), self.centre().len(), 0.0, execution)? else {
                return Ok(None);
            };
            less.factor = Arc::new(factor);
        }
        Ok(Some(less))
    }

    /// What the sums are taken around.
    pub(super) fn centre(&self) -> &[f64] {
        &self.scatter.centre
    }

    /// Whether all models with weight here have weight there.
    pub(super) fn is_within(&self, weights: &[f64]) -> bool {
        self.support.iter().zip(weights).all(|(&within, &weight)| !within || weight > 0.0)
    }

    /// The system at other weights; `None` if it is not near, or overflows.
    pub(super) fn near(
        &self,
        predictions: &dyn Predictions,
        weights: &[f64],
        damping: f64,
        execution: &Execution,
    ) -> Result<Option<Arc<Cholesky>>> {
        let (mut come, mut gone) = (Vec::new(), Vec::new());
        for (model, (&within, &weight)) in self.support.iter().zip(weights).enumerate() {
            match (within, weight > 0.0) {
                (false, true) => come.push(model),
                (true, false) => gone.push(model),
                _ => {}
            }
        }
        let changed = come.len() + gone.len();
        if changed == 0 {
            return Ok(Some(self.factor.clone()));
        }
        if changed as f64 > NEAR * weights.len() as f64 {
            return Ok(None);
        }
        let mut scatter = self.scatter.clone();
        scatter.add(1.0, predictions, &come, execution)?;
        scatter.add(-1.0, predictions, &gone, execution)?;
        Ok(Cholesky::new(&scatter.matrix(), self.centre().len(), damping, execution)?.map(Arc::new))
    }
}
