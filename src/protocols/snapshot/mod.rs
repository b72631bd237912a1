//! Global snapshots of any protocol (notes, section 2.1; Chandy and Lamport 1985; Lai and Yang 1987).
//!
//! [`Snapshot`] is a protocol around a protocol: it hands every input on to the application, sees all that the
//! application does, and takes snapshots in between. The application knows nothing of it, and its messages travel
//! as ever, but for the red ones of Lai and Yang.
//!
//! **Chandy-Lamport**, on channels that keep their order:
//!
//! ```text
//! begin           --record the state, then a marker on every channel, record all channels to here   [take]
//! first marker    --the same; the channel it came by is empty                                       [take]
//! later marker    --the channel it came by is recorded                                              [close]
//! all are closed  --report to the initiator, who has the snapshot when all have reported            [close]
//! ```
//!
//! **Lai-Yang**, on any channels that lose nothing: a process that has recorded its state is red, and so are its
//! messages. A red message makes a white process record its state before it handles it; a white message that comes to a
//! red process was under way, and is reported. Counts of what was sent and received tell when the last has come.
//!
//! A process is also a channel's other end to itself. A message is sent when the application sends it, also if it waits
//! for a disk then: what is sent after a marker cannot overtake it, because it waits likewise.
//!
//! Deviations from the notes: a later marker closes its channel (there it is "ignored", and recording would never
//! end); the state is recorded before markers leave; any process may begin, and snapshots are told apart by their number.
//! A process that crashes forgets what it sent and recorded; it takes part in no snapshot that began before somebody who
//! sees all channels told it where it stands, and one that still needs it never completes.
//!
//! Invariants: those of the application. That a snapshot is a consistent cut is a property of whole runs: see
//! `tests/it/snapshot.rs`.
mod global;
mod message;
mod monitor;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::sim::{
    Believed, Cx, Effect, NodeId, OpId, Operation, Order, Outcome, Protocol, Reading, Request, Span, Status,
};

pub use global::{Flaw, Global};
pub use message::{Algorithm, Id, Msg, Recorded};
pub use monitor::Inside;

/// A process that takes part in snapshots, around one that need not know.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Snapshot<P: Protocol> {
    /// The application.
    pub inner: P,
    /// All processes.
    peers: Arc<[NodeId]>,
    /// The application's timers, as they were armed.
    timers: BTreeMap<P::Timer, Span>,
    /// How many messages of the application went to and came from each process.
    sent: BTreeMap<NodeId, u64>,
    received: BTreeMap<NodeId, u64>,
    /// The snapshots for which the state was recorded.
    taken: BTreeSet<Id>,
    /// Those of them by Lai and Yang, as messages carry them.
    red: Arc<[Id]>,
    /// What is being recorded, and the channels that are still open.
    open: BTreeMap<Id, (Recorded<P>, BTreeSet<NodeId>)>,
    /// The snapshots begun here.
    begun: BTreeMap<u64, Global<P>>,
    /// Whether a marker may be waiting for the disk.
    marked: bool,
    /// The first snapshot that it may take part in; nothing: in none, because it has forgotten what it sent.
    since: Option<u64>,
    /// Of the snapshots below this number it may have forgotten all.
    forgotten: u64,
}

impl<P: Protocol> Snapshot<P> {
    /// `inner` as one of `peers`, with nothing armed and nothing under way.
    pub fn new(inner: P, peers: Arc<[NodeId]>) -> Self {
        Self {
            inner,
            peers,
            timers: BTreeMap::new(),
            sent: BTreeMap::new(),
            received: BTreeMap::new(),
            taken: BTreeSet::new(),
            red: Arc::from([]),
            open: BTreeMap::new(),
            begun: BTreeMap::new(),
            marked: false,
            since: Some(0),
            forgotten: 0,
        }
    }

    /// With timers that are armed already.
    pub fn armed(mut self, timers: BTreeMap<P::Timer, Span>) -> Self {
        self.timers = timers;
        self
    }

    /// One that knows nothing of what it sent and recorded, and takes part in nothing until it [does](Self::resume).
    /// Snapshots with lower numbers than `forgotten` may have begun while it did.
    pub fn forgetful(mut self, forgotten: u64) -> Self {
        (self.since, self.forgotten) = (None, forgotten);
        self
    }

