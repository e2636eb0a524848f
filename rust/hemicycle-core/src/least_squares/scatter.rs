//! The scatter matrix of the models with weight, kept as sums while models come and go.

use rayon::prelude::*;

use crate::error::Result;
use crate::kernels::{InstructionSet, Kernel, LANES, Lanes, Simd};
use crate::lanes::add_scaled;
use crate::least_squares::predictions::Predictions;
use crate::parallel::Execution;

/// Rows gathered before they are multiplied: they stay in the cache next to the core.
const BLOCK: usize = 32;
/// Columns and vectors of columns of a tile of products, whose sums stay in registers.
const TILE: [usize; 2] = [4, 2];
/// Models of one partial sum, at least; many models are cut into at most `MAX_LEAVES`.
const MIN_LEAF: usize = 1024;
const MAX_LEAVES: usize = 32;
/// `sum (z - mean)(z - mean)'` over the models of positive weight, row-major; the sum is taken around `centre`.
pub(super) fn scatter(
    predictions: &dyn Predictions,
    weights: &[f64],
    centre: &[f64],
    execution: &Execution,
) -> Result<Vec<f64>> {
    Ok(Scatter::of(predictions, weights, centre, execution)?.matrix())
}

/// The sums that a scatter matrix is made of.
#[derive(Clone)]
pub(super) struct Scatter {
    pub(super) centre: Vec<f64>,
    sums: Sums,
}

impl Scatter {
    /// Of the models of positive weight; the sums are taken around `centre`.
    pub(super) fn of(
        predictions: &dyn Predictions,
        weights: &[f64],
        centre: &[f64],
        execution: &Execution,
    ) -> Result<Self> {
        let leaf_length = MIN_LEAF.max(weights.len().div_ceil(MAX_LEAVES));
        let leaf = |(leaf, weights): (usize, &[f64])| {
            let first = leaf * leaf_length;
            let active = (0..weights.len()).filter(|&i| weights[i] > 0.0).map(|i| first + i);
            Sums::of(predictions, active, centre, execution)
        };
        let leaves: Vec<Sums> = weights.par_chunks(leaf_length).enumerate().map(leaf).collect::<Result<_>>()?;
        let mut sums = Sums::empty(centre.len());
        leaves.iter().for_each(|leaf| sums.add(1.0, leaf));
        Ok(Self { centre: centre.to_vec(), sums })
    }

    /// Add some models `sign` times: 1 for models that come, -1 for models that leave.
    pub(super) fn add(
        &mut self,
        sign: f64,
        predictions: &dyn Predictions,
        models: &[usize],
        execution: &Execution,
    ) -> Result<()> {
        self.sums.add(sign, &Sums::of(predictions, models.iter().copied(), &self.centre, execution)?);
        Ok(())
    }

    /// The matrix, row-major.
    pub(super) fn matrix(&self) -> Vec<f64> {
        let (n, Sums { stride, products, sum, count }) = (self.centre.len(), &self.sums);
        let mut matrix = vec![0.0; n * n];
        for i in 0..n {
            for j in i..n {
                let value = products[i * stride + j] - sum[i] * sum[j] / count.max(1.0);
                (matrix[i * n + j], matrix[j * n + i]) = (value, value);
            }
        }
        matrix
    }
}

/// Sums of products (the tiles of the upper triangle), of rows, and their number. Rows are filled up with zeros.
#[derive(Clone)]
struct Sums {
    stride: usize,
    products: Vec<f64>,
    sum: Vec<f64>,
    count: f64,
}

impl Sums {
    fn empty(n: usize) -> Self {
        let stride = n.next_multiple_of(TILE[1] * LANES);
        Self { stride, products: vec![0.0; stride * stride], sum: vec![0.0; stride], count: 0.0 }
    }

    fn of(
        predictions: &dyn Predictions,
        models: impl Iterator<Item = usize>,
        centre: &[f64],
        execution: &Execution,
    ) -> Result<Self> {
        let n = centre.len();
        let mut sums = Self::empty(n);
        let mut block = Vec::with_capacity(BLOCK * sums.stride);
        let mut row = vec![0.0; n];
        for model in models {
            predictions.coordinates(model, &mut row);
            block.extend(row.iter().zip(centre).map(|(value, centre)| value - centre));
            block.resize(block.len().next_multiple_of(sums.stride.max(1)), 0.0);
            sums.count += 1.0;
            if block.len() == BLOCK * sums.stride {
                execution.interrupt.check()?;
                sums.add_rows(&block);
                block.clear();
            }
        }
        sums.add_rows(&block);
        Ok(sums)
    }

