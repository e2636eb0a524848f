//! Problems whose best fit lies inside the convex hull of the models: then every mixture that gives it is optimal, every
//! model has weight in one, and the nearest to uniform is found without a search for a vertex, from the dual variables and
//! the Newton system of a similar problem.

use crate::error::Result;
use crate::lanes::dot;
use crate::least_squares::absent::{Absent, Alone, Priced};
use crate::least_squares::certificate::{Certificate, Problem, longest, typical_length};
use crate::least_squares::dual::Dual;
use crate::least_squares::dual_point::Start;
use crate::least_squares::face::{FLAT, Face, FaceRows, support};
use crate::least_squares::known_system::KnownSystem;
use crate::least_squares::left_out::Whole;
use crate::least_squares::nearest::{FEASIBLE, project};
use crate::least_squares::others::Others;
use crate::least_squares::passes;
use crate::least_squares::predictions::{InCoordinates, Predictions};
use crate::least_squares::rank::{DEPENDENT, TRIED, affine_rank};
use crate::least_squares::tie_break::NEGLIGIBLE;
use crate::least_squares::{Reason, Solution};
use crate::parallel::Execution;
use crate::simplex::normalise;

/// Coordinates of all models are gathered where they are at most so many: 32 MB.
const MAX_GATHERED: usize = 1 << 22;

/// The weights nearest to uniform of a problem of this kind.
pub(super) struct Inside {
    gathered: Option<FaceRows>,
    length: f64,
    longest: f64,
    start: Start,
    system: KnownSystem,
}

impl Inside {
    /// `None` if the optimum `weights` belong to a problem of another kind.
    pub(super) fn of(
        problem: &mut Problem<'_>,
        weights: &[f64],
        certificate: &Certificate,
        execution: &Execution,
    ) -> Result<Option<Self>> {
        let (n_models, n) = (problem.n_models(), problem.predictions.n_coordinates());
        let misfit = dot(&certificate.residual, &certificate.residual).sqrt();
        if misfit > FLAT * problem.typical_length() || n_models <= n + 1 {
            return Ok(None);
        }
        let face = Face::of(problem, weights, certificate, execution)?;
        if face.models.len() != n_models || face.dimension != n_models - (n + 1) {
            return Ok(None);
        }
        let all: Vec<usize> = (0..n_models).collect();
        let gathered = (n_models * n <= MAX_GATHERED).then(|| FaceRows::gather(problem.predictions, &all, None));
        let rows = InCoordinates(gathered.as_ref().map_or(problem.predictions, |rows| rows));
        let uniform = uniform(n_models);
        let nearest = project(&rows, &vec![0.0; n], &uniform, execution)?;
        problem.passes += nearest.passes;
        // Only models with weight that span the whole space show that the fit lies inside their hull.
        if !nearest.fits() || !spanning(problem, &nearest.weights, execution)? {
            return Ok(None);
        }
        let Some(system) = KnownSystem::of(&rows, &nearest.weights, &vec![0.0; n], execution)? else {
            return Ok(None);
        };
        let lengths = passes::squared_lengths(&rows, execution)?;
        let (length, longest) = (typical_length(&lengths), longest(&lengths));
        let start = Start::of(&rows, &uniform, &nearest.dual, execution)?;
        Ok(Some(Self { gathered, length, longest, start, system }))
    }

