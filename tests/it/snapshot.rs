//! Snapshots: money is never lost, cuts are consistent, what was recorded goes on.
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use distlab::check::causality::{Causality, Columns};
use distlab::protocols::snapshot::{Algorithm, Global, Id, Msg, Recorded, Snapshot};
use distlab::protocols::{bank, raft};
use distlab::sim::{
    Config, DiskModel, Distribution, Invariants, Network, NodeId, Protocol, Row, RowKind, Time, TraceLevel,
    World, workload::Workload,
};

use crate::raft::each_seed;

const MONEY: u64 = 100;
const MS: Time = 1_000_000;

fn network(fifo: bool) -> Network {
    let latency = Distribution::Uniform { min: 100_000, max: 5_000_000 };
    Network { latency, fifo, ..Network::default() }
}

fn bank(seed: u64, nodes: u32, fifo: bool) -> World<Snapshot<bank::Node>> {
    busy(seed, nodes, fifo, MS / 2)
}

fn busy(seed: u64, nodes: u32, fifo: bool, every: Time) -> World<Snapshot<bank::Node>> {
    let mut world = World::new(Config { seed, network: network(fifo), ..Config::default() });
    let peers: Vec<NodeId> = (0..nodes).map(NodeId).collect();
    for id in 0..nodes {
        let account = bank::Node { balance: MONEY, peers: peers.clone(), every, ..bank::Node::default() };
        world.spawn(&format!("n{id}"), Snapshot::new(account, peers.clone().into())).unwrap();
    }
    world
}

fn begin<P: Protocol>(world: &mut World<Snapshot<P>>, by: u32, number: u64, algorithm: Algorithm) -> Id {
    let id = Id { initiator: NodeId(by), number, algorithm };
    world.inject(id.initiator, id.initiator, Msg::Begin(id)).unwrap();
    id
}

fn global<P: Protocol>(world: &World<Snapshot<P>>, id: Id) -> &Global<P> {
    world.node(id.initiator).state().unwrap().global(id.number).unwrap()
}

fn money(global: &Global<bank::Node>) -> u64 {
    let balances: u64 = global.parts.values().map(|part| part.state.balance).sum();
    balances + global.messages().iter().map(|(_, _, bank::Msg::Money(amount))| amount).sum::<u64>()
}

#[test]
fn no_money_is_lost_or_made() {
    let under_way = Cell::new(0);
    each_seed(2_000, |seed| {
        let nodes = 2 + seed as u32 % 5;
        let (algorithm, fifo) = match seed % 3 {
            0 => (Algorithm::LaiYang, false),
            1 => (Algorithm::LaiYang, true),
            _ => (Algorithm::ChandyLamport, true),
        };
        let mut world = bank(seed, nodes, fifo);
        world.run_until(7_000_000).unwrap();
        // Several at once, by different processes and by one.
        let ids: Vec<Id> = (0..3)
            .map(|number: u64| {
                world.run_until(world.now() + seed % 7 * 300_000).unwrap();
                begin(&mut world, (seed + number / 2) as u32 % nodes, number, algorithm)
            })
            .collect();
        world.run_until(world.now() + 60_000_000).unwrap();
        for id in ids {
            let global = global(&world, id);
            assert!(global.is_complete(), "seed {seed}: {id:?}");
            assert_eq!(money(global), u64::from(nodes) * MONEY, "seed {seed}: {id:?}");
            under_way.set(under_way.get() + global.messages().len());
        }
    });
    assert!(under_way.get() > 100, "{under_way:?} messages were under way: there was something to record");
}

#[test]
fn without_markers_or_order_money_is_lost_and_made() {
    let total = 3 * MONEY;
    let sums = |algorithm, fifo| {
        (0..60).map(move |seed| {
            let mut world = busy(seed, 3, fifo, 3 * MS);
            world.run_until(7 * MS).unwrap();
            let id = begin(&mut world, 0, 0, algorithm);
            world.run_until(60_000_000).unwrap();
            assert!(global(&world, id).is_complete());
            money(global(&world, id))
        })
    };
    let naive: Vec<u64> = sums(Algorithm::Naive, true).collect();
    assert!(naive.iter().any(|sum| *sum < total) && naive.iter().any(|sum| *sum > total), "{naive:?}");
    let disordered: Vec<u64> = sums(Algorithm::ChandyLamport, false).collect();
    assert!(disordered.iter().any(|sum| *sum != total), "{disordered:?}");
    assert!(sums(Algorithm::ChandyLamport, true).all(|sum| sum == total));
    assert!(sums(Algorithm::LaiYang, false).all(|sum| sum == total));
}

#[test]
fn there_is_one_marker_for_each_channel() {
    for nodes in 1..7 {
        let mut world = bank(1, nodes, true);
        world.set_trace(TraceLevel::Full);
        world.run_until(7_000_000).unwrap();
        let id = begin(&mut world, 0, 0, Algorithm::ChandyLamport);
        world.run_until(60_000_000).unwrap();
        assert!(global(&world, id).is_complete());
        let mut channels = BTreeMap::new();
        for row in world.trace().rows() {
            if row.kind == RowKind::Send && world.trace().labels()[row.label as usize] == "marker" {
                *channels.entry((row.node, row.peer)).or_insert(0) += 1;
            }
        }
        // A process's channel to itself is none of the network's.
        assert_eq!(channels.len() as u32, nodes * (nodes - 1));
        assert!(channels.values().all(|count| *count == 1));
    }
}

