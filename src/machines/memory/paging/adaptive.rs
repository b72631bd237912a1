//! Adaptive replacement (ARC): two LRU lists, of pages used once and of pages used again, and of each a list of those
//! that have just left it; who comes back tells which of the two should have been longer.
use super::index::{Index, Slots};
use super::queues::Logs;
use super::replacement::{Access, Repeat, Replacement};

/// Pages used once and more often (`T1`, `T2` of the paper), and who has left these (`B1`, `B2`).
const ONCE: usize = 0;
const AGAIN: usize = 1;
const GHOST_ONCE: usize = 2;
const GHOST_AGAIN: usize = 3;

/// ARC.
#[derive(Clone, Debug)]
pub struct Arc<I: Index> {
    frames: usize,
    slots: Slots<I>,
    queues: Logs<4>,
    /// How many frames pages used once should have (`p`).
    target: f64,
}

impl<I: Index> Arc<I> {
    pub(super) fn new(frames: usize) -> Self {
        Self { frames, slots: Slots::new(), queues: Logs::new(), target: 0.0 }
    }

    fn len(&self, queue: usize) -> usize {
        self.queues.len(queue)
    }

    fn find(&self, page: I::Page) -> Option<(u32, usize)> {
        self.slots.find(page).map(|slot| (slot, Logs::<4>::queue_of(&self.slots, slot)))
    }

    #[inline]
    fn enter(&mut self, slot: u32, queue: usize) {
        self.queues.push(queue, &mut self.slots, slot);
    }

    /// Who came back says which list was too short, the more so the fewer its ghosts are.
    fn learn(&mut self, ghosts: usize) {
        let (mine, others) = (self.len(ghosts) as f64, self.len(GHOST_ONCE + GHOST_AGAIN - ghosts) as f64);
        let step = (others / mine).max(1.0);
        self.target = if ghosts == GHOST_ONCE {
            (self.target + step).min(self.frames as f64)
        } else {
            (self.target - step).max(0.0)
        };
    }

    /// The oldest page of one of the lists leaves and is remembered (REPLACE of the paper).
    fn replace(&mut self, came_from: Option<usize>) -> I::Page {
        let once = self.len(ONCE) as f64;
        let over = once > self.target || once == self.target && came_from == Some(GHOST_AGAIN);
        let from = if self.len(ONCE) > 0 && over || self.len(AGAIN) == 0 { ONCE } else { AGAIN };
        let slot = self.queues.pop(from, &mut self.slots).expect("all frames are taken");
        self.enter(slot, from + GHOST_ONCE);
        self.slots.page(slot)
    }

    fn forget_oldest(&mut self, queue: usize) -> Option<I::Page> {
        self.queues.pop(queue, &mut self.slots).map(|slot| self.slots.release(slot))
    }

    /// Makes room for a page that is nowhere (case IV of the paper).
    fn make_room(&mut self) -> I::Page {
        if self.len(ONCE) + self.len(GHOST_ONCE) < self.frames {
            let all: usize = (ONCE..=GHOST_AGAIN).map(|queue| self.len(queue)).sum();
            if all >= 2 * self.frames {
                self.forget_oldest(GHOST_AGAIN);
            }
            return self.replace(None);
        }
        if self.forget_oldest(GHOST_ONCE).is_some() {
            return self.replace(None);
        }
        self.forget_oldest(ONCE).expect("it has all the frames")
    }
}

impl<I: Index> Replacement for Arc<I> {
    type Page = I::Page;
    const REPEAT: Repeat = Repeat::IdleAfterHit;

    #[inline]
    fn access(&mut self, page: I::Page) -> Access<I::Page> {
        let found = self.find(page);
        if let Some((slot, queue @ (ONCE | AGAIN))) = found {
            if queue == AGAIN {
                self.queues.renew(AGAIN, &mut self.slots, slot);
            } else {
                self.queues.remove(ONCE, &mut self.slots, slot);
                self.enter(slot, AGAIN);
            }
            return Access::Hit;
        }
        let full = self.resident() == self.frames;
        let Some((slot, ghosts)) = found else {
            let victim = full.then(|| self.make_room());
            let slot = self.slots.take(page);
            self.enter(slot, ONCE);
            return victim.map_or(Access::Filled, Access::Evicted);
        };
        self.learn(ghosts);
        self.queues.remove(ghosts, &mut self.slots, slot);
        let victim = full.then(|| self.replace(Some(ghosts)));
        self.enter(slot, AGAIN);
        victim.map_or(Access::Filled, Access::Evicted)
    }

    fn remove(&mut self, page: I::Page) -> bool {
        let Some((slot, queue)) = self.find(page) else { return false };
        self.queues.remove(queue, &mut self.slots, slot);
        self.slots.release(slot);
        queue < GHOST_ONCE
    }

    fn contains(&self, page: I::Page) -> bool {
        self.find(page).is_some_and(|(_, queue)| queue < GHOST_ONCE)
    }

    fn resident(&self) -> usize {
        self.len(ONCE) + self.len(AGAIN)
    }
}
