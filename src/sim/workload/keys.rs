//! Which keys a workload asks for.
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::sim::invalid::Invalid;
use crate::sim::rng::Rng;

/// A distribution over keys `k0`, `k1`, … The names of YCSB (Cooper et al. 2010) are used where it has one;
/// unlike there, popular keys are not scattered: the lower its number, the more popular a key.
///
/// Inserted keys join the others: they count as the least popular ones, or, for `Latest`, the most.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Keys {
    /// All alike.
    Uniform {
        /// How many keys there are to begin with.
        n: u32,
    },
    /// The i-th key in proportion to `1 / i^exponent`.
    Zipf {
        /// How many keys there are to begin with.
        n: u32,
        /// How much more popular the first ones are; YCSB has 0.99.
        exponent: f64,
    },
    /// Some keys are hot, the rest is not; alike among themselves.
    Hotspot {
        /// How many keys there are to begin with.
        n: u32,
        /// The share of the keys that are hot; at least one is.
        hot_fraction: f64,
        /// How often the key is a hot one.
        hot_probability: f64,
    },
    /// One after the other, and again from the beginning.
    Sequential {
        /// How many keys there are to begin with.
        n: u32,
    },
    /// The last inserted key is the most popular, then the one before it, … as in `Zipf`.
    Latest {
        /// How many keys there are to begin with.
        n: u32,
        /// How much more popular the last ones are; YCSB has 0.99.
        exponent: f64,
    },
}

impl Keys {
    /// The most keys there can be to begin with.
    pub const MOST: u32 = 10_000_000;

    /// How many keys there are to begin with.
    pub const fn n(&self) -> u32 {
        match *self {
            Self::Uniform { n }
            | Self::Zipf { n, .. }
            | Self::Hotspot { n, .. }
            | Self::Sequential { n }
            | Self::Latest { n, .. } => n,
        }
    }

    /// Whether the parameters make sense; the complaint names the first that does not.
    pub fn check(&self) -> Result<(), Invalid> {
        if !(1..=Self::MOST).contains(&self.n()) {
            return Err(Invalid::new("n", self.n(), "a whole number from 1 to 10,000,000"));
        }
        match *self {
            Self::Zipf { exponent, .. } | Self::Latest { exponent, .. }
                if !(0.0..=100.0).contains(&exponent) =>
            {
                Err(Invalid::new("exponent", exponent, "a number from 0 to 100"))
            }
            Self::Hotspot { hot_fraction, .. } if !(0.0..=1.0).contains(&hot_fraction) => {
                Err(Invalid::new("hot_fraction", hot_fraction, "a number from 0 to 1"))
            }
            Self::Hotspot { hot_probability, .. } if !(0.0..=1.0).contains(&hot_probability) => {
                Err(Invalid::new("hot_probability", hot_probability, "a number from 0 to 1"))
            }
            _ => Ok(()),
        }
    }
}

/// Draws keys. Names are made once; a draw allocates nothing.
#[derive(Clone, Debug)]
pub(super) struct KeySource {
    keys: Keys,
    /// Shared between forks; those inserted later come after.
    names: Arc<[Arc<str>]>,
    inserted: Vec<Arc<str>>,
    /// Sums of the first popularities, by rank; empty where all that matters is how many keys there are.
    cumulative: Arc<Vec<f64>>,
    /// The next key of a sequence.
    next: u64,
}

/// What of a source is not implied by its [`Keys`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Position {
    inserted: u64,
    next: u64,
}

impl KeySource {
    /// The keys must have passed [`Keys::check`].
    pub(super) fn new(keys: Keys, at: Position) -> Self {
        let mut source = Self {
            names: (0..u64::from(keys.n())).map(name).collect(),
            inserted: Vec::new(),
            cumulative: Arc::new(Vec::new()),
            next: at.next,
            keys,
        };
        (0..source.names.len()).for_each(|_| source.extend_popularity());
        (0..at.inserted).for_each(|_| drop(source.insert()));
        source
    }

    pub(super) fn position(&self) -> Position {
        Position { inserted: self.inserted.len() as u64, next: self.next }
    }

    /// A key that is there.
    pub(super) fn pick(&mut self, rng: &mut Rng) -> Arc<str> {
        let count = self.count();
        let index = match self.keys {
            Keys::Uniform { .. } => rng.below(count),
            Keys::Zipf { .. } => self.rank(rng),
            Keys::Latest { .. } => count - 1 - self.rank(rng),
            Keys::Hotspot { hot_fraction, hot_probability, .. } => {
                let hot = ((hot_fraction * count as f64).ceil() as u64).clamp(1, count);
                if hot == count || rng.unit() < hot_probability {
                    rng.below(hot)
                } else {
                    hot + rng.below(count - hot)
                }
            }
            Keys::Sequential { .. } => {
                self.next += 1;
                (self.next - 1) % count
            }
        } as usize;
        match index.checked_sub(self.names.len()) {
            None => self.names[index].clone(),
            Some(later) => self.inserted[later].clone(),
        }
    }

    /// A key that is there and is none of `taken`, which are fewer than there are.
    ///
    /// Where hardly any other is ever drawn, it is the one of the lowest number.
    pub(super) fn pick_another(&mut self, rng: &mut Rng, taken: &[Arc<str>]) -> Arc<str> {
        const TRIES: u32 = 100;
        let drawn = (0..TRIES).map(|_| self.pick(rng)).find(|key| !taken.contains(key));
        let rest =
            || self.names.iter().find(|key| !taken.contains(key)).expect("there are enough keys").clone();
        drawn.unwrap_or_else(rest)
    }

    /// A new key, there from now on.
    pub(super) fn insert(&mut self) -> Arc<str> {
        let key = name(self.count());
        self.inserted.push(key.clone());
        self.extend_popularity();
        key
    }

