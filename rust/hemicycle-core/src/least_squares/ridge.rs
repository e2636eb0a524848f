//! The problem with a ridge: one optimum, by the dual that the tie-break has, too.

use crate::error::{Error, Result};
use crate::least_squares::certificate::{Certificate, Problem, longest};
use crate::least_squares::dual::Dual;
use crate::least_squares::nearest::FEASIBLE;
use crate::least_squares::options::Options;
use crate::least_squares::tie_break::break_tie;
use crate::least_squares::{Optima, Reason, Solution, certified, solution, try_certified};
use crate::parallel::Execution;
use crate::simplex::project_simplex;

/// A ridge so many times the longest squared deviation leaves these no digit in any weight: 2^200.
const OUTWEIGHS: f64 = 1.606_938_044_258_990_3e60;
/// A ridge so many times the longest squared deviation is lost in the rounding of these.
const LOST: f64 = 1e-15;
/// Rounding of slopes, relative to the residual and the deviation that they are the product of.
const SLOPES: f64 = 4.0 * f64::EPSILON;
/// The squared distance from the optimal weights that is rounding.
const DECIDED: f64 = 1e-12;

/// Whether deviations move no weight, beside the ridge.
pub(super) fn outweighs(problem: &Problem<'_>, l2: f64) -> bool {
    l2 > OUTWEIGHS * longest(&problem.lengths)
}

/// Whether the gap, which has the rounding of slopes in it, says where the optimal weights are: `l2 |w - w*|^2` is at most
/// the gap.
pub(super) fn decides(problem: &Problem<'_>, certificate: &Certificate) -> bool {
    certificate.gap + SLOPES * longest(&problem.lengths) <= DECIDED * problem.l2
}

/// The optimum of ridge and prices, of a problem in which deviations move no weight.
pub(super) fn alone(mut problem: Problem<'_>, execution: &Execution) -> Result<Solution> {
    let prices: Vec<f64> = (0..problem.n_models()).map(|model| -0.5 * problem.price(model) / problem.l2).collect();
    let weights = project_simplex(&prices, prices.len(), execution)?;
    let (weights, certificate) = certified(&mut problem, weights, execution)?;
    let optima = Optima::only(&problem, &weights, &certificate);
    Ok(solution(&problem, weights, certificate, Reason::Ridge, optima))
}

/// The ridge problem, from the weights `plain` without ridge. Where what the ridge adds is below rounding, its limit is as
/// good.
pub(super) fn solve(
    problem: Problem<'_>,
    l2: f64,
    plain: Vec<f64>,
    certificate: Certificate,
    execution: &Execution,
) -> Result<Solution> {
    let mut problem = problem.with_ridge(l2);
    let found = if l2 > LOST * longest(&problem.lengths) { dual(&mut problem, &certificate, execution)? } else { None };
    if let Some((weights, certificate)) = found {
        let optima = Optima::only(&problem, &weights, &certificate);
        return Ok(solution(&problem, weights, certificate, Reason::Ridge, optima));
    }
    let mut plainly = problem.with_ridge(0.0);
    let (weights, reason) = limit(&mut plainly, plain, certificate, execution)?;
    let mut problem = plainly.with_ridge(l2);
    let (weights, certificate) = certified(&mut problem, weights, execution)?;
    let optima = Optima::only(&problem, &weights, &certificate);
    Ok(solution(&problem, weights, certificate, reason, optima))
}

/// The optimum by its dual around the fit `plain.residual` without ridge, if it can be certified: the anchor falls with the
/// slopes there, so that the dual variables stay small however small the ridge is. Slopes that differ by no more than
/// rounding are one, or the ridge would tear ties apart.
fn dual(
    problem: &mut Problem<'_>,
    plain: &Certificate,
    execution: &Execution,
) -> Result<Option<(Vec<f64>, Certificate)>> {
    let least = plain.slopes.iter().copied().fold(f64::INFINITY, f64::min);
    let fall = |(slope, length): (&f64, &f64)| {
        let above = slope - least;
        if above <= SLOPES * plain.misfit * length.sqrt() { 0.0 } else { -above / problem.l2 }
    };
    let anchor: Vec<f64> = plain.slopes.iter().zip(&problem.lengths).map(fall).collect();
    let length = problem.typical_length();
    let dual = Dual {
        predictions: problem.predictions,
        anchor: &anchor,
        ridge: problem.l2,
        target: &plain.residual,
        length,
        longest: longest(&problem.lengths),
        start: None,
        known: None,
    };
    let (weights, residual, passes, _) = dual.solve(execution)?;
    problem.passes += passes;
    let found = if residual.is_finite() { try_certified(problem, weights, execution)? } else { None };
    Ok(found.filter(|(_, certificate)| residual <= FEASIBLE * length || decides(problem, certificate)))
}

/// Where the ridge problem goes when the ridge vanishes: of the optima without it, the one of least norm.
fn limit(
    problem: &mut Problem<'_>,
    plain: Vec<f64>,
    certificate: Certificate,
    execution: &Execution,
) -> Result<(Vec<f64>, Reason)> {
    if !problem.accepts(&certificate) {
        return Ok((plain, Reason::NearlyRidge));
    }
    match break_tie(problem, plain.clone(), certificate, &Options::default(), execution) {
        Err(Error::NotConverged { .. }) => Ok((plain, Reason::NearlyRidge)),
        Ok(Solution { weights, reason, .. }) if reason.is_as_asked() => Ok((weights, Reason::RidgeLimit)),
        limit => limit.map(|solution| (solution.weights, Reason::NearlyRidge)),
    }
}
