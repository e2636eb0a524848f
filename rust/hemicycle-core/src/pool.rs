//! A borrowed view of the submitted models, and the blocks in which kernels read it: 32 models, items as rows.

use crate::error::{Error, Result};
use crate::judgments::{MAX_LOG, WITHIN_MAX_LOG, check_length, refusal};
use crate::kernels::{InstructionSet, Kernel, LANES, Lanes, Simd};
use crate::parallel::Interrupt;

/// Vectors of models in a block.
pub(crate) const GROUPS: usize = 4;

/// Models in a block. A constant: what a model scores never depends on the block that it is in.
pub(crate) const BLOCK: usize = GROUPS * LANES;

/// A floating point type that logits may have; arithmetic is always in float64.
pub trait Logit: Copy + Into<f64> + Send + Sync {}

impl Logit for f32 {}
impl Logit for f64 {}

/// Models by items, natural logs of the submitted weights, in any layout that steps forward in memory.
#[derive(Debug, Clone, Copy)]
pub struct Pool<'a, T> {
    /// From the first model's first logit to the last model's last; what the strides step over is never read.
    pub logits: &'a [T],
    /// Number of models.
    pub n_models: usize,
    /// Number of items.
    pub n_items: usize,
    /// How far a logit is from the next model's of the same item, and from the same model's of the next item.
    pub strides: [usize; 2],
}

impl<'a, T> Pool<'a, T> {
    /// One row of `n_items` a model, row-major without gaps: length `n_models * n_items`.
    #[must_use]
    pub fn new(logits: &'a [T], n_models: usize, n_items: usize) -> Self {
        Self { logits, n_models, n_items, strides: [n_items, 1] }
    }
}

impl<T: Logit> Pool<'_, T> {
    /// Check the length against the shape, and the shape against the judgments'. Values are checked as blocks are read.
    ///
    /// # Errors
    /// [`Error::Shape`] if the slice does not end with the last logit.
    pub(crate) fn check_shape(&self, n_items: usize) -> Result<()> {
        if self.n_items != n_items {
            let expected = format!("{n_items} columns, one for each item of the judgments");
            return Err(Error::Shape { what: "logits", expected, got: self.n_items.to_string() });
        }
        check_length("logits", self.logits.len(), span(self.n_models, self.n_items, self.strides))
    }

    /// One logit. Only after its block was read, which checks it.
    pub(crate) fn logit(&self, model: usize, item: usize) -> f64 {
        self.logits[model * self.strides[0] + item * self.strides[1]].into()
    }

    /// One model's logits, if they lie side by side.
    fn row(&self, model: usize) -> &[T] {
        &self.logits[model * self.strides[0]..][..self.n_items]
    }

    /// Fail with the first logit outside the domain. A block that found one may find none when it reads again: another
    /// thread wrote to the logits meanwhile.
    fn refuse(&self, interrupt: &Interrupt) -> Result<()> {
        for first in (0..self.n_models).step_by(BLOCK) {
            interrupt.check()?;
            let models = first..(first + BLOCK).min(self.n_models);
            // item by item: the models of an item may lie side by side
            let places = (0..self.n_items).flat_map(|item| models.clone().map(move |model| (model, item)));
            let refused = places.filter(|&(model, item)| !within_domain(self.logit(model, item))).min();
            if let Some((model, item)) = refused {
                return Err(refusal("logits", vec![model, item], self.logit(model, item), WITHIN_MAX_LOG));
            }
        }
        Ok(())
    }
}

