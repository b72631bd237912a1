//! The timeout table of the notes, and how long a participant is blocked.
use super::*;
use distlab::sim::{RowKind, Span};

/// In-doubt intervals of a participant, from the trace's notes.
fn in_doubt(cluster: &Cluster, node: NodeId) -> Vec<(Time, Time)> {
    let (mut since, mut found) = (None, Vec::new());
    let trace = cluster.world.trace();
    for row in trace.rows().filter(|row| row.kind == RowKind::Note && row.node == node) {
        match &*trace.labels()[row.label as usize] {
            "in doubt" => since = Some(row.time),
            "committed" | "aborted" => found.extend(since.take().map(|since| (since, row.time))),
            _ => {}
        }
    }
    found
}

/// A coordinator that misses a vote aborts.
#[test]
fn coordinator_without_votes_aborts() {
    let mut cluster = Cluster::new(3, Config::default());
    cluster.run(MS);
    let op = cluster.put(1);
    cluster.run(DELAY);
    cluster.crash(NodeId(3));
    cluster.run(SECOND);
    assert_eq!(cluster.committed(op), Some(false));
    assert_eq!(cluster.latency(op), Some(2 * DELAY + 100 * MS), "start, vote timeout, result");
    let abort = Some(Decision::Abort);
    assert_eq!(cluster.decisions(), [abort, abort, abort, None]);
}

/// A participant that is not asked for its vote aborts alone.
#[test]
fn participant_without_prepare_aborts() {
    let mut cluster = Cluster::new(2, Config::default());
    cluster.run(MS);
    cluster.crash(TC);
    let op = cluster.put(1);
    cluster.run(SECOND);
    let abort = Some(Decision::Abort);
    assert_eq!(cluster.decisions(), [None, abort, abort]);
    assert_eq!(cluster.noted("gave up"), 2);
    cluster.recover(TC);
    cluster.run(SECOND);
    assert_eq!(cluster.committed(op), Some(false), "asked later they vote NO");
}

/// A participant that voted NO has aborted and asks for nothing.
#[test]
fn participant_that_voted_no_is_not_blocked() {
    let mut cluster = Cluster::new(2, Config::default());
    cluster.transact(|_| vec![Op::Refuse]);
    cluster.run(3 * DELAY);
    cluster.crash(TC);
    cluster.run(SECOND);
    assert_eq!(cluster.noted("blocked"), 0);
    assert_eq!(cluster.decisions()[1..], [Some(Decision::Abort); 2]);
}

/// A participant that voted YES is blocked until the coordinator is back, for as long as that takes.
#[test]
fn participant_that_voted_yes_is_blocked_as_long_as_the_coordinator_is_down() {
    let wait = 10 * MS;
    let config = Config { decision_timeout: Span::exactly(wait), ..Config::default() };
    let windows = [1, 2, 5, 10, 20, 50].map(|down| {
        let down = down * SECOND;
        let mut cluster = Cluster::new(3, config.clone());
        cluster.put(1);
        // Down while the votes are under way: nobody but the participants knows of them.
        cluster.run(2 * DELAY + MS);
        cluster.crash(TC);
        cluster.run(down);
        assert!(cluster.noted("blocked") > 0);
        assert_eq!(cluster.decisions(), [None; 4]);
        cluster.recover(TC);
        cluster.run(SECOND);
        assert_eq!(
            cluster.decisions(),
            [Some(Decision::Commit); 4],
            "it resumes, and asks for the votes again"
        );
        let [(from, until)] = in_doubt(&cluster, NodeId(1))[..] else { panic!("one interval") };
        until - from - down
    });
    // A millisecond of doubt before the crash; after it prepare, vote, commit.
    assert!(windows.iter().all(|it| *it == MS + 3 * DELAY), "{windows:?}");
}

/// The others know the decision: with cooperation nobody has to wait for the coordinator.
#[test]
fn cooperation_ends_doubts_where_anybody_knows() {
    for (cooperative, blocked) in [(true, false), (false, true)] {
        let mut cluster = Cluster::new(3, Config { cooperative, ..Config::default() });
        cluster.put(1);
        cluster.apply(Fault::Cut { from: TC, to: NodeId(2), oneway: false });
        cluster.apply(Fault::Mend { from: TC, to: NodeId(2), oneway: false });
        cluster.run(3 * DELAY + MS); // decided; the commits are under way
        cluster.apply(Fault::Cut { from: TC, to: NodeId(2), oneway: false });
        cluster.run(DELAY);
        cluster.crash(TC);
        cluster.run(SECOND);
        let want = if blocked { None } else { Some(Decision::Commit) };
        assert_eq!(cluster.disk(NodeId(2)).decision(cluster.txn(1)), want);
        assert_eq!(cluster.disk(NodeId(1)).decision(cluster.txn(1)), Some(Decision::Commit));
    }
}

/// Nobody has decided, one has not voted: it can still abort, and with cooperation does.
#[test]
fn cooperation_lets_one_who_has_not_voted_abort() {
    let mut cluster = Cluster::new(3, Config { cooperative: true, ..Config::default() });
    cluster.put(1);
    cluster.run(DELAY + MS); // the prepares are under way
    cluster.apply(Fault::Cut { from: TC, to: NodeId(3), oneway: false });
    cluster.run(DELAY);
    cluster.crash(TC);
    cluster.run(SECOND);
    assert_eq!(cluster.decisions()[1..], [Some(Decision::Abort); 3]);
    cluster.apply(Fault::Heal);
    cluster.recover(TC);
    cluster.run(SECOND);
    assert_eq!(cluster.decisions(), [Some(Decision::Abort); 4]);
}

/// All have voted YES and nobody knows: no cooperation helps.
#[test]
fn cooperation_does_not_help_where_nobody_knows() {
    let mut cluster = Cluster::new(3, Config { cooperative: true, ..Config::default() });
    cluster.put(1);
    cluster.run(2 * DELAY + MS);
    cluster.crash(TC);
    cluster.run(10 * SECOND);
    assert_eq!(cluster.decisions(), [None; 4]);
    assert!(cluster.participants.iter().all(|id| cluster.disk(*id).in_doubt().count() == 1));
}
