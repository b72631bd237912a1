//! Everything that may go wrong, at random, and then the question whether anything did.
use distlab::check::consistency::Model;
use distlab::protocols::concurrency_control::{Control, Mutant, Op};
use distlab::sim::{self, DiskModel, Distribution, Fault, NodeId, Protocol, Rng, Weather};

use super::{CONTROLS, Cluster, MS, append, get, graph, locking, put};
use crate::raft::{dice, each_seed};

/// What a storm is like.
#[derive(Clone, Copy)]
pub struct Storm {
    pub control: Control,
    pub servers: u32,
    pub clients: u32,
    pub keys: u64,
    pub rounds: u32,
    pub mutant: Option<Mutant>,
    /// Whether anything goes wrong but the order of messages.
    pub faults: bool,
}

impl Storm {
    pub const fn of(control: Control) -> Self {
        Self { control, servers: 2, clients: 3, keys: 4, rounds: 25, mutant: None, faults: true }
    }

    /// Lets it rage, then calm down. Afterwards nothing is under way anywhere, and what clients saw is strictly
    /// serializable; or the first thing that is not so.
    pub fn play(self, seed: u64) -> Result<Cluster, String> {
        let mut dice = dice(seed);
        let mut cluster = self.cluster(seed, &mut dice);
        let lists = dice.below(2) == 0;
        let mut value = 0;
        for _ in 0..self.rounds {
            if self.faults {
                let fault = strike(&cluster, &mut dice);
                cluster.world.apply(&fault).map_err(|error| error.to_string())?;
            }
            for _ in 0..dice.below(4) {
                let client = dice.below(u64::from(self.clients)) as usize;
                let ops = self.transaction(&mut dice, lists, &mut value);
                cluster.ask(client, ops);
            }
            let pause = if dice.below(4) == 0 { dice.below(400) } else { dice.below(20) } * MS;
            let until = cluster.world.now() + pause;
            cluster.world.run_until(until).map_err(|error| error.to_string())?;
        }
        cluster.calm();
        self.settle(&mut cluster)?;
        let everything = (0..self.keys).map(|it| get(&key(it))).collect();
        cluster.run_one(0, everything);
        let verdict = cluster.judge(Model::StrictSerializable);
        match verdict.flaw {
            Some(flaw) => Err(format!("{}: {}", flaw.anomaly, flaw.reason)),
            None => Ok(cluster),
        }
    }

    fn cluster(&self, seed: u64, dice: &mut Rng) -> Cluster {
        let sync = [Distribution::Constant(0), Distribution::Uniform { min: 0, max: 4 * MS }];
        let disk = DiskModel { sync: sync[dice.below(2) as usize].clone(), fsync: true };
        let world = sim::Config { seed, disk, ..sim::Config::default() };
        let attempts = [Some(1), Some(3)][dice.below(2) as usize];
        Cluster::with(self.servers, self.clients, self.control, world, |config| {
            (config.mutant, config.attempts) = (self.mutant, attempts);
        })
    }

    fn transaction(&self, dice: &mut Rng, lists: bool, value: &mut i64) -> Vec<Op> {
        let count = 2 + dice.below(2);
        let one = |_| {
            let key = key(dice.below(self.keys));
            if dice.below(2) == 0 {
                return get(&key);
            }
            *value += 1;
            if lists { append(&key, *value) } else { put(&key, *value) }
        };
        (0..count).map(one).collect()
    }

    fn settle(&self, cluster: &mut Cluster) -> Result<(), String> {
        for _ in 0..300 {
            let until = cluster.world.now() + 100 * MS;
            cluster.world.run_until(until).map_err(|error| error.to_string())?;
            if cluster.at_rest() {
                return Ok(());
            }
        }
        let facts = cluster.servers.iter().chain([&cluster.coordinator]).chain(&cluster.clients);
        let facts: Vec<_> =
            facts.map(|id| cluster.world.node(*id).state().map(|it| it.status(cluster.disk(*id)))).collect();
        Err(format!("30 s after the storm something is under way: {facts:?}"))
    }
}

fn key(number: u64) -> String {
    format!("k{number}")
}

