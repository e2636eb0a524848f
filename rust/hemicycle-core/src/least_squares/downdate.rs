//! Terms that are taken out of a sum of squares: a change of low rank, for which nothing is factored anew.
//!
//! The objective is `|v|^2 - |H v - t|^2` instead of `|v|^2`. In orthonormal coordinates of an affine hull, `v = Q s`,
//! its Hessian is `I - K'K` with `K = H Q`, and the Sherman-Morrison-Woodbury formula gives the inverse
//! `I + K' (I - K K')^-1 K`: a system of as many equations as there are terms.

use crate::lanes::{add_scaled, dot};

/// Where less than this part of the curvature is left in some direction, the difference is not taken.
const LEAST_PIVOT: f64 = 1e-3;

/// The terms `H v - t`.
#[derive(Debug, Clone, Default)]
pub(super) struct Downdate {
    /// H, (n_terms, n), row-major.
    pub(super) rows: Vec<f64>,
    /// t, (n_terms,).
    pub(super) targets: Vec<f64>,
}

impl Downdate {
    /// `H v - t`.
    pub(super) fn terms(&self, v: &[f64]) -> Vec<f64> {
        self.rows.chunks_exact(v.len().max(1)).zip(&self.targets).map(|(row, target)| dot(row, v) - target).collect()
    }

    /// Half the gradient of the objective at v.
    pub(super) fn gradient(&self, v: &[f64]) -> Vec<f64> {
        let mut gradient = v.to_vec();
        for (term, row) in self.terms(v).iter().zip(self.rows.chunks_exact(v.len().max(1))) {
            add_scaled(&mut gradient, -term, row);
        }
        gradient
    }

    /// The objective at v.
    pub(super) fn objective(&self, v: &[f64]) -> f64 {
        let terms = self.terms(v);
        dot(v, v) - dot(&terms, &terms)
    }

    /// The v of n entries at which the objective is least; `None` where too little is left of its curvature.
    pub(super) fn minimiser(&self, n: usize) -> Option<Vec<f64>> {
        let hessian = Reduced::new(&self.rows, n, n)?;
        let mut v = vec![0.0; n];
        hessian.add(&mut v, &self.targets);
        hessian.solve(&mut v);
        v.iter_mut().for_each(|value| *value = -*value);
        Some(v)
    }
}

/// The Hessian of the objective on the span of orthonormal columns.
pub(super) struct Reduced<'a> {
    /// K, one row a term with this stride.
    rows: &'a [f64],
    stride: usize,
    /// Number of columns.
    len: usize,
    n_terms: usize,
    /// The Cholesky factor of `I - K K'`.
    lower: Vec<f64>,
}

impl<'a> Reduced<'a> {
    /// `None` where too little is left of the curvature.
    #[inline(always)]
    pub(super) fn new(rows: &'a [f64], stride: usize, len: usize) -> Option<Self> {
        let n_terms = rows.len() / stride.max(1);
        let mut reduced = Self { rows, stride, len, n_terms, lower: vec![0.0; n_terms * n_terms] };
        let mut lower = std::mem::take(&mut reduced.lower);
        for i in 0..n_terms {
            for j in 0..=i {
                lower[i * n_terms + j] = -dot(reduced.row(i), reduced.row(j));
            }
        }
        for i in 0..n_terms {
            let (done, row) = lower.split_at_mut(i * n_terms);
            for j in 0..i {
                let solved = &done[j * n_terms..j * n_terms + j];
                row[j] = (row[j] - dot(&row[..j], solved)) / done[j * n_terms + j];
            }
            let pivot = 1.0 + row[i] - dot(&row[..i], &row[..i]);
            if pivot.is_nan() || pivot < LEAST_PIVOT {
                return None;
            }
            row[i] = pivot.sqrt();
        }
        reduced.lower = lower;
        Some(reduced)
    }

    #[inline(always)]
    fn row(&self, term: usize) -> &'a [f64] {
        &self.rows[term * self.stride..term * self.stride + self.len]
    }

    /// Multiply by the inverse of the Hessian, in place.
    #[inline(always)]
    pub(super) fn solve(&self, b: &mut [f64]) {
        let mut terms: Vec<f64> = (0..self.n_terms).map(|term| dot(self.row(term), b)).collect();
        self.solve_terms(&mut terms);
        self.add(b, &terms);
    }

    /// Add `K' t`.
    #[inline(always)]
    pub(super) fn add(&self, b: &mut [f64], terms: &[f64]) {
        terms.iter().enumerate().for_each(|(term, &factor)| add_scaled(b, factor, self.row(term)));
    }

    #[inline(always)]
    fn solve_terms(&self, b: &mut [f64]) {
        let n = b.len();
        for i in 0..n {
            b[i] = (b[i] - dot(&self.lower[i * n..i * n + i], &b[..i])) / self.lower[i * n + i];
        }
        for i in (0..n).rev() {
            b[i] /= self.lower[i * n + i];
            let (rest, solved) = b.split_at_mut(i);
            add_scaled(rest, -solved[0], &self.lower[i * n..i * n + i]);
        }
    }
}
