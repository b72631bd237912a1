//! The machine: what it is made of, what it counts, and what things take.
use serde::{Deserialize, Serialize};

use super::access::{Done, Outcome};
use super::common::Misses;
use super::error::{Denial, Error};
use super::frames::Frames;
use super::geometry::{Cutter, Geometry, MAX_LEVELS};
use super::nested::{Nested, NestedConfig};
use super::pages::{Backing, Pages};
use super::space::{Space, SpaceId};
use super::swap::{Service, Swap, not_negative};
use super::table::Tables;
use super::tlb::{Tlb, TlbConfig};
use super::walk_cache::{WalkCache, WalkCacheConfig};
use crate::machines::memory::paging::{self, Direct, Policy};
use crate::sim::{Invalid, Purpose, Rng};

/// What things take, in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Times {
    /// A look into a TLB of the first level.
    pub tlb: f64,
    /// A look into the second level.
    pub second_tlb: f64,
    /// A look into the walk cache.
    pub walk_cache: f64,
    /// An access to memory.
    pub memory: f64,
    /// Bringing a page in from a device.
    pub fault: Service,
    /// Writing a victim to a device.
    pub write_back: Service,
    /// A fault that needs no device.
    pub minor_fault: f64,
    /// Going over to another process.
    pub context_switch: f64,
}

/// At most this many address spaces, of processes that have ended, too.
pub(super) const MOST_SPACES: u32 = 1 << 16;

/// What a machine is built from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How addresses are cut up.
    pub geometry: Geometry,
    /// How many address spaces there are at first.
    pub processes: u32,
    /// How many frames there are; `None`: as many as are needed.
    pub frames: Option<u32>,
    /// Which page makes room, by name.
    pub policy: String,
    /// What can be set on that policy; its seed is that of the machine.
    pub policy_options: paging::Options,
    /// The TLBs.
    pub tlb: TlbConfig,
    /// The walk cache.
    pub walk_cache: WalkCacheConfig,
    /// How many pages fit on the swap device; `None`: all that come.
    pub swap_slots: Option<u32>,
    /// What is behind addresses that nobody mapped; `None`: nothing, they must not be touched.
    pub demand: Option<Backing>,
    /// Whether the machine is the guest of another one.
    pub nested: Option<NestedConfig>,
    /// What things take.
    pub times: Times,
    /// For policies and times that draw lots.
    pub seed: u64,
}

impl Config {
    fn kind(&self) -> Result<paging::Kind, Invalid> {
        let kind = paging::Kind::named(&self.policy).filter(|it| *it != paging::Kind::Opt);
        kind.ok_or_else(|| {
            let allowed =
                "fifo, lru, mru, clock, lfu, random, arc, 2q, s3-fifo or sieve (opt would need the future)";
            Invalid::new("policy", &self.policy, allowed)
        })
    }

    fn check(&self) -> Result<(), Invalid> {
        self.geometry.check()?;
        self.policy_options.check()?;
        if !(1..=MOST_SPACES).contains(&self.processes) {
            let allowed = "from 1 to 65,536";
            return Err(Invalid::new("processes", self.processes, allowed));
        }
        if self.frames.is_some_and(|it| !(1..=1 << 28).contains(&it)) {
            return Err(Invalid::new("frames", self.frames.unwrap_or(0), "from 1 to 2^28"));
        }
        self.tlb.check(&self.geometry)?;
        self.walk_cache.check(&self.geometry)?;
        if let Some(nested) = &self.nested {
            nested.check(&self.geometry, self.frames)?;
        }
        let times = &self.times;
        not_negative("t", times.tlb)?;
        not_negative("second_tlb_time", times.second_tlb)?;
        not_negative("walk_cache_time", times.walk_cache)?;
        not_negative("m", times.memory)?;
        not_negative("minor_fault", times.minor_fault)?;
        not_negative("context_switch", times.context_switch)?;
        times.fault.check("S")?;
        times.write_back.check("write_back")
    }
}

