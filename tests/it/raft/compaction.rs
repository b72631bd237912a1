//! Snapshots in place of the beginning of a log, and how they come to those who lack it.
use distlab::machines::store::Answer;
use distlab::protocols::raft::{
    Command, Compaction, Entry, Memory, Msg, Progress, ReadMode, Session, Snapshot,
};
use distlab::sim::{DiskModel, Distribution, Weather};

use super::storm::{Storm, compaction};
use super::*;

fn cluster(servers: u32, seed: u64, compaction: Compaction) -> Cluster {
    Cluster::with(servers, sim::Config { seed, ..sim::Config::default() }, |_, config| {
        config.compaction = compaction.clone();
    })
}

fn every(entries: u64) -> Compaction {
    Compaction { entries: Some(entries), ..Compaction::default() }
}

fn put(key: &str, value: i64) -> Op {
    Op::Put { key: key.into(), value: value.into() }
}

fn propose(cluster: &mut Cluster, server: NodeId, values: std::ops::Range<i64>) {
    for value in values {
        cluster.propose(server, value);
    }
}

fn snapshot(cluster: &Cluster, id: NodeId) -> &Snapshot {
    cluster.disk(id).snapshot.as_deref().expect("it has a snapshot")
}

/// Scenario C1, the notes' figure 2.15: of a log of six, five are committed.
#[test]
fn a_snapshot_is_the_state_at_its_last_entry() {
    let mut world = World::new(sim::Config { manual: true, ..sim::Config::default() });
    let config = Config::new(vec![NodeId(0), NodeId(1), NodeId(2)]);
    let id = world.spawn("n0", Node::Server(Server::new(config))).unwrap();
    world.settle(10).unwrap();
    let writes = [(1, "x", 3), (1, "y", 1), (1, "y", 9), (2, "x", 2), (3, "x", 0), (3, "y", 7)];
    let entries = writes.map(|(term, key, value)| Entry {
        term,
        command: Command::Apply { session: None, op: put(key, value) }.into(),
    });
    let past = |node: &mut Node, disk: &mut Disk| {
        disk.log.splice(1, &entries);
        disk.term = 3;
        let Node::Server(server) = node else { unreachable!() };
        (server.commit, server.applied) = (5, 5);
        for entry in &entries[..5] {
            server.replica.apply(1, &entry.command, Memory::All);
        }
    };
    world.edit(id, past).unwrap();
    world.call(id, Call::Snapshot).unwrap();
    let asked = world.pending()[0].id;
    world.deliver(asked).unwrap();
    let disk = world.node(id).disk();
    let it = disk.snapshot.as_deref().unwrap();
    assert_eq!((it.last_included_index, it.last_included_term), (5, 3));
    let read = |key: &str| it.replica.machine.query(&Op::Get { key: key.into() });
    assert_eq!((read("x"), read("y")), (Answer::Value(0.into()), Answer::Value(9.into())));
    assert_eq!((disk.log.first_index(), disk.log.last_index(), disk.log.term_at(5)), (6, 6, Some(3)));
}

/// Scenario C2: who lags behind what its leader has compacted away gets the snapshot, then the rest.
#[test]
fn a_follower_that_lags_gets_the_snapshot_and_then_the_rest() {
    for chunk in [1, 10, 1 << 20] {
        let mut it = cluster(3, 1, Compaction { chunk, ..every(10) });
        let leader = it.elect();
        let behind = it.servers.iter().copied().find(|id| *id != leader).unwrap();
        it.apply(Fault::Isolate { node: behind });
        propose(&mut it, leader, 0..57);
        it.run(SECOND);
        assert!(it.disk(leader).log.first_index() > 50);
        it.apply(Fault::Heal);
        it.converges();
        assert!(it.noted("installed") > 0);
        assert!(snapshot(&it, behind).last_included_index >= 50);
    }
}

