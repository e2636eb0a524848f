//! Many labels as few: those of a bin together, by their moments.
//!
//! With `c` the middle of a bin, `e_i` the distances of its labels from there, at most `r`, and `s = 2 log 2`, the labels have
//! together the density `2^-u^2 P(u)` at `c + u`, `P(u) = sum_k M_k u^k`, `M_k = sum_i v_i 2^-(e_i^2) (s e_i)^k / k!`. The powers up
//! to `u^(K-1)` leave away at most `x^K / K! e^x` of the factor `e^(s e_i u) >= e^-x` of a label, `x = s r |u|`: of what the bin has,
//! `x^K / K! e^(2x)`, and of its derivative over s, which is the mean distance, `x^(K-1) / (K-1)! e^(2x)` times r. No sum of
//! absolute values exceeds `M_0 e^x`, nor one of k times the terms `x M_0 e^x`, so rounding takes some units of `(1 + x) e^(2x)`.
//! Far bins err more and count less: their share of the density at any point of a span is at most their ratio to the
//! nearest bin, whose logarithm but for `x` is linear. Each bin errs by its error times its share.

use crate::kernels::{InstructionSet, Kernel, LANES, Lanes, Simd, Sum};
use crate::parallel::Interrupt;

use super::UNIT;
use super::bound::SLOPE;
use super::labels::{Labels, TERMS_PER_SUM, exponent};
use super::span::Span;

/// Half the width of a bin, at most.
const REACH: f64 = 0.25;

/// Powers of a bin.
const POWERS: usize = 24;

/// Bins serve where they are so many times fewer than labels: each costs as much as two.
const LABELS_A_BIN: usize = 3;

/// The lightness of no label: its density is nothing beside the heaviest of a bin.
const NOTHING: f64 = 1e4;

/// Errors are known for distances up to half of this; larger ones are too large.
const DISTANCES: usize = 32;

/// Labels of a bin, together.
#[derive(Debug)]
pub(super) struct Bin {
    centre: f64,
    /// Minus the base-2 logarithm of the sum of the weights, those of the labels at the centre.
    lightness: f64,
    /// The coefficients of `P / M_0`.
    moments: [f64; POWERS],
    /// Where its labels are among all.
    first: usize,
    last: usize,
}

/// The bins of one pair.
#[derive(Debug)]
pub(super) struct Bins {
    bins: Vec<Bin>,
    /// The relative error at a distance of k / 2 or less.
    errors: [f64; DISTANCES],
}

impl Bins {
    /// None at all where they would be no help, nor after an interrupt.
    pub(super) fn new(labels: &Labels, instructions: InstructionSet, interrupt: &Interrupt) -> Self {
        let none = Self { bins: vec![], errors: [0.0; DISTANCES] };
        let mut starts = vec![0];
        for (k, position) in labels.position.iter().enumerate() {
            if position - labels.position[starts[starts.len() - 1]] > 2.0 * REACH {
                starts.push(k);
            }
        }
        if LABELS_A_BIN * starts.len() > labels.position.len() {
            return none;
        }
        let ends = starts[1..].iter().copied().chain([labels.position.len()]);
        let mut bins = Vec::with_capacity(starts.len());
        for (&first, last) in starts.iter().zip(ends) {
            if interrupt.check().is_err() {
                return none;
            }
            bins.push(Bin::new(labels, first, last, instructions));
        }
        Self { bins, errors: std::array::from_fn(|k| error(0.5 * k as f64)) }
    }

    /// The bins of the labels from `first` to `last`, if on the span they err by at most `allowed` of the density.
    pub(super) fn within(&self, first: usize, last: usize, span: Span, allowed: f64) -> Option<&[Bin]> {
        let begin = self.bins.partition_point(|bin| bin.last <= first);
        let end = self.bins.partition_point(|bin| bin.first < last);
        let bins = self.bins.get(begin..end).filter(|bins| !bins.is_empty())?;
        let centre = span.centre();
        let near = bins.iter().min_by(|x, y| x.exponent(centre).total_cmp(&y.exponent(centre)))?;
        let error: f64 = bins.iter().map(|bin| self.error(bin, near, span)).sum();
        (error <= allowed).then_some(bins)
    }

