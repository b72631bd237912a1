//! What is hashed, and by what.
//!
//! The notes hash a pair as `H(key || value)` and a node as `H(left || right)`. Read literally, two things go
//! wrong: the pairs ("ab", "c") and ("a", "bc") have one hash, and so have a node and a pair that happens to spell
//! its children (a second preimage). [`Encoding::Framed`] therefore says first what is hashed, as RFC 6962 does:
//!
//! | | framed | concatenated (the notes) |
//! |---|---|---|
//! | pair | `H(00 sort len(key) key sort value)` | `H(key value)` |
//! | leaf of one pair | the pair's | the pair's |
//! | leaf of several, or of none | `H(02 pair pair ...)` | `H(pair pair ...)` |
//! | inner node | `H(01 left right)` | `H(left right)` |
//!
//! A sort is one byte, a length eight (little-endian).
use std::fmt;
use std::str::FromStr;

use digest::Digest;
use serde::{Deserialize, Serialize};

use super::key::{Key, Value};
use crate::sim::Invalid;

/// The longest hash, in bytes.
pub const WIDEST: usize = 32;

/// The hash of a pair, in its first bytes.
pub type PairHash = [u8; WIDEST];

/// A hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hash {
    /// SHA-256: 32 bytes.
    Sha256,
    /// SHA-1: 20 bytes; collisions can be made since 2017.
    Sha1,
    /// BLAKE3: 32 bytes.
    Blake3,
    /// MD5: 16 bytes, for old papers' sake; collisions are easy.
    Md5,
    /// No hash: a node is its children side by side, and hashes of pairs are given. For figures.
    Concatenation,
}

impl Hash {
    /// All of them, by name.
    pub const ALL: [(&'static str, Self); 5] = [
        ("sha256", Self::Sha256),
        ("sha1", Self::Sha1),
        ("blake3", Self::Blake3),
        ("md5", Self::Md5),
        ("concatenation", Self::Concatenation),
    ];

    /// What it is called.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, it)| *it == self).map_or("", |(name, _)| name)
    }

    /// How many bytes it gives; for the concatenation, it depends.
    pub fn width(self) -> Option<usize> {
        match self {
            Self::Sha256 | Self::Blake3 => Some(32),
            Self::Sha1 => Some(20),
            Self::Md5 => Some(16),
            Self::Concatenation => None,
        }
    }

    /// Hashes bytes that come in parts.
    #[inline]
    fn parts(self, parts: &[&[u8]], out: &mut [u8]) {
        match self {
            Self::Sha256 => digest_parts::<sha2::Sha256>(parts, out),
            Self::Sha1 => digest_parts::<sha1::Sha1>(parts, out),
            Self::Md5 => digest_parts::<md5::Md5>(parts, out),
            Self::Blake3 => {
                let mut hasher = blake3::Hasher::new();
                for part in parts {
                    hasher.update(part);
                }
                out.copy_from_slice(hasher.finalize().as_bytes());
            }
            Self::Concatenation => {
                let mut rest = out;
                for part in parts {
                    let (here, after) = rest.split_at_mut(part.len());
                    here.copy_from_slice(part);
                    rest = after;
                }
            }
        }
    }

    /// Hashes bytes in one piece.
    #[inline]
    fn whole(self, bytes: &[u8], out: &mut [u8]) {
        match self {
            Self::Blake3 => out.copy_from_slice(blake3::hash(bytes).as_bytes()),
            _ => self.parts(&[bytes], out),
        }
    }
}

#[inline]
fn digest_parts<D: Digest>(parts: &[&[u8]], out: &mut [u8]) {
    let mut hasher = D::new();
    for part in parts {
        hasher.update(part);
    }
    out.copy_from_slice(&hasher.finalize());
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Hash {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        const ALLOWED: &str = "'sha256', 'sha1', 'blake3' or 'md5' ('concatenation' for given hashes)";
        let found = Self::ALL.iter().find(|(name, _)| *name == text);
        found.map(|(_, it)| *it).ok_or_else(|| Invalid::new("hash", text, ALLOWED))
    }
}

