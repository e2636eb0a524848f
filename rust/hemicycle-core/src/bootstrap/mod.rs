//! Bayesian bootstrap of averaged models: the softmax of reweighted sums over pairs, added up over replicates.
//!
//! The scores are a product of matrices, models x pairs by pairs x replicates. It is made leaf by leaf, a constant number
//! of models each, and of a leaf only powers relative to its own best model are kept: once the best of all leaves is
//! known a factor for each leaf and replicate is all that is left to do. Every score is one chain of operations over the
//! pairs and every weight one over the replicates, so that neither threads nor blocks leave a trace.

mod scores;

use rayon::prelude::*;

use self::scores::{Add, Leaf, Score};
use crate::error::{Error, Result};
use crate::judgments::check_length;
use crate::kernels::InstructionSet;
use crate::parallel::Execution;

/// Models of a leaf.
const LEAF: usize = 256;

/// Replicates whose scores are in registers together.
const REPLICATES: usize = 8;

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
