//! The tree, kept up to date in O(log n) a change.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::build::PATIENCE;
use super::error::Error;
use super::key::{Key, Value};
use super::scheme::{Hash, PairHash, Scheme, WIDEST};
use super::shape::Shape;
use crate::sim::Invalid;

/// The most bytes that hashes of nodes may take: a tree of concatenations grows by its depth.
const MOST_BYTES: u64 = 1 << 31;

/// A Merkle tree. It holds keys and hashes of pairs, not values: those are in the store that it describes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Saved", into = "Saved")]
pub struct Tree {
    pub(super) scheme: Scheme,
    pub(super) shape: Shape,
    /// By distance from the root, the hashes of all nodes side by side.
    pub(super) levels: Vec<Vec<u8>>,
    pub(super) pairs: BTreeMap<Place, Pair>,
    /// Bytes of all keys, and of all values.
    pub(super) key_bytes: u64,
    pub(super) value_bytes: u64,
}

/// Where a pair is: its leaf, and there in the order of keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Place {
    pub leaf: u32,
    pub key: Key,
}

/// What is kept of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pair {
    pub hash: PairHash,
    pub value_bytes: u64,
}

/// A tree at rest: inner nodes follow from the pairs.
#[derive(Serialize, Deserialize)]
struct Saved {
    scheme: Scheme,
    shape: Shape,
    pairs: Vec<(Key, Pair)>,
}

impl From<Tree> for Saved {
    fn from(tree: Tree) -> Self {
        let pairs = tree.pairs.into_iter().map(|(place, pair)| (place.key, pair)).collect();
        Self { scheme: tree.scheme, shape: tree.shape, pairs }
    }
}

impl TryFrom<Saved> for Tree {
    type Error = Error;
    fn try_from(saved: Saved) -> Result<Self, Error> {
        let mut tree = Self::new(saved.scheme.checked()?, saved.shape.checked()?)?;
        let mut dirty = Vec::new();
        for (key, pair) in saved.pairs {
            dirty.push(tree.insert(key, pair)?.0);
        }
        tree.rehash(dirty);
        Ok(tree)
    }
}

impl Tree {
    /// Without pairs.
    pub fn new(scheme: Scheme, shape: Shape) -> Result<Self, Invalid> {
        let depth = shape.depth() as usize;
        let bytes: u64 = (0..=depth).map(|level| (scheme.width_at(depth - level) as u64) << level).sum();
        if scheme.hash == Hash::Concatenation && depth > 16 || bytes > MOST_BYTES {
            let allowed = "at most 2 GB of hashes, and 2^16 leaves of concatenated ones";
            return Err(Invalid::new("leaves", shape.leaves(), allowed));
        }
        let mut levels = Vec::with_capacity(depth + 1);
        let mut empty = vec![0; scheme.width];
        scheme.leaf(std::iter::empty(), &mut empty);
        for height in 0..=depth {
            levels.push(empty.repeat(1 << (depth - height)));
            let pair = empty.repeat(2);
            empty = vec![0; scheme.width_at(height + 1)];
            scheme.inner(&pair, &mut empty);
        }
        levels.reverse();
        Ok(Self { scheme, shape, levels, pairs: BTreeMap::new(), key_bytes: 0, value_bytes: 0 })
    }

    /// What makes hashes.
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// Which key belongs to which leaf.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// How many pairs.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The hash of the root.
    pub fn root(&self) -> &[u8] {
        &self.levels[0]
    }

    /// The hash of a node: so many below the root, and there from the left. None if there is no such node.
    pub fn node(&self, level: usize, index: usize) -> Option<&[u8]> {
        let hashes = self.levels.get(level)?;
        let width = hashes.len() >> level;
        hashes.get(index.checked_mul(width)?..(index + 1).checked_mul(width)?)
    }

