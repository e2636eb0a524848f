//! Binding of the losses that models are trained on. The arguments are documented in `hemicycle.torch`.

use hemicycle_core::Error;
use hemicycle_core::losses::{Labels, Layout, Losses, Number, Outputs, sum_gaussian_loss as core_sum_gaussian_loss};
use numpy::{
    Element, PyArray2, PyArrayDyn, PyReadonlyArray1, PyReadonlyArray2, PyReadonlyArrayDyn, PyReadwriteArrayDyn,
    PyUntypedArrayMethods,
};
use pyo3::prelude::*;

use crate::arrays::{readable, readable_column, slice_mut, slice1, slice2, writeable};
use crate::errors::BindingError;
use crate::interrupt::interruptible;
use crate::likelihood::instruction_set;

/// Labels and what is computed from them, all in the precision of the predictions.
struct Arguments<'a, 'py> {
    labels: &'a Bound<'py, PyAny>,
    offsets: Option<PyReadonlyArray1<'py, i64>>,
    label_weights: Option<&'a Bound<'py, PyAny>>,
    sigma: f64,
    loss: &'a Bound<'py, PyAny>,
    derivatives: [Option<&'a Bound<'py, PyAny>>; 2],
    scale: Option<f64>,
    n_threads: Option<usize>,
    instructions: Option<&'a str>,
}

/// Loss of every prediction into `loss`, and where given its derivatives into `slope` and `curvature`; with `scale` the
/// sum over the pairs of each model, in float64, and its derivatives, all times this.
#[pyfunction]
#[pyo3(signature = (
    pred, labels, offsets, label_weights, sigma, loss, slope, curvature, scale=None, n_threads=None, instructions=None
))]
#[expect(clippy::too_many_arguments, reason = "each is an argument of the documented function, or a result")]
pub fn sum_gaussian_loss<'py>(
    py: Python<'py>,
    pred: &Bound<'py, PyAny>,
    labels: &Bound<'py, PyAny>,
    offsets: Option<&Bound<'py, PyAny>>,
    label_weights: Option<&Bound<'py, PyAny>>,
    sigma: f64,
    loss: &Bound<'py, PyAny>,
    slope: Option<&Bound<'py, PyAny>>,
    curvature: Option<&Bound<'py, PyAny>>,
    scale: Option<f64>,
    n_threads: Option<usize>,
    instructions: Option<&str>,
) -> Result<(), BindingError> {
    let offsets = offsets.map(|offsets| readable_column(offsets, "offsets")).transpose()?;
    let derivatives = [slope, curvature];
    let arguments =
        Arguments { labels, offsets, label_weights, sigma, loss, derivatives, scale, n_threads, instructions };
    match pred.cast::<PyArray2<f32>>() {
        Ok(pred) => arguments.run(py, &readable(pred, "pred")?),
        Err(_) => arguments.run(py, &readable(pred.cast::<PyArray2<f64>>().map_err(PyErr::from)?, "pred")?),
    }
}

impl<'py> Arguments<'_, 'py> {
    fn run<T: Number + Element>(self, py: Python<'py>, pred: &PyReadonlyArray2<'py, T>) -> Result<(), BindingError> {
        let (pred, n_models, n_pairs) = slice2(pred, "pred")?;
        let values = self.labels.cast::<PyArrayDyn<T>>().map_err(PyErr::from)?;
        let shape = values.shape().to_vec();
        let values = readable(values, "labels")?;
        let weights = self.label_weights.map(|weights| -> Result<_, BindingError> {
            let weights = weights.cast::<PyArrayDyn<T>>().map_err(PyErr::from)?;
            same_shape("label_weights", &shape, weights.shape())?;
            Ok(readable(weights, "label_weights")?)
        });
        let weights = weights.transpose()?;
        let offsets = self.offsets.as_ref().map(|offsets| slice1(offsets, "offsets")).transpose()?;
        let labels = Labels {
            values: slice(&values, "labels")?,
            weights: weights.as_ref().map(|weights| slice(weights, "label_weights")).transpose()?,
            layout: layout(&shape, offsets, n_pairs)?,
        };
        let mut derivatives = [None, None];
        for ((output, array), what) in derivatives.iter_mut().zip(self.derivatives).zip(["slope", "curvature"]) {
            *output = array.map(|array| output_of::<T>(array, what, &[n_models, n_pairs])).transpose()?;
        }
        let [slope, curvature] = derivatives.each_mut().map(Option::as_mut);
        let (mut losses, mut sums);
        let loss = match self.scale {
            None => {
                losses = output_of::<T>(self.loss, "loss", &[n_models, n_pairs])?;
                Losses::Each(slice_mut(&mut losses, "loss")?)
            }
            Some(scale) => {
                sums = output_of::<f64>(self.loss, "loss", &[n_models])?;
                Losses::Total { sums: slice_mut(&mut sums, "loss")?, scale }
            }
        };
        let outputs = Outputs {
            loss,
            slope: slope.map(|slope| slice_mut(slope, "slope")).transpose()?,
            curvature: curvature.map(|curvature| slice_mut(curvature, "curvature")).transpose()?,
        };
        let set = instruction_set(self.instructions)?;
        let sigma = self.sigma;
        interruptible(py, self.n_threads, |e| core_sum_gaussian_loss(pred, &labels, sigma, set, e, outputs))
    }
}

/// An array of this shape that results are written to.
fn output_of<'py, T: Element>(
    array: &Bound<'py, PyAny>,
    what: &'static str,
    shape: &[usize],
) -> Result<PyReadwriteArrayDyn<'py, T>, BindingError> {
    let array = writeable(array, what)?;
    same_shape(what, shape, array.shape())?;
    Ok(array)
}

/// Which label belongs to which pair.
fn layout<'a>(shape: &[usize], offsets: Option<&'a [i64]>, n_pairs: usize) -> Result<Layout<'a>, BindingError> {
    match (offsets, shape) {
        (None, [_, columns]) if *columns == n_pairs => Ok(Layout::Dense { n_pairs }),
        (None, _) => Err(disagree("labels", &format!("(n_labels, {n_pairs})"), shape)),
        (Some(offsets), [_]) if offsets.len() == n_pairs + 1 => Ok(Layout::Ragged { offsets }),
        (Some(offsets), [_]) => Err(disagree("offsets", &format!("({},)", n_pairs + 1), &[offsets.len()])),
        (Some(_), _) => Err(disagree("labels", "(n_flat,) beside offsets", shape)),
    }
}

fn slice<'a, T: Element>(array: &'a PyReadonlyArrayDyn<'_, T>, what: &'static str) -> Result<&'a [T], BindingError> {
    match array.as_slice() {
        Ok(slice) if array.is_c_contiguous() => Ok(slice),
        _ => Err(Error::Shape { what, expected: "a C-contiguous array".into(), got: "another layout".into() }.into()),
    }
}

fn same_shape(what: &'static str, expected: &[usize], got: &[usize]) -> Result<(), BindingError> {
    if expected == got { Ok(()) } else { Err(disagree(what, &format!("shape {expected:?}"), got)) }
}

fn disagree(what: &'static str, expected: &str, got: &[usize]) -> BindingError {
    Error::Shape { what, expected: expected.into(), got: format!("{got:?}") }.into()
}
