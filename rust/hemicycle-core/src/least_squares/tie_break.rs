//! Which of several optima is returned, and what is returned where rounding keeps that one from being certified.

use crate::error::Result;
use crate::least_squares::certificate::{Certificate, Problem};
use crate::least_squares::face::{Face, support};
use crate::least_squares::nearest::nearest;
use crate::least_squares::options::Options;
use crate::least_squares::rank::DEPENDENT;
use crate::least_squares::{Optima, Reason, Solution, certified, solution, try_certified};
use crate::parallel::Execution;
use crate::simplex::project_simplex;

/// Steps from an optimum towards the nearest one that are tried where rounding keeps that one from fitting.
const MAX_HALVINGS: i32 = 40;

/// Weights up to this may be rounding, if they move the fit by no more than this part of a row.
pub(super) const NEGLIGIBLE: f64 = 1e-13;

/// The optimum nearest to the reference, by default uniform, from the optimum `weights`; or that one, if no tie is to be
/// broken.
pub(super) fn break_tie(
    problem: &mut Problem<'_>,
    weights: Vec<f64>,
    certificate: Certificate,
    options: &Options<'_>,
    execution: &Execution,
) -> Result<Solution> {
    let (weights, certificate) = without_negligible(problem, weights, certificate, execution)?;
    let face = Face::of(problem, &weights, &certificate, execution)?;
    let optima = Optima { face, vertex: support(&weights) };
    if optima.face.dimension == 0 {
        return Ok(solution(problem, weights, certificate, Reason::Unique, optima));
    }
    if options.vertex {
        return Ok(solution(problem, weights, certificate, Reason::Vertex, optima));
    }
    drop(certificate); // with the slopes of all models
    let uniform = vec![1.0 / problem.n_models() as f64; problem.n_models()];
    let reference = options.reference.unwrap_or(&uniform);
    let nearest =
        nearest(problem.predictions, problem.cost.as_deref(), &weights, &optima.face, reference, DEPENDENT, execution)?;
    problem.passes += nearest.passes;
    let reason = if nearest.fits() { Reason::Nearest } else { Reason::NearlyNearest };
    if let Some((nearest, certificate)) = try_certified(problem, nearest.weights.clone(), execution)? {
        return Ok(solution(problem, nearest, certificate, reason, optima));
    }
    if problem.unit() == 0.0 {
        return exact_fits(problem, reference, optima, execution);
    }
    let (weights, certificate) = towards(problem, &weights, &nearest.weights, execution)?;
    Ok(solution(problem, weights, certificate, Reason::NearlyNearest, optima))
}

/// The optimum without weights that may be rounding, where it is one then too: they would count as models on the face.
fn without_negligible(
    problem: &mut Problem<'_>,
    weights: Vec<f64>,
    certificate: Certificate,
    execution: &Execution,
) -> Result<(Vec<f64>, Certificate)> {
    let negligible = NEGLIGIBLE * problem.typical_length();
    let counts = |weight: f64, length: f64| weight > NEGLIGIBLE || weight * length.sqrt() > negligible;
    let kept = |(&weight, &length): (&f64, &f64)| if counts(weight, length) { weight } else { 0.0 };
    let fewer: Vec<f64> = weights.iter().zip(&problem.lengths).map(kept).collect();
    if fewer == weights {
        return Ok((weights, certificate));
    }
    Ok(try_certified(problem, fewer, execution)?.unwrap_or((weights, certificate)))
}

/// Half of the way from `optimum` to `ideal`, a quarter, and so on: the first weights that are certified. The face is so
/// thin that rounding keeps what should be on it from fitting.
pub(super) fn towards(
    problem: &mut Problem<'_>,
    optimum: &[f64],
    ideal: &[f64],
    execution: &Execution,
) -> Result<(Vec<f64>, Certificate)> {
    for halvings in 1..MAX_HALVINGS {
        let share = 0.5_f64.powi(halvings);
        let weights = optimum.iter().zip(ideal).map(|(from, to)| (1.0 - share) * from + share * to).collect();
        if let Some(found) = try_certified(problem, weights, execution)? {
            return Ok(found);
        }
    }
    certified(problem, optimum.to_vec(), execution)
}

/// More than half of the models fit exactly, at the lowest price, and so must the answer: the weights nearest to the
/// reference among those that use only such models.
fn exact_fits(problem: &mut Problem<'_>, reference: &[f64], optima: Optima, execution: &Execution) -> Result<Solution> {
    let fits: Vec<usize> =
        (0..problem.n_models()).filter(|&d| problem.lengths[d] == 0.0 && problem.price(d) == 0.0).collect();
    let values: Vec<f64> = fits.iter().map(|&d| reference[d]).collect();
    let mut weights = vec![0.0; problem.n_models()];
    for (&d, weight) in fits.iter().zip(project_simplex(&values, values.len(), execution)?) {
        weights[d] = weight;
    }
    let (weights, certificate) = certified(problem, weights, execution)?;
    Ok(solution(problem, weights, certificate, Reason::NearestOfExact, optima))
}
