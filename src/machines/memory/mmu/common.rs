//! The common way of the accesses of a replay: to small pages that were touched before and may be used like this, whose
//! entries are near at hand, on a machine that is nobody's guest. What they do is what `access.rs` does, with few
//! questions asked and the parts of the machine laid out side by side; everything else goes that way.
use super::access::{Nobody, Outcome};
use super::entry::{Entry, NONE, flag};
use super::frames::{Frames, Room};
use super::geometry::Cutter;
use super::machine::{Machine, Prices, Repeats};
use super::pages::{Backing, Pages};
use super::recent::{self, Recent};
use super::replay::{Batch, Shown};
use super::space::SpaceId;
use super::table::{Near, Place};
use super::tlb::{Held, Tlb};
use super::walk_cache::WalkCache;

/// Codes of kinds of access.
const WRITE: usize = 1;
const FETCH: usize = 2;

/// Why a run of common accesses ended.
pub(super) enum Ended {
    /// There are no more.
    Done,
    /// This access is not common.
    Uncommon(usize),
    /// The page of this access has no frame; where its entry lies.
    Fault(usize, Place),
    /// From this access on another way of going on pays more.
    Other(usize),
}

/// What does not change while common accesses are carried out, and is worked out once for many runs of them.
pub(super) struct Fixed {
    pub prices: Prices,
    cutter: Cutter,
    space: SpaceId,
    last: u32,
    page_bits: u8,
    /// Whether there is a first TLB for instructions alone.
    apart: bool,
    /// Whether what the first TLB cannot serve is common, too.
    pub misses_are_common: bool,
    /// Whether another access to a page that was hit changes nothing.
    idle: bool,
    /// The bits that an entry must have, by kind of access.
    wanted: [u16; 4],
}

/// The parts of a machine that common accesses use.
struct Lane<'a> {
    near: Near<'a>,
    /// The first TLB for data (or for both), and that for instructions.
    first: [Held<'a>; 2],
    second: Held<'a>,
    walk_cache: Option<&'a mut WalkCache>,
    frames: &'a mut Frames,
    pages: &'a mut Pages,
    misses: &'a mut Misses,
    fixed: &'a Fixed,
}

impl Machine {
    /// What stays as it is as long as the same process runs.
    pub(super) fn fixed(&self, supervisor: bool) -> Fixed {
        let user = if supervisor { 0 } else { flag::USER };
        let keeps =
            self.dtlb.is_some() && [&self.dtlb, &self.itlb].into_iter().flatten().all(Tlb::keeps_small);
        Fixed {
            prices: self.prices(),
            cutter: self.cutter,
            space: self.current,
            last: self.last as u32,
            page_bits: self.geometry.page_bits,
            apart: self.itlb.is_some(),
            misses_are_common: self.misses_are_common(),
            idle: keeps && self.repeats != Repeats::Count && self.tables.neighbours() >= recent::MOST,
            wanted: [user, user | flag::WRITABLE, user | flag::EXECUTABLE, user],
        }
    }

    /// Whether what the first TLB cannot serve is common, too.
    pub(super) fn misses_are_common(&self) -> bool {
        let globals = [&self.itlb, &self.dtlb, &self.second].into_iter().flatten().any(Tlb::holds_globals);
        self.nested.is_none() && !globals
    }

    #[inline(always)]
    fn lane<'a>(&'a mut self, fixed: &'a Fixed) -> Lane<'a> {
        let Self { tables, itlb, dtlb, second, walk_cache, frames, pages, common_misses, .. } = self;
        Lane {
            near: tables.near_at_hand(),
            first: [Held::of(dtlb), Held::of(itlb)],
            second: Held::of(second),
            walk_cache: walk_cache.as_mut(),
            frames,
            pages,
            misses: common_misses,
            fixed,
        }
    }

    /// Carries out common accesses from one on; they are counted in the end, by [`count_common`](Self::count_common).
    pub(super) fn run<const SHOWN: bool>(
        &mut self,
        batch: Batch<'_>,
        kind: impl Fn(usize) -> u8 + Copy,
        from: usize,
        course: &mut Course<'_>,
    ) -> Ended {
        let mut from = from;
        loop {
            let ended = if course.recent.pays() {
                course.ahead.known_from = usize::MAX;
                self.run_remembering::<SHOWN>(batch, kind, from, course)
            } else {
                self.run_looking_ahead::<SHOWN>(batch, kind, from, course)
            };
            match ended {
                Ended::Other(at) => from = at,
                ended => return ended,
            }
        }
    }

