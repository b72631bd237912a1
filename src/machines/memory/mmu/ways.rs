//! The ways of a set-associative cache: which one makes room. What is held in them is kept by who uses this.
use serde::{Deserialize, Serialize};

use crate::sim::{Invalid, Purpose, Rng};

/// At most this many entries in one cache.
const MAX_ENTRIES: u32 = 1 << 20;

/// Which entry of a full set makes room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Eviction {
    /// The one not used for longest.
    #[default]
    Lru,
    /// The oldest.
    Fifo,
    /// Any, all alike.
    Random,
    /// The one a binary tree of bits points to, each of which points away from the side used last.
    TreePlru,
}

/// The shape of a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// How many entries it holds.
    pub entries: u32,
    /// How many of them a key may be in.
    pub ways: u32,
    /// Which of them makes room.
    pub policy: Eviction,
}

impl Shape {
    /// Whether it can be built.
    pub fn check(&self) -> Result<(), Invalid> {
        let &Self { entries, ways, policy } = self;
        if !(1..=MAX_ENTRIES).contains(&entries) {
            return Err(Invalid::new("entries", entries, "from 1 to 2^20"));
        }
        if ways > 1 << 15 {
            return Err(Invalid::new("ways", ways, "at most 2^15"));
        }
        if ways == 0 || entries % ways != 0 {
            let given = format_args!("{ways}, with {entries} entries").to_string();
            return Err(Invalid::new("ways", given, "a divisor of entries"));
        }
        if !(entries / ways).is_power_of_two() {
            let given = format_args!("{ways}, with {entries} entries").to_string();
            return Err(Invalid::new("ways", given, "so many that the number of sets is a power of two"));
        }
        if policy == Eviction::TreePlru && !(ways.is_power_of_two() && ways <= 64) {
            return Err(Invalid::new("ways", ways, "a power of two up to 64, with policy 'tree-plru'"));
        }
        Ok(())
    }
}

/// The ways of all sets of a cache, in the order in which they make room.
#[derive(Clone, Debug)]
pub struct Ways {
    ways: usize,
    /// Sets, minus one.
    mask: u64,
    policy: Eviction,
    /// Of each set the tree of [`Eviction::TreePlru`], or the [`Order`] of its ways if they are not many.
    states: Vec<u64>,
    /// Of wide sets: when a way was last used or, with FIFO, filled; 0 if it is vacant.
    stamps: Vec<u64>,
    clock: u64,
    /// Whether sets are too wide for an [`Order`].
    wide: bool,
    /// Whether the [`Order`] alone says who makes room, and whether a use changes it.
    ordered: bool,
    renewed: bool,
    /// The bits of an [`Order`] that are in use.
    used: u64,
    rng: Rng,
}

impl Ways {
    /// Ways that hold nothing; draws of different caches of one seed differ by `stream`.
    pub fn new(shape: Shape, seed: u64, stream: u32) -> Self {
        let entries = shape.entries as usize;
        let ways = shape.ways as usize;
        let tree = shape.policy == Eviction::TreePlru;
        let wide = ways > Order::MOST && !tree;
        let state = if tree { 0 } else { Order::FIRST.0 };
        Self {
            ways,
            mask: (entries / ways) as u64 - 1,
            policy: shape.policy,
            states: vec![state; if wide { 0 } else { entries / ways }],
            stamps: vec![0; if wide { entries } else { 0 }],
            clock: 0,
            wide,
            ordered: !wide && matches!(shape.policy, Eviction::Lru | Eviction::Fifo),
            renewed: !wide && shape.policy == Eviction::Lru,
            used: u64::MAX >> (64 - 4 * ways.min(Order::MOST)),
            rng: Rng::stream(seed, Purpose::Memory, 1, stream),
        }
    }

    /// The set that a number belongs to, and the place of its first way among those of all sets.
    #[inline(always)]
    pub fn set(&self, number: u64) -> (usize, usize) {
        let set = (number & self.mask) as usize;
        (set, set * self.ways)
    }

    /// How many ways a set has.
    pub fn count(&self) -> usize {
        self.ways
    }

    /// A way was found.
    #[inline(always)]
    pub fn used(&mut self, set: usize, way: usize) {
        if self.renewed {
            let state = &mut self.states[set];
            *state = Order(*state).to_front(way).0;
        } else {
            self.used_otherwise(set, way);
        }
    }

    #[inline(never)]
    fn used_otherwise(&mut self, set: usize, way: usize) {
        match self.policy {
            Eviction::Lru => self.goes_last(set, way),
            Eviction::TreePlru => self.point_away(set, way),
            Eviction::Fifo | Eviction::Random => {}
        }
    }

    /// A way is the last of its set to make room.
    fn goes_last(&mut self, set: usize, way: usize) {
        if self.wide {
            self.clock += 1;
            self.stamps[set * self.ways + way] = self.clock;
        } else {
            let state = &mut self.states[set];
            *state = Order(*state).to_front(way).0;
        }
    }

    /// The way where there is room, or room is made, which is filled now; a vacant one, which `vacant` finds among so
    /// many, comes first.
    #[inline(always)]
    pub fn fill(&mut self, set: usize, vacant: impl FnOnce(usize) -> Option<usize>) -> usize {
        if self.ordered {
            // Vacant ways are the first to go.
            let state = &mut self.states[set];
            let way = Order(*state).last(self.ways);
            *state = Order(*state).last_to_front(way, self.used).0;
            return way;
        }
        self.fill_otherwise(set, vacant(self.ways))
    }

