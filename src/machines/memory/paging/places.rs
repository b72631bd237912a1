//! Where pages keep a number of their owner's, which is the line of a log on which they were last used.
use prefetch_index::prefetch_index;

/// No line.
pub(super) const NONE: u32 = u32::MAX;

/// How sparse the numbers of pages may be for an array: so many times as many numbers as references.
const SPARSE: u64 = 4;

/// Where pages keep the line of their last use.
pub trait Places: Clone {
    /// How pages are numbered.
    type Page: Copy + Eq;

    /// Without any page.
    fn new() -> Self;

    /// Where the search for a page begins.
    fn start(&self, page: Self::Page) -> u32;

    /// Has a place on its way from memory.
    fn prefetch(&self, place: u32);

    /// Where the search may go on, if it has come to a place: there, or a step further.
    fn step(&self, page: Self::Page, place: u32) -> u32;

    /// Where the searches for pages may go on, for all together: their ways to memory overlap.
    #[inline(always)]
    fn starts(&self, pages: impl Iterator<Item = Self::Page> + Clone, starts: &mut [u32]) {
        for (start, page) in starts.iter_mut().zip(pages.clone()) {
            *start = self.start(page);
            self.prefetch(*start);
        }
        for (start, page) in starts.iter_mut().zip(pages) {
            *start = self.step(page, *start);
        }
    }

    /// The place of a page, found from a place on and given to it if it had none; nothing if there is none left.
    fn place(&mut self, page: Self::Page, from: u32) -> Option<u32>;

    /// Whether so many more pages are sure to find room.
    fn has_room(&self, pages: usize) -> bool;

    /// The place of a page that has one.
    fn find(&self, page: Self::Page) -> Option<u32>;

    /// Whose place it is.
    fn page(&self, place: u32) -> Self::Page;

    /// The line at a place.
    fn line(&self, place: u32) -> u32;

    /// Changes the line at a place.
    fn set_line(&mut self, place: u32, line: u32);

    /// Forgets all pages; then there are so many places at least.
    fn clear(&mut self, places: usize);

    /// Makes room for more pages. All come to other places.
    fn grow(&mut self);

    /// Changes the lines of all pages.
    fn change_lines(&mut self, change: impl FnMut(u32) -> u32);

    /// How many places there are.
    fn len(&self) -> usize;
}

/// For pages that are numbered from 0 without large gaps: an array, where each page has the place of its number.
#[derive(Clone, Debug)]
pub struct Numbered(Vec<u32>);

impl Numbered {
    /// For all these pages, unless they are numbered so sparsely that it would be much longer than their string.
    pub(super) fn for_all(pages: &[u64], page_bits: u32) -> Option<Self> {
        let most = pages.iter().copied().fold(0, u64::max) >> page_bits;
        let fits = most < SPARSE * (pages.len() as u64 + 1024) && most < u64::from(NONE);
        fits.then(|| Self(vec![NONE; most as usize + 1]))
    }
}

impl Places for Numbered {
    type Page = u32;

    fn new() -> Self {
        Self(Vec::new())
    }

    #[inline]
    fn start(&self, page: u32) -> u32 {
        page
    }

    #[inline]
    fn prefetch(&self, place: u32) {
        prefetch_index(&self.0, place as usize);
    }

    #[inline]
    fn step(&self, _: u32, place: u32) -> u32 {
        place
    }

    #[inline]
    fn place(&mut self, page: u32, _: u32) -> Option<u32> {
        if self.0.len() <= page as usize {
            self.0.resize((page as usize + 1).next_power_of_two(), NONE);
        }
        Some(page)
    }

    fn has_room(&self, _: usize) -> bool {
        true
    }

    fn find(&self, page: u32) -> Option<u32> {
        ((page as usize) < self.0.len()).then_some(page)
    }

    #[inline]
    fn page(&self, place: u32) -> u32 {
        place
    }

    #[inline]
    fn line(&self, place: u32) -> u32 {
        self.0[place as usize]
    }

    #[inline]
    fn set_line(&mut self, place: u32, line: u32) {
        self.0[place as usize] = line;
    }

    fn clear(&mut self, _: usize) {
        self.0.fill(NONE);
    }

    fn grow(&mut self) {}

