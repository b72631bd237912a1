//! Dynamo's three strategies to place partitions, and how even their loads are (SOSP 2007, section 6.2, figure 8).
//!
//! | strategy | tokens | partitions | a partition's copies are on |
//! |---|---|---|---|
//! | 1 | T random ones a node | between tokens: of all sizes | the first N nodes from its end on |
//! | 2 | T random ones a node | Q equal ones | the first N nodes from its end on |
//! | 3 | Q/S a node, by lot | Q equal ones | the first N nodes from its own on |
//!
//! The load of a node is the part of the key space of which it has copies: keys are asked for evenly. The
//! efficiency is the mean load over the highest. Strategy 3 as something that lives, with nodes that join and
//! leave, is [`EqualPartitions`].
mod partitions;

pub use partitions::{EqualPartitions, Error, Move};

use crate::sim::{Invalid, Purpose, Rng};

/// One of the strategies, with what it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Random tokens, partitions between them.
    RandomTokens {
        /// T: tokens a node.
        tokens: u32,
    },
    /// Random tokens, equal partitions.
    FixedPartitions {
        /// T: tokens a node.
        tokens: u32,
        /// Q: partitions in all.
        partitions: u32,
    },
    /// As many partitions a node.
    EqualTokens {
        /// Q: partitions in all.
        partitions: u32,
    },
}

/// Nodes and copies of every key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// S: how many nodes.
    pub nodes: u32,
    /// N: on how many different nodes each key is.
    pub copies: u32,
}

const MOST: u64 = 1 << 26;

impl Cluster {
    /// Whether there are enough nodes for the copies.
    pub fn check(&self) -> Result<(), Invalid> {
        if !(1..=1 << 20).contains(&self.nodes) {
            return Err(Invalid::new("nodes", self.nodes, "from 1 to 2^20"));
        }
        if !(1..=self.nodes).contains(&self.copies) {
            return Err(Invalid::new("copies", self.copies, "from 1 to the number of nodes"));
        }
        Ok(())
    }
}

impl Strategy {
    /// The paper's number.
    pub fn number(self) -> u32 {
        match self {
            Self::RandomTokens { .. } => 1,
            Self::FixedPartitions { .. } => 2,
            Self::EqualTokens { .. } => 3,
        }
    }

    /// Whether the numbers make sense.
    pub fn check(self, cluster: Cluster) -> Result<(), Invalid> {
        cluster.check()?;
        let (tokens, partitions) = match self {
            Self::RandomTokens { tokens } => (Some(tokens), None),
            Self::FixedPartitions { tokens, partitions } => (Some(tokens), Some((partitions, 1))),
            Self::EqualTokens { partitions } => (None, Some((partitions, cluster.nodes))),
        };
        if let Some(tokens) = tokens
            && (tokens == 0 || u64::from(tokens) * u64::from(cluster.nodes) > MOST)
        {
            return Err(Invalid::new("tokens", tokens, "from 1 on, at most 2^26 in all"));
        }
        match partitions {
            Some((partitions, least)) if partitions < least || u64::from(partitions) > MOST => {
                let allowed = "from 1 (with strategy 3, from the number of nodes) to 2^26";
                Err(Invalid::new("partitions", partitions, allowed))
            }
            _ => Ok(()),
        }
    }

