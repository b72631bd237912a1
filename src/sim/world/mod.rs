//! The world: every node, every event to come and every random stream, as one value.
//!
//! Time is virtual, in whole nanoseconds; events happen in the order of (time, number) and nothing else
//! decides. Clone the world to fork a run; serialize it to travel back in it.
mod change;
mod invariants;
mod loads;
mod manual;
mod moment;
mod port;
mod restore;
mod run;

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::disk::DiskModel;
use super::distribution::Distribution;
use super::error::{Error, Violation};
use super::fault::Fault;
use super::fingerprint::Fingerprint;
use super::history::{History, NO_LOAD, Op};
use super::metrics::Metrics;
use super::network::{Links, Network};
use super::node::Node;
use super::protocol::{Input, NodeId, OpId, Protocol, Storage, Time};
use super::queue::{MOST_PENDING, Queue};
use super::trace::{NOBODY, Row, RowKind, Trace, TraceLevel};
use super::workload::Generator;

pub use invariants::Invariants;
use invariants::Watch;
pub use manual::{Pending, PendingKind};
pub use moment::{ArmedTimer, Moment, NodeMoment};
pub use restore::Restored;

/// What a world is made with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where all chance comes from.
    pub seed: u64,
    /// How messages travel.
    pub network: Network,
    /// How disks behave.
    pub disk: DiskModel,
    /// How long a node takes for each message or call; one after another. None: no time at all.
    pub service: Option<Distribution>,
    /// What to record.
    pub trace: TraceLevel,
    /// What a world may use up.
    pub limits: Limits,
    /// Whether the world moves only by hand.
    pub manual: bool,
}

impl Config {
    /// Whether all parameters make sense.
    ///
    /// # Errors
    /// [`Error::Parameter`] with the first that does not.
    pub fn check(&self) -> Result<(), Error> {
        self.network.check()?;
        self.disk.check()?;
        if let Some(service) = &self.service {
            service.check().map_err(|it| it.within("service"))?;
        }
        self.limits.check()
    }
}

/// What a world may use up before it is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Events waiting at once.
    pub pending: u64,
    /// Events handled in one instant.
    pub instant: u64,
    /// Effects of one handler call.
    pub effects: u64,
    /// Rows the trace keeps.
    pub trace_rows: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { pending: 4_000_000, instant: 1_000_000, effects: 1_000_000, trace_rows: 4_000_000 }
    }
}

impl Limits {
    /// The most that any of them may be: far more would not fit into the queue.
    const MOST: u64 = MOST_PENDING as u64 / 4;

    fn check(&self) -> Result<(), Error> {
        let bounded = [("limits.pending", self.pending), ("limits.effects", self.effects)];
        match bounded.into_iter().find(|(_, limit)| !(1..=Self::MOST).contains(limit)) {
            Some((name, limit)) => Err(Error::parameter(name, limit, "a whole number from 1 to 4,194,304")),
            None => Ok(()),
        }
    }
}

/// Something that will happen.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
enum Event<P: Protocol> {
    /// A message arrives over the network.
    Arrive { from: NodeId, to: NodeId, msg: P::Msg },
    /// A node's message to itself.
    Loopback { node: NodeId, incarnation: u32, msg: P::Msg },
    /// An input whose service is done.
    Served { node: NodeId, incarnation: u32, input: Input<P> },
    /// A timer may be due.
    Timer { node: NodeId, timer: P::Timer },
    /// A sync completes.
    Sync { node: NodeId, boot: u32 },
    /// A node comes up.
    Start { node: NodeId },
    /// An operation reaches the node that is asked.
    Call { node: NodeId, op: OpId },
    /// A fault that was scheduled.
    Fault(Box<Fault>),
    /// A workload asks the next thing.
    Next { load: u32, client: NodeId },
    /// The rate of a clock changes by itself.
    Wander { node: NodeId, turn: u32 },
}

