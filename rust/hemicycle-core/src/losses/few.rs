//! Pairs of equally many labels, so few that registers hold them, without weights: nothing is copied on the way.

use std::ops::Range;

use pulp::NullaryFnOnce;

use super::block::Row;
use super::dense::Dense;
use super::numbers::Number;
use super::registers::Machine;
use super::shares::{Column, ROWS, Shares, Width};
use super::vectors::Vector;

/// A block of pairs of `COUNT` labels and the models that predict them.
struct Few<'a, 'b, T: Number, M: Machine, const COUNT: usize> {
    simd: M,
    source: &'a Dense<'a, T>,
    width: Width<T>,
    rows: &'a mut [Row<'b, T>],
}

/// Compute a block; whether its labels are few.
pub(super) fn few_labels<T: Number, M: Machine>(
    simd: M,
    source: &Dense<'_, T>,
    width: Width<T>,
    rows: &mut [Row<'_, T>],
) -> bool {
    if source.weights.is_some() || source.n_labels() > ROWS {
        return false;
    }
    macro_rules! by_count {
        ($($n:literal)*) => {
            match source.n_labels() {
                $($n => simd.launch(Few::<T, M, $n> { simd, source, width, rows }),)*
                _ => {}
            }
        };
    }
    by_count!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16);
    true
}

impl<T: Number, M: Machine, const COUNT: usize> NullaryFnOnce for Few<'_, '_, T, M, COUNT> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let lanes = Vector::<T, M>::LANES;
        let mut start = 0;
        while start < self.source.len {
            let end = (start + lanes).min(self.source.len);
            let mut labels = [T::splat(self.simd, T::ZERO); COUNT];
            let mut row = 0;
            while row < COUNT {
                let begin = row * self.source.n_pairs + self.source.first;
                labels[row] = Vector::load(self.simd, &self.source.labels[begin + start..begin + end]).register();
                row += 1;
            }
            let column = Column { simd: self.simd, labels: &labels, weights: None };
            for row in &mut *self.rows {
                model(&self.width, column, row, start..end);
            }
            start += lanes;
        }
    }
}

/// One model's pairs of a vector.
#[inline(always)]
fn model<T: Number, M: Machine>(width: &Width<T>, column: Column<'_, T, M>, row: &mut Row<'_, T>, at: Range<usize>) {
    let pred = Vector::load(column.simd, &row.pred[at.clone()]);
    let mut shares = Shares::of(width, pred, column);
    row.store(at.clone(), width, &shares);
    if row.curvature.is_some() {
        shares.spread(width, pred, column);
        row.store_curvature(at, width, &shares);
    }
}
