//! Raft: scripts whose whole course is the expectation, and properties over many seeds.
mod clients;
mod compaction;
mod elections;
mod liveness;
mod membership;
mod mutants;
mod persistence;
mod reads;
mod replication;
mod safety;
mod script;
mod storm;

use distlab::machines::store::Op;
use distlab::protocols::raft::{Call, Client, ClientConfig, Config, Disk, Node, Reply, Role, Server};
use distlab::sim::{self, Fault, Invariants, NodeId, OpId, Rng, Time, World};

pub const MS: Time = 1_000_000;
pub const SECOND: Time = 1_000 * MS;

/// A world with Raft in it: servers first, clients after them.
#[derive(Clone)]
pub struct Cluster {
    pub world: World<Node>,
    pub servers: Vec<NodeId>,
    pub clients: Vec<NodeId>,
}

impl Cluster {
    /// `servers` servers on a calm network, with all invariants watched.
    pub fn new(servers: u32, seed: u64) -> Self {
        Self::with(servers, sim::Config { seed, ..sim::Config::default() }, |_, _| {})
    }

    /// As [`new`](Self::new), in another world and with servers set up otherwise.
    pub fn with(servers: u32, world: sim::Config, change: impl Fn(NodeId, &mut Config)) -> Self {
        let mut world = World::new(world);
        let servers: Vec<NodeId> = (0..servers).map(NodeId).collect();
        for id in &servers {
            let mut config = Config::new(servers.clone());
            change(*id, &mut config);
            world.spawn(&format!("n{}", id.0), Node::Server(Server::new(config))).unwrap();
        }
        world.watch(Invariants::All).unwrap();
        Self { world, servers, clients: Vec::new() }
    }

    pub fn client(&mut self, change: impl Fn(&mut ClientConfig)) -> NodeId {
        let mut config = ClientConfig::new(self.servers.clone());
        change(&mut config);
        let name = format!("c{}", self.clients.len());
        let id = self.world.spawn(&name, Node::Client(Client::new(config))).unwrap();
        self.clients.push(id);
        id
    }

    /// Lets so much time pass.
    pub fn run(&mut self, time: Time) {
        let until = self.world.now() + time;
        self.world.run_until(until).unwrap_or_else(|error| {
            eprintln!("{}", self.describe());
            panic!("{error}")
        });
    }

    /// Lets time pass until `done`, for so long at most. Whether it was.
    pub fn run_until(&mut self, most: Time, done: impl Fn(&Self) -> bool) -> bool {
        let until = self.world.now() + most;
        while !done(self) && self.world.now() < until {
            self.run(MS);
        }
        done(self)
    }

    /// The leader of the latest term that has one.
    pub fn leader(&self) -> Option<NodeId> {
        let leads = |id: &&NodeId| self.server(**id).is_some_and(|it| matches!(it.role, Role::Leader(_)));
        self.servers.iter().filter(leads).max_by_key(|id| self.disk(**id).term).copied()
    }

    pub fn elect(&mut self) -> NodeId {
        assert!(self.run_until(20 * SECOND, |it| it.leader().is_some()), "nobody is elected");
        self.leader().unwrap()
    }

    pub fn server(&self, id: NodeId) -> Option<&Server> {
        match self.world.node(id).state() {
            Some(Node::Server(server)) => Some(server),
            _ => None,
        }
    }

    pub fn disk(&self, id: NodeId) -> &Disk {
        self.world.node(id).disk()
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

    /// Asks a server to put `value` at the end of the list `log`.
    pub fn propose(&mut self, server: NodeId, value: i64) -> OpId {
        self.world.call(server, Call::Propose { op: push(value) }).unwrap()
    }

    /// Asks a client to do so.
    pub fn execute(&mut self, client: NodeId, value: i64) -> OpId {
        self.world.call(client, Call::Execute { op: push(value) }).unwrap()
    }

    pub fn reply(&self, op: OpId) -> Option<&Reply> {
        self.world.op(op).unwrap().reply()
    }

    pub fn noted(&self, what: &str) -> u64 {
        self.world.metrics().notes.get(what).copied().unwrap_or(0)
    }

    /// Every fault ends.
    pub fn calm(&mut self) {
        self.apply(Fault::Heal);
        self.apply(Fault::Weather { from: None, to: None, weather: Default::default() });
        for node in self.servers.clone() {
            self.apply(Fault::Resume { node });
            self.recover(node);
            self.apply(Fault::ClockDrift { node, ppb: 0 });
            self.apply(Fault::DiskSlow { node, factor: 1.0, extra: 0 });
        }
    }

    /// Whether there is a leader, everybody has its log, and has applied all of it.
    pub fn agreed(&self) -> bool {
        let Some(leader) = self.leader() else { return false };
        let last = |id: NodeId| (self.disk(id).log.last_term(), self.disk(id).log.last_index());
        let same = |id: &NodeId| {
            last(*id) == last(leader) && self.server(*id).is_some_and(|it| it.applied == last(leader).1)
        };
        self.servers.iter().all(same)
    }

    /// With all faults over: the servers come to agree, and so do their state machines.
    pub fn converges(&mut self) {
        assert!(self.run_until(20 * SECOND, Self::agreed), "no agreement: {}", self.describe());
        let first = &self.server(self.servers[0]).unwrap().replica;
        assert!(self.servers.iter().all(|id| self.server(*id).unwrap().replica == *first));
    }

    pub fn describe(&self) -> String {
        let line = |id: &NodeId| {
            let disk = self.disk(*id);
            let server = self.server(*id).map(|it| (&it.role, it.commit));
            format!("\n{id:?}: T{} last {} {server:?}", disk.term, disk.log.last_index())
        };
        self.servers.iter().map(line).collect()
    }
}

/// Puts `value` at the end of the list `log`.
pub fn push(value: i64) -> Op {
    Op::Append { key: "log".into(), value: value.into() }
}

/// Runs `test` for `default` seeds, or as many as `DISTLAB_SEEDS` says; only for `DISTLAB_SEED` if that is
/// given. A seed that fails is printed.
pub fn each_seed(default: u64, test: impl Fn(u64)) {
    struct Running(u64);
    impl Drop for Running {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("failed with seed {0}; this one alone: DISTLAB_SEED={0} cargo test", self.0);
            }
        }
    }
    let number = |name: &str| std::env::var(name).ok().and_then(|it| it.parse::<u64>().ok());
    let seeds = match number("DISTLAB_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("DISTLAB_SEEDS").unwrap_or(default),
    };
    for seed in seeds {
        let running = Running(seed);
        test(seed);
        drop(running);
    }
}

/// Chance for a test's own decisions.
pub fn dice(seed: u64) -> Rng {
    Rng::stream(seed, sim::Purpose::Nemesis, u32::MAX, 0)
}
