//! Totals that follow the jury, through their public door: the same as from the start, pairs counted, errors.

use hemicycle_core::kernels::InstructionSet;
use hemicycle_core::likelihood::running::{Change, Running, update};
use hemicycle_core::likelihood::{Likelihood, Scoring, log_likelihood_by_pair};
use hemicycle_core::{Error, Execution, Interrupt, Pairs, Pool};
use proptest::prelude::*;

const N_ITEMS: usize = 4;

const NO_PAIR: Pairs<'_> =
    Pairs { n_items: N_ITEMS, a: &[], b: &[], offsets: &[0], log_ratio: &[], weight: &[], pair_weight: &[] };

const PAIRS: Pairs<'_> = Pairs {
    n_items: N_ITEMS,
    a: &[0, 0, 1],
    b: &[1, 2, 2],
    offsets: &[0, 2, 3, 6],
    log_ratio: &[0.5, -1.0, 2.0, 0.0, 0.25, 30.0],
    weight: &[1.0, 1.0, 2.0, 1.0, 1.0, 1.0],
    pair_weight: &[1.0, 2.0, 0.75],
};

/// The second pair of [`PAIRS`], and the first with a label less.
const CHANGED: Pairs<'_> = Pairs {
    n_items: N_ITEMS,
    a: &[0, 0],
    b: &[1, 2],
    offsets: &[0, 1, 2],
    log_ratio: &[0.5, 2.0],
    weight: &[1.0, 2.0],
    pair_weight: &[1.0, 2.0],
};

fn scored(
    logits: &[f64],
    running: Running,
    change: &Change<'_>,
    scoring: Scoring,
    set: InstructionSet,
) -> Result<(Running, usize), Error> {
    let pool = Pool::new(logits, logits.len() / N_ITEMS, N_ITEMS);
    update(&pool, running, change, false, scoring, set, &Execution::default())
}

fn scorings() -> impl Strategy<Value = Scoring> {
    let likelihood = prop_oneof![Just(Likelihood::SumGaussian), Just(Likelihood::Gaussian)];
    (likelihood, prop_oneof![Just(0.5), 1e-6..1e-3, 0.1..10.0]).prop_map(|(likelihood, sigma)| Scoring {
        likelihood,
        sigma,
        rtol: 0.0,
    })
}

fn logits() -> impl Strategy<Value = Vec<f64>> {
    let logit = prop_oneof![4 => -3.0..3.0, 1 => -1e6..=1e6];
    (1..70usize).prop_flat_map(move |n_models| prop::collection::vec(logit.clone(), n_models * N_ITEMS))
}

proptest! {
    #[test]
    fn what_is_added_in_steps_is_what_is_added_at_once(logits in logits(), scoring in scorings()) {
        let n_models = logits.len() / N_ITEMS;
        for set in InstructionSet::available() {
            let whole = Change { before: NO_PAIR, after: PAIRS };
            let (whole, n_terms) = scored(&logits, Running::empty(n_models), &whole, scoring, set)?;
            prop_assert_eq!(n_terms, 3);
            let less = Change { before: PAIRS, after: CHANGED };
            let (changed, n_terms) = scored(&logits, whole.clone(), &less, scoring, set)?;
            prop_assert_eq!(n_terms, 5);
            let more = Change { before: CHANGED, after: PAIRS };
            let (again, _) = scored(&logits, changed, &more, scoring, set)?;
            for model in 0..n_models {
                let bound = 1e-15 * again.largest_magnitude[model];
                prop_assert!((again.total[model] - whole.total[model]).abs() <= bound);
                prop_assert!((again.magnitude[model] - whole.magnitude[model]).abs() <= bound);
                prop_assert!(again.largest_magnitude[model] >= whole.largest_magnitude[model]);
            }
        }
    }

    #[test]
    fn totals_are_sums_of_the_terms_by_pair(logits in logits(), scoring in scorings()) {
        let (n_models, run) = (logits.len() / N_ITEMS, Execution::default());
        let pool = Pool::new(&logits, n_models, N_ITEMS);
        for set in InstructionSet::available() {
            let mut rows = vec![f64::NAN; pool.n_models * PAIRS.len()];
            log_likelihood_by_pair(&pool, &PAIRS, scoring, set, &run, &mut rows)?;
            let change = Change { before: NO_PAIR, after: PAIRS };
            let (running, _) = scored(&logits, Running::empty(n_models), &change, scoring, set)?;
            for (model, row) in rows.chunks(PAIRS.len()).enumerate() {
                let terms: Vec<f64> = row.iter().zip(PAIRS.pair_weight).map(|(term, weight)| term * weight).collect();
                let magnitude: f64 = terms.iter().map(|term| term.abs()).sum();
                let error = running.total[model] - terms.iter().sum::<f64>();
                prop_assert!(error.abs() <= 1e-15 * magnitude, "{} {terms:?}", set.name());
                prop_assert!((running.magnitude[model] - magnitude).abs() <= 1e-15 * magnitude);
            }
        }
    }
}

