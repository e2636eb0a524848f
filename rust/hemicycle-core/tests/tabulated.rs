//! Pairs with many labels through the public door: the guaranteed error, which kernel runs, and the same bits everywhere.

use hemicycle_core::kernels::InstructionSet;
use hemicycle_core::likelihood::{Likelihood, Scoring, log_likelihood_by_model, log_likelihood_by_pair, table_bytes};
use hemicycle_core::{Error, Execution, Interrupt, Pairs, Pool};
use proptest::prelude::*;

fn sum_gaussian(sigma: f64, rtol: f64) -> Scoring {
    Scoring { likelihood: Likelihood::SumGaussian, sigma, rtol }
}

/// One pair of two items, and what some models predict for it.
#[derive(Debug, Clone)]
struct Case {
    log_ratio: Vec<f64>,
    weight: Vec<f64>,
    sigma: f64,
    mu: Vec<f64>,
}

impl Case {
    fn pairs(&self) -> Owned {
        Owned { offsets: vec![0, self.log_ratio.len() as i64], case: self.clone() }
    }
}

/// The columns of one pair.
struct Owned {
    offsets: Vec<i64>,
    case: Case,
}

impl Owned {
    fn borrow(&self) -> Pairs<'_> {
        let Case { log_ratio, weight, .. } = &self.case;
        Pairs { n_items: 2, a: &[0], b: &[1], offsets: &self.offsets, log_ratio, weight, pair_weight: &[1.0] }
    }

    fn bytes(&self, rtol: f64) -> Result<usize, Error> {
        let (set, run) = (InstructionSet::detect(), Execution::default());
        Ok(table_bytes(&self.borrow(), sum_gaussian(self.case.sigma, rtol), set, &run)?[0])
    }

    fn scores(&self, mu: &[f64], rtol: f64, set: InstructionSet) -> Result<[Vec<f64>; 2], Error> {
        let logits: Vec<f64> = mu.iter().flat_map(|mu| [0.0, *mu]).collect();
        let pool = Pool::new(&logits, mu.len(), 2);
        let (pairs, run) = (self.borrow(), Execution::default());
        let scoring = sum_gaussian(self.case.sigma, rtol);
        let [mut totals, mut by_pair] = [0, 1].map(|_| vec![f64::NAN; mu.len()]);
        log_likelihood_by_model(&pool, &pairs, scoring, set, &run, &mut totals)?;
        log_likelihood_by_pair(&pool, &pairs, scoring, set, &run, &mut by_pair)?;
        Ok([totals, by_pair])
    }
}

/// The largest relative error in the sense of the bound.
fn worst(values: &[f64], expected: &[f64]) -> f64 {
    let errors = values.iter().zip(expected).map(|(x, y)| (x - y).abs() / y.abs().max(1.0));
    errors.fold(0.0, f64::max)
}