/// How pairs and nodes become the bytes that are hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encoding {
    /// Without ambiguity.
    Framed,
    /// As the notes write it.
    Concatenated,
}

impl Encoding {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Framed => "framed",
            Self::Concatenated => "concatenated",
        }
    }
}

impl FromStr for Encoding {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "framed" => Ok(Self::Framed),
            "concatenated" => Ok(Self::Concatenated),
            _ => Err(Invalid::new("encoding", text, "'framed' or 'concatenated'")),
        }
    }
}

/// What makes hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scheme {
    /// The function.
    pub hash: Hash,
    /// What it is given.
    pub encoding: Encoding,
    /// Bytes of the hash of a pair and of a leaf.
    pub width: usize,
}

const PAIR: u8 = 0;
const INNER: u8 = 1;
const BUCKET: u8 = 2;

impl Scheme {
    /// With a real hash function.
    pub fn new(hash: Hash, encoding: Encoding) -> Result<Self, Invalid> {
        let width = hash.width().ok_or_else(|| {
            Invalid::new("hash", hash, "a hash function; 'concatenation' takes given hashes only")
        })?;
        Ok(Self { hash, encoding, width })
    }

    /// For figures: inner nodes are concatenations of given hashes of so many bytes.
    pub fn concatenation(width: usize) -> Result<Self, Invalid> {
        if !(1..=WIDEST).contains(&width) {
            return Err(Invalid::new("hashes", format!("{width} bytes long"), "hashes of 1 to 32 bytes"));
        }
        Ok(Self { hash: Hash::Concatenation, encoding: Encoding::Concatenated, width })
    }

    /// The same, if it is one that can be made.
    pub fn checked(self) -> Result<Self, Invalid> {
        let made = match self.hash {
            Hash::Concatenation => Self::concatenation(self.width),
            hash => Self::new(hash, self.encoding),
        }?;
        if made == self { Ok(made) } else { Err(Invalid::new("width", self.width, "what the hash gives")) }
    }

    /// Bytes of the hash of a node that is `height` above the leaves.
    pub fn width_at(&self, height: usize) -> usize {
        match self.hash {
            Hash::Concatenation => self.width << height,
            _ => self.width,
        }
    }

    /// The hash of a pair.
    #[inline]
    pub fn pair(&self, key: &Key, value: Value<'_>) -> PairHash {
        let mut out = [0; WIDEST];
        key.with_bytes(|sort, key| match self.encoding {
            Encoding::Concatenated => self.hash.parts(&[key, value.bytes], &mut out[..self.width]),
            Encoding::Framed => self.framed(sort, key, value, &mut out[..self.width]),
        });
        out
    }

    /// Short pairs are put together first: one call of the hash instead of four.
    #[inline]
    fn framed(&self, sort: u8, key: &[u8], value: Value<'_>, out: &mut [u8]) {
        const HEAD: usize = 10;
        let mut buffer = [0; 256];
        buffer[0] = PAIR;
        buffer[1] = sort;
        buffer[2..HEAD].copy_from_slice(&(key.len() as u64).to_le_bytes());
        let total = HEAD + key.len() + 1 + value.bytes.len();
        if total > buffer.len() {
            self.hash.parts(&[&buffer[..HEAD], key, &[value.sort], value.bytes], out);
            return;
        }
        buffer[HEAD..][..key.len()].copy_from_slice(key);
        buffer[HEAD + key.len()] = value.sort;
        buffer[total - value.bytes.len()..total].copy_from_slice(value.bytes);
        self.hash.whole(&buffer[..total], out);
    }

