//! Specifications written in Python: the states are the user's own values, told apart by their encoding.
use std::sync::Arc;

use indexmap::IndexMap;
use parking_lot::Mutex;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};
use rustc_hash::FxBuildHasher;

use super::show::Show;
use crate::check::explore::{Claim, Model, Property};
use crate::py::errors::class::SpecError;
use crate::py::plain::Plain;
use crate::sim::Fingerprint;

/// What the user's class is made of, taken apart by `distlab.spec`.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Parts {
    /// The specification itself.
    spec: Py<PyAny>,
    /// The states it may begin in.
    initial: Vec<Py<PyAny>>,
    /// `actions(state)`: pairs of a name and a next state.
    actions: Py<PyAny>,
    /// Name, claim, predicate.
    properties: Vec<(String, String, Py<PyAny>)>,
    /// `representative(state)`, if it has one.
    representative: Option<Py<PyAny>>,
    /// The kinds of actions that nobody promises.
    unfair: Vec<String>,
}

/// A specification written in Python. Whoever explores it keeps the interpreter's lock, on one thread.
pub struct PySpec {
    parts: Parts,
    properties: Vec<Property>,
    kinds: Mutex<IndexMap<String, bool, FxBuildHasher>>,
    /// What the attributes of the specification itself were, if they are data.
    attributes: Option<[u64; 2]>,
}

/// A state: the user's value, and the two lanes of its fingerprint.
#[derive(Clone)]
pub struct PyState(Arc<(Py<PyAny>, [u64; 2])>);

/// An action, with what it leads to: `actions` says both at once.
#[derive(Clone)]
pub struct PyAction {
    name: Arc<Py<PyAny>>,
    kind: u32,
    class: Option<u64>,
    next: PyState,
}

impl PySpec {
    /// The specification of which these are the parts.
    pub fn new(parts: &Bound<'_, PyDict>) -> PyResult<Self> {
        let py = parts.py();
        let parts: Parts = parts.extract()?;
        let claims = [("always", Claim::Always), ("sometimes", Claim::Sometimes)];
        let claim = |name: &str| claims.iter().find(|it| it.0 == name).map_or(Claim::Eventually, |it| it.1);
        let property =
            |(name, of, _): &(String, String, _)| Property { name: name.clone(), claim: claim(of) };
        let properties = parts.properties.iter().map(property).collect();
        let attributes = attributes(parts.spec.bind(py));
        Ok(Self { parts, properties, kinds: Mutex::default(), attributes })
    }

    fn state(&self, value: Bound<'_, PyAny>, action: Option<&Bound<'_, PyAny>>) -> PyResult<PyState> {
        if value.hash().is_err() {
            let class = value.get_type().name()?;
            let instead = match class.to_str()? {
                "list" => "a tuple",
                "set" => "a frozenset",
                "dict" => "a tuple of pairs, or a frozen dataclass",
                _ => "a frozen dataclass (@dataclass(frozen=True))",
            };
            let problem = format!("a state must be hashable, and a {class} is not: use {instead}");
            return Err(self.wrong(value.py(), Some(&value), action, problem));
        }
        let lanes = lanes(&value)?;
        Ok(PyState(Arc::new((value.unbind(), lanes))))
    }

    fn wrong(
        &self,
        py: Python<'_>,
        state: Option<&Bound<'_, PyAny>>,
        action: Option<&Bound<'_, PyAny>>,
        problem: String,
    ) -> PyErr {
        let spec = self.parts.spec.bind(py).get_type().name().map(|it| it.to_string()).unwrap_or_default();
        let (state, action) = (state.map(|it| it.clone().unbind()), action.map(|it| it.clone().unbind()));
        SpecError::new_err((spec, problem, state, action))
    }

