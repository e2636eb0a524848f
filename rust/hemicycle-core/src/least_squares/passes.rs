//! Passes over all models, in chunks of a constant size: the only part whose cost grows with their number.

use rayon::prelude::*;

use crate::error::Result;
use crate::kernels::{InstructionSet, Kernel, LANES, Lanes, Simd};
use crate::lanes::add_scaled;
use crate::least_squares::predictions::Predictions;
use crate::least_squares::scatter::lanes;
use crate::parallel::Execution;

/// Models of one chunk of a product.
const CHUNK: usize = 1024;
/// Operations of pushing models in one chunk.
const PUSHED: usize = 1 << 24;
/// Models of one leaf of a sum.
const LEAF: usize = 4096;
/// Models of one block of a product with several vectors: their coordinates stay in the cache.
const BLOCK: usize = 128;
/// Vectors and lanes of models of a tile of such products, whose sums stay in registers.
const TILE: [usize; 2] = [4, 2];

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
    let length = pushed_at_once(predictions);
    out.par_chunks_mut(length).enumerate().try_for_each(|(chunk, out)| {
        execution.interrupt.check()?;
        predictions.squared_lengths(chunk * length, out);
        Ok(())
    })?;
    Ok(out)
}

/// The largest magnitude in the deviation of each model.
pub(super) fn magnitudes(predictions: &dyn Predictions, execution: &Execution) -> Result<Vec<f64>> {
    let mut out = vec![0.0; predictions.n_models()];
    let length = pushed_at_once(predictions);
    out.par_chunks_mut(length).enumerate().try_for_each(|(chunk, out)| {
        execution.interrupt.check()?;
        let mut row = vec![0.0; predictions.n_coordinates()];
        for (i, out) in out.iter_mut().enumerate() {
            predictions.coordinates(chunk * length + i, &mut row);
            predictions.push(&mut row);
            *out = row.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
        }
        Ok(())
    })?;
    Ok(out)
}

/// Models whose coordinates are pushed between two looks at the interrupt: each takes the square of its coordinates.
fn pushed_at_once(predictions: &dyn Predictions) -> usize {
    let n = predictions.n_coordinates().max(1);
    (PUSHED / n / n).clamp(1, CHUNK)
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

/// The products of every model's coordinates with each of some vectors, one result a vector. Every product is one chain
/// of sums over the coordinates, whichever vectors are beside it.
pub(super) fn times_each(
    predictions: &dyn Predictions,
    vectors: &[Vec<f64>],
    execution: &Execution,
) -> Result<Vec<Vec<f64>>> {
    let n_models = predictions.n_models();
    let n = predictions.n_coordinates();
    let mut factors: Vec<f64> = vectors.concat();
    factors.resize(vectors.len().next_multiple_of(TILE[0]) * n, 0.0);
    let block = |first: usize| {
        execution.interrupt.check()?;
        let mut columns = vec![0.0; n * BLOCK];
        let mut row = vec![0.0; n];
        for model in first..n_models.min(first + BLOCK) {
            predictions.coordinates(model, &mut row);
            row.iter().enumerate().for_each(|(j, value)| columns[j * BLOCK + model - first] = *value);
        }
        let mut products = vec![0.0; factors.len() / n.max(1) * BLOCK];
        InstructionSet::detect().run(Products { columns: &columns, factors: &factors, n, products: &mut products });
        Ok(products)
    };
    let firsts: Vec<usize> = (0..n_models).step_by(BLOCK).collect();
    let blocks: Vec<Vec<f64>> = firsts.into_par_iter().map(block).collect::<Result<_>>()?;
    let of_vector = |vector: usize| {
        let mut products: Vec<f64> = Vec::with_capacity(blocks.len() * BLOCK);
        blocks.iter().for_each(|block| products.extend_from_slice(&block[vector * BLOCK..(vector + 1) * BLOCK]));
        products.truncate(n_models);
        products
    };
    Ok((0..vectors.len()).into_par_iter().map(of_vector).collect())
}

/// The products of the columns of a block of models, each `BLOCK` long, with every vector of factors.
struct Products<'a> {
    columns: &'a [f64],
    factors: &'a [f64],
    n: usize,
    products: &'a mut [f64],
}

impl Kernel for Products<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self, _: impl Simd) {
        let Self { columns, factors, n, products } = self;
        let width = TILE[1] * LANES;
        for (factors, products) in factors.chunks_exact(TILE[0] * n).zip(products.chunks_exact_mut(TILE[0] * BLOCK)) {
            for first in (0..BLOCK).step_by(width) {
                let mut tile = [[Lanes::<FMA>::splat(0.0); TILE[1]]; TILE[0]];
                for j in 0..n {
                    let values = &columns[j * BLOCK + first..][..width];
                    let values: [Lanes<FMA>; TILE[1]] = [lanes(&values[..LANES]), lanes(&values[LANES..])];
                    for (r, sums) in tile.iter_mut().enumerate() {
                        let factor = Lanes::splat(factors[r * n + j]);
                        for (sum, values) in sums.iter_mut().zip(values) {
                            *sum = factor.mul_add(values, *sum);
                        }
                    }
                }
                for (r, sums) in tile.iter().enumerate() {
                    let out = &mut products[r * BLOCK + first..][..width];
                    for (out, sums) in out.chunks_exact_mut(LANES).zip(sums) {
                        out.copy_from_slice(&sums.0);
                    }
                }
            }
        }
    }
}