/// Scenario C3: pieces get lost, are doubled and overtake each other, receivers crash, leaders change; in the end
/// the snapshot is there and whole.
#[test]
fn pieces_are_lost_doubled_and_late() {
    each_seed(60, |seed| {
        let mut dice = dice(seed);
        let mut it = cluster(3, seed, Compaction { chunk: 8, ..every(20) });
        let leader = it.elect();
        let behind = it.servers.iter().copied().find(|id| *id != leader).unwrap();
        it.apply(Fault::Isolate { node: behind });
        propose(&mut it, leader, 0..60);
        it.run(SECOND);
        it.apply(Fault::Heal);
        let delay = Some(Distribution::Uniform { min: 0, max: 30 * MS });
        let (loss, duplicate) = (0.2.try_into().unwrap(), 0.3.try_into().unwrap());
        let weather = Weather { loss, duplicate, delay, ..Weather::default() };
        it.apply(Fault::Weather { from: None, to: None, weather });
        for value in 0..6 {
            it.run(dice.below(300) * MS);
            match dice.below(4) {
                0 => {
                    it.crash(behind);
                    it.run(20 * MS);
                    it.recover(behind);
                }
                1 => {
                    if let Some(node) = it.leader() {
                        it.crash(node);
                        it.run(400 * MS);
                        it.recover(node);
                    }
                }
                _ => {
                    // The leader's snapshot becomes another while the first is on its way.
                    if let Some(leader) = it.leader() {
                        propose(&mut it, leader, 100 * value..100 * value + 25);
                    }
                }
            }
        }
        it.calm();
        it.converges();
    });
}

/// A piece that is lost costs no more than the time to the next heartbeat, and one question.
#[test]
fn a_piece_that_is_lost_is_sent_again_after_one_heartbeat() {
    for seed in 0..20 {
        let mut it = Cluster::with(3, sim::Config { seed, ..sim::Config::default() }, |_, config| {
            (config.compaction, config.prevote) = (Compaction { chunk: 8, ..every(20) }, true);
        });
        let leader = it.elect();
        let behind = it.servers.iter().copied().find(|id| *id != leader).unwrap();
        it.apply(Fault::Isolate { node: behind });
        propose(&mut it, leader, 0..60);
        it.run(SECOND);
        it.apply(Fault::Heal);
        let arrived = |it: &Cluster| {
            let Role::Leader(leader) = &it.server(leader).unwrap().role else { return None };
            let peer = leader.peers.iter().find(|peer| peer.id == behind).unwrap();
            match &peer.progress {
                Progress::Snapshot(it) => Some(it.offset),
                _ => None,
            }
        };
        assert!(it.run_until(5 * SECOND, |it| arrived(it).is_some_and(|offset| offset >= 16)));
        let before = arrived(&it).unwrap();
        it.apply(Fault::Cut { from: leader, to: behind, oneway: true });
        it.run(5 * MS); // the pieces that were under way have arrived, and the next is lost
        let lost = arrived(&it).unwrap();
        assert!(lost <= before + 16);
        it.apply(Fault::Heal);
        assert!(it.run_until(60 * MS, |it| arrived(it).is_none_or(|offset| offset > lost)), "seed {seed}");
    }
}

/// Scenario C9: a crash may come between any two writes to a disk.
#[test]
fn a_crash_between_snapshot_and_log_leaves_no_hole() {
    each_seed(100, |seed| {
        let sync = Distribution::Uniform { min: 0, max: 20 * MS };
        let disk = DiskModel { sync, fsync: true };
        let mut it = Cluster::with(3, sim::Config { seed, disk, ..sim::Config::default() }, |id, config| {
            config.compaction = compaction(seed + u64::from(id.0));
        });
        let (mut dice, client) = (dice(seed), it.client(|_| {}));
        for value in 0..40 {
            it.execute(client, value);
            it.run(dice.below(40) * MS);
            let node = it.servers[dice.below(3) as usize];
            if it.world.node(node).is_up() && dice.below(3) == 0 {
                it.apply(Fault::Crash {
                    node,
                    lose_unsynced: true,
                    torn: dice.below(2) == 0,
                    corrupt: false,
                });
            } else {
                it.recover(node);
            }
        }
        it.calm();
        it.converges();
    });
}

