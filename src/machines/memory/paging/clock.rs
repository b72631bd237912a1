//! The policies with a hand: CLOCK and SIEVE.
use super::index::{Index, Slots};
use super::places::NONE;
use super::queues::List;
use super::replacement::{Access, Repeat, Replacement};

/// Second chance: frames in a circle. The hand goes round; who was used since it last came by is spared once.
#[derive(Clone, Debug)]
pub struct Clock<I: Index> {
    frames: usize,
    insert_referenced: bool,
    /// The note of a frame says whether its page was used; [`NONE`]: no page is in it.
    slots: Slots<I>,
    resident: usize,
    hand: usize,
}

const UNUSED: u32 = 0;
const USED: u32 = 1;

impl<I: Index> Clock<I> {
    pub(super) fn new(frames: usize, insert_referenced: bool) -> Self {
        Self { frames, insert_referenced, slots: Slots::new(), resident: 0, hand: 0 }
    }

    /// Moves the hand on to a frame whose page was not used, and past it.
    #[inline]
    fn sweep(&mut self) -> u32 {
        loop {
            let at = self.hand as u32;
            self.hand = if self.hand + 1 == self.slots.width() { 0 } else { self.hand + 1 };
            if self.slots.note(at) != USED {
                return at;
            }
            *self.slots.note_mut(at) = UNUSED;
        }
    }
}

impl<I: Index> Replacement for Clock<I> {
    type Page = I::Page;
    const REPEAT: Repeat = Repeat::IdleAfterHit;

    #[inline]
    fn access(&mut self, page: I::Page) -> Access<I::Page> {
        if let Some(slot) = self.slots.find(page) {
            *self.slots.note_mut(slot) = USED;
            return Access::Hit;
        }
        let fresh = if self.insert_referenced { USED } else { UNUSED };
        if self.resident < self.frames {
            let slot = self.slots.take(page);
            *self.slots.note_mut(slot) = fresh;
            self.resident += 1;
            return Access::Filled;
        }
        let slot = self.sweep();
        *self.slots.note_mut(slot) = fresh;
        Access::Evicted(self.slots.replace(slot, page))
    }

    fn remove(&mut self, page: I::Page) -> bool {
        let Some(slot) = self.slots.find(page) else { return false };
        *self.slots.note_mut(slot) = NONE;
        self.resident -= 1;
        self.slots.release(slot);
        true
    }

    fn contains(&self, page: I::Page) -> bool {
        self.slots.find(page).is_some()
    }

    fn resident(&self) -> usize {
        self.resident
    }
}

/// SIEVE: a queue by age. The hand goes from the oldest to the newest and sifts out who was not used; who was stays
/// where it is, and new pages come in at the end.
#[derive(Clone, Debug)]
pub struct Sieve<I: Index> {
    frames: usize,
    /// The note of a slot says whether its page was used.
    slots: Slots<I>,
    queue: List,
    /// Where the hand will look next; none: at the oldest.
    hand: Option<u32>,
}

impl<I: Index> Sieve<I> {
    pub(super) fn new(frames: usize) -> Self {
        Self { frames, slots: Slots::new(), queue: List::new(), hand: None }
    }

    #[inline]
    fn victim(&mut self) -> u32 {
        let oldest = self.queue.oldest().expect("all frames are taken, and there is at least one");
        let mut at = self.hand.unwrap_or(oldest);
        while self.slots.note(at) == USED {
            *self.slots.note_mut(at) = UNUSED;
            at = self.queue.newer(at).unwrap_or(oldest);
        }
        self.hand = self.queue.newer(at);
        at
    }
}

impl<I: Index> Replacement for Sieve<I> {
    type Page = I::Page;
    const REPEAT: Repeat = Repeat::IdleAfterHit;

    #[inline]
    fn access(&mut self, page: I::Page) -> Access<I::Page> {
        if let Some(slot) = self.slots.find(page) {
            *self.slots.note_mut(slot) = USED;
            return Access::Hit;
        }
        let (slot, met) = if self.queue.len() < self.frames {
            (self.slots.take(page), Access::Filled)
        } else {
            let slot = self.victim();
            self.queue.remove(slot);
            (slot, Access::Evicted(self.slots.replace(slot, page)))
        };
        *self.slots.note_mut(slot) = UNUSED;
        self.queue.push(slot);
        met
    }

    fn remove(&mut self, page: I::Page) -> bool {
        let Some(slot) = self.slots.find(page) else { return false };
        if self.hand == Some(slot) {
            self.hand = self.queue.newer(slot);
        }
        self.queue.remove(slot);
        self.slots.release(slot);
        true
    }

    fn contains(&self, page: I::Page) -> bool {
        self.slots.find(page).is_some()
    }

    fn resident(&self) -> usize {
        self.queue.len()
    }
}
