//! The hash functions that put keys and servers on a ring, and words as wide as the ring needs.
//!
//! A hash is *left-aligned*: its first bit is the most significant bit of the word, and a ring of `m` bits
//! looks at the first `m` only. So one hash serves rings of every width up to the word's, and no lookup shifts.
use std::fmt;
use std::str::FromStr;

use digest::Digest;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};
use xxhash_rust::xxh64::xxh64;

use crate::sim::Invalid;

/// A hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hash {
    /// XXH3 of 64 bits, of 128 on wider rings: fast, and spreads well; not for adversaries.
    Xxh3,
    /// XXH64: 64 bits.
    Xxh64,
    /// MD5: 128 bits, as Dynamo has it.
    Md5,
    /// SHA-1: the first 128 of its 160 bits.
    Sha1,
    /// SHA-256: the first 128 bits.
    Sha256,
    /// BLAKE3: the first 128 bits.
    Blake3,
    /// The first four bytes of MD5 as a little-endian number: 32 bits, what ketama does.
    Ketama,
    /// No hash: the integer itself, modulo the ring.
    Identity,
}

impl Hash {
    /// All of them, by name.
    pub const ALL: [(&'static str, Self); 8] = [
        ("xxh3", Self::Xxh3),
        ("xxh64", Self::Xxh64),
        ("md5", Self::Md5),
        ("sha1", Self::Sha1),
        ("sha256", Self::Sha256),
        ("blake3", Self::Blake3),
        ("ketama", Self::Ketama),
        ("identity", Self::Identity),
    ];

    /// What it is called.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, it)| *it == self).map_or("", |(name, _)| name)
    }

    /// How many bits it gives at most.
    pub fn bits(self) -> u32 {
        match self {
            Self::Xxh64 => 64,
            Self::Ketama => 32,
            _ => 128,
        }
    }

