//! A row of bits that knows how many of them are set before any one.
use prefetch_index::prefetch_index;

/// How many parts each part of the lines has: a section groups, a group blocks, a block words.
const PARTS: usize = 16;

/// Lines of a word, a block, a group, a section.
const WORD: usize = 64;
const BLOCK: usize = PARTS * WORD;
const GROUP: usize = PARTS * BLOCK;
const SECTION: usize = PARTS * GROUP;

/// How many bits are before each of sixteen parts in their whole: numbers side by side in words (of 16 bits in 4 words,
/// of 32 in 8), so that few instructions change all of them. A number that is not known yet may borrow from those
/// behind it, which are not known either.
#[derive(Clone, Copy)]
#[repr(align(32))]
struct Parts<const WORDS: usize>([u64; WORDS]);

/// For each part the numbers that are 1 for the parts behind it.
const fn behind<const WORDS: usize>() -> [[u64; WORDS]; PARTS] {
    let mut behind = [[0; WORDS]; PARTS];
    let mut at = 0;
    while at < PARTS * PARTS {
        let (part, other) = (at / PARTS, at % PARTS);
        if other > part {
            let per_word = PARTS / WORDS;
            behind[part][other / per_word] |= 1 << (other % per_word * (64 / per_word));
        }
        at += 1;
    }
    behind
}

static BEHIND_4: [[u64; 4]; PARTS] = behind::<4>();
static BEHIND_8: [[u64; 8]; PARTS] = behind::<8>();

impl<const WORDS: usize> Parts<WORDS> {
    const PER_WORD: usize = PARTS / WORDS;
    const BITS: usize = 64 / Self::PER_WORD;

    #[inline(always)]
    fn get(&self, part: usize) -> u32 {
        let word = self.0[part / Self::PER_WORD] >> (part % Self::PER_WORD * Self::BITS);
        (word & ((1 << Self::BITS) - 1)) as u32
    }

    fn set(&mut self, part: usize, count: u32) {
        let shift = part % Self::PER_WORD * Self::BITS;
        let word = &mut self.0[part / Self::PER_WORD];
        *word = *word & !(((1 << Self::BITS) - 1) << shift) | u64::from(count) << shift;
    }

    /// A bit of a part goes: how many there are before the part.
    #[inline(always)]
    fn take(&mut self, part: usize, behind: &[[u64; WORDS]; PARTS]) -> u32 {
        let before = self.get(part);
        let behind = &behind[part];
        self.0 = std::array::from_fn(|at| self.0[at].wrapping_sub(behind[at]));
        before
    }
}

/// A row of bits, set one behind the other and cleared in any order. How many are before a line is a sum of five
/// numbers, worked out without a loop; a bit that goes makes the numbers behind it smaller, in steps that do not depend
/// on where it was.
pub(super) struct CountedBits {
    words: Vec<u64>,
    /// Bits before each word in its block, each block in its group, each group in its section, and each section.
    blocks: Vec<Parts<4>>,
    groups: Vec<Parts<4>>,
    sections: Vec<Parts<8>>,
    whole: Vec<u32>,
    /// So many lines were used.
    end: usize,
    ones: u32,
}

impl CountedBits {
    /// With room for so many bits at least.
    pub(super) fn new(lines: usize) -> Self {
        // No line has the number of none.
        let lines = lines.next_multiple_of(GROUP).min(u32::MAX as usize / GROUP * GROUP);
        Self {
            words: vec![0; lines / WORD],
            blocks: vec![Parts([0; 4]); lines / BLOCK],
            groups: vec![Parts([0; 4]); lines / GROUP],
            sections: vec![Parts([0; 8]); lines.div_ceil(SECTION)],
            whole: vec![0; lines.div_ceil(SECTION)],
            end: 0,
            ones: 0,
        }
    }

