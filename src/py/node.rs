//! Nodes written in Python, run by the same engine as ours.
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::bridge::{Error, Parts};
use super::context::{Context, Scene, live, scene};
use super::errors::class::{HandlerError, ParameterTypeError, SerializationError};
use super::fault;
use super::plain::{self, Class, Plain, Shape};
use crate::sim::{
    Access, Cx, Label, NodeId, OpId, Operation, Outcome, Protocol, Request, Value, Verb, Whole, label,
};

/// A user's object, with at least one of `on_start`, `on_message`, `on_timer`, `on_call`.
///
/// As data it is its class and what its attributes hold.
pub struct PyNode {
    object: Py<PyAny>,
    has: Handlers,
}

/// Which handlers a class defines.
#[derive(Clone, Copy)]
struct Handlers {
    on_start: bool,
    on_message: bool,
    on_timer: bool,
    on_call: bool,
}

impl Handlers {
    /// Those of the base class do nothing, and count as missing.
    fn of(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = object.py();
        let base = py.import(intern!(py, "distlab.node"))?.getattr(intern!(py, "Node"))?;
        let class = object.get_type();
        let defines = |name: &str| -> PyResult<bool> {
            match class.getattr_opt(name)? {
                Some(method) => Ok(!method.is(&base.getattr(name)?)),
                None => object.hasattr(name),
            }
        };
        Ok(Self {
            on_start: defines("on_start")?,
            on_message: defines("on_message")?,
            on_timer: defines("on_timer")?,
            on_call: defines("on_call")?,
        })
    }

    fn any(self) -> bool {
        self.on_start || self.on_message || self.on_timer || self.on_call
    }
}

/// What a node answers an operation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Answer {
    /// Whether the operation took effect.
    pub outcome: Outcome,
    /// What it returns.
    pub value: Plain,
}

impl PyNode {
    /// A copy of the user's object, as a node.
    pub fn new(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let has = Handlers::of(object)?;
        if !has.any() || object.is_instance_of::<pyo3::types::PyType>() {
            let allowed = "an object with on_message, on_timer, on_call or on_start (not its class)";
            return Err(ParameterTypeError::new_err(("node", object.clone().unbind(), allowed)));
        }
        plain::remember(&object.get_type())?;
        Ok(Self { object: deepcopy(object)?, has })
    }

