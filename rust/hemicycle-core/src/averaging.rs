//! Bayesian model averaging: weights proportional to prior x likelihood^power, in log space.

use crate::error::{Error, Result};
use crate::simplex::{compensated_sum, normalise};

/// Weights `w_d = prior_d exp(power l_d) / sum` of models with log likelihoods `l_d`.
///
/// Differences to the best model are taken with their rounding error, so every weight is right to a few units in the
/// last place, however large the log likelihoods are. `prior` (as long as `log_likelihood`, uniform if `None`) need
/// not be normalised. A log likelihood of -inf gives the weight 0.
///
/// # Errors
/// [`Error::Shape`] for lengths that differ, [`Error::NonFinite`] for NaN, a log likelihood of +inf and a prior or
/// power that is not finite, [`Error::Domain`] for a negative prior and a power that is not positive,
/// [`Error::NoData`] if no model has both a positive prior and a likelihood above 0.
///
/// ```
/// let weights = hemicycle_core::averaging::bma_weights(&[-1e5, -1e5 - 2.0_f64.ln()], None, 1.0)?;
/// assert!((weights[0] - 2.0 / 3.0).abs() < 1e-10);
/// # Ok::<(), hemicycle_core::Error>(())
/// ```
pub fn bma_weights(log_likelihood: &[f64], prior: Option<&[f64]>, power: f64) -> Result<Vec<f64>> {
    check(log_likelihood, prior, power)?;
    let prior = |model: usize| prior.map_or(1.0, |prior| prior[model]);
    let admitted = |model: &usize| prior(*model) > 0.0 && log_likelihood[*model] > f64::NEG_INFINITY;
    let models = || (0..log_likelihood.len()).filter(admitted);
    let largest = models().map(|model| log_likelihood[model]).fold(f64::NEG_INFINITY, f64::max);
    let log_posterior = |model: usize| power * (log_likelihood[model] - largest) + prior(model).ln();
    let best = models().max_by(|&i, &j| log_posterior(i).total_cmp(&log_posterior(j)));
    let Some(best) = best else {
        return Err(Error::NoData {
            what: "log_likelihood",
            reason: "no model has both a positive prior and a likelihood above 0".into(),
        });
    };
    let mut weights = vec![0.0; log_likelihood.len()];
    for model in models() {
        let (log_ratio, error) = scaled_difference(power, log_likelihood[model], log_likelihood[best]);
        weights[model] = posterior_ratio(log_ratio, error, prior(model), prior(best));
    }
    normalise(&mut weights);
    Ok(weights)
}

/// Effective numbers of models: the exponential of the entropy of the weights, and 1 / sum w^2.
///
/// `weights` are non-negative, finite and sum to 1.
///
/// ```
/// assert_eq!(hemicycle_core::averaging::effective_models(&[0.5, 0.5, 0.0]), (2.0, 2.0));
/// ```
#[must_use]
pub fn effective_models(weights: &[f64]) -> (f64, f64) {
    let terms: Vec<f64> = weights.iter().filter(|&&w| w > 0.0).map(|w| -w * w.ln()).collect();
    let squares: Vec<f64> = weights.iter().map(|w| w * w).collect();
    (compensated_sum(&terms).exp(), compensated_sum(&squares).recip())
}

fn check(log_likelihood: &[f64], prior: Option<&[f64]>, power: f64) -> Result<()> {
    if !power.is_finite() {
        return Err(Error::NonFinite { what: "power", position: vec![], value: power });
    }
    if power <= 0.0 {
        return Err(Error::Domain { what: "power", position: vec![], value: power, requirement: "above 0" });
    }
    if let Some(index) = log_likelihood.iter().position(|l| l.is_nan() || *l == f64::INFINITY) {
        let value = log_likelihood[index];
        return Err(Error::NonFinite { what: "log_likelihood", position: vec![index], value });
    }
    let Some(prior) = prior else { return Ok(()) };
    if prior.len() != log_likelihood.len() {
        return Err(Error::Shape {
            what: "prior",
            expected: format!("one value for each of the {} models", log_likelihood.len()),
            got: format!("{} values", prior.len()),
        });
    }
    for (index, &value) in prior.iter().enumerate() {
        if !value.is_finite() {
            return Err(Error::NonFinite { what: "prior", position: vec![index], value });
        }
        if value < 0.0 {
            let requirement = "at least 0";
            return Err(Error::Domain { what: "prior", position: vec![index], value, requirement });
        }
    }
    Ok(())
}

/// `power * (a - b)` as a rounded value and what the rounding lost.
fn scaled_difference(power: f64, a: f64, b: f64) -> (f64, f64) {
    let difference = a - b;
    let scaled = power * difference;
    if !scaled.is_finite() {
        return (scaled, 0.0);
    }
    let part = difference - a;
    let lost = (a - (difference - part)) - (b + part);
    (scaled, power.mul_add(difference, -scaled) + power * lost)
}

/// `prior exp(log_ratio + error) / best_prior`, as a product where it stays in range, in log space otherwise.
fn posterior_ratio(log_ratio: f64, error: f64, prior: f64, best_prior: f64) -> f64 {
    let prior_ratio = prior / best_prior;
    let likelihood_ratio = log_ratio.exp() * (1.0 + error);
    if prior_ratio.is_normal() && (likelihood_ratio.is_normal() || (prior_ratio <= 1.0 && likelihood_ratio < 1.0)) {
        return prior_ratio * likelihood_ratio;
    }
    (log_ratio + (prior.ln() - best_prior.ln())).exp()
}

#[cfg(test)]
mod tests {
    use super::{bma_weights, effective_models};

    #[test]
    fn a_large_prior_outweighs_a_likelihood_that_underflows() {
        let weights = bma_weights(&[0.0, -800.0], Some(&[1e-300, 1e300]), 1.0).expect("valid");
        assert!(weights[1] > 0.999_999 && weights[0] > 0.0);
    }

    #[test]
    fn extreme_differences_leave_one_model() {
        assert_eq!(bma_weights(&[f64::MAX, -f64::MAX], None, 1e300).expect("valid"), [1.0, 0.0]);
        assert_eq!(bma_weights(&[-3.0, f64::NEG_INFINITY], None, 0.5).expect("valid"), [1.0, 0.0]);
    }

    #[test]
    fn no_model_left_is_an_error() {
        assert!(bma_weights(&[], None, 1.0).is_err());
        assert!(bma_weights(&[f64::NEG_INFINITY, 0.0], Some(&[1.0, 0.0]), 1.0).is_err());
    }

    #[test]
    fn one_model_counts_as_one() {
        assert_eq!(effective_models(&[0.0, 1.0]), (1.0, 1.0));
    }
}
