//! How many messages and how many delays a transaction costs, exactly, for any number of participants.
use super::*;
use distlab::sim::Value;

/// Without faults: `work` and `start` come before the protocol and `result` after it; the rest is the law.
#[test]
fn a_commit_costs_three_messages_a_participant_or_four_with_acknowledgements() {
    for presumed_abort in [false, true] {
        for (acks, each) in [(false, 3), (true, 4)] {
            for n in 1..=7 {
                let mut cluster = Cluster::new(n, Config { acks, presumed_abort, ..Config::default() });
                let op = cluster.put(1);
                cluster.run(SECOND);
                assert_eq!(cluster.committed(op), Some(true));
                let law = u64::from(each * n);
                assert_eq!(cluster.world.metrics().sent - u64::from(n) - 2, law, "n = {n}, acks = {acks}");
                assert_eq!(cluster.latency(op), Some(4 * DELAY), "start, prepare, vote, result");
                let all_open = cluster.world.nodes().iter().map(|it| it.disk().open.len()).sum::<usize>();
                assert_eq!(all_open, 0, "nobody is left with work to do");
            }
        }
    }
}

/// With one NO everybody else is told; presumed aborts are not acknowledged.
#[test]
fn an_abort_is_told_to_those_who_do_not_know() {
    for (acks, presumed_abort, each) in
        [(false, false, 3), (true, false, 4), (false, true, 3), (true, true, 3)]
    {
        for n in 1..=7u32 {
            let mut cluster = Cluster::new(n, Config { acks, presumed_abort, ..Config::default() });
            let last = NodeId(n);
            let op = cluster.transact(|node| {
                let put = Op::Put { key: "x".into(), value: 1.into() };
                if node == last { vec![put, Op::Refuse] } else { vec![put] }
            });
            cluster.run(SECOND);
            assert_eq!(cluster.committed(op), Some(false));
            let law = u64::from(2 * n + (each - 2) * (n - 1));
            assert_eq!(cluster.world.metrics().sent - u64::from(n) - 2, law, "n = {n}, acks = {acks}");
            assert!(cluster.participants.iter().all(|id| cluster.disk(*id).values.is_empty()));
        }
    }
}

/// Records are on the way to the client: a participant's vote and the decision, and of a coordinator that does not
/// presume also that it has begun, and the votes that come before the last.
#[test]
fn a_commit_waits_for_the_disk_as_often_as_it_must() {
    let sync = 20 * MS;
    for (presumed_abort, syncs) in [(true, 2), (false, 4)] {
        let disk = sim::DiskModel { sync: Distribution::Constant(sync), fsync: true };
        let world = sim::Config { disk, ..calm(0) };
        let mut cluster = Cluster::within(world, 3, Config { presumed_abort, ..Config::default() }, |_| {});
        cluster.run(SECOND); // the client has put down that it is up
        let op = cluster.put(1);
        cluster.run(SECOND);
        assert_eq!(cluster.latency(op), Some(4 * DELAY + syncs * sync), "presumed_abort = {presumed_abort}");
    }
}

#[test]
fn answers_come_with_the_votes() {
    let mut cluster = Cluster::new(2, Config::default());
    let add = |by: i64| {
        move |node: NodeId| {
            let sign = if node == NodeId(1) { -1 } else { 1 };
            vec![
                Op::Add { key: "account".into(), by: sign * by, least: None },
                Op::Get { key: "account".into() },
            ]
        }
    };
    for by in [3, 4] {
        cluster.transact(add(by));
        cluster.run(SECOND);
    }
    let answers: Vec<_> =
        cluster.world.history().ops().iter().map(|op| op.reply().unwrap().clone()).collect();
    let told =
        |count, values: [Value; 4]| Reply::Committed { txn: cluster.txn(count), answers: values.into() };
    let first = told(1, [Value::Null, (-3).into(), Value::Null, 3.into()]);
    assert_eq!(answers, [first, told(2, [(-3).into(), (-7).into(), 3.into(), 7.into()])]);
}

#[test]
fn conflicts_are_refused_and_nothing_waits() {
    let mut cluster = Cluster::new(3, Config::default());
    let [first, second] = [1, 2].map(|value| cluster.put(value));
    cluster.run(SECOND);
    // The prepares of the first go out first and arrive first: it has all locks.
    assert_eq!((cluster.committed(first), cluster.committed(second)), (Some(true), Some(false)));
    let third = cluster.put(3);
    cluster.run(SECOND);
    assert_eq!(cluster.committed(third), Some(true), "locks are free again");
    assert!(cluster.participants.iter().all(|id| cluster.disk(*id).values["x"] == 3.into()));
}

#[test]
fn questions_that_make_no_sense_are_refused() {
    let mut cluster = Cluster::new(1, Config::default());
    let part = Part { node: NodeId(1), ops: [].into() };
    for (node, parts) in
        [(cluster.client, vec![]), (cluster.client, vec![part.clone(), part.clone()]), (TC, vec![part])]
    {
        let op = cluster.world.call(node, Call::Transact { parts: parts.into() }).unwrap();
        cluster.run(SECOND);
        assert!(matches!(cluster.reply(op), Some(Reply::Refused { .. })));
    }
}
