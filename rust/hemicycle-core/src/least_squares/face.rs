//! The optimal face, and the point of it that is nearest to given weights.

use crate::error::Result;
use crate::least_squares::certificate::{Certificate, Problem, longest, typical_length};
use crate::least_squares::corral::Corral;
use crate::least_squares::dual::Dual;
use crate::least_squares::facial;
use crate::least_squares::lanes::dot;
use crate::least_squares::orthonormal::orthonormal_rows;
use crate::least_squares::passes;
use crate::least_squares::predictions::{InCoordinates, Predictions};
use crate::parallel::Execution;

/// Slopes this close to the least, relative to the lengths involved, count as equal to it.
const FLAT: f64 = 1e-9;
/// Residuals above this size relative to the rows are not rounding any more.
const FEASIBLE: f64 = 1e-12;

/// The models that may have weight in an optimum: those whose slope is the least, to rounding.
pub(super) fn models(problem: &Problem<'_>, weights: &[f64], certificate: &Certificate) -> Vec<usize> {
    let fit = dot(&certificate.residual, &certificate.residual);
    let residual = (fit + problem.predictions.constant()).sqrt();
    if residual <= FLAT * problem.median_loss.sqrt() && problem.cost.is_none() {
        return (0..problem.n_models()).collect();
    }
    let least = certificate.slopes.iter().copied().fold(f64::INFINITY, f64::min);
    let on_face = |&d: &usize| {
        let inner = certificate.slopes[d] - 0.5 * problem.price(d);
        let distance = (problem.lengths[d] - 2.0 * inner + fit).max(0.0).sqrt();
        let flat = FLAT * (residual * distance + 0.5 * problem.price(d).abs());
        weights[d] > 0.0 || certificate.slopes[d] - least <= flat
    };
    (0..problem.n_models()).filter(on_face).collect()
}

/// The outcome of the tie-break.
pub(super) enum Nearest {
    /// There is only one optimum.
    Unique,
    /// These weights.
    Weights(Vec<f64>),
    /// Rounding kept the weights from fitting.
    Failed,
}

/// The optimum nearest to `reference` among those of a face that contains `weights`.
pub(super) fn nearest(
    problem: &mut Problem<'_>,
    weights: &[f64],
    mut face: Vec<usize>,
    reference: &[f64],
    execution: &Execution,
) -> Result<Nearest> {
    let n = problem.predictions.n_coordinates();
    let whole = face.len() == problem.n_models() && problem.cost.is_none() && face.len() > n + 1;
    if whole {
        let n_support = weights.iter().filter(|&&weight| weight > 0.0).count();
        // A point in the interior needs a full corral; only without one it may lie on the boundary.
        if n_support <= n {
            let (possible, passes) = facial::reduce(problem.predictions, weights, execution)?;
            problem.passes += passes;
            face.retain(|&model| possible[model]);
        }
        if face.len() == problem.n_models() {
            let projected = project(problem, problem.predictions, weights, reference, execution)?;
            if let Some(projected) = projected {
                return Ok(Nearest::Weights(projected));
            }
        }
    }
    on_rows(problem, weights, face, reference, execution)
}

/// The same on a part of the models, gathered, and reduced as long as that excludes any.
fn on_rows(
    problem: &mut Problem<'_>,
    weights: &[f64],
    mut face: Vec<usize>,
    reference: &[f64],
    execution: &Execution,
) -> Result<Nearest> {
    loop {
        let rows = FaceRows::gather(problem, &face);
        if rows.are_independent(problem.typical_length()) {
            return Ok(Nearest::Unique);
        }
        let start: Vec<f64> = face.iter().map(|&d| weights[d]).collect();
        let (possible, passes) = facial::reduce(&rows, &start, execution)?;
        problem.passes += passes;
        if possible.contains(&false) {
            let mut possible = possible.into_iter();
            face.retain(|_| possible.next() == Some(true));
            continue;
        }
        let anchor: Vec<f64> = face.iter().map(|&d| reference[d]).collect();
        let mut projected = project(problem, &rows, &start, &anchor, execution)?;
        if projected.is_none() {
            projected = project(problem, &rows.orthonormal(), &start, &anchor, execution)?;
        }
        let Some(projected) = projected else {
            return Ok(Nearest::Failed);
        };
        let mut nearest = vec![0.0; weights.len()];
        face.iter().zip(projected).for_each(|(&d, weight)| nearest[d] = weight);
        return Ok(Nearest::Weights(nearest));
    }
}

/// The weights nearest to `anchor` that fit what `feasible` fits, if they do to rounding.
fn project(
    problem: &mut Problem<'_>,
    rows: &dyn Predictions,
    feasible: &[f64],
    anchor: &[f64],
    execution: &Execution,
) -> Result<Option<Vec<f64>>> {
    let rows = &InCoordinates(rows);
    let target = passes::mix(rows, feasible, execution)?;
    let lengths = passes::squared_lengths(rows, execution)?;
    let (length, longest) = (typical_length(&lengths), longest(&lengths));
    let dual = Dual { predictions: rows, anchor, ridge: 0.0, target: &target, length, longest };
    let (weights, residual, passes) = dual.solve(execution)?;
    problem.passes += passes + 2;
    Ok((residual <= FEASIBLE * length).then_some(weights))
}

/// The gathered coordinates of the models of a face, and their prices where there are any: with both fixed, so are fit
/// and objective.
struct FaceRows {
    rows: Vec<f64>,
    n_models: usize,
    width: usize,
}

impl FaceRows {
    fn gather(problem: &Problem<'_>, face: &[usize]) -> Self {
        let n = problem.predictions.n_coordinates();
        let width = n + usize::from(problem.cost.is_some());
        let mut rows = vec![0.0; face.len() * width];
        for (&model, row) in face.iter().zip(rows.chunks_exact_mut(width.max(1))) {
            problem.predictions.coordinates(model, &mut row[..n]);
            row[n..].fill(problem.price(model));
        }
        Self { rows, n_models: face.len(), width }
    }

    /// The same models in orthonormal coordinates.
    fn orthonormal(&self) -> Self {
        let (rows, width) = orthonormal_rows(&self.rows, self.n_models, self.width);
        Self { rows, width, ..*self }
    }

    fn row(&self, model: usize) -> &[f64] {
        &self.rows[model * self.width..(model + 1) * self.width]
    }

    /// Whether only one combination of these rows, with a sum of one, gives any point.
    fn are_independent(&self, lead: f64) -> bool {
        if self.n_models > self.width + 1 {
            return false;
        }
        let mut corral = Corral::new(self.width, self.n_models, lead);
        (0..self.n_models).all(|model| corral.push(self.row(model)).is_ok())
    }
}

impl Predictions for FaceRows {
    fn n_models(&self) -> usize {
        self.n_models
    }

    fn n_coordinates(&self) -> usize {
        self.width
    }

    fn coordinates(&self, model: usize, out: &mut [f64]) {
        out.copy_from_slice(self.row(model));
    }

    fn times(&self, first: usize, v: &[f64], out: &mut [f64]) {
        for (i, out) in out.iter_mut().enumerate() {
            *out = dot(self.row(first + i), v);
        }
    }
}
