//! Safety whatever happens, and liveness when it is over.
use super::storm::{Storm, final_list};
use super::*;
use distlab::protocols::raft::{Mutant, ReadMode};
use distlab::sim::{Distribution, Network, Weather};

/// Scenarios S4, S10 and S13: crashes, torn writes, pauses, partitions, loss, duplication, delay, clocks at
/// half to double speed, slow disks; all invariants after every event; then calm.
#[test]
fn storms_break_nothing_and_pass() {
    each_seed(100, |seed| {
        let read_mode = [ReadMode::Log, ReadMode::ReadIndex][seed as usize % 2];
        let storm = Storm { servers: 3 + 2 * (seed as u32 / 2 % 2), read_mode, ..Storm::default() };
        storm.play(seed).unwrap_or_else(|error| panic!("{error}"));
    });
}

/// The same with pre-votes, quorums that are checked and leaders that are minded, in every combination, and
/// with offices that are handed over and leaders that are forgotten.
#[test]
fn storms_over_everything_beyond_the_paper_break_nothing_and_pass() {
    each_seed(100, |seed| {
        let read_mode = [ReadMode::Log, ReadMode::ReadIndex][seed as usize % 2];
        let servers = 3 + 2 * (seed as u32 / 2 % 2);
        let storm = Storm { servers, read_mode, extras: true, ..Storm::default() };
        storm.play(seed).unwrap_or_else(|error| panic!("{error}"));
    });
}

/// Scenarios S2 and S3, as course 6.5840 tests figure 8: proposals everywhere, leaders that crash (or are cut
/// off) soon after, and come back when too few are left; on a network that may lose and delay.
#[derive(Clone, Copy)]
pub struct Figure8 {
    pub rounds: u32,
    /// Whether the network loses and delays, and leaders are cut off and do not crash.
    pub unreliable: bool,
    /// Whether something is proposed all the time, or only now and then: then old entries are alone more often.
    pub eager: bool,
    pub mutant: Option<Mutant>,
}

impl Figure8 {
    pub fn play(self, seed: u64) -> Result<Cluster, String> {
        let world = sim::Config { seed, ..sim::Config::default() };
        let mut cluster = Cluster::with(5, world, |_, config| {
            // As in the figure: what is committed hangs on old entries alone.
            (config.noop, config.max_entries, config.mutant) = (false, 1, self.mutant);
        });
        if self.unreliable {
            let delay = Some(Distribution::Uniform { min: 0, max: 26 * MS });
            let weather = Weather { loss: 0.1.try_into().unwrap(), delay, ..Weather::default() };
            cluster.apply(Fault::Weather { from: None, to: None, weather });
        }
        let (mut dice, mut down) = (dice(seed), Vec::new());
        for round in 0..self.rounds {
            if self.eager || dice.below(3) == 0 {
                for id in cluster.servers.clone() {
                    cluster.propose(id, i64::from(round));
                }
            }
            let longest = self.longest_pause(&mut dice);
            let until = cluster.world.now() + dice.below(longest) * MS;
            cluster.world.run_until(until).map_err(|error| error.to_string())?;
            self.strike(&mut cluster, &mut dice, &mut down)?;
        }
        cluster.calm();
        for _ in 0..20 {
            // Without a no-op only a new command commits the old ones.
            if let Some(leader) = cluster.leader() {
                cluster.propose(leader, -1);
            }
            let until = cluster.world.now() + SECOND;
            cluster.world.run_until(until).map_err(|error| error.to_string())?;
            if cluster.agreed() {
                return Ok(cluster);
            }
        }
        Err(format!("no agreement: {}", cluster.describe()))
    }

    fn longest_pause(self, dice: &mut Rng) -> u64 {
        match (self.eager, dice.below(10)) {
            (true, 0) => 500,
            (true, _) => 13,
            (false, 0..5) => 400,
            (false, _) => 20,
        }
    }

    /// The leader goes; if too few are left, one that went before comes back.
    fn strike(self, cluster: &mut Cluster, dice: &mut Rng, down: &mut Vec<NodeId>) -> Result<(), String> {
        if let Some(node) = cluster.leader().filter(|_| !self.unreliable || dice.below(2) == 0) {
            let fault = if self.unreliable { Fault::Isolate { node } } else { Fault::crash(node) };
            cluster.world.apply(&fault).map_err(|error| error.to_string())?;
            down.push(node);
        }
        if down.len() > 2 {
            let node = down.remove(dice.below(down.len() as u64) as usize);
            cluster.recover(node);
            for other in cluster.servers.clone() {
                if other != node && !down.contains(&other) {
                    cluster.apply(Fault::Mend { from: node, to: other, oneway: false });
                }
            }
        }
        Ok(())
    }
}

