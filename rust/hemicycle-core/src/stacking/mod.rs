//! Stacking of predictive distributions: the mixture of models with the best log score, with its certificate.
//!
//! Maximise `sum_n v_n log sum_d w_d p_dn` over the simplex. The working set starts with the best model of every
//! observation; the master problem over it is solved by Newton steps; one pass over all models prices the others
//! and gives the certificate; the best priced ones enter. Source: Yao, Vehtari, Simpson and Gelman (2018), Using
//! stacking to average Bayesian predictive distributions, doi:10.1214/17-BA1091.

mod densities;
mod factor;
mod master;
mod quadratic;

use crate::error::{Error, Result};
use crate::parallel::Execution;
use crate::simplex::normalise;
use densities::Densities;
use master::Master;

/// Models that enter the working set at once.
const BATCH: usize = 128;

/// Passes after which the solver gives up.
const PASSES: usize = 200;

/// Rounds without any progress after which it gives up.
const PATIENCE: usize = 3;

/// Part of `tol` that the master problem is solved to.
const MASTER: f64 = 0.25;

/// Stacking weights and what is known of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Stacking {
    /// Weight of each model.
    pub weights: Vec<f64>,
    /// The score: weighted mean over the observations kept of the log density of the mixture.
    pub objective: f64,
    /// Certificate: the best score is at most this much higher.
    pub gap: f64,
    /// Passes over the densities of all models.
    pub passes: usize,
    /// Observations with a positive weight that no model explains, left out.
    pub dropped: Vec<usize>,
}

/// Stacking weights for `log_density`, one row of `observation_weights.len()` values a model.
///
/// Observation weights are non-negative and are divided by their sum; those of weight 0 do not count. Models whose
/// densities are equal for every observation share their weight equally. One array as large as `log_density` is
/// allocated.
///
/// # Errors
/// [`Error::Shape`] if the lengths do not agree, [`Error::NonFinite`] for NaN, +inf and weights that are not finite,
/// [`Error::Domain`] for a negative weight and a `tol` that is not above 0, [`Error::NoData`] if no model or no
/// observation is left, [`Error::NotConverged`] if the certificate stays above `tol`, [`Error::Interrupted`].
///
/// ```
/// use hemicycle_core::{Execution, stacking::stacking_weights};
/// let log_density = [0.0, 0.0, -1e5, -1e5, -1e5, 0.0]; // two models, three observations
/// let stacking = stacking_weights(&log_density, 2, &[1.0; 3], 1e-10, &Execution::default())?;
/// assert!((stacking.weights[0] - 2.0 / 3.0).abs() < 1e-9);
/// # Ok::<(), hemicycle_core::Error>(())
/// ```
pub fn stacking_weights(
    log_density: &[f64],
    n_models: usize,
    observation_weights: &[f64],
    tol: f64,
    execution: &Execution,
) -> Result<Stacking> {
    check(log_density, n_models, observation_weights, tol)?;
    let densities = Densities::new(log_density, n_models, observation_weights, execution)?;
    let mut master = Master::new(&densities);
    let mut best = (f64::INFINITY, Vec::new());
    let mut stalled = 0;
    let mut passes = 2;
    while passes < PASSES && stalled < PATIENCE {
        master.solve(MASTER * tol, execution)?;
        let gradient = densities.gradient(&master.ratio(), execution)?;
        passes += 1;
        let gap = (gradient.iter().copied().fold(0.0, f64::max) - 1.0).max(0.0);
        if gap < best.0 {
            best = (gap, spread(&master, n_models));
            stalled = 0;
        } else {
            stalled += 1;
        }
        if gap <= tol {
            let objective = densities.score(master.mixture());
            let weights = shared(&densities, &gradient, best.1);
            return Ok(Stacking { weights, objective, gap, passes, dropped: densities.dropped });
        }
        master.exchange(&candidates(&gradient, 1.0 + MASTER * tol));
    }
    let (gap, weights) = best;
    Err(Error::NotConverged { what: "stacking_weights", passes, gap, tol, weights })
}

