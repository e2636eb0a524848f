//! The labels of one pair as a table sees them: sorted, merged where equal, about their middle, in the scaled unit in
//! which the density of a label is `2^-distance^2`.

use std::ops::Range;

use crate::error::Result;
use crate::kernels::{Kernel, LANES, Lanes, Simd, Sum};
use crate::parallel::{Interrupt, sort};

use super::super::mean::Double;
use super::span::Span;

/// Terms added before the partial sum is, compensated: bounds the rounding error of a sum over many labels.
pub(super) const TERMS_PER_SUM: usize = 64;

/// Labels of one pair, distinct and rising.
#[derive(Debug)]
pub(super) struct Labels {
    /// Distance from the middle, scaled.
    pub position: Vec<f64>,
    /// Minus the base-2 logarithm of the weight relative to the heaviest: at least 0.
    pub lightness: Vec<f64>,
    /// The logit difference half way between the first and the last label.
    pub middle: f64,
    /// The sum of the weights relative to the heaviest.
    pub total: f64,
}

impl Labels {
    /// Of one pair's labels and weights; `scale` takes logit differences to the scaled unit.
    ///
    /// # Errors
    /// [`Error::Interrupted`](crate::Error::Interrupted).
    pub(super) fn new(log_ratio: &[f64], weight: &[f64], scale: f64, interrupt: &Interrupt) -> Result<Self> {
        let mut labels: Vec<(f64, f64)> = log_ratio.iter().copied().zip(weight.iter().copied()).collect();
        sort(&mut labels, interrupt, |x, y| x.0.total_cmp(&y.0).then(x.1.total_cmp(&y.1)))?;
        let merge = |equal: &[(f64, f64)]| {
            interrupt.check()?;
            Ok((equal[0].0, Double::of(equal.iter().map(|label| label.1)).value()))
        };
        let labels: Vec<(f64, f64)> = labels.chunk_by(|x, y| x.0 == y.0).map(merge).collect::<Result<_>>()?;
        let middle = 0.5 * (labels[0].0 + labels[labels.len() - 1].0);
        let heaviest = labels.iter().fold(0.0, |heaviest: f64, label| heaviest.max(label.1));
        let shares: Vec<f64> = labels.iter().map(|label| label.1 / heaviest).collect();
        let lightness = |(share, label): (&f64, &(f64, f64))| {
            interrupt.check()?;
            Ok(if share.is_normal() { 0.0 - share.log2() } else { heaviest.log2() - label.1.log2() })
        };
        Ok(Self {
            position: labels.iter().map(|label| (label.0 - middle) * scale).collect(),
            lightness: shares.iter().zip(&labels).map(lightness).collect::<Result<_>>()?,
            middle,
            total: Double::of(shares).value(),
        })
    }

    /// Memory of them.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(self.position.as_slice()) + size_of_val(self.lightness.as_slice())
    }

    /// All of them.
    pub(super) fn all(&self) -> Window<'_> {
        Window { first: 0, position: &self.position, lightness: &self.lightness }
    }

    /// The distance from a span to the nearest.
    pub(super) fn distance(&self, span: Span) -> f64 {
        let (low, high) = (span.first.min(span.last), span.first.max(span.last));
        let above = self.position.partition_point(|&p| p < low);
        let below = above.checked_sub(1).map_or(f64::INFINITY, |below| low - self.position[below]);
        self.position.get(above).map_or(below, |p| below.min((p - high).max(0.0)))
    }

    /// The largest distance from the middle.
    pub(super) fn reach(&self) -> f64 {
        self.position[0].abs().max(self.position[self.position.len() - 1].abs())
    }
}

/// Consecutive labels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window<'a> {
    /// Where the first is among all.
    pub first: usize,
    position: &'a [f64],
    lightness: &'a [f64],
}

