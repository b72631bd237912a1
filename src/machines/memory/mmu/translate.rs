//! One access with everything it did, to be looked at.
use serde::Serialize;

use super::access::{Done, Kind, Outcome, Request, Step, Victim, Watch};
use super::entry::Shown;
use super::error::{Denial, Error};
use super::machine::Machine;
use super::space::SpaceId;
use super::table::TableId;

/// A look into a TLB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct TlbLook {
    /// Which: `itlb`, `dtlb`, `tlb` (one for both), `second`.
    pub tlb: &'static str,
    /// Whether the page was known.
    pub hit: bool,
}

/// Where the walk cache led.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Shortcut {
    /// The level of the table it led to.
    pub level: usize,
    /// The table.
    pub table: TableId,
}

/// One access with everything it did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Translation {
    /// The virtual address.
    pub virtual_address: u64,
    /// The physical address; `None` if the access was refused.
    pub physical_address: Option<u64>,
    /// Of a guest: the address its own tables lead to, which the host translates further.
    pub guest_address: Option<u64>,
    /// Whose access.
    pub process: SpaceId,
    /// What it was for.
    pub kind: Kind,
    /// How it went.
    pub outcome: Outcome,
    /// Why it was refused.
    pub denial: Option<Denial>,
    /// The number of the page; `None` if the address is not canonical.
    pub page: Option<u64>,
    /// The offset in the page (in the huge page, if it is one).
    pub offset: u64,
    /// The size of the page.
    pub page_bytes: u64,
    /// The index into the table of each level, down to the level of the entry.
    pub indices: Vec<u32>,
    /// The first frame of the page.
    pub frame: Option<u32>,
    /// The entry as it is now.
    pub entry: Option<Shown>,
    /// Looks into TLBs, in order.
    pub tlbs: Vec<TlbLook>,
    /// Where the walk cache led; `None` if nowhere, or there was no walk.
    pub walk_cache: Option<Shortcut>,
    /// What the walk read.
    pub steps: Vec<Step>,
    /// How many entries it read, those of the host included.
    pub references: u32,
    /// Pages that made room.
    pub victims: Vec<Victim>,
    /// Whether the page was copied for this write (true), or no longer needed to be (false).
    pub copied: Option<bool>,
    /// What it took, in nanoseconds.
    pub time_ns: f64,
    /// What of that was waiting for devices.
    pub device_ns: f64,
}

/// Takes everything down.
#[derive(Default)]
struct Notes {
    tlbs: Vec<TlbLook>,
    walk_cache: Option<Shortcut>,
    steps: Vec<Step>,
    victims: Vec<Victim>,
    copied: Option<bool>,
}

impl Watch for Notes {
    const ON: bool = true;

    fn tlb(&mut self, tlb: &'static str, hit: bool) {
        self.tlbs.push(TlbLook { tlb, hit });
    }

    fn cached(&mut self, level: usize, table: TableId) {
        self.walk_cache = Some(Shortcut { level, table });
    }

    fn step(&mut self, step: Step) {
        self.steps.push(step);
    }

    fn victim(&mut self, victim: Victim) {
        self.victims.push(victim);
    }

    fn copied(&mut self, copied: bool) {
        self.copied = Some(copied);
    }
}

impl Machine {
    /// Carries out one access of a process, which goes on if another one ran.
    pub fn translate(
        &mut self,
        space: SpaceId,
        address: u64,
        kind: Kind,
        supervisor: bool,
    ) -> Result<Translation, Error> {
        self.alive(space)?;
        let page = self.cutter.page_number(address);
        if page.is_none() && !self.geometry.fits(address) {
            // Refused with the words of a replay.
            self.access_address((space, address), kind, supervisor, &mut Done::new())?;
        }
        self.switch(space)?;
        let mut notes = Notes::default();
        let mut done = Done::new();
        match page {
            Some(page) => self.access(Request { space, page, kind, supervisor }, &mut done, &mut notes)?,
            None => self.deny_address(kind, &mut done),
        }
        let leaf = page.and_then(|page| self.leaf(space, page));
        // A global entry may be another process's, and of a page of another size.
        let level = match done.denial {
            None => done.leaf.level as usize,
            Some(_) => leaf.map_or(self.last, |it| self.tables.level(it)),
        };
        let page_bytes = self.geometry.span_bytes(level);
        let offset = address & (page_bytes - 1);
        let physical = |frame: u32| (u64::from(frame) << self.geometry.page_bits) + offset;
        let own = done.denial.is_none().then(|| physical(done.frame));
        let guest_address = own.filter(|_| self.nested.is_some());
        let below = (1 << self.geometry.page_bits) - 1;
        let physical_address = match (&mut self.nested, own) {
            (Some(host), Some(own)) => {
                let frame = u64::from(host.peek(own >> self.geometry.page_bits));
                Some((frame << self.geometry.page_bits) + (own & below))
            }
            _ => own,
        };
        let indices =
            page.map_or_else(Vec::new, |page| (0..=level).map(|it| self.geometry.index(it, page)).collect());
        Ok(Translation {
            virtual_address: address,
            physical_address,
            guest_address,
            process: space,
            kind,
            outcome: done.outcome,
            denial: done.denial,
            page,
            offset,
            page_bytes,
            indices,
            frame: done.denial.is_none().then_some(done.frame),
            entry: leaf.map(|it| Shown::of(self.tables.get(it), true)),
            tlbs: notes.tlbs,
            walk_cache: notes.walk_cache,
            steps: notes.steps,
            references: done.references,
            victims: notes.victims,
            copied: notes.copied,
            time_ns: self.prices().of(&done),
            device_ns: done.device_ns,
        })
    }
}
