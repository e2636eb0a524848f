//! A borrowed view of the submitted models, and the blocks in which kernels read it: 32 models, items as rows.

use crate::error::{Error, Result};
use crate::judgments::{MAX_LOG, WITHIN_MAX_LOG, check_length, refusal};
use crate::kernels::{InstructionSet, Kernel, LANES, Lanes, transpose};

/// Vectors of models in a block.
pub(crate) const GROUPS: usize = 4;

/// Models in a block. A constant: what a model scores never depends on the block that it is in.
pub(crate) const BLOCK: usize = GROUPS * LANES;

/// A floating point type that logits may have; arithmetic is always in float64.
pub trait Logit: Copy + Into<f64> + Send + Sync {}

impl Logit for f32 {}
impl Logit for f64 {}

/// Models by items, row-major natural logs of the submitted weights.
#[derive(Debug, Clone, Copy)]
pub struct Pool<'a, T> {
    /// One row a model, length `n_models * n_items`.
    pub logits: &'a [T],
    /// Number of rows.
    pub n_models: usize,
    /// Number of columns.
    pub n_items: usize,
}

impl<T: Logit> Pool<'_, T> {
    /// Check the length against the shape, and the shape against the judgments'. Values are checked as blocks are read.
    ///
    /// # Errors
    /// [`Error::Shape`] if the slice does not hold `n_models` rows of `n_items`.
    pub(crate) fn check_shape(&self, n_items: usize) -> Result<()> {
        if self.n_items != n_items {
            let expected = format!("{n_items} columns, one for each item of the judgments");
            return Err(Error::Shape { what: "logits", expected, got: self.n_items.to_string() });
        }
        check_length("logits", self.logits.len(), self.n_models.saturating_mul(self.n_items))
    }

    /// One model's logits.
    fn row(&self, model: usize) -> &[T] {
        &self.logits[model * self.n_items..][..self.n_items]
    }

    /// The error for the first logit outside the domain; blocks found that there is one.
    fn first_refusal(&self) -> Error {
        let refused = |logit: &T| !within_domain((*logit).into());
        let place = self.logits.iter().position(refused).unwrap_or_default();
        let value = self.logits[place].into();
        refusal("logits", vec![place / self.n_items, place % self.n_items], value, WITHIN_MAX_LOG)
    }
}

/// Whether a kernel may read this logit; NaN may not.
#[inline(always)]
fn within_domain(logit: f64) -> bool {
    logit.abs() <= MAX_LOG
}

/// The logits of 32 models for one item.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Column([[f64; LANES]; GROUPS]);

/// 32 models transposed: every item's logits side by side, as float64.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    columns: Vec<Column>,
    /// Those that transpose; what they leave does not depend on them.
    instructions: InstructionSet,
}

impl Block {
    /// Room for `n_items` items.
    pub(crate) fn new(n_items: usize) -> Self {
        Self { columns: vec![Column([[0.0; LANES]; GROUPS]); n_items], instructions: InstructionSet::detect() }
    }

    /// Read the models from `first` on; past the end the last model is repeated.
    pub(crate) fn load<T: Logit>(&mut self, pool: &Pool<'_, T>, first: usize) -> Result<()> {
        let within_domain = self.instructions.run(Load { pool, first, columns: &mut self.columns });
        if within_domain { Ok(()) } else { Err(pool.first_refusal()) }
    }

    /// The logits of `item` for one vector of models.
    #[inline(always)]
    pub(crate) fn logits<const FMA: bool>(&self, item: u32, group: usize) -> Lanes<FMA> {
        Lanes(self.columns[item as usize].0[group])
    }
}

/// Transpose the models from `first` on, and say whether every logit is in the domain.
struct Load<'a, T> {
    pool: &'a Pool<'a, T>,
    first: usize,
    columns: &'a mut [Column],
}

