//! The one interface between a protocol and whatever runs it.
//!
//! A protocol is a value that reacts to inputs. It reads no clock, draws no chance, owns no socket or
//! thread: everything it may read or do goes through [`Cx`]. So one implementation runs unchanged in the
//! simulator, in an exhaustive explorer, and (behind another [`Backend`]) on a real network.
use std::borrow::Cow;
use std::cell::Cell;
use std::fmt::Debug;
use std::hash::Hash;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::operation::{Operation, Outcome, Request};
use super::value::Value;

/// Plain data. Everything a run is made of is data: it can be copied (to fork a run), compared and hashed
/// (to explore it), written down (to travel back in it), and read by a person.
///
/// Floating point is not `Ord` and `Hash`, so a protocol's state cannot hold any: no result hangs on rounding.
pub trait Data: Clone + Debug + Ord + Hash + Serialize + DeserializeOwned + Send + Sync + 'static {}
impl<T: Clone + Debug + Ord + Hash + Serialize + DeserializeOwned + Send + Sync + 'static> Data for T {}

/// A node's name inside the world: its index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeId(pub u32);

impl NodeId {
    /// The index it stands for.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// An operation asked of a node from outside: its row in the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OpId(pub u64);

/// Nanoseconds since the world began; also the length of a duration, in nanoseconds.
pub type Time = u64;

/// What a node's own clock shows, in nanoseconds. Negative where a clock runs behind the world's beginning.
pub type Reading = i64;

/// A short name for the trace: of a kind of message, of a thing worth noting.
pub type Label = Cow<'static, str>;

/// A duration known only to lie in `min..=max`: the simulator samples it uniformly, an explorer uses it to
/// order timers (one armed before another, and surely due before it, fires first).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span {
    /// The shortest it can be.
    pub min: Time,
    /// The longest it can be.
    pub max: Time,
}

impl Span {
    /// A duration known exactly.
    pub const fn exactly(duration: Time) -> Self {
        Self { min: duration, max: duration }
    }
}

/// What survives a crash: a value changed by typed writes only.
///
/// Every write returns its own inverse. The engine keeps the inverses of writes that are not yet durable, so
/// that a crash undoes exactly the unsynced suffix, at a cost that is the writes' size and never the disk's.
pub trait Storage: Data + Default {
    /// One change of the stored value.
    type Write: Data;

    /// Makes the change; returns the change that takes it back.
    fn apply(&mut self, write: Self::Write) -> Self::Write;

    /// What is left of `write` when power fails half way through, if it is not all or nothing.
    /// `below(n)` picks one of `0..n`.
    fn torn(_write: &Self::Write, _below: &mut dyn FnMut(u32) -> u32) -> Option<Self::Write> {
        None
    }

    /// The last record is found unreadable: what recovery makes of that. Returns the changes that take it back, oldest
    /// first; none where every record is written in one place with a copy.
    fn corrupt(&mut self) -> Vec<Self::Write> {
        Vec::new()
    }
}

/// Nothing survives.
impl Storage for () {
    type Write = ();
    fn apply(&mut self, (): ()) {}
}

/// A disk that holds one value, always replaced as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Whole<T>(pub T);

impl<T: Data + Default> Storage for Whole<T> {
    type Write = T;
    fn apply(&mut self, write: T) -> T {
        std::mem::replace(&mut self.0, write)
    }
}

