//! The text that `valgrind --tool=lackey --trace-mem=yes` writes:
//!
//! ```text
//! ==4711== Lackey, an example Valgrind tool        what Valgrind has to say is passed over
//! I  0401ab70,3                                    an instruction of 3 bytes is fetched
//!  S 1fff000758,8                                  8 bytes are stored
//!  L 0403ce80,8                                    8 bytes are loaded
//!  M 0421c7f0,4                                    4 bytes are loaded, changed and stored
//! ```
//!
//! Addresses are hexadecimal, sizes decimal. A modification is a load and then a store, as Lackey itself counts
//! it, unless [`Modify`] says otherwise.
use std::io::{self, Write};

use super::error::{Place, TraceError};
use super::hexadecimal::{find, slow_value, value};
use super::reader::{Format, line_length, trimmed};
use super::stream::{LONGEST_LINE, Unit};
use super::{FETCH, Pieces, READ, References, WRITE};

/// What the line of a modification becomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Modify {
    /// A read, then a write.
    #[default]
    Both,
    /// A write alone.
    Write,
}

/// What to do with a line that is not Lackey's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Malformed {
    /// Complain.
    #[default]
    Refuse,
    /// Count it: a program may write among the lines of the trace.
    Skip,
}

/// A reader of Lackey's text.
#[derive(Clone, Debug)]
pub struct Lackey {
    pieces: Pieces,
    modify: Modify,
    malformed: Malformed,
    fetches: bool,
    line: u64,
    skipped: u64,
}

/// What a letter stands for; the codes of the three plain ones are those of references.
const MODIFY: u8 = 3;
/// An access of more bytes is none that a processor makes.
const LARGEST: u32 = 1 << 16;
const ALLOWED: &str = "'I', 'L', 'S' or 'M', a hexadecimal address, a comma, and a size from 1 to 65536 \
                       within the 64-bit address space, as in ' L 1fff000758,8'";

impl Lackey {
    /// References are cut into `pieces`; instruction fetches are passed over without `fetches`.
    pub fn new(pieces: Pieces, modify: Modify, malformed: Malformed, fetches: bool) -> Self {
        Self { pieces, modify, malformed, fetches, line: 0, skipped: 0 }
    }

    /// How many lines were skipped that are not Lackey's.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// False if the reference runs past the last address.
    #[inline(always)]
    fn record(&self, out: &mut References, kind: u8, address: u64, size: u32) -> bool {
        match (kind, self.modify) {
            (FETCH, _) if !self.fetches => true,
            (MODIFY, Modify::Both) => {
                self.pieces.push(out, address, READ, size) && self.pieces.push(out, address, WRITE, size)
            }
            (MODIFY, Modify::Write) => self.pieces.push(out, address, WRITE, size),
            _ => self.pieces.push(out, address, kind, size),
        }
    }

    /// One line, whatever it is.
    #[cold]
    fn any_line(&mut self, line: &[u8], out: &mut References) -> Result<(), TraceError> {
        let text = trimmed(line);
        if text.is_empty() || from_valgrind(text) {
            return Ok(());
        }
        let understood = parsed(text).is_some_and(|(kind, address, size)| {
            // Checked before anything is recorded.
            address.checked_add(u64::from(size) - 1).is_some() && self.record(out, kind, address, size)
        });
        match self.malformed {
            _ if understood => Ok(()),
            Malformed::Skip if line.len() <= LONGEST_LINE => {
                self.skipped += 1;
                Ok(())
            }
            _ => Err(TraceError::malformed(Place::Line(self.line), text, ALLOWED)),
        }
    }
}

impl Format for Lackey {
    type Columns = References;
    const UNIT: Unit = Unit::Line;

