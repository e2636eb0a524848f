//! What a density is the sum of, on one span: labels, or bins of them.

use crate::kernels::{Lanes, Simd};

use super::bins::{self, Bin};
use super::labels::Window;
use super::span::Span;

/// Labels that matter on a span.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sources<'a> {
    /// One by one.
    Labels(Window<'a>),
    /// By bins, whose error is small there.
    Bins(&'a [Bin]),
}

impl Sources<'_> {
    /// Position and lightness of the label, if there is one alone.
    pub(super) fn only(&self) -> Option<(f64, f64)> {
        match self {
            Self::Labels(labels) => labels.only(),
            Self::Bins(_) => None,
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Labels(labels) => labels.len(),
            Self::Bins(bins) => bins.len(),
        }
    }

    /// The position of the label that is nearest to a span beyond all of them: the log density is nearly its parabola.
    pub(super) fn beside(&self, span: Span) -> Option<f64> {
        match self {
            Self::Labels(labels) => labels.beside(span),
            Self::Bins(_) => None,
        }
    }

    /// Number of terms in the longest chain of additions of [`Sources::density`].
    pub(super) fn additions(&self) -> f64 {
        match self {
            Self::Labels(labels) => labels.additions(),
            Self::Bins(bins) => bins.len() as f64,
        }
    }

    /// The smallest exponent of eight points, and the sum of the densities relative to it.
    #[inline(always)]
    pub(super) fn density<const FMA: bool>(self, simd: impl Simd, t: Lanes<FMA>) -> (Lanes<FMA>, Lanes<FMA>) {
        match self {
            Self::Labels(labels) => labels.density(simd, t),
            Self::Bins(bins) => bins::density(simd, bins, t),
        }
    }
}
