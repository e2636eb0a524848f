//! Least squares over the simplex: `min |sum_d w_d x_d - y|^2 + l2 |w|^2 + cost . w` with `w >= 0`, `sum w = 1`.
//!
//! All models are read in passes; an exact active-set method works on the few that matter, and every answer carries a
//! certificate: with g half the gradient, `gap = 2 sum_d w_d (g_d - min g)` is at least the distance of the objective from its
//! minimum, because the objective is convex.

mod certificate;
mod compact;
mod corral;
mod dual;
mod face;
mod facial;
mod gram;
mod lanes;
mod orthonormal;
mod pairs;
mod passes;
mod predictions;
mod pricing;
mod threshold;
mod working_set;

use crate::error::{Error, Result};
use crate::parallel::Execution;
use crate::simplex::project_simplex;
use certificate::{Certificate, Problem, longest};
use compact::Compact;
use dual::Dual;
use face::Nearest;

pub use pairs::{PairDifferences, WeightedPairs};
pub use predictions::{Dense, Predictions};

/// Above so many coordinates a model, the rows are turned into their own span first.
const COMPACT: usize = 2;

/// What to solve, and how far.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// The optimum nearest to these weights is returned, (n_models,), on the simplex; `None` means uniform.
    pub reference: Option<&'a [f64]>,
    /// Ridge on the weights, at least 0.
    pub l2: f64,
    /// Linear price of each model, (n_models,).
    pub cost: Option<&'a [f64]>,
    /// Largest gap relative to the median objective of a model alone, prices counted from the lowest.
    pub tol: f64,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self { reference: None, l2: 0.0, cost: None, tol: 1e-12 }
    }
}

/// Weights and their certificate.
#[derive(Debug, Clone, PartialEq)]
pub struct Solution {
    /// Weights on the simplex, (n_models,).
    pub weights: Vec<f64>,
    /// The objective at the weights.
    pub objective: f64,
    /// The objective is at most this far above its minimum.
    pub gap: f64,
    /// The gap in units of the median objective of a model alone, prices counted from the lowest; 0 if both are 0.
    pub relative_gap: f64,
    /// Passes over all models.
    pub passes: usize,
    /// Why these weights, among all optimal ones.
    pub reason: &'static str,
}

/// Solve to the certificate.
///
/// # Errors
/// [`Error::Shape`], [`Error::NonFinite`] and [`Error::Domain`] for options that do not fit the predictions;
/// [`Error::NotConverged`] with the best weights if rounding ends progress before the gap is small enough;
/// [`Error::Interrupted`].
///
/// ```
/// use hemicycle_core::Execution;
/// use hemicycle_core::least_squares::{Dense, Options, solve};
/// let models = Dense::new(&[0.0, 2.0, 4.0], &[1.0], 3)?;
/// let solution = solve(&models, &Options::default(), &Execution::default())?;
/// assert!(solution.relative_gap <= 1e-12);
/// # Ok::<(), hemicycle_core::Error>(())
/// ```
pub fn solve(predictions: &dyn Predictions, options: &Options<'_>, execution: &Execution) -> Result<Solution> {
    check(options, predictions.n_models())?;
    if predictions.n_coordinates() <= COMPACT * predictions.n_models() {
        return solve_as_given(predictions, options, execution);
    }
    let compact = solve_as_given(&Compact::new(predictions, execution)?, options, execution)?;
    let mut problem = Problem::new(predictions, options.l2, options.cost, options.tol, execution)?;
    problem.passes += compact.passes + 1;
    finish(&mut problem, compact.weights, compact.reason, execution)
}

fn solve_as_given(predictions: &dyn Predictions, options: &Options<'_>, execution: &Execution) -> Result<Solution> {
    let mut problem = Problem::new(predictions, 0.0, options.cost, options.tol, execution)?;
    let (weights, certificate) = pricing::vertex(&mut problem, execution)?;
    if options.l2 > 0.0 {
        problem.l2 = options.l2;
        return ridge(&mut problem, weights, &certificate, execution);
    }
    if !problem.accepts(&certificate) {
        return Err(not_converged(&problem, "simplex_least_squares", weights, certificate.gap));
    }
    let uniform = vec![1.0 / predictions.n_models() as f64; predictions.n_models()];
    let reference = options.reference.unwrap_or(&uniform);
    let face = face::models(&problem, &weights, &certificate);
    let nearest = face::nearest(&mut problem, &weights, face, reference, execution)?;
    if let Nearest::Unique = nearest {
        return Ok(solution(&problem, weights, certificate, "the optimum is unique"));
    }
    if let Nearest::Weights(nearest) = nearest {
        match finish(&mut problem, nearest, "nearest to the reference among the optima", execution) {
            Err(Error::NotConverged { .. }) => {}
            finished => return finished,
        }
    }
    if problem.unit() == 0.0 {
        return exact_fits(&mut problem, reference, execution);
    }
    Err(not_converged(&problem, "the tie-break of simplex_least_squares", weights, certificate.gap))
}

