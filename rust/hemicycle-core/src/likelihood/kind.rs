//! Which kernel scores a pair: it follows from the judgments and sigma alone, by the constants here.

use crate::error::Result;
use crate::judgments::Pairs;
use crate::parallel::Interrupt;

use super::Likelihood;
use super::mean::Mean;
use super::plan::scale;
use super::tabulated::Tables;

/// Labels farther from 0 than this many sigma need compensated differences. Up to here rounding of the difference of
/// logits and of its scaling errs by 5e-14 at most, beyond it the cancellation of `mu - y` would break the bound.
const FAR: f64 = 24.0;

/// Labels whose share of the heaviest label is below this are not scored relative to the end of their range, nor are those
/// beside them: with a light label at an end the sum would leave the range that products are made for.
const LIGHT: f64 = 1.0 / (1 << 30) as f64;

/// Bits that the densities of labels may lie apart, summed over the labels, to be scored relative to the end of their
/// range: below, the exponents of the labels that matter, near `mu`, err by `3e-14` at most.
const CLOSE: f64 = 62.0;

/// How a pair is scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// One Gaussian: a squared distance.
    Square,
    /// One Gaussian far from 0: a squared distance, compensated.
    CarefulSquare,
    /// Two labels of equal weight: one exponential.
    Two,
    /// Labels close to each other.
    Close,
    /// Labels wide apart.
    Wide,
    /// Labels far from 0, or with weights of very different size: compensated.
    Careful,
    /// Many labels: a table of the log density.
    Tabulated,
}

/// How each pair is scored, with the pair.
pub(super) fn kinds(
    pairs: &Pairs<'_>,
    likelihood: Likelihood,
    sigma: f64,
    tables: &Tables,
    interrupt: &Interrupt,
) -> Result<Vec<(Kind, usize)>> {
    let kind = |n| {
        interrupt.check()?;
        Ok((if tables.holds(n) { Kind::Tabulated } else { kind(pairs, n, likelihood, sigma) }, n))
    };
    (0..pairs.len()).map(kind).collect()
}

fn kind(pairs: &Pairs<'_>, n: usize, likelihood: Likelihood, sigma: f64) -> Kind {
    let (log_ratio, weight) = (&pairs.log_ratio[pairs.labels(n)], &pairs.weight[pairs.labels(n)]);
    if log_ratio.len() == 1 || likelihood == Likelihood::Gaussian {
        let far = is_far(Mean::of_pair(pairs, n, likelihood).value, sigma);
        return if far { Kind::CarefulSquare } else { Kind::Square };
    }
    let lightest = weight.iter().copied().fold(f64::INFINITY, f64::min);
    if log_ratio.iter().any(|&y| is_far(y, sigma)) || lightest < LIGHT * heaviest(weight) {
        Kind::Careful
    } else if log_ratio.len() == 2 && weight[0] == weight[1] {
        Kind::Two
    } else if extent(log_ratio, scale(sigma)).1.powi(2) + (log_ratio.len() as f64).log2() <= CLOSE {
        Kind::Close
    } else {
        Kind::Wide
    }
}

/// Whether a Gaussian there needs compensated differences.
pub(super) fn is_far(log_ratio: f64, sigma: f64) -> bool {
    log_ratio.abs() > FAR * sigma
}

/// The largest weight.
pub(super) fn heaviest(weight: &[f64]) -> f64 {
    weight.iter().copied().fold(0.0, f64::max)
}

/// Half way between the lowest and the highest label, and half their distance, scaled.
pub(super) fn extent(log_ratio: &[f64], scale: f64) -> (f64, f64) {
    let lowest = log_ratio.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = log_ratio.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (0.5 * scale * (lowest + highest), 0.5 * scale * (highest - lowest))
}

#[cfg(test)]
mod tests {
    use super::{Kind, Likelihood, Pairs, kind};

    fn kind_of(log_ratio: &[f64], weight: &[f64], likelihood: Likelihood, sigma: f64) -> Kind {
        let offsets = [0, log_ratio.len() as i64];
        let pairs = Pairs { n_items: 2, a: &[0], b: &[1], offsets: &offsets, log_ratio, weight, pair_weight: &[1.0] };
        kind(&pairs, 0, likelihood, sigma)
    }

    #[test]
    fn judgments_and_sigma_choose_the_kernel() {
        use Likelihood::{Gaussian, SumGaussian};
        for (log_ratio, weight, likelihood, sigma, expected) in [
            (&[11.9][..], &[3.0][..], SumGaussian, 0.5, Kind::Square),
            (&[12.1], &[1.0], SumGaussian, 0.5, Kind::CarefulSquare),
            (&[12.1], &[1.0], SumGaussian, 0.6, Kind::Square),
            (&[1.0, -2.0], &[3.0, 3.0], SumGaussian, 0.5, Kind::Two),
            (&[1.0, -2.0], &[3.0, 1.0], SumGaussian, 0.5, Kind::Close),
            (&[1.0, -2.0, 5.0], &[1.0, 1.0, 1.0], SumGaussian, 0.5, Kind::Close),
            (&[1.0, -4.0, 6.0], &[1.0, 1.0, 1.0], SumGaussian, 0.5, Kind::Wide),
            (&[1.0, -2.0, 5.0], &[1.0, 1.0, 1.0], SumGaussian, 0.2, Kind::Careful),
            (&[1.0, -2.0, 5.0], &[1.0, 1e-10, 1.0], SumGaussian, 0.5, Kind::Careful),
            (&[1.0, -2.0, 5.0], &[1.0, 1e-10, 1.0], Gaussian, 0.5, Kind::Square),
            (&[100.0, -100.0], &[1.0, 1.0], Gaussian, 0.5, Kind::Square),
            (&[100.0, -10.0], &[1.0, 1.0], Gaussian, 0.5, Kind::CarefulSquare),
        ] {
            assert_eq!(kind_of(log_ratio, weight, likelihood, sigma), expected, "{log_ratio:?} {weight:?} {sigma}");
        }
    }
}
