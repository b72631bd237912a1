//! What the operating system does with address spaces: make and end them, map and unmap, protect, share, fork.
use super::access::{Kind, Nobody, Request, denied};
use super::entry::{Entry, NONE, Shown, flag};
use super::error::{Denial, Error};
use super::machine::{MOST_SPACES, Machine};
use super::pages::{Backing, PageId};
use super::space::{Region, Rights, Space, SpaceId};
use super::table::{Leaf, Place, TableId, Tables};
use crate::sim::Invalid;

/// Pages from one on, before another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first page.
    pub first: u64,
    /// The page after the last.
    pub end: u64,
}

/// How pages are mapped.
#[derive(Clone, Copy, Debug)]
pub struct Mapping {
    /// What they may be used for.
    pub rights: Rights,
    /// Whether the entries are good for all address spaces.
    pub global: bool,
    /// Whether they stay shared when the address space is forked.
    pub shared: bool,
    /// Where they come from.
    pub backing: Backing,
    /// The level of their entries.
    pub level: usize,
}

impl Mapping {
    fn flags(&self, last: usize) -> u16 {
        let of = |given, flag| if given { flag } else { 0 };
        let huge = of(self.level < last, flag::HUGE);
        self.rights.flags() | of(self.global, flag::GLOBAL) | of(self.shared, flag::SHARED) | huge
    }
}

/// How many pages one call brings in or shares at most: a slip of the pen must not take all memory.
const MOST_AT_ONCE: u64 = 1 << 24;

fn at_once(range: Range, level: usize, machine: &Machine) -> Result<(), Error> {
    let pages = (range.end - range.first) >> machine.tables.shift(level);
    if pages > MOST_AT_ONCE {
        return Err(Invalid::new("length", format!("{pages} pages"), "at most 2^24 pages at once").into());
    }
    Ok(())
}

impl Machine {
    /// A process that may have accesses.
    pub(super) fn alive(&self, space: SpaceId) -> Result<&Space, Error> {
        self.spaces.get(space as usize).filter(|it| it.alive).ok_or(Error::NoProcess(space))
    }

    /// A new process with an empty address space.
    pub fn add_space(&mut self) -> Result<SpaceId, Invalid> {
        let id = self.spaces.len() as u32;
        if id >= MOST_SPACES {
            return Err(Invalid::new("processes", id + 1, "at most 65,536 in all"));
        }
        let root = self.tables.add(id, 0, 0, NONE);
        self.spaces.push(Space { root, regions: Default::default(), alive: true });
        Ok(id)
    }

    /// Another process goes on.
    pub fn switch(&mut self, space: SpaceId) -> Result<(), Error> {
        self.alive(space)?;
        if space == self.current {
            return Ok(());
        }
        self.current = space;
        self.counters.context_switches += 1;
        if !self.tagged && (self.dtlb.is_some() || self.walk_cache.is_some()) {
            self.counters.flushes += 1;
            self.invalidate_all(true);
        }
        Ok(())
    }

    /// All TLBs forget everything (or everything that is not global), and so does the walk cache.
    pub fn invalidate_all(&mut self, keep_global: bool) -> u64 {
        let dropped = self.forget_if(|machine, place| !(keep_global && machine.get(place).has(flag::GLOBAL)));
        if let Some(cache) = &mut self.walk_cache {
            cache.forget_space(&mut self.tables, None);
        }
        dropped
    }

    /// All TLBs and the walk cache forget one process, but not what is global.
    pub fn invalidate_space(&mut self, space: SpaceId) -> Result<u64, Error> {
        self.alive(space)?;
        Ok(self.forget_space(space))
    }

    fn forget_space(&mut self, space: SpaceId) -> u64 {
        let dropped =
            self.forget_if(|it, place| it.owner(place).0 == space && !it.get(place).has(flag::GLOBAL));
        if let Some(cache) = &mut self.walk_cache {
            cache.forget_space(&mut self.tables, Some(space));
        }
        dropped
    }

    fn forget_if(&mut self, doomed: impl Fn(&Tables, Place) -> bool) -> u64 {
        let tlbs = [&mut self.itlb, &mut self.dtlb, &mut self.second].into_iter().flatten();
        tlbs.map(|it| it.forget_if(&mut self.tables, &doomed)).sum()
    }

