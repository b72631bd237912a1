//! Two trees, from the root down, and what went over the wire.
//!
//! The replicas take turns. The first message holds the hash of the root. Whoever receives hashes compares them
//! with its own and answers with one bit for each (does it differ?) and the hashes of the two children of those
//! that do; at the leaves, with the keys of the buckets that differ and the hashes of their pairs. Whoever
//! receives keys knows all differences, and answers with one bit for each listed key and with the keys that were
//! not listed. If nothing differs, the answer to the root is one bit. Values are sent afterwards, by whoever
//! reconciles them; that is not counted here.
use std::cmp::Ordering;

use super::error::Error;
use super::key::Key;
use super::tree::{Pair, Place, Tree};

/// Bytes of a number on the wire: how long a key is, how many keys a bucket has.
const NUMBER: u64 = 4;

/// What a message holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Hashes of nodes so many below the root.
    Hashes(u32),
    /// Keys with the hashes of their pairs.
    Keys,
    /// The answer: that nothing differs, or which keys do.
    Verdict,
}

/// One message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it holds.
    pub content: Content,
    /// Whether the other tree's replica sent it.
    pub is_answer: bool,
    /// Hashes of nodes in it.
    pub hashes: u64,
    /// Keys in it.
    pub keys: u64,
    /// How long it is.
    pub bytes: u64,
}

/// A node that was compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compared {
    /// How many below the root.
    pub level: u32,
    /// Which one there, from the left.
    pub index: u32,
    /// Whether the hashes differ.
    pub differs: bool,
}

/// In what two trees differ, and what it took to find out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    /// Keys that only the other tree has.
    pub missing_here: Vec<Key>,
    /// Keys that only this tree has.
    pub missing_there: Vec<Key>,
    /// Keys that both have, with different values.
    pub different: Vec<Key>,
    /// Leaves that differ.
    pub leaves: Vec<u32>,
    /// Every node that was compared, level by level.
    pub compared: Vec<Compared>,
    /// Every message, in order.
    pub messages: Vec<Message>,
    /// What a full scan would send: every key with the hash of its pair, and the verdict.
    pub scan: Scan,
}

/// What it takes to compare without a tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// Hashes of pairs.
    pub hashes: u64,
    /// Bytes of all keys and hashes, and of the verdict.
    pub bytes: u64,
    /// Bytes of all keys and values: what sending everything would take.
    pub copy_bytes: u64,
}

impl Diff {
    /// Hashes of nodes in all messages: the law of 1 + 2 log2 L is about these.
    pub fn hashes(&self) -> u64 {
        self.messages.iter().map(|it| it.hashes).sum()
    }
    /// Bytes of all messages.
    pub fn bytes(&self) -> u64 {
        self.messages.iter().map(|it| it.bytes).sum()
    }
    /// How many keys differ in one way or another.
    pub fn len(&self) -> usize {
        self.missing_here.len() + self.missing_there.len() + self.different.len()
    }
    /// Whether the trees are equal.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn send(&mut self, content: Content, hashes: u64, keys: u64, bytes: u64) {
        let is_answer = self.messages.len() % 2 == 1;
        self.messages.push(Message { content, is_answer, hashes, keys, bytes });
    }
}

impl Tree {
    /// In what another tree differs from this one.
    ///
    /// Takes O(d log L) for d differences, and the size of the buckets in which they are.
    pub fn diff(&self, other: &Self) -> Result<Diff, Error> {
        self.comparable(other)?;
        let mut diff = Diff::default();
        let depth = self.shape.depth() as usize;
        let mut nodes = vec![0u32];
        let mut bits = 0;
        for level in 0..=depth {
            let count = nodes.len() as u64;
            let width = self.scheme.width_at(depth - level) as u64;
            diff.send(Content::Hashes(level as u32), count, 0, count * width + bits);
            bits = count.div_ceil(8);
            nodes.retain(|index| {
                let differs = self.node(level, *index as usize) != other.node(level, *index as usize);
                diff.compared.push(Compared { level: level as u32, index: *index, differs });
                differs
            });
            if nodes.is_empty() {
                diff.send(Content::Verdict, 0, 0, bits);
                break;
            }
            if level < depth {
                nodes = nodes.iter().flat_map(|it| [2 * it, 2 * it + 1]).collect();
            }
        }
        self.list(other, nodes, bits, &mut diff);
        self.scan(other, &mut diff);
        Ok(diff)
    }

    /// Why two trees cannot be compared, if so.
    pub fn comparable(&self, other: &Self) -> Result<(), Error> {
        let [ours, theirs] = [self, other].map(|it| it.scheme);
        if ours != theirs {
            let describe =
                |it: super::Scheme| format!("{} ({}, {} bytes)", it.hash, it.encoding.name(), it.width);
            return Err(Error::Mismatch { what: "hashes", ours: describe(ours), theirs: describe(theirs) });
        }
        self.shape.compare(&other.shape)
    }

