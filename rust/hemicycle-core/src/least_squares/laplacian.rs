//! The loss of the pairs as a quadratic function of logits: the graph Laplacian of the comparisons, factored.
//!
//! It is an M-matrix with known row sums, so its factor is computed without a single subtraction and has full relative
//! accuracy (A. Alfa, J. Xue, Q. Ye, "Accurate computation of the smallest eigenvalue of a diagonally dominant
//! M-matrix", Mathematics of Computation 71, 2002, doi:10.1090/S0025-5718-01-01325-4).

use crate::error::Result;
use crate::lanes::{add_scaled, dot};
use crate::least_squares::pairs::WeightedPairs;
use crate::least_squares::unit::{MAX_UNIT, exponent};
use crate::parallel::Execution;

/// `sum_n W_n (l_b - l_a - y_n)^2 = |T (l - m)|^2 + constant`, l the logits of the judged items relative to one item of
/// each connected component.
#[derive(Debug)]
pub(super) struct PairForm {
    /// Item and reference item of each coordinate.
    pub(super) columns: Vec<(usize, usize)>,
    /// The least squares logits m.
    pub(super) centre: Vec<f64>,
    /// T, row-major, upper triangular.
    pub(super) factor: Vec<f64>,
    /// The loss at m, labels counted in a unit that makes them `constant_unit` times as large.
    constant: f64,
    constant_unit: f64,
}

impl PairForm {
    /// Of pairs that are checked.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`].
    pub(super) fn new(pairs: WeightedPairs<'_>, n_items: usize, execution: &Execution) -> Result<Self> {
        let columns = columns(pairs, n_items);
        let laplacian = Laplacian::new(pairs, &columns, n_items, execution)?;
        // In the unit of the largest label no square underflows.
        let largest = pairs.y.iter().fold(0.0, |largest: f64, y| largest.max(y.abs()));
        let constant_unit = if largest > 0.0 { 2.0_f64.powi(-exponent(largest).max(-MAX_UNIT)) } else { 1.0 };
        let y: Vec<f64> = pairs.y.iter().map(|y| y * constant_unit).collect();
        let (mut centre, constant) = laplacian.least_squares(WeightedPairs { y: &y, ..pairs });
        centre.iter_mut().for_each(|value| *value /= constant_unit);
        Ok(Self { columns, centre, factor: laplacian.factor, constant, constant_unit })
    }

    /// The loss at m, where logits are counted in a unit that makes them `factor` times as large.
    pub(super) fn constant(&self, factor: f64) -> f64 {
        let factor = factor / self.constant_unit;
        self.constant * factor * factor
    }

    /// Solve `T x = v` in place: the coordinates of a deviation.
    pub(super) fn coordinates_of(&self, v: &mut [f64]) {
        let n = v.len();
        for i in (0..n).rev() {
            let row = &self.factor[i * n..(i + 1) * n];
            v[i] = (v[i] - dot(&row[i + 1..], &v[i + 1..])) / row[i];
        }
    }

    /// Solve `T' x = v` in place: products of x with deviations are those of v with coordinates.
    pub(super) fn pull_back(&self, v: &mut [f64]) {
        let n = v.len();
        let first = v.iter().position(|&value| value != 0.0).unwrap_or(n);
        for i in first..n {
            v[i] /= self.factor[i * n + i];
            let (solved, rest) = v.split_at_mut(i + 1);
            add_scaled(rest, -solved[i], &self.factor[i * n + i + 1..(i + 1) * n]);
        }
    }
}

/// Comparisons without labels: `sum_n W_n (l_b - l_a)^2 = |T l|^2`, l the logits of the judged items relative to one item
/// of each connected component.
pub(crate) struct Comparisons {
    /// Item and reference item of each coordinate.
    pub(crate) columns: Vec<(usize, usize)>,
    /// T, row-major, upper triangular.
    pub(crate) factor: Vec<f64>,
}

/// The form of pairs that are checked.
///
/// # Errors
/// [`crate::Error::Interrupted`].
pub(crate) fn comparisons(
    (a, b): (&[u32], &[u32]),
    weight: &[f64],
    n_items: usize,
    execution: &Execution,
) -> Result<Comparisons> {
    let pairs = WeightedPairs { a, b, weight, y: &[] };
    let columns = columns(pairs, n_items);
    let factor = Laplacian::new(pairs, &columns, n_items, execution)?.factor;
    Ok(Comparisons { columns, factor })
}

