//! Raft through the whole simulator: network, disk, timers, the union of all protocols.
use distlab::machines::store::Op;
use distlab::protocols::AnyCall;
use distlab::protocols::AnyNode;
use distlab::protocols::raft::{self, Call, Role, Server};
use distlab::sim::{Config, Invariants, NodeId, OpId, Time, TraceLevel, World};
use divan::Bencher;
use divan::counter::ItemsCount;

const COMMANDS: u64 = 6_400;
const SIZES: [u32; 2] = [3, 5];

fn main() {
    divan::main();
}

struct Cluster {
    world: World<AnyNode>,
    leader: NodeId,
    key: std::sync::Arc<str>,
}

impl Cluster {
    /// A cluster that has elected its leader.
    fn new(size: u32, config: Config) -> Self {
        let mut world = World::new(config);
        let voters: Vec<NodeId> = (0..size).map(NodeId).collect();
        for id in &voters {
            let server = Server::new(raft::Config::new(voters.clone()));
            world.spawn(&format!("n{}", id.0), AnyNode::Raft(raft::Node::Server(server))).unwrap();
        }
        let leads = |world: &World<AnyNode>, id| match world.node(id).state() {
            Some(AnyNode::Raft(raft::Node::Server(server))) => matches!(server.role, Role::Leader(_)),
            _ => false,
        };
        world
            .run_while(Time::MAX, u64::MAX, &mut 0, |world| !voters.iter().any(|&id| leads(world, id)))
            .unwrap();
        let leader = *voters.iter().find(|&&id| leads(&world, id)).unwrap();
        Self { world, leader, key: "k".into() }
    }

    fn until_answered(&mut self, op: OpId) {
        self.world
            .run_while(Time::MAX, u64::MAX, &mut 0, |world| world.op(op).unwrap().answer.is_none())
            .unwrap();
    }

    fn put(&self, value: u64) -> Op {
        Op::Put { key: self.key.clone(), value: (value as i64).into() }
    }

    /// One command after the other.
    fn one_by_one(&mut self, commands: u64) {
        for i in 0..commands {
            let op = self.put(i);
            let op = self.world.call(self.leader, AnyCall::Raft(Call::Propose { op })).unwrap();
            self.until_answered(op);
        }
    }

    /// 64 commands after 64 others.
    fn in_batches(&mut self, commands: u64) {
        for batch in 0..commands / 64 {
            let ops = (batch * 64..(batch + 1) * 64).map(|i| self.put(i)).collect();
            let op = self.world.call(self.leader, AnyCall::Raft(Call::ProposeBatch { ops })).unwrap();
            self.until_answered(op);
        }
    }
}

fn bench(bencher: Bencher, size: u32, config: Config, invariants: bool, run: impl Fn(&mut Cluster)) {
    let cluster = || {
        let mut cluster = Cluster::new(size, config.clone());
        if invariants {
            cluster.world.watch(Invariants::All).unwrap();
        }
        cluster
    };
    bencher.counter(ItemsCount::new(COMMANDS)).with_inputs(cluster).bench_local_refs(run);
}

#[divan::bench(args = SIZES)]
fn one_by_one(bencher: Bencher, size: u32) {
    bench(bencher, size, Config::default(), false, |it| it.one_by_one(COMMANDS));
}

#[divan::bench(args = SIZES)]
fn one_by_one_with_invariants(bencher: Bencher, size: u32) {
    bench(bencher, size, Config::default(), true, |it| it.one_by_one(COMMANDS));
}

#[divan::bench(args = SIZES)]
fn one_by_one_with_full_trace(bencher: Bencher, size: u32) {
    bench(bencher, size, Config { trace: TraceLevel::Full, ..Config::default() }, false, |it| {
        it.one_by_one(COMMANDS)
    });
}

#[divan::bench(args = SIZES)]
fn in_batches(bencher: Bencher, size: u32) {
    bench(bencher, size, Config::default(), false, |it| it.in_batches(COMMANDS));
}

#[divan::bench(args = SIZES)]
fn in_batches_with_invariants(bencher: Bencher, size: u32) {
    bench(bencher, size, Config::default(), true, |it| it.in_batches(COMMANDS));
}

#[divan::bench(args = SIZES)]
fn in_batches_with_full_trace(bencher: Bencher, size: u32) {
    bench(bencher, size, Config { trace: TraceLevel::Full, ..Config::default() }, false, |it| {
        it.in_batches(COMMANDS)
    });
}

/// Forking a world of five nodes whose logs have 10,000 entries each, put there one by one.
#[divan::bench]
fn fork(bencher: Bencher) {
    let mut cluster = Cluster::new(5, Config::default());
    cluster.one_by_one(10_000);
    bencher.bench_local(|| cluster.world.clone());
}
