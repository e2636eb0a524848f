//! The loss of one vector of pairs, from a few labels at a time.
//!
//! With `d_i = pred - y_i` the share of a label is `u_i 2^(h - h_i)`, `h_i` the square of `d_i` in the unit where the density
//! is `2^-h_i` and `h` the least of them: the greatest power is 1 exactly. Labels come in columns of at most [`ROWS`],
//! which are passed over twice while they lie in the first cache, and a column that comes nearer rescales what was summed.

use std::f64::consts::LOG2_E;

use super::numbers::Number;
use super::registers::Machine;
use super::vectors::Vector;

/// Labels that are summed before the sum is added to that of earlier ones, without error.
pub(super) const ROWS: usize = 16;

/// What all pairs share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Width<T> {
    /// Whether the vectors' arithmetic is safe; each pair is else computed on its own.
    pub safe: bool,
    /// `sqrt(log2(e) / 2) / sigma`: the square of a difference times this is `h_i`.
    root: T,
    /// `1 / sigma`, and what it lacks.
    inverse: [T; 2],
    /// `1 / sigma^2`, times what derivatives are multiplied by.
    precision: T,
}

impl<T: Number> Width<T> {
    pub fn new(sigma: f64, scale: f64) -> Self {
        let inverse = T::from_f64(1.0 / sigma);
        // one step of Newton's method gives the digits that the inverse lacks
        let low = (-inverse.to_f64()).mul_add(sigma, 1.0) / sigma;
        Self {
            safe: (1.0 / T::SIGMA_LIMIT..=T::SIGMA_LIMIT).contains(&sigma),
            root: T::from_f64((0.5 * LOG2_E).sqrt() / sigma),
            inverse: [inverse, T::from_f64(low)],
            precision: T::from_f64(scale / (sigma * sigma)),
        }
    }

    /// `difference / sigma`.
    #[inline(always)]
    fn scaled<S: Machine>(&self, difference: Vector<T, S>) -> Vector<T, S> {
        let [high, low] = self.inverse;
        difference.mul_add(difference.all(high), difference * difference.all(low))
    }

    /// `h` of a difference.
    #[inline(always)]
    fn square<S: Machine>(&self, difference: Vector<T, S>) -> Vector<T, S> {
        let z = difference * difference.all(self.root);
        z * z
    }
}

/// Some labels of a vector of pairs, and their weights where these are not all 1.
#[derive(Clone, Copy)]
pub(super) struct Column<'a, T: Number, S: Machine> {
    pub simd: S,
    pub labels: &'a [T::Register<S>],
    pub weights: Option<&'a [T::Register<S>]>,
}

/// A sum that what rounding takes from it is kept of.
#[derive(Clone, Copy)]
struct Sum<T: Number, S: Machine> {
    high: Vector<T, S>,
    low: Vector<T, S>,
}

impl<T: Number, S: Machine> Sum<T, S> {
    #[inline(always)]
    fn zero(simd: S) -> Self {
        let zero = Vector::splat(simd, T::ZERO);
        Self { high: zero, low: zero }
    }

    /// `self * factor + term`, by Knuth's TwoSum.
    #[inline(always)]
    fn add(&mut self, factor: Vector<T, S>, term: Vector<T, S>) {
        let before = self.high * factor;
        let sum = before + term;
        let seen = sum - before;
        self.low = self.low * factor + ((before - (sum - seen)) + (term - seen));
        self.high = sum;
    }

    #[inline(always)]
    fn value(self) -> Vector<T, S> {
        self.high + self.low
    }
}

/// The shares of the labels of a vector of pairs.
#[derive(Clone, Copy)]
pub(super) struct Shares<T: Number, S: Machine> {
    /// `|pred - y|` of the nearest label of weight above 0.
    distance: Vector<T, S>,
    /// The shares' sum.
    sum: Sum<T, S>,
    /// The sum of shares times differences; not finite where a label or a weight is not.
    moment: Sum<T, S>,
    /// The least weight that is not 0, and the greatest.
    weights: [Vector<T, S>; 2],
    /// The sum of shares times squared deviations from their mean, in units of sigma squared.
    spread: Sum<T, S>,
}

impl<T: Number, S: Machine> Shares<T, S> {
    #[inline(always)]
    pub fn none(simd: S) -> Self {
        let (sum, one) = (Sum::zero(simd), Vector::splat(simd, T::ONE));
        Self { distance: Vector::splat(simd, T::INFINITY), sum, moment: sum, weights: [one; 2], spread: sum }
    }

    /// The shares of all labels, where these are one column.
    #[inline(always)]
    pub fn of(width: &Width<T>, pred: Vector<T, S>, column: Column<'_, T, S>) -> Self {
        let mut shares = Self::none(column.simd);
        shares.approach(pred, column);
        let nearest = width.square(shares.distance);
        [shares.sum.high, shares.moment.high] = column.sums(width, nearest, pred);
        shares
    }