/// A protocol, seen from one node: a plain value that reacts to inputs.
///
/// A node is spawned as a value, and a restart puts that value back: what must survive lives in
/// [`Cx::disk`]. Clients are nodes too: they are asked by [`on_call`](Self::on_call), talk to servers by
/// messages like everybody else, and answer with [`Cx::reply`].
///
/// ```
/// use distlab::sim::{Cx, NodeId, Protocol, World, Config};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
/// struct Echo { heard: u32 }
///
/// impl Protocol for Echo {
///     type Msg = u32;
///     type Timer = ();
///     type Call = ();
///     type Reply = ();
///     type Disk = ();
///     type Monitor = ();
///     fn on_message(&mut self, cx: &mut Cx<'_, Self>, from: NodeId, left: u32) {
///         self.heard += 1;
///         if left > 0 { cx.send(from, left - 1); }
///     }
/// }
///
/// let mut world = World::new(Config::default());
/// let [a, b] = ["a", "b"].map(|name| world.spawn(name, Echo { heard: 0 }).unwrap());
/// world.inject(a, b, 9);
/// world.run_until(1_000_000_000).unwrap();
/// assert_eq!(world.node(b).state().unwrap().heard + world.node(a).state().unwrap().heard, 10);
/// ```
pub trait Protocol: Data {
    /// What nodes say to each other.
    type Msg: Data;
    /// The names of a node's timers; each is armed at most once at a time.
    type Timer: Data;
    /// What may be asked of a node from outside.
    type Call: Data;
    /// What the asker is told.
    type Reply: Data;
    /// What survives a crash.
    type Disk: Storage;
    /// The invariants, with what they must remember between steps; `()` for none.
    type Monitor: Monitor<Self>;

    /// What a new node finds on its disk.
    fn format(&self) -> Self::Disk {
        Self::Disk::default()
    }
    /// The node comes up, for the first time or after a crash.
    fn on_start(&mut self, _cx: &mut Cx<'_, Self>) {}
    /// `msg` arrives.
    fn on_message(&mut self, cx: &mut Cx<'_, Self>, from: NodeId, msg: Self::Msg);
    /// `timer` goes off.
    fn on_timer(&mut self, _cx: &mut Cx<'_, Self>, _timer: Self::Timer) {}
    /// Somebody outside asks something; the answer, if any, is [`Cx::reply`], now or later.
    fn on_call(&mut self, _cx: &mut Cx<'_, Self>, _op: OpId, _call: Self::Call) {}

    /// State or disk was changed from outside ([`World::edit`](crate::sim::World::edit)): what follows from them is to
    /// be made so.
    fn edited(&mut self, _disk: &Self::Disk) {}

    /// A few named facts about the node, cheap to read: role, term, progress.
    fn status(&self, _disk: &Self::Disk) -> Status {
        Status::new()
    }
    /// Whether its handlers call code from outside of the crate, which may raise an exception.
    fn calls_out(&self) -> bool {
        false
    }
    /// What the node takes for the time when its hardware clock shows `reading`.
    fn time(&self, reading: Reading) -> Believed {
        Believed { time: reading, within: None }
    }
    /// The call that makes this (client) node carry out a workload's request; `None`: it cannot.
    fn compose(&self, _request: &Request) -> Option<Self::Call> {
        None
    }
    /// How an operation appears in a history.
    fn describe(call: &Self::Call, _reply: Option<&Self::Reply>) -> Operation {
        Operation { kind: super::label::label(call).into(), ..Operation::default() }
    }
    /// Whether a reply says that the operation took effect.
    fn outcome(_reply: &Self::Reply) -> Outcome {
        Outcome::Ok
    }
}

/// What a node takes for the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Believed {
    /// The time, as far as it knows.
    pub time: Reading,
    /// How far it says that can be off, in nanoseconds; `None`: it does not know.
    pub within: Option<Time>,
}

/// Named facts about a node, in the order they should be shown.
pub type Status = Vec<(&'static str, Value)>;

/// What may happen to a node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub enum Input<P: Protocol> {
    /// It comes up.
    Start,
    /// A message arrives.
    Message(NodeId, P::Msg),
    /// A timer goes off.
    Timer(P::Timer),
    /// It is asked something from outside.
    Call(OpId, P::Call),
}

/// Whether an effect waits for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Order {
    /// It leaves only when every write before it is durable.
    AfterWrites,
    /// It leaves at once: its truth does not hang on what was written.
    AtOnce,
}

/// What a node may do to the world.
#[derive(Clone, Debug)]
pub enum Effect<P: Protocol> {
    /// A message to a node.
    Send(NodeId, P::Msg, Order),
    /// An answer to an operation.
    Reply(OpId, P::Reply, Order),
    /// Set a timer, replacing an earlier setting.
    Arm(P::Timer, Span),
    /// Cancel a timer.
    Disarm(P::Timer),
    /// The disk was changed; this takes it back.
    Wrote(<P::Disk as Storage>::Write),
    /// Something worth noting, with a number that belongs to it.
    Note(Label, u64),
    /// How a protocol comes along, with a number that belongs to it.
    Remark(&'static str, u64),
}

/// A question whose answer the protocol does not decide: the simulator draws it, an explorer branches on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// One of `0..n`, all alike.
    OneOf(u32),
    /// 1 this many times in a million, else 0.
    Chance(u32),
}

/// Whatever carries out a node's effects.
pub trait Backend<P: Protocol> {
    /// Carries out one effect.
    fn emit(&mut self, effect: Effect<P>);
    /// Answers a question.
    fn choose(&mut self, choice: Choice) -> u32;
    /// Whether everything written so far is durable.
    fn durable(&self) -> bool;
    /// How often the node has come up, as [`Cx::boots`] tells.
    fn boots(&self) -> u32;
}

/// A handler's view of the world: all it may read, and all it may do.
pub struct Cx<'a, P: Protocol> {
    /// This node.
    pub id: NodeId,
    now: Reading,
    clock_read: Cell<bool>,
    disk: &'a mut P::Disk,
    backend: &'a mut dyn Backend<P>,
}

impl<'a, P: Protocol> Cx<'a, P> {
    /// A view for one handler call. Only whoever runs protocols needs it.
    pub fn new(id: NodeId, now: Reading, disk: &'a mut P::Disk, backend: &'a mut dyn Backend<P>) -> Self {
        Self { id, now, clock_read: Cell::new(false), disk, backend }
    }

