//! Replacement policies over numpy arrays.
use std::sync::atomic::Ordering;

use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::machines::memory::paging::simulate::{self, Details, Error, References};
use crate::machines::memory::paging::{Counts, Kind, Options, distances};
use crate::py::bridge::from_python;
use crate::py::errors::class::ParameterError;
use crate::py::errors::from_invalid;
use crate::py::patience::listening;

/// Adds what is here to the native module.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(paging_simulate, m)?)?;
    m.add_function(wrap_pyfunction!(paging_compare, m)?)?;
    m.add_function(wrap_pyfunction!(paging_distances, m)?)?;
    m.add_function(wrap_pyfunction!(paging_misses, m)?)?;
    m.add_function(wrap_pyfunction!(paging_distinct, m)?)
}

type Pages<'py> = PyReadonlyArray1<'py, u64>;

/// Hits, faults, evictions, write-backs; and, if asked for, outcome and victim of each reference.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "Python's facade gives them names and defaults")]
fn paging_simulate<'py>(
    py: Python<'py>,
    pages: Pages<'py>,
    page_bits: u32,
    writes: Option<PyReadonlyArray1<'py, bool>>,
    policy: &str,
    frames: u64,
    options: &Bound<'py, PyDict>,
    details: bool,
) -> PyResult<(u64, u64, u64, u64, Option<Columns<'py>>)> {
    let writes = writes.as_ref().map(|it| it.as_slice()).transpose()?;
    let references = References { pages: pages.as_slice()?, page_bits, writes };
    let (kind, options) = (kind(policy)?, read_options(py, options)?);
    let mut kept = details.then(Details::default);
    let mut work = |go_on: &(dyn Fn() -> bool + Sync)| match &mut kept {
        Some(kept) => simulate::detailed(&references, kind, frames, &options, &mut || go_on(), Some(kept)),
        None => simulate::simulate(&references, kind, frames, &options, &mut || go_on()),
    };
    let counts = match references.pages.len() {
        ..SHORT => py.detach(|| work(&|| true)).map_err(|it| raise(py, it))?,
        SHORT.. => heard(py, work)?,
    };
    let columns = kept.map(|it| (PyArray1::from_vec(py, it.outcomes), PyArray1::from_vec(py, it.victims)));
    Ok((counts.hits, counts.faults, counts.evictions, counts.write_backs, columns))
}

type Columns<'py> = (Bound<'py, PyArray1<u8>>, Bound<'py, PyArray1<u64>>);

/// Hits, faults, evictions and write-backs of every policy with every number of frames, policy by policy.
#[pyfunction]
fn paging_compare<'py>(
    py: Python<'py>,
    pages: Pages<'py>,
    page_bits: u32,
    writes: Option<PyReadonlyArray1<'py, bool>>,
    policies: Vec<String>,
    frames: Vec<u64>,
    options: &Bound<'py, PyDict>,
) -> PyResult<[Bound<'py, PyArray1<u64>>; 4]> {
    let writes = writes.as_ref().map(|it| it.as_slice()).transpose()?;
    let references = References { pages: pages.as_slice()?, page_bits, writes };
    let kinds = policies.iter().map(|name| kind(name)).collect::<PyResult<Vec<_>>>()?;
    let options = read_options(py, options)?;
    let counts = heard(py, |go_on| simulate::compare(&references, &kinds, &frames, &options, go_on))?;
    let column = |of: fn(&Counts) -> u64| PyArray1::from_iter(py, counts.iter().map(of));
    Ok([column(|it| it.hits), column(|it| it.faults), column(|it| it.evictions), column(|it| it.write_backs)])
}

/// The stack distance of each reference; 0 for first ones.
#[pyfunction]
fn paging_distances<'py>(
    py: Python<'py>,
    pages: Pages<'py>,
    page_bits: u32,
) -> PyResult<Bound<'py, PyArray1<u32>>> {
    let pages = pages.as_slice()?;
    check_length(py, pages)?;
    let mut found = Vec::with_capacity(pages.len());
    heard(py, |go_on| {
        distances::for_each(pages, page_bits, &mut || go_on(), |distance| found.push(distance))
    })?;
    Ok(PyArray1::from_vec(py, found))
}

/// The misses of LRU with 1, 2, ... frames, as many as there are pages.
#[pyfunction]
fn paging_misses<'py>(
    py: Python<'py>,
    pages: Pages<'py>,
    page_bits: u32,
) -> PyResult<Bound<'py, PyArray1<u64>>> {
    let pages = pages.as_slice()?;
    check_length(py, pages)?;
    let histogram = heard(py, |go_on| distances::histogram(pages, page_bits, &mut || go_on()))?;
    Ok(PyArray1::from_vec(py, distances::misses(&histogram)))
}

/// How many different pages there are.
#[pyfunction]
fn paging_distinct(py: Python<'_>, pages: Pages<'_>, page_bits: u32) -> PyResult<u64> {
    let pages = pages.as_slice()?;
    check_length(py, pages)?;
    heard(py, |go_on| simulate::distinct(pages, page_bits, &mut || go_on()))
}

/// References below which work is done at once, before anybody could press a key.
const SHORT: usize = 1 << 15;

/// Works off the lock; hears Ctrl-C meanwhile.
fn heard<T: Send>(
    py: Python<'_>,
    work: impl FnOnce(&(dyn Fn() -> bool + Sync)) -> Result<T, Error> + Send,
) -> PyResult<T> {
    let done = listening(py, |cancelled| work(&|| !cancelled.load(Ordering::Relaxed)))?;
    done.map_err(|it| raise(py, it))
}

fn check_length(py: Python<'_>, pages: &[u64]) -> PyResult<()> {
    simulate::check_length(pages).map_err(|it| from_invalid(py, &it))
}

fn kind(name: &str) -> PyResult<Kind> {
    Kind::named(name).ok_or_else(|| {
        let names = Kind::ALL.map(Kind::name).join(", ");
        ParameterError::new_err(("policy", name.to_owned(), format!("one of {names}")))
    })
}

fn read_options(py: Python<'_>, options: &Bound<'_, PyDict>) -> PyResult<Options> {
    let options: Options = from_python(options, None, "options")?;
    options.check().map_err(|it| from_invalid(py, &it))?;
    Ok(options)
}

fn raise(py: Python<'_>, error: Error) -> PyErr {
    match error {
        Error::Parameter(it) => from_invalid(py, &it),
        Error::Interrupted => PyKeyboardInterrupt::new_err(()),
    }
}