fn check(log_density: &[f64], n_models: usize, observation_weights: &[f64], tol: f64) -> Result<()> {
    if tol.is_nan() || tol <= 0.0 {
        return Err(Error::Domain { what: "tol", position: vec![], value: tol, requirement: "above 0" });
    }
    let n_observations = observation_weights.len();
    if n_models.checked_mul(n_observations) != Some(log_density.len()) {
        return Err(Error::Shape {
            what: "log_density",
            expected: format!("{n_models} models x {n_observations} observations"),
            got: format!("{} values", log_density.len()),
        });
    }
    if log_density.is_empty() {
        let reason = format!("there are {n_models} models and {n_observations} observations");
        return Err(Error::NoData { what: "log_density", reason });
    }
    for (index, &value) in observation_weights.iter().enumerate() {
        let (what, position) = ("observation_weights", vec![index]);
        if !value.is_finite() {
            return Err(Error::NonFinite { what, position, value });
        }
        if value < 0.0 {
            return Err(Error::Domain { what, position, value, requirement: "at least 0" });
        }
    }
    Ok(())
}

/// The models with the largest gradients above `threshold`, at most [`BATCH`], best first.
fn candidates(gradient: &[f64], threshold: f64) -> Vec<usize> {
    let mut candidates: Vec<usize> = (0..gradient.len()).filter(|&model| gradient[model] > threshold).collect();
    let order = |i: &usize, j: &usize| gradient[*j].total_cmp(&gradient[*i]).then(i.cmp(j));
    if candidates.len() > BATCH {
        candidates.select_nth_unstable_by(BATCH, order);
        candidates.truncate(BATCH);
    }
    candidates.sort_unstable_by(order);
    candidates
}

/// The weights of the working set as weights of all models.
fn spread(master: &Master<'_>, n_models: usize) -> Vec<f64> {
    let mut weights = vec![0.0; n_models];
    for (&model, &weight) in master.models.iter().zip(&master.weights) {
        weights[model] = weight;
    }
    weights
}

/// Let equal models share their weight equally. Equal rows have equal gradients, bit for bit.
fn shared(densities: &Densities, gradient: &[f64], mut weights: Vec<f64>) -> Vec<f64> {
    let mut order: Vec<usize> = (0..gradient.len()).collect();
    order.sort_unstable_by(|&i, &j| gradient[i].total_cmp(&gradient[j]).then(i.cmp(&j)));
    for tied in order.chunk_by(|&i, &j| gradient[i] == gradient[j]) {
        let mut left: Vec<usize> = tied.to_vec();
        while let Some(&holder) = left.iter().find(|&&model| weights[model] > 0.0) {
            let (equal, rest): (Vec<usize>, Vec<usize>) =
                left.iter().partition(|&&model| densities.row(model) == densities.row(holder));
            let share = equal.iter().map(|&model| weights[model]).sum::<f64>() / equal.len() as f64;
            equal.iter().for_each(|&model| weights[model] = share);
            left = rest;
        }
    }
    normalise(&mut weights);
    weights
}

#[cfg(test)]
mod tests {
    use super::{Stacking, stacking_weights};
    use crate::{Error, Execution, Result};

    /// Gaussian log densities of scattered observations under scattered models.
    fn log_density(n_models: usize, n_observations: usize) -> Vec<f64> {
        let value = |d: usize, n: usize| -(((n * 7919) % 97) as f64 - (d * 13 % 89) as f64).powi(2) / 20.0;
        (0..n_models * n_observations).map(|index| value(index / n_observations, index % n_observations)).collect()
    }

    fn solve(n_models: usize, n_observations: usize, execution: &Execution) -> Result<Stacking> {
        let log_density = log_density(n_models, n_observations);
        stacking_weights(&log_density, n_models, &vec![1.0; n_observations], 1e-10, execution)
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
        let stacking = stacking_weights(&log_density, 80, &[1.0; 60], 1e-10, &Execution::default()).expect("converges");
        assert_eq!(stacking.weights[..40], stacking.weights[40..]);
    }

    #[test]
    fn lengths_must_agree() {
        let result = stacking_weights(&[0.0; 5], 2, &[1.0; 3], 1e-10, &Execution::default());
        assert!(matches!(result, Err(Error::Shape { what: "log_density", .. })));
    }
}
