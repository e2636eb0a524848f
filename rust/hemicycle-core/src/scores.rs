//! The scores of the contests: mean squared error and accuracy.

use crate::error::Result;
use crate::judgments::{Pairs, check_items, check_length, check_weights};
use crate::kernels::{InstructionSet, Kernel, LANES, Lanes, Simd, Sum, each_lane};
use crate::likelihood::{Plan, by_block, check_inputs, totals};
use crate::parallel::{Execution, Interrupt, sort};
use crate::pool::{Block, GROUPS, Logit, Pool};

/// Write the mean of `(mu - y_i)^2` over labels, weighted by `u_i`, for every model to `out`: length `n_models`. NaN
/// without labels.
///
/// # Errors
/// Whatever [`Pairs::check`] refuses, logits of another shape or outside the domain, an interrupt;
/// [`crate::Error::Shape`] if `out` has another length. What `out` holds after an error is not said.
pub fn mean_squared_error<T: Logit>(
    pool: &Pool<'_, T>,
    pairs: &Pairs<'_>,
    instructions: InstructionSet,
    execution: &Execution,
    out: &mut [f64],
) -> Result<()> {
    check_inputs(pool, pairs)?;
    check_length("out", out.len(), pool.n_models)?;
    let plan = Plan::squared_distances(pairs, sum(pairs.weight), &execution.interrupt)?;
    totals(pool, &plan, instructions, execution, out)?;
    out.iter_mut().for_each(|error| *error = 0.0 - *error);
    Ok(())
}

/// Choices between two looks for an interrupt.
const DUELS_AT_ONCE: usize = 1024;

/// Logits this near are equal: weights that were meant to be equal often differ in their last digits, as they went
/// through a logarithm or a softmax of their author's.
const TIE: f64 = 1e-9;

/// Choices of one item over another.
#[derive(Debug, Clone, Copy)]
pub struct Choices<'a> {
    /// Number of items that the choices point into.
    pub n_items: usize,
    /// The item not chosen, length `n_choices`.
    pub loser: &'a [u32],
    /// The item chosen, length `n_choices`.
    pub winner: &'a [u32],
    /// Weight of each choice, above 0 and at most 1e100, length `n_choices`.
    pub weight: &'a [f64],
}

/// Write the share of the weight of choices that each model agrees with, logits within 1e-9 counting one half, to `out`:
/// length `n_models`. NaN without choices.
///
/// # Errors
/// [`crate::Error::Shape`] for lengths that disagree, [`crate::Error::Index`] for an item out of range, weights or
/// logits outside their domain, an interrupt. What `out` holds after an error is not said.
pub fn accuracy<T: Logit>(
    pool: &Pool<'_, T>,
    choices: &Choices<'_>,
    instructions: InstructionSet,
    execution: &Execution,
    out: &mut [f64],
) -> Result<()> {
    pool.check_shape(choices.n_items)?;
    check_length("out", out.len(), pool.n_models)?;
    let duels = duels(choices, &execution.interrupt)?;
    let total = most(&duels);
    by_block(pool, out, 1, execution, |block, out| {
        instructions.run(Agreement { duels: &duels, total, block, interrupt: &execution.interrupt, out });
    })
}

/// One choice with its weight.
#[derive(Debug, Clone, Copy)]
struct Duel {
    loser: u32,
    winner: u32,
    weight: f64,
}

/// The choices, checked and in an order that does not depend on theirs: those of one weight are neighbours.
fn duels(choices: &Choices<'_>, interrupt: &Interrupt) -> Result<Vec<Duel>> {
    let Choices { n_items, loser, winner, weight } = *choices;
    check_length("winner", winner.len(), loser.len())?;
    check_length("weight", weight.len(), loser.len())?;
    check_items("loser", loser, n_items)?;
    check_items("winner", winner, n_items)?;
    check_weights("weight", weight)?;
    let mut duels: Vec<Duel> =
        (0..loser.len()).map(|i| Duel { loser: loser[i], winner: winner[i], weight: weight[i] }).collect();
    let order = |x: &Duel, y: &Duel| x.weight.total_cmp(&y.weight).then((x.loser, x.winner).cmp(&(y.loser, y.winner)));
    sort(&mut duels, interrupt, order)?;
    Ok(duels)
}

/// Choices of one weight, at most so many that halves of their number are exact.
fn alike(duels: &[Duel]) -> impl Iterator<Item = &[Duel]> {
    duels.chunk_by(|x, y| x.weight == y.weight).flat_map(|equal| equal.chunks(DUELS_AT_ONCE))
}

/// The weight of all choices, rounded as it is for a model that agrees with each: its share is 1, to the last digit.
fn most(duels: &[Duel]) -> f64 {
    let mut most = Sum::<false>::zero();
    for duels in alike(duels) {
        most.add(Lanes::splat(duels.len() as f64 * duels[0].weight));
    }
    most.value().0[0]
}

/// The sum of weights without accumulated rounding error.
fn sum(weights: &[f64]) -> f64 {
    let mut sum = Sum::<false>::zero();
    for &weight in weights {
        sum.add(Lanes::splat(weight));
    }
    sum.value().0[0]
}

/// The weight of the choices that every model of a block agrees with, as a share.
struct Agreement<'a> {
    duels: &'a [Duel],
    total: f64,
    block: &'a Block,
    interrupt: &'a Interrupt,
    out: &'a mut [f64],
}

