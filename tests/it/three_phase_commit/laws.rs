//! How many messages and how many delays a transaction costs, exactly, for any number of participants.
use super::*;
use distlab::sim::Value;

#[test]
fn a_commit_costs_five_messages_a_participant_or_six_with_acknowledgements() {
    for (acks, each) in [(false, 5), (true, 6)] {
        for n in 1..=7 {
            let mut cluster = Cluster::new(n, Config { acks, ..Config::default() });
            let op = cluster.put(1);
            cluster.run(SECOND);
            assert_eq!(cluster.committed(op), Some(true));
            let law = u64::from(each * n);
            assert_eq!(cluster.world.metrics().sent - u64::from(n) - 2, law, "n = {n}, acks = {acks}");
            let (at, _) = cluster.world.op(op).unwrap().answer.as_ref().unwrap();
            assert_eq!(*at, 6 * DELAY, "start, canCommit, vote, preCommit, ack, result");
            assert!(cluster.world.nodes().iter().all(|it| it.disk().open.is_empty()));
        }
    }
}

#[test]
fn one_no_aborts_after_the_first_phase() {
    for n in 1..=7u32 {
        let mut cluster = Cluster::new(n, Config::default());
        let op = cluster.transact(|node| if node == NodeId(n) { vec![Op::Refuse] } else { vec![] });
        cluster.run(SECOND);
        assert_eq!(cluster.committed(op), Some(false));
        assert_eq!(cluster.world.metrics().sent, u64::from(n + 2 + 2 * n + n - 1));
        assert_eq!(cluster.noted("precommitted"), 0);
    }
}

#[test]
fn answers_reach_the_client_even_if_the_coordinator_crashes_before_the_commit() {
    let mut cluster = Cluster::new(2, Config::default());
    let op = cluster.transact(|node| {
        vec![Op::Add { key: "x".into(), by: node.0.into(), least: None }, Op::Get { key: "x".into() }]
    });
    cluster.run(4 * DELAY + MS); // the pre-commits have arrived
    cluster.crash(TC);
    cluster.run(SECOND);
    assert_eq!(cluster.decisions()[1..], [Some(Decision::Commit); 2]);
    cluster.recover(TC);
    cluster.run(SECOND);
    let answers = [Value::Null, 1.into(), Value::Null, 2.into()].into();
    assert_eq!(cluster.reply(op), Some(&Reply::Committed { txn: cluster.txn(), answers }));
}
