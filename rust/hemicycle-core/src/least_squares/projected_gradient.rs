//! Accelerated projected gradients: two passes over all models a step, exact projections, momentum that starts anew
//! where it points uphill.
//!
//! Sources: A. Beck and M. Teboulle, "A fast iterative shrinkage-thresholding algorithm", SIAM Journal on Imaging Sciences
//! 2, 2009, doi:10.1137/080716542; B. O'Donoghue and E. Candès, "Adaptive restart for accelerated gradient schemes",
//! Foundations of Computational Mathematics 15, 2015, doi:10.1007/s10208-013-9150-3.

use rayon::prelude::*;

use crate::error::Result;
use crate::lanes::{add_scaled, dot};
use crate::least_squares::certificate::{Certificate, Problem};
use crate::least_squares::passes;
use crate::least_squares::threshold::{clip, long_dot, threshold};
use crate::parallel::Execution;

/// Steps of the power iteration that estimates the curvature; a step that shows more raises the estimate.
const POWER_STEPS: usize = 12;
/// The estimate is taken this much larger.
const MARGIN: f64 = 1.05;
/// The certificate is computed after so many steps, then each time that there are so many times more.
const FIRST_CERTIFICATE: usize = 16;
const NEXT_CERTIFICATE: f64 = 1.15;
/// Given up when so many steps, and so many times the steps before them, did not halve the gap.
const PATIENT_STEPS: usize = 2000;
const PATIENCE: usize = 3;
/// Given up after so many steps.
const MAX_STEPS: usize = 200_000;

/// The best weights found, and their certificate.
pub(super) fn minimise(
    problem: &mut Problem<'_>,
    start: &[usize],
    execution: &Execution,
) -> Result<(Vec<f64>, Certificate)> {
    let mut descent = Descent::new(problem, start, execution)?;
    let mut best: Option<(Vec<f64>, Certificate)> = None;
    let (mut next, mut halved) = (FIRST_CERTIFICATE, 0);
    for step in 1..=MAX_STEPS {
        descent.step(problem, execution)?;
        if step < next && step < MAX_STEPS {
            continue;
        }
        next = (step as f64 * NEXT_CERTIFICATE) as usize + 1;
        let mut weights = descent.weights.clone();
        let certificate = problem.certify(&mut weights, execution)?;
        let least = best.as_ref().map_or(f64::INFINITY, |(_, best)| best.gap);
        if certificate.gap <= 0.5 * least {
            halved = step;
        }
        let done = problem.accepts(&certificate) || step > PATIENT_STEPS + PATIENCE * halved;
        if best.as_ref().is_none_or(|(_, best)| certificate.improves_on(best)) {
            best = Some((weights, certificate));
        }
        if done {
            break;
        }
    }
    match best {
        Some(best) => Ok(best),
        None => {
            let mut weights = descent.weights;
            let certificate = problem.certify(&mut weights, execution)?;
            Ok((weights, certificate))
        }
    }
}

/// The `count` models of most weight, ascending; of equal weights those that come first.
pub(super) fn heaviest(weights: &[f64], count: usize) -> Vec<usize> {
    let mut models: Vec<usize> = (0..weights.len()).filter(|&d| weights[d] > 0.0).collect();
    models.sort_by(|&a, &b| weights[b].total_cmp(&weights[a]));
    models.truncate(count);
    models.sort_unstable();
    models
}

/// Where the iteration stands.
struct Descent {
    weights: Vec<f64>,
    residual: Vec<f64>,
    /// The weights with their momentum, of any sign, and the residual there.
    ahead: Vec<f64>,
    residual_ahead: Vec<f64>,
    level: f64,
    /// `t` of Beck and Teboulle: the momentum is `(t - 1) / t'`.
    inertia: f64,
    /// An estimate of the largest curvature.
    curvature: f64,
}

impl Descent {
    fn new(problem: &mut Problem<'_>, start: &[usize], execution: &Execution) -> Result<Self> {
        let n_models = problem.n_models();
        let mut weights = vec![0.0; n_models];
        if start.is_empty() {
            weights.fill(1.0 / n_models as f64);
        } else {
            start.iter().for_each(|&model| weights[model] = 1.0 / start.len() as f64);
        }
        let residual = passes::mix(problem.predictions, &weights, execution)?;
        problem.passes += 1;
        let curvature = curvature(problem, execution)?;
        let (ahead, residual_ahead) = (weights.clone(), residual.clone());
        Ok(Self { weights, residual, ahead, residual_ahead, level: 0.0, inertia: 1.0, curvature })
    }

    fn step(&mut self, problem: &mut Problem<'_>, execution: &Execution) -> Result<()> {
        let mut slopes = passes::times(problem.predictions, &self.residual_ahead, execution)?;
        problem.passes += 1;
        slopes.par_iter_mut().enumerate().for_each(|(d, slope)| {
            *slope += problem.l2 * self.ahead[d] + 0.5 * problem.price(d);
        });
        let (weights, residual) = loop {
            let mut values = self.ahead.clone();
            add_scaled(&mut values, -1.0 / self.curvature, &slopes);
            self.level = threshold(&values, self.level);
            let weights = clip(&values, self.level);
            let residual = passes::mix(problem.predictions, &weights, execution)?;
            problem.passes += 1;
            let moved = difference(&weights, &self.ahead);
            let fit = difference(&residual, &self.residual_ahead);
            let length = long_dot(&moved, &moved);
            let bend = dot(&fit, &fit) + problem.l2 * length;
            if bend <= self.curvature * length || length == 0.0 {
                break (weights, residual);
            }
            self.curvature = MARGIN * bend / length;
        };
        let change = difference(&weights, &self.weights);
        let uphill = long_dot(&difference(&self.ahead, &weights), &change) > 0.0;
        let inertia = 0.5 * (1.0 + (1.0 + 4.0 * self.inertia * self.inertia).sqrt());
        let momentum = if uphill { 0.0 } else { (self.inertia - 1.0) / inertia };
        self.inertia = if uphill { 1.0 } else { inertia };
        self.residual_ahead.clone_from(&residual);
        add_scaled(&mut self.residual_ahead, momentum, &difference(&residual, &self.residual));
        self.ahead.clone_from(&weights);
        add_scaled(&mut self.ahead, momentum, &change);
        (self.weights, self.residual) = (weights, residual);
        Ok(())
    }
}

fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

/// The largest curvature among directions that keep the sum of the weights, by power iteration from the squared lengths:
/// a little less or, with the margin, a little more than the true one.
fn curvature(problem: &mut Problem<'_>, execution: &Execution) -> Result<f64> {
    let mut direction = problem.lengths.clone();
    let mut largest = 0.0;
    for _ in 0..POWER_STEPS {
        let mean = direction.iter().sum::<f64>() / direction.len() as f64;
        direction.iter_mut().for_each(|value| *value -= mean);
        let length = long_dot(&direction, &direction).sqrt();
        if length == 0.0 {
            break;
        }
        direction.iter_mut().for_each(|value| *value /= length);
        let fit = passes::mix(problem.predictions, &direction, execution)?;
        largest = dot(&fit, &fit).max(largest);
        direction = passes::times(problem.predictions, &fit, execution)?;
        problem.passes += 2;
    }
    let least = f64::MIN_POSITIVE.max(f64::EPSILON * problem.typical_length().powi(2));
    Ok((MARGIN * largest + problem.l2).max(least))
}
