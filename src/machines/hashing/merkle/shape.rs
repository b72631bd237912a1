//! Which key belongs to which leaf.
use serde::{Deserialize, Serialize};

use super::error::Error;
use super::key::Key;
use crate::machines::hashing::ring;
use crate::machines::hashing::ring::hash::Word as _;
use crate::machines::hashing::ring::keys::Hashing;
use crate::sim::Invalid;

/// The most leaves of a tree, as a power of two.
pub const DEEPEST: u32 = 24;

/// In which order keys are in the leaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// By their position on a ring; each leaf has an equal part of a range of positions, which may go past zero.
    Hashed {
        /// The hash function of the ring.
        hash: ring::Hash,
        /// The ring has 2^bits positions.
        bits: u32,
        /// The first position of the range.
        first: u128,
        /// The last one.
        last: u128,
    },
    /// By the keys themselves: a leaf begins with one of these and ends before the next; the first has all below.
    Sorted {
        /// Each above the one before.
        splits: Vec<Key>,
    },
}

/// Which key belongs to which leaf.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    depth: u32,
    order: Order,
}

impl Shape {
    /// Leaves that have equal parts of the positions from `first` round to `last`, both included.
    pub fn hashed(
        leaves: u64,
        hash: ring::Hash,
        bits: u32,
        first: u128,
        last: u128,
    ) -> Result<Self, Invalid> {
        if !leaves.is_power_of_two() || leaves > 1 << DEEPEST {
            return Err(Invalid::new("leaves", leaves, "a power of two from 1 to 2^24"));
        }
        if !(1..=hash.bits()).contains(&bits) {
            return Err(Invalid::new("bits", bits, "at most as many as the ring's hash has"));
        }
        for (name, position) in [("range.first", first), ("range.last", last)] {
            if position > u128::MAX >> (128 - bits) {
                return Err(Invalid::new(name, position, "a position of the ring: 0 to 2^bits - 1"));
            }
        }
        Ok(Self { depth: leaves.trailing_zeros(), order: Order::Hashed { hash, bits, first, last } })
    }

    /// Leaves that begin with these keys, after a first one; empty ones are added up to a power of two.
    pub fn sorted(splits: Vec<Key>) -> Result<Self, Invalid> {
        if !splits.is_sorted_by(|a, b| a < b) {
            return Err(Invalid::new("splits", "not in order", "keys that rise"));
        }
        if splits.len() >= 1 << DEEPEST {
            return Err(Invalid::new("splits", splits.len(), "less than 2^24 keys"));
        }
        let depth = (splits.len() + 1).next_power_of_two().trailing_zeros();
        Ok(Self { depth, order: Order::Sorted { splits } })
    }

    /// `leaves` leaves with equally many of these keys each; one key each, if there are not more keys.
    pub fn quantiles(mut keys: Vec<Key>, leaves: u64) -> Result<Self, Invalid> {
        if !(1..=1 << DEEPEST).contains(&leaves) {
            return Err(Invalid::new("leaves", leaves, "from 1 to 2^24"));
        }
        keys.sort_unstable();
        keys.dedup();
        let (count, parts) = (keys.len() as u64, leaves.min(keys.len() as u64));
        let splits = (1..parts).map(|i| keys[(i * count).div_ceil(parts) as usize].clone());
        Self::sorted(splits.collect())
    }

    /// The same, if it is one that can be made.
    pub fn checked(self) -> Result<Self, Invalid> {
        match self.order {
            Order::Hashed { hash, bits, first, last } => {
                Self::hashed(1u64.checked_shl(self.depth).unwrap_or(0), hash, bits, first, last)
            }
            Order::Sorted { splits } => Self::sorted(splits),
        }
    }

    /// log2 of the number of leaves.
    pub fn depth(&self) -> u32 {
        self.depth
    }

    /// How many leaves.
    pub fn leaves(&self) -> usize {
        1 << self.depth
    }

    /// How keys are ordered.
    pub fn order(&self) -> &Order {
        &self.order
    }

