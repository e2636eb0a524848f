//! Names: the keys of items, how they are kept, which look alike.

use std::borrow::Cow;

use hemicycle_core::names::item_key;
use hemicycle_core::read_limits::ReadLimits;
use hemicycle_core::spelling::{kept_name, look_alikes as alike, skeleton};
use pyo3::prelude::*;

/// The key of each name.
#[pyfunction]
pub fn item_keys(names: Vec<String>) -> Vec<String> {
    names.iter().map(|name| item_key(name)).collect()
}

/// Each name as it is kept, and the places of those that cannot be kept with why; those stay as they are.
#[pyfunction]
pub fn kept_names(names: Vec<String>, name_characters: u64) -> (Vec<String>, Vec<(usize, String)>) {
    let limit = ReadLimits { name_characters, ..ReadLimits::default() }.name();
    let mut faults = Vec::new();
    let kept = names.into_iter().enumerate().map(|(place, name)| match kept_name(&name, limit) {
        Ok(Cow::Borrowed(same)) if same.len() == name.len() => name,
        Ok(kept) => kept.into_owned(),
        Err(reason) => {
            faults.push((place, reason));
            name
        }
    });
    (kept.collect(), faults)
}

/// For each name the place of another item that it looks like.
#[pyfunction]
pub fn look_alikes(names: Vec<String>, others: Vec<String>) -> Vec<Option<usize>> {
    alike(&names, &others)
}

/// What each name looks like.
#[pyfunction]
pub fn skeletons(names: Vec<String>) -> Vec<String> {
    names.iter().map(|name| skeleton(name)).collect()
}
