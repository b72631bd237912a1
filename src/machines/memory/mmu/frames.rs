//! Physical memory: which frames are free, and which page must leave when none is.
//!
//! The frames of small pages are under a replacement policy. Huge pages are outside of it, in memory of their own
//! above, as with hugetlbfs: they are never evicted.
use std::collections::BTreeMap;

use super::pages::PageId;
use crate::machines::memory::paging::{Access, Direct, Policy, Replacement};

/// Frame numbers end here, so that physical addresses stay below 2^63 with pages of any size.
const LAST: u32 = 1 << 30;

/// Physical memory.
#[derive(Clone, Debug)]
pub struct Frames {
    /// Frames under the policy; `None`: as many as are needed.
    limit: Option<u32>,
    policy: Option<Policy<Direct>>,
    /// Frames below that were used at some time.
    next: u32,
    /// Frames below `next` that are free again.
    free: Vec<u32>,
    /// Frames in use at or above `next`, and of huge pages: the first one, and how many.
    apart: BTreeMap<u32, u32>,
    used: u64,
}

/// What a page that needs a frame gets.
pub enum Room {
    /// This frame was free.
    Free(u32),
    /// The frame of that page, which must leave.
    Of(PageId),
    /// Nothing: the numbers of frames are used up.
    None,
}

impl Frames {
    /// That many frames under a policy, or as many as are needed.
    pub fn new(limit: Option<u32>, policy: Option<Policy<Direct>>) -> Self {
        assert_eq!(limit.is_some(), policy.is_some(), "a limit needs a policy");
        Self { limit, policy, next: 0, free: Vec::new(), apart: BTreeMap::new(), used: 0 }
    }

    /// How many frames are in use, those of huge pages among them.
    pub fn used(&self) -> u64 {
        self.used
    }

    /// A page in a frame is used.
    #[inline]
    pub fn touch(&mut self, page: PageId) {
        if let Some(policy) = &mut self.policy {
            policy.access(page);
        }
    }

    /// Room for a small page, which the policy counts as used.
    pub fn room(&mut self, page: PageId) -> Room {
        match self.policy.as_mut().map(|it| it.access(page)) {
            Some(Access::Evicted(victim)) => Room::Of(victim),
            _ => self.take_any().map_or(Room::None, Room::Free),
        }
    }

    /// Takes back [`room`](Self::room): `page` does not get the frame of `victim`.
    pub fn undo(&mut self, page: PageId, victim: PageId) {
        if let Some(policy) = &mut self.policy {
            policy.remove(page);
            policy.access(victim);
        }
    }

    fn take_any(&mut self) -> Option<u32> {
        if let Some(frame) = self.free.pop() {
            self.used += 1;
            return Some(frame);
        }
        while let Some(end) = self.end_of_apart(self.next) {
            self.next = end;
        }
        let frame = self.next;
        (frame < self.limit.unwrap_or(LAST)).then(|| {
            self.next += 1;
            self.used += 1;
            frame
        })
    }

    /// The end of what is in use around `frame`, at or above `next`.
    fn end_of_apart(&self, frame: u32) -> Option<u32> {
        let (first, count) = self.apart.range(..=frame).next_back()?;
        (first + count > frame).then_some(first + count)
    }

    /// Takes one frame for a small page, if it is free.
    pub fn take(&mut self, page: PageId, frame: u32) -> bool {
        let below = frame < self.next;
        let at = self.free.iter().position(|it| *it == frame);
        let free = if below { at.is_some() } else { self.end_of_apart(frame).is_none() };
        if !free || frame >= self.limit.unwrap_or(LAST) {
            return false;
        }
        match at {
            Some(at) => drop(self.free.swap_remove(at)),
            None => drop(self.apart.insert(frame, 1)),
        }
        self.used += 1;
        self.touch(page);
        true
    }

    /// Takes the frames of a huge page: those from `first` on, or any.
    pub fn take_huge(&mut self, first: Option<u32>, count: u32) -> Option<u32> {
        let floor = self.limit.unwrap_or(self.next);
        let mut frame = first.unwrap_or(floor.checked_next_multiple_of(count)?);
        loop {
            let overlap = frame < floor || frame.checked_add(count)? > LAST;
            let busy = self.apart.range(..frame.saturating_add(count)).next_back();
            let busy = busy.filter(|(at, many)| **at + **many > frame).map(|(at, many)| at + many);
            match (overlap, busy, first) {
                (false, None, _) => break,
                (true, _, _) | (_, _, Some(_)) => return None,
                (false, Some(end), None) => frame = end.checked_next_multiple_of(count)?,
            }
        }
        self.apart.insert(frame, count);
        self.used += u64::from(count);
        Some(frame)
    }

    /// Gives back what a page was in; a small page is forgotten by the policy.
    pub fn give_back(&mut self, page: PageId, frame: u32) {
        match self.apart.remove(&frame) {
            Some(count) if count > 1 => {
                self.used -= u64::from(count);
                // Where small pages have no limit they may have grown past the huge one.
                self.free.extend((frame..frame + count).filter(|it| *it < self.next));
                return;
            }
            Some(_) if frame >= self.next => {}
            _ => self.free.push(frame),
        }
        self.used -= 1;
        self.forget(page);
    }

    /// The policy forgets a page that no longer exists.
    pub fn forget(&mut self, page: PageId) {
        if let Some(policy) = &mut self.policy {
            policy.remove(page);
        }
    }
}
