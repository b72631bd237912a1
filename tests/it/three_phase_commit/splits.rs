//! Where agreement breaks: the notes' rule for a missing acknowledgement, and partitions.
use super::storm::Storm;
use super::*;

/// The notes' wording: a missing acknowledgement aborts. The others have the pre-commit and commit among themselves.
#[test]
fn aborting_on_a_missing_acknowledgement_splits() {
    for (abort_on_missing_ack, splits) in [(true, true), (false, false)] {
        let mut cluster = Cluster::new(3, Config { abort_on_missing_ack, ..Config::default() });
        cluster.put(1);
        cluster.run(3 * DELAY + MS); // the pre-commits are under way
        cluster.crash(NodeId(3));
        cluster.run(100 * MS); // the coordinator decides, and dies before anybody hears of it
        assert!(cluster.disk(TC).decision(cluster.txn()).is_some());
        cluster.crash_sending(TC, &[]);
        let end = cluster.try_run(3 * SECOND);
        assert_eq!(end.is_err_and(|why| why.contains("Agreement")), splits);
    }
}

/// Each side of a partition takes the other for crashed.
#[test]
fn a_partition_splits_the_decision() {
    let mut cluster = Cluster::new(3, Config::default());
    cluster.put(1);
    cluster.run(3 * DELAY + MS); // the pre-commits are under way
    let groups = vec![vec![TC, NodeId(1), cluster.client], vec![NodeId(2), NodeId(3)]];
    cluster.apply(Fault::Partition { groups });
    let why =
        cluster.try_run(3 * SECOND).expect_err("one side has the pre-commit and commits, the other aborts");
    assert!(why.contains("Agreement"), "{why}");
}

/// So does a network that is only slow.
#[test]
fn storms_with_partitions_find_splits() {
    let storm = Storm { partitions: true, ..Storm::default() };
    let found = (0..200).find_map(|seed| storm.play(seed).err().filter(|why| why.contains("Agreement")));
    assert!(found.is_some());
}
