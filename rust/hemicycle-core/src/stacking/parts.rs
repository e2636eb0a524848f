//! A part of the models by itself: what somebody who weighs the models of many parts asks of each.

use super::observations::{Scale, best_models};
use super::pricing::Pricing;
use super::source::LogDensities;
use crate::error::Result;
use crate::judgments::check_length;
use crate::parallel::Execution;

/// The largest log density of every observation, and the first model that has it.
///
/// # Errors
/// [`Error::NonFinite`](crate::Error::NonFinite) for NaN and +inf, by the first place; what the source cannot make;
/// [`Error::Interrupted`](crate::Error::Interrupted).
pub fn best_densities<S: LogDensities>(source: &S, execution: &Execution) -> Result<(Vec<f64>, Vec<usize>)> {
    if source.n_observations() == 0 {
        return Ok((Vec::new(), Vec::new()));
    }
    let (largest, best) = best_models(source, execution)?;
    Ok((largest, best.into_iter().map(|model| model as usize).collect()))
}

/// The price of every model, `sum_n exp(l_dn - shift_n) ratio_n` with its log densities l: the same bits whichever models
/// are beside it. Where asked for with the square of the exponential.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) if a length is not the number of observations; what the source cannot make;
/// [`Error::Interrupted`](crate::Error::Interrupted).
pub fn prices<S: LogDensities>(
    source: &S,
    shift: &[f64],
    ratio: &[f64],
    squared: bool,
    execution: &Execution,
) -> Result<Vec<f64>> {
    check_length("shift", shift.len(), source.n_observations())?;
    check_length("ratio", ratio.len(), source.n_observations())?;
    let everyone: Vec<usize> = (0..source.n_models()).collect();
    if shift.is_empty() {
        return Ok(vec![0.0; everyone.len()]);
    }
    let scale = Scale::of_all(shift);
    let mut pricing = Pricing::new(source, &scale, execution);
    if squared { pricing.squares(&everyone, ratio) } else { pricing.price(&everyone, ratio) }
}

#[cfg(test)]
mod tests {
    use super::{best_densities, prices};
    use crate::stacking::Matrix;
    use crate::{Error, Execution};

    fn log_density(d: usize, n: usize) -> f64 {
        -(((n * 7919) % 97) as f64 - (d * 13 % 89) as f64).powi(2) / 20.0
    }

    fn matrix(models: std::ops::Range<usize>, n_observations: usize) -> Vec<f64> {
        models.flat_map(|d| (0..n_observations).map(move |n| log_density(d, n))).collect()
    }

    #[test]
    fn prices_are_sums_over_the_observations() {
        let (n_models, n) = (700, 43);
        let values = matrix(0..n_models, n);
        let shift: Vec<f64> = (0..n).map(|n| -(n as f64)).collect();
        let ratio: Vec<f64> = (0..n).map(|n| if n % 5 == 0 { 0.0 } else { n as f64 }).collect();
        let whole = Matrix::new(&values, n_models, n).expect("its length is right");
        let execution = Execution::default();
        for (squared, power) in [(false, 1.0), (true, 2.0)] {
            let found = prices(&whole, &shift, &ratio, squared, &execution).expect("it is finite");
            for (d, price) in found.iter().enumerate() {
                let terms = (0..n).map(|n| ((log_density(d, n) - shift[n]) * power).exp() * ratio[n]);
                let expected: f64 = terms.sum();
                assert!((price - expected).abs() <= 1e-12 * expected, "{price} {expected}");
            }
            let part = Matrix::new(&values[123 * n..456 * n], 333, n).expect("its length is right");
            let alone = prices(&part, &shift, &ratio, squared, &execution).expect("it is finite");
            assert_eq!(alone, found[123..456]);
        }
    }

    #[test]
    fn the_best_is_the_first_of_the_best() {
        let (n_models, n) = (300, 11);
        let values = matrix(0..n_models, n);
        let whole = Matrix::new(&values, n_models, n).expect("its length is right");
        let (largest, best) = best_densities(&whole, &Execution::default()).expect("it is finite");
        for n in 0..n {
            let first = (0..n_models).find(|&d| log_density(d, n) == largest[n]);
            assert_eq!(first, Some(best[n]));
            assert!((0..n_models).all(|d| log_density(d, n) <= largest[n]));
        }
    }

    #[test]
    fn lengths_must_agree_and_nothing_is_nothing() {
        let execution = Execution::default();
        let one = Matrix::new(&[0.0; 6], 2, 3).expect("its length is right");
        let wrong = prices(&one, &[0.0; 3], &[1.0; 2], false, &execution);
        assert!(matches!(wrong, Err(Error::Shape { what: "ratio", .. })));
        let empty = Matrix::new(&[], 2, 0).expect("its length is right");
        assert_eq!(prices(&empty, &[], &[], false, &execution), Ok(vec![0.0; 2]));
        assert_eq!(best_densities(&empty, &execution), Ok((vec![], vec![])));
        execution.interrupt.raise();
        assert_eq!(prices(&one, &[0.0; 3], &[1.0; 3], false, &execution), Err(Error::Interrupted));
    }
}
