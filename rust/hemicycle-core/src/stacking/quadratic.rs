//! The Newton step of the master problem: a convex quadratic over non-negative weights, by active sets.

use super::factor::Factor;
use super::rows::Rows;
use crate::error::Result;
use crate::parallel::Execution;

/// Part of the diagonal of the Hessian that is added to it around the current weights: dependent models leave the
/// quadratic strictly convex, and its fixed point is still that of the unchanged one.
const PROXIMITY: f64 = 1e-12;

/// Members whose residuals are kept up to date between two looks at all of them.
const SHORTLIST: usize = 16;

/// The quadratic model, around weights w with mixture q, of -sum_n v_n log q_n + sum_d w_d:
/// min 1/2 x'Hx - b'x over x >= 0 with H_de = sum_n curvature_n p_dn p_en, curvature = v / q^2.
pub struct Quadratic<'a> {
    rows: &'a Rows,
    n_members: usize,
    /// v / q^2 of each observation.
    curvature: Vec<f64>,
    linear: Vec<f64>,
    ridge: Vec<f64>,
}

/// The models that are positive, their weights and the factor of their Hessian.
#[derive(Default)]
struct Passive {
    members: Vec<usize>,
    weights: Vec<f64>,
    factor: Factor,
}

impl<'a> Quadratic<'a> {
    /// The model around `weights` of the rows, whose gradient is `gradient`.
    pub fn new(rows: &'a Rows, weights: &[f64], gradient: &[f64], ratio: &[f64], mixture: &[f64]) -> Self {
        let curvature: Vec<f64> = ratio.iter().zip(mixture).map(|(ratio, q)| ratio / q).collect();
        let ridge: Vec<f64> = rows.squares(&curvature).into_iter().map(|diagonal| PROXIMITY * diagonal).collect();
        let terms = gradient.iter().zip(&ridge).zip(weights);
        let linear = terms.map(|((gradient, ridge), weight)| 2.0 * gradient - 1.0 + ridge * weight).collect();
        Self { rows, n_members: weights.len(), curvature, linear, ridge }
    }

    /// The minimiser, to a residual of `tol`, by Lawson and Hanson's method started from the members of `start`.
    ///
    /// Source: Lawson and Hanson (1974), Solving Least Squares Problems, chapter 23. The residuals of all members are
    /// computed when the shortlist of the worst ones is exhausted, not after every step.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`].
    pub fn minimise(&self, start: &[(usize, f64)], tol: f64, execution: &Execution) -> Result<Vec<f64>> {
        let mut passive = Passive::default();
        for &(member, weight) in start {
            self.enter(&mut passive, member, weight);
        }
        let mut shortlist = Vec::new();
        let mut refused = Vec::new();
        for _ in 0..3 * self.n_members + 10 {
            execution.interrupt.check()?;
            self.descend(&mut passive);
            shortlist = self.violations(&passive, &shortlist, tol);
            if shortlist.is_empty() {
                let outside = passive.outside(self.n_members, &refused);
                shortlist = self.violations(&passive, &outside, tol);
                shortlist.truncate(SHORTLIST);
            }
            if shortlist.is_empty() || refused.len() > passive.members.len() + 10 {
                break;
            }
            let next = shortlist.remove(0);
            self.enter(&mut passive, next, 0.0);
            if self.solution(&passive).last().is_some_and(|&weight| weight <= 0.0) {
                passive.leave(passive.members.len() - 1);
                refused.push(next);
            } else {
                refused.clear();
            }
        }
        let mut weights = vec![0.0; self.n_members];
        for (&member, &weight) in passive.members.iter().zip(&passive.weights) {
            weights[member] = weight;
        }
        Ok(weights)
    }

    /// The row of a member times the curvature.
    fn curved(&self, member: usize) -> Vec<f64> {
        self.rows.row(member).iter().zip(&self.curvature).map(|(p, curvature)| p * curvature).collect()
    }

    fn enter(&self, passive: &mut Passive, member: usize, weight: f64) {
        passive.members.push(member);
        passive.weights.push(weight);
        let mut hessian = self.rows.products(&passive.members, &self.curved(member));
        if let Some(diagonal) = hessian.last_mut() {
            *diagonal += self.ridge[member];
        }
        passive.factor.append(hessian, self.ridge[member]);
    }

    /// The minimiser over the passive members, of any sign.
    fn solution(&self, passive: &Passive) -> Vec<f64> {
        let linear: Vec<f64> = passive.members.iter().map(|&member| self.linear[member]).collect();
        passive.factor.solve(&linear)
    }

    /// Move to the minimiser over the passive members; those that would turn negative on the way leave.
    fn descend(&self, passive: &mut Passive) {
        loop {
            let solution = self.solution(passive);
            let steps: Vec<f64> = passive.weights.iter().zip(&solution).map(|(&w, &x)| step_to_zero(w, x)).collect();
            let step = steps.iter().copied().fold(1.0, f64::min);
            if step >= 1.0 {
                passive.weights = solution;
                return;
            }
            for (weight, target) in passive.weights.iter_mut().zip(&solution) {
                *weight += step * (target - *weight);
            }
            for index in (0..steps.len()).rev() {
                if steps[index] <= step * (1.0 + 1e-12) {
                    passive.leave(index);
                }
            }
        }
    }

    /// Those of the `candidates` whose residual is above `tol`, worst first.
    fn violations(&self, passive: &Passive, candidates: &[usize], tol: f64) -> Vec<usize> {
        if candidates.is_empty() {
            return Vec::new();
        }
        let mut weights = vec![0.0; self.n_members];
        for (&member, &weight) in passive.members.iter().zip(&passive.weights) {
            weights[member] = weight;
        }
        let mut pull = self.rows.mix(&weights);
        pull.iter_mut().zip(&self.curvature).for_each(|(pull, curvature)| *pull *= curvature);
        let pulled = self.rows.products(candidates, &pull);
        let residuals = candidates.iter().zip(pulled).map(|(&member, pulled)| (self.linear[member] - pulled, member));
        let mut violations: Vec<(f64, usize)> = residuals.filter(|&(residual, _)| residual > tol).collect();
        violations.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        violations.into_iter().map(|(_, member)| member).collect()
    }
}

impl Passive {
    /// The members that are neither passive nor `refused`, ascending.
    fn outside(&self, n_members: usize, refused: &[usize]) -> Vec<usize> {
        let mut outside = vec![true; n_members];
        self.members.iter().chain(refused).for_each(|&member| outside[member] = false);
        (0..n_members).filter(|&member| outside[member]).collect()
    }

    fn leave(&mut self, index: usize) {
        self.members.remove(index);
        self.weights.remove(index);
        self.factor.remove(index);
    }
}

/// The part of the way from `weight` to `target` at which it reaches 0; 1 or more if it stays positive.
fn step_to_zero(weight: f64, target: f64) -> f64 {
    if target > 0.0 {
        f64::INFINITY
    } else if weight > 0.0 {
        weight / (weight - target)
    } else {
        0.0
    }
}
