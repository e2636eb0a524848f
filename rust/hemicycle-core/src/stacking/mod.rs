//! Stacking of predictive distributions: the mixture of models with the best log score, with its certificate.
//!
//! Maximise `sum_n v_n log sum_d w_d p_dn` over the simplex. The working set starts with the best model of every
//! observation; the master problem over it is solved by Newton steps; passes over the models price the others
//! and give the certificate; the best priced ones enter. Source: Yao, Vehtari, Simpson and Gelman (2018), Using
//! stacking to average Bayesian predictive distributions, doi:10.1214/17-BA1091.

mod factor;
mod master;
mod observations;
mod parts;
mod pricing;
mod quadratic;
mod rows;
mod source;
mod ties;

use crate::error::{Error, Result};
use crate::least_squares::{Reason, check_weights};
use crate::parallel::Execution;
use master::Master;
use observations::Observations;
use pricing::{Prices, Pricing};
use ties::{Optimum, break_tie};

pub use parts::{best_densities, prices};
pub use source::{LogDensities, Matrix};

/// Models that enter the working set at once.
const BATCH: usize = 512;

/// Rounds after which the solver gives up.
const ROUNDS: usize = 200;

/// Rounds without a smaller gap after which it gives up: the gap need not fall from one working set to the next, but where
/// it is rounding it will not.
const PATIENCE: usize = 25;
const PATIENCE_WITH_ROUNDING: usize = 3;

/// Gaps up to this may be rounding.
const ROUNDING: f64 = 1e-12;

/// Part of the tolerance that the master problem is solved to.
const MASTER: f64 = 0.25;

/// Gap down to which a solution goes on: which models are on the optimal face shows only there.
const POLISHED: f64 = 2e-14;

/// Where to start and to end.
#[derive(Debug, Clone, Copy)]
pub struct Ends<'a> {
    /// Largest gap to accept, in nats per observation.
    pub tol: f64,
    /// The optimum nearest to these weights is returned, (n_models,), on the simplex; `None` means uniform.
    pub reference: Option<&'a [f64]>,
    /// Whether to return any optimum instead: its tie is broken by other means.
    pub vertex: bool,
    /// Models that are likely to have weight, such as the `vertex` of a similar problem, and their weights, of any sum.
    pub start: &'a [(usize, f64)],
}

/// Stacking weights and what is known of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Stacking {
    /// Weight of each model.
    pub weights: Vec<f64>,
    /// The score: weighted mean over the observations kept of the log density of the mixture.
    pub objective: f64,
    /// Certificate: the best score is at most this much higher.
    pub gap: f64,
    /// Passes over the densities of all models; of passes over some, as many as they make together.
    pub passes: usize,
    /// Why these weights, among all optimal ones.
    pub reason: Reason,
    /// Models that have weight in some optimum, ascending.
    pub face: Vec<usize>,
    /// Dimension of the set of optimal weights: 0 if there is one optimum.
    pub face_dimension: usize,
    /// What a unit of weight on the nearest model outside the face takes from the score, to first order: infinite if no model
    /// is outside.
    pub reduced_cost: f64,
    /// The models of an optimum with few of them, ascending: where to start on a similar problem.
    pub vertex: Vec<usize>,
    /// Observations with a positive weight that no model explains, left out.
    pub dropped: Vec<usize>,
    /// The weight of every observation in the score: 0 for those that do not count.
    pub share: Vec<f64>,
    /// The largest log density of every observation.
    pub highest: Vec<f64>,
}

/// Stacking weights for log densities.
///
/// Observation weights are non-negative and are divided by their sum; those of weight 0 do not count. In memory are the
/// densities of a working set, and of the models that have weight in some optimum.
///
/// # Errors
/// [`Error::Shape`] if the lengths do not agree, [`Error::NonFinite`] for NaN, +inf and weights that are not finite,
/// [`Error::Domain`] for a negative weight and a `tol` that is not above 0, [`Error::Index`] for a start that is no model,
/// [`Error::NoData`] if no model or no observation is left, [`Error::NotConverged`] if the certificate stays above `tol`,
/// [`Error::Interrupted`].
///
/// ```
/// use hemicycle_core::{Execution, stacking::{Ends, Matrix, stacking_weights}};
/// let log_density = [0.0, 0.0, -1e5, -1e5, -1e5, 0.0]; // two models, three observations
/// let ends = Ends { tol: 1e-10, reference: None, vertex: false, start: &[] };
/// let stacking = stacking_weights(&Matrix::new(&log_density, 2, 3)?, &[1.0; 3], &ends, &Execution::default())?;
/// assert!((stacking.weights[0] - 2.0 / 3.0).abs() < 1e-9 && stacking.face_dimension == 0);
/// # Ok::<(), hemicycle_core::Error>(())
/// ```
pub fn stacking_weights<S: LogDensities>(
    source: &S,
    observation_weights: &[f64],
    ends: &Ends<'_>,
    execution: &Execution,
) -> Result<Stacking> {
    check(source, observation_weights, ends)?;
    let observations = Observations::new(source, observation_weights, execution)?;
    let mut pricing = Pricing::new(source, &observations.scale, execution);
    let optimum = optimum(&mut pricing, &observations, source.n_models(), ends, execution)?;
    if optimum.gap > ends.tol || optimum.gap.is_nan() {
        let Optimum { weights, gap, .. } = optimum;
        let passes = pricing.passes.ceil() as usize;
        return Err(Error::NotConverged { what: "stacking_weights", passes, gap, tol: ends.tol, weights });
    }
    break_tie(&mut pricing, &observations, optimum, ends, execution)
}

