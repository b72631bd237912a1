//! Two-phase commit: laws in exact numbers, scripts, and storms over many seeds.
mod blocking;
mod laws;
mod mutants;
mod recovery;
pub mod storm;

use distlab::machines::commitment::{Decision, Ledger, Op, Part, Txn};
use distlab::protocols::two_phase_commit::{
    Call, Client, ClientConfig, Config, Coordinator, Node, Participant, Reply,
};
use distlab::sim::{self, Distribution, Fault, Invariants, Network, NodeId, OpId, Time, World};

pub const MS: Time = 1_000_000;
pub const SECOND: Time = 1_000 * MS;
/// How long every message takes.
pub const DELAY: Time = 5 * MS;
/// The coordinator.
pub const TC: NodeId = NodeId(0);

/// A coordinator (node 0), participants (from node 1 on), one client.
#[derive(Clone)]
pub struct Cluster {
    pub world: World<Node>,
    pub participants: Vec<NodeId>,
    pub client: NodeId,
}

/// A world in which every message takes [`DELAY`].
pub fn calm(seed: u64) -> sim::Config {
    let network = Network { latency: Distribution::Constant(DELAY), ..Network::default() };
    sim::Config { seed, network, ..sim::Config::default() }
}

impl Cluster {
    pub fn new(participants: u32, config: Config) -> Self {
        Self::within(calm(0), participants, config, |_| {})
    }

    /// As [`new`](Self::new), in another world and with the client set up otherwise.
    pub fn within(
        world: sim::Config,
        participants: u32,
        config: Config,
        change: impl Fn(&mut ClientConfig),
    ) -> Self {
        let mut world = World::new(world);
        world.spawn("tc", Node::Coordinator(Coordinator::new(config.clone()))).unwrap();
        let participants: Vec<NodeId> = (1..=participants).map(NodeId).collect();
        for id in &participants {
            let name = format!("db{}", id.0 - 1);
            world.spawn(&name, Node::Participant(Participant::new(config.clone()))).unwrap();
        }
        let mut client = ClientConfig::new(TC, participants.clone());
        change(&mut client);
        let client = world.spawn("c0", Node::Client(Client::new(client))).unwrap();
        world.watch(Invariants::All).unwrap();
        Self { world, participants, client }
    }

    /// Asks the client for a transaction that writes `x` at every participant.
    pub fn put(&mut self, value: i64) -> OpId {
        let ops = |_| vec![Op::Put { key: "x".into(), value: value.into() }];
        self.transact(ops)
    }

    pub fn transact(&mut self, ops: impl Fn(NodeId) -> Vec<Op>) -> OpId {
        let parts =
            self.participants.iter().map(|node| Part { node: *node, ops: ops(*node).into() }).collect();
        self.world.call(self.client, Call::Transact { parts }).unwrap()
    }

    /// Lets so much time pass.
    pub fn run(&mut self, time: Time) {
        let until = self.world.now() + time;
        self.world.run_until(until).unwrap_or_else(|error| panic!("{error}"));
    }

    pub fn apply(&mut self, fault: Fault) {
        self.world.apply(&fault).unwrap();
    }
    pub fn crash(&mut self, node: NodeId) {
        self.apply(Fault::crash(node));
    }
    pub fn recover(&mut self, node: NodeId) {
        self.apply(Fault::Recover { node });
    }

    pub fn disk(&self, node: NodeId) -> &Ledger {
        self.world.node(node).disk()
    }
    /// The client's `count`-th transaction.
    pub fn txn(&self, count: u32) -> Txn {
        Txn::new(self.client, 1, count)
    }
    /// What everybody knows of the first transaction, the coordinator first.
    pub fn decisions(&self) -> Vec<Option<Decision>> {
        let nodes = std::iter::once(&TC).chain(&self.participants);
        nodes.map(|id| self.disk(*id).decision(self.txn(1))).collect()
    }
    pub fn reply(&self, op: OpId) -> Option<&Reply> {
        self.world.op(op).unwrap().reply()
    }
    pub fn latency(&self, op: OpId) -> Option<Time> {
        let op = self.world.op(op).unwrap();
        op.answer.as_ref().map(|(at, _)| at - op.called_at)
    }
    pub fn committed(&self, op: OpId) -> Option<bool> {
        self.reply(op).map(|it| matches!(it, Reply::Committed { .. }))
    }
    pub fn noted(&self, what: &str) -> u64 {
        self.world.metrics().notes.get(what).copied().unwrap_or(0)
    }
}
