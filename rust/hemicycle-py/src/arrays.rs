//! NumPy arrays to slices. The Python layer hands over C-contiguous arrays of the right dtype; what arrives otherwise
//! is refused here by name, never copied in silence.

use hemicycle_core::Error;
use numpy::{Element, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};

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
    let slice = array.as_slice().map_err(|_| not_contiguous(what))?;
    Ok((slice, shape[0], shape[1]))
}

fn not_contiguous(what: &'static str) -> Error {
    Error::Shape { what, expected: "a C-contiguous array".into(), got: "another layout".into() }
}
