//! The exact master problem: least squares over the convex hull of a few hundred gathered rows, by Wolfe's active-set
//! method (P. Wolfe, "Finding the nearest point in a polytope", Mathematical Programming 11, 1976,
//! doi:10.1007/BF01580381), extended by a linear price per row.

use pulp::NullaryFnOnce;

use crate::error::Result;
use crate::lanes::{add_scaled, dot, vectorised};
use crate::least_squares::corral::Corral;
use crate::least_squares::downdate::Downdate;
use crate::parallel::Execution;

/// How often a row may enter without visible progress before it is left alone.
const PATIENCE: u8 = 2;

/// Gathered rows, and the weights of those that form the current corral.
#[derive(Clone)]
pub(super) struct WorkingSet {
    n: usize,
    models: Vec<usize>,
    rows: Vec<f64>,
    prices: Vec<f64>,
    priced: bool,
    corral: Corral,
    /// Positions in `models` of the corral's members, in the corral's order, and their weights.
    members: Vec<usize>,
    weights: Vec<f64>,
    /// Whether the terms that are taken out of the objective leave too little curvature to go on.
    lost: bool,
}

impl WorkingSet {
    /// No rows yet; `lead` is a typical length of a row.
    pub(super) fn new(n: usize, n_models: usize, lead: f64, priced: bool) -> Self {
        let corral = Corral::new(n, n_models.min(n + 1), lead);
        let (models, rows, prices) = (Vec::new(), Vec::new(), Vec::new());
        let (members, weights) = (Vec::new(), Vec::new());
        Self { n, models, rows, prices, priced, corral, members, weights, lost: false }
    }

    /// The same rows and weights, without some terms of the objective and without one model, moved on to the optimum over
    /// the members that are left.
    pub(super) fn without(&self, less: Downdate, model: Option<usize>) -> Self {
        let mut set = Self { corral: self.corral.without(less), ..self.clone() };
        if let Some(position) = set.models.iter().position(|&gathered| Some(gathered) == model) {
            set.forget(position);
        }
        set.settle();
        set
    }

    fn forget(&mut self, position: usize) {
        if let Some(i) = self.members.iter().position(|&member| member == position) {
            self.leave(i);
            let total: f64 = self.weights.iter().sum();
            self.weights.iter_mut().for_each(|weight| *weight /= total);
        }
        let last = self.models.len() - 1;
        self.models.swap_remove(position);
        self.prices.swap_remove(position);
        self.rows.copy_within(last * self.n.., position * self.n);
        self.rows.truncate(last * self.n);
        self.members.iter_mut().filter(|member| **member == last).for_each(|member| *member = position);
        if self.members.is_empty() && last > 0 {
            self.start(0);
        }
    }

    /// Whether the terms that are taken out leave too little curvature to go on.
    pub(super) fn is_lost(&self) -> bool {
        self.lost
    }

    /// Gather one more model: its deviation and its price. The first one starts with all the weight.
    pub(super) fn gather(&mut self, model: usize, row: &[f64], price: f64) {
        self.models.push(model);
        self.rows.extend_from_slice(row);
        self.prices.push(price);
        if self.models.len() == 1 {
            self.start(0);
        }
    }

    fn start(&mut self, position: usize) {
        let row = self.row(position).to_vec();
        if self.corral.push(&row).is_ok() {
            (self.members, self.weights) = (vec![position], vec![1.0]);
        }
    }

    /// Give weight to every gathered row that is independent of those before it, and move to the optimum over them.
    pub(super) fn start_from_all(&mut self) {
        self.start_from(vec![1.0; self.models.len()]);
    }

    /// Give these weights, positive, to the gathered rows that are independent of those before them, and move on from
    /// there to the optimum over them.
    pub(super) fn start_from(&mut self, weights: Vec<f64>) {
        if self.models.len() > 1 {
            self.members = (0..self.models.len()).collect();
            self.weights = weights;
            self.refresh();
        }
    }

    #[inline(always)]
    fn row(&self, position: usize) -> &[f64] {
        &self.rows[position * self.n..(position + 1) * self.n]
    }

    /// Models with weight, and their weights.
    pub(super) fn support(&self) -> impl Iterator<Item = (usize, f64)> {
        self.members.iter().zip(&self.weights).map(|(&position, &weight)| (self.models[position], weight))
    }

    /// Move to the optimum over the gathered rows, up to a gap of `tolerance` or to where rounding ends progress.
    pub(super) fn improve(&mut self, tolerance: f64, execution: &Execution) -> Result<()> {
        let mut entries = vec![0_u8; self.models.len()];
        let mut slopes = vec![0.0; self.models.len()];
        let mut best = f64::INFINITY;
        loop {
            execution.interrupt.check()?;
            let residual = self.residual();
            let objective = self.corral.less().objective(&residual) + self.price();
            if objective < best {
                best = objective;
                entries.fill(0);
            }
            self.slopes(&self.corral.less().gradient(&residual), &mut slopes);
            let Some(entering) = self.offender(&slopes, tolerance, &entries).filter(|_| !self.lost) else {
                break;
            };
            entries[entering] += 1;
            self.enter(entering);
        }
        self.refine();
        Ok(())
    }

    fn price(&self) -> f64 {
        self.members.iter().zip(&self.weights).map(|(&position, weight)| self.prices[position] * weight).sum()
    }

    /// The mean deviation under the weights.
    pub(super) fn residual(&self) -> Vec<f64> {
        let mut residual = vec![0.0; self.n];
        vectorised(Mix { set: self, out: &mut residual });
        residual
    }

