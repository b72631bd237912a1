//! Steps of a counterexample, out of the core and into it.
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use super::world::name;
use crate::check::explore::world::Step;
use crate::py::actor::{Actor, Msg};
use crate::py::bridge::from_python;
use crate::py::errors::bad_value;
use crate::py::shown;
use crate::py::world::Inner;
use crate::sim::{NodeId, OpId};

type Object<'py> = Bound<'py, PyAny>;

impl Inner {
    /// A step as a dict of its kind and its facts; one without facts as its kind alone.
    pub fn show_step<'py>(&self, py: Python<'py>, step: &Step<Actor>) -> PyResult<Object<'py>> {
        let facts = PyDict::new(py);
        let set = |key: &str, value: Object<'py>| facts.set_item(PyString::intern(py, key), value);
        let node = |id: NodeId| name(py, &self.scene, id).into_any();
        let say = |msg: &Msg| shown::msg(py, &self.scene.names, msg);
        let message = |from: NodeId, to: NodeId, msg: &Msg| {
            set("from", node(from))?;
            set("to", node(to))?;
            set("msg", say(msg)?)
        };
        let made = |choices: &[u32]| match choices {
            [] => Ok(()),
            some => set("choices", PyList::new(py, some)?.into_any()),
        };
        let kind = match step {
            Step::Deliver { from, to, msg, choices } | Step::Duplicate { from, to, msg, choices } => {
                message(*from, *to, msg)?;
                made(choices)?;
                if matches!(step, Step::Deliver { .. }) { "deliver" } else { "duplicate" }
            }
            Step::Drop { from, to, msg } => {
                message(*from, *to, msg)?;
                "drop"
            }
            Step::Fire { node: id, timer, choices } => {
                set("node", node(*id))?;
                set("timer", shown::timer(py, &self.scene.names, timer)?)?;
                made(choices)?;
                "fire"
            }
            Step::Call { node: id, op, call, choices } => {
                set("node", node(*id))?;
                set("op", op.0.into_pyobject(py)?.into_any())?;
                set("call", shown::call(py, &self.scene.names, call)?)?;
                made(choices)?;
                "call"
            }
            Step::Sync { node: id } => {
                set("node", node(*id))?;
                "sync"
            }
            Step::Crash { node: id, lost } => {
                set("node", node(*id))?;
                let rows: Vec<_> =
                    lost.iter().map(|(to, msg)| Ok((node(*to), say(msg)?))).collect::<PyResult<_>>()?;
                if !rows.is_empty() {
                    set("lost", PyList::new(py, rows)?.into_any())?;
                }
                "crash"
            }
            Step::Start { node: id, choices } | Step::Recover { node: id, choices } => {
                set("node", node(*id))?;
                made(choices)?;
                if matches!(step, Step::Start { .. }) { "start" } else { "recover" }
            }
            Step::Cut { groups, lost } => {
                set("groups", self.show_groups(py, groups)?)?;
                let row = |(from, to, msg): &(NodeId, NodeId, Msg)| Ok((node(*from), node(*to), say(msg)?));
                let rows: Vec<_> = lost.iter().map(row).collect::<PyResult<_>>()?;
                if !rows.is_empty() {
                    set("lost", PyList::new(py, rows)?.into_any())?;
                }
                "cut"
            }
            Step::Heal => return Ok(PyString::intern(py, "heal").into_any()),
        };
        let shown = PyDict::new(py);
        shown.set_item(PyString::intern(py, kind), facts)?;
        Ok(shown.into_any())
    }

    fn show_groups<'py>(&self, py: Python<'py>, groups: &[Vec<NodeId>; 2]) -> PyResult<Object<'py>> {
        let named = |group: &Vec<NodeId>| PyList::new(py, group.iter().map(|it| name(py, &self.scene, *it)));
        let named = groups.iter().map(named).collect::<PyResult<Vec<_>>>()?;
        Ok(PyList::new(py, named)?.into_any())
    }

    /// A step, as [`show_step`](Self::show_step) has it.
    pub fn read_step(&self, step: &Object<'_>) -> PyResult<Step<Actor>> {
        let wrong =
            || bad_value("step", step, "a step of a counterexample, such as {'crash': {'node': 'n0'}}");
        if step.extract::<&str>().is_ok_and(|it| it == "heal") {
            return Ok(Step::Heal);
        }
        let outer = step.cast::<PyDict>().map_err(|_| wrong())?;
        let (kind, facts) = outer.iter().next().filter(|_| outer.len() == 1).ok_or_else(wrong)?;
        let facts = Facts { inner: self, facts: facts.cast_into::<PyDict>().map_err(|_| wrong())? };
        let kind: String = kind.extract().map_err(|_| wrong())?;
        Ok(match kind.as_str() {
            "deliver" | "duplicate" | "drop" => {
                let (from, to, choices) = (facts.node("from")?, facts.node("to")?, facts.choices()?);
                let msg = self.read_msg(to, &facts.get("msg")?)?;
                match kind.as_str() {
                    "deliver" => Step::Deliver { from, to, msg, choices },
                    "duplicate" => Step::Duplicate { from, to, msg, choices },
                    _ => Step::Drop { from, to, msg },
                }
            }
            "fire" => {
                let node = facts.node("node")?;
                let timer = self.read_timer(node, &facts.get("timer")?)?;
                Step::Fire { node, timer, choices: facts.choices()? }
            }
            "start" => Step::Start { node: facts.node("node")?, choices: facts.choices()? },
            "call" => {
                let node = facts.node("node")?;
                let (op, call) =
                    (OpId(facts.get("op")?.extract()?), self.read_call(node, &facts.get("call")?)?);
                Step::Call { node, op, call, choices: facts.choices()? }
            }
            "sync" => Step::Sync { node: facts.node("node")? },
            "crash" => Step::Crash { node: facts.node("node")?, lost: facts.lost_by_one()? },
            "recover" => Step::Recover { node: facts.node("node")?, choices: facts.choices()? },
            "cut" => Step::Cut { groups: facts.groups()?, lost: facts.lost_across()? },
            _ => return Err(wrong()),
        })
    }
}

