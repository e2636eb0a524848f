//! The master problem: stacking over a working set of models, by Newton steps and, where one fails, a step towards the
//! best model or one of EM.

use super::densities::Densities;
use super::quadratic::Quadratic;
use crate::error::Result;
use crate::lanes::add_scaled;
use crate::parallel::Execution;
use crate::simplex::{compensated_sum, normalise};

/// Steps of EM from the start: they tell apart the models that matter before the first Newton step.
const WARM_UP: usize = 8;

/// Newton or EM steps of one solve.
const STEPS: usize = 200;

/// Part of the improvement promised by the gradient that a step must bring.
const ARMIJO: f64 = 1e-4;

/// Steps of a line search: halvings after a Newton step, and eighths, down to 1e-90, towards one model.
const TRIES: i32 = 100;

/// Gap below which the master problem is as good as solved: the rounding of the gradient.
const ROUNDING: f64 = 1e-15;

/// Weights on a working set of models, and the mixture that they make.
pub struct Master<'a> {
    densities: &'a Densities,
    /// The working set.
    pub models: Vec<usize>,
    /// Their weights; they sum to 1.
    pub weights: Vec<f64>,
    mixture: Vec<f64>,
    /// Whether a Newton step has chosen the models that matter.
    settled: bool,
}

impl<'a> Master<'a> {
    /// Start from the best model of each observation, with the weight of the observations that it is best for.
    pub fn new(densities: &'a Densities) -> Self {
        let mut models = densities.best.clone();
        models.sort_unstable();
        models.dedup();
        let mut weights = vec![0.0; models.len()];
        for (best, weight) in densities.best.iter().zip(&densities.weight) {
            weights[models.partition_point(|model| model < best)] += weight;
        }
        let mut master = Self { densities, models, weights, mixture: Vec::new(), settled: false };
        master.settle();
        master
    }

    /// Density of the mixture for each observation.
    pub fn mixture(&self) -> &[f64] {
        &self.mixture
    }

    /// `v_n / q_n` for each observation: the prices that a model earns.
    pub fn ratio(&self) -> Vec<f64> {
        self.densities.weight.iter().zip(&self.mixture).map(|(weight, density)| weight / density).collect()
    }

    /// Solve over the working set until its certificate is at most `tol`, or as small as rounding allows.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`].
    pub fn solve(&mut self, tol: f64, execution: &Execution) -> Result<()> {
        let mut failed = 0;
        for step in 0..STEPS {
            execution.interrupt.check()?;
            let ratio = self.ratio();
            let gradient = self.densities.gradient_of(&self.models, &ratio);
            let gap = gradient.iter().copied().fold(0.0, f64::max) - 1.0;
            if gap <= tol.max(ROUNDING) || failed > WARM_UP {
                return Ok(());
            }
            if !self.settled && step < WARM_UP {
                self.expect_and_maximise(&gradient);
            } else if self.newton(&gradient, &ratio, gap, execution)? || self.towards_best(&gradient) {
                failed = 0;
            } else {
                failed += 1;
                self.expect_and_maximise(&gradient);
            }
        }
        Ok(())
    }

    /// Keep the models with a positive weight and let `candidates` in.
    pub fn exchange(&mut self, candidates: &[usize]) {
        let kept = self.models.iter().zip(&self.weights).filter(|(_, weight)| **weight > 0.0);
        let (mut models, mut weights): (Vec<usize>, Vec<f64>) = kept.unzip();
        for &candidate in candidates {
            if !models.contains(&candidate) {
                models.push(candidate);
                weights.push(0.0);
            }
        }
        (self.models, self.weights) = (models, weights);
    }

    /// One step of EM: every weight times its gradient. The score cannot fall.
    fn expect_and_maximise(&mut self, gradient: &[f64]) {
        self.weights.iter_mut().zip(gradient).for_each(|(weight, gradient)| *weight *= gradient);
        self.settle();
    }

    /// One Newton step with a line search; false if no step along it improves the score.
    fn newton(&mut self, gradient: &[f64], ratio: &[f64], gap: f64, execution: &Execution) -> Result<bool> {
        let quadratic = Quadratic::new(self.densities, &self.models, &self.weights, gradient, ratio, &self.mixture);
        let accuracy = (0.01 * gap * gap.min(1.0)).max(1e-15);
        let target = quadratic.minimise(&self.significant(), accuracy, execution)?;
        let mut change = vec![0.0; self.mixture.len()];
        let direction: Vec<f64> = target.iter().zip(&self.weights).map(|(target, weight)| target - weight).collect();
        for (&model, &part) in self.models.iter().zip(&direction) {
            if part != 0.0 {
                add_scaled(&mut change, part, self.densities.row(model));
            }
        }
        let growth = compensated_sum(&direction);
        let slope = direction.iter().zip(gradient).map(|(part, gradient)| part * (gradient - 1.0)).sum::<f64>();
        let Some(step) = self.line_search(&change, growth, slope, 0.5) else { return Ok(false) };
        for ((weight, part), target) in self.weights.iter_mut().zip(&direction).zip(&target) {
            *weight = if step == 1.0 { *target } else { (*weight + step * part).max(0.0) };
        }
        self.settled = true;
        self.settle();
        Ok(true)
    }

    /// One step towards the model with the largest gradient; false if none improves the score. It takes no difference
    /// of weights, so it also raises a weight that is lost in the rounding of the others.
    fn towards_best(&mut self, gradient: &[f64]) -> bool {
        let best =
            (0..gradient.len()).fold(0, |best, member| if gradient[member] > gradient[best] { member } else { best });
        let row = self.densities.row(self.models[best]);
        let change: Vec<f64> = row.iter().zip(&self.mixture).map(|(density, mixture)| density - mixture).collect();
        let Some(step) = self.line_search(&change, 0.0, gradient[best] - 1.0, 0.125) else { return false };
        self.weights.iter_mut().for_each(|weight| *weight *= 1.0 - step);
        self.weights[best] += step;
        self.settle();
        true
    }

    /// The longest of the steps 1, `shrink`, `shrink`^2, ... that improves the score by a part of what its slope promises.
    fn line_search(&self, change: &[f64], growth: f64, slope: f64, shrink: f64) -> Option<f64> {
        if slope.is_nan() || slope <= 0.0 {
            return None;
        }
        let observations = || self.densities.weight.iter().zip(change.iter().zip(&self.mixture));
        (0..TRIES).map(|tries| shrink.powi(tries)).find(|step| {
            let gain: f64 = observations().map(|(weight, (change, q))| weight * (step * change / q).ln_1p()).sum();
            gain - step * growth >= ARMIJO * step * slope
        })
    }

    /// The members to start the quadratic from: those that hold more than a trifle. Before the first Newton step most
    /// members are there only to explain one observation, and it is cheaper to enter some hundred than to leave them.
    fn significant(&self) -> Vec<(usize, f64)> {
        let trifle = if self.settled { 0.01 } else { 4.0 } / self.models.len() as f64;
        self.weights.iter().copied().enumerate().filter(|&(_, weight)| weight > trifle).collect()
    }

    fn settle(&mut self) {
        normalise(&mut self.weights);
        self.mixture = self.densities.mixture(&self.models, &self.weights);
    }
}
