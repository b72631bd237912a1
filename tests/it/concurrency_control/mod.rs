//! Transactions: worked examples, scripts, and properties over many seeds.
mod contention;
mod crashes;
mod deadlocks;
mod interleaving;
mod mutants;
mod script;
mod storm;

use std::sync::Arc;

use distlab::check::consistency::judge::{Objects, judge_and_shrink};
use distlab::check::consistency::{Budget, History, Model, Spec, Verdict};
use distlab::machines::locks::Victim;
use distlab::machines::serial::Policy;
use distlab::protocols::concurrency_control::{
    Call, Client, Config, Control, Coordinator, Deadlock, Disk, Node, Op, Reply, Server,
};
use distlab::sim::{self, Fault, Invariants, NodeId, OpId, Span, Time, Value, World};

pub const MS: Time = 1_000_000;
pub const SECOND: Time = 1_000 * MS;

/// A world in which transactions run: servers first, then the coordinator, then clients.
#[derive(Clone)]
pub struct Cluster {
    pub world: World<Node>,
    pub config: Arc<Config>,
    pub servers: Vec<NodeId>,
    pub coordinator: NodeId,
    pub clients: Vec<NodeId>,
}

impl Cluster {
    pub fn new(servers: u32, clients: u32, control: Control, seed: u64) -> Self {
        let world = sim::Config { seed, ..sim::Config::default() };
        Self::with(servers, clients, control, world, |_| {})
    }

    pub fn with(
        servers: u32,
        clients: u32,
        control: Control,
        world: sim::Config,
        change: impl Fn(&mut Config),
    ) -> Self {
        let mut world = World::new(world);
        let coordinator = NodeId(servers);
        let servers: Vec<NodeId> = (0..servers).map(NodeId).collect();
        let mut config = Config::new(servers.clone(), coordinator, control);
        change(&mut config);
        let config = Arc::new(config);
        for id in &servers {
            world.spawn(&format!("n{}", id.0), Node::Server(Server::new(config.clone()))).unwrap();
        }
        world.spawn("tc", Node::Coordinator(Coordinator::new(config.clone()))).unwrap();
        world.watch(Invariants::All).unwrap();
        let mut cluster = Self { world, config, servers, coordinator, clients: Vec::new() };
        for _ in 0..clients {
            cluster.client();
        }
        cluster
    }

    pub fn client(&mut self) -> NodeId {
        let name = format!("c{}", self.clients.len());
        let id = self.world.spawn(&name, Node::Client(Client::new(self.config.clone()))).unwrap();
        self.clients.push(id);
        id
    }

    pub fn ask(&mut self, client: usize, ops: Vec<Op>) -> OpId {
        self.world.call(self.clients[client], Call::Run { ops }).unwrap()
    }

    /// Asks for a transaction, and waits for its end.
    pub fn run_one(&mut self, client: usize, ops: Vec<Op>) -> Reply {
        let op = self.ask(client, ops);
        assert!(self.run_until(20 * SECOND, |it| it.reply(op).is_some()), "no answer");
        self.reply(op).unwrap().clone()
    }

    pub fn run(&mut self, time: Time) {
        let until = self.world.now() + time;
        self.world.run_until(until).unwrap_or_else(|error| panic!("{error}"));
    }

    pub fn run_until(&mut self, most: Time, done: impl Fn(&Self) -> bool) -> bool {
        let until = self.world.now() + most;
        while !done(self) && self.world.now() < until {
            self.run(MS);
        }
        done(self)
    }

    pub fn reply(&self, op: OpId) -> Option<&Reply> {
        self.world.op(op).unwrap().reply()
    }

    pub fn disk(&self, id: NodeId) -> &Disk {
        self.world.node(id).disk()
    }

    pub fn server(&self, id: NodeId) -> Option<&Server> {
        match self.world.node(id).state() {
            Some(Node::Server(server)) => Some(server),
            _ => None,
        }
    }

    pub fn value(&self, key: &str) -> Value {
        self.disk(self.config.server_of(key)).item(key).value.clone()
    }

    pub fn apply(&mut self, fault: Fault) {
        self.world.apply(&fault).unwrap();
    }

    pub fn noted(&self, what: &str) -> u64 {
        self.world.metrics().notes.get(what).copied().unwrap_or(0)
    }

    /// Every fault ends.
    pub fn calm(&mut self) {
        self.apply(Fault::Heal);
        self.apply(Fault::Weather { from: None, to: None, weather: Default::default() });
        let nodes = self.servers.iter().chain([&self.coordinator]).chain(&self.clients);
        for node in nodes.copied().collect::<Vec<_>>() {
            self.apply(Fault::Resume { node });
            self.apply(Fault::Recover { node });
            self.apply(Fault::DiskSlow { node, factor: 1.0, extra: 0 });
        }
    }

    /// Whether nothing is under way any more, anywhere.
    pub fn at_rest(&self) -> bool {
        let idle = |id: &NodeId| {
            self.disk(*id).prepared.is_empty() && self.server(*id).is_some_and(|it| it.owners.is_empty())
        };
        let quiet = |id: &NodeId| match self.world.node(*id).state() {
            Some(Node::Client(client)) => client.under_way().next().is_none(),
            _ => false,
        };
        self.servers.iter().all(idle)
            && self.disk(self.coordinator).decided.is_empty()
            && self.clients.iter().all(quiet)
    }

    pub fn judge(&self, model: Model) -> Verdict {
        let history = History::of(self.world.history()).unwrap();
        judge_and_shrink(&history, model, &mut Objects::Spec(Spec::Kv), &Budget::default()).unwrap().verdict
    }
}

pub fn get(key: &str) -> Op {
    Op::Get { key: key.into() }
}
pub fn put(key: &str, value: i64) -> Op {
    Op::Put { key: key.into(), value: value.into() }
}
pub fn add(key: &str, by: i64) -> Op {
    Op::Add { key: key.into(), by }
}
pub fn append(key: &str, value: i64) -> Op {
    Op::Append { key: key.into(), value: value.into() }
}

pub const fn graph(policy: Policy, batch: Time) -> Control {
    Control::Graph { policy, batch }
}
pub const fn locking(deadlock: Deadlock) -> Control {
    Control::Locking { deadlock }
}
pub const DETECT: Deadlock = Deadlock::Detect { victim: Victim::Youngest };
pub const TIMEOUT: Deadlock = Deadlock::Timeout { after: Span { min: 30 * MS, max: 60 * MS } };

/// Every way to keep transactions apart.
pub const CONTROLS: [Control; 9] = [
    graph(Policy::All, 2 * MS),
    graph(Policy::Validator, 0),
    graph(Policy::Validator, 2 * MS),
    graph(Policy::Minimum, 2 * MS),
    Control::Timestamp,
    locking(DETECT),
    locking(Deadlock::WoundWait),
    locking(Deadlock::WaitDie),
    locking(TIMEOUT),
];
