//! The lock table of one server.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What a lock allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// To read: others may share it.
    Shared,
    /// To write: nobody else may have it.
    Exclusive,
}

impl Mode {
    /// Whether two owners cannot have these at once.
    pub fn conflicts(self, other: Self) -> bool {
        self == Self::Exclusive || other == Self::Exclusive
    }
}

/// What keeps deadlocks from coming up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prevention {
    /// Nothing.
    #[default]
    Nothing,
    /// Who would make an older one wait dies: only the young wait for the old. Queues are by seniority.
    WoundWait,
    /// Who would have to wait for an older one dies: only the old wait for the young.
    WaitDie,
}

/// Locks, who has them, and who waits for them.
///
/// ```
/// use distlab::machines::locks::{LockTable, Mode, Prevention};
/// let mut table = LockTable::default();
/// let mut ask = |who: u32, mode| table.request(who, &"x".into(), mode, Prevention::WoundWait);
/// assert_eq!(ask(2, Mode::Shared).granted.len(), 1);
/// assert_eq!(ask(3, Mode::Exclusive).granted, []);       // the younger waits
/// let changes = ask(1, Mode::Exclusive);                 // the older does not
/// assert_eq!((changes.killed, changes.granted.len()), (vec![2], 1));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(bound(serialize = "T: Ord + Serialize", deserialize = "T: Ord + Deserialize<'de>"))]
pub struct LockTable<T> {
    locks: BTreeMap<Arc<str>, Lock<T>>,
    /// Those who can no longer be killed: they wait for nothing here.
    pinned: BTreeSet<T>,
}

impl<T> Default for LockTable<T> {
    fn default() -> Self {
        Self { locks: BTreeMap::new(), pinned: BTreeSet::new() }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(bound(serialize = "T: Ord + Serialize", deserialize = "T: Ord + Deserialize<'de>"))]
struct Lock<T> {
    holders: BTreeMap<T, Mode>,
    queue: Vec<(T, Mode)>,
}

/// What a change of the table has brought about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes<T> {
    /// Who has got which lock, in order.
    pub granted: Vec<(T, Arc<str>)>,
    /// Who was killed, to prevent a deadlock: it has lost every lock and waits for none.
    pub killed: Vec<T>,
}

impl<T> Default for Changes<T> {
    fn default() -> Self {
        Self { granted: Vec::new(), killed: Vec::new() }
    }
}

impl<T: Ord + Copy> Lock<T> {
    /// Whom somebody who wants `mode`, with `ahead` before him in the queue, has to wait for.
    fn blockers(&self, owner: T, mode: Mode, ahead: usize) -> impl Iterator<Item = T> + '_ {
        let waiting = self.queue[..ahead].iter().map(|(owner, mode)| (owner, mode));
        let all = self.holders.iter().chain(waiting);
        all.filter(move |(other, held)| **other != owner && mode.conflicts(**held)).map(|(other, _)| *other)
    }

    /// Where somebody new goes in the queue: who upgrades goes before all who do not.
    fn place(&self, owner: T, prevention: Prevention) -> usize {
        let upgrades = |owner: &T| self.holders.contains_key(owner);
        let first = self.queue.iter().position(|(it, _)| !upgrades(it)).unwrap_or(self.queue.len());
        match prevention {
            _ if upgrades(&owner) => first,
            Prevention::WoundWait => {
                let younger = self.queue[first..].iter().position(|(it, _)| *it > owner);
                younger.map_or(self.queue.len(), |at| first + at)
            }
            Prevention::Nothing | Prevention::WaitDie => self.queue.len(),
        }
    }
}

impl<T: Ord + Copy> LockTable<T> {
    /// Somebody wants a lock, or, if he shares it, wants it alone. Asking again changes nothing.
    pub fn request(&mut self, owner: T, key: &Arc<str>, mode: Mode, prevention: Prevention) -> Changes<T> {
        let fresh = || Lock { holders: BTreeMap::new(), queue: Vec::new() };
        let lock = self.locks.entry(key.clone()).or_insert_with(fresh);
        let enough = lock.holders.get(&owner).is_some_and(|held| *held >= mode);
        if !enough && !lock.queue.iter().any(|(it, _)| *it == owner) {
            let at = lock.place(owner, prevention);
            lock.queue.insert(at, (owner, mode));
        }
        self.settle([key.clone()].into(), prevention)
    }

    /// Somebody gives back all his locks, and waits for none.
    pub fn release(&mut self, owner: T, prevention: Prevention) -> Changes<T> {
        let touched = self.remove(owner);
        self.settle(touched, prevention)
    }

    /// Somebody gives back a lock that he shares. Two-phase locking does that only at the end.
    pub fn release_shared(&mut self, owner: T, key: &Arc<str>, prevention: Prevention) -> Changes<T> {
        if let Some(lock) = self.locks.get_mut(key)
            && lock.holders.get(&owner) == Some(&Mode::Shared)
        {
            lock.holders.remove(&owner);
        }
        self.settle([key.clone()].into(), prevention)
    }

