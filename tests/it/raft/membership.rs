//! Who belongs to the cluster, and how that changes under way.
use distlab::machines::membership::Membership;
use distlab::protocols::raft::{Command, ConfEffective, Entry, Msg, Mutant, Timer, Way};
use distlab::sim::{Distribution, Network};

use super::storm::{compaction, final_list, judge};
use super::*;

const TIMEOUT: Time = 300 * MS;

/// `servers` servers of which the first `voters` are the cluster.
fn cluster(servers: u32, voters: u32, seed: u64, change: impl Fn(&mut Config)) -> Cluster {
    Cluster::with(servers, sim::Config { seed, ..sim::Config::default() }, |_, config| {
        config.voters.truncate(voters as usize);
        change(config);
    })
}

fn ids(numbers: impl IntoIterator<Item = u32>) -> Vec<NodeId> {
    numbers.into_iter().map(NodeId).collect()
}

fn change(cluster: &mut Cluster, server: NodeId, voters: &[NodeId], learners: &[NodeId], way: Way) -> OpId {
    let (voters, learners) = (voters.to_vec(), learners.to_vec());
    cluster.world.call(server, Call::ChangeMembership { voters, learners, way }).unwrap()
}

fn reason(cluster: &Cluster, op: OpId) -> String {
    match cluster.reply(op) {
        Some(Reply::Refused { reason }) => reason.to_string(),
        other => format!("{other:?}"),
    }
}

fn done(cluster: &Cluster, op: OpId) -> bool {
    matches!(cluster.reply(op), Some(Reply::Done { .. }))
}

/// Whether these are all the voters there are, and they agree.
fn settled(cluster: &Cluster, voters: &[NodeId]) -> bool {
    let Some(leader) = cluster.leader().filter(|it| voters.contains(it)) else { return false };
    let log = &cluster.disk(leader).log;
    voters.iter().all(|id| {
        let server = cluster.server(*id);
        (cluster.disk(*id).log.last_index(), cluster.disk(*id).log.last_term())
            == (log.last_index(), log.last_term())
            && server.is_some_and(|it| {
                it.applied == log.last_index() && it.membership() == Membership::of(voters.to_vec())
            })
    })
}

#[track_caller]
fn settles(cluster: &mut Cluster, voters: &[NodeId]) {
    let so = |it: &Cluster| settled(it, voters);
    assert!(cluster.run_until(20 * SECOND, so), "{voters:?} do not settle: {}", cluster.describe());
}

/// Scenario M18: all five are replaced by five others at once, under load; nothing acknowledged is lost.
#[test]
fn all_servers_are_replaced_under_load() {
    for seed in 0..10 {
        let mut it = cluster(10, 5, seed, |_| {});
        let client = it.client(|_| {});
        let leader = it.elect();
        it.run(SECOND);
        let new = ids(5..10);
        let mut op = None;
        for value in 0..400 {
            it.execute(client, value);
            if value == 200 {
                op = Some(change(&mut it, leader, &new, &[], Way::Auto));
            }
            it.run(5 * MS);
        }
        assert!(done(&it, op.unwrap()), "{:?}", it.reply(op.unwrap()));
        settles(&mut it, &new);
        ids(0..5).into_iter().for_each(|node| it.crash(node));
        it.run(5 * SECOND);
        it.servers = new.clone();
        assert!(it.world.history().ops().iter().all(|op| op.answer.is_some()));
        assert_eq!(final_list(&it).len(), 400);
        judge(it.world.history(), &final_list(&it)).unwrap();
    }
}

/// Scenario M6: a leader that is not in the new configuration leads until that is committed, without counting.
#[test]
fn a_leader_that_leaves_sees_it_through() {
    each_seed(20, |seed| {
        let mut it = cluster(3, 3, seed, |_| {});
        let leader = it.elect();
        it.run(SECOND);
        let rest: Vec<NodeId> = it.servers.iter().copied().filter(|id| *id != leader).collect();
        let op = change(&mut it, leader, &rest, &[], [Way::Auto, Way::Simple][seed as usize % 2]);
        it.run(100 * MS);
        assert!(done(&it, op) && it.noted("left the cluster") == 1, "{:?}", it.reply(op));
        assert!(!matches!(it.server(leader).unwrap().role, Role::Leader(_)));
        settles(&mut it, &rest);
        it.run(5 * SECOND);
        assert_eq!(it.server(leader).unwrap().role, Role::Follower, "it never runs again");
    });
}

