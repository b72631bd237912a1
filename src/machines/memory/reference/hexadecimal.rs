//! Eight hexadecimal digits at once, in the bytes of a word (SWAR).

/// The same byte eight times.
const fn all(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// At which byte of `word` the first `byte` stands, from the lowest on; 8: nowhere.
#[inline(always)]
pub fn find(word: u64, byte: u8) -> u32 {
    let zeros = word ^ all(byte);
    // Borrows only reach bytes above the first zero, so the lowest mark is always right.
    let marks = zeros.wrapping_sub(all(1)) & !zeros & all(0x80);
    marks.trailing_zeros() / 8
}

/// The value of the first `count` characters (1 to 8) of `word`, whose first is in the lowest byte; None if one
/// of them is no digit.
#[inline(always)]
pub fn value(word: u64, count: u32) -> Option<u64> {
    let missing = 64 - 8 * count;
    // What is not wanted is shifted out; zeros come before.
    let text = if missing == 0 { word } else { word << missing | all(b'0') >> (64 - missing) };
    let (low, high) = (text & all(0x7f), text & all(0x80));
    // A byte below 128 is at least `a` if adding 128 - a sets its top bit, and above `z` if adding 127 - z does.
    let digits = (low + all(0x80 - b'0')) & !(low + all(0x7f - b'9'));
    let lower = low | all(0x20);
    let letters = (lower + all(0x80 - b'a')) & !(lower + all(0x7f - b'f'));
    if (digits | letters) & all(0x80) != all(0x80) || high != 0 {
        return None;
    }
    let nibbles = (text & all(0x0f)) + (text >> 6 & all(1)) * 9;
    let bytes = (nibbles << 4 | nibbles >> 8) & 0x00ff_00ff_00ff_00ff;
    let halves = (bytes << 8 | bytes >> 16) & 0x0000_ffff_0000_ffff;
    Some((halves << 16 | halves >> 32) & 0xffff_ffff)
}

/// The value of 1 to 16 digits, one by one.
pub fn slow_value(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 16 {
        return None;
    }
    digits
        .iter()
        .try_fold(0, |value: u64, digit| Some(value << 4 | u64::from(char::from(*digit).to_digit(16)?)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_byte_at_every_place_is_judged_as_one_by_one() {
        for byte in 0..=255u8 {
            for place in 0..8 {
                let mut text = *b"09afAF5c";
                text[place] = byte;
                for count in 1..=8u32 {
                    let one_by_one = slow_value(&text[..count as usize]);
                    assert_eq!(value(u64::from_le_bytes(text), count), one_by_one, "{text:?} {count}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn first_comma_is_found(bytes in prop::array::uniform8(prop_oneof![Just(b','), 0u8..=255])) {
            let place = bytes.iter().position(|it| *it == b',').unwrap_or(8);
            prop_assert_eq!(find(u64::from_le_bytes(bytes), b','), place as u32);
        }
    }
}
