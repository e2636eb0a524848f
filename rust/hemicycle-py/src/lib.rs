//! Python bindings of hemicycle-core: convert, release the GIL, call, convert back.

mod arrays;
mod errors;
mod interrupt;

use pyo3::prelude::*;

/// The compiled core of hemicycle. Use the documented functions of `hemicycle`, not this module.
#[pymodule(gil_used = false)]
mod _core {
    use super::{Bound, PyModule, PyModuleMethods, PyResult};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
