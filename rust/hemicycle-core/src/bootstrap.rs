//! Bayesian bootstrap of averaged models: the softmax of reweighted sums over pairs, added up over replicates.
//!
//! The scores are a product of matrices, models x pairs by pairs x replicates. It is made leaf by leaf, a constant number
//! of models each, and of a leaf only powers relative to its own best model are kept: once the best of all leaves is
//! known a factor for each leaf and replicate is all that is left to do. Every score is one chain of operations over the
//! pairs and every weight one over the replicates, so that neither threads nor blocks leave a trace.

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::judgments::check_length;
use crate::kernels::{InstructionSet, Kernel, LANES, Lanes, Simd};
use crate::parallel::{Execution, Interrupt};

/// Models of a leaf.
const LEAF: usize = 256;

/// Vectors of models, and replicates, whose scores are in registers together.
const VECTORS: usize = 2;
const REPLICATES: usize = 8;

/// Models of a group.
const WIDTH: usize = VECTORS * LANES;

/// Pairs of a group of models that stay in the nearest cache while they meet every replicate.
const DEPTH: usize = 128;

/// Scores below this are as good as none; far enough from the end of the numbers that a difference of two stays finite.
const LOWEST: f64 = -1e60;

/// The models of a bootstrap.
#[derive(Debug, Clone, Copy)]
pub struct Models<'a> {
    /// Log likelihood of each pair, row-major, finite in the rows that `models` names.
    pub log_likelihood: &'a [f64],
    /// The rows that take part.
    pub models: &'a [usize],
    /// What is subtracted from each column, length `n_pairs`; the largest keeps all digits where they matter.
    pub top: &'a [f64],
    /// Binary logarithm of the prior of each of `models`.
    pub log2_prior: &'a [f64],
}

impl Models<'_> {
    fn check(&self) -> Result<()> {
        check_length("log2_prior", self.log2_prior.len(), self.models.len())?;
        let n_rows = self.log_likelihood.len() / self.top.len().max(1);
        match self.models.iter().position(|&row| row >= n_rows) {
            None => Ok(()),
            Some(position) => {
                Err(Error::Index { what: "models", position, index: self.models[position], length: n_rows })
            }
        }
    }

    fn row(&self, model: usize) -> &[f64] {
        let n_pairs = self.top.len();
        let row = self.models[model];
        &self.log_likelihood[row * n_pairs..(row + 1) * n_pairs]
    }
}

/// Numbers that [`add_replicates`] needs as `scores`.
#[must_use]
pub fn n_scores(n_models: usize, n_replicates: usize) -> usize {
    n_models.next_multiple_of(LEAF) * n_replicates.next_multiple_of(REPLICATES)
}

/// Add the weights of each replicate, `softmax_d(log prior_d + sum_n alpha_n l_dn)`, to `total`.
///
/// `alpha` is row-major, one row a replicate, of any sum, in units of the binary logarithm: times 1 / ln 2. `total` has
/// one number for each of the models; `scores` is memory to work in, of [`n_scores`] numbers.
///
/// # Errors
/// [`Error::Shape`] for lengths that disagree, [`Error::Index`] for a row that does not exist, [`Error::Interrupted`].
pub fn add_replicates(
    models: &Models<'_>,
    alpha: &[f64],
    instructions: InstructionSet,
    execution: &Execution,
    scores: &mut [f64],
    total: &mut [f64],
) -> Result<()> {
    models.check()?;
    let (n_pairs, n_models) = (models.top.len(), models.models.len());
    let n_replicates = alpha.len() / n_pairs.max(1);
    check_length("alpha", alpha.len(), n_replicates * n_pairs)?;
    check_length("total", total.len(), n_models)?;
    check_length("scores", scores.len(), n_scores(n_models, n_replicates))?;
    if n_models == 0 || n_replicates == 0 {
        return Ok(());
    }
    let alpha = packed(alpha, n_pairs, n_replicates);
    let padded = n_replicates.next_multiple_of(REPLICATES);
    let mut tops: Vec<Top> = vec![Top { score: LOWEST, sum: 0.0 }; padded * n_models.div_ceil(LEAF)];
    let interrupt = &execution.interrupt;
    (scores.par_chunks_mut(LEAF * padded), tops.par_chunks_mut(padded))
        .into_par_iter()
        .enumerate()
        .with_max_len(1)
        .try_for_each(|(leaf, (scores, tops))| {
            let first = leaf * LEAF;
            let n_models = LEAF.min(n_models - first);
            let leaf = Leaf { models, first, n_models };
            instructions.run(Score { leaf, alpha: &alpha, interrupt, scores, tops });
            interrupt.check()
        })?;
    let factors = factors(&tops, padded, n_replicates);
    (total.par_chunks_mut(LEAF), scores.par_chunks(LEAF * padded), factors.par_chunks(padded))
        .into_par_iter()
        .try_for_each(|(total, scores, factors)| {
            instructions.run(Add { scores, factors: &factors[..n_replicates], padded, total });
            interrupt.check()
        })
}

