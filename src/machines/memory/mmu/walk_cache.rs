//! The walk cache: for each upper level the tables its entries lead to, so that a walk need not begin at the root.
use serde::{Deserialize, Serialize};

use super::geometry::{Geometry, MAX_LEVELS};
use super::table::{Near, Place, TableId, Tables};
use super::tlb::Array;
use super::ways::Shape;
use crate::sim::Invalid;

/// The shape of the cache of each upper level, the root's first; `None`: that level has none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WalkCacheConfig(pub Vec<Option<Shape>>);

impl WalkCacheConfig {
    /// Whether it can be built for that geometry.
    pub fn check(&self, geometry: &Geometry) -> Result<(), Invalid> {
        if self.0.len() >= geometry.levels().max(1) && !self.0.is_empty() {
            let allowed = "one cache for each level above the last, the root's first";
            return Err(Invalid::new("walk_cache", self.0.len(), allowed));
        }
        self.0.iter().flatten().try_for_each(|it| it.check().map_err(|it| it.within("walk_cache")))
    }
}

/// The walk caches of a machine. As in a TLB, what is held is known by the place of the upper entry.
#[derive(Clone, Debug)]
pub struct WalkCache {
    levels: Vec<Option<Array>>,
    hits: [u64; MAX_LEVELS],
}

/// Which of an upper entry's ways tells where it is held.
const SLOT: usize = 0;

impl WalkCache {
    /// An empty one.
    pub fn new(config: &WalkCacheConfig, seed: u64) -> Self {
        let array = |(shape, level): (&Option<Shape>, u32)| shape.map(|it| Array::new(it, seed, 64 + level));
        Self { levels: config.0.iter().zip(0..).map(array).collect(), hits: [0; MAX_LEVELS] }
    }

    /// Whether there is any.
    pub fn exists(&self) -> bool {
        self.levels.iter().any(Option::is_some)
    }

    /// The table nearest to the leaf that is known for a page, with its level; `deepest` is the last table on the
    /// way to it. Looks from below, and only the entry it finds counts as used.
    #[inline]
    pub fn get(&mut self, tables: &Tables, deepest: TableId, page: u64) -> Option<(usize, TableId)> {
        let mut table = deepest;
        for level in (0..tables.table_level(deepest)).rev() {
            let place = tables.parent(table);
            let way = tables.get(place).ways[SLOT];
            if let (true, Some(Some(array))) = (way != 0, self.levels.get_mut(level)) {
                array.used(page >> tables.shift(level), way);
                self.hits[level] += 1;
                return Some((level + 1, table));
            }
            table = tables.table_of(place);
        }
        None
    }

    /// How many of the entries above one of the last table a walk reads, all of which there are; takes them down.
    #[inline(always)]
    pub fn climb(&mut self, near: &mut Near<'_>, leaf: Place, page: u64) -> u32 {
        let mut place = leaf;
        for (read, level) in (0..self.levels.len()).rev().enumerate() {
            place = near.above(place);
            let Some(array) = &mut self.levels[level] else { continue };
            let number = page >> near.shift(level);
            let way = near.entries[place as usize].ways[SLOT];
            if way != 0 {
                array.used(number, way);
                self.hits[level] += 1;
                return read as u32;
            }
            array.fill(near.entries, SLOT, number, place);
        }
        self.levels.len() as u32
    }

    /// Takes down an upper entry. A walk begins below what was found, and reads only what was looked for in vain.
    #[inline]
    pub fn fill(&mut self, tables: &mut Tables, level: usize, page: u64, place: Place) {
        if let Some(Some(array)) = self.levels.get_mut(level) {
            let number = page >> tables.shift(level);
            array.fill(tables.entries(), SLOT, number, place);
        }
    }

    /// Forgets an upper entry.
    pub fn forget(&mut self, tables: &mut Tables, place: Place) {
        let (level, page) = (tables.level(place), tables.owner(place).1);
        if let Some(Some(array)) = self.levels.get_mut(level) {
            array.drop_place(tables, SLOT, page >> tables.shift(level), place);
        }
    }

    /// Forgets everything of one space, or of all.
    pub fn forget_space(&mut self, tables: &mut Tables, space: Option<u32>) {
        for number in 0..self.levels.len() {
            let Some(array) = &self.levels[number] else { continue };
            let doomed = |place: &Place| space.is_none_or(|it| tables.owner(*place).0 == it);
            let places: Vec<Place> = array.held().filter(doomed).collect();
            places.into_iter().for_each(|it| self.forget(tables, it));
        }
    }

    /// How often each level was what was found.
    pub fn hits(&self) -> &[u64] {
        &self.hits[..self.levels.len()]
    }
}