    /// What this node's own clock shows.
    pub fn now(&self) -> Reading {
        self.clock_read.set(true);
        self.now
    }
    /// Whether the handler has looked at the clock. Only whoever runs protocols needs it: where time is not part
    /// of what is explored, nothing may hang on it.
    pub fn clock_was_read(&self) -> bool {
        self.clock_read.get()
    }

    /// How often this node has come up, this time included, whatever became of its disk: for names that must not come
    /// twice even when the disk was wiped. 0 where nobody counts: in an exploration, which wipes nothing.
    pub fn boots(&self) -> u32 {
        self.backend.boots()
    }

    /// Sends `msg`; it leaves only when everything written before is durable. To itself: no network is used.
    pub fn send(&mut self, to: NodeId, msg: P::Msg) {
        self.backend.emit(Effect::Send(to, msg, Order::AfterWrites));
    }
    /// Sends `msg` without waiting for the disk: only for messages that are true whatever the disk keeps.
    pub fn send_at_once(&mut self, to: NodeId, msg: P::Msg) {
        self.backend.emit(Effect::Send(to, msg, Order::AtOnce));
    }
    /// Answers `op`; the answer leaves only when everything written before is durable.
    pub fn reply(&mut self, op: OpId, reply: P::Reply) {
        self.backend.emit(Effect::Reply(op, reply, Order::AfterWrites));
    }
    /// Answers `op` without waiting for the disk.
    pub fn reply_at_once(&mut self, op: OpId, reply: P::Reply) {
        self.backend.emit(Effect::Reply(op, reply, Order::AtOnce));
    }
    /// Sets `timer` to go off after `span` on this node's clock, replacing an earlier setting.
    pub fn arm(&mut self, timer: P::Timer, span: Span) {
        self.backend.emit(Effect::Arm(timer, span));
    }
    /// Cancels `timer` if it is set.
    pub fn disarm(&mut self, timer: P::Timer) {
        self.backend.emit(Effect::Disarm(timer));
    }
    /// One of `0..n` (0 where `n` is 0 or 1): drawn by the simulator, each in turn by an explorer.
    pub fn choose(&mut self, n: u32) -> u32 {
        if n <= 1 { 0 } else { self.backend.choose(Choice::OneOf(n)) }
    }
    /// True `per_million` times in a million: drawn by the simulator, both ways by an explorer.
    pub fn chance(&mut self, per_million: u32) -> bool {
        match per_million {
            0 => false,
            1_000_000.. => true,
            _ => self.backend.choose(Choice::Chance(per_million)) == 1,
        }
    }
    /// What survives a crash, to read.
    pub fn disk(&self) -> &P::Disk {
        self.disk
    }
    /// Changes what survives a crash. Readable at once, durable when the disk has synced.
    pub fn write(&mut self, write: <P::Disk as Storage>::Write) {
        let inverse = self.disk.apply(write);
        self.backend.emit(Effect::Wrote(inverse));
    }
    /// Whether everything this node wrote so far is durable.
    pub fn durable(&self) -> bool {
        self.backend.durable()
    }
    /// Marks a situation worth seeing in traces and counting over runs; `number` belongs to it (a term, …).
    pub fn note(&mut self, label: impl Into<Label>, number: u64) {
        self.backend.emit(Effect::Note(label.into(), number));
    }
    /// Tells full traces how the protocol comes along, where that happens too often to be noted: a commit, …
    pub fn remark(&mut self, label: &'static str, number: u64) {
        self.backend.emit(Effect::Remark(label, number));
    }