impl Kernel for Agreement<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self, _: impl Simd) {
        let mut agreed = [Sum::<FMA>::zero(); GROUPS];
        for duels in alike(self.duels) {
            if self.interrupt.is_raised() {
                return;
            }
            let mut won = [Lanes::<FMA>::splat(0.0); GROUPS]; // halves: their sums are exact
            for Duel { loser, winner, .. } in duels {
                for (g, won) in won.iter_mut().enumerate() {
                    let lead = self.block.logits::<FMA>(*winner, g) - self.block.logits::<FMA>(*loser, g);
                    let tied: Lanes<FMA> = each_lane!(i => if lead.0[i] >= -TIE { 0.5 } else { 0.0 });
                    *won = *won + each_lane!(i => if lead.0[i] > TIE { 1.0 } else { tied.0[i] });
                }
            }
            let weight = Lanes::splat(duels[0].weight);
            agreed.iter_mut().zip(won).for_each(|(agreed, won)| agreed.add(won * weight));
        }
        for (out, agreed) in self.out.chunks_mut(LANES).zip(agreed) {
            out.copy_from_slice(&(agreed.value() / Lanes::splat(self.total)).0[..out.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Choices, accuracy, mean_squared_error};
    use crate::kernels::InstructionSet;
    use crate::{Execution, Pairs, Pool};

    const LOGITS: [f64; 6] = [0.0, 1.0, 3.0, 0.0, 0.0, -1.0];

    fn pool() -> Pool<'static, f64> {
        Pool::new(&LOGITS, 2, 3)
    }

    #[test]
    fn squared_errors_are_weighted_by_label() {
        // pair (0, 1): labels 1 and 3 of weights 1 and 2; pair (1, 2): label 2 of weight 1
        let pairs = Pairs {
            n_items: 3,
            a: &[0, 1],
            b: &[1, 2],
            offsets: &[0, 2, 3],
            log_ratio: &[1.0, 3.0, 2.0],
            weight: &[1.0, 2.0, 1.0],
            pair_weight: &[1.0, 1.0],
        };
        for set in InstructionSet::available() {
            let mut errors = [f64::NAN; 2];
            assert_eq!(mean_squared_error(&pool(), &pairs, set, &Execution::default(), &mut errors), Ok(()));
            for (error, expected) in errors.iter().zip([8.0 / 4.0, (1.0 + 18.0 + 9.0) / 4.0]) {
                assert!((error - expected).abs() < 1e-15 * expected, "{error} is not {expected}");
            }
        }
    }

    #[test]
    fn a_perfect_model_has_no_error() {
        let pairs = Pairs {
            n_items: 3,
            a: &[0, 1],
            b: &[1, 2],
            offsets: &[0, 1, 2],
            log_ratio: &[1.0, 2.0],
            weight: &[1.0, 3.0],
            pair_weight: &[1.0, 1.0],
        };
        let (set, mut errors) = (InstructionSet::detect(), [f64::NAN; 2]);
        assert_eq!(mean_squared_error(&pool(), &pairs, set, &Execution::default(), &mut errors), Ok(()));
        assert_eq!(errors[0], 0.0);
    }

    #[test]
    fn ties_count_one_half() {
        let choices = Choices { n_items: 3, loser: &[0, 1, 2], winner: &[1, 2, 0], weight: &[2.0, 1.0, 1.0] };
        for set in InstructionSet::available() {
            let mut shares = [f64::NAN; 2];
            assert_eq!(accuracy(&pool(), &choices, set, &Execution::default(), &mut shares), Ok(()));
            assert_eq!(shares, [0.75, 0.5], "{}", set.name());
        }
    }

    #[test]
    fn who_agrees_with_all_has_one_to_the_last_digit() {
        let weight: Vec<f64> = (0..40).map(|i| [0.1, 0.3, 0.7, 1.1][i % 4] / f64::from(1 + (i % 7) as u32)).collect();
        let (loser, winner) = (vec![0; weight.len()], vec![1; weight.len()]);
        let logits = [0.0, 1.0, 1.0, 0.0];
        for (n, set) in
            (1..=weight.len()).flat_map(|n| InstructionSet::available().into_iter().map(move |set| (n, set)))
        {
            let choices = Choices { n_items: 2, loser: &loser[..n], winner: &winner[..n], weight: &weight[..n] };
            let mut shares = [f64::NAN; 2];
            assert_eq!(accuracy(&Pool::new(&logits, 2, 2), &choices, set, &Execution::default(), &mut shares), Ok(()));
            assert_eq!(shares, [1.0, 0.0], "{n} choices, {}", set.name());
        }
    }

    #[test]
    fn logits_that_differ_in_their_last_digits_tie() {
        let logits = [3.0, 3.0 + 9e-10, 3.0 + 2e-9];
        let pool = Pool::new(&logits, 1, 3);
        for (winner, loser, expected) in [(1, 0, 0.5), (0, 1, 0.5), (2, 0, 1.0), (0, 2, 0.0)] {
            let choices = Choices { n_items: 3, loser: &[loser], winner: &[winner], weight: &[1.0] };
            let (set, mut share) = (InstructionSet::detect(), [f64::NAN]);
            assert_eq!(accuracy(&pool, &choices, set, &Execution::default(), &mut share), Ok(()));
            assert_eq!(share, [expected], "{winner} over {loser}");
        }
    }
}
