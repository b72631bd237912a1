//! Crashes at random, and nothing worse: messages and disks keep their bounds. Then the question whether anything
//! went wrong.
use super::*;
use crate::raft::{dice, each_seed};
use crate::two_phase_commit::storm::judge;
use distlab::protocols::three_phase_commit::Mutant;
use distlab::sim::{DiskModel, Distribution, Network, Rng};

/// What a storm is like.
#[derive(Clone, Copy)]
pub struct Storm {
    pub participants: u32,
    pub rounds: u32,
    pub acks: bool,
    pub partitions: bool,
    pub mutant: Option<Mutant>,
}

impl Default for Storm {
    fn default() -> Self {
        Self { participants: 4, rounds: 60, acks: false, partitions: false, mutant: None }
    }
}

impl Storm {
    /// Lets it rage, then calm down. Afterwards nobody is in doubt, every client has its answers, and the data is
    /// that of the committed transactions; or the first thing that is not so.
    pub fn play(self, seed: u64) -> Result<Cluster, String> {
        let mut dice = dice(seed);
        let mut cluster = self.cluster(seed, &mut dice);
        for _ in 0..self.rounds {
            for _ in 0..1 + dice.below(2) {
                self.strike(&mut cluster, &mut dice)?;
            }
            for _ in 0..dice.below(3) {
                transfer(&mut cluster, &mut dice);
            }
            let pause = if dice.below(4) == 0 { dice.below(900) } else { dice.below(20) } * MS;
            cluster.try_run(pause)?;
        }
        cluster.apply(Fault::Heal);
        for node in (0..cluster.world.nodes().len() as u32).map(NodeId) {
            cluster.world.apply(&Fault::Recover { node }).map_err(|error| error.to_string())?;
        }
        cluster.try_run(10 * SECOND)?;
        let ledgers: Vec<_> = cluster.world.nodes().iter().map(|it| it.disk()).collect();
        judge(&ledgers, cluster.world.history())?;
        Ok(cluster)
    }

    fn cluster(&self, seed: u64, dice: &mut Rng) -> Cluster {
        let sync = [Distribution::Constant(0), Distribution::Uniform { min: 0, max: 5 * MS }];
        let disk = DiskModel { sync: sync[dice.below(2) as usize].clone(), fsync: true };
        let no_per_million = if dice.below(3) == 0 { 100_000 } else { 0 };
        let config = Config { acks: self.acks, mutant: self.mutant, no_per_million, ..Config::default() };
        let network =
            Network { latency: Distribution::Uniform { min: MS, max: 15 * MS }, ..Network::default() };
        let world = sim::Config { seed, disk, network, ..sim::Config::default() };
        Cluster::within(world, self.participants, config)
    }

    /// A node goes down, some of its last messages with it, or comes up.
    fn strike(&self, cluster: &mut Cluster, dice: &mut Rng) -> Result<(), String> {
        let count = cluster.world.nodes().len() as u64;
        let victim = if dice.below(3) == 0 { TC } else { NodeId(dice.below(count) as u32) };
        if self.partitions && dice.below(4) == 0 {
            cluster.apply(Fault::Isolate { node: victim });
        } else if self.partitions && dice.below(3) == 0 {
            cluster.apply(Fault::Heal);
        } else if !cluster.world.node(victim).is_up() {
            cluster.world.apply(&Fault::Recover { node: victim }).map_err(|error| error.to_string())?;
        } else if dice.below(2) == 0 {
            let reached: Vec<_> = (0..count as u32).map(NodeId).filter(|_| dice.below(2) == 0).collect();
            cluster.crash_sending(victim, &reached);
        }
        Ok(())
    }
}

/// Moves two from some account to two other participants', and counts at all how often that was done.
fn transfer(cluster: &mut Cluster, dice: &mut Rng) {
    let n = cluster.participants.len() as u64;
    let stamp = cluster.world.history().ops().len();
    let from = dice.below(n);
    let account: std::sync::Arc<str> = format!("account {}", dice.below(8)).into();
    let part = |at: u64, by: i64| {
        let ops = [
            Op::Add { key: account.clone(), by, least: None },
            Op::Add { key: format!("done {stamp}").into(), by: 1, least: None },
        ];
        Part { node: cluster.participants[at as usize], ops: ops.into() }
    };
    let parts = [part(from, -2), part((from + 1) % n, 1), part((from + 2) % n, 1)].into();
    cluster.world.call(cluster.client, Call::Transact { parts }).unwrap();
}

#[test]
fn it_is_atomic_in_every_storm_of_crashes() {
    each_seed(60, |seed| {
        for acks in [false, true] {
            Storm { acks, ..Storm::default() }.play(seed).unwrap_or_else(|error| panic!("{error}"));
        }
    });
}

#[test]
fn storms_reach_what_they_should() {
    let mut noted = std::collections::BTreeMap::<String, u64>::new();
    for seed in 0..30 {
        let cluster = Storm::default().play(seed).unwrap();
        for (note, count) in &cluster.world.metrics().notes {
            *noted.entry(note.to_string()).or_default() += count;
        }
    }
    for note in ["vote timeout", "missing ack", "gave up", "voted no", "resolve", "poll", "commit", "abort"] {
        assert!(noted.get(note).is_some_and(|it| *it > 2), "hardly ever: {note}; {noted:?}");
    }
}