    /// All TLBs and the walk cache forget a page.
    pub fn invalidate_page(&mut self, space: SpaceId, page: u64) -> Result<u64, Error> {
        let root = self.alive(space)?.root;
        let own = self.tables.find_leaf(root, page);
        let tlbs = [&mut self.itlb, &mut self.dtlb, &mut self.second].into_iter().flatten();
        let dropped = tlbs.map(|it| it.forget_page(&mut self.tables, own, page)).sum();
        if let Some(cache) = &mut self.walk_cache {
            let mut table = self.tables.deepest(root, page);
            while self.tables.parent(table) != NONE {
                let place = self.tables.parent(table);
                cache.forget(&mut self.tables, place);
                table = self.tables.table_of(place);
            }
        }
        Ok(dropped)
    }

    /// Whether anything in a range is mapped or belongs to a region.
    fn occupied(&self, space: SpaceId, range: Range) -> bool {
        let space = &self.spaces[space as usize];
        space.overlaps(range.first, range.end) || !self.leaves(space.root, range).is_empty()
    }

    fn unoccupied(&self, space: SpaceId, range: Range) -> Result<(), Error> {
        if self.occupied(space, range) {
            let address = format!("{:#x}", self.geometry.address(range.first));
            return Err(Invalid::new("address", address, "where nothing is mapped yet").into());
        }
        Ok(())
    }

    /// The places of the leaves that stand for pages of a range, in order.
    fn leaves(&self, table: TableId, range: Range) -> Vec<Place> {
        let mut found = Vec::new();
        self.collect_leaves(table, range, &mut found);
        found
    }

    fn collect_leaves(&self, table: TableId, range: Range, found: &mut Vec<Place>) {
        for place in self.tables.used(table) {
            let (_, first) = self.tables.owner(place);
            let size = 1_u64 << self.tables.shift(self.tables.level(place));
            if first >= range.end || first + size <= range.first {
                continue;
            }
            let entry = self.tables.get(place);
            if entry.page != NONE {
                found.push(place);
            } else {
                self.collect_leaves(entry.target, range, found);
            }
        }
    }

    /// Maps pages now, from `frame` on or to any frames.
    pub fn map(
        &mut self,
        space: SpaceId,
        range: Range,
        mapping: Mapping,
        frame: Option<u32>,
    ) -> Result<(), Error> {
        self.alive(space)?;
        self.aligned(range, mapping.level)?;
        at_once(range, mapping.level, self)?;
        self.unoccupied(space, range)?;
        let step = 1 << self.tables.shift(mapping.level);
        let mut frame = frame;
        for page in (range.first..range.end).step_by(step as usize) {
            self.map_one(space, page, mapping, frame)?;
            frame = frame.map(|it| it.saturating_add(step));
        }
        Ok(())
    }

    fn map_one(
        &mut self,
        space: SpaceId,
        page: u64,
        mapping: Mapping,
        frame: Option<u32>,
    ) -> Result<(), Error> {
        let level = mapping.level;
        let id = self.pages.add(mapping.backing);
        let frame = match frame {
            Some(wanted) => self.take_frame(id, level, wanted)?,
            None => self.room_for(id, level)?,
        };
        let place = self.way_to(space, page, level)?;
        self.pages.at(id).frame = frame;
        let flags = mapping.flags(self.last) | flag::PRESENT;
        self.tables.set(place, Entry { target: frame, page: id, flags, ..Entry::EMPTY });
        self.pages.attach(id, place);
        Ok(())
    }

    fn take_frame(&mut self, id: PageId, level: usize, wanted: u32) -> Result<u32, Error> {
        let count = 1_u32 << self.tables.shift(level);
        let taken = if level == self.last {
            self.frames.take(id, wanted).then_some(wanted)
        } else if wanted.is_multiple_of(count) {
            self.frames.take_huge(Some(wanted), count)
        } else {
            None
        };
        let allowed = "a free frame (for a huge page: so many, from a multiple of them on, above the limit)";
        taken.ok_or_else(|| Invalid::new("frame", wanted, allowed).into())
    }

    /// The place of a page's entry on `level`, with the tables that lead there.
    fn way_to(&mut self, space: SpaceId, page: u64, level: usize) -> Result<Place, Error> {
        let mut table = self.spaces[space as usize].root;
        for above in 0..level {
            let place = self.tables.make(table, self.tables.index(above, page));
            let entry = self.tables.get(place);
            table = if entry.is_empty() { self.lead_down(space, page, above, place) } else { entry.target };
        }
        Ok(self.tables.make(table, self.tables.index(level, page)))
    }