    /// About how much memory it takes.
    pub fn size_bytes(&self) -> u64 {
        let nodes: usize = self.levels.iter().map(Vec::len).sum();
        let pair = size_of::<Place>() + size_of::<Pair>();
        nodes as u64 + self.pairs.len() as u64 * pair as u64 + self.key_bytes
    }

    /// The hash of the pair with that key.
    pub fn pair(&self, key: &Key) -> Result<Option<&[u8]>, Error> {
        let place = self.place(key.clone())?;
        Ok(self.pairs.get(&place).map(|it| &it.hash[..self.scheme.width]))
    }

    /// All keys with the hashes of their pairs, leaf by leaf, from that leaf on to before another.
    pub fn keys(&self, from: u32, to: u32) -> impl Iterator<Item = (&Key, &[u8])> {
        let width = self.scheme.width;
        self.bucket(from, to).map(move |(place, pair)| (&place.key, &pair.hash[..width]))
    }

    pub(super) fn bucket(&self, from: u32, to: u32) -> impl Iterator<Item = (&Place, &Pair)> {
        let lowest = |leaf| Place { leaf, key: Key::Negative(i64::MIN) };
        self.pairs.range(lowest(from)..lowest(to.max(from)))
    }

    /// Adds a pair, or replaces the one that has its key. Whether it is a new key.
    pub fn put(&mut self, key: Key, value: Value<'_>) -> Result<bool, Error> {
        if self.scheme.hash == Hash::Concatenation {
            return Err(Invalid::new("hash", self.scheme.hash, "a hash function; put hashes instead").into());
        }
        let pair = Pair { hash: self.scheme.pair(&key, value), value_bytes: value.bytes.len() as u64 };
        self.put_pair(key, pair)
    }

    /// Adds a pair of which only the hash is known, or replaces the one that has its key. Whether it is new.
    pub fn put_hash(&mut self, key: Key, hash: &[u8]) -> Result<bool, Error> {
        let pair = self.given(hash)?;
        self.put_pair(key, pair)
    }

    /// A pair of which only the hash is known.
    fn given(&self, hash: &[u8]) -> Result<Pair, Error> {
        if hash.len() != self.scheme.width {
            const ALLOWED: &str = "as many bytes as hashes of this tree have";
            return Err(Invalid::new("hash", format!("{} bytes", hash.len()), ALLOWED).into());
        }
        let mut whole = [0; WIDEST];
        whole[..hash.len()].copy_from_slice(hash);
        Ok(Pair { hash: whole, value_bytes: 0 })
    }

    fn put_pair(&mut self, key: Key, pair: Pair) -> Result<bool, Error> {
        let (leaf, is_new) = self.insert(key, pair)?;
        self.rehash_leaf(leaf);
        Ok(is_new)
    }

    /// Takes a pair out.
    pub fn delete(&mut self, key: Key) -> Result<(), Error> {
        let leaf = self.take(key)?;
        self.rehash_leaf(leaf);
        Ok(())
    }

    pub(super) fn place(&self, key: Key) -> Result<Place, Error> {
        Ok(Place { leaf: self.shape.leaf_of(&key)?, key })
    }

    /// Adds a pair and says in which leaf, and whether it is new; the nodes above are then out of date.
    fn insert(&mut self, key: Key, pair: Pair) -> Result<(u32, bool), Error> {
        let place = self.place(key)?;
        let leaf = place.leaf;
        if self.scheme.hash == Hash::Concatenation && self.bucket(leaf, leaf + 1).any(|it| *it.0 != place) {
            return Err(Invalid::new("hashes", "two in one leaf", "one hash a leaf").into());
        }
        Ok((leaf, self.insert_at(place, pair)))
    }

    /// Adds a pair and says whether it is new; the nodes above are then out of date.
    pub(super) fn insert_at(&mut self, place: Place, pair: Pair) -> bool {
        let key_bytes = place.key.size_bytes();
        let before = self.pairs.insert(place, pair);
        self.value_bytes += pair.value_bytes;
        match before {
            Some(before) => self.value_bytes -= before.value_bytes,
            None => self.key_bytes += key_bytes,
        }
        before.is_none()
    }