    fn count(&self) -> u64 {
        (self.names.len() + self.inserted.len()) as u64
    }

    /// The popularity of the next rank is added to those there are.
    fn extend_popularity(&mut self) {
        if let Keys::Zipf { exponent, .. } | Keys::Latest { exponent, .. } = self.keys {
            let sums = Arc::make_mut(&mut self.cumulative);
            let rank = (sums.len() + 1) as f64;
            sums.push(sums.last().unwrap_or(&0.0) + libm::pow(rank, -exponent));
        }
    }

    /// How popular the drawn key is: 0 is the most.
    fn rank(&self, rng: &mut Rng) -> u64 {
        let sums = &self.cumulative;
        let drawn = rng.unit() * sums.last().expect("there is a key");
        sums.partition_point(|&sum| sum <= drawn).min(sums.len() - 1) as u64
    }
}

fn name(index: u64) -> Arc<str> {
    format!("k{index}").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::rng::Purpose;
    use crate::sim::workload::tests::check_frequencies;

    fn source(keys: Keys) -> KeySource {
        keys.check().unwrap();
        KeySource::new(keys, Position::default())
    }

    /// Draws from `source` and compares with the probabilities of `k0`, `k1`, …
    fn check(mut source: KeySource, probabilities: &[f64]) {
        let mut rng = Rng::stream(3, Purpose::Workload, 0, 0);
        let mut seen = vec![0; probabilities.len()];
        for _ in 0..50_000 {
            seen[source.pick(&mut rng)[1..].parse::<usize>().unwrap()] += 1;
        }
        check_frequencies(&seen, probabilities);
    }

    fn zipf(n: usize, exponent: f64) -> Vec<f64> {
        let weights: Vec<f64> = (1..=n).map(|rank| (rank as f64).powf(-exponent)).collect();
        let total: f64 = weights.iter().sum();
        weights.iter().map(|weight| weight / total).collect()
    }

    #[test]
    fn keys_are_as_popular_as_they_should_be() {
        check(source(Keys::Uniform { n: 20 }), &[0.05; 20]);
        check(source(Keys::Zipf { n: 50, exponent: 0.99 }), &zipf(50, 0.99));
        check(source(Keys::Zipf { n: 10, exponent: 2.5 }), &zipf(10, 2.5));
        check(source(Keys::Zipf { n: 10, exponent: 0.0 }), &[0.1; 10]);
        let hotspot = [[0.4; 2].as_slice(), &[0.025; 8]].concat();
        check(source(Keys::Hotspot { n: 10, hot_fraction: 0.2, hot_probability: 0.8 }), &hotspot);
        check(source(Keys::Hotspot { n: 4, hot_fraction: 1.0, hot_probability: 0.0 }), &[0.25; 4]);
        let latest: Vec<f64> = zipf(50, 0.99).into_iter().rev().collect();
        check(source(Keys::Latest { n: 50, exponent: 0.99 }), &latest);
    }

    #[test]
    fn inserted_keys_join_the_others() {
        let grown = |keys| {
            let mut source = source(keys);
            let inserted = [(); 5].map(|()| source.insert());
            assert_eq!(inserted.map(|it| it.to_string()), ["k5", "k6", "k7", "k8", "k9"]);
            source
        };
        check(grown(Keys::Uniform { n: 5 }), &[0.1; 10]);
        check(grown(Keys::Zipf { n: 5, exponent: 0.99 }), &zipf(10, 0.99));
        let latest: Vec<f64> = zipf(10, 0.99).into_iter().rev().collect();
        check(grown(Keys::Latest { n: 5, exponent: 0.99 }), &latest);
    }

    #[test]
    fn a_sequence_begins_again_at_its_end() {
        let mut source = source(Keys::Sequential { n: 3 });
        let mut rng = Rng::stream(3, Purpose::Workload, 0, 0);
        let before = rng.clone();
        let mut pick = || source.pick(&mut rng).to_string();
        assert_eq!([(); 5].map(|()| pick()), ["k0", "k1", "k2", "k0", "k1"]);
        assert_eq!(rng, before);
    }

    #[test]
    fn a_source_is_made_again_from_its_position() {
        let mut rng = Rng::stream(3, Purpose::Workload, 0, 0);
        let mut ours = source(Keys::Latest { n: 3, exponent: 1.0 });
        ours.insert();
        let mut again = KeySource::new(ours.keys.clone(), ours.position());
        let mut same = rng.clone();
        let draw =
            |source: &mut KeySource, rng: &mut Rng| (0..50).map(|_| source.pick(rng)).collect::<Vec<_>>();
        assert_eq!(draw(&mut ours, &mut rng), draw(&mut again, &mut same));
        assert_eq!(again.insert().as_ref(), "k4");
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        let cases = [
            (Keys::Uniform { n: 0 }, "n is 0; allowed: a whole number from 1 to 10,000,000"),
            (Keys::Zipf { n: 1, exponent: f64::NAN }, "exponent is NaN; allowed: a number from 0 to 100"),
            (Keys::Latest { n: 1, exponent: -1.0 }, "exponent is -1; allowed: a number from 0 to 100"),
            (
                Keys::Hotspot { n: 1, hot_fraction: 2.0, hot_probability: 0.5 },
                "hot_fraction is 2; allowed: a number from 0 to 1",
            ),
            (
                Keys::Hotspot { n: 1, hot_fraction: 0.2, hot_probability: -0.5 },
                "hot_probability is -0.5; allowed: a number from 0 to 1",
            ),
        ];
        for (keys, complaint) in cases {
            assert_eq!(keys.check().unwrap_err().to_string(), complaint);
        }
    }
}
