//! Least squares over the simplex: `min |sum_d w_d x_d - y|^2 + l2 |w|^2 + cost . w` with `w >= 0`, `sum w = 1`.
//!
//! All models are read in passes; an exact active-set method works on the few that matter, and every answer carries a
//! certificate: with g half the gradient, `gap = 2 sum_d w_d (g_d - min g)` is at least the distance of the objective from its
//! minimum, because the objective is convex.

mod absent;
mod case;
mod certificate;
mod cholesky;
mod compact;
mod corral;
mod downdate;
mod dual;
mod dual_point;
mod face;
mod facial;
mod inside;
mod known_system;
pub(crate) mod laplacian;
mod left_out;
mod mixtures;
mod nearest;
mod options;
mod orthogonal;
mod orthonormal;
mod others;
mod pairs;
mod passes;
mod predictions;
mod pricing;
mod projected_gradient;
mod rank;
mod reason;
mod ridge;
mod scatter;
mod threshold;
mod tie_break;
mod unit;
mod working_set;

use crate::error::{Error, Result};
use crate::parallel::Execution;
use certificate::{Certificate, Problem};
use compact::Compact;
use face::{Face, support};
use tie_break::{break_tie, towards};
use unit::Unit;

pub use left_out::{Without, leave_out};
pub(crate) use mixtures::Mixtures;
pub(crate) use options::check_weights;
pub use options::{Options, Solver};
pub use pairs::{PairDifferences, WeightedPairs};
pub use predictions::{Dense, Predictions};
pub use reason::Reason;

/// Above so many coordinates a model, the rows are turned into their own span first.
const COMPACT: usize = 2;

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
    pub reason: Reason,
    /// Models that have weight in some optimum, ascending.
    pub face: Vec<usize>,
    /// Dimension of the set of optimal weights: 0 if there is one optimum.
    pub face_dimension: usize,
    /// What a unit of weight on the nearest model outside the face adds to the objective, to first order: infinite if
    /// no model is outside.
    pub reduced_cost: f64,
    /// The models of an optimum with few of them, ascending: where to start on a similar problem.
    pub vertex: Vec<usize>,
}

/// Solve to the certificate.
///
/// # Errors
/// [`Error::Shape`], [`Error::NonFinite`], [`Error::Index`] and [`Error::Domain`] for options that do not fit the
/// predictions; [`Error::NotConverged`] with the best weights if rounding ends progress before the gap is small enough;
/// [`Error::Interrupted`].
///
/// ```
/// use hemicycle_core::Execution;
/// use hemicycle_core::least_squares::{Dense, Options, solve};
/// let models = Dense::new(&[0.0, 2.0, 4.0], &[1.0], 3)?;
/// let solution = solve(&models, &Options::default(), &Execution::default())?;
/// assert!(solution.relative_gap <= 1e-12);
/// assert_eq!(solution.face_dimension, 1);
/// # Ok::<(), hemicycle_core::Error>(())
/// ```
pub fn solve(predictions: &dyn Predictions, options: &Options<'_>, execution: &Execution) -> Result<Solution> {
    options.check(predictions.n_models())?;
    let lengths = passes::squared_lengths(predictions, execution)?;
    let Some(unit) = Unit::fitting(predictions, &lengths, options, execution)? else {
        return solve_in_range(predictions, lengths, options, execution);
    };
    let (predictions, cost) = (unit.predictions(predictions), unit.prices(options.cost));
    let lengths = passes::squared_lengths(&predictions, execution)?;
    let options = Options { l2: unit.square(options.l2), cost: cost.as_deref(), ..*options };
    unit.solution(solve_in_range(&predictions, lengths, &options, execution))
}

/// Solve where squares of deviations, of lengths that are known, are doubles.
fn solve_in_range(
    predictions: &dyn Predictions,
    lengths: Vec<f64>,
    options: &Options<'_>,
    execution: &Execution,
) -> Result<Solution> {
    if predictions.n_coordinates() <= COMPACT * predictions.n_models() {
        let problem = Problem::of_lengths(predictions, 0.0, options.cost, options.tol, lengths);
        return solve_as_given(problem, options, execution);
    }
    let rows = Compact::new(predictions, execution)?;
    let compact = Problem::new(&rows, 0.0, options.cost, options.tol, execution)?;
    let compact = solve_as_given(compact, options, execution)?;
    let mut problem = Problem::of_lengths(predictions, options.l2, options.cost, options.tol, lengths);
    problem.passes += compact.passes + 1;
    let Solution { weights, reason, face, face_dimension, reduced_cost, vertex, .. } = compact;
    let optima = Optima { face: Face { models: face, dimension: face_dimension, reduced_cost, exact: false }, vertex };
    let (weights, certificate) = certified(&mut problem, weights, execution)?;
    Ok(solution(&problem, weights, certificate, reason, optima))
}

/// Weights of the caller with their certificate.
#[derive(Debug, Clone, PartialEq)]
pub struct Certified {
    /// The weights, swept of rounding and divided by their sum, (n_models,).
    pub weights: Vec<f64>,
    /// The objective at the weights.
    pub objective: f64,
    /// The objective is at most this far above its minimum.
    pub gap: f64,
    /// The gap in the unit of [`Solution::relative_gap`].
    pub relative_gap: f64,
    /// Passes over all models.
    pub passes: usize,
    /// Whether the weights are those given, or only on the way to them.
    pub whole: bool,
}

