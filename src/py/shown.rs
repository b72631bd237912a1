//! What nodes say, keep and answer, as Python sees it: of our own protocols as data, of a user's node the value itself.
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::actor::{Actor, Call, Disk, Msg, Reply, Timer};
use super::bridge::{Error, Names, Parts, parts_to_python, to_python};
use crate::protocols::snapshot;
use crate::sim::label;

type Object<'py> = Bound<'py, PyAny>;

/// A message.
pub fn msg<'py>(py: Python<'py>, names: &Names, msg: &Msg) -> PyResult<Object<'py>> {
    match msg {
        Msg::Ours(msg) => to_python(py, Some(names), msg),
        Msg::Theirs(msg) => msg.decode(py),
        Msg::Snapshot(msg) => about_snapshot(py, names, msg),
    }
}

/// A message of a snapshot: what it carries of the application as ever, the rest in short.
fn about_snapshot<'py>(py: Python<'py>, names: &Names, msg: &snapshot::Msg<Actor>) -> PyResult<Object<'py>> {
    let id = match msg {
        snapshot::Msg::App(it) | snapshot::Msg::Red((it, ..)) => return self::msg(py, names, it),
        snapshot::Msg::Begin(id) | snapshot::Msg::Take(id) => id,
        snapshot::Msg::Marker(it) => &it.0,
        snapshot::Msg::Report(it) => &it.0,
        snapshot::Msg::Late(it) => &it.0,
    };
    let shown = PyDict::new(py);
    shown.set_item(label(msg), to_python(py, Some(names), id)?)?;
    Ok(shown.into_any())
}

/// A question.
pub fn call<'py>(py: Python<'py>, names: &Names, call: &Call) -> PyResult<Object<'py>> {
    match call {
        Call::Ours(call) => to_python(py, Some(names), call),
        Call::Theirs(call) => call.decode(py),
    }
}

/// A timer.
pub fn timer<'py>(py: Python<'py>, names: &Names, timer: &Timer) -> PyResult<Object<'py>> {
    match timer {
        Timer::Ours(timer) => to_python(py, Some(names), timer),
        Timer::Theirs(timer) => timer.decode(py),
    }
}

/// An answer.
pub fn reply<'py>(py: Python<'py>, names: &Names, reply: &Reply) -> PyResult<Object<'py>> {
    match reply {
        Reply::Ours(reply) => to_python(py, Some(names), reply),
        Reply::Theirs(reply) => reply.value.decode(py),
        Reply::Foreign => Ok(PyString::intern(py, "foreign").into_any()),
    }
}

/// A live state; None of a node that is down.
pub fn state<'py>(py: Python<'py>, names: &Names, state: Option<&Actor>) -> PyResult<Object<'py>> {
    state_parts(py, names, &Parts::Whole, state).map_err(|it| it.into_pyerr(py, ""))
}

/// What is on a disk.
pub fn disk<'py>(py: Python<'py>, names: &Names, disk: &Disk) -> PyResult<Object<'py>> {
    disk_parts(py, names, &Parts::Whole, disk).map_err(|it| it.into_pyerr(py, ""))
}

/// Parts of a live state.
pub fn state_parts<'py>(
    py: Python<'py>,
    names: &Names,
    parts: &Parts,
    state: Option<&Actor>,
) -> Result<Object<'py>, Error> {
    match state.map(Actor::core) {
        None | Some(Actor::Snapshot(_)) => Ok(py.None().into_bound(py)),
        Some(Actor::Ours(state)) => parts_to_python(py, Some(names), parts, state),
        Some(Actor::Theirs(state)) => state.attribute_parts(py, parts),
    }
}

/// Parts of what is on a disk.
pub fn disk_parts<'py>(
    py: Python<'py>,
    names: &Names,
    parts: &Parts,
    disk: &Disk,
) -> Result<Object<'py>, Error> {
    match disk {
        Disk::Blank => Ok(py.None().into_bound(py)),
        Disk::Ours(disk) => parts_to_python(py, Some(names), parts, disk),
        Disk::Theirs(disk) => parts.pick(&disk.0.decode(py)?),
    }
}
