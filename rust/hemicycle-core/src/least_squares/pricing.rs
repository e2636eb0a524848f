//! Column generation: solve over a working set, price every model in one pass, gather the worst offenders, until the
//! certificate holds over all of them.

use crate::error::Result;
use crate::lanes::dot;
use crate::least_squares::certificate::{Certificate, Problem};
use crate::least_squares::face::ROUNDING;
use crate::least_squares::working_set::WorkingSet;
use crate::parallel::Execution;

/// At least so many models are gathered after a pass.
pub(super) const MIN_GATHERED: usize = 32;
/// The share of the tolerance that the master problem may use up.
pub(super) const MASTER_SHARE: f64 = 1e-4;
/// Models gathered between two looks at the interrupt.
const AT_ONCE: usize = 8;
/// A residual between these sizes, relative to the rows, may be 0 in truth: the master problem is then solved to rounding.
const DOUBTFUL: std::ops::Range<f64> = ROUNDING..1e-5;

/// An optimum with as few models as possible, and its certificate; `start` are models that are likely to be among them.
pub(super) fn vertex(
    problem: &mut Problem<'_>,
    start: &[usize],
    execution: &Execution,
) -> Result<(Vec<f64>, Certificate)> {
    let n = problem.predictions.n_coordinates();
    let n_gathered = n.max(MIN_GATHERED);
    let mut set = WorkingSet::new(n, problem.n_models(), problem.typical_length(), problem.cost.is_some());
    let mut gathered = vec![false; problem.n_models()];
    let losses: Vec<f64> = (0..problem.n_models()).map(|d| problem.loss_of(d)).collect();
    gather_many(problem, &mut set, &mut gathered, start, execution)?;
    set.start_from_all();
    let likely = least(&losses, 2 * n_gathered, |d| !gathered[d]);
    gather_many(problem, &mut set, &mut gathered, &likely, execution)?;
    let mut best: Option<(Vec<f64>, Certificate)> = None;
    let mut stalled = false;
    let mut tolerance = MASTER_SHARE * problem.tolerance();
    loop {
        set.improve(tolerance, execution)?;
        let mut weights = vec![0.0; problem.n_models()];
        set.support().for_each(|(model, weight)| weights[model] = weight);
        let certificate = problem.certify(&mut weights, execution)?;
        let level = certificate.level - 0.5 * problem.tolerance();
        let worst = least(&certificate.slopes, n_gathered, |d| !gathered[d] && certificate.slopes[d] < level);
        let fit = dot(&certificate.residual, &certificate.residual).sqrt() / problem.typical_length();
        let accepted = problem.accepts(&certificate);
        let done = accepted && (tolerance == 0.0 || !DOUBTFUL.contains(&fit));
        if accepted {
            tolerance = 0.0;
        }
        if done || best.as_ref().is_none_or(|(_, best)| certificate.improves_on(best)) {
            best = Some((weights, certificate));
        }
        match best {
            Some(best) if done || (worst.is_empty() && stalled) => return Ok(best),
            _ => {}
        }
        if worst.is_empty() {
            stalled = true;
            set.refresh();
        }
        gather_many(problem, &mut set, &mut gathered, &worst, execution)?;
    }
}

/// Gather models, however many; they have as many coordinates.
fn gather_many(
    problem: &Problem<'_>,
    set: &mut WorkingSet,
    gathered: &mut [bool],
    models: &[usize],
    execution: &Execution,
) -> Result<()> {
    models.chunks(AT_ONCE).try_for_each(|models| {
        execution.interrupt.check()?;
        gather(problem, set, gathered, models);
        Ok(())
    })
}

pub(super) fn gather(problem: &Problem<'_>, set: &mut WorkingSet, gathered: &mut [bool], models: &[usize]) {
    let mut row = vec![0.0; problem.predictions.n_coordinates()];
    for &model in models {
        if std::mem::replace(&mut gathered[model], true) {
            continue;
        }
        problem.predictions.coordinates(model, &mut row);
        problem.predictions.push(&mut row);
        set.gather(model, &row, problem.price(model));
    }
}

/// The models of the `count` least values among those allowed, in order of value, ties by index.
pub(super) fn least(values: &[f64], count: usize, allowed: impl Fn(usize) -> bool) -> Vec<usize> {
    let mut models: Vec<usize> = (0..values.len()).filter(|&d| allowed(d)).collect();
    let order = |a: &usize, b: &usize| values[*a].total_cmp(&values[*b]).then(a.cmp(b));
    if models.len() > count {
        models.select_nth_unstable_by(count, order);
        models.truncate(count);
    }
    models.sort_unstable_by(order);
    models
}
