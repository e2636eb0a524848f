//! Densities of a working set of models, held in memory, and the sums over them, compiled for the CPU at hand.

use pulp::NullaryFnOnce;
use rayon::prelude::*;

use crate::lanes::{add_scaled, dot, vectorised};

/// Densities that one task looks at; constant, so that no result depends on the number of threads.
const CHUNK: usize = 1 << 16;

/// One row a model, one column an observation.
pub struct Rows {
    n: usize,
    values: Vec<f64>,
}

impl Rows {
    /// Rows of `n` observations.
    pub fn new(n: usize, values: Vec<f64>) -> Self {
        Self { n, values }
    }

    /// One row.
    pub fn row(&self, member: usize) -> &[f64] {
        &self.values[member * self.n..(member + 1) * self.n]
    }

    /// Append rows.
    pub fn extend(&mut self, values: &[f64]) {
        self.values.extend_from_slice(values);
    }

    /// Keep these members, ascending.
    pub fn keep(&mut self, members: &[usize]) {
        for (to, &from) in members.iter().enumerate() {
            self.values.copy_within(from * self.n..(from + 1) * self.n, to * self.n);
        }
        self.values.truncate(members.len() * self.n);
    }

    /// `sum_n p_dn v_n` of these members.
    pub fn products(&self, members: &[usize], v: &[f64]) -> Vec<f64> {
        let mut products = vec![0.0; members.len()];
        let at_once = (CHUNK / self.n).max(1);
        let chunks = products.par_chunks_mut(at_once).zip(members.par_chunks(at_once));
        chunks.for_each(|(out, members)| vectorised(Products { rows: self, members, v, out }));
        products
    }

    /// `sum_n p_dn^2 v_n` of every member.
    pub fn squares(&self, v: &[f64]) -> Vec<f64> {
        let mut squares = vec![0.0; self.values.len() / self.n];
        vectorised(Squares { rows: self, v, out: &mut squares });
        squares
    }

    /// `sum_d w_d p_dn` of the members of this weight.
    pub fn mix(&self, weights: &[f64]) -> Vec<f64> {
        let mut sum = vec![0.0; self.n];
        vectorised(Mix { rows: self, weights, sum: &mut sum });
        sum
    }
}

struct Products<'a> {
    rows: &'a Rows,
    members: &'a [usize],
    v: &'a [f64],
    out: &'a mut [f64],
}

impl NullaryFnOnce for Products<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (out, &member) in self.out.iter_mut().zip(self.members) {
            *out = dot(self.rows.row(member), self.v);
        }
    }
}

struct Squares<'a> {
    rows: &'a Rows,
    v: &'a [f64],
    out: &'a mut [f64],
}

impl NullaryFnOnce for Squares<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let mut scaled = vec![0.0; self.v.len()];
        for (out, row) in self.out.iter_mut().zip(self.rows.values.chunks_exact(self.rows.n)) {
            for ((scaled, p), v) in scaled.iter_mut().zip(row).zip(self.v) {
                *scaled = p * v;
            }
            *out = dot(row, &scaled);
        }
    }
}

struct Mix<'a> {
    rows: &'a Rows,
    weights: &'a [f64],
    sum: &'a mut [f64],
}

impl NullaryFnOnce for Mix<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (member, &weight) in self.weights.iter().enumerate() {
            if weight != 0.0 {
                add_scaled(self.sum, weight, self.rows.row(member));
            }
        }
    }
}