/// What a machine has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Accesses in all, and how many of them wrote or fetched an instruction.
    pub accesses: u64,
    #[allow(missing_docs)]
    pub writes: u64,
    #[allow(missing_docs)]
    pub fetches: u64,
    /// Hits and misses of the first level for instructions, that for data (also if it is for both), and the
    /// second level.
    pub itlb_hits: u64,
    #[allow(missing_docs)]
    pub itlb_misses: u64,
    #[allow(missing_docs)]
    pub dtlb_hits: u64,
    #[allow(missing_docs)]
    pub dtlb_misses: u64,
    #[allow(missing_docs)]
    pub second_tlb_hits: u64,
    #[allow(missing_docs)]
    pub second_tlb_misses: u64,
    /// Walks, and what they read: entries of tables, those of the host included.
    pub walks: u64,
    #[allow(missing_docs)]
    pub walk_references: u64,
    /// What of that was in tables of the host.
    pub host_references: u64,
    /// Walks that began below the root.
    pub walk_cache_hits: u64,
    #[allow(missing_docs)]
    pub walk_cache_misses: u64,
    /// Page faults that needed no device, and those that did.
    pub minor_faults: u64,
    #[allow(missing_docs)]
    pub major_faults: u64,
    /// First writes to a page that was copied then, or needed no copy any more because nobody shared it.
    pub copies: u64,
    #[allow(missing_docs)]
    pub reuses: u64,
    /// Pages that made room: clean ones are dropped, dirty ones written back.
    pub evictions: u64,
    #[allow(missing_docs)]
    pub clean_drops: u64,
    #[allow(missing_docs)]
    pub dirty_write_backs: u64,
    /// Accesses that were refused: by the rights of a page, and because nothing is there.
    pub protection_faults: u64,
    #[allow(missing_docs)]
    pub unmapped_faults: u64,
    /// Entries of TLBs that were invalidated because a page left or changed.
    pub shootdowns: u64,
    /// Times another process went on, and TLBs were emptied for it.
    pub context_switches: u64,
    #[allow(missing_docs)]
    pub flushes: u64,
    /// What random services took, in nanoseconds.
    pub fault_ns: u64,
    #[allow(missing_docs)]
    pub write_back_ns: u64,
}

impl Counters {
    /// Accesses that got what they wanted.
    pub fn completed(&self) -> u64 {
        self.accesses - self.protection_faults - self.unmapped_faults
    }

    /// What was counted since these were read.
    pub fn since(&self, before: &Self) -> Self {
        Self {
            accesses: self.accesses - before.accesses,
            writes: self.writes - before.writes,
            fetches: self.fetches - before.fetches,
            itlb_hits: self.itlb_hits - before.itlb_hits,
            itlb_misses: self.itlb_misses - before.itlb_misses,
            dtlb_hits: self.dtlb_hits - before.dtlb_hits,
            dtlb_misses: self.dtlb_misses - before.dtlb_misses,
            second_tlb_hits: self.second_tlb_hits - before.second_tlb_hits,
            second_tlb_misses: self.second_tlb_misses - before.second_tlb_misses,
            walks: self.walks - before.walks,
            walk_references: self.walk_references - before.walk_references,
            host_references: self.host_references - before.host_references,
            walk_cache_hits: self.walk_cache_hits - before.walk_cache_hits,
            walk_cache_misses: self.walk_cache_misses - before.walk_cache_misses,
            minor_faults: self.minor_faults - before.minor_faults,
            major_faults: self.major_faults - before.major_faults,
            copies: self.copies - before.copies,
            reuses: self.reuses - before.reuses,
            evictions: self.evictions - before.evictions,
            clean_drops: self.clean_drops - before.clean_drops,
            dirty_write_backs: self.dirty_write_backs - before.dirty_write_backs,
            protection_faults: self.protection_faults - before.protection_faults,
            unmapped_faults: self.unmapped_faults - before.unmapped_faults,
            shootdowns: self.shootdowns - before.shootdowns,
            context_switches: self.context_switches - before.context_switches,
            flushes: self.flushes - before.flushes,
            fault_ns: self.fault_ns - before.fault_ns,
            write_back_ns: self.write_back_ns - before.write_back_ns,
        }
    }

