//! How wide a cell may be: the guaranteed error of a polynomial through the Chebyshev points of a cell.
//!
//! With `s = 2 log 2`, `K(t) = log sum_i v_i 2^-(t - p_i)^2 + log(2) t^2 = log sum_i v'_i e^(s p_i t)` is a cumulant
//! generating function: `K' = s mean` and `K'' = s^2 var` of the labels weighted by their densities at `t`. Let `V`
//! bound `s^2 var` at the real parts of an ellipse around the cell with half axes `a`, `b`. At `x + iy` of the ellipse the sum is
//! `e^K(x)` times `E e^(iys p)`, and `|E e^(iys(p - mean)) - 1| <= y^2 V / 2 <= kappa = b^2 V / 2`, so for `kappa < 1` K is
//! analytic there. From its tangent at the centre it differs by at most `V (|x| + |y|)^2 / 2 - log(1 - kappa)`, and
//! `|x| + |y| <= sqrt(a^2 + b^2)` on the ellipse: `M = V (a^2 + b^2) / 2 - log(1 - kappa)`. For the Bernstein ellipse of
//! parameter rho, `a, b = h (rho +- 1 / rho) / 2` with `h` half the cell's width, the polynomial of degree q through the Chebyshev
//! points errs by at most `4 M rho^-q / (rho - 1)` (Trefethen, Approximation Theory and Practice, 2013, theorem 8.2). It
//! reproduces what is quadratic, so this holds for the log density too.
//!
//! Far out the exponents of labels, `t^2`, are rounded: their densities err by `2^(3 units of t^2)` relative to each other, the
//! variance by no more than that to the fourth power. Beyond 3e7, where that would be much, labels that matter lie so
//! close together that K differs from a line by less than `1e-12 log(2) t^2`.

use std::f64::consts::LN_2;

use crate::kernels::{InstructionSet, LANES};

use super::UNIT;
use super::bins::Spread;
use super::interpolation::DEGREE;
use super::labels::Moments;
use super::sources::Sources;
use super::span::Span;

/// `2 log 2`.
pub(super) const SLOPE: f64 = 2.0 * LN_2;

/// More than bins take from means and squares, relative to their range: they serve where their error is below this.
pub(super) const BINNED: f64 = 1e-9;

/// The ellipse whose cells are widest at a given error.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ellipse {
    /// Its real half axis over half the width of the cell.
    pub real: f64,
    /// The largest `V h^2` that keeps the error.
    curvature: f64,
}

impl Ellipse {
    /// For an error of at most `epsilon`, in natural logs.
    pub(super) fn widest(epsilon: f64) -> Self {
        let candidates = (0..200).map(|step| Self::with_parameter(1.1 * 1.02_f64.powi(step), epsilon));
        let narrow = Self { real: 1.0, curvature: 0.0 };
        candidates.fold(narrow, |best, next| if next.curvature > best.curvature { next } else { best })
    }

    fn with_parameter(rho: f64, epsilon: f64) -> Self {
        let (real, imaginary) = (0.5 * (rho + 1.0 / rho), 0.5 * (rho - 1.0 / rho));
        let allowed = 0.25 * epsilon * rho.powi(DEGREE as i32) * (rho - 1.0);
        let ratio = 1.0 + (real / imaginary) * (real / imaginary);
        let (mut low, mut high) = (0.0, 0.999);
        for _ in 0..30 {
            let kappa = 0.5 * (low + high);
            if kappa * ratio - f64::ln_1p(-kappa) <= allowed { low = kappa } else { high = kappa }
        }
        Self { real, curvature: 2.0 * low / (imaginary * imaginary) }
    }

    /// Whether the interpolant on a span keeps the error.
    pub(super) fn holds(&self, labels: Sources<'_>, span: Span, instructions: InstructionSet) -> bool {
        if labels.only().is_some() {
            return true;
        }
        let (centre, half) = (span.centre(), span.half());
        let variance = largest_variance(labels, centre, half * self.real, instructions);
        SLOPE * SLOPE * variance * half * half <= self.curvature
    }
}