    /// As [`run`](Self::run), where many accesses are to pages that were used just before.
    #[inline(never)]
    fn run_remembering<const SHOWN: bool>(
        &mut self,
        batch: Batch<'_>,
        kind: impl Fn(usize) -> u8 + Copy,
        from: usize,
        course: &mut Course<'_>,
    ) -> Ended {
        let Course { fixed, recent, shown, .. } = course;
        let mut lane = self.lane(fixed);
        let hit_ns = fixed.prices.common(Outcome::TlbHit, 0, 0.0);
        for (at, &address) in batch.addresses.iter().enumerate().skip(from) {
            let code = usize::from(kind(at));
            let page = address >> fixed.page_bits;
            if recent.note(page, code, at) {
                if SHOWN {
                    shown.put(at, Outcome::TlbHit, hit_ns);
                }
                continue;
            }
            if recent.settle(at) {
                lane.make_up(recent, at);
            }
            let Some(number) = fixed.cutter.page_number(address) else { return Ended::Uncommon(at) };
            let place = lane.near.find(fixed.space, number);
            match lane.step(number, code, place) {
                Step::Done { outcome, references, pushed_out, written } => {
                    if outcome != Outcome::TlbHit {
                        recent.forget(pushed_out, code >> 1, fixed.apart);
                    }
                    recent.remember(page, code, place, [fixed.idle, fixed.idle & written]);
                    if SHOWN {
                        shown.put(at, outcome, fixed.prices.common(outcome, references, 0.0));
                    }
                    if !recent.pays() {
                        return Ended::Other(at + 1);
                    }
                }
                Step::Uncommon => return Ended::Uncommon(at),
                Step::Fault => return Ended::Fault(at, place),
            }
        }
        Ended::Done
    }

    /// As [`run`](Self::run), where nearly all accesses are to other pages than those just before.
    #[inline(never)]
    fn run_looking_ahead<const SHOWN: bool>(
        &mut self,
        batch: Batch<'_>,
        kind: impl Fn(usize) -> u8 + Copy,
        from: usize,
        course: &mut Course<'_>,
    ) -> Ended {
        let Course { fixed, recent, ahead, shown } = course;
        let until = batch.addresses.len().min(from + recent.passing());
        let mut next = from;
        let ended = 'runs: loop {
            let mut lane = self.lane(fixed);
            let (at, number, code, place) = 'run: {
                for (at, &address) in batch.addresses[..until].iter().enumerate().skip(next) {
                    let code = usize::from(kind(at));
                    let found = lane.look_ahead(ahead, batch.addresses, at);
                    let Some(number) = fixed.cutter.page_number(address) else {
                        break 'runs Ended::Uncommon(at);
                    };
                    let place = if found == NONE { lane.near.find(fixed.space, number) } else { found };
                    match lane.step(number, code, place) {
                        Step::Done { outcome, references, .. } => {
                            if SHOWN {
                                shown.put(at, outcome, fixed.prices.common(outcome, references, 0.0));
                            }
                        }
                        Step::Fault => break 'run (at, number, code, place),
                        Step::Uncommon => break 'runs Ended::Uncommon(at),
                    }
                }
                break 'runs if until == batch.addresses.len() { Ended::Done } else { Ended::Other(until) };
            };
            let Some(met) = self.common_fault(number, code, place) else { break Ended::Uncommon(at) };
            if SHOWN {
                let Faulted { outcome, references, device_ns } = met;
                shown.put(at, outcome, fixed.prices.common(outcome, references, device_ns));
            }
            next = at + 1;
        };
        recent.passed(ended.at().unwrap_or(until) - from);
        ended
    }
}

impl Ended {
    /// The access to go on with.
    fn at(&self) -> Option<usize> {
        match *self {
            Self::Done => None,
            Self::Uncommon(at) | Self::Fault(at, _) | Self::Other(at) => Some(at),
        }
    }
}

/// What came of one access.
enum Step {
    /// It was carried out.
    Done {
        outcome: Outcome,
        /// What a walk read.
        references: u32,
        /// What made room in the first TLB.
        pushed_out: Place,
        /// Whether another write would change nothing.
        written: bool,
    },
    /// Its page has no frame. Nothing was changed.
    Fault,
    /// It is not common. Nothing was changed.
    Uncommon,
}

impl Machine {
    /// Uses pages whose use was only noted, before an access at `at`.
    pub(super) fn make_up(&mut self, course: &mut Course<'_>, at: usize) {
        if course.recent.settle(at) {
            self.lane(&course.fixed).make_up(&mut course.recent, at);
        }
    }
}