    /// Takes a pair out and says of which leaf; the nodes above are then out of date.
    fn take(&mut self, key: Key) -> Result<u32, Error> {
        let place = self.place(key)?;
        let pair = self.pairs.remove(&place).ok_or(Error::Missing)?;
        self.key_bytes -= place.key.size_bytes();
        self.value_bytes -= pair.value_bytes;
        Ok(place.leaf)
    }

    fn rehash_leaf(&mut self, leaf: u32) {
        self.hash_leaf(leaf);
        let mut index = leaf as usize;
        for level in (0..self.shape.depth() as usize).rev() {
            index /= 2;
            self.hash_inner(level, index);
        }
    }

    /// Brings the nodes above these leaves up to date, each once.
    pub(super) fn rehash(&mut self, mut leaves: Vec<u32>) {
        leaves.sort_unstable();
        leaves.dedup();
        for leaf in &leaves {
            self.hash_leaf(*leaf);
        }
        self.rehash_above(leaves, &mut || true);
    }

    /// Brings the inner nodes above these leaves, which rise, up to date, as long as one may go on.
    pub(super) fn rehash_above(&mut self, mut nodes: Vec<u32>, go_on: &mut dyn FnMut() -> bool) -> bool {
        for level in (0..self.shape.depth() as usize).rev() {
            for node in &mut nodes {
                *node /= 2;
            }
            nodes.dedup();
            for some in nodes.chunks(PATIENCE) {
                for node in some {
                    self.hash_inner(level, *node as usize);
                }
                if !go_on() {
                    return false;
                }
            }
        }
        true
    }

    fn hash_leaf(&mut self, leaf: u32) {
        let mut hash = [0; WIDEST];
        let hash = &mut hash[..self.scheme.width];
        self.scheme.leaf(self.bucket(leaf, leaf + 1).map(|(_, it)| &it.hash), hash);
        self.set_leaf(leaf, hash);
    }

    pub(super) fn set_leaf(&mut self, leaf: u32, hash: &[u8]) {
        let (depth, width) = (self.shape.depth() as usize, self.scheme.width);
        self.levels[depth][leaf as usize * width..][..width].copy_from_slice(hash);
    }

