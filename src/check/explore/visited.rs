//! Which states are known: a table of their hashes, and nothing but them.
//!
//! Open addressing in lines of eight keys, as long as a line of the processor's cache. A key's place is its share of
//! the table (the hash scaled down, not its remainder), so keys lie in the order of their hashes, and a table grows
//! in one pass by any factor. The table is cut into shards by the highest bits: only one of them at a time has an
//! old and a new copy while it grows, and several threads can insert, each into shards of its own.
use std::fmt::Debug;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use super::model::Model;

const SHARD_BITS: u32 = 6;
const SHARDS: usize = 1 << SHARD_BITS;
const LINE: usize = 8;
/// How many keys a line holds on average when the table grows.
const FULL: usize = 7;

/// What a state is known by: 64 or 128 bits of hash, never all zero.
pub(super) trait Key: Copy + Eq + Debug + Send + Sync + 'static {
    /// No key.
    const NONE: Self;

    fn of<M: Model>(model: &M, state: &M::State, symmetry: bool) -> Result<Self, M::Error>;

    /// What decides about its place.
    fn spread(self) -> u64;
}

fn lane<M: Model>(model: &M, state: &M::State, symmetry: bool, lane: u64) -> Result<u64, M::Error> {
    if symmetry { model.canonical(state, lane) } else { Ok(model.fingerprint(state, lane)) }
}

impl Key for u64 {
    const NONE: Self = 0;

    #[inline]
    fn of<M: Model>(model: &M, state: &M::State, symmetry: bool) -> Result<Self, M::Error> {
        Ok(lane(model, state, symmetry, 0)?.max(1))
    }
    #[inline]
    fn spread(self) -> u64 {
        self
    }
}

impl Key for u128 {
    const NONE: Self = 0;

    #[inline]
    fn of<M: Model>(model: &M, state: &M::State, symmetry: bool) -> Result<Self, M::Error> {
        let high = lane(model, state, symmetry, 1)?;
        Ok((u128::from(high) << 64 | u128::from(lane(model, state, symmetry, 0)?)).max(1))
    }
    #[inline]
    fn spread(self) -> u64 {
        self as u64
    }
}

#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line<K>([K; LINE]);

struct Shard<K> {
    lines: Vec<Line<K>>,
    keys: usize,
}

impl<K: Key> Shard<K> {
    fn new(lines: usize) -> Self {
        Self { lines: vec![Line([K::NONE; LINE]); lines], keys: 0 }
    }

    #[inline]
    fn home(&self, key: K) -> usize {
        let share = u128::from(key.spread() << SHARD_BITS) * self.lines.len() as u128;
        (share >> 64) as usize
    }

    /// Fetches where a key is or would be; the answer means nothing.
    #[inline]
    fn touch(&self, key: K) -> u64 {
        self.lines[self.home(key)].0[0].spread()
    }

    #[inline]
    fn contains(&self, key: K) -> bool {
        let mut at = self.home(key);
        loop {
            let line = &self.lines[at].0;
            if line.iter().fold(false, |found, it| found | (*it == key)) {
                return true;
            }
            if line[LINE - 1] == K::NONE {
                return false;
            }
            at = if at + 1 == self.lines.len() { 0 } else { at + 1 };
        }
    }

    /// False: it was there.
    #[inline]
    fn insert(&mut self, key: K) -> bool {
        let mut at = self.home(key);
        loop {
            for it in &mut self.lines[at].0 {
                if *it == key {
                    return false;
                }
                if *it == K::NONE {
                    *it = key;
                    self.keys += 1;
                    if self.keys == self.lines.len() * FULL {
                        self.grow();
                    }
                    return true;
                }
            }
            at = if at + 1 == self.lines.len() { 0 } else { at + 1 };
        }
    }

    #[cold]
    fn grow(&mut self) {
        let mut larger = Self::new(larger(self.lines.len()));
        for key in self.lines.iter().flat_map(|line| line.0) {
            if key != K::NONE {
                larger.place(key);
            }
        }
        larger.keys = self.keys;
        *self = larger;
    }

    /// Puts in a key that is not there.
    #[inline]
    fn place(&mut self, key: K) {
        let mut at = self.home(key);
        loop {
            if let Some(free) = self.lines[at].0.iter_mut().find(|it| **it == K::NONE) {
                *free = key;
                return;
            }
            at = if at + 1 == self.lines.len() { 0 } else { at + 1 };
        }
    }
}

/// How many lines a shard has after it was full.
fn larger(lines: usize) -> usize {
    lines + lines / 3 + 1
}

/// A set of keys.
pub(super) struct Visited<K> {
    shards: Vec<Shard<K>>,
}