/// What came of a page fault.
pub(super) struct Faulted {
    pub outcome: Outcome,
    /// How many entries the walk read.
    pub references: u32,
    /// What devices took, in nanoseconds.
    pub device_ns: f64,
}

impl Machine {
    /// The access at which a run [ended](Ended::Fault); `None`, and nothing has changed, if it is not so common after
    /// all. Like the others it is counted in the end.
    #[inline(always)]
    pub(super) fn common_fault(&mut self, number: u64, code: usize, place: Place) -> Option<Faulted> {
        let id = self.tables.get(place).page;
        if self.pages.get(id).resident() || !self.frames.limited() || !self.swap.has_room() {
            return None;
        }
        let mut device_ns = 0.0;
        let above = self.common_walk(number, place);
        let frame = match self.frames.room(id) {
            Room::Free(frame) => frame,
            Room::Of(victim) => {
                let frame = self.evict(id, victim, &mut device_ns, &mut Nobody);
                frame.expect("there is a slot for a page that must be written back")
            }
            Room::None => unreachable!("where frames are limited, pages make room"),
        };
        let write = code == WRITE;
        let page = self.pages.at(id);
        let major = page.slot != NONE || page.backing != Backing::Zero;
        (page.frame, page.dirty) = (frame, write);
        let entry = self.tables.at(place);
        entry.target = frame;
        entry.flags |= flag::PRESENT | flag::ACCESSED | if write { flag::DIRTY } else { 0 };
        let mut outcome = Outcome::MinorFault;
        if major {
            outcome = Outcome::MajorFault;
            device_ns += self.times.fault.draw(&mut self.rng, &mut self.counters.fault_ns);
        }
        self.counters.major_faults += u64::from(major);
        self.counters.minor_faults += u64::from(!major);
        self.hold(number, code, place);
        self.look_ahead_for_victims();
        Some(Faulted { outcome, references: above + 1, device_ns })
    }

    /// As [`Lane::look_ahead`], for pages that will have to leave.
    #[inline(always)]
    fn look_ahead_for_victims(&self) {
        if let Some(id) = self.frames.leaving(8) {
            self.pages.prefetch(id);
        }
        if let Some(id) = self.frames.leaving(4) {
            self.tables.prefetch(self.pages.get(id).place);
        }
    }

    /// The walk to an entry of the last table, and what comes before it: how many entries above it are read.
    #[inline(always)]
    fn common_walk(&mut self, number: u64, place: Place) -> u32 {
        let mut above = self.last as u32;
        if let Some(cache) = &mut self.walk_cache {
            above = cache.climb(&mut self.tables.near_at_hand(), place, number);
        }
        self.common_misses.walks += 1;
        self.common_misses.from_root += u64::from(above as usize == self.last);
        self.common_misses.references += u64::from(above) + 1;
        above
    }

    /// The TLBs take down the entry of a small page.
    #[inline(always)]
    fn hold(&mut self, number: u64, code: usize, place: Place) {
        let class = usize::from(code == FETCH && self.itlb.is_some());
        self.common_misses.first[class] += 1;
        let entries = self.tables.entries();
        Held::of(&mut self.second).fill(entries, place, number);
        Held::of(if class == 1 { &mut self.itlb } else { &mut self.dtlb }).fill(entries, place, number);
    }
}

/// So many accesses ahead an entry is asked for, and what it leads to.
const ENTRY_AHEAD: usize = 12;
const PAGE_AHEAD: usize = 6;

/// Where the entries of accesses to come lie, by the lowest bits of their numbers.
pub(super) struct Ahead {
    places: [Place; 16],
    /// The first access of which that is known.
    known_from: usize,
}

impl Ahead {
    pub fn new() -> Self {
        Self { places: [NONE; 16], known_from: usize::MAX }
    }
}

/// A replay under way.
pub(super) struct Course<'a> {
    pub fixed: Fixed,
    pub recent: Recent,
    pub ahead: Ahead,
    pub shown: Shown<'a>,
}

