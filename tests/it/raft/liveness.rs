//! Pre-votes, quorums that leaders check, leaders that followers mind, and offices that are handed over.
use super::*;
use distlab::protocols::raft::Timer;

const TIMEOUT: Time = 300 * MS;

fn cluster(servers: u32, seed: u64, change: impl Fn(&mut Config)) -> Cluster {
    Cluster::with(servers, sim::Config { seed, ..sim::Config::default() }, |_, config| change(config))
}

fn followers(cluster: &Cluster, leader: NodeId) -> Vec<NodeId> {
    cluster.servers.iter().copied().filter(|id| *id != leader).collect()
}

fn leads(cluster: &Cluster, id: NodeId) -> bool {
    cluster.server(id).is_some_and(|it| matches!(it.role, Role::Leader(_)))
}

fn ask(cluster: &mut Cluster, server: NodeId, call: Call) -> OpId {
    cluster.world.call(server, call).unwrap()
}

/// Scenario T1: who comes back from solitude deposes the leader, unless it asks first.
#[test]
fn who_comes_back_disturbs_nobody_if_it_asks_first() {
    for (prevote, seed) in (0..10).flat_map(|seed| [(true, seed), (false, seed)]) {
        let mut it = cluster(3, seed, |config| config.prevote = prevote);
        let leader = it.elect();
        it.run(SECOND);
        let (lonely, term) = (followers(&it, leader)[0], it.disk(leader).term);
        it.apply(Fault::Isolate { node: lonely });
        it.run(20 * TIMEOUT);
        let risen = it.disk(lonely).term;
        let candidates = it.noted("candidate");
        it.apply(Fault::Heal);
        it.run(2 * SECOND);
        if prevote {
            assert_eq!((risen, it.leader(), it.disk(leader).term), (term, Some(leader), term), "seed {seed}");
            assert_eq!(it.noted("candidate"), candidates);
        } else {
            assert!(risen >= term + 20, "{risen}");
            assert!(it.disk(it.leader().unwrap()).term > risen, "it had to step down");
        }
        it.converges();
    }
}

/// Scenario E13 with pre-votes: everybody alone, and no term passes.
#[test]
fn everybody_alone_and_no_term_passes() {
    let mut it = cluster(3, 5, |config| config.prevote = true);
    let leader = it.elect();
    let term = it.disk(leader).term;
    it.servers.clone().into_iter().for_each(|node| it.apply(Fault::Isolate { node }));
    it.run(10 * SECOND);
    assert!(it.servers.iter().all(|id| it.disk(*id).term == term));
    assert!(it.noted("pre_candidate") > 60);
    it.apply(Fault::Heal);
    it.converges();
}

/// Scenario E12: a leader that checks its quorum steps down within an election timeout.
#[test]
fn a_lonely_leader_steps_down_if_it_looks() {
    for seed in 0..10 {
        let mut it = cluster(5, seed, |config| config.check_quorum = true);
        let leader = it.elect();
        it.run(SECOND);
        assert!(leads(&it, leader), "with a quorum it stays");
        followers(&it, leader)[2..].to_vec().into_iter().for_each(|node| it.apply(Fault::Isolate { node }));
        it.run(SECOND);
        assert!(leads(&it, leader), "three of five are enough");
        it.apply(Fault::Isolate { node: leader });
        let quorums_lost = it.noted("quorum lost");
        it.run(TIMEOUT);
        assert!(!leads(&it, leader) && it.noted("quorum lost") == quorums_lost + 1, "seed {seed}");
        it.apply(Fault::Heal);
        it.converges();
    }
}

/// Scenario M12: a server that does not hear the leader keeps running for leader; nobody minds.
#[test]
fn who_does_not_hear_the_leader_deposes_it_only_where_nobody_minds_it() {
    for minded in [true, false] {
        let mut it = cluster(3, 2, |config| config.leader_liveness = minded);
        let leader = it.elect();
        it.run(SECOND);
        let (deaf, term) = (followers(&it, leader)[0], it.disk(leader).term);
        it.apply(Fault::Cut { from: leader, to: deaf, oneway: true });
        it.run(25 * TIMEOUT);
        assert!(it.disk(deaf).term >= if minded { term + 20 } else { term + 1 });
        assert_eq!(leads(&it, leader) && it.disk(leader).term == term, minded);
        if minded {
            assert!(it.noted("candidate disregarded") >= 40, "by the leader and by the follower");
            it.crash(leader);
            assert!(
                it.run_until(5 * SECOND, |it| it.leader().is_some_and(|id| id != leader)),
                "it is free now"
            );
        }
    }
}

/// Scenario T5: pre-votes of a server that cannot win do not keep the others from electing.
#[test]
fn pre_votes_do_not_reset_anybodys_patience() {
    for seed in 0..10 {
        let mut it = cluster(3, seed, |config| config.prevote = true);
        let leader = it.elect();
        let [behind, other] = followers(&it, leader)[..] else { panic!() };
        it.apply(Fault::Isolate { node: behind });
        it.propose(leader, 1);
        it.run(SECOND);
        it.crash(leader);
        it.apply(Fault::Heal);
        for _ in 0..500 {
            if leads(&it, other) {
                break;
            }
            it.world.fire(behind, &Timer::Election).unwrap(); // much more often than a timeout
            it.run(MS);
        }
        assert!(leads(&it, other) && !leads(&it, behind), "seed {seed}: {}", it.describe());
    }
}

