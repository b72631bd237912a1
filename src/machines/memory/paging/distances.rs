//! Misses of LRU for every number of frames, from one pass: LRU is a stack algorithm (Mattson et al. 1970), a reference
//! hits exactly where there are at least as many frames as its stack distance says.
//!
//! The stack distance of a reference is the number of different pages since the last one to its page, itself included.
//! A bit for each reference that is still the last one to its page: the distance is the number of bits behind the last
//! reference (Olken 1981 keeps them in a tree; here they are words with counts of what is before each block of words,
//! and places are numbered anew once they run out, so that there are never many more places than pages).
use prefetch_index::prefetch_index;

use super::index::NONE;
use super::last::{GROUP, Last};
use super::simulate::{CHUNK, Error};

/// The distance of a first reference: it misses with any number of frames.
pub const COLD: u32 = 0;

/// How many pages at the top of the stack are in a list of their own.
const TOP: usize = 8;

/// Runs over the stack distances of references, one by one; [`COLD`]: a first one. `go_on` is asked now and then.
pub fn for_each(
    pages: &[u64],
    page_bits: u32,
    go_on: &mut dyn FnMut() -> bool,
    mut take: impl FnMut(u32),
) -> Result<(), Error> {
    let mut last = Last::new(pages, page_bits);
    let mut stack = Stack::new();
    let mut before = None;
    for chunk in pages.chunks(CHUNK) {
        for group in chunk.chunks(GROUP) {
            let pages = || group.iter().map(|page| page >> page_bits);
            if !last.is_far() {
                for page in pages() {
                    let number = if before == Some(page) { stack.top[0] } else { last.number(page) };
                    before = Some(page);
                    take(stack.distance(number, &mut last));
                }
                continue;
            }
            pages().for_each(|page| last.prefetch(page));
            let mut numbers = [0; GROUP];
            pages().zip(&mut numbers).for_each(|(page, number)| *number = last.number(page));
            let numbers = &numbers[..group.len()];
            numbers.iter().for_each(|number| stack.prefetch(last.place(*number)));
            numbers.iter().for_each(|number| take(stack.distance(*number, &mut last)));
            before = None;
        }
        if !go_on() {
            return Err(Error::Interrupted);
        }
    }
    Ok(())
}

/// How many references have each stack distance; at 0 the first ones, which miss with any number of frames.
pub fn histogram(pages: &[u64], page_bits: u32, go_on: &mut dyn FnMut() -> bool) -> Result<Vec<u64>, Error> {
    let mut counts = vec![0_u64; 1];
    for_each(pages, page_bits, go_on, |distance| {
        let distance = distance as usize;
        if distance >= counts.len() {
            counts.resize((distance + 1).next_power_of_two(), 0);
        }
        counts[distance] += 1;
    })?;
    let last = counts.iter().rposition(|count| *count > 0).unwrap_or(0);
    counts.truncate(last + 1);
    Ok(counts)
}

/// The misses of LRU with `1..=pages` frames, where `pages` is the number of different pages; with more there are as
/// many as with the last.
pub fn misses(histogram: &[u64]) -> Vec<u64> {
    let cold = histogram.first().copied().unwrap_or(0);
    let mut beyond: u64 = histogram.iter().skip(1).sum();
    let hits = |frames: u64| histogram.get(frames as usize).copied().unwrap_or(0);
    let missed = |frames| {
        beyond -= hits(frames);
        cold + beyond
    };
    (1..=cold).map(missed).collect()
}

/// How many places there are for each page when they are numbered anew.
const PLACES_PER_PAGE: usize = 3;

/// Words of a block, blocks of a group.
const WORDS: usize = 4;
const BLOCKS: usize = 64;
const BLOCK: usize = 64 * WORDS;
const GROUP_PLACES: usize = BLOCK * BLOCKS;

/// The LRU stack of the pages seen so far, as bits in the order of their last references. How many bits are before a
/// place is a sum of three numbers, which is worked out without a loop; a bit that goes makes the numbers behind it
/// smaller, all of them in steps that do not depend on where it was. The pages used last are not among the bits but in a
/// list, where most references of real programs end.
struct Stack {
    /// The pages used last, the latest first; [`NONE`]: fewer were.
    top: [u32; TOP],
    words: Vec<u64>,
    /// Bits before each block in its group, and before each group.
    blocks: Vec<u16>,
    groups: Vec<u32>,
    /// The number of the page whose last reference is at each place.
    page: Vec<u32>,
    next: usize,
    pages: u32,
}

