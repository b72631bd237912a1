//! Deadlocks: found, prevented, or waited out.
use distlab::check::consistency::Model;
use distlab::protocols::concurrency_control::{Deadlock, Op, Reason, Reply};

use super::{Cluster, DETECT, MS, SECOND, TIMEOUT, add, get, locking, put};
use crate::raft::each_seed;

/// `n` clients, each writes a key of its own and then its neighbour's, on as many servers: a ring.
fn ring(n: u32, deadlock: Deadlock, seed: u64) -> (Cluster, Vec<Reply>) {
    let mut cluster = Cluster::with(
        n,
        n,
        locking(deadlock),
        distlab::sim::Config { seed, ..Default::default() },
        |config| {
            config.placement =
                (0..n).map(|it| (format!("k{it}").into(), config.servers[it as usize])).collect();
        },
    );
    cluster.run(5 * MS);
    let ops: Vec<_> = (0..n)
        .map(|it| {
            cluster.ask(it as usize, vec![put(&format!("k{it}"), 1), put(&format!("k{}", (it + 1) % n), 2)])
        })
        .collect();
    assert!(cluster.run_until(10 * SECOND, |it| ops.iter().all(|op| it.reply(*op).is_some())), "seed {seed}");
    let replies = ops.iter().map(|op| cluster.reply(*op).unwrap().clone()).collect();
    (cluster, replies)
}

fn aborted(replies: &[Reply], why: Reason) -> usize {
    replies.iter().filter(|it| matches!(it, Reply::Aborted { reason, .. } if *reason == why)).count()
}

#[test]
fn every_deadlock_is_found_and_exactly_one_dies() {
    let mut found = 0;
    each_seed(300, |seed| {
        for n in 2..6 {
            let (cluster, replies) = ring(n, DETECT, seed);
            let victims = aborted(&replies, Reason::Deadlock);
            let others = replies.iter().filter(|it| matches!(it, Reply::Aborted { .. })).count() - victims;
            assert_eq!(others, 0, "{replies:?}");
            assert_eq!(cluster.noted("deadlock"), victims as u64);
            assert!(victims <= 1, "seed {seed}: {replies:?}");
        }
    });
    for seed in 0..20 {
        found += aborted(&ring(3, DETECT, seed).1, Reason::Deadlock);
    }
    assert!(found >= 10, "deadlocks come about: {found} of 20");
}

#[test]
fn prevention_lets_no_deadlock_come_about_and_the_oldest_lives() {
    let (mut wounded, mut died) = (0, 0);
    each_seed(200, |seed| {
        for deadlock in [Deadlock::WoundWait, Deadlock::WaitDie] {
            let (_, replies) = ring(4, deadlock, seed);
            assert!(
                matches!(replies[0], Reply::Committed { .. }),
                "of the same age, the first client is the oldest"
            );
        }
    });
    for seed in 0..20 {
        wounded += aborted(&ring(3, Deadlock::WoundWait, seed).1, Reason::Wounded);
        died += aborted(&ring(3, Deadlock::WaitDie, seed).1, Reason::Died);
    }
    assert!(wounded > 5 && died > 5, "{wounded} {died}");
}

#[test]
fn timeouts_end_deadlocks_too() {
    let mut waited = 0;
    for seed in 0..30 {
        waited += aborted(&ring(2, TIMEOUT, seed).1, Reason::Timeout);
    }
    assert!(waited >= 10, "{waited}");
}

/// Two read a key, and then both want to write it.
#[test]
fn an_upgrade_can_deadlock_and_is_resolved() {
    for deadlock in [DETECT, Deadlock::WoundWait, Deadlock::WaitDie, TIMEOUT] {
        for seed in 0..50 {
            let mut cluster = Cluster::new(1, 2, locking(deadlock), seed);
            cluster.run(5 * MS);
            let program = |value| -> Vec<Op> { vec![get("x"), put("x", value)] };
            let ops = [cluster.ask(0, program(1)), cluster.ask(1, program(2))];
            assert!(cluster.run_until(5 * SECOND, |it| ops.iter().all(|op| it.reply(*op).is_some())));
            let committed =
                ops.iter().filter(|op| matches!(cluster.reply(**op), Some(Reply::Committed { .. }))).count();
            assert!(committed >= 1 || deadlock == TIMEOUT, "{deadlock:?}, seed {seed}: both waited as long");
            assert_eq!(cluster.judge(Model::StrictSerializable).ok, Some(true));
        }
    }
}

/// With attempts without end everybody commits at last: an attempt keeps the age of the first, so that it
/// becomes the oldest some time.
#[test]
fn nobody_starves() {
    for deadlock in [DETECT, Deadlock::WoundWait, Deadlock::WaitDie] {
        each_seed(20, |seed| {
            let world = distlab::sim::Config { seed, ..Default::default() };
            let mut cluster = Cluster::with(2, 6, locking(deadlock), world, |it| it.attempts = None);
            cluster.run(5 * MS);
            let mut ops = Vec::new();
            for _ in 0..5 {
                ops.extend((0..6).map(|it| {
                    let (one, other) = if it % 2 == 0 { ("x", "y") } else { ("y", "x") };
                    cluster.ask(it, vec![add(one, 1), add(other, 1)])
                }));
                cluster.run(10 * MS);
            }
            assert!(cluster.run_until(60 * SECOND, |it| ops.iter().all(|op| it.reply(*op).is_some())));
            assert!(cluster.run_until(SECOND, Cluster::at_rest));
            assert_eq!((cluster.value("x"), cluster.value("y")), (30.into(), 30.into()), "{deadlock:?}");
        });
    }
}