impl Lane<'_> {
    /// Has what later accesses need on its way from memory; gives where the entry of this one lies, if that is known.
    /// An entry stays where it is for as long as a replay goes on.
    #[inline(always)]
    fn look_ahead(&self, ahead: &mut Ahead, addresses: &[u64], at: usize) -> Place {
        let place = if at >= ahead.known_from { ahead.places[at % 16] } else { NONE };
        if ahead.known_from == usize::MAX {
            ahead.known_from = at + ENTRY_AHEAD;
        }
        let Some(&address) = addresses.get(at + ENTRY_AHEAD) else { return place };
        let far = self.near.find(self.fixed.space, self.fixed.cutter.page_number_unchecked(address));
        ahead.places[(at + ENTRY_AHEAD) % 16] = far;
        self.near.prefetch(far);
        // Whether it will be needed is hard to guess, and asking for it is cheaper than a wrong guess.
        if let Some(entry) = self.near.entries.get(ahead.places[(at + PAGE_AHEAD) % 16] as usize) {
            self.pages.prefetch(entry.page);
        }
        place
    }

    /// Uses pages whose use was only noted.
    #[inline(never)]
    fn make_up(&mut self, recent: &mut Recent, at: usize) {
        for (page, place, fetch) in recent.noted(at) {
            let number = self.fixed.cutter.page_number(page << self.fixed.page_bits).unwrap_or(page);
            let entry = &self.near.entries[place as usize];
            self.first[usize::from(fetch && self.fixed.apart)].hit(entry, number);
            self.frames.touch(entry.page, entry.target);
        }
    }

    /// Carries out one access, to the page whose entry lies at `place`, if it lies anywhere.
    #[inline(always)]
    fn step(&mut self, number: u64, code: usize, place: Place) -> Step {
        let Some(entry) = self.near.entries.get_mut(place as usize) else { return Step::Uncommon };
        let wanted = self.fixed.wanted[code & 3];
        let Entry { target, page, flags, .. } = *entry;
        if page == NONE || flags & (wanted | flag::GLOBAL) != wanted {
            return Step::Uncommon;
        }
        let class = code >> 1 & usize::from(self.fixed.apart);
        let mut done = (Outcome::TlbHit, 0, NONE);
        if !self.first[class].hit(entry, number) {
            if !self.fixed.misses_are_common {
                return Step::Uncommon;
            }
            if flags & flag::PRESENT == 0 {
                return Step::Fault;
            }
            done = self.miss(number, class, place);
        }
        let (outcome, references, pushed_out) = done;
        let after = flags | if code == WRITE { flag::DIRTY } else { 0 };
        if after != flags {
            self.near.entries[place as usize].flags |= flag::DIRTY;
            self.pages.at(page).dirty = true;
        }
        self.frames.touch(page, target);
        // A page that was written stays dirty as long as it stays.
        let written = after & (flag::DIRTY | flag::WRITABLE) == flag::DIRTY | flag::WRITABLE;
        Step::Done { outcome, references, pushed_out, written }
    }

    /// The first TLB does not know a page that is in a frame: how it went, what a walk read, what made room.
    #[inline(always)]
    fn miss(&mut self, number: u64, class: usize, place: Place) -> (Outcome, u32, Place) {
        self.misses.first[class] += 1;
        let (mut outcome, mut references) = (Outcome::SecondTlbHit, 0);
        if !self.second.hit(&self.near.entries[place as usize], number) {
            let mut above = self.fixed.last;
            if let Some(cache) = &mut self.walk_cache {
                above = cache.climb(&mut self.near, place, number);
            }
            self.misses.walks += 1;
            self.misses.from_root += u64::from(above == self.fixed.last);
            self.misses.references += u64::from(above) + 1;
            (outcome, references) = (Outcome::Walk, above + 1);
            self.near.entries[place as usize].flags |= flag::ACCESSED;
            self.second.fill(self.near.entries, place, number);
        }
        (outcome, references, self.first[class].fill(self.near.entries, place, number))
    }
}

/// What common accesses have missed, not counted yet.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Misses {
    /// In the first TLB for data (or for both), and that for instructions.
    pub first: [u64; 2],
    pub walks: u64,
    /// Walks that began at the root.
    pub from_root: u64,
    /// What walks read.
    pub references: u64,
}

#[cfg(test)]
mod tests {
    use super::super::access::Kind;
    use super::super::machine::{Config, Times};
    use super::super::{
        ArrayConfig, Backing, Eviction, Geometry, Mapping, Range, Results, Rights, Service, Shape, TlbConfig,
        WalkCacheConfig,
    };
    use super::*;
    use crate::machines::memory::paging;
    use crate::sim::{Purpose, Rng};

    fn shape(rng: &mut Rng) -> Shape {
        let ways = [1, 2, 4, 17][rng.below(4) as usize];
        let policy =
            [Eviction::Lru, Eviction::Fifo, Eviction::Random, Eviction::TreePlru][rng.below(4) as usize];
        let ways = if policy == Eviction::TreePlru { ways & !1 | u32::from(ways == 1) } else { ways };
        Shape { entries: ways << rng.below(3), ways: ways.max(1), policy }
    }

