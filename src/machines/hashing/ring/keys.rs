//! Keys: what they are, and how whole columns of them become hashes.
//!
//! A key means the same wherever it comes from: text is its UTF-8, an integer its eight bytes (little-endian,
//! two's complement), whether alone, in a list or in an array. So text and the equal bytes are one key, and -1
//! and 2^64 - 1 are hashed alike.
use super::hash::{self, Hash, Word};
use crate::sim::Invalid;

/// How many keys are hashed at a time: small enough to stay in the first cache.
pub const BLOCK: usize = 512;

/// One key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key<'a> {
    /// An integer of 64 bits.
    Int {
        /// Its two's complement.
        bits: u64,
        /// Whether it is below zero.
        negative: bool,
    },
    /// A larger integer, 2^64 or more.
    Large(u128),
    /// Bytes, or text in UTF-8.
    Bytes(&'a [u8]),
}

impl<'a> From<u64> for Key<'a> {
    fn from(bits: u64) -> Self {
        Self::Int { bits, negative: false }
    }
}

impl<'a> From<&'a [u8]> for Key<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

/// A column of keys.
#[derive(Clone, Copy, Debug)]
pub enum Keys<'a> {
    /// Integers, as two's complement.
    Ints {
        /// One each.
        bits: &'a [u64],
        /// Whether the highest bit is a sign.
        signed: bool,
    },
    /// Bytes in fields of one width, filled up with zeros that do not count.
    Fixed {
        /// All fields.
        data: &'a [u8],
        /// Bytes a field.
        width: usize,
    },
    /// Code points in fields of one width, filled up with zeros that do not count.
    Wide {
        /// All fields.
        data: &'a [u32],
        /// Code points a field.
        width: usize,
    },
    /// Bytes one after the other.
    Texts {
        /// All of them.
        data: &'a [u8],
        /// Where each ends.
        ends: &'a [usize],
    },
    /// Of several kinds.
    Mixed(&'a [Key<'a>]),
}

/// How keys are hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hashing {
    /// The function.
    pub hash: Hash,
    /// How many bits of it count (the identity needs to know).
    pub bits: u32,
    /// Whether an integer is hashed as its decimal digits, not as its bytes.
    pub decimal: bool,
}

impl Hashing {
    /// A hash of 64 bits, integers as bytes.
    pub const fn of(hash: Hash) -> Self {
        Self { hash, bits: 64, decimal: false }
    }

    /// The left-aligned hash of one key; integers only where the hash is the identity.
    pub fn one<W: Word>(&self, key: Key<'_>) -> Result<W, Invalid> {
        let mut hash = [W::MAX];
        self.block(&Keys::Mixed(&[key]), 0, &mut hash)?;
        Ok(hash[0])
    }

    /// The left-aligned hashes of keys `from..from + out.len()`.
    pub fn block<W: Word>(&self, keys: &Keys<'_>, from: usize, out: &mut [W]) -> Result<(), Invalid> {
        match self.hash {
            Hash::Xxh3 => self.each::<W, hash::Xxh3>(keys, from, out),
            Hash::Xxh64 => self.each::<W, hash::Xxh64>(keys, from, out),
            Hash::Md5 => self.each::<W, hash::Of<md5::Md5>>(keys, from, out),
            Hash::Sha1 => self.each::<W, hash::Of<sha1::Sha1>>(keys, from, out),
            Hash::Sha256 => self.each::<W, hash::Of<sha2::Sha256>>(keys, from, out),
            Hash::Blake3 => self.each::<W, hash::Blake3>(keys, from, out),
            Hash::Ketama => self.each::<W, hash::Ketama>(keys, from, out),
            Hash::Identity => return self.place_integers(keys, from, out),
        }
        Ok(())
    }