/// Elements from the first to the last of a matrix.
#[must_use]
pub fn span(n_models: usize, n_items: usize, strides: [usize; 2]) -> usize {
    if n_models == 0 || n_items == 0 {
        return 0;
    }
    let last = |length: usize, stride: usize| (length - 1).saturating_mul(stride);
    last(n_models, strides[0]).saturating_add(last(n_items, strides[1])).saturating_add(1)
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
    pub(crate) fn load<T: Logit>(&mut self, pool: &Pool<'_, T>, first: usize, interrupt: &Interrupt) -> Result<()> {
        interrupt.check()?;
        loop {
            let load = Load { pool, first, columns: &mut self.columns };
            if self.instructions.run(load) {
                return Ok(());
            }
            pool.refuse(interrupt)?;
        }
    }

    /// As [`Block::load`], but of these items alone, sorted, a column each.
    pub(crate) fn load_items<T: Logit>(
        &mut self,
        pool: &Pool<'_, T>,
        first: usize,
        items: &[u32],
        interrupt: &Interrupt,
    ) -> Result<()> {
        if items.len() == pool.n_items {
            return self.load(pool, first, interrupt);
        }
        self.gather(pool, &starts(pool, first), items, interrupt)
    }

    /// As [`Block::load_items`], but of these models, 32 at most; past their end the last one is repeated.
    pub(crate) fn load_models<T: Logit>(
        &mut self,
        pool: &Pool<'_, T>,
        models: &[usize],
        items: &[u32],
        interrupt: &Interrupt,
    ) -> Result<()> {
        let last = models.len().saturating_sub(1);
        let start = |model: usize| models.get(model.min(last)).map_or(0, |model| model * pool.strides[0]);
        self.gather(pool, &std::array::from_fn(start), items, interrupt)
    }

    fn gather<T: Logit>(
        &mut self,
        pool: &Pool<'_, T>,
        starts: &[usize; BLOCK],
        items: &[u32],
        interrupt: &Interrupt,
    ) -> Result<()> {
        interrupt.check()?;
        loop {
            let mut valid = true;
            for (column, &item) in self.columns.iter_mut().zip(items) {
                valid &= column.gather(pool, starts, item as usize);
            }
            if valid {
                return Ok(());
            }
            pool.refuse(interrupt)?;
        }
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
    fn run<const FMA: bool>(self, simd: impl Simd) -> bool {
        if self.pool.strides[1] == 1 && self.pool.n_items > 0 { self.transpose::<FMA>(simd) } else { self.gather() }
    }
}

impl<T: Logit> Load<'_, T> {
    /// Models whose logits lie side by side.
    #[inline(always)]
    fn transpose<const FMA: bool>(self, simd: impl Simd) -> bool {
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
                let logits = simd.transpose(&square_of::<T, FMA>(&rows, square * LANES));
                for (column, logits) in columns.iter_mut().zip(logits) {
                    column.0[group] = logits.0;
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

    /// Any other layout, item by item: the models of an item may lie side by side instead.
    #[inline(always)]
    fn gather(self) -> bool {
        let Self { pool, first, columns } = self;
        let starts = starts(pool, first);
        let mut valid = true;
        for (item, column) in columns.iter_mut().enumerate() {
            valid &= column.gather(pool, &starts, item);
        }
        valid
    }
}

/// Where the models of a block begin; past the end the last one.
#[inline(always)]
fn starts<T>(pool: &Pool<'_, T>, first: usize) -> [usize; BLOCK] {
    let mut starts = [0; BLOCK];
    for (model, start) in starts.iter_mut().enumerate() {
        *start = (first + model).min(pool.n_models - 1).saturating_mul(pool.strides[0]);
    }
    starts
}

impl Column {
    /// Read an item of the models that begin there, and say whether every logit is in the domain.
    #[inline(always)]
    fn gather<T: Logit>(&mut self, pool: &Pool<'_, T>, starts: &[usize; BLOCK], item: usize) -> bool {
        let mut valid = true;
        for (logits, starts) in self.0.iter_mut().zip(starts.chunks_exact(LANES)) {
            for (logit, start) in logits.iter_mut().zip(starts) {
                *logit = pool.logits[start + item * pool.strides[1]].into();
                valid &= within_domain(*logit);
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
    use super::{BLOCK, Block, Error, Interrupt, LANES, Pool, span};

    /// The second item's logits of models 32, 33 and 34, the last repeated.
    const PADDED: [f64; 8] = [321.0, 331.0, 341.0, 341.0, 341.0, 341.0, 341.0, 341.0];

    #[test]
    fn blocks_are_transposed_and_padded_with_the_last_model() {
        for n_items in [1, 2, 8, 19] {
            let logits: Vec<f32> = (0..35 * n_items).map(|k| k as f32).collect();
            let pool = Pool::new(&logits, 35, n_items);
            let mut block = Block::new(n_items);
            assert_eq!(block.load(&pool, BLOCK, &Interrupt::new()), Ok(()));
            for item in 0..n_items {
                let expected = [32, 33, 34, 34, 34, 34, 34, 34].map(|model| (model * n_items + item) as f64);
                assert_eq!(block.logits::<false>(item as u32, 0).0, expected);
                assert_eq!(block.logits::<false>(item as u32, 3).0, [(34 * n_items + item) as f64; LANES]);
            }
        }
    }

    #[test]
    fn every_layout_gives_the_same_blocks() {
        // 35 models of 2 items, logit 10 * model + item; by_model and by_item apart, NaN between
        for strides in [[2, 1], [5, 1], [1, 35], [3, 120], [14, 7], [2, 71]] {
            let mut logits = vec![f64::NAN; span(35, 2, strides)];
            for (model, item) in (0..35).flat_map(|model| [(model, 0), (model, 1)]) {
                logits[model * strides[0] + item * strides[1]] = (10 * model + item) as f64;
            }
            let pool = Pool { logits: &logits, n_models: 35, n_items: 2, strides };
            assert_eq!(pool.check_shape(2), Ok(()));
            let mut block = Block::new(2);
            for (first, expected) in [(0, [1.0, 11.0, 21.0, 31.0, 41.0, 51.0, 61.0, 71.0]), (BLOCK, PADDED)] {
                assert_eq!(block.load(&pool, first, &Interrupt::new()), Ok(()), "{strides:?}");
                assert_eq!(block.logits::<false>(1, 0).0, expected, "{strides:?}");
            }
        }
    }

    #[test]
    fn a_pool_may_have_no_items() {
        let pool = Pool { logits: &[0.0_f64; 0], n_models: 40, n_items: 0, strides: [usize::MAX, 1] };
        let mut block = Block::new(0);
        assert_eq!((pool.check_shape(0), block.load(&pool, BLOCK, &Interrupt::new())), (Ok(()), Ok(())));
    }

    #[test]
    fn one_row_may_be_every_model() {
        let pool = Pool { logits: &[1.0, 2.0], n_models: 40, n_items: 2, strides: [0, 1] };
        let mut block = Block::new(2);
        assert_eq!((pool.check_shape(2), block.load(&pool, BLOCK, &Interrupt::new())), (Ok(()), Ok(())));
        assert_eq!(block.logits::<false>(1, 3).0, [2.0; 8]);
    }

    #[test]
    fn a_logit_outside_the_domain_is_named_by_model_and_item_in_every_layout() {
        let mut logits = vec![0.0_f32; 3 * 40];
        (logits[40 + 38], logits[80 + 37]) = (3e6, f32::NAN);
        let pool = Pool { logits: &logits, n_models: 40, n_items: 3, strides: [1, 40] };
        let error = Block::new(3).load(&pool, BLOCK, &Interrupt::new()).map_err(|error| error.to_string());
        assert_eq!(error, Err("logits[37, 2] is nan; it must be finite".into()));
    }

    #[test]
    fn the_first_logit_outside_the_domain_is_named() {
        let mut logits = vec![0.0_f64; 6];
        logits[3] = -2e6;
        logits[5] = f64::NAN;
        let pool = Pool::new(&logits, 3, 2);
        let error = Block::new(2).load(&pool, 0, &Interrupt::new());
        let expected = "logits[1, 1] is -2000000.0; it must be at most 1e6 in absolute value";
        assert_eq!(error.map_err(|error| error.to_string()), Err(expected.into()));
    }

    #[test]
    fn an_interrupt_stops_reading_and_the_search() {
        let (pool, interrupt) = (Pool::new(&[0.0, f64::NAN], 1, 2), Interrupt::new());
        interrupt.raise();
        assert_eq!(Block::new(2).load(&pool, 0, &interrupt), Err(Error::Interrupted));
        assert_eq!(Block::new(1).load_items(&pool, 0, &[1], &interrupt), Err(Error::Interrupted));
        assert_eq!(pool.refuse(&interrupt), Err(Error::Interrupted));
    }

    #[test]
    fn infinite_logits_are_not_finite() {
        let pool = Pool::new(&[0.0, f64::NEG_INFINITY], 1, 2);
        let expected = Error::NonFinite { what: "logits", position: vec![0, 1], value: f64::NEG_INFINITY };
        assert_eq!(Block::new(2).load(&pool, 0, &Interrupt::new()), Err(expected));
    }

    #[test]
    fn shapes_are_checked() {
        assert!(Pool::new(&[0.0_f64; 5], 3, 2).check_shape(2).is_err());
        assert!(Pool::new(&[0.0_f64; 6], 3, 2).check_shape(3).is_err());
        for (strides, fits) in
            [([2, 1], true), ([3, 1], false), ([1, 3], true), ([1, 4], false), ([usize::MAX, 1], false)]
        {
            let pool = Pool { logits: &[0.0_f64; 6], n_models: 3, n_items: 2, strides };
            assert_eq!(pool.check_shape(2).is_ok(), fits, "{strides:?}");
        }
    }
}
