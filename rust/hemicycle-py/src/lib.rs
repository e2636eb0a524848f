//! Python bindings of hemicycle-core: convert, release the GIL, call, convert back.

mod arrays;
mod errors;
mod interrupt;
mod names;

use pyo3::prelude::*;

/// The compiled core of hemicycle. Use the documented functions of `hemicycle`, not this module.
#[pymodule(gil_used = false)]
mod _core {
    #[pymodule_export]
    use crate::names::item_keys;

    use super::{Bound, PyModule, PyModuleMethods, PyResult};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
