//! Nested paging: the guest's addresses and those of its tables are addresses of a host, which walks for each.
use serde::{Deserialize, Serialize};

use super::entry::NONE;
use super::entry::{Entry, flag};
use super::geometry::Geometry;
use super::sets::Sets;
use super::table::{TableId, Tables};
use super::ways::Shape;
use crate::sim::Invalid;

/// What the host is like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NestedConfig {
    /// How the host cuts up the addresses of its guest.
    pub geometry: Geometry,
    /// A cache of where pages of the guest are; `None`: every one is walked for.
    pub tlb: Option<Shape>,
}

impl NestedConfig {
    /// Whether it can be host to a guest of that geometry and memory.
    pub fn check(&self, guest: &Geometry, frames: Option<u32>) -> Result<(), Invalid> {
        self.geometry.check().map_err(|it| it.within("nested"))?;
        if self.geometry.page_bits != guest.page_bits {
            let allowed = "the page size of the guest";
            return Err(Invalid::new("nested.page_bits", self.geometry.page_bits, allowed));
        }
        if frames.is_some_and(|it| u64::from(it) > self.pages_for_frames()) {
            let allowed = "at most half of what the host can address";
            return Err(Invalid::new("frames", frames.unwrap_or(0), allowed));
        }
        self.tlb.map_or(Ok(()), |it| it.check().map_err(|it| it.within("nested.tlb")))
    }

    /// How many pages the frames of the guest may take: the lower half of what the host can address. The guest's
    /// tables have the upper half.
    pub fn pages_for_frames(&self) -> u64 {
        1 << (self.geometry.page_number_bits().min(54) - 1)
    }
}

/// The host.
#[derive(Clone, Debug)]
pub struct Nested {
    geometry: Geometry,
    tables: Tables,
    root: TableId,
    tlb: Option<Sets<u32>>,
    /// Frames of the host given out so far.
    frames: u32,
    /// How the guest's entries lie in its memory, which tables fill from the top.
    entry_bytes: u64,
    table_bytes: u64,
    most_tables: u64,
}

impl Nested {
    /// A host that has given nothing to its guest yet.
    pub fn new(config: &NestedConfig, guest: &Geometry, seed: u64) -> Self {
        let mut tables = Tables::new(&config.geometry);
        let root = tables.add(0, 0, 0, NONE);
        let page = 1 << guest.page_bits;
        let largest = (0..guest.levels()).map(|it| guest.table_bytes(it)).max().unwrap_or(page);
        let table_bytes = largest.max(page);
        Self {
            most_tables: config.pages_for_frames() / (table_bytes / page),
            geometry: config.geometry.clone(),
            tables,
            root,
            tlb: config.tlb.map(|it| Sets::new(it, seed, 128)),
            frames: 0,
            entry_bytes: u64::from(guest.entry_bytes),
            table_bytes,
        }
    }

    /// Whether the host can address so many tables of the guest.
    pub fn has_room_for(&self, tables: usize) -> bool {
        tables as u64 <= self.most_tables
    }

    /// The page of the guest's memory in which an entry of a table lies.
    fn page_of(&self, table: TableId, index: u32) -> u64 {
        let top = (1_u64 << self.geometry.page_number_bits()) - 1;
        let below = u64::from(table) * self.table_bytes + u64::from(index) * self.entry_bytes;
        top.wrapping_sub(below >> self.geometry.page_bits) & top
    }

    /// Finds where an entry of a guest's table lies; says how many entries the host read for that.
    pub fn find_entry(&mut self, table: TableId, index: u32) -> u32 {
        self.find(self.page_of(table, index)).1
    }

    /// The host's frame for a page of the guest's memory, and how many entries the host read to find it.
    pub fn find(&mut self, page: u64) -> (u32, u32) {
        if let Some(tlb) = &mut self.tlb
            && let Some(frame) = tlb.get(page, page)
        {
            return (frame, 0);
        }
        let frame = self.walk(page);
        if let Some(tlb) = &mut self.tlb {
            tlb.fill(page, page, frame);
        }
        (frame, self.geometry.levels() as u32)
    }

    /// The host's frame for a page of the guest's memory, which gets one if it has none.
    fn walk(&mut self, page: u64) -> u32 {
        let page = page & ((1 << self.geometry.page_number_bits()) - 1);
        let mut table = self.root;
        for level in 0..self.geometry.levels() {
            let place = self.tables.make(table, self.tables.index(level, page));
            let mut entry = self.tables.get(place);
            if entry.is_empty() {
                let last = level + 1 == self.geometry.levels();
                let target = if last {
                    self.frames += 1;
                    self.frames - 1
                } else {
                    self.tables.add(0, level + 1, page, place)
                };
                entry = Entry { target, flags: flag::PRESENT, ..Entry::EMPTY };
                self.tables.set(place, entry);
            }
            table = entry.target;
        }
        table
    }

    /// The host's frame for a page of the guest's memory, without counting or keeping anything.
    pub fn peek(&mut self, page: u64) -> u32 {
        self.walk(page)
    }

    /// What the tables of the host take.
    pub fn table_bytes(&self) -> u64 {
        self.tables.bytes()
    }
}