impl Window<'_> {
    /// Number of labels.
    pub(super) fn len(&self) -> usize {
        self.position.len()
    }

    /// Half way between the first and the last label.
    pub(super) fn middle(&self) -> f64 {
        0.5 * (self.position[0] + self.position[self.len() - 1])
    }

    /// Half the distance between the first and the last label.
    pub(super) fn reach(&self) -> f64 {
        0.5 * (self.position[self.len() - 1] - self.position[0])
    }

    /// Without the labels at either end that nowhere from `low` to `high` reach `2^-bits` of one near half way: the
    /// difference of two exponents is linear, so the ends decide. Away from both ends exponents grow by distance alone.
    pub(super) fn matters(self, low: f64, high: f64, bits: f64) -> Self {
        let near = self.near(0.5 * (low + high));
        let (at_low, at_high) = (self.exponent(near, low) + bits, self.exponent(near, high) + bits);
        let dropped = |p: &f64| (low - p) * (low - p) >= at_low && (high - p) * (high - p) >= at_high;
        let first = self.position[..near].partition_point(|p| *p < low && dropped(p));
        let last = near + 1 + self.position[near + 1..].partition_point(|p| !(*p > high && dropped(p)));
        self.slice(first..last)
    }

    /// The heavier of the two labels around `t`.
    fn near(self, t: f64) -> usize {
        let above = self.position.partition_point(|&p| p < t).min(self.len() - 1);
        let below = above.saturating_sub(1);
        if self.exponent(below, t) < self.exponent(above, t) { below } else { above }
    }

    fn exponent(self, label: usize, t: f64) -> f64 {
        self.lightness[label] + (t - self.position[label]) * (t - self.position[label])
    }

    fn slice(self, range: Range<usize>) -> Self {
        Self {
            first: self.first + range.start,
            position: &self.position[range.clone()],
            lightness: &self.lightness[range],
        }
    }

    /// The smallest exponent of eight points, and the sum of the densities relative to it.
    #[inline(always)]
    pub(super) fn density<const FMA: bool>(self, simd: impl Simd, t: Lanes<FMA>) -> (Lanes<FMA>, Lanes<FMA>) {
        let nearest = self.nearest(t);
        let mut total = Sum::zero();
        let chunks = self.position.chunks(TERMS_PER_SUM).zip(self.lightness.chunks(TERMS_PER_SUM));
        for (positions, lightness) in chunks {
            let mut sum = Lanes::splat(0.0);
            for (&position, &light) in positions.iter().zip(lightness) {
                sum = simd.exp2(nearest - exponent(t, position, light)).add_to(sum);
            }
            total.add(sum);
        }
        (nearest, total.value())
    }

    /// The mean distance of eight points to the labels, weighted by their densities there.
    #[inline(always)]
    pub(super) fn mean_distance<const FMA: bool>(self, simd: impl Simd, t: Lanes<FMA>) -> Lanes<FMA> {
        let nearest = self.nearest(t);
        let [mut total, mut moment] = [Lanes::splat(0.0); 2];
        let chunks = self.position.chunks(TERMS_PER_SUM).zip(self.lightness.chunks(TERMS_PER_SUM));
        for (positions, lightness) in chunks {
            let [mut sum, mut first] = [Lanes::splat(0.0); 2];
            for (&position, &light) in positions.iter().zip(lightness) {
                let density = simd.exp2_floored(nearest - exponent(t, position, light)).value();
                sum = sum + density;
                first = density.mul_add(t - Lanes::splat(position), first);
            }
            total = total + sum;
            moment = moment + first;
        }
        moment / total
    }

    #[inline(always)]
    fn nearest<const FMA: bool>(self, t: Lanes<FMA>) -> Lanes<FMA> {
        let mut nearest = Lanes::splat(f64::INFINITY);
        for (&position, &light) in self.position.iter().zip(self.lightness) {
            nearest = exponent(t, position, light).min(nearest);
        }
        nearest
    }

    /// Additions in the longest chain of [`Window::density`], and those of compensated sums.
    pub(super) fn additions(&self) -> f64 {
        (TERMS_PER_SUM.min(self.len()) + 2) as f64
    }

    /// The position of the label that is nearest to a span beyond all of these.
    pub(super) fn beside(&self, span: Span) -> Option<f64> {
        let (first, last) = (self.position[0], self.position[self.len() - 1]);
        if last <= span.first.min(span.last) {
            Some(last)
        } else {
            (first >= span.first.max(span.last)).then_some(first)
        }
    }

    /// Position and lightness of the label, if there is one alone.
    pub(super) fn only(&self) -> Option<(f64, f64)> {
        (self.len() == 1).then(|| (self.position[0], self.lightness[0]))
    }
}

/// The exponent of one label, or what is like one, at eight points.
#[inline(always)]
pub(super) fn exponent<const FMA: bool>(t: Lanes<FMA>, position: f64, light: f64) -> Lanes<FMA> {
    let distance = t - Lanes::splat(position);
    distance.mul_add(distance, Lanes::splat(light))
}

/// Mean and variance of the labels, weighted by their densities at eight points.
pub(super) struct Moments<'a> {
    pub labels: Window<'a>,
    pub points: [f64; LANES],
}

impl Kernel for Moments<'_> {
    type Output = ([f64; LANES], [f64; LANES]);

    #[inline(always)]
    fn run<const FMA: bool>(self, simd: impl Simd) -> Self::Output {
        let Self { labels, points } = self;
        let t = Lanes::<FMA>(points);
        let nearest = labels.nearest(t);
        let origin = labels.middle();
        let [mut sum, mut first, mut second] = [Lanes::splat(0.0); 3];
        for (&position, &light) in labels.position.iter().zip(labels.lightness) {
            let weight = simd.exp2(nearest - exponent(t, position, light)).value();
            let moment = weight * Lanes::splat(position - origin);
            sum = sum + weight;
            first = first + moment;
            second = moment.mul_add(Lanes::splat(position - origin), second);
        }
        let mean = first / sum;
        (mean.0, (second / sum - mean * mean).0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Interrupt, Labels};
    use crate::error::Error;

    #[test]
    fn equal_labels_are_one_with_their_weight() {
        let labels = Labels::new(&[2.0, -1.0, 2.0, 2.0], &[1.0, 4.0, 0.5, 0.5], 3.0, &Interrupt::new()).unwrap();
        assert_eq!(labels.position, [-4.5, 4.5]);
        assert_eq!(labels.lightness, [0.0, 1.0]);
        assert_eq!((labels.middle, labels.total), (0.5, 1.5));
    }

    #[test]
    fn labels_that_cannot_matter_are_dropped_from_the_ends() {
        let labels = Labels::new(&[-9.0, -1.0, 0.0, 1.0, 9.0], &[1.0; 5], 1.0, &Interrupt::new()).unwrap();
        assert_eq!(labels.all().matters(-0.5, 0.5, 40.0).position, [-1.0, 0.0, 1.0]);
        assert_eq!(labels.all().matters(-0.5, 0.5, 100.0).len(), 5);
        assert_eq!(labels.all().matters(-60.0, -50.0, 40.0).position, [-9.0]);
    }

    #[test]
    fn an_interrupt_is_heard() {
        let interrupt = Interrupt::new();
        interrupt.raise();
        assert_eq!(Labels::new(&[1.0, 2.0], &[1.0, 1.0], 1.0, &interrupt).err(), Some(Error::Interrupted));
    }
}
