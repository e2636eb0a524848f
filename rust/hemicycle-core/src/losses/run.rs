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
use super::{Labels, Layout, Losses, Outputs};

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
    rows: Vec<Given<'a, T>>,
}

/// The predictions of one model for a block, and where what is computed from them is to be written.
struct Given<'a, T> {
    pred: &'a [T],
    loss: Option<&'a mut [T]>,
    slope: Option<&'a mut [T]>,
    curvature: Option<&'a mut [T]>,
}

/// What a thread works in.
struct Bench<T: Number, M: Machine> {
    tile: Box<Tile<T, M>>,
    /// Losses that nobody asked for one by one.
    losses: Vec<T>,
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

    fn run<'a, M: Machine>(&self, simd: M, pred: &'a [T], mut outputs: Outputs<'a, T>) -> Result<()> {
        let scale = outputs.loss.scale();
        let bench = || Bench { tile: Tile::new(simd), losses: vec![] };
        for pred in pred.chunks(LISTED * self.n_pairs) {
            let tasks = self.tasks(pred, &mut outputs).into_par_iter();
            let done: Vec<_> = tasks.map_init(bench, |bench, task| self.task(simd, bench, task, scale)).collect();
            self.execution.interrupt.check()?;
            if let Some((_, error)) = done.iter().filter_map(|sums| sums.as_ref().err()).min_by_key(|(pair, _)| *pair) {
                return Err(error.clone());
            }
            if let Losses::Total { sums, .. } = &mut outputs.loss {
                let sums = split_off(sums, pred.len() / self.n_pairs);
                let n_blocks = self.n_pairs.div_ceil(BLOCK);
                for (sums, blocks) in sums.chunks_mut(MODELS).zip(done.chunks(n_blocks)) {
                    for (model, sum) in sums.iter_mut().enumerate() {
                        *sum = scale * blocks.iter().flatten().map(|sums| sums[model]).sum::<f64>();
                    }
                }
            }
        }
        Ok(())
    }

    fn tasks<'b>(&self, pred: &'b [T], outputs: &mut Outputs<'b, T>) -> Vec<Task<'b, T>> {
        let mut tasks = vec![];
        for group in pred.chunks(MODELS * self.n_pairs) {
            let begin = tasks.len();
            tasks.extend((0..self.n_pairs).step_by(BLOCK).map(|first| Task { first, rows: vec![] }));
            for row in group.chunks(self.n_pairs) {
                for (task, pred) in tasks[begin..].iter_mut().zip(row.chunks(BLOCK)) {
                    let loss = match &mut outputs.loss {
                        Losses::Each(losses) => Some(split_off(losses, pred.len())),
                        Losses::Total { .. } => None,
                    };
                    let slope = outputs.slope.as_mut().map(|slope| split_off(slope, pred.len()));
                    let curvature = outputs.curvature.as_mut().map(|curvature| split_off(curvature, pred.len()));
                    task.rows.push(Given { pred, loss, slope, curvature });
                }
            }
        }
        tasks
    }

    /// Compute a block; return the sum of each model.
    fn task<M: Machine>(
        &self,
        simd: M,
        bench: &mut Bench<T, M>,
        task: Task<'_, T>,
        scale: f64,
    ) -> std::result::Result<[f64; MODELS], Fault> {
        let Task { first, rows } = task;
        let len = rows.first().map_or(0, |row| row.pred.len());
        bench.losses.resize(rows.len() * len, T::ZERO);
        let mut rows: Vec<_> = rows.into_iter().zip(bench.losses.chunks_mut(len)).map(Given::row).collect();
        let Labels { values: labels, weights, layout } = *self.labels;
        match layout {
            Layout::Dense { n_pairs } => {
                let source = Dense { labels, weights, n_pairs, first, len };
                if !(self.width.safe && few_labels(simd, &source, self.width, &mut rows)) {
                    self.block(simd, &source, &mut bench.tile, &mut rows);
                }
            }
            Layout::Ragged { offsets } => {
                let ragged = Ragged::new(labels, weights, &offsets[first..=first + len]);
                let ragged = ragged.ok_or_else(|| (first, offsets_error(offsets)))?;
                self.sorted(simd, &ragged, &mut bench.tile, &mut rows);
            }
        }
        let mut sums = [0.0; MODELS];
        if self.execution.interrupt.is_raised() {
            return Ok(sums);
        }
        for (row, total) in rows.iter_mut().zip(&mut sums) {
            self.mend(first, row, scale)?;
            *total = sum(row.loss);
        }
        Ok(sums)
    }

    fn block<S: Source<T, M>, M: Machine>(&self, simd: M, source: &S, tile: &mut Tile<T, M>, rows: &mut [Row<'_, T>]) {
        if self.width.safe {
            simd.launch(Block { simd, source, width: self.width, rows, tile, interrupt: &self.execution.interrupt });
        } else {
            rows.iter_mut().for_each(|row| row.loss.fill(T::NAN));
        }
    }

    /// With the pairs in the order of the source, and back.
    fn sorted<M: Machine>(&self, simd: M, source: &Ragged<'_, T>, tile: &mut Tile<T, M>, rows: &mut [Row<'_, T>]) {
        let order = &source.order;
        for row in rows {
            let pred: Vec<T> = order.iter().map(|pair| row.pred[*pair]).collect();
            let mut results = [vec![T::ZERO; order.len()], vec![T::ZERO; order.len()], vec![T::ZERO; order.len()]];
            let [loss, slope, curvature] = results.each_mut();
            let slope = row.slope.is_some().then_some(&mut slope[..]);
            let curvature = row.curvature.is_some().then_some(&mut curvature[..]);
            self.block(simd, source, tile, &mut [Row { pred: &pred, loss, slope, curvature }]);
            let [loss, slope, curvature] = results;
            scatter(order, &loss, row.loss);
            row.slope.iter_mut().for_each(|out| scatter(order, &slope, out));
            row.curvature.iter_mut().for_each(|out| scatter(order, &curvature, out));
        }
    }

    /// Compute anew what the vectors could not vouch for.
    fn mend(&self, first: usize, row: &mut Row<'_, T>, scale: f64) -> std::result::Result<(), Fault> {
        for place in 0..row.pred.len() {
            if !row.loss[place].to_f64().is_nan() {
                continue;
            }
            let pair = first + place;
            let found = derivatives(self.labels, pair, row.pred[place].to_f64(), self.sigma).map_err(|e| (pair, e))?;
            let [loss, slope, curvature] = found;
            row.loss[place] = T::from_f64(loss);
            row.slope.iter_mut().for_each(|out| out[place] = T::from_f64(scale * slope));
            row.curvature.iter_mut().for_each(|out| out[place] = T::from_f64(scale * curvature));
        }
        Ok(())
    }
}

impl<'a, T> Given<'a, T> {
    /// The same, with these losses where no others are asked for.
    fn row((given, losses): (Self, &'a mut [T])) -> Row<'a, T> {
        let Self { pred, loss, slope, curvature } = given;
        Row { pred, loss: loss.unwrap_or(losses), slope, curvature }
    }
}

/// The sum in float64, of each eighth number in its order and then of these eight.
fn sum<T: Number>(numbers: &[T]) -> f64 {
    let mut sums = [0.0; 8];
    for eight in numbers.chunks(8) {
        sums.iter_mut().zip(eight).for_each(|(sum, number)| *sum += number.to_f64());
    }
    sums.iter().sum()
}

/// Take the first numbers.
fn split_off<'a, T>(numbers: &mut &'a mut [T], n: usize) -> &'a mut [T] {
    let (head, tail) = std::mem::take(numbers).split_at_mut(n);
    *numbers = tail;
    head
}

/// Numbers by place to their pairs.
fn scatter<T: Copy>(order: &[usize], numbers: &[T], out: &mut [T]) {
    for (pair, number) in order.iter().zip(numbers) {
        out[*pair] = *number;
    }
}