    fn hash_inner(&mut self, level: usize, index: usize) {
        let (above, below) = self.levels.split_at_mut(level + 1);
        let (above, below) = (&mut above[level], &below[0]);
        let (width, children) = (above.len() >> level, 2 * (below.len() >> (level + 1)));
        let out = &mut above[index * width..][..width];
        self.scheme.inner(&below[index * children..][..children], out);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::{Builder, Encoding};
    use super::*;
    use crate::machines::hashing::ring;
    use crate::sim::{Purpose, Rng};

    /// An empty tree of every sort.
    pub fn trees(leaves: u64) -> Vec<Tree> {
        let mut trees = Vec::new();
        for (_, hash) in &Hash::ALL[..4] {
            for encoding in [Encoding::Framed, Encoding::Concatenated] {
                let scheme = Scheme::new(*hash, encoding).unwrap();
                let hashed = Shape::hashed(leaves, ring::Hash::Xxh3, 64, 0, u64::MAX.into()).unwrap();
                let sorted =
                    Shape::quantiles((0..200u64).step_by(3).map(Key::from).collect(), leaves).unwrap();
                trees.extend([hashed, sorted].map(|shape| Tree::new(scheme, shape).unwrap()));
            }
        }
        trees
    }

    /// Every hash of the tree from nothing but its pairs, by the definition.
    fn by_definition(tree: &Tree) -> Vec<Vec<u8>> {
        let depth = tree.shape.depth() as usize;
        let width = tree.scheme.width;
        let mut below = vec![];
        for leaf in 0..tree.shape.leaves() as u32 {
            let all: Vec<_> = tree.pairs.iter().filter(|(place, _)| place.leaf == leaf).collect();
            let mut hash = vec![0; width];
            tree.scheme.leaf(all.iter().map(|(_, pair)| &pair.hash), &mut hash);
            below.extend(hash);
        }
        let mut levels = vec![below];
        for _ in 0..depth {
            let mut above = vec![];
            for children in levels[0].chunks(2 * width) {
                let mut hash = vec![0; width];
                tree.scheme.inner(children, &mut hash);
                above.extend(hash);
            }
            levels.insert(0, above);
        }
        levels
    }

    #[test]
    fn a_tree_changed_step_by_step_is_the_tree_built_at_once() {
        for (sort, mut tree) in trees(16).into_iter().enumerate() {
            let mut rng = Rng::stream(7, Purpose::Hashing, sort as u32, 0);
            let mut truth = BTreeMap::new();
            for step in 0..300 {
                let key = rng.below(60);
                if rng.below(3) > 0 {
                    let value = rng.below(4).to_le_bytes();
                    let is_new = tree.put(key.into(), value[..].into()).unwrap();
                    assert_eq!(is_new, truth.insert(key, value).is_none());
                } else {
                    assert_eq!(tree.delete(key.into()).is_ok(), truth.remove(&key).is_some());
                }
                if step % 50 == 49 {
                    assert_eq!(tree.levels, by_definition(&tree));
                    let mut builder = Builder::new(tree.scheme, &tree.shape).unwrap();
                    for (key, value) in truth.iter().rev() {
                        builder.push((*key).into(), value[..].into()).unwrap();
                    }
                    let mut built = Tree::new(tree.scheme, tree.shape.clone()).unwrap();
                    built.extend(builder.finish());
                    assert_eq!((&built.levels, &built.pairs), (&tree.levels, &tree.pairs));
                    assert_eq!((built.key_bytes, built.value_bytes), (tree.key_bytes, tree.value_bytes));
                    assert_eq!(tree.key_bytes, 8 * truth.len() as u64);
                }
            }
        }
    }

    #[test]
    fn a_tree_is_the_same_after_a_rest() {
        for mut tree in trees(8) {
            for key in 0..50u64 {
                tree.put(key.into(), "v".into()).unwrap();
            }
            let saved = postcard::to_stdvec(&tree).unwrap();
            let back: Tree = postcard::from_bytes(&saved).unwrap();
            assert_eq!((back.levels, back.pairs, back.value_bytes), (tree.levels, tree.pairs, 50));
        }
    }

    #[test]
    fn order_of_arrival_does_not_matter() {
        let [mut up, mut down] = [0, 1].map(|_| trees(4).remove(0));
        for i in 0..40u64 {
            up.put(i.into(), "x".into()).unwrap();
            down.put((39 - i).into(), "x".into()).unwrap();
        }
        assert_eq!(up.root(), down.root());
    }

    #[test]
    fn the_notes_tree_of_concatenations() {
        let splits = ["B", "C", "D"].map(Key::from).to_vec();
        let shape = Shape::sorted(splits).unwrap();
        let mut tree = Tree::new(Scheme::concatenation(1).unwrap(), shape).unwrap();
        for (key, hash) in [("A", 0x1a), ("B", 0x3b), ("C", 0x2c), ("D", 0x0d)] {
            tree.put_hash(key.into(), &[hash]).unwrap();
        }
        assert_eq!(tree.root(), [0x1a, 0x3b, 0x2c, 0x0d]);
        assert_eq!(tree.node(1, 1), Some(&[0x2c, 0x0d][..]));
        tree.put_hash("B".into(), &[0x4b]).unwrap();
        assert_eq!(tree.root(), [0x1a, 0x4b, 0x2c, 0x0d]);
        assert!(tree.put_hash("BB".into(), &[1]).is_err());
        assert!(tree.put_hash("B".into(), &[1, 2]).is_err());
        assert!(tree.put("B".into(), "v".into()).is_err());
    }
}
