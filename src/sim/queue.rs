//! The events to come: 16-byte keys in order, the events themselves in a slab beside them, so that sorting
//! never moves an event and a comparison is one of two integers.
use serde::{Deserialize, Serialize};

use super::protocol::Time;

/// Bits of a key that tell where in the slab its event lies.
const PLACE_BITS: u32 = 24;
/// Bits that tell how many events were numbered before it.
const NUMBER_BITS: u32 = 40;

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

/// How many keys go straight from a bucket into the front.
const RUN: usize = 24;
/// How large the front may grow before its keys are spread over the buckets again.
const FRONT: usize = 4096;

/// A priority queue ordered by (time, number) and nothing else.
///
/// Keys that come next are in `front`, a small heap; all others are in buckets, by the highest bit in which
/// they differ from `base` (a radix heap: Ahuja, Mehlhorn, Orlin, Tarjan 1990). When the front is empty the
/// lowest bucket is spread over the ones below it, until few enough keys are left to be the front. Keys are
/// only ever copied from array to array, so a hundred thousand waiting events stay fast where a heap would
/// miss the cache at every level.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound(serialize = "T: Serialize + Clone", deserialize = "T: Deserialize<'de>"))]
#[serde(from = "Saved<T>", into = "Saved<T>")]
pub struct Queue<T> {
    /// Every key up to `limit`, as a heap; empty only if the queue is.
    front: Vec<Key>,
    limit: Key,
    /// No key in the buckets is below it.
    base: Key,
    buckets: Vec<Vec<Key>>,
    /// Which buckets are not empty.
    filled: u128,
    slab: Vec<Option<T>>,
    free: Vec<u32>,
    numbers: u64,
    len: usize,
}

/// A queue as it is written down.
#[derive(Serialize, Deserialize)]
struct Saved<T> {
    events: Vec<(Time, u64, T)>,
    numbers: u64,
}

impl<T> From<Saved<T>> for Queue<T> {
    fn from(saved: Saved<T>) -> Self {
        let mut queue = Self { numbers: saved.numbers, ..Self::default() };
        for (at, number, event) in saved.events {
            queue.push_numbered(at, number, event);
        }
        queue
    }
}

impl<T: Clone> From<Queue<T>> for Saved<T> {
    fn from(queue: Queue<T>) -> Self {
        let events =
            queue.in_order().into_iter().map(|(at, number, event)| (at, number, event.clone())).collect();
        Self { events, numbers: queue.numbers }
    }
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            front: Vec::new(),
            limit: 0,
            base: 0,
            buckets: vec![Vec::new(); 128],
            filled: 0,
            slab: Vec::new(),
            free: Vec::new(),
            numbers: 1,
            len: 0,
        }
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
        self.len
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
        let key = key(at, number, place);
        self.len += 1;
        if self.front.is_empty() {
            self.limit = key;
            self.front.push(key);
        } else if key > self.limit {
            self.sort_in(key);
        } else {
            rise(&mut self.front, key);
            if self.front.len() > FRONT {
                self.spread();
            }
        }
    }

    /// The time of the earliest event.
    pub fn next_at(&self) -> Option<Time> {
        self.front.first().map(|&it| time_of(it))
    }

    /// Takes the earliest event, with its time and number.
    pub fn pop(&mut self) -> Option<(Time, u64, T)> {
        let &first = self.front.first()?;
        self.drop_from_front(0);
        Some((time_of(first), number_of(first), self.take(first)))
    }

    /// Takes the event with a number, wherever it is in the order; costs a walk over all.
    pub fn remove(&mut self, number: u64) -> Option<(Time, T)> {
        let is_it = |key: &Key| number_of(*key) == number;
        if let Some(at) = self.front.iter().position(is_it) {
            let key = self.front[at];
            self.drop_from_front(at);
            return Some((time_of(key), self.take(key)));
        }
        let found = |(which, bucket): (usize, &Vec<Key>)| Some((which, bucket.iter().position(is_it)?));
        let (which, at) = self.buckets.iter().enumerate().find_map(found)?;
        let key = self.buckets[which].swap_remove(at);
        if self.buckets[which].is_empty() {
            self.filled &= !(1 << which);
        }
        Some((time_of(key), self.take(key)))
    }

    /// The event with a number; costs a walk over all.
    pub fn get(&self, number: u64) -> Option<(Time, &T)> {
        let key = self.keys().find(|&it| number_of(it) == number)?;
        Some((time_of(key), self.event(key)))
    }

    /// Every event with its time and number, in order.
    pub fn in_order(&self) -> Vec<(Time, u64, &T)> {
        let mut keys: Vec<Key> = self.keys().collect();
        keys.sort_unstable();
        keys.into_iter().map(|it| (time_of(it), number_of(it), self.event(it))).collect()
    }

    fn keys(&self) -> impl Iterator<Item = Key> {
        self.front.iter().chain(self.buckets.iter().flatten()).copied()
    }

    fn event(&self, key: Key) -> &T {
        self.slab[place_of(key)].as_ref().expect("a key's place is full")
    }

    fn take(&mut self, key: Key) -> T {
        let place = place_of(key);
        self.len -= 1;
        self.free.push(place as u32);
        self.slab[place].take().expect("a key's place is full")
    }

    fn drop_from_front(&mut self, at: usize) {
        let last = self.front.pop().expect("there is a key to drop");
        if at < self.front.len() {
            sink(&mut self.front, at, last);
        } else if self.front.is_empty() && self.filled != 0 {
            self.refill();
        }
    }

    fn sort_in(&mut self, key: Key) {
        debug_assert!(key > self.base);
        let which = 127 - (key ^ self.base).leading_zeros();
        self.buckets[which as usize].push(key);
        self.filled |= 1 << which;
    }

    /// Looks at events that come up soon, all at once, so that their cache misses overlap. An event may end in
    /// the cache line where the next one begins, so that one is looked at too.
    fn fetch(&self, keys: &[Key]) {
        let near = |&key: &Key| self.slab[place_of(key)..].iter().take(2).filter(|it| it.is_some()).count();
        std::hint::black_box(keys.iter().map(near).sum::<usize>());
    }

    /// Makes the lowest keys of the buckets the front.
    fn refill(&mut self) {
        while self.front.len() < RUN && self.filled != 0 {
            let which = self.filled.trailing_zeros();
            let mut lowest = std::mem::take(&mut self.buckets[which as usize]);
            self.filled &= !(1 << which);
            if lowest.len() <= RUN {
                self.fetch(&lowest);
                self.limit = self.limit.max(*lowest.iter().max().expect("a filled bucket"));
                lowest.drain(..).for_each(|key| rise(&mut self.front, key));
                self.buckets[which as usize] = lowest;
                return;
            }
            // The least key goes ahead; as the new base it tells the others apart further down.
            let least = *lowest.iter().min().expect("a filled bucket");
            self.base = least;
            self.limit = least;
            rise(&mut self.front, least);
            lowest.drain(..).filter(|&key| key != least).for_each(|key| self.sort_in(key));
            self.buckets[which as usize] = lowest;
        }
    }

    /// The front has grown out of its size: spreads all keys over the buckets.
    #[cold]
    fn spread(&mut self) {
        let mut keys: Vec<Key> = self.keys().collect();
        self.front.clear();
        self.buckets.iter_mut().for_each(Vec::clear);
        self.filled = 0;
        let least = keys.iter().copied().min().expect("the front is not empty");
        (self.base, self.limit) = (least, least);
        self.front.push(least);
        keys.retain(|&key| key != least);
        keys.into_iter().for_each(|key| self.sort_in(key));
    }
}