/// Scenario M12: removed servers that never heard of it keep running for leader; a cluster that minds its leader
/// does not care.
#[test]
fn removed_servers_disturb_nobody_who_minds_the_leader() {
    each_seed(10, |seed| {
        let mut it = cluster(5, 5, seed, |config| config.leader_liveness = seed % 2 == 0);
        let leader = it.elect();
        it.run(SECOND);
        let rest: Vec<NodeId> = (0..3).map(|i| NodeId((leader.0 + i) % 5)).collect();
        let gone: Vec<NodeId> = it.servers.iter().copied().filter(|id| !rest.contains(id)).collect();
        gone.iter().for_each(|node| it.apply(Fault::Isolate { node: *node }));
        let op = change(&mut it, leader, &rest, &[], Way::Auto);
        it.run(SECOND);
        assert!(done(&it, op));
        it.apply(Fault::Heal);
        let term = it.disk(leader).term;
        it.run(25 * TIMEOUT);
        if seed % 2 == 0 {
            assert_eq!((it.leader(), it.disk(leader).term), (Some(leader), term));
            assert!(gone.iter().all(|id| it.disk(*id).term >= term + 20));
        } else {
            assert!(it.disk(leader).term > term, "without the rule they depose it");
        }
    });
}

/// Scenarios M14 and M20: one change at a time; whoever comes second is told so.
#[test]
fn a_change_while_another_is_under_way_is_refused() {
    each_seed(20, |seed| {
        let mut it = cluster(6, 3, seed, |_| {});
        let leader = it.elect();
        it.run(SECOND);
        let (one, two) = (ids([0, 1, 2, 3]), ids([3, 4, 5]));
        let first = change(&mut it, leader, &one, &[], Way::Auto);
        let second = change(&mut it, leader, &two, &[], Way::Auto);
        it.run(SECOND);
        assert!(done(&it, first));
        assert_eq!(reason(&it, second), "a change of the configuration is under way");
        settles(&mut it, &one);
        let leader = it.elect();
        let again = change(&mut it, leader, &two, &[], Way::Auto);
        it.run(SECOND);
        assert!(done(&it, again));
        settles(&mut it, &two);
    });
}

#[test]
fn what_cannot_be_asked_for_says_why() {
    let mut it = cluster(6, 3, 1, |_| {});
    let leader = it.elect();
    it.run(SECOND);
    let follower = NodeId((leader.0 + 1) % 3);
    let all = ids([0, 1, 2]);
    let leave = it.world.call(leader, Call::LeaveJoint).unwrap();
    let cases = [
        (change(&mut it, leader, &[], &[], Way::Auto), "removed all voters"),
        (
            change(&mut it, leader, &ids([0, 1, 2, 3, 4]), &[], Way::Simple),
            "more than one voter changed without entering joint config",
        ),
        (change(&mut it, leader, &all, &[NodeId(2)], Way::Auto), "nobody can be voter and learner at once"),
        (leave, "can't leave a non-joint config"),
    ];
    let elsewhere = change(&mut it, follower, &all, &[], Way::Auto);
    it.run(SECOND);
    for (op, want) in cases {
        assert_eq!(reason(&it, op), want);
    }
    assert_eq!(it.reply(elsewhere), Some(&Reply::NotLeader { hint: Some(leader) }));
    let joint = change(&mut it, leader, &ids([0, 1, 2, 3]), &[], Way::Joint);
    it.run(SECOND);
    assert!(done(&it, joint));
    let (again, simple) =
        (change(&mut it, leader, &all, &[], Way::Auto), change(&mut it, leader, &all, &[], Way::Simple));
    it.run(SECOND);
    assert_eq!(reason(&it, again), "config is already joint");
    assert_eq!(reason(&it, simple), "can't apply simple config change in joint config");
}

