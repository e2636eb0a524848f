//! What changes when something is left out: every label of a juror or of a pair, or a model.
//!
//! Each problem that is left differs from the whole one by a few terms of the loss, or by one model. It starts from the
//! vertex of the whole, in the same coordinates, and takes the absent terms out of the objective. What grows with the
//! number of models is done for all problems together: in each round, one product of the models' coordinates with a
//! vector a problem prices all models in all problems. Where little is left of the loss in some direction, or the
//! optimum is not unique, a problem is solved by itself.

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::least_squares::absent::Absent;
use crate::least_squares::case::{Case, Judged};
use crate::least_squares::certificate::Problem;
use crate::least_squares::face::support;
use crate::least_squares::inside::Inside;
use crate::least_squares::others::Others;
use crate::least_squares::pairs::{PairDifferences, WeightedPairs};
use crate::least_squares::passes;
use crate::least_squares::predictions::Predictions;
use crate::least_squares::pricing::{self, least};
use crate::least_squares::unit::in_range;
use crate::least_squares::working_set::WorkingSet;
use crate::least_squares::{COMPACT, Options, Solution, solve};
use crate::parallel::Execution;

/// What is left out of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Without<'a> {
    /// These labels, by position, ascending; not all of them.
    Labels(&'a [usize]),
    /// This model; not the only one.
    Model(usize),
}

/// Solve every problem that is left; each solution is that of the problem by itself, over all models of the whole. Of the
/// options, `tol` and `start` are used.
///
/// # Errors
/// [`Error::Index`] for a label or model that does not exist, [`Error::NoData`] if none is left, [`Error::Interrupted`].
/// A problem that is not solved to the certificate is an [`Error::NotConverged`] in its place.
pub fn leave_out<T: Copy + Into<f64> + Send + Sync>(
    models: &PairDifferences<'_, T>,
    labels: WeightedPairs<'_>,
    without: &[Without<'_>],
    options: &Options<'_>,
    execution: &Execution,
) -> Result<Vec<Result<Solution>>> {
    options.check(models.n_models())?;
    without.iter().try_for_each(|without| without.check(labels.y.len(), models.n_models()))?;
    let mut solutions: Vec<Option<Solution>> = without.iter().map(|_| None).collect();
    if (1..=COMPACT * models.n_models()).contains(&models.n_coordinates()) {
        let whole = Whole::new(models, labels, options, execution)?;
        match &whole.inside {
            _ if !in_range(&whole.problem.lengths) => {}
            Some(inside) => whole.solve_inside(inside, without, &mut solutions, execution)?,
            None => whole.solve(without, &mut solutions, execution)?,
        }
    }
    let rest = solutions
        .into_par_iter()
        .zip(without)
        .map(|(solution, without)| solution.map_or_else(|| without.alone(models, labels, options, execution), Ok));
    let solutions: Vec<Result<Solution>> = rest.collect();
    match solutions.iter().find(|solution| matches!(solution, Err(Error::Interrupted))) {
        Some(_) => Err(Error::Interrupted),
        None => Ok(solutions),
    }
}

impl Without<'_> {
    fn check(&self, n_labels: usize, n_models: usize) -> Result<()> {
        let (what, places, length) = match self {
            Self::Labels(labels) => ("labels", *labels, n_labels),
            Self::Model(model) => ("models", std::slice::from_ref(model), n_models),
        };
        if let Some(position) = places.iter().position(|&place| place >= length) {
            return Err(Error::Index { what, position, index: places[position], length });
        }
        if places.len() >= length {
            return Err(Error::NoData { what, reason: "leaving them out leaves none".into() });
        }
        Ok(())
    }

    /// The solution of the problem by itself.
    fn alone<T: Copy + Into<f64> + Send + Sync>(
        &self,
        models: &PairDifferences<'_, T>,
        labels: WeightedPairs<'_>,
        options: &Options<'_>,
        execution: &Execution,
    ) -> Result<Solution> {
        let options = Options { tol: options.tol, start: options.start, ..Options::default() };
        match *self {
            Self::Model(absent) => Others { models, absent }.solve(&options, execution),
            Self::Labels(absent) => solve(&under_others(models, labels, absent, execution)?, &options, execution),
        }
    }
}

