//! The numerical core of hemicycle: slices in, slices out.
//!
//! People judge pairs of items, models predict a logit for every item. This crate scores the models
//! against the judgments and finds weights for them on the simplex. It knows nothing of Python, prints nothing and
//! holds no global state; results are the same bits for any number of threads.

pub mod archives;
pub mod averaging;
pub mod bootstrap;
pub mod clones;
pub mod error;
pub mod judgments;
pub mod kernels;
mod lanes;
pub mod least_squares;
pub mod likelihood;
pub mod losses;
pub mod names;
pub mod opening;
pub mod pairs;
pub mod parallel;
pub mod pool;
pub mod read_limits;
pub mod scores;
pub mod simplex;
pub mod sources;
pub mod spelling;
pub mod stacking;
pub mod submissions;

pub use error::{Error, Result};
pub use judgments::Pairs;
pub use parallel::{Execution, Interrupt};
pub use pool::Pool;