    fn config(rng: &mut Rng) -> Config {
        let array = |may_be_none: bool, rng: &mut Rng| {
            let none = may_be_none && rng.below(2) == 0;
            if none { vec![] } else { vec![ArrayConfig { shape: shape(rng), levels: vec![] }] }
        };
        let no_tlb = rng.below(8) == 0;
        let tlb = TlbConfig {
            data: if no_tlb { vec![] } else { array(false, rng) },
            instruction: if no_tlb { vec![] } else { array(true, rng) },
            second: if no_tlb { vec![] } else { array(true, rng) },
            tagged: true,
        };
        let bits = [vec![3, 1], vec![2, 2, 4], vec![7], vec![2, 6]][rng.below(4) as usize].clone();
        let upper = (1..bits.len()).map(|_| (rng.below(3) > 0).then(|| shape(rng))).collect();
        let service = |rng: &mut Rng| Service::Constant(rng.below(9) as f64 * 0.1);
        let policies = ["lru", "lru", "fifo", "clock", "random", "lfu", "mru", "2q"];
        Config {
            geometry: Geometry::new(bits.clone(), 4, 4 + bits.iter().sum::<u8>()).unwrap(),
            processes: 1,
            frames: (rng.below(8) > 0).then(|| 1 + rng.below(30) as u32),
            policy: policies[rng.below(8) as usize].into(),
            policy_options: paging::Options::default(),
            tlb,
            walk_cache: WalkCacheConfig(if rng.below(2) == 0 { vec![] } else { upper }),
            swap_slots: None,
            demand: Some(Backing::Zero),
            nested: None,
            times: Times {
                tlb: 0.1,
                second_tlb: 0.7,
                walk_cache: 0.3,
                memory: 1.1,
                fault: service(rng),
                write_back: service(rng),
                minor_fault: 2.3,
                context_switch: 0.0,
            },
            seed: rng.below(1 << 40),
        }
    }

    /// A replay does what one access after the other does: whatever the parts of the machine, whether pages are used
    /// again at once or not, and with pages that are everybody's, or nobody's to write, among them.
    #[test]
    fn replay_is_one_access_after_the_other() {
        for seed in 0..150 {
            let mut rng = Rng::stream(seed, Purpose::Memory, 9, 0);
            let config = config(&mut rng);
            let mut whole = Machine::new(&config).unwrap_or_else(|it| panic!("seed {seed}: {it:?}"));
            let pages = 1 << config.geometry.page_number_bits();
            let global = rng.below(3) == 0;
            if global || rng.below(3) == 0 {
                let rights = Rights { writable: rng.below(2) == 0, user: true, executable: true };
                let (shared, backing, level) = (false, Backing::Disk, whole.last);
                let mapping = Mapping { rights, global, shared, backing, level };
                let first = rng.below(pages - 2);
                whole.reserve(0, Range { first, end: first + 2 }, mapping).unwrap();
            }
            let mut single = whole.clone();
            let near = rng.below(4);
            let mut page = 0;
            let draw = |_| {
                page = if rng.below(4) < near { page } else { rng.below(pages) };
                (page << 4 | rng.below(16), [0, 0, 1, 2][rng.below(4) as usize])
            };
            let (addresses, kinds): (Vec<u64>, Vec<u8>) = (0..1500).map(draw).unzip();
            let mut outcomes = vec![0; addresses.len()];
            let mut latencies = vec![0.0; addresses.len()];
            let kinds_given = Some(&kinds[..]);
            let batch = Batch {
                addresses: &addresses,
                kinds: kinds_given,
                processes: None,
                supervisor: false,
                lenient: true,
            };
            let results = Results { outcomes: Some(&mut outcomes), latencies: Some(&mut latencies) };
            whole.replay(batch, results).unwrap();
            for (at, &address) in addresses.iter().enumerate() {
                let kind = Kind::of(kinds[at]).unwrap();
                let one = single.translate(0, address, kind, false).unwrap();
                assert_eq!(
                    (outcomes[at], latencies[at]),
                    (one.outcome as u8, one.time_ns),
                    "seed {seed}, access {at}, {config:?}"
                );
            }
            assert_eq!(whole.counters(), single.counters(), "seed {seed}, {config:?}");
            assert_eq!(whole.usage(), single.usage(), "seed {seed}");
        }
    }
}