    fn change_lines(&mut self, mut change: impl FnMut(u32) -> u32) {
        for line in self.0.iter_mut().filter(|line| **line != NONE) {
            *line = change(*line);
        }
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

/// For page numbers of any size: a table with linear probing, out of which no page is ever taken.
#[derive(Clone, Debug)]
pub struct Table {
    /// A power of two of them; those without a line are free.
    places: Vec<(u64, u32)>,
    shift: u32,
    free: usize,
}

impl Table {
    /// Where a page is, or would be.
    #[inline]
    fn search(&self, page: u64, from: u32) -> usize {
        let mut place = from as usize;
        loop {
            let (other, line) = self.places[place];
            if other == page || line == NONE {
                return place;
            }
            place = (place + 1) & (self.places.len() - 1);
        }
    }
}

impl Places for Table {
    type Page = u64;

    fn new() -> Self {
        let mut table = Self { places: Vec::new(), shift: 0, free: 0 };
        table.clear(0);
        table
    }

    /// Spreads every bit of a page number over all (the two halves of a wide product, as wyhash does it).
    #[inline]
    fn start(&self, page: u64) -> u32 {
        let wide = u128::from(page ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93;
        (((wide as u64) ^ (wide >> 64) as u64) >> self.shift) as u32
    }

    #[inline]
    fn prefetch(&self, place: u32) {
        prefetch_index(&self.places, place as usize);
    }

    /// Without a branch: most pages are at one of the first two places, at which is anybody's guess.
    #[inline]
    fn step(&self, page: u64, place: u32) -> u32 {
        let (other, line) = self.places[place as usize];
        (place + u32::from((other != page) & (line != NONE))) & (self.places.len() as u32 - 1)
    }

    #[inline]
    fn place(&mut self, page: u64, from: u32) -> Option<u32> {
        let place = self.search(page, from);
        if self.places[place].1 == NONE {
            self.free = self.free.checked_sub(1)?;
            self.places[place].0 = page;
        }
        Some(place as u32)
    }

    fn has_room(&self, pages: usize) -> bool {
        self.free >= pages
    }

    fn find(&self, page: u64) -> Option<u32> {
        let place = self.search(page, self.start(page));
        (self.places[place].1 != NONE).then_some(place as u32)
    }

    #[inline]
    fn page(&self, place: u32) -> u64 {
        self.places[place as usize].0
    }

    #[inline]
    fn line(&self, place: u32) -> u32 {
        self.places[place as usize].1
    }

    #[inline]
    fn set_line(&mut self, place: u32, line: u32) {
        self.places[place as usize].1 = line;
    }

    fn clear(&mut self, places: usize) {
        let length = places.max(64).next_power_of_two();
        self.places.clear();
        self.places.resize(length, (0, NONE));
        self.shift = 64 - length.trailing_zeros();
        self.free = length / 8 * 5;
    }

    #[cold]
    fn grow(&mut self) {
        let old = std::mem::take(&mut self.places);
        self.clear(2 * old.len());
        for (page, line) in old.into_iter().filter(|(_, line)| *line != NONE) {
            let place = self.place(page, self.start(page)).expect("there is more room than before");
            self.set_line(place, line);
        }
    }

    fn change_lines(&mut self, mut change: impl FnMut(u32) -> u32) {
        for (_, line) in self.places.iter_mut().filter(|(_, line)| *line != NONE) {
            *line = change(*line);
        }
    }

    fn len(&self) -> usize {
        self.places.len()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::sim::{Purpose, Rng};

    /// Pages come and are looked up in groups, while the table grows and is cleared now and then.
    fn check(mut table: Table, seed: u64) {
        let mut rng = Rng::stream(seed, Purpose::Memory, 10, 0);
        let pages = 1 + rng.below(2_000);
        // Pages that share all but a few bits, high or low ones.
        let shift = rng.below(53);
        let mut known = BTreeMap::new();
        for step in 0..300_u32 {
            let mut group = [0; 8];
            group.fill_with(|| rng.below(pages) << shift);
            if !table.has_room(group.len()) {
                match rng.below(8) {
                    0 => {
                        table.clear(table.len());
                        known.clear();
                    }
                    _ => table.grow(),
                }
                assert!(table.has_room(group.len()), "seed {seed}");
            }
            let mut starts = [0; 8];
            table.starts(group.iter().copied(), &mut starts);
            for (page, start) in group.iter().zip(starts) {
                let place = table.place(*page, start).expect("there is room");
                assert_eq!(table.line(place), known.get(page).copied().unwrap_or(NONE), "seed {seed}");
                table.set_line(place, step);
                known.insert(*page, step);
                assert_eq!((table.page(place), table.find(*page)), (*page, Some(place)), "seed {seed}");
            }
            if step % 64 == 0 {
                table.change_lines(|line| line / 2);
                known.values_mut().for_each(|line| *line /= 2);
            }
        }
        for page in (0..pages).map(|page| page << shift) {
            let found = table.find(page).map(|place| table.line(place));
            assert_eq!(found, known.get(&page).copied(), "seed {seed}");
        }
    }

    #[test]
    fn a_table_agrees_with_a_map_while_it_grows() {
        (0..400).for_each(|seed| check(Table::new(), seed));
    }
}
