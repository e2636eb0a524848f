//! The problem in the form that all parts of the solver share, and the certificate of any weights.

use crate::error::Result;
use crate::lanes::dot;
use crate::least_squares::passes;
use crate::least_squares::predictions::Predictions;
use crate::parallel::Execution;
use crate::simplex::normalise;

/// Weights up to this are rounding, unless their models lie far out.
const DUST: f64 = 4.0 * f64::EPSILON;

/// Minimise `|sum w z|^2 + constant + l2 |w|^2 + cost . w + lowest` over the simplex, z the deviations.
pub(super) struct Problem<'a> {
    pub(super) predictions: &'a dyn Predictions,
    pub(super) l2: f64,
    /// Prices counted from the lowest; `None` if all are the same.
    pub(super) cost: Option<Vec<f64>>,
    /// The lowest price, which every mixture pays.
    lowest: f64,
    /// Squared lengths of the deviations.
    pub(super) lengths: Vec<f64>,
    /// Median loss of a single model.
    pub(super) median_loss: f64,
    median_alone: f64,
    tol: f64,
    pub(super) passes: usize,
}

/// What one pass says about some weights.
pub(super) struct Certificate {
    /// `sum w z`.
    pub(super) residual: Vec<f64>,
    /// The length of all that is left of the labels: of `residual`, and of what no deviation shows.
    pub(super) misfit: f64,
    /// Half the gradient.
    pub(super) slopes: Vec<f64>,
    /// The mean slope under the weights.
    pub(super) level: f64,
    pub(super) objective: f64,
    /// The objective is at most this far from its minimum.
    pub(super) gap: f64,
}

impl<'a> Problem<'a> {
    /// The lengths are found in a pass.
    pub(super) fn new(
        predictions: &'a dyn Predictions,
        l2: f64,
        cost: Option<&[f64]>,
        tol: f64,
        execution: &Execution,
    ) -> Result<Self> {
        Ok(Self::of_lengths(predictions, l2, cost, tol, passes::squared_lengths(predictions, execution)?))
    }

    /// With squared lengths of the deviations that are known already.
    pub(super) fn of_lengths(
        predictions: &'a dyn Predictions,
        l2: f64,
        cost: Option<&[f64]>,
        tol: f64,
        lengths: Vec<f64>,
    ) -> Self {
        let median_loss = median(&lengths) + predictions.constant();
        let lowest = cost.map_or(0.0, lowest);
        let above = |cost: &[f64]| cost.iter().map(|price| price - lowest).collect::<Vec<f64>>();
        let cost = cost.map(above).filter(|cost| cost.iter().any(|&price| price > 0.0));
        let median_alone = cost.as_ref().map_or(median_loss, |cost| {
            let alone: Vec<f64> = lengths.iter().zip(cost).map(|(length, price)| length + price).collect();
            median(&alone) + predictions.constant()
        });
        Self { predictions, l2, cost, lowest, lengths, median_loss, median_alone, tol, passes: 1 }
    }

    /// The same with this ridge on the weights.
    pub(super) fn with_ridge(self, l2: f64) -> Self {
        Self { l2, ..self }
    }

    pub(super) fn n_models(&self) -> usize {
        self.predictions.n_models()
    }

    /// The largest gap that counts as solved.
    pub(super) fn tolerance(&self) -> f64 {
        self.tol * self.unit()
    }

    /// The price of a model, counted from the lowest.
    pub(super) fn price(&self, model: usize) -> f64 {
        self.cost.as_ref().map_or(0.0, |cost| cost[model])
    }

    /// The objective of one model alone, up to what all share.
    pub(super) fn loss_of(&self, model: usize) -> f64 {
        self.lengths[model] + self.price(model)
    }

    /// A length to compare deviations with.
    pub(super) fn typical_length(&self) -> f64 {
        typical_length(&self.lengths)
    }