    /// Whether there is no room for another bit.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.end == self.words.len() * WORD
    }

    /// How many bits are set.
    pub(super) fn ones(&self) -> u32 {
        self.ones
    }

    /// Has what [`take`](Self::take) will look at on its way from memory.
    #[inline]
    pub(super) fn prefetch(&self, line: u32) {
        prefetch_index(&self.words, line as usize / WORD);
        prefetch_index(&self.blocks, line as usize / BLOCK);
    }

    /// How many bits are set before a line.
    pub(super) fn before(&self, line: u32) -> u32 {
        let line = line as usize;
        let within = self.words[line / WORD] & ((1 << (line % WORD)) - 1);
        self.whole[line / SECTION]
            + self.sections[line / SECTION].get(line / GROUP % PARTS)
            + self.groups[line / GROUP].get(line / BLOCK % PARTS)
            + self.blocks[line / BLOCK].get(line / WORD % PARTS)
            + within.count_ones()
    }

    /// Clears a bit that is set: how many there were from it on.
    #[inline(always)]
    pub(super) fn take(&mut self, line: u32) -> u32 {
        let line = line as usize;
        let word = &mut self.words[line / WORD];
        let bit = 1 << (line % WORD);
        debug_assert!(*word & bit != 0, "it is set");
        let mut before = (*word & (bit - 1)).count_ones();
        *word &= !bit;
        before += self.blocks[line / BLOCK].take(line / WORD % PARTS, &BEHIND_4);
        before += self.groups[line / GROUP].take(line / BLOCK % PARTS, &BEHIND_4);
        before += self.sections[line / SECTION].take(line / GROUP % PARTS, &BEHIND_8);
        before += self.whole[line / SECTION];
        for count in &mut self.whole[line / SECTION + 1..=(self.end - 1) / SECTION] {
            *count -= 1;
        }
        self.ones -= 1;
        self.ones + 1 - before
    }

    /// Sets a bit behind all others: its line.
    #[inline]
    pub(super) fn push(&mut self) -> u32 {
        let line = self.end;
        if line.is_multiple_of(WORD) {
            self.begin_word(line);
        }
        self.words[line / WORD] |= 1 << (line % WORD);
        self.end += 1;
        self.ones += 1;
        line as u32
    }

    /// Counts what is before a word behind all others.
    #[inline(never)]
    fn begin_word(&mut self, line: usize) {
        let mut before = self.ones;
        if line.is_multiple_of(SECTION) {
            self.whole[line / SECTION] = before;
        }
        before -= self.whole[line / SECTION];
        let (part, section) = (line / GROUP % PARTS, &mut self.sections[line / SECTION]);
        if line.is_multiple_of(GROUP) {
            section.set(part, before);
        }
        before -= section.get(part);
        let (part, group) = (line / BLOCK % PARTS, &mut self.groups[line / GROUP]);
        if line.is_multiple_of(BLOCK) {
            group.set(part, before);
        }
        before -= group.get(part);
        self.blocks[line / BLOCK].set(line / WORD % PARTS, before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{Purpose, Rng};

    /// Enough bits for several sections. Most that go are near the end, where some numbers are not known yet.
    #[test]
    fn bits_are_counted_as_they_are_one_by_one() {
        for seed in 0..12 {
            let mut rng = Rng::stream(seed, Purpose::Memory, 9, 0);
            let length = [1, 40_000, 700_000][seed as usize % 3];
            let (mut bits, mut set) = (CountedBits::new(length), Vec::new());
            let ones = |set: &[bool]| set.iter().map(|bit| u32::from(*bit)).sum::<u32>();
            while !bits.is_full() {
                for _ in 0..20 + rng.below(1 + length as u64 / 16) {
                    if !bits.is_full() {
                        assert_eq!(bits.push() as usize, set.len(), "seed {seed}");
                        set.push(true);
                    }
                }
                for _ in 0..rng.below(20) {
                    let reach = if rng.below(4) == 0 { set.len() } else { set.len().min(100) };
                    let line = set.len() - 1 - rng.below(reach as u64) as usize;
                    if set[line] {
                        let behind = ones(&set[line..]);
                        assert_eq!(bits.before(line as u32), ones(&set[..line]), "seed {seed}, line {line}");
                        assert_eq!(bits.take(line as u32), behind, "seed {seed}, line {line}");
                        set[line] = false;
                        assert_eq!(bits.ones(), ones(&set), "seed {seed}");
                    }
                }
            }
            // What is before lines whose bits are gone is known, too.
            let mut before = 0;
            for (line, bit) in set.iter().enumerate() {
                assert_eq!(bits.before(line as u32), before, "seed {seed}, line {line}");
                before += u32::from(*bit);
            }
        }
    }
}
