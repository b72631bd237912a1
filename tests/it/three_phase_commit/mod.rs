//! Three-phase commit: laws in exact numbers, crashes at every moment, storms, and the splits that are its flaw.
mod crashes;
mod laws;
mod mutants;
mod splits;
mod storm;

use distlab::machines::commitment::{Decision, Ledger, Op, Part, Txn};
use distlab::protocols::three_phase_commit::{
    Call, Client, ClientConfig, Config, Coordinator, Node, Participant, Reply,
};
use distlab::sim::{self, Fault, Invariants, NodeId, OpId, PendingKind, Time, World};

pub use crate::two_phase_commit::{DELAY, MS, SECOND, TC, calm};

/// A coordinator (node 0), participants (from node 1 on), one client.
#[derive(Clone)]
pub struct Cluster {
    pub world: World<Node>,
    pub participants: Vec<NodeId>,
    pub client: NodeId,
}

impl Cluster {
    pub fn new(participants: u32, config: Config) -> Self {
        Self::within(calm(0), participants, config)
    }

    pub fn within(world: sim::Config, participants: u32, config: Config) -> Self {
        let mut world = World::new(world);
        world.spawn("tc", Node::Coordinator(Coordinator::new(config.clone()))).unwrap();
        let participants: Vec<NodeId> = (1..=participants).map(NodeId).collect();
        for id in &participants {
            let name = format!("db{}", id.0 - 1);
            world.spawn(&name, Node::Participant(Participant::new(config.clone()))).unwrap();
        }
        let client = Client::new(ClientConfig::new(TC, participants.clone()));
        let client = world.spawn("c0", Node::Client(client)).unwrap();
        world.watch(Invariants::All).unwrap();
        Self { world, participants, client }
    }

    /// Asks the client for a transaction that writes `x` at every participant.
    pub fn put(&mut self, value: i64) -> OpId {
        let put = Op::Put { key: "x".into(), value: value.into() };
        self.transact(|_| vec![put.clone()])
    }
    pub fn transact(&mut self, ops: impl Fn(NodeId) -> Vec<Op>) -> OpId {
        let parts =
            self.participants.iter().map(|node| Part { node: *node, ops: ops(*node).into() }).collect();
        self.world.call(self.client, Call::Transact { parts }).unwrap()
    }

    /// Lets so much time pass; the first invariant that breaks.
    pub fn try_run(&mut self, time: Time) -> Result<(), String> {
        let until = self.world.now() + time;
        self.world.run_until(until).map(drop).map_err(|error| error.to_string())
    }
    pub fn run(&mut self, time: Time) {
        self.try_run(time).unwrap_or_else(|error| panic!("{error}"));
    }
    pub fn apply(&mut self, fault: Fault) {
        self.world.apply(&fault).unwrap();
    }
    pub fn crash(&mut self, node: NodeId) {
        self.apply(Fault::crash(node));
    }
    /// As [`crash`](Self::crash), in the middle of a broadcast: of what is under way only that to `reached` arrives.
    pub fn crash_sending(&mut self, node: NodeId, reached: &[NodeId]) {
        self.crash(node);
        let of = |it: &sim::Pending<'_, Node>| {
            matches!(it.kind, PendingKind::Message(from, _) if from == node)
                && it.node.is_some_and(|to| !reached.contains(&to))
        };
        let lost: Vec<u64> = self.world.pending().iter().filter(|it| of(it)).map(|it| it.id).collect();
        lost.into_iter().for_each(|id| self.world.discard(id).unwrap());
    }
    pub fn recover(&mut self, node: NodeId) {
        self.apply(Fault::Recover { node });
    }

    pub fn disk(&self, node: NodeId) -> &Ledger {
        self.world.node(node).disk()
    }
    pub fn txn(&self) -> Txn {
        Txn::new(self.client, 1, 1)
    }
    /// What everybody knows of the first transaction, the coordinator first.
    pub fn decisions(&self) -> Vec<Option<Decision>> {
        let nodes = std::iter::once(&TC).chain(&self.participants);
        nodes.map(|id| self.disk(*id).decision(self.txn())).collect()
    }
    pub fn reply(&self, op: OpId) -> Option<&Reply> {
        self.world.op(op).unwrap().reply()
    }
    pub fn committed(&self, op: OpId) -> Option<bool> {
        self.reply(op).map(|it| matches!(it, Reply::Committed { .. }))
    }
    pub fn noted(&self, what: &str) -> u64 {
        self.world.metrics().notes.get(what).copied().unwrap_or(0)
    }
}
