//! Many pairs at once.
use super::error::Error;
use super::key::{Key, Value};
use super::scheme::{Hash, Scheme, WIDEST};
use super::shape::Shape;
use super::tree::{Pair, Place, Tree};
use crate::sim::Invalid;

/// How many nodes are hashed before anybody may interrupt.
pub(super) const PATIENCE: usize = 1 << 14;

/// Pairs on their way into a tree. Of several with one key, the last counts.
#[derive(Debug)]
pub struct Builder<'a> {
    scheme: Scheme,
    shape: &'a Shape,
    pairs: Pairs,
}

/// Pairs that have been hashed and have their places.
#[derive(Debug, Default)]
pub struct Pairs(Vec<(Place, Pair)>);

impl<'a> Builder<'a> {
    /// Into a tree of this scheme and shape.
    pub fn new(scheme: Scheme, shape: &'a Shape) -> Result<Self, Invalid> {
        if scheme.hash == Hash::Concatenation {
            return Err(Invalid::new("hash", scheme.hash, "a hash function"));
        }
        Ok(Self { scheme, shape, pairs: Pairs::default() })
    }

    /// Makes room.
    pub fn reserve(&mut self, pairs: usize) {
        self.pairs.0.reserve(pairs);
    }

    /// One more pair. If it is refused, nothing has happened.
    #[inline]
    pub fn push(&mut self, key: Key, value: Value<'_>) -> Result<(), Error> {
        let hash = self.scheme.pair(&key, value);
        let place = Place { leaf: self.shape.leaf_of(&key)?, key };
        self.pairs.0.push((place, Pair { hash, value_bytes: value.bytes.len() as u64 }));
        Ok(())
    }

    /// All of them, ready for [`Tree::extend`].
    pub fn finish(self) -> Pairs {
        self.pairs
    }
}

impl Tree {
    /// Adds pairs that were made for a tree of this scheme and shape.
    pub fn extend(&mut self, pairs: Pairs) {
        self.extend_while(pairs, &mut || true);
    }

    /// The same; into an empty tree, `go_on` is asked again and again, and if it says no, the tree stays empty.
    /// Whether the pairs are in it.
    pub fn extend_while(&mut self, pairs: Pairs, go_on: &mut dyn FnMut() -> bool) -> bool {
        if self.is_empty() && pairs.0.len() < u32::MAX as usize {
            return self.build(in_order(pairs.0), go_on);
        }
        let mut dirty = Vec::with_capacity(pairs.0.len());
        for (place, pair) in pairs.0 {
            dirty.push(place.leaf);
            self.insert_at(place, pair);
        }
        self.rehash(dirty);
        true
    }

    /// Everything that is in it.
    pub fn into_pairs(self) -> Pairs {
        Pairs(self.pairs.into_iter().collect())
    }

    /// Into an empty tree: every node is hashed once.
    fn build(&mut self, pairs: Vec<(Place, Pair)>, go_on: &mut dyn FnMut() -> bool) -> bool {
        let mut leaves = Vec::new();
        for (i, bucket) in pairs.chunk_by(|(a, _), (b, _)| a.leaf == b.leaf).enumerate() {
            let mut hash = [0; WIDEST];
            let hash = &mut hash[..self.scheme.width];
            self.scheme.leaf(bucket.iter().map(|(_, pair)| &pair.hash), hash);
            leaves.push(bucket[0].0.leaf);
            self.set_leaf(bucket[0].0.leaf, hash);
            if i % PATIENCE == PATIENCE - 1 && !go_on() {
                self.forget(leaves);
                return false;
            }
        }
        if !self.rehash_above(leaves.clone(), go_on) {
            self.forget(leaves);
            return false;
        }
        self.key_bytes = pairs.iter().map(|(place, _)| place.key.size_bytes()).sum();
        self.value_bytes = pairs.iter().map(|(_, pair)| pair.value_bytes).sum();
        self.pairs = pairs.into_iter().collect();
        true
    }