    /// One item of what `actions` gave.
    fn action(&self, item: &Bound<'_, PyAny>, state: &Bound<'_, PyAny>) -> PyResult<PyAction> {
        let py = item.py();
        let pair = item.cast::<PyTuple>().ok().filter(|it| it.len() == 2).ok_or_else(|| {
            let got = item.repr().map(|it| it.to_string()).unwrap_or_default();
            let problem = format!("actions(state) must give pairs (name, next state), and gave {got}");
            self.wrong(py, Some(state), None, problem)
        })?;
        let (name, next) = (pair.get_item(0)?, pair.get_item(1)?);
        let kind = self.kind_of(&name)?;
        let class = match self.kinds.lock()[kind as usize] {
            true => None,
            false => Some(lanes(&name)?[0]),
        };
        Ok(PyAction { next: self.state(next, Some(&name))?, name: Arc::new(name.unbind()), kind, class })
    }

    /// The kind of an action is its name, or what its name begins with: of `("send", 3)`, `send`.
    fn kind_of(&self, name: &Bound<'_, PyAny>) -> PyResult<u32> {
        let first = name.cast::<PyTuple>().ok().filter(|it| !it.is_empty()).map(|it| it.get_item(0));
        let first = first.transpose()?.unwrap_or_else(|| name.clone());
        let text = match first.cast::<PyString>() {
            Ok(text) => text.to_str()?.to_owned(),
            Err(_) => first.str()?.to_string(),
        };
        let mut kinds = self.kinds.lock();
        if let Some(kind) = kinds.get_index_of(&text) {
            return Ok(kind as u32);
        }
        let unfair = self.parts.unfair.contains(&text);
        Ok(kinds.insert_full(text, unfair).0 as u32)
    }

    /// Calls `actions`; `each` is told of every action, before the next one is asked for.
    fn each_action(
        &self,
        state: &Bound<'_, PyAny>,
        mut each: impl FnMut(PyAction) -> PyResult<()>,
    ) -> PyResult<()> {
        let given = self.parts.actions.bind(state.py()).call1((state,))?;
        let items = given.try_iter().map_err(|_| {
            let got = given.get_type().name().map(|it| it.to_string()).unwrap_or_default();
            let problem = format!(
                "actions(state) must give pairs (name, next state), one after another, and gave a {got}"
            );
            self.wrong(state.py(), Some(state), None, problem)
        })?;
        for item in items {
            each(self.action(&item?, state)?)?;
        }
        Ok(())
    }

    /// A state, or the specification itself, is not any more what it was: finds the action that did it.
    fn mutated(&self, py: Python<'_>, before: &Plain, what: &str) -> PyErr {
        let mut guilty = None;
        let state = before.decode(py);
        let found = state.and_then(|state| {
            let (own, spec) = (lanes(&state)?, attributes(self.parts.spec.bind(py)));
            self.each_action(&state, |action| {
                let changed = lanes(&state)? != own || attributes(self.parts.spec.bind(py)) != spec;
                if changed && guilty.is_none() {
                    guilty = Some(action.name.clone_ref(py));
                }
                Ok(())
            })
        });
        let name = guilty.map(|it| it.into_bound(py));
        let action = name.as_ref().and_then(|it| it.repr().ok()).map(|it| it.to_string());
        let who = action.map_or_else(|| "actions(state)".to_owned(), |it| format!("action {it}"));
        let problem =
            format!("{who} changes {what}: make the next state a new value, and leave this one alone");
        let _ = found; // what it raised now is nothing beside this
        self.wrong(py, before.decode(py).ok().as_ref(), name.as_ref(), problem)
    }

    /// Says where an exception of the user's code came from; it stays what it is.
    fn note(&self, error: PyErr, place: &str, state: &Bound<'_, PyAny>) -> PyErr {
        let py = state.py();
        if !error.is_instance_of::<SpecError>(py) {
            let shown = state.repr().map(|it| it.to_string_lossy().into_owned()).unwrap_or_default();
            let note = format!("in {place}, at the state {shown}");
            let _ = error.value(py).call_method1(intern!(py, "add_note"), (note,));
        }
        error
    }
}