/// Which rows are inside the cut of a snapshot: what each process did before the input that made it record its state.
fn inside(rows: &[Row], label: u32) -> Vec<bool> {
    let mut starts = BTreeMap::new();
    for (at, note) in rows.iter().enumerate() {
        if note.kind == RowKind::Note && note.label == label {
            let input = rows[..at].iter().rposition(|row| row.node == note.node && row.id == note.cause);
            starts.insert(note.node, input.unwrap_or(at));
        }
    }
    let before = |(at, row): (usize, &Row)| starts.get(&row.node).is_none_or(|start| at < *start);
    rows.iter().enumerate().map(before).collect()
}

fn raft(seed: u64, fifo: bool, sync: Time, trace: TraceLevel) -> World<Snapshot<raft::Node>> {
    let sync = match sync {
        0 => Distribution::Constant(0),
        sync => Distribution::Uniform { min: sync / 2, max: sync },
    };
    let disk = DiskModel { sync, ..DiskModel::default() };
    let mut world = World::new(Config { seed, network: network(fifo), trace, disk, ..Config::default() });
    let peers: Arc<[NodeId]> = (0..4).map(NodeId).collect();
    let servers: Vec<NodeId> = (0..3).map(NodeId).collect();
    for id in 0..3 {
        let server = raft::Node::Server(raft::Server::new(raft::Config::new(servers.clone())));
        world.spawn(&format!("n{id}"), Snapshot::new(server, peers.clone())).unwrap();
    }
    let client = raft::Node::Client(raft::Client::new(raft::ClientConfig::new(servers)));
    world.spawn("client", Snapshot::new(client, peers)).unwrap();
    world.load(Workload::of(vec![NodeId(3)])).unwrap();
    world.watch(Invariants::All).unwrap();
    world
}

#[test]
fn every_snapshot_of_raft_is_a_consistent_cut() {
    let under_way = Cell::new(0);
    each_seed(200, |seed| {
        let (algorithm, fifo) =
            if seed % 2 == 0 { (Algorithm::ChandyLamport, true) } else { (Algorithm::LaiYang, false) };
        let mut world = raft(seed, fifo, 0, TraceLevel::Full);
        world.run_until(600_000_000 + seed * 1_000_000).unwrap();
        let id = begin(&mut world, seed as u32 % 4, 1, algorithm);
        world.run_until(world.now() + 300_000_000).unwrap();
        let global = global(&world, id);
        assert!(global.is_complete());
        assert_eq!(global.flaws(), []);
        let trace = world.trace();
        let rows: Vec<Row> = trace.rows().copied().collect();
        let label = trace.labels().iter().position(|it| it == "snapshot").unwrap() as u32;
        let column = |of: fn(&Row) -> u64| rows.iter().map(of).collect::<Vec<u64>>();
        let node: Vec<u32> = rows.iter().map(|row| row.node.0).collect();
        let kind: Vec<u8> = rows.iter().map(|row| row.kind as u8).collect();
        let (id, cause) = (column(|row| row.id), column(|row| row.cause));
        let columns = Columns { node: &node, kind: &kind, id: &id, cause: &cause };
        let order = Causality::new(&columns, 4, 1 << 30).unwrap();
        let cut = order.cut_of(&inside(&rows, label)).unwrap();
        assert_eq!(cut.gaps, []);
        // What was under way in the trace is what was recorded, less what the snapshot says itself.
        let own = ["marker", "take", "report", "late", "begin"];
        let of_raft =
            |(send, _): &&(usize, usize)| !own.contains(&&*trace.labels()[rows[*send].label as usize]);
        let mut seen: Vec<_> = cut
            .in_transit
            .iter()
            .filter(of_raft)
            .map(|(send, _)| (rows[*send].node, rows[*send].peer))
            .collect();
        let mut recorded: Vec<_> = global.messages().into_iter().map(|(from, to, _)| (from, to)).collect();
        seen.sort_unstable();
        recorded.sort_unstable();
        assert_eq!(seen, recorded);
        under_way.set(under_way.get() + recorded.len());
    });
    assert!(under_way.get() > 100, "{under_way:?}");
}

/// What waits for a disk was sent, and no marker overtakes it.
#[test]
fn slow_disks_do_not_tear_a_snapshot() {
    each_seed(200, |seed| {
        let mut world = raft(seed, true, 20_000_000, TraceLevel::Off);
        world.run_until(900_000_000 + seed * 1_000_000).unwrap();
        let id = begin(&mut world, seed as u32 % 4, 1, Algorithm::ChandyLamport);
        world.run_until(world.now() + 600_000_000).unwrap();
        assert!(global(&world, id).is_complete());
        assert_eq!(global(&world, id).flaws(), []);
    });
}

