//! Least recently used.
//!
//! Each use of a page is written to the end of a log, and the line of its last use is kept with the page. A page has a
//! frame as long as that line counts, which a bit tells: to take the frame of the page not used for longest is to clear
//! the first bit. So a reference looks once for its page and then at what is near: nobody's neighbours in a list are
//! changed, and a page that lost its frame stays known until the log is written out anew.
use super::places::{NONE, Places};
use super::replacement::{Access, Counts, Repeat, Replacement, one_by_one};

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
        self.places.clear(room(pages.len()).1 * pages.len());
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
            self.places.starts(group.iter().map(|page| number(*page)), &mut places);
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
