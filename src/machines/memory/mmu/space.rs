//! Address spaces: a root table, and the regions that say what may be touched.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::entry::flag;
use super::pages::Backing;
use super::table::TableId;

/// Which address space: the number of its process.
pub type SpaceId = u32;

/// What may be done with the pages of a region, and what is in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// The first page after it.
    pub end: u64,
    /// Bits of [`flag`] for its entries.
    pub flags: u16,
    /// Where its pages come from.
    pub backing: Backing,
    /// The level of its entries: not the last if its pages are huge.
    pub level: u8,
}

/// What pages may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // the bits, by their names
pub struct Rights {
    pub writable: bool,
    pub user: bool,
    pub executable: bool,
}

impl Rights {
    /// As bits of an entry.
    pub fn flags(self) -> u16 {
        let of = |given, flag| if given { flag } else { 0 };
        of(self.writable, flag::WRITABLE) | of(self.user, flag::USER) | of(self.executable, flag::EXECUTABLE)
    }

    /// All bits that rights decide about.
    pub const FLAGS: u16 = flag::WRITABLE | flag::USER | flag::EXECUTABLE;
}

/// An address space.
#[derive(Clone, Debug)]
pub struct Space {
    /// The table a walk begins at.
    pub root: TableId,
    /// By first page.
    pub regions: BTreeMap<u64, Region>,
    /// False once the process has ended.
    pub alive: bool,
}

impl Space {
    /// The region a page lies in.
    pub fn region(&self, page: u64) -> Option<&Region> {
        self.regions.range(..=page).next_back().map(|(_, it)| it).filter(|it| page < it.end)
    }

    /// Whether any part of `first..end` belongs to a region.
    pub fn overlaps(&self, first: u64, end: u64) -> bool {
        self.regions.range(..end).next_back().is_some_and(|(_, it)| it.end > first)
    }

    /// Cuts regions at `page`, so that none has it in its middle.
    pub fn cut(&mut self, page: u64) {
        if let Some((_, region)) = self.regions.range_mut(..page).next_back()
            && region.end > page
        {
            let rest = *region;
            region.end = page;
            self.regions.insert(page, rest);
        }
    }

    /// The first pages of the regions within `first..end`, which were cut at both.
    pub fn within(&self, first: u64, end: u64) -> Vec<u64> {
        self.regions.range(first..end).map(|(it, _)| *it).collect()
    }
}