#[test]
fn small_terms_survive_large_ones() {
    // a pair that puts the model 1e6 sigma away comes and goes: the terms held before keep their last bits
    let scoring = Scoring { likelihood: Likelihood::SumGaussian, sigma: 0.5, rtol: 0.0 };
    let far =
        Pairs { a: &[0], b: &[3], offsets: &[0, 1], log_ratio: &[5e5], weight: &[1.0], pair_weight: &[1.0], ..PAIRS };
    let logits = [0.1, 0.7, -0.3, 0.2];
    let set = InstructionSet::detect();
    let change = |before, after| Change { before, after };
    let running = Running::empty(1);
    let (held, _) = scored(&logits, running, &change(NO_PAIR, PAIRS), scoring, set).unwrap();
    let (with, _) = scored(&logits, held.clone(), &change(NO_PAIR, far), scoring, set).unwrap();
    let (without, _) = scored(&logits, with.clone(), &change(far, NO_PAIR), scoring, set).unwrap();
    assert!(with.total[0] < -1e11);
    assert_eq!((&without.total, &without.total_low), (&held.total, &held.total_low));
    assert_eq!(without.largest_magnitude, with.largest_magnitude);
}

#[test]
fn only_items_of_the_change_are_read() {
    let scoring = Scoring { likelihood: Likelihood::SumGaussian, sigma: 0.5, rtol: 0.0 };
    let logits = [0.1, 0.7, -0.3, f64::NAN];
    let pool = Pool::new(&logits, 1, N_ITEMS);
    let change = Change { before: NO_PAIR, after: PAIRS };
    let run = |every_item| {
        let execution = Execution::default();
        update(&pool, Running::empty(1), &change, every_item, scoring, InstructionSet::detect(), &execution)
    };
    assert!(run(false).is_ok());
    let message = run(true).map_err(|error| error.to_string());
    assert_eq!(message, Err("logits[0, 3] is nan; it must be finite".into()));
}

#[test]
fn lists_of_another_length_are_refused() {
    let scoring = Scoring { likelihood: Likelihood::SumGaussian, sigma: 0.5, rtol: 0.0 };
    let change = Change { before: NO_PAIR, after: PAIRS };
    let set = InstructionSet::detect();
    let message = |running| scored(&[0.0; 8], running, &change, scoring, set).map_err(|error| error.to_string());
    assert_eq!(message(Running::empty(3)), Err("total: expected length 2, got length 3".into()));
    let broken = Running { total_low: vec![], ..Running::empty(2) };
    assert_eq!(message(broken), Err("total_low: expected length 2, got length 0".into()));
}

#[test]
fn an_interrupt_stops_the_work() {
    let execution = Execution { n_threads: Some(1), interrupt: Interrupt::new() };
    execution.interrupt.raise();
    let pool = Pool::new(&[0.0_f32; 4], 1, N_ITEMS);
    let scoring = Scoring { likelihood: Likelihood::Gaussian, sigma: 0.5, rtol: 0.0 };
    let change = Change { before: NO_PAIR, after: PAIRS };
    let set = InstructionSet::detect();
    let result = execution.install(|| update(&pool, Running::empty(1), &change, true, scoring, set, &execution));
    assert_eq!(result, Err(Error::Interrupted));
}
