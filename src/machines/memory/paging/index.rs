//! The pages that are known, each with a slot: a small number under which things are kept about it.

use super::places::{NONE, Numbered, Places, Table};

/// From pages to slots and back, with one number of the owner's for each slot beside its page, where it costs nothing
/// to look at once the page was found.
pub trait Index: Clone {
    /// How pages are numbered.
    type Page: Copy + Eq + Ord + std::fmt::Debug;

    /// Where the uses of such pages are kept by policies that know nothing else of them.
    type Places: Places<Page = Self::Page> + std::fmt::Debug;

    /// Without any page.
    fn new() -> Self;

    /// The slot of a page.
    fn find(&self, page: Self::Page) -> Option<u32>;

    /// The page of a slot.
    fn page(&self, slot: u32) -> Self::Page;

    /// Gives a page without a slot one that is free, or the next one that there has never been.
    fn bind(&mut self, page: Self::Page, slot: u32);

    /// Frees a slot.
    fn unbind(&mut self, slot: u32);

    /// The owner's number of a slot.
    fn note(&self, slot: u32) -> u32;

    /// The owner's number of a slot, to be changed.
    fn note_mut(&mut self, slot: u32) -> &mut u32;
}

/// For page numbers of any size: a table of those that have a slot and of no others, so that it stays in the
/// processor's cache however many pages there are. Chains in an array: a page, its chain and the owner's number lie
/// side by side, and a page leaves without moving another.
#[derive(Clone, Debug)]
pub struct Hashed {
    /// The first slot of each chain; a power of two of them, and so many that most are empty or have one.
    chains: Vec<u32>,
    shift: u32,
    entries: Vec<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    page: u64,
    next: u32,
    note: u32,
}

impl Hashed {
    /// Spreads every bit of a page number over all (the two halves of a wide product, as wyhash does it).
    #[inline]
    fn chain(&self, page: u64) -> usize {
        let wide = u128::from(page ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93;
        (((wide as u64) ^ (wide >> 64) as u64) >> self.shift) as usize
    }

    #[cold]
    fn grow(&mut self) {
        let old = std::mem::take(&mut self.chains);
        self.shift -= 2;
        self.chains = vec![NONE; 4 * old.len()];
        for first in old {
            let mut slot = first;
            while slot != NONE {
                let Entry { page, next, .. } = self.entries[slot as usize];
                let chain = self.chain(page);
                self.entries[slot as usize].next = std::mem::replace(&mut self.chains[chain], slot);
                slot = next;
            }
        }
    }
}

impl Index for Hashed {
    type Page = u64;
    type Places = Table;

    fn new() -> Self {
        Self { chains: vec![NONE; 64], shift: 64 - 6, entries: Vec::new() }
    }

    #[inline]
    fn find(&self, page: u64) -> Option<u32> {
        let mut slot = self.chains[self.chain(page)];
        while slot != NONE {
            let entry = &self.entries[slot as usize];
            if entry.page == page {
                return Some(slot);
            }
            slot = entry.next;
        }
        None
    }

    #[inline]
    fn page(&self, slot: u32) -> u64 {
        self.entries[slot as usize].page
    }

    #[inline]
    fn bind(&mut self, page: u64, slot: u32) {
        if slot as usize == self.entries.len() {
            if 4 * self.entries.len() >= self.chains.len() {
                self.grow();
            }
            self.entries.push(Entry { page, next: NONE, note: NONE });
        }
        let chain = self.chain(page);
        let entry = &mut self.entries[slot as usize];
        entry.page = page;
        entry.next = std::mem::replace(&mut self.chains[chain], slot);
    }

    #[inline]
    fn unbind(&mut self, slot: u32) {
        let Entry { page, next, .. } = self.entries[slot as usize];
        let chain = self.chain(page);
        let mut at = self.chains[chain];
        if at == slot {
            self.chains[chain] = next;
            return;
        }
        while self.entries[at as usize].next != slot {
            at = self.entries[at as usize].next;
        }
        self.entries[at as usize].next = next;
    }

    #[inline]
    fn note(&self, slot: u32) -> u32 {
        self.entries[slot as usize].note
    }

    #[inline]
    fn note_mut(&mut self, slot: u32) -> &mut u32 {
        &mut self.entries[slot as usize].note
    }
}

/// For pages that are numbered from 0 without large gaps: arrays.
#[derive(Clone, Debug)]
pub struct Direct {
    slots: Vec<u32>,
    pages: Vec<(u32, u32)>,
}

impl Index for Direct {
    type Page = u32;
    type Places = Numbered;

    fn new() -> Self {
        Self { slots: Vec::new(), pages: Vec::new() }
    }

