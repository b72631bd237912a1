//! Memory as Python sees it.
mod allocation;
mod compare;
mod emat;
mod mmu;
mod paging;
mod reference;

use pyo3::prelude::*;

/// Adds what is here to the native module.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    allocation::register(m)?;
    compare::register(m)?;
    emat::register(m)?;
    mmu::register(m)?;
    paging::register(m)?;
    reference::register(m)
}
