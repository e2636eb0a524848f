//! Where a dual stands: variables, the values that are projected, and the weights that come of them.

use crate::error::Result;
use crate::lanes::{add_scaled, dot};
use crate::least_squares::passes;
use crate::least_squares::predictions::Predictions;
use crate::least_squares::threshold::{clip, threshold};
use crate::parallel::Execution;

/// Where the dual of a problem without ridge stands, for similar problems to start from.
pub(super) struct Start {
    z: Vec<f64>,
    values: Vec<f64>,
    level: f64,
    weights: Vec<f64>,
    fit: Vec<f64>,
}

/// Where the dual stands.
pub(super) struct Point {
    pub(super) z: Vec<f64>,
    /// `a + Z z`.
    pub(super) values: Vec<f64>,
    pub(super) level: f64,
    pub(super) weights: Vec<f64>,
    pub(super) residual: Vec<f64>,
}

/// A point along a direction.
pub(super) struct Trial {
    pub(super) step: f64,
    pub(super) values: Vec<f64>,
    pub(super) level: f64,
    pub(super) weights: Vec<f64>,
}

impl Trial {
    pub(super) fn of(point: &Point, change: &[f64], step: f64) -> Self {
        let mut values = point.values.clone();
        add_scaled(&mut values, step, change);
        let level = threshold(&values, point.level);
        let weights = clip(&values, level);
        Self { step, values, level, weights }
    }
}

impl Start {
    /// From the dual variables of a problem with the same predictions.
    pub(super) fn of(predictions: &dyn Predictions, anchor: &[f64], z: &[f64], execution: &Execution) -> Result<Self> {
        let mut values = passes::times(predictions, z, execution)?;
        add_scaled(&mut values, 1.0, anchor);
        let level = threshold(&values, 0.0);
        let weights = clip(&values, level);
        let fit = passes::mix(predictions, &weights, execution)?;
        Ok(Self { z: z.to_vec(), values, level, weights, fit })
    }

    /// The dual variables.
    pub(super) fn z(&self) -> &[f64] {
        &self.z
    }

    pub(super) fn towards(&self, target: &[f64]) -> Point {
        let Self { z, values, level, weights, fit } = self;
        let mut residual = fit.clone();
        add_scaled(&mut residual, -1.0, target);
        Point { z: z.clone(), values: values.clone(), level: *level, weights: weights.clone(), residual }
    }
}

impl Point {
    pub(super) fn size(&self) -> f64 {
        dot(&self.residual, &self.residual).sqrt()
    }
}