    #[inline]
    fn find(&self, page: u32) -> Option<u32> {
        self.slots.get(page as usize).copied().filter(|slot| *slot != NONE)
    }

    #[inline]
    fn page(&self, slot: u32) -> u32 {
        self.pages[slot as usize].0
    }

    #[inline]
    fn bind(&mut self, page: u32, slot: u32) {
        if self.slots.len() <= page as usize {
            self.slots.resize((page as usize + 1).next_power_of_two(), NONE);
        }
        if slot as usize == self.pages.len() {
            self.pages.push((page, NONE));
        }
        self.slots[page as usize] = slot;
        self.pages[slot as usize].0 = page;
    }

    #[inline]
    fn unbind(&mut self, slot: u32) {
        self.slots[self.pages[slot as usize].0 as usize] = NONE;
    }

    #[inline]
    fn note(&self, slot: u32) -> u32 {
        self.pages[slot as usize].1
    }

    #[inline]
    fn note_mut(&mut self, slot: u32) -> &mut u32 {
        &mut self.pages[slot as usize].1
    }
}

/// An index that finds free slots itself.
#[derive(Clone, Debug)]
pub(super) struct Slots<I: Index> {
    index: I,
    free: Vec<u32>,
    width: u32,
}

impl<I: Index> Slots<I> {
    pub(super) fn new() -> Self {
        Self { index: I::new(), free: Vec::new(), width: 0 }
    }

    #[inline]
    pub(super) fn find(&self, page: I::Page) -> Option<u32> {
        self.index.find(page)
    }

    #[inline]
    pub(super) fn page(&self, slot: u32) -> I::Page {
        self.index.page(slot)
    }

    #[inline]
    pub(super) fn note(&self, slot: u32) -> u32 {
        self.index.note(slot)
    }

    #[inline]
    pub(super) fn note_mut(&mut self, slot: u32) -> &mut u32 {
        self.index.note_mut(slot)
    }

    /// A slot for a page that has none.
    #[inline]
    pub(super) fn take(&mut self, page: I::Page) -> u32 {
        let slot = self.free.pop().unwrap_or(self.width);
        self.width = self.width.max(slot + 1);
        self.index.bind(page, slot);
        slot
    }

    /// Frees the slot of a page; the page.
    #[inline]
    pub(super) fn release(&mut self, slot: u32) -> I::Page {
        let page = self.page(slot);
        self.index.unbind(slot);
        self.free.push(slot);
        page
    }

    /// Gives the slot of one page to another; the first page.
    #[inline]
    pub(super) fn replace(&mut self, slot: u32, page: I::Page) -> I::Page {
        let old = self.page(slot);
        self.index.unbind(slot);
        self.index.bind(page, slot);
        old
    }

    /// How many slots there have ever been.
    pub(super) fn width(&self) -> usize {
        self.width as usize
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::sim::{Purpose, Rng};

    #[test]
    fn both_agree_with_a_map() {
        for seed in 0..200 {
            let mut rng = Rng::stream(seed, Purpose::Memory, 1, 0);
            let pages = 1 + rng.below(300);
            // Pages that share all but a few bits, high or low ones.
            let shift = rng.below(54);
            let (mut hashed, mut direct) = (Slots::<Hashed>::new(), Slots::<Direct>::new());
            let mut known = BTreeMap::new();
            for step in 0..600_u32 {
                let page = rng.below(pages);
                match known.remove(&page) {
                    Some((slot, _)) if rng.below(3) > 0 => {
                        assert_eq!(hashed.release(slot), page << shift, "seed {seed}");
                        assert_eq!(direct.release(slot), page as u32);
                    }
                    Some((slot, note)) => {
                        let other =
                            (0..).find(|it| *it != page && !known.contains_key(it)).expect("there are more");
                        assert_eq!(hashed.replace(slot, other << shift), page << shift, "seed {seed}");
                        assert_eq!(direct.replace(slot, other as u32), page as u32);
                        known.insert(other, (slot, note));
                    }
                    None => {
                        let slot = hashed.take(page << shift);
                        assert_eq!(direct.take(page as u32), slot);
                        *hashed.note_mut(slot) = step;
                        *direct.note_mut(slot) = step;
                        known.insert(page, (slot, step));
                    }
                }
                let page = rng.below(pages);
                let expected = known.get(&page);
                assert_eq!(hashed.find(page << shift), expected.map(|it| it.0), "seed {seed}");
                assert_eq!(direct.find(page as u32), expected.map(|it| it.0), "seed {seed}");
                if let Some((slot, note)) = expected {
                    assert_eq!((hashed.note(*slot), direct.note(*slot)), (*note, *note), "seed {seed}");
                }
            }
        }
    }
}