fn cases() -> impl Strategy<Value = Case> {
    let labels = prop_oneof![
        prop::collection::vec(-7.0..7.0, 24..200),
        prop::collection::vec(-0.1..0.1, 24..60),
        prop::collection::vec((-9..9_i32).prop_map(f64::from), 24..100),
        prop::collection::vec(prop_oneof![-5.0..-4.9, 900.0..901.0], 24..60),
    ];
    let weight = prop_oneof![3 => Just(1.0), 1 => 0.1..10.0, 1 => 1e-60..1e60];
    let sigma =
        prop_oneof![2 => Just(0.5), 1 => 0.05..5.0, 1 => (-3.0..6.0).prop_map(|exponent: f64| 10f64.powf(exponent))];
    let shift = prop_oneof![3 => Just(0.0), 1 => -1e3..1e3];
    (labels, sigma, shift, any::<u64>())
        .prop_flat_map(move |(labels, sigma, shift, _)| {
            let log_ratio: Vec<f64> = labels.iter().map(|y| y + shift).collect();
            let near = log_ratio.clone();
            let mu = (prop::sample::select(near), -200.0..200.0, -1.0..1.0, prop::bool::ANY);
            let mu = mu.prop_map(move |(y, far, place, outside): (f64, f64, f64, bool)| {
                (y + sigma * if outside { far } else { 4.0 * place }).clamp(-1e6, 1e6)
            });
            let weight = prop::collection::vec(weight.clone(), log_ratio.len());
            (Just(log_ratio), weight, Just(sigma), prop::collection::vec(mu, 1..80))
        })
        .prop_map(|(log_ratio, weight, sigma, mu)| Case { log_ratio, weight, sigma, mu })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn errors_are_within_the_bound(case in cases(), exponent in 5..13_i32) {
        let rtol = 10f64.powi(-exponent);
        let pairs = case.pairs();
        for set in InstructionSet::available() {
            let [totals, rows] = pairs.scores(&case.mu, rtol, set)?;
            let [direct, _] = pairs.scores(&case.mu, 0.0, set)?;
            let allowed = if pairs.bytes(rtol)? > 0 { rtol + 1e-13 } else { 1e-13 };
            prop_assert!(worst(&totals, &direct) <= allowed, "{} at {rtol}", worst(&totals, &direct));
            prop_assert!(worst(&rows, &direct) <= allowed, "{} at {rtol}", worst(&rows, &direct));
        }
    }

    #[test]
    fn every_fused_path_and_every_company_gives_the_same_bits(case in cases(), company in 1..70_usize) {
        let pairs = case.pairs();
        let detected = InstructionSet::detect();
        let together = pairs.scores(&case.mu, 1e-10, detected)?;
        for set in InstructionSet::available() {
            if set.name() != "portable" {
                prop_assert_eq!(&pairs.scores(&case.mu, 1e-10, set)?, &together);
            }
        }
        let apart: Result<Vec<_>, _> = case.mu.chunks(company).map(|mu| pairs.scores(mu, 1e-10, detected)).collect();
        let apart: Vec<f64> = apart?.into_iter().flat_map(|[totals, _]| totals).collect();
        prop_assert_eq!(apart, &together[0][..]);
    }
}

fn spread(n: usize, sigma: f64) -> Case {
    let log_ratio = (0..n).map(|k| 6.0 * (k as f64 * 0.618_033_988_75).fract() - 3.0).collect();
    Case { log_ratio, weight: vec![1.0; n], sigma, mu: vec![] }
}

#[test]
fn the_judgments_sigma_and_rtol_choose_the_kernel() -> Result<(), Error> {
    for (n, sigma, rtol, tabulated) in [
        (9, 0.5, 1e-10, false),
        (10, 0.5, 1e-10, true),
        (24, 0.5, 1e-10, true),
        (10_000, 0.5, 1e-10, true),
        (50_000, 0.5, 1e-10, true),
        (24, 0.5, 1e-6, true),
        (24, 0.5, 1e-12, true),
        (24, 0.5, 0.0, false),
        (24, 0.5, 9e-14, false),
        (24, 1e6, 1e-10, true),
        (24, 0.01, 1e-10, true),
        (5_000_000, 0.5, 1e-10, true),
        (24, 1e-4, 1e-10, false), // 60,000 sigma apart: too many cells
    ] {
        assert_eq!(spread(n, sigma).pairs().bytes(rtol)? > 0, tabulated, "{n} labels, sigma {sigma}, rtol {rtol}");
    }
    Ok(())
}

#[test]
fn a_gaussian_likelihood_has_no_tables() -> Result<(), Error> {
    let case = spread(40, 0.5).pairs();
    let (set, run) = (InstructionSet::detect(), Execution::default());
    let gaussian = Scoring { likelihood: Likelihood::Gaussian, ..sum_gaussian(0.5, 1e-10) };
    assert_eq!(table_bytes(&case.borrow(), gaussian, set, &run)?, [0]);
    Ok(())
}