    /// Add the shares of more labels.
    #[inline(always)]
    pub fn absorb(&mut self, width: &Width<T>, pred: Vector<T, S>, column: Column<'_, T, S>) {
        let before = width.square(self.distance);
        self.approach(pred, column);
        let nearest = width.square(self.distance);
        let [sum, moment] = column.sums(width, nearest, pred);
        let factor = (nearest - before).exp2();
        self.sum.add(factor, sum);
        self.moment.add(factor, moment);
    }

    /// The nearest label, and the range of weights.
    #[inline(always)]
    fn approach(&mut self, pred: Vector<T, S>, column: Column<'_, T, S>) {
        for row in 0..column.labels.len() {
            let mut distance = (pred - column.label(row)).abs();
            if let Some(weight) = column.weight(row) {
                let ([least, greatest], zero) = (self.weights, pred.all(T::ZERO));
                distance = distance.where_less(zero, weight, pred.all(T::INFINITY));
                let shown = weight.where_less(zero, weight.abs(), least);
                self.weights = [shown.min(least), weight.max(greatest)];
            }
            self.distance = distance.min(self.distance);
        }
    }

    /// The mean difference, weighted by the shares.
    #[inline(always)]
    fn mean(&self) -> Vector<T, S> {
        self.moment.value() / self.sum.value()
    }

    /// Add the squared deviations of labels from the mean, once all of them were absorbed.
    #[inline(always)]
    pub fn spread(&mut self, width: &Width<T>, pred: Vector<T, S>, column: Column<'_, T, S>) {
        let (nearest, mean) = (width.square(self.distance), self.mean());
        let mut spread = pred.all(T::ZERO);
        for row in 0..column.labels.len() {
            let difference = pred - column.label(row);
            let share = column.share(width, nearest, difference, row);
            let deviation = width.scaled(difference - mean);
            spread = (share * deviation).mul_add(deviation, spread);
        }
        self.spread.add(pred.all(T::ONE), spread);
    }

    /// The loss; NaN where these numbers do not vouch for it, and the pair is to be computed on its own.
    #[inline(always)]
    pub fn loss(&self, width: &Width<T>) -> Vector<T, S> {
        let z = width.scaled(self.distance);
        let loss = z * z.all(T::HALF) * z - self.sum.value().ln();
        let ([least, greatest], nan) = (self.weights, z.all(T::NAN));
        let loss = loss.where_less(z.all(T::WEIGHT_LEAST), least, nan);
        let loss = loss.where_less(greatest, z.all(T::WEIGHT_LIMIT), nan);
        // 0 times anything infinite is NaN
        loss + (loss + self.moment.high) * z.all(T::ZERO)
    }

    /// The derivative of the loss by the prediction.
    #[inline(always)]
    pub fn slope(&self, width: &Width<T>) -> Vector<T, S> {
        let mean = self.mean();
        mean * mean.all(width.precision)
    }

    /// The second derivative.
    #[inline(always)]
    pub fn curvature(&self, width: &Width<T>) -> Vector<T, S> {
        let variance = self.spread.value() / self.sum.value();
        (variance.all(T::ONE) - variance) * variance.all(width.precision)
    }
}

impl<T: Number, S: Machine> Column<'_, T, S> {
    #[inline(always)]
    fn label(&self, row: usize) -> Vector<T, S> {
        Vector::new(self.simd, self.labels[row])
    }

    #[inline(always)]
    #[expect(clippy::manual_map, reason = "a closure could be compiled without the instructions of the kernel")]
    fn weight(&self, row: usize) -> Option<Vector<T, S>> {
        match self.weights {
            Some(weights) => Some(Vector::new(self.simd, weights[row])),
            None => None,
        }
    }

    /// The sum of the shares of all rows, and that of shares times differences.
    #[inline(always)]
    fn sums(self, width: &Width<T>, nearest: Vector<T, S>, pred: Vector<T, S>) -> [Vector<T, S>; 2] {
        let (mut sum, mut moment) = (pred.all(T::ZERO), pred.all(T::ZERO));
        for row in 0..self.labels.len() {
            let difference = pred - self.label(row);
            let share = self.share(width, nearest, difference, row);
            sum = sum + share;
            moment = share.mul_add(difference, moment);
        }
        [sum, moment]
    }

    /// The share of the label of one row, whose `h` is `nearest` or more where its weight is above 0.
    #[inline(always)]
    fn share(self, width: &Width<T>, nearest: Vector<T, S>, difference: Vector<T, S>, row: usize) -> Vector<T, S> {
        let power = nearest - width.square(difference);
        match self.weight(row) {
            None => power.exp2(),
            Some(weight) => power.min(power.all(T::ZERO)).exp2() * weight,
        }
    }
}
