//! What to solve, and how.

use crate::error::{Error, Result};
use crate::least_squares::predictions::check_magnitudes;

/// How the optimum is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Solver {
    /// An active-set method on the models that matter, with column generation over all of them: exact.
    WorkingSet,
    /// Accelerated projected gradients over all models.
    ProjectedGradient,
}

/// What to solve, and how far.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// How the optimum is found.
    pub solver: Solver,
    /// The optimum nearest to these weights is returned, (n_models,), on the simplex; `None` means uniform.
    pub reference: Option<&'a [f64]>,
    /// Some optimum with few models is returned instead: the tie is broken elsewhere.
    pub vertex: bool,
    /// Ridge on the weights, at least 0.
    pub l2: f64,
    /// Linear price of each model, (n_models,).
    pub cost: Option<&'a [f64]>,
    /// Largest gap relative to the median objective of a model alone, prices counted from the lowest.
    pub tol: f64,
    /// Models that are likely to have weight, such as the `vertex` of a similar problem.
    pub start: &'a [usize],
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self { solver: Solver::WorkingSet, reference: None, vertex: false, l2: 0.0, cost: None, tol: 1e-12, start: &[] }
    }
}

impl Options<'_> {
    /// Refuse what does not fit a pool of so many models.
    pub(super) fn check(&self, n_models: usize) -> Result<()> {
        for (what, values) in [("reference", self.reference), ("cost", self.cost)] {
            let Some(values) = values else { continue };
            if values.len() != n_models {
                let (expected, got) = (format!("{n_models} values, one a model"), format!("{}", values.len()));
                return Err(Error::Shape { what, expected, got });
            }
            check_magnitudes(what, values, None)?;
        }
        let domain = |what, value, requirement| Err(Error::Domain { what, position: vec![], value, requirement });
        if !(self.l2 >= 0.0 && self.l2.is_finite()) {
            return domain("l2", self.l2, "finite and at least 0");
        }
        if !(self.tol > 0.0 && self.tol.is_finite()) {
            return domain("tol", self.tol, "finite and greater than 0");
        }
        if let Some(position) = self.start.iter().position(|&model| model >= n_models) {
            return Err(Error::Index { what: "start", position, index: self.start[position], length: n_models });
        }
        Ok(())
    }
}

/// Refuse weights that are not at least 0, one a model, with a sum above 0.
pub(crate) fn check_weights(what: &'static str, weights: &[f64], n_models: usize) -> Result<()> {
    if weights.len() != n_models {
        let (expected, got) = (format!("{n_models} values, one a model"), format!("{}", weights.len()));
        return Err(Error::Shape { what, expected, got });
    }
    check_magnitudes(what, weights, None)?;
    let domain = |position, value, requirement| Err(Error::Domain { what, position, value, requirement });
    if let Some(at) = weights.iter().position(|&weight| weight < 0.0) {
        return domain(vec![at], weights[at], "at least 0");
    }
    match weights.iter().sum::<f64>() {
        total if total > 0.0 => Ok(()),
        total => domain(vec![], total, "greater than 0 in sum"),
    }
}

#[cfg(test)]
mod tests {
    use super::check_weights;

    #[test]
    fn weights_that_fit_pass_and_others_are_refused_by_place() {
        assert!(check_weights("weights", &[0.0, 0.5], 2).is_ok());
        for (weights, message) in [
            (vec![1.0], "weights: expected 2 values, one a model, got 1"),
            (vec![0.5, f64::NAN], "weights[1] is nan; it must be finite"),
            (vec![2.0, -1.0], "weights[1] is -1.0; it must be at least 0"),
            (vec![0.0, 0.0], "weights is 0.0; it must be greater than 0 in sum"),
        ] {
            assert_eq!(check_weights("weights", &weights, 2).map_err(|error| error.to_string()), Err(message.into()));
        }
    }
}
