//! The Network Time Protocol: a hierarchy of clocks that are kept right over a network.
//!
//! Notes, section 1.3.1 (theorem 3.1, definitions 3.1 and 3.2, which give no formula); Mills et al., RFC 5905 (2010);
//! Mills 1991.
//!
//! # Invariants
//! 1. *ErrorBound*: a node that has the time is off by at most its root distance, root delay / 2 + root dispersion.
//! 2. *SlewRate*: a clock is worked towards the time by 500 ppm at most; only errors above 128 ms are corrected at once.
//! 3. *Stratum*: a node's stratum is one more than that of its upstream; 16 means that it does not have the time.
//!
//! They hold because:
//! - half a round trip bounds what a round trip can hide                     (1: `machines/clocks/exchange.rs`)
//! - what was measured ages, by what hardware can drift                      (1: `Config::drift`)
//! - what is still to be worked in counts as error                           (1: `Node::root_dispersion`)
//! - upstreams that a majority contradicts are not believed                  (1: `select`)
//! - the correction is a rate, and a rate is bounded                         (2: `machines/clocks/software.rs`)
//!
//! # A node
//! ```text
//!                    a majority of upstreams agrees [select]
//!  unsynchronized ------------------------------------------> synchronized --.
//!   (stratum 16)  <------------------------------------------   (1..=15)  <--'
//!                    nobody reachable, or no majority [select]   the best upstream is another one
//! ```
//! Every poll: `Timer::Poll` `poll` asks all upstreams; every answer `on_response` goes through the upstream's clock
//! filter (the shortest of the last 8 round trips), then through `select` (falsetickers are left out; of the others the
//! lowest stratum, then the smallest distance, wins), then to the clock (`Software::aim`).
//!
//! # Deviations
//! - Own timestamps (T1, T4) are read off the hardware clock, and offsets are kept relative to it: corrections of the
//!   software clock neither disturb a measurement nor make it stale.
//! - One upstream is followed; survivors are not combined, and there is no jitter (the clustering algorithm).
//! - Phase only: the rate of the hardware is not learned, so that what drifts is corrected again after each poll.
//! - The poll interval is given and does not adapt; before a node has the time it polls more often.
//! - Without a majority nobody is believed, and the stratum is 16. No error is too large to be corrected.
//! - A reference (stratum 0) is a node whose hardware is right; that is why it asks nobody.
mod config;
mod invariants;
mod message;
mod upstream;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::machines::clocks::{Interval, Software, truechimers};
use crate::sim::{Believed, Cx, NodeId, Protocol, Reading, Status, Time};

pub use config::{Config, Mutant};
pub use invariants::{INVARIANTS, Monitor};
pub use message::{Msg, Timer};
pub use upstream::{Candidate, Claim, REGISTER, Sample, UNSYNCHRONIZED, Upstream};

/// A node. All but `config` is volatile: a new one needs nothing else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Node {
    /// How it is set up.
    pub config: Arc<Config>,
    /// The time as it keeps it.
    pub clock: Software,
    /// Whom it has the time from; nobody, if it does not have it.
    pub system: Option<System>,
    upstreams: BTreeMap<NodeId, Upstream>,
    /// Whom the majority contradicts.
    falsetickers: Vec<NodeId>,
}

impl Default for Node {
    fn default() -> Self {
        Self::new(Config::default())
    }
}

/// Where a node has the time from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct System {
    /// From whom.
    pub upstream: NodeId,
    /// How far that is from a reference.
    pub upstream_stratum: u8,
    /// By how much the clock was behind it when last set right; negative: ahead.
    pub offset: i64,
    /// The round trip to it.
    pub delay: Time,
    /// How far the offset can be off besides half of that.
    pub dispersion: Time,
    /// The round trip to the reference.
    pub root_delay: Time,
    /// How far the time can be off besides half of that, at `at`.
    pub root_dispersion: Time,
    /// The hardware's reading when this was found out.
    pub at: Reading,
}

impl Protocol for Node {
    type Msg = Msg;
    type Timer = Timer;
    type Call = ();
    type Reply = ();
    type Disk = ();
    type Monitor = Monitor;

    fn on_start(&mut self, cx: &mut Cx<'_, Self>) {
        if self.config.reference.is_none() {
            let upstreams = self.config.upstreams.iter().filter(|it| **it != cx.id);
            self.upstreams = upstreams.map(|id| (*id, Upstream::default())).collect();
            self.poll(cx);
        }
    }

    fn on_message(&mut self, cx: &mut Cx<'_, Self>, from: NodeId, msg: Msg) {
        let now = cx.now();
        match msg {
            Msg::Request { sent } => {
                let upstream = self.system.map(|it| it.upstream);
                let (root_delay, root_dispersion) = (self.root_delay(), self.root_dispersion(now));
                let (at, stratum) = (self.clock.time(now), self.stratum());
                cx.send(from, Msg::Response { sent, at, stratum, root_delay, root_dispersion, upstream });
            }
            Msg::Response { sent, at, stratum, root_delay, root_dispersion, upstream } => {
                let claim = Claim { stratum, root_delay, root_dispersion, upstream };
                self.on_response(cx, from, sent, at, claim);
            }
        }
    }

    fn on_timer(&mut self, cx: &mut Cx<'_, Self>, Timer::Poll: Timer) {
        self.poll(cx);
    }

    fn on_call(&mut self, cx: &mut Cx<'_, Self>, op: crate::sim::OpId, (): ()) {
        cx.reply_at_once(op, ()); // there is nothing to ask: the time is read where it is kept
    }

