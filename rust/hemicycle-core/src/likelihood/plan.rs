//! The judgments as kernels read them: every pair scaled by sigma and laid out in runs of one kind.

use std::f64::consts::{LOG2_E, PI};

use crate::error::Result;
use crate::judgments::Pairs;
use crate::kernels::{Lanes, Sum};
use crate::parallel::{Interrupt, sort};

use super::Likelihood;
use super::kind::{Kind, extent, heaviest, is_far, kinds};
use super::mean::{Mean, compensated_sum};
use super::tabulated::{Table, Tables, Tabulated};

/// Products of weights above this are far from underflow.
const TINY: f64 = 1e-280;

/// A pair with one Gaussian: `-(scale * (mu - y))^2` plus its constant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Square {
    pub a: u32,
    pub b: u32,
    pub scale: f64,
    /// `scale * y`.
    pub shift: f64,
}

/// [`Square`] far from 0: `y` is `target + target_low`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CarefulSquare {
    pub a: u32,
    pub b: u32,
    pub scale: f64,
    pub target: f64,
    pub target_low: f64,
}

/// A pair with several labels.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mixture {
    pub a: u32,
    pub b: u32,
    /// Half way between the first and the last label, scaled.
    pub middle: f64,
    /// Half their distance, scaled.
    pub reach: f64,
    /// Its labels in [`Plan::position`].
    pub first: usize,
    pub last: usize,
}

impl Mixture {
    /// So many labels that kernels look for an interrupt before each such pair.
    #[inline(always)]
    pub(crate) fn is_long(&self) -> bool {
        self.last - self.first >= 1 << 12
    }
}

/// Consecutive pairs of one kind and one weight.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    pub kind: Kind,
    /// The weight of mixtures; that of squares is in their scale.
    pub factor: f64,
    /// Where the pairs are in the list of their kind.
    pub first: usize,
    pub last: usize,
}

/// Everything that kernels need to know of the judgments.
#[derive(Debug)]
pub(crate) struct Plan {
    pub runs: Vec<Run>,
    pub squares: Vec<Square>,
    pub careful_squares: Vec<CarefulSquare>,
    pub mixtures: Vec<Mixture>,
    pub tables: Vec<Tabulated>,
    /// `sqrt(log2(e) / 2) / sigma`: with it squared distances of mixtures are in base 2.
    pub scale: f64,
    /// Labels of mixtures, scaled. Of close labels twice the distance from the middle; of careful ones the label as it is.
    pub position: Vec<f64>,
    /// Minus the log in base 2 of the weight of each label relative to the heaviest of its pair. Of close labels the log itself,
    /// plus that of the density at the middle relative to that of the ends.
    pub weight: Vec<f64>,
    /// What each pair adds whatever the model, with its weight, in the order of the runs.
    pub constants: Vec<f64>,
}

impl Plan {
    /// Pairs sorted by kind and weight, for totals.
    pub(crate) fn sorted(
        pairs: &Pairs<'_>,
        likelihood: Likelihood,
        sigma: f64,
        tables: Tables,
        interrupt: &Interrupt,
    ) -> Result<Self> {
        let mut order = kinds(pairs, likelihood, sigma, &tables, interrupt)?;
        order.retain(|&(_, n)| pairs.pair_weight[n] > 0.0);
        sort(&mut order, interrupt, |(kind, m), (other, n)| {
            kind.cmp(other).then(pairs.pair_weight[*m].total_cmp(&pairs.pair_weight[*n])).then(m.cmp(n))
        })?;
        Self::new(pairs, likelihood, sigma, &order, tables, interrupt)
    }

    /// Pairs as they come, each of weight 1, for results by pair.
    pub(crate) fn in_order(
        pairs: &Pairs<'_>,
        likelihood: Likelihood,
        sigma: f64,
        tables: Tables,
        interrupt: &Interrupt,
    ) -> Result<Self> {
        let ones = vec![1.0; pairs.len()];
        let pairs = Pairs { pair_weight: &ones, ..*pairs };
        let order = kinds(&pairs, likelihood, sigma, &tables, interrupt)?;
        Self::new(&pairs, likelihood, sigma, &order, tables, interrupt)
    }

    /// Every label as it comes, a Gaussian of weight 1, for results by label.
    pub(crate) fn by_label(pairs: &Pairs<'_>, sigma: f64, interrupt: &Interrupt) -> Result<Self> {
        let mut plan = Self::empty(scale(sigma));
        for n in 0..pairs.len() {
            for &log_ratio in &pairs.log_ratio[pairs.labels(n)] {
                interrupt.check()?;
                plan.push_square(pairs.a[n], pairs.b[n], 1.0, Mean::single(log_ratio), sigma);
            }
        }
        Ok(plan)
    }