    /// What a bin adds to the relative error of the density on a span, beside the bin `near`: the larger of two halves,
    /// on each of which the largest share is taken with the largest distance.
    fn error(&self, bin: &Bin, near: &Bin, span: Span) -> f64 {
        let [first, centre, last] = [span.first, span.centre(), span.last].map(|t| {
            let [distance, of_near] = [bin, near].map(|bin| (t - bin.centre).abs());
            (distance, near.exponent(t) - bin.exponent(t) + REACH * 2.0 * (distance + of_near))
        });
        let half = |(distance, ratio): (f64, f64), end: (f64, f64)| {
            let place = (2.0 * distance.max(end.0)).ceil() as usize;
            let share = power_of_two(ratio.max(end.1).min(0.0));
            self.errors.get(place).map_or(f64::INFINITY, |error| error * share)
        };
        half(first, centre).max(half(centre, last))
    }
}

/// The relative error of a bin at this distance or a smaller one.
fn error(distance: f64) -> f64 {
    let x = SLOPE * REACH * distance;
    let left_away = (1..POWERS).fold(1.0, |term, k| term * x / k as f64);
    // exponentials, moments and their quotients, sums of eight and by eights; k products and k sums behind power k
    let rounding = UNIT * (32.0 + TERMS_PER_SUM as f64 + 6.0 * x);
    (left_away + rounding) * (2.0 * x).exp()
}

/// The power of two of the next integer from `x <= 0` on, or of -1000.
fn power_of_two(x: f64) -> f64 {
    f64::from_bits(((1023.0 + x.ceil().max(-1000.0)) as u64) << 52)
}

impl Bin {
    fn new(labels: &Labels, first: usize, last: usize, instructions: InstructionSet) -> Self {
        let (position, lightness) = (&labels.position[first..last], &labels.lightness[first..last]);
        let centre = 0.5 * (position[0] + position[position.len() - 1]);
        let lightest = lightness.iter().copied().fold(f64::INFINITY, f64::min);
        let mut moments = instructions.run(Moments { position, lightness, centre, lightest });
        let total = moments[0];
        let mut factorial = total;
        for (k, moment) in moments.iter_mut().enumerate() {
            factorial *= k.max(1) as f64;
            *moment /= factorial;
        }
        Self { centre, lightness: lightest - total.log2(), moments, first, last }
    }

    fn exponent(&self, t: f64) -> f64 {
        self.lightness + (t - self.centre) * (t - self.centre)
    }

    /// `P / M_0` and its derivative.
    #[inline(always)]
    fn value_and_slope<const FMA: bool>(&self, u: Lanes<FMA>) -> (Lanes<FMA>, Lanes<FMA>) {
        let mut k = POWERS - 1;
        let (mut value, mut slope) = (Lanes::splat(self.moments[k]), Lanes::splat(0.0));
        while k > 0 {
            k -= 1;
            slope = slope.mul_add(u, value);
            value = value.mul_add(u, Lanes::splat(self.moments[k]));
        }
        (value, slope)
    }
}

/// `sum_i v_i 2^-(e_i^2) (s e_i)^k` of labels, `v_i` relative to the heaviest.
struct Moments<'a> {
    position: &'a [f64],
    lightness: &'a [f64],
    centre: f64,
    /// The smallest lightness.
    lightest: f64,
}

