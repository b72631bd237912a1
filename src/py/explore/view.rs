//! A state of a cluster that is being explored, as properties written in Python see it.
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};
use scoped_tls_hkt::scoped_thread_local;

use super::world::name;
use crate::check::explore::world::View;
use crate::py::actor::{Actor, Reply};
use crate::py::bridge::to_python;
use crate::py::context::Scene;
use crate::py::errors::bad_value;
use crate::py::errors::class::HandlerError;
use crate::py::shown;
use crate::py::world::history;
use crate::sim::{NodeId, Protocol, label};

type Object<'py> = Bound<'py, PyAny>;

/// The state that is being looked at, and what its nodes are called.
#[derive(Clone, Copy)]
struct Seen<'a> {
    view: &'a View<'a, Actor>,
    scene: &'a Scene,
}

scoped_thread_local!(static SEEN: for<'a> Seen<'a>);

/// Runs `body` with an object that stands for `view` until it returns.
pub fn in_view<R>(
    py: Python<'_>,
    view: &View<'_, Actor>,
    scene: &Scene,
    body: impl FnOnce(Bound<'_, PyView>) -> R,
) -> PyResult<R> {
    let token = Bound::new(py, PyView)?;
    Ok(SEEN.set(Seen { view, scene }, || body(token)))
}

fn with<R>(body: impl FnOnce(Seen<'_>) -> PyResult<R>) -> PyResult<R> {
    if !SEEN.is_set() {
        return Err(HandlerError::new_err(
            "a view can only be used by the property it was given to, while it runs",
        ));
    }
    SEEN.with(body)
}

/// A state of a cluster that is being explored; only for the property it is given to, while that runs.
#[pyclass(frozen, module = "distlab", name = "View")]
pub struct PyView;

#[pymethods]
impl PyView {
    /// The names of all nodes.
    #[getter]
    fn nodes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        with(|seen| PyList::new(py, seen.scene.names.all()))
    }

    /// Whether a node runs.
    fn up(&self, node: &Object<'_>) -> PyResult<bool> {
        with(|seen| Ok(seen.view.state(seen.scene.names.find(node)?).is_some()))
    }

    /// A node's live state (None while it is down) and what is on its disk, as data.
    fn state<'py>(&self, node: &Object<'py>) -> PyResult<Bound<'py, PyDict>> {
        let py = node.py();
        with(|seen| {
            let id = seen.scene.names.find(node)?;
            let shown = PyDict::new(py);
            shown.set_item("state", shown::state(py, &seen.scene.names, seen.view.state(id))?)?;
            shown.set_item("disk", shown::disk(py, &seen.scene.names, seen.view.disk(id))?)?;
            Ok(shown)
        })
    }

    /// A few named facts about a node, cheap to read; of one that is down, what its disk says.
    fn status<'py>(&self, node: &Object<'py>) -> PyResult<Bound<'py, PyDict>> {
        with(|seen| status(node.py(), &seen, seen.scene.names.find(node)?))
    }

    /// A copy of the object of a node written in Python (None while it is down).
    fn node<'py>(&self, node: &Object<'py>) -> PyResult<Option<Object<'py>>> {
        with(|seen| match seen.view.state(seen.scene.names.find(node)?) {
            None => Ok(None),
            Some(Actor::Theirs(it)) => Ok(Some(it.object(node.py()).clone())),
            Some(_) => Err(bad_value("node", node, "a node written in Python")),
        })
    }

    /// The messages under way, as dicts with ``src, dst, label, message``.
    #[getter]
    fn messages<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        with(|seen| {
            let shown = PyList::empty(py);
            for (from, to, msg) in seen.view.messages() {
                let row = PyDict::new(py);
                row.set_item("src", name(py, seen.scene, from))?;
                row.set_item("dst", name(py, seen.scene, to))?;
                row.set_item("label", label(msg))?;
                row.set_item("message", shown::msg(py, &seen.scene.names, msg)?)?;
                shown.append(row)?;
            }
            Ok(shown)
        })
    }

    /// The operations that are open, answered or still to be asked, as dicts with ``node, kind, key, argument, result,
    /// asked, status``.
    #[getter]
    fn ops<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        with(|seen| {
            let shown = PyList::empty(py);
            for op in seen.view.operations() {
                let row = PyDict::new(py);
                let described = Actor::describe(op.call, op.reply);
                row.set_item("id", op.id.0)?;
                row.set_item("node", name(py, seen.scene, op.node))?;
                row.set_item("kind", &*described.kind)?;
                row.set_item("key", to_python(py, None, &described.key)?)?;
                row.set_item("argument", to_python(py, None, &described.argument)?)?;
                row.set_item("result", to_python(py, None, &described.result)?)?;
                row.set_item("asked", op.asked)?;
                row.set_item(
                    "reply",
                    op.reply.map(|it| shown::reply(py, &seen.scene.names, it)).transpose()?,
                )?;
                row.set_item("status", op.reply.map_or("pending", |it| outcome(it)))?;
                shown.append(row)?;
            }
            Ok(shown)
        })
    }

    /// Everything that was asked so far, as a history to be judged; needs ``history=True``.
    #[getter]
    fn history<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        with(|seen| {
            let missing = || {
                HandlerError::new_err(
                    "states do not remember the order of operations: explore with history=True",
                )
            };
            let recorded = seen.view.history().ok_or_else(missing)?;
            let columns = history(py, &seen.scene.names, &recorded, 0)?;
            let class = py.import(intern!(py, "distlab.history"))?.getattr(intern!(py, "History"))?;
            class.call_method1("_of", (columns,))
        })
    }

    /// The groups between which the network is cut by a fault; None: it is not.
    #[getter]
    fn partition<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        with(|seen| {
            let Some(groups) = seen.view.partition() else { return Ok(None) };
            let names = groups.map(|group| {
                PyList::new(py, group.into_iter().map(|it| name(py, seen.scene, it)).collect::<Vec<_>>())
            });
            let [one, other] = names;
            Ok(Some(PyTuple::new(py, [one?, other?])?))
        })
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        if !SEEN.is_set() {
            return Ok("<View, outside its property>".into());
        }
        with(|seen| Ok(format!("<View {}>", summary(py, seen.view, seen.scene)?.repr()?)))
    }
}

