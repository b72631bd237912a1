//! One access: TLBs, the walk, the fault, and the memory itself.
//!
//! ```text
//! [access] -> look into the TLBs -- hit, allowed ----------------------------> memory
//!                 | miss, or a first write to what is copied on write            ^
//!                 v                                                              |
//!             [walk] from the root, or from where the walk cache leads           |
//!                 |-- nothing there --> [settle] a region, or demand ------------|
//!                 |-- not present ----> [load] a frame, perhaps by [evict]ing ---|
//!                 |-- first write ----> [copy]                                   |
//!                 '-- present, allowed ------------------------------------------'
//! ```
//! A walk that a fault interrupts goes on where it stopped: each level is read once.
use serde::Serialize;

use super::entry::{Entry, NONE, Shown, flag};
use super::error::{Denial, Error};
use super::frames::Room;
use super::machine::Machine;
use super::nested::Nested;
use super::pages::{Backing, PageId};
use super::space::SpaceId;
use super::table::{Leaf, Place, TableId};

/// What an access is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Data is read.
    Read,
    /// Data is written.
    Write,
    /// An instruction is fetched.
    Fetch,
}

impl Kind {
    /// By number: 0, 1, 2.
    pub fn of(code: u8) -> Option<Self> {
        [Self::Read, Self::Write, Self::Fetch].get(usize::from(code)).copied()
    }
}

/// How an access went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Outcome {
    /// The first TLB knew the page.
    TlbHit = 0,
    /// The second TLB knew it.
    SecondTlbHit = 1,
    /// The tables knew it.
    Walk = 2,
    /// A page fault that needed no device.
    MinorFault = 3,
    /// A page fault that waited for a device.
    MajorFault = 4,
    /// Refused by the rights of the page.
    ProtectionFault = 5,
    /// Refused because nothing is there.
    UnmappedFault = 6,
}

/// An access.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// Whose.
    pub space: SpaceId,
    /// To which page.
    pub page: u64,
    /// What for.
    pub kind: Kind,
    /// Whether by the system itself.
    pub supervisor: bool,
}

/// What came of an access. It is filled in where it lies: copies of its small parts would wait for each other.
#[derive(Debug)]
pub struct Done {
    /// How it went.
    pub outcome: Outcome,
    /// Why it was refused, if it was.
    pub denial: Option<Denial>,
    /// The first frame of the page.
    pub frame: u32,
    /// The page; [`NONE`] if the access was refused.
    pub page: PageId,
    /// Its entry.
    pub leaf: Leaf,
    /// Whether the policy has seen the page hit.
    pub settled: bool,
    /// Whether the second TLB was looked into.
    pub second: bool,
    /// Whether there was a walk.
    pub walked: bool,
    /// How many entries it read.
    pub references: u32,
    /// What devices took, in nanoseconds.
    pub device_ns: f64,
}

impl Done {
    /// Nothing has come of it yet.
    pub(super) fn new() -> Self {
        Self {
            outcome: Outcome::TlbHit,
            denial: None,
            frame: NONE,
            page: NONE,
            leaf: Leaf { place: NONE, level: 0 },
            settled: false,
            second: false,
            walked: false,
            references: 0,
            device_ns: 0.0,
        }
    }
}

/// A page that made room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Victim {
    /// Who had it mapped, and where: process and address.
    pub owners: Vec<(SpaceId, u64)>,
    /// The frame it was in.
    pub frame: u32,
    /// Whether it had to be written back.
    pub dirty: bool,
    /// Where on the swap device it is now.
    pub swap_slot: Option<u32>,
}

/// What a walk read on one level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Which level, the root's is 0.
    pub level: u8,
    /// Which table.
    pub table: TableId,
    /// The index into it.
    pub index: u32,
    /// The entry as it was read.
    pub entry: Shown,
    /// How many entries of the host's tables were read to find it.
    pub host_references: u32,
}

