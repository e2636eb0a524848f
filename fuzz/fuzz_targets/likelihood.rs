//! Inside the domain: no panic, finite, within the bound of the definition, and the same bits from every fused path,
//! wherever a model is and however its logits lie.
#![no_main]

#[path = "../../rust/hemicycle-core/tests/reference/likelihood.rs"]
mod reference;

use arbitrary::Unstructured;
use hemicycle_core::kernels::InstructionSet;
use hemicycle_core::likelihood::{
    Likelihood, Scoring, log_likelihood_by_label, log_likelihood_by_model, log_likelihood_by_pair, table_bytes,
};
use hemicycle_core::{Error, Execution, Pairs, Pool};
use hemicycle_fuzz::{Jury, log, sigma};
use libfuzzer_sys::fuzz_target;
use reference::Term;

/// The error that scores may have without tables, and some for the reference.
const TOL: f64 = 1e-13 + 1e-14;

struct Case {
    jury: Jury,
    rows: Vec<Vec<f64>>,
    scoring: Scoring,
}

impl Case {
    fn draw(u: &mut Unstructured<'_>) -> arbitrary::Result<Self> {
        let n_items = u.int_in_range(1..=4)?;
        let (jury, sigma, likelihood) = (Jury::draw(u, n_items)?, sigma(u)?, *u.choose(&LIKELIHOODS)?);
        let rtol = *u.choose(&[0.0, 1e-12, 1e-10, 1e-6])?;
        let row = |u: &mut Unstructured<'_>| (0..n_items).map(|_| log(u)).collect();
        let rows = (0..u.int_in_range(1..=3)?).map(|_| row(u)).collect::<arbitrary::Result<_>>()?;
        Ok(Self { jury, rows, scoring: Scoring { likelihood, sigma, rtol } })
    }

    /// Totals, rows by pair and by label, of models that are the rows of a matrix or, transposed, its columns.
    fn scores(&self, set: InstructionSet, transposed: bool) -> Result<[Vec<f64>; 3], Error> {
        let (n_models, n_items) = (self.rows.len(), self.jury.n_items);
        let logits: Vec<f64> = match transposed {
            false => self.rows.concat(),
            true => (0..n_items).flat_map(|item| self.rows.iter().map(move |row| row[item])).collect(),
        };
        let strides = if transposed { [1, n_models] } else { [n_items, 1] };
        let (pool, run) = (Pool { logits: &logits, n_models, n_items, strides }, Execution::default());
        let (pairs, scoring) = (self.jury.pairs(), self.scoring);
        let mut totals = vec![f64::NAN; n_models];
        log_likelihood_by_model(&pool, &pairs, scoring, set, &run, &mut totals)?;
        let mut by_pair = vec![f64::NAN; n_models * pairs.len()];
        log_likelihood_by_pair(&pool, &pairs, scoring, set, &run, &mut by_pair)?;
        let mut by_label = vec![f64::NAN; n_models * pairs.log_ratio.len()];
        log_likelihood_by_label(&pool, &pairs, scoring.sigma, set, &run, &mut by_label)?;
        Ok([totals, by_pair, by_label])
    }
}

const LIKELIHOODS: [Likelihood; 2] = [Likelihood::SumGaussian, Likelihood::Gaussian];

fn assert_near(values: &[f64], expected: &[Term], allowed: impl Fn(usize) -> f64, what: &str) {
    assert_eq!(values.len(), expected.len());
    for (i, (value, term)) in values.iter().zip(expected).enumerate() {
        assert!(
            term.error(*value) <= allowed(i),
            "{what}[{i}] is {value}, not {}: {:e}",
            term.value,
            term.error(*value)
        );
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(case) = Case::draw(&mut Unstructured::new(bytes)) else { return };
    let (pairs, detected) = (case.jury.pairs(), InstructionSet::detect());
    let Scoring { likelihood, sigma, rtol } = case.scoring;
    // results by pair count every pair, those of weight 0 too
    let every = Pairs { pair_weight: &vec![1.0; pairs.len()], ..pairs };
    let tables = table_bytes(&every, case.scoring, detected, &Execution::default());
    let tables = tables.expect("a jury inside the domain");
    let allowed = |n: usize| if tables[n] > 0 { rtol + TOL } else { TOL };
    let worst = (0..tables.len()).map(allowed).fold(TOL, f64::max);
    let widest = case.scores(detected, false).expect("inside the domain");
    for set in InstructionSet::available() {
        let scores = case.scores(set, false).expect("inside the domain");
        assert_eq!(scores, case.scores(set, true).expect("inside the domain"), "layout, {}", set.name());
        if set.name() != "portable" {
            assert_eq!(scores, widest, "{} and {}", set.name(), detected.name());
        }
        let [totals, by_pair, by_label] = scores;
        for (model, row) in case.rows.iter().enumerate() {
            let of_model = |values: &'_ [f64], width: usize| values[model * width..][..width].to_vec();
            let terms = reference::by_pair(row, &pairs, likelihood, sigma);
            let labels = reference::by_label(row, &pairs, sigma);
            assert_near(&of_model(&by_pair, terms.len()), &terms, allowed, "pair");
            assert_near(&of_model(&by_label, labels.len()), &labels, |_| TOL, "label");
            let total = reference::total(&terms, pairs.pair_weight);
            if total.size > 0.0 {
                assert_near(&totals[model..][..1], &[total], |_| worst, "total");
            } else {
                assert_eq!(totals[model], 0.0);
            }
        }
    }
});
