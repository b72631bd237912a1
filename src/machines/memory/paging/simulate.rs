//! Whole strings of references at once.
use rayon::prelude::*;

use super::distances;
use super::index::{Direct, Hashed, Slots};
use super::kind::{Kind, Options};
use super::optimal::{Met, Optimal, next_uses};
use super::places::NONE;
use super::replacement::{Access, Counts, Policy, Replacement, with_machine};
use crate::sim::Invalid;

/// What became of a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Outcome {
    /// Its page had a frame.
    Hit = 0,
    /// A fault that took a free frame.
    Filled = 1,
    /// A fault that took the frame of a page that was not written to.
    Replaced = 2,
    /// A fault that took the frame of a page that had to be written back first.
    WroteBack = 3,
}

/// A string of references.
#[derive(Clone, Copy, Debug)]
pub struct References<'a> {
    /// Pages, or addresses.
    pub pages: &'a [u64],
    /// How many low bits to drop: 0 where they are pages.
    pub page_bits: u32,
    /// Which of them write; none: nothing is ever dirty.
    pub writes: Option<&'a [bool]>,
}

/// What each of them met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// Codes of [`Outcome`].
    pub outcomes: Vec<u8>,
    /// Whose frame was taken; 0 where none was, which the outcome tells.
    pub victims: Vec<u64>,
}

/// Why a simulation ended early.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A parameter makes no sense.
    #[error(transparent)]
    Parameter(#[from] Invalid),
    /// The caller wanted no more.
    #[error("interrupted")]
    Interrupted,
}

/// The most frames, or pages that are only remembered: queues number their lines by 32 bits.
const MOST_FRAMES: u64 = 1 << 27;

/// Page numbers below this are indices of an array, which stays in a processor's cache.
const DENSE: u64 = 1 << 16;

/// References between two looks at whether to go on.
pub(super) const CHUNK: usize = 1 << 17;

impl References<'_> {
    fn check(&self, frames: u64, options: &Options) -> Result<usize, Invalid> {
        options.check()?;
        if frames == 0 {
            return Err(Invalid::new("frames", frames, "at least 1 frame"));
        }
        if self.page_bits > 63 {
            return Err(Invalid::new("page_bits", self.page_bits, "a number of bits from 0 to 63"));
        }
        check_length(self.pages)?;
        if self.writes.is_some_and(|writes| writes.len() != self.pages.len()) {
            return Err(Invalid::new("writes", self.pages.len(), "a value for each reference"));
        }
        // More frames than references are never used.
        let frames = frames.min(self.pages.len().max(1) as u64);
        let remembered = frames as f64 * options.out_ratio.max(options.ghost_ratio).max(1.0);
        if remembered.min(self.pages.len() as f64) > MOST_FRAMES as f64 {
            return Err(Invalid::new(
                "frames",
                frames,
                "at most 2^27 frames, and pages remembered beside them",
            ));
        }
        Ok(frames as usize)
    }

    /// Whether an array of all page numbers is smaller than a table of those with a frame is likely to be.
    fn are_dense(&self) -> bool {
        let most = |chunk: &[u64]| chunk.iter().copied().fold(0, u64::max) >> self.page_bits;
        self.pages.chunks(1024).all(|chunk| most(chunk) < DENSE)
    }

    /// What LRU meets with so many frames, by its misses for all numbers of frames.
    fn of_lru(&self, misses: &[u64], frames: usize) -> Counts {
        let filled = frames.min(misses.len());
        let faults = filled.checked_sub(1).map_or(0, |at| misses[at]);
        let hits = self.pages.len() as u64 - faults;
        Counts { hits, faults, evictions: faults - filled as u64, write_backs: 0 }
    }

    #[inline]
    fn page(&self, at: usize) -> u64 {
        self.pages[at] >> self.page_bits
    }
}

/// Complains of more references than are counted by 32 bits.
pub fn check_length(pages: &[u64]) -> Result<(), Invalid> {
    if pages.len() >= NONE as usize {
        return Err(Invalid::new("refs", pages.len(), "fewer than 2^32 - 1 references"));
    }
    Ok(())
}

