//! Traces and histories as columns.
use std::collections::BTreeMap;

use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::engine::Inner;
use crate::py::actor::{Actor, Call};
use crate::py::bridge::Names;
use crate::py::node::terms;
use crate::py::plain::Plain;
use crate::py::shown;
use crate::py::value::object;
use crate::sim::{Believed, History, NO_LOAD, NOBODY, NodeId, Outcome, Protocol, Row, RowKind, Trial};

/// A node as a column shows it: its index; -1 for none.
fn index(node: NodeId) -> i32 {
    if node == NOBODY { -1 } else { node.0 as i32 }
}

/// The rows of the trace from the `start`-th that is still there.
pub fn trace<'py>(py: Python<'py>, inner: &Inner, start: usize) -> PyResult<Bound<'py, PyDict>> {
    let trace = inner.world.trace();
    let columns = PyDict::new(py);
    let rows = || trace.rows().skip(start);
    fn column<'a, T>(rows: impl Iterator<Item = &'a Row>, of: impl Fn(&Row) -> T) -> Vec<T> {
        rows.map(of).collect()
    }
    columns.set_item("time_ns", PyArray1::from_vec(py, column(rows(), |it| it.time as i64)))?;
    columns.set_item("kind", PyArray1::from_vec(py, column(rows(), |it| it.kind as u8)))?;
    columns.set_item("node", PyArray1::from_vec(py, column(rows(), |it| index(it.node))))?;
    columns.set_item("peer", PyArray1::from_vec(py, column(rows(), |it| index(it.peer))))?;
    columns.set_item("label", PyArray1::from_vec(py, column(rows(), |it| it.label)))?;
    columns.set_item("id", PyArray1::from_vec(py, column(rows(), |it| it.id)))?;
    columns.set_item("cause", PyArray1::from_vec(py, column(rows(), |it| it.cause)))?;
    columns.set_item("kinds", RowKind::NAMES.to_vec())?;
    columns.set_item("labels", trace.labels().iter().map(|it| &**it).collect::<Vec<_>>())?;
    columns.set_item("nodes", PyList::new(py, inner.scene.names.all())?)?;
    columns.set_item("dropped", trace.dropped())?;
    Ok(columns)
}

/// What every node's clock shows now, and what the node takes for the time; by node.
pub fn clocks<'py>(py: Python<'py>, inner: &Inner) -> PyResult<Bound<'py, PyDict>> {
    let now = inner.world.now();
    let nodes = inner.world.nodes();
    let hardware: Vec<i64> = nodes.iter().map(|it| it.clock().reading(now)).collect();
    let believed: Vec<Believed> = (nodes.iter().zip(&hardware))
        .map(|(it, reading)| {
            it.state().map_or(Believed { time: *reading, within: None }, |node| node.time(*reading))
        })
        .collect();
    let within = |it: &Believed| it.within.map_or(-1, |within| i64::try_from(within).unwrap_or(i64::MAX));
    let columns = PyDict::new(py);
    columns.set_item("hardware_ns", PyArray1::from_vec(py, hardware))?;
    columns.set_item("time_ns", PyArray1::from_vec(py, believed.iter().map(|it| it.time).collect()))?;
    columns.set_item("within_ns", PyArray1::from_vec(py, believed.iter().map(within).collect()))?;
    columns.set_item("up", PyArray1::from_vec(py, nodes.iter().map(|it| it.is_up()).collect()))?;
    Ok(columns)
}

/// A number for each different value, in the order in which they come.
struct Numbers<K> {
    of: BTreeMap<K, u32>,
}

impl<K: Ord + Clone> Numbers<K> {
    fn number(&mut self, value: &K) -> u32 {
        let next = self.of.len() as u32;
        match self.of.get(value) {
            Some(known) => *known,
            None => *self.of.entry(value.clone()).or_insert(next),
        }
    }

    fn into_values(self) -> Vec<K> {
        let mut values: Vec<_> = self.of.into_iter().map(|(value, number)| (number, value)).collect();
        values.sort_unstable_by_key(|(number, _)| *number);
        values.into_iter().map(|(_, value)| value).collect()
    }
}