/// Something goes wrong, or right again.
fn strike(cluster: &Cluster, dice: &mut Rng) -> Fault {
    let all = || cluster.servers.iter().chain([&cluster.coordinator]).chain(&cluster.clients).copied();
    let everybody: Vec<NodeId> = all().collect();
    let node = everybody[dice.below(everybody.len() as u64) as usize];
    let other = everybody[dice.below(everybody.len() as u64) as usize];
    let per_cent = |it: u64| (it as f64 / 100.0).try_into().unwrap();
    let up = cluster.world.node(node).is_up();
    match dice.below(16) {
        0..=2 if up => Fault::crash(node),
        0..=4 if !up => Fault::Recover { node },
        3 => Fault::Pause { node },
        4 | 5 => Fault::Resume { node },
        6 => Fault::Isolate { node },
        7 | 8 if node != other => Fault::Cut { from: node, to: other, oneway: dice.below(2) == 0 },
        11 => {
            let delay = Some(Distribution::Uniform { min: 0, max: dice.below(80) * MS });
            let (loss, duplicate) = (per_cent(dice.below(40)), per_cent(dice.below(40)));
            Fault::Weather {
                from: None,
                to: None,
                weather: Weather { loss, duplicate, delay, ..Weather::default() },
            }
        }
        12 => Fault::Weather { from: None, to: None, weather: Weather::default() },
        14 => Fault::DiskSlow { node, factor: 1.0, extra: dice.below(50) * MS },
        15 => Fault::DiskSlow { node, factor: 1.0, extra: 0 },
        _ => Fault::Heal,
    }
}

/// What each control promises, in any weather, whoever crashes.
fn check(control: Control, seeds: u64) {
    each_seed(seeds, |seed| {
        let storm = Storm { servers: 1 + (seed % 3) as u32, keys: 2 + seed % 4, ..Storm::of(control) };
        storm.play(seed).unwrap_or_else(|error| panic!("{control:?}: {error}"));
    });
}

macro_rules! storms {
    ($($name:ident: $control:expr,)*) => {
        $(#[test] fn $name() { check($control, 1_000); })*
    };
}

storms! {
    a_batch_whose_cycles_go_whole_is_strictly_serializable: CONTROLS[0],
    validation_one_by_one_is_strictly_serializable: CONTROLS[1],
    a_batch_whose_cycles_lose_the_last_is_strictly_serializable: CONTROLS[2],
    a_batch_whose_cycles_lose_the_fewest_is_strictly_serializable: CONTROLS[3],
    validation_by_timestamps_is_strictly_serializable: CONTROLS[4],
    locking_with_detection_is_strictly_serializable: CONTROLS[5],
    locking_with_wounds_is_strictly_serializable: CONTROLS[6],
    locking_with_deaths_is_strictly_serializable: CONTROLS[7],
    locking_with_timeouts_is_strictly_serializable: CONTROLS[8],
}

/// The storms are no idle wind: transactions commit and abort in them, for many reasons.
#[test]
fn storms_make_transactions_abort_for_every_reason_there_is() {
    use distlab::machines::serial::Policy;
    use distlab::protocols::concurrency_control::Deadlock;
    let cases = [
        (graph(Policy::All, 2 * MS), vec!["abort: stale", "abort: cycle"]),
        (Control::Timestamp, vec!["abort: timestamp", "abort: silent"]),
        (locking(super::DETECT), vec!["abort: deadlock", "abort: lost", "deadlock"]),
        (locking(Deadlock::WoundWait), vec!["abort: wounded", "abort: lost"]),
        (locking(Deadlock::WaitDie), vec!["abort: died", "abort: silent"]),
        (locking(super::TIMEOUT), vec!["abort: timeout", "abort: lost"]),
    ];
    for (control, labels) in cases {
        let all: Vec<Cluster> = (0..30).map(|seed| Storm::of(control).play(seed).unwrap()).collect();
        for label in labels {
            assert!(all.iter().map(|it| it.noted(label)).sum::<u64>() > 0, "{control:?}: no {label}");
        }
    }
}