    /// The leaf that stands for a page.
    pub(super) fn leaf(&self, space: SpaceId, page: u64) -> Option<Place> {
        self.tables.find_leaf(self.spaces[space as usize].root, page).map(|it| it.place)
    }

    /// The entry that stands for a page, as it is shown, and its level.
    pub fn entry(&self, space: SpaceId, page: u64) -> Result<Option<(Shown, usize)>, Error> {
        self.alive(space)?;
        let leaf = self.leaf(space, page);
        Ok(leaf.map(|it| (Shown::of(self.tables.get(it), true), self.tables.level(it))))
    }

    fn aligned(&self, range: Range, level: usize) -> Result<(), Error> {
        let mask = (1_u64 << self.tables.shift(level)) - 1;
        if range.first & mask != 0 {
            let address = format!("{:#x}", self.geometry.address(range.first));
            return Err(Invalid::new("address", address, "the beginning of a (huge) page").into());
        }
        if range.end & mask != 0 || range.end <= range.first {
            let allowed = "one or more whole pages, up to the end of the address space";
            return Err(Invalid::new("length", range.end.saturating_sub(range.first), allowed).into());
        }
        Ok(())
    }

    /// Sets a region aside, whose pages come when they are touched.
    pub fn reserve(&mut self, space: SpaceId, range: Range, mapping: Mapping) -> Result<(), Error> {
        self.alive(space)?;
        self.aligned(range, mapping.level)?;
        self.unoccupied(space, range)?;
        let flags = mapping.flags(self.last);
        let level = mapping.level as u8;
        let region = Region { end: range.end, flags, backing: mapping.backing, level };
        self.spaces[space as usize].regions.insert(range.first, region);
        Ok(())
    }

    /// Where a region of `count` pages of `level` fits, from the lower quarter of the address space on.
    pub fn gap(&self, space: SpaceId, count: u64, level: usize) -> Result<u64, Error> {
        let space = self.alive(space)?;
        let total = 1_u64 << self.geometry.page_number_bits();
        let size = 1_u64 << self.tables.shift(level);
        let pages = count.checked_mul(size).filter(|it| *it <= total);
        let pages = pages.ok_or_else(|| Invalid::new("length", count, "what fits into the address space"))?;
        let mut first = (total / 4).next_multiple_of(size);
        while first + pages <= total {
            let range = Range { first, end: first + pages };
            let region = space.regions.range(..range.end).next_back().filter(|(_, it)| it.end > first);
            let leaf = self.leaves(space.root, range).last().map(|it| {
                let (_, page) = self.tables.owner(*it);
                page + (1 << self.tables.shift(self.tables.level(*it)))
            });
            match region.map(|(_, it)| it.end).max(leaf) {
                Some(end) => first = end.next_multiple_of(size),
                None => return Ok(first),
            }
        }
        Err(Invalid::new("length", count, "what fits between the regions there are").into())
    }

    /// Regions and pages of a range are no more. Tables that are left empty are given back.
    pub fn unmap(&mut self, space: SpaceId, range: Range) -> Result<(), Error> {
        self.alive(space)?;
        self.whole(space, range)?;
        let space_at = &mut self.spaces[space as usize];
        space_at.cut(range.first);
        space_at.cut(range.end);
        for first in space_at.within(range.first, range.end) {
            space_at.regions.remove(&first);
        }
        let root = space_at.root;
        self.unmap_below(root, range);
        Ok(())
    }

    /// Whether a range has something in it, and cuts no huge page.
    fn whole(&self, space: SpaceId, range: Range) -> Result<(), Error> {
        self.aligned(range, self.last)?;
        let refuse = |allowed| {
            let address = format!("{:#x}", self.geometry.address(range.first));
            Err(Invalid::new("address", address, allowed).into())
        };
        if !self.occupied(space, range) {
            return refuse("where something is mapped");
        }
        let space = &self.spaces[space as usize];
        for edge in [range.first, range.end] {
            let region = space.region(edge).map(|it| usize::from(it.level));
            let leaf = self.leaves(space.root, Range { first: edge, end: edge + 1 });
            let leaf = leaf.first().map(|it| self.tables.level(*it));
            for level in region.into_iter().chain(leaf) {
                if edge & ((1 << self.tables.shift(level)) - 1) != 0 {
                    return refuse("a range that cuts no huge page");
                }
            }
        }
        Ok(())
    }

