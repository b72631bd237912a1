//! Memories that hand out pieces, contiguous or paged.
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::machines::memory::allocation::{Contiguous, Error, Extent, Fit, Paged};
use crate::py::errors::class::{AllocationError, InternalError, ParameterError, SaveFileError};
use crate::py::errors::from_invalid;

/// Adds what is here to the native module.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<PyContiguous>()?;
    m.add_class::<PyPaged>()
}

fn raise(py: Python<'_>, error: Error) -> PyErr {
    let text = error.to_string();
    match error {
        Error::Parameter(it) => from_invalid(py, &it),
        Error::NoPlace { owner, size, free, largest, holes } => {
            AllocationError::new_err((owner, size, free, largest, holes))
        }
        Error::Holds { owner } => ParameterError::new_err(("owner", owner, "an owner of nothing", text)),
        Error::HoldsNothing { owner } => {
            ParameterError::new_err(("owner", owner, "an owner of memory", text))
        }
    }
}

fn pair(it: Extent) -> (u64, u64) {
    (it.start, it.size)
}

fn save<'py>(py: Python<'py>, memory: &impl Serialize) -> PyResult<Bound<'py, PyBytes>> {
    let bytes = postcard::to_stdvec(memory).map_err(|it| InternalError::new_err(it.to_string()))?;
    Ok(PyBytes::new(py, &bytes))
}

fn read<T: DeserializeOwned>(state: &[u8]) -> PyResult<T> {
    postcard::from_bytes(state).map_err(|it| SaveFileError::new_err(format!("not a saved memory: {it}")))
}

/// A memory whose pieces are contiguous.
#[pyclass(module = "distlab._core", name = "Contiguous")]
pub struct PyContiguous(Contiguous);

#[pymethods]
impl PyContiguous {
    #[new]
    fn new(py: Python<'_>, size: u64, fit: &str) -> PyResult<Self> {
        let Some(found) = Fit::ALL.into_iter().find(|it| it.name() == fit) else {
            let names = Fit::ALL.map(Fit::name).join(", ");
            return Err(ParameterError::new_err(("fit", fit.to_owned(), format!("one of {names}"))));
        };
        Contiguous::new(size, found).map(Self).map_err(|it| from_invalid(py, &it))
    }

    /// All of it as bytes.
    fn state<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        save(py, &self.0)
    }

    /// What those bytes say.
    #[staticmethod]
    fn from_state(state: &[u8]) -> PyResult<Self> {
        read(state).map(Self)
    }

    #[getter]
    fn size(&self) -> u64 {
        self.0.size()
    }

    #[getter]
    fn fit(&self) -> &'static str {
        self.0.fit().name()
    }

    fn allocate(&mut self, py: Python<'_>, owner: &str, size: u64) -> PyResult<u64> {
        self.0.allocate(owner, size).map(|it| it.start).map_err(|it| raise(py, it))
    }

    fn free(&mut self, py: Python<'_>, owner: &str) -> PyResult<(u64, u64)> {
        self.0.free(owner).map(pair).map_err(|it| raise(py, it))
    }

    fn compact(&mut self) -> u64 {
        self.0.compact()
    }

    /// Owner, start and size of every piece, by owner.
    fn pieces(&self) -> Vec<(String, u64, u64)> {
        self.0.pieces().map(|(owner, it)| (owner.to_owned(), it.start, it.size)).collect()
    }

    /// Start and size of every hole, from below.
    fn holes(&self) -> Vec<(u64, u64)> {
        self.0.holes().map(pair).collect()
    }
}

/// A memory whose pieces are pages.
#[pyclass(module = "distlab._core", name = "Paged")]
pub struct PyPaged(Paged);

#[pymethods]
impl PyPaged {
    #[new]
    fn new(py: Python<'_>, size: u64, page_size: u64) -> PyResult<Self> {
        Paged::new(size, page_size).map(Self).map_err(|it| from_invalid(py, &it))
    }

    /// All of it as bytes.
    fn state<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        save(py, &self.0)
    }

    /// What those bytes say.
    #[staticmethod]
    fn from_state(state: &[u8]) -> PyResult<Self> {
        read(state).map(Self)
    }

    #[getter]
    fn size(&self) -> u64 {
        self.0.size()
    }

    #[getter]
    fn page_size(&self) -> u64 {
        self.0.page_size()
    }

    fn allocate(&mut self, py: Python<'_>, owner: &str, size: u64) -> PyResult<Vec<u64>> {
        self.0.allocate(owner, size).map(<[u64]>::to_vec).map_err(|it| raise(py, it))
    }

    fn free(&mut self, py: Python<'_>, owner: &str) -> PyResult<Vec<u64>> {
        self.0.free(owner).map_err(|it| raise(py, it))
    }

    /// Owner, frames and size asked for of every piece, by owner.
    fn pieces(&self) -> Vec<(String, Vec<u64>, u64)> {
        self.0.pieces().map(|(owner, frames, size)| (owner.to_owned(), frames.to_vec(), size)).collect()
    }

    #[getter]
    fn free_units(&self) -> u64 {
        self.0.free_units()
    }

    #[getter]
    fn wasted_units(&self) -> u64 {
        self.0.wasted_units()
    }
}