/// A bound of the variance of the labels, weighted by their densities, at every point within `reach` of `centre`.
///
/// Between two points `x_j` apart by `g`, for any `c`, `N(x) = sum_i w_i (p_i - c)^2` with unnormalised weights is log-convex in
/// `x` and so below its chord in logs, while `e^K(x)` is above its tangents: the variance, at most `N e^-K`, is at most its
/// larger end times the exponential of the largest gap between chord and tangents of K, itself at most `g (K'_1 - K'_0) / 4`.
fn largest_variance(labels: Sources<'_>, centre: f64, reach: f64, instructions: InstructionSet) -> f64 {
    let gap = 2.0 * reach / (LANES - 1) as f64;
    let points = std::array::from_fn(|j| centre - reach + gap * j as f64);
    // more than rounding, and bins, take from means and from differences of squares as large as these
    let ((mean, variance), rounding) = match labels {
        Sources::Labels(labels) => {
            let rounding = 1e-13 * labels.reach() * labels.reach() * (1.0 + labels.len() as f64 / 64.0);
            (instructions.run(Moments { labels, points }), rounding)
        }
        Sources::Bins(bins) => {
            let spread = Spread { bins, points };
            let rounding = BINNED * spread.reach() * spread.reach();
            (instructions.run(spread), rounding)
        }
    };
    let (mut widest, mut most) = (0.0_f64, 0.0_f64);
    for j in 0..LANES - 1 {
        let step = (mean[j + 1] - mean[j]).max(0.0) + rounding.sqrt();
        widest = step.max(widest);
        most = (variance[j].max(variance[j + 1]) + 0.25 * step * step + rounding).max(most);
    }
    let farthest = centre.abs() + reach;
    let uneven = (12.0 * UNIT * farthest * farthest).min(2.0);
    1.000_001 * most * (0.25 * gap * SLOPE * widest).exp() * uneven.exp2()
}

#[cfg(test)]
mod tests {
    use super::super::labels::Labels;
    use super::{Ellipse, Sources, largest_variance};
    use crate::kernels::InstructionSet;
    use crate::parallel::Interrupt;
    use proptest::prelude::*;

    fn variance(labels: &Labels, t: f64) -> f64 {
        let pairs = || labels.position.iter().zip(&labels.lightness);
        let exponent = |(&p, &light): (&f64, &f64)| (t - p) * (t - p) + light;
        let nearest = pairs().map(exponent).fold(f64::INFINITY, f64::min);
        let weights: Vec<f64> = pairs().map(|label| (nearest - exponent(label)).exp2()).collect();
        let total: f64 = weights.iter().sum();
        let mean = weights.iter().zip(&labels.position).map(|(w, p)| w * p).sum::<f64>() / total;
        weights.iter().zip(&labels.position).map(|(w, p)| w * (p - mean) * (p - mean)).sum::<f64>() / total
    }

    proptest! {
        #[test]
        fn no_variance_in_the_ellipse_is_above_the_bound(
            positions in prop::collection::vec(-20.0..20.0, 2..30), centre in -40.0..40.0, reach in 0.01..20.0,
            inside in prop::collection::vec(-1.0..1.0, 20),
        ) {
            let labels = Labels::new(&positions, &vec![1.0; positions.len()], 1.0, &Interrupt::new()).unwrap();
            let bound = largest_variance(Sources::Labels(labels.all()), centre - labels.middle, reach, InstructionSet::detect());
            for x in inside {
                prop_assert!(variance(&labels, centre - labels.middle + x * reach) <= bound);
            }
        }
    }

    #[test]
    fn a_smaller_error_needs_narrower_cells() {
        let widths: Vec<f64> = [1e-6, 1e-8, 1e-10, 1e-12].iter().map(|&e| Ellipse::widest(e).curvature).collect();
        assert!(widths.windows(2).all(|pair| pair[0] > pair[1] && pair[1] > 0.0), "{widths:?}");
    }
}