fn check(options: &Options<'_>, n_models: usize) -> Result<()> {
    for (what, values) in [("reference", options.reference), ("cost", options.cost)] {
        let Some(values) = values else { continue };
        if values.len() != n_models {
            let (expected, got) = (format!("{n_models} values, one a model"), format!("{}", values.len()));
            return Err(Error::Shape { what, expected, got });
        }
        predictions::check_magnitudes(what, values, None)?;
    }
    let domain = |what, value, requirement| Err(Error::Domain { what, position: vec![], value, requirement });
    if !(options.l2 >= 0.0 && options.l2.is_finite()) {
        return domain("l2", options.l2, "finite and at least 0");
    }
    if !(options.tol > 0.0 && options.tol.is_finite()) {
        return domain("tol", options.tol, "finite and greater than 0");
    }
    Ok(())
}

/// The ridge problem, by its dual around the fit `certificate.residual` of `plain`, the weights without ridge: the anchor
/// falls with the slopes there, so that the dual variables stay small however small the ridge is. Where even the slopes'
/// rounding is large beside the ridge, the weights without it are as good.
fn ridge(
    problem: &mut Problem<'_>,
    plain: Vec<f64>,
    certificate: &Certificate,
    execution: &Execution,
) -> Result<Solution> {
    let least = certificate.slopes.iter().copied().fold(f64::INFINITY, f64::min);
    let anchor: Vec<f64> = certificate.slopes.iter().map(|slope| (least - slope) / problem.l2).collect();
    let dual = Dual {
        predictions: problem.predictions,
        anchor: &anchor,
        ridge: problem.l2,
        target: &certificate.residual,
        length: problem.typical_length(),
        longest: longest(&problem.lengths),
    };
    let (weights, residual, passes) = dual.solve(execution)?;
    problem.passes += passes;
    let certified = match residual {
        f64::INFINITY => Err(not_converged(problem, "simplex_least_squares", plain.clone(), f64::INFINITY)),
        _ => finish(problem, weights, "the ridge makes the optimum unique", execution),
    };
    match certified {
        Err(uncertified @ Error::NotConverged { .. }) => {
            finish(problem, plain, "the ridge is below rounding", execution).or(Err(uncertified))
        }
        certified => certified,
    }
}

/// More than half of the models fit exactly, and so must the answer: the weights nearest to the reference among those
/// that use only such models.
fn exact_fits(problem: &mut Problem<'_>, reference: &[f64], execution: &Execution) -> Result<Solution> {
    let fits: Vec<usize> = (0..problem.n_models()).filter(|&d| problem.lengths[d] == 0.0).collect();
    let values: Vec<f64> = fits.iter().map(|&d| reference[d]).collect();
    let mut weights = vec![0.0; problem.n_models()];
    for (&d, weight) in fits.iter().zip(project_simplex(&values, values.len(), execution)?) {
        weights[d] = weight;
    }
    finish(problem, weights, "nearest to the reference among the models that fit exactly", execution)
}

/// Certify the weights that are returned, as they are returned.
fn finish(
    problem: &mut Problem<'_>,
    mut weights: Vec<f64>,
    reason: &'static str,
    execution: &Execution,
) -> Result<Solution> {
    let certificate = problem.certify(&mut weights, execution)?;
    if !problem.accepts(&certificate) {
        return Err(not_converged(problem, "simplex_least_squares", weights, certificate.gap));
    }
    Ok(solution(problem, weights, certificate, reason))
}

fn solution(problem: &Problem<'_>, weights: Vec<f64>, certificate: Certificate, reason: &'static str) -> Solution {
    let Certificate { objective, gap, .. } = certificate;
    let relative_gap = if gap == 0.0 { 0.0 } else { gap / problem.unit() };
    Solution { weights, objective, gap, relative_gap, passes: problem.passes, reason }
}

fn not_converged(problem: &Problem<'_>, what: &'static str, weights: Vec<f64>, gap: f64) -> Error {
    Error::NotConverged { what, passes: problem.passes, gap, tol: problem.tolerance(), weights }
}