    /// Minus the weighted mean of squared distances to the labels, of weight `weight` in all.
    pub(crate) fn squared_distances(pairs: &Pairs<'_>, weight: f64, interrupt: &Interrupt) -> Result<Self> {
        let mut plan = Self::empty(1.0);
        for n in 0..pairs.len() {
            interrupt.check()?;
            let mean = Mean::of_pair(pairs, n, Likelihood::Gaussian);
            let weight = weight / mean.unit;
            plan.push_careful_square(pairs.a[n], pairs.b[n], (mean.weight / weight).sqrt(), mean);
            plan.constants.push(-mean.spread / weight);
        }
        Ok(plan)
    }

    fn empty(scale: f64) -> Self {
        Self {
            runs: vec![],
            squares: vec![],
            careful_squares: vec![],
            mixtures: vec![],
            tables: vec![],
            scale,
            position: vec![],
            weight: vec![],
            constants: vec![],
        }
    }

    fn new(
        pairs: &Pairs<'_>,
        likelihood: Likelihood,
        sigma: f64,
        order: &[(Kind, usize)],
        mut tables: Tables,
        interrupt: &Interrupt,
    ) -> Result<Self> {
        let mut plan = Self::empty(scale(sigma));
        for &(kind, n) in order {
            interrupt.check()?;
            match (kind, tables.take(n)) {
                (_, Some(table)) => plan.push_table(pairs, n, table),
                (Kind::Square | Kind::CarefulSquare, _) => {
                    let mean = Mean::of_pair(pairs, n, likelihood);
                    plan.push_square(pairs.a[n], pairs.b[n], pairs.pair_weight[n], mean, sigma);
                }
                _ => plan.push_mixture(pairs, n, sigma, kind, interrupt)?,
            }
        }
        Ok(plan)
    }

    /// The sum of the constants.
    pub(crate) fn constant(&self) -> f64 {
        let mut sum = Sum::<false>::zero();
        for &constant in &self.constants {
            sum.add(Lanes::splat(constant));
        }
        sum.value().0[0]
    }

    /// The labels of a mixture and their weights, as the kernels take them.
    #[inline(always)]
    pub(crate) fn labels(&self, pair: &Mixture) -> (&[f64], &[f64]) {
        (&self.position[pair.first..pair.last], &self.weight[pair.first..pair.last])
    }

    fn push_square(&mut self, a: u32, b: u32, factor: f64, mean: Mean, sigma: f64) {
        let scale = root_of_half(factor, &mean) / sigma;
        let spread = 0.5 * mean.spread / sigma / sigma;
        let constant = spread + mean.weight * log_normaliser(sigma);
        self.constants.push(-constant * factor.max(mean.unit) * factor.min(mean.unit));
        if is_far(mean.value, sigma) {
            self.push_careful_square(a, b, scale, mean);
        } else {
            self.squares.push(Square { a, b, scale, shift: scale * mean.value });
            self.extend_run(Kind::Square, 1.0, self.squares.len());
        }
    }

    fn push_careful_square(&mut self, a: u32, b: u32, scale: f64, mean: Mean) {
        self.careful_squares.push(CarefulSquare { a, b, scale, target: mean.value, target_low: mean.value_low });
        self.extend_run(Kind::CarefulSquare, 1.0, self.careful_squares.len());
    }

    fn push_mixture(
        &mut self,
        pairs: &Pairs<'_>,
        n: usize,
        sigma: f64,
        kind: Kind,
        interrupt: &Interrupt,
    ) -> Result<()> {
        let (log_ratio, weight) = (&pairs.log_ratio[pairs.labels(n)], &pairs.weight[pairs.labels(n)]);
        let heaviest = heaviest(weight);
        let sum = compensated_sum(weight.iter().map(|u| u / heaviest));
        let factor = pairs.pair_weight[n];
        let (middle, reach) = extent(log_ratio, self.scale);
        let first = self.position.len();
        let lightness = |u: f64| 0.0 - (u / heaviest).log2();
        let log_heaviest = heaviest.log2();
        for (&y, &u) in log_ratio.iter().zip(weight) {
            interrupt.check()?;
            let (position, weight) = match kind {
                Kind::Careful => (y, log_heaviest - u.log2()),
                Kind::Close => {
                    let distance = y.mul_add(self.scale, -middle);
                    (2.0 * distance, (reach - distance) * (reach + distance) - lightness(u))
                }
                _ => (y * self.scale, lightness(u)),
            };
            self.position.push(position);
            self.weight.push(weight);
        }
        self.constants.push(-factor * (sum.ln() + log_normaliser(sigma)));
        let (a, b, last) = (pairs.a[n], pairs.b[n], self.position.len());
        self.mixtures.push(Mixture { a, b, middle, reach, first, last });
        self.extend_run(kind, factor, self.mixtures.len());
        Ok(())
    }

