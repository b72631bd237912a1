//! The policies of the textbooks that need a queue or nothing: FIFO, MRU, random.
use super::index::{Index, Slots};
use super::queues::Logs;
use super::replacement::{Access, Repeat, Replacement};
use crate::sim::{Purpose, Rng};

/// First in, first out.
#[derive(Clone, Debug)]
pub struct Fifo<I: Index> {
    frames: usize,
    slots: Slots<I>,
    queue: Logs<1>,
}

impl<I: Index> Fifo<I> {
    pub(super) fn new(frames: usize) -> Self {
        Self { frames, slots: Slots::new(), queue: Logs::new() }
    }
}

impl<I: Index> Replacement for Fifo<I> {
    type Page = I::Page;
    const REPEAT: Repeat = Repeat::Idle;

    #[inline]
    fn access(&mut self, page: I::Page) -> Access<I::Page> {
        match self.slots.find(page) {
            Some(_) => Access::Hit,
            None => enter(self.frames, &mut self.slots, &mut self.queue, page, Logs::first),
        }
    }

    fn remove(&mut self, page: I::Page) -> bool {
        leave(&mut self.slots, &mut self.queue, page)
    }

    fn contains(&self, page: I::Page) -> bool {
        self.slots.find(page).is_some()
    }

    fn resident(&self) -> usize {
        self.queue.len(0)
    }
}

/// Gives a page a free frame, or that of the page that `victim` names, and puts it at the end of the queue.
#[inline]
fn enter<I: Index>(
    frames: usize,
    slots: &mut Slots<I>,
    queue: &mut Logs<1>,
    page: I::Page,
    victim: impl Fn(&mut Logs<1>, usize) -> Option<u32>,
) -> Access<I::Page> {
    if queue.len(0) < frames {
        let slot = slots.take(page);
        queue.push(0, slots, slot);
        return Access::Filled;
    }
    let slot = victim(queue, 0).expect("all frames are taken, and there is at least one");
    let old = slots.replace(slot, page);
    queue.renew(0, slots, slot);
    Access::Evicted(old)
}

fn leave<I: Index>(slots: &mut Slots<I>, queue: &mut Logs<1>, page: I::Page) -> bool {
    let Some(slot) = slots.find(page) else { return false };
    queue.remove(0, slots, slot);
    slots.release(slot);
    true
}

/// Most recently used.
#[derive(Clone, Debug)]
pub struct Mru<I: Index> {
    frames: usize,
    slots: Slots<I>,
    /// The most recently used last.
    queue: Logs<1>,
}

impl<I: Index> Mru<I> {
    pub(super) fn new(frames: usize) -> Self {
        Self { frames, slots: Slots::new(), queue: Logs::new() }
    }
}

impl<I: Index> Replacement for Mru<I> {
    type Page = I::Page;
    const REPEAT: Repeat = Repeat::Idle;

    #[inline]
    fn access(&mut self, page: I::Page) -> Access<I::Page> {
        match self.slots.find(page) {
            Some(slot) => {
                self.queue.renew(0, &mut self.slots, slot);
                Access::Hit
            }
            None => enter(self.frames, &mut self.slots, &mut self.queue, page, Logs::last),
        }
    }

    fn remove(&mut self, page: I::Page) -> bool {
        leave(&mut self.slots, &mut self.queue, page)
    }

    fn contains(&self, page: I::Page) -> bool {
        self.slots.find(page).is_some()
    }

    fn resident(&self) -> usize {
        self.queue.len(0)
    }
}

/// Any, by lot.
#[derive(Clone, Debug)]
pub struct Random<I: Index> {
    frames: usize,
    slots: Slots<I>,
    /// The slots in use, without gaps, and where each is among them.
    used: Vec<u32>,
    place: Vec<u32>,
    rng: Rng,
}

impl<I: Index> Random<I> {
    pub(super) fn new(frames: usize, seed: u64) -> Self {
        let rng = Rng::stream(seed, Purpose::Memory, 0, 0);
        Self { frames, slots: Slots::new(), used: Vec::new(), place: Vec::new(), rng }
    }
}

impl<I: Index> Replacement for Random<I> {
    type Page = I::Page;
    const REPEAT: Repeat = Repeat::Idle;

    #[inline]
    fn access(&mut self, page: I::Page) -> Access<I::Page> {
        if self.slots.find(page).is_some() {
            return Access::Hit;
        }
        if self.used.len() < self.frames {
            let slot = self.slots.take(page);
            self.place.resize(self.slots.width(), 0);
            self.place[slot as usize] = self.used.len() as u32;
            self.used.push(slot);
            return Access::Filled;
        }
        let slot = self.used[self.rng.below(self.used.len() as u64) as usize];
        Access::Evicted(self.slots.replace(slot, page))
    }

    fn remove(&mut self, page: I::Page) -> bool {
        let Some(slot) = self.slots.find(page) else { return false };
        let place = self.place[slot as usize] as usize;
        self.used.swap_remove(place);
        if let Some(moved) = self.used.get(place) {
            self.place[*moved as usize] = place as u32;
        }
        self.slots.release(slot);
        true
    }

    fn contains(&self, page: I::Page) -> bool {
        self.slots.find(page).is_some()
    }

    fn resident(&self) -> usize {
        self.used.len()
    }
}
