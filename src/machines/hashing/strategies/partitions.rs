//! Dynamo's third strategy as something that lives: equal partitions, equally many a node, and nodes come and go.
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Cluster, Strategy, by_lot, shuffle};
use crate::sim::{Invalid, Purpose, Rng};

/// Q equal partitions of which each of S nodes owns Q/S (or one more), whoever joins or leaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Saved")]
pub struct EqualPartitions {
    nodes: Vec<String>,
    owners: Vec<u32>,
    copies: u32,
    rng: Rng,
}

/// What was written down; not yet known to make sense.
#[derive(Deserialize)]
struct Saved {
    nodes: Vec<String>,
    owners: Vec<u32>,
    copies: u32,
    rng: Rng,
}

impl TryFrom<Saved> for EqualPartitions {
    type Error = Error;
    fn try_from(saved: Saved) -> Result<Self, Error> {
        let partitions = u32::try_from(saved.owners.len()).unwrap_or(u32::MAX);
        check(&saved.nodes, partitions, saved.copies)?;
        let Saved { nodes, owners, copies, rng } = saved;
        let found = Self { nodes, owners, copies, rng };
        if found.owners.iter().any(|it| *it as usize >= found.nodes.len()) || found.counts().contains(&0) {
            return Err(Invalid::new("owners", "damaged", "nodes that are there, each at least once").into());
        }
        Ok(found)
    }
}

fn check(nodes: &[String], partitions: u32, copies: u32) -> Result<Cluster, Error> {
    let cluster = Cluster { nodes: u32::try_from(nodes.len()).unwrap_or(u32::MAX), copies };
    Strategy::EqualTokens { partitions }.check(cluster)?;
    let mut names: Vec<&String> = nodes.iter().collect();
    names.sort_unstable();
    match names.windows(2).find(|it| it[0] == it[1]) {
        Some(twice) => Err(Invalid::new("nodes", twice[0], "a name once only").into()),
        None => Ok(cluster),
    }
}

/// What a cluster of partitions refuses.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Error {
    /// A parameter outside of what is allowed.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// There is no such node.
    #[error("no node {name}")]
    Unknown {
        /// Who was asked for.
        name: String,
    },
}

/// A partition that gets another owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// Which.
    pub partition: u32,
    /// Whose it was.
    pub from: String,
    /// Whose it is.
    pub to: String,
}

impl EqualPartitions {
    /// Partitions by lot; each has copies on as many different nodes.
    pub fn new(nodes: Vec<String>, partitions: u32, copies: u32, seed: u64) -> Result<Self, Error> {
        let count = check(&nodes, partitions, copies)?.nodes;
        let mut rng = Rng::stream(seed, Purpose::Hashing, 0x0d1a_0003, u32::MAX);
        let owners = by_lot(count, partitions, &mut rng);
        Ok(Self { nodes, owners, copies, rng })
    }

    /// The nodes, by number.
    pub fn nodes(&self) -> &[String] {
        &self.nodes
    }

    /// Whose each partition is.
    pub fn owners(&self) -> &[u32] {
        &self.owners
    }

    /// On how many nodes each partition is.
    pub fn copies(&self) -> u32 {
        self.copies
    }

    /// The partition of a hash of 64 bits.
    #[inline]
    pub fn partition_of(&self, hash: u64) -> u32 {
        ((u128::from(hash) * self.owners.len() as u128) >> 64) as u32
    }

    /// Partitions each node owns.
    pub fn counts(&self) -> Vec<u32> {
        let mut counts = vec![0; self.nodes.len()];
        for owner in &self.owners {
            counts[*owner as usize] += 1;
        }
        counts
    }

    /// The first `n` different owners from a partition on.
    pub fn holders(&self, partition: u32, n: u32) -> Vec<u32> {
        let mut found = Vec::with_capacity(n as usize);
        let first = partition as usize % self.owners.len();
        for owner in self.owners[first..].iter().chain(&self.owners[..first]) {
            if found.len() == n as usize {
                break;
            }
            if !found.contains(owner) {
                found.push(*owner);
            }
        }
        found
    }

    /// The part of the key space of which each node has copies.
    pub fn loads(&self) -> Vec<f64> {
        let cluster = Cluster { nodes: self.nodes.len() as u32, copies: self.copies };
        let part = 1.0 / self.owners.len() as f64;
        super::walk(cluster, &self.owners, (0..self.owners.len()).map(|i| (i, part)))
    }

    /// A node joins and steals partitions by lot, from those who have most.
    pub fn join(&mut self, name: &str) -> Result<Vec<Move>, Error> {
        if self.nodes.iter().any(|it| it == name) {
            return Err(Invalid::new("node", name, "the name of nobody who is there").into());
        }
        if self.nodes.len() == self.owners.len() {
            return Err(Invalid::new("node", name, "at most as many nodes as partitions").into());
        }
        let joiner = self.nodes.len() as u32;
        self.nodes.push(name.to_owned());
        let wanted = self.owners.len() / self.nodes.len();
        let mut counts = self.counts();
        let mut order: Vec<u32> = (0..self.owners.len() as u32).collect();
        shuffle(&mut order, &mut self.rng);
        let mut moves = Vec::with_capacity(wanted);
        // Who has more than the new share plus one gives first, then whoever has more than the new share.
        for keep in [wanted as u32 + 1, wanted as u32] {
            for partition in &order {
                let owner = &mut self.owners[*partition as usize];
                if moves.len() < wanted && *owner != joiner && counts[*owner as usize] > keep {
                    counts[*owner as usize] -= 1;
                    let from = self.nodes[*owner as usize].clone();
                    moves.push(Move { partition: *partition, from, to: name.to_owned() });
                    *owner = joiner;
                }
            }
        }
        Ok(moves)
    }

