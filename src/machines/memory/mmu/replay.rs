//! Many accesses in a row: the same as one after the other, only faster.
//!
//! An access to one of the few pages that were used last, with nothing in between that could have taken it out of
//! the first TLB, is a hit that changes nothing but the order of use, in the TLB and for the replacement policy.
//! Only counters move then, and the order is made up for before anything else asks for it: using each of these
//! pages once, in the order in which they were used last, leaves the same order as all the uses.
use super::access::{Done, Kind, Missed, Nobody, Outcome, Request};
use super::entry::NONE;
use super::error::{Denial, Error};
use super::machine::{Machine, Repeats};
use super::pages::PageId;
use super::space::SpaceId;
use super::table::Leaf;
use crate::sim::Invalid;

/// A page number that no address has.
const NOWHERE: u64 = u64::MAX;

/// Accesses, column by column.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// Virtual addresses.
    pub addresses: &'a [u64],
    /// 0 reads, 1 writes, 2 fetches; `None`: all read.
    pub kinds: Option<&'a [u8]>,
    /// Whose they are; `None`: of the process that runs.
    pub processes: Option<&'a [u32]>,
    /// Whether they are by the system itself.
    pub supervisor: bool,
    /// Whether to go on after an access that was refused.
    pub lenient: bool,
}

/// Where to write what came of each access.
#[derive(Debug, Default)]
pub struct Results<'a> {
    /// [`Outcome`]s.
    pub outcomes: Option<&'a mut [u8]>,
    /// What each took, in nanoseconds.
    pub latencies: Option<&'a mut [f64]>,
}

/// A replay that did not come to its end.
#[derive(Clone, Debug, PartialEq)]
pub struct Stopped {
    /// At which access. It was carried out if it was refused, and not at all otherwise.
    pub at: usize,
    /// Why.
    pub why: Why,
}

/// Why a replay did not come to its end.
#[derive(Clone, Debug, PartialEq)]
pub enum Why {
    /// The access was refused.
    Denied(Denial),
    /// It could not be carried out.
    Error(Error),
}

/// Writes down what came of an access, where that is wanted.
#[inline(always)]
fn show(at: usize, outcome: Outcome, latency_ns: f64, outcomes: &mut [u8], latencies: &mut [f64]) {
    if let Some(it) = latencies.get_mut(at) {
        *it = latency_ns;
    }
    if let Some(it) = outcomes.get_mut(at) {
        *it = outcome as u8;
    }
}

/// How many pages of data, and how many of instructions, are remembered.
const RECENT: usize = 4;

/// A page that was used lately.
#[derive(Clone, Copy)]
struct Slot {
    /// Its number, if another read (or fetch), and another write, has nothing to change but the order of use.
    tags: [u64; 2],
    leaf: Leaf,
    /// The page, if it is under the replacement policy.
    id: PageId,
    /// When it was last used without being told.
    stamp: usize,
}

/// The pages that were used lately: those of data, then those of instructions.
struct Recent {
    slots: [Slot; 2 * RECENT],
    /// Which of them was used last.
    newest: usize,
    /// Whether others were used since the order of use was last right.
    pending: bool,
    /// Up to when it is right.
    settled: usize,
    /// Uses that changed nothing else, by kind.
    skipped: [u64; 3],
}

impl Recent {
    fn new() -> Self {
        let slot = Slot { tags: [NOWHERE; 2], leaf: Leaf { place: NONE, level: 0 }, id: NONE, stamp: 0 };
        Self { slots: [slot; 2 * RECENT], newest: 0, pending: false, settled: 0, skipped: [0; 3] }
    }

    /// Where a page is, if it is there.
    #[inline(always)]
    fn slot(page: u64, code: usize) -> usize {
        (page as usize & (RECENT - 1)) + (code >> 1) * RECENT
    }

    /// Forgets pages of data, or of instructions.
    fn forget(&mut self, fetch: bool) {
        let first = usize::from(fetch) * RECENT;
        self.slots[first..first + RECENT].iter_mut().for_each(|it| it.tags = [NOWHERE; 2]);
    }
}

impl Machine {
    /// Carries out all accesses of a batch.
    pub fn replay(&mut self, batch: Batch<'_>, results: Results<'_>) -> Result<(), Stopped> {
        self.check(batch)?;
        match results {
            Results { outcomes: None, latencies: None } => {
                self.each_process::<false>(batch, &mut [], &mut [])
            }
            Results { outcomes, latencies } => {
                let outcomes = outcomes.map_or(&mut [][..], |it| it);
                let latencies = latencies.map_or(&mut [][..], |it| it);
                self.each_process::<true>(batch, outcomes, latencies)
            }
        }
    }