impl Kernel for Moments<'_> {
    type Output = [f64; POWERS];

    #[inline(always)]
    fn run<const FMA: bool>(self, simd: impl Simd) -> [f64; POWERS] {
        let Self { position, lightness, centre, lightest } = self;
        let mut sums = [Sum::<FMA>::zero(); POWERS];
        let many = LANES * TERMS_PER_SUM;
        for (position, lightness) in position.chunks(many).zip(lightness.chunks(many)) {
            let mut partial = [Lanes::<FMA>::splat(0.0); POWERS];
            for (position, lightness) in position.chunks(LANES).zip(lightness.chunks(LANES)) {
                let (mut distance, mut light) = ([0.0; LANES], [NOTHING; LANES]);
                for i in 0..position.len().min(LANES) {
                    (distance[i], light[i]) = (position[i] - centre, lightness[i] - lightest);
                }
                let distance = Lanes::<FMA>(distance);
                let factor = distance * Lanes::splat(SLOPE);
                let mut term = simd.exp2(Lanes::splat(0.0) - distance.mul_add(distance, Lanes(light))).value();
                for sum in &mut partial {
                    *sum = *sum + term;
                    term = term * factor;
                }
            }
            for (sum, partial) in sums.iter_mut().zip(partial) {
                sum.add(partial);
            }
        }
        let mut totals = [0.0; POWERS];
        for (total, sum) in totals.iter_mut().zip(sums) {
            for term in sum.value().0 {
                *total += term;
            }
        }
        totals
    }
}

/// The smallest exponent of eight points, and the sum of the densities relative to it.
#[inline(always)]
pub(super) fn density<const FMA: bool>(simd: impl Simd, bins: &[Bin], t: Lanes<FMA>) -> (Lanes<FMA>, Lanes<FMA>) {
    let nearest = nearest(bins, t);
    let mut sum = Lanes::splat(0.0);
    for bin in bins {
        let u = t - Lanes::splat(bin.centre);
        let mut k = POWERS - 1;
        let mut value = Lanes::splat(bin.moments[k]);
        while k > 0 {
            k -= 1;
            value = value.mul_add(u, Lanes::splat(bin.moments[k]));
        }
        sum = simd.exp2(nearest - exponent(t, bin.centre, bin.lightness)).value().mul_add(value, sum);
    }
    (nearest, sum)
}

#[inline(always)]
fn nearest<const FMA: bool>(bins: &[Bin], t: Lanes<FMA>) -> Lanes<FMA> {
    let mut nearest = Lanes::splat(f64::INFINITY);
    for bin in bins {
        nearest = exponent(t, bin.centre, bin.lightness).min(nearest);
    }
    nearest
}

/// Mean and a bound of the variance of the labels of bins, weighted by their densities at eight points.
pub(super) struct Spread<'a> {
    pub bins: &'a [Bin],
    pub points: [f64; LANES],
}

impl Spread<'_> {
    /// Half the distance from the first to the last label, at most.
    pub(super) fn reach(&self) -> f64 {
        0.5 * (self.bins[self.bins.len() - 1].centre - self.bins[0].centre) + REACH
    }
}

