//! Misses of LRU for every number of frames, from one pass: LRU is a stack algorithm (Mattson et al. 1970), a reference
//! hits exactly where there are at least as many frames as its stack distance says.
//!
//! The stack distance of a reference is the number of different pages since the last one to its page, itself included.
//! A bit for each reference that is still the last one to its page: the distance is the number of bits from the last
//! reference on (Olken 1981 keeps them in a tree). The lines of bits are numbered anew once they run out, so that there
//! are never many more of them than pages.
use prefetch_index::prefetch_index;

use super::counted_bits::CountedBits;
use super::places::{NONE, Numbered, Places, Table};
use super::simulate::{CHUNK, Error};

/// The distance of a first reference: it misses with any number of frames.
pub const COLD: u32 = 0;

/// How many pages at the top of the stack are in a list of their own.
const TOP: usize = 8;

/// In place of a line: the page is in that list.
const IN_TOP: u32 = NONE - 1;

/// How many lines there are for each page when they are numbered anew, and how many there are at least.
const LINES_PER_PAGE: usize = 4;
const FEWEST_LINES: usize = 1 << 16;

/// So many places are far: they are larger than the first caches of a processor, and looking ahead pays.
const FAR: usize = 1 << 14;

/// References that are looked up together: their ways to memory overlap.
const GROUP: usize = 64;

/// Distances that wait until their counts have come from memory.
const WAITING: usize = 32;

/// Runs over the stack distances of references, one by one; [`COLD`]: a first one. `go_on` is asked now and then.
pub fn for_each(
    pages: &[u64],
    page_bits: u32,
    go_on: &mut dyn FnMut() -> bool,
    mut take: impl FnMut(u32),
) -> Result<(), Error> {
    match Numbered::for_all(pages, page_bits) {
        Some(places) => Stack::new(places).run(pages, |page| (page >> page_bits) as u32, go_on, &mut take),
        None => Stack::new(Table::new()).run(pages, |page| page >> page_bits, go_on, &mut take),
    }
}

/// How many references have each stack distance; at 0 the first ones, which miss with any number of frames.
pub fn histogram(pages: &[u64], page_bits: u32, go_on: &mut dyn FnMut() -> bool) -> Result<Vec<u32>, Error> {
    assert!(pages.len() < NONE as usize, "references are counted by 32 bits");
    let mut counts = vec![0_u32; 1];
    let (mut waiting, mut came) = ([COLD; WAITING], 0);
    for_each(pages, page_bits, go_on, |distance| {
        if distance as usize >= counts.len() {
            counts.resize((distance as usize + 1).next_power_of_two(), 0);
        }
        prefetch_index(&counts, distance as usize);
        let due = std::mem::replace(&mut waiting[came % WAITING], distance);
        counts[due as usize] += u32::from(came >= WAITING); // nobody waited before
        came += 1;
    })?;
    for distance in &waiting[..came.min(WAITING)] {
        counts[*distance as usize] += 1;
    }
    let last = counts.iter().rposition(|count| *count > 0).unwrap_or(0);
    counts.truncate(last + 1);
    Ok(counts)
}

/// The misses of LRU with `1..=pages` frames, where `pages` is the number of different pages; with more there are as
/// many as with the last.
pub fn misses(histogram: &[u32]) -> Vec<u64> {
    let cold = histogram.first().map_or(0, |count| u64::from(*count));
    let mut beyond: u64 = histogram.iter().skip(1).map(|count| u64::from(*count)).sum();
    let hits = |frames: u64| histogram.get(frames as usize).map_or(0, |count| u64::from(*count));
    let missed = |frames| {
        beyond -= hits(frames);
        cold + beyond
    };
    (1..=cold).map(missed).collect()
}

/// The LRU stack of the pages seen so far, as bits in the order of their last references. The pages used last are not
/// among the bits but in a list, where most references of real programs end.
struct Stack<P: Places> {
    /// Where pages have the line of their last reference, which is that of a bit, or [`IN_TOP`].
    places: P,
    /// The places of the pages used last, the latest first; [`NONE`]: fewer were.
    top: [u32; TOP],
    bits: CountedBits,
}

impl<P: Places> Stack<P> {
    fn new(places: P) -> Self {
        Self { places, top: [NONE; TOP], bits: CountedBits::new(FEWEST_LINES) }
    }

    fn run(
        &mut self,
        pages: &[u64],
        number: impl Fn(u64) -> P::Page,
        go_on: &mut dyn FnMut() -> bool,
        take: &mut impl FnMut(u32),
    ) -> Result<(), Error> {
        for chunk in pages.chunks(CHUNK) {
            for group in chunk.chunks(GROUP) {
                while !self.places.has_room(GROUP) {
                    self.grow();
                }
                let pages = group.iter().map(|page| number(*page));
                if self.places.len() < FAR {
                    self.use_near(pages, take);
                } else {
                    self.use_far(pages, take);
                }
            }
            if !go_on() {
                return Err(Error::Interrupted);
            }
        }
        Ok(())
    }

    /// Pages are used, whose places are near.
    #[inline(always)]
    fn use_near(&mut self, pages: impl Iterator<Item = P::Page>, take: &mut impl FnMut(u32)) {
        let mut before = None;
        for page in pages {
            let place = match before == Some(page) {
                true => self.top[0],
                false => self.places.place(page, self.places.start(page)).expect("room was made"),
            };
            before = Some(page);
            take(self.distance(place));
        }
    }

    /// Pages are used, whose places and bits are looked at together.
    #[inline(always)]
    fn use_far(&mut self, pages: impl Iterator<Item = P::Page> + Clone, take: &mut impl FnMut(u32)) {
        let mut starts = [0; GROUP];
        self.places.starts(pages.clone(), &mut starts);
        for (start, _) in starts.iter().zip(pages.clone()) {
            let line = self.places.line(*start);
            self.bits.prefetch(if line < IN_TOP { line } else { 0 });
        }
        for (start, page) in starts.iter().zip(pages) {
            let place = self.places.place(page, *start).expect("room was made");
            take(self.distance(place));
        }
    }

    /// The distance of the next reference, which is to the page of that place.
    #[inline(always)]
    fn distance(&mut self, place: u32) -> u32 {
        let mut lowest = place;
        for (at, other) in self.top.iter_mut().enumerate() {
            std::mem::swap(&mut lowest, other); // all move down, to where the page was
            if lowest == place {
                return at as u32 + 1;
            }
        }
        let line = self.places.line(place);
        self.places.set_line(place, IN_TOP);
        let distance = if line == NONE { COLD } else { TOP as u32 + self.bits.take(line) };
        if lowest != NONE {
            if self.bits.is_full() {
                self.renumber();
            }
            self.places.set_line(lowest, self.bits.push());
        }
        distance
    }

    /// Gives the last references lines without gaps, and room for more.
    #[cold]
    fn renumber(&mut self) {
        let kept = self.bits.ones();
        let lines = (LINES_PER_PAGE * kept as usize).max(FEWEST_LINES);
        let old = std::mem::replace(&mut self.bits, CountedBits::new(lines));
        self.places.change_lines(|line| if line == IN_TOP { line } else { old.before(line) });
        (0..kept).for_each(|line| assert_eq!(self.bits.push(), line, "lines begin at 0 again"));
    }

    /// Makes room for more pages.
    #[cold]
    fn grow(&mut self) {
        let pages = self.top.map(|place| (place != NONE).then(|| self.places.page(place)));
        self.places.grow();
        self.top = pages.map(|page| page.map_or(NONE, |it| self.places.find(it).expect("it is known")));
    }
}
