//! Outside the domain and inside: every score is finite or a typed error, never a panic, and the logit that an error
//! names is one that had to be refused.
#![no_main]

use arbitrary::Unstructured;
use hemicycle_core::kernels::InstructionSet;
use hemicycle_core::likelihood::{
    Likelihood, Scoring, log_likelihood_by_label, log_likelihood_by_model, log_likelihood_by_pair, table_bytes,
};
use hemicycle_core::scores::{Choices, accuracy, mean_squared_error};
use hemicycle_core::{Error, Execution, Pool};
use hemicycle_fuzz::{Jury, number};
use libfuzzer_sys::fuzz_target;

fn draw(u: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let valid = u.ratio(3, 4)?;
    let n_items = u.int_in_range(1..=4)?;
    let jury = if valid { Jury::draw(u, n_items)? } else { Jury::raw(u)? };
    let strides: [usize; 2] = [u.int_in_range(0..=9)?, u.int_in_range(0..=9)?];
    let n_models: usize = u.int_in_range(0..=40)?;
    let n_items = if u.ratio(7, 8)? { jury.n_items } else { u.int_in_range(0..=5)? };
    let fit = match (n_models, n_items) {
        (0, _) | (_, 0) => 0,
        _ => (n_models - 1) * strides[0] + (n_items - 1) * strides[1] + 1,
    };
    let length = if u.ratio(15, 16)? { fit } else { u.int_in_range(0..=fit + 2)? };
    let mut logits = vec![0.5; length];
    for _ in 0..u.int_in_range(0..=length.min(8))? {
        let place = u.choose_index(length)?;
        logits[place] = number(u)?;
    }
    let (sigma, rtol) = (number(u)?.abs(), number(u)?.abs() * 1e-10);
    let likelihood = *u.choose(&[Likelihood::SumGaussian, Likelihood::Gaussian])?;
    score(&jury, &Pool { logits: &logits, n_models, n_items, strides }, Scoring { likelihood, sigma, rtol });
    Ok(())
}

fn score(jury: &Jury, pool: &Pool<'_, f64>, scoring: Scoring) {
    let (pairs, run) = (jury.pairs(), Execution::default());
    let set = InstructionSet::detect();
    let choices = Choices { n_items: jury.n_items, loser: &jury.a, winner: &jury.b, weight: &jury.pair_weight };
    check(pool, 1, |out| log_likelihood_by_model(pool, &pairs, scoring, set, &run, out));
    check(pool, pairs.len(), |out| log_likelihood_by_pair(pool, &pairs, scoring, set, &run, out));
    let n_labels = pairs.log_ratio.len();
    check(pool, n_labels, |out| log_likelihood_by_label(pool, &pairs, scoring.sigma, set, &run, out));
    if !pairs.is_empty() {
        check(pool, 1, |out| mean_squared_error(pool, &pairs, set, &run, out));
        check(pool, 1, |out| accuracy(pool, &choices, set, &run, out));
    }
    let _ = table_bytes(&pairs, scoring, set, &run);
}

fn check(pool: &Pool<'_, f64>, n_columns: usize, score: impl Fn(&mut [f64]) -> Result<(), Error>) {
    let outside = |place: &[usize]| {
        let logit = pool.logits[place[0] * pool.strides[0] + place[1] * pool.strides[1]];
        assert!(!(logit.abs() <= hemicycle_fuzz::MAX_LOG), "logits{place:?} is {logit}");
    };
    let mut scores = vec![f64::NAN; pool.n_models * n_columns];
    match score(&mut scores) {
        Ok(()) => assert!(scores.iter().all(|score| score.is_finite()), "{scores:?}"),
        Err(Error::NonFinite { what: "logits", position, .. } | Error::Domain { what: "logits", position, .. }) => {
            outside(&position);
        }
        Err(Error::Shape { .. } | Error::Index { .. } | Error::NonFinite { .. } | Error::Domain { .. }) => {}
        Err(error) => panic!("{error}"),
    }
}

fuzz_target!(|bytes: &[u8]| {
    let _ = draw(&mut Unstructured::new(bytes));
});
