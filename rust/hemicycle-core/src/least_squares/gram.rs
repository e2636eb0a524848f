//! Small dense symmetric systems: the scatter matrix of the models with weight, and its Cholesky factor.

use pulp::Arch;
use rayon::prelude::*;

use crate::error::Result;
use crate::least_squares::lanes::{add_scaled, dot};
use crate::least_squares::predictions::Predictions;
use crate::parallel::Execution;

/// Rows gathered before they are multiplied.
const BLOCK: usize = 64;
/// Models of one partial sum, at least; many models are cut into at most `MAX_LEAVES`.
const MIN_LEAF: usize = 1024;
const MAX_LEAVES: usize = 32;
/// Relative ridge that makes a singular system solvable.
const RIDGE: f64 = 1e-14;

/// `sum (z - mean)(z - mean)'` over the models of positive weight, row-major; the sum is taken around `centre`.
pub(super) fn scatter(
    predictions: &dyn Predictions,
    weights: &[f64],
    centre: &[f64],
    execution: &Execution,
) -> Result<Vec<f64>> {
    let n = centre.len();
    let leaf_length = MIN_LEAF.max(weights.len().div_ceil(MAX_LEAVES));
    let leaf = |(leaf, weights): (usize, &[f64])| {
        execution.interrupt.check()?;
        Ok(Leaf::sum(predictions, leaf * leaf_length, weights, centre))
    };
    let leaves: Vec<Leaf> = weights.par_chunks(leaf_length).enumerate().map(leaf).collect::<Result<_>>()?;
    let mut total = Leaf::empty(n);
    for leaf in &leaves {
        add_scaled(&mut total.products, 1.0, &leaf.products);
        add_scaled(&mut total.sum, 1.0, &leaf.sum);
        total.count += leaf.count;
    }
    for i in 0..n {
        for j in i..n {
            let value = total.products[i * n + j] - total.sum[i] * total.sum[j] / total.count.max(1.0);
            (total.products[i * n + j], total.products[j * n + i]) = (value, value);
        }
    }
    Ok(total.products)
}

/// Sums of products (upper triangle), of rows, and their number.
struct Leaf {
    products: Vec<f64>,
    sum: Vec<f64>,
    count: f64,
}

impl Leaf {
    fn empty(n: usize) -> Self {
        Self { products: vec![0.0; n * n], sum: vec![0.0; n], count: 0.0 }
    }

    fn sum(predictions: &dyn Predictions, first: usize, weights: &[f64], centre: &[f64]) -> Self {
        let n = centre.len();
        let mut leaf = Self::empty(n);
        let mut block = Vec::with_capacity(BLOCK * n);
        let mut row = vec![0.0; n];
        let active = (0..weights.len()).filter(|&i| weights[i] > 0.0);
        for i in active {
            predictions.coordinates(first + i, &mut row);
            block.extend(row.iter().zip(centre).map(|(value, centre)| value - centre));
            leaf.count += 1.0;
            if block.len() == BLOCK * n {
                leaf.multiply(&block);
                block.clear();
            }
        }
        leaf.multiply(&block);
        leaf
    }

    fn multiply(&mut self, block: &[f64]) {
        let n = self.sum.len();
        if n == 0 {
            return;
        }
        Arch::new().dispatch(|| {
            for row in block.chunks_exact(n) {
                add_scaled(&mut self.sum, 1.0, row);
            }
            let mut quads = block.chunks_exact(4 * n);
            for rows in &mut quads {
                let (a, rest) = rows.split_at(n);
                let (b, rest) = rest.split_at(n);
                let (c, d) = rest.split_at(n);
                for i in 0..n {
                    let products = &mut self.products[i * n + i..(i + 1) * n];
                    add_four(products, [a[i], b[i], c[i], d[i]], [&a[i..], &b[i..], &c[i..], &d[i..]]);
                }
            }
            for row in quads.remainder().chunks_exact(n) {
                for i in 0..n {
                    add_scaled(&mut self.products[i * n + i..(i + 1) * n], row[i], &row[i..]);
                }
            }
        });
    }
}

#[inline(always)]
fn add_four(target: &mut [f64], factors: [f64; 4], rows: [&[f64]; 4]) {
    let [a, b, c, d] = rows;
    for ((((target, a), b), c), d) in target.iter_mut().zip(a).zip(b).zip(c).zip(d) {
        *target += (factors[0] * a + factors[1] * b) + (factors[2] * c + factors[3] * d);
    }
}

/// The Cholesky factor of a symmetric positive semidefinite matrix, scaled to unit diagonal, with a tiny ridge.
pub(super) struct Cholesky {
    n: usize,
    scale: Vec<f64>,
    /// Lower triangle, row-major.
    lower: Vec<f64>,
}

impl Cholesky {
    /// Factor `matrix` (n, n) with a relative ridge, raised until it succeeds.
    pub(super) fn new(matrix: &[f64], n: usize, damping: f64) -> Self {
        let root = |i: usize| matrix[i * n + i].max(0.0).sqrt();
        let scale: Vec<f64> = (0..n).map(|i| if root(i) > 0.0 { 1.0 / root(i) } else { 1.0 }).collect();
        let mut ridge = RIDGE + damping;
        loop {
            if let Some(lower) = factor(matrix, &scale, ridge) {
                return Self { n, scale, lower };
            }
            ridge *= 16.0;
        }
    }

    /// Solve in place.
    pub(super) fn solve(&self, b: &mut [f64]) {
        let n = self.n;
        for i in 0..n {
            b[i] = (b[i] * self.scale[i] - dot(&self.lower[i * n..i * n + i], &b[..i])) / self.lower[i * n + i];
        }
        for i in (0..n).rev() {
            b[i] /= self.lower[i * n + i];
            let (rest, solved) = b.split_at_mut(i);
            add_scaled(rest, -solved[0], &self.lower[i * n..i * n + i]);
        }
        b.iter_mut().zip(&self.scale).for_each(|(value, scale)| *value *= scale);
    }
}

fn factor(matrix: &[f64], scale: &[f64], ridge: f64) -> Option<Vec<f64>> {
    let n = scale.len();
    let mut lower = vec![0.0; n * n];
    for i in 0..n {
        let (done, row) = lower.split_at_mut(i * n);
        for j in 0..i {
            let entry = matrix[i * n + j] * scale[i] * scale[j] - dot(&row[..j], &done[j * n..j * n + j]);
            row[j] = entry / done[j * n + j];
        }
        // A pivot below half the ridge is rounding; with a ridge of 2 every matrix of unit diagonal passes.
        let pivot = matrix[i * n + i] * scale[i] * scale[i] + ridge - dot(&row[..i], &row[..i]);
        if pivot.is_nan() || pivot <= 0.5 * ridge {
            return None;
        }
        row[i] = pivot.sqrt();
    }
    Some(lower)
}