/// Scenarios C10 and C11: snapshots of three servers, taken at different places while commands go on, hold what a
/// replay of the whole log makes.
#[test]
fn independent_snapshots_are_what_a_replay_makes() {
    for seed in 0..20 {
        let mut it = Cluster::with(3, sim::Config { seed, ..sim::Config::default() }, |id, config| {
            // Nobody's log loses anything, so nobody needs another's snapshot.
            config.compaction = Compaction { keep: 1_000, ..every([7, 11, u64::MAX][id.0 as usize]) };
        });
        let client = it.client(|_| {});
        for value in 0..95 {
            it.execute(client, value);
            it.run(5 * MS);
        }
        it.converges();
        let whole = &it.disk(NodeId(2)).log;
        assert_eq!(whole.first_index(), 1);
        for id in [0, 1].map(NodeId) {
            let it = snapshot(&it, id);
            let mut replica = it.replica.clone();
            replica = distlab::protocols::raft::Replica::new(&replica.machine.kind());
            whole.iter_from(1).take(it.last_included_index as usize).enumerate().for_each(|(at, entry)| {
                let index = at as u64 + 1;
                replica.apply(index, &entry.command, Memory::All);
            });
            assert_eq!(replica, it.replica, "{id:?} at {}", it.last_included_index);
        }
    }
}

/// Scenario C12: what a client was answered goes with the snapshot; so does who belongs to the cluster (M21).
#[test]
fn a_retry_after_the_snapshot_is_still_recognized() {
    let mut it = cluster(3, 3, every(5));
    let leader = it.elect();
    let behind = it.servers.iter().copied().find(|id| *id != leader).unwrap();
    it.apply(Fault::Isolate { node: behind });
    let session = Some(Session { client: NodeId(9), lane: 0, seq: 1 });
    let retry = Msg::Request { command: Command::Apply { session, op: push(1) }.into(), retry: true };
    let from = it.client(|_| {});
    it.world.inject(from, leader, retry.clone()).unwrap();
    propose(&mut it, leader, 100..130);
    it.run(SECOND);
    it.apply(Fault::Heal);
    it.converges();
    assert!(it.noted("installed") > 0);
    // Whoever got the snapshot leads now, and is asked again.
    it.world.call(leader, Call::Transfer { to: behind }).unwrap();
    it.run(SECOND);
    assert_eq!(it.leader(), Some(behind));
    it.world.inject(from, behind, retry).unwrap();
    it.run(SECOND);
    let list = super::storm::final_list(&it);
    assert_eq!(list.iter().filter(|it| **it == 1.into()).count(), 1, "{list:?}");
}

/// Scenario C15: the log stays small, whatever happens.
#[test]
fn a_log_that_is_compacted_stays_small() {
    for seed in 0..100 {
        let mut it = cluster(3, seed, Compaction { bytes: Some(1_000), ..Compaction::default() });
        let client = it.client(|_| {});
        let mut dice = dice(seed);
        for value in 0..300 {
            let op = put(&format!("k{}", value % 10), value);
            it.world.call(client, Call::Execute { op }).unwrap();
            it.run(10 * MS);
            let node = it.servers[dice.below(3) as usize];
            match dice.below(40) {
                0 => it.crash(node),
                1 => it.apply(Fault::Isolate { node }),
                2..10 => {
                    it.apply(Fault::Heal);
                    it.recover(node);
                }
                _ => {}
            }
            for id in &it.servers {
                let bytes: usize =
                    it.disk(*id).log.iter_from(1).map(|it| postcard::to_stdvec(it).unwrap().len()).sum();
                let open = it.server(*id).map_or(0, |server| it.disk(*id).log.last_index() - server.applied);
                assert!(bytes < 2_000 || open > 20, "{bytes} bytes, {open} not applied");
            }
        }
        it.calm();
        it.converges();
    }
}

/// Scenario C16 (thesis, section 5.1.2): where the log may grow to four times the last snapshot, a fifth of what is
/// written is snapshots.
#[test]
fn with_a_factor_of_four_a_fifth_of_all_writing_is_snapshots() {
    let mut it = cluster(1, 1, Compaction { factor_percent: Some(400), ..Compaction::default() });
    let leader = it.elect();
    let (mut snapshots, mut entries, mut last) = (0, 0, 0);
    for value in 0..20_000 {
        let op = put(&format!("key {:03}", value % 500), value);
        entries += postcard::to_stdvec(&op).unwrap().len() + 4;
        it.world.call(leader, Call::Propose { op }).unwrap();
        it.run(MS / 10);
        let index = it.disk(leader).snapshot.as_ref().map_or(0, |it| it.last_included_index);
        if index != last {
            (last, snapshots) = (index, snapshots + snapshot(&it, leader).encode().len());
        }
    }
    let share = snapshots as f64 / (snapshots + entries) as f64;
    assert!((0.17..0.23).contains(&share), "{share}");
}

