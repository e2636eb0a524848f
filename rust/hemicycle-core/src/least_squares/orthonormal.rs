//! Rows in orthonormal coordinates: the same affine relations between models, without the conditioning of the columns.

use crate::error::Result;
use crate::lanes::add_scaled;
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

fn centred(rows: &[f64], n_models: usize, width: usize, j: usize) -> Vec<f64> {
    let column: Vec<f64> = rows.iter().skip(j).step_by(width).copied().collect();
    let mean = column.iter().sum::<f64>() / n_models as f64;
    column.into_iter().map(|value| value - mean).collect()
}
