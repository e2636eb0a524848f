//! Few models with many observations, turned into as many coordinates as there are models: all inner products of the
//! deviations stay the same, and no system grows with the number of observations. Exact copies have the same coordinates.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use pulp::NullaryFnOnce;

use crate::error::Result;
use crate::lanes::{add_scaled, dot, vectorised};
use crate::least_squares::predictions::Predictions;
use crate::parallel::Execution;

/// What is left of a row below this fraction of its length is rounding.
const NEGLIGIBLE: f64 = 1e-16;

/// Deviations in an orthonormal basis of their own span.
pub(super) struct Compact {
    rows: Vec<f64>,
    n_models: usize,
    constant: f64,
}

impl Compact {
    /// Gram-Schmidt on the rows, each projection taken twice; what rounding would leave of a copy is not looked at.
    pub(super) fn new(predictions: &dyn Predictions, execution: &Execution) -> Result<Self> {
        let (n_models, n) = (predictions.n_models(), predictions.n_coordinates());
        let (mut basis, mut rank) = (Vec::new(), 0);
        let mut rows = vec![0.0; n_models * n_models];
        let mut row = vec![0.0; n];
        let mut seen: HashMap<u64, Vec<usize>> = HashMap::new();
        for model in 0..n_models {
            execution.interrupt.check()?;
            predictions.coordinates(model, &mut row);
            let alike = seen.entry(hash(&row)).or_default();
            if let Some(first) = alike.iter().find(|&&other| is_copy(predictions, other, &row)) {
                rows.copy_within(first * n_models..(first + 1) * n_models, model * n_models);
                continue;
            }
            alike.push(model);
            let coordinates = &mut rows[model * n_models..(model + 1) * n_models];
            predictions.push(&mut row);
            let length = dot(&row, &row).sqrt();
            vectorised(Project { basis: &basis, row: &mut row, coordinates });
            let rest = dot(&row, &row).sqrt();
            if rest > NEGLIGIBLE * length {
                coordinates[rank] = rest;
                rank += 1;
                basis.extend(row.iter().map(|value| value / rest));
            }
        }
        Ok(Self { rows, n_models, constant: predictions.constant() })
    }

    #[inline(always)]
    fn row(&self, model: usize) -> &[f64] {
        &self.rows[model * self.n_models..(model + 1) * self.n_models]
    }
}

/// The same for equal rows: a zero of either sign is one.
fn hash(row: &[f64]) -> u64 {
    let mut hasher = DefaultHasher::new();
    row.iter().for_each(|value| (value + 0.0).to_bits().hash(&mut hasher));
    hasher.finish()
}

fn is_copy(predictions: &dyn Predictions, model: usize, row: &[f64]) -> bool {
    let mut other = vec![0.0; row.len()];
    predictions.coordinates(model, &mut other);
    other == row
}

/// Modified Gram-Schmidt, twice: directions may be rounding themselves, and each product has to know of those before it.
struct Project<'a> {
    basis: &'a [f64],
    row: &'a mut [f64],
    coordinates: &'a mut [f64],
}

impl NullaryFnOnce for Project<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { basis, row, coordinates } = self;
        for _ in 0..2 {
            for (direction, coordinate) in basis.chunks_exact(row.len().max(1)).zip(coordinates.iter_mut()) {
                let along = dot(direction, row);
                add_scaled(row, -along, direction);
                *coordinate += along;
            }
        }
    }
}

impl Predictions for Compact {
    fn n_models(&self) -> usize {
        self.n_models
    }

    fn n_coordinates(&self) -> usize {
        self.n_models
    }

    #[inline(always)]
    fn coordinates(&self, model: usize, out: &mut [f64]) {
        out.copy_from_slice(self.row(model));
    }

    #[inline(always)]
    fn product(&self, model: usize, v: &[f64], _row: &mut [f64]) -> f64 {
        dot(self.row(model), v)
    }

    fn constant(&self) -> f64 {
        self.constant
    }
}
