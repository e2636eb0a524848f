//! Root mean square differences over pairs as Euclidean distances between points with few coordinates.
//!
//! With x the logits of the judged items relative to one item of each connected component of the comparisons, the sum
//! over the pairs of squared differences between two models is the quadratic form of the graph Laplacian, `L = T' T`, of
//! the difference of their x. A random rotation after T spreads any difference over all coordinates alike, so that some
//! of them tell how far two points are apart, whoever chose the points.

use crate::error::Result;
use crate::judgments::Pairs;
use crate::least_squares::laplacian::{Comparisons, comparisons};
use crate::parallel::Execution;

use super::random::Stream;

/// Coordinates that are worked on at once.
pub(super) const STEP: usize = 16;

/// Points have this many coordinates, at least.
const MIN_COORDINATES: usize = 32;

/// Rounds of rotations for each doubling of the number of coordinates.
const ROUNDS: u32 = 4;

/// The map from logits to points whose distance is that of the predictions, in bandwidths.
#[derive(Debug)]
pub(super) struct Geometry {
    /// Judged items, sorted.
    pub(super) items: Vec<u32>,
    /// Places in `items`: a judged item and the reference item of its component.
    pub(super) differences: Vec<(u32, u32)>,
    /// Coordinates of a point, a multiple of [`STEP`].
    pub(super) n_coordinates: usize,
    /// Coordinates by differences, row-major.
    pub(super) matrix: Vec<f64>,
    /// What nobody knows before the jury has answered.
    pub(super) seed: u64,
}

impl Geometry {
    /// Of pairs that are checked, at least one.
    pub(super) fn new(pairs: &Pairs<'_>, bandwidth: f64, execution: &Execution) -> Result<Self> {
        let weight = vec![1.0; pairs.len()];
        let Comparisons { columns, factor } = comparisons((pairs.a, pairs.b), &weight, pairs.n_items, execution)?;
        let mut items: Vec<u32> = pairs.a.iter().chain(pairs.b).copied().collect();
        items.sort_unstable();
        items.dedup();
        let place = |item: usize| items.partition_point(|&other| (other as usize) < item) as u32;
        let differences: Vec<_> = columns.iter().map(|&(item, reference)| (place(item), place(reference))).collect();
        let n = differences.len();
        let n_coordinates = n.max(MIN_COORDINATES).next_multiple_of(STEP);
        let unit = 1.0 / ((pairs.len() as f64).sqrt() * bandwidth);
        let mut matrix: Vec<f64> = factor.iter().map(|value| value * unit).collect();
        matrix.resize(n_coordinates * n, 0.0);
        let labels = pairs.a.iter().zip(pairs.b).map(|(&a, &b)| u64::from(a) << 32 | u64::from(b));
        let seed = labels.chain(pairs.log_ratio.iter().map(|label| label.to_bits()));
        let mut stream = Stream::of(seed);
        rotate(&mut matrix, n_coordinates, n, &mut stream);
        let seed = stream.uniform().to_bits();
        Ok(Self { items, differences, n_coordinates, matrix, seed })
    }
}

/// Rotate the rows by random angles in random pairs, until each has a part of all (M. Kac, "Foundations of kinetic
/// theory", 1956).
fn rotate(matrix: &mut [f64], n_rows: usize, n_columns: usize, stream: &mut Stream) {
    for _ in 0..ROUNDS * n_rows.ilog2() {
        for pair in stream.order(n_rows).chunks_exact(2) {
            // the angle whose half has this tangent
            let half = 2.0 * stream.uniform() - 1.0;
            let (cosine, sine) = ((1.0 - half * half) / (1.0 + half * half), 2.0 * half / (1.0 + half * half));
            for column in 0..n_columns {
                let (i, j) = (pair[0] * n_columns + column, pair[1] * n_columns + column);
                let (x, y) = (matrix[i], matrix[j]);
                (matrix[i], matrix[j]) = (cosine * x - sine * y, sine * x + cosine * y);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Execution, Geometry, Pairs};

    #[test]
    fn distances_are_those_of_the_predictions() {
        let pairs = Pairs {
            n_items: 7,
            a: &[0, 0, 1, 4],
            b: &[1, 2, 2, 6],
            offsets: &[0, 1, 2, 3, 4],
            log_ratio: &[0.0; 4],
            weight: &[1.0; 4],
            pair_weight: &[1.0; 4],
        };
        let logits = [0.3, -1.0, 2.5, 100.0, 0.7, -100.0, 1.9];
        let geometry = Geometry::new(&pairs, 0.1, &Execution::default()).unwrap();
        assert_eq!((&geometry.items[..], geometry.n_coordinates), (&[0, 1, 2, 4, 6][..], 32));
        let logit = |place: u32| logits[geometry.items[place as usize] as usize];
        let x: Vec<f64> = geometry.differences.iter().map(|&(i, reference)| logit(i) - logit(reference)).collect();
        let squared: f64 = geometry
            .matrix
            .chunks(x.len())
            .map(|row| row.iter().zip(&x).map(|(m, x)| m * x).sum::<f64>().powi(2))
            .sum();
        let expected: f64 =
            pairs.a.iter().zip(pairs.b).map(|(&a, &b)| (logits[b as usize] - logits[a as usize]).powi(2)).sum();
        assert!((squared - expected / 4.0 / 0.01).abs() < 1e-12 * squared, "{squared} is not {expected}");
        // no coordinate has more than its part, by much
        let most =
            geometry.matrix.chunks(x.len()).map(|row| row.iter().zip(&x).map(|(m, x)| m * x).sum::<f64>().powi(2));
        assert!(most.fold(0.0, f64::max) < 0.5 * squared);
    }
}
