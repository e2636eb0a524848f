//! The optimal face: the models that have weight in some optimum, and how many dimensions the optimal weights have.

use pulp::NullaryFnOnce;

use crate::error::Result;
use crate::lanes::{add_scaled, dot, vectorised};
use crate::least_squares::certificate::{Certificate, Problem};
use crate::least_squares::facial;
use crate::least_squares::orthonormal::{orthonormal_rows, turned_rows};
use crate::least_squares::predictions::Predictions;
use crate::least_squares::rank::{DEPENDENT, affine_rank};
use crate::parallel::Execution;

/// Slopes this close to the level, and distances from a hyperplane, relative to the lengths involved, count as none.
pub(super) const FLAT: f64 = 1e-9;
/// Rounding of a residual relative to the rows, with some room: slopes are not known any better.
pub(super) const ROUNDING: f64 = 1e-14;

/// Where the optima lie.
pub(super) struct Face {
    /// The models that have weight in some optimum, ascending.
    pub(super) models: Vec<usize>,
    /// Dimension of the set of optimal weights: 0 if there is one optimum.
    pub(super) dimension: usize,
    /// By how much the objective rises, per weight, towards the nearest model that no optimum can use: infinite if there
    /// is none.
    pub(super) reduced_cost: f64,
    /// Whether the residual is rounding: the optima are the weights that give the labels themselves.
    pub(super) exact: bool,
}

impl Face {
    /// The face of the optimum `weights`.
    pub(super) fn of(
        problem: &mut Problem<'_>,
        weights: &[f64],
        certificate: &Certificate,
        execution: &Execution,
    ) -> Result<Self> {
        let exact = is_exact(problem, certificate);
        let (models, reduced_cost) = flat_models(problem, weights, certificate);
        if models.len() == support(weights).len() {
            return Ok(Self::only(weights, reduced_cost)); // the models of a vertex are independent
        }
        let lead = problem.typical_length();
        let (models, dimension, passes) = blends(problem.predictions, models, weights, lead, DEPENDENT, execution)?;
        problem.passes += passes;
        if dimension == 0 {
            return Ok(Self::only(weights, reduced_cost));
        }
        Ok(Self { models, dimension, reduced_cost, exact })
    }

    /// The face of an optimum that is known to be the only one.
    pub(super) fn unique(problem: &Problem<'_>, weights: &[f64], certificate: &Certificate) -> Self {
        Self::only(weights, flat_models(problem, weights, certificate).1)
    }

    fn only(weights: &[f64], reduced_cost: f64) -> Self {
        Self { models: support(weights), dimension: 0, reduced_cost, exact: false }
    }
}

/// Of `models`, those that have weight in some mixture with the coordinates that `weights` give, the dimension of the set of
/// such mixtures, and the passes made. Rows that add less than the fraction `dependent` of their length to the span of
/// others are in it.
pub(super) fn blends(
    predictions: &dyn Predictions,
    mut models: Vec<usize>,
    weights: &[f64],
    lead: f64,
    dependent: f64,
    execution: &Execution,
) -> Result<(Vec<usize>, usize, usize)> {
    let n = predictions.n_coordinates();
    let n_support = support(weights).len();
    let mut passes = 0;
    loop {
        let gathered;
        let rows: &dyn Predictions = if models.len() == predictions.n_models() {
            predictions
        } else {
            gathered = FaceRows::gather(predictions, &models, None);
            &gathered
        };
        let rank = if models.len() <= n + 1 { Some(affine_rank(rows, lead, dependent, execution)?) } else { None };
        if rank.is_some_and(|(rank, _)| rank == models.len()) {
            return Ok((support(weights), 0, passes));
        }
        // Weights on a full set of independent models lie in the interior of the hull; others may lie on its boundary.
        if n_support <= n {
            let start: Vec<f64> = models.iter().map(|&d| weights[d]).collect();
            let (possible, more) = facial::reduce(rows, &start, execution)?;
            passes += more;
            if possible.contains(&false) {
                let mut possible = possible.into_iter();
                models.retain(|_| possible.next() == Some(true));
                continue;
            }
        }
        let (rank, more) = rank.map_or_else(|| affine_rank(rows, lead, dependent, execution), Ok)?;
        return Ok((models.clone(), models.len() - rank, passes + more));
    }
}

/// The models with weight, ascending.
pub(super) fn support(weights: &[f64]) -> Vec<usize> {
    (0..weights.len()).filter(|&d| weights[d] > 0.0).collect()
}

fn is_exact(problem: &Problem<'_>, certificate: &Certificate) -> bool {
    certificate.misfit <= FLAT * problem.median_loss.sqrt() && problem.cost.is_none() && problem.l2 == 0.0
}