/// Weights of the caller with their certificate.
#[derive(Debug, Clone, PartialEq)]
pub struct Certified {
    /// The weights, divided by their sum, (n_models,).
    pub weights: Vec<f64>,
    /// The score at the weights.
    pub objective: f64,
    /// The best score is at most this much higher.
    pub gap: f64,
    /// Passes over the densities of all models, in parts.
    pub passes: usize,
    /// Whether the weights are those given, or only on the way to them.
    pub whole: bool,
}

/// Certify weights that were found elsewhere, or, where their gap is above `tol`, weights on the way to them from `optimum`.
///
/// # Errors
/// As [`stacking_weights`]; [`Error::Shape`], [`Error::NonFinite`] and [`Error::Domain`] for weights that are none.
pub fn certify<S: LogDensities>(
    source: &S,
    observation_weights: &[f64],
    weights: &[f64],
    optimum: &[f64],
    tol: f64,
    execution: &Execution,
) -> Result<Certified> {
    check(source, observation_weights, &Ends { tol, reference: None, vertex: false, start: &[] })?;
    check_weights("weights", weights, source.n_models())?;
    check_weights("optimum", optimum, source.n_models())?;
    let observations = Observations::new(source, observation_weights, execution)?;
    let mut pricing = Pricing::new(source, &observations.scale, execution);
    let (found, whole) = ties::certified(&mut pricing, &observations, weights, optimum, tol)?;
    let (objective, passes) = (observations.score(&found.mixture), pricing.passes.ceil() as usize);
    let Optimum { weights, gap, .. } = found;
    if gap > tol || gap.is_nan() {
        return Err(Error::NotConverged { what: "stacking_weights", passes, gap, tol, weights });
    }
    Ok(Certified { weights, objective, gap, passes, whole })
}

/// The best weights found: once they are good enough, as good as rounding allows.
fn optimum<'a, S: LogDensities>(
    pricing: &mut Pricing<'a, S>,
    observations: &'a Observations,
    n_models: usize,
    ends: &Ends<'_>,
    execution: &Execution,
) -> Result<Optimum> {
    let mut master = Master::new(observations, pricing, ends.start)?;
    let mut best = Optimum { weights: Vec::new(), mixture: Vec::new(), gap: f64::INFINITY };
    let (mut goal, polished) = (ends.tol, ends.tol.min(POLISHED));
    let mut stalled = 0;
    for _ in 0..ROUNDS {
        master.solve(MASTER * goal, execution)?;
        let prices = pricing.above(&master.ratio(), 1.0)?;
        let gap = prices.gap();
        stalled = if gap < best.gap { 0 } else { stalled + 1 };
        if gap < best.gap {
            best = Optimum { weights: master.spread(n_models), mixture: master.mixture().to_vec(), gap };
        }
        if gap <= polished {
            return refined(best, &mut master, pricing, polished, execution);
        }
        if stalled >= if best.gap <= ROUNDING { PATIENCE_WITH_ROUNDING } else { PATIENCE } {
            break;
        }
        if gap <= goal {
            goal = polished;
        }
        master.exchange(&candidates(&prices, 1.0 + MASTER * goal), pricing)?;
    }
    Ok(best)
}

/// The optimum after one more Newton step, if that is one too.
fn refined<S: LogDensities>(
    optimum: Optimum,
    master: &mut Master<'_>,
    pricing: &mut Pricing<'_, S>,
    tol: f64,
    execution: &Execution,
) -> Result<Optimum> {
    master.refine(execution)?;
    let gap = pricing.above(&master.ratio(), 1.0)?.gap();
    if gap <= tol {
        return Ok(Optimum { weights: master.spread(optimum.weights.len()), mixture: master.mixture().to_vec(), gap });
    }
    Ok(optimum)
}