    /// What all of it took, in nanoseconds.
    pub fn time_ns(&self, times: &Times) -> f64 {
        let count = |count: u64, ns: f64| count as f64 * ns;
        let first = self.itlb_hits + self.itlb_misses + self.dtlb_hits + self.dtlb_misses;
        count(first, times.tlb)
            + count(self.second_tlb_hits + self.second_tlb_misses, times.second_tlb)
            + count(self.walk_cache_hits + self.walk_cache_misses, times.walk_cache)
            + count(self.walk_references, times.memory)
            + count(self.completed(), times.memory)
            + count(self.minor_faults, times.minor_fault)
            + times.fault.total(self.major_faults, self.fault_ns)
            + times.write_back.total(self.dirty_write_backs, self.write_back_ns)
            + count(self.context_switches, times.context_switch)
    }
}

/// What the parts of an access take, in nanoseconds; nothing where there is no such part.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prices {
    tlb: f64,
    second_tlb: f64,
    walk_cache: f64,
    memory: f64,
    minor_fault: f64,
}

impl Prices {
    /// What an access took.
    #[inline(always)]
    pub fn of(&self, done: &Done) -> f64 {
        let part = |counts: bool, ns: f64| if counts { ns } else { 0.0 };
        part(done.denial != Some(Denial::NonCanonical), self.tlb)
            + part(done.second, self.second_tlb)
            + part(done.walked, self.walk_cache)
            + f64::from(done.references) * self.memory
            + part(done.denial.is_none(), self.memory)
            + part(done.outcome == Outcome::MinorFault, self.minor_fault)
            + done.device_ns
    }

    /// As [`of`](Self::of), for an access that was not refused.
    #[inline(always)]
    pub fn common(&self, outcome: Outcome, references: u32, device_ns: f64) -> f64 {
        let second = outcome != Outcome::TlbHit;
        let walked = outcome > Outcome::SecondTlbHit;
        self.of(&Done { outcome, second, walked, references, device_ns, ..Done::new() })
    }
}

/// A machine with memory.
#[derive(Clone, Debug)]
pub struct Machine {
    pub(super) geometry: Geometry,
    pub(super) last: usize,
    pub(super) cutter: Cutter,
    pub(super) tables: Tables,
    pub(super) pages: Pages,
    pub(super) frames: Frames,
    pub(super) swap: Swap,
    pub(super) spaces: Vec<Space>,
    pub(super) current: SpaceId,
    /// The first level for instructions, if it is not that for data.
    pub(super) itlb: Option<Tlb>,
    pub(super) dtlb: Option<Tlb>,
    pub(super) second: Option<Tlb>,
    pub(super) tagged: bool,
    pub(super) walk_cache: Option<WalkCache>,
    pub(super) nested: Option<Nested>,
    pub(super) demand: Option<Backing>,
    pub(super) times: Times,
    pub(super) counters: Counters,
    /// What the common accesses of a replay under way have missed.
    pub(super) common_misses: Misses,
    pub(super) rng: Rng,
    pub(super) repeats: Repeats,
}

/// What it means to a policy that a page is used several times in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeats {
    /// Nothing.
    Idle,
    /// Nothing from the first hit on.
    IdleAfterHit,
    /// Every time counts.
    Count,
}

impl Repeats {
    fn of(kind: paging::Kind) -> Self {
        use paging::Kind;
        match kind {
            Kind::Fifo | Kind::Lru | Kind::Mru | Kind::Random | Kind::TwoQ => Self::Idle,
            Kind::Clock | Kind::Sieve | Kind::Arc => Self::IdleAfterHit,
            Kind::Lfu | Kind::S3Fifo | Kind::Opt => Self::Count,
        }
    }
}

