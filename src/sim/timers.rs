//! A node's timers. Heartbeats push election timers back all the time, so re-arming a timer to a later time
//! only writes the new time down: its old entry in the queue, when it comes up, is put back at the right time.
use serde::{Deserialize, Serialize};

use super::protocol::Time;

/// One timer: when it is due, and the entry in the queue that stands for it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Slot<T> {
    name: T,
    /// Counter reading at which it is due; `None`: not armed.
    due: Option<i64>,
    /// The counter readings between which it can have been due when it was armed.
    span: (i64, i64),
    /// The world time of that, as the clock runs now; `Time::MAX`: never.
    at: Time,
    /// The number given when it was armed: equal times fire in this order.
    number: u64,
    /// The (time, number) of its entry in the queue, if one is there.
    queued: Option<(Time, u64)>,
}

/// All timers of a node, sorted by name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Timers<T> {
    slots: Vec<Slot<T>>,
    idle: usize,
    /// How many idle slots make a sweep worth its walk.
    sweep_at: usize,
}

/// The least number of idle slots worth sweeping.
const SWEEP: usize = 16;

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), idle: 0, sweep_at: SWEEP }
    }
}

/// What an entry that came up from the queue means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// The timer goes off.
    Now,
    /// It was pushed back: queue it again at this time, under this number.
    Later(Time, u64),
    /// It was cancelled, or another entry stands for it.
    Stale,
}

impl<T: Ord + Clone> Timers<T> {
    fn find(&self, name: &T) -> Result<usize, usize> {
        match &self.slots[..] {
            [only] if only.name == *name => Ok(0),
            slots => slots.binary_search_by(|it| it.name.cmp(name)),
        }
    }

    /// Arms a timer; true when it needs an entry in the queue at `(at, number)`.
    pub fn arm(&mut self, name: T, due: i64, span: (i64, i64), at: Time, number: u64) -> bool {
        let index = match self.find(&name) {
            Ok(index) => {
                self.idle -= usize::from(self.slots[index].due.is_none());
                index
            }
            Err(index) => {
                self.slots.insert(index, Slot { name, due: None, span, at, number, queued: None });
                index
            }
        };
        let slot = &mut self.slots[index];
        (slot.due, slot.span, slot.at, slot.number) = (Some(due), span, at, number);
        slot.needs_entry()
    }

    /// Cancels a timer.
    pub fn disarm(&mut self, name: &T) {
        if let Ok(index) = self.find(name)
            && self.slots[index].due.take().is_some()
        {
            self.idle += 1;
            self.sweep();
        }
    }

    /// An entry of the queue came up at `(at, number)`.
    pub fn came_up(&mut self, name: &T, at: Time, number: u64) -> Due {
        let Ok(index) = self.find(name) else { return Due::Stale };
        let slot = &mut self.slots[index];
        if slot.queued != Some((at, number)) {
            return Due::Stale;
        }
        slot.queued = None;
        if slot.due.is_none() {
            self.sweep();
            return Due::Stale;
        }
        if slot.at > at || slot.number != number {
            return match slot.needs_entry() {
                true => Due::Later(slot.at, slot.number),
                false => Due::Stale,
            };
        }
        slot.due = None;
        self.idle += 1;
        self.sweep();
        Due::Now
    }

    /// Every armed timer with the time it is due (`Time::MAX`: never, as the clock runs), by name.
    pub fn armed(&self) -> impl Iterator<Item = (&T, Time)> {
        self.slots.iter().filter(|it| it.due.is_some()).map(|it| (&it.name, it.at))
    }

    /// Every armed timer by name, with the counter readings between which it can be due, and the number given
    /// when it was armed.
    pub fn spans(&self) -> impl Iterator<Item = (&T, (i64, i64), u64)> {
        self.slots.iter().filter(|it| it.due.is_some()).map(|it| (&it.name, it.span, it.number))
    }

    /// When the timer is due that the queue's entry with this number stands for, and the number given when it was
    /// armed; `None`: it stands for none.
    pub fn due(&self, name: &T, entry: u64) -> Option<(Time, u64)> {
        let slot = &self.slots[self.find(name).ok()?];
        let stands = slot.due.is_some() && slot.queued.is_some_and(|(_, number)| number == entry);
        stands.then_some((slot.at, slot.number))
    }

