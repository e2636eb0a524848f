//! What changes when something is left out: every label of a juror or of a pair, or a model.
//!
//! Each problem that is left differs from the whole one by a few terms of the loss, or by one model. It starts from the
//! vertex of the whole, in the same coordinates, and takes the absent terms out of the objective. What grows with the
//! number of models is done for all problems together: in each round, one product of the models' coordinates with a
//! vector a problem prices all models in all problems. Where little is left of the loss in some direction, or the
//! optimum is not unique, a problem is solved by itself.

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::least_squares::case::{CANCELLED, Case};
use crate::least_squares::certificate::{Problem, median};
use crate::least_squares::downdate::Downdate;
use crate::least_squares::face::support;
use crate::least_squares::inside::Inside;
use crate::least_squares::pairs::{PairDifferences, WeightedPairs};
use crate::least_squares::passes;
use crate::least_squares::predictions::Predictions;
use crate::least_squares::pricing::{self, least};
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
            Self::Labels(absent) => solve(&under_others(models, labels, absent), &options, execution),
        }
    }
}

/// The models under the labels that are not absent.
fn under_others<'a, T: Copy + Into<f64> + Send + Sync>(
    models: &PairDifferences<'a, T>,
    labels: WeightedPairs<'_>,
    absent: &[usize],
) -> PairDifferences<'a, T> {
    let mut rest = absent.iter().peekable();
    let kept: Vec<usize> = (0..labels.y.len()).filter(|i| rest.next_if_eq(&i).is_none()).collect();
    let items = |values: &[u32]| kept.iter().map(|&i| values[i]).collect::<Vec<_>>();
    let numbers = |values: &[f64]| kept.iter().map(|&i| values[i]).collect::<Vec<_>>();
    let (a, b, weight, y) = (items(labels.a), items(labels.b), numbers(labels.weight), numbers(labels.y));
    models.under(WeightedPairs { a: &a, b: &b, weight: &weight, y: &y })
}

/// All models but one.
struct Others<'a, T> {
    models: &'a PairDifferences<'a, T>,
    absent: usize,
}

impl<T: Copy + Into<f64> + Send + Sync> Others<'_, T> {
    fn solve(&self, options: &Options<'_>, execution: &Execution) -> Result<Solution> {
        let left = options.start.iter().filter(|&&model| model != self.absent);
        let start: Vec<usize> = left.map(|&model| model - usize::from(model > self.absent)).collect();
        Ok(self.spread(solve(self, &Options { start: &start, ..*options }, execution)?))
    }

    /// A solution over all models.
    fn spread(&self, mut solution: Solution) -> Solution {
        solution.weights.insert(self.absent, 0.0);
        for model in solution.face.iter_mut().chain(&mut solution.vertex) {
            *model = self.in_whole(*model);
        }
        solution
    }

    #[inline(always)]
    fn in_whole(&self, model: usize) -> usize {
        model + usize::from(model >= self.absent)
    }
}

impl<T: Copy + Into<f64> + Send + Sync> Predictions for Others<'_, T> {
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
}

/// The whole problem, solved, and where the problems that are left start.
pub(super) struct Whole<'a, T> {
    pub(super) models: &'a PairDifferences<'a, T>,
    labels: WeightedPairs<'a>,
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

/// What is taken out of the loss.
pub(super) struct Absent {
    /// Pairs, with the sum of the weights and the mean of the labels that are absent.
    pub(super) pairs: Vec<(u32, u32, f64, f64)>,
    /// The loss of the labels around those means.
    pub(super) within: f64,
    /// The same pairs over deviations.
    pub(super) terms: Downdate,
    pub(super) model: Option<usize>,
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
            without.par_iter().enumerate().map(|(k, without)| Some((k, Case::new(self, self.absent(*without))?)));
        let mut open: Vec<(usize, Case)> = cases.flatten().collect();
        while !open.is_empty() {
            let gradients: Vec<Vec<f64>> =
                open.par_iter_mut().map(|(_, case)| case.improve(self, execution)).collect::<Result<_>>()?;
            let products = passes::times_each(self.models, &gradients, execution)?;
            let judged: Vec<(usize, Judged)> = open
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
            *solution = match without {
                Without::Model(absent) => {
                    let others = Others { models: self.models, absent };
                    let mut lengths = self.problem.lengths.clone();
                    lengths.remove(absent);
                    let mut problem = Problem::of_lengths(&others, 0.0, None, self.tol, lengths);
                    inside.solve(&mut problem, execution)?.map(|solution| others.spread(solution))
                }
                Without::Labels(absent) => {
                    let models = under_others(self.models, self.labels, absent);
                    if models.form().columns != self.models.form().columns {
                        return Ok(());
                    }
                    let losses = self.losses(&self.absent(without));
                    if median(&losses).is_nan() || median(&losses) <= CANCELLED * self.median_loss() {
                        return Ok(());
                    }
                    let lengths = losses.iter().map(|loss| (loss - models.constant()).max(0.0)).collect();
                    inside.solve(&mut Problem::of_lengths(&models, 0.0, None, self.tol, lengths), execution)?
                }
            };
            Ok(())
        })
    }

    fn absent(&self, without: Without<'_>) -> Absent {
        let mut absent = Absent { pairs: vec![], within: 0.0, terms: Downdate::default(), model: None };
        match without {
            Without::Model(model) => absent.model = Some(model),
            Without::Labels(labels) => {
                let WeightedPairs { a, b, weight, y } = self.labels;
                for group in labels.chunk_by(|&i, &j| (a[i], b[i]) == (a[j], b[j])) {
                    let total: f64 = group.iter().map(|&i| weight[i]).sum();
                    let mean = group.iter().map(|&i| weight[i] / total * y[i]).sum::<f64>();
                    absent.within += group.iter().map(|&i| weight[i] * (y[i] - mean).powi(2)).sum::<f64>();
                    absent.pairs.push((a[group[0]], b[group[0]], total, mean));
                }
            }
        }
        for &(a, b, weight, mean) in &absent.pairs {
            let form = self.models.form();
            let mut row = vec![0.0; form.columns.len()];
            let mut target = mean;
            for (item, sign) in [(a, -1.0), (b, 1.0)] {
                if let Some(Some(column)) = self.column_of.get(item as usize) {
                    row[*column] = sign * weight.sqrt();
                    target -= sign * form.centre[*column];
                }
            }
            form.pull_back(&mut row);
            absent.terms.rows.extend(row);
            absent.terms.targets.push(weight.sqrt() * target);
        }
        absent
    }

    /// The losses of the single models in a problem that is left: those of the whole, less what the absent labels added.
    pub(super) fn losses(&self, absent: &Absent) -> Vec<f64> {
        let constant = self.problem.predictions.constant() - absent.within;
        let mut losses: Vec<f64> = self.problem.lengths.iter().map(|length| length + constant).collect();
        for &(a, b, weight, mean) in &absent.pairs {
            for (model, loss) in losses.iter_mut().enumerate() {
                let error = self.models.log_ratio(model, a, b) - mean;
                *loss -= weight * error * error;
            }
        }
        if let Some(model) = absent.model {
            losses.remove(model);
        }
        losses
    }

    /// The median loss of a model in the whole problem.
    pub(super) fn median_loss(&self) -> f64 {
        median(&self.problem.lengths) + self.problem.predictions.constant()
    }
}

/// What a round of pricing says about a problem.
pub(super) enum Judged {
    /// Other models must be gathered: another round.
    Open(Box<Case>),
    /// Certified, and the only optimum.
    Solved(Box<Solution>),
    /// To be solved by itself.
    Other,
}
