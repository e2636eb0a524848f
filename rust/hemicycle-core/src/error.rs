//! The one error type of the core. Variants carry facts; the message is built here and nowhere else.

use thiserror::Error;

/// What can go wrong in the core.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum Error {
    /// Two lengths that must agree do not.
    #[error("{what}: expected {expected}, got {got}")]
    Shape {
        /// The argument, as the caller names it.
        what: &'static str,
        /// What was needed, in words.
        expected: String,
        /// What came.
        got: String,
    },
    /// An index points outside its axis.
    #[error("{what}[{position}] is {index}, but there are only {length}")]
    Index {
        /// The argument, as the caller names it.
        what: &'static str,
        /// Where in the argument.
        position: usize,
        /// The index found there.
        index: usize,
        /// The length of the axis that it must stay below.
        length: usize,
    },
    /// A value is NaN or infinite.
    #[error("{what}{} is {}; it must be finite", Place(position), value.to_string().to_lowercase())]
    NonFinite {
        /// The argument, as the caller names it.
        what: &'static str,
        /// Where in the argument: one index a dimension, none for a scalar.
        position: Vec<usize>,
        /// The value found there.
        value: f64,
    },
    /// A finite value lies outside the domain of the function.
    #[error("{what}{} is {value:?}; it must be {requirement}", Place(position))]
    Domain {
        /// The argument, as the caller names it.
        what: &'static str,
        /// Where in the argument: one index a dimension, none for a scalar.
        position: Vec<usize>,
        /// The value found there.
        value: f64,
        /// What it must be, in words.
        requirement: &'static str,
    },
    /// An iteration stopped before its certificate was small enough.
    #[error("{what} did not converge in {passes} passes: gap {gap:e}, tol {tol:e}")]
    NotConverged {
        /// The solver.
        what: &'static str,
        /// Passes over the models that it made.
        passes: usize,
        /// The certificate of the best iterate.
        gap: f64,
        /// What was asked for.
        tol: f64,
        /// The best iterate.
        weights: Vec<f64>,
    },
    /// A file cannot be read as what it should be.
    #[error("{path}{}: {reason}", Line(line))]
    Format {
        /// The file, as the caller names it.
        path: String,
        /// Physical line, from 1, if one is at fault.
        line: Option<u64>,
        /// What is wrong.
        reason: String,
    },
    /// Nothing usable is left.
    #[error("{what}: {reason}")]
    NoData {
        /// The argument, as the caller names it.
        what: &'static str,
        /// Why nothing of it can be used.
        reason: String,
    },
    /// The caller asked to stop (Ctrl-C).
    #[error("interrupted")]
    Interrupted,
}

/// The result of everything in the core that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// `[3, 17]` for a position, nothing for a scalar.
struct Place<'a>(&'a [usize]);

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        let indices: Vec<String> = self.0.iter().map(usize::to_string).collect();
        write!(f, "[{}]", indices.join(", "))
    }
}

/// `, line 3` for a line, nothing without one.
struct Line<'a>(&'a Option<u64>);

impl std::fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.map_or(Ok(()), |line| write!(f, ", line {line}"))
    }
}