    #[inline(never)]
    fn fill_otherwise(&mut self, set: usize, vacant: Option<usize>) -> usize {
        let way = self.victim(set, vacant);
        match self.policy {
            Eviction::Lru | Eviction::Fifo => self.goes_last(set, way),
            Eviction::TreePlru => self.point_away(set, way),
            Eviction::Random => {}
        }
        way
    }

    fn victim(&mut self, set: usize, vacant: Option<usize>) -> usize {
        match (self.policy, vacant) {
            (Eviction::Lru | Eviction::Fifo, _) => {
                let stamps = &self.stamps[set * self.ways..(set + 1) * self.ways];
                let mut oldest = 0;
                for way in 1..stamps.len() {
                    oldest = if stamps[way] < stamps[oldest] { way } else { oldest };
                }
                oldest
            }
            (_, Some(way)) => way,
            (Eviction::Random, None) => self.rng.below(self.ways as u64) as usize,
            (Eviction::TreePlru, None) => self.pointed_to(set),
        }
    }

    fn pointed_to(&self, set: usize) -> usize {
        let tree = self.states[set];
        let mut node = 1;
        while node < self.ways {
            node = 2 * node + (tree >> node & 1) as usize;
        }
        node - self.ways
    }

    fn point_away(&mut self, set: usize, way: usize) {
        let tree = &mut self.states[set];
        let mut node = way + self.ways;
        while node > 1 {
            let right = node as u64 & 1;
            node /= 2;
            *tree = *tree & !(1 << node) | (right ^ 1) << node;
        }
    }

    /// A way holds nothing any more.
    #[inline]
    pub fn vacated(&mut self, set: usize, way: usize) {
        if self.wide {
            self.stamps[set * self.ways + way] = 0;
        } else if self.policy != Eviction::TreePlru {
            let state = &mut self.states[set];
            *state = Order(*state).to_back(way, self.ways).0;
        }
    }
}

/// The order of at most 16 ways: their numbers, the one to go last in the lowest four bits.
#[derive(Clone, Copy)]
struct Order(u64);

impl Order {
    const MOST: usize = 16;

    /// Way 0 goes first, then 1, and so on, for any number of ways: unused numbers are above.
    const FIRST: Self = Self(0xfedc_ba98_7654_3210);

    /// Where the number of a way stands, as a shift.
    #[inline]
    fn at(self, way: usize) -> u32 {
        const ONES: u64 = 0x1111_1111_1111_1111;
        let differing = self.0 ^ (way as u64 * ONES);
        // The lowest group of four zeros: borrows can only mislead above it.
        let zeros = differing.wrapping_sub(ONES) & !differing & (ONES << 3);
        zeros.trailing_zeros() - 3
    }

    #[inline]
    fn to_front(self, way: usize) -> Self {
        let at = self.at(way);
        let below = self.0 & ((1 << at) - 1);
        let above = self.0 & (!0xf << at);
        Self(above | below << 4 | way as u64)
    }

    /// To where the first of `ways` to go stands.
    fn to_back(self, way: usize, ways: usize) -> Self {
        let (at, end) = (self.at(way), 4 * (ways as u32 - 1));
        let below = self.0 & ((1 << at) - 1);
        let between = (self.0 >> at >> 4) & ((1 << (end - at)) - 1);
        let above = self.0 & (!0xf << end);
        Self(above | (way as u64) << end | between << at | below)
    }

    /// What [`to_front`](Self::to_front) makes of the [`last`](Self::last) way; `used` are the bits in use.
    #[inline]
    fn last_to_front(self, last: usize, used: u64) -> Self {
        Self(self.0 & !used | self.0 << 4 & used | last as u64)
    }

    #[inline]
    fn last(self, ways: usize) -> usize {
        (self.0 >> (4 * (ways - 1)) & 0xf) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_moves_ways_as_a_list_would() {
        for ways in 1..=16 {
            let mut list: Vec<usize> = (0..ways).collect();
            let mut order = Order::FIRST;
            let mut rng = Rng::stream(7, Purpose::Memory, 0, ways as u32);
            for _ in 0..500 {
                let way = rng.below(ways as u64) as usize;
                let used = u64::MAX >> (64 - 4 * ways);
                assert_eq!(order.last_to_front(list[ways - 1], used).0, order.to_front(list[ways - 1]).0);
                list.retain(|it| *it != way);
                if rng.below(3) == 0 {
                    list.push(way);
                    order = order.to_back(way, ways);
                } else {
                    list.insert(0, way);
                    order = order.to_front(way);
                }
                assert_eq!(order.last(ways), list[ways - 1]);
                let found: Vec<usize> = (0..ways).map(|it| (order.0 >> (4 * it) & 0xf) as usize).collect();
                assert_eq!(found, list);
            }
        }
    }

    #[test]
    fn shapes_that_cannot_be_built_are_refused() {
        let check = |entries, ways, policy| Shape { entries, ways, policy }.check();
        assert!(check(64, 4, Eviction::Lru).is_ok() && check(1536, 12, Eviction::Lru).is_ok());
        for (entries, ways) in [(0, 1), (64, 0), (64, 3), (48, 4), (1 << 21, 1), (4, 8)] {
            assert!(check(entries, ways, Eviction::Lru).is_err(), "{entries} {ways}");
        }
        assert!(check(12, 12, Eviction::TreePlru).is_err() && check(128, 128, Eviction::TreePlru).is_err());
    }
}
