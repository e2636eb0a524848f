//! Small problems of any scale: no panic, weights on the simplex, and no point of it that beats the certificate.
#![no_main]

use arbitrary::{Result, Unstructured};
use hemicycle_core::least_squares::{Dense, Options, solve};
use hemicycle_core::simplex::{compensated_sum, project_simplex};
use hemicycle_core::{Error, Execution};
use hemicycle_fuzz::{magnitude, number};
use libfuzzer_sys::fuzz_target;

struct Problem {
    x: Vec<f64>,
    y: Vec<f64>,
    cost: Vec<f64>,
    l2: f64,
}

impl Problem {
    fn draw(u: &mut Unstructured<'_>) -> Result<Self> {
        let (n_models, n) = (u.int_in_range(1..=7)?, u.int_in_range(0..=5)?);
        let scale = if u.ratio(1, 4)? { magnitude(u, 1e-150, 1e140)? } else { 1.0 };
        let plain = u.ratio(7, 8)?;
        let value = |u: &mut Unstructured<'_>| -> Result<f64> {
            if plain { Ok(scale * f64::from(u.arbitrary::<i8>()?) / 128.0) } else { number(u) }
        };
        let x = (0..n_models * n).map(|_| value(u)).collect::<Result<_>>()?;
        let y = (0..n).map(|_| value(u)).collect::<Result<_>>()?;
        let priced = u.ratio(1, 4)?;
        let cost = (0..n_models).map(|_| if priced { value(u) } else { Ok(0.0) }).collect::<Result<_>>()?;
        let l2 = if u.ratio(1, 4)? { magnitude(u, 1e-20, 1e10)? } else { 0.0 };
        Ok(Self { x, y, cost, l2 })
    }

    /// The objective at `w`, and the size of what rounding may take from it.
    fn objective(&self, w: &[f64]) -> (f64, f64) {
        let n = self.y.len();
        let (mut value, mut size) = (0.0, 0.0);
        for (i, y) in self.y.iter().enumerate() {
            let terms: Vec<f64> = w.iter().enumerate().map(|(d, w)| w * (self.x[d * n + i] - y)).collect();
            let residual = compensated_sum(&terms);
            value += residual * residual;
            let largest = (0..w.len()).map(|d| (self.x[d * n + i] - y).abs()).fold(0.0, f64::max);
            size += largest * largest;
        }
        for (w, cost) in w.iter().zip(&self.cost) {
            value += self.l2 * w * w + w * cost;
            size += self.l2 + cost.abs();
        }
        (value, size)
    }
}

fn run(u: &mut Unstructured<'_>) -> Result<()> {
    let problem = Problem::draw(u)?;
    let (n_models, execution) = (problem.cost.len(), Execution::default());
    let Ok(dense) = Dense::new(&problem.x, &problem.y, n_models) else { return Ok(()) };
    let options = Options { l2: problem.l2, cost: Some(&problem.cost), ..Options::default() };
    let (weights, gap) = match solve(&dense, &options, &execution) {
        Ok(solution) => (solution.weights, solution.gap),
        Err(Error::NotConverged { weights, gap, .. }) => (weights, gap),
        Err(Error::Domain { .. } | Error::NonFinite { .. }) => return Ok(()),
        Err(error) => panic!("{error}"),
    };
    assert!(weights.len() == n_models && weights.iter().all(|w| (0.0..=1.0).contains(w)), "{weights:?}");
    assert!((compensated_sum(&weights) - 1.0).abs() <= f64::EPSILON, "{weights:?}");
    assert!(gap >= 0.0, "{gap}");
    let (value, size) = problem.objective(&weights);
    let mut rivals: Vec<Vec<f64>> =
        (0..n_models).map(|d| (0..n_models).map(|e| f64::from(u8::from(d == e))).collect()).collect();
    rivals.push(vec![1.0 / n_models as f64; n_models]);
    let drawn: Vec<f64> = (0..n_models).map(|_| Ok(f64::from(u.arbitrary::<u8>()?) / 64.0)).collect::<Result<_>>()?;
    rivals.push(project_simplex(&drawn, n_models, &execution).expect("finite"));
    for rival in rivals {
        let (other, _) = problem.objective(&rival);
        assert!(
            value - gap <= other + 1e-13 * size,
            "{value:e} - {gap:e} is above {other:e}, at {rival:?} of {size:e}"
        );
    }
    Ok(())
}

fuzz_target!(|bytes: &[u8]| {
    let _ = run(&mut Unstructured::new(bytes));
});