/// Who looks on at an access; for a replay nobody does.
pub trait Watch {
    /// Whether anybody does.
    const ON: bool;
    /// A TLB was looked into.
    fn tlb(&mut self, _name: &'static str, _hit: bool) {}
    /// The walk cache led to that table of that level.
    fn cached(&mut self, _level: usize, _table: TableId) {}
    /// An entry was read.
    fn step(&mut self, _step: Step) {}
    /// A page made room.
    fn victim(&mut self, _victim: Victim) {}
    /// A page was copied (or, if false, needed no copy any more).
    fn copied(&mut self, _copied: bool) {}
}

/// Nobody.
pub struct Nobody;

impl Watch for Nobody {
    const ON: bool = false;
}

/// Where a walk is.
#[derive(Clone, Copy)]
struct At {
    level: usize,
    table: TableId,
}

impl Machine {
    /// Carries out an access. The machine is as it should be also after an error.
    #[inline(always)]
    pub(super) fn access<W: Watch>(
        &mut self,
        request: Request,
        done: &mut Done,
        watch: &mut W,
    ) -> Result<(), Error> {
        debug_assert_eq!(request.space, self.current, "only the current process has accesses");
        let root = self.spaces[request.space as usize].root;
        let own = self.tables.leaf(request.space, root, request.page);
        let room = |host: &Nested| host.has_room_for(self.tables.most() + self.last);
        if own.is_none() && !self.nested.as_ref().is_none_or(room) {
            return Err(Error::OutOfMemory { what: "addresses of the host for page tables" });
        }
        self.count(request.kind);
        match self.look_into_first(own, request, watch) {
            Some(leaf) => self.found(leaf, own, request, Outcome::TlbHit, done, watch),
            None => self.missed(own, request, done, watch),
        }
    }

    #[inline(always)]
    fn count(&mut self, kind: Kind) {
        self.counters.accesses += 1;
        self.counters.writes += u64::from(kind == Kind::Write);
        self.counters.fetches += u64::from(kind == Kind::Fetch);
    }

    /// What the first TLB knows; `own` is the entry of the address space itself.
    #[inline(always)]
    fn look_into_first<W: Watch>(
        &mut self,
        own: Option<Leaf>,
        request: Request,
        watch: &mut W,
    ) -> Option<Leaf> {
        let fetch = request.kind == Kind::Fetch && self.itlb.is_some();
        let (first, name) = if fetch { (&mut self.itlb, "itlb") } else { (&mut self.dtlb, "dtlb") };
        let found = first.as_mut()?.get(&self.tables, own, request.page);
        let counters = &mut self.counters;
        let (hits, misses) = if fetch {
            (&mut counters.itlb_hits, &mut counters.itlb_misses)
        } else {
            (&mut counters.dtlb_hits, &mut counters.dtlb_misses)
        };
        *(if found.is_some() { hits } else { misses }) += 1;
        if W::ON {
            watch.tlb(if self.itlb.is_none() { "tlb" } else { name }, found.is_some());
        }
        found
    }

    /// The first TLB does not know the page: what the second one knows goes into the first.
    #[inline(always)]
    fn missed<W: Watch>(
        &mut self,
        own: Option<Leaf>,
        request: Request,
        done: &mut Done,
        watch: &mut W,
    ) -> Result<(), Error> {
        let Some(tlb) = &mut self.second else { return self.walk(own, request, done, watch) };
        done.second = true;
        let found = tlb.get(&self.tables, own, request.page);
        if W::ON {
            watch.tlb("second", found.is_some());
        }
        let Some(leaf) = found else {
            self.counters.second_tlb_misses += 1;
            return self.walk(own, request, done, watch);
        };
        self.counters.second_tlb_hits += 1;
        let fetch = request.kind == Kind::Fetch && self.itlb.is_some();
        if let Some(first) = if fetch { &mut self.itlb } else { &mut self.dtlb } {
            let global = self.tables.get(leaf.place).has(flag::GLOBAL);
            first.fill(&mut self.tables, leaf, request.page, global);
        }
        self.found(leaf, own, request, Outcome::SecondTlbHit, done, watch)
    }

