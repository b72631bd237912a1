//! One set of frames under one policy, asked page by page.
use super::adaptive::Arc;
use super::clock::{Clock, Sieve};
use super::frequency::Lfu;
use super::index::Index;
use super::kind::{Kind, NEEDS_THE_FUTURE, Options};
use super::lru::Lru;
use super::plain::{Fifo, Mru, Random};
use super::scan::{S3Fifo, TwoQ};
use crate::sim::Invalid;

/// What an access met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access<P> {
    /// The page had a frame.
    Hit,
    /// It got a free frame.
    Filled,
    /// It got the frame of another page.
    Evicted(P),
}

/// What references in a row met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// References whose page had a frame.
    pub hits: u64,
    /// References whose page had none.
    pub faults: u64,
    /// Faults that took the frame of another page.
    pub evictions: u64,
    /// Evictions of pages that had been written to.
    pub write_backs: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        self.hits += more.hits;
        self.faults += more.faults;
        self.evictions += more.evictions;
        self.write_backs += more.write_backs;
    }
}

/// What a second access to a page does, right behind one to the same page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Nothing.
    Idle,
    /// Nothing, if the first was a hit.
    IdleAfterHit,
    /// It counts.
    Counts,
}

/// A set of frames.
pub trait Replacement {
    /// How pages are numbered.
    type Page: Copy + Eq;

    /// What a repeated access does; [`Repeat::Counts`] is always true.
    const REPEAT: Repeat;

    /// A page is used. Afterwards it has a frame.
    fn access(&mut self, page: Self::Page) -> Access<Self::Page>;

    /// Pages are used in a row: what they met. Their numbers are made of what is in the string.
    fn access_all(&mut self, pages: &[u64], number: impl Fn(u64) -> Self::Page) -> Counts
    where
        Self: Sized,
    {
        one_by_one(self, pages, number)
    }

    /// A page gives its frame back, if it has one, and is forgotten: whether it had.
    fn remove(&mut self, page: Self::Page) -> bool;

    /// Whether a page has a frame.
    fn contains(&self, page: Self::Page) -> bool;

    /// How many pages have one.
    fn resident(&self) -> usize;
}

/// As [`Replacement::access_all`] does it where nothing is gained by looking ahead.
pub(super) fn one_by_one<M: Replacement>(
    machine: &mut M,
    pages: &[u64],
    number: impl Fn(u64) -> M::Page,
) -> Counts {
    let mut counts = Counts::default();
    let (mut before, mut repeats) = (None, false);
    for page in pages.iter().map(|page| number(*page)) {
        if M::REPEAT != Repeat::Counts && before == Some(page) && repeats {
            counts.hits += 1;
            continue;
        }
        let access = machine.access(page);
        let hit = matches!(access, Access::Hit);
        counts.hits += u64::from(hit);
        counts.evictions += u64::from(matches!(access, Access::Evicted(_)));
        before = Some(page);
        repeats = M::REPEAT == Repeat::Idle || hit;
    }
    counts.faults = pages.len() as u64 - counts.hits;
    counts
}

/// A set of frames under any of the policies that do not need to know the future.
///
/// ```
/// use distlab::machines::memory::paging::{Access, Direct, Kind, Options, Policy, Replacement};
/// let mut frames = Policy::<Direct>::new(Kind::Lru, 2, &Options::default()).unwrap();
/// let met = [0, 2, 1].map(|page| frames.access(page)); // notes, Figure 2.42
/// assert_eq!(met, [Access::Filled, Access::Filled, Access::Evicted(0)]);
/// ```
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the variants are those of `Kind`")]
pub enum Policy<I: Index> {
    Fifo(Fifo<I>),
    Lru(Lru<I::Places>),
    Mru(Mru<I>),
    Clock(Clock<I>),
    Lfu(Lfu<I>),
    Random(Random<I>),
    Arc(Arc<I>),
    TwoQ(TwoQ<I>),
    S3Fifo(S3Fifo<I>),
    Sieve(Sieve<I>),
}

impl<I: Index> Policy<I> {
    /// `frames` free frames.
    pub fn new(kind: Kind, frames: usize, options: &Options) -> Result<Self, Invalid> {
        options.check()?;
        if frames == 0 {
            return Err(Invalid::new("frames", frames, "at least 1 frame"));
        }
        Ok(match kind {
            Kind::Fifo => Self::Fifo(Fifo::new(frames)),
            Kind::Lru => Self::Lru(Lru::new(frames)),
            Kind::Mru => Self::Mru(Mru::new(frames)),
            Kind::Clock => Self::Clock(Clock::new(frames, options.insert_referenced)),
            Kind::Lfu => Self::Lfu(Lfu::new(frames)),
            Kind::Random => Self::Random(Random::new(frames, options.seed)),
            Kind::Arc => Self::Arc(Arc::new(frames)),
            Kind::TwoQ => Self::TwoQ(TwoQ::new(frames, options)),
            Kind::S3Fifo => Self::S3Fifo(S3Fifo::new(frames, options)),
            Kind::Sieve => Self::Sieve(Sieve::new(frames)),
            Kind::Opt => return Err(Invalid::new("policy", kind.name(), NEEDS_THE_FUTURE)),
        })
    }
}

/// Runs `$body` with the machine of whichever policy it is: a loop in it is compiled for each.
macro_rules! with_machine {
    ($policy:expr, $machine:ident => $body:expr) => {
        match $policy {
            $crate::machines::memory::paging::Policy::Fifo($machine) => $body,
            $crate::machines::memory::paging::Policy::Lru($machine) => $body,
            $crate::machines::memory::paging::Policy::Mru($machine) => $body,
            $crate::machines::memory::paging::Policy::Clock($machine) => $body,
            $crate::machines::memory::paging::Policy::Lfu($machine) => $body,
            $crate::machines::memory::paging::Policy::Random($machine) => $body,
            $crate::machines::memory::paging::Policy::Arc($machine) => $body,
            $crate::machines::memory::paging::Policy::TwoQ($machine) => $body,
            $crate::machines::memory::paging::Policy::S3Fifo($machine) => $body,
            $crate::machines::memory::paging::Policy::Sieve($machine) => $body,
        }
    };
}
pub(super) use with_machine;

impl<I: Index> Replacement for Policy<I> {
    type Page = I::Page;
    const REPEAT: Repeat = Repeat::Counts;

    #[inline]
    fn access(&mut self, page: I::Page) -> Access<I::Page> {
        with_machine!(self, machine => machine.access(page))
    }

    fn remove(&mut self, page: I::Page) -> bool {
        with_machine!(self, machine => machine.remove(page))
    }

    fn contains(&self, page: I::Page) -> bool {
        with_machine!(self, machine => machine.contains(page))
    }

    fn resident(&self) -> usize {
        with_machine!(self, machine => machine.resident())
    }
}