/// Certify weights that were found elsewhere, or, where their gap is too large, weights on the way to them from
/// `optimum`, as near as can be certified: solver, reference and start of the options are not used.
///
/// # Errors
/// [`Error::Shape`], [`Error::NonFinite`] and [`Error::Domain`] for weights or options that do not fit the predictions, or
/// weights that are negative or all 0; [`Error::NotConverged`] with the optimum if its own gap is too large;
/// [`Error::Interrupted`].
pub fn certify(
    predictions: &dyn Predictions,
    weights: &[f64],
    optimum: &[f64],
    options: &Options<'_>,
    execution: &Execution,
) -> Result<Certified> {
    options.check(predictions.n_models())?;
    check_weights("weights", weights, predictions.n_models())?;
    check_weights("optimum", optimum, predictions.n_models())?;
    let lengths = passes::squared_lengths(predictions, execution)?;
    let Some(unit) = Unit::fitting(predictions, &lengths, options, execution)? else {
        let problem = Problem::of_lengths(predictions, options.l2, options.cost, options.tol, lengths);
        return certify_in_range(problem, weights, optimum, execution);
    };
    let (predictions, cost) = (unit.predictions(predictions), unit.prices(options.cost));
    let problem = Problem::new(&predictions, unit.square(options.l2), cost.as_deref(), options.tol, execution)?;
    unit.certified(certify_in_range(problem, weights, optimum, execution))
}

fn certify_in_range(
    mut problem: Problem<'_>,
    weights: &[f64],
    optimum: &[f64],
    execution: &Execution,
) -> Result<Certified> {
    let (found, whole) = match try_certified(&mut problem, weights.to_vec(), execution)? {
        Some(found) => (found, true),
        None => (towards(&mut problem, optimum, weights, execution)?, false),
    };
    let (weights, Certificate { objective, gap, .. }) = found;
    Ok(Certified { weights, objective, gap, relative_gap: problem.relative(gap), passes: problem.passes, whole })
}

/// What is known of the optima beside the weights that are returned.
struct Optima {
    face: Face,
    vertex: Vec<usize>,
}

/// Solve a problem, given without the ridge of the options.
fn solve_as_given(mut problem: Problem<'_>, options: &Options<'_>, execution: &Execution) -> Result<Solution> {
    if ridge::outweighs(&problem, options.l2) {
        return ridge::alone(problem.with_ridge(options.l2), execution);
    }
    let mut start = options.start.to_vec();
    if options.solver == Solver::ProjectedGradient {
        problem = problem.with_ridge(options.l2);
        let (weights, certificate) = projected_gradient::minimise(&mut problem, &start, execution)?;
        if !problem.accepts(&certificate) {
            return Err(not_converged(&problem, "projected_gradient", weights, certificate.gap));
        }
        if options.l2 > 0.0 && ridge::decides(&problem, &certificate) {
            let optima = Optima::only(&problem, &weights, &certificate);
            return Ok(solution(&problem, weights, certificate, Reason::Ridge, optima));
        }
        start = projected_gradient::heaviest(&weights, problem.predictions.n_coordinates() + 1);
        problem = problem.with_ridge(0.0);
    }
    let (weights, certificate) = pricing::vertex(&mut problem, &start, execution)?;
    if options.l2 > 0.0 {
        return ridge::solve(problem, options.l2, weights, certificate, execution);
    }
    if !problem.accepts(&certificate) {
        return Err(not_converged(&problem, "simplex_least_squares", weights, certificate.gap));
    }
    break_tie(&mut problem, weights, certificate, options, execution)
}

impl Optima {
    /// Of an optimum that is the only one.
    fn only(problem: &Problem<'_>, weights: &[f64], certificate: &Certificate) -> Self {
        Self { face: Face::unique(problem, weights, certificate), vertex: support(weights) }
    }
}

/// The weights as they are returned, with their certificate; `None` where the gap is too large.
fn try_certified(
    problem: &mut Problem<'_>,
    weights: Vec<f64>,
    execution: &Execution,
) -> Result<Option<(Vec<f64>, Certificate)>> {
    match certified(problem, weights, execution) {
        Err(Error::NotConverged { .. }) => Ok(None),
        found => found.map(Some),
    }
}

/// The same; [`Error::NotConverged`] where the gap is too large.
fn certified(
    problem: &mut Problem<'_>,
    mut weights: Vec<f64>,
    execution: &Execution,
) -> Result<(Vec<f64>, Certificate)> {
    let certificate = problem.certify(&mut weights, execution)?;
    if !problem.accepts(&certificate) {
        return Err(not_converged(problem, "simplex_least_squares", weights, certificate.gap));
    }
    Ok((weights, certificate))
}

fn solution(
    problem: &Problem<'_>,
    weights: Vec<f64>,
    certificate: Certificate,
    reason: Reason,
    optima: Optima,
) -> Solution {
    let Certificate { objective, gap, .. } = certificate;
    let relative_gap = problem.relative(gap);
    let Optima { face: Face { models: face, dimension: face_dimension, reduced_cost, .. }, vertex } = optima;
    let passes = problem.passes;
    Solution { weights, objective, gap, relative_gap, passes, reason, face, face_dimension, reduced_cost, vertex }
}

fn not_converged(problem: &Problem<'_>, what: &'static str, weights: Vec<f64>, gap: f64) -> Error {
    Error::NotConverged { what, passes: problem.passes, gap, tol: problem.tolerance(), weights }
}