#[test]
fn what_was_recorded_goes_on() {
    each_seed(200, |seed| {
        let mut world = bank(seed, 4, true);
        world.run_until(7_000_000).unwrap();
        let id = begin(&mut world, 0, 0, Algorithm::ChandyLamport);
        world.run_until(40_000_000).unwrap();
        let global = global(&world, id).clone();
        let mut again = World::new(Config { seed, network: network(true), ..Config::default() });
        for (peer, part) in &global.parts {
            again.spawn(&format!("n{}", peer.0), part.state.clone()).unwrap();
        }
        global.restore(&mut again).unwrap();
        let balances = |world: &World<bank::Node>| -> u64 {
            world.nodes().iter().map(|node| node.state().unwrap().balance).sum()
        };
        let under_way: u64 = global.messages().iter().map(|(_, _, bank::Msg::Money(amount))| amount).sum();
        assert_eq!(balances(&again) + under_way, 4 * MONEY);
        assert_eq!(again.in_flight().len(), global.messages().len());
        again.run_until(50_000_000).unwrap();
        let flying: u64 = again.in_flight().iter().map(|(_, _, bank::Msg::Money(amount))| amount).sum();
        assert_eq!(balances(&again) + flying, 4 * MONEY, "seed {seed}");
        assert!(again.metrics().sent > 0, "the timers go on");
    });
}

/// A message lost is a snapshot that never completes by Lai and Yang, and one that lacks the money by Chandy and
/// Lamport.
#[test]
fn a_network_that_loses_messages_shows() {
    let mut found = (0, 0);
    for seed in 0..40 {
        for algorithm in [Algorithm::LaiYang, Algorithm::ChandyLamport] {
            let mut world = bank(seed, 3, true);
            world.run_until(3_000_000).unwrap();
            let lost = world.pending().iter().find_map(|it| match it.kind {
                distlab::sim::PendingKind::Message(..) => Some(it.id),
                _ => None,
            });
            let Some(lost) = lost else { continue };
            world.discard(lost).unwrap();
            let id = begin(&mut world, 0, 0, algorithm);
            world.run_until(60_000_000).unwrap();
            match algorithm {
                Algorithm::LaiYang => {
                    assert!(!global(&world, id).is_complete());
                    found.0 += 1;
                }
                _ => {
                    assert!(money(global(&world, id)) < 3 * MONEY);
                    found.1 += 1;
                }
            }
        }
    }
    assert!(found.0 > 20 && found.1 > 20, "{found:?}");
}

/// Notes, theorem 1.1: three messages, of which one is recorded with the state of its receiver, one in the channel, and
/// one is sent after the cut.
#[test]
fn of_three_messages_one_is_under_way() {
    let mut world: World<Snapshot<bank::Node>> =
        World::new(Config { manual: true, network: network(true), ..Config::default() });
    let peers: Arc<[NodeId]> = (0..2).map(NodeId).collect();
    for id in 0..2 {
        let account = bank::Node { balance: MONEY, peers: peers.to_vec(), ..bank::Node::default() };
        world.spawn(&format!("p{id}"), Snapshot::new(account, peers.clone())).unwrap();
    }
    world.start_nodes().unwrap();
    let [p, q] = [NodeId(0), NodeId(1)];
    let pay = |world: &mut World<Snapshot<bank::Node>>, from, to, amount| {
        let op = world.call(from, bank::Call::Transfer { to, amount }).unwrap();
        world.deliver(world.pending_call(op).unwrap()).unwrap();
    };
    let next = |world: &World<Snapshot<bank::Node>>, from: NodeId, to: NodeId| {
        let is_it = |it: &distlab::sim::Pending<'_, _>| {
            it.node == Some(to)
                && matches!(it.kind, distlab::sim::PendingKind::Message(sender, _) if sender == from)
        };
        world.pending().iter().find(|it| is_it(it)).unwrap().id
    };
    pay(&mut world, q, p, 1);
    world.deliver(next(&world, q, p)).unwrap(); // m1 is in p's state
    pay(&mut world, q, p, 2); // m2 is in the channel
    let id = begin(&mut world, 0, 0, Algorithm::ChandyLamport);
    world.deliver(next(&world, p, p)).unwrap();
    world.deliver(next(&world, p, q)).unwrap(); // the marker: q records its state
    pay(&mut world, q, p, 4); // m3 is after the cut
    world.settle(100).unwrap();
    let global = global(&world, id);
    assert!(global.is_complete());
    assert_eq!(global.messages(), [(q, p, bank::Msg::Money(2))]);
    let state = |id: NodeId| global.parts.get(&id).map(|part: &Recorded<_>| part.state.balance);
    assert_eq!((state(p), state(q)), (Some(101), Some(97)));
}

#[test]
fn a_state_for_each_node_is_needed() {
    let mut world = bank(1, 3, true);
    let error = world.restore(Vec::new(), Vec::new()).unwrap_err();
    assert!(error.to_string().contains("a state for each node"), "{error}");
}