impl Kernel for Spread<'_> {
    type Output = ([f64; LANES], [f64; LANES]);

    #[inline(always)]
    fn run<const FMA: bool>(self, simd: impl Simd) -> Self::Output {
        let Self { bins, points } = self;
        let t = Lanes::<FMA>(points);
        let nearest = nearest(bins, t);
        let origin = 0.5 * (bins[0].centre + bins[bins.len() - 1].centre);
        let [mut sum, mut first, mut second] = [Lanes::splat(0.0); 3];
        for bin in bins {
            let (value, slope) = bin.value_and_slope(t - Lanes::splat(bin.centre));
            let weight = simd.exp2(nearest - exponent(t, bin.centre, bin.lightness)).value();
            let (total, moved) = (weight * value, weight * slope * Lanes::splat(1.0 / SLOPE));
            let centre = Lanes::splat(bin.centre - origin);
            sum = sum + total;
            first = first + total.mul_add(centre, moved);
            // the mean square of a distance from the origin: that of its centre, twice its product with the mean distance
            // from the centre, and the mean square of the latter, at most that of the reach
            second = second + total * centre * centre + (centre + centre) * moved + total * Lanes::splat(REACH * REACH);
        }
        let mean = first / sum;
        (mean.0, (second / sum - mean * mean).0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Bins, InstructionSet, Interrupt, Kernel, LANES, Labels, Lanes, Simd, Span, Spread, density};
    use proptest::prelude::*;

    struct Density<'a>(&'a [super::Bin], [f64; LANES]);

    impl Kernel for Density<'_> {
        type Output = [f64; LANES];

        #[inline(always)]
        fn run<const FMA: bool>(self, simd: impl Simd) -> [f64; LANES] {
            let (nearest, sum) = density::<FMA>(simd, self.0, Lanes(self.1));
            std::array::from_fn(|i| sum.0[i].log2() - nearest.0[i])
        }
    }

    /// The base-2 logarithm of the density, mean and variance of the labels at a point.
    fn exact(labels: &Labels, t: f64) -> [f64; 3] {
        let pairs = || labels.position.iter().zip(&labels.lightness);
        let exponent = |(&p, &light): (&f64, &f64)| (t - p) * (t - p) + light;
        let nearest = pairs().map(exponent).fold(f64::INFINITY, f64::min);
        let weights: Vec<f64> = pairs().map(|label| (nearest - exponent(label)).exp2()).collect();
        let total: f64 = weights.iter().sum();
        let mean = weights.iter().zip(&labels.position).map(|(w, p)| w * p).sum::<f64>() / total;
        let square = |(w, p): (&f64, &f64)| w * (p - mean) * (p - mean);
        [total.log2() - nearest, mean, weights.iter().zip(&labels.position).map(square).sum::<f64>() / total]
    }

    proptest! {
        #[test]
        fn bins_are_as_good_as_their_labels(
            labels in prop::collection::vec((-6.0..6.0, prop_oneof![3 => Just(1.0), 1 => 1e-9..1e9]), 100..600),
            begin in -12.0..10.0, width in 0.01..4.0, places in prop::array::uniform8(0.0..1.0),
        ) {
            let (position, weight): (Vec<f64>, Vec<f64>) = labels.into_iter().unzip();
            let labels = Labels::new(&position, &weight, 1.0, &Interrupt::new()).unwrap();
            let span = Span { first: begin - labels.middle, last: begin + width - labels.middle };
            for set in InstructionSet::available() {
                let bins = Bins::new(&labels, set, &Interrupt::new());
                let Some(bins) = bins.within(0, labels.position.len(), span, 1e-12) else { continue };
                let points = places.map(|place| span.at(2.0 * place - 1.0));
                let densities = set.run(Density(bins, points));
                let middle = 0.5 * (labels.position[0] + labels.position[labels.position.len() - 1]);
                prop_assert!((middle).abs() < 1e-9);
                let origin = 0.5 * (bins[0].centre + bins[bins.len() - 1].centre);
                let (mean, variance) = set.run(Spread { bins, points });
                for i in 0..LANES {
                    let [expected, exact_mean, exact_variance] = exact(&labels, points[i]);
                    prop_assert!((densities[i] - expected).abs() < 3e-12, "{} {}", densities[i] - expected, set.name());
                    prop_assert!((mean[i] + origin - exact_mean).abs() < 1e-9);
                    prop_assert!(variance[i] >= exact_variance - 1e-9 && variance[i] <= exact_variance + 0.0626);
                }
            }
        }
    }

    #[test]
    fn bins_serve_where_labels_are_many() {
        let bins = |n: usize| {
            let positions: Vec<f64> = (0..n).map(|k| 10.0 * k as f64 / n as f64).collect();
            let labels = Labels::new(&positions, &vec![1.0; n], 1.0, &Interrupt::new()).unwrap();
            Bins::new(&labels, InstructionSet::detect(), &Interrupt::new())
        };
        assert_eq!((bins(40).bins.len(), bins(1000).bins.len()), (0, 20));
        let bins = bins(1000);
        let used = |first, last| bins.within(0, 1000, Span { first, last }, 1e-12).map(<[_]>::len);
        assert_eq!((used(-1.0, 1.0), used(30.0, 31.0)), (Some(20), None));
    }
}
