//! Histories as Python sees them, and the judges' verdicts on them.
mod build;
mod check;
mod own;
mod show;

use std::collections::BTreeMap;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::errors::class::HistoryError;
use crate::check::consistency::Model;
use crate::check::consistency::history::formats::{self, Timed};
use crate::check::consistency::history::{History, Malformed};
use crate::check::consistency::judge::ladder;

/// A history that is well formed, with its times.
#[pyclass(frozen, module = "distlab._core", name = "History")]
pub struct PyHistory {
    core: Arc<History>,
    invoked: Vec<f64>,
    completed: Vec<f64>,
}

impl From<Timed> for PyHistory {
    fn from(it: Timed) -> Self {
        Self { core: Arc::new(it.history), invoked: it.invoked, completed: it.completed }
    }
}

/// A history that cannot be.
fn unreadable(problem: &str) -> PyErr {
    HistoryError::new_err(("history", None::<()>, "", problem.to_owned()))
}

#[pymethods]
impl PyHistory {
    /// From columns; see `build.rs`. Where kinds are exact, no two words mean the same.
    #[staticmethod]
    fn from_columns(
        columns: &Bound<'_, PyDict>,
        initial: &Bound<'_, PyAny>,
        exact_kinds: bool,
    ) -> PyResult<Self> {
        build::from_columns(columns, initial, exact_kinds).map(Self::from)
    }

    /// From the flat arrays of many transactions; see `build.rs`.
    #[staticmethod]
    fn from_transactions(columns: &Bound<'_, PyDict>, initial: &Bound<'_, PyAny>) -> PyResult<Self> {
        build::from_transactions(columns, initial).map(Self::from)
    }

    /// From the notation of the notes' figures.
    #[staticmethod]
    fn parse(py: Python<'_>, text: &str) -> PyResult<Self> {
        let read = py.detach(|| formats::notation::read(text));
        read.map(Self::from).map_err(|it| unreadable(&it.to_string()))
    }

    /// From a log of Jepsen, Knossos or Elle.
    #[staticmethod]
    fn from_edn(py: Python<'_>, text: &str) -> PyResult<Self> {
        let read = py.detach(|| formats::jepsen::read(text));
        read.map(Self::from).map_err(|it| unreadable(&it.to_string()))
    }

    fn __len__(&self) -> usize {
        self.core.len()
    }

    /// The columns, with names for numbers.
    fn columns<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        show::columns(py, self)
    }

    /// The columns as numbers, where a million rows must not become a million objects.
    fn numbers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        show::numbers(py, self)
    }

    /// An operation in words.
    fn describe(&self, row: usize) -> Option<String> {
        (row < self.core.len()).then(|| self.core.describe_short(row))
    }

    /// Some of the operations, as a history of their own.
    fn select(&self, rows: Vec<u32>) -> PyResult<Self> {
        if let Some(row) = rows.iter().find(|row| **row as usize >= self.core.len()) {
            return Err(HistoryError::new_err(("rows", *row, format!("rows below {}", self.core.len()))));
        }
        Ok(self.part(&rows, self.core.select(&rows)))
    }

    /// Holds it against a model; the specification is a name, None, an object with `initial`, `step`, `partition` that knows
    /// operations by row, or a pair of the kind of a state machine and which rows are questions to it; versions are a mapping of keys to values, or None.
    #[expect(clippy::too_many_arguments, reason = "Python's facade gives them names and defaults")]
    fn check<'py>(
        &self,
        model: &Bound<'py, PyAny>,
        spec: &Bound<'py, PyAny>,
        versions: Option<&Bound<'py, PyAny>>,
        seconds: Option<f64>,
        states: Option<u64>,
        memory_bytes: u64,
        shrink: bool,
    ) -> PyResult<Bound<'py, PyDict>> {
        let limits = check::Limits { seconds, states, memory_bytes, shrink };
        check::check(model.py(), self, check::model(model)?, spec, versions, limits)
    }

    /// The names of the models that say something about it, and for every model the names of all it implies.
    fn ladder(&self) -> (Vec<&'static str>, BTreeMap<&'static str, Vec<&'static str>>) {
        let names = |models: Vec<Model>| models.into_iter().map(Model::name).collect::<Vec<_>>();
        let implied = Model::ALL.into_iter().map(|it| (it.name(), names(it.all_implied())));
        (names(ladder(&self.core)), implied.collect())
    }

    /// What registers hold before the first write.
    #[getter]
    fn initial<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        super::value::object(py, self.core.names.values.value(self.core.initial))
    }

    /// Whether there are transactions in it.
    #[getter]
    fn is_transactional(&self) -> bool {
        self.core.is_transactional()
    }
}

impl PyHistory {
    /// A part of it, made of these rows.
    fn part(&self, rows: &[u32], part: History) -> Self {
        let pick = |times: &[f64]| rows.iter().map(|row| times[*row as usize]).collect();
        Self { core: Arc::new(part), invoked: pick(&self.invoked), completed: pick(&self.completed) }
    }
}

impl From<Malformed> for PyErr {
    fn from(it: Malformed) -> Self {
        unreadable(&it.to_string())
    }
}