/// Every judged item but the first of its connected component, with that first one.
fn columns(pairs: WeightedPairs<'_>, n_items: usize) -> Vec<(usize, usize)> {
    let mut parent: Vec<usize> = (0..n_items).collect();
    for (&a, &b) in pairs.a.iter().zip(pairs.b) {
        let (a, b) = (root(&mut parent, a as usize), root(&mut parent, b as usize));
        // The smaller index becomes the root, so that the reference is the first item of the component.
        parent[a.max(b)] = a.min(b);
    }
    let with_root = (0..n_items).map(|item| (item, root(&mut parent, item)));
    with_root.filter(|(item, root)| item != root).collect()
}

fn root(parent: &mut [usize], mut item: usize) -> usize {
    while parent[item] != item {
        parent[item] = parent[parent[item]];
        item = parent[item];
    }
    item
}

/// The Laplacian of the comparisons without the reference items, factored.
struct Laplacian {
    n: usize,
    /// Coordinate of each item; `None` for a reference item.
    column_of: Vec<Option<usize>>,
    factor: Vec<f64>,
}

impl Laplacian {
    fn new(
        pairs: WeightedPairs<'_>,
        columns: &[(usize, usize)],
        n_items: usize,
        execution: &Execution,
    ) -> Result<Self> {
        let n = columns.len();
        let mut column_of = vec![None; n_items];
        columns.iter().enumerate().for_each(|(column, &(item, _))| column_of[item] = Some(column));
        // Edge weights between coordinates, and from each to the reference items.
        let (mut edges, mut ground) = (vec![0.0; n * n], vec![0.0; n]);
        for ((&a, &b), weight) in pairs.a.iter().zip(pairs.b).zip(pairs.weight) {
            match (column_of[a as usize], column_of[b as usize]) {
                (Some(i), Some(j)) => {
                    edges[i * n + j] += weight;
                    edges[j * n + i] += weight;
                }
                (Some(i), None) | (None, Some(i)) => ground[i] += weight,
                (None, None) => {}
            }
        }
        Ok(Self { n, column_of, factor: eliminate(edges, ground, execution)? })
    }

    /// The logits that fit the labels best, and their loss.
    fn least_squares(&self, pairs: WeightedPairs<'_>) -> (Vec<f64>, f64) {
        let mut centre = vec![0.0; self.n];
        let mut loss = 0.0;
        // The second round refines the first and its residuals give the loss.
        for _ in 0..3 {
            let mut right = vec![0.0; self.n];
            loss = 0.0;
            for (((&a, &b), weight), y) in pairs.a.iter().zip(pairs.b).zip(pairs.weight).zip(pairs.y) {
                let (a, b) = (self.column_of[a as usize], self.column_of[b as usize]);
                let residual = y - (b.map_or(0.0, |b| centre[b]) - a.map_or(0.0, |a| centre[a]));
                loss += weight * residual * residual;
                if let Some(b) = b {
                    right[b] += weight * residual;
                }
                if let Some(a) = a {
                    right[a] -= weight * residual;
                }
            }
            self.solve(&mut right);
            add_scaled(&mut centre, 1.0, &right);
        }
        (centre, loss)
    }

    /// Solve `T' T x = b` in place.
    fn solve(&self, b: &mut [f64]) {
        let n = self.n;
        for i in 0..n {
            b[i] /= self.factor[i * n + i];
            let (solved, rest) = b.split_at_mut(i + 1);
            add_scaled(rest, -solved[i], &self.factor[i * n + i + 1..(i + 1) * n]);
        }
        for i in (0..n).rev() {
            let row = &self.factor[i * n..(i + 1) * n];
            let known: f64 = row[i + 1..].iter().zip(&b[i + 1..]).map(|(t, x)| t * x).sum();
            b[i] = (b[i] - known) / row[i];
        }
    }
}

/// Cholesky by elimination of one node after another: its neighbours become connected to each other and to the ground,
/// all weights positive, so nothing cancels.
fn eliminate(mut edges: Vec<f64>, mut ground: Vec<f64>, execution: &Execution) -> Result<Vec<f64>> {
    let n = ground.len();
    let mut factor = vec![0.0; n * n];
    for k in 0..n {
        execution.interrupt.check()?;
        let row: Vec<f64> = edges[k * n + k + 1..(k + 1) * n].to_vec();
        let degree = row.iter().sum::<f64>() + ground[k];
        let pivot = degree.sqrt();
        factor[k * n + k] = pivot;
        for (offset, &weight) in row.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
            let i = k + 1 + offset;
            factor[k * n + i] = -weight / pivot;
            ground[i] += weight / degree * ground[k];
            add_scaled(&mut edges[i * n + k + 1..(i + 1) * n], weight / degree, &row);
            edges[i * n + i] = 0.0;
        }
    }
    Ok(factor)
}
