//! The policies that let new pages pass by in a queue of their own, so that a scan does not push out what is used
//! again: 2Q and S3-FIFO. Both remember, without a frame, who has just left that queue.
use super::index::{Index, Slots};
use super::kind::Options;
use super::queues::Logs;
use super::replacement::{Access, Repeat, Replacement};

/// The queue of new pages, the main one, and that of pages that are only remembered.
const NEW: usize = 0;
const MAIN: usize = 1;
const GHOST: usize = 2;

/// Pages with their queues; of those in [`GHOST`] only the numbers are left. (There are three queues; the logs are four
/// so that which one a line is of is two of its note's bits.)
#[derive(Clone, Debug)]
struct Pages<I: Index> {
    frames: usize,
    ghosts: usize,
    slots: Slots<I>,
    queues: Logs<4>,
    /// How often a page was used since it came into its queue.
    uses: Vec<u8>,
}

impl<I: Index> Pages<I> {
    fn new(frames: usize, ghosts: usize) -> Self {
        let (slots, queues) = (Slots::new(), Logs::new());
        Self { frames, ghosts, slots, queues, uses: Vec::new() }
    }

    #[inline]
    fn find(&self, page: I::Page) -> Option<(u32, usize)> {
        self.slots.find(page).map(|slot| (slot, Logs::<4>::queue_of(&self.slots, slot)))
    }

    fn resident(&self) -> usize {
        self.queues.len(NEW) + self.queues.len(MAIN)
    }

    /// A page without a slot comes into a queue.
    fn come(&mut self, page: I::Page, queue: usize) {
        let slot = self.slots.take(page);
        self.uses.resize(self.slots.width(), 0);
        self.enter(slot, queue);
    }

    fn enter(&mut self, slot: u32, queue: usize) {
        self.uses[slot as usize] = 0;
        self.queues.push(queue, &mut self.slots, slot);
    }

    /// A page that is only remembered keeps its slot, but leaves the queue of such pages.
    #[inline]
    fn revive(&mut self, ghost: Option<u32>) {
        if let Some(slot) = ghost {
            self.queues.remove(GHOST, &mut self.slots, slot);
        }
    }

    /// The oldest page of a queue leaves for good.
    fn leave(&mut self, queue: usize) -> Option<I::Page> {
        self.queues.pop(queue, &mut self.slots).map(|slot| self.slots.release(slot))
    }

    /// The oldest page of the queue of new pages gives up its frame and is remembered.
    fn leave_remembered(&mut self) -> Option<I::Page> {
        let slot = self.queues.pop(NEW, &mut self.slots)?;
        if self.ghosts == 0 {
            return Some(self.slots.release(slot));
        }
        if self.queues.len(GHOST) == self.ghosts {
            self.leave(GHOST);
        }
        self.enter(slot, GHOST);
        Some(self.slots.page(slot))
    }

    /// Forgets a page, in whichever queue it is: whether it had a frame.
    fn remove(&mut self, page: I::Page) -> bool {
        let Some((slot, queue)) = self.find(page) else { return false };
        self.queues.remove(queue, &mut self.slots, slot);
        self.slots.release(slot);
        queue != GHOST
    }

    fn contains(&self, page: I::Page) -> bool {
        self.find(page).is_some_and(|(_, queue)| queue != GHOST)
    }
}

/// So many of `frames`, rounded down.
fn share(frames: usize, ratio: f64) -> usize {
    (frames as f64 * ratio) as usize
}

/// 2Q: a queue of new pages, and an LRU list of those that came back after they had left it.
#[derive(Clone, Debug)]
pub struct TwoQ<I: Index> {
    pages: Pages<I>,
    new: usize,
}

impl<I: Index> TwoQ<I> {
    pub(super) fn new(frames: usize, options: &Options) -> Self {
        let pages = Pages::new(frames, share(frames, options.out_ratio));
        Self { pages, new: share(frames, options.in_ratio) }
    }

    fn evict(&mut self) -> Option<I::Page> {
        let pages = &mut self.pages;
        if pages.queues.len(NEW) > self.new || pages.queues.len(MAIN) == 0 {
            return pages.leave_remembered();
        }
        pages.leave(MAIN)
    }
}

impl<I: Index> Replacement for TwoQ<I> {
    type Page = I::Page;
    const REPEAT: Repeat = Repeat::Idle;