    /// The solution of a problem that is left, if it is of this kind too and near enough to the whole one.
    pub(super) fn solve<T: Copy + Into<f64> + Send + Sync>(
        &self,
        whole: &Whole<'_, T>,
        absent: &Absent<'_>,
        execution: &Execution,
    ) -> Result<Option<Solution>> {
        let n = whole.models.n_coordinates();
        let (Some(alone), Some(mut target)) = (Alone::of(whole, absent), absent.terms.minimiser(n)) else {
            return Ok(None);
        };
        whole.models.form().coordinates_of(&mut target);
        let (found, passes) = self.nearest(whole, absent.model, &target, execution)?;
        let Some(mut weights) = found else {
            return Ok(None);
        };
        whole.problem.sweep(&mut weights);
        normalise(&mut weights);
        let rows = self.rows(whole);
        let coordinates = passes::mix(&rows, &weights, execution)?;
        let mut residual = coordinates.clone();
        whole.models.push(&mut residual);
        let products = passes::times(&rows, &absent.gradient(whole, &residual), execution)?;
        let with_weight = weights.iter().copied().enumerate().filter(|&(_, weight)| weight > 0.0);
        let Priced { gap, .. } = absent.price(whole, &residual, products, with_weight);
        if weights.iter().any(|&weight| weight > 0.0 && weight <= NEGLIGIBLE) {
            return Ok(None); // it may be rounding, and the fit on the boundary of the hull
        }
        let spans = self.system.is_within(&weights) || spanning(&whole.problem, &weights, execution)?;
        if gap.is_nan() || gap > alone.tolerance || !spans {
            return Ok(None);
        }
        let face: Vec<usize> = (0..weights.len()).filter(|&d| absent.model != Some(d)).collect();
        Ok(Some(Solution {
            weights,
            objective: absent.loss_at(whole, &coordinates),
            gap,
            relative_gap: gap / alone.median_loss,
            passes: passes + 2,
            reason: Reason::Nearest,
            face_dimension: face.len() - (n + 1),
            face,
            reduced_cost: f64::INFINITY,
            vertex: Vec::new(),
        }))
    }

    /// The weights nearest to uniform that give `target`, if there are any, and the passes made.
    fn nearest<T: Copy + Into<f64> + Send + Sync>(
        &self,
        whole: &Whole<'_, T>,
        absent: Option<usize>,
        target: &[f64],
        execution: &Execution,
    ) -> Result<(Option<Vec<f64>>, usize)> {
        let rows = self.rows(whole);
        let Some(absent) = absent else {
            return self.project(&rows, target, &self.start, &self.system, execution);
        };
        let others = Others { models: &rows, absent };
        let Some(system) = self.system.without(&rows, absent, execution)? else {
            return Ok((None, 0));
        };
        let start = Start::of(&others, &uniform(others.n_models()), self.start.z(), execution)?;
        let (mut found, passes) = self.project(&others, target, &start, &system, execution)?;
        if let Some(weights) = &mut found {
            weights.insert(absent, 0.0);
        }
        Ok((found, passes))
    }

    fn project(
        &self,
        rows: &dyn Predictions,
        target: &[f64],
        start: &Start,
        system: &KnownSystem,
        execution: &Execution,
    ) -> Result<(Option<Vec<f64>>, usize)> {
        let dual = Dual {
            predictions: rows,
            anchor: &uniform(rows.n_models()),
            ridge: 0.0,
            target,
            length: self.length,
            longest: self.longest,
            start: Some(start),
            known: Some(system),
        };
        let (weights, misfit, passes, _) = dual.solve(execution)?;
        Ok(((misfit <= FEASIBLE * self.length).then_some(weights), passes))
    }

    fn rows<'a, T: Copy + Into<f64> + Send + Sync>(&'a self, whole: &Whole<'a, T>) -> InCoordinates<'a> {
        InCoordinates(self.gathered.as_ref().map_or(whole.models, |rows| rows))
    }
}

fn uniform(n_models: usize) -> Vec<f64> {
    vec![1.0 / n_models as f64; n_models]
}

/// Whether the models with weight span the whole space: a fit of theirs then lies inside their hull. Most pools show it in
/// some of them.
fn spanning(problem: &Problem<'_>, weights: &[f64], execution: &Execution) -> Result<bool> {
    let (n, models) = (problem.predictions.n_coordinates(), support(weights));
    let some: Vec<usize> = models.iter().copied().step_by(models.len().div_ceil(TRIED * (n + 1)).max(1)).collect();
    for models in [some, models] {
        let rows = FaceRows::gather(problem.predictions, &models, None);
        let (rank, _) = affine_rank(&rows, problem.typical_length(), DEPENDENT, execution)?;
        if rank > n {
            return Ok(true);
        }
    }
    Ok(false)
}