/// The models whose slope is that of the models with weight or less, to rounding, and by how much the least slope among
/// the others is above it, twice. It is not counted from the least slope: a model may be below the level by less than the
/// tolerance, and copies of models with weight are on the face all the same.
fn flat_models(problem: &Problem<'_>, weights: &[f64], certificate: &Certificate) -> (Vec<usize>, f64) {
    if is_exact(problem, certificate) {
        return ((0..problem.n_models()).collect(), f64::INFINITY);
    }
    let (residual, fit) = (certificate.misfit, dot(&certificate.residual, &certificate.residual));
    let level = certificate.level;
    let known = (FLAT * residual).max(ROUNDING * problem.typical_length());
    let is_flat = |(d, &slope): (usize, &f64)| {
        let inner = slope - 0.5 * problem.price(d) - problem.l2 * weights[d];
        let distance = (problem.lengths[d] - 2.0 * inner + fit).max(0.0).sqrt();
        let rounding = 4.0 * f64::EPSILON * residual * problem.lengths[d].sqrt();
        slope - level <= known * distance + rounding + FLAT * 0.5 * problem.price(d)
    };
    let mut on_face: Vec<bool> = certificate.slopes.iter().enumerate().map(is_flat).collect();
    add_weighted(&mut on_face, problem.predictions, weights, &certificate.slopes);
    let off = certificate.slopes.iter().zip(&on_face).filter(|(_, on_face)| !**on_face);
    let next = off.map(|(&slope, _)| slope).fold(f64::INFINITY, f64::min);
    ((0..on_face.len()).filter(|&d| on_face[d]).collect(), 2.0 * (next - level))
}

/// Choose the models with weight, too, though rounding may keep them off the others, and their exact copies, which have
/// their slopes to the last bit.
pub(super) fn add_weighted(chosen: &mut [bool], predictions: &dyn Predictions, weights: &[f64], slopes: &[f64]) {
    let mut rows = [vec![0.0; predictions.n_coordinates()], vec![0.0; predictions.n_coordinates()]];
    for weighted in (0..weights.len()).filter(|&d| weights[d] > 0.0) {
        if std::mem::replace(&mut chosen[weighted], true) {
            continue;
        }
        predictions.coordinates(weighted, &mut rows[0]);
        for other in (0..weights.len()).filter(|&d| slopes[d] == slopes[weighted]) {
            predictions.coordinates(other, &mut rows[1]);
            chosen[other] |= rows[0] == rows[1];
        }
    }
}

/// The gathered coordinates of some models.
pub(super) struct FaceRows {
    rows: Vec<f64>,
    n_models: usize,
    width: usize,
}

impl FaceRows {
    /// With the price of each model as one more coordinate, where there are prices.
    pub(super) fn gather(predictions: &dyn Predictions, models: &[usize], prices: Option<&[f64]>) -> Self {
        let n = predictions.n_coordinates();
        let width = n + usize::from(prices.is_some());
        let mut rows = vec![0.0; models.len() * width];
        for (&model, row) in models.iter().zip(rows.chunks_exact_mut(width.max(1))) {
            predictions.coordinates(model, &mut row[..n]);
            row[n..].fill(prices.map_or(0.0, |prices| prices[model]));
        }
        Self { rows, n_models: models.len(), width }
    }

    /// The same models in orthonormal coordinates.
    pub(super) fn orthonormal(&self, execution: &Execution) -> Result<Self> {
        let (rows, width) = orthonormal_rows(&self.rows, self.n_models, self.width, execution)?;
        Ok(Self { rows, width, ..*self })
    }

    /// The same models in no more coordinates than they are, with the same lengths and angles; what a row adds to the span of
    /// others below the fraction `dependent` of its length is left away.
    pub(super) fn turned(&self, dependent: f64, execution: &Execution) -> Result<Self> {
        let (rows, width) = turned_rows(&self.rows, self.width, dependent, execution)?;
        Ok(Self { rows, width, ..*self })
    }

    #[inline(always)]
    fn row(&self, model: usize) -> &[f64] {
        &self.rows[model * self.width..(model + 1) * self.width]
    }
}

/// Add the weighted rows to a sum, four at a time: the sum stays in registers.
struct AddRows<'a> {
    rows: &'a [f64],
    weights: &'a [f64],
    sum: &'a mut [f64],
}

impl NullaryFnOnce for AddRows<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { rows, weights, sum } = self;
        let n = sum.len();
        let (fours, rest) = weights.as_chunks::<4>();
        for (&weights, rows) in fours.iter().zip(rows.chunks_exact(4 * n)) {
            let (a, bcd) = rows.split_at(n);
            let (b, cd) = bcd.split_at(n);
            let (c, d) = cd.split_at(n);
            for ((((sum, a), b), c), d) in sum.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                *sum = (((*sum + weights[0] * a) + weights[1] * b) + weights[2] * c) + weights[3] * d;
            }
        }
        for (&weight, row) in rest.iter().zip(rows[4 * fours.len() * n..].chunks_exact(n)) {
            add_scaled(sum, weight, row);
        }
    }
}

impl Predictions for FaceRows {
    fn n_models(&self) -> usize {
        self.n_models
    }

    fn n_coordinates(&self) -> usize {
        self.width
    }

    #[inline(always)]
    fn coordinates(&self, model: usize, out: &mut [f64]) {
        out.copy_from_slice(self.row(model));
    }

    #[inline(always)]
    fn product(&self, model: usize, v: &[f64], _row: &mut [f64]) -> f64 {
        dot(self.row(model), v)
    }

    fn add_mix(&self, first: usize, weights: &[f64], sum: &mut [f64]) {
        let rows = &self.rows[first * self.width..(first + weights.len()) * self.width];
        if self.width > 0 {
            vectorised(AddRows { rows, weights, sum });
        }
    }
}
