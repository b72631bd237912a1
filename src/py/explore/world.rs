//! Worlds, explored from Python.
use std::collections::BTreeSet;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use serde::Deserialize;

use super::run::{Lock, run};
use super::settings::Settings;
use super::show::{self, Show};
use super::view::{in_view, summary};
use crate::check::explore::world::{Budget, Clocks, Failure, Judge, Messages, Setup, Timing, View, Worlds};
use crate::check::explore::{Claim, Counterexample, Failed, Model, Property, Stopped, Strategy};
use crate::py::actor::{Actor, Call};
use crate::py::bridge::from_python;
use crate::py::context::{Scene, in_scene};
use crate::py::errors::class::UnexplorableError;
use crate::py::errors::from_engine;
use crate::py::fault;
use crate::py::world::{Inner, PyWorld};
use crate::sim::{Error, Invariants, NodeId};

type Object<'py> = Bound<'py, PyAny>;

/// What a node's situation takes in the tables of a world, with what comes of its inputs: about, and rather too much.
const SITUATION_BYTES: u64 = 2_048;
/// And a message.
const MESSAGE_BYTES: u64 = 512;

/// What may happen, as Python says it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    faults: Budget,
    timing: Timing,
    messages: Option<Messages>,
    partial_sends: Option<bool>,
    crashable: Option<Vec<NodeId>>,
    partitionable: Option<Vec<NodeId>>,
    mending: bool,
    history: bool,
    clock: Clocks,
    symmetric: Vec<Vec<NodeId>>,
}

/// Claims about states of a world: predicates in Python.
pub struct PyJudge {
    properties: Vec<Property>,
    predicates: Vec<Py<PyAny>>,
    scene: Scene,
}

impl PyJudge {
    fn new(claims: &[(String, String, Py<PyAny>)], scene: Scene, py: Python<'_>) -> Self {
        let property = |(name, claim, _): &(String, String, Py<PyAny>)| {
            let claim = match claim.as_str() {
                "always" => Claim::Always,
                "sometimes" => Claim::Sometimes,
                _ => Claim::Eventually,
            };
            Property { name: name.clone(), claim }
        };
        Self {
            properties: claims.iter().map(property).collect(),
            predicates: claims.iter().map(|it| it.2.clone_ref(py)).collect(),
            scene,
        }
    }
}

impl Judge<Actor> for PyJudge {
    type Error = PyErr;

    fn properties(&self) -> &[Property] {
        &self.properties
    }

    fn holds(&self, property: usize, view: &View<'_, Actor>) -> PyResult<bool> {
        Python::attach(|py| {
            let answer = in_view(py, view, &self.scene, |it| {
                self.predicates[property].bind(py).call1((it,))?.is_truthy()
            })?;
            answer.inspect_err(|error| {
                let state = summary(py, view, &self.scene).and_then(|it| Ok(it.repr()?.to_string()));
                let name = &self.properties[property].name;
                let note = format!("in the property {name:?}, at the state {}", state.unwrap_or_default());
                let _ = error.value(py).call_method1(intern!(py, "add_note"), (note,));
            })
        })
    }

    fn after_handler(&self) -> PyResult<()> {
        let Some(fault) = fault::take() else { return Ok(()) };
        Python::attach(|py| {
            if let Some(name) = fault.node.and_then(|it| self.scene.names.get(it)) {
                let note = format!("in a handler of node '{}', while exploring", name.bind(py));
                let _ = fault.error.value(py).call_method1(intern!(py, "add_note"), (note,));
            }
        });
        Err(fault.error)
    }
}

/// How the states and steps of a world look.
struct Shown<'a> {
    worlds: &'a Worlds<Actor, PyJudge>,
    inner: &'a Inner,
}

impl Show<Worlds<Actor, PyJudge>> for Shown<'_> {
    fn state<'py>(
        &self,
        py: Python<'py>,
        state: &<Worlds<Actor, PyJudge> as Model>::State,
    ) -> PyResult<Object<'py>> {
        summary(py, &self.worlds.view(state), &self.inner.scene)
    }

    fn action<'py>(
        &self,
        py: Python<'py>,
        state: &<Worlds<Actor, PyJudge> as Model>::State,
        action: &<Worlds<Actor, PyJudge> as Model>::Action,
    ) -> PyResult<Object<'py>> {
        self.inner.show_step(py, &self.worlds.describe(state, action))
    }

    fn before<'py>(
        &self,
        py: Python<'py>,
        found: &Counterexample<Worlds<Actor, PyJudge>>,
    ) -> PyResult<Vec<Object<'py>>> {
        let steps = self.worlds.steps(&found.states, &[]).map_err(|it| failure(&it))?;
        steps.iter().map(|it| self.inner.show_step(py, it)).collect()
    }
}