    /// A TLB knows the page.
    #[inline(always)]
    fn found<W: Watch>(
        &mut self,
        leaf: Leaf,
        own: Option<Leaf>,
        request: Request,
        outcome: Outcome,
        done: &mut Done,
        watch: &mut W,
    ) -> Result<(), Error> {
        let entry = self.tables.get(leaf.place);
        match denied(entry.flags, request) {
            None => {
                self.use_page(request, leaf, entry);
                (done.outcome, done.leaf) = (outcome, leaf);
                (done.frame, done.page, done.settled) = (entry.target, entry.page, true);
                Ok(())
            }
            // What was only lent is forgotten, and walked for again.
            Some(Denial::ReadOnly) if entry.flags & flag::COPY_ON_WRITE != 0 => {
                self.forget(leaf, request.page);
                self.walk(own, request, done, watch)
            }
            Some(denial) => {
                self.deny(denial, done);
                Ok(())
            }
        }
    }

    /// A page that a TLB knew is used.
    #[inline(always)]
    fn use_page(&mut self, request: Request, leaf: Leaf, entry: Entry) {
        if request.kind == Kind::Write {
            self.mark_dirty(leaf.place, entry.page);
        }
        if leaf.level as usize == self.last {
            self.frames.touch(entry.page, entry.target);
        }
    }

    #[inline]
    fn mark_dirty(&mut self, place: Place, page: PageId) {
        let entry = self.tables.at(place);
        if entry.flags & flag::DIRTY == 0 {
            entry.flags |= flag::DIRTY;
            self.pages.at(page).dirty = true;
        }
    }

    #[cold]
    fn deny(&mut self, denial: Denial, done: &mut Done) {
        let unmapped = denial == Denial::Unmapped;
        self.counters.unmapped_faults += u64::from(unmapped);
        self.counters.protection_faults += u64::from(!unmapped);
        done.outcome = if unmapped { Outcome::UnmappedFault } else { Outcome::ProtectionFault };
        done.denial = Some(denial);
    }

    /// An access that is refused before anything is looked up: the address is not canonical.
    pub(super) fn deny_address(&mut self, kind: Kind, done: &mut Done) {
        self.count(kind);
        self.deny(Denial::NonCanonical, done);
    }

    /// Finds the entry in the tables, and makes it good if it is not.
    #[inline(never)]
    fn walk<W: Watch>(
        &mut self,
        own: Option<Leaf>,
        request: Request,
        done: &mut Done,
        watch: &mut W,
    ) -> Result<(), Error> {
        self.counters.walks += 1;
        done.walked = true;
        let descended = self.descend(own, request, &mut done.references, watch);
        self.counters.walk_references += u64::from(done.references);
        let (place, level) = match descended {
            Ok(it) => it,
            Err(denial) => {
                self.deny(denial, done);
                return Ok(());
            }
        };
        let entry = self.tables.get(place);
        let lent = entry.has(flag::COPY_ON_WRITE) && request.kind == Kind::Write;
        let allowed = if lent { entry.flags | flag::WRITABLE } else { entry.flags };
        if let Some(denial) = denied(allowed, request) {
            self.deny(denial, done);
            return Ok(());
        }
        done.outcome = Outcome::Walk;
        done.leaf = Leaf { place, level: level as u32 };
        done.settled = entry.has(flag::PRESENT);
        if !entry.has(flag::PRESENT) {
            self.load(place, level, done, watch)?;
        } else if level == self.last && !lent {
            self.frames.touch(entry.page, entry.target);
        }
        if lent {
            // The TLB for instructions may know the page that is left behind.
            self.forget(Leaf { place, level: level as u32 }, request.page);
            self.copy(place, level, done, watch)?;
        }
        self.finish(request, place, done);
        Ok(())
    }