    /// Compares these leaves key by key.
    fn list(&self, other: &Self, leaves: Vec<u32>, bits: u64, diff: &mut Diff) {
        if leaves.is_empty() {
            return;
        }
        // The root was sent by this replica, and they take turns: who lists depends on the depth.
        let ours_listed = diff.messages.len().is_multiple_of(2);
        let (lister, answerer) = if ours_listed { (self, other) } else { (other, self) };
        let (mut listed, mut list_bytes, mut unlisted_bytes) = (0, bits, 0);
        let (mut more, mut fewer, mut unlike) = (vec![], vec![], vec![]);
        for leaf in &leaves {
            list_bytes += NUMBER;
            let [a, b] = [lister, answerer].map(|it| it.bucket(*leaf, leaf + 1));
            merge(a, b, |place, which| {
                let size = place.key.size_bytes() + NUMBER;
                if which != Which::Second {
                    listed += 1;
                    list_bytes += size + self.scheme.width as u64;
                }
                match which {
                    Which::First => fewer.push(place.key.clone()),
                    Which::Second => {
                        unlisted_bytes += size;
                        more.push(place.key.clone());
                    }
                    Which::Both { differ: true } => unlike.push(place.key.clone()),
                    Which::Both { differ: false } => {}
                }
            });
        }
        diff.send(Content::Keys, 0, listed, list_bytes);
        diff.send(Content::Verdict, 0, more.len() as u64, listed.div_ceil(8) + NUMBER + unlisted_bytes);
        (diff.missing_here, diff.missing_there) = if ours_listed { (more, fewer) } else { (fewer, more) };
        diff.different = unlike;
        diff.leaves = leaves;
    }