    /// Where a key is on the ring, if that is what keys are ordered by.
    pub fn position(&self, key: &Key) -> Result<Option<u128>, Error> {
        match self.order {
            Order::Sorted { .. } => Ok(None),
            Order::Hashed { hash, bits, .. } => Ok(Some(position(hash, bits, key)?)),
        }
    }

    /// The leaf of a key.
    #[inline]
    pub fn leaf_of(&self, key: &Key) -> Result<u32, Error> {
        match &self.order {
            Order::Sorted { splits } => Ok(splits.partition_point(|it| it <= key) as u32),
            Order::Hashed { hash, bits, first, last } => {
                let mask = u128::MAX >> (128 - bits);
                let position = position(*hash, *bits, key)?;
                let offset = position.wrapping_sub(*first) & mask;
                let end = last.wrapping_sub(*first) & mask;
                if offset > end {
                    let (first, last) = (*first, *last);
                    return Err(Error::Outside { key: key.clone(), position, first, last });
                }
                Ok(part(offset, end, self.depth))
            }
        }
    }

    /// The positions of a leaf, from the first round to the last; None if it has none.
    pub fn positions(&self, leaf: u32) -> Option<(u128, u128)> {
        let Order::Hashed { bits, first, last, .. } = &self.order else { return None };
        if self.depth == 0 {
            return (leaf == 0).then_some((*first, *last));
        }
        let mask = u128::MAX >> (128 - bits);
        let end = last.wrapping_sub(*first) & mask;
        let width = (end >> self.depth) + 1;
        let from = u128::from(leaf).checked_mul(width).filter(|it| *it <= end)?;
        let to = from.saturating_add(width - 1).min(end);
        Some((first.wrapping_add(from) & mask, first.wrapping_add(to) & mask))
    }

    /// The keys at which the leaf begins and before which it ends; None where there is no bound.
    pub fn bounds(&self, leaf: u32) -> Option<(Option<&Key>, Option<&Key>)> {
        let Order::Sorted { splits } = &self.order else { return None };
        let from = (leaf as usize).checked_sub(1).map(|it| splits.get(it));
        match from {
            Some(None) => None,
            Some(from) => Some((from, splits.get(leaf as usize))),
            None => Some((None, splits.first())),
        }
    }

    /// Why nodes of trees of these shapes do not stand for the same keys, if so.
    pub fn compare(&self, other: &Self) -> Result<(), Error> {
        let mismatch = |what, ours: String, theirs| Err(Error::Mismatch { what, ours, theirs });
        match (&self.order, &other.order) {
            (
                Order::Hashed { hash, bits, first, last },
                Order::Hashed { hash: hash2, bits: bits2, first: first2, last: last2 },
            ) => {
                if (hash, bits) != (hash2, bits2) {
                    return mismatch(
                        "rings",
                        format!("{bits} bits of {hash}"),
                        format!("{bits2} bits of {hash2}"),
                    );
                }
                if (first, last) != (first2, last2) {
                    return mismatch("ranges", format!("{first} to {last}"), format!("{first2} to {last2}"));
                }
            }
            (Order::Sorted { splits }, Order::Sorted { splits: others }) if splits != others => {
                let ours = format!("{} keys", splits.len());
                return mismatch("splits", ours, format!("{} other keys", others.len()));
            }
            (Order::Sorted { .. }, Order::Sorted { .. }) => {}
            (ours, theirs) => return mismatch("orders", ours.name().into(), theirs.name().into()),
        }
        if self.depth != other.depth {
            let [ours, theirs] = [self, other].map(|it| format!("{} leaves", it.leaves()));
            return mismatch("sizes", ours, theirs);
        }
        Ok(())
    }
}

impl Order {
    /// What it is called.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Hashed { .. } => "hash",
            Self::Sorted { .. } => "key",
        }
    }
}

