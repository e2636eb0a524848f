//! Why a solution holds the weights that it holds, and no others that are as good.

use std::fmt;

/// Which of the optimal weights a solution holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// There are no others.
    Unique,
    /// Those nearest to the reference.
    Nearest,
    /// Weights on the way to those, as far as they can be certified.
    NearlyNearest,
    /// More than half of the models fit exactly: the nearest weights that use only such models.
    NearestOfExact,
    /// Some with few models: no tie-break was asked for.
    Vertex,
    /// The ridge decides.
    Ridge,
    /// What the ridge adds is below rounding: its limit.
    RidgeLimit,
    /// What the ridge adds is below rounding, and so is the distance of its limit.
    NearlyRidge,
}

impl Reason {
    /// Whether the weights are those that were asked for, up to rounding of the weights themselves.
    #[must_use]
    pub const fn is_as_asked(self) -> bool {
        !matches!(self, Self::NearlyNearest | Self::NearestOfExact | Self::NearlyRidge)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unique => "the optimum is unique",
            Self::Nearest => "nearest to the reference among the optima",
            Self::NearlyNearest => "nearest to the reference among the optima, as far as rounding lets weights fit",
            Self::NearestOfExact => "nearest to the reference among the models that fit exactly",
            Self::Vertex => "an optimum with few models",
            Self::Ridge => "the ridge makes the optimum unique",
            Self::RidgeLimit => "the ridge is below rounding, these are the weights as it vanishes",
            Self::NearlyRidge => "the ridge is below rounding, and leaves the weights open as far as that",
        })
    }
}
