//! The same situation under many seeds, on all cores, with the interpreter let go.
use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::bridge::from_python;
use super::errors::{bad_value, from_engine};
use super::world::PyWorld;
use crate::sim::{self, Fault, Plan, Time, Trial};

type Object<'py> = Bound<'py, PyAny>;

/// A trial for every seed; see `_core.pyi`.
#[pyfunction]
pub fn trials<'py>(
    py: Python<'py>,
    world: &PyWorld,
    seeds: PyReadonlyArray1<'py, u64>,
    plan: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyDict>> {
    let inner = world.0.open()?;
    if inner.theirs {
        let plan = plan.as_any();
        return Err(bad_value(
            "world",
            plan,
            "only built-in nodes: those written in Python need the interpreter",
        ));
    }
    let names = Some(&inner.scene.names);
    let field = |name| plan.get_item(name);
    let faults: Vec<(Time, Fault)> =
        field("faults")?.map(|it| from_python(&it, names, "plan.faults")).transpose()?.unwrap_or_default();
    let mut messages = Vec::new();
    let given: Vec<(Object<'_>, Object<'_>, Object<'_>)> =
        field("messages")?.map(|it| it.extract()).transpose()?.unwrap_or_default();
    for (src, dst, message) in given {
        let (src, dst) = (inner.scene.names.find(&src)?, inner.scene.names.find(&dst)?);
        messages.push((src, dst, inner.read_msg(dst, &message)?));
    }
    let until_note = plan.as_any().get_item("until_note")?.extract()?;
    let deadline = plan.as_any().get_item("deadline")?.extract()?;
    let plan = Plan { faults, messages, until_note, deadline };
    let fork = inner.world.clone();
    let seeds = seeds.as_array().to_vec();
    let rows = py.detach(|| sim::trials(&fork, &seeds, &plan));
    let rows = rows.map_err(|error| from_engine(py, &error, &inner.scene.names))?;
    columns(py, &rows)
}

fn columns<'py>(py: Python<'py>, rows: &[Trial]) -> PyResult<Bound<'py, PyDict>> {
    let found = PyDict::new(py);
    let took = rows.iter().map(|it| it.took.map_or(-1, |it| it as i64)).collect();
    found.set_item("took_ns", PyArray1::from_vec(py, took))?;
    let node = rows.iter().map(|it| it.node.map_or(-1, |it| i64::from(it.0))).collect();
    found.set_item("node", PyArray1::from_vec(py, node))?;
    found.set_item("events", PyArray1::from_vec(py, rows.iter().map(|it| it.events).collect()))?;
    found.set_item("sent", PyArray1::from_vec(py, rows.iter().map(|it| it.sent).collect()))?;
    let prints = rows.iter().map(|it| it.fingerprint).collect();
    found.set_item("fingerprint", PyArray1::from_vec(py, prints))?;
    Ok(found)
}
