//! Kernels of the bootstrap: a product of matrices in registers, leaf by leaf, and its exponentials.

use super::{LEAF, LOWEST, Models, REPLICATES, Top};
use crate::kernels::{Kernel, LANES, Lanes, Simd};
use crate::parallel::Interrupt;

/// Vectors of models whose scores are in registers together, for each of [`REPLICATES`].
const VECTORS: usize = 2;

/// Models of a group.
const WIDTH: usize = VECTORS * LANES;

/// Pairs of a group of models that stay in the nearest cache while they meet every replicate.
const DEPTH: usize = 128;

/// Neighbouring models.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leaf<'a> {
    pub(super) models: &'a Models<'a>,
    pub(super) first: usize,
    pub(super) n_models: usize,
}

/// The powers of the models of one leaf, relative to its best one, in every replicate.
pub(super) struct Score<'a> {
    pub(super) leaf: Leaf<'a>,
    pub(super) alpha: &'a [[f64; REPLICATES]],
    pub(super) interrupt: &'a Interrupt,
    /// Groups of models; in each one row a replicate.
    pub(super) scores: &'a mut [f64],
    pub(super) tops: &'a mut [Top],
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
pub(super) struct Add<'a> {
    pub(super) scores: &'a [f64],
    pub(super) factors: &'a [f64],
    pub(super) padded: usize,
    pub(super) total: &'a mut [f64],
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