/// Everything but the nodes, which a handler's effects change.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
struct Core<P: Protocol> {
    now: Time,
    /// The id of the input being handled; 0: none.
    cause: u64,
    queue: Queue<Event<P>>,
    links: Links,
    disk_model: DiskModel,
    trace: Trace,
    metrics: Metrics,
    history: History<P>,
    loads: Vec<Generator>,
    limits: Limits,
    /// Whether the inverses of writes are collected, for invariants.
    collecting: bool,
    #[serde(skip, default = "Vec::new")]
    collected: Vec<<P::Disk as Storage>::Write>,
    /// Answers to the next questions that handlers ask, given beforehand.
    script: VecDeque<u32>,
}

/// A deterministic world of nodes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct World<P: Protocol> {
    seed: u64,
    manual: bool,
    service: Option<Distribution>,
    core: Core<P>,
    nodes: Vec<Node<P>>,
    fingerprint: Fingerprint,
    watch: Option<Watch<P>>,
    violation: Option<Violation>,
    last_node: Option<NodeId>,
    /// How many events were handled since time last moved.
    at_this_instant: u64,
}

impl<P: Protocol> World<P> {
    /// An empty world.
    ///
    /// # Panics
    /// Where [`Config::check`] would complain.
    pub fn new(config: Config) -> Self {
        config.check().expect("the configuration is checked");
        let Config { seed, network, disk, service, trace, limits, manual } = config;
        let core = Core {
            now: 0,
            cause: 0,
            queue: Queue::default(),
            links: Links::new(network, seed),
            disk_model: disk,
            trace: Trace::new(trace, limits.trace_rows as usize),
            metrics: Metrics::default(),
            history: History::default(),
            loads: Vec::new(),
            limits,
            collecting: false,
            collected: Vec::new(),
            script: VecDeque::new(),
        };
        Self {
            seed,
            manual,
            service,
            core,
            nodes: Vec::new(),
            fingerprint: Fingerprint::new(seed),
            watch: None,
            violation: None,
            last_node: None,
            at_this_instant: 0,
        }
    }

    /// Adds a node. It starts before anything else happens.
    ///
    /// # Errors
    /// [`Error::Parameter`] if the name is empty or taken.
    pub fn spawn(&mut self, name: &str, node: P) -> Result<NodeId, Error> {
        if name.is_empty() || self.find(name).is_some() {
            return Err(Error::parameter(
                "name",
                format!("{name:?}"),
                "a name that is not empty and not taken",
            ));
        }
        let id = NodeId(self.nodes.len() as u32);
        let mut node = Node::new(name.to_owned(), node, id, self.seed);
        node.machine.first_start = Some(self.core.queue.push(self.core.now, Event::Start { node: id }));
        self.nodes.push(node);
        Ok(id)
    }

    /// Asks something of a node, now. The answer, when there is one, is in [`op`](Self::op).
    ///
    /// # Errors
    /// [`Error::UnknownNode`].
    pub fn call(&mut self, node: NodeId, call: P::Call) -> Result<OpId, Error> {
        self.known(node)?;
        let op = Op { node, load: NO_LOAD, called_at: self.core.now, call, answer: None };
        let id = self.core.ask(op);
        self.core.queue.push(self.core.now, Event::Call { node, op: id });
        Ok(id)
    }

    /// Puts a message on its way to `to` as if `from` had sent it: it arrives now.
    ///
    /// # Errors
    /// [`Error::UnknownNode`].
    pub fn inject(&mut self, from: NodeId, to: NodeId, msg: P::Msg) -> Result<u64, Error> {
        self.known(from)?;
        self.known(to)?;
        Ok(self.core.queue.push(self.core.now, Event::Arrive { from, to, msg }))
    }

    /// Sends a message over the network as if `from` had sent it.
    ///
    /// # Errors
    /// [`Error::UnknownNode`].
    pub fn post(&mut self, from: NodeId, to: NodeId, msg: P::Msg) -> Result<(), Error> {
        self.known(from)?;
        self.known(to)?;
        let count = self.nodes.len() as u32;
        self.core.transmit(from, to, msg, &mut self.nodes[from.index()].machine, count);
        Ok(())
    }

