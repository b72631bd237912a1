//! What kinds of access a workload consists of.
use serde::{Deserialize, Serialize};

use super::keys::Keys;
use crate::sim::invalid::Invalid;
use crate::sim::operation::{Access, Verb};
use crate::sim::rng::Rng;

/// The kinds of access, in proportion to these weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mix {
    /// Read one key.
    pub read: f64,
    /// Overwrite one key.
    pub update: f64,
    /// Write a key that is new.
    pub insert: f64,
    /// Read some keys in order, from one on.
    pub scan: f64,
    /// Read a key and overwrite it, as one step.
    pub read_modify_write: f64,
    /// Move an amount from one key to another.
    pub transfer: f64,
    /// Put a value at the end of a list.
    pub append: f64,
    /// Add one to a counter.
    pub add: f64,
    /// Read a counter.
    pub count: f64,
    /// Take a lock.
    pub acquire: f64,
    /// Give a lock back.
    pub release: f64,
    /// Read who holds a lock.
    pub holder: f64,
    /// Put a value at the end of a queue.
    pub enqueue: f64,
    /// Take the first value of a queue.
    pub dequeue: f64,
    /// Read the first value of a queue.
    pub peek: f64,
    /// The next of the workload's own commands.
    pub command: f64,
}

/// The core workloads of the Yahoo! Cloud Serving Benchmark (Cooper et al. 2010, table 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ycsb {
    /// Update heavy: a session store.
    A,
    /// Read mostly: tags on photos.
    B,
    /// Read only: a cache of profiles.
    C,
    /// Read latest: status updates.
    D,
    /// Short ranges: threaded conversations.
    E,
    /// Read-modify-write: a user database.
    F,
}

impl Ycsb {
    /// Its kinds of access.
    pub fn mix(self) -> Mix {
        let none = Mix::default();
        match self {
            Self::A => Mix { read: 0.5, update: 0.5, ..none },
            Self::B => Mix { read: 0.95, update: 0.05, ..none },
            Self::C => Mix { read: 1.0, ..none },
            Self::D => Mix { read: 0.95, insert: 0.05, ..none },
            Self::E => Mix { scan: 0.95, insert: 0.05, ..none },
            Self::F => Mix { read: 0.5, read_modify_write: 0.5, ..none },
        }
    }

    /// Its keys, of which there are `n` to begin with.
    pub fn keys(self, n: u32) -> Keys {
        match self {
            Self::D => Keys::Latest { n, exponent: 0.99 },
            _ => Keys::Zipf { n, exponent: 0.99 },
        }
    }
}

impl Mix {
    /// Reads with this probability, updates otherwise.
    pub fn reads(probability: f64) -> Self {
        Self { read: probability, update: 1.0 - probability, ..Self::default() }
    }

    /// The kinds with their weights, in the order of declaration.
    fn weights(&self) -> [(Access, &'static str, f64); 16] {
        [
            (Access::Read, "read", self.read),
            (Access::Update, "update", self.update),
            (Access::Insert, "insert", self.insert),
            (Access::Scan, "scan", self.scan),
            (Access::ReadModifyWrite, "read_modify_write", self.read_modify_write),
            (Access::Transfer, "transfer", self.transfer),
            (Access::Only(Verb::Append), "append", self.append),
            (Access::Only(Verb::Add), "add", self.add),
            (Access::Only(Verb::Count), "count", self.count),
            (Access::Only(Verb::Acquire), "acquire", self.acquire),
            (Access::Only(Verb::Release), "release", self.release),
            (Access::Only(Verb::Holder), "holder", self.holder),
            (Access::Only(Verb::Enqueue), "enqueue", self.enqueue),
            (Access::Only(Verb::Dequeue), "dequeue", self.dequeue),
            (Access::Only(Verb::Peek), "peek", self.peek),
            (Access::Only(Verb::Command), "command", self.command),
        ]
    }

    fn total(&self) -> f64 {
        self.weights().iter().map(|(.., weight)| weight).sum()
    }

    /// Whether the weights make sense; the complaint names the first that does not.
    pub fn check(&self) -> Result<(), Invalid> {
        for (_, name, weight) in self.weights() {
            if !(0.0..f64::INFINITY).contains(&weight) {
                return Err(Invalid::new(name, weight, "a finite number, 0 or more"));
            }
        }
        if self.total() > 0.0 && self.total() < f64::INFINITY {
            return Ok(());
        }
        Err(Invalid::new("weights", format_args!("{} in all", self.total()), "a finite sum above 0"))
    }

    /// One of the kinds. The weights must have passed [`check`](Self::check).
    pub(super) fn pick(&self, rng: &mut Rng) -> Access {
        let mut left = rng.unit() * self.total();
        let mut chosen = Access::Read;
        for (access, _, weight) in self.weights() {
            if weight > 0.0 {
                chosen = access;
                if left < weight {
                    break;
                }
                left -= weight;
            }
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::rng::Purpose;
    use crate::sim::workload::tests::check_frequencies;

    #[test]
    fn kinds_come_in_proportion_to_their_weights() {
        let mixes = [Ycsb::A, Ycsb::B, Ycsb::C, Ycsb::D, Ycsb::E, Ycsb::F].map(Ycsb::mix);
        let uneven = Mix {
            read: 3.0,
            update: 2.0,
            insert: 1.0,
            scan: 5.0,
            acquire: 1.5,
            transfer: 0.5,
            ..Mix::default()
        };
        for mix in mixes.into_iter().chain([uneven, Mix::reads(0.9), Mix::reads(0.0)]) {
            mix.check().unwrap();
            let mut rng = Rng::stream(3, Purpose::Workload, 0, 0);
            let mut seen = [0; 16];
            for _ in 0..50_000 {
                let access = mix.pick(&mut rng);
                seen[mix.weights().iter().position(|(kind, ..)| *kind == access).unwrap()] += 1;
            }
            check_frequencies(&seen, &mix.weights().map(|(.., weight)| weight / mix.total()));
        }
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        let cases = [
            (Mix::reads(1.5), "update is -0.5; allowed: a finite number, 0 or more"),
            (Mix { scan: f64::NAN, ..Mix::default() }, "scan is NaN; allowed: a finite number, 0 or more"),
            (Mix::default(), "weights is 0 in all; allowed: a finite sum above 0"),
        ];
        for (mix, complaint) in cases {
            assert_eq!(mix.check().unwrap_err().to_string(), complaint);
        }
    }
}