/// The two lanes of the fingerprint of a value.
fn lanes(value: &Bound<'_, PyAny>) -> PyResult<[u64; 2]> {
    let encoding = Plain::encode(value, "state")?;
    Ok([0, 1].map(|lane| hash(encoding.bytes(), lane)))
}

fn hash(bytes: &[u8], lane: u64) -> u64 {
    use std::hash::Hasher;
    let mut hasher = Fingerprint::new(lane);
    hasher.write(bytes);
    hasher.write_usize(bytes.len());
    hasher.finish()
}

/// What the attributes of a specification hold, if that is data.
fn attributes(spec: &Bound<'_, PyAny>) -> Option<[u64; 2]> {
    lanes(&spec.getattr(intern!(spec.py(), "__dict__")).ok()?).ok()
}

impl Model for PySpec {
    type State = PyState;
    type Action = PyAction;
    type Error = PyErr;

    fn initial(&self) -> PyResult<Vec<PyState>> {
        Python::attach(|py| {
            self.parts.initial.iter().map(|it| self.state(it.bind(py).clone(), None)).collect()
        })
    }

    fn actions(&self, state: &PyState, actions: &mut Vec<PyAction>) -> PyResult<()> {
        Python::attach(|py| {
            let value = state.0.0.bind(py);
            let before = Plain::encode(value, "state")?;
            self.each_action(value, |action| {
                actions.push(action);
                Ok(())
            })
            .map_err(|error| self.note(error, "actions", value))?;
            if lanes(value)? != state.0.1 {
                return Err(self.mutated(py, &before, "the state it is given"));
            }
            if self.attributes.is_some() && attributes(self.parts.spec.bind(py)) != self.attributes {
                return Err(self.mutated(py, &before, "the specification itself"));
            }
            Ok(())
        })
    }

    fn next(&self, _state: &PyState, action: &PyAction) -> PyResult<Option<PyState>> {
        Ok(Some(action.next.clone()))
    }

    fn fingerprint(&self, state: &PyState, lane: u64) -> u64 {
        state.0.1[usize::from(lane != 0)]
    }

    fn canonical(&self, state: &PyState, lane: u64) -> PyResult<u64> {
        let Some(representative) = &self.parts.representative else {
            return Ok(self.fingerprint(state, lane));
        };
        Python::attach(|py| {
            let value = state.0.0.bind(py);
            let chosen = representative.bind(py).call1((value,));
            let chosen = chosen.map_err(|error| self.note(error, "representative", value))?;
            Ok(lanes(&chosen)?[usize::from(lane != 0)])
        })
    }

    fn kind(&self, action: &PyAction) -> u32 {
        action.kind
    }

    fn kind_name(&self, kind: u32) -> String {
        self.kinds.lock().get_index(kind as usize).map_or_else(String::new, |it| it.0.clone())
    }

    fn fairness(&self, _state: &PyState, action: &PyAction) -> Option<u64> {
        action.class
    }

    fn properties(&self) -> &[Property] {
        &self.properties
    }

    fn holds(&self, property: usize, state: &PyState) -> PyResult<bool> {
        let (name, _, predicate) = &self.parts.properties[property];
        Python::attach(|py| {
            let value = state.0.0.bind(py);
            let answer = predicate.bind(py).call1((value,)).and_then(|it| it.is_truthy());
            answer.map_err(|error| self.note(error, &format!("the property {name:?}"), value))
        })
    }

    fn heap_bytes(&self, _state: &PyState) -> usize {
        256 // a small tuple with what it holds, and the reference count around it
    }
}

impl Show<Self> for PySpec {
    fn state<'py>(&self, py: Python<'py>, state: &PyState) -> PyResult<Bound<'py, PyAny>> {
        Ok(state.0.0.bind(py).clone())
    }
    fn action<'py>(
        &self,
        py: Python<'py>,
        _state: &PyState,
        action: &PyAction,
    ) -> PyResult<Bound<'py, PyAny>> {
        Ok(action.name.bind(py).clone())
    }
}