    fn scan(&self, other: &Self, diff: &mut Diff) {
        let here = self.len() as u64;
        let width = self.scheme.width as u64;
        let unlisted: u64 = diff.missing_here.iter().map(|it| it.size_bytes() + NUMBER).sum();
        diff.scan = Scan {
            hashes: here,
            bytes: self.key_bytes + here * (width + NUMBER) + here.div_ceil(8) + NUMBER + unlisted,
            copy_bytes: self.key_bytes + self.value_bytes + 2 * NUMBER * here,
        };
        debug_assert_eq!(
            self.len() + diff.missing_here.len(),
            other.len() + diff.missing_there.len(),
            "what both have is as much here as there"
        );
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    First,
    Second,
    Both { differ: bool },
}

/// Goes through two buckets, in the order of keys.
fn merge<'a>(
    a: impl Iterator<Item = (&'a Place, &'a Pair)>,
    b: impl Iterator<Item = (&'a Place, &'a Pair)>,
    mut each: impl FnMut(&Place, Which),
) {
    let (mut a, mut b) = (a.peekable(), b.peekable());
    loop {
        let order = match (a.peek(), b.peek()) {
            (Some((x, _)), Some((y, _))) => x.key.cmp(&y.key),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return,
        };
        let first = if order == Ordering::Greater { None } else { a.next() };
        let second = if order == Ordering::Less { None } else { b.next() };
        match (first, second) {
            (Some((place, x)), Some((_, y))) => each(place, Which::Both { differ: x.hash != y.hash }),
            (Some((place, _)), None) => each(place, Which::First),
            (None, Some((place, _))) => each(place, Which::Second),
            (None, None) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::tree::tests::trees;
    use super::super::{Encoding, Hash, Scheme, Shape};
    use super::*;
    use crate::machines::hashing::ring;
    use crate::sim::{Purpose, Rng};

    #[test]
    fn differences_are_those_of_the_sets() {
        for (sort, empty) in trees(32).into_iter().enumerate() {
            for trial in 0..40 {
                let mut rng = Rng::stream(trial, Purpose::Hashing, sort as u32, 1);
                let (mut here, mut there) = (empty.clone(), empty.clone());
                let (mut ours, mut theirs) = (BTreeMap::new(), BTreeMap::new());
                for _ in 0..rng.below(60) {
                    let (key, value) = (rng.below(100), rng.below(3));
                    let bytes = value.to_le_bytes();
                    let copies = rng.below(12);
                    if copies != 0 {
                        here.put(key.into(), bytes[..].into()).unwrap();
                        ours.insert(key, value);
                    }
                    if copies != 1 {
                        there.put(key.into(), bytes[..].into()).unwrap();
                        theirs.insert(key, value);
                    }
                }
                let diff = here.diff(&there).unwrap();
                let keys = |from: &[Key]| {
                    let mut all = from.to_vec();
                    all.sort_unstable();
                    all
                };
                let only = |a: &BTreeMap<u64, u64>, b: &BTreeMap<u64, u64>| -> Vec<Key> {
                    a.keys().filter(|it| !b.contains_key(it)).map(|it| (*it).into()).collect()
                };
                let unlike: Vec<Key> = ours
                    .iter()
                    .filter(|(key, value)| theirs.get(key).is_some_and(|it| it != *value))
                    .map(|(key, _)| (*key).into())
                    .collect();
                assert_eq!(keys(&diff.missing_here), only(&theirs, &ours));
                assert_eq!(keys(&diff.missing_there), only(&ours, &theirs));
                assert_eq!(keys(&diff.different), unlike);
                assert_eq!(diff.is_empty(), here.root() == there.root());
                law(&here, &diff);
                mirrored(&diff, &there.diff(&here).unwrap());
            }
        }
    }

    /// 0 differences: 1 hash; d: at most 1 + 2 d log2 L, and for one it is exact.
    fn law(tree: &Tree, diff: &Diff) {
        let depth = u64::from(tree.shape().depth());
        let most = 1 + 2 * diff.leaves.len() as u64 * depth;
        assert!(diff.hashes() <= most && diff.leaves.len() <= diff.len());
        if diff.leaves.len() <= 1 {
            assert_eq!(diff.hashes(), most);
        }
        let inner = diff.compared.iter().filter(|it| it.differs && u64::from(it.level) < depth).count();
        assert_eq!(diff.hashes(), 1 + 2 * inner as u64);
        assert_eq!(diff.hashes(), diff.compared.len() as u64);
        let turns = diff.messages.iter().enumerate().all(|(i, it)| it.is_answer == (i % 2 == 1));
        assert!(turns && diff.messages.last().unwrap().content == Content::Verdict);
    }

    fn mirrored(diff: &Diff, back: &Diff) {
        assert_eq!((&diff.missing_here, &diff.missing_there), (&back.missing_there, &back.missing_here));
        assert_eq!((&diff.different, &diff.compared), (&back.different, &back.compared));
    }

    #[test]
    fn bytes_are_those_of_the_protocol() {
        // Sixteen leaves with one key each, SHA-1: one difference.
        let shape = Shape::quantiles((0..16u64).map(Key::from).collect(), 16).unwrap();
        let scheme = Scheme::new(Hash::Sha1, Encoding::Framed).unwrap();
        let mut here = Tree::new(scheme, shape).unwrap();
        for key in 0..16u64 {
            here.put(key.into(), "v".into()).unwrap();
        }
        let mut there = here.clone();
        there.put(5u64.into(), "w".into()).unwrap();
        let diff = here.diff(&there).unwrap();
        let bytes: Vec<_> = diff.messages.iter().map(|it| it.bytes).collect();
        // Root; four times two hashes and the bits about the hashes before; one key; one bit and "none besides".
        assert_eq!(bytes, [20, 41, 41, 41, 41, 1 + 4 + 4 + 8 + 20, 1 + 4]);
        assert_eq!((diff.hashes(), diff.different), (9, vec![5u64.into()]));
        assert_eq!(diff.scan, Scan { hashes: 16, bytes: 16 * 32 + 2 + 4, copy_bytes: 16 * (8 + 9) });
        let same = here.diff(&here).unwrap();
        assert_eq!((same.hashes(), same.bytes(), same.messages.len()), (1, 21, 2));
    }

    #[test]
    fn every_leaf_different_costs_every_node() {
        let (mut here, there) = (trees(64).remove(1), trees(64).remove(1));
        for key in 0..200u64 {
            here.put(key.into(), "v".into()).unwrap();
        }
        let diff = here.diff(&there).unwrap();
        assert_eq!((diff.hashes(), diff.missing_there.len()), (127, 200));
    }

    #[test]
    fn trees_of_different_shapes_are_not_compared() {
        let hashed = |leaves, bits, first| {
            let shape = Shape::hashed(leaves, ring::Hash::Xxh3, bits, first, 511).unwrap();
            Tree::new(Scheme::new(Hash::Sha1, Encoding::Framed).unwrap(), shape).unwrap()
        };
        let ours = hashed(8, 9, 0);
        let concatenated = Scheme::new(Hash::Sha1, Encoding::Concatenated).unwrap();
        let sorted = Shape::sorted(vec!["a".into()]).unwrap();
        let others = [
            ("sizes", hashed(4, 9, 0)),
            ("rings", hashed(8, 10, 0)),
            ("ranges", hashed(8, 9, 1)),
            ("hashes", Tree::new(concatenated, ours.shape().clone()).unwrap()),
            ("orders", Tree::new(*ours.scheme(), sorted).unwrap()),
        ];
        for (what, other) in others {
            match ours.diff(&other) {
                Err(Error::Mismatch { what: found, .. }) => assert_eq!(found, what),
                found => panic!("{what}: {found:?}"),
            }
        }
    }
}