    fn add_rows(&mut self, block: &[f64]) {
        let Self { stride, products, sum, .. } = self;
        if *stride > 0 {
            InstructionSet::detect().run(Products { block, stride: *stride, products, sum });
        }
    }

    fn add(&mut self, sign: f64, other: &Self) {
        add_scaled(&mut self.products, sign, &other.products);
        add_scaled(&mut self.sum, sign, &other.sum);
        self.count += sign * other.count;
    }
}

/// Add the products of the columns of a block of rows to those of its tiles on and above the diagonal.
struct Products<'a> {
    block: &'a [f64],
    stride: usize,
    products: &'a mut [f64],
    sum: &'a mut [f64],
}

impl Kernel for Products<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self, _: impl Simd) {
        let Self { block, stride, products, sum } = self;
        let [height, width] = [TILE[0], TILE[1] * LANES];
        for row in block.chunks_exact(stride) {
            add_scaled(sum, 1.0, row);
        }
        for i in (0..stride).step_by(height) {
            for j in (i / width * width..stride).step_by(width) {
                let mut tile = [[Lanes::<FMA>::splat(0.0); TILE[1]]; TILE[0]];
                for row in block.chunks_exact(stride) {
                    let (left, right) = (&row[i..i + height], &row[j..j + width]);
                    let right: [Lanes<FMA>; TILE[1]] = [lanes(&right[..LANES]), lanes(&right[LANES..])];
                    for (sums, &factor) in tile.iter_mut().zip(left) {
                        for (sum, right) in sums.iter_mut().zip(right) {
                            *sum = Lanes::splat(factor).mul_add(right, *sum);
                        }
                    }
                }
                for (r, sums) in tile.iter().enumerate() {
                    let out = &mut products[(i + r) * stride + j..][..width];
                    for (out, sums) in out.chunks_exact_mut(LANES).zip(sums) {
                        out.copy_from_slice(&(lanes(out) + *sums).0);
                    }
                }
            }
        }
    }
}

/// Eight numbers of a slice of eight.
#[inline(always)]
pub(super) fn lanes<const FMA: bool>(numbers: &[f64]) -> Lanes<FMA> {
    let mut out = [0.0; LANES];
    out.copy_from_slice(numbers);
    Lanes(out)
}

#[cfg(test)]
mod tests {
    use super::scatter;
    use crate::least_squares::Dense;
    use crate::parallel::Execution;

    #[test]
    fn the_scatter_is_that_of_the_definition() {
        for (n_models, n) in [(1, 1), (5, 3), (40, 8), (100, 16), (90, 17), (2500, 21)] {
            let value = |at: usize| (((at * 31 + 7).pow(2) % 1009) as f64).sin();
            let x: Vec<f64> = (0..n_models * n).map(value).collect();
            let weights: Vec<f64> = (0..n_models).map(|d| if d % 3 == 1 { 0.0 } else { 1.0 }).collect();
            let (y, centre) = (vec![0.0; n], vec![0.25; n]);
            let models = Dense::new(&x, &y, n_models).expect("valid");
            let matrix = scatter(&models, &weights, &centre, &Execution::default()).expect("runs");
            let active: Vec<&[f64]> = (0..n_models).filter(|d| d % 3 != 1).map(|d| &x[d * n..][..n]).collect();
            let count = active.len() as f64;
            let mean: Vec<f64> = (0..n).map(|i| active.iter().map(|row| row[i]).sum::<f64>() / count).collect();
            for i in 0..n {
                for j in 0..n {
                    let expected: f64 = active.iter().map(|row| (row[i] - mean[i]) * (row[j] - mean[j])).sum();
                    assert!((matrix[i * n + j] - expected).abs() < 1e-13 * count, "{n_models} x {n}: {i}, {j}");
                }
            }
        }
    }
}
