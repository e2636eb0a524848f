//! Column generation: solve over a working set, price every model in one pass, gather the worst offenders, until the
//! certificate holds over all of them.

use crate::error::Result;
use crate::least_squares::certificate::{Certificate, Problem};
use crate::least_squares::working_set::WorkingSet;
use crate::parallel::Execution;

/// At least so many models are gathered after a pass.
const MIN_GATHERED: usize = 32;
/// The share of the tolerance that the master problem may use up.
const MASTER_SHARE: f64 = 1e-4;

/// An optimum with as few models as possible, and its certificate.
pub(super) fn vertex(problem: &mut Problem<'_>, execution: &Execution) -> Result<(Vec<f64>, Certificate)> {
    let n = problem.predictions.n_coordinates();
    let n_gathered = n.max(MIN_GATHERED);
    let mut set = WorkingSet::new(n, problem.n_models(), problem.typical_length(), problem.cost.is_some());
    let mut gathered = vec![false; problem.n_models()];
    let losses: Vec<f64> = (0..problem.n_models()).map(|d| problem.loss_of(d)).collect();
    gather(problem, &mut set, &mut gathered, &least(&losses, 2 * n_gathered, |_| true));
    let mut best: Option<(Vec<f64>, Certificate)> = None;
    let mut stalled = false;
    loop {
        set.improve(MASTER_SHARE * problem.tolerance(), execution)?;
        let mut weights = vec![0.0; problem.n_models()];
        set.support().for_each(|(model, weight)| weights[model] = weight);
        let certificate = problem.certify(&mut weights, execution)?;
        let level = certificate.level - 0.5 * problem.tolerance();
        let worst = least(&certificate.slopes, n_gathered, |d| !gathered[d] && certificate.slopes[d] < level);
        let done = problem.accepts(&certificate);
        if best.as_ref().is_none_or(|(_, best)| certificate.gap < best.gap) {
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
        gather(problem, &mut set, &mut gathered, &worst);
    }
}

fn gather(problem: &Problem<'_>, set: &mut WorkingSet, gathered: &mut [bool], models: &[usize]) {
    let mut row = vec![0.0; problem.predictions.n_coordinates()];
    for &model in models {
        problem.predictions.coordinates(model, &mut row);
        problem.predictions.push(&mut row);
        set.gather(model, &row, problem.price(model));
        gathered[model] = true;
    }
}

/// The models of the `count` least values among those allowed, in order of value, ties by index.
fn least(values: &[f64], count: usize, allowed: impl Fn(usize) -> bool) -> Vec<usize> {
    let mut models: Vec<usize> = (0..values.len()).filter(|&d| allowed(d)).collect();
    let order = |a: &usize, b: &usize| values[*a].total_cmp(&values[*b]).then(a.cmp(b));
    if models.len() > count {
        models.select_nth_unstable_by(count, order);
        models.truncate(count);
    }
    models.sort_unstable_by(order);
    models
}
