//! The optimal policy: who is used again last leaves first (Belady 1966; Mattson et al. 1970 for the proof).
//!
//! The future is worked out beforehand, from behind: of each reference, where its page comes next. Then no page needs
//! to be looked up again: a set holds, for each page with a frame, where it comes next; a reference hits if its own
//! place is in the set, and the victim is the largest member.

use super::places::{NONE, Numbered, Places, Table};
use super::simulate::{CHUNK, Error};

/// References that are looked up together: their ways to memory overlap.
const GROUP: usize = 32;

/// Of each reference, the place of the next one to its page; `u32::MAX`: there is none. `go_on` is asked now and then.
pub fn next_uses(pages: &[u64], page_bits: u32, go_on: &mut dyn FnMut() -> bool) -> Result<Vec<u32>, Error> {
    assert!(pages.len() < NONE as usize, "references are counted by 32 bits");
    match Numbered::for_all(pages, page_bits) {
        Some(places) => look_back(pages, places, |page| (page >> page_bits) as u32, go_on),
        None => look_back(pages, Table::new(), |page| page >> page_bits, go_on),
    }
}

/// The same, with the last reference seen to each page, which is the next one of those before it.
fn look_back<P: Places>(
    pages: &[u64],
    mut places: P,
    number: impl Fn(u64) -> P::Page,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Vec<u32>, Error> {
    let mut next = vec![NONE; pages.len()];
    let mut at = pages.len() as u32;
    for (group, next) in pages.rchunks(GROUP).zip(next.rchunks_mut(GROUP)) {
        if at as usize % CHUNK < GROUP && !go_on() {
            return Err(Error::Interrupted);
        }
        while !places.has_room(GROUP) {
            places.grow();
        }
        let mut starts = [0; GROUP];
        places.starts(group.iter().map(|page| number(*page)), &mut starts);
        for ((page, next), start) in group.iter().zip(next).zip(&starts).rev() {
            at -= 1;
            let place = places.place(number(*page), *start).expect("room was made");
            *next = places.line(place);
            places.set_line(place, at);
        }
    }
    Ok(next)
}

/// What a reference met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Met {
    /// Its page had a frame.
    Hit,
    /// It got a free one.
    Filled,
    /// It got that of the page of the reference at this place.
    Evicted(u32),
}

/// A set of frames that knows the future.
#[derive(Clone, Debug)]
pub struct Optimal<'a> {
    next: &'a [u32],
    frames: usize,
    resident: usize,
    /// Where each page with a frame comes next.
    awaited: PlaceSet,
    /// The last references to pages with a frame that do not come again.
    done: Vec<u32>,
}

impl<'a> Optimal<'a> {
    /// Free frames, for references whose next uses these are.
    pub fn new(next: &'a [u32], frames: usize) -> Self {
        Self { next, frames, resident: 0, awaited: PlaceSet::below(next.len()), done: Vec::new() }
    }

    /// The reference at `at`; they come in order.
    #[inline]
    pub fn access(&mut self, at: usize) -> Met {
        let met = if self.awaited.take(at) {
            Met::Hit
        } else if self.resident < self.frames {
            self.resident += 1;
            Met::Filled
        } else {
            // Who never comes again leaves before anybody else.
            Met::Evicted(self.done.pop().unwrap_or_else(|| self.awaited.take_last()))
        };
        match self.next[at] {
            NONE => self.done.push(at as u32),
            next => self.awaited.insert(next as usize),
        }
        met
    }
}

/// A set of places, with its largest member at hand: bits, and bits that say where bits are, level by level.
#[derive(Clone, Debug)]
struct PlaceSet {
    levels: Vec<Vec<u64>>,
}

impl PlaceSet {
    fn below(places: usize) -> Self {
        let mut levels = Vec::new();
        let mut words = places.div_ceil(64).max(1);
        loop {
            levels.push(vec![0; words]);
            if words == 1 {
                return Self { levels };
            }
            words = words.div_ceil(64);
        }
    }

    #[inline]
    fn insert(&mut self, place: usize) {
        let mut at = place;
        for level in &mut self.levels {
            let word = &mut level[at / 64];
            let before = *word;
            *word |= 1 << (at % 64);
            if before != 0 {
                return;
            }
            at /= 64;
        }
    }

    /// Takes a place out: whether it was in.
    #[inline]
    fn take(&mut self, place: usize) -> bool {
        if self.levels[0][place / 64] >> (place % 64) & 1 == 0 {
            return false;
        }
        let mut at = place;
        for level in &mut self.levels {
            let word = &mut level[at / 64];
            *word &= !(1 << (at % 64));
            if *word != 0 {
                break;
            }
            at /= 64;
        }
        true
    }

    /// Takes the last place out.
    #[inline]
    fn take_last(&mut self) -> u32 {
        let mut at = 0;
        for level in self.levels.iter().rev() {
            at = at * 64 + 63 - level[at].leading_zeros() as usize;
        }
        let found = self.take(at);
        debug_assert!(found, "somebody has a frame");
        at as u32
    }
}
