//! Against the definition in float64, on every instruction set, in both precisions and both layouts.

use proptest::prelude::*;

use super::numbers::Number;
use super::{Labels, Layout, Losses, Outputs, sum_gaussian_loss};
use crate::Error;
use crate::kernels::InstructionSet;
use crate::parallel::Execution;

/// Loss, slope and curvature of every prediction.
type Results<T> = [Vec<T>; 3];

fn run<T: Number>(set: InstructionSet, pred: &[T], labels: &Labels<'_, T>, sigma: f64) -> Result<Results<T>, Error> {
    let mut results = [0; 3].map(|_| vec![T::ZERO; pred.len()]);
    let [loss, slope, curvature] = results.each_mut();
    let outputs = Outputs { loss: Losses::Each(loss), slope: Some(slope), curvature: Some(curvature) };
    sum_gaussian_loss(pred, labels, sigma, set, &Execution::default(), outputs)?;
    Ok(results)
}

/// Sums over the pairs of each model, and slopes, both times a number.
fn total<T: Number>(
    set: InstructionSet,
    n_threads: usize,
    pred: &[T],
    labels: &Labels<'_, T>,
    n_models: usize,
    scale: f64,
) -> (Vec<f64>, Vec<T>) {
    let (mut sums, mut slope) = (vec![f64::NAN; n_models], vec![T::ZERO; pred.len()]);
    let loss = Losses::Total { sums: &mut sums, scale };
    let execution = Execution { n_threads: Some(n_threads), ..Execution::default() };
    sum_gaussian_loss(pred, labels, 0.5, set, &execution, Outputs { loss, slope: Some(&mut slope), curvature: None })
        .unwrap();
    (sums, slope)
}

/// The definition, and what errors are measured by: how much an error of the prediction of one unit changes.
fn definition<T: Number>(pred: T, labels: &[(T, T)], sigma: f64) -> [(f64, f64); 3] {
    let terms: Vec<(f64, f64)> = labels
        .iter()
        .filter(|(_, u)| *u > T::ZERO)
        .map(|(y, u)| (pred.to_f64() - y.to_f64(), u.to_f64()))
        .map(|(d, u)| (d / sigma, u.ln() - 0.5 * (d / sigma).powi(2)))
        .collect();
    let greatest = terms.iter().map(|term| term.1).fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = terms.iter().map(|term| (term.1 - greatest).exp()).sum();
    let mean_of = |of: &dyn Fn(f64) -> f64| -> f64 {
        terms.iter().map(|term| (term.1 - greatest).exp() / sum * of(term.0)).sum()
    };
    let (mean, size) = (mean_of(&|z| z), mean_of(&f64::abs));
    let variance = mean_of(&|z| (z - mean).powi(2));
    let third = mean_of(&|z| (z - mean).abs().powi(3));
    let loss = -greatest - sum.ln();
    let logs = (terms.len() as f64).ln() + terms.iter().map(|term| term.1.abs()).fold(0.0, |a: f64, b| a.min(b));
    [
        (loss, 1.0 + loss.abs() + logs),
        (mean / sigma, (1.0 + size + size * variance) / sigma),
        ((1.0 - variance) / sigma / sigma, (1.0 + variance + size * third) / sigma / sigma),
    ]
}

/// Every pair of a dense case and of the same as ragged, with equal bits on machines with FMA.
fn check<T: Number>(n_pairs: usize, pred: &[T], values: &[T], weights: Option<&[T]>, sigma: f64, units: f64) {
    let n_labels = values.len() / n_pairs;
    let transposed = |matrix: &[T]| -> Vec<T> {
        (0..n_pairs).flat_map(|pair| matrix[pair..].iter().step_by(n_pairs).copied()).collect()
    };
    let offsets: Vec<i64> = (0..=n_pairs).map(|pair| (pair * n_labels) as i64).collect();
    let (flat, flat_weights) = (transposed(values), weights.map(transposed));
    let mut fused: Option<Results<T>> = None;
    for set in InstructionSet::available() {
        let dense = run(set, pred, &Labels { values, weights, layout: Layout::Dense { n_pairs } }, sigma).unwrap();
        let layout = Layout::Ragged { offsets: &offsets };
        let ragged = Labels { values: &flat, weights: flat_weights.as_deref(), layout };
        assert!(run(set, pred, &ragged, sigma).unwrap() == dense);
        for place in 0..pred.len() {
            let pair = place % n_pairs;
            let own: Vec<(T, T)> = (pair..values.len())
                .step_by(n_pairs)
                .map(|i| (values[i], weights.map_or(T::ONE, |weights| weights[i])))
                .collect();
            for (result, (expected, size)) in dense.iter().zip(definition(pred[place], &own, sigma)) {
                let error = (result[place].to_f64() - expected).abs();
                assert!(error <= units * size, "{}: {} for {expected}", set.name(), result[place].to_f64());
            }
        }
        if set.name() != "portable" {
            assert!(*fused.get_or_insert_with(|| dense.clone()) == dense);
        }
    }
}

