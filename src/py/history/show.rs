//! From a history to Python's columns.
use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use super::PyHistory;
use crate::check::consistency::history::{Access, History, Kind};
use crate::py::value::object;

type Objects<'py> = Vec<Bound<'py, PyAny>>;

/// Every value once, as an object.
fn values<'py>(py: Python<'py>, history: &History) -> PyResult<Objects<'py>> {
    let table = &history.names.values;
    (0..table.len() as u32).map(|it| object(py, table.value(it))).collect()
}

/// `process, kind, key, argument, result` as lists, `status, invoked, completed` as arrays, `accesses` as a list
/// (None: no transactions).
pub(super) fn columns<'py>(py: Python<'py>, it: &PyHistory) -> PyResult<Bound<'py, PyDict>> {
    let history = &*it.core;
    let values = values(py, history)?;
    let pick = |column: &[u32]| PyList::new(py, column.iter().map(|value| &values[*value as usize]));
    let names: Vec<_> = history.names.processes.iter().map(|it| PyString::new(py, it)).collect();
    let kinds: Vec<_> = history.names.kinds.names().map(|it| PyString::new(py, it)).collect();
    let columns = PyDict::new(py);
    columns.set_item("process", PyList::new(py, history.process.iter().map(|it| &names[*it as usize]))?)?;
    columns.set_item("kind", PyList::new(py, history.kind.iter().map(|it| &kinds[it.0 as usize]))?)?;
    columns.set_item("key", pick(&history.key)?)?;
    columns.set_item("argument", pick(&history.argument)?)?;
    columns.set_item("result", pick(&history.result)?)?;
    columns.set_item("status", statuses(py, history))?;
    columns.set_item("invoked", PyArray1::from_slice(py, &it.invoked))?;
    columns.set_item("completed", PyArray1::from_slice(py, &it.completed))?;
    if history.is_transactional() {
        let mut accesses = Vec::with_capacity(history.len());
        for row in 0..history.len() {
            accesses.push(transaction(py, history, row, &values)?);
        }
        columns.set_item("accesses", PyList::new(py, accesses)?)?;
    }
    Ok(columns)
}

fn statuses<'py>(py: Python<'py>, history: &History) -> Bound<'py, PyArray1<u8>> {
    PyArray1::from_vec(py, history.status.iter().map(|it| *it as u8).collect())
}

fn transaction<'py>(
    py: Python<'py>,
    history: &History,
    row: usize,
    values: &[Bound<'py, PyAny>],
) -> PyResult<Bound<'py, PyAny>> {
    if history.kind[row] != Kind::TXN {
        return Ok(py.None().into_bound(py));
    }
    let list = PyList::empty(py);
    for (key, access) in history.accesses.of(row) {
        let value = |number: u32| values[number as usize].clone();
        let (function, value) = match access {
            Access::Read(it) => ("r", value(it)),
            Access::ReadUnknown => ("r", py.None().into_bound(py)),
            Access::Write(it) => ("w", value(it)),
            Access::Append(it) => ("append", value(it)),
            Access::ReadList(list) => {
                let elements = history.accesses.list(list).iter().map(|it| value(*it));
                ("r", PyList::new(py, elements.collect::<Vec<_>>())?.into_any())
            }
        };
        list.append((function, value_of_key(values, key), value))?;
    }
    Ok(list.into_any())
}

fn value_of_key<'py>(values: &[Bound<'py, PyAny>], key: u32) -> Bound<'py, PyAny> {
    values[key as usize].clone()
}

/// `process, kind, key, status` as arrays of numbers, with the lists `processes, kinds` that they count into.
pub(super) fn numbers<'py>(py: Python<'py>, it: &PyHistory) -> PyResult<Bound<'py, PyDict>> {
    let history = &*it.core;
    let columns = PyDict::new(py);
    columns.set_item("process", PyArray1::from_slice(py, &history.process))?;
    columns.set_item("kind", PyArray1::from_vec(py, history.kind.iter().map(|it| it.0).collect()))?;
    columns.set_item("key", PyArray1::from_slice(py, &history.key))?;
    columns.set_item("status", statuses(py, history))?;
    columns.set_item("invoked", PyArray1::from_slice(py, &it.invoked))?;
    columns.set_item("completed", PyArray1::from_slice(py, &it.completed))?;
    columns.set_item("processes", history.names.processes.iter().map(|it| &**it).collect::<Vec<_>>())?;
    columns.set_item("kinds", history.names.kinds.names().map(|it| &**it).collect::<Vec<_>>())?;
    Ok(columns)
}
