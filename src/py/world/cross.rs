//! Nodes, states, messages, calls: out of Python, as the node they are for understands them, and back.
use std::mem::discriminant;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::engine::Inner;
use crate::py::actor::{Actor, Call, Disk, Msg, Timer};
use crate::py::bridge::{self, Parts, from_python};
use crate::py::errors::class::HandlerError;
use crate::py::errors::{bad_type, bad_value};
use crate::py::node::PyNode;
use crate::py::plain::Plain;
use crate::py::shown;
use crate::sim::{Input, NodeId, Op, Outcome, Pending, PendingKind, Plan, Protocol, Time, Whole, label};

type Object<'py> = Bound<'py, PyAny>;

impl Inner {
    /// Adds nodes, all or none. They may name each other, so the names come first; on failure they stay
    /// behind in the scene.
    pub fn spawn(&mut self, py: Python<'_>, nodes: &Bound<'_, PyDict>) -> PyResult<Vec<u32>> {
        for (name, _) in nodes.iter() {
            let text = name.cast::<PyString>().map_err(|_| bad_type("name", &name, "a string"))?;
            let text = text.to_str()?;
            if text.is_empty() || self.scene.names.contains(text) {
                return Err(bad_value("name", &name, "a name that is not empty and not taken"));
            }
            self.scene.names.push(py, text);
        }
        let mut actors = Vec::with_capacity(nodes.len());
        for (name, node) in nodes.iter() {
            let name = name.cast_into::<PyString>()?;
            let actor = self.read_node(name.to_str()?, &node)?;
            actors.push((name, actor));
        }
        let mut ids = Vec::with_capacity(actors.len());
        for (name, actor) in actors {
            self.calls_out |= actor.calls_out();
            let name = name.to_str()?;
            ids.push(self.enter(py, |world| world.spawn(name, actor))?.0);
        }
        Ok(ids)
    }

    fn read_node(&self, name: &str, node: &Object<'_>) -> PyResult<Actor> {
        if node.is_instance_of::<PyDict>() || node.is_instance_of::<PyString>() {
            return Ok(Actor::Ours(from_python(node, Some(&self.scene.names), name)?));
        }
        PyNode::new(node).map(Actor::Theirs)
    }

    /// What a node is: that decides how anything for it is read.
    fn kind(&self, node: NodeId) -> &Actor {
        self.world.node(node).spawned().core()
    }

    pub fn read_msg(&self, to: NodeId, msg: &Object<'_>) -> PyResult<Msg> {
        match self.kind(to) {
            Actor::Ours(_) => from_python(msg, Some(&self.scene.names), "message").map(Msg::Ours),
            _ => Plain::encode(msg, "message").map(Msg::Theirs),
        }
    }

    pub fn read_call(&self, node: NodeId, call: &Object<'_>) -> PyResult<Call> {
        match self.kind(node) {
            Actor::Ours(_) => from_python(call, Some(&self.scene.names), "call").map(Call::Ours),
            _ => Plain::encode(call, "call").map(Call::Theirs),
        }
    }

    pub fn read_timer(&self, node: NodeId, timer: &Object<'_>) -> PyResult<Timer> {
        match (self.kind(node), timer.cast::<PyString>()) {
            (Actor::Ours(_), _) => from_python(timer, Some(&self.scene.names), "timer").map(Timer::Ours),
            (_, Ok(name)) => Ok(Timer::Theirs(Plain::text(name.to_str()?))),
            (_, Err(_)) => Err(bad_type("timer", timer, "the name of a timer")),
        }
    }