    /// Notes the use in the entry, and the entry in the TLBs.
    #[inline(always)]
    fn finish(&mut self, request: Request, place: Place, done: &mut Done) {
        let entry = self.tables.at(place);
        entry.flags |= flag::ACCESSED;
        let entry = *entry;
        if request.kind == Kind::Write {
            self.mark_dirty(place, entry.page);
        }
        (done.page, done.frame) = (entry.page, entry.target);
        if let Some(nested) = &mut self.nested {
            let below = (1 << self.tables.shift(done.leaf.level as usize)) - 1;
            let (_, references) = nested.find(u64::from(entry.target) + (request.page & below));
            self.counters.walk_references += u64::from(references);
            self.counters.host_references += u64::from(references);
            done.references += references;
        }
        let leaf = done.leaf;
        let global = entry.has(flag::GLOBAL);
        if let Some(tlb) = &mut self.second {
            tlb.fill(&mut self.tables, leaf, request.page, global);
        }
        let instruction = request.kind == Kind::Fetch && self.itlb.is_some();
        let first = if instruction { &mut self.itlb } else { &mut self.dtlb };
        if let Some(tlb) = first {
            tlb.fill(&mut self.tables, leaf, request.page, global);
        }
    }

    /// From the root, or from where the walk cache leads, to the entry of the page.
    fn descend<W: Watch>(
        &mut self,
        own: Option<Leaf>,
        request: Request,
        references: &mut u32,
        watch: &mut W,
    ) -> Result<(Place, usize), Denial> {
        let Request { space, page, .. } = request;
        let mut at = At { level: 0, table: self.spaces[space as usize].root };
        if let Some(cache) = &mut self.walk_cache {
            let deepest = match own {
                Some(leaf) => self.tables.table_of(leaf.place),
                None => self.tables.deepest(at.table, page),
            };
            let found = cache.get(&self.tables, deepest, page);
            self.counters.walk_cache_hits += u64::from(found.is_some());
            self.counters.walk_cache_misses += u64::from(found.is_none());
            if let Some((level, table)) = found {
                at = At { level, table };
                if W::ON {
                    watch.cached(level, table);
                }
            }
        }
        if let (Some(leaf), true) = (own, !W::ON && self.nested.is_none()) {
            // Nobody looks on, and all that a walk would read is known.
            *references = leaf.level + 1 - at.level as u32;
            if self.walk_cache.is_some() {
                self.remember_way(leaf, at.level, page);
            }
            return Ok((leaf.place, leaf.level as usize));
        }
        loop {
            let index = self.tables.index(at.level, page);
            *references += 1 + self.host_reads(at, index, watch);
            let place = self.tables.place(at.table, index);
            let entry = place.map_or(Entry::EMPTY, |it| self.tables.get(it));
            let leaf = at.level == self.last || entry.has(flag::HUGE);
            if let (true, Some(place)) = (leaf && !entry.is_empty(), place) {
                return Ok((place, at.level));
            }
            let place = match place {
                Some(place) if !entry.is_empty() => place,
                _ => {
                    let (place, leaf) = self.settle(request, at)?;
                    if leaf {
                        return Ok((place, at.level));
                    }
                    place
                }
            };
            if let Some(cache) = &mut self.walk_cache {
                cache.fill(&mut self.tables, at.level, page, place);
            }
            at = At { level: at.level + 1, table: self.tables.get(place).target };
        }
    }

    /// The walk cache takes down the entries from `level` on that led to a leaf.
    #[inline]
    fn remember_way(&mut self, leaf: Leaf, level: usize, page: u64) {
        let Some(cache) = &mut self.walk_cache else { return };
        let mut place = leaf.place;
        for above in (level..leaf.level as usize).rev() {
            place = self.tables.parent(self.tables.table_of(place));
            cache.fill(&mut self.tables, above, page, place);
        }
    }

    /// What the host reads to find an entry; shows the entry to who looks on.
    #[inline]
    fn host_reads<W: Watch>(&mut self, at: At, index: u32, watch: &mut W) -> u32 {
        let At { level, table } = at;
        let mut references = 0;
        if let Some(nested) = &mut self.nested {
            references = nested.find_entry(table, index);
            self.counters.host_references += u64::from(references);
        }
        if W::ON {
            let entry = self.tables.place(table, index).map_or(Entry::EMPTY, |it| self.tables.get(it));
            let leaf = level == self.last || entry.has(flag::HUGE);
            let entry = Shown::of(entry, leaf);
            watch.step(Step { level: level as u8, table, index, entry, host_references: references });
        }
        references
    }

