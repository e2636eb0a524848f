//! All weights that give one mixture of rows: what ties are to any problem whose optimal mixture is unique.

use crate::error::Result;
use crate::least_squares::face::{Face, blends};
use crate::least_squares::nearest::nearest;
use crate::least_squares::predictions::Predictions;
use crate::parallel::Execution;

/// The weights on the simplex whose mixture of some rows is that of weights which are known.
pub(crate) struct Mixtures<'a> {
    rows: &'a dyn Predictions,
    weights: &'a [f64],
    face: Face,
    dependent: f64,
    /// Passes over the rows.
    pub(crate) passes: usize,
}

impl<'a> Mixtures<'a> {
    /// With the mixture that `weights` give, (n_models,). The rows are known to the fraction `dependent` of their length, which
    /// is around 1.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`].
    pub(crate) fn new(
        rows: &'a dyn Predictions,
        weights: &'a [f64],
        dependent: f64,
        execution: &Execution,
    ) -> Result<Self> {
        let all = (0..rows.n_models()).collect();
        let (models, dimension, passes) = blends(rows, all, weights, 1.0, dependent, execution)?;
        Ok(Self { rows, weights, face: Face { models, dimension, reduced_cost: 0.0, exact: false }, dependent, passes })
    }

    /// The models that have weight in one of them, ascending.
    pub(crate) fn models(&self) -> &[usize] {
        &self.face.models
    }

    /// Dimension of the set: 0 if there is one only.
    pub(crate) fn dimension(&self) -> usize {
        self.face.dimension
    }

    /// The ones nearest to `reference`, and whether their mixture is the same to rounding.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`].
    pub(crate) fn nearest(&mut self, reference: &[f64], execution: &Execution) -> Result<(Vec<f64>, bool)> {
        let nearest = nearest(self.rows, None, self.weights, &self.face, reference, self.dependent, execution)?;
        self.passes += nearest.passes;
        let fits = nearest.fits();
        Ok((nearest.weights, fits))
    }
}