    fn push_table(&mut self, pairs: &Pairs<'_>, n: usize, table: Table) {
        let (a, b, factor) = (pairs.a[n], pairs.b[n], pairs.pair_weight[n]);
        self.constants.push(0.0);
        self.tables.push(Tabulated { a, b, factor, table });
        self.extend_run(Kind::Tabulated, factor, self.tables.len());
    }

    /// Count the pair just pushed, the last of `len` in its list, to the current run or a new one.
    fn extend_run(&mut self, kind: Kind, factor: f64, len: usize) {
        match self.runs.last_mut() {
            Some(run) if run.kind == kind && run.factor == factor => run.last = len,
            _ => self.runs.push(Run { kind, factor, first: len - 1, last: len }),
        }
    }
}

/// From logit differences to the unit in which the density of a label is `2^-distance^2`.
pub(super) fn scale(sigma: f64) -> f64 {
    (0.5 * LOG2_E).sqrt() / sigma
}

/// The root of half the weight of a pair with these labels; of tiny weights by roots, for products would underflow.
fn root_of_half(factor: f64, mean: &Mean) -> f64 {
    let product = factor * mean.unit;
    if product > TINY {
        return (0.5 * product * mean.weight).sqrt();
    }
    factor.sqrt() * mean.unit.sqrt() * (0.5 * mean.weight).sqrt()
}

/// `log(sigma * sqrt(2 pi))`.
pub(super) fn log_normaliser(sigma: f64) -> f64 {
    sigma.ln() + 0.5 * (2.0 * PI).ln()
}

#[cfg(test)]
mod tests {
    use super::{Interrupt, Kind, Likelihood, Pairs, Plan, Tables};
    use crate::error::Error;

    const ONE: [f64; 1] = [1.0];

    #[test]
    fn runs_are_of_one_kind_and_weight() {
        let pairs = Pairs {
            n_items: 2,
            a: &[0, 0, 0, 0, 0],
            b: &[1, 1, 1, 1, 1],
            offsets: &[0, 2, 3, 5, 7, 8],
            log_ratio: &[0.0, 1.0, 0.5, 0.0, 2.0, 1.0, 3.0, 0.1],
            weight: &[1.0; 8],
            pair_weight: &[2.0, 1.0, 1.0, 2.0, 0.0],
        };
        let runs = |plan: Plan| plan.runs.iter().map(|run| (run.kind, run.factor, run.last - run.first)).collect();
        let (none, calm) = (|| Tables::none(pairs.len()), Interrupt::new());
        let sorted: Vec<_> = runs(Plan::sorted(&pairs, Likelihood::SumGaussian, 0.5, none(), &calm).unwrap());
        assert_eq!(sorted, [(Kind::Square, 1.0, 1), (Kind::Two, 1.0, 1), (Kind::Two, 2.0, 2)]);
        let in_order: Vec<_> = runs(Plan::in_order(&pairs, Likelihood::SumGaussian, 0.5, none(), &calm).unwrap());
        let expected = [(Kind::Two, 1.0, 1), (Kind::Square, 1.0, 1), (Kind::Two, 1.0, 2), (Kind::Square, 1.0, 1)];
        assert_eq!(in_order, expected);
    }

    #[test]
    fn an_interrupt_stops_the_planning() {
        let pairs = Pairs {
            n_items: 2,
            a: &[0],
            b: &[1],
            offsets: &[0, 2],
            log_ratio: &[0.0, 1.0],
            weight: &[1.0, 1.0],
            pair_weight: &ONE,
        };
        let (sum, none, interrupt) = (Likelihood::SumGaussian, || Tables::none(1), Interrupt::new());
        interrupt.raise();
        for plan in [
            Plan::sorted(&pairs, sum, 0.5, none(), &interrupt),
            Plan::in_order(&pairs, sum, 0.5, none(), &interrupt),
            Plan::by_label(&pairs, 0.5, &interrupt),
            Plan::squared_distances(&pairs, 2.0, &interrupt),
        ] {
            assert_eq!(plan.err(), Some(Error::Interrupted));
        }
    }
}