/// The best score of a leaf in a replicate, and the sum of the powers relative to it.
#[derive(Debug, Clone, Copy)]
struct Top {
    score: f64,
    sum: f64,
}

/// The replicates in groups whose numbers for a pair are neighbours; replicates that fill up a group are 0.
fn packed(alpha: &[f64], n_pairs: usize, n_replicates: usize) -> Vec<[f64; REPLICATES]> {
    let mut packed = vec![[0.0; REPLICATES]; n_pairs * n_replicates.div_ceil(REPLICATES)];
    for (replicate, row) in alpha.chunks_exact(n_pairs).enumerate() {
        let group = &mut packed[replicate / REPLICATES * n_pairs..][..n_pairs];
        for (group, &alpha) in group.iter_mut().zip(row) {
            group[replicate % REPLICATES] = alpha;
        }
    }
    packed
}

/// What the powers of each leaf and replicate are multiplied by so that those of a replicate sum to 1.
fn factors(tops: &[Top], padded: usize, n_replicates: usize) -> Vec<f64> {
    let mut factors = vec![0.0; tops.len()];
    for replicate in 0..n_replicates {
        let leaves = || (replicate..tops.len()).step_by(padded);
        let best = leaves().map(|leaf| tops[leaf].score).fold(f64::NEG_INFINITY, f64::max);
        for leaf in leaves() {
            factors[leaf] = (tops[leaf].score - best).exp2();
        }
        let sum: f64 = leaves().map(|leaf| factors[leaf] * tops[leaf].sum).sum();
        for leaf in leaves() {
            factors[leaf] /= sum;
        }
    }
    factors
}

/// Neighbouring models.
#[derive(Debug, Clone, Copy)]
struct Leaf<'a> {
    models: &'a Models<'a>,
    first: usize,
    n_models: usize,
}

/// The powers of the models of one leaf, relative to its best one, in every replicate.
struct Score<'a> {
    leaf: Leaf<'a>,
    alpha: &'a [[f64; REPLICATES]],
    interrupt: &'a Interrupt,
    /// Groups of models; in each one row a replicate.
    scores: &'a mut [f64],
    tops: &'a mut [Top],
}

impl Kernel for Score<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self, simd: impl Simd) {
        let (leaf, n_pairs, padded) = (self.leaf, self.leaf.models.top.len(), self.tops.len());
        let mut block = [[0.0; WIDTH]; DEPTH];
        let (groups, _) = self.scores.as_chunks_mut::<WIDTH>();
        let mut group = 0;
        while group * WIDTH < LEAF {
            let rows = &mut groups[group * padded..(group + 1) * padded];
            let first = group * WIDTH;
            fill(rows, &leaf.prior(first));
            let mut start = 0;
            while start < n_pairs && first < leaf.n_models {
                if self.interrupt.is_raised() {
                    return;
                }
                let end = n_pairs.min(start + DEPTH);
                leaf.pack(first, start, end, &mut block);
                let mut tile = 0;
                while tile * REPLICATES < padded {
                    let alpha = &self.alpha[tile * n_pairs + start..tile * n_pairs + end];
                    let (rows, _) = rows[tile * REPLICATES..].as_chunks_mut::<REPLICATES>();
                    add_products::<FMA>(&mut rows[0], alpha, &block);
                    tile += 1;
                }
                start = end;
            }
            group += 1;
        }
        exponentiate::<FMA>(simd, groups, self.tops);
    }
}

impl Leaf<'_> {
    /// Where the scores of a group begin; those that no model has are as low as can be.
    #[inline(always)]
    fn prior(&self, first: usize) -> [f64; WIDTH] {
        let mut prior = [LOWEST; WIDTH];
        let mut model = 0;
        while model < WIDTH && first + model < self.n_models {
            prior[model] = self.models.log2_prior[self.first + first + model];
            model += 1;
        }
        prior
    }

    /// Columns of the log likelihoods of a group, less the largest of each pair.
    #[inline(always)]
    fn pack(&self, first: usize, start: usize, end: usize, block: &mut [[f64; WIDTH]; DEPTH]) {
        let top = &self.models.top[start..end];
        let mut model = 0;
        while model < WIDTH && first + model < self.n_models {
            let row = &self.models.row(self.first + first + model)[start..end];
            let mut n = 0;
            while n < row.len() {
                block[n][model] = row[n] - top[n];
                n += 1;
            }
            model += 1;
        }
    }
}