    /// The load of every node of that ring: parts of the key space, all copies counted.
    pub fn loads(self, cluster: Cluster, seed: u64, ring: u32) -> Result<Vec<f64>, Invalid> {
        self.check(cluster)?;
        let mut rng = Rng::stream(seed, Purpose::Hashing, 0x0d1a_0000 + self.number(), ring);
        Ok(match self {
            Self::RandomTokens { tokens } => {
                let ring = random_ring(cluster, tokens, &mut rng);
                let owners: Vec<u32> = ring.iter().map(|it| it.1).collect();
                let before = |i: usize| ring[i.checked_sub(1).unwrap_or(ring.len() - 1)].0;
                // A ring of one token is all its own, though token - token is 0.
                let part =
                    |i: usize| if ring.len() == 1 { 1.0 } else { share(ring[i].0.wrapping_sub(before(i))) };
                walk(cluster, &owners, (0..owners.len()).map(|i| (i, part(i))))
            }
            Self::FixedPartitions { tokens, partitions } => {
                let ring = random_ring(cluster, tokens, &mut rng);
                let owners: Vec<u32> = ring.iter().map(|it| it.1).collect();
                let mut next = 0;
                let first = |p: u32| {
                    // The last position of the partition: (p + 1) 2^64 / Q - 1.
                    let end = ((u128::from(p + 1) << 64) / u128::from(partitions) - 1) as u64;
                    while next < ring.len() && ring[next].0 < end {
                        next += 1;
                    }
                    (next % ring.len(), 1.0 / f64::from(partitions))
                };
                walk(cluster, &owners, (0..partitions).map(first))
            }
            Self::EqualTokens { partitions } => {
                let owners = by_lot(cluster.nodes, partitions, &mut rng);
                let part = 1.0 / f64::from(partitions);
                walk(cluster, &owners, (0..owners.len()).map(|i| (i, part)))
            }
        })
    }

    /// Mean load over the highest.
    pub fn efficiency(self, cluster: Cluster, seed: u64, ring: u32) -> Result<f64, Invalid> {
        Ok(efficiency(&self.loads(cluster, seed, ring)?))
    }
}

/// Mean load over the highest.
pub fn efficiency(loads: &[f64]) -> f64 {
    let highest = loads.iter().copied().fold(0.0, f64::max);
    loads.iter().sum::<f64>() / (highest * loads.len() as f64)
}

fn share(width: u64) -> f64 {
    width as f64 / (1u128 << 64) as f64
}

fn random_ring(cluster: Cluster, tokens: u32, rng: &mut Rng) -> Vec<(u64, u32)> {
    let nodes = (0..cluster.nodes).flat_map(|node| std::iter::repeat_n(node, tokens as usize));
    let mut ring: Vec<(u64, u32)> = nodes.map(|node| (rng.next_u64(), node)).collect();
    ring.sort_unstable();
    ring
}

/// A node for each partition, all equally often (or once more), in random order (Fisher and Yates).
pub(super) fn by_lot(nodes: u32, partitions: u32, rng: &mut Rng) -> Vec<u32> {
    let mut order: Vec<u32> = (0..nodes).collect();
    shuffle(&mut order, rng); // Which nodes have one more is drawn too.
    let mut owners: Vec<u32> = (0..partitions).map(|i| order[(i % nodes) as usize]).collect();
    shuffle(&mut owners, rng);
    owners
}

pub(super) fn shuffle<T>(items: &mut [T], rng: &mut Rng) {
    for i in (1..items.len()).rev() {
        items.swap(i, rng.below(i as u64 + 1) as usize);
    }
}

