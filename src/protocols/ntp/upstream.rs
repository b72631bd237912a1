//! What a node knows of one of those it asks: the filter of its answers, and whether it answers.
//!
//! Offsets are kept relative to the asker's *hardware* clock, so that setting the software clock right does not make
//! them stale; only drift does, at the rate at which their dispersion grows.
use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::config::{Config, Mutant};
use crate::machines::clocks::{Exchange, Interval};
use crate::sim::{NodeId, Reading, Time};

/// The answers that the clock filter looks at, and the polls that a silent upstream is given.
pub const REGISTER: usize = 8;

/// The stratum of those who do not have the time.
pub const UNSYNCHRONIZED: u8 = 16;

/// What one answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Sample {
    /// How far the upstream is ahead of this node's hardware, as far as can be told.
    pub ahead: i64,
    /// The round trip.
    pub delay: Time,
    /// How far the clocks can be off when they are read, and how far they can drift during the round trip.
    pub dispersion: Time,
    /// The hardware's reading when it arrived.
    pub at: Reading,
    /// The upstream's round trip to the reference.
    pub root_delay: Time,
    /// How far the upstream's time can have been off besides half of that.
    pub root_dispersion: Time,
}

/// One of those a node asks.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Upstream {
    /// T1 of the question that is not answered.
    asked: Option<Reading>,
    /// Which of the last polls were answered, the latest in the lowest bit.
    reach: u8,
    /// The last answers, the latest last.
    samples: VecDeque<Sample>,
    /// What it said of itself last.
    claim: Option<Claim>,
}

/// What an upstream says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Claim {
    /// How far from a reference it is.
    pub stratum: u8,
    /// The round trip to the reference.
    pub root_delay: Time,
    /// How far its time can be off besides, when it said so.
    pub root_dispersion: Time,
    /// Whom it has the time from.
    pub upstream: Option<NodeId>,
}

impl Upstream {
    /// It is asked, at `sent` of the asker's hardware.
    pub fn ask(&mut self, sent: Reading) {
        self.reach <<= 1;
        self.asked = Some(sent);
        if self.reach == 0 {
            self.samples.clear();
        }
    }

    /// Whether it has answered any of the last polls.
    pub fn is_reachable(&self) -> bool {
        self.reach != 0
    }

    /// It answers at `now` of the asker's hardware. False: nobody asked that.
    pub fn answer(
        &mut self,
        now: Reading,
        sent: Reading,
        at: Reading,
        claim: Claim,
        config: &Config,
    ) -> bool {
        if self.asked != Some(sent) {
            return false; // late, doubled, or made up
        }
        self.asked = None;
        self.reach |= 1;
        self.claim = Some(claim);
        if claim.stratum >= UNSYNCHRONIZED {
            self.samples.clear();
            return true;
        }
        let exchange = Exchange { sent, received: at, answered: at, returned: now };
        let Ok(delay) = Time::try_from(exchange.delay()) else {
            return true; // the hardware was set back meanwhile: it says nothing of the offset
        };
        if self.samples.len() == REGISTER {
            self.samples.pop_front();
        }
        let dispersion = config.precision.saturating_add(config.drift(sent, now));
        let Claim { root_delay, root_dispersion, .. } = claim;
        let ahead = exchange.offset();
        self.samples.push_back(Sample { ahead, delay, dispersion, at: now, root_delay, root_dispersion });
        true
    }

    /// What its best answer says at `now`, if `this` may have its time from it.
    ///
    /// The best of the last is the one with the shortest round trip: what made others longer most likely came on one of
    /// the ways only, and is an error.
    pub fn candidate(&self, now: Reading, this: NodeId, config: &Config) -> Option<Candidate> {
        let claim = self.claim.filter(|_| self.is_reachable())?;
        if claim.stratum >= UNSYNCHRONIZED - 1 || claim.upstream == Some(this) {
            return None; // too far from a reference, or it has the time from this node itself
        }
        let sample = self.samples.iter().rev().min_by_key(|it| it.delay)?;
        let forgets = config.breaks(Mutant::ForgetRoot);
        let (delay, dispersion) = if forgets { (0, 0) } else { (sample.root_delay, sample.root_dispersion) };
        let own = sample.dispersion.saturating_add(config.drift(sample.at, now));
        Some(Candidate {
            stratum: claim.stratum,
            ahead: sample.ahead,
            delay: sample.delay,
            dispersion: own,
            root_delay: delay.saturating_add(sample.delay),
            root_dispersion: dispersion.saturating_add(own),
        })
    }
}

/// An upstream that a node may have its time from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// How far from a reference it is.
    pub stratum: u8,
    /// How far it is ahead of the hardware.
    pub ahead: i64,
    /// The round trip to it.
    pub delay: Time,
    /// How far `ahead` can be off besides half of that.
    pub dispersion: Time,
    /// The round trip to the reference.
    pub root_delay: Time,
    /// How far the reference's time can be off besides half of that.
    pub root_dispersion: Time,
}

impl Candidate {
    /// How far its time can be off.
    pub fn root_distance(&self) -> Time {
        self.root_delay.div_ceil(2).saturating_add(self.root_dispersion)
    }

    /// What the hardware can be behind true time, if the upstream is right.
    pub fn interval(&self) -> Option<Interval> {
        Interval::around(self.ahead, self.root_distance()).ok()
    }
}
