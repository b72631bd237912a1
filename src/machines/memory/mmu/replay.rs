//! Many accesses in a row: the same as one after the other, only faster.
//!
//! An access to one of the few pages that were used last, with nothing in between that could have taken it out of
//! the first TLB, is a hit that changes nothing but the order of use, in the TLB and for the replacement policy.
//! Only counters move then, and the order is made up for before anything else asks for it: using each of these
//! pages once, in the order in which they were used last, leaves the same order as all the uses.
use super::access::{Done, Kind, Nobody, Outcome, Request};
use super::common::{Ahead, Course, Ended};
use super::entry::NONE;
use super::error::{Denial, Error};
use super::machine::Machine;
use super::recent::Recent;
use super::space::SpaceId;
use crate::sim::Invalid;

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

/// Where what came of each access is written down, if that is wanted.
pub(super) struct Shown<'a> {
    outcomes: &'a mut [u8],
    latencies: &'a mut [f64],
}

impl<'a> Shown<'a> {
    #[inline(always)]
    pub fn put(&mut self, at: usize, outcome: Outcome, latency_ns: f64) {
        if let Some(it) = self.latencies.get_mut(at) {
            *it = latency_ns;
        }
        if let Some(it) = self.outcomes.get_mut(at) {
            *it = outcome as u8;
        }
    }

    fn part(&mut self, from: usize, to: usize) -> Shown<'_> {
        let outcomes = if self.outcomes.is_empty() { &mut [][..] } else { &mut self.outcomes[from..to] };
        let latencies = if self.latencies.is_empty() { &mut [][..] } else { &mut self.latencies[from..to] };
        Shown { outcomes, latencies }
    }
}

impl Machine {
    /// Carries out all accesses of a batch.
    pub fn replay(&mut self, batch: Batch<'_>, results: Results<'_>) -> Result<(), Stopped> {
        self.check(batch)?;
        match results {
            Results { outcomes: None, latencies: None } => {
                self.each_process::<false>(batch, Shown { outcomes: &mut [], latencies: &mut [] })
            }
            Results { outcomes, latencies } => {
                let outcomes = outcomes.map_or(&mut [][..], |it| it);
                let latencies = latencies.map_or(&mut [][..], |it| it);
                self.each_process::<true>(batch, Shown { outcomes, latencies })
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
        mut shown: Shown<'_>,
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
            let shown = shown.part(from, to);
            let done = match part.kinds {
                Some(kinds) => self.stretch::<SHOWN>(part, |at| kinds[at], shown),
                None => self.stretch::<SHOWN>(part, |_| 0, shown),
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
        kind: impl Fn(usize) -> u8 + Copy,
        shown: Shown<'_>,
    ) -> Result<(), Stopped> {
        let fixed = self.fixed(batch.supervisor);
        let mut course = Course { fixed, recent: Recent::new(), ahead: Ahead::new(), shown };
        let mut uncommon = [0; 3];
        let mut from = 0;
        let mut result = Ok(());
        loop {
            let ended = self.run::<SHOWN>(batch, kind, from, &mut course);
            let (Ended::Uncommon(at) | Ended::Fault(at, _)) = ended else { break };
            let (address, code) = (batch.addresses[at], usize::from(kind(at)));
            if self.brings_near(address) {
                from = at;
                continue;
            }
            // What comes now may push out pages that were used lately.
            course.recent.forget_all();
            from = at + 1;
            if let Ended::Fault(_, place) = ended
                && let Some(number) = self.cutter.page_number(address)
                && let Some(met) = self.common_fault(number, code, place)
            {
                if SHOWN {
                    course.shown.put(
                        at,
                        met.outcome,
                        course.fixed.prices.common(met.outcome, met.references, met.device_ns),
                    );
                }
                continue;
            }
            uncommon[code] += 1;
            let mut done = Done::new();
            let kind = Kind::of(code as u8).unwrap_or(Kind::Read);
            let met = self.access_address((self.current, address), kind, batch.supervisor, &mut done);
            course.fixed.misses_are_common = self.misses_are_common();
            if SHOWN && met.is_ok() {
                course.shown.put(at, done.outcome, self.prices().of(&done));
            }
            let denial = done.denial.filter(|_| !batch.lenient).map(Why::Denied);
            if let Some(why) = met.err().map(Why::Error).or(denial) {
                result = Err(Stopped { at, why });
                break;
            }
        }
        let done = result.as_ref().map_or(from, |()| batch.addresses.len());
        self.make_up(&mut course, done);
        self.count_common(batch.kinds.map(|it| &it[..done]), done as u64, uncommon);
        result
    }

    /// Whether the entry of a small page was not near at hand, and is now.
    fn brings_near(&mut self, address: u64) -> bool {
        let Some(page) = self.cutter.page_number(address) else { return false };
        if self.tables.near_at_hand().find(self.current, page) != NONE {
            return false;
        }
        let root = self.spaces[self.current as usize].root;
        self.tables.leaf(self.current, root, page).is_some_and(|it| it.level as usize == self.last)
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

    /// Counts the common accesses: all but those that were not. What they missed is counted already.
    fn count_common(&mut self, kinds: Option<&[u8]>, done: u64, uncommon: [u64; 3]) {
        let count = |code| kinds.map_or(0, |kinds| occurrences(kinds, code));
        let (writes, fetches) = (count(1) - uncommon[1], count(2) - uncommon[2]);
        let all = done - uncommon.iter().sum::<u64>();
        let counters = &mut self.counters;
        counters.accesses += all;
        counters.writes += writes;
        counters.fetches += fetches;
        let missed = std::mem::take(&mut self.common_misses);
        let [data_misses, misses] = missed.first;
        let apart = if self.itlb.is_some() { fetches } else { 0 };
        counters.itlb_hits += apart - misses;
        counters.itlb_misses += misses;
        if self.dtlb.is_some() {
            counters.dtlb_hits += all - apart - data_misses;
            counters.dtlb_misses += data_misses;
        }
        if self.second.is_some() {
            counters.second_tlb_hits += misses + data_misses - missed.walks;
            counters.second_tlb_misses += missed.walks;
        }
        if self.walk_cache.is_some() {
            counters.walk_cache_hits += missed.walks - missed.from_root;
            counters.walk_cache_misses += missed.from_root;
        }
        counters.walks += missed.walks;
        counters.walk_references += missed.references;
    }
}

/// How often a byte occurs. Runs so short that a byte can count them are counted many bytes at a time.
fn occurrences(bytes: &[u8], byte: u8) -> u64 {
    let runs = bytes.chunks(255);
    runs.map(|run| u64::from(run.iter().fold(0_u8, |count, it| count + u8::from(*it == byte)))).sum()
}