    /// The processes of the snapshots that begin here are these from now on.
    pub fn meet(&mut self, peers: Arc<[NodeId]>) {
        self.peers = peers;
    }

    /// Takes part in snapshots from this number on, having sent and received so many messages.
    pub fn resume(&mut self, since: u64, sent: BTreeMap<NodeId, u64>, received: BTreeMap<NodeId, u64>) {
        (self.since, self.sent, self.received) = (Some(since), sent, received);
    }

    /// How many messages it has sent to and received from each process; nothing after a crash, which forgets them.
    pub fn counts(&self) -> Option<[&BTreeMap<NodeId, u64>; 2]> {
        self.since.map(|_| [&self.sent, &self.received])
    }

    /// A snapshot that was begun here.
    pub fn global(&self, number: u64) -> Option<&Global<P>> {
        self.begun.get(&number)
    }

    /// Hands an input on to the application, and takes note of what it does.
    fn step(&mut self, cx: &mut Cx<'_, Self>, body: impl FnOnce(&mut P, &mut Cx<'_, P>)) {
        self.marked &= !cx.durable();
        let Self { inner, timers, sent, red, marked, forgotten, .. } = self;
        let wrap = |effect: Effect<P>| {
            Some(match effect {
                Effect::Send(to, msg, order) => {
                    *sent.entry(to).or_default() += 1;
                    let order = if *marked { Order::AfterWrites } else { order };
                    let msg = match red.is_empty() && *forgotten == 0 {
                        true => Msg::App(msg),
                        false => Msg::Red((msg, *forgotten, red.clone())),
                    };
                    Effect::Send(to, msg, order)
                }
                Effect::Arm(timer, span) => {
                    timers.insert(timer.clone(), span);
                    Effect::Arm(timer, span)
                }
                Effect::Disarm(timer) => {
                    timers.remove(&timer);
                    Effect::Disarm(timer)
                }
                Effect::Reply(op, reply, order) => Effect::Reply(op, reply, order),
                Effect::Wrote(inverse) => Effect::Wrote(inverse),
                Effect::Note(label, number) => Effect::Note(label, number),
                Effect::Remark(label, number) => Effect::Remark(label, number),
            })
        };
        cx.lift_through(|disk| disk, wrap, |cx| body(inner, cx));
    }

    /// A message of the application arrives, sent after its sender had recorded its state for `red` and had forgotten
    /// all that began before `forgotten`.
    fn receive(&mut self, cx: &mut Cx<'_, Self>, from: NodeId, msg: P::Msg, forgotten: u64, red: &[Id]) {
        for id in red {
            self.take(cx, *id, None);
        }
        for (recorded, open) in self.open.values_mut() {
            if open.contains(&from) {
                recorded.channels.entry(from).or_default().push(msg.clone());
            }
        }
        let is_white = |id: &&Id| id.number >= forgotten && !red.contains(id);
        for id in self.red.clone().iter().filter(is_white) {
            self.tell(cx, *id, Msg::Late(Box::new((*id, from, msg.clone()))));
        }
        *self.received.entry(from).or_default() += 1;
        self.step(cx, |inner, cx| inner.on_message(cx, from, msg));
    }

    /// Records the state, unless that was done. `marker`: whose marker said so, and to whom markers go.
    fn take(&mut self, cx: &mut Cx<'_, Self>, id: Id, marker: Option<(NodeId, &Arc<[NodeId]>)>) {
        if self.since.is_none_or(|since| id.number < since) || !self.taken.insert(id) {
            return;
        }
        cx.note("snapshot", id.number);
        let recorded = Recorded {
            state: self.inner.clone(),
            disk: cx.disk().clone(),
            timers: self.timers.iter().map(|(timer, span)| (timer.clone(), *span)).collect(),
            channels: BTreeMap::new(),
            sent: self.sent.clone(),
            received: self.received.clone(),
        };
        match id.algorithm {
            Algorithm::ChandyLamport => {
                let (by, peers) = match marker {
                    Some((by, peers)) => (Some(by), peers.clone()),
                    None => (None, self.peers.clone()),
                };
                let open = peers.iter().copied().filter(|peer| Some(*peer) != by).collect();
                self.open.insert(id, (recorded, open));
                self.marked = true;
                peers.iter().for_each(|peer| cx.send(*peer, Msg::Marker(Box::new((id, peers.clone())))));
                self.close(cx, id, None);
            }
            Algorithm::LaiYang => {
                self.red = self.red.iter().copied().chain([id]).collect();
                self.tell(cx, id, Msg::Report(Box::new((id, recorded))));
            }
            Algorithm::Naive => self.tell(cx, id, Msg::Report(Box::new((id, recorded)))),
        }
    }

    /// A channel is recorded; when all are, the initiator is told.
    fn close(&mut self, cx: &mut Cx<'_, Self>, id: Id, channel: Option<NodeId>) {
        let Some((_, open)) = self.open.get_mut(&id) else { return };
        channel.map(|from| open.remove(&from));
        if open.is_empty() {
            let (recorded, _) = self.open.remove(&id).expect("it was found");
            self.tell(cx, id, Msg::Report(Box::new((id, recorded))));
        }
    }

    /// Says something to the initiator, who may be this process.
    fn tell(&mut self, cx: &mut Cx<'_, Self>, id: Id, msg: Msg<P>) {
        if id.initiator == cx.id { self.learn(cx, cx.id, msg) } else { cx.send(id.initiator, msg) }
    }

    /// The initiator learns what a process recorded.
    fn learn(&mut self, cx: &mut Cx<'_, Self>, from: NodeId, msg: Msg<P>) {
        let number = match &msg {
            Msg::Report(it) => it.0.number,
            Msg::Late(it) => it.0.number,
            _ => return,
        };
        let Some(global) = self.begun.get_mut(&number) else { return };
        let completes = match msg {
            Msg::Report(it) => global.report(from, it.1),
            Msg::Late(it) => global.late(it.1, from, it.2),
            _ => false,
        };
        if completes {
            cx.note("snapshot complete", number);
        }
    }

    /// A snapshot begins here.
    fn begin(&mut self, cx: &mut Cx<'_, Self>, id: Id) {
        self.begun.insert(id.number, Global::new(id, self.peers.clone()));
        if id.algorithm != Algorithm::ChandyLamport {
            for peer in self.peers.iter().filter(|peer| **peer != id.initiator) {
                cx.send(*peer, Msg::Take(id));
            }
        }
        self.take(cx, id, None);
    }
}