/// Scenario M5: whoever leads after the joint configuration is committed brings the change to its end.
#[test]
fn a_new_leader_finishes_what_another_began() {
    each_seed(40, |seed| {
        let mut it = cluster(6, 3, seed, |_| {});
        let leader = it.elect();
        it.run(SECOND);
        let new = ids([3, 4, 5]);
        change(&mut it, leader, &new, &[], Way::Auto);
        let joint = |it: &Cluster| it.noted("joint configuration") > 0;
        assert!(it.run_until(SECOND, joint));
        for _ in 0..seed % 4 {
            it.run(MS);
        }
        it.crash(leader);
        it.run(SECOND);
        it.recover(leader);
        let old = ids([0, 1, 2]);
        let so = |it: &Cluster| settled(it, &new) || settled(it, &old);
        assert!(it.run_until(20 * SECOND, so), "stuck: {}", it.describe());
        if it.noted("configuration") > 0 {
            settles(&mut it, &new);
        }
    });
}

/// A configuration that is truncated never was.
#[test]
fn an_uncommitted_configuration_is_rolled_back() {
    each_seed(20, |seed| {
        let mut it = cluster(5, 3, seed, |config| config.catch_up_rounds = 0);
        let leader = it.elect();
        it.run(SECOND);
        it.apply(Fault::Isolate { node: leader });
        change(&mut it, leader, &ids([3, 4]), &[], Way::Auto);
        it.run(2 * SECOND);
        assert!(it.server(leader).unwrap().membership().is_joint());
        let other = it.leader().filter(|it| *it != leader).expect("the others have elected");
        it.propose(other, 1);
        it.run(100 * MS);
        it.apply(Fault::Heal);
        it.run(SECOND);
        assert_eq!(it.server(leader).unwrap().membership(), Membership::of(ids(0..3)));
        assert!(it.noted("configuration rolled back") > 0);
    });
}

/// Scenario M8: a newcomer far behind gets a vote when it has caught up; one that cannot is not let in.
#[test]
fn newcomers_catch_up_before_they_count() {
    for seed in 0..3 {
        let mut it = cluster(4, 3, seed, |config| (config.max_entries, config.max_inflight) = (10, 2));
        let client = it.client(|_| {});
        let leader = it.elect();
        for value in 0..600 {
            it.execute(client, value);
        }
        it.run(5 * SECOND);
        let all = ids(0..4);
        it.apply(Fault::Isolate { node: NodeId(3) });
        let dead = change(&mut it, leader, &all, &[], Way::Simple);
        it.run(1_400 * MS);
        assert_eq!(it.reply(dead), None);
        it.run(200 * MS);
        assert_eq!(reason(&it, dead), "the new servers did not catch up in time");
        assert_eq!(it.server(leader).unwrap().membership(), Membership::of(ids(0..3)));
        it.apply(Fault::Heal);
        let op = change(&mut it, leader, &all, &[], Way::Simple);
        let caught_up = |it: &Cluster| it.noted("caught up") > 0;
        assert!(it.run_until(2 * SECOND, caught_up), "{:?}", it.reply(op));
        assert!(it.disk(NodeId(3)).log.last_index() >= 600, "it has nearly everything when it gets its vote");
        it.run(SECOND);
        assert!(done(&it, op));
        settles(&mut it, &all);
    }
}

