//! Keys and values as bytes without ambiguity.
use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::machines::hashing::ring;

/// A key. Integers come first, in their order, then bytes in theirs; text is its UTF-8.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Key {
    /// An integer below zero.
    Negative(i64),
    /// An integer of 64 bits.
    Natural(u64),
    /// An integer of more: its upper and its lower 64 bits.
    Large(u64, u64),
    /// Bytes.
    Bytes(Box<[u8]>, Form),
}

/// What bytes were when they were given: to be shown as such again. Text and the equal bytes are one key, so
/// this takes no part in comparisons.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Form {
    /// Just bytes.
    Raw,
    /// Text, in UTF-8.
    Text,
    /// The sixteen bytes of a UUID.
    Uuid,
}

impl PartialEq for Form {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Form {}

impl PartialOrd for Form {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Form {
    fn cmp(&self, _: &Self) -> Ordering {
        Ordering::Equal
    }
}

impl From<u64> for Key {
    fn from(number: u64) -> Self {
        Self::Natural(number)
    }
}

impl From<i64> for Key {
    fn from(number: i64) -> Self {
        if number < 0 { Self::Negative(number) } else { Self::Natural(number as u64) }
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self::Bytes(text.as_bytes().into(), Form::Text)
    }
}

impl From<&[u8]> for Key {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.into(), Form::Raw)
    }
}

impl Key {
    /// The integer of 128 bits.
    pub fn large(number: u128) -> Self {
        match u64::try_from(number) {
            Ok(it) => Self::Natural(it),
            Err(_) => Self::Large((number >> 64) as u64, number as u64),
        }
    }

    /// Calls `with` with what sort of key this is, as one byte, and its bytes: integers in little-endian two's
    /// complement, eight bytes or sixteen.
    #[inline]
    pub fn with_bytes<T>(&self, with: impl FnOnce(u8, &[u8]) -> T) -> T {
        match self {
            Self::Bytes(bytes, _) => with(0, bytes),
            Self::Natural(it) => with(1, &it.to_le_bytes()),
            Self::Negative(it) => with(2, &it.to_le_bytes()),
            Self::Large(high, low) => with(3, &(u128::from(*high) << 64 | u128::from(*low)).to_le_bytes()),
        }
    }

    /// How many bytes it takes on the wire.
    pub fn size_bytes(&self) -> u64 {
        match self {
            Self::Bytes(bytes, _) => bytes.len() as u64,
            Self::Natural(_) | Self::Negative(_) => 8,
            Self::Large(..) => 16,
        }
    }

    /// The same key as a ring sees it.
    pub fn on_ring(&self) -> ring::Key<'_> {
        match self {
            Self::Bytes(bytes, _) => ring::Key::Bytes(bytes),
            Self::Natural(bits) => ring::Key::Int { bits: *bits, negative: false },
            Self::Negative(it) => ring::Key::Int { bits: *it as u64, negative: true },
            Self::Large(high, low) => ring::Key::Large(u128::from(*high) << 64 | u128::from(*low)),
        }
    }
}

/// A value: bytes, and what they stand for as one byte, so that the integer -1 and its eight bytes differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value<'a> {
    /// The sort: 0 for bytes and text, and what a caller distinguishes besides.
    pub sort: u8,
    /// What is stored.
    pub bytes: &'a [u8],
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self { sort: 0, bytes }
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self { sort: 0, bytes: text.as_bytes() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_ordered_by_number_then_by_bytes() {
        let keys = [
            Key::from(i64::MIN),
            Key::from(-1i64),
            Key::from(0u64),
            Key::from(u64::MAX),
            Key::large(1 << 64),
            Key::large(u128::MAX),
            Key::from(""),
            Key::from("a"),
            Key::from("ab"),
            Key::from("b"),
        ];
        assert!(keys.is_sorted_by(|a, b| a < b));
        assert_eq!(Key::from("a"), Key::from(&b"a"[..]));
        assert_eq!(Key::large(7), Key::from(7u64));
    }
}
