//! Passes over all models, in chunks of a constant size: the only part whose cost grows with their number.

use pulp::Arch;
use rayon::prelude::*;

use crate::error::Result;
use crate::least_squares::lanes::{add_scaled, dot};
use crate::least_squares::predictions::Predictions;
use crate::parallel::Execution;

/// Models of one chunk of a product.
const CHUNK: usize = 1024;
/// Models of one leaf of a sum.
const LEAF: usize = 4096;

/// The product of every model's deviation with `v`.
pub(super) fn times(predictions: &dyn Predictions, v: &[f64], execution: &Execution) -> Result<Vec<f64>> {
    let mut pulled = v.to_vec();
    predictions.pull(&mut pulled);
    let mut out = vec![0.0; predictions.n_models()];
    let arch = Arch::new();
    out.par_chunks_mut(CHUNK).enumerate().try_for_each(|(chunk, out)| {
        execution.interrupt.check()?;
        arch.dispatch(|| predictions.times(chunk * CHUNK, &pulled, out));
        Ok(())
    })?;
    Ok(out)
}

/// The squared length of every model's deviation.
pub(super) fn squared_lengths(predictions: &dyn Predictions, execution: &Execution) -> Result<Vec<f64>> {
    let mut out = vec![0.0; predictions.n_models()];
    let arch = Arch::new();
    out.par_chunks_mut(CHUNK).enumerate().try_for_each(|(chunk, out)| {
        execution.interrupt.check()?;
        let mut row = vec![0.0; predictions.n_coordinates()];
        arch.dispatch(|| {
            for (i, out) in out.iter_mut().enumerate() {
                predictions.coordinates(chunk * CHUNK + i, &mut row);
                predictions.push(&mut row);
                *out = dot(&row, &row);
            }
        });
        Ok(())
    })?;
    Ok(out)
}

/// The weighted sum of all deviations; models of weight zero are not read.
pub(super) fn mix(predictions: &dyn Predictions, weights: &[f64], execution: &Execution) -> Result<Vec<f64>> {
    let n = predictions.n_coordinates();
    let arch = Arch::new();
    let leaf = |(leaf, weights): (usize, &[f64])| {
        execution.interrupt.check()?;
        let mut sum = vec![0.0; n];
        let mut row = vec![0.0; n];
        arch.dispatch(|| {
            for (i, &weight) in weights.iter().enumerate().filter(|(_, weight)| **weight != 0.0) {
                predictions.coordinates(leaf * LEAF + i, &mut row);
                add_scaled(&mut sum, weight, &row);
            }
        });
        Ok(sum)
    };
    let leaves: Vec<Vec<f64>> = weights.par_chunks(LEAF).enumerate().map(leaf).collect::<Result<_>>()?;
    let mut total = vec![0.0; n];
    for leaf in &leaves {
        add_scaled(&mut total, 1.0, leaf);
    }
    predictions.push(&mut total);
    Ok(total)
}