    /// Somebody has a lock whoever else has it, as the disk says after a crash.
    pub fn restore(&mut self, owner: T, key: &Arc<str>, mode: Mode) {
        let fresh = || Lock { holders: BTreeMap::new(), queue: Vec::new() };
        let held = self.locks.entry(key.clone()).or_insert_with(fresh).holders.entry(owner).or_insert(mode);
        *held = mode.max(*held);
    }

    /// From now on nobody may kill him: he has all his locks, and others have to wait.
    pub fn pin(&mut self, owner: T) {
        self.pinned.insert(owner);
    }

    /// What somebody has of a lock.
    pub fn held(&self, owner: T, key: &str) -> Option<Mode> {
        self.locks.get(key)?.holders.get(&owner).copied()
    }

    /// How many locks somebody has.
    pub fn count(&self, owner: T) -> usize {
        self.locks.values().filter(|lock| lock.holders.contains_key(&owner)).count()
    }

    /// Whether nobody has or wants anything.
    pub fn is_empty(&self) -> bool {
        self.locks.is_empty()
    }

    /// Who has each lock.
    pub fn holders(&self) -> impl Iterator<Item = (&Arc<str>, &BTreeMap<T, Mode>)> + '_ {
        self.locks.iter().map(|(key, lock)| (key, &lock.holders))
    }

    /// Who waits for whom, in order, each pair once.
    pub fn waits(&self) -> Vec<(T, T)> {
        let mut pairs = Vec::new();
        for lock in self.locks.values() {
            for (at, &(owner, mode)) in lock.queue.iter().enumerate() {
                pairs.extend(lock.blockers(owner, mode, at).map(|blocker| (owner, blocker)));
            }
        }
        pairs.sort_unstable();
        pairs.dedup();
        pairs
    }

    fn remove(&mut self, owner: T) -> BTreeSet<Arc<str>> {
        self.pinned.remove(&owner);
        let mut touched = BTreeSet::new();
        for (key, lock) in &mut self.locks {
            let waited = lock.queue.len();
            lock.queue.retain(|(it, _)| *it != owner);
            if lock.holders.remove(&owner).is_some() || lock.queue.len() < waited {
                touched.insert(key.clone());
            }
        }
        touched
    }

    /// Grants what can be granted and kills who must be, until neither is left to do.
    fn settle(&mut self, mut touched: BTreeSet<Arc<str>>, prevention: Prevention) -> Changes<T> {
        let mut changes = Changes::default();
        while let Some(key) = touched.pop_first() {
            let Some(lock) = self.locks.get_mut(&key) else { continue };
            while let Some(&(owner, mode)) = lock.queue.first()
                && lock.blockers(owner, mode, 0).next().is_none()
            {
                lock.queue.remove(0);
                lock.holders.insert(owner, mode);
                changes.granted.push((owner, key.clone()));
            }
            if lock.holders.is_empty() && lock.queue.is_empty() {
                self.locks.remove(&key);
            } else if let Some(owner) = self.must_die(&key, prevention) {
                touched.extend(self.remove(owner));
                touched.insert(key);
                changes.granted.retain(|(it, _)| *it != owner);
                changes.killed.push(owner);
            }
        }
        changes
    }

    /// Somebody who stands in the way of the rule at a lock.
    fn must_die(&self, key: &str, prevention: Prevention) -> Option<T> {
        let lock = &self.locks[key];
        let mut pairs = lock.queue.iter().enumerate().flat_map(|(at, &(owner, mode))| {
            lock.blockers(owner, mode, at).map(move |blocker| (owner, blocker))
        });
        match prevention {
            Prevention::Nothing => None,
            Prevention::WoundWait => pairs
                .find(|(waiter, blocker)| waiter < blocker && !self.pinned.contains(blocker))
                .map(|(_, blocker)| blocker),
            // Who is pinned waits for nobody, so to wait for him is no danger; but the rule is simple, and kept.
            Prevention::WaitDie => pairs.find(|(waiter, blocker)| waiter > blocker).map(|(waiter, _)| waiter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machines::graph::Digraph;
    use crate::sim::{Purpose, Rng};

    const ALL: [Prevention; 3] = [Prevention::Nothing, Prevention::WoundWait, Prevention::WaitDie];

    fn key(name: u64) -> Arc<str> {
        format!("k{name}").into()
    }

    /// What must hold of every table.
    fn check(table: &LockTable<u32>, prevention: Prevention) {
        for (name, lock) in &table.locks {
            let alone = lock.holders.values().any(|mode| *mode == Mode::Exclusive);
            assert!(!alone || lock.holders.len() == 1, "{name} is shared and exclusive: {table:?}");
            if let Some(&(owner, mode)) = lock.queue.first() {
                assert!(lock.blockers(owner, mode, 0).next().is_some(), "{name}: {owner} waits for nobody");
            }
            assert!(!lock.holders.is_empty() || !lock.queue.is_empty(), "{name} is kept for nobody");
        }
        for (waiter, blocker) in table.waits() {
            match prevention {
                Prevention::Nothing => {}
                Prevention::WoundWait => assert!(waiter > blocker || table.pinned.contains(&blocker)),
                Prevention::WaitDie => assert!(waiter < blocker),
            }
        }
    }

    fn deadlocked(table: &LockTable<u32>) -> bool {
        let mut graph = Digraph::new(16);
        table.waits().into_iter().for_each(|(a, b)| graph.add(a as usize, b as usize));
        graph.order().is_none()
    }

    /// Owners ask at random, one thing at a time, and give everything back at some time.
    #[test]
    fn tables_keep_their_rules_whatever_is_asked() {
        let mut deadlocks = [0; 3];
        let mut kills = 0;
        for (which, prevention) in ALL.into_iter().enumerate() {
            for seed in 0..400 {
                let mut rng = Rng::stream(seed, Purpose::Workload, which as u32, 0);
                let mut table = LockTable::default();
                for _ in 0..60 {
                    let owner = rng.below(8) as u32;
                    let waits = table.waits().iter().any(|(waiter, _)| *waiter == owner);
                    let changes = match rng.below(8) {
                        0 => table.release(owner, prevention),
                        1 if !waits => {
                            table.pin(owner);
                            Changes::default()
                        }
                        _ if waits || table.pinned.contains(&owner) => Changes::default(),
                        other => {
                            let mode = if other < 5 { Mode::Shared } else { Mode::Exclusive };
                            table.request(owner, &key(rng.below(4)), mode, prevention)
                        }
                    };
                    for (owner, name) in &changes.granted {
                        assert!(table.held(*owner, name).is_some());
                    }
                    for owner in &changes.killed {
                        assert_eq!(table.count(*owner), 0);
                        assert!(!table.pinned.contains(owner));
                    }
                    kills += changes.killed.len();
                    check(&table, prevention);
                    deadlocks[which] += usize::from(deadlocked(&table));
                }
                for owner in 0..8 {
                    table.release(owner, prevention);
                }
                assert!(table.is_empty(), "{table:?}");
            }
        }
        assert!(deadlocks[0] > 50, "without prevention there are deadlocks: {deadlocks:?}");
        assert_eq!(deadlocks[1..], [0, 0], "with it there are none");
        assert!(kills > 100);
    }

    #[test]
    fn nobody_overtakes_in_a_queue_but_who_upgrades() {
        let nobody: Vec<u32> = vec![];
        let mut table = LockTable::default();
        let mut ask = |who: u32, mode| {
            let changes = table.request(who, &key(0), mode, Prevention::Nothing);
            changes.granted.into_iter().map(|(who, _)| who).collect::<Vec<_>>()
        };
        assert_eq!(ask(1, Mode::Shared), [1]);
        assert_eq!(ask(2, Mode::Shared), [2]);
        assert_eq!(ask(3, Mode::Exclusive), nobody);
        assert_eq!(ask(4, Mode::Shared), nobody, "it would overtake 3, who would then wait for it");
        assert_eq!(ask(1, Mode::Exclusive), nobody, "2 still shares it");
        assert_eq!(table.release(2, Prevention::Nothing).granted, [(1, key(0))]);
        assert_eq!(table.release(1, Prevention::Nothing).granted, [(3, key(0))]);
        assert_eq!(table.release(3, Prevention::Nothing).granted, [(4, key(0))]);
    }

    #[test]
    fn two_who_share_and_both_want_it_alone_deadlock_unless_that_is_prevented() {
        for (prevention, killed) in ALL.into_iter().zip([vec![], vec![2], vec![2]]) {
            let mut table = LockTable::default();
            for owner in [1, 2] {
                table.request(owner, &key(0), Mode::Shared, prevention);
            }
            let mut dead = table.request(2, &key(0), Mode::Exclusive, prevention).killed;
            dead.extend(table.request(1, &key(0), Mode::Exclusive, prevention).killed);
            assert_eq!(dead, killed, "{prevention:?}");
            assert_eq!(deadlocked(&table), prevention == Prevention::Nothing);
        }
    }

    #[test]
    fn who_is_pinned_is_waited_for() {
        let mut table = LockTable::default();
        table.request(2, &key(0), Mode::Exclusive, Prevention::WoundWait);
        table.pin(2);
        let changes = table.request(1, &key(0), Mode::Exclusive, Prevention::WoundWait);
        assert_eq!(changes, Changes::default());
        assert_eq!(table.waits(), [(1, 2)]);
        assert_eq!(table.release(2, Prevention::WoundWait).granted, [(1, key(0))]);
    }
}
