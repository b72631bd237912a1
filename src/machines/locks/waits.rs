//! Who waits for whom on all servers together, and who has to die so that the others go on.
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::machines::graph::Digraph;

/// Which member of a deadlock dies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Victim {
    /// The one that came last.
    #[default]
    Youngest,
    /// The one with the fewest locks; of several the youngest.
    FewestLocks,
}

/// A wait-for graph.
///
/// ```
/// use distlab::machines::locks::{Victim, WaitGraph};
/// let mut graph = WaitGraph::default();
/// graph.wait("a", "b");
/// graph.wait("b", "a");
/// graph.wait("c", "a");
/// assert_eq!(graph.victims(Victim::Youngest), ["b"]);
/// ```
#[derive(Clone, Debug)]
pub struct WaitGraph<T> {
    pairs: BTreeSet<(T, T)>,
    locks: BTreeMap<T, u32>,
}

impl<T> Default for WaitGraph<T> {
    fn default() -> Self {
        Self { pairs: BTreeSet::new(), locks: BTreeMap::new() }
    }
}

impl<T: Ord + Copy> WaitGraph<T> {
    /// One waits for another.
    pub fn wait(&mut self, waiter: T, blocker: T) {
        self.pairs.insert((waiter, blocker));
    }

    /// Somebody has so many locks more.
    pub fn locks(&mut self, owner: T, count: u32) {
        *self.locks.entry(owner).or_default() += count;
    }

    /// Who has to die so that no deadlock is left: one of each cycle, as long as there is one.
    pub fn victims(&self, victim: Victim) -> Vec<T> {
        let all: BTreeSet<T> = self.pairs.iter().flat_map(|(a, b)| [*a, *b]).collect();
        let all: Vec<T> = all.into_iter().collect();
        let number = |it: &T| all.binary_search(it).expect("every end is there");
        let mut graph = Digraph::new(all.len());
        self.pairs.iter().for_each(|(a, b)| graph.add(number(a), number(b)));
        let mut victims = Vec::new();
        while let Some(cycle) = graph.cycle() {
            let locks = |it: usize| self.locks.get(&all[it]).copied().unwrap_or(0);
            let chosen = match victim {
                Victim::Youngest => cycle.into_iter().max(),
                Victim::FewestLocks => {
                    cycle.into_iter().min_by_key(|it| (locks(*it), std::cmp::Reverse(*it)))
                }
            }
            .expect("a cycle has members");
            graph = graph.only(|it| it != chosen);
            victims.push(all[chosen]);
        }
        victims
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(pairs: &[(u32, u32)]) -> WaitGraph<u32> {
        let mut graph = WaitGraph::default();
        pairs.iter().for_each(|(a, b)| graph.wait(*a, *b));
        graph
    }

    #[test]
    fn one_of_each_cycle_dies_and_nobody_else() {
        type Case = (&'static [(u32, u32)], &'static [u32]);
        let cases: [Case; 5] = [
            (&[], &[]),
            (&[(1, 2), (2, 3), (1, 3)], &[]),
            (&[(1, 2), (2, 1), (3, 1), (4, 3)], &[2]),
            (&[(1, 2), (2, 1), (3, 4), (4, 3)], &[2, 4]),
            (&[(1, 2), (2, 3), (3, 1), (3, 2)], &[3]),
        ];
        for (pairs, victims) in cases {
            assert_eq!(graph(pairs).victims(Victim::Youngest), victims, "{pairs:?}");
        }
    }

    #[test]
    fn who_has_the_fewest_locks_dies_and_of_several_the_youngest() {
        let mut it = graph(&[(1, 2), (2, 3), (3, 1)]);
        for (owner, count) in [(1, 1), (2, 5), (3, 2)] {
            it.locks(owner, count);
        }
        assert_eq!(it.victims(Victim::FewestLocks), [1]);
        it.locks(1, 1);
        assert_eq!(it.victims(Victim::FewestLocks), [3]);
    }
}