    fn status(&self, (): &()) -> Status {
        let mut facts: Status = vec![("stratum", i64::from(self.stratum()).into())];
        if let Some(system) = &self.system {
            let number = |it: u64| i64::try_from(it).unwrap_or(i64::MAX).into();
            facts.extend([
                ("upstream", i64::from(system.upstream.0).into()),
                ("offset_ns", system.offset.into()),
                ("delay_ns", number(system.delay)),
                ("dispersion_ns", number(system.dispersion)),
                ("root_delay_ns", number(system.root_delay)),
                ("root_dispersion_ns", number(system.root_dispersion)),
            ]);
        }
        facts.push(("steps", i64::from(self.clock.steps()).into()));
        facts
    }

    fn time(&self, reading: Reading) -> Believed {
        let known = self.stratum() < UNSYNCHRONIZED;
        let within = self.root_delay().div_ceil(2).saturating_add(self.root_dispersion(reading));
        Believed { time: self.clock.time(reading), within: known.then_some(within) }
    }
}

impl Node {
    /// A node before its first start.
    pub fn new(config: Config) -> Self {
        Self {
            config: config.into(),
            clock: Software::default(),
            system: None,
            upstreams: BTreeMap::new(),
            falsetickers: Vec::new(),
        }
    }

    /// How far it is from a reference.
    pub fn stratum(&self) -> u8 {
        match (self.config.reference, &self.system) {
            (Some(reference), _) => reference,
            (None, Some(system)) => system.upstream_stratum + 1,
            (None, None) => UNSYNCHRONIZED,
        }
    }

    /// Whom it asks and does not believe, as the others contradict them.
    pub fn falsetickers(&self) -> &[NodeId] {
        &self.falsetickers
    }

    fn root_delay(&self) -> Time {
        self.system.map_or(0, |it| it.root_delay)
    }

    fn root_dispersion(&self, now: Reading) -> Time {
        match self.system {
            None => self.config.precision,
            Some(system) => system
                .root_dispersion
                .saturating_add(self.config.drift(system.at, now))
                .saturating_add(self.clock.left(now).unsigned_abs()),
        }
    }

    /// Asks everybody. Who has not answered any of the last polls is not believed any more.
    fn poll(&mut self, cx: &mut Cx<'_, Self>) {
        let now = cx.now();
        for (id, upstream) in &mut self.upstreams {
            upstream.ask(now);
            cx.send(*id, Msg::Request { sent: now });
        }
        self.select(cx);
        cx.arm(Timer::Poll, if self.system.is_some() { self.config.poll } else { self.config.burst });
    }

    fn on_response(&mut self, cx: &mut Cx<'_, Self>, from: NodeId, sent: Reading, at: Reading, claim: Claim) {
        let config = self.config.clone();
        let Some(upstream) = self.upstreams.get_mut(&from) else {
            return cx.note("answer of a stranger", 0);
        };
        if !upstream.answer(cx.now(), sent, at, claim, &config) {
            return cx.note("answer to no question", 0);
        }
        self.select(cx);
    }

    /// Chooses whom to believe, and sets the clock right by it.
    fn select(&mut self, cx: &mut Cx<'_, Self>) {
        let (now, this) = (cx.now(), cx.id);
        let candidates: Vec<(NodeId, Candidate, Interval)> = (self.upstreams.iter())
            .filter_map(|(id, it)| {
                let candidate = it.candidate(now, this, &self.config)?;
                Some((*id, candidate, candidate.interval()?))
            })
            .collect();
        let intervals: Vec<Interval> = candidates.iter().map(|(_, _, interval)| *interval).collect();
        let agreed = match self.config.breaks(Mutant::TrustStratum) {
            true => Interval::new(i64::MIN, i64::MAX).ok(),
            false => truechimers(&intervals),
        };
        let right = |interval: &Interval| agreed.is_some_and(|it| it.intersection(interval).is_some());
        let wrong =
            candidates.iter().filter(|(_, _, interval)| !right(interval)).map(|(id, ..)| *id).collect();
        self.accuse(cx, wrong);
        let best = (candidates.iter())
            .filter(|(_, _, interval)| right(interval))
            .min_by_key(|(id, it, _)| (it.stratum, it.root_distance(), *id));
        match best {
            Some((id, candidate, _)) => self.follow(cx, *id, candidate),
            None => self.lose(cx),
        }
    }

    fn follow(&mut self, cx: &mut Cx<'_, Self>, upstream: NodeId, it: &Candidate) {
        let now = cx.now();
        let offset = it.ahead.saturating_sub(self.clock.ahead(now));
        if self.system.is_none_or(|system| system.upstream != upstream) {
            cx.note("follows", upstream.0.into());
        }
        self.system = Some(System {
            upstream,
            upstream_stratum: it.stratum,
            offset,
            delay: it.delay,
            dispersion: it.dispersion,
            root_delay: it.root_delay,
            root_dispersion: it.root_dispersion,
            at: now,
        });
        let mut how = self.config.discipline;
        if self.config.breaks(Mutant::AlwaysStep) {
            how.step = 0;
        }
        if self.clock.aim(now, it.ahead, how) {
            cx.note("step", offset.unsigned_abs());
        }
    }

    fn lose(&mut self, cx: &mut Cx<'_, Self>) {
        if self.system.take().is_some() {
            cx.note("unsynchronized", 0);
        }
    }

    fn accuse(&mut self, cx: &mut Cx<'_, Self>, wrong: Vec<NodeId>) {
        for id in wrong.iter().filter(|it| !self.falsetickers.contains(it)) {
            cx.note("falseticker", id.0.into());
        }
        self.falsetickers = wrong;
    }
}
