//! The kernels of an orthogonal factor: one column in, one column out, and triangular systems.

use pulp::NullaryFnOnce;

use crate::lanes::{add_scaled, dot};

/// Classical Gram-Schmidt on one column, twice, which leaves no more than rounding where the members are independent
/// (L. Giraud, J. Langou, M. Rozloznik, J. van den Eshof, "Rounding error analysis of the classical Gram-Schmidt
/// orthogonalization process", Numerische Mathematik 101, 2005, doi:10.1007/s00211-005-0615-4). No dot product waits for
/// another.
pub(super) struct TakeOut<'a> {
    pub(super) basis: &'a [f64],
    pub(super) column: &'a mut [f64],
    pub(super) coefficients: &'a mut [f64],
}

impl NullaryFnOnce for TakeOut<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { basis, column, coefficients } = self;
        let height = column.len();
        let mut along = vec![0.0; basis.len() / height];
        for _ in 0..2 {
            for (along, direction) in along.iter_mut().zip(basis.chunks_exact(height)) {
                *along = dot(direction, column);
            }
            for (&along, direction) in along.iter().zip(basis.chunks_exact(height)) {
                add_scaled(column, -along, direction);
            }
            add_scaled(coefficients, 1.0, &along);
        }
    }
}

/// Rotate rows j and j + 1, from `first` on, so that the entry below the diagonal of every column j vanishes.
pub(super) struct Rotate<'a> {
    pub(super) first: usize,
    pub(super) r: &'a mut [f64],
    pub(super) stride: usize,
    pub(super) len: usize,
    pub(super) q: &'a mut [f64],
    pub(super) k: &'a mut [f64],
}

impl NullaryFnOnce for Rotate<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { first, r, stride, len, q, k } = self;
        let height = q.len() / (len + 1);
        for j in first..len {
            let (upper, lower) = r.split_at_mut((j + 1) * stride);
            let (upper, lower) = (&mut upper[j * stride + j..j * stride + len], &mut lower[j..len]);
            let length = upper[0].hypot(lower[0]);
            let (cosine, sine) = if length > 0.0 { (upper[0] / length, lower[0] / length) } else { (1.0, 0.0) };
            turn(upper, lower, cosine, sine);
            lower[0] = 0.0;
            let (left, right) = q.split_at_mut((j + 1) * height);
            turn(&mut left[j * height..], &mut right[..height], cosine, sine);
            for row in k.chunks_exact_mut(stride) {
                (row[j], row[j + 1]) = (cosine * row[j] + sine * row[j + 1], cosine * row[j + 1] - sine * row[j]);
            }
        }
    }
}

/// Solve `R x = b` in place, R an upper triangle, row-major.
pub(super) struct Solve<'a> {
    pub(super) r: &'a [f64],
    pub(super) stride: usize,
    pub(super) b: &'a mut [f64],
}

impl NullaryFnOnce for Solve<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { r, stride, b } = self;
        for i in (0..b.len()).rev() {
            let row = &r[i * stride..i * stride + b.len()];
            let known = dot(&row[i + 1..], &b[i + 1..]);
            b[i] = (b[i] - known) / row[i];
        }
    }
}

/// Solve `R' x = b` in place.
pub(super) struct SolveTransposed<'a> {
    pub(super) r: &'a [f64],
    pub(super) stride: usize,
    pub(super) b: &'a mut [f64],
}

impl NullaryFnOnce for SolveTransposed<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { r, stride, b } = self;
        for i in 0..b.len() {
            let row = &r[i * stride..i * stride + b.len()];
            b[i] /= row[i];
            let (solved, rest) = b.split_at_mut(i + 1);
            add_scaled(rest, -solved[i], &row[i + 1..]);
        }
    }
}

#[inline(always)]
fn turn(a: &mut [f64], b: &mut [f64], cosine: f64, sine: f64) {
    for (a, b) in a.iter_mut().zip(b) {
        (*a, *b) = (cosine * *a + sine * *b, cosine * *b - sine * *a);
    }
}
