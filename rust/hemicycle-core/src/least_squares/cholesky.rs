//! The Cholesky factor of a small symmetric system that may be singular.

use pulp::NullaryFnOnce;

use crate::error::Result;
use crate::lanes::{add_scaled, dot, vectorised};
use crate::parallel::{Execution, Interrupt};

/// Relative ridge that makes a singular system solvable.
const RIDGE: f64 = 1e-14;

/// The Cholesky factor of a symmetric positive semidefinite matrix, scaled to unit diagonal, with a tiny ridge.
pub(super) struct Cholesky {
    n: usize,
    scale: Vec<f64>,
    /// Lower triangle, row-major.
    lower: Vec<f64>,
}

impl Cholesky {
    /// Factor `matrix` (n, n) with a relative ridge, raised until it succeeds; `None` where that or an entry is not finite.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`].
    pub(super) fn new(matrix: &[f64], n: usize, damping: f64, execution: &Execution) -> Result<Option<Self>> {
        if !matrix.iter().all(|entry| entry.is_finite()) {
            return Ok(None);
        }
        let root = |i: usize| matrix[i * n + i].max(0.0).sqrt();
        let scale: Vec<f64> = (0..n).map(|i| if root(i) > 0.0 { 1.0 / root(i) } else { 1.0 }).collect();
        let mut ridge = RIDGE + damping;
        while ridge.is_finite() {
            let factor = vectorised(Factor { matrix, scale: &scale, ridge, interrupt: &execution.interrupt });
            execution.interrupt.check()?;
            if let Some(lower) = factor {
                return Ok(Some(Self { n, scale, lower }));
            }
            ridge *= 16.0;
        }
        Ok(None)
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

/// The lower factor of a matrix with its rows and columns scaled and a ridge added, if no pivot is rounding and nobody
/// asks to stop.
struct Factor<'a> {
    matrix: &'a [f64],
    scale: &'a [f64],
    ridge: f64,
    interrupt: &'a Interrupt,
}

impl NullaryFnOnce for Factor<'_> {
    type Output = Option<Vec<f64>>;

    #[inline(always)]
    fn call(self) -> Option<Vec<f64>> {
        let Self { matrix, scale, ridge, interrupt } = self;
        let n = scale.len();
        let mut lower = vec![0.0; n * n];
        for i in 0..n {
            if interrupt.is_raised() {
                return None;
            }
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
}

#[cfg(test)]
mod tests {
    use super::Cholesky;
    use crate::parallel::Execution;

    #[test]
    fn a_matrix_that_is_not_finite_has_no_factor() {
        let factor = |matrix: &[f64], damping| Cholesky::new(matrix, 2, damping, &Execution::default()).expect("runs");
        for entry in [f64::NAN, f64::INFINITY] {
            assert!(factor(&[1.0, entry, entry, 1.0], 0.0).is_none());
            assert!(factor(&[1.0, 0.0, 0.0, 1.0], entry).is_none());
        }
        let mut b = [2.0, 6.0];
        factor(&[1.0, 0.0, 0.0, 2.0], 0.0).expect("finite").solve(&mut b);
        assert!((b[0] - 2.0).abs() < 1e-13 && (b[1] - 3.0).abs() < 1e-13);
    }
}
