//! The orthogonal factor of an affinely independent set of rows (Wolfe's "corral"), kept while rows come and go.
//!
//! Every row z gets a leading entry `lead`, so that affine independence becomes linear independence and the
//! constraint "weights sum to one" becomes `q . t = lead` with q the first row of Q and t = R w. The weights then come
//! from one triangular solve: the condition number of the rows is never squared, as normal equations would.

use crate::lanes::{add_scaled, dot, vectorised};
use crate::least_squares::downdate::{Downdate, Reduced};
use crate::least_squares::orthogonal::{Rotate, Solve, SolveTransposed, TakeOut};
use crate::least_squares::rank::DEPENDENT;

/// Thin QR factors of the columns `[lead; z_i]`.
#[derive(Clone)]
pub(super) struct Corral {
    lead: f64,
    height: usize,
    capacity: usize,
    /// Below this fraction of its length, what a new column adds to the span of the others is rounding.
    dependent: f64,
    /// Orthonormal columns, one after another.
    q: Vec<f64>,
    /// Terms that are taken out of the objective.
    less: Downdate,
    /// Their products with those columns, one row a term with stride `capacity`.
    k: Vec<f64>,
    /// Upper triangle, row-major with stride `capacity`.
    r: Vec<f64>,
    len: usize,
}

impl Corral {
    /// An empty corral for rows of `n` entries, of at most `capacity` members.
    pub(super) fn new(n: usize, capacity: usize, lead: f64) -> Self {
        let (less, r) = (Downdate::default(), vec![0.0; capacity * capacity]);
        Self { lead, height: n + 1, capacity, dependent: DEPENDENT, q: Vec::new(), less, k: Vec::new(), r, len: 0 }
    }

    /// The same for columns that are known to the fraction `dependent` of their length only.
    pub(super) fn with_dependent(self, dependent: f64) -> Self {
        Self { dependent, ..self }
    }

    /// The same members, with some terms taken out of the objective.
    pub(super) fn without(&self, less: Downdate) -> Self {
        let mut k = vec![0.0; less.targets.len() * self.capacity];
        for (row, products) in less.rows.chunks_exact((self.height - 1).max(1)).zip(k.chunks_exact_mut(self.capacity)) {
            (0..self.len).for_each(|j| products[j] = dot(row, &self.column(j)[1..]));
        }
        Self { less, k, q: self.q.clone(), r: self.r.clone(), ..*self }
    }

    /// The terms that are taken out of the objective.
    pub(super) fn less(&self) -> &Downdate {
        &self.less
    }

    /// Forget all members.
    pub(super) fn clear(&mut self) {
        self.q.clear();
        self.len = 0;
    }

    /// Number of members.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// What is left of `[lead, z]` beside the span of the members, of length 1.
    pub(super) fn orthogonal(&self, mut column: Vec<f64>) -> Vec<f64> {
        self.take_out(&mut column);
        let length = dot(&column, &column).sqrt();
        column.iter_mut().for_each(|value| *value /= length);
        column
    }

    /// Leave of a column what is orthogonal to the members; what it had along the columns of Q.
    fn take_out(&self, column: &mut [f64]) -> Vec<f64> {
        let mut coefficients = vec![0.0; self.len];
        vectorised(TakeOut { basis: &self.q, column, coefficients: &mut coefficients });
        coefficients
    }

    fn column(&self, j: usize) -> &[f64] {
        &self.q[j * self.height..(j + 1) * self.height]
    }

    /// Add the row `z`; if it depends on the members, add nothing and return its affine combination of them.
    pub(super) fn push(&mut self, z: &[f64]) -> Result<(), Vec<f64>> {
        let mut column = Vec::with_capacity(self.height);
        column.push(self.lead);
        column.extend_from_slice(z);
        let length = dot(&column, &column).sqrt();
        let mut coefficients = self.take_out(&mut column);
        let rest = dot(&column, &column).sqrt();
        let independent = self.len < self.capacity && rest > self.dependent * length;
        if !independent {
            self.solve(&mut coefficients);
            return Err(coefficients);
        }
        self.q.extend(column.iter().map(|value| value / rest));
        let added = &self.q[self.len * self.height + 1..];
        let rows = self.less.rows.chunks_exact(added.len().max(1));
        for (row, products) in rows.zip(self.k.chunks_exact_mut(self.capacity)) {
            products[self.len] = dot(row, added);
        }
        for (j, coefficient) in coefficients.iter().enumerate() {
            self.r[j * self.capacity + self.len] = *coefficient;
        }
        self.r[self.len * self.capacity + self.len] = rest;
        self.len += 1;
        Ok(())
    }

    /// Remove member `i`; the later ones move up by one.
    pub(super) fn remove(&mut self, i: usize) {
        let stride = self.capacity;
        for row in 0..self.len {
            self.r.copy_within(row * stride + i + 1..row * stride + self.len, row * stride + i);
        }
        self.len -= 1;
        let Self { r, q, k, capacity: stride, len, .. } = self;
        vectorised(Rotate { first: i, r, stride: *stride, len: *len, q, k });
        self.q.truncate(self.len * self.height);
    }

