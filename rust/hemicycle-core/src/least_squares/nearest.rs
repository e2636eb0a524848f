//! The point of the optimal face that is nearest to given weights.

use std::borrow::Cow;

use crate::error::Result;
use crate::least_squares::certificate::{longest, typical_length};
use crate::least_squares::dual::Dual;
use crate::least_squares::face::{Face, FaceRows};
use crate::least_squares::passes;
use crate::least_squares::predictions::{InCoordinates, Predictions};
use crate::parallel::Execution;

/// Residuals above this size relative to the rows are not rounding any more.
pub(super) const FEASIBLE: f64 = 1e-12;

/// Weights of the face, how far they are from the fit, relative to the rows, the dual variables that gave them, and the
/// passes made.
pub(super) struct Nearest {
    pub(super) weights: Vec<f64>,
    misfit: f64,
    pub(super) dual: Vec<f64>,
    pub(super) passes: usize,
}

impl Nearest {
    /// Whether they fit to rounding. Where the fit lies within rounding of the boundary of the hull, none may.
    pub(super) fn fits(&self) -> bool {
        self.misfit <= FEASIBLE
    }
}

/// The optimum nearest to `reference`, as well as rounding allows; `weights` is some optimum under these prices. Rows of
/// few models that add less than the fraction `dependent` of their length to the span of others are taken to be in it.
pub(super) fn nearest(
    predictions: &dyn Predictions,
    prices: Option<&[f64]>,
    weights: &[f64],
    face: &Face,
    reference: &[f64],
    dependent: f64,
    execution: &Execution,
) -> Result<Nearest> {
    let everywhere = face.models.len() == predictions.n_models();
    let few = 2 * face.models.len() <= predictions.n_coordinates();
    let on_face = |values| if everywhere { Cow::Borrowed(values) } else { Cow::Owned(chosen(values, &face.models)) };
    let (start, anchor) = (on_face(weights), on_face(reference));
    let mut gathered = None;
    let mut projected = if everywhere && prices.is_none() && !few {
        let target = target(predictions, &start, face.exact, execution)?;
        project(predictions, &target, &anchor, execution)?
    } else {
        // Fixing fit and price fixes the objective.
        let rows = FaceRows::gather(predictions, &face.models, prices);
        let rows = gathered.insert(if few { rows.turned(dependent, execution)? } else { rows });
        let target = target(rows, &start, face.exact, execution)?;
        project(rows, &target, &anchor, execution)?
    };
    if !projected.fits() {
        let gather = || FaceRows::gather(predictions, &face.models, prices);
        let rows = gathered.unwrap_or_else(gather).orthonormal(execution)?;
        let target = target(&rows, &start, false, execution)?;
        let other = project(&rows, &target, &anchor, execution)?;
        let passes = projected.passes + other.passes;
        projected = Nearest { passes, ..if other.misfit < projected.misfit { other } else { projected } };
    }
    let mut nearest = vec![0.0; weights.len()];
    face.models.iter().zip(&projected.weights).for_each(|(&d, &weight)| nearest[d] = weight);
    Ok(Nearest { weights: nearest, ..projected })
}

fn chosen(values: &[f64], models: &[usize]) -> Vec<f64> {
    models.iter().map(|&d| values[d]).collect()
}

/// What the weights have to give: what `optimum` gives, or the labels themselves, from which deviations are counted.
fn target(rows: &dyn Predictions, optimum: &[f64], exact: bool, execution: &Execution) -> Result<Vec<f64>> {
    if exact {
        return Ok(vec![0.0; rows.n_coordinates()]);
    }
    passes::mix(&InCoordinates(rows), optimum, execution)
}

/// The weights nearest to `anchor` that give `target`.
pub(super) fn project(
    rows: &dyn Predictions,
    target: &[f64],
    anchor: &[f64],
    execution: &Execution,
) -> Result<Nearest> {
    let rows = &InCoordinates(rows);
    let (length, longest) = {
        let lengths = passes::squared_lengths(rows, execution)?;
        (typical_length(&lengths), longest(&lengths))
    };
    let dual = Dual { predictions: rows, anchor, ridge: 0.0, target, length, longest, start: None, known: None };
    let (weights, residual, passes, dual) = dual.solve(execution)?;
    Ok(Nearest { weights, misfit: residual / length, dual, passes: passes + 2 })
}
