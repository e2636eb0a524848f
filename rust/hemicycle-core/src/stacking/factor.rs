//! Cholesky factor of a growing and shrinking symmetric matrix: rows are appended and removed in quadratic time.

use pulp::NullaryFnOnce;

use crate::lanes::{add_scaled, dot, vectorised};

/// The lower factor L of a positive definite matrix A = L L', row by row.
#[derive(Default)]
pub struct Factor {
    rows: Vec<Vec<f64>>,
}

impl Factor {
    /// Append the last row of A: its products with the earlier rows, then its diagonal. The pivot is kept at or above
    /// `least_pivot`, so a row that depends on the others (to rounding) leaves the factor regular.
    pub fn append(&mut self, mut row: Vec<f64>, least_pivot: f64) {
        vectorised(Append { rows: &self.rows, row: &mut row });
        let (last, known) = row.split_last_mut().map_or((0.0, &[][..]), |(last, known)| (*last, &*known));
        let pivot = last - dot(known, known);
        if let Some(diagonal) = row.last_mut() {
            *diagonal = pivot.max(least_pivot).max(f64::MIN_POSITIVE).sqrt();
        }
        self.rows.push(row);
    }

    /// Remove one row and column of A.
    pub fn remove(&mut self, index: usize) {
        self.rows.remove(index);
        for column in index..self.rows.len() {
            self.rotate(column);
        }
    }

    /// Solve A x = b.
    pub fn solve(&self, b: &[f64]) -> Vec<f64> {
        let mut x = b.to_vec();
        vectorised(Solve { rows: &self.rows, x: &mut x });
        x
    }

    /// Turn the entry right of the diagonal of row `column` to 0 by a rotation of two columns.
    fn rotate(&mut self, column: usize) {
        let (diagonal, beyond) = (self.rows[column][column], self.rows[column][column + 1]);
        let length = diagonal.hypot(beyond);
        let (cos, sin) = (diagonal / length, beyond / length);
        for row in &mut self.rows[column..] {
            let (a, b) = (row[column], row[column + 1]);
            row[column] = cos * a + sin * b;
            row[column + 1] = cos * b - sin * a;
        }
        self.rows[column].truncate(column + 1);
    }
}

/// The entries of a new row left of the diagonal.
struct Append<'a> {
    rows: &'a [Vec<f64>],
    row: &'a mut [f64],
}

impl NullaryFnOnce for Append<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (column, known) in self.rows.iter().enumerate() {
            let (before, from) = self.row.split_at_mut(column);
            from[0] = (from[0] - dot(before, &known[..column])) / known[column];
        }
    }
}

/// Both triangular solves, in place.
struct Solve<'a> {
    rows: &'a [Vec<f64>],
    x: &'a mut [f64],
}

impl NullaryFnOnce for Solve<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (index, row) in self.rows.iter().enumerate() {
            self.x[index] = (self.x[index] - dot(&row[..index], &self.x[..index])) / row[index];
        }
        for (index, row) in self.rows.iter().enumerate().rev() {
            self.x[index] /= row[index];
            let (earlier, from) = self.x.split_at_mut(index);
            add_scaled(earlier, -from[0], &row[..index]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Factor;

    #[test]
    fn rows_come_and_go() {
        let a = [[4.0, 1.0, 0.5], [1.0, 3.0, 0.25], [0.5, 0.25, 2.0]];
        let mut factor = Factor::default();
        for (index, row) in a.iter().enumerate() {
            factor.append(row[..=index].to_vec(), 1e-12);
        }
        let x = factor.solve(&[1.0, 2.0, 3.0]);
        for (row, b) in a.iter().zip([1.0, 2.0, 3.0]) {
            let product: f64 = row.iter().zip(&x).map(|(a, x)| a * x).sum();
            assert!((product - b).abs() < 1e-14);
        }
        factor.remove(0);
        let x = factor.solve(&[1.0, 1.0]);
        assert!((3.0 * x[0] + 0.25 * x[1] - 1.0).abs() < 1e-15);
        assert!((0.25 * x[0] + 2.0 * x[1] - 1.0).abs() < 1e-15);
    }
}