    /// Runs `body` as a part of this protocol: how a protocol is built of others, and one world mixes them.
    pub fn lift<Q: Protocol>(&mut self, part: &Part<P, Q>, body: impl FnOnce(&mut Cx<'_, Q>)) {
        self.lift_as(part, false, body);
    }
    /// As [`lift`](Self::lift), but nothing the part sends or replies leaves this node: for a replicated part
    /// that every replica runs and only the leader may speak for.
    pub fn lift_muted<Q: Protocol>(&mut self, part: &Part<P, Q>, body: impl FnOnce(&mut Cx<'_, Q>)) {
        self.lift_as(part, true, body);
    }
    fn lift_as<Q: Protocol>(&mut self, part: &Part<P, Q>, muted: bool, body: impl FnOnce(&mut Cx<'_, Q>)) {
        let wrap = |effect| match effect {
            Effect::Send(..) | Effect::Reply(..) if muted => None,
            effect => Some(part.wrap(effect)),
        };
        self.lift_through(part.disk, wrap, body);
    }
    /// As [`lift`](Self::lift), but whoever lifts sees each effect of the part and says what comes of it: for a
    /// protocol that must know what its part does, as the recorder of a snapshot must.
    pub fn lift_through<Q: Protocol>(
        &mut self,
        disk: fn(&mut P::Disk) -> &mut Q::Disk,
        wrap: impl FnMut(Effect<Q>) -> Option<Effect<P>>,
        body: impl FnOnce(&mut Cx<'_, Q>),
    ) {
        let mut lifted = Lifted { outer: &mut *self.backend, wrap };
        let mut inner = Cx::new(self.id, self.now, disk(self.disk), &mut lifted);
        body(&mut inner);
        self.clock_read.set(self.clock_read.get() || inner.clock_was_read());
    }
}

/// How protocol `Q` sits inside protocol `P`: its messages, timers, replies and disk are some of ours.
pub struct Part<P: Protocol, Q: Protocol> {
    /// Wraps a message, usually an enum's constructor.
    pub msg: fn(Q::Msg) -> P::Msg,
    /// Wraps a timer, likewise.
    pub timer: fn(Q::Timer) -> P::Timer,
    /// Wraps a reply, likewise.
    pub reply: fn(Q::Reply) -> P::Reply,
    /// Finds the part's disk, usually a field.
    pub disk: fn(&mut P::Disk) -> &mut Q::Disk,
    /// Wraps a write to the part's disk.
    pub write: fn(<Q::Disk as Storage>::Write) -> <P::Disk as Storage>::Write,
}

impl<P: Protocol, Q: Protocol> Part<P, Q> {
    fn wrap(&self, effect: Effect<Q>) -> Effect<P> {
        match effect {
            Effect::Send(to, msg, order) => Effect::Send(to, (self.msg)(msg), order),
            Effect::Reply(op, reply, order) => Effect::Reply(op, (self.reply)(reply), order),
            Effect::Arm(timer, span) => Effect::Arm((self.timer)(timer), span),
            Effect::Disarm(timer) => Effect::Disarm((self.timer)(timer)),
            Effect::Wrote(inverse) => Effect::Wrote((self.write)(inverse)),
            Effect::Note(label, number) => Effect::Note(label, number),
            Effect::Remark(label, number) => Effect::Remark(label, number),
        }
    }
}

struct Lifted<'a, P: Protocol, W> {
    outer: &'a mut dyn Backend<P>,
    wrap: W,
}

impl<P: Protocol, Q: Protocol, W: FnMut(Effect<Q>) -> Option<Effect<P>>> Backend<Q> for Lifted<'_, P, W> {
    fn emit(&mut self, effect: Effect<Q>) {
        if let Some(effect) = (self.wrap)(effect) {
            self.outer.emit(effect);
        }
    }
    fn choose(&mut self, choice: Choice) -> u32 {
        self.outer.choose(choice)
    }
    fn durable(&self) -> bool {
        self.outer.durable()
    }
    fn boots(&self) -> u32 {
        self.outer.boots()
    }
}

/// One node as an invariant sees it.
pub struct NodeView<'a, P: Protocol> {
    /// The live state; `None` while the node is down.
    pub state: Option<&'a P>,
    /// What is on its disk, durable or not.
    pub disk: &'a P::Disk,
    /// How often it has come up.
    pub incarnation: u32,
    /// What its hardware clock shows; `None` where there is no time, as in an exploration.
    pub reading: Option<Reading>,
}

/// All nodes as an invariant sees them. Nodes of other protocols are not there.
pub struct View<'a, P: Protocol> {
    /// How many nodes the world has; ids run below it.
    pub len: u32,
    /// True time, which no node can see; `None` where there is none, as in an exploration.
    pub now: Option<Time>,
    /// The node with an id, if it is one of `P`'s.
    pub get: &'a dyn Fn(NodeId) -> Option<NodeView<'a, P>>,
}

impl<'a, P: Protocol> View<'a, P> {
    /// Every node of `P`'s, by id.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, NodeView<'a, P>)> + '_ {
        (0..self.len).filter_map(|id| (self.get)(NodeId(id)).map(|node| (NodeId(id), node)))
    }
}

