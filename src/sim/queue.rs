//! The events to come: 16-byte keys in a four-ary heap, the events themselves in a slab beside it, so that
//! sorting never moves an event and a comparison is one of two integers.
use serde::{Deserialize, Serialize};

use super::protocol::Time;

/// Bits of a key that tell where in the slab its event lies.
const PLACE_BITS: u32 = 24;
/// Bits that tell how many events were numbered before it.
const NUMBER_BITS: u32 = 40;
/// How many children a key has: four share a cache line, so a deep heap costs half the misses.
const ARITY: usize = 4;

/// The most events that can wait at once.
pub const MOST_PENDING: usize = 1 << PLACE_BITS;
/// The most events that can ever be numbered in one world.
pub const MOST_NUMBERS: u64 = 1 << NUMBER_BITS;

/// Time (64 bits), number (40), place in the slab (24): ordered as one integer.
type Key = u128;

fn key(at: Time, number: u64, place: u32) -> Key {
    (Key::from(at) << 64) | (Key::from(number) << PLACE_BITS) | Key::from(place)
}

fn time_of(key: Key) -> Time {
    (key >> 64) as Time
}

fn number_of(key: Key) -> u64 {
    (key as u64) >> PLACE_BITS
}

fn place_of(key: Key) -> usize {
    (key as usize) & (MOST_PENDING - 1)
}

/// A priority queue ordered by (time, number) and nothing else.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Queue<T> {
    keys: Vec<Key>,
    slab: Vec<Option<T>>,
    free: Vec<u32>,
    numbers: u64,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { keys: Vec::new(), slab: Vec::new(), free: Vec::new(), numbers: 1 }
    }
}

impl<T> Queue<T> {
    /// A number for something that is ordered with the events; never zero, never given twice.
    pub fn number(&mut self) -> u64 {
        let number = self.numbers;
        assert!(number < MOST_NUMBERS, "a world numbers at most {MOST_NUMBERS} events");
        self.numbers += 1;
        number
    }

    /// How many events wait.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Adds `event` at time `at`; returns its number.
    pub fn push(&mut self, at: Time, event: T) -> u64 {
        let number = self.number();
        self.push_numbered(at, number, event);
        number
    }

    /// Adds `event` under a number taken earlier.
    pub fn push_numbered(&mut self, at: Time, number: u64, event: T) {
        let place = match self.free.pop() {
            Some(place) => {
                self.slab[place as usize] = Some(event);
                place
            }
            None => {
                assert!(self.slab.len() < MOST_PENDING, "at most {MOST_PENDING} events can wait");
                self.slab.push(Some(event));
                (self.slab.len() - 1) as u32
            }
        };
        self.keys.push(key(at, number, place));
        self.rise(self.keys.len() - 1);
    }

    /// The time of the earliest event.
    pub fn next_at(&self) -> Option<Time> {
        self.keys.first().map(|&it| time_of(it))
    }

    /// Takes the earliest event, with its time and number.
    pub fn pop(&mut self) -> Option<(Time, u64, T)> {
        let &first = self.keys.first()?;
        self.remove_key(0);
        Some((time_of(first), number_of(first), self.take(first)))
    }

    /// Takes the event with a number, wherever it is in the order; costs a walk over all.
    pub fn remove(&mut self, number: u64) -> Option<(Time, T)> {
        let at = self.keys.iter().position(|&it| number_of(it) == number)?;
        let key = self.keys[at];
        self.remove_key(at);
        Some((time_of(key), self.take(key)))
    }

    /// The event with a number; costs a walk over all.
    pub fn get(&self, number: u64) -> Option<(Time, &T)> {
        let key = self.keys.iter().find(|&&it| number_of(it) == number)?;
        Some((time_of(*key), self.slab[place_of(*key)].as_ref().expect("a key's place is full")))
    }

    /// Every event with its time and number, in order.
    pub fn in_order(&self) -> Vec<(Time, u64, &T)> {
        let mut keys = self.keys.clone();
        keys.sort_unstable();
        keys.into_iter()
            .map(|it| {
                (time_of(it), number_of(it), self.slab[place_of(it)].as_ref().expect("a key's place is full"))
            })
            .collect()
    }

    fn take(&mut self, key: Key) -> T {
        let place = place_of(key);
        self.free.push(place as u32);
        self.slab[place].take().expect("a key's place is full")
    }

    fn remove_key(&mut self, at: usize) {
        let last = self.keys.pop().expect("there is a key to remove");
        if at < self.keys.len() {
            self.keys[at] = last;
            self.sink(at);
            self.rise(at);
        }
    }

    fn rise(&mut self, mut at: usize) {
        let moving = self.keys[at];
        while at > 0 {
            let parent = (at - 1) / ARITY;
            if self.keys[parent] <= moving {
                break;
            }
            self.keys[at] = self.keys[parent];
            at = parent;
        }
        self.keys[at] = moving;
    }

    fn sink(&mut self, mut at: usize) {
        let keys = &mut self.keys[..];
        let moving = keys[at];
        loop {
            let first = at * ARITY + 1;
            let Some(children) = keys.get(first..(first + ARITY).min(keys.len())).filter(|it| !it.is_empty())
            else {
                break;
            };
            let (mut least, mut which) = (children[0], first);
            for (i, &child) in children.iter().enumerate().skip(1) {
                if child < least {
                    (least, which) = (child, first + i);
                }
            }
            if moving <= least {
                break;
            }
            keys[at] = least;
            at = which;
        }
        keys[at] = moving;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pops_in_order_of_time_then_number(times in prop::collection::vec(0u64..50, 0..200), removed in prop::collection::vec(any::<prop::sample::Index>(), 0..20)) {
            let mut queue = Queue::default();
            let mut expected: Vec<(Time, u64)> = times.iter().map(|&at| (at, queue.push(at, at))).collect();
            for index in removed {
                if expected.is_empty() { break }
                let (at, number) = expected.swap_remove(index.index(expected.len()));
                prop_assert_eq!(queue.remove(number), Some((at, at)));
                prop_assert_eq!(queue.remove(number), None);
            }
            expected.sort_unstable();
            let listed: Vec<(Time, u64)> = queue.in_order().into_iter().map(|(at, number, _)| (at, number)).collect();
            prop_assert_eq!(&listed, &expected);
            let popped: Vec<(Time, u64)> = std::iter::from_fn(|| queue.pop()).map(|(at, number, _)| (at, number)).collect();
            prop_assert_eq!(popped, expected);
        }
    }
}
