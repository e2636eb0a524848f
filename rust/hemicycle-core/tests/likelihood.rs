//! The likelihood through its public door: every instruction set, every kernel, interrupts.

use hemicycle_core::kernels::InstructionSet;
use hemicycle_core::likelihood::{
    Likelihood, Scoring, log_likelihood_by_label, log_likelihood_by_model, log_likelihood_by_pair, table_bytes,
};
use hemicycle_core::{Error, Execution, Pairs, Pool};
use proptest::prelude::*;

mod cases;
#[path = "reference/likelihood.rs"]
mod reference;

use cases::{Case, logs, sigmas, weights};

const N_ITEMS: usize = 4;

/// The error that tables may have.
const RTOL: f64 = 1e-10;

/// The error that all others may have, and some for the reference.
const DIRECT: f64 = 1e-13 + 1e-14;

/// Alternatives of half a unit's width.
const HALF: Scoring = Scoring { likelihood: Likelihood::SumGaussian, sigma: 0.5, rtol: RTOL };

/// Totals and results by pair and by label.
fn scores(case: &Case, likelihood: Likelihood, set: InstructionSet) -> Result<[Vec<f64>; 3], Error> {
    let (pool, pairs, run) = (case.pool(), case.pairs(), Execution::default());
    let scoring = Scoring { likelihood, sigma: case.sigma, rtol: RTOL };
    let mut totals = vec![f64::NAN; pool.n_models];
    log_likelihood_by_model(&pool, &pairs, scoring, set, &run, &mut totals)?;
    let mut by_pair = vec![f64::NAN; pool.n_models * case.a.len()];
    log_likelihood_by_pair(&pool, &pairs, scoring, set, &run, &mut by_pair)?;
    let mut by_label = vec![f64::NAN; pool.n_models * case.log_ratio.len()];
    log_likelihood_by_label(&pool, &pairs, case.sigma, set, &run, &mut by_label)?;
    Ok([totals, by_pair, by_label])
}

fn cases() -> impl Strategy<Value = Case> {
    cases_of(1..6)
}

/// Cases whose pairs have so many labels.
fn cases_of(n_labels: std::ops::Range<usize>) -> impl Strategy<Value = Case> {
    let pair = (0..3u32, prop::collection::vec((logs(), weights()), n_labels), prop_oneof![Just(1.0), 0.0..3.0]);
    let logits = (1..40usize).prop_flat_map(|n_models| prop::collection::vec(logs(), n_models * N_ITEMS));
    (logits, prop::collection::vec(pair, 0..80), sigmas()).prop_map(|(logits, pairs, sigma)| {
        let pairs = pairs.into_iter().map(|(a, labels, weight)| ([a, 3], labels, weight)).collect();
        Case::new(N_ITEMS, logits, pairs, sigma)
    })
}

proptest! {
    #[test]
    fn instruction_sets_agree(case in cases(), gaussian in any::<bool>()) {
        let likelihood = if gaussian { Likelihood::Gaussian } else { Likelihood::SumGaussian };
        let portable = scores(&case, likelihood, InstructionSet::Portable)?;
        let n_pairs = case.a.len();
        let fused: Vec<_> = InstructionSet::available().into_iter().filter(|set| set.name() != "portable").collect();
        for (index, set) in fused.iter().enumerate() {
            let ours = scores(&case, likelihood, *set)?;
            if index > 0 {
                prop_assert_eq!(&ours, &scores(&case, likelihood, fused[0])?);
            }
            for (x, y) in ours[2].iter().zip(&portable[2]) {
                prop_assert!((x - y).abs() <= 2e-13 * y.abs().max(1.0), "{x} {y}");
            }
            if gaussian || n_pairs == 0 {
                continue;
            }
            for (row, portable_row) in ours[1].chunks(n_pairs).zip(portable[1].chunks(n_pairs)) {
                for (x, y) in row.iter().zip(portable_row) {
                    prop_assert!((x - y).abs() <= 2e-13 * y.abs().max(1.0), "{x} {y}");
                }
            }
            for (model, (x, y)) in ours[0].iter().zip(&portable[0]).enumerate() {
                let terms = portable[1][model * n_pairs..][..n_pairs].iter().zip(&case.pair_weight);
                let size: f64 = terms.map(|(term, weight)| weight * term.abs().max(1.0)).sum();
                prop_assert!((x - y).abs() <= 2e-13 * size, "{x} {y}");
            }
        }
    }

    #[test]
    fn every_path_is_within_the_bound_of_the_definition(
        case in prop_oneof![4 => cases().boxed(), 1 => cases_of(20..30).boxed()],
        gaussian in any::<bool>(),
    ) {
        let likelihood = if gaussian { Likelihood::Gaussian } else { Likelihood::SumGaussian };
        let (pairs, run) = (case.pairs(), Execution::default());
        // results by pair count every pair, those of weight 0 too
        let every = Pairs { pair_weight: &vec![1.0; pairs.len()], ..pairs };
        let scoring = Scoring { likelihood, sigma: case.sigma, rtol: RTOL };
        let tables = table_bytes(&every, scoring, InstructionSet::detect(), &run)?;
        let allowed = |n: usize| if tables[n] > 0 { RTOL } else { DIRECT };
        for set in InstructionSet::available() {
            let [totals, by_pair, by_label] = scores(&case, likelihood, set)?;
            for (model, row) in case.logits.chunks(N_ITEMS).enumerate() {
                let terms = reference::by_pair(row, &pairs, likelihood, case.sigma);
                for (n, term) in terms.iter().enumerate() {
                    let value = by_pair[model * terms.len() + n];
                    prop_assert!(term.error(value) <= allowed(n), "pair {n}: {value}, not {}", term.value);
                }
                let labels = reference::by_label(row, &pairs, case.sigma);
                for (i, term) in labels.iter().enumerate() {
                    let value = by_label[model * labels.len() + i];
                    prop_assert!(term.error(value) <= DIRECT, "label {i}: {value}, not {}", term.value);
                }
                let total = reference::total(&terms, &case.pair_weight);
                let worst = (0..terms.len()).map(allowed).fold(DIRECT, f64::max);
                prop_assert!(total.size == 0.0 || total.error(totals[model]) <= worst, "{} {total:?}", totals[model]);
            }
        }
    }

    #[test]
    fn everything_in_the_domain_is_finite(case in cases(), gaussian in any::<bool>()) {
        let likelihood = if gaussian { Likelihood::Gaussian } else { Likelihood::SumGaussian };
        for set in InstructionSet::available() {
            prop_assert!(scores(&case, likelihood, set)?.iter().flatten().all(|score| score.is_finite()));
        }
    }
}

