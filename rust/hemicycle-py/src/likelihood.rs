//! Binding of the likelihood. The arguments are documented in `hemicycle.likelihood`.

use hemicycle_core::kernels::InstructionSet;
use hemicycle_core::likelihood::{
    Likelihood, Scoring, log_likelihood_by_label as by_label, log_likelihood_by_model as by_model,
    log_likelihood_by_pair as by_pair, table_bytes as bytes_of_tables,
};
use hemicycle_core::{Error, Pairs};
use numpy::{PyArray1, PyReadonlyArray1, PyReadwriteArrayDyn};
use pyo3::prelude::*;

use crate::arrays::{Logits, in_its_precision, readable_column, slice_mut, slice1, writeable};
use crate::errors::BindingError;
use crate::interrupt::interruptible;

/// The columns of `hemicycle.pairs.Pairs`, held while the core reads them.
pub struct PairColumns<'py> {
    a: PyReadonlyArray1<'py, u32>,
    b: PyReadonlyArray1<'py, u32>,
    offsets: PyReadonlyArray1<'py, i64>,
    log_ratio: PyReadonlyArray1<'py, f64>,
    weight: PyReadonlyArray1<'py, f64>,
}

impl<'py> FromPyObject<'_, 'py> for PairColumns<'py> {
    type Error = PyErr;

    fn extract(pairs: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Ok(Self {
            a: readable_column(&pairs.getattr("a")?, "judgments")?,
            b: readable_column(&pairs.getattr("b")?, "judgments")?,
            offsets: readable_column(&pairs.getattr("offsets")?, "judgments")?,
            log_ratio: readable_column(&pairs.getattr("log_ratio")?, "judgments")?,
            weight: readable_column(&pairs.getattr("weight")?, "judgments")?,
        })
    }
}

/// The weight of each pair.
pub struct PairWeight<'py>(PyReadonlyArray1<'py, f64>);

impl<'py> FromPyObject<'_, 'py> for PairWeight<'py> {
    type Error = PyErr;

    fn extract(weights: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Ok(Self(readable_column(&weights, "pair_weights")?))
    }
}

impl PairWeight<'_> {
    /// As the core takes it.
    pub fn borrow(&self) -> Result<&[f64], BindingError> {
        slice1(&self.0, "pair_weight")
    }
}

/// An array that results are written to.
pub struct Output<'py>(PyReadwriteArrayDyn<'py, f64>);

impl<'py> FromPyObject<'_, 'py> for Output<'py> {
    type Error = PyErr;

    fn extract(out: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Ok(Self(writeable(&out, "out")?))
    }
}

impl Output<'_> {
    /// As the core takes it.
    pub fn borrow(&mut self, what: &'static str) -> Result<&mut [f64], BindingError> {
        slice_mut(&mut self.0, what)
    }
}

impl PairColumns<'_> {
    /// Number of pairs.
    pub fn len(&self) -> usize {
        self.a.len().unwrap_or_default()
    }

    /// Borrow the columns as the core takes them.
    pub fn borrow<'a>(&'a self, n_items: usize, pair_weight: &'a [f64]) -> Result<Pairs<'a>, BindingError> {
        Ok(Pairs {
            n_items,
            a: slice1(&self.a, "a")?,
            b: slice1(&self.b, "b")?,
            offsets: slice1(&self.offsets, "offsets")?,
            log_ratio: slice1(&self.log_ratio, "log_ratio")?,
            weight: slice1(&self.weight, "weight")?,
            pair_weight,
        })
    }
}

/// The instruction set of this name; none: the widest.
pub fn instruction_set(name: Option<&str>) -> Result<InstructionSet, BindingError> {
    let Some(name) = name else {
        return Ok(InstructionSet::detect());
    };
    let found = InstructionSet::available().into_iter().find(|set| set.name() == name);
    let refused = || Error::Shape { what: "instructions", expected: "one that this CPU has".into(), got: name.into() };
    Ok(found.ok_or_else(refused)?)
}

/// The names of the instruction sets that this CPU has, the one in use first.
#[pyfunction]
pub fn instruction_sets() -> Vec<&'static str> {
    InstructionSet::available().into_iter().map(InstructionSet::name).collect()
}

/// Write the log-likelihood by model, pair or label to `out`, rows by model.
#[pyfunction]
#[pyo3(signature = (
    logits, pairs, pair_weight, n_items, gaussian, sigma, per, out, n_threads=None, instructions=None, rtol=1e-10
))]
#[expect(clippy::too_many_arguments, reason = "each is an argument of the documented function")]
pub fn log_likelihood<'py>(
    py: Python<'py>,
    logits: Logits<'py>,
    pairs: PairColumns<'py>,
    pair_weight: PairWeight<'py>,
    n_items: usize,
    gaussian: bool,
    sigma: f64,
    per: &str,
    mut out: Output<'py>,
    n_threads: Option<usize>,
    instructions: Option<&str>,
    rtol: f64,
) -> Result<(), BindingError> {
    let pairs = pairs.borrow(n_items, pair_weight.borrow()?)?;
    let (scoring, set) = (scoring(gaussian, sigma, rtol), instruction_set(instructions)?);
    let out = out.borrow("out")?;
    in_its_precision!(&logits, logits => {
        let pool = logits.pool()?;
        interruptible(py, n_threads, |e| match per {
            "label" => by_label(&pool, &pairs, sigma, set, e, out),
            "pair" => by_pair(&pool, &pairs, scoring, set, e, out),
            _ => by_model(&pool, &pairs, scoring, set, e, out),
        })
    })
}

/// Bytes of the table that scores each pair, 0 where the direct kernel does.
#[pyfunction]
#[pyo3(signature = (pairs, n_items, gaussian, sigma, rtol, n_threads=None, instructions=None))]
#[expect(clippy::too_many_arguments, reason = "each is an argument of the documented function")]
pub fn table_bytes<'py>(
    py: Python<'py>,
    pairs: PairColumns<'py>,
    n_items: usize,
    gaussian: bool,
    sigma: f64,
    rtol: f64,
    n_threads: Option<usize>,
    instructions: Option<&str>,
) -> Result<Bound<'py, PyArray1<i64>>, BindingError> {
    let ones = vec![1.0; pairs.len()];
    let pairs = pairs.borrow(n_items, &ones)?;
    let (scoring, set) = (scoring(gaussian, sigma, rtol), instruction_set(instructions)?);
    let bytes = interruptible(py, n_threads, |e| bytes_of_tables(&pairs, scoring, set, e))?;
    Ok(PyArray1::from_iter(py, bytes.into_iter().map(|bytes| bytes as i64)))
}

/// What a term is, apart from its pair.
pub fn scoring(gaussian: bool, sigma: f64, rtol: f64) -> Scoring {
    let likelihood = if gaussian { Likelihood::Gaussian } else { Likelihood::SumGaussian };
    Scoring { likelihood, sigma, rtol }
}