impl<K: Key> Visited<K> {
    pub(super) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| Shard::new(1)).collect() }
    }

    #[inline]
    fn shard(key: K) -> usize {
        (key.spread() >> (64 - SHARD_BITS)) as usize
    }

    #[inline]
    pub(super) fn contains(&self, key: K) -> bool {
        self.shards[Self::shard(key)].contains(key)
    }

    /// False: it was there.
    #[inline]
    pub(super) fn insert(&mut self, key: K) -> bool {
        self.shards[Self::shard(key)].insert(key)
    }

    /// Fetches the places of many keys at once: the processor waits for all of them together.
    #[inline]
    pub(super) fn touch(&self, keys: &[K]) {
        black_box(keys.iter().fold(0, |all, key| all ^ self.shards[Self::shard(*key)].touch(*key)));
    }

    /// Inserts keys that stand in several rows, and marks those that are new. Of equal keys the first one is, in the
    /// order of the rows: each shard belongs to one thread, and that thread keeps the order.
    pub(super) fn insert_rows(&mut self, rows: &[(&[K], &[AtomicBool])], threads: usize) {
        let together = SHARDS.div_ceil(threads);
        self.shards.par_chunks_mut(together).enumerate().for_each(|(number, shards)| {
            let mut part = Part { first: number * together, shards, waiting: Vec::with_capacity(TOGETHER) };
            for (keys, fresh) in rows {
                for (key, fresh) in keys.iter().zip(*fresh) {
                    part.insert(*key, fresh);
                }
            }
            part.insert_waiting();
        });
    }
}

/// How many keys are fetched together before they are inserted.
const TOGETHER: usize = 128;

/// Some shards that lie together, and keys that are about to be inserted into them.
struct Part<'a, K> {
    first: usize,
    shards: &'a mut [Shard<K>],
    waiting: Vec<(usize, K, &'a AtomicBool)>,
}

impl<'a, K: Key> Part<'a, K> {
    #[inline]
    fn insert(&mut self, key: K, fresh: &'a AtomicBool) {
        let shard = Visited::shard(key).wrapping_sub(self.first);
        if shard < self.shards.len() {
            self.waiting.push((shard, key, fresh));
            if self.waiting.len() == TOGETHER {
                self.insert_waiting();
            }
        }
    }

    fn insert_waiting(&mut self) {
        let touched = self.waiting.iter().map(|(shard, key, _)| self.shards[*shard].touch(*key));
        black_box(touched.fold(0, |all, it| all ^ it));
        for (shard, key, fresh) in self.waiting.drain(..) {
            if self.shards[shard].insert(key) {
                fresh.store(true, Ordering::Relaxed);
            }
        }
    }
}

/// How large a table of a number of keys is: a matter of that number only, so that an exploration which stops for
/// lack of memory always stops at the same state.
#[derive(Clone)]
pub(super) struct TableSize {
    lines: usize,
    line_bytes: usize,
}

impl TableSize {
    pub(super) fn new<K>() -> Self {
        Self { lines: 1, line_bytes: size_of::<Line<K>>() }
    }

    /// For at least as many keys as before.
    pub(super) fn bytes(&mut self, keys: u64) -> u64 {
        while keys >= (self.lines * FULL * SHARDS) as u64 {
            self.lines = larger(self.lines);
        }
        (self.lines * self.line_bytes * SHARDS) as u64
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::sim::Fingerprint;

    fn agrees_with_a_set<K: Key + Ord>(keys: impl Iterator<Item = K>) {
        let (mut table, mut set) = (Visited::new(), BTreeSet::new());
        let mut size = TableSize::new::<K>();
        for key in keys {
            assert_eq!(table.contains(key), set.contains(&key));
            assert_eq!(table.insert(key), set.insert(key));
            assert!(table.contains(key));
        }
        let lines: usize = table.shards.iter().map(|it| it.lines.len()).sum();
        let bytes = size.bytes(set.len() as u64) as usize;
        assert!(lines * size_of::<Line<K>>() < bytes * 3 / 2 + 100 * SHARDS, "{lines} {bytes}");
    }

    #[test]
    fn holds_what_was_inserted_and_nothing_else() {
        for range in [3, 500, 30_000, 1 << 40] {
            let hash = |it: &u64| Fingerprint::of(&(Fingerprint::of(it) % range)).max(1);
            agrees_with_a_set((0..40_000).map(|it| hash(&it)));
            agrees_with_a_set(
                (0..40_000).map(|it| u128::from(hash(&it)) << 64 | u128::from(hash(&(it / 2)))),
            );
        }
    }

    #[test]
    fn bears_poor_hashes() {
        agrees_with_a_set((1..3_000u64).map(|it| it % 2_000 + 1));
        agrees_with_a_set((1..3_000).map(|it| u64::MAX - it));
    }

    #[test]
    fn of_equal_keys_in_rows_the_first_is_new() {
        for threads in [1, 2, 3, 64, 100] {
            let mut table = Visited::<u64>::new();
            table.insert(Fingerprint::of(&0u64));
            let rows: Vec<Vec<u64>> = (0..20)
                .map(|row| (row * 50..row * 50 + 100).map(|it: u64| Fingerprint::of(&it)).collect())
                .collect();
            let marks: Vec<Vec<AtomicBool>> =
                rows.iter().map(|row| row.iter().map(|_| AtomicBool::new(false)).collect()).collect();
            let pairs: Vec<(&[u64], &[AtomicBool])> =
                rows.iter().zip(&marks).map(|(keys, marks)| (&keys[..], &marks[..])).collect();
            table.insert_rows(&pairs, threads);
            for (row, marks) in marks.iter().enumerate() {
                for (at, mark) in marks.iter().enumerate() {
                    let first = if row == 0 { at > 0 } else { at >= 50 };
                    assert_eq!(mark.load(Ordering::Relaxed), first, "row {row} at {at}");
                }
            }
        }
    }
}