#[test]
fn a_smaller_error_takes_more_memory() -> Result<(), Error> {
    let pairs = spread(100, 0.5).pairs();
    let bytes: Vec<usize> =
        [1e-6, 1e-8, 1e-10, 1e-12].into_iter().map(|rtol| pairs.bytes(rtol)).collect::<Result<_, _>>()?;
    assert!(bytes.is_sorted() && bytes[0] < bytes[3], "{bytes:?}");
    Ok(())
}

#[test]
fn the_bound_is_used_and_not_met_by_a_wide_margin_only() -> Result<(), Error> {
    // with an rtol of 1e-6 the error must be far above that of the direct kernel: the tests can see it
    let pairs = spread(200, 0.5).pairs();
    let mu: Vec<f64> = (0..4000).map(|k| f64::from(k) * 0.003 - 6.0).collect();
    let set = InstructionSet::detect();
    let error = worst(&pairs.scores(&mu, 1e-6, set)?[0], &pairs.scores(&mu, 0.0, set)?[0]);
    assert!((1e-12..1e-6).contains(&error), "{error}");
    Ok(())
}

#[test]
fn ends_of_cells_are_as_good_as_their_insides() -> Result<(), Error> {
    // dyadic points of the scaled unit about the middle, and the numbers beside them
    let case = spread(150, 0.5);
    let pairs = case.pairs();
    let extremes = |fold: fn(f64, f64) -> f64, from| case.log_ratio.iter().copied().fold(from, fold);
    let middle = 0.5 * (extremes(f64::min, f64::INFINITY) + extremes(f64::max, f64::NEG_INFINITY));
    let scale = (0.5 * std::f64::consts::LOG2_E).sqrt() / case.sigma;
    let ends = (-1024..=1024).map(|k| middle + f64::from(k) * 0.0625 / scale);
    let mu: Vec<f64> = ends.flat_map(|mu| [mu.next_down(), mu, mu.next_up()]).collect();
    let set = InstructionSet::detect();
    assert!(worst(&pairs.scores(&mu, 1e-10, set)?[0], &pairs.scores(&mu, 0.0, set)?[0]) <= 1e-10);
    Ok(())
}

#[test]
fn tables_of_many_pairs_stop_at_the_limit() -> Result<(), Error> {
    let n_pairs = 16_000;
    let log_ratio = spread(24, 0.1).log_ratio.repeat(n_pairs);
    let weight = vec![1.0; log_ratio.len()];
    let offsets: Vec<i64> = (0..=n_pairs as i64).map(|n| 24 * n).collect();
    let (a, b, c) = (vec![0; n_pairs], vec![1; n_pairs], vec![1.0; n_pairs]);
    let pairs =
        Pairs { n_items: 2, a: &a, b: &b, offsets: &offsets, log_ratio: &log_ratio, weight: &weight, pair_weight: &c };
    let (set, run) = (InstructionSet::detect(), Execution::default());
    let bytes = table_bytes(&pairs, sum_gaussian(0.1, 1e-10), set, &run)?;
    let total: usize = bytes.iter().sum();
    let tabulated = bytes.iter().take_while(|&&bytes| bytes > 0).count();
    assert!(total <= 1 << 27 && total + bytes[0] > 1 << 27, "{total}");
    assert!(tabulated < n_pairs && bytes[tabulated..].iter().all(|&bytes| bytes == 0));
    Ok(())
}

#[test]
fn a_raised_flag_stops_the_building() {
    let execution = Execution { interrupt: Interrupt::new(), ..Execution::default() };
    execution.interrupt.raise();
    let pairs = spread(40, 0.5).pairs();
    let stopped = table_bytes(&pairs.borrow(), sum_gaussian(0.5, 1e-10), InstructionSet::detect(), &execution);
    assert_eq!(stopped, Err(Error::Interrupted));
}
