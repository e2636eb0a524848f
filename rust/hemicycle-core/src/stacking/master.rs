//! The master problem: stacking over a working set of models, by Newton steps and, where one fails, a step towards the
//! best model or one of EM.

use super::observations::Observations;
use super::pricing::Pricing;
use super::quadratic::Quadratic;
use super::rows::Rows;
use super::source::LogDensities;
use crate::error::Result;
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

/// An optimum gives every observation at least its weight as density. Where models to start from give it less than this
/// part of that, its best model is one of them.
const EXPLAINED: f64 = 0.125;

/// Weights on a working set of models, and the mixture that they make.
pub struct Master<'a> {
    observations: &'a Observations,
    /// The working set.
    pub models: Vec<usize>,
    /// Their weights; they sum to 1.
    pub weights: Vec<f64>,
    rows: Rows,
    mixture: Vec<f64>,
    /// Whether a Newton step has chosen the models that matter.
    settled: bool,
}

impl<'a> Master<'a> {
    /// Start from these models and weights of any sum, one or none a model; from none, or where they explain an
    /// observation badly, from the best model of each observation, with the weight of the observations that it is best for.
    ///
    /// # Errors
    /// What the source cannot make; [`crate::Error::Interrupted`].
    pub fn new<S: LogDensities>(
        observations: &'a Observations,
        pricing: &Pricing<'a, S>,
        start: &[(usize, f64)],
    ) -> Result<Self> {
        let mut start: Vec<(usize, f64)> = start.iter().copied().filter(|&(_, weight)| weight > 0.0).collect();
        start.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
        start.dedup_by_key(|&mut (model, _)| model);
        let (models, mut weights): (Vec<usize>, Vec<f64>) = start.into_iter().unzip();
        normalise(&mut weights);
        let rows = Rows::new(observations.len(), pricing.densities(&models)?);
        for (member, weight) in weights.iter_mut().enumerate() {
            if rows.row(member).iter().all(|&density| density == 0.0) {
                *weight = 0.0; // it explains nothing
            }
        }
        let settled = !models.is_empty();
        let mut master = Self { observations, models, weights, rows, mixture: Vec::new(), settled };
        master.exchange(&[], pricing)?;
        normalise(&mut master.weights);
        master.explain(pricing)?;
        Ok(master)
    }

    /// Let the best models in of observations that the mixture explains badly.
    fn explain<S: LogDensities>(&mut self, pricing: &Pricing<'a, S>) -> Result<()> {
        let mixture = self.rows.mix(&self.weights);
        let Observations { weight, best, .. } = self.observations;
        let badly: Vec<usize> = (0..best.len()).filter(|&n| mixture[n] < EXPLAINED * weight[n]).collect();
        let mut models: Vec<usize> = badly.iter().map(|&n| best[n]).collect();
        models.sort_unstable();
        models.dedup();
        self.exchange(&models, pricing)?;
        let left = 1.0 - compensated_sum(&badly.iter().map(|&n| weight[n]).collect::<Vec<f64>>());
        self.weights.iter_mut().for_each(|weight| *weight *= left.max(0.0));
        let mut place = vec![0; self.models.iter().max().map_or(0, |last| last + 1)];
        self.models.iter().enumerate().for_each(|(member, &model)| place[model] = member);
        badly.iter().for_each(|&n| self.weights[place[best[n]]] += weight[n]);
        self.settle();
        Ok(())
    }

    /// Density of the mixture for each observation.
    pub fn mixture(&self) -> &[f64] {
        &self.mixture
    }

    /// `v_n / q_n` for each observation: the prices that a model earns.
    pub fn ratio(&self) -> Vec<f64> {
        self.observations.ratio(&self.mixture)
    }

    /// The weights as weights of all models.
    pub fn spread(&self, n_models: usize) -> Vec<f64> {
        let mut weights = vec![0.0; n_models];
        for (&model, &weight) in self.models.iter().zip(&self.weights) {
            weights[model] = weight;
        }
        weights
    }

    /// Solve over the working set until its certificate is at most `tol`, or as small as rounding allows.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`].
    pub fn solve(&mut self, tol: f64, execution: &Execution) -> Result<()> {
        let everyone: Vec<usize> = (0..self.models.len()).collect();
        let mut failed = 0;
        for step in 0..STEPS {
            execution.interrupt.check()?;
            let ratio = self.ratio();
            let gradient = self.rows.products(&everyone, &ratio);
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

    /// A Newton step from where the gap is rounding: where a model without weight has the price of those with weight, the
    /// gap goes with the square of the distance to the optimum, and does not show how far that is.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`].
    pub fn refine(&mut self, execution: &Execution) -> Result<()> {
        let everyone: Vec<usize> = (0..self.models.len()).collect();
        let ratio = self.ratio();
        let gradient = self.rows.products(&everyone, &ratio);
        let quadratic = Quadratic::new(&self.rows, &self.weights, &gradient, &ratio, &self.mixture);
        self.weights = quadratic.minimise(&self.significant(), ROUNDING, execution)?;
        self.settle();
        Ok(())
    }

    /// Keep the models with a positive weight and let `candidates` in.
    ///
    /// # Errors
    /// What the source cannot make; [`crate::Error::Interrupted`].
    pub fn exchange<S: LogDensities>(&mut self, candidates: &[usize], pricing: &Pricing<'a, S>) -> Result<()> {
        let kept: Vec<usize> = (0..self.models.len()).filter(|&member| self.weights[member] > 0.0).collect();
        self.rows.keep(&kept);
        self.models = kept.iter().map(|&member| self.models[member]).collect();
        self.weights = kept.iter().map(|&member| self.weights[member]).collect();
        let mut known = self.models.clone();
        known.sort_unstable();
        let fresh: Vec<usize> = candidates.iter().copied().filter(|d| known.binary_search(d).is_err()).collect();
        self.rows.extend(&pricing.densities(&fresh)?);
        self.models.extend_from_slice(&fresh);
        self.weights.resize(self.models.len(), 0.0);
        Ok(())
    }

    /// One step of EM: every weight times its gradient. The score cannot fall.
    fn expect_and_maximise(&mut self, gradient: &[f64]) {
        self.weights.iter_mut().zip(gradient).for_each(|(weight, gradient)| *weight *= gradient);
        self.settle();
    }

    /// One Newton step with a line search; false if no step along it improves the score.
    fn newton(&mut self, gradient: &[f64], ratio: &[f64], gap: f64, execution: &Execution) -> Result<bool> {
        let quadratic = Quadratic::new(&self.rows, &self.weights, gradient, ratio, &self.mixture);
        let accuracy = (0.01 * gap * gap.min(1.0)).max(1e-15);
        let target = quadratic.minimise(&self.significant(), accuracy, execution)?;
        let direction: Vec<f64> = target.iter().zip(&self.weights).map(|(target, weight)| target - weight).collect();
        let change = self.rows.mix(&direction);
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
        let row = self.rows.row(best);
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
        let observations = || self.observations.weight.iter().zip(change.iter().zip(&self.mixture));
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
        self.mixture = self.rows.mix(&self.weights);
    }
}