fn matrix(n: usize) -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(-1.0..1.0, n)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn agrees_with_the_definition(
        (n_pairs, pred, values, weights) in (1..70_usize, 1..40_usize, 1..3_usize).prop_flat_map(|(n, m, models)| {
            (Just(n), matrix(models * n), matrix(m * n), prop::option::of(matrix(m * n)))
        }),
        scale in -3..3, sigma in 0.1..2.0,
    ) {
        let scale = 10.0_f64.powi(scale);
        let scaled = |numbers: &[f64]| -> Vec<f64> { numbers.iter().map(|x| x * scale).collect() };
        let (pred, values) = (scaled(&pred), scaled(&values));
        // half of the weights are 0, but for the first labels
        let weights: Option<Vec<f64>> = weights
            .map(|u| u.iter().enumerate().map(|(i, u)| if i < n_pairs { u.abs() + 0.01 } else { u.max(0.0) }).collect());
        check(n_pairs, &pred, &values, weights.as_deref(), sigma, 1e-14);
        let single = |numbers: &[f64]| -> Vec<f32> { numbers.iter().map(|x| *x as f32).collect() };
        let weights = weights.as_deref().map(single);
        check(n_pairs, &single(&pred), &single(&values), weights.as_deref(), sigma, 1e-6);
    }

    #[test]
    fn pairs_have_any_number_of_labels(counts in prop::collection::vec(1..100_usize, 1..200), seed in 0..1000_u32) {
        let n_labels: usize = counts.iter().sum();
        let at = |i: usize| ((i as f32 + seed as f32) * 0.7).sin();
        let values: Vec<f32> = (0..n_labels).map(at).collect();
        let pred: Vec<f32> = (0..counts.len()).map(|i| at(i + 7)).collect();
        let mut offsets = vec![0];
        offsets.extend(counts.iter().scan(0, |end, n| { *end += *n as i64; Some(*end) }));
        let ragged = Labels { values: &values, weights: None, layout: Layout::Ragged { offsets: &offsets } };
        for set in InstructionSet::available() {
            let together = run(set, &pred, &ragged, 0.5).unwrap();
            for (pair, ends) in offsets.windows(2).enumerate() {
                let values = &values[ends[0] as usize..ends[1] as usize];
                let alone = Labels { values, weights: None, layout: Layout::Dense { n_pairs: 1 } };
                let alone = run(set, &pred[pair..=pair], &alone, 0.5).unwrap();
                prop_assert!((0..3).all(|k| alone[k][0] == together[k][pair]), "pair {}", pair);
            }
        }
    }
}

#[test]
fn totals_are_sums_for_any_number_of_threads() {
    let (n_pairs, n_models, n_labels) = (2500, 19, 3);
    let at = |i: usize| (i as f32 * 0.37).sin();
    let values: Vec<f32> = (0..n_labels * n_pairs).map(at).collect();
    let pred: Vec<f32> = (0..n_models * n_pairs).map(|i| 3.0 * at(i + 5)).collect();
    let offsets: Vec<i64> = (0..=n_pairs).map(|pair| (pair * n_labels) as i64).collect();
    for layout in [Layout::Dense { n_pairs }, Layout::Ragged { offsets: &offsets }] {
        let labels = Labels { values: &values, weights: None, layout };
        for set in InstructionSet::available() {
            let [loss, slope, _] = run(set, &pred, &labels, 0.5).unwrap();
            let (sums, slopes) = total(set, 1, &pred, &labels, n_models, 0.25);
            for (sum, losses) in sums.iter().zip(loss.chunks(n_pairs)) {
                let expected = 0.25 * losses.iter().map(|loss| f64::from(*loss)).sum::<f64>();
                assert!((sum - expected).abs() <= 1e-12 * expected.abs());
            }
            assert!(slopes.iter().zip(&slope).all(|(scaled, slope)| *scaled == 0.25 * slope));
            assert!(total(set, 2, &pred, &labels, n_models, 0.25) == (sums, slopes));
        }
    }
}

#[test]
fn totals_of_what_the_vectors_do_not_vouch_for() {
    let (values, weights) = ([0.0_f32, 1e-3], [1e-30_f32, 1e30]);
    let labels = Labels { values: &values, weights: Some(&weights), layout: Layout::Dense { n_pairs: 1 } };
    let [loss, slope, _] = run(InstructionSet::detect(), &[0.1], &labels, 0.5).unwrap();
    let (sums, slopes) = total(InstructionSet::detect(), 1, &[0.1], &labels, 1, 0.5);
    assert_eq!((sums[0], slopes[0]), (0.5 * f64::from(loss[0]), 0.5 * slope[0]));
}

