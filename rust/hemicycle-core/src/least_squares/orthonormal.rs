//! Rows in other coordinates: orthonormal ones, with the same affine relations between models without the conditioning of
//! the columns; or turned ones, with the same lengths and angles in no more coordinates than there are models.

use crate::error::Result;
use crate::lanes::{add_scaled, dot, vectorised};
use crate::least_squares::orthogonal::TakeOut;
use crate::least_squares::threshold::long_dot;
use crate::parallel::Execution;

/// Columns shorter than this, relative to the longest, are rounding of the others.
const NEGLIGIBLE: f64 = 1e-15;

/// Rows (n_models, width) replaced by rows in an orthonormal basis of their centred columns; returns the new rows and
/// their width. Gram-Schmidt, twice, the longest remaining column first.
///
/// # Errors
/// [`crate::Error::Interrupted`].
pub(super) fn orthonormal_rows(
    rows: &[f64],
    n_models: usize,
    width: usize,
    execution: &Execution,
) -> Result<(Vec<f64>, usize)> {
    let mut columns: Vec<Vec<f64>> = (0..width).map(|j| centred(rows, n_models, width, j)).collect();
    let length = |column: &Vec<f64>| long_dot(column, column).sqrt();
    let longest = columns.iter().map(length).fold(0.0, f64::max);
    let mut basis: Vec<Vec<f64>> = Vec::new();
    while let Some(next) = (0..columns.len()).max_by(|&a, &b| length(&columns[a]).total_cmp(&length(&columns[b]))) {
        execution.interrupt.check()?;
        let mut column = columns.swap_remove(next);
        for done in &basis {
            let along = long_dot(done, &column);
            add_scaled(&mut column, -along, done);
        }
        let rest = length(&column);
        if rest <= NEGLIGIBLE * longest {
            break;
        }
        column.iter_mut().for_each(|value| *value /= rest);
        for other in &mut columns {
            let along = long_dot(&column, other);
            add_scaled(other, -along, &column);
        }
        basis.push(column);
    }
    let by_model = (0..n_models).flat_map(|model| basis.iter().map(move |column| column[model]));
    Ok((by_model.collect(), basis.len()))
}

/// Rows (n_models, width) turned into their own span: the new rows (n_models, rank) and the rank. What a row adds to the
/// span of those before it is rounding, and left away, below the fraction `dependent` of its length; equal rows stay equal.
/// `4 n_models rank width` operations.
///
/// # Errors
/// [`crate::Error::Interrupted`].
pub(super) fn turned_rows(
    rows: &[f64],
    width: usize,
    dependent: f64,
    execution: &Execution,
) -> Result<(Vec<f64>, usize)> {
    let mut basis: Vec<f64> = Vec::new();
    let mut turned: Vec<Vec<f64>> = Vec::new();
    for (model, row) in rows.chunks_exact(width.max(1)).enumerate() {
        execution.interrupt.check()?;
        let mut column = row.to_vec();
        let mut coefficients = vec![0.0; basis.len() / width.max(1)];
        vectorised(TakeOut { basis: &basis, column: &mut column, coefficients: &mut coefficients });
        let rest = dot(&column, &column).sqrt();
        if rest > dependent * dot(row, row).sqrt() {
            basis.extend(column.iter().map(|value| value / rest));
            coefficients.push(rest);
        }
        let equal = rows.chunks_exact(width.max(1)).take(model).position(|earlier| earlier == row);
        turned.push(equal.map_or(coefficients, |earlier| turned[earlier].clone()));
    }
    let rank = basis.len() / width.max(1);
    turned.iter_mut().for_each(|row| row.resize(rank, 0.0));
    Ok((turned.concat(), rank))
}

fn centred(rows: &[f64], n_models: usize, width: usize, j: usize) -> Vec<f64> {
    let column: Vec<f64> = rows.iter().skip(j).step_by(width).copied().collect();
    let mean = column.iter().sum::<f64>() / n_models as f64;
    column.into_iter().map(|value| value - mean).collect()
}

#[cfg(test)]
mod tests {
    use super::turned_rows;
    use crate::lanes::dot;
    use crate::parallel::Execution;

    #[test]
    fn turned_rows_keep_lengths_and_angles_and_equal_rows_stay_equal() {
        let (n_models, width) = (6, 40);
        let value = |d: usize, j: usize| (((d * 31 + j * 17 + 7).pow(2) % 1009) as f64).sin();
        let mut rows: Vec<f64> = (0..n_models * width).map(|at| value(at / width, at % width)).collect();
        rows.copy_within(width..2 * width, 4 * width); // a copy
        (0..width).for_each(|j| rows[5 * width + j] = rows[j] - 3.0 * rows[2 * width + j]); // a blend
        let (turned, rank) = turned_rows(&rows, width, 1e-15, &Execution::default()).expect("runs");
        assert_eq!((rank, turned.len()), (4, 4 * n_models));
        let row = |model: usize| &turned[model * rank..(model + 1) * rank];
        assert_eq!(row(1), row(4));
        for (d, e) in (0..n_models).flat_map(|d| (0..n_models).map(move |e| (d, e))) {
            let before = dot(&rows[d * width..(d + 1) * width], &rows[e * width..(e + 1) * width]);
            assert!((dot(row(d), row(e)) - before).abs() < 1e-12, "{d}, {e}");
        }
    }
}
