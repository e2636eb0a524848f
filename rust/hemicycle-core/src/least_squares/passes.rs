//! Passes over all models, in chunks of a constant size: the only part whose cost grows with their number.

use rayon::prelude::*;

use crate::error::Result;
use crate::least_squares::lanes::add_scaled;
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
    out.par_chunks_mut(CHUNK).enumerate().try_for_each(|(chunk, out)| {
        execution.interrupt.check()?;
        predictions.times(chunk * CHUNK, &pulled, out);
        Ok(())
    })?;
    Ok(out)
}

/// The squared length of every model's deviation.
pub(super) fn squared_lengths(predictions: &dyn Predictions, execution: &Execution) -> Result<Vec<f64>> {
    let mut out = vec![0.0; predictions.n_models()];
    out.par_chunks_mut(CHUNK).enumerate().try_for_each(|(chunk, out)| {
        execution.interrupt.check()?;
        predictions.squared_lengths(chunk * CHUNK, out);
        Ok(())
    })?;
    Ok(out)
}

/// The weighted sum of all deviations; models of weight zero are not read.
pub(super) fn mix(predictions: &dyn Predictions, weights: &[f64], execution: &Execution) -> Result<Vec<f64>> {
    let n = predictions.n_coordinates();
    let leaf = |(leaf, weights): (usize, &[f64])| {
        execution.interrupt.check()?;
        let mut sum = vec![0.0; n];
        predictions.add_mix(leaf * LEAF, weights, &mut sum);
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
