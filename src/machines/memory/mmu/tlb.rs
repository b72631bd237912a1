//! Translation lookaside buffers: a first level for instructions and one for data (or one for both), and a second
//! level behind them.
//!
//! What is held is known by the place of its entry, and every entry knows the ways it is held in. So a look is an
//! array access, whatever the associativity, and means the same as a search by address space and page number:
//! within one address space there is one entry for a page.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::entry::{Entry, NONE};
use super::geometry::Geometry;
use super::table::{Leaf, Place, Tables};
use super::ways::{Shape, Ways};
use crate::sim::Invalid;

/// One array of a TLB, for pages of some sizes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArrayConfig {
    /// Its shape.
    pub shape: Shape,
    /// The levels whose pages it holds (the last level is that of small pages); empty: all.
    pub levels: Vec<u8>,
}

/// All TLBs of a machine. Each level is made of one or more arrays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlbConfig {
    /// The first level for instructions; empty: they share that of data.
    pub instruction: Vec<ArrayConfig>,
    /// The first level for data; empty: there is no TLB at all.
    pub data: Vec<ArrayConfig>,
    /// The second level, for both; empty: none.
    pub second: Vec<ArrayConfig>,
    /// Whether entries carry the process they belong to; otherwise all but the global ones go at a switch.
    pub tagged: bool,
}

impl TlbConfig {
    /// Whether it can be built for that geometry.
    pub fn check(&self, geometry: &Geometry) -> Result<(), Invalid> {
        for (name, level) in
            [("instruction", &self.instruction), ("data", &self.data), ("second", &self.second)]
        {
            let mut seen = 0_u16;
            for array in level {
                array.shape.check().map_err(|it| it.within(name).within("tlb"))?;
                for &page_level in &array.levels {
                    let last = geometry.levels() - 1;
                    if usize::from(page_level) != last && !geometry.huge_levels.contains(&page_level) {
                        let error = Invalid::new("levels", page_level, "levels that have pages");
                        return Err(error.within(name).within("tlb"));
                    }
                }
                let serves = array.mask();
                if seen & serves != 0 {
                    let error = Invalid::new("sizes", level.len(), "one array for each size of pages");
                    return Err(error.within(name).within("tlb"));
                }
                seen |= serves;
            }
        }
        if self.data.is_empty() && !(self.instruction.is_empty() && self.second.is_empty()) {
            return Err(Invalid::new("tlb.data", 0, "a first level for data, where there is any TLB"));
        }
        Ok(())
    }
}

impl ArrayConfig {
    fn mask(&self) -> u16 {
        if self.levels.is_empty() { u16::MAX } else { self.levels.iter().fold(0, |mask, it| mask | 1 << it) }
    }
}

/// One array: which entry each way holds.
#[derive(Clone, Debug)]
pub(super) struct Array {
    ways: Ways,
    holders: Vec<Place>,
}

impl Array {
    pub(super) fn new(shape: Shape, seed: u64, stream: u32) -> Self {
        Self { ways: Ways::new(shape, seed, stream), holders: vec![NONE; shape.entries as usize] }
    }

    /// The entry of `number`, which is held in `way`, is used.
    #[inline(always)]
    pub(super) fn used(&mut self, number: u64, way: u16) {
        let (set, _) = self.ways.set(number);
        self.ways.used(set, usize::from(way) - 1);
    }

    /// Holds the entry at `place`, which it does not hold yet; `slot` is where the entry notes that. Gives back
    /// what had to make room.
    #[inline(always)]
    pub(super) fn fill(&mut self, entries: &mut [Entry], slot: usize, number: u64, place: Place) -> Place {
        let (set, first) = self.ways.set(number);
        let holders = &self.holders;
        let way = self.ways.fill(set, |ways| holders[first..first + ways].iter().position(|it| *it == NONE));
        let victim = std::mem::replace(&mut self.holders[first + way], place);
        if victim != NONE {
            entries[victim as usize].ways[slot] = 0;
        }
        entries[place as usize].ways[slot] = way as u16 + 1;
        victim
    }

