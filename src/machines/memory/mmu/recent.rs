//! The pages that a replay used lately. Another access to one of them is a hit of the first TLB that changes nothing
//! but the order of use, so it is only noted here, and made up for before anybody asks for that order.
use super::entry::NONE;
use super::table::Place;

/// How many pages of data, and how many of instructions, are remembered; a power of two.
pub(super) const MOST: usize = 4;

/// A page number that no address has.
const NOWHERE: u64 = u64::MAX;

/// A page that was used lately.
#[derive(Clone, Copy)]
struct Slot {
    /// Its number, if another read (or fetch), and another write, has nothing to change but the order of use.
    tags: [u64; 2],
    /// When it was last used without being told.
    stamp: usize,
    /// The place of its entry.
    place: Place,
}

const FORGOTTEN: Slot = Slot { tags: [NOWHERE; 2], stamp: 0, place: NONE };

/// Pages of data, then pages of instructions. All of them are held by the first TLB.
pub(super) struct Recent {
    slots: [Slot; 2 * MOST],
    /// Which of them was used last.
    newest: usize,
    /// Whether others were used since the order of use was last right.
    pending: bool,
    /// Up to when it is right.
    settled: usize,
    /// How many accesses were only noted, and how many were not: where pages are seldom used again soon, it does not
    /// pay to remember them.
    noted: u32,
    carried_out: u32,
    /// How many accesses are yet to pass by unremembered.
    passing: usize,
}

/// So many accesses that must be carried out show whether it pays, and so many then pass by if not.
const TRIAL: u32 = 1 << 8;
const PASSING: usize = 1 << 15;

/// A page whose use was only noted: its number as addresses have it, the place of its entry, and whether it was one of
/// instructions.
pub(super) type Noted = (u64, Place, bool);

impl Recent {
    /// No pages.
    pub fn new() -> Self {
        Self {
            slots: [FORGOTTEN; 2 * MOST],
            newest: 0,
            pending: false,
            settled: 0,
            noted: 0,
            carried_out: 0,
            passing: 0,
        }
    }

    #[inline(always)]
    fn slot(page: u64, code: usize) -> usize {
        (page as usize & (MOST - 1)) + (code >> 1) * MOST
    }

    /// Notes an access, if that is all there is to do.
    #[inline(always)]
    pub fn note(&mut self, page: u64, code: usize, at: usize) -> bool {
        let slot = Self::slot(page, code);
        if self.slots[slot].tags[code & 1] != page {
            return false;
        }
        self.slots[slot].stamp = at + 1;
        self.pending |= self.newest != slot;
        self.newest = slot;
        self.noted += 1;
        true
    }

    /// Another access like this one would change nothing (`read`), nor would one that writes (`write`).
    #[inline(always)]
    pub fn remember(&mut self, page: u64, code: usize, place: Place, [read, write]: [bool; 2]) {
        let slot = Self::slot(page, code);
        self.newest = slot;
        let tag = |it| if it { page } else { NOWHERE };
        self.slots[slot] = Slot { tags: [tag(read), tag(write)], stamp: 0, place };
        self.carried_out += 1;
        if self.carried_out == TRIAL {
            if self.noted < TRIAL / 4 {
                self.forget_all();
                self.passing = PASSING;
            }
            (self.noted, self.carried_out) = (0, 0);
        }
    }

    /// Whether it pays to remember.
    #[inline(always)]
    pub fn pays(&self) -> bool {
        self.passing == 0
    }

    /// How many accesses are to pass by before it is tried again.
    pub fn passing(&self) -> usize {
        self.passing
    }

    /// So many accesses have passed by.
    pub fn passed(&mut self, count: usize) {
        self.passing -= count.min(self.passing);
    }

    /// Forgets a page that the first TLB for data (0) or for instructions (1) holds no more; if these are not `apart`,
    /// it may have been used as either. The lowest bits of a place are those of its page.
    #[inline(always)]
    pub fn forget(&mut self, place: Place, class: usize, apart: bool) {
        let mut forget = |class: usize| {
            let slot = &mut self.slots[(place as usize & (MOST - 1)) + class * MOST];
            if slot.place == place {
                *slot = FORGOTTEN;
            }
        };
        forget(class);
        if !apart {
            forget(1 - class);
        }
    }

    /// Forgets all pages. What was only noted must be made up for.
    #[inline(always)]
    pub fn forget_all(&mut self) {
        if self.passing == 0 {
            self.slots = [FORGOTTEN; 2 * MOST];
        }
    }

    /// Whether anything must be made up for before an access at `at`.
    #[inline(always)]
    pub fn settle(&mut self, at: usize) -> bool {
        let pending = std::mem::take(&mut self.pending);
        self.settled = if pending { self.settled } else { at };
        pending
    }

    /// What must be made up for: using each of these pages once, in this order, leaves the order that all their uses
    /// would have left.
    #[inline(never)]
    pub fn noted(&mut self, at: usize) -> impl Iterator<Item = Noted> + use<> {
        let mut used = [(0, NOWHERE, NONE, false); 2 * MOST];
        let mut count = 0;
        for (number, slot) in self.slots.iter().enumerate() {
            if slot.stamp > self.settled {
                used[count] = (slot.stamp, slot.tags[0], slot.place, number >= MOST);
                count += 1;
            }
        }
        used[..count].sort_unstable();
        self.settled = at;
        used.into_iter().take(count).map(|(_, page, place, fetch)| (page, place, fetch))
    }
}
