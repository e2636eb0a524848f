//! The predictive densities of every model for every observation, scaled so that the best model of an observation has
//! density 1: the one large array of the solver, and the passes over it.

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::lanes::{add_scaled, dot};
use crate::parallel::Execution;
use crate::simplex::{compensated_sum, normalise};

/// Densities that one task looks at; constant, so that no result depends on the number of threads.
const CHUNK: usize = 1 << 16;

/// Scaled densities of the observations that count.
pub struct Densities {
    /// `exp(log_density[d, n] - shift[n])`, one row a model, one column a kept observation.
    values: Vec<f64>,
    /// Number of models.
    pub n_models: usize,
    /// Weight of each kept observation; they sum to 1.
    pub weight: Vec<f64>,
    /// Largest log density of each kept observation.
    pub shift: Vec<f64>,
    /// The model that has it; the first one of several.
    pub best: Vec<usize>,
    /// Observations with a positive weight that no model explains.
    pub dropped: Vec<usize>,
}

impl Densities {
    /// Read `log_density` (one row a model) twice: for the best model of each observation, and to scale.
    ///
    /// # Errors
    /// [`Error::NonFinite`] for NaN and +inf, [`Error::NoData`] if no observation is left, [`Error::Interrupted`].
    pub fn new(
        log_density: &[f64],
        n_models: usize,
        observation_weights: &[f64],
        execution: &Execution,
    ) -> Result<Self> {
        let n_observations = observation_weights.len();
        let (largest, best) = best_models(log_density, n_observations, execution)?;
        let counted = |n: &usize| observation_weights[*n] > 0.0;
        let (kept, dropped): (Vec<usize>, Vec<usize>) =
            (0..n_observations).filter(counted).partition(|&n| largest[n] > f64::NEG_INFINITY);
        if kept.is_empty() {
            let reason = if dropped.is_empty() {
                "no observation has a positive weight".into()
            } else {
                format!("no model explains any of the {} observations (all are -inf)", dropped.len())
            };
            return Err(Error::NoData { what: "log_density", reason });
        }
        let pick = |from: &[f64]| kept.iter().map(|&n| from[n]).collect::<Vec<f64>>();
        let (shift, mut weight) = (pick(&largest), pick(observation_weights));
        let heaviest = weight.iter().copied().fold(0.0, f64::max);
        weight.iter_mut().for_each(|weight| *weight /= heaviest);
        normalise(&mut weight);
        let best = kept.iter().map(|&n| best[n]).collect();
        let values = scaled(log_density, n_observations, &kept, &shift, execution)?;
        Ok(Self { values, n_models, weight, shift, best, dropped })
    }

    /// The scaled densities of one model, one a kept observation.
    pub fn row(&self, model: usize) -> &[f64] {
        let length = self.weight.len();
        &self.values[model * length..(model + 1) * length]
    }

    /// `sum_n p_dn ratio_n` of every model d: one pass.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub fn gradient(&self, ratio: &[f64], execution: &Execution) -> Result<Vec<f64>> {
        let mut gradient = vec![0.0; self.n_models];
        let models = (CHUNK / ratio.len()).max(1);
        gradient.par_chunks_mut(models).enumerate().try_for_each(|(chunk, gradient)| {
            execution.interrupt.check()?;
            for (offset, gradient) in gradient.iter_mut().enumerate() {
                *gradient = dot(self.row(chunk * models + offset), ratio);
            }
            Ok(())
        })?;
        Ok(gradient)
    }

    /// [`Self::gradient`] of some models.
    pub fn gradient_of(&self, models: &[usize], ratio: &[f64]) -> Vec<f64> {
        let at_once = (CHUNK / ratio.len()).max(1);
        models.par_iter().with_min_len(at_once).map(|&model| dot(self.row(model), ratio)).collect()
    }

    /// Density of the mixture for each kept observation, scaled like the rows.
    pub fn mixture(&self, models: &[usize], weights: &[f64]) -> Vec<f64> {
        let mut mixture = vec![0.0; self.weight.len()];
        for (&model, &weight) in models.iter().zip(weights) {
            if weight > 0.0 {
                add_scaled(&mut mixture, weight, self.row(model));
            }
        }
        mixture
    }

    /// The score of a mixture: the weighted mean of its log density, the scale put back.
    pub fn score(&self, mixture: &[f64]) -> f64 {
        let logs = mixture.iter().zip(&self.shift).zip(&self.weight);
        let terms: Vec<f64> =
            logs.flat_map(|((density, shift), weight)| [weight * shift, weight * density.ln()]).collect();
        compensated_sum(&terms)
    }
}

/// Largest log density of every observation and the first model that has it.
fn best_models(log_density: &[f64], n_observations: usize, execution: &Execution) -> Result<(Vec<f64>, Vec<usize>)> {
    let models = (CHUNK / n_observations).max(1);
    let chunks: Vec<Vec<f64>> = log_density
        .par_chunks(models * n_observations)
        .enumerate()
        .map(|(chunk, rows)| {
            execution.interrupt.check()?;
            largest_of_chunk(rows, n_observations, chunk * models)
        })
        .collect::<Result<_>>()?;
    let mut largest = vec![f64::NEG_INFINITY; n_observations];
    let mut best_chunk = vec![0; n_observations];
    for (chunk, chunk_largest) in chunks.iter().enumerate() {
        for (n, &value) in chunk_largest.iter().enumerate() {
            if value > largest[n] {
                (largest[n], best_chunk[n]) = (value, chunk);
            }
        }
    }
    let first_best = |n: usize| {
        let first = best_chunk[n] * models;
        let values = log_density[first * n_observations..].iter().skip(n).step_by(n_observations);
        first + values.take_while(|&&value| value < largest[n]).count()
    };
    let best = (0..n_observations).map(first_best).collect();
    Ok((largest, best))
}

/// Largest log density of every observation among the models from `first_model` on.
fn largest_of_chunk(rows: &[f64], n_observations: usize, first_model: usize) -> Result<Vec<f64>> {
    let mut largest = vec![f64::NEG_INFINITY; n_observations];
    for (model, row) in rows.chunks_exact(n_observations).enumerate() {
        let mut valid = true;
        for (largest, &value) in largest.iter_mut().zip(row) {
            valid &= value < f64::INFINITY; // neither is NaN
            *largest = if value > *largest { value } else { *largest };
        }
        if !valid {
            let n = row.iter().position(|value| value.is_nan() || *value == f64::INFINITY).unwrap_or_default();
            let position = vec![first_model + model, n];
            return Err(Error::NonFinite { what: "log_density", position, value: row[n] });
        }
    }
    Ok(largest)
}

/// `exp(log_density - shift)` of the kept observations.
fn scaled(
    log_density: &[f64],
    n_observations: usize,
    kept: &[usize],
    shift: &[f64],
    execution: &Execution,
) -> Result<Vec<f64>> {
    let mut values = vec![0.0; log_density.len() / n_observations * kept.len()];
    let models = (CHUNK / n_observations).max(1);
    values.par_chunks_mut(models * kept.len()).zip(log_density.par_chunks(models * n_observations)).try_for_each(
        |(values, rows)| {
            execution.interrupt.check()?;
            for (values, row) in values.chunks_exact_mut(kept.len()).zip(rows.chunks_exact(n_observations)) {
                for ((value, &n), shift) in values.iter_mut().zip(kept).zip(shift) {
                    *value = (row[n] - shift).exp();
                }
            }
            Ok(())
        },
    )?;
    Ok(values)
}
