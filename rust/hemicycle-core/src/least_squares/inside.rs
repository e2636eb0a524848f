//! Problems whose best fit lies inside the convex hull of the models: then every mixture that gives it is optimal, every
//! model has weight in one, and the nearest to uniform is found without a search for a vertex, from the dual variables of a
//! similar problem.

use crate::error::{Error, Result};
use crate::lanes::dot;
use crate::least_squares::certificate::{Certificate, Problem};
use crate::least_squares::face::{FLAT, Face, FaceRows, support};
use crate::least_squares::nearest::project;
use crate::least_squares::rank::affine_rank;
use crate::least_squares::tie_break::NEAREST;
use crate::least_squares::{Optima, Solution, certified, solution};
use crate::parallel::Execution;

/// The weights nearest to uniform of a problem of this kind.
pub(super) struct Inside {
    dual: Vec<f64>,
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
        let uniform = vec![1.0 / n_models as f64; n_models];
        let nearest = project(problem, problem.predictions, &vec![0.0; n], &uniform, &[], execution)?;
        Ok(nearest.fits().then_some(Self { dual: nearest.dual }))
    }

    /// The solution of a similar problem with the same coordinates, if it is of this kind too: the models with weight then
    /// span the whole space, so that the fit lies inside their hull.
    pub(super) fn solve(&self, problem: &mut Problem<'_>, execution: &Execution) -> Result<Option<Solution>> {
        let (n_models, n) = (problem.n_models(), problem.predictions.n_coordinates());
        let uniform = vec![1.0 / n_models as f64; n_models];
        let nearest = project(problem, problem.predictions, &vec![0.0; n], &uniform, &self.dual, execution)?;
        if !nearest.fits() {
            return Ok(None);
        }
        let (weights, certificate) = match certified(problem, nearest.weights, execution) {
            Err(Error::NotConverged { .. }) => return Ok(None),
            found => found?,
        };
        let rows = FaceRows::gather(problem.predictions, &support(&weights), None);
        let (rank, passes) = affine_rank(&rows, problem.typical_length(), execution)?;
        problem.passes += passes;
        if rank <= n {
            return Ok(None);
        }
        let models = (0..n_models).collect();
        let face = Face { models, dimension: n_models - rank, reduced_cost: f64::INFINITY, exact: false };
        let vertex = Vec::new();
        Ok(Some(solution(problem, weights, certificate, NEAREST, Optima { face, vertex })))
    }
}