/// The facts of a step that is read.
struct Facts<'a, 'py> {
    inner: &'a Inner,
    facts: Bound<'py, PyDict>,
}

impl<'py> Facts<'_, 'py> {
    fn get(&self, key: &str) -> PyResult<Object<'py>> {
        let found = self.facts.get_item(key)?;
        found.ok_or_else(|| bad_value("step", self.facts.as_any(), format!("a step with {key:?}")))
    }
    fn node(&self, key: &str) -> PyResult<NodeId> {
        self.inner.scene.names.find(&self.get(key)?)
    }
    fn choices(&self) -> PyResult<Vec<u32>> {
        self.facts.get_item("choices")?.map_or(Ok(Vec::new()), |it| from_python(&it, None, "step.choices"))
    }
    fn lost(&self) -> PyResult<Vec<Vec<Object<'py>>>> {
        self.facts.get_item("lost")?.map_or(Ok(Vec::new()), |it| it.extract())
    }
    fn lost_by_one(&self) -> PyResult<Vec<(NodeId, Msg)>> {
        let row = |row: &Vec<Object<'py>>| {
            let [to, msg] = &row[..] else {
                return Err(bad_value("step", self.facts.as_any(), "lost messages as (to, message)"));
            };
            let to = self.inner.scene.names.find(to)?;
            Ok((to, self.inner.read_msg(to, msg)?))
        };
        self.lost()?.iter().map(row).collect()
    }
    fn lost_across(&self) -> PyResult<Vec<(NodeId, NodeId, Msg)>> {
        let row = |row: &Vec<Object<'py>>| {
            let [from, to, msg] = &row[..] else {
                return Err(bad_value("step", self.facts.as_any(), "lost messages as (from, to, message)"));
            };
            let (from, to) = (self.inner.scene.names.find(from)?, self.inner.scene.names.find(to)?);
            Ok((from, to, self.inner.read_msg(to, msg)?))
        };
        self.lost()?.iter().map(row).collect()
    }
    fn groups(&self) -> PyResult<[Vec<NodeId>; 2]> {
        let groups: Vec<Vec<Object<'py>>> = self.get("groups")?.extract()?;
        let named = |group: &Vec<Object<'py>>| {
            group.iter().map(|it| self.inner.scene.names.find(it)).collect::<PyResult<Vec<_>>>()
        };
        let groups: Vec<_> = groups.iter().map(named).collect::<PyResult<_>>()?;
        groups.try_into().map_err(|_| bad_value("step", self.facts.as_any(), "two groups of nodes"))
    }
}