#[test]
fn figure_8_in_every_variation_loses_nothing() {
    each_seed(16, |seed| {
        let storm =
            Figure8 { rounds: 250, unreliable: seed % 2 == 1, eager: seed / 2 % 2 == 0, mutant: None };
        storm.play(seed).unwrap_or_else(|error| panic!("{error}")).converges();
    });
}

/// Scenario S5: what reaches no majority is not committed, and its index may be used again.
#[test]
fn a_minority_commits_nothing() {
    each_seed(20, |seed| {
        let mut cluster = Cluster::new(5, seed);
        let leader = cluster.elect();
        cluster.run(100 * MS);
        let committed = cluster.server(leader).unwrap().commit;
        let cut: Vec<NodeId> = cluster.servers.iter().copied().filter(|id| *id != leader).take(3).collect();
        cut.iter().for_each(|node| cluster.apply(Fault::Isolate { node: *node }));
        let op = cluster.propose(leader, 1);
        cluster.run(2 * SECOND);
        assert_eq!((cluster.reply(op), cluster.server(leader).unwrap().commit), (None, committed));
        cluster.apply(Fault::Heal);
        cluster.converges();
        let leader = cluster.elect();
        let op = cluster.propose(leader, 2);
        cluster.run(SECOND);
        assert!(matches!(cluster.reply(op), Some(Reply::Done { .. })), "{:?}", cluster.reply(op));
    });
}

/// Scenario S6: every message arrives twice, and the outcome is that of a network on which none does.
#[test]
fn messages_that_arrive_twice_change_nothing() {
    each_seed(20, |seed| {
        let run = |duplicate: f64| {
            let network = Network { duplicate: duplicate.try_into().unwrap(), ..Network::default() };
            let world = sim::Config { seed, network, ..sim::Config::default() };
            let mut cluster = Cluster::with(3, world, |_, _| {});
            let client = cluster.client(|_| {});
            let mut answers = Vec::new();
            for value in 0..30 {
                let op = cluster.execute(client, value);
                cluster.run_until(SECOND, |it| it.reply(op).is_some());
                answers.push(cluster.reply(op).cloned());
            }
            cluster.converges();
            (answers, final_list(&cluster))
        };
        assert_eq!(run(1.0), run(0.0));
    });
}

/// Scenario S9: after all have crashed, nothing counts as committed before the new term's first commit; then
/// everything is as it was.
#[test]
fn all_crash_and_all_come_back() {
    each_seed(20, |seed| {
        let mut cluster = Cluster::new(5, seed);
        let client = cluster.client(|_| {});
        for value in 0..50 {
            cluster.execute(client, value);
        }
        cluster.run(3 * SECOND);
        let before = final_list(&cluster);
        assert_eq!(before.len(), 50);
        cluster.servers.clone().into_iter().for_each(|node| cluster.crash(node));
        cluster.run(100 * MS); // whatever was on its way arrives nowhere
        cluster.servers.clone().into_iter().for_each(|node| cluster.recover(node));
        cluster.run(MS);
        assert!(cluster.servers.iter().all(|id| cluster.server(*id).unwrap().commit == 0));
        cluster.converges();
        assert_eq!(final_list(&cluster), before);
    });
}

/// Scenario S11, theorem 3.3: the closer the broadcast time comes to the election timeout, the less time
/// there is a leader; never are there two in a term.
#[test]
fn availability_falls_as_broadcast_time_nears_election_timeout() {
    let availability = |round_trip: Time| {
        let (mut led, mut total) = (0, 0);
        for seed in 0..4 {
            let latency = Distribution::Uniform { min: round_trip / 4, max: round_trip * 3 / 4 };
            let network = Network { latency, ..Network::default() };
            let world = sim::Config { seed, network, ..sim::Config::default() };
            let mut cluster = Cluster::with(5, world, |_, _| {});
            for _ in 0..600 {
                cluster.run(100 * MS);
                total += 1;
                // A leader that the majority follows.
                let follows = |leader: NodeId| {
                    let of = |id: &&NodeId| cluster.server(**id).unwrap().leader == Some(leader);
                    cluster.servers.iter().filter(of).count() > 2
                };
                led += u64::from(cluster.servers.iter().any(|id| follows(*id)));
            }
        }
        led * 100 / total
    };
    let per_cent: Vec<u64> = [2, 100, 200, 300, 600].map(|ms| availability(ms * MS)).to_vec();
    assert!(per_cent.windows(2).all(|pair| pair[0] >= pair[1]), "{per_cent:?}");
    assert!(per_cent[0] >= 98 && per_cent[4] <= 20, "{per_cent:?}");
}
