//! Cholesky factor of a growing and shrinking symmetric matrix: rows are appended and removed in quadratic time.

use crate::lanes::{add_scaled, dot};

/// The lower factor L of a positive definite matrix A = L L', row by row.
#[derive(Default)]
pub struct Factor {
    rows: Vec<Vec<f64>>,
}

impl Factor {
    /// Append the last row of A: its products with the earlier rows, then its diagonal. The pivot is kept at or above
    /// `least_pivot`, so a row that depends on the others (to rounding) leaves the factor regular.
    pub fn append(&mut self, mut row: Vec<f64>, least_pivot: f64) {
        let last = self.rows.len();
        for column in 0..last {
            let known = &self.rows[column];
            row[column] = (row[column] - dot(&row[..column], &known[..column])) / known[column];
        }
        let pivot = row[last] - dot(&row[..last], &row[..last]);
        row[last] = pivot.max(least_pivot).sqrt();
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
        for (index, row) in self.rows.iter().enumerate() {
            x[index] = (x[index] - dot(&row[..index], &x[..index])) / row[index];
        }
        for (index, row) in self.rows.iter().enumerate().rev() {
            x[index] /= row[index];
            let (earlier, from) = x.split_at_mut(index);
            add_scaled(earlier, -from[0], &row[..index]);
        }
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
