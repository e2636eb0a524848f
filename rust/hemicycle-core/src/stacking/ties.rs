//! Ties: the optimal mixture is unique, the weights that make it need not be. Those that do are the optimal face, and the
//! nearest to a reference among them is returned.
//!
//! With rows `y_dn = sqrt(v_n) p_dn / q_n`, q the optimal mixture, the face is all weights with `sum_d w_d y_d = s`, where
//! `s_n = sqrt(v_n)` has length 1; a model's price is `y_d . s`, and the square of `sum_d w_d y_d - s` is twice what weights
//! close to the optimum lose.

use super::observations::Observations;
use super::pricing::{Prices, Pricing};
use super::rows::Rows;
use super::source::LogDensities;
use super::{Ends, Stacking};
use crate::error::Result;
use crate::least_squares::{Mixtures, Predictions, Reason};
use crate::parallel::Execution;
use crate::simplex::normalise;

/// Prices this close to 1, relative to the distance of the model from the mixture, count as equal to it.
const FLAT: f64 = 1e-9;

/// Rounding of prices, with some room.
const ROUNDING: f64 = 1e-13;

/// Weights up to this are rounding.
const NEGLIGIBLE: f64 = 1e-13;

/// What a row adds to the span of others, relative to its length, below which it is in it: densities are exponentials of
/// rounded logarithms, exact to this.
const DEPENDENT: f64 = 1e-12;

/// Steps from an optimum towards the nearest one that are tried where rounding keeps that one from being certified.
const MAX_HALVINGS: i32 = 40;

/// Weights, the mixture that they make and the gap that certifies them.
#[derive(Clone)]
pub struct Optimum {
    pub weights: Vec<f64>,
    pub mixture: Vec<f64>,
    pub gap: f64,
}

/// The solution that a tie-break makes of an optimum.
pub fn break_tie<S: LogDensities>(
    pricing: &mut Pricing<'_, S>,
    observations: &Observations,
    optimum: Optimum,
    ends: &Ends<'_>,
    execution: &Execution,
) -> Result<Stacking> {
    let n_models = optimum.weights.len();
    let (models, reduced_cost) = flat_models(pricing, observations, &optimum)?;
    let rows = Rows::new(observations.len(), pricing.densities(&models)?);
    let optimum = without_negligible(pricing, observations, optimum, &models, &rows, ends.tol)?;
    let scaled = Scaled::new(observations, &optimum.mixture, &rows, models.len());
    let on_face: Vec<f64> = models.iter().map(|&d| optimum.weights[d]).collect();
    let mut mixtures = Mixtures::new(&scaled, &on_face, DEPENDENT, execution)?;
    let face = mixtures.models().iter().map(|&member| models[member]).collect();
    let vertex = (0..n_models).filter(|&d| optimum.weights[d] > 0.0).collect();
    let face_dimension = mixtures.dimension();
    let (found, reason) = if face_dimension == 0 {
        (optimum, Reason::Unique)
    } else if ends.vertex {
        (optimum, Reason::Vertex)
    } else {
        let uniform = 1.0 / n_models as f64;
        let reference: Vec<f64> = models.iter().map(|&d| ends.reference.map_or(uniform, |given| given[d])).collect();
        let (nearest, fits) = mixtures.nearest(&reference, execution)?;
        let on_models = OnModels { models: &models, rows: &rows, n_models };
        let reached = on_models.towards(pricing, observations, &optimum, &on_face, &nearest, ends.tol)?;
        (reached.0, if fits && reached.1 { Reason::Nearest } else { Reason::NearlyNearest })
    };
    Ok(Stacking {
        objective: observations.score(&found.mixture),
        gap: found.gap,
        weights: found.weights,
        passes: pricing.passes.ceil() as usize,
        reason,
        face,
        face_dimension,
        reduced_cost,
        vertex,
        dropped: observations.dropped.clone(),
        share: observations.share(),
        highest: observations.highest.clone(),
    })
}

/// `weights` with their gap, or where rounding keeps that from being small enough weights on the way to them
/// from the optimum; and whether they are those given.
pub fn certified<S: LogDensities>(
    pricing: &mut Pricing<'_, S>,
    observations: &Observations,
    weights: &[f64],
    optimum: &[f64],
    tol: f64,
) -> Result<(Optimum, bool)> {
    let models: Vec<usize> = (0..weights.len()).filter(|&d| weights[d] > 0.0 || optimum[d] > 0.0).collect();
    let rows = Rows::new(observations.len(), pricing.densities(&models)?);
    let on_models = OnModels { models: &models, rows: &rows, n_models: weights.len() };
    let of = |all: &[f64]| models.iter().map(|&d| all[d]).collect::<Vec<f64>>();
    let (from, ideal) = (of(optimum), of(weights));
    let known = on_models.certified(pricing, observations, from.clone())?;
    on_models.towards(pricing, observations, &known, &from, &ideal, tol)
}

