//! The likelihood with its gradient through the public door: the same values, the same bits everywhere, errors.

use hemicycle_core::kernels::InstructionSet;
use hemicycle_core::likelihood::{Likelihood, Scoring, log_likelihood_by_model, value_and_gradient};
use hemicycle_core::{Error, Execution, Pairs, Pool};
use proptest::prelude::*;

mod cases;

use cases::{Case, logs, sigmas, weights};

/// More than a vector of items, and not a whole number of them.
const N_ITEMS: usize = 11;

/// The error that tables may have.
const RTOL: f64 = 1e-10;

/// Values and gradient of some of the models.
fn scores(
    case: &Case,
    logits: &[f64],
    likelihood: Likelihood,
    set: InstructionSet,
    n_threads: usize,
) -> Result<[Vec<f64>; 2], Error> {
    let pool = Pool::new(logits, logits.len() / N_ITEMS, N_ITEMS);
    let execution = Execution { n_threads: Some(n_threads), ..Execution::default() };
    let (mut values, mut gradient) = (vec![f64::NAN; pool.n_models], vec![f64::NAN; logits.len()]);
    let (pairs, scoring) = (case.pairs(), Scoring { likelihood, sigma: case.sigma, rtol: RTOL });
    let (out, slopes) = (&mut values, &mut gradient);
    execution.install(|| value_and_gradient(&pool, &pairs, scoring, set, &execution, out, slopes))?;
    Ok([values, gradient])
}

fn cases() -> impl Strategy<Value = Case> {
    let labels = |n| prop::collection::vec((logs(), weights()), n);
    let labels = prop_oneof![9 => labels(1..6), 1 => labels(24..40)];
    let pair = (0..N_ITEMS as u32 - 1, labels, prop_oneof![Just(1.0), 0.0..3.0]);
    let logits = (1..70usize).prop_flat_map(|n_models| prop::collection::vec(logs(), n_models * N_ITEMS));
    (logits, prop::collection::vec(pair, 0..80), sigmas()).prop_map(|(logits, pairs, sigma)| {
        let other = |a: u32, n_labels: usize| a + 1 + n_labels as u32 % (N_ITEMS as u32 - 1 - a);
        let pairs =
            pairs.into_iter().map(|(a, labels, weight)| ([a, other(a, labels.len())], labels, weight)).collect();
        Case::new(N_ITEMS, logits, pairs, sigma)
    })
}

proptest! {
    #[test]
    fn values_are_those_of_the_likelihood(case in cases(), gaussian in any::<bool>()) {
        let likelihood = if gaussian { Likelihood::Gaussian } else { Likelihood::SumGaussian };
        let pool = case.pool();
        for set in InstructionSet::available() {
            let [values, gradient] = scores(&case, &case.logits, likelihood, set, 1)?;
            let scoring = Scoring { likelihood, sigma: case.sigma, rtol: RTOL };
            let mut expected = vec![f64::NAN; pool.n_models];
            log_likelihood_by_model(&pool, &case.pairs(), scoring, set, &Execution::default(), &mut expected)?;
            prop_assert_eq!(values, expected);
            prop_assert!(gradient.iter().all(|slope| slope.is_finite()));
        }
    }

    #[test]
    fn threads_company_and_instructions_change_no_bit(case in cases(), company in 1..70_usize) {
        let detected = InstructionSet::detect();
        let together = scores(&case, &case.logits, Likelihood::SumGaussian, detected, 1)?;
        prop_assert_eq!(&scores(&case, &case.logits, Likelihood::SumGaussian, detected, 3)?, &together);
        for set in InstructionSet::available() {
            if set.name() != "portable" {
                prop_assert_eq!(&scores(&case, &case.logits, Likelihood::SumGaussian, set, 2)?, &together);
            }
        }
        let parts = case.logits.chunks(company * N_ITEMS);
        let apart: Result<Vec<_>, _> =
            parts.map(|logits| scores(&case, logits, Likelihood::SumGaussian, detected, 1)).collect();
        for (k, together) in together.iter().enumerate() {
            prop_assert_eq!(&apart.iter().flatten().flat_map(|part| part[k].clone()).collect::<Vec<_>>(), together);
        }
    }
}

const ONE_PAIR: Pairs<'_> =
    Pairs { n_items: 2, a: &[0], b: &[1], offsets: &[0, 1], log_ratio: &[1.0], weight: &[1.0], pair_weight: &[2.0] };

fn of_one_pair(logits: &[f64], values: &mut [f64], gradient: &mut [f64], execution: &Execution) -> Result<(), Error> {
    let pool = Pool::new(logits, logits.len() / 2, 2);
    let scoring = Scoring { likelihood: Likelihood::SumGaussian, sigma: 0.5, rtol: RTOL };
    value_and_gradient(&pool, &ONE_PAIR, scoring, InstructionSet::detect(), execution, values, gradient)
}

#[test]
fn by_hand() {
    let (mut values, mut gradient) = ([0.0; 2], [1.0; 4]);
    let run = Execution::default();
    assert_eq!(of_one_pair(&[0.0, 0.25, 3.0, 4.0], &mut values, &mut gradient, &run), Ok(()));
    // 2 (y - mu) / sigma^2 = 2 * 0.75 / 0.25, and 0 at the label
    assert_eq!(gradient, [-6.0, 6.0, 0.0, 0.0]);
}

#[test]
fn results_of_another_length_are_refused() {
    let run = Execution::default();
    let shape = |what| move |error| matches!(error, Error::Shape { what: found, .. } if found == what);
    assert!(of_one_pair(&[0.0; 4], &mut [0.0; 1], &mut [0.0; 4], &run).is_err_and(shape("values")));
    assert!(of_one_pair(&[0.0; 4], &mut [0.0; 2], &mut [0.0; 3], &run).is_err_and(shape("gradient")));
}

#[test]
fn logits_are_checked_and_a_raised_flag_stops_the_work() {
    let run = Execution::default();
    let refused = of_one_pair(&[0.0, 0.0, 2e6, 0.0], &mut [0.0; 2], &mut [0.0; 4], &run);
    assert!(matches!(refused, Err(Error::Domain { what: "logits", position, .. }) if position == [1, 0]));
    run.interrupt.raise();
    let stopped = of_one_pair(&[0.0; 4], &mut [0.0; 2], &mut [0.0; 4], &run);
    assert_eq!(stopped, Err(Error::Interrupted));
}
