//! Exhaustive exploration, as Python sees it.
mod named;
pub mod replay;
mod run;
mod settings;
mod show;
mod spec;
mod step;
pub mod view;
pub mod world;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::bridge::from_python;
use run::{Lock, run};
use settings::Settings;
use spec::PySpec;

/// Explores a specification written in Python, given in parts.
#[pyfunction]
#[pyo3(signature = (parts, settings, progress = None))]
pub fn explore_spec<'py>(
    py: Python<'py>,
    parts: &Bound<'py, PyDict>,
    settings: &Bound<'py, PyAny>,
    progress: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let settings: Settings = from_python(settings, None, "settings")?;
    let spec = PySpec::new(parts)?;
    let ran = run(py, &spec, &settings, progress, Lock::Kept, || 0)?;
    let found = ran.result.map_err(|failed| failed.error)?;
    show::report(py, &spec, &spec, &found, ran.timed_out)
}

/// Explores a specification of the core, given by name.
#[pyfunction]
#[pyo3(signature = (named, settings, progress = None))]
pub fn explore_named<'py>(
    py: Python<'py>,
    named: &Bound<'py, PyAny>,
    settings: &Bound<'py, PyAny>,
    progress: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let settings: Settings = from_python(settings, None, "settings")?;
    named::explore(py, &from_python(named, None, "system")?, &settings, progress)
}