    /// The node that last handled an input.
    pub fn last_node(&self) -> Option<NodeId> {
        self.last_node
    }

    /// The world's time.
    pub fn now(&self) -> Time {
        self.core.now
    }
    /// The seed all chance comes from.
    pub fn seed(&self) -> u64 {
        self.seed
    }
    /// A hash of every input of every node so far: runs that differ anywhere differ here.
    pub fn fingerprint(&self) -> u64 {
        use std::hash::Hasher;
        self.fingerprint.finish()
    }
    /// The nodes, by id.
    pub fn nodes(&self) -> &[Node<P>] {
        &self.nodes
    }
    /// A node.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn node(&self, id: NodeId) -> &Node<P> {
        &self.nodes[id.index()]
    }
    /// The node with a name.
    pub fn find(&self, name: &str) -> Option<NodeId> {
        self.nodes.iter().position(|it| it.name == name).map(|index| NodeId(index as u32))
    }
    /// An operation.
    pub fn op(&self, id: OpId) -> Option<&Op<P>> {
        self.core.history.op(id)
    }
    /// Every operation so far.
    pub fn history(&self) -> &History<P> {
        &self.core.history
    }
    /// What was counted so far.
    pub fn metrics(&self) -> &Metrics {
        &self.core.metrics
    }
    /// What was recorded so far.
    pub fn trace(&self) -> &Trace {
        &self.core.trace
    }
    /// Forgets what was recorded so far.
    pub fn clear_trace(&mut self) {
        self.core.trace.clear();
    }
    /// Records more or less from now on.
    pub fn set_trace(&mut self, level: TraceLevel) {
        self.core.trace.set_level(level);
    }
    /// How many events wait (timers that were pushed back or cancelled may be among them).
    pub fn waiting(&self) -> usize {
        self.core.queue.len()
    }
    /// Every cut link, as (from, to).
    pub fn cuts(&self) -> Vec<(NodeId, NodeId)> {
        self.core.links.cuts()
    }
    /// Whether the world moves only by hand.
    pub fn is_manual(&self) -> bool {
        self.manual
    }
    /// From now on the world moves only by hand, or by itself again.
    pub fn set_manual(&mut self, manual: bool) {
        self.manual = manual;
    }
    /// The invariant that was broken, if one was: the world stands still since.
    pub fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// Draws everything from here on from new streams, as if the world had been made with `seed`.
    /// Two forks with different seeds share their past and not their future.
    pub fn reseed(&mut self, seed: u64) {
        self.seed = seed;
        self.core.links.reseed(seed);
        for (index, node) in self.nodes.iter_mut().enumerate() {
            node.reseed(NodeId(index as u32), seed);
        }
        for (index, load) in self.core.loads.iter_mut().enumerate() {
            load.reseed(seed, index as u32);
        }
    }

    fn known(&self, node: NodeId) -> Result<(), Error> {
        if node.index() < self.nodes.len() { Ok(()) } else { Err(Error::unknown(node, self.nodes.len())) }
    }
}

impl<P: Protocol> Core<P> {
    fn ask(&mut self, op: Op<P>) -> OpId {
        self.metrics.calls += 1;
        self.history.ask(op)
    }

    /// Records a row, if everything is recorded. The label is only worked out then.
    fn record<'a>(
        &mut self,
        kind: RowKind,
        node: NodeId,
        peer: NodeId,
        id: u64,
        label: impl FnOnce() -> &'a str,
    ) {
        if self.trace.full() {
            self.row(kind, node, peer, id, label());
        }
    }

    /// Records a row of the summary.
    fn summarize(&mut self, kind: RowKind, node: NodeId, id: u64, label: &str) {
        if self.trace.summary() {
            self.row(kind, node, NOBODY, id, label);
        }
    }

    #[inline(never)]
    fn row(&mut self, kind: RowKind, node: NodeId, peer: NodeId, id: u64, label: &str) {
        let label = self.trace.number_of(label);
        let row = Row { time: self.now, id, cause: self.cause, node, peer, label, kind };
        self.trace.push(row);
    }
}
