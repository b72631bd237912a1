//! Least recently used.
//!
//! Each use of a page is written to the end of a log, and the line of its last use is kept with the page. A page has a
//! frame as long as that line counts, which a bit tells: to take the frame of the page not used for longest is to clear
//! the first bit. So a reference looks once for its page and then at what is near: nobody's neighbours in a list are
//! changed, and a page that lost its frame stays known until the log is written out anew.
use prefetch_index::prefetch_index;

use super::replacement::{Access, Counts, Repeat, Replacement, one_by_one};

/// No line.
const NONE: u32 = u32::MAX;

/// The shortest that a log is made.
const SHORTEST: usize = 1024;

/// References that are looked up together: their ways to memory overlap.
const GROUP: usize = 16;

/// So many places are far: they do not fit into the first cache of a processor.
const FAR: usize = 1 << 12;

/// How many lines, and how many places in a table, there are for each page with a frame. Many, while that keeps
/// everything in a processor's own cache; then few.
fn room(resident: usize) -> (usize, usize) {
    if resident <= 1 << 15 { (16, 8) } else { (4, 2) }
}

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

    /// Forgets all pages, so that so many and some more have room.
    fn clear(&mut self, pages: usize);

    /// How many places there are.
    fn len(&self) -> usize;
}

/// For pages that are numbered from 0 without large gaps: an array, where each page has the place of its number.
#[derive(Clone, Debug)]
pub struct Numbered(Vec<u32>);

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

    fn clear(&mut self, pages: usize) {
        let length = (room(pages).1 * pages).max(64).next_power_of_two();
        self.places.clear();
        self.places.resize(length, (0, NONE));
        self.shift = 64 - length.trailing_zeros();
        self.free = length / 8 * 5;
    }

    fn len(&self) -> usize {
        self.places.len()
    }
}

/// Least recently used.
#[derive(Clone, Debug)]
pub struct Lru<P: Places> {
    frames: usize,
    resident: usize,
    places: P,
    /// The place of the page of each use.
    log: Vec<u32>,
    /// Which lines of the log count: those of the last uses of the pages with a frame.
    bits: Vec<u64>,
    /// No line before this word of bits counts.
    first: usize,
    /// So many lines are written.
    end: usize,
}

impl<P: Places> Lru<P> {
    pub(super) fn new(frames: usize) -> Self {
        let mut new = Self {
            frames,
            resident: 0,
            places: P::new(),
            log: Vec::new(),
            bits: Vec::new(),
            first: 0,
            end: 0,
        };
        new.write_out();
        new
    }

    #[inline]
    fn counts(&self, line: u32) -> bool {
        line != NONE && self.bits[line as usize / 64] >> (line % 64) & 1 == 1
    }

    /// Sees to it that there is room for so many uses, of so many pages.
    #[inline]
    fn prepare(&mut self, uses: usize) {
        if self.end + uses > self.log.len() || !self.places.has_room(uses) {
            self.write_out();
        }
    }

    /// The place of a page, searched from a place on, and the line that it had.
    #[inline]
    fn look_up(&mut self, page: P::Page, from: u32) -> (u32, u32) {
        let place = self.places.place(page, from).expect("room was made");
        (place, self.places.line(place))
    }

    #[inline(always)]
    fn write(&mut self, place: u32) {
        let line = self.end;
        self.log[line] = place;
        self.bits[line / 64] |= 1 << (line % 64);
        self.places.set_line(place, line as u32);
        self.end += 1;
    }

    /// A page is used: 1 or 0 for whether it had a frame, and for whether it took that of another. Without a branch:
    /// which of the pages that are known have a frame is anybody's guess.
    #[inline(always)]
    fn use_page(&mut self, page: P::Page, from: u32) -> (u64, u64) {
        let (place, line) = self.look_up(page, from);
        let hit = if line == NONE { 0 } else { self.take(line) };
        let full = u64::from(self.resident == self.frames);
        self.resident += usize::from(hit | full == 0);
        let evicts = full & !hit;
        self.clear_first(evicts);
        self.write(place);
        (hit, evicts)
    }