/// The models under the labels that are not absent.
fn under_others<'a, T: Copy + Into<f64> + Send + Sync>(
    models: &PairDifferences<'a, T>,
    labels: WeightedPairs<'_>,
    absent: &[usize],
    execution: &Execution,
) -> Result<PairDifferences<'a, T>> {
    let mut rest = absent.iter().peekable();
    let kept: Vec<usize> = (0..labels.y.len()).filter(|i| rest.next_if_eq(&i).is_none()).collect();
    let items = |values: &[u32]| kept.iter().map(|&i| values[i]).collect::<Vec<_>>();
    let numbers = |values: &[f64]| kept.iter().map(|&i| values[i]).collect::<Vec<_>>();
    let (a, b, weight, y) = (items(labels.a), items(labels.b), numbers(labels.weight), numbers(labels.y));
    models.under(WeightedPairs { a: &a, b: &b, weight: &weight, y: &y }, execution)
}

/// The whole problem, solved, and where the problems that are left start.
pub(super) struct Whole<'a, T> {
    pub(super) models: &'a PairDifferences<'a, T>,
    pub(super) labels: WeightedPairs<'a>,
    pub(super) problem: Problem<'a>,
    /// The vertex, and the models that are next to enter.
    pub(super) set: WorkingSet,
    pub(super) gathered: Vec<bool>,
    pub(super) objective: f64,
    pub(super) tol: f64,
    inside: Option<Inside>,
    /// Coordinate of each item, if it has one.
    column_of: Vec<Option<usize>>,
}

impl<'a, T: Copy + Into<f64> + Send + Sync> Whole<'a, T> {
    fn new(
        models: &'a PairDifferences<'a, T>,
        labels: WeightedPairs<'a>,
        options: &Options<'_>,
        execution: &Execution,
    ) -> Result<Self> {
        let mut problem = Problem::new(models, 0.0, None, options.tol, execution)?;
        let (weights, certificate) = pricing::vertex(&mut problem, options.start, execution)?;
        let inside = Inside::of(&mut problem, &weights, &certificate, execution)?;
        let n = models.n_coordinates();
        let mut gathered = vec![false; models.n_models()];
        let mut set = WorkingSet::new(n, models.n_models(), problem.typical_length(), false);
        let vertex = support(&weights);
        pricing::gather(&problem, &mut set, &mut gathered, &vertex);
        set.start_from(vertex.iter().map(|&d| weights[d]).collect());
        pricing::gather(&problem, &mut set, &mut gathered, &least(&certificate.slopes, n, |d| weights[d] == 0.0));
        let columns = &models.form().columns;
        let n_items = columns.iter().map(|&(item, _)| item + 1).max().unwrap_or(0);
        let mut column_of = vec![None; n_items];
        columns.iter().enumerate().for_each(|(column, &(item, _))| column_of[item] = Some(column));
        let (objective, tol) = (certificate.objective, options.tol);
        Ok(Self { models, labels, problem, set, gathered, objective, tol, inside, column_of })
    }

    /// Solve the problems that are near enough to the whole one and have one optimum.
    fn solve(&self, without: &[Without<'_>], solutions: &mut [Option<Solution>], execution: &Execution) -> Result<()> {
        let cases =
            without.par_iter().enumerate().map(|(k, without)| Some((k, Case::new(self, Absent::of(self, *without))?)));
        let mut open: Vec<(usize, Case<'_>)> = cases.flatten().collect();
        while !open.is_empty() {
            let gradients: Vec<Vec<f64>> =
                open.par_iter_mut().map(|(_, case)| case.improve(self, execution)).collect::<Result<_>>()?;
            let products = passes::times_each(self.models, &gradients, execution)?;
            let judged: Vec<(usize, Judged<'_>)> = open
                .into_par_iter()
                .zip(products)
                .map(|((k, case), products)| (k, case.judge(self, products)))
                .collect();
            open = Vec::new();
            for (k, judged) in judged {
                match judged {
                    Judged::Open(case) => open.push((k, *case)),
                    Judged::Solved(solution) => solutions[k] = Some(*solution),
                    Judged::Other => {}
                }
            }
        }
        Ok(())
    }

    /// Solve the problems whose best fit lies inside the hull, like that of the whole one.
    fn solve_inside(
        &self,
        inside: &Inside,
        without: &[Without<'_>],
        solutions: &mut [Option<Solution>],
        execution: &Execution,
    ) -> Result<()> {
        solutions.par_iter_mut().zip(without).try_for_each(|(solution, &without)| {
            *solution = inside.solve(self, &Absent::of(self, without), execution)?;
            Ok(())
        })
    }

    /// Coordinate of an item, if it has one.
    pub(super) fn column_of(&self, item: u32) -> Option<usize> {
        self.column_of.get(item as usize).copied().flatten()
    }
}