    /// The live object itself.
    pub fn object<'py>(&self, py: Python<'py>) -> &Bound<'py, PyAny> {
        self.object.bind(py)
    }

    /// What its attributes hold.
    pub fn attributes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let whole = self.attribute_parts(py, &Parts::Whole).map_err(|it| it.into_pyerr(py, ""))?;
        Ok(whole.cast_into()?)
    }

    /// Parts of what its attributes hold.
    pub fn attribute_parts<'py>(&self, py: Python<'py>, parts: &Parts) -> Result<Bound<'py, PyAny>, Error> {
        let attributes = parts.pick(&self.object.bind(py).getattr(intern!(py, "__dict__"))?)?;
        Ok(py.import(intern!(py, "copy"))?.call_method1(intern!(py, "deepcopy"), (attributes,))?)
    }

    /// The same node with other attributes.
    pub fn with_attributes(&self, attributes: &Bound<'_, PyDict>) -> PyResult<Self> {
        let py = attributes.py();
        let object = deepcopy(self.object.bind(py))?;
        let own = object.bind(py).getattr(intern!(py, "__dict__"))?.cast_into::<PyDict>()?;
        own.clear();
        own.update(deepcopy(attributes)?.bind(py).cast::<PyDict>()?.as_mapping())?;
        Ok(Self { object, has: self.has })
    }

    fn encode(&self, py: Python<'_>) -> PyResult<Plain> {
        let object = self.object.bind(py);
        plain::encode_object(object, &*plain::remember(&object.get_type())?)
    }

    /// The encoding, where nothing may fail: an exception waits for the end of the event.
    fn plain(&self) -> Plain {
        Python::attach(|py| self.encode(py)).unwrap_or_else(|error| {
            fault::keep(None, error);
            Plain::default()
        })
    }

    fn from_plain(py: Python<'_>, state: &Plain) -> PyResult<Self> {
        let key = state.class().unwrap_or_default();
        let Some(class) =
            plain::named(key).filter(|it| matches!(it.shape, Shape::Node | Shape::Dataclass(_)))
        else {
            let problem =
                format!("the node class {key} is not known here: give it to load(..., nodes=[...])");
            return Err(SerializationError::new_err(("", key.to_owned(), "", problem)));
        };
        let object = plain::new_object(py, &class)?;
        state.decode_into(&object)?;
        Ok(Self { has: Handlers::of(&object)?, object: object.unbind() })
    }

    /// Calls a handler; `args` gets its first argument.
    fn react(
        &self,
        cx: &mut Cx<'_, Self>,
        handler: &'static str,
        args: impl for<'py> FnOnce(Python<'py>, &Scene, Bound<'py, Context>) -> PyResult<Bound<'py, PyTuple>>,
    ) {
        if fault::waits() {
            return;
        }
        let node = cx.id;
        let called = Python::attach(|py| {
            let args = scene(|it| args(py, it, it.context.bind(py).clone())).unwrap_or_else(|| {
                Err(HandlerError::new_err("a node written in Python runs in a Cluster only"))
            })?;
            live(cx, || self.object.bind(py).call_method1(PyString::intern(py, handler), args).map(drop))
        });
        called.unwrap_or_else(|error| fault::keep(Some(node), error));
    }

    /// Something came that the class has no handler for.
    fn refuse(&self, cx: &Cx<'_, Self>, what: &str, handler: &str) {
        let error = Python::attach(|py| {
            let class = self.object.bind(py).get_type().name().map(|it| it.to_string()).unwrap_or_default();
            HandlerError::new_err(format!("a {class} node got a {what}, but {class} defines no {handler}"))
        });
        fault::keep(Some(cx.id), error);
    }
}

impl Protocol for PyNode {
    type Msg = Plain;
    /// A text: as [`Plain`], because then the trace calls it by its name.
    type Timer = Plain;
    type Call = Plain;
    type Reply = Answer;
    type Disk = Whole<Plain>;
    type Monitor = ();

    fn on_start(&mut self, cx: &mut Cx<'_, Self>) {
        if self.has.on_start {
            self.react(cx, "on_start", |py, _, context| (context,).into_pyobject(py));
        }
    }

    fn on_message(&mut self, cx: &mut Cx<'_, Self>, from: NodeId, msg: Plain) {
        if !self.has.on_message {
            return self.refuse(cx, "message", "on_message");
        }
        self.react(cx, "on_message", |py, scene, context| {
            (context, scene.names.get(from), msg.decode(py)?).into_pyobject(py)
        });
    }

    fn on_timer(&mut self, cx: &mut Cx<'_, Self>, timer: Plain) {
        if !self.has.on_timer {
            return self.refuse(cx, "timer", "on_timer");
        }
        self.react(cx, "on_timer", |py, _, context| (context, timer.decode(py)?).into_pyobject(py));
    }

    fn on_call(&mut self, cx: &mut Cx<'_, Self>, op: OpId, call: Plain) {
        if !self.has.on_call {
            return self.refuse(cx, "call", "on_call");
        }
        self.react(cx, "on_call", |py, _, context| (context, op.0, call.decode(py)?).into_pyobject(py));
    }

