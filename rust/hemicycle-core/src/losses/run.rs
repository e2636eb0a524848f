//! Blocks of pairs and groups of models, each the work of one thread.

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::kernels::InstructionSet;
use crate::parallel::Execution;

use super::block::{Block, Row};
use super::careful::{derivatives, offsets_error};
use super::dense::Dense;
use super::few::few_labels;
use super::numbers::Number;
use super::ragged::{BLOCK, Ragged};
use super::registers::Machine;
use super::shares::Width;
use super::tile::{Source, Tile};
use super::{Labels, Layout, Outputs};

/// Models that share what is read of a block of pairs.
const MODELS: usize = 16;

/// Models whose tasks are listed together.
const LISTED: usize = 256 * MODELS;

/// What all blocks share.
pub(super) struct Loss<'a, T> {
    pub labels: &'a Labels<'a, T>,
    pub n_pairs: usize,
    pub sigma: f64,
    pub width: Width<T>,
    pub set: InstructionSet,
    pub execution: &'a Execution,
}

/// A block of pairs and a group of models.
struct Task<'a, T> {
    first: usize,
    rows: Vec<Row<'a, T>>,
}

/// The error of a pair; of several, that of the first pair is the one to tell.
type Fault = (usize, Error);

impl<T: Number> Loss<'_, T> {
    /// All predictions.
    pub fn all(&self, pred: &[T], outputs: Outputs<'_, T>) -> Result<()> {
        match self.set {
            InstructionSet::Portable => self.run(pulp::Scalar128b, pred, outputs),
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2(simd) => self.run(simd, pred, outputs),
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512(simd) => self.run(simd, pred, outputs),
        }
    }

    fn run<M: Machine>(&self, simd: M, pred: &[T], mut outputs: Outputs<'_, T>) -> Result<()> {
        for pred in pred.chunks(LISTED * self.n_pairs) {
            let tasks = self.tasks(pred, outputs.split_off(pred.len()));
            let faults =
                tasks.into_par_iter().map_init(|| Tile::new(simd), |tile, task| self.task(simd, tile, task).err());
            let first = faults.flatten().min_by_key(|(pair, _)| *pair);
            self.execution.interrupt.check()?;
            if let Some((_, error)) = first {
                return Err(error);
            }
        }
        Ok(())
    }

    fn tasks<'b>(&self, pred: &'b [T], mut outputs: Outputs<'b, T>) -> Vec<Task<'b, T>> {
        let mut tasks = vec![];
        for group in pred.chunks(MODELS * self.n_pairs) {
            let begin = tasks.len();
            tasks.extend((0..self.n_pairs).step_by(BLOCK).map(|first| Task { first, rows: vec![] }));
            for row in group.chunks(self.n_pairs) {
                for (task, pred) in tasks[begin..].iter_mut().zip(row.chunks(BLOCK)) {
                    task.rows.push(Row { pred, out: outputs.split_off(pred.len()) });
                }
            }
        }
        tasks
    }

    fn task<M: Machine>(&self, simd: M, tile: &mut Tile<T, M>, task: Task<'_, T>) -> std::result::Result<(), Fault> {
        let Task { first, mut rows } = task;
        let len = rows.first().map_or(0, |row| row.pred.len());
        let Labels { values: labels, weights, layout } = *self.labels;
        match layout {
            Layout::Dense { n_pairs } => {
                let source = Dense { labels, weights, n_pairs, first, len };
                if !(self.width.safe && few_labels(simd, &source, self.width, &mut rows)) {
                    self.block(simd, &source, tile, &mut rows);
                }
            }
            Layout::Ragged { offsets } => {
                let ragged = Ragged::new(labels, weights, &offsets[first..=first + len]);
                let ragged = ragged.ok_or_else(|| (first, offsets_error(offsets)))?;
                self.sorted(simd, &ragged, tile, &mut rows);
            }
        }
        if self.execution.interrupt.is_raised() {
            return Ok(());
        }
        rows.iter_mut().try_for_each(|row| self.mend(first, row))
    }

    fn block<S: Source<T, M>, M: Machine>(&self, simd: M, source: &S, tile: &mut Tile<T, M>, rows: &mut [Row<'_, T>]) {
        if self.width.safe {
            simd.launch(Block { simd, source, width: self.width, rows, tile, interrupt: &self.execution.interrupt });
        } else {
            rows.iter_mut().for_each(|row| row.out.loss.fill(T::NAN));
        }
    }

    /// With the pairs in the order of the source, and back.
    fn sorted<M: Machine>(&self, simd: M, source: &Ragged<'_, T>, tile: &mut Tile<T, M>, rows: &mut [Row<'_, T>]) {
        let order = &source.order;
        for row in rows {
            let pred: Vec<T> = order.iter().map(|pair| row.pred[*pair]).collect();
            let mut results = [vec![T::ZERO; order.len()], vec![T::ZERO; order.len()], vec![T::ZERO; order.len()]];
            let [loss, slope, curvature] = results.each_mut();
            let out = Outputs {
                loss,
                slope: row.out.slope.is_some().then_some(slope),
                curvature: row.out.curvature.is_some().then_some(curvature),
            };
            self.block(simd, source, tile, &mut [Row { pred: &pred, out }]);
            let [loss, slope, curvature] = results;
            scatter(order, &loss, row.out.loss);
            row.out.slope.iter_mut().for_each(|out| scatter(order, &slope, out));
            row.out.curvature.iter_mut().for_each(|out| scatter(order, &curvature, out));
        }
    }

    /// Compute anew what the vectors could not vouch for.
    fn mend(&self, first: usize, row: &mut Row<'_, T>) -> std::result::Result<(), Fault> {
        for place in 0..row.pred.len() {
            if !row.out.loss[place].to_f64().is_nan() {
                continue;
            }
            let pair = first + place;
            let found = derivatives(self.labels, pair, row.pred[place].to_f64(), self.sigma).map_err(|e| (pair, e))?;
            let [loss, slope, curvature] = found.map(T::from_f64);
            row.out.loss[place] = loss;
            row.out.slope.iter_mut().for_each(|out| out[place] = slope);
            row.out.curvature.iter_mut().for_each(|out| out[place] = curvature);
        }
        Ok(())
    }
}

/// Numbers by place to their pairs.
fn scatter<T: Copy>(order: &[usize], numbers: &[T], out: &mut [T]) {
    for (pair, number) in order.iter().zip(numbers) {
        out[*pair] = *number;
    }
}
