//! Who leads, when, and how long it takes.
use std::collections::BTreeSet;

use super::*;
use distlab::protocols::raft::Timer;
use distlab::sim::{Distribution, Network, Span};

/// Scenario E6: a timeout is drawn anew each time, from the whole range, and rarely the same for two.
#[test]
fn election_timeouts_are_spread_over_their_range() {
    let mut cluster = Cluster::new(5, 1);
    cluster.run(0);
    let (mut seen, mut conflicts) = (BTreeSet::new(), 0);
    for _ in 0..1_000 {
        let due = |id: &NodeId| {
            let timers = cluster.world.node(*id).timers();
            timers.map(|(_, at)| (at - cluster.world.now()) / (15 * MS)).next().unwrap()
        };
        let ticks: Vec<u64> = cluster.servers.iter().map(due).collect();
        assert!(ticks.iter().all(|tick| (10..=20).contains(tick)), "{ticks:?}");
        let earliest = ticks.iter().min();
        conflicts += u32::from(ticks.iter().filter(|it| Some(*it) == earliest).count() > 1);
        seen.extend(ticks);
        for id in cluster.servers.clone() {
            cluster.world.fire(id, &Timer::Election).unwrap();
        }
    }
    assert!((10..20).all(|tick| seen.contains(&tick)), "{seen:?}");
    assert!(conflicts <= 300, "{conflicts} of 1000 first timeouts are shared");
}

/// Scenario E12: without check-quorum a leader that reaches nobody stays one, and commits nothing.
#[test]
fn a_lonely_leader_stays_and_commits_nothing() {
    let mut cluster = Cluster::new(5, 3);
    let leader = cluster.elect();
    cluster.run(200 * MS);
    let commit = cluster.server(leader).unwrap().commit;
    cluster.apply(Fault::Isolate { node: leader });
    let op = cluster.propose(leader, 1);
    cluster.run(5 * SECOND);
    let server = cluster.server(leader).unwrap();
    assert!(matches!(server.role, Role::Leader(_)));
    assert_eq!((server.commit, cluster.reply(op)), (commit, None));
    assert!(cluster.leader().unwrap() != leader, "the others have another, of a later term");
}

/// Scenario E13: with everybody alone, each timeout is a term.
#[test]
fn everybody_alone_each_timeout_is_a_term() {
    let mut cluster = Cluster::new(3, 5);
    cluster.servers.clone().into_iter().for_each(|node| cluster.apply(Fault::Isolate { node }));
    cluster.run(10 * SECOND);
    assert_eq!(cluster.leader(), None);
    let terms: u64 = cluster.servers.iter().map(|id| cluster.disk(*id).term).sum();
    assert_eq!(terms, cluster.noted("candidate"));
    assert!(terms > 100, "{terms}");
}

/// Scenario E14: seven servers, three of them cut off, ten times over; the four always find a leader.
#[test]
fn a_majority_always_finds_a_leader() {
    each_seed(30, |seed| {
        let mut cluster = Cluster::new(7, seed);
        let mut dice = dice(seed);
        cluster.elect();
        for _ in 0..10 {
            let mut connected = cluster.servers.clone();
            for _ in 0..3 {
                let node = connected.remove(dice.below(connected.len() as u64) as usize);
                cluster.apply(Fault::Isolate { node });
            }
            let leads = |it: &Cluster| connected.iter().any(|id| it.leader() == Some(*id));
            assert!(cluster.run_until(20 * SECOND, leads), "no leader: {}", cluster.describe());
            let roles =
                connected.iter().map(|id| (&cluster.server(*id).unwrap().role, cluster.disk(*id).term));
            let terms: Vec<u64> = roles.filter(|it| matches!(it.0, Role::Leader(_))).map(|it| it.1).collect();
            assert_eq!(terms.iter().collect::<BTreeSet<_>>().len(), terms.len(), "two leaders in a term");
            cluster.apply(Fault::Heal);
        }
        cluster.converges();
    });
}

/// Scenario E16, the paper's figure 16 at "150-150": equal timeouts on an even network never elect; any
/// spread does.
#[test]
fn equal_timeouts_never_elect_and_any_spread_does() {
    for (spread, elects) in [(0, false), (5, true)] {
        let latency = Distribution::Constant(MS);
        let network = Network { latency, ..Network::default() };
        let world = sim::Config { seed: 7, network, ..sim::Config::default() };
        let mut cluster = Cluster::with(3, world, |_, config| {
            config.election_timeout = Span { min: 150 * MS, max: (150 + spread) * MS };
        });
        assert_eq!(cluster.run_until(10 * SECOND, |it| it.leader().is_some()), elects, "{spread} ms");
    }
}

/// Scenario L16, first part: the first election of a calm cluster costs a handful of requests.
#[test]
fn a_first_election_is_one_round() {
    let world = sim::Config { seed: 2, ..sim::Config::default() };
    let mut cluster = Cluster::with(3, world, |id, config| {
        config.election_timeout = Span::exactly((150 + 100 * Time::from(id.0)) * MS);
    });
    cluster.run(160 * MS);
    assert_eq!(cluster.leader(), Some(NodeId(0)));
    assert_eq!(cluster.world.metrics().sent, 2 * (1 + 1) + 2 * (1 + 1), "votes, then the no-op");
    assert_eq!(cluster.noted("candidate"), 1);
}