    fn each<W: Word, F: hash::Function>(&self, keys: &Keys<'_>, from: usize, out: &mut [W]) {
        match *keys {
            Keys::Ints { bits, signed } if self.decimal => {
                for (out, bits) in out.iter_mut().zip(&bits[from..]) {
                    let negative = signed && (*bits as i64) < 0;
                    *out = W::hash::<F>(digits(Key::Int { bits: *bits, negative }).as_bytes());
                }
            }
            Keys::Ints { bits, .. } => {
                for (out, bits) in out.iter_mut().zip(&bits[from..]) {
                    *out = W::hash_int::<F>(*bits);
                }
            }
            Keys::Fixed { width: 0, .. } | Keys::Wide { width: 0, .. } => out.fill(W::hash::<F>(b"")),
            Keys::Fixed { data, width } => {
                for (out, field) in out.iter_mut().zip(data[from * width..].chunks_exact(width)) {
                    *out = W::hash::<F>(filled(field));
                }
            }
            Keys::Wide { data, width } => {
                let mut text = Vec::with_capacity(4 * width);
                for (out, field) in out.iter_mut().zip(data[from * width..].chunks_exact(width)) {
                    *out = W::hash::<F>(utf8(field, &mut text));
                }
            }
            Keys::Texts { data, ends } => {
                let mut start = if from == 0 { 0 } else { ends[from - 1] };
                for (out, end) in out.iter_mut().zip(&ends[from..]) {
                    *out = W::hash::<F>(&data[start..*end]);
                    start = *end;
                }
            }
            Keys::Mixed(keys) => {
                for (out, key) in out.iter_mut().zip(&keys[from..]) {
                    *out = self.mixed::<W, F>(*key);
                }
            }
        }
    }

    fn mixed<W: Word, F: hash::Function>(&self, key: Key<'_>) -> W {
        match key {
            Key::Bytes(bytes) => W::hash::<F>(bytes),
            _ if self.decimal => W::hash::<F>(digits(key).as_bytes()),
            Key::Int { bits, .. } => W::hash_int::<F>(bits),
            Key::Large(bits) => W::hash::<F>(&bits.to_le_bytes()),
        }
    }

    fn place_integers<W: Word>(&self, keys: &Keys<'_>, from: usize, out: &mut [W]) -> Result<(), Invalid> {
        for (i, out) in out.iter_mut().enumerate() {
            let number = match *keys {
                Keys::Ints { bits, signed: true } => i128::from(bits[from + i] as i64) as u128,
                Keys::Ints { bits, signed: false } => u128::from(bits[from + i]),
                Keys::Mixed(keys) => whole(keys[from + i])?,
                Keys::Fixed { .. } | Keys::Wide { .. } | Keys::Texts { .. } => return Err(not_integers()),
            };
            *out = W::at(number & u128::MAX >> (128 - self.bits), self.bits);
        }
        Ok(())
    }
}

fn not_integers() -> Invalid {
    Invalid::new("keys", "text", "integers where the hash is 'identity'")
}

fn whole(key: Key<'_>) -> Result<u128, Invalid> {
    match key {
        Key::Int { bits, negative: true } => Ok(i128::from(bits as i64) as u128),
        Key::Int { bits, negative: false } => Ok(u128::from(bits)),
        Key::Large(bits) => Ok(bits),
        Key::Bytes(_) => Err(not_integers()),
    }
}

fn digits(key: Key<'_>) -> String {
    match key {
        Key::Int { bits, negative: true } => (bits as i64).to_string(),
        Key::Int { bits, negative: false } => bits.to_string(),
        Key::Large(bits) => bits.to_string(),
        Key::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// What is in a field, without the zeros that fill it up.
#[inline(always)]
fn filled(field: &[u8]) -> &[u8] {
    let mut length = field.len();
    while length > 0 && field[length - 1] == 0 {
        length -= 1;
    }
    &field[..length]
}

/// The UTF-8 of a field of code points. What is no code point cannot come from Python's text, but for lone
/// surrogates: those take three bytes, as Python's "surrogatepass" has it.
fn utf8<'a>(field: &[u32], text: &'a mut Vec<u8>) -> &'a [u8] {
    // Mostly all are ASCII: narrow the whole field in one go, and see afterwards whether that was right.
    text.resize(field.len(), 0);
    let mut all = 0;
    for (byte, point) in text.iter_mut().zip(field) {
        *byte = *point as u8;
        all |= point;
    }
    if all < 128 {
        return filled(text);
    }
    text.clear();
    let length = field.len() - field.iter().rev().take_while(|it| **it == 0).count();
    let field = &field[..length];
    for point in field {
        match char::from_u32(*point) {
            Some(it) => text.extend_from_slice(it.encode_utf8(&mut [0; 4]).as_bytes()),
            None => text.extend([
                0xe0 | (point >> 12) as u8,
                0x80 | (point >> 6 & 0x3f) as u8,
                0x80 | (point & 0x3f) as u8,
            ]),
        }
    }
    text
}

