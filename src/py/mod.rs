//! Python's view. Everything crosses as data or as numpy columns: no line here knows any one protocol.
mod actor;
mod bridge;
mod causality;
mod clocks;
mod context;
mod duration;
mod errors;
mod explore;
mod fault;
mod hashing;
mod history;
mod machine;
mod membership;
mod memory;
mod node;
mod patience;
mod plain;
mod shown;
mod value;
mod world;

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use plain::Plain;

/// A duration in nanoseconds: float seconds, text like ``"150ms"``, or a ``timedelta``.
#[pyfunction]
#[pyo3(signature = (value, parameter = "duration"))]
fn nanoseconds(value: &Bound<'_, PyAny>, parameter: &str) -> PyResult<u64> {
    duration::nanoseconds(value, parameter)
}

/// The encoding of a value: what a node written in Python may send, store and answer.
#[pyfunction]
fn encode<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(value.py(), Plain::encode(value, "value")?.bytes()))
}

/// The value of an encoding.
#[pyfunction]
fn decode<'py>(py: Python<'py>, encoding: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    Plain::from_bytes(encoding)?.decode(py)
}

#[pymodule(name = "_core")]
fn core_module(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add("__version__", env!("CARGO_PKG_VERSION"))?;
    m.add_class::<history::PyHistory>()?;
    m.add_class::<world::PyWorld>()?;
    m.add_class::<context::Context>()?;
    m.add_class::<explore::view::PyView>()?;
    m.add_function(wrap_pyfunction!(nanoseconds, m)?)?;
    m.add_function(wrap_pyfunction!(encode, m)?)?;
    m.add_function(wrap_pyfunction!(decode, m)?)?;
    m.add_function(wrap_pyfunction!(machine::machine_class, m)?)?;
    m.add_function(wrap_pyfunction!(machine::state_machine, m)?)?;
    crate::machines::store::custom::come_from(machine::ORIGIN);
    m.add_function(wrap_pyfunction!(explore::explore_named, m)?)?;
    m.add_function(wrap_pyfunction!(explore::explore_spec, m)?)?;
    causality::register(m)?;
    clocks::register(m)?;
    hashing::register(m)?;
    membership::register(m)?;
    memory::register(m)
}