    /// A node leaves; its partitions go by lot to those who have fewest.
    pub fn leave(&mut self, name: &str) -> Result<Vec<Move>, Error> {
        let leaver = self.nodes.iter().position(|it| it == name);
        let leaver = leaver.ok_or_else(|| Error::Unknown { name: name.to_owned() })?;
        if self.nodes.len() as u32 <= self.copies {
            return Err(
                Invalid::new("node", name, "one without whom there are as many nodes as copies").into()
            );
        }
        let mut counts = self.counts();
        self.nodes.remove(leaver);
        counts.remove(leaver);
        let mut orphans: Vec<usize> =
            (0..self.owners.len()).filter(|it| self.owners[*it] as usize == leaver).collect();
        shuffle(&mut orphans, &mut self.rng);
        for owner in &mut self.owners {
            *owner -= u32::from(*owner as usize > leaver);
        }
        let mut order: Vec<u32> = (0..counts.len() as u32).collect();
        shuffle(&mut order, &mut self.rng);
        let mut heirs = heirs(&counts, &order, orphans.len(), self.owners.len());
        shuffle(&mut heirs, &mut self.rng);
        let mut moves = Vec::with_capacity(orphans.len());
        for (partition, heir) in orphans.into_iter().zip(heirs) {
            self.owners[partition] = heir;
            let to = self.nodes[heir as usize].clone();
            moves.push(Move { partition: partition as u32, from: name.to_owned(), to });
        }
        moves.sort_unstable_by_key(|it| it.partition);
        Ok(moves)
    }
}

/// Who gets how many of the orphans, one entry each, so that all have `total / nodes` or one more; those who come
/// first in `order` have one more.
fn heirs(counts: &[u32], order: &[u32], orphans: usize, total: usize) -> Vec<u32> {
    let share = (total / counts.len()) as u32;
    let missing = |node: u32| share.saturating_sub(counts[node as usize]) as usize;
    let up_to_share = order.iter().flat_map(|node| std::iter::repeat_n(*node, missing(*node)));
    let one_more = order.iter().copied().filter(|node| counts[*node as usize] <= share);
    up_to_share.chain(one_more).take(orphans).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|i| format!("n{i}")).collect()
    }

    #[test]
    fn everybody_has_his_share_whoever_comes_and_goes() {
        for seed in 0..30 {
            let mut rng = Rng::stream(seed, Purpose::Hashing, 1, 1);
            let partitions = 20 + rng.below(200) as u32;
            let mut table = EqualPartitions::new(names(8), partitions, 3, seed).unwrap();
            for step in 0..40 {
                let before = table.clone();
                let owner = |table: &EqualPartitions, p: usize| table.nodes[table.owners[p] as usize].clone();
                let nodes = table.nodes.len();
                let moves = if nodes > 3 && (nodes == 20 || rng.below(2) == 0) {
                    let who = table.nodes[rng.below(nodes as u64) as usize].clone();
                    let had = before.counts()[before.nodes.iter().position(|it| *it == who).unwrap()];
                    let moves = table.leave(&who).unwrap();
                    assert_eq!(moves.len(), had as usize);
                    moves
                } else {
                    let moves = table.join(&format!("new{step}")).unwrap();
                    assert_eq!(moves.len(), partitions as usize / (nodes + 1));
                    moves
                };
                let counts = table.counts();
                let share = partitions / table.nodes.len() as u32;
                assert!(counts.iter().all(|it| (share..=share + 1).contains(it)), "{counts:?}");
                let moved = |p: usize| moves.iter().find(|it| it.partition as usize == p);
                for p in 0..partitions as usize {
                    match moved(p) {
                        Some(it) => assert_eq!((&it.from, &it.to), (&owner(&before, p), &owner(&table, p))),
                        None => assert_eq!(owner(&before, p), owner(&table, p)),
                    }
                }
            }
        }
    }

    #[test]
    fn a_partition_has_its_copies_on_different_nodes() {
        let table = EqualPartitions::new(names(7), 50, 3, 1).unwrap();
        let mut loads = [0.0; 7];
        for partition in 0..50 {
            let holders = table.holders(partition, 3);
            assert_eq!(holders[0], table.owners[partition as usize]);
            assert!(holders.len() == 3 && holders[1] != holders[2] && !holders[1..].contains(&holders[0]));
            for holder in holders {
                loads[holder as usize] += 1.0 / 50.0;
            }
        }
        for (a, b) in loads.iter().zip(table.loads()) {
            assert!((a - b).abs() < 1e-12);
        }
    }

    #[test]
    fn who_cannot_come_or_go_is_refused_and_nothing_changes() {
        let mut table = EqualPartitions::new(names(3), 4, 3, 1).unwrap();
        assert!(matches!(table.leave("n9"), Err(Error::Unknown { .. })));
        assert!(matches!(table.leave("n1"), Err(Error::Invalid(_))));
        assert!(matches!(table.join("n1"), Err(Error::Invalid(_))));
        table.join("n3").unwrap();
        let before = table.clone();
        assert!(matches!(table.join("n4"), Err(Error::Invalid(_))));
        assert_eq!(table, before);
        assert!(EqualPartitions::new(vec!["a".into(), "a".into()], 4, 1, 1).is_err());
        assert!(EqualPartitions::new(vec![], 4, 1, 1).is_err());
    }

    #[test]
    fn hashes_fall_into_equal_partitions() {
        let table = EqualPartitions::new(names(3), 6, 1, 1).unwrap();
        let at = |part: u128| table.partition_of(((part << 64) / 6) as u64 + u64::from(part > 0));
        assert_eq!([at(0), at(1), at(5), table.partition_of(u64::MAX)], [0, 1, 5, 5]);
    }
}
