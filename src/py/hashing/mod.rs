//! Placements of keys and Merkle trees as Python sees them.
mod keys;
mod merkle;
mod ring;
mod strategies;

use pyo3::prelude::*;

/// Adds what is here to the native module.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    merkle::register(m)?;
    strategies::register(m)?;
    ring::register(m)
}
