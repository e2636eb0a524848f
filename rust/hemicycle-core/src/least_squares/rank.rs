//! The affine rank of models: how many of them are affinely independent.

use crate::error::Result;
use crate::least_squares::corral::Corral;
use crate::least_squares::passes;
use crate::least_squares::predictions::{InCoordinates, Predictions};
use crate::parallel::Execution;

/// Models tried one by one, as a multiple of the largest rank: most pools show their rank in those.
pub(super) const TRIED: usize = 2;

/// Below this fraction of its length, what a row adds to the span of others is rounding of exact coordinates.
pub(super) const DEPENDENT: f64 = 1e-14;

/// The rank of the rows `[z_d, 1]` over all models, and the passes made; `lead` is a typical length of a row, `dependent`
/// the fraction of its length below which what a row adds to the span of others does not count.
///
/// Rows are tried one by one, up to a constant number; then a pass finds the row that lies farthest along a random
/// direction orthogonal to those found, until it lies in their span: one outside is missed with probability 0.
pub(super) fn affine_rank(
    rows: &dyn Predictions,
    lead: f64,
    dependent: f64,
    execution: &Execution,
) -> Result<(usize, usize)> {
    let rows = &InCoordinates(rows);
    let (n, n_models) = (rows.n_coordinates(), rows.n_models());
    let full = n_models.min(n + 1);
    let mut corral = Corral::new(n, full, lead).with_dependent(dependent);
    let mut row = vec![0.0; n];
    let tried = n_models.min(TRIED * (n + 1));
    for i in 0..tried {
        execution.interrupt.check()?;
        rows.coordinates(i * n_models / tried, &mut row);
        _ = corral.push(&row); // dependent ones are not counted
        if corral.len() == full {
            return Ok((full, 0));
        }
    }
    if tried == n_models {
        return Ok((corral.len(), 0));
    }
    let lengths = passes::squared_lengths(rows, execution)?;
    let mut random = Random(0);
    let mut passes = 1;
    while corral.len() < full {
        let direction = corral.orthogonal(std::iter::repeat_with(|| random.next()).take(n + 1).collect());
        let along = passes::times(rows, &direction[1..], execution)?;
        passes += 1;
        let share = |d: usize| (along[d] + lead * direction[0]).abs() / (lengths[d] + lead * lead).sqrt();
        let farthest = (0..n_models).max_by(|&d, &e| share(d).total_cmp(&share(e)).then(e.cmp(&d))).unwrap_or(0);
        rows.coordinates(farthest, &mut row);
        if corral.push(&row).is_err() {
            break;
        }
    }
    Ok((corral.len(), passes))
}

/// Numbers between -1 and 1, always the same. Source: Steele, Lea and Flood (2014), Fast splittable pseudorandom number
/// generators, doi:10.1145/2660193.2660195.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        (bits >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::{DEPENDENT, affine_rank};
    use crate::least_squares::Dense;
    use crate::parallel::Execution;

    /// Models in a subspace of the first coordinates; the last of them alone leaves it.
    fn rank(n_models: usize, n: usize, subspace: usize, last: f64) -> usize {
        let value =
            |d: usize, j: usize| if j < subspace { (((d * 31 + j * 17 + 7).pow(2) % 1009) as f64).sin() } else { 0.0 };
        let mut x: Vec<f64> = (0..n_models * n).map(|at| value(at / n, at % n)).collect();
        x[n_models * n - 1] += last;
        let y = vec![0.0; n];
        let models = Dense::new(&x, &y, n_models).expect("valid");
        affine_rank(&models, 1.0, DEPENDENT, &Execution::default()).expect("runs").0
    }

    #[test]
    fn counts_independent_models_however_many_there_are() {
        assert_eq!(rank(3, 8, 8, 0.0), 3);
        assert_eq!(rank(5000, 8, 8, 0.0), 9);
        assert_eq!(rank(5000, 8, 2, 0.0), 3);
        assert_eq!(rank(5000, 8, 0, 0.0), 1);
    }

    #[test]
    fn finds_the_one_model_that_leaves_a_subspace() {
        assert_eq!(rank(5000, 8, 2, 1.0), 4);
        assert_eq!(rank(5000, 8, 2, 1e-8), 4);
    }
}