    /// What happens in every trial.
    pub fn read_plan(
        &self,
        until_note: String,
        deadline: Time,
        faults: &[(Time, Object<'_>)],
        messages: &[(Object<'_>, Object<'_>, Object<'_>)],
    ) -> PyResult<Plan<Actor>> {
        if self.calls_out {
            let why = "trials run on all cores at once, and nodes written in Python cannot: use sweep";
            return Err(HandlerError::new_err(why));
        }
        let names = &self.scene.names;
        let fault = |(at, it): &(Time, Object<'_>)| Ok((*at, from_python(it, Some(names), "fault")?));
        let message = |(from, to, msg): &(Object<'_>, Object<'_>, Object<'_>)| {
            let (from, to) = (names.find(from)?, names.find(to)?);
            Ok((from, to, self.read_msg(to, msg)?))
        };
        Ok(Plan {
            faults: faults.iter().map(fault).collect::<PyResult<_>>()?,
            messages: messages.iter().map(message).collect::<PyResult<_>>()?,
            until_note,
            deadline,
        })
    }

    /// Another state for a node, of its own protocol.
    pub fn read_state(&self, node: NodeId, state: &Object<'_>) -> PyResult<Actor> {
        match self.kind(node) {
            Actor::Theirs(own) => {
                let attributes =
                    state.cast().map_err(|_| bad_type("state", state, "a dict of attributes"))?;
                own.with_attributes(attributes).map(Actor::Theirs)
            }
            Actor::Snapshot(_) => unreachable!("a core is none"),
            Actor::Ours(own) => match from_python(state, Some(&self.scene.names), "state")? {
                other if discriminant(&other) == discriminant(own) => Ok(Actor::Ours(other)),
                _ => Err(bad_value("state", state, format!("a state of a {} node", label(own)))),
            },
        }
    }

    /// Another content for a node's disk.
    pub fn read_disk(&self, node: NodeId, disk: &Object<'_>) -> PyResult<Disk> {
        match self.world.node(node).disk() {
            Disk::Ours(own) => match from_python(disk, Some(&self.scene.names), "disk")? {
                other if discriminant(&other) == discriminant(own) => Ok(Disk::Ours(other)),
                _ => Err(bad_value("disk", disk, format!("a disk of a {} node", label(self.kind(node))))),
            },
            _ => Plain::encode(disk, "disk").map(|it| Disk::Theirs(Whole(it))),
        }
    }

    /// Parts of a node's state and disk; None for what is not wanted at all.
    pub fn show_node<'py>(
        &self,
        py: Python<'py>,
        node: NodeId,
        (state, disk): (Option<&Parts>, Option<&Parts>),
    ) -> PyResult<(Object<'py>, Object<'py>)> {
        let (names, node, none) = (&self.scene.names, self.world.node(node), || Ok(py.None().into_bound(py)));
        let within = |name| move |error: bridge::Error| error.within(name).into_pyerr(py, "parts");
        let state = state.map_or_else(none, |it| shown::state_parts(py, names, it, node.state()));
        let disk = disk.map_or_else(none, |it| shown::disk_parts(py, names, it, node.disk()));
        Ok((state.map_err(within("state"))?, disk.map_err(within("disk"))?))
    }

    /// An operation.
    pub fn show_op<'py>(&self, py: Python<'py>, id: u64, op: &Op<Actor>) -> PyResult<Bound<'py, PyDict>> {
        let shown = PyDict::new(py);
        let outcome = op.reply().map(|_| match op.outcome() {
            Outcome::Ok => "ok",
            Outcome::Fail => "fail",
            Outcome::Info => "info",
        });
        shown.set_item("id", id)?;
        shown.set_item("node", self.scene.names.get(op.node))?;
        shown.set_item("load", (op.load != crate::sim::NO_LOAD).then_some(op.load))?;
        shown.set_item("call", shown::call(py, &self.scene.names, &op.call)?)?;
        shown.set_item("reply", op.reply().map(|it| shown::reply(py, &self.scene.names, it)).transpose()?)?;
        shown.set_item("outcome", outcome)?;
        shown.set_item("called_ns", op.called_at)?;
        shown.set_item("replied_ns", op.answer.as_ref().map(|(at, _)| *at))?;
        Ok(shown)
    }

    /// Something that waits.
    pub fn show_pending<'py>(
        &self,
        py: Python<'py>,
        it: &Pending<'_, Actor>,
        payload: bool,
    ) -> PyResult<Bound<'py, PyDict>> {
        let (kind, what) = What::of(&it.kind);
        let (src, label) = match what {
            What::Msg(from, msg) => (Some(from), label(msg)),
            What::Timer(timer) => (None, label(timer)),
            What::Call(call) => (None, label(call)),
            What::Named(name) => (None, name),
        };
        let content = match what {
            _ if !payload => None,
            What::Msg(_, msg) => Some(shown::msg(py, &self.scene.names, msg)?),
            What::Timer(timer) => Some(shown::timer(py, &self.scene.names, timer)?),
            What::Call(call) => Some(shown::call(py, &self.scene.names, call)?),
            What::Named(_) => None,
        };
        let shown = PyDict::new(py);
        shown.set_item("id", it.id)?;
        shown.set_item("at_ns", it.at)?;
        shown.set_item("armed", it.armed)?;
        shown.set_item("kind", kind)?;
        shown.set_item("label", label)?;
        shown.set_item("src", src.and_then(|id| self.scene.names.get(id)))?;
        shown.set_item("dst", it.node.and_then(|id| self.scene.names.get(id)))?;
        shown.set_item("payload", content)?;
        Ok(shown)
    }
}

/// What waits, whether for its time or for the processor.
#[derive(Clone, Copy)]
enum What<'a> {
    Msg(NodeId, &'a Msg),
    Timer(&'a Timer),
    Call(&'a Call),
    Named(&'static str),
}

impl<'a> What<'a> {
    fn of(kind: &PendingKind<'a, Actor>) -> (&'static str, Self) {
        match *kind {
            PendingKind::Message(from, msg) => ("message", Self::Msg(from, msg)),
            PendingKind::Timer(timer) => ("timer", Self::Timer(timer)),
            PendingKind::Call(call) => ("call", Self::Call(call)),
            PendingKind::Fault(name) => ("fault", Self::Named(name)),
            PendingKind::Sync => ("sync", Self::Named("sync")),
            PendingKind::Start => ("start", Self::Named("start")),
            PendingKind::Load => ("load", Self::Named("load")),
            PendingKind::Service(input) => match input {
                Input::Message(from, msg) => ("service", Self::Msg(*from, msg)),
                Input::Timer(timer) => ("service", Self::Timer(timer)),
                Input::Call(_, call) => ("service", Self::Call(call)),
                Input::Start => ("service", Self::Named("start")),
            },
        }
    }
}
