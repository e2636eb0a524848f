//! Keys of item names.

use hemicycle_core::names::item_key;
use pyo3::prelude::*;

/// The key of each name.
#[pyfunction]
pub fn item_keys(names: Vec<String>) -> Vec<String> {
    names.iter().map(|name| item_key(name)).collect()
}