/// Adds a key to a heap.
fn rise(heap: &mut Vec<Key>, key: Key) {
    let mut at = heap.len();
    heap.push(key);
    while at > 0 {
        let parent = (at - 1) / 2;
        if heap[parent] <= key {
            break;
        }
        heap[at] = heap[parent];
        at = parent;
    }
    heap[at] = key;
}

/// Puts `key` in place of the key at `at` of a heap.
fn sink(heap: &mut [Key], mut at: usize, key: Key) {
    // Down to a leaf along the lesser children, then up: the last key of a heap belongs near the bottom.
    loop {
        let left = 2 * at + 1;
        if left + 1 < heap.len() {
            let least = left + usize::from(heap[left + 1] < heap[left]);
            heap[at] = heap[least];
            at = least;
        } else if left < heap.len() {
            heap[at] = heap[left];
            at = left;
        } else {
            break;
        }
    }
    while at > 0 {
        let parent = (at - 1) / 2;
        if heap[parent] <= key {
            break;
        }
        heap[at] = heap[parent];
        at = parent;
    }
    heap[at] = key;
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
            let saved: Queue<Time> = postcard::from_bytes(&postcard::to_stdvec(&queue).unwrap()).unwrap();
            prop_assert_eq!(saved.in_order(), queue.in_order());
            let popped: Vec<(Time, u64)> = std::iter::from_fn(|| queue.pop()).map(|(at, number, _)| (at, number)).collect();
            prop_assert_eq!(popped, expected);
        }

        /// Against the obvious: a sorted set. Times come as they do in a world, never before the last one popped.
        #[test]
        fn agrees_with_a_sorted_set(script in prop::collection::vec((any::<bool>(), 0u32..30, 0u64..1 << 20), 1..3_000), burst in 0u64..10_000) {
            let (mut queue, mut plain, mut now) = (Queue::default(), std::collections::BTreeSet::new(), 0);
            for i in 0..burst { plain.insert((1 << 40, queue.push(1 << 40, i))); }
            for (push, shift, ahead) in script {
                if push {
                    let at = now + (ahead >> (shift % 20));
                    plain.insert((at, queue.push(at, 0)));
                } else {
                    let popped = queue.pop().map(|(at, number, _)| (at, number));
                    prop_assert_eq!(popped, plain.pop_first());
                    now = popped.map_or(now, |(at, _)| at);
                }
                prop_assert_eq!(queue.next_at(), plain.first().map(|it| it.0));
                prop_assert_eq!(queue.len(), plain.len());
            }
        }
    }

    #[test]
    fn a_front_that_grows_is_spread() {
        let mut queue = Queue::default();
        queue.push(1 << 50, 0);
        let mut expected: Vec<Time> = (0..20_000u64).map(|i| (i * 7_919) % 100_003).collect();
        for &at in &expected {
            queue.push(at, 1);
        }
        assert!(queue.front.len() <= FRONT);
        expected.sort_unstable();
        let popped: Vec<Time> = std::iter::from_fn(|| queue.pop()).map(|it| it.0).collect();
        assert_eq!(popped[..20_000], expected);
    }
}