impl Stack {
    fn new() -> Self {
        let (words, blocks, groups, page) = Default::default();
        Self { top: [NONE; TOP], words, blocks, groups, page, next: 0, pages: 0 }
    }

    /// Has what [`distance`](Self::distance) will look at of the place that it takes away on its way from memory.
    #[inline]
    fn prefetch(&self, place: u32) {
        prefetch_index(&self.words, place as usize / 64);
        prefetch_index(&self.blocks, place as usize / BLOCK);
    }

    /// The distance of the next reference, which is to the page of that number.
    #[inline]
    fn distance(&mut self, page: u32, last: &mut Last) -> u32 {
        let mut lowest = page;
        for (at, other) in self.top.iter_mut().enumerate() {
            std::mem::swap(&mut lowest, other); // all move down, to where the page was
            if lowest == page {
                return at as u32 + 1;
            }
        }
        let place = last.replace(page, NONE);
        let distance = if place == NONE { COLD } else { TOP as u32 + self.take(place as usize) };
        if lowest != NONE {
            self.push(lowest, last);
        }
        distance
    }

    /// Takes a bit away: how many there were from it on.
    #[inline]
    fn take(&mut self, place: usize) -> u32 {
        let (block, group) = (place / BLOCK, place / GROUP_PLACES);
        let mut before = self.groups[group] + u32::from(self.blocks[block]);
        let words: &mut [u64; WORDS] =
            (&mut self.words[block * WORDS..(block + 1) * WORDS]).try_into().expect("as many");
        let within = place % BLOCK;
        for (at, word) in words.iter_mut().enumerate() {
            // All of the word is before the place, or some of it, or nothing.
            let reach = within.saturating_sub(64 * at).min(64) as u32;
            let mask = 1_u64.checked_shl(reach).map_or(u64::MAX, |it| it - 1);
            before += (*word & mask).count_ones();
        }
        words[within / 64] &= !(1 << (within % 64));
        let blocks: &mut [u16; BLOCKS] =
            (&mut self.blocks[group * BLOCKS..(group + 1) * BLOCKS]).try_into().expect("as many");
        let own = (block % BLOCKS) as u16;
        for (at, count) in blocks.iter_mut().enumerate() {
            *count = count.wrapping_sub(u16::from(at as u16 > own));
        }
        for count in &mut self.groups[group + 1..=(self.next - 1) / GROUP_PLACES] {
            *count -= 1;
        }
        self.pages -= 1;
        self.pages + 1 - before
    }

    /// Puts a bit behind all others.
    #[inline]
    fn push(&mut self, page: u32, last: &mut Last) {
        if self.next == self.page.len() {
            self.renumber(last);
        }
        let place = self.next;
        last.replace(page, place as u32);
        if place.is_multiple_of(BLOCK) {
            if place.is_multiple_of(GROUP_PLACES) {
                self.groups[place / GROUP_PLACES] = self.pages;
            }
            self.blocks[place / BLOCK] = (self.pages - self.groups[place / GROUP_PLACES]) as u16;
        }
        self.words[place / 64] |= 1 << (place % 64);
        self.page[place] = page;
        self.next += 1;
        self.pages += 1;
    }

    /// Gives the last references places without gaps, and room for more.
    #[cold]
    fn renumber(&mut self, last: &mut Last) {
        let mut kept = Vec::with_capacity(self.pages as usize);
        for (at, word) in self.words.iter().enumerate() {
            let mut rest = *word;
            while rest != 0 {
                kept.push(self.page[at * 64 + rest.trailing_zeros() as usize]);
                rest &= rest - 1;
            }
        }
        let places = (PLACES_PER_PAGE * kept.len()).next_multiple_of(GROUP_PLACES).max(4 * GROUP_PLACES);
        self.words = vec![0; places / 64];
        self.blocks = vec![0; places / BLOCK];
        self.groups = vec![0; places / GROUP_PLACES];
        self.page = vec![0; places];
        (self.next, self.pages) = (0, 0);
        for page in kept {
            self.push(page, last);
        }
    }
}