#[test]
fn a_raised_flag_stops_the_work() {
    let logits = [0.0; N_ITEMS];
    let pool = Pool::new(&logits, 1, N_ITEMS);
    let case = Pairs {
        n_items: N_ITEMS,
        a: &[0],
        b: &[1],
        offsets: &[0, 1],
        log_ratio: &[0.0],
        weight: &[1.0],
        pair_weight: &[1.0],
    };
    let execution = Execution::default();
    execution.interrupt.raise();
    let stopped = log_likelihood_by_model(&pool, &case, HALF, InstructionSet::detect(), &execution, &mut [0.0]);
    assert_eq!(stopped, Err(Error::Interrupted));
}

#[test]
fn sigma_has_a_domain() {
    let pool = Pool::new(&[0.0_f64; 0], 0, N_ITEMS);
    let pairs =
        Pairs { n_items: N_ITEMS, a: &[], b: &[], offsets: &[0], log_ratio: &[], weight: &[], pair_weight: &[] };
    let score = |sigma| {
        let (scoring, set) = (Scoring { sigma, ..HALF }, InstructionSet::detect());
        log_likelihood_by_model(&pool, &pairs, scoring, set, &Execution::default(), &mut [])
    };
    assert_eq!(score(0.5), Ok(()));
    for sigma in [0.0, -1.0, 1e-7, 1e7] {
        let requirement = "from 1e-6 to 1e6";
        assert_eq!(score(sigma), Err(Error::Domain { what: "sigma", position: vec![], value: sigma, requirement }));
    }
    assert!(matches!(score(f64::NAN), Err(Error::NonFinite { what: "sigma", .. })));
}

#[test]
fn out_has_one_number_for_everything_scored() {
    let logits = [0.0; 3 * N_ITEMS];
    let pool = Pool::new(&logits, 3, N_ITEMS);
    let pairs = Pairs {
        n_items: N_ITEMS,
        a: &[0, 0],
        b: &[1, 2],
        offsets: &[0, 2, 3],
        log_ratio: &[0.0, 1.0, 2.0],
        weight: &[1.0; 3],
        pair_weight: &[1.0; 2],
    };
    let (set, run) = (InstructionSet::detect(), Execution::default());
    let by_model = |out: &mut [f64]| log_likelihood_by_model(&pool, &pairs, HALF, set, &run, out);
    let by_pair = |out: &mut [f64]| log_likelihood_by_pair(&pool, &pairs, HALF, set, &run, out);
    let by_label = |out: &mut [f64]| log_likelihood_by_label(&pool, &pairs, 0.5, set, &run, out);
    let refused = |got: usize, expected: usize| {
        Err(Error::Shape { what: "out", expected: format!("length {expected}"), got: format!("length {got}") })
    };
    assert_eq!((by_model(&mut [0.0; 3]), by_model(&mut [0.0; 2])), (Ok(()), refused(2, 3)));
    assert_eq!((by_pair(&mut [0.0; 6]), by_pair(&mut [0.0; 7])), (Ok(()), refused(7, 6)));
    assert_eq!((by_label(&mut [0.0; 9]), by_label(&mut [])), (Ok(()), refused(0, 9)));
}
