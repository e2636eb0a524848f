//! Predictions of pairs of items, straight from the logits: a round has many pairs but few items, and only the items
//! are ever read.
//!
//! With l the logits of a model, relative to one item of each connected component of the comparisons, the loss
//! `sum_n W_n (l_b - l_a - y_n)^2` is a quadratic in l with a weighted graph Laplacian, `L = T' T`: it equals
//! `|T (l - m)|^2 + constant`, m the least squares logits. The deviation of a model is `T (l - m)`, its
//! coordinates are `l - m`. L is an M-matrix with known row sums, so its factor is computed without a single subtraction
//! and has full relative accuracy (A. Alfa, J. Xue, Q. Ye, "Accurate computation of the smallest eigenvalue of a
//! diagonally dominant M-matrix", Mathematics of Computation 71, 2002, doi:10.1090/S0025-5718-01-01325-4).

use pulp::NullaryFnOnce;

use crate::error::{Error, Result};
use crate::least_squares::lanes::{add_scaled, dot, vectorised};
use crate::least_squares::predictions::{Predictions, check_magnitudes};

/// One row a pair: `sqrt(weight) * ((logit_b - logit_a) - y)`.
#[derive(Debug)]
pub struct PairDifferences<'a, T> {
    logits: &'a [T],
    n_models: usize,
    n_items: usize,
    /// Item and reference item of each coordinate.
    columns: Vec<(usize, usize)>,
    /// The least squares logits m.
    centre: Vec<f64>,
    /// T, row-major, upper triangular.
    factor: Vec<f64>,
    constant: f64,
}

/// Pairs of items with their weights and labels: one entry a pair in each slice.
#[derive(Debug, Clone, Copy)]
pub struct WeightedPairs<'a> {
    /// The item that the label compares with.
    pub a: &'a [u32],
    /// The item that the label speaks for.
    pub b: &'a [u32],
    /// Weight of the pair, positive.
    pub weight: &'a [f64],
    /// Label: the log ratio of b to a.
    pub y: &'a [f64],
}

impl<'a, T: Copy + Into<f64> + Sync> PairDifferences<'a, T> {
    /// Logits (n_models, n_items), row-major, and the pairs.
    ///
    /// # Errors
    /// [`Error::Shape`] if there is no model or lengths disagree; [`Error::Index`] for an item that does not exist;
    /// [`Error::NonFinite`] and [`Error::Domain`] for a logit of a judged item or a label that is not finite or above
    /// 1e140 in magnitude, a weight that is not positive, a pair of an item with itself.
    pub fn new(logits: &'a [T], n_models: usize, n_items: usize, pairs: WeightedPairs<'_>) -> Result<Self> {
        if n_models == 0 || logits.len() != n_models * n_items {
            let expected = format!("at least one model, and {n_models} rows of {n_items} items");
            return Err(Error::Shape { what: "logits", expected, got: format!("{} values", logits.len()) });
        }
        check_pairs(pairs, n_items)?;
        let columns = columns(pairs, n_items);
        for (at, logit) in logits.iter().enumerate() {
            let value: f64 = (*logit).into();
            if !value.is_finite() && columns.iter().any(|&(i, r)| i == at % n_items || r == at % n_items) {
                return Err(Error::NonFinite { what: "logits", position: vec![at / n_items, at % n_items], value });
            }
        }
        let laplacian = Laplacian::new(pairs, &columns, n_items);
        let (centre, constant) = laplacian.least_squares(pairs);
        Ok(Self { logits, n_models, n_items, columns, centre, factor: laplacian.factor, constant })
    }
}

impl<T: Copy + Into<f64> + Sync> Predictions for PairDifferences<'_, T> {
    fn n_models(&self) -> usize {
        self.n_models
    }

    fn n_coordinates(&self) -> usize {
        self.columns.len()
    }

    #[inline(always)]
    fn coordinates(&self, model: usize, out: &mut [f64]) {
        let row = &self.logits[model * self.n_items..(model + 1) * self.n_items];
        for ((out, &(item, reference)), centre) in out.iter_mut().zip(&self.columns).zip(&self.centre) {
            let (item, reference): (f64, f64) = (row[item].into(), row[reference].into());
            *out = (item - reference) - centre;
        }
    }

    fn push(&self, coordinates: &mut [f64]) {
        vectorised(Push { factor: &self.factor, coordinates });
    }

    fn pull(&self, v: &mut [f64]) {
        let n = v.len();
        for i in (0..n).rev() {
            let value = std::mem::take(&mut v[i]);
            add_scaled(&mut v[i..], value, &self.factor[i * n + i..(i + 1) * n]);
        }
    }

    fn constant(&self) -> f64 {
        self.constant
    }
}

/// The product of an upper triangle, row-major, with coordinates, in place.
struct Push<'a> {
    factor: &'a [f64],
    coordinates: &'a mut [f64],
}

impl NullaryFnOnce for Push<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let n = self.coordinates.len();
        for i in 0..n {
            let row = &self.factor[i * n + i..(i + 1) * n];
            self.coordinates[i] = dot(row, &self.coordinates[i..]);
        }
    }
}

fn check_pairs(pairs: WeightedPairs<'_>, n_items: usize) -> Result<()> {
    let n = pairs.a.len();
    for (what, length) in [("b", pairs.b.len()), ("weight", pairs.weight.len()), ("y", pairs.y.len())] {
        if length != n {
            let (expected, got) = (format!("{n} values, as in a"), format!("{length}"));
            return Err(Error::Shape { what, expected, got });
        }
    }
    check_magnitudes("y", pairs.y, None)?;
    check_magnitudes("weight", pairs.weight, None)?;
    for (position, (&a, &b)) in pairs.a.iter().zip(pairs.b).enumerate() {
        for (what, item) in [("a", a as usize), ("b", b as usize)] {
            if item >= n_items {
                return Err(Error::Index { what, position, index: item, length: n_items });
            }
        }
        if a == b {
            let requirement = "another item than a";
            return Err(Error::Domain { what: "b", position: vec![position], value: f64::from(b), requirement });
        }
        let value = pairs.weight[position];
        if value <= 0.0 {
            let requirement = "greater than 0";
            return Err(Error::Domain { what: "weight", position: vec![position], value, requirement });
        }
    }
    Ok(())
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
    fn new(pairs: WeightedPairs<'_>, columns: &[(usize, usize)], n_items: usize) -> Self {
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
        Self { n, column_of, factor: eliminate(edges, ground) }
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
fn eliminate(mut edges: Vec<f64>, mut ground: Vec<f64>) -> Vec<f64> {
    let n = ground.len();
    let mut factor = vec![0.0; n * n];
    for k in 0..n {
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
    factor
}