impl Machine {
    /// A machine whose memory is empty.
    pub fn new(config: &Config) -> Result<Self, Invalid> {
        config.check()?;
        let geometry = config.geometry.clone();
        let tlb =
            |arrays: &[_], slot| (!arrays.is_empty()).then(|| Tlb::new(arrays, &geometry, config.seed, slot));
        let cache = WalkCache::new(&config.walk_cache, config.seed);
        let kind = config.kind()?;
        let options = paging::Options { seed: config.seed, ..config.policy_options };
        let policy =
            config.frames.map(|it| Policy::<Direct>::new(kind, it as usize, &options)).transpose()?;
        let end = config.nested.as_ref().map_or(u64::MAX, NestedConfig::pages_for_frames);
        let mut machine = Self {
            last: geometry.levels() - 1,
            cutter: Cutter::new(&geometry),
            tables: Tables::new(&geometry),
            pages: Pages::default(),
            frames: Frames::new(config.frames, policy, end),
            swap: Swap::new(config.swap_slots),
            spaces: Vec::new(),
            current: 0,
            itlb: tlb(&config.tlb.instruction, 0),
            dtlb: tlb(&config.tlb.data, 1),
            second: tlb(&config.tlb.second, 2),
            tagged: config.tlb.tagged,
            walk_cache: cache.exists().then_some(cache),
            nested: config.nested.as_ref().map(|it| Nested::new(it, &geometry, config.seed)),
            demand: config.demand,
            times: config.times.clone(),
            counters: Counters::default(),
            common_misses: Misses::default(),
            rng: Rng::stream(config.seed, Purpose::Memory, 2, 0),
            repeats: if config.frames.is_some() { Repeats::of(kind) } else { Repeats::Idle },
            geometry,
        };
        for _ in 0..config.processes {
            machine.add_space()?;
        }
        Ok(machine)
    }

    /// How addresses are cut up.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// What things take.
    pub fn times(&self) -> &Times {
        &self.times
    }

    pub(super) fn prices(&self) -> Prices {
        let part = |exists: bool, ns: f64| if exists { ns } else { 0.0 };
        Prices {
            tlb: part(self.dtlb.is_some(), self.times.tlb),
            second_tlb: part(self.second.is_some(), self.times.second_tlb),
            walk_cache: part(self.walk_cache.is_some(), self.times.walk_cache),
            memory: self.times.memory,
            minor_fault: self.times.minor_fault,
        }
    }

    /// What was counted so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Counts from zero again; what is in memory, TLBs and caches stays.
    pub fn reset_counters(&mut self) {
        self.counters = Counters::default();
    }

    /// The process that runs.
    pub fn current(&self) -> SpaceId {
        self.current
    }

    /// The processes there are.
    pub fn processes(&self) -> Vec<SpaceId> {
        (0..).zip(&self.spaces).filter(|(_, it)| it.alive).map(|(id, _)| id).collect()
    }

    /// How much there is of everything.
    pub fn usage(&self) -> Usage {
        let held = |tlb: &Option<Tlb>| tlb.as_ref().map_or(0, Tlb::len) as u64;
        Usage {
            table_bytes: self.tables.bytes(),
            host_table_bytes: self.nested.as_ref().map_or(0, Nested::table_bytes),
            tables: self.tables.counts()[..=self.last].to_vec(),
            frames_used: self.frames.used(),
            swap_used: self.swap.used(),
            itlb_entries: held(&self.itlb),
            dtlb_entries: held(&self.dtlb),
            second_tlb_entries: held(&self.second),
            walk_cache_level_hits: self.walk_cache.as_ref().map_or_else(Vec::new, |it| it.hits().to_vec()),
        }
    }

    /// The tables of one process by level, and what they take.
    pub fn tables_of(&self, space: SpaceId) -> Result<(Vec<u64>, u64), Error> {
        let mut counts = [0; MAX_LEVELS];
        self.tables.tree(self.alive(space)?.root, &mut counts);
        let counts = counts[..=self.last].to_vec();
        let bytes = counts.iter().enumerate().map(|(level, it)| it * self.geometry.table_bytes(level)).sum();
        Ok((counts, bytes))
    }
}

/// How much there is of everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// What all page tables take.
    pub table_bytes: u64,
    /// What those of a host take.
    pub host_table_bytes: u64,
    /// How many tables there are on each level.
    pub tables: Vec<u64>,
    /// Frames in use, those of huge pages included.
    pub frames_used: u64,
    /// Slots in use on the swap device.
    pub swap_used: u64,
    /// Entries held by TLBs.
    pub itlb_entries: u64,
    #[allow(missing_docs)]
    pub dtlb_entries: u64,
    #[allow(missing_docs)]
    pub second_tlb_entries: u64,
    /// How often each level of the walk cache was what was found, the root's first.
    pub walk_cache_level_hits: Vec<u64>,
}
