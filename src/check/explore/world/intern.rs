//! Numbers for values: each different value is kept once, and found by its number without a lock.
//!
//! Numbers hang on which thread came first, so nothing that can be seen may hang on them; hashes of content do not.
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{OnceLock, PoisonError, RwLock};

use hashbrown::HashTable;

use super::hash::{Digest, spread};

/// The first segment holds 2 to this many values, each further one twice as many as the one before.
const FIRST_BITS: u32 = 8;
const SEGMENTS: usize = (32 - FIRST_BITS) as usize;
/// How many locks a table has.
const SHARDS: usize = 64;

/// Values that stay where they are, by number.
pub(super) struct Arena<T> {
    segments: [OnceLock<Box<[OnceLock<T>]>>; SEGMENTS],
    next: AtomicU32,
}

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Self { segments: [const { OnceLock::new() }; SEGMENTS], next: AtomicU32::new(0) }
    }
}

fn place(id: u32) -> (usize, usize) {
    let shifted = id + (1 << FIRST_BITS);
    let segment = shifted.ilog2() - FIRST_BITS;
    (segment as usize, (shifted - (1 << (segment + FIRST_BITS))) as usize)
}

impl<T> Arena<T> {
    /// Keeps a value; returns its number.
    pub fn push(&self, value: T) -> u32 {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        assert!(id < u32::MAX - (1 << FIRST_BITS), "too many different values");
        let (segment, at) = place(id);
        let size = 1_usize << (segment as u32 + FIRST_BITS);
        let slots = self.segments[segment].get_or_init(|| (0..size).map(|_| OnceLock::new()).collect());
        assert!(slots[at].set(value).is_ok(), "a number is given once");
        id
    }

    /// The value with a number.
    pub fn get(&self, id: u32) -> &T {
        let (segment, at) = place(id);
        let slots = self.segments[segment].get().expect("a number that was given");
        slots[at].get().expect("a number that was given")
    }

    /// How many there are.
    pub fn len(&self) -> u32 {
        self.next.load(Ordering::Relaxed)
    }
}

/// A value with the hash of its content.
pub(super) struct Interned<T> {
    pub hash: Digest,
    pub value: T,
    /// The hashes it has where nodes are called otherwise, once somebody wants them.
    pub renamed: OnceLock<Box<[Digest]>>,
}

/// Different values, each with a number.
pub(super) struct Interner<T> {
    items: Arena<Interned<T>>,
    shards: Vec<RwLock<HashTable<u32>>>,
}

impl<T> Default for Interner<T> {
    fn default() -> Self {
        let shards = (0..SHARDS).map(|_| RwLock::default()).collect();
        Self { items: Arena::default(), shards }
    }
}

impl<T: Eq> Interner<T> {
    /// The number of a value.
    pub fn intern(&self, hash: Digest, value: T) -> u32 {
        let shard = &self.shards[hash[0] as usize % SHARDS];
        let same = |id: &u32| {
            let known = self.items.get(*id);
            known.hash == hash && known.value == value
        };
        // A lock is only poisoned by a panic, which ends the exploration; what the table holds is sound.
        let known = shard.read().unwrap_or_else(PoisonError::into_inner).find(hash[1], same).copied();
        if let Some(id) = known {
            return id;
        }
        let mut table = shard.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = table.find(hash[1], same) {
            return *id;
        }
        let id = self.items.push(Interned { hash, value, renamed: OnceLock::new() });
        table.insert_unique(hash[1], id, |id| self.items.get(*id).hash[1]);
        id
    }

    /// The value with a number, and its hash.
    pub fn get(&self, id: u32) -> &Interned<T> {
        self.items.get(id)
    }

    /// How many there are.
    pub fn len(&self) -> u32 {
        self.items.len()
    }
}

/// A pair of numbers, and what is remembered of it.
type Remembered = (u32, u64, u32);

/// What is remembered of pairs of numbers.
pub(super) struct Memo {
    shards: Vec<RwLock<HashTable<Remembered>>>,
}

impl Default for Memo {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| RwLock::default()).collect() }
    }
}

/// The hash of a pair, by which its table and its place there are found.
fn mixed(key: (u32, u64)) -> u64 {
    spread(u64::from(key.0) ^ spread(key.1))
}

impl Memo {
    pub fn get(&self, key: (u32, u64)) -> Option<u32> {
        let hash = mixed(key);
        let shard = self.shards[hash as usize % SHARDS].read().unwrap_or_else(PoisonError::into_inner);
        shard.find(hash, |it| (it.0, it.1) == key).map(|it| it.2)
    }

    /// Remembers `value` unless another thread was first; returns what is remembered.
    pub fn insert(&self, key: (u32, u64), value: u32) -> u32 {
        let hash = mixed(key);
        let mut shard = self.shards[hash as usize % SHARDS].write().unwrap_or_else(PoisonError::into_inner);
        let entry = shard.entry(hash, |it| (it.0, it.1) == key, |it| mixed((it.0, it.1)));
        entry.or_insert((key.0, key.1, value)).get().2
    }
}

#[cfg(test)]
mod tests {
    use super::super::hash::digest;
    use super::*;

    #[test]
    fn equal_values_have_one_number_and_numbers_find_their_values() {
        let interner = Interner::default();
        let ids: Vec<u32> = (0..3_000_u64).map(|it| interner.intern(digest(&it), it)).collect();
        for (it, id) in (0..3_000).zip(&ids) {
            assert_eq!(interner.intern(digest(&it), it), *id);
            assert_eq!(interner.get(*id).value, it);
        }
        assert_eq!(interner.len(), 3_000);
    }

    #[test]
    fn what_is_remembered_first_stays() {
        let memo = Memo::default();
        for it in 0..500 {
            assert_eq!(memo.get((it, 7)), None);
            assert_eq!(memo.insert((it, 7), 2 * it), 2 * it);
            assert_eq!(memo.insert((it, 7), 0), 2 * it);
        }
        assert!((0..500).all(|it| memo.get((it, 7)) == Some(2 * it) && memo.get((it, 8)).is_none()));
    }

    #[test]
    fn threads_agree_on_numbers() {
        let interner: Interner<u64> = Interner::default();
        let all = || (0..2_000_u64).map(|it| interner.intern(digest(&it), it)).collect::<Vec<_>>();
        let (one, other) = rayon::join(all, all);
        assert_eq!(one, other);
        assert_eq!(interner.len(), 2_000);
    }

    #[test]
    fn values_with_equal_hashes_are_told_apart() {
        let interner = Interner::default();
        let ids = ["a", "b", "a"].map(|it| interner.intern([7, 7], it));
        assert_eq!((ids[0] == ids[2], ids[0] == ids[1]), (true, false));
    }
}
