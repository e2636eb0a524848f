//! The observations that count: their weights, and the best model of each, which sets the scale of its densities.

use rayon::prelude::*;

use super::source::LogDensities;
use crate::error::{Error, Result};
use crate::kernels::{InstructionSet, Kernel, LANES, Simd};
use crate::parallel::Execution;
use crate::simplex::{compensated_sum, normalise};

/// Densities that one task looks at, about.
const CHUNK: usize = 1 << 16;

/// Models that a chunk has at least: a block of the likelihood.
const LEAST: usize = 32;

/// An observation of a smaller weight, relative to the heaviest, is absent: its part in the score is below any rounding.
const WEIGHTLESS: f64 = 1e-280;

/// Which observations are read of rows of all, and what is taken from their log densities.
pub struct Scale {
    /// Their positions among all observations; `None` if they are all.
    kept: Option<Vec<usize>>,
    /// The largest log density of each.
    pub shift: Vec<f64>,
}

impl Scale {
    /// All observations.
    pub fn of_all(shift: &[f64]) -> Self {
        Self { kept: None, shift: shift.to_vec() }
    }

    /// What rows of all observations say of those that are read.
    pub fn of_rows<'a>(&self, rows: &'a [f64], n_observations: usize, room: &'a mut Vec<f64>) -> &'a [f64] {
        let Some(kept) = &self.kept else { return rows };
        room.clear();
        for row in rows.chunks_exact(n_observations) {
            room.extend(kept.iter().map(|&n| row[n]));
        }
        room
    }
}

/// The observations of positive weight that some model explains.
pub struct Observations {
    /// Who they are, and the largest log density of each.
    pub scale: Scale,
    /// Their weights; they sum to 1.
    pub weight: Vec<f64>,
    /// The model that has it; the first one of several.
    pub best: Vec<usize>,
    /// The largest log density of every observation, also of those that do not count.
    pub highest: Vec<f64>,
    /// Observations with a positive weight that no model explains.
    pub dropped: Vec<usize>,
}

impl Observations {
    /// From one pass over the log densities.
    ///
    /// # Errors
    /// [`Error::NonFinite`] for NaN and +inf, by the first place; [`Error::NoData`] if no observation is left;
    /// what the source cannot make; [`Error::Interrupted`].
    pub fn new(source: &impl LogDensities, weights: &[f64], execution: &Execution) -> Result<Self> {
        let (highest, best) = best_models(source, execution)?;
        let heaviest = weights.iter().copied().fold(0.0, f64::max);
        let counted = |n: &usize| weights[*n] / heaviest > WEIGHTLESS; // NaN is not
        let (kept, dropped): (Vec<usize>, Vec<usize>) =
            (0..weights.len()).filter(counted).partition(|&n| highest[n] > f64::NEG_INFINITY);
        if kept.is_empty() {
            let (what, reason) = if dropped.is_empty() {
                ("observation_weights", "all are 0; one must be greater".into())
            } else {
                let reason = format!("no model explains any of the {} observations (all are -inf)", dropped.len());
                ("log_density", reason)
            };
            return Err(Error::NoData { what, reason });
        }
        let pick = |from: &[f64]| kept.iter().map(|&n| from[n]).collect::<Vec<f64>>();
        let (shift, mut weight) = (pick(&highest), pick(weights));
        weight.iter_mut().for_each(|weight| *weight /= heaviest);
        normalise(&mut weight);
        let best = kept.iter().map(|&n| best[n] as usize).collect();
        let kept = (kept.len() < weights.len()).then_some(kept);
        Ok(Self { scale: Scale { kept, shift }, weight, best, highest, dropped })
    }

    /// Their number.
    pub fn len(&self) -> usize {
        self.weight.len()
    }

    /// Their weights as weights of all observations.
    pub fn share(&self) -> Vec<f64> {
        let Some(kept) = &self.scale.kept else { return self.weight.clone() };
        let mut share = vec![0.0; self.highest.len()];
        kept.iter().zip(&self.weight).for_each(|(&n, &weight)| share[n] = weight);
        share
    }

    /// `v_n / q_n` for each observation under a mixture: the sum over them of a model's densities times this is its price.
    pub fn ratio(&self, mixture: &[f64]) -> Vec<f64> {
        self.weight.iter().zip(mixture).map(|(weight, density)| weight / density).collect()
    }