    /// No longer holds the entry at `place`.
    pub(super) fn drop_place(&mut self, tables: &mut Tables, slot: usize, number: u64, place: Place) -> bool {
        let way = std::mem::take(&mut tables.at(place).ways[slot]);
        if way == 0 {
            return false;
        }
        let (set, first) = self.ways.set(number);
        self.holders[first + usize::from(way) - 1] = NONE;
        self.ways.vacated(set, usize::from(way) - 1);
        true
    }

    /// The entries that are held.
    pub(super) fn held(&self) -> impl Iterator<Item = Place> {
        self.holders.iter().copied().filter(|it| *it != NONE)
    }
}

/// What one level of TLB holds of small pages; nothing at all if there is no such level.
pub(super) struct Held<'a> {
    array: Option<&'a mut Array>,
    slot: usize,
}

impl<'a> Held<'a> {
    pub fn of(tlb: &'a mut Option<Tlb>) -> Self {
        match tlb {
            Some(tlb) => Self { array: tlb.arrays.get_mut(tlb.small), slot: tlb.slot },
            None => Self { array: None, slot: 0 },
        }
    }

    /// Whether an entry is held; if so it is used.
    #[inline(always)]
    pub fn hit(&mut self, entry: &Entry, number: u64) -> bool {
        let way = entry.ways[self.slot];
        if way == 0 {
            return false;
        }
        match &mut self.array {
            Some(array) => array.used(number, way),
            None => return false,
        }
        true
    }

    /// Takes down an entry that is not global, and not known yet; what had to make room for it.
    #[inline(always)]
    pub fn fill(&mut self, entries: &mut [Entry], place: Place, number: u64) -> Place {
        match &mut self.array {
            Some(array) => array.fill(entries, self.slot, number, place),
            None => NONE,
        }
    }
}

/// One level of TLB.
#[derive(Clone, Debug)]
pub struct Tlb {
    /// Which of an entry's [`ways`](super::entry::Entry::ways) tells where it is.
    slot: usize,
    arrays: Vec<Array>,
    /// Which array holds pages of a level.
    array_of: [Option<u8>; 8],
    /// The array that holds small pages, if any does.
    small: usize,
    /// The global entries that are held, by level and number: others may find them, too.
    globals: BTreeMap<(u8, u64), Place>,
    /// The levels of pages, small ones first.
    levels: Vec<u8>,
}

impl Tlb {
    /// An empty one.
    pub fn new(arrays: &[ArrayConfig], geometry: &Geometry, seed: u64, slot: usize) -> Self {
        let mut array_of = [None; 8];
        for (number, array) in arrays.iter().enumerate() {
            for level in (0..8).filter(|it| array.mask() >> it & 1 == 1) {
                array_of[level] = Some(number as u8);
            }
        }
        let sets =
            arrays.iter().zip(0..).map(|(it, number)| Array::new(it.shape, seed, slot as u32 * 8 + number));
        let levels = [geometry.levels() as u8 - 1].into_iter().chain(geometry.huge_levels.iter().copied());
        let small = array_of[geometry.levels() - 1].map_or(usize::MAX, usize::from);
        let (arrays, levels) = (sets.collect(), levels.collect());
        Self { slot, arrays, array_of, small, globals: BTreeMap::new(), levels }
    }

    /// Whether any entry is held that other address spaces may find, too.
    #[inline(always)]
    pub fn holds_globals(&self) -> bool {
        !self.globals.is_empty()
    }

    /// Whether there is an array for small pages.
    pub fn keeps_small(&self) -> bool {
        self.small != usize::MAX
    }

    /// The entry that is known for a page; `own` is that of the address space.
    #[inline(always)]
    pub fn get(&mut self, tables: &Tables, own: Option<Leaf>, page: u64) -> Option<Leaf> {
        if let Some(leaf) = own {
            let way = tables.get(leaf.place).ways[self.slot];
            if let (true, Some(array)) = (way != 0, self.array_of[leaf.level as usize]) {
                self.arrays[usize::from(array)].used(page >> tables.shift(leaf.level as usize), way);
                return Some(leaf);
            }
        }
        if self.globals.is_empty() { None } else { self.get_global(tables, page) }
    }

