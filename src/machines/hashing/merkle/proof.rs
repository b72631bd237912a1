//! That a pair is in a tree, for someone who knows the root only (Merkle's authentication path).
use serde::{Deserialize, Serialize};

use super::error::Error;
use super::key::{Key, Value};
use super::scheme::{PairHash, Scheme, WIDEST};
use super::tree::Tree;

/// The hashes from which, together with a pair, the root follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// What makes hashes.
    pub scheme: Scheme,
    /// The leaf.
    pub leaf: u32,
    /// Hashes of the pairs before this one in its leaf.
    pub before: Vec<Vec<u8>>,
    /// Hashes of the pairs after it.
    pub after: Vec<Vec<u8>>,
    /// The sibling's hash at every node from the leaf up, the root excluded.
    pub siblings: Vec<Vec<u8>>,
}

impl Tree {
    /// A proof that the tree has this key with its value.
    pub fn proof(&self, key: &Key) -> Result<Proof, Error> {
        let place = self.place(key.clone())?;
        let (mut before, mut after, mut found) = (vec![], vec![], false);
        for (other, pair) in self.bucket(place.leaf, place.leaf + 1) {
            let hash = pair.hash[..self.scheme.width].to_vec();
            match other.key.cmp(key) {
                std::cmp::Ordering::Less => before.push(hash),
                std::cmp::Ordering::Equal => found = true,
                std::cmp::Ordering::Greater => after.push(hash),
            }
        }
        if !found {
            return Err(Error::Missing);
        }
        let sibling = |level: u32| {
            let index = place.leaf >> (self.shape.depth() - level) ^ 1;
            self.node(level as usize, index as usize).map(<[u8]>::to_vec)
        };
        let siblings = (1..=self.shape.depth()).rev().filter_map(sibling).collect();
        Ok(Proof { scheme: self.scheme, leaf: place.leaf, before, after, siblings })
    }
}

impl Proof {
    /// Whether the tree with that root has this pair.
    pub fn verify(&self, root: &[u8], key: &Key, value: Value<'_>) -> bool {
        self.leads_to(root, &self.scheme.pair(key, value))
    }

    /// Whether the tree with that root has a pair of this hash.
    pub fn verify_hash(&self, root: &[u8], hash: &[u8]) -> bool {
        pair_hash(&self.scheme, hash).is_some_and(|it| self.leads_to(root, &it))
    }

    fn leads_to(&self, root: &[u8], pair: &PairHash) -> bool {
        self.climb(pair).is_some_and(|it| it == root)
    }

    /// The root that follows; None from a proof that makes no sense.
    fn climb(&self, pair: &PairHash) -> Option<Vec<u8>> {
        if self.scheme.width > WIDEST || self.siblings.len() > 31 || self.leaf >> self.siblings.len() != 0 {
            return None;
        }
        let whole = |hashes: &[Vec<u8>]| -> Option<Vec<PairHash>> {
            hashes.iter().map(|it| pair_hash(&self.scheme, it)).collect()
        };
        let (before, after) = (whole(&self.before)?, whole(&self.after)?);
        let mut hash = vec![0; self.scheme.width];
        self.scheme.leaf(before.iter().chain([pair]).chain(&after), &mut hash);
        for (height, sibling) in self.siblings.iter().enumerate() {
            if sibling.len() != hash.len() {
                return None;
            }
            let is_right = self.leaf >> height & 1 == 1;
            let (left, right) = if is_right { (sibling, &hash) } else { (&hash, sibling) };
            let children = [left.as_slice(), right].concat();
            hash = vec![0; self.scheme.width_at(height + 1)];
            self.scheme.inner(&children, &mut hash);
        }
        Some(hash)
    }

    /// Bytes of all its hashes.
    pub fn size_bytes(&self) -> usize {
        self.before.iter().chain(&self.after).chain(&self.siblings).map(Vec::len).sum()
    }
}

fn pair_hash(scheme: &Scheme, hash: &[u8]) -> Option<PairHash> {
    let mut whole = [0; WIDEST];
    (hash.len() == scheme.width).then(|| whole[..hash.len()].copy_from_slice(hash))?;
    Some(whole)
}

#[cfg(test)]
mod tests {
    use super::super::tree::tests::trees;
    use super::*;

    #[test]
    fn proofs_hold_for_what_is_there_and_for_nothing_else() {
        for mut tree in trees(16) {
            for key in 0..70u64 {
                tree.put(key.into(), key.to_le_bytes()[..].into()).unwrap();
            }
            for key in 0..70u64 {
                let proof = tree.proof(&key.into()).unwrap();
                let value = key.to_le_bytes();
                let holds = |proof: &Proof, root: &[u8], key: u64, value: &[u8]| {
                    proof.verify(root, &key.into(), value.into())
                };
                assert!(holds(&proof, tree.root(), key, &value));
                assert!(proof.verify_hash(tree.root(), tree.pair(&key.into()).unwrap().unwrap()));
                assert!(!holds(&proof, tree.root(), key, b"other"));
                assert!(!holds(&proof, tree.root(), key + 1, &value));
                assert!(!holds(&proof, &[0; 32], key, &value));
                let mut forged = proof.clone();
                forged.siblings[1][0] ^= 1;
                assert!(!holds(&forged, tree.root(), key, &value));
                forged = Proof { leaf: proof.leaf ^ 1, ..proof.clone() };
                assert!(!holds(&forged, tree.root(), key, &value));
                forged = Proof { leaf: proof.leaf | 16, ..proof.clone() };
                assert!(!holds(&forged, tree.root(), key, &value));
                forged = proof.clone();
                forged.before.push(vec![0; tree.scheme().width]);
                assert!(!holds(&forged, tree.root(), key, &value));
                forged.before = vec![vec![]];
                assert!(!holds(&forged, tree.root(), key, &value));
            }
            assert_eq!(tree.proof(&70u64.into()), Err(Error::Missing));
        }
    }
}