    fn parse(&mut self, block: &[u8], out: &mut References, limit: usize) -> Result<usize, TraceError> {
        let mut at = 0;
        while at < block.len() && out.len() < limit {
            self.line += 1;
            let window = block[at..].first_chunk::<32>();
            if let Some((kind, address, size, length)) = window.and_then(usual)
                && self.record(out, kind, address, size)
            {
                at += length;
                continue;
            }
            let length = line_length(&block[at..]);
            self.any_line(&block[at..at + length], out)?;
            at += length;
        }
        Ok(at)
    }

    fn place(&self) -> Place {
        Place::Line(self.line)
    }

    fn rows(columns: &References) -> usize {
        columns.len()
    }
}

/// The line at the front of `window` if it is just as Lackey writes it, with a size of one or two digits: kind,
/// address, size, and length.
#[inline(always)]
fn usual(window: &[u8; 32]) -> Option<(u8, u64, u32, usize)> {
    let word = |at: usize| window[at..].first_chunk::<8>().map_or(0, |it| u64::from_le_bytes(*it));
    let kind = match &window[..3] {
        b"I  " => FETCH,
        b" L " => READ,
        b" S " => WRITE,
        b" M " => MODIFY,
        _ => return None,
    };
    let (low, high) = (word(3), word(11));
    let (address, digits) = match find(low, b',') {
        0 => return None,
        8 => match find(high, b',') {
            0 => (value(low, 8)?, 8),
            more => (value(low, 8)? << (4 * more) | value(high, more)?, 8 + more as usize),
        },
        few => (value(low, few)?, few as usize),
    };
    let character = |at: usize| window[(3 + digits + at) & 31];
    let digit = |at: usize| u32::from(character(at).wrapping_sub(b'0'));
    if character(0) != b',' || digit(1) > 9 {
        return None;
    }
    let (size, length) = match character(2) {
        b'\n' => (digit(1), 3),
        _ if digit(2) <= 9 && character(3) == b'\n' => (10 * digit(1) + digit(2), 4),
        _ => return None,
    };
    (size > 0).then_some((kind, address, size, 3 + digits + length))
}

/// A record in any spacing: kind, address, size.
fn parsed(text: &[u8]) -> Option<(u8, u64, u32)> {
    let (letter, rest) = text.trim_ascii().split_first()?;
    let kind = match letter {
        b'I' => FETCH,
        b'L' => READ,
        b'S' => WRITE,
        b'M' => MODIFY,
        _ => return None,
    };
    let comma = rest.iter().position(|it| *it == b',')?;
    let (address, size) = (rest[..comma].trim_ascii_start(), &rest[comma + 1..]);
    let spaced = address.len() < comma;
    if !spaced || !size.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let size: u32 = std::str::from_utf8(size).ok()?.parse().ok()?;
    if size == 0 || size > LARGEST {
        return None;
    }
    Some((kind, slow_value(address)?, size))
}

/// Whether this is a message of Valgrind: `==4711== …`, `--4711-- …` or `**4711** …`.
fn from_valgrind(text: &[u8]) -> bool {
    let Some((mark, rest)) = text.split_first_chunk::<2>() else { return false };
    let digits = rest.iter().take_while(|it| it.is_ascii_digit()).count();
    [b"==", b"--", b"**"].contains(&mark) && digits > 0 && rest[digits..].starts_with(mark)
}

/// Writes references as Lackey does: an `I`, `L` or `S` line for each.
pub fn write(addresses: &[u64], kinds: &[u8], sizes: &[u32], to: &mut dyn Write) -> io::Result<()> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = Vec::with_capacity(addresses.len() * 18);
    for ((address, kind), size) in addresses.iter().zip(kinds).zip(sizes) {
        text.extend_from_slice(match *kind {
            FETCH => b"I  ",
            WRITE => b" S ",
            _ => b" L ",
        });
        let digits = (64 - address.leading_zeros()).div_ceil(4).max(8);
        text.extend((0..digits).rev().map(|at| DIGITS[(address >> (4 * at) & 15) as usize]));
        writeln!(text, ",{size}")?;
    }
    to.write_all(&text)
}

#[cfg(test)]
#[path = "tests_lackey.rs"]
mod tests;
