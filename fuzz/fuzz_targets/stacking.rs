//! Small matrices of log densities: no panic, weights on the simplex, and no mixture that beats the certificate.
#![no_main]

use arbitrary::{Result, Unstructured};
use hemicycle_core::simplex::{compensated_sum, project_simplex};
use hemicycle_core::stacking::{Ends, Matrix, stacking_weights};
use hemicycle_core::{Error, Execution};
use hemicycle_fuzz::number;
use libfuzzer_sys::fuzz_target;

/// Mean log density of a mixture over the observations that some model explains.
fn score(log_density: &[f64], n: usize, observation_weights: &[f64], dropped: &[usize], w: &[f64]) -> f64 {
    let kept = |i: &usize| observation_weights[*i] > 0.0 && !dropped.contains(i);
    let terms = (0..n).filter(kept).map(|i| {
        let of = |d: usize| log_density[d * n + i] + w[d].ln();
        let largest = (0..w.len()).map(of).fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = (0..w.len()).map(|d| (of(d) - largest).exp()).sum();
        observation_weights[i] * if largest.is_finite() { largest + sum.ln() } else { f64::NEG_INFINITY }
    });
    terms.sum::<f64>() / (0..n).filter(kept).map(|i| observation_weights[i]).sum::<f64>()
}

fn run(u: &mut Unstructured<'_>) -> Result<()> {
    let (n_models, n) = (u.int_in_range(1..=6)?, u.int_in_range(1..=6)?);
    let plain = u.ratio(7, 8)?;
    let value = |u: &mut Unstructured<'_>| -> Result<f64> {
        Ok(match u.int_in_range(0..=7)? {
            0 => f64::NEG_INFINITY,
            1 => -f64::from(u.arbitrary::<u32>()?) / 10_000.0,
            2 if !plain => number(u)?,
            _ => f64::from(u.arbitrary::<i8>()?) / 32.0,
        })
    };
    let log_density: Vec<f64> = (0..n_models * n).map(|_| value(u)).collect::<Result<_>>()?;
    let weights: Vec<f64> = (0..n).map(|_| Ok(*u.choose(&[1.0, 1.0, 2.0, 0.0, 0.125])?)).collect::<Result<_>>()?;
    let execution = Execution::default();
    let start: Vec<(usize, f64)> =
        (0..u.int_in_range(0..=3)?).map(|_| Ok((u.choose_index(n_models)?, 1.0))).collect::<Result<_>>()?;
    let ends = Ends { tol: 1e-10, reference: None, start: &start };
    let matrix = Matrix::new(&log_density, n_models, n).expect("n_models rows");
    let (solved, gap, dropped) = match stacking_weights(&matrix, &weights, &ends, &execution) {
        Ok(stacking) => {
            assert!(stacking.vertex.iter().all(|model| stacking.face.contains(model)), "{stacking:?}");
            assert!(stacking.face_dimension < stacking.face.len(), "{stacking:?}");
            (stacking.weights, stacking.gap, stacking.dropped)
        }
        Err(Error::NotConverged { weights, gap, .. }) if plain => panic!("gap {gap:e} at {weights:?}"),
        Err(Error::NotConverged { .. } | Error::NonFinite { .. } | Error::Domain { .. } | Error::NoData { .. }) => {
            return Ok(());
        }
        Err(error) => panic!("{error}"),
    };
    assert!(solved.iter().all(|w| (0.0..=1.0).contains(w)), "{solved:?}");
    assert!((compensated_sum(&solved) - 1.0).abs() <= f64::EPSILON, "{solved:?}");
    if !plain {
        return Ok(());
    }
    let value = score(&log_density, n, &weights, &dropped, &solved);
    let drawn: Vec<f64> = (0..n_models).map(|_| Ok(f64::from(u.arbitrary::<u8>()?) / 64.0)).collect::<Result<_>>()?;
    for rival in [vec![1.0 / n_models as f64; n_models], project_simplex(&drawn, n_models, &execution).expect("finite")]
    {
        let other = score(&log_density, n, &weights, &dropped, &rival);
        assert!(value >= other - gap - 1e-12 * other.abs().max(1.0), "{value} is below {other}, gap {gap:e}");
    }
    Ok(())
}

fuzz_target!(|bytes: &[u8]| {
    let _ = run(&mut Unstructured::new(bytes));
});