/// The models whose price is 1, to rounding, or that have weight, and copies of those, ascending; and by how much the next price is below 1.
fn flat_models<S: LogDensities>(
    pricing: &mut Pricing<'_, S>,
    observations: &Observations,
    optimum: &Optimum,
) -> Result<(Vec<usize>, f64)> {
    let ratio = observations.ratio(&optimum.mixture);
    let curvature: Vec<f64> = ratio.iter().zip(&optimum.mixture).map(|(ratio, q)| ratio / q).collect();
    // A row is no longer than the root of the largest of its densities over the mixture's, times its price.
    let longest = optimum.mixture.iter().map(|q| 1.0 / q).fold(1.0, f64::max).sqrt() + 1.0;
    let Prices { models, values } = pricing.above(&ratio, 1.0 - (FLAT * longest + ROUNDING))?;
    let near: Vec<usize> = (0..models.len()).filter(|&i| 1.0 - values[i] <= FLAT * longest + ROUNDING).collect();
    let candidates: Vec<usize> = near.iter().map(|&i| models[i]).collect();
    let squares = pricing.squares(&candidates, &curvature)?;
    let is_flat = |(&i, &square): (&usize, &f64)| {
        let distance = (square - 2.0 * values[i] + 1.0).max(0.0).sqrt();
        1.0 - values[i] <= FLAT * distance + ROUNDING
    };
    let mut flat: Vec<usize> =
        near.iter().zip(&squares).filter(|pair| is_flat(*pair)).map(|(&i, _)| models[i]).collect();
    let n_flat = flat.len();
    for weighted in (0..optimum.weights.len()).filter(|&d| optimum.weights[d] > 0.0) {
        if flat[..n_flat].binary_search(&weighted).is_err() {
            flat.extend(copies(pricing, observations.len(), weighted, &models, &values)?);
            flat.push(weighted);
        }
    }
    flat.sort_unstable();
    flat.dedup();
    let next = pricing.next(&ratio, &flat)?;
    Ok((flat, next.map_or(f64::INFINITY, |price| 1.0 - price)))
}

/// The models with the price of `model` to the last bit that are its copies; `models` are ascending.
fn copies<S: LogDensities>(
    pricing: &Pricing<'_, S>,
    n_observations: usize,
    model: usize,
    models: &[usize],
    prices: &[f64],
) -> Result<Vec<usize>> {
    let Ok(place) = models.binary_search(&model) else { return Ok(Vec::new()) };
    let alike = models.iter().zip(prices).filter(|&(_, &price)| price == prices[place]);
    let mut alike: Vec<usize> = alike.map(|(&d, _)| d).collect();
    let (own, rows) = (pricing.densities(&[model])?, Rows::new(n_observations, pricing.densities(&alike)?));
    let mut member = 0..;
    alike.retain(|_| member.next().is_some_and(|member| rows.row(member) == own));
    Ok(alike)
}

/// The optimum without weights that may be rounding, where it is one then too: they would count as models on the face.
fn without_negligible<S: LogDensities>(
    pricing: &mut Pricing<'_, S>,
    observations: &Observations,
    optimum: Optimum,
    models: &[usize],
    rows: &Rows,
    tol: f64,
) -> Result<Optimum> {
    if optimum.weights.iter().all(|&weight| weight == 0.0 || weight > NEGLIGIBLE) {
        return Ok(optimum);
    }
    let on_models = OnModels { models, rows, n_models: optimum.weights.len() };
    let kept = |&d: &usize| if optimum.weights[d] > NEGLIGIBLE { optimum.weights[d] } else { 0.0 };
    let fewer = on_models.certified(pricing, observations, models.iter().map(kept).collect())?;
    Ok(if fewer.gap <= tol.min(optimum.gap.max(ROUNDING)) { fewer } else { optimum })
}

/// Some models with their densities.
struct OnModels<'a> {
    models: &'a [usize],
    rows: &'a Rows,
    n_models: usize,
}

impl OnModels<'_> {
    /// These weights with their gap over all models.
    fn certified<S: LogDensities>(
        &self,
        pricing: &mut Pricing<'_, S>,
        observations: &Observations,
        mut on_models: Vec<f64>,
    ) -> Result<Optimum> {
        normalise(&mut on_models);
        let mixture = self.rows.mix(&on_models);
        let gap = pricing.above(&observations.ratio(&mixture), 1.0)?.gap();
        let mut weights = vec![0.0; self.n_models];
        self.models.iter().zip(on_models).for_each(|(&d, weight)| weights[d] = weight);
        Ok(Optimum { weights, mixture, gap })
    }

    /// The ideal weights, or where rounding keeps them from being certified weights half of the way from an optimum to them, a
    /// quarter, and so on; whether they are the ideal ones.
    fn towards<S: LogDensities>(
        &self,
        pricing: &mut Pricing<'_, S>,
        observations: &Observations,
        optimum: &Optimum,
        from: &[f64],
        ideal: &[f64],
        tol: f64,
    ) -> Result<(Optimum, bool)> {
        for halvings in 0..MAX_HALVINGS {
            let share = 0.5_f64.powi(halvings);
            let weights = from.iter().zip(ideal).map(|(from, to)| (1.0 - share) * from + share * to).collect();
            let found = self.certified(pricing, observations, weights)?;
            if found.gap <= tol {
                return Ok((found, halvings == 0));
            }
        }
        Ok((optimum.clone(), false))
    }
}

/// The rows `sqrt(v_n) p_dn / q_n`.
struct Scaled<'a> {
    rows: &'a Rows,
    scale: Vec<f64>,
    n_models: usize,
}

impl<'a> Scaled<'a> {
    fn new(observations: &Observations, mixture: &[f64], rows: &'a Rows, n_models: usize) -> Self {
        let scale = observations.weight.iter().zip(mixture).map(|(weight, q)| weight.sqrt() / q).collect();
        Self { rows, scale, n_models }
    }
}

impl Predictions for Scaled<'_> {
    fn n_models(&self) -> usize {
        self.n_models
    }

    fn n_coordinates(&self) -> usize {
        self.scale.len()
    }

    #[inline(always)]
    fn coordinates(&self, model: usize, out: &mut [f64]) {
        for ((out, density), scale) in out.iter_mut().zip(self.rows.row(model)).zip(&self.scale) {
            *out = density * scale;
        }
    }
}
