//! Raft under a workload and a nemesis that stays within what Raft promises to survive.
use distlab::protocols::raft::ReadMode;
use distlab::sim::workload::{Arrivals, Keys, Workload, Ycsb};
use distlab::sim::{
    self, DiskModel, Distribution, Hazard, Nemesis, Outcome, Probability, Scope, Strike, Time, Weather,
};

use crate::raft::{Cluster, MS, SECOND, each_seed};

const CHAOS: Time = 20 * SECOND;

fn p(p: f64) -> Probability {
    p.try_into().unwrap()
}

/// Every danger that keeps what is durable, one of each about every two seconds.
fn hazards() -> Vec<Hazard> {
    let hazard = |strike, scope| Hazard {
        strike,
        scope,
        every: Distribution::Exponential { mean: 2 * SECOND },
        lasts: Distribution::LogNormal { median: 300 * MS, sigma: 1.0 },
    };
    let delay = Some(Distribution::Exponential { mean: 20 * MS });
    let weather = Weather { loss: p(0.3), duplicate: p(0.3), corrupt: p(0.1), delay };
    let each = Hazard {
        every: Distribution::Exponential { mean: 8 * SECOND },
        ..hazard(Strike::Pause, Scope::Each)
    };
    vec![
        hazard(Strike::Crash { torn: p(0.5) }, Scope::Any),
        hazard(Strike::Crash { torn: p(0.0) }, Scope::Zone),
        each,
        hazard(Strike::Slow { factor: 20.0, extra: MS }, Scope::Any),
        hazard(Strike::Omit { send: p(0.3), receive: p(0.3) }, Scope::Any),
        hazard(Strike::Isolate, Scope::Any),
        hazard(Strike::ClockJump { most: u32::MAX }, Scope::Any),
        hazard(Strike::ClockDrift { most_ppb: 500_000_000 }, Scope::Any),
        hazard(Strike::ClockFreeze, Scope::Any),
        hazard(Strike::DiskSlow { factor: 10.0, extra: 20 * MS }, Scope::Any),
        hazard(Strike::DiskFull, Scope::Any),
        hazard(Strike::Cut { oneway: false }, Scope::Any),
        hazard(Strike::Cut { oneway: true }, Scope::Any),
        hazard(Strike::Weather(weather.clone()), Scope::Any),
        hazard(Strike::Storm(weather), Scope::Any),
        hazard(Strike::Partition, Scope::Any),
    ]
}

/// A cluster under load, and under `hazards` for twenty seconds.
fn under(hazards: Vec<Hazard>, seed: u64) -> Cluster {
    let disk = DiskModel { sync: Distribution::Uniform { min: 0, max: 2 * MS }, fsync: true };
    let mut cluster = Cluster::with(5, sim::Config { seed, disk, ..sim::Config::default() }, |_, _| {});
    let mode = [ReadMode::Log, ReadMode::ReadIndex][seed as usize % 2];
    let clients = [(); 3].map(|()| cluster.client(|config| config.read_mode = mode));
    let (until, keys, mix) = (Some(CHAOS), Keys::Zipf { n: 10, exponent: 0.99 }, Ycsb::A.mix());
    let arrivals = Arrivals::Poisson { rate: 50.0 };
    let load = Workload { arrivals, keys, mix, until, ..Workload::of(clients.to_vec()) };
    cluster.world.load(load).unwrap();

    let zones = vec![cluster.servers[..2].to_vec(), cluster.servers[2..4].to_vec()];
    let nemesis = Nemesis { hazards, zones, until: CHAOS, ..Nemesis::default() };
    for (at, fault) in nemesis.plan(seed, &cluster.servers).unwrap() {
        cluster.world.schedule(at, fault).unwrap();
    }
    cluster
}

/// With every invariant watched; then everything is repaired, and the servers must come to agree, and every
/// client must have its answers.
#[test]
fn raft_survives_what_it_should_and_heals() {
    each_seed(20, |seed| {
        let mut cluster = under(hazards(), seed);
        cluster.run(CHAOS);
        assert!(cluster.world.cuts().is_empty(), "a cut was not repaired");
        cluster.converges();
        let answered = |it: &Cluster| it.world.history().ops().iter().all(|op| op.outcome() == Outcome::Ok);
        assert!(cluster.run_until(20 * SECOND, answered), "a client has no answer");
        assert!(cluster.world.history().ops().len() > 800);
    });
}

/// Disks that lie go beyond what Raft survives: if no invariant is ever seen to break, nothing was tested.
#[test]
fn raft_does_not_survive_disks_that_lie() {
    let often = |strike| Hazard {
        strike,
        scope: Scope::Each,
        every: Distribution::Exponential { mean: SECOND },
        lasts: Distribution::Exponential { mean: SECOND },
    };
    let beyond = vec![often(Strike::DiskLie { probability: p(1.0) }), often(Strike::Crash { torn: p(0.5) })];
    let broken = (0..10).filter(|&seed| under(beyond.clone(), seed).world.run_until(CHAOS).is_err());
    assert!(broken.count() >= 5);
}