    fn unmap_below(&mut self, table: TableId, range: Range) {
        for place in self.tables.used(table) {
            let (_, first) = self.tables.owner(place);
            let size = 1_u64 << self.tables.shift(self.tables.level(place));
            if first >= range.end || first + size <= range.first {
                continue;
            }
            let entry = self.tables.get(place);
            if entry.page != NONE {
                self.remove_leaf(place);
                continue;
            }
            self.unmap_below(entry.target, range);
            if self.tables.vacant(entry.target) {
                if let Some(cache) = &mut self.walk_cache {
                    cache.forget(&mut self.tables, place);
                }
                self.tables.release(entry.target);
                self.tables.set(place, Entry::EMPTY);
            }
        }
    }

    fn remove_leaf(&mut self, place: Place) {
        let entry = self.tables.get(place);
        let (_, first) = self.tables.owner(place);
        self.forget(Leaf { place, level: self.tables.level(place) as u32 }, first);
        if !self.pages.detach(entry.page, place) {
            let page = *self.pages.get(entry.page);
            if page.resident() {
                self.frames.give_back(entry.page, page.frame);
            } else {
                self.frames.forget(entry.page);
            }
            if page.slot != NONE {
                self.swap.give_back(page.slot);
            }
        }
        self.tables.set(place, Entry::EMPTY);
    }

    /// Changes what the pages of a range may be used for.
    pub fn protect(&mut self, space: SpaceId, range: Range, rights: Rights) -> Result<(), Error> {
        self.alive(space)?;
        self.whole(space, range)?;
        let space_at = &mut self.spaces[space as usize];
        space_at.cut(range.first);
        space_at.cut(range.end);
        for (_, region) in space_at.regions.range_mut(range.first..range.end) {
            region.flags = region.flags & !Rights::FLAGS | rights.flags();
        }
        let root = space_at.root;
        for place in self.leaves(root, range) {
            let mut entry = self.tables.get(place);
            entry.flags = entry.flags & !(Rights::FLAGS | flag::COPY_ON_WRITE) | rights.flags();
            if rights.writable && self.pages.shared(entry.page) && !entry.has(flag::SHARED) {
                entry.flags = entry.flags & !flag::WRITABLE | flag::COPY_ON_WRITE;
            }
            *self.tables.at(place) = entry;
            let (_, first) = self.tables.owner(place);
            self.forget(Leaf { place, level: self.tables.level(place) as u32 }, first);
        }
        Ok(())
    }

    /// Maps pages of one process into another one, too: both see what either writes.
    pub fn share(
        &mut self,
        from: (SpaceId, Range),
        to: (SpaceId, u64),
        rights: Option<Rights>,
    ) -> Result<(), Error> {
        let ((source, range), (target, first)) = (from, to);
        self.alive(source)?;
        self.alive(target)?;
        self.aligned(range, self.last)?;
        at_once(range, self.last, self)?;
        let end = first.checked_add(range.end - range.first);
        let end = end.filter(|it| *it <= 1 << self.geometry.page_number_bits());
        let end =
            end.ok_or_else(|| Invalid::new("at", first, "so that all pages fit into the address space"))?;
        self.unoccupied(target, Range { first, end })?;
        // Nothing is changed before everything is known to be possible.
        for page in range.first..range.end {
            self.can_share(source, page)?;
        }
        for (page, there) in (range.first..range.end).zip(first..) {
            let place = self.entry_for(source, page)?;
            self.tables.at(place).flags |= flag::SHARED;
            let entry = self.tables.get(place);
            let flags = rights.map_or(entry.flags, |it| entry.flags & !Rights::FLAGS | it.flags());
            let flags = flags & !(flag::ACCESSED | flag::DIRTY);
            let other = self.way_to(target, there, self.last)?;
            self.tables.set(other, Entry { flags, ways: [0; 3], ..entry });
            self.pages.attach(entry.page, other);
        }
        Ok(())
    }