#[test]
fn storms_over_compacted_logs_break_nothing_and_pass() {
    each_seed(100, |seed| {
        let read_mode = [ReadMode::Log, ReadMode::ReadIndex, ReadMode::Follower][seed as usize % 3];
        let servers = 3 + 2 * (seed as u32 / 2 % 2);
        let session_limit = [None, Some(2), Some(100)][seed as usize / 4 % 3];
        let storm =
            Storm { servers, read_mode, extras: true, compaction: true, session_limit, ..Storm::default() };
        storm.play(seed).unwrap_or_else(|error| panic!("{error}"));
    });
}

/// A transfer that nobody disturbs takes one message a piece, and each piece once.
#[test]
fn a_calm_transfer_sends_every_byte_once() {
    let mut it = cluster(3, 5, Compaction { chunk: 10, ..every(30) });
    let leader = it.elect();
    let behind = it.servers.iter().copied().find(|id| *id != leader).unwrap();
    it.apply(Fault::Isolate { node: behind });
    propose(&mut it, leader, 0..40);
    it.run(SECOND);
    it.apply(Fault::Heal);
    let bytes = snapshot(&it, leader).encode().len();
    let before = it.world.metrics().sent;
    assert!(it.run_until(SECOND, |it| matches!(
        &it.server(leader).unwrap().role,
        Role::Leader(leader) if leader.peers.iter().any(|it| matches!(it.progress, Progress::Snapshot(_)))
    )));
    it.converges();
    let pieces = bytes.div_ceil(10) as u64;
    let sent = it.world.metrics().sent - before;
    assert!((2 * pieces..2 * pieces + 40).contains(&sent), "{sent} messages for {pieces} pieces");
}

/// Scenario C16, the thesis' section 5.1.2: with a factor of 4, a fifth of what is written is snapshots, and the disk
/// never holds more than six times a snapshot: the old one, four times as much log, and the new one.
#[test]
fn a_factor_bounds_what_snapshots_cost() {
    let factor = Compaction { factor_percent: Some(400), ..Compaction::default() };
    let mut it = cluster(1, 3, factor);
    let server = it.elect();
    let bytes = |it: &dyn Fn() -> Vec<u8>| it().len() as f64;
    let (mut last, mut old) = (0, 0.0);
    let (mut logged, mut snapshots, mut most, mut taken) = (0.0, 0.0, 0.0_f64, 0);
    for value in 0..6_000 {
        let op = put(&format!("key {}", value % 100), value);
        it.world.call(server, Call::Propose { op }).unwrap();
        it.run(MS);
        let disk = it.disk(server);
        let log = |first: u64| {
            (first..=disk.log.last_index())
                .filter_map(|index| disk.log.entry(index))
                .map(|entry| bytes(&|| postcard::to_stdvec(&*entry.command).unwrap()))
                .sum::<f64>()
        };
        if disk.snapshot_index() == last {
            continue;
        }
        // It has all keys, so that it grows no more. Before it went, the log held all that has come since the last.
        let new = bytes(&|| postcard::to_stdvec(&**disk.snapshot.as_ref().unwrap()).unwrap());
        let since = (last + 1..=disk.snapshot_index()).count() as f64;
        let entry = bytes(&|| {
            postcard::to_stdvec(&Command::Apply { session: None, op: put("key 10", 3_000) }).unwrap()
        });
        if value > 1_000 {
            taken += 1;
            logged += since * entry;
            snapshots += new;
            most = most.max((old + since * entry + new) / new);
            assert_eq!(log(disk.log.first_index()), 0.0, "the log begins anew");
        }
        (last, old) = (disk.snapshot_index(), new);
    }
    let share = snapshots / (snapshots + logged);
    assert!(taken > 5, "{taken} snapshots");
    assert!((0.17..0.23).contains(&share), "{share} of what is written");
    assert!((5.0..6.2).contains(&most), "{most} times a snapshot");
}
