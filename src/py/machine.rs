//! State machines written in Python, replicated like ours.
//!
//! A class with `apply(command)`, and perhaps `query(question)`, `snapshot()` and `restore(state)`. Its state is what
//! `snapshot()` returns, or without it what its attributes hold. A query must leave it as it is: it is taken down before
//! and after each, O(its size).
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

use super::bridge::from_python;
use super::errors::class::{MachineError, ParameterTypeError, SerializationError};
use super::fault;
use super::plain::{self, Class, Plain};
use super::value::object;
use crate::machines::store::custom::{Behavior, Made, Origin};
use crate::sim::{Bytes, Value};

/// An instance of a user's class.
struct PyMachine {
    object: Py<PyAny>,
    class: Arc<Class>,
    /// Its state, once it was taken down, until the next command.
    taken: OnceLock<Plain>,
}

impl PyMachine {
    /// A new instance, in a state if there is one.
    fn new(py: Python<'_>, class: Arc<Class>, state: Option<&[u8]>) -> PyResult<Self> {
        let made = class.object.bind(py).call0()?;
        if let Some(state) = state {
            let state = Plain::from_bytes(state)?.decode(py)?;
            match made.getattr_opt(intern!(py, "restore"))? {
                Some(restore) => drop(restore.call1((state,))?),
                None => {
                    let own = attributes(&made)?;
                    own.clear();
                    own.update(state.cast::<PyDict>().map_err(PyErr::from)?.as_mapping())?;
                }
            }
        }
        Ok(Self { object: made.unbind(), class, taken: OnceLock::new() })
    }

    fn encode(&self, py: Python<'_>) -> PyResult<Plain> {
        if let Some(taken) = self.taken.get() {
            return Ok(taken.clone());
        }
        let taken = self.take_down(py)?;
        let _ = self.taken.set(taken.clone()); // if another was quicker, the state is the same
        Ok(taken)
    }

    fn take_down(&self, py: Python<'_>) -> PyResult<Plain> {
        let object = self.object.bind(py);
        match object.getattr_opt(intern!(py, "snapshot"))? {
            Some(snapshot) => Plain::encode(&snapshot.call0()?, "snapshot()"),
            None => Plain::encode(attributes(object)?.as_any(), "__dict__"),
        }
    }

    /// What `query(question)` returns, if it leaves the state as it is.
    fn ask(&self, py: Python<'_>, question: &Value) -> PyResult<Value> {
        let before = self.encode(py)?;
        let question = object(py, question)?;
        let answer = self.object.bind(py).call_method1(intern!(py, "query"), (&question,))?;
        let answer = from_python(&answer, None, "query()")?;
        let after = self.take_down(py)?;
        if before == after {
            return Ok(answer);
        }
        let [before, after] = [before.decode(py)?.unbind(), after.decode(py)?.unbind()];
        Err(MachineError::new_err((self.class.key.clone(), question.unbind(), before, after)))
    }
}

impl Behavior for PyMachine {
    fn apply(&mut self, command: &Value) -> Value {
        self.taken = OnceLock::new();
        answer(|py| {
            let command = object(py, command)?;
            let answer = self.object.bind(py).call_method1(intern!(py, "apply"), (command,))?;
            from_python(&answer, None, "apply()")
        })
    }

    fn query(&self, question: &Value) -> Option<Value> {
        let asks = Python::attach(|py| self.object.bind(py).hasattr(intern!(py, "query")));
        asks.is_ok_and(|asks| asks).then(|| answer(|py| self.ask(py, question)))
    }

    fn state(&self) -> Bytes {
        kept(|py| Ok(self.encode(py)?.bytes().into())).unwrap_or_default()
    }

    fn show(&self) -> String {
        kept(|py| Ok(format!("{:?}", self.encode(py)?))).unwrap_or_default()
    }

    fn copy(&self) -> Arc<dyn Behavior> {
        let copy = kept(|py| Self::new(py, self.class.clone(), Some(self.encode(py)?.bytes())));
        Arc::new(copy.unwrap_or_else(|| {
            Python::attach(|py| {
                let (object, class) = (self.object.clone_ref(py), self.class.clone());
                Self { object, class, taken: OnceLock::new() }
            })
        }))
    }
}

/// An instance's attributes.
fn attributes<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    Ok(object.getattr(intern!(object.py(), "__dict__"))?.cast_into::<PyDict>()?)
}

/// What a user's method returns; null while an exception waits.
fn answer(body: impl FnOnce(Python<'_>) -> PyResult<Value>) -> Value {
    if fault::waits() { Value::Null } else { kept(body).unwrap_or_default() }
}

/// What `body` gives. An exception waits for the end of the event.
fn kept<T>(body: impl FnOnce(Python<'_>) -> PyResult<T>) -> Option<T> {
    Python::attach(body).map_err(fault::keep_and_halt).ok()
}

fn make(kind: &str, state: Option<&[u8]>) -> Made {
    kept(|py| {
        let class = known(kind).ok_or_else(|| {
            let problem = format!(
                "the state machine class {kind} is not known here: give it to load(..., nodes=[...])"
            );
            SerializationError::new_err(("", kind.to_owned(), "", problem))
        })?;
        PyMachine::new(py, class, state)
    })
    .map(|it| Arc::new(it) as Arc<dyn Behavior>)
}

/// The classes of state machines by their kinds: of several classes with one name, as a notebook makes them when a cell
/// runs again, each has a number.
static KINDS: Mutex<Vec<(String, Arc<Class>)>> = Mutex::new(Vec::new());

/// The class of a kind; of one that another process has named, the class of that name.
fn known(kind: &str) -> Option<Arc<Class>> {
    let here = KINDS.lock().iter().find(|(known, _)| known == kind).map(|(_, class)| class.clone());
    here.or_else(|| plain::named(kind.split('#').next().unwrap_or_default()))
}

/// The kind of a class.
fn kind_of(class: &Arc<Class>) -> String {
    let mut kinds = KINDS.lock();
    if let Some((kind, _)) = kinds.iter().find(|(_, known)| Arc::ptr_eq(known, class)) {
        return kind.clone();
    }
    let namesakes = kinds.iter().filter(|(_, known)| known.key == class.key).count();
    let kind = if namesakes == 0 { class.key.clone() } else { format!("{}#{}", class.key, namesakes + 1) };
    kinds.push((kind.clone(), class.clone()));
    kind
}

/// Where machines of Python come from, for [`come_from`](crate::machines::store::custom::come_from).
pub const ORIGIN: Origin = Origin { make };

/// The class of a kind that is known here.
#[pyfunction]
pub fn machine_class(py: Python<'_>, kind: &str) -> Option<Py<PyType>> {
    known(kind).map(|it| it.object.clone_ref(py))
}

/// Makes a class of state machines known; its name.
#[pyfunction]
pub fn state_machine(class_: &Bound<'_, PyAny>) -> PyResult<String> {
    let allowed = "a class with apply(command) that can be called without arguments";
    let wrong = || ParameterTypeError::new_err(("machine", class_.clone().unbind(), allowed));
    let class = class_.cast::<PyType>().map_err(|_| wrong())?;
    if !class.getattr_opt("apply")?.is_some_and(|it| it.is_callable()) {
        return Err(wrong());
    }
    let known = plain::remember(class)?;
    let made = PyMachine::new(class.py(), known.clone(), None);
    made.and_then(|it| it.encode(class.py())).map_err(|cause| {
        let error = wrong();
        error.set_cause(class.py(), Some(cause));
        error
    })?;
    Ok(kind_of(&known))
}