fn check(source: &impl LogDensities, observation_weights: &[f64], ends: &Ends<'_>) -> Result<()> {
    let (n_models, n_observations) = (source.n_models(), source.n_observations());
    let Ends { tol, reference, start, .. } = *ends;
    if tol.is_nan() || tol <= 0.0 {
        return Err(Error::Domain { what: "tol", position: vec![], value: tol, requirement: "above 0" });
    }
    if n_models == 0 || n_observations == 0 {
        let reason = format!("there are {n_models} models and {n_observations} observations");
        return Err(Error::NoData { what: "log_density", reason });
    }
    if observation_weights.len() != n_observations {
        let (expected, got) = (format!("{n_observations} values"), observation_weights.len().to_string());
        return Err(Error::Shape { what: "observation_weights", expected, got });
    }
    for (n, &value) in observation_weights.iter().enumerate() {
        let (what, position) = ("observation_weights", vec![n]);
        if !value.is_finite() {
            return Err(Error::NonFinite { what, position, value });
        }
        if value < 0.0 {
            return Err(Error::Domain { what, position, value, requirement: "at least 0" });
        }
    }
    if let Some(reference) = reference {
        check_weights("reference", reference, n_models)?;
    }
    if let Some(position) = start.iter().position(|&(model, _)| model >= n_models) {
        return Err(Error::Index { what: "start", position, index: start[position].0, length: n_models });
    }
    Ok(())
}

/// The models with the largest prices above `threshold`, at most [`BATCH`], best first.
fn candidates(prices: &Prices, threshold: f64) -> Vec<usize> {
    let mut candidates: Vec<usize> = (0..prices.values.len()).filter(|&i| prices.values[i] > threshold).collect();
    let order = |i: &usize, j: &usize| prices.values[*j].total_cmp(&prices.values[*i]).then(i.cmp(j));
    if candidates.len() > BATCH {
        candidates.select_nth_unstable_by(BATCH, order);
        candidates.truncate(BATCH);
    }
    candidates.sort_unstable_by(order);
    candidates.into_iter().map(|i| prices.models[i]).collect()
}

#[cfg(test)]
mod tests {
    use super::{Ends, Matrix, Stacking, stacking_weights};
    use crate::{Error, Execution, Result};

    const ENDS: Ends<'static> = Ends { tol: 1e-10, reference: None, vertex: false, start: &[] };

    /// Gaussian log densities of scattered observations under scattered models.
    fn log_density(n_models: usize, n_observations: usize) -> Vec<f64> {
        let value = |d: usize, n: usize| -(((n * 7919) % 97) as f64 - (d * 13 % 89) as f64).powi(2) / 20.0;
        (0..n_models * n_observations).map(|index| value(index / n_observations, index % n_observations)).collect()
    }

    fn solve(n_models: usize, n_observations: usize, execution: &Execution) -> Result<Stacking> {
        let log_density = log_density(n_models, n_observations);
        let matrix = Matrix::new(&log_density, n_models, n_observations)?;
        stacking_weights(&matrix, &vec![1.0; n_observations], &ENDS, execution)
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits() {
        let alone = Execution { n_threads: Some(1), ..Execution::default() };
        let together = Execution { n_threads: Some(5), ..Execution::default() };
        let one = alone.install(|| solve(900, 150, &alone)).expect("converges");
        let five = together.install(|| solve(900, 150, &together)).expect("converges");
        assert_eq!(one, five);
        assert!(one.gap <= 1e-10 && one.dropped.is_empty());
    }

    #[test]
    fn a_raised_flag_stops_the_work() {
        let execution = Execution::default();
        execution.interrupt.raise();
        assert_eq!(solve(50, 20, &execution), Err(Error::Interrupted));
    }

    #[test]
    fn models_with_equal_rows_share() {
        let mut log_density = log_density(40, 60);
        log_density.extend_from_within(..);
        let matrix = Matrix::new(&log_density, 80, 60).expect("80 rows");
        let stacking = stacking_weights(&matrix, &[1.0; 60], &ENDS, &Execution::default()).expect("converges");
        assert_eq!(stacking.weights[..40], stacking.weights[40..]);
        assert_eq!(2 * stacking.face_dimension, stacking.face.len());
    }

    #[test]
    fn copies_of_a_model_that_only_a_tiny_observation_needs_share() {
        const NEVER: f64 = f64::NEG_INFINITY;
        let mut log_density = vec![NEVER, -1.0, NEVER, 0.0, NEVER, -1.0, 0.0, -1.0, NEVER];
        log_density.extend_from_within(..);
        let matrix = Matrix::new(&log_density, 6, 3).expect("six rows");
        let weights = [0.0058019445202919535, 1.2418214875001663e-11, 8.81944805869198e-18];
        let stacking = stacking_weights(&matrix, &weights, &ENDS, &Execution::default()).expect("converges");
        assert_eq!((stacking.face, stacking.face_dimension), (vec![1, 2, 4, 5], 2));
        assert_eq!(stacking.weights[..3], stacking.weights[3..]);
    }

    #[test]
    fn lengths_must_agree() {
        assert!(matches!(Matrix::new(&[0.0; 5], 2, 3), Err(Error::Shape { what: "log_density", .. })));
    }
}