/// Scenario T8: the successor leads the next term in less than an election timeout, caught up if need be, by
/// entries or by a snapshot.
#[test]
fn an_office_is_handed_over_to_whoever_has_the_whole_log() {
    for (seed, lagging, compacted) in
        (0..10).flat_map(|seed| [(seed, false, false), (seed, true, false), (seed, true, true)])
    {
        let mut it = cluster(3, seed, |config| {
            config.compaction.entries = Some(10).filter(|_| compacted);
            config.compaction.chunk = 100;
        });
        let leader = it.elect();
        it.run(SECOND);
        let (to, term) = (followers(&it, leader)[0], it.disk(leader).term);
        if lagging {
            it.apply(Fault::Isolate { node: to });
            for value in 0..20 {
                it.propose(leader, value);
            }
            it.run(100 * MS);
            it.apply(Fault::Heal);
        }
        let (behind, index) = (it.disk(to).log.last_index(), it.disk(leader).log.last_index());
        assert_eq!(behind < index, lagging);
        assert_eq!(it.disk(leader).log.first_index() > behind + 1, compacted);
        let op = ask(&mut it, leader, Call::Transfer { to });
        it.run(150 * MS);
        assert_eq!((it.leader(), it.disk(to).term), (Some(to), term + 1), "seed {seed}, lagging {lagging}");
        assert!(
            matches!(it.reply(op), Some(Reply::Done { term: now, .. }) if *now == term + 1),
            "{:?}",
            it.reply(op)
        );
        it.converges();
    }
}

/// Scenario T9: while it lasts proposals are refused; after an election timeout everything is as before.
#[test]
fn an_office_that_nobody_takes_over_is_kept() {
    let mut it = cluster(3, 4, |_| {});
    let leader = it.elect();
    let dead = followers(&it, leader)[0];
    it.crash(dead);
    it.run(SECOND);
    let client = it.client(|_| {});
    let op = ask(&mut it, leader, Call::Transfer { to: dead });
    let (refused, again) = (it.propose(leader, 1), ask(&mut it, leader, Call::Transfer { to: dead }));
    let executed = it.execute(client, 2);
    it.run(100 * MS);
    let reason = |it: &Cluster, op| match it.reply(op) {
        Some(Reply::Refused { reason }) => reason.to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(reason(&it, refused), "leadership is being handed over");
    assert_eq!(reason(&it, again), "a transfer is under way");
    assert_eq!((it.reply(op), it.reply(executed)), (None, None));
    it.run(60 * MS);
    assert_eq!(reason(&it, op), "the successor was not elected in time");
    let op = it.propose(leader, 3);
    it.run(SECOND);
    assert!(matches!(it.reply(op), Some(Reply::Done { .. })));
    assert!(matches!(it.reply(executed), Some(Reply::Executed { .. })), "clients ask again");
    assert_eq!(it.leader(), Some(leader));
}

#[test]
fn an_office_that_cannot_be_handed_over_says_why() {
    let mut it = cluster(3, 4, |_| {});
    let leader = it.elect();
    it.run(SECOND);
    let follower = followers(&it, leader)[0];
    let to = |to| Call::Transfer { to };
    let asked = [
        (leader, to(leader)),
        (leader, to(NodeId(9))),
        (follower, to(follower)),
        (leader, Call::ForgetLeader),
    ];
    let ops: Vec<OpId> = asked.map(|(server, call)| ask(&mut it, server, call)).to_vec();
    it.run(200 * MS);
    let replies: Vec<Reply> = ops.iter().map(|op| it.reply(*op).unwrap().clone()).collect();
    let refused = |reason: &'static str| Reply::Refused { reason: reason.into() };
    assert_eq!(
        replies,
        [
            refused("it leads already"),
            refused("the successor has no vote"),
            Reply::NotLeader { hint: Some(leader) },
            refused("it leads"),
        ]
    );
}

/// Scenario T11: who was told to run is not disregarded, though everybody hears the leader.
#[test]
fn whom_the_leader_wants_is_voted_for_at_once() {
    for seed in 0..10 {
        let mut it = cluster(5, seed, |config| {
            (config.prevote, config.check_quorum, config.leader_liveness) = (true, true, true);
        });
        let leader = it.elect();
        it.run(SECOND);
        let (to, term) = (followers(&it, leader)[1], it.disk(leader).term);
        let disregarded = it.noted("candidate disregarded");
        ask(&mut it, leader, Call::Transfer { to });
        it.run(100 * MS);
        assert_eq!((it.leader(), it.disk(to).term), (Some(to), term + 1), "seed {seed}");
        assert_eq!(it.noted("candidate disregarded"), disregarded);
    }
}
