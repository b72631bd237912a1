//! A running hash of everything a run's nodes have been told: runs that differ anywhere differ here.
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

const FOLD: u64 = 0x9E37_79B9_7F4A_7C15;
const STEP: u64 = 0xD1B5_4A32_D192_ED03;

/// A 64-bit hash by folded multiplication: fast, and the same on every platform (sizes count as 64 bits,
/// bytes are read little end first). Not for adversaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// The hash of nothing, told apart by `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(seed ^ STEP)
    }

    /// The hash of one value.
    pub fn of<T: Hash + ?Sized>(value: &T) -> u64 {
        let mut hasher = Self::new(0);
        value.hash(&mut hasher);
        hasher.finish()
    }
}

impl Hasher for Fingerprint {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write_u64(&mut self, it: u64) {
        let product = u128::from(self.0 ^ it) * u128::from(FOLD);
        self.0 = ((product as u64) ^ ((product >> 64) as u64)).wrapping_add(STEP).rotate_left(29);
    }
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.write_u64(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let mut word = [0; 8];
            word[..rest.len()].copy_from_slice(rest);
            self.write_u64(u64::from_le_bytes(word) ^ ((rest.len() as u64) << 56));
        }
    }
    fn write_u8(&mut self, it: u8) {
        self.write_u64(it.into());
    }
    fn write_u16(&mut self, it: u16) {
        self.write_u64(it.into());
    }
    fn write_u32(&mut self, it: u32) {
        self.write_u64(it.into());
    }
    fn write_usize(&mut self, it: usize) {
        self.write_u64(it as u64);
    }
    fn write_i8(&mut self, it: i8) {
        self.write_u64(it as u64);
    }
    fn write_i16(&mut self, it: i16) {
        self.write_u64(it as u64);
    }
    fn write_i32(&mut self, it: i32) {
        self.write_u64(it as u64);
    }
    fn write_i64(&mut self, it: i64) {
        self.write_u64(it as u64);
    }
    fn write_isize(&mut self, it: isize) {
        self.write_u64(it as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn is_the_same_everywhere() {
        assert_eq!(Fingerprint::of(&(1u64, "abc", [1u8, 2, 3])), 14_937_195_287_972_433_100);
        assert_eq!(Fingerprint::of(&7usize), Fingerprint::of(&7u64));
    }

    #[test]
    fn does_not_collide_on_small_things() {
        let hashes: BTreeSet<u64> =
            (0..100u64).flat_map(|a| (0..100u64).map(move |b| Fingerprint::of(&(a, b)))).collect();
        assert_eq!(hashes.len(), 10_000);
        assert_ne!(Fingerprint::of(&b"ab\0"[..]), Fingerprint::of(&b"ab"[..]));
    }
}