    /// Makes nodes of an empty tree again of those above these leaves.
    fn forget(&mut self, leaves: Vec<u32>) {
        debug_assert!(self.is_empty(), "pairs come last");
        self.rehash(leaves);
    }
}

/// By leaf and key; of equal keys the last one. Sorting numbers is much faster than moving pairs about.
fn in_order(mut pairs: Vec<(Place, Pair)>) -> Vec<(Place, Pair)> {
    let number = |(i, (place, _)): (usize, &(Place, Pair))| u64::from(place.leaf) << 32 | i as u64;
    let mut order: Vec<u64> = pairs.iter().enumerate().map(number).collect();
    order.sort_unstable();
    for bucket in order.chunk_by_mut(|a, b| a >> 32 == b >> 32) {
        if bucket.len() > 1 {
            bucket.sort_by(|a, b| pairs[*a as u32 as usize].0.key.cmp(&pairs[*b as u32 as usize].0.key));
        }
    }
    let mut sorted: Vec<(Place, Pair)> = Vec::with_capacity(pairs.len());
    for number in order {
        let (place, pair) = &mut pairs[number as u32 as usize];
        let key = std::mem::replace(&mut place.key, Key::Natural(0));
        match sorted.last_mut().filter(|(last, _)| last.leaf == place.leaf && last.key == key) {
            Some(last) => last.1 = *pair,
            None => sorted.push((Place { leaf: place.leaf, key }, *pair)),
        }
    }
    sorted
}

#[cfg(test)]
mod tests {
    use super::super::tree::tests::trees;
    use super::*;

    #[test]
    fn of_equal_keys_the_last_counts() {
        for empty in trees(4) {
            let [mut one_by_one, mut built, mut halves] = [0, 1, 2].map(|_| empty.clone());
            let builder = || Builder::new(*empty.scheme(), empty.shape()).unwrap();
            let (mut all, mut half) = (builder(), builder());
            for i in 0..90u64 {
                let value = i.to_le_bytes();
                one_by_one.put((i * 7 % 40).into(), value[..].into()).unwrap();
                all.push((i * 7 % 40).into(), value[..].into()).unwrap();
                half.push((i * 7 % 40).into(), value[..].into()).unwrap();
                if i == 45 {
                    halves.extend(std::mem::replace(&mut half, builder()).finish());
                }
            }
            built.extend(all.finish());
            halves.extend(half.finish());
            for tree in [&built, &halves] {
                assert_eq!((&tree.levels, &tree.pairs), (&one_by_one.levels, &one_by_one.pairs));
                assert_eq!((tree.len(), tree.key_bytes, tree.value_bytes), (40, 320, 320));
            }
        }
    }

    #[test]
    fn who_is_interrupted_has_an_empty_tree() {
        let shape =
            Shape::hashed(1 << 17, crate::machines::hashing::ring::Hash::Xxh3, 64, 0, u64::MAX.into());
        let shape = shape.unwrap();
        let scheme = Scheme::new(Hash::Md5, crate::machines::hashing::merkle::Encoding::Framed).unwrap();
        let empty = Tree::new(scheme, shape).unwrap();
        let pairs = || {
            let mut builder = Builder::new(scheme, empty.shape()).unwrap();
            (0..100_000u64).for_each(|key| builder.push(key.into(), "v".into()).unwrap());
            builder.finish()
        };
        let mut asked = 0;
        assert!(empty.clone().extend_while(pairs(), &mut || {
            asked += 1;
            true
        }));
        assert!(asked > 5);
        for patience in [0, 1, asked - 1] {
            let (mut tree, mut left) = (empty.clone(), patience);
            let done = tree.extend_while(pairs(), &mut || {
                left -= 1;
                left >= 0
            });
            assert!(!done && tree.is_empty() && tree.levels == empty.levels, "{patience}");
        }
    }
}