#[test]
fn many_labels() {
    for n_labels in [1000, 10_000] {
        let values: Vec<f64> = (0..3 * n_labels).map(|i| 2.0 * (i as f64 * 0.61).sin()).collect();
        check(3, &[0.3, -1.0, 4.0], &values, None, 0.5, 1e-13);
        let values: Vec<f32> = values.iter().map(|y| *y as f32).collect();
        check(3, &[0.3, -1.0, 4.0], &values, None, 0.5, 2e-6);
    }
}

#[test]
fn ends_of_the_range() {
    for set in InstructionSet::available() {
        let labels = Labels { values: &[0.0_f32, 1.0], weights: None, layout: Layout::Dense { n_pairs: 1 } };
        let at = |pred: f32| run(set, &[pred], &labels, 1.0).unwrap().map(|numbers| numbers[0]);
        let [loss, slope, curvature] = at(1e15);
        assert!((loss / 5e29 - 1.0).abs() < 1e-6 && (slope / 1e15 - 1.0).abs() < 1e-6 && curvature == 1.0);
        assert_eq!(at(f32::INFINITY), [f32::INFINITY, f32::INFINITY, 1.0]);
        assert_eq!(at(f32::NEG_INFINITY), [f32::INFINITY, f32::NEG_INFINITY, 1.0]);
        assert_eq!(at(3e30), [f32::INFINITY, 3e30, 1.0]);
        assert!(at(f32::NAN).iter().all(|x| x.is_nan()));
        let weights = [1e-30_f32, 1e30];
        let labels = Labels { weights: Some(&weights), ..labels };
        let [loss, ..] = run(set, &[0.0], &labels, 0.1).unwrap();
        assert!((f64::from(loss[0]) - (50.0 - 30.0 * 10.0_f64.ln())).abs() < 1e-5, "{}", loss[0]);
        let labels = Labels { values: &[1e-30_f32], weights: None, layout: Layout::Dense { n_pairs: 1 } };
        assert_eq!(run(set, &[0.0], &labels, 1e-30).unwrap()[0], [0.5]);
    }
}

#[test]
fn faults_are_named() {
    let (pred, dense) = ([0.0; 3], Layout::Dense { n_pairs: 3 });
    let message = |values: &[f64], weights: Option<&[f64]>, layout: Layout<'_>| {
        run(InstructionSet::detect(), &pred, &Labels { values, weights, layout }, 0.5).unwrap_err().to_string()
    };
    let values = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];
    let with = |place: usize, value: f64, of: [f64; 6]| {
        let mut numbers = of;
        numbers[place] = value;
        numbers
    };
    assert_eq!(message(&with(5, f64::NAN, values), None, dense), "labels[1, 2] is nan; it must be finite");
    assert_eq!(message(&with(1, f64::INFINITY, values), None, dense), "labels[0, 1] is inf; it must be finite");
    let weights = |place, value| message(&values, Some(&with(place, value, [1.0; 6])), dense);
    assert_eq!(weights(4, -0.5), "label_weights[1, 1] is -0.5; it must be 0 or more");
    assert_eq!(weights(3, f64::NAN), "label_weights[1, 0] is nan; it must be finite");
    assert_eq!(weights(0, f64::INFINITY), "label_weights[0, 0] is inf; it must be finite");
    let none = message(&values, Some(&[1.0, 0.0, 1.0, 1.0, 0.0, 1.0]), dense);
    assert_eq!(none, "label_weights: those of pair 1 are all 0; give one above 0, or leave the pair out");
    let ragged = |offsets: &[i64]| message(&values, None, Layout::Ragged { offsets });
    assert_eq!(ragged(&[0, 2, 2, 6]), "offsets: pair 1 has no label; leave the pair out");
    let order = "it must be above the one before, from 0 to the number of labels";
    assert_eq!(ragged(&[0, 9, 3, 6]), format!("offsets[2] is 3.0; {order}"));
    assert_eq!(ragged(&[0, 2, -3, 6]), format!("offsets[2] is -3.0; {order}"));
    assert_eq!(ragged(&[0, 2, 3, 5]), "offsets[3] is 5.0; it must be the number of labels");
    assert_eq!(ragged(&[1, 2, 3, 6]), "offsets[0] is 1.0; it must be 0, where the labels of the first pair begin");
    let offsets = [0, 2, 3, 6];
    let flat = with(3, f64::NAN, values);
    assert_eq!(message(&flat, None, Layout::Ragged { offsets: &offsets }), "labels[3] is nan; it must be finite");
}

#[test]
fn nothing_is_no_error() {
    let labels = Labels { values: &[], weights: None, layout: Layout::Dense { n_pairs: 0 } };
    assert!(run::<f32>(InstructionSet::detect(), &[], &labels, 0.5).is_ok());
    let labels = Labels { values: &[], weights: None, layout: Layout::Ragged { offsets: &[0] } };
    assert!(run::<f64>(InstructionSet::detect(), &[], &labels, 0.5).is_ok());
}
