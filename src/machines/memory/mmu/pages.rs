//! Pages: what entries stand for, whether in a frame or not. A page that several entries share is one page.
use prefetch_index::prefetch_index;
use serde::{Deserialize, Serialize};

use super::entry::NONE;
use super::table::Place;

/// Which page, of all there ever were.
pub type PageId = u32;

/// Where the contents of a page come from when it is first needed, or again after it was dropped clean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backing {
    /// It begins as zeros: a minor fault. Once written and evicted it comes back from swap.
    Zero,
    /// It is read from the image of the program: a major fault. Once written it belongs on swap.
    Disk,
    /// It is read from a file, and written back there: a major fault, and no slot on swap.
    File,
}

/// A page.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// One entry that stands for it; [`NONE`] if there is none.
    pub place: Place,
    /// A list of further ones.
    more: u32,
    /// The (first) frame it is in; [`NONE`] if it is not resident.
    pub frame: u32,
    /// Its slot on the swap device; [`NONE`] if it has none.
    pub slot: u32,
    /// Whether it was written since it was last read or written back.
    pub dirty: bool,
    /// Where it comes from while it has no slot.
    pub backing: Backing,
}

impl Page {
    /// Whether it is in a frame.
    #[inline]
    pub fn resident(&self) -> bool {
        self.frame != NONE
    }
}

/// One more entry that stands for a page.
#[derive(Clone, Copy, Debug)]
struct Link {
    place: Place,
    next: u32,
}

/// All pages.
#[derive(Clone, Debug, Default)]
pub struct Pages {
    pages: Vec<Page>,
    links: Vec<Link>,
    free: Vec<u32>,
}

impl Pages {
    /// A new page that is nowhere yet. Numbers are not used again: a replacement policy may remember them.
    pub fn add(&mut self, backing: Backing) -> PageId {
        let page = Page { place: NONE, more: NONE, frame: NONE, slot: NONE, dirty: false, backing };
        self.pages.push(page);
        self.pages.len() as u32 - 1
    }

    /// A page.
    #[inline]
    pub fn get(&self, id: PageId) -> &Page {
        &self.pages[id as usize]
    }

    /// A page, to be changed.
    #[inline]
    pub fn at(&mut self, id: PageId) -> &mut Page {
        &mut self.pages[id as usize]
    }

    /// A page will be needed soon.
    #[inline(always)]
    pub fn prefetch(&self, id: PageId) {
        prefetch_index(&self.pages, id as usize);
    }

    /// From now on the entry at `place` stands for the page.
    pub fn attach(&mut self, id: PageId, place: Place) {
        let page = &mut self.pages[id as usize];
        if page.place == NONE {
            page.place = place;
            return;
        }
        let link = Link { place, next: page.more };
        page.more = self.free.pop().unwrap_or(self.links.len() as u32);
        match self.links.get_mut(page.more as usize) {
            Some(old) => *old = link,
            None => self.links.push(link),
        }
    }

    /// No longer does; says whether any other does.
    pub fn detach(&mut self, id: PageId, place: Place) -> bool {
        let page = &mut self.pages[id as usize];
        let (mut at, mut before) = (page.more, NONE);
        if page.place == place {
            page.place = NONE;
            if at != NONE {
                page.place = self.links[at as usize].place;
            }
        } else {
            while self.links[at as usize].place != place {
                before = at;
                at = self.links[at as usize].next;
            }
        }
        if at != NONE {
            let next = self.links[at as usize].next;
            if before == NONE {
                page.more = next;
            } else {
                self.links[before as usize].next = next;
            }
            self.free.push(at);
        }
        page.place != NONE
    }

    /// Whether more than one entry stands for the page.
    #[inline]
    pub fn shared(&self, id: PageId) -> bool {
        self.pages[id as usize].more != NONE
    }

    /// The entries that stand for the page; `next` is where to go on, [`NONE`] at the end.
    #[inline]
    pub fn first_place(&self, id: PageId) -> (Place, u32) {
        let page = &self.pages[id as usize];
        (page.place, page.more)
    }

    /// The entry after the last one that was given.
    pub fn next_place(&self, next: u32) -> (Place, u32) {
        let link = self.links[next as usize];
        (link.place, link.next)
    }

    /// All entries that stand for the page.
    #[cfg(test)]
    fn places(&self, id: PageId) -> Vec<Place> {
        let mut found = Vec::new();
        let (mut place, mut next) = self.first_place(id);
        while place != NONE {
            found.push(place);
            (place, next) = if next == NONE { (NONE, NONE) } else { self.next_place(next) };
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_and_go_in_any_order() {
        let mut pages = Pages::default();
        let id = pages.add(Backing::Zero);
        let other = pages.add(Backing::Disk);
        for place in [3, 5, 7, 9] {
            pages.attach(id, place);
            pages.attach(other, 100 + place);
        }
        let mut left = vec![3, 5, 7, 9];
        for gone in [7, 3, 9, 5] {
            left.retain(|it| *it != gone);
            assert_eq!(pages.detach(id, gone), !left.is_empty());
            let mut found = pages.places(id);
            found.sort_unstable();
            assert_eq!((found, pages.shared(id)), (left.clone(), left.len() > 1));
        }
        pages.attach(id, 11);
        assert_eq!(pages.places(id), [11]);
        let mut others = pages.places(other);
        others.sort_unstable();
        assert_eq!(others, [103, 105, 107, 109]);
    }
}