    /// The hash of a leaf with these pairs, which are in the order of their keys.
    pub fn leaf<'a>(&self, mut pairs: impl Iterator<Item = &'a PairHash>, out: &mut [u8]) {
        let (first, second) = (pairs.next(), pairs.next());
        match (first, second) {
            (Some(only), None) => out.copy_from_slice(&only[..self.width]),
            _ if self.hash == Hash::Concatenation => out.fill(0),
            _ => {
                let mut all = Vec::with_capacity(1 + 8 * self.width);
                if self.encoding == Encoding::Framed {
                    all.push(BUCKET);
                }
                for pair in first.into_iter().chain(second).chain(pairs) {
                    all.extend_from_slice(&pair[..self.width]);
                }
                self.hash.whole(&all, out);
            }
        }
    }

    /// The hash of a node whose children's hashes are side by side in `children`.
    #[inline]
    pub fn inner(&self, children: &[u8], out: &mut [u8]) {
        match (self.encoding, self.hash) {
            (_, Hash::Concatenation) => out.copy_from_slice(children),
            (Encoding::Concatenated, _) => self.hash.whole(children, out),
            (Encoding::Framed, _) => {
                let mut buffer = [INNER; 1 + 2 * WIDEST];
                buffer[1..=children.len()].copy_from_slice(children);
                self.hash.whole(&buffer[..=children.len()], out);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scheme(encoding: Encoding) -> Scheme {
        Scheme::new(Hash::Sha256, encoding).unwrap()
    }

    #[test]
    fn concatenation_confuses_pairs_that_frames_tell_apart() {
        let pairs = [("ab", "c"), ("a", "bc"), ("abc", ""), ("", "abc")];
        let all = |encoding| {
            let mut hashes =
                pairs.map(|(key, value)| scheme(encoding).pair(&key.into(), value.into())).to_vec();
            hashes.sort_unstable();
            hashes.dedup();
            hashes.len()
        };
        assert_eq!(all(Encoding::Concatenated), 1);
        assert_eq!(all(Encoding::Framed), 4);
    }

    #[test]
    fn long_pairs_are_hashed_as_short_ones_are() {
        for length in 200..300 {
            let key = Key::from("k".repeat(length / 2).as_str());
            let value = vec![b'v'; length - length / 2];
            for (_, hash) in &Hash::ALL[..4] {
                let scheme = Scheme::new(*hash, Encoding::Framed).unwrap();
                let mut plain = vec![PAIR, 0];
                key.with_bytes(|_, key| {
                    plain.extend((key.len() as u64).to_le_bytes());
                    plain.extend(key);
                });
                plain.push(0);
                plain.extend(&value);
                let mut expected = vec![0; scheme.width];
                hash.whole(&plain, &mut expected);
                assert_eq!(scheme.pair(&key, value.as_slice().into())[..scheme.width], expected);
            }
        }
    }

    #[test]
    fn numbers_and_their_bytes_are_different_keys_and_values() {
        let scheme = scheme(Encoding::Framed);
        let of = |key: Key, sort: u8| scheme.pair(&key, Value { sort, bytes: &[255; 8] });
        let hashes = [
            of((-1i64).into(), 0),
            of(u64::MAX.into(), 0),
            of(Key::from(&[255; 8][..]), 0),
            of((-1i64).into(), 1),
        ];
        for i in 0..hashes.len() {
            assert!(!hashes[..i].contains(&hashes[i]), "{i}");
        }
    }

    #[test]
    fn inner_nodes_are_those_of_rfc_6962() {
        // The test vectors of certificate transparency: leaves "" and 00.
        let scheme = scheme(Encoding::Framed);
        let mut children = [0; 64];
        Hash::Sha256.whole(&[0], &mut children[..32]);
        Hash::Sha256.whole(&[0, 0], &mut children[32..]);
        let mut root = [0; 32];
        scheme.inner(&children, &mut root);
        let hex: String = root.iter().map(|it| format!("{it:02x}")).collect();
        assert_eq!(hex, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125");
    }
}