    /// There is nothing in a table yet: puts there what the region of the page, or demand, says. The entry is a
    /// leaf (true), or leads to a new table (false).
    fn settle(&mut self, request: Request, at: At) -> Result<(Place, bool), Denial> {
        let Request { space, page, .. } = request;
        let region = self.spaces[space as usize].region(page).copied();
        let (flags, backing, level) = match (region, self.demand) {
            (Some(it), _) => (it.flags, it.backing, usize::from(it.level)),
            (None, Some(backing)) => (flag::WRITABLE | flag::USER | flag::EXECUTABLE, backing, self.last),
            (None, None) => return Err(Denial::Unmapped),
        };
        if let Some(denial) = denied(flags, request) {
            return Err(denial);
        }
        let place = self.tables.make(at.table, self.tables.index(at.level, page));
        if level > at.level {
            self.lead_down(space, page, at.level, place);
            return Ok((place, false));
        }
        let huge = if level < self.last { flag::HUGE } else { 0 };
        let id = self.pages.add(backing);
        self.tables.set(place, Entry { page: id, flags: flags | huge, ..Entry::EMPTY });
        self.pages.attach(id, place);
        Ok((place, true))
    }

    /// Makes the table that an empty entry of `level` is to lead to.
    pub(super) fn lead_down(&mut self, space: SpaceId, page: u64, level: usize, place: Place) -> TableId {
        let first = page >> self.tables.shift(level) << self.tables.shift(level);
        let target = self.tables.add(space, level + 1, first, place);
        let flags = flag::PRESENT | flag::WRITABLE | flag::USER | flag::EXECUTABLE;
        self.tables.set(place, Entry { target, flags, ..Entry::EMPTY });
        target
    }

    /// A page fault: the page comes into a frame, or is already in one that others use.
    #[inline]
    fn load<W: Watch>(
        &mut self,
        place: Place,
        level: usize,
        done: &mut Done,
        watch: &mut W,
    ) -> Result<(), Error> {
        let id = self.tables.get(place).page;
        let page = *self.pages.get(id);
        let mut frame = page.frame;
        let mut major = false;
        if page.resident() {
            if level == self.last {
                self.frames.touch(id, frame);
            }
        } else {
            frame = self.frame_for(id, level, &mut done.device_ns, watch)?;
            self.pages.at(id).frame = frame;
            major = page.slot != NONE || page.backing != Backing::Zero;
        }
        let entry = self.tables.at(place);
        entry.target = frame;
        entry.flags |= flag::PRESENT;
        if major {
            done.outcome = Outcome::MajorFault;
            done.device_ns += self.times.fault.draw(&mut self.rng, &mut self.counters.fault_ns);
            self.counters.major_faults += 1;
        } else {
            done.outcome = Outcome::MinorFault;
            self.counters.minor_faults += 1;
        }
        Ok(())
    }

    /// A frame for a page that has none.
    fn frame_for<W: Watch>(
        &mut self,
        id: PageId,
        level: usize,
        device_ns: &mut f64,
        watch: &mut W,
    ) -> Result<u32, Error> {
        if level < self.last {
            let count = 1 << self.tables.shift(level);
            return self.frames.take_huge(None, count).ok_or(Error::OutOfMemory { what: "frames" });
        }
        match self.frames.room(id) {
            Room::Free(frame) => Ok(frame),
            Room::Of(victim) => self.evict(id, victim, device_ns, watch),
            Room::None => Err(Error::OutOfMemory { what: "frames" }),
        }
    }

    /// As [`frame_for`](Self::frame_for), outside of any access.
    pub(super) fn frame_by_hand<W: Watch>(
        &mut self,
        id: PageId,
        level: usize,
        watch: &mut W,
    ) -> Result<u32, Error> {
        self.frame_for(id, level, &mut 0.0, watch)
    }

