//! Least recently used, by frame: a use is one write. Who must leave is read off an order that is made when the last one
//! is used up, and in which frames that were used since are passed over; so it is exact, and sorting is rare.
use super::pages::PageId;

/// The stamp of a frame that holds no page.
const VACANT: u32 = u32::MAX;

/// No frame.
const NO_FRAME: u32 = u32::MAX;

/// Frames in the order of their last use.
#[derive(Clone, Debug)]
pub struct Recency {
    /// How many frames there are.
    limit: usize,
    /// When a frame was last used; while it has not been used since the order was made, its place there.
    stamps: Vec<u32>,
    /// The page in each frame.
    pages: Vec<PageId>,
    /// Frames, the one not used for longest first, as they were when this was made.
    order: Vec<u32>,
    /// How many of the order have been passed.
    passed: usize,
    now: u32,
    /// The latest that it may become before the order is made anew.
    latest: u32,
    resident: usize,
    /// Room for that.
    by_stamp: Vec<u32>,
}

impl Recency {
    /// So many free frames.
    pub fn new(limit: usize) -> Self {
        let (stamps, pages, order, by_stamp) = Default::default();
        Self { limit, stamps, pages, order, passed: 0, now: 0, latest: 1 << 10, resident: 0, by_stamp }
    }

    /// Whether all frames hold pages.
    #[inline(always)]
    pub fn full(&self) -> bool {
        self.resident == self.limit
    }

    /// A frame that holds a page is used.
    #[inline(always)]
    pub fn touch(&mut self, frame: u32) {
        if self.now >= self.latest {
            self.sort();
        }
        self.now += 1;
        self.stamps[frame as usize] = self.now;
    }

    /// A page comes into a frame that is free.
    pub fn come(&mut self, frame: u32, page: PageId) {
        let at = frame as usize;
        if at >= self.stamps.len() {
            let length = (at + 1).next_power_of_two().min(self.limit.max(at + 1));
            self.stamps.resize(length, VACANT);
            self.pages.resize(length, 0);
        }
        self.pages[at] = page;
        self.touch(frame);
        self.resident += 1;
    }

    /// A page comes into the frame that was not used for longest, where another one is that must leave: that one.
    #[inline(always)]
    pub fn replace(&mut self, page: PageId) -> PageId {
        let frame = self.oldest();
        self.touch(frame);
        std::mem::replace(&mut self.pages[frame as usize], page)
    }

    /// Takes back that `page` came into a frame where `victim` was; which counts as used.
    pub fn undo(&mut self, frame: u32, victim: PageId) {
        self.pages[frame as usize] = victim;
        self.touch(frame);
    }

    /// A frame is free again.
    pub fn leave(&mut self, frame: u32) {
        self.resident -= 1;
        self.stamps[frame as usize] = VACANT;
    }

    /// Which page may have to leave when so many others have left.
    #[inline(always)]
    pub fn leaving(&self, after: usize) -> Option<PageId> {
        self.order.get(self.passed + after).map(|it| self.pages[*it as usize])
    }

    #[inline(always)]
    fn oldest(&mut self) -> u32 {
        loop {
            let Some(&frame) = self.order.get(self.passed) else {
                self.sort();
                continue;
            };
            if self.stamps[frame as usize] == self.passed as u32 {
                return frame;
            }
            self.passed += 1;
        }
    }

    /// No two stamps are alike, and there are not many more of them than frames: so frames are put down by stamp, and
    /// what was put down is read off.
    #[cold]
    fn sort(&mut self) {
        self.by_stamp.clear();
        self.by_stamp.resize(self.now as usize + 1, NO_FRAME);
        for (stamp, frame) in self.stamps.iter().zip(0..) {
            if *stamp != VACANT {
                self.by_stamp[*stamp as usize] = frame;
            }
        }
        self.order.clear();
        self.order.resize(self.resident + 1, NO_FRAME);
        let mut place = 0;
        for &frame in &self.by_stamp {
            // Without a branch: which stamps still count is anybody's guess.
            self.order[place] = frame;
            place += usize::from(frame != NO_FRAME);
        }
        self.order.truncate(self.resident);
        for (frame, place) in self.order.iter().zip(0..) {
            self.stamps[*frame as usize] = place;
        }
        self.passed = 0;
        self.now = self.resident as u32;
        self.latest = self.now.saturating_mul(4).saturating_add(1 << 10);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{Purpose, Rng};

    #[test]
    fn the_oldest_leaves_as_in_a_list() {
        for seed in 0..300 {
            let mut rng = Rng::stream(seed, Purpose::Memory, 3, 0);
            let limit = 1 + rng.below(12) as usize;
            let mut frames = Recency::new(limit);
            // Frames with their pages, the oldest first.
            let mut list: Vec<(u32, PageId)> = Vec::new();
            for page in 0..400 {
                match rng.below(8) {
                    0 if !list.is_empty() => {
                        let (frame, _) = list.remove(rng.below(list.len() as u64) as usize);
                        frames.leave(frame);
                    }
                    1..=4 if !list.is_empty() => {
                        let used = list.remove(rng.below(list.len() as u64) as usize);
                        frames.touch(used.0);
                        list.push(used);
                    }
                    5 if rng.below(20) == 0 => frames.latest = frames.now + rng.below(3) as u32,
                    _ if list.len() == limit => {
                        assert!(frames.full());
                        let (frame, victim) = list.remove(0);
                        assert_eq!(frames.replace(page), victim, "seed {seed}");
                        list.push((frame, page));
                        if rng.below(4) == 0 {
                            frames.undo(frame, victim);
                            list.last_mut().expect("just pushed").1 = victim;
                        }
                    }
                    _ => {
                        let free = (0..limit as u32).find(|it| list.iter().all(|(frame, _)| frame != it));
                        let frame = free.expect("not all are taken");
                        frames.come(frame, page);
                        list.push((frame, page));
                    }
                }
            }
        }
    }
}