    /// `("read", key)`, `("write", key, value)`, `("scan", key, count)`, `("read_modify_write", key, value)`,
    /// `("transfer", keys)`, `("command", command)`, and of what only state machines know `(verb, key, value)`; of a request
    /// for several keys, all of them as a list.
    fn compose(&self, request: &Request) -> Option<Plain> {
        let keys = || [&request.key].into_iter().chain(request.others.iter()).cloned().map(Value::Text);
        let key = if request.others.is_empty() { Value::Text(request.key.clone()) } else { keys().collect() };
        let value = request.value.clone();
        let call: &[Value] = &match request.kind {
            Access::Read => vec!["read".into(), key],
            Access::Update | Access::Insert => vec!["write".into(), key, value],
            Access::Scan => vec!["scan".into(), key, i64::from(request.count).into()],
            Access::ReadModifyWrite => vec!["read_modify_write".into(), key, value],
            Access::Transfer => vec!["transfer".into(), key],
            Access::Only(Verb::Command) => vec!["command".into(), value],
            Access::Only(verb) => vec![label(&verb).into(), key, value],
        };
        self.has.on_call.then(|| Plain::tuple(call))
    }

    /// Of `("write", key, value)`, the kind, the key and the argument.
    fn describe(call: &Plain, reply: Option<&Answer>) -> Operation {
        let result = reply.map(|it| it.value.value()).unwrap_or_default();
        let kind = Label::Borrowed(call.kind());
        let (key, arguments) = terms(call).unwrap_or_default();
        let mut arguments = arguments.iter().map(Plain::value);
        let argument = match arguments.len() {
            0 | 1 => arguments.next().unwrap_or_default(),
            _ => arguments.collect(),
        };
        let key = key.value();
        Operation { kind, key, argument, result, reads: false }
    }

    fn outcome(reply: &Answer) -> Outcome {
        reply.outcome
    }
}

/// The key and the arguments of a call in the terms of histories, `(kind, key, *arguments)`.
pub fn terms(call: &Plain) -> Option<(Plain, Vec<Plain>)> {
    let mut parts = call.items()?.into_iter();
    parts.next().filter(Plain::is_text)?;
    Some((parts.next().unwrap_or_default(), parts.collect()))
}

fn deepcopy(object: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    let py = object.py();
    let copy = py.import(intern!(py, "copy"))?.getattr(intern!(py, "deepcopy"))?;
    copy.call1((object,)).map(Bound::unbind).map_err(|cause| {
        let class = object.get_type().name().map(|it| it.to_string()).unwrap_or_default();
        let problem =
            format!("a node is copied when it joins and when a run forks, and this one cannot be: {cause}");
        let error = SerializationError::new_err((class, object.clone().unbind(), "", problem));
        error.set_cause(py, Some(cause));
        error
    })
}

/// A node that restarts, or that a fork takes along.
impl Clone for PyNode {
    fn clone(&self) -> Self {
        let object = Python::attach(|py| {
            deepcopy(self.object.bind(py)).unwrap_or_else(|error| {
                fault::keep(None, error);
                self.object.clone_ref(py)
            })
        });
        Self { object, has: self.has }
    }
}

impl fmt::Debug for PyNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Python::attach(|py| self.encode(py)) {
            Ok(state) => state.fmt(f),
            Err(_) => self.object.fmt(f),
        }
    }
}

impl PartialEq for PyNode {
    fn eq(&self, other: &Self) -> bool {
        self.plain() == other.plain()
    }
}
impl Eq for PyNode {}
impl PartialOrd for PyNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for PyNode {
    fn cmp(&self, other: &Self) -> Ordering {
        self.plain().cmp(&other.plain())
    }
}
impl Hash for PyNode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.plain().hash(state);
    }
}

impl Serialize for PyNode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.plain().serialize(serializer)
    }
}
impl<'de> Deserialize<'de> for PyNode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let state = Plain::deserialize(deserializer)?;
        Python::attach(|py| Self::from_plain(py, &state)).map_err(|error| {
            let message = D::Error::custom(&error);
            fault::keep(None, error);
            message
        })
    }
}

/// The class of a node that a file to be loaded may hold.
pub fn allow(class: &Bound<'_, PyAny>) -> PyResult<Arc<Class>> {
    match class.cast::<pyo3::types::PyType>() {
        Ok(class) => plain::remember(class),
        Err(_) => Err(ParameterTypeError::new_err(("nodes", class.clone().unbind(), "classes of nodes"))),
    }
}
