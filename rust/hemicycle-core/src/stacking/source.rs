//! Where log densities come from: a matrix that exists, or the likelihood of a pool, made some models at a time.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::likelihood::Terms;
use crate::parallel::Interrupt;
use crate::pool::Logit;

/// Log densities of every observation under every model, read in blocks of models.
pub trait LogDensities: Sync {
    /// What a thread needs for a block.
    type Room: Send;

    /// Number of models.
    fn n_models(&self) -> usize;

    /// Number of observations.
    fn n_observations(&self) -> usize;

    /// Room for a block.
    fn room(&self) -> Self::Room;

    /// The rows of these models, one after another; the same bits whichever models are beside them.
    ///
    /// # Errors
    /// What keeps the rows from being made; [`Error::Interrupted`].
    fn rows<'a>(&'a self, models: Range<usize>, room: &'a mut Self::Room, interrupt: &Interrupt) -> Result<&'a [f64]>;
}

/// A matrix with one row a model.
#[derive(Debug, Clone, Copy)]
pub struct Matrix<'a> {
    log_density: &'a [f64],
    n_models: usize,
    n_observations: usize,
}

impl<'a> Matrix<'a> {
    /// A row-major matrix of `n_models` rows.
    ///
    /// # Errors
    /// [`Error::Shape`] if its length is not `n_models * n_observations`.
    pub fn new(log_density: &'a [f64], n_models: usize, n_observations: usize) -> Result<Self> {
        if n_models.checked_mul(n_observations) != Some(log_density.len()) {
            return Err(Error::Shape {
                what: "log_density",
                expected: format!("{n_models} models x {n_observations} observations"),
                got: format!("{} values", log_density.len()),
            });
        }
        Ok(Self { log_density, n_models, n_observations })
    }
}

impl LogDensities for Matrix<'_> {
    type Room = ();

    fn n_models(&self) -> usize {
        self.n_models
    }

    fn n_observations(&self) -> usize {
        self.n_observations
    }

    fn room(&self) {}

    fn rows<'a>(&'a self, models: Range<usize>, (): &'a mut (), interrupt: &Interrupt) -> Result<&'a [f64]> {
        interrupt.check()?;
        Ok(&self.log_density[models.start * self.n_observations..models.end * self.n_observations])
    }
}

impl<T: Logit> LogDensities for Terms<'_, T> {
    type Room = crate::likelihood::Room;

    fn n_models(&self) -> usize {
        self.n_models()
    }

    fn n_observations(&self) -> usize {
        self.n_terms()
    }

    fn room(&self) -> Self::Room {
        self.room()
    }

    fn rows<'a>(&'a self, models: Range<usize>, room: &'a mut Self::Room, interrupt: &Interrupt) -> Result<&'a [f64]> {
        self.rows(models, room, interrupt)
    }
}
