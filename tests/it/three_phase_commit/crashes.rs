//! Crashes at every moment of a transaction: all agree, and nobody who stays up is blocked.
use super::*;
use distlab::protocols::three_phase_commit::Mutant;

/// When everything that can time out has.
const SETTLED: Time = 3 * SECOND;

/// The coordinator crashes at every half delay, its last broadcast reaching any subset; a second node crashes at any
/// time after that, likewise, and perhaps a third. Whoever is left decides, and all who come back agree.
#[test]
fn survivors_are_never_blocked_and_all_agree() {
    let mut ends = std::collections::BTreeSet::new();
    for half in 0..14 {
        for reached in 0..8u32 {
            for second in 1..=3 {
                for wait in [0, DELAY, 290 * MS, 310 * MS, 395 * MS, 405 * MS, 420 * MS] {
                    let ended = crash_twice(half, reached, NodeId(second), wait);
                    ends.insert((half, ended));
                }
            }
        }
    }
    let at = |want: bool| ends.iter().filter(|(_, committed)| *committed == want).count();
    assert!(at(true) > 3 && at(false) > 3, "{ends:?}");
}

/// Whether the transaction committed.
fn crash_twice(half: u64, reached: u32, second: NodeId, wait: Time) -> bool {
    let context = format!("half delay {half}, reached {reached:#b}, then {second:?} after {} ms", wait / MS);
    let subset: Vec<NodeId> = (1..=3).filter(|i| reached >> (i - 1) & 1 == 1).map(NodeId).collect();
    let mut cluster = Cluster::new(3, Config::default());
    let op = cluster.put(1);
    let run =
        |cluster: &mut Cluster, time| cluster.try_run(time).unwrap_or_else(|why| panic!("{context}: {why}"));
    run(&mut cluster, half * DELAY / 2 + MS);
    cluster.crash_sending(TC, &subset);
    run(&mut cluster, wait);
    cluster.crash_sending(second, &subset);
    run(&mut cluster, SETTLED);
    for id in cluster.participants.clone().iter().filter(|id| **id != second) {
        assert_eq!(cluster.disk(*id).in_doubt().count(), 0, "{context}: {id:?} is blocked");
    }
    cluster.recover(second);
    run(&mut cluster, SETTLED);
    cluster.recover(TC);
    run(&mut cluster, SETTLED);
    let committed = cluster.committed(op).unwrap_or_else(|| panic!("{context}: the client is not told"));
    for id in &cluster.participants {
        let disk = cluster.disk(*id);
        assert!(disk.open.is_empty(), "{context}: {id:?} {disk:?}");
        assert_eq!(disk.values.contains_key("x"), committed, "{context}: {id:?}");
    }
    committed
}

/// Nobody has the pre-commit: nobody can have committed.
#[test]
fn participants_that_all_wait_abort() {
    let mut cluster = Cluster::new(3, Config::default());
    cluster.put(1);
    cluster.run(3 * DELAY - MS); // the votes are under way
    cluster.crash(TC);
    cluster.run(SETTLED);
    assert_eq!(cluster.decisions()[1..], [Some(Decision::Abort); 3]);
}

/// One has it: it is passed on, and all commit.
#[test]
fn one_pre_commit_is_enough_to_commit() {
    let mut cluster = Cluster::new(3, Config::default());
    cluster.put(1);
    cluster.run(3 * DELAY + MS); // the pre-commits are under way
    cluster.crash_sending(TC, &[NodeId(3)]);
    cluster.run(SETTLED);
    assert_eq!(cluster.decisions()[1..], [Some(Decision::Commit); 3]);
    assert!(cluster.noted("precommitted") == 3);
}

/// The one that has it goes down with the coordinator, and the others abort; back again, it must not insist.
#[test]
fn who_has_been_down_asks_and_does_not_decide() {
    let mut cluster = Cluster::new(3, Config::default());
    cluster.put(1);
    cluster.run(3 * DELAY + MS);
    cluster.crash_sending(TC, &[NodeId(3)]);
    cluster.run(DELAY);
    cluster.crash(NodeId(3));
    cluster.run(SETTLED);
    assert_eq!(cluster.decisions()[1..], [Some(Decision::Abort), Some(Decision::Abort), None]);
    // Alone it cannot know.
    [1, 2].into_iter().for_each(|id| cluster.crash(NodeId(id)));
    cluster.recover(NodeId(3));
    cluster.run(SETTLED);
    assert_eq!(cluster.decisions()[3], None);
    cluster.recover(NodeId(1));
    cluster.run(SETTLED);
    assert_eq!(cluster.decisions()[3], Some(Decision::Abort));
}

/// All go down in doubt: once all are up again they know everything there is to know, and resolve.
#[test]
fn after_a_total_failure_all_are_needed() {
    for (when, want) in [(3 * DELAY - MS, Decision::Abort), (4 * DELAY + MS, Decision::Commit)] {
        let mut cluster = Cluster::new(3, Config::default());
        cluster.put(1);
        cluster.run(when);
        (0..=3).for_each(|id| cluster.crash(NodeId(id)));
        cluster.run(SECOND);
        [1, 2].into_iter().for_each(|id| cluster.recover(NodeId(id)));
        cluster.run(SETTLED);
        assert_eq!(cluster.decisions(), [None; 4]);
        cluster.recover(NodeId(3));
        cluster.run(SETTLED);
        assert_eq!(cluster.decisions()[1..], [Some(want); 3]);
        cluster.recover(TC);
        cluster.run(SETTLED);
        assert_eq!(cluster.decisions(), [Some(want); 4]);
    }
}

/// All have voted YES: a participant that does not acknowledge has crashed, and is told when it is back.
#[test]
fn a_missing_acknowledgement_does_not_stop_the_commit() {
    let mut cluster = Cluster::new(3, Config::default());
    let op = cluster.put(1);
    cluster.run(3 * DELAY + MS);
    cluster.crash(NodeId(2));
    cluster.run(SECOND);
    assert_eq!((cluster.committed(op), cluster.noted("missing ack")), (Some(true), 1));
    cluster.recover(NodeId(2));
    cluster.run(SECOND);
    assert_eq!(cluster.decisions(), [Some(Decision::Commit); 4]);
}

/// What goes wrong if the pre-commit is not passed on first: the one that resolves commits and dies, and with it the
/// only other one that knew that all voted YES.
#[test]
fn committing_before_all_know_splits() {
    for (mutant, splits) in [(Some(Mutant::SkipPrecommit), true), (None, false)] {
        let mut cluster = Cluster::new(3, Config { mutant, ..Config::default() });
        cluster.put(1);
        cluster.run(3 * DELAY + MS);
        cluster.crash_sending(TC, &[NodeId(3)]);
        while cluster.noted("resolve") == 0 {
            cluster.run(MS);
        }
        cluster.crash_sending(NodeId(1), &[]);
        cluster.crash_sending(NodeId(3), &[]);
        let end = cluster.try_run(SETTLED);
        assert_eq!(end.is_err_and(|why| why.contains("Agreement")), splits);
    }
}