#[inline(always)]
fn fill(rows: &mut [[f64; WIDTH]], value: &[f64; WIDTH]) {
    let mut row = 0;
    while row < rows.len() {
        rows[row] = *value;
        row += 1;
    }
}

/// The same for every replicate of a group. Written out: a loop over them would keep the sums in memory.
macro_rules! each_replicate {
    ($r:ident => $body:expr) => {{
        const { assert!(REPLICATES == 8) };
        each_replicate!(@one $r 0 1 2 3 4 5 6 7 => $body);
    }};
    (@one $r:ident $($value:literal)* => $body:expr) => {
        $({
            const $r: usize = $value;
            $body
        })*
    };
}

/// `rows[r][d] += sum_n alpha[n][r] block[n][d]`, pair by pair.
#[inline(always)]
fn add_products<const FMA: bool>(
    rows: &mut [[f64; WIDTH]; REPLICATES],
    alpha: &[[f64; REPLICATES]],
    block: &[[f64; WIDTH]; DEPTH],
) {
    let mut sums = [[Lanes::<FMA>::splat(0.0); VECTORS]; REPLICATES];
    each_replicate!(R => sums[R] = vectors(&rows[R]));
    let mut n = 0;
    while n < alpha.len() && n < DEPTH {
        let columns = vectors::<FMA>(&block[n]);
        each_replicate!(R => {
            let alpha = Lanes::splat(alpha[n][R]);
            sums[R] = [columns[0].mul_add(alpha, sums[R][0]), columns[1].mul_add(alpha, sums[R][1])];
        });
        n += 1;
    }
    each_replicate!(R => store(&mut rows[R], sums[R]));
}

/// Scores become powers of 2 relative to the best of the leaf in each replicate; `tops` says which that is, and their sum.
#[inline(always)]
fn exponentiate<const FMA: bool>(simd: impl Simd, groups: &mut [[f64; WIDTH]], tops: &mut [Top]) {
    let (padded, lowest) = (tops.len(), Lanes::splat(LOWEST));
    let mut replicate = 0;
    while replicate < padded {
        let mut best = lowest;
        let mut place = replicate;
        while place < groups.len() {
            let scores = vectors::<FMA>(&groups[place]);
            best = scores[0].max(best).max(scores[1].max(lowest));
            place += padded;
        }
        let mut score = LOWEST;
        let mut lane = 0;
        while lane < LANES {
            score = if best.0[lane] > score { best.0[lane] } else { score };
            lane += 1;
        }
        let mut sum = Lanes::splat(0.0);
        let mut place = replicate;
        while place < groups.len() {
            let mut powers = vectors::<FMA>(&groups[place]);
            let mut v = 0;
            while v < VECTORS {
                let relative = powers[v].max(lowest) - Lanes::splat(score);
                powers[v] = simd.exp2_floored(relative).value();
                sum = sum + powers[v];
                v += 1;
            }
            store(&mut groups[place], powers);
            place += padded;
        }
        tops[replicate] = Top { score, sum: horizontal(&sum.0) };
        replicate += 1;
    }
}

#[inline(always)]
fn horizontal(sums: &[f64; LANES]) -> f64 {
    ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]))
}

#[inline(always)]
fn vectors<const FMA: bool>(row: &[f64; WIDTH]) -> [Lanes<FMA>; VECTORS] {
    let (chunks, _) = row.as_chunks::<LANES>();
    [Lanes(chunks[0]), Lanes(chunks[1])]
}

#[inline(always)]
fn store<const FMA: bool>(row: &mut [f64; WIDTH], vectors: [Lanes<FMA>; VECTORS]) {
    let (chunks, _) = row.as_chunks_mut::<LANES>();
    chunks[0] = vectors[0].0;
    chunks[1] = vectors[1].0;
}

/// Add the weights of the models of one leaf in every replicate.
struct Add<'a> {
    scores: &'a [f64],
    factors: &'a [f64],
    padded: usize,
    total: &'a mut [f64],
}