    /// A line counts no more: 1 if it did.
    #[inline]
    fn take(&mut self, line: u32) -> u64 {
        let bits = &mut self.bits[line as usize / 64];
        let bit = *bits >> (line % 64) & 1;
        *bits &= !(1 << (line % 64));
        bit
    }

    /// The first line that counts, which then counts no more, if so many lines are wanted: 1 or 0.
    #[inline]
    fn clear_first(&mut self, wanted: u64) -> usize {
        while self.bits[self.first] == 0 && (self.first + 1) * 64 <= self.end {
            self.first += 1;
        }
        let bits = &mut self.bits[self.first];
        let line = self.first * 64 + bits.trailing_zeros() as usize;
        *bits &= bits.wrapping_sub(wanted);
        line
    }

    /// The log anew, with the pages that have a frame, and no others known.
    #[cold]
    #[inline(never)]
    fn write_out(&mut self) {
        let mut pages = Vec::with_capacity(self.resident);
        for (word, bits) in self.bits.iter().enumerate().skip(self.first) {
            let mut bits = *bits;
            while bits != 0 {
                pages.push(self.places.page(self.log[word * 64 + bits.trailing_zeros() as usize]));
                bits &= bits - 1;
            }
        }
        self.places.clear(pages.len());
        // As long as an array of places takes to be cleared, at least.
        let length = (room(pages.len()).0 * pages.len()).max(self.places.len() / 4).max(SHORTEST);
        self.log.resize(length.next_multiple_of(64), 0);
        self.bits.clear();
        self.bits.resize(self.log.len() / 64, 0);
        (self.first, self.end) = (0, pages.len());
        for (line, page) in pages.into_iter().enumerate() {
            let place = self.places.place(page, self.places.start(page)).expect("there is room for all");
            self.places.set_line(place, line as u32);
            self.log[line] = place;
            self.bits[line / 64] |= 1 << (line % 64);
        }
    }
}

impl<P: Places> Replacement for Lru<P> {
    type Page = P::Page;
    const REPEAT: Repeat = Repeat::Idle;

    #[inline]
    fn access(&mut self, page: P::Page) -> Access<P::Page> {
        self.prepare(1);
        let (place, line) = self.look_up(page, self.places.start(page));
        let access = if line != NONE && self.take(line) == 1 {
            Access::Hit
        } else if self.resident < self.frames {
            self.resident += 1;
            Access::Filled
        } else {
            let victim = self.clear_first(1);
            Access::Evicted(self.places.page(self.log[victim]))
        };
        self.write(place);
        access
    }

    fn access_all(&mut self, pages: &[u64], number: impl Fn(u64) -> P::Page) -> Counts {
        if self.places.len() < FAR {
            return one_by_one(self, pages, number);
        }
        let mut counts = Counts::default();
        for group in pages.chunks(GROUP) {
            self.prepare(GROUP);
            let mut places = [0; GROUP];
            for (place, page) in places.iter_mut().zip(group) {
                *place = self.places.start(number(*page));
                self.places.prefetch(*place);
            }
            for (place, page) in places.iter_mut().zip(group) {
                *place = self.places.step(number(*page), *place);
            }
            for (place, page) in places.iter().zip(group) {
                let (hit, evicts) = self.use_page(number(*page), *place);
                counts.hits += hit;
                counts.evictions += evicts;
            }
        }
        counts.faults = pages.len() as u64 - counts.hits;
        counts
    }

    fn remove(&mut self, page: P::Page) -> bool {
        let line = self.places.find(page).map_or(NONE, |place| self.places.line(place));
        let had = self.counts(line);
        if had {
            self.bits[line as usize / 64] &= !(1 << (line % 64));
            self.resident -= 1;
        }
        had
    }

    fn contains(&self, page: P::Page) -> bool {
        self.places.find(page).is_some_and(|place| self.counts(self.places.line(place)))
    }

    fn resident(&self) -> usize {
        self.resident
    }
}