    /// The queue's entry with this number is gone without having come up.
    pub fn forget(&mut self, name: &T, entry: u64) {
        if let Ok(index) = self.find(name) {
            let slot = &mut self.slots[index];
            slot.queued = slot.queued.filter(|&(_, number)| number != entry);
        }
    }

    /// The clock's rate changed: computes all times again; returns the entries the queue now needs.
    pub fn reclock(&mut self, now: Time, time_of: impl Fn(i64) -> Option<Time>) -> Vec<(T, Time, u64)> {
        let mut needed = Vec::new();
        for slot in &mut self.slots {
            let Some(due) = slot.due else { continue };
            slot.at = time_of(due).map_or(Time::MAX, |at| at.max(now));
            if slot.needs_entry() {
                needed.push((slot.name.clone(), slot.at, slot.number));
            }
        }
        needed
    }

    /// Drops idle slots now and then, so that names used once do not pile up. A slot that still has an entry
    /// in the queue stays, for that entry to find. Constant time amortized: the next sweep waits until the
    /// slots have doubled.
    fn sweep(&mut self) {
        if self.idle > self.sweep_at {
            self.slots.retain(|it| it.due.is_some() || it.queued.is_some());
            self.idle = self.slots.iter().filter(|it| it.due.is_none()).count();
            self.sweep_at = SWEEP.max(2 * self.slots.len());
        }
    }
}

impl<T> Slot<T> {
    /// Whether no entry comes up early enough; if so, notes that one is being made.
    fn needs_entry(&mut self) -> bool {
        if self.at == Time::MAX || self.queued.is_some_and(|(at, _)| at <= self.at) {
            return false;
        }
        self.queued = Some((self.at, self.number));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pushing_a_timer_back_needs_no_new_entry() {
        let mut timers = Timers::default();
        assert!(timers.arm("e", 10, (10, 10), 10, 1));
        assert!(!timers.arm("e", 20, (20, 20), 20, 2));
        assert!(!timers.arm("e", 30, (30, 30), 30, 3));
        assert_eq!(timers.came_up(&"e", 10, 1), Due::Later(30, 3));
        assert_eq!(timers.came_up(&"e", 30, 3), Due::Now);
        assert_eq!(timers.came_up(&"e", 30, 3), Due::Stale);
    }

    #[test]
    fn pulling_a_timer_forward_leaves_a_stale_entry() {
        let mut timers = Timers::default();
        assert!(timers.arm("e", 30, (30, 30), 30, 1));
        assert!(timers.arm("e", 10, (10, 10), 10, 2));
        assert_eq!(timers.came_up(&"e", 10, 2), Due::Now);
        assert_eq!(timers.came_up(&"e", 30, 1), Due::Stale);
    }

    proptest! {
        /// Against the obvious: a map of deadlines, looked at after every tick.
        #[test]
        fn fires_what_a_plain_map_would(script in prop::collection::vec((0u8..4, prop::option::of(0u64..20)), 1..300)) {
            use std::collections::BTreeMap;
            let (mut timers, mut queue, mut plain) = (Timers::default(), crate::sim::queue::Queue::default(), BTreeMap::new());
            for (now, (name, ahead)) in (0u64..).zip(script) {
                while queue.next_at().is_some_and(|at| at <= now) {
                    let (at, number, timer) = queue.pop().unwrap();
                    match timers.came_up(&timer, at, number) {
                        Due::Now => prop_assert_eq!(plain.remove(&timer), Some(at)),
                        Due::Later(at, number) => queue.push_numbered(at, number, timer),
                        Due::Stale => {}
                    }
                }
                prop_assert!(plain.values().all(|&at| at > now), "a timer did not fire");
                match ahead {
                    Some(ahead) => {
                        let at = now + 1 + ahead;
                        let number = queue.number();
                        if timers.arm(name, at as i64, (at as i64, at as i64), at, number) { queue.push_numbered(at, number, name); }
                        plain.insert(name, at);
                    }
                    None => { timers.disarm(&name); plain.remove(&name); }
                }
                prop_assert!(queue.len() <= 4 * 21, "the queue grows");
            }
        }
    }
}
