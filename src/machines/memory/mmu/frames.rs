//! Physical memory: which frames are free, and which page must leave when none is.
//!
//! The frames of small pages are under a replacement policy. Huge pages are outside of it, in memory of their own
//! above, as with hugetlbfs: they are never evicted.
use std::collections::BTreeMap;

use super::pages::PageId;
use super::recency::Recency;
use crate::machines::memory::paging::{Access, Direct, Policy, Replacement};

/// Frame numbers end here, so that physical addresses stay below 2^63 with pages of any size.
const LAST: u32 = 1 << 30;

/// Physical memory.
#[derive(Clone, Debug)]
pub struct Frames {
    /// Frames under the policy; `None`: as many as are needed.
    limit: Option<u32>,
    /// Frame numbers end here.
    end: u32,
    policy: Option<Keeper>,
    /// Frames below that were used at some time.
    next: u32,
    /// Frames below `next` that are free again.
    free: Vec<u32>,
    /// Frames in use at or above `next`, and of huge pages: the first one, and how many.
    apart: BTreeMap<u32, u32>,
    used: u64,
}

/// Who says which page makes room.
#[derive(Clone, Debug)]
enum Keeper {
    /// The policy that nearly everybody asks for, in a form of its own.
    Lru(Recency),
    Other(Box<Policy<Direct>>),
}

#[inline(never)]
fn touch_otherwise(policy: &mut Policy<Direct>, page: PageId) {
    policy.access(page);
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
    /// That many frames under a policy, or as many as are needed; all that there are have numbers below `end`.
    pub fn new(limit: Option<u32>, policy: Option<Policy<Direct>>, end: u64) -> Self {
        let end = end.min(LAST.into()) as u32;
        assert_eq!(limit.is_some(), policy.is_some(), "a limit needs a policy");
        let keeper = |policy| match policy {
            Policy::Lru(_) => Keeper::Lru(Recency::new(limit.unwrap_or(0) as usize)),
            policy => Keeper::Other(Box::new(policy)),
        };
        let policy = policy.map(keeper);
        Self { limit, end, policy, next: 0, free: Vec::new(), apart: BTreeMap::new(), used: 0 }
    }

    /// Whether pages make room for each other.
    #[inline]
    pub fn limited(&self) -> bool {
        self.policy.is_some()
    }

    /// How many frames are in use, those of huge pages among them.
    pub fn used(&self) -> u64 {
        self.used
    }

    /// A page in a frame is used.
    #[inline(always)]
    pub fn touch(&mut self, page: PageId, frame: u32) {
        match &mut self.policy {
            Some(Keeper::Lru(lru)) => lru.touch(frame),
            Some(Keeper::Other(policy)) => touch_otherwise(policy, page),
            None => {}
        }
    }

    /// Which page may have to leave when so many others have left, if that is easily said.
    #[inline(always)]
    pub fn leaving(&self, after: usize) -> Option<PageId> {
        match &self.policy {
            Some(Keeper::Lru(lru)) => lru.leaving(after),
            _ => None,
        }
    }

    /// Room for a small page, which has none yet, and which the policy counts as used.
    #[inline(always)]
    pub fn room(&mut self, page: PageId) -> Room {
        match &mut self.policy {
            Some(Keeper::Lru(lru)) if lru.full() => return Room::Of(lru.replace(page)),
            Some(Keeper::Other(policy)) => {
                if let Access::Evicted(victim) = policy.access(page) {
                    return Room::Of(victim);
                }
            }
            _ => {}
        }
        self.free_room(page)
    }

    #[inline(never)]
    fn free_room(&mut self, page: PageId) -> Room {
        let frame = self.take_any();
        if let (Some(frame), Some(Keeper::Lru(lru))) = (frame, &mut self.policy) {
            lru.come(frame, page);
        }
        frame.map_or(Room::None, Room::Free)
    }

    /// Takes back [`room`](Self::room): `page` does not get the frame of `victim`.
    pub fn undo(&mut self, page: PageId, victim: PageId, frame: u32) {
        match &mut self.policy {
            Some(Keeper::Lru(lru)) => lru.undo(frame, victim),
            Some(Keeper::Other(policy)) => {
                policy.remove(page);
                policy.access(victim);
            }
            None => {}
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
        (frame < self.limit.unwrap_or(self.end)).then(|| {
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
        if !free || frame >= self.limit.unwrap_or(self.end) {
            return false;
        }
        match at {
            Some(at) => drop(self.free.swap_remove(at)),
            None => drop(self.apart.insert(frame, 1)),
        }
        self.used += 1;
        match &mut self.policy {
            Some(Keeper::Lru(lru)) => lru.come(frame, page),
            Some(Keeper::Other(policy)) => drop(policy.access(page)),
            None => {}
        }
        true
    }

    /// Takes the frames of a huge page: those from `first` on, or any.
    pub fn take_huge(&mut self, first: Option<u32>, count: u32) -> Option<u32> {
        let floor = self.limit.unwrap_or(self.next);
        let mut frame = first.unwrap_or(floor.checked_next_multiple_of(count)?);
        loop {
            let overlap = frame < floor || frame.checked_add(count)? > self.end;
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
        if let Some(Keeper::Lru(lru)) = &mut self.policy {
            lru.leave(frame);
        }
        self.forget(page);
    }

    /// The policy forgets a page that no longer exists.
    pub fn forget(&mut self, page: PageId) {
        if let Some(Keeper::Other(policy)) = &mut self.policy {
            policy.remove(page);
        }
    }
}