/// Scenario M9: let in at once with an empty log, and one of the old ones fails: nothing commits for long.
#[test]
fn a_vote_without_a_log_holds_everybody_up() {
    let stall = |catch_up_rounds: u32| {
        let latency = Distribution::Constant(5 * MS);
        let world = sim::Config {
            seed: 3,
            network: Network { latency, ..Network::default() },
            ..sim::Config::default()
        };
        let mut it = Cluster::with(4, world, |_, config| {
            config.voters.truncate(3);
            (config.catch_up_rounds, config.max_entries, config.max_inflight) = (catch_up_rounds, 2, 1);
        });
        let client = it.client(|_| {});
        let leader = it.elect();
        for value in 0..300 {
            it.execute(client, value);
            it.run(15 * MS);
        }
        it.run(SECOND);
        let asked = change(&mut it, leader, &ids(0..4), &[], Way::Simple);
        let enters = |it: &Cluster| it.noted("configuration") > 0;
        assert!(it.run_until(5 * SECOND, enters), "{:?} {}", it.reply(asked), it.describe());
        it.crash(NodeId((leader.0 + 1) % 3));
        let begun = it.world.now();
        let op = it.execute(client, -1);
        assert!(it.run_until(20 * SECOND, |it| it.reply(op).is_some()));
        it.world.now() - begun
    };
    let (at_once, after) = (stall(0), stall(10));
    assert!(at_once > SECOND && after < TIMEOUT, "{at_once} ns, {after} ns");
}

/// Scenario M10: a learner receives everything, counts for nothing, and never runs; it votes if asked.
#[test]
fn a_learner_listens() {
    let mut it = cluster(3, 3, 6, |config| (config.voters, config.learners) = (ids([0, 1]), ids([2])));
    let leader = it.elect();
    assert!(leader != NodeId(2));
    it.propose(leader, 1);
    it.run(SECOND);
    assert_eq!(it.server(NodeId(2)).unwrap().applied, 2);
    it.world.fire(NodeId(2), &Timer::Election).unwrap();
    it.run(100 * MS);
    assert_eq!(
        (it.noted("candidate"), it.disk(NodeId(2)).term),
        (it.disk(leader).term, it.disk(leader).term)
    );
    it.crash(NodeId(1 - leader.0));
    let op = it.propose(leader, 2);
    it.run(SECOND);
    assert_eq!(it.reply(op), None, "two of three have it, and one of two voters");
    let term = it.disk(leader).term + 1;
    let (last_log_index, last_log_term) = (9, term);
    let msg = Msg::RequestVote { term, last_log_index, last_log_term };
    it.world.inject(NodeId(1 - leader.0), NodeId(2), msg).unwrap();
    it.run(10 * MS);
    assert_eq!(it.disk(NodeId(2)).voted_for, Some(NodeId(1 - leader.0)));
}

/// Scenario M11: what a server of another configuration sends is dealt with like anything else.
#[test]
fn strangers_are_answered() {
    let mut it = cluster(4, 3, 8, |_| {});
    it.elect();
    it.run(SECOND);
    let (voter, stranger) = (NodeId(0), NodeId(3));
    let (term, log) = (it.disk(voter).term + 1, it.disk(voter).log.clone());
    let (last_log_index, last_log_term) = (log.last_index(), log.last_term());
    let asked = Msg::RequestVote { term, last_log_index, last_log_term };
    it.world.inject(stranger, voter, asked).unwrap();
    it.run(2 * MS);
    assert_eq!((it.disk(voter).term, it.disk(voter).voted_for), (term, Some(stranger)));
    let (prev_log_index, prev_log_term, leader_commit) = (last_log_index, last_log_term, 0);
    let entries = vec![Entry { term, command: Command::Noop.into() }].into();
    let sent = Msg::AppendEntries { term, prev_log_index, prev_log_term, entries, leader_commit, round: 0 };
    it.world.inject(stranger, voter, sent).unwrap();
    it.run(2 * MS);
    assert_eq!(it.server(voter).unwrap().leader, Some(stranger));
    assert_eq!(it.disk(voter).log.last_term(), term);
}

/// Scenario M17: the leader is replaced and, while the configuration is joint, hands over to its successor.
#[test]
fn an_office_is_handed_over_while_two_majorities_decide() {
    each_seed(10, |seed| {
        let mut it = cluster(4, 3, seed, |_| {});
        let leader = it.elect();
        it.run(SECOND);
        let new: Vec<NodeId> = it.servers.iter().copied().filter(|id| *id != leader).collect();
        let joint = change(&mut it, leader, &new, &[], Way::Joint);
        it.run(100 * MS);
        assert!(done(&it, joint));
        it.world.call(leader, Call::Transfer { to: NodeId(3) }).unwrap();
        it.run(100 * MS);
        assert_eq!(it.leader(), Some(NodeId(3)));
        let left = it.world.call(NodeId(3), Call::LeaveJoint).unwrap();
        it.run(100 * MS);
        assert!(done(&it, left));
        settles(&mut it, &new);
        it.world.fire(leader, &Timer::Election).unwrap();
        it.run(SECOND);
        assert_eq!(it.server(leader).unwrap().role, Role::Follower);
        assert_eq!(it.leader(), Some(NodeId(3)));
    });
}

