//! Crashes at every moment of a transaction: afterwards all agree, and data is there exactly if it committed.
use super::*;

/// Every node crashes at every half delay, alone, and comes back; acknowledgements or not, presumed or not.
#[test]
fn one_crash_at_any_moment_leaves_agreement() {
    let mut ends = std::collections::BTreeSet::new();
    for (acks, presumed_abort, cooperative) in
        [(false, false, false), (true, false, false), (true, true, false), (false, true, true)]
    {
        let config = Config { acks, presumed_abort, cooperative, ..Config::default() };
        for victim in 0..=3 {
            for half in 0..14 {
                for sync in [0, 3 * MS] {
                    let disk = sim::DiskModel { sync: Distribution::Constant(sync), fsync: true };
                    let world = sim::Config { disk, ..calm(half) };
                    let mut cluster = Cluster::within(world, 3, config.clone(), |_| {});
                    let op = cluster.put(1);
                    cluster.run(half * DELAY / 2 + MS);
                    cluster.crash(NodeId(victim));
                    cluster.run(SECOND);
                    cluster.recover(NodeId(victim));
                    cluster.run(5 * SECOND);
                    let committed = cluster.committed(op).expect("the client is told");
                    ends.insert((victim, committed));
                    let settled = cluster.participants.iter().all(|id| {
                        let disk = cluster.disk(*id);
                        disk.open.is_empty() && disk.values.contains_key("x") == committed
                    });
                    let ledgers: Vec<_> = cluster.world.nodes().iter().map(|it| it.disk()).collect();
                    assert!(settled, "victim {victim}, half delay {half}, {config:?}: {ledgers:#?}");
                }
            }
        }
    }
    assert!((0..=3).all(|victim| ends.contains(&(victim, true)) && ends.contains(&(victim, false))));
}

/// A participant in doubt that comes up again asks for the decision at once, with its keys locked.
#[test]
fn participant_in_doubt_recovers_with_its_locks() {
    let mut cluster = Cluster::new(2, Config::default());
    cluster.put(1);
    cluster.run(2 * DELAY + MS);
    cluster.crash(TC);
    cluster.crash(NodeId(1));
    cluster.run(SECOND);
    cluster.recover(NodeId(1));
    let Some(Node::Participant(participant)) = cluster.world.node(NodeId(1)).state() else {
        panic!("it is up")
    };
    assert_eq!(participant.locks.iter().map(|(key, _)| &**key).collect::<Vec<_>>(), ["x"]);
    cluster.recover(TC);
    cluster.run(SECOND);
    assert_eq!(cluster.decisions(), [Some(Decision::Commit); 3]);
}

/// A coordinator that presumes has no record of what it had not decided: those who ask are told to abort.
#[test]
fn presumed_abort_needs_no_record() {
    let mut cluster = Cluster::new(3, Config { presumed_abort: true, ..Config::default() });
    cluster.put(1);
    cluster.run(2 * DELAY + MS);
    assert!(cluster.disk(TC).open.is_empty() && cluster.disk(TC).settled.is_empty());
    cluster.crash(TC);
    cluster.run(SECOND);
    cluster.recover(TC);
    cluster.run(SECOND);
    assert_eq!(cluster.decisions()[1..], [Some(Decision::Abort); 3]);
    assert_eq!(cluster.noted("no record"), 3);
    assert!(cluster.disk(TC).settled.is_empty());
}

/// A `Start` that arrives again after the coordinator has forgotten what it presumed must not begin anew.
#[test]
fn repeated_start_does_not_revive_what_was_presumed_aborted() {
    let mut cluster = Cluster::new(2, Config { presumed_abort: true, ..Config::default() });
    // Everything but the client's question is lost until the coordinator has aborted, told the client, and crashed.
    for id in cluster.participants.clone() {
        cluster.apply(Fault::Cut { from: TC, to: id, oneway: false });
    }
    let op = cluster.put(1);
    cluster.run(150 * MS);
    assert_eq!(cluster.committed(op), Some(false));
    cluster.crash(TC);
    cluster.recover(TC);
    cluster.apply(Fault::Heal);
    let (txn, participants) = (cluster.txn(1), cluster.participants.iter().copied().collect());
    let start = distlab::protocols::two_phase_commit::Msg::Start { txn, epoch: 1, participants };
    cluster.world.inject(cluster.client, TC, start).unwrap();
    cluster.run(SECOND);
    assert_eq!(cluster.decisions()[1..], [Some(Decision::Abort); 2]);
    assert!(cluster.disk(TC).settled.is_empty());
}

/// A client that crashed never names two transactions alike.
#[test]
fn names_are_not_used_twice() {
    let mut cluster = Cluster::new(1, Config::default());
    for incarnation in 1..=3 {
        cluster.put(1);
        cluster.run(SECOND);
        assert_eq!(
            cluster.disk(TC).decision(Txn::new(cluster.client, incarnation, 1)),
            Some(Decision::Commit)
        );
        cluster.crash(cluster.client);
        cluster.recover(cluster.client);
    }
    assert_eq!(cluster.disk(TC).settled.len(), 3);
}
