//! Hashes of states that fit in a word or a few.
use std::hash::Hasher;

use crate::sim::Fingerprint;

const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// A hash of one word in which no two words are alike, whatever the lane: an exploration of states that fit in a
/// word takes no two of them for one.
pub fn mix(word: u64, lane: u64) -> u64 {
    let mut it = word.wrapping_add(lane.wrapping_add(1).wrapping_mul(STEP));
    it = (it ^ (it >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    it = (it ^ (it >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    it ^ (it >> 31)
}

/// A hash of several words.
pub fn fold(words: impl IntoIterator<Item = u64>, lane: u64) -> u64 {
    let mut hash = Fingerprint::new(mix(lane, 0));
    for word in words {
        hash.write_u64(word);
    }
    hash.finish()
}

/// A word made of small fields, the first in its lowest bits: pairs of a value and how many bits it has.
pub fn word(fields: impl IntoIterator<Item = (u64, u32)>) -> u64 {
    let (mut word, mut used) = (0, 0);
    for (value, bits) in fields {
        debug_assert!(used + bits <= 64, "{used} + {bits} bits do not fit in a word");
        debug_assert!(value < 1 << bits, "{value} does not fit in {bits} bits");
        word |= value << used;
        used += bits;
    }
    word
}

/// Whether bit `index` of `set` is one.
pub const fn has(set: u8, index: u8) -> bool {
    set & (1 << index) != 0
}

/// `set` with bit `index` as told.
pub const fn with_bit(set: u8, index: u8, one: bool) -> u8 {
    if one { set | (1 << index) } else { set & !(1 << index) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_words_have_the_same_hash() {
        for lane in [0, 1, u64::MAX] {
            let hashes: BTreeSet<u64> = (0..50_000).map(|it| mix(it * it, lane)).collect();
            assert_eq!(hashes.len(), 50_000);
        }
        assert_ne!(mix(5, 0), mix(5, 1));
    }

    #[test]
    fn several_words_are_told_apart_by_their_order() {
        assert_ne!(fold([1, 2], 0), fold([2, 1], 0));
        assert_ne!(fold([1, 2], 0), fold([1, 2], 1));
    }

    #[test]
    fn fields_lie_side_by_side() {
        assert_eq!(word([(0b11, 2), (0, 1), (0b101, 3)]), 0b101_011);
        assert!(has(with_bit(0, 3, true), 3));
        assert!(!has(with_bit(0xFF, 3, false), 3));
    }
}
