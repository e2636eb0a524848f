//! NumPy arrays to slices. The Python layer hands over arrays of the right dtype, C-contiguous or, for logits, with steps
//! forward; what arrives otherwise is refused here by name, never copied in silence.

use hemicycle_core::pool::{Pool, span};
use hemicycle_core::{Error, Result as CoreResult};
use numpy::ndarray::Dimension;
use numpy::{
    Element, PyArray, PyArray1, PyArray2, PyArrayDyn, PyArrayMethods, PyReadonlyArray, PyReadonlyArray1,
    PyReadonlyArray2, PyReadwriteArrayDyn, PyUntypedArrayMethods,
};
use pyo3::prelude::*;
use pyo3::types::IntoPyDict;

use crate::errors::BindingError;

/// A borrowed one-dimensional array as a slice.
pub fn slice1<'a, T: Element>(array: &'a PyReadonlyArray1<'_, T>, what: &'static str) -> Result<&'a [T], BindingError> {
    array.as_slice().map_err(|_| not_contiguous(what).into())
}

/// A borrowed row-major matrix as a slice, with its shape.
pub fn slice2<'a, T: Element>(
    array: &'a PyReadonlyArray2<'_, T>,
    what: &'static str,
) -> Result<(&'a [T], usize, usize), BindingError> {
    let shape = array.shape();
    match array.as_slice() {
        Ok(slice) if array.is_c_contiguous() => Ok((slice, shape[0], shape[1])),
        _ => Err(not_contiguous(what).into()),
    }
}

/// A borrowed row-major array as a slice to write to.
pub fn slice_mut<'a, T: Element>(
    array: &'a mut PyReadwriteArrayDyn<'_, T>,
    what: &'static str,
) -> Result<&'a mut [T], BindingError> {
    let c_contiguous = array.is_c_contiguous();
    match array.as_slice_mut() {
        Ok(slice) if c_contiguous => Ok(slice),
        _ => Err(not_contiguous(what).into()),
    }
}

/// An array that is read, which no other call writes to meanwhile.
pub fn readable<'py, T: Element, D: Dimension>(
    array: &Bound<'py, PyArray<T, D>>,
    what: &str,
) -> PyResult<PyReadonlyArray<'py, T, D>> {
    array.try_readonly().map_err(|_| in_use(array.py(), what, "another call writes to it"))
}

/// One column of numbers that is read, an attribute of `object` or `object` itself.
pub fn readable_column<'py, T: Element>(object: &Bound<'py, PyAny>, what: &str) -> PyResult<PyReadonlyArray1<'py, T>> {
    readable(object.cast::<PyArray1<T>>()?, what)
}

/// An array that results are written to, which no other call reads or writes meanwhile.
pub fn writeable<'py, T: Element>(object: &Bound<'py, PyAny>, what: &str) -> PyResult<PyReadwriteArrayDyn<'py, T>> {
    let array = object.cast::<PyArrayDyn<T>>()?;
    array.try_readwrite().map_err(|_| in_use(object.py(), what, "another call reads it or writes to it"))
}

/// The error for memory that more than one call would use.
fn in_use(py: Python<'_>, what: &str, how: &str) -> PyErr {
    let error = py.import("hemicycle.errors").and_then(|errors| errors.getattr("OptionError"));
    error.and_then(|class| class.call1((format!("{what}: {how}"),))).map_or_else(|failure| failure, PyErr::from_value)
}

/// A matrix in either precision, one row a model.
pub enum Logits<'py> {
    /// float64
    Double(Matrix<'py, f64>),
    /// float32
    Single(Matrix<'py, f32>),
}

/// The same expression for a matrix in either precision.
macro_rules! in_its_precision {
    ($logits:expr, $matrix:ident => $value:expr) => {
        match $logits {
            $crate::arrays::Logits::Double($matrix) => $value,
            $crate::arrays::Logits::Single($matrix) => $value,
        }
    };
}
pub(crate) use in_its_precision;

impl<'py> FromPyObject<'_, 'py> for Logits<'py> {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let object: &Bound<'py, PyAny> = &object;
        match object.cast::<PyArray2<f32>>() {
            Ok(matrix) => Ok(Self::Single(Matrix::of(matrix)?)),
            Err(_) => Ok(Self::Double(Matrix::of(object.cast::<PyArray2<f64>>()?)?)),
        }
    }
}

/// A borrowed matrix with steps forward in memory.
pub struct Matrix<'py, T: Element> {
    /// The memory from its first element to its last.
    memory: PyReadonlyArray1<'py, T>,
    shape: [usize; 2],
    strides: [usize; 2],
}

impl<'py, T: Element> Matrix<'py, T> {
    fn of(matrix: &Bound<'py, PyArray2<T>>) -> PyResult<Self> {
        let shape = [matrix.shape()[0], matrix.shape()[1]];
        let strides = strides(&readable(matrix, "logits")?, shape).map_err(BindingError::from)?;
        let kwargs = [("shape", [span(shape[0], shape[1], strides)]), ("strides", [size_of::<T>()])];
        let as_strided = matrix.py().import("numpy.lib.stride_tricks")?.getattr("as_strided")?;
        let memory = as_strided.call((matrix,), Some(&kwargs.into_py_dict(matrix.py())?))?;
        Ok(Self { memory: readable_column(&memory, "logits")?, shape, strides })
    }
}

/// How many elements the models and the items of a matrix are apart; those of one row or one column are free.
fn strides<T: Element>(matrix: &PyReadonlyArray2<'_, T>, shape: [usize; 2]) -> CoreResult<[usize; 2]> {
    if matrix.is_c_contiguous() {
        return Ok([shape[1], 1]);
    }
    let mut elements = [shape[1], 1];
    for axis in 0..2 {
        let bytes = usize::try_from(matrix.strides()[axis]).ok();
        match bytes.filter(|bytes| bytes.is_multiple_of(size_of::<T>())) {
            Some(bytes) => elements[axis] = bytes / size_of::<T>(),
            None if shape[axis] > 1 => return Err(not_forward()),
            None => {}
        }
    }
    Ok(elements)
}

impl<T: Element> Matrix<'_, T> {
    /// The matrix as the core takes it.
    pub fn pool(&self) -> Result<Pool<'_, T>, BindingError> {
        let Self { memory, shape: [n_models, n_items], strides } = self;
        let logits = memory.as_slice().map_err(|_| not_forward())?;
        Ok(Pool { logits, n_models: *n_models, n_items: *n_items, strides: *strides })
    }

    /// The matrix as a row-major slice with its shape.
    pub fn rows(&self, what: &'static str) -> Result<(&[T], usize, usize), BindingError> {
        let Pool { logits, n_models, n_items, strides } = self.pool()?;
        if strides != [n_items, 1] {
            return Err(not_contiguous(what).into());
        }
        Ok((logits, n_models, n_items))
    }
}

fn not_forward() -> Error {
    let expected = "an array whose steps are forward and whole elements".into();
    Error::Shape { what: "logits", expected, got: "another layout".into() }
}

fn not_contiguous(what: &'static str) -> Error {
    Error::Shape { what, expected: "a C-contiguous array".into(), got: "another layout".into() }
}