/// Explores a world from where it is; see `distlab.exploring`.
pub fn explore<'py>(
    py: Python<'py>,
    world: &PyWorld,
    setup: &Bound<'py, PyDict>,
    claims: &[(String, String, Py<PyAny>)],
    settings: &Object<'py>,
    progress: Option<&Object<'py>>,
) -> PyResult<Bound<'py, PyDict>> {
    let mut settings: Settings = from_python(settings, None, "settings")?;
    let inner = world.inner()?;
    let setup = read(&inner, setup)?;
    if inner.calls_out && !setup.symmetry.is_empty() {
        // Names in them are plain strings, which renaming does not find: states that differ would count as one.
        let why = "symmetry: nodes written in Python may know others by name; explore without it";
        return Err(UnexplorableError::new_err(why));
    }
    let lock = if inner.calls_out || !claims.is_empty() { Lock::Kept } else { Lock::Released };
    if lock == Lock::Kept {
        settings.threads = 1; // whoever calls Python does so from here
    }
    let judge = PyJudge::new(claims, inner.scene.copy(py)?, py);
    let worlds = in_scene(&inner.scene, || Worlds::new(&inner.world, setup, judge))
        .map_err(|error| refused(py, &error, &inner))?;
    let tables = || {
        let (situations, messages) = worlds.remembered();
        u64::from(situations) * SITUATION_BYTES + u64::from(messages) * MESSAGE_BYTES
    };
    let ran = in_scene(&inner.scene, || run(py, &worlds, &settings, progress, lock, tables))?;
    let mut found = ran.result.map_err(|Failed { error, .. }: Failed<_>| failure(&error))?;
    if ran.outgrown && found.stopped == Some(Stopped::Cancelled) {
        found.stopped = Some(Stopped::Memory);
    }
    if settings.options().strategy != Strategy::BreadthFirst {
        let shrunk = found.counterexamples.iter().map(|it| worlds.shrink(it));
        let shrunk = in_scene(&inner.scene, || shrunk.collect::<Result<Vec<_>, _>>());
        found.counterexamples = shrunk.map_err(|error| failure(&error))?;
    }
    let shown = Shown { worlds: &worlds, inner: &inner };
    let report = in_scene(&inner.scene, || show::report(py, &worlds, &shown, &found, ran.timed_out))?;
    Ok(report)
}

fn read(inner: &Inner, given: &Bound<'_, PyDict>) -> PyResult<Setup<Actor>> {
    let py = given.py();
    let given = given.copy()?;
    let calls = given.get_item(intern!(py, "calls"))?.expect("the facade says what is asked");
    let invariants = given.get_item(intern!(py, "invariants"))?.expect("the facade says what to watch");
    given.del_item(intern!(py, "calls"))?;
    given.del_item(intern!(py, "invariants"))?;
    let it: Given = from_python(&given, Some(&inner.scene.names), "")?;
    Ok(Setup {
        budget: it.faults,
        timing: it.timing,
        messages: it.messages,
        partial_sends: it.partial_sends,
        crashable: it.crashable,
        partitionable: it.partitionable,
        mending: it.mending,
        history: it.history,
        clock: it.clock,
        symmetry: it.symmetric,
        invariants: match invariants.extract::<bool>() {
            Ok(true) => Invariants::All,
            Ok(false) => Invariants::Named(BTreeSet::new()),
            Err(_) => Invariants::Named(invariants.extract::<Vec<String>>()?.into_iter().collect()),
        },
        calls: read_calls(inner, &calls)?,
        ..Setup::default()
    })
}

/// Calls by node, each in the words of its node.
pub fn read_calls(inner: &Inner, calls: &Object<'_>) -> PyResult<Vec<(NodeId, Vec<Call>)>> {
    let mut read = Vec::new();
    for pair in calls.try_iter()? {
        let (node, asked): (Object<'_>, Vec<Object<'_>>) = pair?.extract()?;
        let node = inner.scene.names.find(&node)?;
        let asked = asked.iter().map(|it| inner.read_call(node, it)).collect::<PyResult<_>>()?;
        read.push((node, asked));
    }
    Ok(read)
}

/// Why a world cannot be explored: what is wrong with an argument, or with the moment.
fn refused(py: Python<'_>, error: &Error, inner: &Inner) -> PyErr {
    match error {
        Error::Node { name, why } => UnexplorableError::new_err(format!("node {name}: {why}")),
        Error::Parameter(it) if ["weather", "faults", "workload"].contains(&it.parameter.as_str()) => {
            UnexplorableError::new_err(format!("{}: {}; expected {}", it.parameter, it.value, it.allowed))
        }
        error => from_engine(py, error, &inner.scene.names),
    }
}

fn failure(error: &Failure<PyErr>) -> PyErr {
    match error {
        Failure::Judge(error) => Python::attach(|py| error.clone_ref(py)),
        other => UnexplorableError::new_err(other.to_string()),
    }
}

/// A name, interned.
pub fn name<'py>(py: Python<'py>, scene: &Scene, node: NodeId) -> Bound<'py, PyString> {
    scene.names.get(node).map_or_else(|| PyString::new(py, "?"), |it| it.bind(py).clone())
}
