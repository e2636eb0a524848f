//! What a density is the sum of, on one span: labels, or bins of them.

use crate::kernels::{Lanes, Simd};

use super::bins::{self, Bin};
use super::labels::Window;

/// Labels that matter on a span.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sources<'a> {
    /// One by one.
    Labels(Window<'a>),
    /// By bins, whose error is small there.
    Bins(&'a [Bin]),
}

impl Sources<'_> {
    /// Whether there is one label alone.
    pub(super) fn is_one(&self) -> bool {
        matches!(self, Self::Labels(labels) if labels.len() == 1)
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
