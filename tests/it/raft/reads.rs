//! Reads without the log: by a leader with a lease, and by followers.
use distlab::machines::store::Answer;
use distlab::protocols::raft::{Mutant, ReadMode};
use distlab::sim::Value;

use super::storm::Storm;
use super::*;

fn read(cluster: &mut Cluster, server: NodeId, mode: ReadMode) -> OpId {
    cluster.world.call(server, Call::Read { op: Op::Get { key: "log".into() }, mode }).unwrap()
}

/// How many items a read has seen, once it is answered.
fn seen(cluster: &Cluster, op: OpId) -> Option<usize> {
    match cluster.reply(op)? {
        Reply::Done { answer: Answer::Value(Value::List(items)), .. } => Some(items.len()),
        Reply::Done { answer: Answer::Value(Value::Null), .. } => Some(0),
        other => panic!("{other:?}"),
    }
}

fn leased(seed: u64) -> Cluster {
    Cluster::with(3, sim::Config { seed, ..sim::Config::default() }, |_, config| {
        (config.leader_liveness, config.lease_drift_ppm) = (true, Some(10_000));
    })
}

/// Scenario R5: a leader cut off from the others answers while its lease lasts, and the others have no leader as
/// long; then it answers no more. What it reads locally is stale.
#[test]
fn a_lease_ends_before_another_leads() {
    each_seed(20, |seed| {
        let mut it = leased(seed);
        let leader = it.elect();
        it.propose(leader, 1);
        it.run(SECOND);
        let sent = it.world.metrics().sent;
        let op = read(&mut it, leader, ReadMode::Lease);
        it.run(0);
        assert_eq!((seen(&it, op), it.world.metrics().sent), (Some(1), sent), "no message");
        it.apply(Fault::Isolate { node: leader });
        let (cut, mut last) = (it.world.now(), it.world.now());
        let other = |it: &Cluster| it.leader().filter(|id| *id != leader);
        while other(&it).is_none() {
            let op = read(&mut it, leader, ReadMode::Lease);
            it.run(MS);
            if it.reply(op).is_some() {
                last = it.world.now();
            }
        }
        assert!(last - cut < 150 * MS && last < it.world.now(), "{cut} {last} {}", it.world.now());
        let other = other(&it).unwrap();
        it.propose(other, 2);
        it.run(SECOND);
        let ops =
            [ReadMode::Lease, ReadMode::ReadIndex, ReadMode::Local].map(|mode| read(&mut it, leader, mode));
        it.run(SECOND);
        assert_eq!(ops.map(|op| seen(&it, op)), [None, None, Some(1)], "stale only where that was asked for");
    });
}

/// The leader's clock runs at half the speed: a lease that allows for that ends in time, one that does not lets
/// it read what another leader's clients have long overwritten.
#[test]
fn a_lease_without_a_bound_for_drift_reads_what_is_stale() {
    let stale = |mutant: Option<Mutant>, seed: u64| {
        let mut it = Cluster::with(3, sim::Config { seed, ..sim::Config::default() }, |_, config| {
            (config.leader_liveness, config.lease_drift_ppm, config.mutant) = (true, Some(500_000), mutant);
            config.heartbeat = 10 * MS;
        });
        let leader = it.elect();
        it.apply(Fault::ClockDrift { node: leader, ppb: -500_000_000 });
        it.run(SECOND);
        it.apply(Fault::Isolate { node: leader });
        let mut written = None;
        for _ in 0..400 {
            if let Some(other) = it.leader().filter(|id| *id != leader && written.is_none()) {
                written = Some(it.propose(other, 1));
            }
            let acknowledged = written.is_some_and(|op| it.reply(op).is_some());
            let op = read(&mut it, leader, ReadMode::Lease);
            it.run(MS);
            if acknowledged && it.reply(op).is_some() {
                return true;
            }
        }
        assert!(written.is_some_and(|op| it.reply(op).is_some()), "the others went on");
        false
    };
    assert!((0..20).all(|seed| !stale(None, seed)));
    assert!((0..20).any(|seed| stale(Some(Mutant::LeaseWithoutBound), seed)));
}

/// Whom it has asked to take over may do so at any time, though everybody hears the leader.
#[test]
fn a_leader_that_hands_over_has_no_lease_left() {
    let mut it = leased(4);
    let leader = it.elect();
    it.run(SECOND);
    let to = NodeId((leader.0 + 1) % 3);
    it.world.call(leader, Call::Transfer { to }).unwrap();
    let dead = NodeId((leader.0 + 2) % 3);
    it.crash(dead);
    it.apply(Fault::Isolate { node: to });
    it.run(100 * MS);
    it.apply(Fault::Heal);
    it.run(20 * MS);
    let op = read(&mut it, leader, ReadMode::Lease);
    it.run(0);
    assert_eq!(it.reply(op), None, "it asks a majority");
    it.run(SECOND);
    assert!(it.reply(op).is_some());
}

/// Scenario R6: a new leader does not know what was committed before its own term's first commit.
#[test]
fn reads_at_a_new_leader_wait_for_its_first_commit() {
    for mode in [ReadMode::ReadIndex, ReadMode::Lease, ReadMode::Follower] {
        let mut it = leased(7);
        let leader = it.elect();
        let server = it.server(leader).unwrap();
        assert_eq!(server.commit, 0);
        let op = read(&mut it, leader, mode);
        it.run(0);
        assert_eq!(it.reply(op), None);
        it.run(200 * MS);
        assert!(matches!(it.reply(op), Some(Reply::Done { index: 1, .. })), "{:?}", it.reply(op));
    }
}

/// Scenario R7: a follower that is behind answers when it has come as far as the leader was.
#[test]
fn a_follower_answers_when_it_has_come_far_enough() {
    each_seed(20, |seed| {
        let mut it = Cluster::new(3, seed);
        let leader = it.elect();
        it.run(SECOND);
        let follower = NodeId((leader.0 + 1) % 3);
        it.propose(leader, 1);
        it.run(20 * MS); // committed, and the follower does not know yet
        let behind = it.server(follower).unwrap().applied < it.server(leader).unwrap().applied;
        let (local, op) =
            (read(&mut it, follower, ReadMode::Local), read(&mut it, follower, ReadMode::Follower));
        it.run(SECOND);
        assert_eq!((seen(&it, local), seen(&it, op)), (Some(usize::from(!behind)), Some(1)));
        // Without a leader nobody knows; nobody is left waiting.
        it.crash(leader);
        let op = read(&mut it, follower, ReadMode::Follower);
        it.run(SECOND);
        assert!(matches!(it.reply(op), Some(Reply::NotLeader { .. })), "{:?}", it.reply(op));
    });
}

/// Scenarios S13 and R11 for leases and for followers: whatever goes wrong, what is read is linearizable.
#[test]
fn reads_in_storms_are_linearizable() {
    each_seed(100, |seed| {
        let read_mode = [ReadMode::Lease, ReadMode::Follower][seed as usize % 2];
        let storm = Storm { servers: 3, read_mode, extras: true, ..Storm::default() };
        storm.play(seed).unwrap_or_else(|error| panic!("{error}"));
    });
}

/// Scenario R10: a client that carries what it has seen reads anywhere, and never sees less than before.
#[test]
fn a_session_reads_anywhere_and_never_sees_less() {
    each_seed(100, |seed| {
        let storm = Storm {
            read_mode: ReadMode::Session,
            extras: true,
            compaction: seed % 2 == 0,
            ..Storm::default()
        };
        storm.play(seed).unwrap_or_else(|error| panic!("{error}"));
    });
}