/// Where a key is on a ring.
#[inline]
pub fn position(hash: ring::Hash, bits: u32, key: &Key) -> Result<u128, Invalid> {
    let hashing = Hashing { hash, bits, decimal: false };
    match bits {
        ..=64 => Ok(hashing.one::<u64>(key.on_ring())?.position(bits)),
        _ => Ok(hashing.one::<u128>(key.on_ring())?.position(bits)),
    }
}

/// In which of 2^depth equal parts of `0..=end` is that offset? The last parts are smaller, or empty, where the
/// division leaves a rest.
#[inline]
fn part(offset: u128, end: u128, depth: u32) -> u32 {
    if depth == 0 {
        return 0; // Its width may be 2^128.
    }
    let width = (end >> depth) + 1;
    match (u64::try_from(offset), u64::try_from(width)) {
        _ if width.is_power_of_two() => (offset >> width.trailing_zeros()) as u32,
        (Ok(offset), Ok(width)) => (offset / width) as u32,
        _ => (offset / width) as u32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(leaves: u64, bits: u32, first: u128, last: u128) -> Shape {
        Shape::hashed(leaves, ring::Hash::Identity, bits, first, last).unwrap()
    }

    #[test]
    fn a_key_is_among_the_positions_of_its_leaf() {
        let ranges = [(0, 511), (100, 399), (400, 99), (7, 7), (3, 9), (511, 0), (256, 255)];
        for (first, last) in ranges {
            for leaves in [1, 2, 8, 64, 1024] {
                let shape = shape(leaves, 9, first, last);
                let mut before = 0;
                for offset in 0..=(last.wrapping_sub(first) & 511) {
                    let at = (first + offset) & 511;
                    let leaf = shape.leaf_of(&(at as u64).into()).unwrap();
                    assert!(leaf >= before && u64::from(leaf) < leaves);
                    before = leaf;
                    let (from, to) = shape.positions(leaf).unwrap();
                    assert!((at.wrapping_sub(from) & 511) <= (to.wrapping_sub(from) & 511));
                }
                let outside = (last + 1) & 511;
                if outside != first {
                    let refused = shape.leaf_of(&(outside as u64).into()).unwrap_err();
                    assert!(matches!(refused, Error::Outside { position, .. } if position == outside));
                }
            }
        }
    }

    #[test]
    fn leaves_of_a_whole_ring_are_the_first_bits() {
        for bits in [9, 64, 65, 128] {
            let shape = shape(8, bits, 0, u128::MAX >> (128 - bits));
            let top = Key::large(5 << (bits - 3) | 1);
            assert_eq!(shape.leaf_of(&top), Ok(5), "{bits}");
        }
    }

    #[test]
    fn quantiles_have_equally_many_keys_each() {
        for count in 1..40u64 {
            for leaves in 1..20 {
                let shape = Shape::quantiles((0..count).map(Key::from).collect(), leaves).unwrap();
                let mut sizes = vec![0; leaves as usize];
                for key in 0..count {
                    sizes[shape.leaf_of(&key.into()).unwrap() as usize] += 1;
                }
                sizes.retain(|it| *it > 0);
                assert_eq!(sizes.len() as u64, leaves.min(count));
                assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1, "{count} {leaves}");
            }
        }
    }

    #[test]
    fn shapes_that_make_no_sense_are_refused() {
        assert!(Shape::hashed(3, ring::Hash::Xxh3, 64, 0, 1).is_err());
        assert!(Shape::hashed(0, ring::Hash::Xxh3, 64, 0, 1).is_err());
        assert!(Shape::hashed(4, ring::Hash::Xxh64, 65, 0, 1).is_err());
        assert!(Shape::hashed(4, ring::Hash::Xxh3, 0, 0, 0).is_err());
        assert!(Shape::hashed(4, ring::Hash::Xxh3, 9, 0, 512).is_err());
        assert!(Shape::sorted(vec!["b".into(), "a".into()]).is_err());
        assert!(Shape::sorted(vec!["a".into(), "a".into()]).is_err());
    }
}