    #[inline]
    fn access(&mut self, page: I::Page) -> Access<I::Page> {
        let ghost = match self.pages.find(page) {
            Some((_, NEW)) => return Access::Hit,
            Some((slot, MAIN)) => {
                self.pages.queues.renew(MAIN, &mut self.pages.slots, slot);
                return Access::Hit;
            }
            Some((slot, _)) => Some(slot),
            None => None,
        };
        self.pages.revive(ghost);
        let full = self.pages.resident() == self.pages.frames;
        let victim = if full { self.evict() } else { None };
        match ghost {
            Some(slot) => self.pages.enter(slot, MAIN),
            None => self.pages.come(page, NEW),
        }
        victim.map_or(Access::Filled, Access::Evicted)
    }

    fn remove(&mut self, page: I::Page) -> bool {
        self.pages.remove(page)
    }

    fn contains(&self, page: I::Page) -> bool {
        self.pages.contains(page)
    }

    fn resident(&self) -> usize {
        self.pages.resident()
    }
}

/// S3-FIFO: a small queue of new pages, a main queue with a count of uses as in CLOCK, and ghosts of the small one.
///
/// While nobody has had to leave, pages that the small queue has no room for come into the main one at once
/// ([`Options::fill_main`]); the paper fills the small queue with all frames.
#[derive(Clone, Debug)]
pub struct S3Fifo<I: Index> {
    pages: Pages<I>,
    small: usize,
    main: usize,
    move_to_main: u8,
    fill_main: bool,
    evicted: bool,
}

/// How often a page can be spared in the main queue.
const MOST_USES: u8 = 3;

impl<I: Index> S3Fifo<I> {
    pub(super) fn new(frames: usize, options: &Options) -> Self {
        let small = share(frames, options.small_ratio).max(1);
        let pages = Pages::new(frames, share(frames, options.ghost_ratio));
        Self {
            pages,
            small,
            main: frames.saturating_sub(small),
            move_to_main: options.move_to_main,
            fill_main: options.fill_main,
            evicted: false,
        }
    }

    /// Where a page comes in of which nothing is remembered.
    fn entrance(&self) -> usize {
        let fills = self.fill_main && !self.evicted && self.pages.queues.len(NEW) >= self.small;
        if fills { MAIN } else { NEW }
    }

    fn evict(&mut self) -> I::Page {
        loop {
            let queues = &self.pages.queues;
            let found = if queues.len(MAIN) > self.main || queues.len(NEW) == 0 {
                self.evict_main()
            } else {
                self.evict_small()
            };
            if let Some(page) = found {
                return page;
            }
        }
    }

    /// Pages that were used often enough move on to the main queue; the first that was not, leaves.
    fn evict_small(&mut self) -> Option<I::Page> {
        let pages = &mut self.pages;
        while let Some(slot) = pages.queues.first(NEW) {
            if pages.uses[slot as usize] < self.move_to_main {
                return pages.leave_remembered();
            }
            pages.queues.remove(NEW, &mut pages.slots, slot);
            pages.enter(slot, MAIN);
        }
        None
    }

    /// Pages that were used go round once more; the first that was not, leaves.
    fn evict_main(&mut self) -> Option<I::Page> {
        let pages = &mut self.pages;
        while let Some(slot) = pages.queues.first(MAIN) {
            let uses = &mut pages.uses[slot as usize];
            if *uses == 0 {
                return pages.leave(MAIN);
            }
            *uses = (*uses).min(MOST_USES) - 1;
            pages.queues.renew(MAIN, &mut pages.slots, slot);
        }
        None
    }
}

impl<I: Index> Replacement for S3Fifo<I> {
    type Page = I::Page;
    const REPEAT: Repeat = Repeat::Counts;

    #[inline]
    fn access(&mut self, page: I::Page) -> Access<I::Page> {
        let ghost = match self.pages.find(page) {
            Some((slot, GHOST)) => Some(slot),
            Some((slot, _)) => {
                let uses = &mut self.pages.uses[slot as usize];
                *uses = uses.saturating_add(1);
                return Access::Hit;
            }
            None => None,
        };
        self.pages.revive(ghost);
        let full = self.pages.resident() == self.pages.frames;
        let victim = full.then(|| self.evict());
        self.evicted |= full;
        match ghost {
            Some(slot) => self.pages.enter(slot, MAIN),
            None => self.pages.come(page, self.entrance()),
        }
        victim.map_or(Access::Filled, Access::Evicted)
    }

    fn remove(&mut self, page: I::Page) -> bool {
        self.pages.remove(page)
    }

    fn contains(&self, page: I::Page) -> bool {
        self.pages.contains(page)
    }

    fn resident(&self) -> usize {
        self.pages.resident()
    }
}
