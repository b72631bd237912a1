//! What the disk keeps, and what comes of a disk that does not.
use super::storm::{Storm, final_list};
use super::*;
use distlab::sim::{DiskModel, Distribution};

fn on_slow_disks(servers: u32, seed: u64, sync: Time) -> Cluster {
    let disk = DiskModel { sync: Distribution::Constant(sync), fsync: true };
    Cluster::with(servers, sim::Config { seed, disk, ..sim::Config::default() }, |_, _| {})
}

/// Scenarios P4 and P5: the leader does not wait for its own disk, nor for the slowest of three.
#[test]
fn a_commit_waits_for_the_fastest_majority() {
    let mut cluster = on_slow_disks(3, 3, MS);
    let leader = cluster.elect();
    cluster.run(100 * MS);
    cluster.apply(Fault::DiskSlow { node: leader, factor: 1.0, extra: SECOND });
    let op = cluster.propose(leader, 1);
    cluster.run(20 * MS);
    assert!(matches!(cluster.reply(op), Some(Reply::Done { .. })), "{:?}", cluster.reply(op));
    assert!(!cluster.world.node(leader).is_durable());
    // The leader loses what it had not written, and nothing is lost.
    cluster.crash(leader);
    assert!(cluster.disk(leader).log.last_index() < 2 || cluster.disk(leader).log.entry(2).is_none());
    cluster.recover(leader);
    cluster.converges();
    assert_eq!(final_list(&cluster), [1.into()]);
}

/// Scenario P6 (6.5840 Persist1 to 3): whoever crashes in whatever order, the list goes on in order.
#[test]
fn agreement_goes_on_through_restarts() {
    each_seed(20, |seed| {
        let mut cluster = on_slow_disks(5, seed, MS);
        let client = cluster.client(|_| {});
        let mut dice = dice(seed);
        for value in 0..25 {
            let op = cluster.execute(client, value);
            let node = cluster.servers[dice.below(5) as usize];
            cluster.run(dice.below(20) * MS);
            cluster.apply(Fault::Crash { node, lose_unsynced: true, torn: true, corrupt: false });
            assert!(cluster.run_until(20 * SECOND, |it| it.reply(op).is_some()), "{}", cluster.describe());
            cluster.recover(node);
        }
        cluster.converges();
        assert_eq!(final_list(&cluster), (0..25).map(Into::into).collect::<Vec<sim::Value>>());
    });
}

/// Scenarios P1 to P3, negative: the same storms on servers that do not wait for their disks.
#[test]
fn storms_break_servers_that_skip_fsync() {
    let storm = Storm { fsync: false, servers: 3, ..Storm::default() };
    let broken = (0..50).filter(|seed| storm.play(*seed).is_err()).count();
    assert!(broken >= 5, "only {broken} of 50");
}

/// Beyond what Raft promises to survive, but seen in practice: a server comes back with a blank disk. The
/// leader notices, and fills it again.
#[test]
fn a_wiped_follower_is_filled_again() {
    each_seed(20, |seed| {
        let mut cluster = Cluster::new(5, seed);
        let leader = cluster.elect();
        for value in 0..30 {
            cluster.propose(leader, value);
        }
        cluster.run(SECOND);
        let node = *cluster.servers.iter().find(|id| **id != leader).unwrap();
        cluster.apply(Fault::Wipe { node });
        cluster.recover(node);
        cluster.run(200 * MS);
        assert_eq!(cluster.leader(), Some(leader));
        assert_eq!(cluster.disk(node).log, cluster.disk(leader).log);
    });
}

/// Scenario P8: a crash, and the last record on the disk cannot be read any more. Whoever finds that out neither leads
/// nor votes for a log that may lack what it has lost, so a committed entry survives on the others.
#[test]
fn a_record_that_cannot_be_read_is_not_taken_for_one_that_never_was() {
    each_seed(100, |seed| {
        let storm = Storm { corrupt: true, compaction: seed % 2 == 0, extras: true, ..Storm::default() };
        storm.play(seed).unwrap_or_else(|error| panic!("{error}"));
    });
}

/// The same, slowly: x is on n0 and n1, n1 loses it, n0 is away. n2 lacks it, and is not elected.
#[test]
fn one_damaged_disk_does_not_lose_what_a_majority_had() {
    let mut it = Cluster::new(3, 1);
    let leader = it.elect();
    let others: Vec<NodeId> = it.servers.iter().copied().filter(|id| *id != leader).collect();
    it.apply(Fault::Isolate { node: others[1] });
    it.propose(leader, 1);
    it.run(100 * MS);
    assert_eq!(it.server(leader).unwrap().commit, 2);
    it.crash(leader);
    it.apply(Fault::Crash { node: others[0], lose_unsynced: true, torn: false, corrupt: true });
    assert_eq!(it.disk(others[0]).log.last_index(), 1);
    it.apply(Fault::Heal);
    it.recover(others[0]);
    it.run(10 * SECOND);
    assert_eq!(it.leader(), None, "neither the damaged server nor the one that never had it may lead");
    it.recover(leader);
    it.converges();
    assert_eq!(final_list(&it), [1.into()]);
}