    /// Half the gradient at every gathered row.
    fn slopes(&self, gradient: &[f64], slopes: &mut [f64]) {
        vectorised(Slopes { set: self, residual: gradient, out: slopes });
    }

    /// The row with the least slope, if it still matters.
    fn offender(&self, slopes: &[f64], tolerance: f64, entries: &[u8]) -> Option<usize> {
        let level: f64 = self.members.iter().zip(&self.weights).map(|(&at, weight)| weight * slopes[at]).sum();
        let open = (0..slopes.len()).filter(|&at| entries[at] < PATIENCE && 2.0 * (level - slopes[at]) > tolerance);
        open.min_by(|&a, &b| slopes[a].total_cmp(&slopes[b])).filter(|at| !self.members.contains(at))
    }

    fn enter(&mut self, position: usize) {
        let row = self.row(position).to_vec();
        match self.corral.push(&row) {
            Ok(()) => {
                self.members.push(position);
                self.weights.push(0.0);
            }
            Err(combination) if self.priced => {
                if !self.exchange(position, &row, &combination) {
                    return;
                }
            }
            Err(_) => return,
        }
        self.settle();
    }

    /// Bring in a row that is an affine combination of the members: same fit, lower price, one member leaves.
    fn exchange(&mut self, position: usize, row: &[f64], combination: &[f64]) -> bool {
        let ratio = |&i: &usize| self.weights[i] / combination[i];
        let giving = (0..combination.len()).filter(|&i| combination[i] > 0.0);
        let Some(leaving) = giving.min_by(|a, b| ratio(a).total_cmp(&ratio(b))) else {
            return false;
        };
        let step = ratio(&leaving);
        let left = self.row(self.members[leaving]).to_vec();
        self.corral.remove(leaving);
        if self.corral.push(row).is_err() {
            // The two are the same to rounding: the member stays, at the end of the corral.
            let (member, weight) = (self.members.remove(leaving), self.weights.remove(leaving));
            if self.corral.push(&left).is_ok() {
                self.members.push(member);
                self.weights.push(weight);
            }
            return false;
        }
        add_scaled(&mut self.weights, -step, combination);
        self.members.remove(leaving);
        self.weights.remove(leaving);
        self.members.push(position);
        self.weights.push(step);
        true
    }

    /// Minor cycles: go to the minimiser over the affine hull, or as far as the simplex allows, and drop who is left
    /// without weight.
    fn settle(&mut self) {
        loop {
            let prices: Vec<f64> = self.members.iter().map(|&position| self.prices[position]).collect();
            let Some(goal) = self.corral.affine_minimiser(self.priced.then_some(&prices)) else {
                self.lost = true;
                return;
            };
            if goal.iter().all(|&weight| weight > 0.0) || self.members.len() == 1 {
                let total: f64 = goal.iter().sum();
                self.weights = goal.iter().map(|weight| weight / total).collect();
                return;
            }
            self.step_towards(&goal);
        }
    }

    fn step_towards(&mut self, goal: &[f64]) {
        let room = |&i: &usize| if self.weights[i] > 0.0 { self.weights[i] / (self.weights[i] - goal[i]) } else { 0.0 };
        let blocking = (0..goal.len()).filter(|&i| goal[i].is_nan() || goal[i] <= 0.0);
        let Some(leaving) = blocking.min_by(|a, b| room(a).total_cmp(&room(b))) else {
            return;
        };
        let step = room(&leaving);
        if step > 0.0 {
            for (weight, goal) in self.weights.iter_mut().zip(goal) {
                *weight = (*weight + step * (goal - *weight)).max(0.0);
            }
        }
        self.leave(leaving);
    }

    fn leave(&mut self, leaving: usize) {
        self.members.remove(leaving);
        self.weights.remove(leaving);
        self.corral.remove(leaving);
    }

    /// One step of iterative refinement on the corral.
    fn refine(&mut self) {
        if self.priced {
            return;
        }
        let Some(change) = self.corral.correction(&self.corral.less().gradient(&self.residual())) else {
            return;
        };
        let refined: Vec<f64> = self.weights.iter().zip(&change).map(|(weight, change)| weight + change).collect();
        if refined.iter().all(|&weight| weight > 0.0) {
            self.weights = refined;
        }
    }

    /// Factor the corral afresh, without the rounding of all the rows that came and went.
    pub(super) fn refresh(&mut self) {
        let members = std::mem::take(&mut self.members);
        let weights = std::mem::take(&mut self.weights);
        self.corral.clear();
        for (member, weight) in members.into_iter().zip(weights) {
            let row = self.row(member).to_vec();
            if self.corral.push(&row).is_ok() {
                self.members.push(member);
                self.weights.push(weight);
            }
        }
        let total: f64 = self.weights.iter().sum();
        self.weights.iter_mut().for_each(|weight| *weight /= total);
        self.settle();
    }
}

/// The weighted sum of the members' rows, added to `out`.
struct Mix<'a> {
    set: &'a WorkingSet,
    out: &'a mut [f64],
}

impl NullaryFnOnce for Mix<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (&position, &weight) in self.set.members.iter().zip(&self.set.weights) {
            add_scaled(self.out, weight, self.set.row(position));
        }
    }
}

/// Half the gradient at every gathered row.
struct Slopes<'a> {
    set: &'a WorkingSet,
    residual: &'a [f64],
    out: &'a mut [f64],
}

impl NullaryFnOnce for Slopes<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (position, slope) in self.out.iter_mut().enumerate() {
            *slope = dot(self.set.row(position), self.residual) + 0.5 * self.set.prices[position];
        }
    }
}