    /// `victim` leaves its frame to `id`.
    #[inline(always)]
    pub(super) fn evict<W: Watch>(
        &mut self,
        id: PageId,
        victim: PageId,
        device_ns: &mut f64,
        watch: &mut W,
    ) -> Result<u32, Error> {
        let page = *self.pages.get(victim);
        let dirty = page.dirty;
        let mut slot = page.slot;
        if dirty && slot == NONE && page.backing != Backing::File {
            let Some(taken) = self.swap.take() else {
                self.frames.undo(id, victim, page.frame);
                return Err(Error::OutOfMemory { what: "slots on the swap device" });
            };
            slot = taken;
        }
        self.counters.evictions += 1;
        if dirty {
            self.counters.dirty_write_backs += 1;
            let sum = &mut self.counters.write_back_ns;
            *device_ns += self.times.write_back.draw(&mut self.rng, sum);
        } else {
            self.counters.clean_drops += 1;
        }
        let mut owners = Vec::new();
        let (mut place, mut next) = self.pages.first_place(victim);
        while place != NONE {
            self.lose(place, slot);
            if W::ON {
                let (space, first) = self.tables.owner(place);
                owners.push((space, self.geometry.address(first)));
            }
            if next == NONE {
                break;
            }
            (place, next) = self.pages.next_place(next);
        }
        let page = self.pages.at(victim);
        let frame = std::mem::replace(&mut page.frame, NONE);
        (page.slot, page.dirty) = (slot, false);
        if W::ON {
            let swap_slot = (slot != NONE).then_some(slot);
            watch.victim(Victim { owners, frame, dirty, swap_slot });
        }
        Ok(frame)
    }

    /// An entry stands for a page that is in no frame any more.
    #[inline(always)]
    fn lose(&mut self, place: Place, slot: u32) {
        let entry = self.tables.at(place);
        entry.target = slot;
        entry.flags &= !(flag::PRESENT | flag::ACCESSED | flag::DIRTY);
        if entry.ways != [0; 3] {
            let (_, first) = self.tables.owner(place);
            self.forget(Leaf { place, level: self.last as u32 }, first);
        }
    }

    /// The first write to a page that was lent: whoever writes gets a page of his own.
    fn copy<W: Watch>(
        &mut self,
        place: Place,
        level: usize,
        done: &mut Done,
        watch: &mut W,
    ) -> Result<(), Error> {
        let entry = self.tables.get(place);
        if done.outcome == Outcome::Walk {
            done.outcome = Outcome::MinorFault;
            self.counters.minor_faults += 1;
        }
        let shared = self.pages.shared(entry.page);
        if W::ON {
            watch.copied(shared);
        }
        let flags = entry.flags & !flag::COPY_ON_WRITE | flag::WRITABLE;
        if !shared {
            self.counters.reuses += 1;
            if done.settled && level == self.last {
                self.frames.touch(entry.page, entry.target);
            }
            self.tables.at(place).flags = flags;
            return Ok(());
        }
        let id = self.pages.add(Backing::Zero);
        let frame = self.frame_for(id, level, &mut done.device_ns, watch)?;
        self.counters.copies += 1;
        self.pages.detach(entry.page, place);
        self.pages.attach(id, place);
        self.pages.at(id).frame = frame;
        let flags = flags & !flag::DIRTY | flag::PRESENT;
        *self.tables.at(place) = Entry { target: frame, page: id, flags, ..Entry::EMPTY };
        done.settled = false;
        Ok(())
    }

    /// All TLBs forget an entry.
    pub(super) fn forget(&mut self, leaf: Leaf, page: u64) {
        for tlb in [&mut self.itlb, &mut self.dtlb, &mut self.second].into_iter().flatten() {
            self.counters.shootdowns += u64::from(tlb.forget(&mut self.tables, leaf, page));
        }
    }
}

/// Why an entry with these flags does not allow an access, if it does not.
#[inline]
pub(super) fn denied(flags: u16, request: Request) -> Option<Denial> {
    if !request.supervisor && flags & flag::USER == 0 {
        return Some(Denial::Supervisor);
    }
    match request.kind {
        Kind::Write if flags & flag::WRITABLE == 0 => Some(Denial::ReadOnly),
        Kind::Fetch if flags & flag::EXECUTABLE == 0 => Some(Denial::NotExecutable),
        _ => None,
    }
}