/// Gives each part to the first different nodes from a place on.
fn walk(cluster: Cluster, owners: &[u32], parts: impl Iterator<Item = (usize, f64)>) -> Vec<f64> {
    let mut loads = vec![0.0; cluster.nodes as usize];
    let mut seen = vec![usize::MAX; cluster.nodes as usize];
    for (number, (first, part)) in parts.enumerate() {
        let mut missing = cluster.copies;
        for owner in owners[first..].iter().chain(&owners[..first]) {
            let node = *owner as usize;
            if std::mem::replace(&mut seen[node], number) != number {
                loads[node] += part;
                missing -= 1;
                if missing == 0 {
                    break;
                }
            }
        }
    }
    loads
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAPER: Cluster = Cluster { nodes: 30, copies: 3 };

    /// Mean over rings, and its standard error.
    fn mean(strategy: Strategy, rings: u32) -> (f64, f64) {
        let all: Vec<f64> = (0..rings).map(|ring| strategy.efficiency(PAPER, 7, ring).unwrap()).collect();
        let mean = all.iter().sum::<f64>() / f64::from(rings);
        let variance = all.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / f64::from(rings - 1);
        (mean, (variance / f64::from(rings)).sqrt())
    }

    #[test]
    fn figure_8_strategy_1() {
        let published = [0.521, 0.609, 0.690, 0.759, 0.821, 0.869, 0.909, 0.930, 0.950, 0.960];
        for (i, published) in published.into_iter().enumerate() {
            let (mean, error) = mean(Strategy::RandomTokens { tokens: 2 << i }, 60);
            let allowed = f64::max(3.0 * error, 0.02);
            assert!((mean - published).abs() <= allowed, "T = {}: {mean:.3} +- {error:.3}", 2 << i);
        }
    }

    #[test]
    fn figure_8_strategy_3() {
        let published = [0.861, 0.869, 0.901, 0.920, 0.941, 0.960, 0.971, 0.981, 0.981, 0.990];
        for (i, published) in published.into_iter().enumerate() {
            let (mean, _) = mean(Strategy::EqualTokens { partitions: 60 << i }, 60);
            assert!((mean - published).abs() <= 0.015, "Q = {}: {mean:.3}", 60 << i);
        }
    }

    #[test]
    fn strategy_2_stops_gaining_where_tokens_outnumber_partitions() {
        let at = |tokens| mean(Strategy::FixedPartitions { tokens, partitions: 1000 }, 60).0;
        let (few, more, many) = (at(2), at(16), at(1024));
        assert!(few < more && many < mean(Strategy::RandomTokens { tokens: 1024 }, 60).0);
        // Of Q = 1000 equal partitions, each copy of which falls to a node almost by lot, a node has about
        // 100 +- sqrt(100): the highest of 30 is about two deviations above, and no token helps.
        assert!((0.76..0.90).contains(&many), "{many}");
    }

    /// The definition, slowly: for every small piece of the key space, who holds it?
    #[test]
    fn loads_are_those_of_the_definition() {
        let cluster = Cluster { nodes: 5, copies: 3 };
        for seed in 0..20 {
            let mut rng = Rng::stream(seed, Purpose::Hashing, 0x0d1a_0001, 0);
            let ring = random_ring(cluster, 3, &mut rng);
            let pieces = 1 << 14;
            let mut expected = [0.0; 5];
            for piece in 0..pieces {
                let at = ((2 * piece + 1) as u64) << (64 - 15);
                let mut order: Vec<_> = ring.iter().map(|it| (it.0.wrapping_sub(at), it.1)).collect();
                order.sort_unstable();
                let mut holders = vec![];
                for (_, node) in order {
                    if holders.len() < 3 && !holders.contains(&node) {
                        holders.push(node);
                        expected[node as usize] += 1.0 / f64::from(pieces);
                    }
                }
            }
            let loads = Strategy::RandomTokens { tokens: 3 }.loads(cluster, seed, 0).unwrap();
            for (load, expected) in loads.iter().zip(expected) {
                assert!((load - expected).abs() < 16.0 / f64::from(pieces), "{seed}: {load} {expected}");
            }
        }
    }

    #[test]
    fn loads_add_up_to_the_copies() {
        for (nodes, copies) in [(1, 1), (3, 1), (5, 5), (30, 3)] {
            let cluster = Cluster { nodes, copies };
            for strategy in [
                Strategy::RandomTokens { tokens: 1 },
                Strategy::RandomTokens { tokens: 7 },
                Strategy::FixedPartitions { tokens: 3, partitions: 17 },
                Strategy::FixedPartitions { tokens: 1, partitions: 1 },
                Strategy::EqualTokens { partitions: 31 },
            ] {
                let loads = strategy.loads(cluster, 3, 1).unwrap();
                let sum: f64 = loads.iter().sum();
                assert!((sum - f64::from(copies)).abs() < 1e-9, "{strategy:?} {cluster:?} {sum}");
                assert!(loads.iter().all(|it| *it <= 1.0 + 1e-9));
            }
        }
    }

    #[test]
    fn senseless_numbers_are_refused() {
        let strategy = Strategy::EqualTokens { partitions: 29 };
        assert!(strategy.check(PAPER).unwrap_err().to_string().starts_with("partitions is 29"));
        assert!(Strategy::RandomTokens { tokens: 0 }.check(PAPER).is_err());
        assert!(Strategy::RandomTokens { tokens: u32::MAX }.check(PAPER).is_err());
        assert!(Strategy::RandomTokens { tokens: 1 }.check(Cluster { nodes: 2, copies: 3 }).is_err());
        assert!(Strategy::RandomTokens { tokens: 1 }.check(Cluster { nodes: 0, copies: 0 }).is_err());
    }
}