    fn check(&self, batch: Batch<'_>) -> Result<(), Stopped> {
        let stop = |at, why| Err(Stopped { at, why: Why::Error(why) });
        let Batch { addresses, kinds, processes, .. } = batch;
        assert!(kinds.is_none_or(|it| it.len() == addresses.len()), "columns of one length");
        assert!(processes.is_none_or(|it| it.len() == addresses.len()), "columns of one length");
        if let Some(kinds) = kinds
            && kinds.iter().fold(0, |most, it| most.max(*it)) > 2
        {
            let at = kinds.iter().position(|it| *it > 2).unwrap_or(0);
            let allowed = "0 (read), 1 (write) or 2 (fetch)";
            return stop(at, Invalid::new(format!("kinds[{at}]"), kinds[at], allowed).into());
        }
        if processes.is_none() && !addresses.is_empty() && self.alive(self.current).is_err() {
            return stop(0, Error::NoProcess(self.current));
        }
        Ok(())
    }

    fn each_process<const SHOWN: bool>(
        &mut self,
        batch: Batch<'_>,
        outcomes: &mut [u8],
        latencies: &mut [f64],
    ) -> Result<(), Stopped> {
        let total = batch.addresses.len();
        let mut from = 0;
        while from < total {
            let mut to = total;
            if let Some(processes) = batch.processes {
                let space = processes[from];
                let same = processes[from..].iter().position(|it| *it != space);
                to = same.map_or(total, |it| from + it);
                self.switch(space).map_err(|error| Stopped { at: from, why: Why::Error(error) })?;
            }
            let part = Batch {
                addresses: &batch.addresses[from..to],
                kinds: batch.kinds.map(|it| &it[from..to]),
                ..batch
            };
            let outcomes = if outcomes.is_empty() { &mut [][..] } else { &mut outcomes[from..to] };
            let latencies = if latencies.is_empty() { &mut [][..] } else { &mut latencies[from..to] };
            let done = match part.kinds {
                Some(kinds) => self.stretch::<SHOWN>(part, |at| kinds[at], outcomes, latencies),
                None => self.stretch::<SHOWN>(part, |_| 0, outcomes, latencies),
            };
            done.map_err(|stopped| Stopped { at: from + stopped.at, ..stopped })?;
            from = to;
        }
        Ok(())
    }

    /// Accesses of one process.
    fn stretch<const SHOWN: bool>(
        &mut self,
        batch: Batch<'_>,
        kind: impl Fn(usize) -> u8,
        outcomes: &mut [u8],
        latencies: &mut [f64],
    ) -> Result<(), Stopped> {
        let page_bits = self.geometry.page_bits;
        let hit_ns = self.times.tlb + self.times.memory;
        let mut recent = Recent::new();
        let mut result = Ok(());
        for (at, &address) in batch.addresses.iter().enumerate() {
            let code = usize::from(kind(at)).min(2);
            let page = address >> page_bits;
            let slot = Recent::slot(page, code);
            if recent.slots[slot].tags[code & 1] == page {
                recent.skipped[code] += 1;
                recent.slots[slot].stamp = at + 1;
                recent.pending |= recent.newest != slot;
                recent.newest = slot;
                if SHOWN {
                    show(at, Outcome::TlbHit, hit_ns, outcomes, latencies);
                }
                continue;
            }
            self.settle_up(&mut recent, at);
            let kind = Kind::of(code as u8).unwrap_or(Kind::Read);
            let missed = match self.cutter.page_number(address) {
                Some(page) => {
                    let request = Request { space: self.current, page, kind, supervisor: batch.supervisor };
                    match self.access_fast(request) {
                        Ok((leaf, id)) => {
                            let idle = self.repeats != Repeats::Count;
                            self.remember(address >> page_bits, kind, (leaf, id), idle, &mut recent);
                            if SHOWN {
                                show(at, Outcome::TlbHit, hit_ns, outcomes, latencies);
                            }
                            continue;
                        }
                        Err(missed) => Some((request, missed)),
                    }
                }
                None => None,
            };
            let mut done = Done::new();
            match self.one(batch, address, kind, missed, &mut done, &mut recent) {
                Ok(()) => {
                    if SHOWN {
                        show(at, done.outcome, self.latency_ns(&done), outcomes, latencies);
                    }
                    if let (Some(denial), false) = (done.denial, batch.lenient) {
                        result = Err(Stopped { at, why: Why::Denied(denial) });
                        break;
                    }
                }
                Err(error) => {
                    result = Err(Stopped { at, why: Why::Error(error) });
                    break;
                }
            }
        }
        self.settle_up(&mut recent, batch.addresses.len());
        self.count_skipped(&recent);
        result
    }