    /// The left-aligned hash of `bytes` (of the identity: of the big-endian number that they are).
    pub fn of_bytes<W: Word>(self, bytes: &[u8]) -> W {
        match self {
            Self::Xxh3 => W::hash::<Xxh3>(bytes),
            Self::Xxh64 => W::hash::<Xxh64>(bytes),
            Self::Md5 => W::hash::<Of<md5::Md5>>(bytes),
            Self::Sha1 => W::hash::<Of<sha1::Sha1>>(bytes),
            Self::Sha256 => W::hash::<Of<sha2::Sha256>>(bytes),
            Self::Blake3 => W::hash::<Blake3>(bytes),
            Self::Ketama => W::hash::<Ketama>(bytes),
            Self::Identity => W::hash::<Identity>(bytes),
        }
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Hash {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        const ALLOWED: &str = "'xxh3', 'xxh64', 'md5', 'sha1', 'sha256', 'blake3', 'ketama' or 'identity'";
        let found = Self::ALL.iter().find(|(name, _)| *name == text);
        found.map(|(_, it)| *it).ok_or_else(|| Invalid::new("hash", text, ALLOWED))
    }
}

/// A hash function as a type, so that loops over keys are compiled for each.
pub trait Function {
    /// Left-aligned in 64 bits.
    fn narrow(bytes: &[u8]) -> u64 {
        (Self::wide(bytes) >> 64) as u64
    }
    /// Left-aligned in 128 bits.
    fn wide(bytes: &[u8]) -> u128;
    /// Of an integer: of its eight bytes, little-endian.
    #[inline(always)]
    fn narrow_int(int: u64) -> u64 {
        Self::narrow(&int.to_le_bytes())
    }
}

/// See [`Hash::Xxh3`].
pub struct Xxh3;
/// See [`Hash::Xxh64`].
pub struct Xxh64;
/// See [`Hash::Blake3`].
pub struct Blake3;
/// See [`Hash::Ketama`].
pub struct Ketama;
/// See [`Hash::Identity`]; here of bytes, which nothing but a test of its own would ask for.
pub struct Identity;
/// A digest of at least 16 bytes.
pub struct Of<D>(std::marker::PhantomData<D>);

impl Function for Xxh3 {
    #[inline(always)]
    fn narrow(bytes: &[u8]) -> u64 {
        xxh3_64(bytes)
    }
    fn wide(bytes: &[u8]) -> u128 {
        xxh3_128(bytes)
    }
    #[inline(always)]
    fn narrow_int(int: u64) -> u64 {
        xxh3_of_8(int)
    }
}

impl Function for Xxh64 {
    #[inline(always)]
    fn narrow(bytes: &[u8]) -> u64 {
        xxh64(bytes, 0)
    }
    fn wide(bytes: &[u8]) -> u128 {
        u128::from(xxh64(bytes, 0)) << 64
    }
}

impl Function for Blake3 {
    fn wide(bytes: &[u8]) -> u128 {
        first_16(blake3::hash(bytes).as_bytes())
    }
}

impl Function for Ketama {
    fn wide(bytes: &[u8]) -> u128 {
        u128::from(ketama_points(bytes)[0]) << 96
    }
}

impl Function for Identity {
    fn narrow(bytes: &[u8]) -> u64 {
        bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
    fn wide(bytes: &[u8]) -> u128 {
        bytes.iter().fold(0, |number, byte| number << 8 | u128::from(*byte))
    }
}

impl<D: Digest> Function for Of<D> {
    fn wide(bytes: &[u8]) -> u128 {
        first_16(&D::digest(bytes))
    }
}

/// The four points of 32 bits that ketama makes of one MD5.
pub fn ketama_points(bytes: &[u8]) -> [u32; 4] {
    let digest = first_16(&md5::Md5::digest(bytes)).to_be_bytes();
    [0, 4, 8, 12].map(|i| u32::from_le_bytes([digest[i], digest[i + 1], digest[i + 2], digest[i + 3]]))
}

fn first_16(digest: &[u8]) -> u128 {
    digest.iter().take(16).fold(0, |number, byte| number << 8 | u128::from(*byte))
}

/// XXH3 of the eight bytes of an integer, without the detour through memory and lengths (its bytes 8 to 24 of
/// the default secret, and the mix for inputs of 4 to 8 bytes).
#[inline(always)]
pub fn xxh3_of_8(int: u64) -> u64 {
    const FLIP: u64 = 0x1cad_21f7_2c81_017c ^ 0xdb97_9083_e96d_d4de;
    const PRIME: u64 = 0x9fb2_1c65_1e98_df25;
    let mut hash = int.rotate_left(32) ^ FLIP;
    hash ^= hash.rotate_left(49) ^ hash.rotate_left(24);
    hash = hash.wrapping_mul(PRIME);
    hash ^= (hash >> 35).wrapping_add(8);
    hash = hash.wrapping_mul(PRIME);
    hash ^ hash >> 28
}

/// What a place on a ring is counted in: 64 bits, or 128 for wider rings.
pub trait Word: Copy + Ord + Send + Sync + fmt::Debug + 'static {
    /// How many bits.
    const BITS: u32;
    /// All ones.
    const MAX: Self;
    /// Left-aligned hash.
    fn hash<F: Function>(bytes: &[u8]) -> Self;
    /// Left-aligned hash of an integer.
    fn hash_int<F: Function>(int: u64) -> Self;
    /// The first bits, all but `shift` of 64.
    fn top(self, shift: u32) -> usize;
    /// A left-aligned position on a ring of `bits`.
    fn at(position: u128, bits: u32) -> Self;
    /// The position on a ring of `bits`.
    fn position(self, bits: u32) -> u128;
    /// The last hash of a ring of `bits` that is on the same position.
    fn last(self, bits: u32) -> Self;
    /// One less, and from zero round to the last.
    fn before(self) -> Self;
}

impl Word for u64 {
    const BITS: u32 = 64;
    const MAX: Self = Self::MAX;
    #[inline(always)]
    fn hash<F: Function>(bytes: &[u8]) -> Self {
        F::narrow(bytes)
    }
    #[inline(always)]
    fn hash_int<F: Function>(int: u64) -> Self {
        F::narrow_int(int)
    }
    #[inline(always)]
    fn top(self, shift: u32) -> usize {
        (self >> shift) as usize
    }
    fn at(position: u128, bits: u32) -> Self {
        (position as Self) << (64 - bits)
    }
    fn position(self, bits: u32) -> u128 {
        u128::from(self >> (64 - bits))
    }
    fn last(self, bits: u32) -> Self {
        self | Self::MAX.checked_shr(bits).unwrap_or(0)
    }
    fn before(self) -> Self {
        self.wrapping_sub(1)
    }
}

impl Word for u128 {
    const BITS: u32 = 128;
    const MAX: Self = Self::MAX;
    #[inline(always)]
    fn hash<F: Function>(bytes: &[u8]) -> Self {
        F::wide(bytes)
    }
    #[inline(always)]
    fn hash_int<F: Function>(int: u64) -> Self {
        F::wide(&int.to_le_bytes())
    }
    #[inline(always)]
    fn top(self, shift: u32) -> usize {
        ((self >> 64) as u64 >> shift) as usize
    }
    fn at(position: u128, bits: u32) -> Self {
        position << (128 - bits)
    }
    fn position(self, bits: u32) -> u128 {
        self >> (128 - bits)
    }
    fn last(self, bits: u32) -> Self {
        self | Self::MAX.checked_shr(bits).unwrap_or(0)
    }
    fn before(self) -> Self {
        self.wrapping_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_cut_for_integers_is_xxh3() {
        for i in 0..10_000u64 {
            let int = i.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ i;
            assert_eq!(xxh3_of_8(int), xxh3_64(&int.to_le_bytes()), "{int}");
        }
    }

    #[test]
    fn digests_of_abc_are_the_published_ones() {
        let first = |hash: Hash| hash.of_bytes::<u128>(b"abc");
        assert_eq!(first(Hash::Md5), 0x9001_5098_3cd2_4fb0_d696_3f7d_28e1_7f72);
        assert_eq!(first(Hash::Sha1), 0xa999_3e36_4706_816a_ba3e_2571_7850_c26c);
        assert_eq!(first(Hash::Sha256), 0xba78_16bf_8f01_cfea_4141_40de_5dae_2223);
        assert_eq!(first(Hash::Blake3), 0x6437_b3ac_3846_5133_ffb6_3b75_273a_8db5);
        assert_eq!(Hash::Xxh64.of_bytes::<u64>(b"abc"), 0x44bc_2cf5_ad77_0999);
        assert_eq!(first(Hash::Ketama), 0x9850_0190 << 96);
    }

    #[test]
    fn narrow_and_wide_words_agree_on_digests() {
        for (name, hash) in Hash::ALL {
            if !matches!(hash, Hash::Xxh3 | Hash::Identity) {
                assert_eq!(
                    u128::from(hash.of_bytes::<u64>(b"k")),
                    hash.of_bytes::<u128>(b"k") >> 64,
                    "{name}"
                );
            }
            assert_eq!(name.parse(), Ok(hash));
        }
        assert!("crc".parse::<Hash>().unwrap_err().to_string().contains("'blake3'"));
    }
}