    /// Solve `R x = b` in place.
    fn solve(&self, b: &mut [f64]) {
        vectorised(Solve { r: &self.r, stride: self.capacity, b });
    }

    /// Solve `R' x = b` in place.
    fn solve_transposed(&self, b: &mut [f64]) {
        vectorised(SolveTransposed { r: &self.r, stride: self.capacity, b });
    }

    /// The first row of Q.
    fn leads(&self) -> Vec<f64> {
        (0..self.len).map(|j| self.q[j * self.height]).collect()
    }

    /// Weights, summing to one and of any sign, that minimise `|sum w z|^2 + prices . w` over the affine hull, less the
    /// squares of some terms. `None` where those leave too little curvature.
    pub(super) fn affine_minimiser(&self, prices: Option<&[f64]>) -> Option<Vec<f64>> {
        let hessian = Reduced::new(&self.k, self.capacity, self.len)?;
        let mut slope = vec![0.0; self.len];
        hessian.add(&mut slope, &self.less.targets);
        if let Some(prices) = prices {
            let mut priced = prices.to_vec();
            self.solve_transposed(&mut priced);
            add_scaled(&mut slope, 0.5, &priced);
        }
        Some(self.minimiser(slope, self.lead, &hessian))
    }

    /// The change of weights, summing to zero, that removes from half the gradient what the members can still remove.
    pub(super) fn correction(&self, gradient: &[f64]) -> Option<Vec<f64>> {
        let hessian = Reduced::new(&self.k, self.capacity, self.len)?;
        let along: Vec<f64> = (0..self.len).map(|j| dot(&self.column(j)[1..], gradient)).collect();
        Some(self.minimiser(along, 0.0, &hessian))
    }

    /// The minimum of half the quadratic of a Hessian plus `slope`, where the first row of Q times the variables is
    /// `lead`; as weights.
    fn minimiser(&self, mut slope: Vec<f64>, lead: f64, hessian: &Reduced<'_>) -> Vec<f64> {
        let leads = self.leads();
        let mut along = leads.clone();
        hessian.solve(&mut along);
        hessian.solve(&mut slope);
        let multiplier = (lead + dot(&leads, &slope)) / dot(&leads, &along);
        let mut weights: Vec<f64> = along.iter().zip(&slope).map(|(q, s)| multiplier * q - s).collect();
        self.solve(&mut weights);
        weights
    }
}

#[cfg(test)]
mod tests {
    use super::Corral;

    /// Rows whose entries look random and do not repeat.
    fn row(seed: usize, n: usize) -> Vec<f64> {
        (0..n).map(|i| (((seed * 31 + i * 17 + 7).pow(2) % 1009) as f64).sin()).collect()
    }

    fn residual(rows: &[Vec<f64>], weights: &[f64], n: usize) -> Vec<f64> {
        (0..n).map(|i| rows.iter().zip(weights).map(|(row, weight)| row[i] * weight).sum()).collect()
    }

    #[test]
    fn members_that_come_and_go_leave_an_exact_factor() {
        let n = 12;
        let mut corral = Corral::new(n, 9, 1.0);
        let mut rows = Vec::new();
        for seed in 0..9 {
            rows.push(row(seed * seed + seed, n));
            assert!(corral.push(&rows[seed]).is_ok());
        }
        for leaving in [0, 3, 6, 2] {
            corral.remove(leaving);
            rows.remove(leaving);
        }
        let weights = corral.affine_minimiser(None).expect("nothing is taken away");
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-14);
        // At the minimiser over the affine hull every row has the same product with the residual.
        let fit = residual(&rows, &weights, n);
        let slopes: Vec<f64> = rows.iter().map(|row| row.iter().zip(&fit).map(|(a, b)| a * b).sum()).collect();
        assert!(slopes.iter().all(|slope| (slope - slopes[0]).abs() < 1e-14), "{slopes:?}");
        let change = corral.correction(&fit).expect("nothing is taken away");
        assert!(change.iter().all(|change| change.abs() < 1e-13));
    }

    #[test]
    fn a_dependent_row_is_refused_with_its_combination() {
        let mut corral = Corral::new(3, 4, 1.0);
        let (a, b) = (row(1, 3), row(5, 3));
        assert!(corral.push(&a).is_ok() && corral.push(&b).is_ok());
        let middle: Vec<f64> = a.iter().zip(&b).map(|(a, b)| 0.25 * a + 0.75 * b).collect();
        let combination = corral.push(&middle).unwrap_err();
        assert!((combination[0] - 0.25).abs() < 1e-14 && (combination[1] - 0.75).abs() < 1e-14);
        assert!(corral.push(&row(9, 3)).is_ok());
    }
}