/// Every operation from the `start`-th.
pub fn history<'py>(
    py: Python<'py>,
    names: &Names,
    history: &History<Actor>,
    start: usize,
) -> PyResult<Bound<'py, PyDict>> {
    let ops = || history.ops().iter_from(start);
    let (mut processes, mut kinds) = (Numbers { of: BTreeMap::new() }, Numbers { of: BTreeMap::new() });
    let process: Vec<_> =
        history.processes().iter().map(|it| i64::from(processes.number(it))).skip(start).collect();
    let (mut kind, mut outcome, mut reads) = (Vec::new(), Vec::new(), Vec::new());
    let (mut key, mut argument, mut result) = (Vec::new(), Vec::new(), Vec::new());
    for op in ops() {
        let described = op.describe();
        kind.push(kinds.number(&described.kind));
        reads.push(described.reads);
        outcome.push(match op.outcome() {
            Outcome::Ok => 0_u8,
            Outcome::Fail => 1,
            Outcome::Info => 2,
        });
        key.push(object(py, &described.key)?);
        if let Call::Theirs(call) = &op.call {
            // What a user's node was asked and answered may be more than a value of a history can be.
            argument.push(argument_of(py, call)?);
            result.push(op.reply().map(|it| shown::reply(py, names, it)).transpose()?.into_pyobject(py)?);
        } else {
            argument.push(object(py, &described.argument)?);
            result.push(object(py, &described.result)?);
        }
    }
    let columns = PyDict::new(py);
    let node = ops().map(|it| index(it.node)).collect();
    columns.set_item("node", PyArray1::from_vec(py, node))?;
    columns.set_item("process", PyArray1::from_vec(py, process))?;
    let load = ops().map(|it| if it.load == NO_LOAD { -1 } else { i64::from(it.load) }).collect();
    columns.set_item("load", PyArray1::from_vec(py, load))?;
    let called = ops().map(|it| it.called_at as i64).collect();
    columns.set_item("called_ns", PyArray1::from_vec(py, called))?;
    let replied = ops().map(|it| it.answer.as_ref().map_or(-1, |(at, _)| *at as i64)).collect();
    columns.set_item("replied_ns", PyArray1::from_vec(py, replied))?;
    columns.set_item("outcome", PyArray1::from_vec(py, outcome))?;
    columns.set_item("reads", PyArray1::from_vec(py, reads))?;
    columns.set_item("kind", PyArray1::from_vec(py, kind))?;
    columns.set_item("kinds", kinds.into_values())?;
    columns.set_item("key", PyList::new(py, key)?)?;
    columns.set_item("argument", PyList::new(py, argument)?)?;
    columns.set_item("result", PyList::new(py, result)?)?;
    columns.set_item("nodes", PyList::new(py, names.all())?)?;
    Ok(columns)
}

/// Of `(kind, key, argument)` the argument, if there are several their list; any other call itself.
fn argument_of<'py>(py: Python<'py>, call: &Plain) -> PyResult<Bound<'py, PyAny>> {
    match terms(call) {
        None => call.decode(py),
        Some((_, arguments)) => match &arguments[..] {
            [] => Ok(py.None().into_bound(py)),
            [only] => only.decode(py),
            several => {
                let several: Vec<_> = several.iter().map(|it| it.decode(py)).collect::<PyResult<_>>()?;
                Ok(PyList::new(py, several)?.into_any())
            }
        },
    }
}

/// How each trial went.
pub fn trials<'py>(py: Python<'py>, rows: &[Trial]) -> PyResult<Bound<'py, PyDict>> {
    let columns = PyDict::new(py);
    fn column<'py, T: numpy::Element>(
        py: Python<'py>,
        rows: &[Trial],
        of: impl Fn(&Trial) -> T,
    ) -> Bound<'py, PyArray1<T>> {
        PyArray1::from_vec(py, rows.iter().map(of).collect())
    }
    columns.set_item("seed", column(py, rows, |it| it.seed))?;
    columns.set_item("took_ns", column(py, rows, |it| it.took.map_or(-1, |it| it as i64)))?;
    columns.set_item("node", column(py, rows, |it| it.node.map_or(-1, index)))?;
    columns.set_item("events", column(py, rows, |it| it.events))?;
    columns.set_item("sent", column(py, rows, |it| it.sent))?;
    columns.set_item("fingerprint", column(py, rows, |it| it.fingerprint))?;
    Ok(columns)
}