impl<'a> Keys<'a> {
    /// How many.
    pub fn len(&self) -> usize {
        match *self {
            Self::Ints { bits, .. } => bits.len(),
            Self::Fixed { data, width } => data.len().checked_div(width).unwrap_or(0),
            Self::Wide { data, width } => data.len().checked_div(width).unwrap_or(0),
            Self::Texts { ends, .. } => ends.len(),
            Self::Mixed(keys) => keys.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Calls `each` with the keys `from..from + count`, one by one.
    pub fn visit(&self, from: usize, count: usize, mut each: impl FnMut(Key<'_>)) {
        let mut text = Vec::new();
        for i in from..from + count {
            match *self {
                Self::Ints { bits, signed } => {
                    each(Key::Int { bits: bits[i], negative: signed && (bits[i] as i64) < 0 });
                }
                Self::Fixed { data, width } => each(Key::Bytes(filled(&data[i * width..(i + 1) * width]))),
                Self::Wide { data, width } => {
                    each(Key::Bytes(utf8(&data[i * width..(i + 1) * width], &mut text)));
                }
                Self::Texts { data, ends } => {
                    let start = if i == 0 { 0 } else { ends[i - 1] };
                    each(Key::Bytes(&data[start..ends[i]]));
                }
                Self::Mixed(keys) => each(keys[i]),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_hashed_alike_in_every_column() {
        let texts = ["", "a", "long enough to be mixed in several rounds, and more", "\u{e9}\u{1f600}x"];
        let width = 64;
        let mut fixed = vec![0; width * texts.len()];
        let mut wide = vec![0; width * texts.len()];
        let (mut data, mut ends) = (Vec::new(), Vec::new());
        for (i, text) in texts.iter().enumerate() {
            fixed[i * width..][..text.len()].copy_from_slice(text.as_bytes());
            for (j, point) in text.chars().enumerate() {
                wide[i * width + j] = point as u32;
            }
            data.extend_from_slice(text.as_bytes());
            ends.push(data.len());
        }
        let columns = [
            Keys::Fixed { data: &fixed, width },
            Keys::Wide { data: &wide, width },
            Keys::Texts { data: &data, ends: &ends },
        ];
        for (name, hash) in Hash::ALL.into_iter().filter(|(_, it)| *it != Hash::Identity) {
            for keys in &columns {
                let mut all = [0u64; 4];
                Hashing::of(hash).block(keys, 0, &mut all).unwrap();
                let mut last = [0u64; 1];
                Hashing::of(hash).block(keys, 3, &mut last).unwrap();
                assert_eq!(all[3], last[0], "{name}");
                for (text, found) in texts.iter().zip(all) {
                    assert_eq!(
                        found,
                        Hashing::of(hash).one::<u64>(Key::Bytes(text.as_bytes())).unwrap(),
                        "{name} {text}"
                    );
                }
            }
        }
    }

    #[test]
    fn integers_are_their_bytes_or_their_digits() {
        let hashing = Hashing::of(Hash::Md5);
        let minus: u64 = hashing.one(Key::Int { bits: u64::MAX, negative: true }).unwrap();
        assert_eq!(minus, hashing.one::<u64>(Key::Bytes(&[255; 8])).unwrap());
        let hashing = Hashing { decimal: true, ..hashing };
        let minus: u64 = hashing.one(Key::Int { bits: u64::MAX, negative: true }).unwrap();
        assert_eq!(minus, hashing.one::<u64>(Key::Bytes(b"-1")).unwrap());
        let mut column = [0u64; 2];
        hashing.block(&Keys::Ints { bits: &[u64::MAX, 12], signed: true }, 0, &mut column).unwrap();
        assert_eq!(column, [minus, hashing.one(Key::Bytes(b"12")).unwrap()]);
    }

    #[test]
    fn identity_puts_integers_where_they_are() {
        let hashing = Hashing { hash: Hash::Identity, bits: 9, decimal: false };
        let at = |key| hashing.one::<u64>(key).unwrap().position(9);
        assert_eq!(
            [at(100.into()), at(512.into()), at(Key::Int { bits: u64::MAX, negative: true })],
            [100, 0, 511]
        );
        let wide = Hashing { bits: 128, ..hashing };
        assert_eq!(wide.one::<u128>(Key::Int { bits: u64::MAX, negative: true }).unwrap(), u128::MAX);
        assert_eq!(wide.one::<u128>(Key::Large(1 << 100)).unwrap(), 1 << 100);
        assert!(hashing.one::<u64>(Key::Bytes(b"x")).is_err());
    }
}