    fn can_share(&self, space: SpaceId, page: u64) -> Result<(), Error> {
        let refuse = |allowed| {
            let address = format!("{:#x}", self.geometry.address(page));
            Err(Invalid::new("address", address, allowed).into())
        };
        match self.leaf(space, page) {
            Some(place) if self.tables.get(place).has(flag::HUGE) => refuse("pages that are not huge"),
            Some(place) if self.tables.get(place).has(flag::COPY_ON_WRITE) => {
                refuse("pages that are not lent by fork; write to them first")
            }
            Some(_) => Ok(()),
            None => match self.spaces[space as usize].region(page) {
                Some(region) if usize::from(region.level) < self.last => refuse("pages that are not huge"),
                None if self.demand.is_none() => refuse("where something is mapped"),
                _ => Ok(()),
            },
        }
    }

    /// The place of a small page's entry, which is put there, not present, if it was never touched.
    fn entry_for(&mut self, space: SpaceId, page: u64) -> Result<Place, Error> {
        if let Some(place) = self.leaf(space, page) {
            return Ok(place);
        }
        let all = flag::WRITABLE | flag::USER | flag::EXECUTABLE;
        let region = self.spaces[space as usize].region(page);
        let (flags, backing) =
            region.map_or((all, self.demand.unwrap_or(Backing::Zero)), |it| (it.flags, it.backing));
        let place = self.way_to(space, page, self.last)?;
        let id = self.pages.add(backing);
        self.tables.set(place, Entry { page: id, flags, ..Entry::EMPTY });
        self.pages.attach(id, place);
        Ok(place)
    }

    /// A copy of an address space. Pages that may be written are lent to both, until one of them writes.
    pub fn fork(&mut self, parent: SpaceId) -> Result<SpaceId, Error> {
        let regions = self.alive(parent)?.regions.clone();
        let child = self.add_space()?;
        self.spaces[child as usize].regions = regions;
        let (from, to) = (self.spaces[parent as usize].root, self.spaces[child as usize].root);
        self.lend(from, to, child);
        let lent =
            self.forget_if(|it, place| it.owner(place).0 == parent && !it.get(place).has(flag::GLOBAL));
        self.counters.shootdowns += lent;
        Ok(child)
    }

    fn lend(&mut self, from: TableId, to: TableId, child: SpaceId) {
        for place in self.tables.used(from) {
            let (_, first) = self.tables.owner(place);
            let level = self.tables.level(place);
            let other = self.tables.make(to, self.tables.index(level, first));
            let mut entry = self.tables.get(place);
            if entry.page == NONE {
                let below = self.lead_down(child, first, level, other);
                self.lend(entry.target, below, child);
                continue;
            }
            if entry.has(flag::WRITABLE) && entry.flags & (flag::SHARED | flag::GLOBAL) == 0 {
                entry.flags = entry.flags & !flag::WRITABLE | flag::COPY_ON_WRITE;
                *self.tables.at(place) = entry;
            }
            let flags = entry.flags & !(flag::ACCESSED | flag::DIRTY);
            self.tables.set(other, Entry { flags, ways: [0; 3], ..entry });
            self.pages.attach(entry.page, other);
        }
    }

    /// A process ends: its pages, tables and entries in TLBs are no more.
    pub fn exit(&mut self, space: SpaceId) -> Result<(), Error> {
        let root = self.alive(space)?.root;
        let all = Range { first: 0, end: 1 << self.geometry.page_number_bits() };
        self.unmap_below(root, all);
        self.forget_space(space);
        self.tables.release(root);
        let space = &mut self.spaces[space as usize];
        space.alive = false;
        space.regions.clear();
        Ok(())
    }

    /// A frame for a page that is mapped by hand.
    fn room_for(&mut self, id: PageId, level: usize) -> Result<u32, Error> {
        self.frame_by_hand(id, level, &mut Nobody)
    }

    /// Whether a page could be used in that way, without using it: what `translate` would be refused for.
    pub fn allowed(
        &self,
        space: SpaceId,
        page: u64,
        kind: Kind,
        supervisor: bool,
    ) -> Result<Option<Denial>, Error> {
        let at = self.alive(space)?;
        let request = Request { space, page, kind, supervisor };
        let flags = match self.leaf(space, page) {
            Some(place) => {
                let entry = self.tables.get(place);
                if entry.has(flag::COPY_ON_WRITE) { entry.flags | flag::WRITABLE } else { entry.flags }
            }
            None => match (at.region(page), self.demand) {
                (Some(region), _) => region.flags,
                (None, Some(_)) => return Ok(None),
                (None, None) => return Ok(Some(Denial::Unmapped)),
            },
        };
        Ok(denied(flags, request))
    }
}
