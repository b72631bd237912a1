//! Where each page last came.
use prefetch_index::prefetch_index;

use super::index::{Hashed, NONE, Slots};

/// How sparse the numbers of pages may be for an array: so many times as many numbers as references.
const SPARSE: u64 = 4;

/// So many pages are far: their table is larger than a processor's own cache.
const FAR: usize = 1 << 15;

/// Pages that are looked up together: their ways to memory overlap.
pub(super) const GROUP: usize = 16;

/// A place for every page, found by a number that the page keeps.
pub(super) enum Last {
    /// Pages whose numbers are small are their own.
    Own(Vec<u32>),
    /// The others are looked up, and their places are notes beside them.
    Hashed(Slots<Hashed>),
}

impl Last {
    /// For these pages, none of which has come.
    pub(super) fn new(pages: &[u64], page_bits: u32) -> Self {
        let most = pages.iter().copied().fold(0, u64::max) >> page_bits;
        if most < SPARSE * (pages.len() as u64 + 1024) && most < u64::from(NONE) {
            return Self::Own(vec![NONE; most as usize + 1]);
        }
        Self::Hashed(Slots::new())
    }

    /// Whether there are so many pages that their places are not near by themselves, and looking ahead pays.
    #[inline]
    pub(super) fn is_far(&self) -> bool {
        match self {
            Self::Own(places) => places.len() > FAR,
            Self::Hashed(known) => known.width() > FAR,
        }
    }

    /// Has what [`number`](Self::number) and [`place`](Self::place) will look at on its way from memory.
    #[inline]
    pub(super) fn prefetch(&self, page: u64) {
        match self {
            Self::Own(places) => prefetch_index(places, page as usize),
            Self::Hashed(known) => known.prefetch(page),
        }
    }

    /// The number of a page.
    #[inline]
    pub(super) fn number(&mut self, page: u64) -> u32 {
        match self {
            Self::Own(_) => page as u32,
            Self::Hashed(known) => known.find(page).unwrap_or_else(|| {
                let slot = known.take(page);
                *known.note_mut(slot) = NONE;
                slot
            }),
        }
    }

    /// Where the page of that number last came; [`NONE`]: nowhere.
    #[inline]
    pub(super) fn place(&self, number: u32) -> u32 {
        match self {
            Self::Own(places) => places[number as usize],
            Self::Hashed(known) => known.note(number),
        }
    }

    /// It came at `place`; where it did before.
    #[inline]
    pub(super) fn replace(&mut self, number: u32, place: u32) -> u32 {
        std::mem::replace(
            match self {
                Self::Own(places) => &mut places[number as usize],
                Self::Hashed(known) => known.note_mut(number),
            },
            place,
        )
    }
}