    /// The score of a mixture: the weighted mean of its log density, the scale put back.
    pub fn score(&self, mixture: &[f64]) -> f64 {
        let logs = mixture.iter().zip(&self.scale.shift).zip(&self.weight);
        let terms: Vec<f64> =
            logs.flat_map(|((density, shift), weight)| [weight * shift, weight * density.ln()]).collect();
        compensated_sum(&terms)
    }
}

/// Models of one chunk.
pub fn models_at_once(n_observations: usize) -> usize {
    (CHUNK / n_observations / LEAST).max(1) * LEAST
}

/// Largest log density of every observation and the first model that has it.
pub type Best = (Vec<f64>, Vec<u64>);

/// The best model of every observation.
///
/// # Errors
/// [`Error::NonFinite`] for NaN and +inf, by the first place; what the source cannot make; [`Error::Interrupted`].
pub fn best_models(source: &impl LogDensities, execution: &Execution) -> Result<Best> {
    let (n_models, n) = (source.n_models(), source.n_observations());
    let at_once = models_at_once(n);
    let instructions = InstructionSet::detect();
    let empty = || Ok((vec![f64::NEG_INFINITY; n], vec![0; n]));
    let chunk = |(room, found): &mut (_, Result<Best>), first: usize| {
        let Ok((largest, best)) = found else { return };
        let models = first..n_models.min(first + at_once);
        match source.rows(models, room, &execution.interrupt) {
            Ok(rows) => {
                if !instructions.run(Largest { rows, first: first as u64, largest, best }) {
                    let wrong = rows.iter().position(|value| value.is_nan() || *value == f64::INFINITY);
                    let at = first * n + wrong.unwrap_or_default();
                    let value = rows[at - first * n];
                    *found = Err(Error::NonFinite { what: "log_density", position: vec![at / n, at % n], value });
                }
            }
            Err(error) => *found = Err(error),
        }
    };
    let firsts: Vec<usize> = (0..n_models).step_by(at_once).collect();
    let fold = || (source.room(), empty());
    let folded = firsts.into_par_iter().fold(fold, |mut state, first| {
        chunk(&mut state, first);
        state
    });
    folded.map(|(_, found)| found).reduce(empty, merge)
}

/// The best of both; of errors that of the earlier place.
fn merge(one: Result<Best>, other: Result<Best>) -> Result<Best> {
    let ((mut largest, mut best), (others, their_best)) = match (one, other) {
        (Ok(one), Ok(other)) => (one, other),
        (Err(one), Err(other)) => return Err(earlier(one, other)),
        (Err(error), _) | (_, Err(error)) => return Err(error),
    };
    for (n, (&value, &model)) in others.iter().zip(&their_best).enumerate() {
        if value > largest[n] || (value == largest[n] && model < best[n]) {
            (largest[n], best[n]) = (value, model);
        }
    }
    Ok((largest, best))
}

fn earlier(one: Error, other: Error) -> Error {
    match (&one, &other) {
        (Error::NonFinite { position, .. }, Error::NonFinite { position: place, .. }) if place < position => other,
        _ => one,
    }
}

/// Take the rows of models from `first` on into the best known; false if one holds NaN or +inf.
struct Largest<'a> {
    rows: &'a [f64],
    first: u64,
    largest: &'a mut [f64],
    best: &'a mut [u64],
}

impl Kernel for Largest<'_> {
    type Output = bool;

    #[inline(always)]
    fn run<const FMA: bool>(self, _: impl Simd) -> bool {
        let Self { rows, first, largest, best } = self;
        let n = largest.len();
        let (vectors, rest) = largest.as_chunks_mut::<LANES>();
        let (best_vectors, best_rest) = best.as_chunks_mut::<LANES>();
        let mut valid = [true; LANES];
        for (row, model) in rows.chunks_exact(n).zip(first..) {
            let (values, last) = row.as_chunks::<LANES>();
            for ((largest, best), values) in vectors.iter_mut().zip(best_vectors.iter_mut()).zip(values) {
                for lane in 0..LANES {
                    let value = values[lane];
                    valid[lane] &= value < f64::INFINITY; // NaN is not
                    let better = value > largest[lane];
                    largest[lane] = if better { value } else { largest[lane] };
                    best[lane] = if better { model } else { best[lane] };
                }
            }
            for ((largest, best), &value) in rest.iter_mut().zip(best_rest.iter_mut()).zip(last) {
                valid[0] &= value < f64::INFINITY;
                if value > *largest {
                    (*largest, *best) = (value, model);
                }
            }
        }
        valid == [true; LANES]
    }
}
