//! One node as the explorer keeps it: its state, its disk with what is not durable, its timers. No time, no names
//! of events: nodes in the same situation are equal.
use crate::sim::{Held, NodeId, NodeMoment, Protocol, Span, Storage, Time};

/// The most timers of one node: which of them must go off first is a set in one word.
pub(super) const MOST_TIMERS: usize = 64;

/// A node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Local<P: Protocol> {
    pub node: NodeId,
    pub phase: Phase,
    /// Turns with every start: invariants can tell a restart, and states do not grow by counting them.
    pub turn: bool,
    pub state: Option<P>,
    pub disk: P::Disk,
    /// The inverses of the writes that are not durable, oldest first.
    pub unsynced: Vec<<P::Disk as Storage>::Write>,
    /// How many of these the sync under way covers; 0: there is none.
    pub syncing: u32,
    /// What waits for the disk, in order, and until how many of these writes are durable.
    pub held: Vec<(u32, Held<P>)>,
    /// Armed timers, by name.
    pub timers: Vec<Armed<P::Timer>>,
}

/// Whether a node runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Phase {
    /// It has yet to start.
    Waiting,
    Up,
    Down,
}

/// A timer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Armed<T> {
    pub name: T,
    /// After how long it is due at the latest, counted from when it was armed: what orders timers armed later.
    pub latest: Time,
    /// Which of the node's timers go off before it, as a set of their places in the list.
    pub after: u64,
}

impl<P: Protocol> Local<P> {
    /// A node as it is at some moment.
    pub fn of(node: NodeId, moment: &NodeMoment<P>) -> Self {
        let phase = match (moment.unstarted, &moment.state) {
            (_, Some(_)) => Phase::Up,
            (true, None) => Phase::Waiting,
            (false, None) => Phase::Down,
        };
        // Due for sure before the other is due, or at the same time with the lower number.
        let before = |at: usize, other: usize| {
            let (one, other) = (&moment.timers[at], &moment.timers[other]);
            one.latest < other.earliest || one.latest == other.earliest && one.number < other.number
        };
        let after = |at: usize| {
            let first = (0..moment.timers.len()).filter(|other| before(*other, at));
            first.fold(0, |set, other| set | 1 << (other % MOST_TIMERS))
        };
        let timers = moment.timers.iter().enumerate().map(|(at, timer)| Armed {
            name: timer.name.clone(),
            latest: timer.latest,
            after: after(at),
        });
        Self {
            node,
            phase,
            turn: false,
            state: moment.state.clone(),
            disk: moment.disk.clone(),
            unsynced: moment.unsynced.clone(),
            syncing: moment.syncing,
            held: moment.held.clone(),
            timers: timers.collect(),
        }
    }

    /// A sync begins if one is needed and none is under way.
    pub fn begin_sync(&mut self) {
        if self.syncing == 0 {
            self.syncing = self.unsynced.len() as u32;
        }
    }

    /// The sync under way completes, and the next one begins if one is needed; returns what need not wait any more.
    pub fn end_sync(&mut self) -> Vec<Held<P>> {
        let durable = std::mem::take(&mut self.syncing);
        self.unsynced.drain(..durable as usize);
        for (waits, _) in &mut self.held {
            *waits = waits.saturating_sub(durable);
        }
        let free = self.held.iter().take_while(|(waits, _)| *waits == 0).count();
        self.begin_sync();
        self.held.drain(..free).map(|(_, held)| held).collect()
    }

    /// Power fails. Returns the writes that would undo the undoing, as invariants want to see them.
    pub fn crash(&mut self) -> Vec<<P::Disk as Storage>::Write> {
        self.phase = Phase::Down;
        self.state = None;
        self.timers.clear();
        self.held.clear();
        self.syncing = 0;
        let disk = &mut self.disk;
        self.unsynced.drain(..).rev().map(|inverse| disk.apply(inverse)).collect()
    }

    /// The timers that no other one must precede, as places in the list.
    pub fn due(&self) -> impl Iterator<Item = usize> {
        self.timers.iter().enumerate().filter(|(_, it)| it.after == 0).map(|(at, _)| at)
    }
}

/// Arms a timer, replacing an earlier setting. `now`: those armed by the same handler, with their spans.
pub(super) fn arm<T: Ord + Clone>(timers: &mut Vec<Armed<T>>, now: &mut Vec<(T, Span)>, name: T, span: Span) {
    disarm(timers, now, &name);
    let at = timers.binary_search_by(|it| it.name.cmp(&name)).unwrap_or_else(|at| at);
    let mut after = 0;
    for (place, earlier) in timers.iter_mut().enumerate() {
        if earlier.latest <= span.min {
            after |= bit(place);
        }
        // Armed at the same time, and due earlier for sure, though armed later.
        let same_time = now.iter().find(|(other, _)| *other == earlier.name);
        let precedes = same_time.is_some_and(|(_, other)| span.max < other.min);
        earlier.after = open(earlier.after, at) | if precedes { bit(at) } else { 0 };
    }
    now.push((name.clone(), span));
    timers.insert(at, Armed { name, latest: span.max, after: open(after, at) });
}