    /// The unit of the relative gap: the median over models of the objective of one model alone, prices counted from the
    /// lowest. Without ridge and prices that is the median loss. Where that is 0 a ridge is no unit for the loss, whose
    /// rounding may be far above it: then it is the largest loss of a model alone.
    pub(super) fn unit(&self) -> f64 {
        if self.l2 > 0.0 && self.median_alone == 0.0 {
            return longest(&self.lengths) + self.l2;
        }
        self.median_alone + self.l2
    }

    /// The gap in that unit; 0 if it is 0, whatever the unit.
    pub(super) fn relative(&self, gap: f64) -> f64 {
        if gap == 0.0 { 0.0 } else { gap / self.unit() }
    }

    /// Whether these weights are solved as far as asked; a gap that is NaN never is.
    pub(super) fn accepts(&self, certificate: &Certificate) -> bool {
        certificate.gap <= self.tolerance()
    }

    /// Give no weight to models whose weight is rounding: it moves the fit less than the rounding of the fit does.
    pub(super) fn sweep(&self, weights: &mut [f64]) {
        let negligible = DUST * self.typical_length();
        for (weight, length) in weights.iter_mut().zip(&self.lengths) {
            if *weight <= DUST && *weight * length.sqrt() <= negligible {
                *weight = 0.0;
            }
        }
    }

    /// Make the weights sum to one to the last bit, and certify them as they are then.
    pub(super) fn certify(&mut self, weights: &mut [f64], execution: &Execution) -> Result<Certificate> {
        self.sweep(weights);
        normalise(weights);
        self.passes += 1;
        let residual = passes::mix(self.predictions, weights, execution)?;
        let mut slopes = passes::times(self.predictions, &residual, execution)?;
        for (model, slope) in slopes.iter_mut().enumerate() {
            *slope += self.l2 * weights[model] + 0.5 * self.price(model);
        }
        let least = slopes.iter().copied().fold(f64::INFINITY, f64::min);
        let excess: f64 = weights.iter().zip(&slopes).map(|(weight, slope)| weight * (slope - least)).sum();
        let prices: f64 = weights.iter().enumerate().map(|(model, weight)| weight * self.price(model)).sum();
        let fit = dot(&residual, &residual) + self.predictions.constant();
        let objective = fit + self.l2 * dot(weights, weights) + prices + self.lowest;
        Ok(Certificate { residual, misfit: fit.sqrt(), slopes, level: least + excess, objective, gap: 2.0 * excess })
    }
}

impl Certificate {
    /// Whether its gap is smaller; any gap is smaller than one that is NaN.
    pub(super) fn improves_on(&self, other: &Self) -> bool {
        self.gap < other.gap || (other.gap.is_nan() && !self.gap.is_nan())
    }
}

/// The lowest of prices.
pub(super) fn lowest(prices: &[f64]) -> f64 {
    prices.iter().copied().fold(f64::INFINITY, f64::min)
}

/// The largest of squared lengths.
pub(super) fn longest(squared: &[f64]) -> f64 {
    squared.iter().copied().fold(0.0, f64::max)
}

/// The root of the median of squared lengths; of the largest if that is zero; 1 if all are.
pub(super) fn typical_length(squared: &[f64]) -> f64 {
    let candidates = [median(squared), longest(squared), 1.0];
    candidates.into_iter().find(|&candidate| candidate > 0.0).map_or(1.0, f64::sqrt)
}

/// The median of values that are not NaN: the mean of the middle two for an even number.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    let middle = values.len() / 2;
    let even = values.len().is_multiple_of(2);
    let (below, &mut upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    if !even {
        return upper;
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    0.5 * lower + 0.5 * upper
}

#[cfg(test)]
mod tests {
    use super::Certificate;

    #[test]
    fn a_gap_that_is_nan_gives_way_to_any_other() {
        let of = |gap| Certificate { residual: vec![], misfit: 0.0, slopes: vec![], level: 0.0, objective: 0.0, gap };
        let improves = |gap, on| of(gap).improves_on(&of(on));
        assert!(improves(1.0, 2.0) && improves(f64::INFINITY, f64::NAN) && improves(0.0, f64::NAN));
        assert!(!improves(2.0, 1.0) && !improves(f64::NAN, 1.0) && !improves(f64::NAN, f64::NAN));
    }
}