impl Kernel for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self, _: impl Simd) {
        let (groups, _) = self.scores.as_chunks::<WIDTH>();
        let mut first = 0;
        while first < self.total.len() {
            let n_models = WIDTH.min(self.total.len() - first);
            let mut sums = [0.0; WIDTH];
            sums[..n_models].copy_from_slice(&self.total[first..first + n_models]);
            let mut sum = vectors::<FMA>(&sums);
            let rows = &groups[first / WIDTH * self.padded..][..self.factors.len()];
            let mut replicate = 0;
            while replicate < rows.len() {
                let factor = self.factors[replicate];
                if factor > 0.0 {
                    let powers = vectors::<FMA>(&rows[replicate]);
                    let mut v = 0;
                    while v < VECTORS {
                        sum[v] = powers[v].mul_add(Lanes::splat(factor), sum[v]);
                        v += 1;
                    }
                }
                replicate += 1;
            }
            store(&mut sums, sum);
            self.total[first..first + n_models].copy_from_slice(&sums[..n_models]);
            first += WIDTH;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Models, add_replicates, n_scores};
    use crate::kernels::InstructionSet;
    use crate::{Error, Execution};

    fn run(models: &Models<'_>, alpha: &[f64], at_once: usize, n_threads: usize, set: InstructionSet) -> Vec<f64> {
        let execution = Execution { n_threads: Some(n_threads), ..Execution::default() };
        let mut total = vec![0.0; models.models.len()];
        for alpha in alpha.chunks(at_once * models.top.len()) {
            let mut scores = vec![f64::NAN; n_scores(total.len(), alpha.len() / models.top.len())];
            let added = execution.install(|| add_replicates(models, alpha, set, &execution, &mut scores, &mut total));
            assert_eq!(added, Ok(()));
        }
        total
    }

    /// Numbers in `[0, 1)` without a pattern that matters here.
    fn numbers(n: usize) -> Vec<f64> {
        (0..n).map(|k| (k as f64 * 0.618_033_988_749_894_9).fract()).collect()
    }

    #[test]
    fn weights_are_the_sums_of_softmaxes() {
        for (n_models, n_pairs, n_replicates) in [(1, 1, 1), (3, 2, 5), (17, 130, 9), (300, 7, 11), (513, 129, 8)] {
            let log_likelihood: Vec<f64> = numbers(n_models * n_pairs).iter().map(|x| -9.0 * x).collect();
            let models: Vec<usize> = (0..n_models).collect();
            let (top, log2_prior) = (numbers(n_pairs), numbers(n_models));
            let alpha: Vec<f64> = numbers(n_replicates * n_pairs).iter().map(|x| 3.0 * x / n_pairs as f64).collect();
            let all = Models { log_likelihood: &log_likelihood, models: &models, top: &top, log2_prior: &log2_prior };
            let mut expected = vec![0.0; n_models];
            for alpha in alpha.chunks(n_pairs) {
                let score = |d: usize| {
                    let row = &log_likelihood[d * n_pairs..(d + 1) * n_pairs];
                    let sum: f64 = row.iter().zip(alpha).map(|(l, alpha)| l * alpha).sum();
                    (log2_prior[d] + sum).exp2()
                };
                let sum: f64 = (0..n_models).map(score).sum();
                expected.iter_mut().enumerate().for_each(|(d, expected)| *expected += score(d) / sum);
            }
            let mut fused = None;
            for set in InstructionSet::available() {
                let total = run(&all, &alpha, n_replicates, 1, set);
                for (total, expected) in total.iter().zip(&expected) {
                    assert!((total - expected).abs() <= 1e-13 * expected, "{}: {total} {expected}", set.name());
                }
                if set.name() != "portable" {
                    assert_eq!(fused.get_or_insert(total.clone()), &total, "{}", set.name());
                }
                assert_eq!(run(&all, &alpha, 2, 2, set), total, "blocks and threads");
            }
        }
    }

    #[test]
    fn what_is_hopeless_gets_nothing_and_breaks_nothing() {
        let models = Models {
            log_likelihood: &[0.0, -1e308, -1e308, -1e308, -1.0, -1.0],
            models: &[0, 1, 2],
            top: &[0.0, -1.0],
            log2_prior: &[0.0; 3],
        };
        let total = run(&models, &[1.0, 1.0, 0.0, 1e300], 2, 1, InstructionSet::detect());
        assert!(total[..2].iter().all(|&weight| weight < 1e-290));
        assert_eq!(total[2], 2.0);
    }

    #[test]
    fn rows_that_do_not_exist_are_refused() {
        let models = Models { log_likelihood: &[0.0], models: &[1], top: &[0.0], log2_prior: &[0.0] };
        let (execution, set, mut scores) = (Execution::default(), InstructionSet::detect(), [0.0; 2048]);
        let refused = add_replicates(&models, &[1.0], set, &execution, &mut scores, &mut [0.0]);
        assert!(matches!(refused, Err(Error::Index { what: "models", position: 0, .. })));
    }
}
