//! The gradient of some models, item by item, while pairs add to it, and how it becomes rows.
//!
//! It is kept as minus half the gradient, in which a squared distance `z^2` with `z = scale * mu - shift` has the slope
//! `scale * z`.

use crate::kernels::{LANES, Lanes, Simd};

use super::terms;

/// Vectors of models whose logits and gradient lie in the cache at once.
pub(super) const GROUPS_AT_ONCE: usize = 2;

/// A vector for each group at once.
pub(super) type Groups<const FMA: bool> = terms::Groups<FMA, GROUPS_AT_ONCE>;

/// Minus half the gradient with respect to the logits of one item.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Column(pub [[f64; LANES]; GROUPS_AT_ONCE]);

impl Column {
    pub(super) const ZERO: Self = Self([[0.0; LANES]; GROUPS_AT_ONCE]);
}

/// The slopes of consecutive pairs with one item `a`, kept in registers.
pub(super) struct Held<const FMA: bool> {
    item: u32,
    slopes: Groups<FMA>,
}

impl<const FMA: bool> Held<FMA> {
    #[inline(always)]
    pub(super) fn of(item: u32) -> Self {
        Self { item, slopes: [Lanes::splat(0.0); GROUPS_AT_ONCE] }
    }

    /// Go on with pairs of this item.
    #[inline(always)]
    pub(super) fn turn_to(&mut self, item: u32, columns: &mut [Column]) {
        if item != self.item {
            self.release(columns);
            *self = Self::of(item);
        }
    }

    /// Add the slopes of a pair with item `b`: its distances, scaled.
    #[inline(always)]
    pub(super) fn add(&mut self, b: u32, distances: Groups<FMA>, scale: Lanes<FMA>, columns: &mut [Column]) {
        let column = &mut columns[b as usize].0;
        for (g, distance) in distances.into_iter().enumerate() {
            column[g] = distance.mul_add(scale, Lanes(column[g])).0;
            self.slopes[g] = distance.mul_add(scale, self.slopes[g]);
        }
    }

    /// Take the slopes from the column of the item.
    #[inline(always)]
    pub(super) fn release(&self, columns: &mut [Column]) {
        for (out, slope) in columns[self.item as usize].0.iter_mut().zip(self.slopes) {
            *out = (Lanes(*out) - slope).0;
        }
    }
}

/// Write the gradient of the models of some groups, one row a model.
#[inline(always)]
pub(super) fn write_rows<const FMA: bool>(simd: impl Simd, columns: &[Column], rows: &mut [f64]) {
    let n_items = columns.len();
    for (g, rows) in rows.chunks_mut(LANES * n_items.max(1)).enumerate() {
        let mut item = 0;
        while item < n_items && n_items >= LANES {
            // the last eight items overlap those before
            item = item.min(n_items - LANES);
            let square = gradients::<FMA>(&columns[item..][..LANES], g);
            write_items(&simd.transpose(&square), rows, n_items, item);
            item += LANES;
        }
        for (row, lane) in rows.chunks_exact_mut(n_items.max(1)).zip(0..) {
            for (out, column) in row[item..].iter_mut().zip(&columns[item..]) {
                *out = 0.0 - 2.0 * column.0[g][lane];
            }
        }
    }
}

/// The gradient with respect to the logits of eight items.
#[inline(always)]
fn gradients<const FMA: bool>(columns: &[Column], g: usize) -> [Lanes<FMA>; LANES] {
    let mut square = [Lanes::<FMA>::splat(0.0); LANES];
    for (column, out) in columns.iter().zip(&mut square) {
        let half = Lanes(column.0[g]);
        *out = Lanes::splat(0.0) - (half + half); // never -0
    }
    square
}

/// Write the gradients of up to eight models with respect to eight items.
#[inline(always)]
fn write_items<const FMA: bool>(models: &[Lanes<FMA>; LANES], rows: &mut [f64], n_items: usize, item: usize) {
    if rows.len() == LANES * n_items {
        for lane in 0..LANES {
            rows[lane * n_items + item..][..LANES].copy_from_slice(&models[lane].0);
        }
    } else {
        for (row, model) in rows.chunks_exact_mut(n_items).zip(models) {
            row[item..][..LANES].copy_from_slice(&model.0);
        }
    }
}
