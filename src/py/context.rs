//! What a handler written in Python may read and do.
use std::cell::Cell;

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyString, PyTuple};
use scoped_tls_hkt::{ReborrowMut, scoped_thread_local};

use super::bridge::Names;
use super::duration;
use super::errors::class::HandlerError;
use super::errors::{bad_type, bad_value};
use super::node::{Answer, PyNode};
use super::plain::Plain;
use crate::sim::{Cx, NodeId, OpId, Outcome};

/// What all handlers of a world's nodes share.
pub struct Scene {
    /// What its nodes are called.
    pub names: Names,
    /// The one context object handed to every handler: what it stands for changes, it does not.
    pub context: Py<Context>,
}

impl Scene {
    /// A scene without nodes.
    pub fn new(py: Python<'_>) -> PyResult<Self> {
        Ok(Self { names: Names::default(), context: Py::new(py, Context)? })
    }

    /// A scene with the same nodes.
    pub fn copy(&self, py: Python<'_>) -> PyResult<Self> {
        Ok(Self { names: self.names.copy(py), ..Self::new(py)? })
    }
}

scoped_thread_local!(static SCENE: Scene);
scoped_thread_local!(static mut LIVE: for<'a> Live<'a>);

/// The context of the handler that runs. A trait object, because its own type must not name a lifetime.
struct Live<'a>(&'a mut (dyn Visit + 'a));

trait Visit {
    fn visit(&mut self, body: &mut dyn FnMut(&mut Cx<'_, PyNode>));
}

impl Visit for Cx<'_, PyNode> {
    fn visit(&mut self, body: &mut dyn FnMut(&mut Cx<'_, PyNode>)) {
        body(self);
    }
}

impl<'a, 'b: 'a> ReborrowMut<'a> for Live<'b> {
    type Result = Live<'a>;
    fn reborrow_mut(&'a mut self) -> Live<'a> {
        Live(self.0)
    }
}

/// Runs a world's nodes: `body` does, in this scene.
pub fn in_scene<R>(scene: &Scene, body: impl FnOnce() -> R) -> R {
    SCENE.set(scene, body)
}

/// Looks at the scene, if there is one.
pub fn scene<R>(body: impl FnOnce(&Scene) -> R) -> Option<R> {
    SCENE.is_set().then(|| SCENE.with(body))
}

/// Runs a handler: until `body` returns, [`Context`] stands for `cx`.
pub fn live<R>(cx: &mut Cx<'_, PyNode>, body: impl FnOnce() -> R) -> R {
    LIVE.set(Live(cx), body)
}

/// Does something with the context of the handler that runs. No Python code may run inside.
fn with<R>(body: impl FnOnce(&mut Cx<'_, PyNode>) -> R) -> PyResult<R> {
    if !LIVE.is_set() {
        return Err(HandlerError::new_err(
            "a context can only be used by the handler it was given to, while it runs",
        ));
    }
    let (body, result) = (Cell::new(Some(body)), Cell::new(None));
    LIVE.with(|live| {
        live.0.visit(&mut |cx| result.set(body.take().map(|body| body(cx))));
    });
    Ok(result.into_inner().expect("a visit runs its body once"))
}

fn with_names<R>(body: impl FnOnce(&Names) -> R) -> PyResult<R> {
    scene(|it| body(&it.names))
        .ok_or_else(|| HandlerError::new_err("there is no cluster around this handler"))
}

/// What a handler may read and do; only while it runs.
#[pyclass(frozen, module = "distlab", name = "Context")]
pub struct Context;

#[pymethods]
impl Context {
    /// The name of this node.
    #[getter]
    fn id(&self, py: Python<'_>) -> PyResult<Py<PyString>> {
        let id = with(|cx| cx.id)?;
        with_names(|names| names.get(id).map(|it| it.clone_ref(py)))?
            .ok_or_else(|| HandlerError::new_err("this node has no name"))
    }

    /// What this node's own clock shows, in seconds.
    #[getter]
    fn now(&self) -> PyResult<f64> {
        with(|cx| cx.now() as f64 / 1e9)
    }

    /// The names of all nodes, this one included.
    #[getter]
    fn nodes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        with(|_| ())?;
        with_names(|names| PyTuple::new(py, names.all()))?
    }

    /// Sends a copy of ``msg``. It leaves when everything written before is durable; ``at_once``: now.
    #[pyo3(signature = (to, msg, *, at_once = false))]
    fn send(&self, to: &Bound<'_, PyAny>, msg: &Bound<'_, PyAny>, at_once: bool) -> PyResult<()> {
        let (to, msg) = (find(to)?, Plain::encode(msg, "message")?);
        with(|cx| if at_once { cx.send_at_once(to, msg) } else { cx.send(to, msg) })
    }

    /// Sets the timer ``name`` to go off after ``span`` on this node's clock, replacing an earlier setting.
    /// ``span`` is a duration, or a pair ``(shortest, longest)`` of which one in between is drawn.
    fn arm(&self, name: &str, span: &Bound<'_, PyAny>) -> PyResult<()> {
        let span = duration::span(span, "span")?;
        with(|cx| cx.arm(Plain::text(name), span))
    }

    /// Cancels the timer ``name`` if it is set.
    fn disarm(&self, name: &str) -> PyResult<()> {
        with(|cx| cx.disarm(Plain::text(name)))
    }

    /// One of ``0 .. n-1``: drawn by the simulator, each in turn by the explorer.
    fn choose(&self, n: &Bound<'_, PyAny>) -> PyResult<u32> {
        if n.is_instance_of::<PyBool>() {
            return Err(bad_type("n", n, "a whole number"));
        }
        match n.extract::<u32>() {
            Ok(n) if n > 0 => with(|cx| cx.choose(n)),
            _ => Err(bad_value("n", n, "a whole number from 1 to 4294967295")),
        }
    }

    /// True with probability ``p`` (to a millionth): drawn by the simulator, both ways by the explorer.
    fn chance(&self, p: &Bound<'_, PyAny>) -> PyResult<bool> {
        match p.extract::<f64>() {
            Ok(it) if (0.0..=1.0).contains(&it) => with(|cx| cx.chance((it * 1e6).round() as u32)),
            Ok(_) => Err(bad_value("p", p, "a probability from 0 to 1")),
            Err(_) => Err(bad_type("p", p, "a probability from 0 to 1")),
        }
    }

    /// What this node wrote last; None if it never did. It survives a crash as soon as it is durable.
    #[getter]
    fn disk<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        with(|cx| cx.disk().0.clone())?.decode(py)
    }

    /// Replaces what is on disk by a copy of ``value``.
    fn write(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = Plain::encode(value, "disk")?;
        with(|cx| cx.write(value))
    }

    /// Whether everything this node wrote so far is durable.
    #[getter]
    fn durable(&self) -> PyResult<bool> {
        with(|cx| cx.durable())
    }

    /// Answers an operation. ``outcome`` says whether it took effect: ``"ok"``, ``"fail"``, or ``"info"``
    /// if that cannot be known. The answer leaves when everything written before is durable.
    #[pyo3(signature = (op, value = None, *, outcome = "ok", at_once = false))]
    fn reply(&self, op: u64, value: Option<&Bound<'_, PyAny>>, outcome: &str, at_once: bool) -> PyResult<()> {
        let outcome = match outcome {
            "ok" => Outcome::Ok,
            "fail" => Outcome::Fail,
            "info" => Outcome::Info,
            _ => {
                return Python::attach(|py| {
                    Err(bad_value("outcome", PyString::new(py, outcome).as_any(), "'ok', 'fail' or 'info'"))
                });
            }
        };
        let value = value.map(|it| Plain::encode(it, "reply")).transpose()?.unwrap_or_default();
        let answer = Answer { outcome, value };
        with(|cx| if at_once { cx.reply_at_once(OpId(op), answer) } else { cx.reply(OpId(op), answer) })
    }

    /// Marks a situation worth seeing in traces and counting over runs; ``number`` belongs to it.
    #[pyo3(signature = (label, number = 0))]
    fn note(&self, label: String, number: u64) -> PyResult<()> {
        with(|cx| cx.note(label, number))
    }

    /// A context kept in a node is no state of the node: copies share it.
    fn __deepcopy__<'py>(slf: &Bound<'py, Self>, _memo: &Bound<'py, PyAny>) -> Bound<'py, Self> {
        slf.clone()
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        match self.id(py) {
            Ok(id) => format!("<Context of {:?}>", id.bind(py).to_string_lossy()),
            Err(_) => "<Context, outside its handler>".into(),
        }
    }
}

fn find(node: &Bound<'_, PyAny>) -> PyResult<NodeId> {
    with(|_| ())?;
    with_names(|names| names.find(node))?
}