/// Cancels a timer if it is armed.
pub(super) fn disarm<T: Ord>(timers: &mut Vec<Armed<T>>, now: &mut Vec<(T, Span)>, name: &T) {
    if let Ok(at) = timers.binary_search_by(|it| it.name.cmp(name)) {
        now.retain(|(other, _)| other != name);
        remove(timers, at);
    }
}

/// Takes a timer out; returns its name.
pub(super) fn remove<T>(timers: &mut Vec<Armed<T>>, at: usize) -> T {
    let removed = timers.remove(at);
    timers.iter_mut().for_each(|it| it.after = close(it.after, at));
    removed.name
}

/// The set of one place. Past the last place there is none, and whoever armed so many timers is told.
fn bit(place: usize) -> u64 {
    1_u64.checked_shl(place as u32).unwrap_or(0)
}

/// A set of places where a new one comes in at `at`.
fn open(set: u64, at: usize) -> u64 {
    let low = bit(at).wrapping_sub(1);
    set & low | (set & !low) << 1
}

/// A set of places where the one at `at` goes.
fn close(set: u64, at: usize) -> u64 {
    let low = bit(at).wrapping_sub(1);
    set & low | set >> 1 & !low
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn named<'a>(timers: &[Armed<&'a str>], name: &str) -> Vec<&'a str> {
        let it = timers.iter().find(|it| it.name == name).unwrap();
        timers.iter().enumerate().filter(|(at, _)| it.after & 1 << at != 0).map(|(_, it)| it.name).collect()
    }

    #[test]
    fn a_timer_waits_for_those_armed_before_it_that_are_due_for_sure() {
        let (mut timers, span) = (Vec::new(), |min, max| Span { min, max });
        arm(&mut timers, &mut vec![], "long", span(5, 20));
        arm(&mut timers, &mut vec![], "short", span(1, 5));
        assert_eq!(named(&timers, "long"), [""; 0], "armed before: nobody knows how long ago");
        arm(&mut timers, &mut vec![], "later", span(5, 9));
        assert_eq!(named(&timers, "later"), ["short"]);
        arm(&mut timers, &mut vec![], "short", span(1, 5));
        assert_eq!(named(&timers, "later"), [""; 0], "arming it again forgets");
        arm(&mut timers, &mut vec![], "last", span(20, 20));
        assert_eq!(named(&timers, "last"), ["later", "long", "short"]);
        disarm(&mut timers, &mut vec![], &"long");
        assert_eq!(named(&timers, "last"), ["later", "short"]);
    }

    #[test]
    fn what_one_handler_arms_is_ordered_both_ways() {
        let (mut timers, mut now) = (Vec::new(), Vec::new());
        arm(&mut timers, &mut now, "long", Span::exactly(9));
        arm(&mut timers, &mut now, "short", Span::exactly(3));
        arm(&mut timers, &mut now, "equal", Span::exactly(9));
        assert_eq!(named(&timers, "long"), ["short"]);
        assert_eq!(named(&timers, "equal"), ["long", "short"]);
        assert_eq!(named(&timers, "short"), [""; 0]);
    }

    proptest! {
        /// Against time itself: due times are drawn from the spans, and no timer is ever due before one that is said
        /// to precede it.
        #[test]
        fn never_orders_what_time_may_order_otherwise(
            script in prop::collection::vec((0u64..5, 0u8..5, 0u64..8, 0u64..8, 0.0f64..1.0), 1..30)
        ) {
            let (mut timers, mut now, mut clock) = (Vec::new(), Vec::new(), 0);
            let mut due: std::collections::BTreeMap<u8, (u64, usize)> = Default::default();
            for (number, (passes, name, min, width, draw)) in script.into_iter().enumerate() {
                if passes > 0 {
                    now.clear();
                    clock += passes;
                    // What is due before now has gone off.
                    let over: Vec<u8> = due.iter().filter(|(_, (at, _))| *at < clock).map(|(it, _)| *it).collect();
                    for name in over {
                        due.remove(&name);
                        disarm(&mut timers, &mut now, &name);
                    }
                }
                let span = Span { min, max: min + width };
                arm(&mut timers, &mut now, name, span);
                due.insert(name, (clock + min + (draw * (width + 1) as f64) as u64, number));
                for it in &timers {
                    for (at, first) in timers.iter().enumerate() {
                        prop_assert!(it.after & 1 << at == 0 || due[&first.name] < due[&it.name]);
                    }
                }
                prop_assert!(timers.iter().any(|it| it.after == 0), "something may go off");
            }
        }
    }
}
