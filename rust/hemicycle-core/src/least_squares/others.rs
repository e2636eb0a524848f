//! All models but one.

use crate::error::Result;
use crate::least_squares::predictions::Predictions;
use crate::least_squares::{Options, Solution, solve};
use crate::parallel::Execution;

/// All models but `absent`.
pub(super) struct Others<'a, P: ?Sized> {
    pub(super) models: &'a P,
    pub(super) absent: usize,
}

impl<P: Predictions + ?Sized> Others<'_, P> {
    /// Solve without the model; the solution is over all models.
    pub(super) fn solve(&self, options: &Options<'_>, execution: &Execution) -> Result<Solution>
    where
        P: Sized,
    {
        let left = options.start.iter().filter(|&&model| model != self.absent);
        let start: Vec<usize> = left.map(|&model| model - usize::from(model > self.absent)).collect();
        let mut solution = solve(self, &Options { start: &start, ..*options }, execution)?;
        solution.weights.insert(self.absent, 0.0);
        for model in solution.face.iter_mut().chain(&mut solution.vertex) {
            *model = self.in_whole(*model);
        }
        Ok(solution)
    }

    #[inline(always)]
    fn in_whole(&self, model: usize) -> usize {
        model + usize::from(model >= self.absent)
    }
}

impl<P: Predictions + ?Sized> Predictions for Others<'_, P> {
    fn n_models(&self) -> usize {
        self.models.n_models() - 1
    }

    fn n_coordinates(&self) -> usize {
        self.models.n_coordinates()
    }

    #[inline(always)]
    fn coordinates(&self, model: usize, out: &mut [f64]) {
        self.models.coordinates(self.in_whole(model), out);
    }

    fn push(&self, coordinates: &mut [f64]) {
        self.models.push(coordinates);
    }

    fn pull(&self, v: &mut [f64]) {
        self.models.pull(v);
    }

    fn constant(&self) -> f64 {
        self.models.constant()
    }

    fn scaled_constant(&self, factor: f64) -> f64 {
        self.models.scaled_constant(factor)
    }
}