    /// An access that the first TLB alone cannot serve; `missed` is where it stands, if its address is canonical.
    #[inline(never)]
    fn one(
        &mut self,
        batch: Batch<'_>,
        address: u64,
        kind: Kind,
        missed: Option<(Request, Missed)>,
        done: &mut Done,
        recent: &mut Recent,
    ) -> Result<(), Error> {
        match missed {
            Some((request, missed)) => self.access_slow(request, missed, done)?,
            None => self.access_address((self.current, address), kind, batch.supervisor, done)?,
        }
        // What the TLB took in may have pushed out pages that were used lately; a fault may have anywhere.
        let apart = self.itlb.is_some();
        let everywhere = done.outcome >= Outcome::MinorFault || !apart;
        if done.outcome != Outcome::TlbHit {
            for fetch in [false, true] {
                if everywhere || fetch == (kind == Kind::Fetch) {
                    recent.forget(fetch);
                }
            }
        }
        let tlb = if apart && kind == Kind::Fetch { &self.itlb } else { &self.dtlb };
        let kept = done.denial.is_none() && tlb.as_ref().is_some_and(|it| it.keeps(done.leaf.level));
        let idle = match self.repeats {
            Repeats::Idle => true,
            Repeats::IdleAfterHit => done.settled,
            Repeats::Count => false,
        };
        let page = address >> self.geometry.page_bits;
        self.remember(page, kind, (done.leaf, done.page), kept && idle, recent);
        Ok(())
    }

    /// An access by address.
    #[inline(always)]
    pub(super) fn access_address(
        &mut self,
        (space, address): (SpaceId, u64),
        kind: Kind,
        supervisor: bool,
        done: &mut Done,
    ) -> Result<(), Error> {
        let Some(page) = self.cutter.page_number(address) else {
            if !self.geometry.fits(address) {
                let allowed = "an address of the geometry's word";
                return Err(Invalid::new("address", format!("{address:#x}"), allowed).into());
            }
            self.deny_address(kind, done);
            return Ok(());
        };
        self.access(Request { space, page, kind, supervisor }, done, &mut Nobody)
    }

    /// An access to a page was carried out, and another one like it would change nothing (`idle`), or might.
    #[inline(always)]
    fn remember(&self, page: u64, kind: Kind, (leaf, id): (Leaf, PageId), idle: bool, recent: &mut Recent) {
        let at = Recent::slot(page, kind as usize);
        let slot = &mut recent.slots[at];
        recent.newest = at;
        let tag = if idle { page } else { NOWHERE };
        // A page that was written stays dirty as long as it stays.
        let written = kind == Kind::Write || slot.tags[1] == tag;
        slot.tags = [tag, if written { tag } else { NOWHERE }];
        slot.leaf = leaf;
        slot.id = if leaf.level as usize == self.last { id } else { NONE };
        slot.stamp = 0;
    }

    /// Makes the order of use right, as it is before the access `at`.
    #[inline(always)]
    fn settle_up(&mut self, recent: &mut Recent, at: usize) {
        if std::mem::take(&mut recent.pending) {
            self.use_in_order(recent);
        }
        recent.settled = at;
    }

    #[inline(never)]
    fn use_in_order(&mut self, recent: &Recent) {
        let mut used = [(0, 0); 2 * RECENT];
        let mut count = 0;
        for (number, slot) in recent.slots.iter().enumerate() {
            if slot.stamp > recent.settled {
                used[count] = (slot.stamp, number);
                count += 1;
            }
        }
        let used = &mut used[..count];
        used.sort_unstable();
        for &(_, number) in &*used {
            let slot = recent.slots[number];
            let fetch = number >= RECENT && self.itlb.is_some();
            if let Some(tlb) = if fetch { &mut self.itlb } else { &mut self.dtlb } {
                let page = slot.tags[0] << self.geometry.page_bits;
                tlb.get(&self.tables, Some(slot.leaf), self.cutter.page_number(page).unwrap_or(0));
            }
            if slot.id != NONE {
                self.frames.touch(slot.id);
            }
        }
    }

    fn count_skipped(&mut self, recent: &Recent) {
        let [reads, writes, fetches] = recent.skipped;
        self.counters.accesses += reads + writes + fetches;
        self.counters.writes += writes;
        self.counters.fetches += fetches;
        if self.itlb.is_some() {
            self.counters.itlb_hits += fetches;
            self.counters.dtlb_hits += reads + writes;
        } else {
            self.counters.dtlb_hits += reads + writes + fetches;
        }
    }

    /// What an access took.
    pub(super) fn latency_ns(&self, done: &Done) -> f64 {
        let times = &self.times;
        let looked = done.denial != Some(Denial::NonCanonical) && self.dtlb.is_some();
        let minor = done.outcome == Outcome::MinorFault;
        let part = |counts: bool, ns: f64| if counts { ns } else { 0.0 };
        part(looked, times.tlb)
            + part(done.second, times.second_tlb)
            + part(done.walked && self.walk_cache.is_some(), times.walk_cache)
            + f64::from(done.references) * times.memory
            + part(done.denial.is_none(), times.memory)
            + part(minor, times.minor_fault)
            + done.device_ns
    }
}