/// What kind of step an invariant is looking at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// A handler ran (start, message, timer or call).
    Handler,
    /// The node crashed: unsynced writes were undone.
    Crash,
    /// The node's disk or state was changed from outside.
    Edited,
}

/// Visits the inverses of the writes of one step, in the order in which they were made.
pub type EachWrite<'a, W> = &'a dyn Fn(&mut dyn FnMut(&W));

/// What just happened, to one node: nothing else has changed since the last check.
pub struct Step<'a, P: Protocol> {
    /// Whose step it was.
    pub node: NodeId,
    /// What kind of step.
    pub kind: StepKind,
    /// The inverses of the writes it made (on a crash: of the undoing writes).
    pub writes: EachWrite<'a, <P::Disk as Storage>::Write>,
}

/// An invariant that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Broken {
    /// Its name.
    pub invariant: Label,
    /// What was seen, in words.
    pub detail: String,
}

/// Invariants as a machine: it looks at one step at a time, so that a check costs what changed and not what
/// is there, and it remembers what a state alone does not show (who led which term, what was committed).
pub trait Monitor<P: Protocol>: Data + Default {
    /// The names of all invariants it watches.
    const INVARIANTS: &'static [&'static str];
    /// Looks at one step; reports whatever does not hold.
    fn check(&mut self, view: &View<'_, P>, step: &Step<'_, P>, report: &mut Vec<Broken>);
}

impl<P: Protocol> Monitor<P> for () {
    const INVARIANTS: &'static [&'static str] = &[];
    fn check(&mut self, _: &View<'_, P>, _: &Step<'_, P>, _: &mut Vec<Broken>) {}
}