fn outcome(reply: &Reply) -> &'static str {
    match Actor::outcome(reply) {
        crate::sim::Outcome::Ok => "ok",
        crate::sim::Outcome::Fail => "fail",
        crate::sim::Outcome::Info => "info",
    }
}

fn status<'py>(py: Python<'py>, seen: &Seen<'_>, id: NodeId) -> PyResult<Bound<'py, PyDict>> {
    let facts = PyDict::new(py);
    let state = seen.view.state(id).unwrap_or_else(|| seen.view.spawned(id));
    for (name, value) in state.status(seen.view.disk(id)) {
        facts.set_item(PyString::intern(py, name), to_python(py, None, &value)?)?;
    }
    Ok(facts)
}

/// A state in short, to be kept: of every node whether it is up and its status, and what is under way.
pub fn summary<'py>(py: Python<'py>, view: &View<'_, Actor>, scene: &Scene) -> PyResult<Object<'py>> {
    let seen = Seen { view, scene };
    let shown = PyDict::new(py);
    for id in view.nodes() {
        let facts = PyDict::new(py);
        facts.set_item("up", view.state(id).is_some())?;
        match view.state(id) {
            Some(Actor::Theirs(it)) => facts.update(it.attributes(py)?.as_mapping())?,
            _ => facts.update(status(py, &seen, id)?.as_mapping())?,
        }
        shown.set_item(name(py, scene, id), facts)?;
    }
    let under_way = view.messages().map(|(from, to, msg)| {
        format!("{} {} -> {}", label(msg), name(py, scene, from), name(py, scene, to))
    });
    shown.set_item("messages", under_way.collect::<Vec<_>>())?;
    Ok(shown.into_any())
}