impl<P: Protocol> Protocol for Snapshot<P> {
    type Msg = Msg<P>;
    type Timer = P::Timer;
    type Call = P::Call;
    type Reply = P::Reply;
    type Disk = P::Disk;
    type Monitor = Inside<P>;

    fn format(&self) -> P::Disk {
        self.inner.format()
    }
    fn on_start(&mut self, cx: &mut Cx<'_, Self>) {
        self.step(cx, |inner, cx| inner.on_start(cx));
    }
    fn on_message(&mut self, cx: &mut Cx<'_, Self>, from: NodeId, msg: Msg<P>) {
        match msg {
            Msg::App(msg) => self.receive(cx, from, msg, 0, &[]),
            Msg::Red((msg, forgotten, red)) => self.receive(cx, from, msg, forgotten, &red),
            Msg::Begin(id) => self.begin(cx, id),
            Msg::Marker(marker) => {
                let (id, peers) = *marker;
                self.take(cx, id, Some((from, &peers)));
                self.close(cx, id, Some(from));
            }
            Msg::Take(id) => self.take(cx, id, None),
            Msg::Report(_) | Msg::Late(_) => self.learn(cx, from, msg),
        }
    }
    fn on_timer(&mut self, cx: &mut Cx<'_, Self>, timer: P::Timer) {
        self.timers.remove(&timer);
        self.step(cx, |inner, cx| inner.on_timer(cx, timer));
    }
    fn on_call(&mut self, cx: &mut Cx<'_, Self>, op: OpId, call: P::Call) {
        self.step(cx, |inner, cx| inner.on_call(cx, op, call));
    }
    fn edited(&mut self, disk: &P::Disk) {
        self.inner.edited(disk);
    }
    fn status(&self, disk: &P::Disk) -> Status {
        self.inner.status(disk)
    }
    fn time(&self, reading: Reading) -> Believed {
        self.inner.time(reading)
    }
    fn compose(&self, request: &Request) -> Option<P::Call> {
        self.inner.compose(request)
    }
    fn describe(call: &P::Call, reply: Option<&P::Reply>) -> Operation {
        P::describe(call, reply)
    }
    fn outcome(reply: &P::Reply) -> Outcome {
        P::outcome(reply)
    }
}