/// What goes wrong while the configuration changes all the time, and what that is like.
#[derive(Clone, Copy)]
pub struct Change {
    pub mutant: Option<Mutant>,
    pub conf_effective: ConfEffective,
    /// Whether logs are compacted all the time.
    pub compaction: bool,
}

impl Change {
    /// Changes under crashes, partitions and loss; then calm, and the question whether anything broke.
    pub fn play(self, seed: u64) -> Result<(), String> {
        let mut dice = dice(seed);
        let slow = if dice.below(2) == 0 { 0 } else { 3 * MS };
        let disk = sim::DiskModel { sync: Distribution::Uniform { min: 0, max: slow }, fsync: true };
        let lots = dice.below(16);
        let rounds = [0, 3][dice.below(2) as usize];
        let mut it = Cluster::with(6, sim::Config { seed, disk, ..sim::Config::default() }, |id, config| {
            config.voters.truncate(3);
            if self.compaction {
                config.compaction = compaction(seed + u64::from(id.0));
            }
            (config.mutant, config.conf_effective, config.catch_up_rounds) =
                (self.mutant, self.conf_effective, rounds);
            (config.prevote, config.check_quorum, config.leader_liveness) =
                (lots & 1 > 0, lots & 2 > 0, lots & 4 > 0);
        });
        let clients = [it.client(|_| {}), it.client(|_| {})];
        for value in 0..80 {
            self.strike(&mut it, &mut dice).map_err(|error| error.to_string())?;
            if dice.below(2) == 0 {
                it.execute(clients[dice.below(2) as usize], value);
            }
            let pause = if dice.below(4) == 0 { dice.below(500) } else { dice.below(40) } * MS;
            let until = it.world.now() + pause;
            it.world.run_until(until).map_err(|error| error.to_string())?;
        }
        it.calm();
        self.settle(&mut it)
    }

