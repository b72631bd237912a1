//! Least frequently used, in constant time: pages that were used equally often stand in one list, and the lists in
//! the order of their counts (Shah, Mitra and Matani 2010).
use super::index::{Index, Slots};
use super::places::NONE;
use super::replacement::{Access, Repeat, Replacement};

/// Least frequently used since it came; of equals, who became so first.
#[derive(Clone, Debug)]
pub struct Lfu<I: Index> {
    frames: usize,
    slots: Slots<I>,
    entries: Vec<Entry>,
    lists: Vec<List>,
    free_lists: Vec<u32>,
    /// The list of the smallest count.
    least: u32,
    resident: usize,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    before: u32,
    after: u32,
    list: u32,
}

/// The pages that were used `count` times, who became so first in front.
#[derive(Clone, Copy, Debug)]
struct List {
    count: u64,
    first: u32,
    last: u32,
    less: u32,
    more: u32,
}

impl<I: Index> Lfu<I> {
    pub(super) fn new(frames: usize) -> Self {
        let (entries, lists, free_lists) = (Vec::new(), Vec::new(), Vec::new());
        Self { frames, slots: Slots::new(), entries, lists, free_lists, least: NONE, resident: 0 }
    }

    /// The list of `count`, which is that of `less` or stands behind it; a new one if it is not there.
    fn list_behind(&mut self, less: u32, count: u64) -> u32 {
        let more = if less == NONE { self.least } else { self.lists[less as usize].more };
        if more != NONE && self.lists[more as usize].count == count {
            return more;
        }
        let new = List { count, first: NONE, last: NONE, less, more };
        let list = self.free_lists.pop().unwrap_or(self.lists.len() as u32);
        if list as usize == self.lists.len() {
            self.lists.push(new);
        } else {
            self.lists[list as usize] = new;
        }
        match less {
            NONE => self.least = list,
            less => self.lists[less as usize].more = list,
        }
        if more != NONE {
            self.lists[more as usize].less = list;
        }
        list
    }

    fn append(&mut self, list: u32, slot: u32) {
        let it = &mut self.lists[list as usize];
        let before = std::mem::replace(&mut it.last, slot);
        match before {
            NONE => it.first = slot,
            before => self.entries[before as usize].after = slot,
        }
        self.entries[slot as usize] = Entry { before, after: NONE, list };
    }

    /// Takes a slot out of its list, and the list away if nothing is left in it.
    fn detach(&mut self, slot: u32) {
        let Entry { before, after, list } = self.entries[slot as usize];
        match before {
            NONE => self.lists[list as usize].first = after,
            before => self.entries[before as usize].after = after,
        }
        match after {
            NONE => self.lists[list as usize].last = before,
            after => self.entries[after as usize].before = before,
        }
        let List { first, less, more, .. } = self.lists[list as usize];
        if first != NONE {
            return;
        }
        match less {
            NONE => self.least = more,
            less => self.lists[less as usize].more = more,
        }
        if more != NONE {
            self.lists[more as usize].less = less;
        }
        self.free_lists.push(list);
    }
}

impl<I: Index> Replacement for Lfu<I> {
    type Page = I::Page;
    const REPEAT: Repeat = Repeat::Counts;

    #[inline]
    fn access(&mut self, page: I::Page) -> Access<I::Page> {
        if let Some(slot) = self.slots.find(page) {
            let list = self.entries[slot as usize].list;
            let List { count, first, last, more, .. } = self.lists[list as usize];
            let next_is_taken = more != NONE && self.lists[more as usize].count == count + 1;
            if first == last && !next_is_taken {
                // Alone in its list: the list goes up with it.
                self.lists[list as usize].count += 1;
            } else {
                let next = self.list_behind(list, count + 1);
                self.detach(slot);
                self.append(next, slot);
            }
            return Access::Hit;
        }
        let (slot, met) = if self.resident < self.frames {
            self.resident += 1;
            let slot = self.slots.take(page);
            self.entries.resize(self.slots.width(), Entry { before: NONE, after: NONE, list: NONE });
            (slot, Access::Filled)
        } else {
            let slot = self.lists[self.least as usize].first;
            self.detach(slot);
            (slot, Access::Evicted(self.slots.replace(slot, page)))
        };
        let once = self.list_behind(NONE, 1);
        self.append(once, slot);
        met
    }

    fn remove(&mut self, page: I::Page) -> bool {
        let Some(slot) = self.slots.find(page) else { return false };
        self.detach(slot);
        self.slots.release(slot);
        self.resident -= 1;
        true
    }

    fn contains(&self, page: I::Page) -> bool {
        self.slots.find(page).is_some()
    }

    fn resident(&self) -> usize {
        self.resident
    }
}
