//! Through the judgments, run after run: which way of scoring each kind of pair takes is said here and nowhere else.

use super::careful::Careful;
use super::kind::Kind;
use super::plan::{Mixture, Plan, Run};
use super::tabulated::Tabulated;
use super::terms::{Close, Density, Gaussian, Two, Wide};

/// What is done with the pairs of a run, by how they are scored; must be `#[inline(always)]`.
pub(super) trait Visit {
    /// Pairs with one Gaussian.
    fn squares(&mut self, pairs: &[impl Gaussian]);

    /// Pairs with several labels, of weight `factor` each.
    fn mixtures<D: Density>(&mut self, factor: f64, pairs: &[Mixture]);

    /// Pairs with tables.
    fn tables(&mut self, pairs: &[Tabulated]);
}

impl Plan {
    /// Visit all pairs in order.
    #[inline(always)]
    pub(super) fn walk(&self, visit: &mut impl Visit) {
        for run in &self.runs {
            let Run { kind, factor, first, last } = *run;
            match kind {
                Kind::Square => visit.squares(&self.squares[first..last]),
                Kind::CarefulSquare => visit.squares(&self.careful_squares[first..last]),
                Kind::Two => visit.mixtures::<Two>(factor, &self.mixtures[first..last]),
                Kind::Close => visit.mixtures::<Close>(factor, &self.mixtures[first..last]),
                Kind::Wide => visit.mixtures::<Wide>(factor, &self.mixtures[first..last]),
                Kind::Careful => visit.mixtures::<Careful>(factor, &self.mixtures[first..last]),
                Kind::Tabulated => visit.tables(&self.tables[first..last]),
            }
        }
    }
}