    fn strike(self, it: &mut Cluster, dice: &mut Rng) -> Result<(), sim::Error> {
        let victim = match it.leader() {
            Some(leader) if dice.below(2) == 0 => leader,
            _ => NodeId(dice.below(6) as u32),
        };
        match dice.below(12) {
            0 => it.world.apply(&Fault::Crash {
                node: victim,
                lose_unsynced: true,
                torn: dice.below(2) == 0,
                corrupt: false,
            })?,
            1..=3 => (0..6).try_for_each(|node| it.world.apply(&Fault::Recover { node: NodeId(node) }))?,
            4 => it.world.apply(&Fault::Isolate { node: victim })?,
            5 => {
                let bits = 1 + dice.below(62);
                let (one, two) = (0..6).map(NodeId).partition(|id| bits >> id.0 & 1 == 1);
                it.world.apply(&Fault::Partition { groups: vec![one, two] })?;
            }
            6 | 7 => it.world.apply(&Fault::Heal)?,
            _ => {
                for leader in it.servers.clone() {
                    let leads = it.server(leader).is_some_and(|it| matches!(it.role, Role::Leader(_)));
                    if leads {
                        self.ask(it, dice, leader)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn ask(self, it: &mut Cluster, dice: &mut Rng, leader: NodeId) -> Result<(), sim::Error> {
        let bits = 1 + dice.below(63);
        let pick = |bits: u64| (0..6).filter(|id| bits >> id & 1 == 1).map(NodeId).collect::<Vec<_>>();
        let learners = pick(dice.below(64) & !bits);
        match dice.below(8) {
            0 => it.world.call(leader, Call::Transfer { to: NodeId(dice.below(6) as u32) })?,
            1 => it.world.call(leader, Call::LeaveJoint)?,
            2..=4 => {
                let mut voters = it.server(leader).unwrap().membership().voters;
                let one = NodeId(dice.below(6) as u32);
                match voters.binary_search(&one) {
                    Ok(at) => drop(voters.remove(at)),
                    Err(at) => voters.insert(at, one),
                }
                it.world
                    .call(leader, Call::ChangeMembership { voters, learners: Vec::new(), way: Way::Simple })?
            }
            lot => {
                let way = if lot == 5 { Way::Joint } else { Way::Auto };
                it.world.call(leader, Call::ChangeMembership { voters: pick(bits), learners, way })?
            }
        };
        Ok(())
    }

    fn settle(self, it: &mut Cluster) -> Result<(), String> {
        for _ in 0..200 {
            let until = it.world.now() + 100 * MS;
            it.world.run_until(until).map_err(|error| error.to_string())?;
            let open = it
                .world
                .history()
                .ops()
                .iter()
                .any(|op| op.answer.is_none() && matches!(op.call, Call::Execute { .. }));
            let Some(leader) = it.leader().filter(|_| !open) else { continue };
            let server = it.server(leader).unwrap();
            let last = it.disk(leader).log.last_index();
            let deciding = server.deciding();
            if server.applied == last
                && deciding.iter().all(|id| it.server(id).is_some_and(|it| it.applied == last))
            {
                it.servers = vec![leader];
                return judge(it.world.history(), &final_list(it));
            }
        }
        Err(format!("no agreement: {}", it.describe()))
    }
}

pub const USUAL: Change = Change { mutant: None, conf_effective: ConfEffective::Append, compaction: false };

/// A client that knows none of the new servers finds them: those who have left send it on.
#[test]
fn a_client_finds_servers_that_came_after_it() {
    for seed in 0..10 {
        let mut it = cluster(6, 3, seed, |_| {});
        let client = it.client(|config| config.servers.truncate(3));
        let leader = it.elect();
        it.execute(client, 1);
        it.run(SECOND);
        let op = change(&mut it, leader, &ids(3..6), &[], Way::Auto);
        it.run(SECOND);
        assert!(done(&it, op));
        let op = it.execute(client, 2);
        assert!(it.run_until(10 * SECOND, |it| it.reply(op).is_some()), "seed {seed}");
    }
}

/// A leader that adopts a configuration may commit by it, in the same step, what the one before could not.
#[test]
fn changes_under_load_are_no_false_alarm() {
    for seed in 0..100 {
        let way = [Way::Auto, Way::Simple][seed as usize % 2];
        let mut it = cluster(6, 5, seed, |config| config.catch_up_rounds = [0, 3][seed as usize / 2 % 2]);
        let clients: Vec<_> = (0..4).map(|_| it.client(|_| {})).collect();
        it.elect();
        for value in 0..400 {
            it.execute(clients[value as usize % 4], value);
            it.run(2 * MS);
            let Some(leader) = it.leader().filter(|_| value % 20 == 0) else { continue };
            let mut voters = it.server(leader).unwrap().membership().voters;
            let one = NodeId(value as u32 / 20 % 6);
            match voters.binary_search(&one) {
                Ok(at) if voters.len() > 2 => drop(voters.remove(at)),
                Ok(_) => {}
                Err(at) => voters.insert(at, one),
            }
            change(&mut it, leader, &voters, &[], way);
        }
    }
}

/// Scenario S13 for membership: any set to any set, by every way, under faults.
#[test]
fn changes_under_faults_lose_nothing() {
    each_seed(150, |seed| USUAL.play(seed).unwrap_or_else(|error| panic!("{error}")));
}

/// A configuration that holds only when it is applied, on servers that forget what was committed: found out.
#[test]
fn a_configuration_that_holds_when_it_is_applied_is_not_safe_here() {
    let apply = Change { conf_effective: ConfEffective::Apply, ..USUAL };
    let found = (0..2_000).find_map(|seed| apply.play(seed).err().map(|why| (seed, why)));
    println!("{found:?}");
    assert!(found.is_some_and(|(_, why)| why.contains("violated")));
}
