//! Virtual nodes in their order round the ring, and an index that finds the one that a hash belongs to.
//!
//! The ring is cut into 2^b equal buckets, several a virtual node; the index says for each bucket which virtual
//! node is the first that ends in it or after it. So a lookup is one load of the index and, mostly, no step.
use super::hash::Word;

/// How many buckets a virtual node has at least.
const BUCKETS_A_POINT: usize = 4;
/// The index has at most 2^22 buckets, 16 MiB.
const MOST_BITS: u32 = 22;

/// A virtual node, before it has its place in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point<W> {
    /// The last left-aligned hash that belongs to it.
    pub last: W,
    /// Which server it is of.
    pub owner: u32,
}

/// All virtual nodes of a ring, in order.
#[derive(Clone, Debug)]
pub struct Points<W> {
    lasts: Vec<W>,
    owners: Vec<u32>,
    /// By bucket, the first point whose last hash is in it or later; the number of points where there is none.
    first: Vec<u32>,
    shift: u32,
}

impl<W: Word> Points<W> {
    /// Of points in the order of their last hashes; at least one.
    pub fn new(points: &[Point<W>]) -> Self {
        assert!(points.is_sorted_by_key(|it| it.last), "points out of order");
        let buckets = (points.len() * BUCKETS_A_POINT).next_power_of_two();
        let bits = buckets.trailing_zeros().clamp(1, MOST_BITS);
        let shift = 64 - bits;
        let mut first = Vec::with_capacity(1 << bits);
        for (i, point) in points.iter().enumerate() {
            let bucket = point.last.top(shift);
            while first.len() <= bucket {
                first.push(i as u32);
            }
        }
        first.resize(1 << bits, points.len() as u32);
        // One more behind the end, the first one again: who passes the last point is back at the start.
        let round = points.first().map(|it| Point { last: W::MAX, owner: it.owner });
        let round = points.iter().copied().chain(round);
        Self {
            lasts: round.clone().map(|it| it.last).collect(),
            owners: round.map(|it| it.owner).collect(),
            first,
            shift,
        }
    }

    /// How many virtual nodes.
    pub fn len(&self) -> usize {
        self.lasts.len().saturating_sub(1)
    }

    /// The virtual node that a hash belongs to; the number of all where it is the first, once round.
    #[inline(always)]
    pub fn slot(&self, hash: W) -> usize {
        let mut i = self.first[hash.top(self.shift)] as usize;
        // Most often no step or one; the first without a branch, since nobody can predict it.
        i += usize::from(self.lasts[i] < hash);
        while self.lasts[i] < hash {
            i += 1;
        }
        i
    }

    /// The server that a hash belongs to.
    #[inline(always)]
    pub fn owner_of(&self, hash: W) -> u32 {
        self.owners[self.slot(hash)]
    }

    /// The servers round the ring, one a virtual node.
    pub fn owners(&self) -> &[u32] {
        &self.owners[..self.len()]
    }

    /// The last hashes of the virtual nodes, in order.
    pub fn lasts(&self) -> &[W] {
        &self.lasts[..self.len()]
    }

    /// What it takes in memory.
    pub fn size_bytes(&self) -> usize {
        size_of_val(&*self.lasts) + size_of_val(&*self.owners) + size_of_val(&*self.first)
    }
}

impl Points<u64> {
    /// How far it is from a hash to the next virtual node, and whose that is.
    #[inline(always)]
    pub fn ahead(&self, hash: u64) -> (u64, u32) {
        let slot = self.slot(hash);
        let last = if slot == self.len() { self.lasts[0] } else { self.lasts[slot] };
        (last.wrapping_sub(hash), self.owners[slot])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{Purpose, Rng};

    /// The obvious way: the first whose last hash is not before, or the first of all.
    fn obvious(points: &[Point<u64>], hash: u64) -> u32 {
        points.iter().find(|it| it.last >= hash).unwrap_or(&points[0]).owner
    }

    #[test]
    fn index_finds_what_a_walk_round_the_ring_finds() {
        for seed in 0..300 {
            let mut rng = Rng::stream(seed, Purpose::Hashing, 0, 0);
            let bits = 1 + rng.below(64) as u32;
            let mut points: Vec<_> = (0..1 + rng.below(40))
                .map(|_| Point {
                    last: (rng.next_u64() << (64 - bits)).last(bits),
                    owner: rng.below(9) as u32,
                })
                .collect();
            points.sort_by_key(|it| it.last);
            let ring = Points::new(&points);
            let near =
                points.iter().flat_map(|it| [it.last.wrapping_sub(1), it.last, it.last.wrapping_add(1)]);
            let far: Vec<_> = (0..100).map(|_| rng.next_u64()).collect();
            for hash in near.chain(far).chain([0, u64::MAX]) {
                assert_eq!(ring.owner_of(hash), obvious(&points, hash), "seed {seed}, hash {hash}");
            }
        }
    }
}
