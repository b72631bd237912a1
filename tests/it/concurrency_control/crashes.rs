//! Crashes at chosen moments.
use distlab::protocols::concurrency_control::{Control, Deadlock, Reply};
use distlab::sim::{self, Fault, Value};

use super::{CONTROLS, Cluster, DETECT, MS, SECOND, add, get, locking, put};

/// A transfer, and a crash of everybody at any time: both accounts know of it, or neither.
#[test]
fn a_transfer_is_whole_or_not_at_all_whenever_everything_crashes() {
    for control in CONTROLS {
        for moment in 0..40 {
            let mut cluster = Cluster::new(2, 2, control, moment);
            let config = cluster.config.clone();
            let keys = ["a", "b", "c", "d"];
            let other = keys.iter().find(|it| config.server_of(it) != config.server_of("a")).unwrap();
            cluster.run(5 * MS);
            let op = cluster.ask(0, vec![add("a", -7), add(other, 7)]);
            cluster.run(moment * MS / 4);
            let all: Vec<_> = cluster.servers.iter().chain([&cluster.coordinator]).copied().collect();
            for node in &all {
                cluster.apply(Fault::crash(*node));
            }
            cluster.run(20 * MS);
            for node in all {
                cluster.apply(Fault::Recover { node });
            }
            assert!(
                cluster.run_until(30 * SECOND, |it| it.reply(op).is_some() && it.at_rest()),
                "{control:?}"
            );
            let sum = |it: &Cluster| [it.value("a"), it.value(other)];
            match cluster.reply(op).unwrap() {
                Reply::Committed { .. } => assert_eq!(sum(&cluster), [(-7).into(), 7.into()]),
                _ => assert_eq!(sum(&cluster), [Value::Null, Value::Null], "{control:?} at {moment}"),
            }
        }
    }
}

/// A client that dies with locks does not keep them for ever.
#[test]
fn locks_of_the_dead_are_given_up() {
    for deadlock in [DETECT, Deadlock::WoundWait, Deadlock::WaitDie] {
        let mut cluster = Cluster::new(1, 2, locking(deadlock), 1);
        cluster.run(5 * MS);
        // It has the lock on x, and waits for one that nobody gives: its second message is lost.
        cluster.ask(1, vec![get("x")]);
        cluster.run(5 * MS);
        cluster.ask(0, vec![put("x", 1), put("y", 1)]);
        assert!(cluster.run_until(SECOND, |it| !it.server(it.servers[0]).unwrap().owners.is_empty()));
        let node = cluster.clients[0];
        cluster.apply(Fault::crash(node));
        let op = cluster.ask(1, vec![put("x", 2)]);
        assert!(cluster.run_until(5 * SECOND, |it| it.reply(op).is_some()), "{deadlock:?}");
    }
}

/// What is prepared at a server waits for the coordinator, however long it is down.
#[test]
fn what_is_prepared_blocks_while_the_coordinator_is_down() {
    let world = sim::Config { seed: 3, ..Default::default() };
    let mut cluster = Cluster::with(2, 2, locking(DETECT), world, |_| {});
    cluster.run(5 * MS);
    let op = cluster.ask(0, vec![put("x", 1)]);
    let server = cluster.config.server_of("x");
    assert!(cluster.run_until(SECOND, |it| !it.disk(server).prepared.is_empty()));
    let node = cluster.coordinator;
    cluster.apply(Fault::crash(node));
    let waits = cluster.ask(1, vec![get("x")]);
    cluster.run(10 * SECOND);
    assert!(cluster.reply(waits).is_none() && !cluster.disk(server).prepared.is_empty());
    cluster.apply(Fault::Recover { node });
    assert!(cluster.run_until(5 * SECOND, |it| it.reply(waits).is_some() && it.reply(op).is_some()));
}

/// Optimistic control blocks nobody: who meets a transaction whose outcome is open aborts.
#[test]
fn with_timestamps_nobody_waits_for_an_open_outcome() {
    let mut cluster = Cluster::new(2, 2, Control::Timestamp, 3);
    cluster.run(5 * MS);
    cluster.ask(0, vec![put("x", 1)]);
    let server = cluster.config.server_of("x");
    assert!(cluster.run_until(SECOND, |it| !it.disk(server).prepared.is_empty()));
    let reply = cluster.run_one(1, vec![get("x")]);
    assert!(matches!(reply, Reply::Aborted { .. } | Reply::Committed { .. }), "{reply:?}");
}