impl<T: Logit> Kernel for Load<'_, T> {
    type Output = bool;

    #[inline(always)]
    fn run<const FMA: bool>(self) -> bool {
        let Self { pool, first, columns } = self;
        let mut valid = true;
        for group in 0..GROUPS {
            let mut rows: [&[T]; LANES] = [&[]; LANES];
            for (lane, row) in rows.iter_mut().enumerate() {
                *row = pool.row((first + group * LANES + lane).min(pool.n_models - 1));
                // before the transposition reads eight rows at once: this pass alone is in the order of memory
                valid &= all_within_domain(row);
            }
            let whole = columns.len() - columns.len() % LANES;
            let (squares, rest) = columns.split_at_mut(whole);
            for (square, columns) in squares.chunks_exact_mut(LANES).enumerate() {
                let transposed = transpose(square_of::<T, FMA>(&rows, square * LANES));
                for (k, column) in columns.iter_mut().enumerate() {
                    column.0[group] = transposed[k].0;
                }
            }
            for (k, column) in rest.iter_mut().enumerate() {
                for (lane, row) in rows.iter().enumerate() {
                    column.0[group][lane] = row[whole + k].into();
                }
            }
        }
        valid
    }
}

/// Eight logits of each row from `first` on.
#[inline(always)]
fn square_of<T: Logit, const FMA: bool>(rows: &[&[T]; LANES], first: usize) -> [Lanes<FMA>; LANES] {
    let mut square = [Lanes::splat(0.0); LANES];
    for (out, row) in square.iter_mut().zip(rows) {
        let row = &row[first..][..LANES];
        for (out, logit) in out.0.iter_mut().zip(row) {
            *out = (*logit).into();
        }
    }
    square
}

/// Whether a kernel may read these logits.
#[inline(always)]
fn all_within_domain<T: Logit>(row: &[T]) -> bool {
    let mut valid = true;
    for logit in row {
        valid &= within_domain((*logit).into());
    }
    valid
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, Block, Error, LANES, Pool};

    #[test]
    fn blocks_are_transposed_and_padded_with_the_last_model() {
        for n_items in [1, 2, 8, 19] {
            let logits: Vec<f32> = (0..35 * n_items).map(|k| k as f32).collect();
            let pool = Pool { logits: &logits, n_models: 35, n_items };
            let mut block = Block::new(n_items);
            assert_eq!(block.load(&pool, BLOCK), Ok(()));
            for item in 0..n_items {
                let expected = [32, 33, 34, 34, 34, 34, 34, 34].map(|model| (model * n_items + item) as f64);
                assert_eq!(block.logits::<false>(item as u32, 0).0, expected);
                assert_eq!(block.logits::<false>(item as u32, 3).0, [(34 * n_items + item) as f64; LANES]);
            }
        }
    }

    #[test]
    fn the_first_logit_outside_the_domain_is_named() {
        let mut logits = vec![0.0_f64; 6];
        logits[3] = -2e6;
        logits[5] = f64::NAN;
        let pool = Pool { logits: &logits, n_models: 3, n_items: 2 };
        let error = Block::new(2).load(&pool, 0);
        let expected = "logits[1, 1] is -2000000.0; it must be at most 1e6 in absolute value";
        assert_eq!(error.map_err(|error| error.to_string()), Err(expected.into()));
    }

    #[test]
    fn infinite_logits_are_not_finite() {
        let pool = Pool { logits: &[0.0, f64::NEG_INFINITY], n_models: 1, n_items: 2 };
        let expected = Error::NonFinite { what: "logits", position: vec![0, 1], value: f64::NEG_INFINITY };
        assert_eq!(Block::new(2).load(&pool, 0), Err(expected));
    }

    #[test]
    fn shapes_are_checked() {
        assert!(Pool { logits: &[0.0_f64; 5], n_models: 3, n_items: 2 }.check_shape(2).is_err());
        assert!(Pool { logits: &[0.0_f64; 6], n_models: 3, n_items: 2 }.check_shape(3).is_err());
    }
}