/// Replays references through `frames` free frames. `go_on` is asked now and then.
pub fn simulate(
    references: &References<'_>,
    kind: Kind,
    frames: u64,
    options: &Options,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Counts, Error> {
    let frames = references.check(frames, options)?;
    if references.writes.is_some() {
        return detailed(references, kind, frames as u64, options, go_on, None);
    }
    if kind == Kind::Opt {
        let next = next_uses(references.pages, references.page_bits, go_on)?;
        return optimal(&next, frames, go_on);
    }
    if references.are_dense() {
        let mut policy = Policy::<Direct>::new(kind, frames, options)?;
        return with_machine!(&mut policy, machine => count(references, machine, |page| page as u32, go_on));
    }
    let mut policy = Policy::<Hashed>::new(kind, frames, options)?;
    with_machine!(&mut policy, machine => count(references, machine, |page| page, go_on))
}

fn count<M: Replacement>(
    references: &References<'_>,
    machine: &mut M,
    number: impl Fn(u64) -> M::Page,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Counts, Error> {
    let mut counts = Counts::default();
    for chunk in references.pages.chunks(CHUNK) {
        counts += machine.access_all(chunk, |page| number(page >> references.page_bits));
        if !go_on() {
            return Err(Error::Interrupted);
        }
    }
    Ok(counts)
}

fn optimal(next: &[u32], frames: usize, go_on: &mut dyn FnMut() -> bool) -> Result<Counts, Error> {
    let mut machine = Optimal::new(next, frames);
    let mut counts = Counts::default();
    for start in (0..next.len()).step_by(CHUNK) {
        for at in start..next.len().min(start + CHUNK) {
            let met = machine.access(at);
            counts.hits += u64::from(met == Met::Hit);
            counts.evictions += u64::from(matches!(met, Met::Evicted(_)));
        }
        if !go_on() {
            return Err(Error::Interrupted);
        }
    }
    counts.faults = next.len() as u64 - counts.hits;
    Ok(counts)
}

/// The same with what each reference met, and with pages that are written to.
pub fn detailed(
    references: &References<'_>,
    kind: Kind,
    frames: u64,
    options: &Options,
    go_on: &mut dyn FnMut() -> bool,
    details: Option<&mut Details>,
) -> Result<Counts, Error> {
    let frames = references.check(frames, options)?;
    let mut record = Record::new(references, details);
    if kind == Kind::Opt {
        let next = next_uses(references.pages, references.page_bits, go_on)?;
        return record.run_optimal(&next, frames, go_on);
    }
    if references.are_dense() {
        let mut policy = Policy::<Direct>::new(kind, frames, options)?;
        return with_machine!(&mut policy, machine => record.run(go_on, |_, page| match machine.access(page as u32) {
            Access::Hit => Access::Hit,
            Access::Filled => Access::Filled,
            Access::Evicted(victim) => Access::Evicted(victim.into()),
        }));
    }
    let mut policy = Policy::<Hashed>::new(kind, frames, options)?;
    with_machine!(&mut policy, machine => record.run(go_on, |_, page| machine.access(page)))
}

/// What each reference met, as it is found out.
struct Record<'a> {
    references: &'a References<'a>,
    details: Option<&'a mut Details>,
    /// The pages with a frame that were written to since they came.
    dirty: Slots<Hashed>,
    counts: Counts,
}

impl<'a> Record<'a> {
    fn new(references: &'a References<'a>, mut details: Option<&'a mut Details>) -> Self {
        if let Some(details) = &mut details {
            details.outcomes.reserve(references.pages.len());
            details.victims.reserve(references.pages.len());
        }
        Self { references, details, dirty: Slots::new(), counts: Counts::default() }
    }

    fn run(
        &mut self,
        go_on: &mut dyn FnMut() -> bool,
        mut access: impl FnMut(usize, u64) -> Access<u64>,
    ) -> Result<Counts, Error> {
        let length = self.references.pages.len();
        for start in (0..length).step_by(CHUNK) {
            let chunk = start..length.min(start + CHUNK);
            match self.references.writes {
                None => chunk.for_each(|at| self.meet(access(at, self.references.page(at)))),
                Some(writes) => chunk.for_each(|at| {
                    let page = self.references.page(at);
                    self.meet_written(page, writes[at], access(at, page));
                }),
            }
            if !go_on() {
                return Err(Error::Interrupted);
            }
        }
        Ok(self.counts)
    }

    /// Where nothing is ever written.
    #[inline]
    fn meet(&mut self, access: Access<u64>) {
        match access {
            Access::Hit => self.note(Outcome::Hit, 0),
            Access::Filled => self.note(Outcome::Filled, 0),
            Access::Evicted(victim) => self.note(Outcome::Replaced, victim),
        }
    }

    #[inline]
    fn meet_written(&mut self, page: u64, writes: bool, access: Access<u64>) {
        let dirty = match access {
            Access::Evicted(victim) => self.dirty.find(victim),
            _ => None,
        };
        match dirty {
            Some(slot) => {
                let victim = self.dirty.release(slot);
                self.note(Outcome::WroteBack, victim);
            }
            None => self.meet(access),
        }
        if writes && self.dirty.find(page).is_none() {
            self.dirty.take(page);
        }
    }

    fn run_optimal(
        &mut self,
        next: &[u32],
        frames: usize,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Counts, Error> {
        let mut machine = Optimal::new(next, frames);
        let references = self.references;
        self.run(go_on, |at, _| match machine.access(at) {
            Met::Hit => Access::Hit,
            Met::Filled => Access::Filled,
            Met::Evicted(place) => Access::Evicted(references.page(place as usize)),
        })
    }

    #[inline]
    fn note(&mut self, outcome: Outcome, victim: u64) {
        let counts = &mut self.counts;
        counts.hits += u64::from(outcome == Outcome::Hit);
        counts.faults += u64::from(outcome != Outcome::Hit);
        counts.evictions += u64::from(matches!(outcome, Outcome::Replaced | Outcome::WroteBack));
        counts.write_backs += u64::from(outcome == Outcome::WroteBack);
        if let Some(details) = &mut self.details {
            details.outcomes.push(outcome as u8);
            details.victims.push(victim);
        }
    }
}

/// What every policy meets with every number of frames, policy by policy. All threads of the pool work on it; where
/// nothing is written LRU needs one pass for all numbers of frames, and the future is worked out once.
pub fn compare(
    references: &References<'_>,
    kinds: &[Kind],
    frames: &[u64],
    options: &Options,
    go_on: &(dyn Fn() -> bool + Sync),
) -> Result<Vec<Counts>, Error> {
    let sizes =
        frames.iter().map(|count| references.check(*count, options)).collect::<Result<Vec<_>, _>>()?;
    let next = match kinds.contains(&Kind::Opt) {
        true => Some(next_uses(references.pages, references.page_bits, &mut || go_on())?),
        false => None,
    };
    let lru = match kinds.contains(&Kind::Lru) && references.writes.is_none() && frames.len() > 1 {
        true => Some(distances::histogram(references.pages, references.page_bits, &mut || go_on())?),
        false => None,
    };
    let lru = lru.map(|histogram| distances::misses(&histogram));
    let cells: Vec<(Kind, usize)> =
        kinds.iter().flat_map(|kind| sizes.iter().map(move |size| (*kind, *size))).collect();
    let met = |(kind, size): &(Kind, usize)| match (kind, &next, &lru) {
        (Kind::Lru, _, Some(misses)) => Ok(references.of_lru(misses, *size)),
        (Kind::Opt, Some(next), _) if references.writes.is_none() => optimal(next, *size, &mut || go_on()),
        (Kind::Opt, Some(next), _) => Record::new(references, None).run_optimal(next, *size, &mut || go_on()),
        _ => simulate(references, *kind, *size as u64, options, &mut || go_on()),
    };
    cells.par_iter().map(met).collect()
}

/// How many different pages there are.
pub fn distinct(pages: &[u64], page_bits: u32, go_on: &mut dyn FnMut() -> bool) -> Result<u64, Error> {
    let mut seen = Slots::<Hashed>::new();
    let mut before = None;
    for chunk in pages.chunks(CHUNK) {
        for page in chunk.iter().map(|page| page >> page_bits) {
            if before != Some(page) && seen.find(page).is_none() {
                seen.take(page);
            }
            before = Some(page);
        }
        if !go_on() {
            return Err(Error::Interrupted);
        }
    }
    Ok(seen.width() as u64)
}