    /// The global entry that is known for a page.
    fn get_global(&mut self, tables: &Tables, page: u64) -> Option<Leaf> {
        let found = self.levels.iter().find_map(|&level| {
            let number = page >> tables.shift(usize::from(level));
            self.globals.get(&(level, number)).map(|&place| Leaf { place, level: u32::from(level) })
        });
        let leaf = found?;
        let way = tables.get(leaf.place).ways[self.slot];
        let array = self.array_of[leaf.level as usize]?;
        self.arrays[usize::from(array)].used(page >> tables.shift(leaf.level as usize), way);
        Some(leaf)
    }

    /// Takes down an entry that is not known yet, if there is an array for pages of that size.
    #[inline(always)]
    pub fn fill(&mut self, tables: &mut Tables, leaf: Leaf, page: u64, global: bool) {
        let Some(array) = self.array_of[leaf.level as usize] else { return };
        let number = page >> tables.shift(leaf.level as usize);
        let victim = self.arrays[usize::from(array)].fill(tables.entries(), self.slot, number, leaf.place);
        if !self.globals.is_empty() && victim != NONE {
            self.forget_global(tables, victim);
        }
        if global {
            self.globals.insert((leaf.level as u8, number), leaf.place);
        }
    }

    #[cold]
    fn forget_global(&mut self, tables: &Tables, place: Place) {
        let level = tables.level(place);
        let key = (level as u8, tables.owner(place).1 >> tables.shift(level));
        if self.globals.get(&key) == Some(&place) {
            self.globals.remove(&key);
        }
    }

    /// Forgets an entry.
    #[inline]
    pub fn forget(&mut self, tables: &mut Tables, leaf: Leaf, page: u64) -> bool {
        let Some(array) = self.array_of[leaf.level as usize] else { return false };
        let number = page >> tables.shift(leaf.level as usize);
        let found = self.arrays[usize::from(array)].drop_place(tables, self.slot, number, leaf.place);
        if self.globals.is_empty() {
            return found;
        }
        found | self.forget_global_page(tables, leaf.level as u8, number)
    }

    /// Forgets the global entry for a page of `level`, whose ever it is.
    fn forget_global_page(&mut self, tables: &mut Tables, level: u8, number: u64) -> bool {
        let Some(place) = self.globals.remove(&(level, number)) else { return false };
        let Some(array) = self.array_of[usize::from(level)] else { return false };
        self.arrays[usize::from(array)].drop_place(tables, self.slot, number, place)
    }

    /// Forgets all that is known for a page: its own entry, and global ones.
    pub fn forget_page(&mut self, tables: &mut Tables, own: Option<Leaf>, page: u64) -> u64 {
        let mut dropped = own.map_or(0, |leaf| u64::from(self.forget(tables, leaf, page)));
        for level in self.levels.clone() {
            let number = page >> tables.shift(usize::from(level));
            dropped += u64::from(self.forget_global_page(tables, level, number));
        }
        dropped
    }

    /// Forgets all entries that are `doomed`.
    pub fn forget_if(&mut self, tables: &mut Tables, doomed: impl Fn(&Tables, Place) -> bool) -> u64 {
        let mut dropped = 0;
        for number in 0..self.arrays.len() {
            let places: Vec<Place> = self.arrays[number].held().filter(|it| doomed(tables, *it)).collect();
            dropped += places.len() as u64;
            for place in places {
                let level = tables.level(place);
                let page = tables.owner(place).1;
                self.forget(tables, Leaf { place, level: level as u32 }, page);
            }
        }
        dropped
    }

    /// How many entries are held.
    pub fn len(&self) -> usize {
        self.arrays.iter().map(|it| it.held().count()).sum()
    }
}
