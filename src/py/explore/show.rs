//! What an exploration found, as Python sees it.
use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::check::explore::{Claim, Counterexample, Graph, Model, Outcome, Report, Stopped};

/// How states and actions of a model look in Python.
pub trait Show<M: Model> {
    /// A state.
    fn state<'py>(&self, py: Python<'py>, state: &M::State) -> PyResult<Bound<'py, PyAny>>;
    /// An action, in the state where it happens.
    fn action<'py>(
        &self,
        py: Python<'py>,
        state: &M::State,
        action: &M::Action,
    ) -> PyResult<Bound<'py, PyAny>>;
    /// What happened before the first state of a counterexample, as actions.
    fn before<'py>(&self, _py: Python<'py>, _found: &Counterexample<M>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        Ok(Vec::new())
    }
}

/// A report, as a dict of what `distlab.explore` makes an `Exploration` of.
pub fn report<'py, M: Model>(
    py: Python<'py>,
    model: &M,
    show: &impl Show<M>,
    found: &Report<M>,
    timed_out: bool,
) -> PyResult<Bound<'py, PyDict>> {
    let shown = PyDict::new(py);
    shown.set_item("distinct", found.distinct)?;
    shown.set_item("generated", found.generated)?;
    shown.set_item("depth", found.depth)?;
    shown.set_item("terminal", found.terminal)?;
    shown.set_item("collision", found.collision)?;
    shown.set_item("memory_bytes", found.memory_bytes)?;
    shown.set_item("symmetry", found.symmetry)?;
    shown.set_item("reduction", found.reduction)?;
    shown.set_item("stopped", found.stopped.map(|it| if timed_out { "time" } else { why(it) }))?;
    let level = |of: fn(&crate::check::explore::Level) -> u64| {
        PyArray1::from_iter(py, found.levels.iter().map(of).map(|it| it as i64))
    };
    shown.set_item("level_distinct", level(|it| it.distinct))?;
    shown.set_item("level_generated", level(|it| it.generated))?;
    let mut coverage = found.coverage.clone();
    coverage.sort();
    shown.set_item("coverage", coverage)?;
    let properties: Vec<_> = found
        .properties
        .iter()
        .map(|(property, outcome)| {
            let (outcome, counterexample) = match outcome {
                Outcome::Holds => ("holds", None),
                Outcome::Seen => ("seen", None),
                Outcome::Unknown => ("unknown", None),
                Outcome::Fails(counterexample) => ("fails", *counterexample),
            };
            (property.name.clone(), claim(property.claim), outcome, counterexample)
        })
        .collect();
    shown.set_item("properties", properties)?;
    let counterexamples = PyList::empty(py);
    for it in &found.counterexamples {
        counterexamples.append(path(py, model, show, it)?)?;
    }
    shown.set_item("counterexamples", counterexamples)?;
    shown.set_item("graph", found.graph.as_ref().map(|it| graph(py, model, show, it)).transpose()?)?;
    Ok(shown)
}

fn claim(claim: Claim) -> &'static str {
    match claim {
        Claim::Always => "always",
        Claim::Sometimes => "sometimes",
        Claim::Eventually => "eventually",
    }
}

fn why(stopped: Stopped) -> &'static str {
    match stopped {
        Stopped::Counterexample => "counterexample",
        Stopped::Depth => "depth",
        Stopped::States => "states",
        Stopped::Memory => "memory",
        Stopped::Cancelled => "cancelled",
        Stopped::Walks => "walks",
    }
}

fn path<'py, M: Model>(
    py: Python<'py>,
    model: &M,
    show: &impl Show<M>,
    found: &Counterexample<M>,
) -> PyResult<Bound<'py, PyDict>> {
    let property = found.property.map(|it| &model.properties()[it]);
    let shown = PyDict::new(py);
    shown.set_item("property", property.map(|it| it.name.clone()))?;
    shown.set_item("claim", property.map(|it| claim(it.claim)))?;
    shown.set_item("states", states(py, show, &found.states)?)?;
    let actions = found.states.iter().zip(found.actions.iter().chain(&found.closing));
    let kinds: Vec<_> = actions.clone().map(|(_, it)| model.kind_name(model.kind(it))).collect();
    let actions = actions.map(|(state, it)| show.action(py, state, it)).collect::<PyResult<Vec<_>>>()?;
    shown.set_item("actions", actions)?;
    shown.set_item("kinds", kinds)?;
    shown.set_item("before", show.before(py, found)?)?;
    shown.set_item("lasso", found.lasso)?;
    Ok(shown)
}

fn states<'py, M: Model>(
    py: Python<'py>,
    show: &impl Show<M>,
    states: &[M::State],
) -> PyResult<Bound<'py, PyList>> {
    PyList::new(py, states.iter().map(|it| show.state(py, it)).collect::<PyResult<Vec<_>>>()?)
}

fn graph<'py, M: Model>(
    py: Python<'py>,
    model: &M,
    show: &impl Show<M>,
    graph: &Graph<M>,
) -> PyResult<Bound<'py, PyDict>> {
    let mut kinds: Vec<String> = Vec::new();
    let mut number = rustc_hash::FxHashMap::default();
    let kind: Vec<u32> = graph
        .edges
        .iter()
        .map(|(_, _, action)| {
            let kind = model.kind(action);
            *number.entry(kind).or_insert_with(|| {
                kinds.push(model.kind_name(kind));
                kinds.len() as u32 - 1
            })
        })
        .collect();
    let shown = PyDict::new(py);
    shown.set_item("states", states(py, show, &graph.states)?)?;
    shown.set_item("initial", graph.initial)?;
    shown.set_item("source", PyArray1::from_iter(py, graph.edges.iter().map(|it| it.0)))?;
    shown.set_item("target", PyArray1::from_iter(py, graph.edges.iter().map(|it| it.1)))?;
    shown.set_item("kind", PyArray1::from_vec(py, kind))?;
    shown.set_item("kinds", kinds)?;
    let action = |(from, _, it): &(u32, u32, M::Action)| show.action(py, &graph.states[*from as usize], it);
    let actions = graph.edges.iter().map(action).collect::<PyResult<Vec<_>>>()?;
    shown.set_item("actions", actions)?;
    Ok(shown)
}
