//! Whatever may live in a world that Python made: a node of ours, or an object of the user's, and what takes snapshots
//! around either.
//!
//! The two may talk. What one of ours says reaches a user's node as the bridge shows it,
//! `{"raft": {"request_vote": {...}}}`, and a user's node says the same to one of ours.
use pyo3::prelude::*;
use serde::{Deserialize, Serialize};

use super::bridge::{from_python, to_python};
use super::context::{Scene, scene};
use super::errors::class::HandlerError;
use super::fault;
use super::node::{Answer, PyNode};
use super::plain::Plain;
use crate::protocols::snapshot::{self, Snapshot};
use crate::protocols::{AnyCall, AnyDisk, AnyMonitor, AnyMsg, AnyNode, AnyReply, AnyTimer, AnyWrite};
use crate::sim::{
    Believed, Broken, Cx, Monitor, NodeId, NodeView, OpId, Operation, Outcome, Part, Protocol, Reading,
    Request, Status, Step, Storage, View, Whole,
};

/// One of ours, or one of theirs.
macro_rules! either {
    ($(#[$meta:meta])* $Name:ident { $($(#[$own:meta])* $Own:ident,)* } $ours:ty, $theirs:ty $(, $around:ty)?) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[allow(clippy::large_enum_variant)] // nearly all are of the larger kind
        pub enum $Name {
            $($(#[$own])* $Own,)*
            /// Of one of the protocols here.
            Ours($ours),
            /// Of a node written in Python.
            Theirs($theirs),
            $(/// Of what takes snapshots around either.
            Snapshot(Box<$around>),)?
        }
    };
}

either! { /** A node. */ Actor {} AnyNode, PyNode, Snapshot<Actor> }
either! { /** A message. */ Msg {} AnyMsg, Plain, snapshot::Msg<Actor> }
either! { /** A timer. */ Timer {} AnyTimer, Plain }
either! { /** A question. */ Call {} AnyCall, Plain }
either! { /** An answer. */ Reply { /** The node is of another kind than the question. */ Foreign, } AnyReply, Answer }
either! { /** A disk. */ #[derive(Default)] Disk { /** Not formatted. */ #[default] Blank, } AnyDisk, Whole<Plain> }
either! { /** A write to a disk. */ Write {} AnyWrite, Plain }

const OURS: Part<Actor, AnyNode> =
    Part { msg: Msg::Ours, timer: Timer::Ours, reply: Reply::Ours, disk: Disk::ours, write: Write::Ours };
const THEIRS: Part<Actor, PyNode> = Part {
    msg: Msg::Theirs,
    timer: Timer::Theirs,
    reply: Reply::Theirs,
    disk: Disk::theirs,
    write: Write::Theirs,
};

/// A snapshot's messages travel as they are, and the application's as if nobody took snapshots.
const SNAPSHOT: Part<Actor, Snapshot<Actor>> = Part {
    msg: Msg::from,
    timer: |timer| timer,
    reply: |reply| reply,
    disk: |disk| disk,
    write: |write| write,
};

impl From<snapshot::Msg<Actor>> for Msg {
    fn from(msg: snapshot::Msg<Actor>) -> Self {
        match msg {
            snapshot::Msg::App(msg) => msg,
            msg => Self::Snapshot(Box::new(msg)),
        }
    }
}

impl From<Msg> for snapshot::Msg<Actor> {
    fn from(msg: Msg) -> Self {
        match msg {
            Msg::Snapshot(msg) => *msg,
            msg => Self::App(msg),
        }
    }
}

impl Actor {
    /// What runs the protocol, without what takes snapshots around it.
    pub fn core(&self) -> &Self {
        match self {
            Self::Snapshot(it) => it.inner.core(),
            node => node,
        }
    }

    /// See [`core`](Self::core).
    pub fn core_mut(&mut self) -> &mut Self {
        match self {
            Self::Snapshot(it) => it.inner.core_mut(),
            node => node,
        }
    }

    /// See [`core`](Self::core).
    pub fn into_core(self) -> Self {
        match self {
            Self::Snapshot(it) => it.inner.into_core(),
            node => node,
        }
    }
}

impl Disk {
    fn ours(&mut self) -> &mut AnyDisk {
        if matches!(self, Self::Blank) {
            *self = Self::Ours(AnyDisk::default());
        }
        match self {
            Self::Ours(disk) => disk,
            _ => unreachable!("a node's disk is its own"),
        }
    }
    fn theirs(&mut self) -> &mut Whole<Plain> {
        if matches!(self, Self::Blank) {
            *self = Self::Theirs(Whole::default());
        }
        match self {
            Self::Theirs(disk) => disk,
            _ => unreachable!("a node's disk is its own"),
        }
    }
}

impl Storage for Disk {
    type Write = Write;
    fn apply(&mut self, write: Write) -> Write {
        match write {
            Write::Ours(write) => Write::Ours(self.ours().apply(write)),
            Write::Theirs(write) => Write::Theirs(self.theirs().apply(write)),
        }
    }
    fn corrupt(&mut self) -> Vec<Write> {
        match self {
            Self::Blank => Vec::new(),
            Self::Ours(disk) => disk.corrupt().into_iter().map(Write::Ours).collect(),
            Self::Theirs(disk) => disk.corrupt().into_iter().map(Write::Theirs).collect(),
        }
    }
    fn torn(write: &Write, below: &mut dyn FnMut(u32) -> u32) -> Option<Write> {
        match write {
            Write::Ours(write) => AnyDisk::torn(write, below).map(Write::Ours),
            Write::Theirs(write) => Whole::torn(write, below).map(Write::Theirs),
        }
    }
}

impl Protocol for Actor {
    type Msg = Msg;
    type Timer = Timer;
    type Call = Call;
    type Reply = Reply;
    type Disk = Disk;
    type Monitor = Watch;

    fn format(&self) -> Disk {
        match self {
            Self::Ours(node) => Disk::Ours(node.format()),
            Self::Theirs(node) => Disk::Theirs(node.format()),
            Self::Snapshot(node) => node.format(),
        }
    }
    fn calls_out(&self) -> bool {
        match self.core() {
            Self::Theirs(_) => true,
            Self::Ours(node) => node.calls_out(),
            Self::Snapshot(_) => false, // the core is what is inside
        }
    }
    fn on_start(&mut self, cx: &mut Cx<'_, Self>) {
        match self {
            Self::Ours(node) => cx.lift(&OURS, |cx| node.on_start(cx)),
            Self::Theirs(node) => cx.lift(&THEIRS, |cx| node.on_start(cx)),
            Self::Snapshot(node) => cx.lift(&SNAPSHOT, |cx| node.on_start(cx)),
        }
    }
    fn on_message(&mut self, cx: &mut Cx<'_, Self>, from: NodeId, msg: Msg) {
        match (self, msg) {
            (Self::Snapshot(node), msg) => cx.lift(&SNAPSHOT, |cx| node.on_message(cx, from, msg.into())),
            // A node that takes no part in snapshots hears the application only.
            (node, Msg::Snapshot(msg)) => match *msg {
                snapshot::Msg::App(msg) | snapshot::Msg::Red((msg, ..)) => node.on_message(cx, from, msg),
                _ => cx.note("foreign message", 0),
            },
            (Self::Ours(node), Msg::Ours(msg)) => cx.lift(&OURS, |cx| node.on_message(cx, from, msg)),
            (Self::Theirs(node), Msg::Theirs(msg)) => cx.lift(&THEIRS, |cx| node.on_message(cx, from, msg)),
            (Self::Ours(node), Msg::Theirs(msg)) => {
                let msg = crossing(|py, scene| from_python(&msg.decode(py)?, Some(&scene.names), "message"));
                if let Some(msg) = msg {
                    cx.lift(&OURS, |cx| node.on_message(cx, from, msg));
                }
            }
            (Self::Theirs(node), Msg::Ours(msg)) => {
                let msg =
                    crossing(|py, scene| Plain::encode(&to_python(py, Some(&scene.names), &msg)?, "message"));
                if let Some(msg) = msg {
                    cx.lift(&THEIRS, |cx| node.on_message(cx, from, msg));
                }
            }
        }
    }
    fn on_timer(&mut self, cx: &mut Cx<'_, Self>, timer: Timer) {
        match (self, timer) {
            (Self::Snapshot(node), timer) => cx.lift(&SNAPSHOT, |cx| node.on_timer(cx, timer)),
            (Self::Ours(node), Timer::Ours(timer)) => cx.lift(&OURS, |cx| node.on_timer(cx, timer)),
            (Self::Theirs(node), Timer::Theirs(timer)) => cx.lift(&THEIRS, |cx| node.on_timer(cx, timer)),
            _ => cx.note("foreign timer", 0),
        }
    }
    fn on_call(&mut self, cx: &mut Cx<'_, Self>, op: OpId, call: Call) {
        match (self, call) {
            (Self::Snapshot(node), call) => cx.lift(&SNAPSHOT, |cx| node.on_call(cx, op, call)),
            (Self::Ours(node), Call::Ours(call)) => cx.lift(&OURS, |cx| node.on_call(cx, op, call)),
            (Self::Theirs(node), Call::Theirs(call)) => cx.lift(&THEIRS, |cx| node.on_call(cx, op, call)),
            _ => cx.reply(op, Reply::Foreign),
        }
    }
    fn edited(&mut self, disk: &Disk) {
        match (self, disk) {
            (Self::Snapshot(node), disk) => node.edited(disk),
            (Self::Ours(node), Disk::Ours(disk)) => node.edited(disk),
            _ => {}
        }
    }
    fn status(&self, disk: &Disk) -> Status {
        match (self, disk) {
            (Self::Snapshot(node), disk) => node.status(disk),
            (Self::Ours(node), Disk::Ours(disk)) => node.status(disk),
            (Self::Theirs(node), Disk::Theirs(disk)) => node.status(disk),
            _ => Status::new(),
        }
    }
    fn time(&self, reading: Reading) -> Believed {
        match self {
            Self::Ours(node) => node.time(reading),
            Self::Theirs(node) => node.time(reading),
            Self::Snapshot(node) => node.time(reading),
        }
    }
    fn compose(&self, request: &Request) -> Option<Call> {
        match self {
            Self::Ours(node) => node.compose(request).map(Call::Ours),
            Self::Theirs(node) => node.compose(request).map(Call::Theirs),
            Self::Snapshot(node) => node.compose(request),
        }
    }
    fn describe(call: &Call, reply: Option<&Reply>) -> Operation {
        match (call, reply) {
            (Call::Ours(call), Some(Reply::Ours(reply))) => AnyNode::describe(call, Some(reply)),
            (Call::Ours(call), _) => AnyNode::describe(call, None),
            (Call::Theirs(call), Some(Reply::Theirs(reply))) => PyNode::describe(call, Some(reply)),
            (Call::Theirs(call), _) => PyNode::describe(call, None),
        }
    }
    fn outcome(reply: &Reply) -> Outcome {
        match reply {
            Reply::Ours(reply) => AnyNode::outcome(reply),
            Reply::Theirs(reply) => PyNode::outcome(reply),
            Reply::Foreign => Outcome::Fail,
        }
    }
}

/// A message on its way between the two kinds of nodes. One that cannot cross stops the run.
fn crossing<R>(convert: impl FnOnce(Python<'_>, &Scene) -> PyResult<R>) -> Option<R> {
    let missing = || Err(HandlerError::new_err("nodes of both kinds can only talk in a Cluster"));
    let converted = Python::attach(|py| scene(|it| convert(py, it)).unwrap_or_else(missing));
    converted.map_err(|error| fault::keep(None, error)).ok()
}

/// The invariants of our protocols; a user's node has none.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Watch(AnyMonitor);

impl Monitor<Actor> for Watch {
    const INVARIANTS: &'static [&'static str] = AnyMonitor::INVARIANTS;

    fn check(&mut self, view: &View<'_, Actor>, step: &Step<'_, Actor>, report: &mut Vec<Broken>) {
        let get = |id| {
            let NodeView { state, disk, incarnation, reading } = (view.get)(id)?;
            let Disk::Ours(disk) = disk else { return None };
            let state = state.and_then(|node| match node.core() {
                Actor::Ours(node) => Some(node),
                _ => None,
            });
            Some(NodeView { state, disk, incarnation, reading })
        };
        let writes = |visit: &mut dyn FnMut(&AnyWrite)| {
            (step.writes)(&mut |write| {
                if let Write::Ours(write) = write {
                    visit(write);
                }
            });
        };
        let step = Step { node: step.node, kind: step.kind, writes: &writes };
        self.0.check(&View { len: view.len, now: view.now, get: &get }, &step, report);
    }
}
