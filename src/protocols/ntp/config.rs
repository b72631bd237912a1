//! What a node is told when it is set up, and the ways to set it up wrong on purpose.
use serde::{Deserialize, Serialize};

use crate::machines::clocks::Discipline;
use crate::sim::{NodeId, Reading, Span, Time};

const SECOND: Time = 1_000_000_000;

/// How a node is set up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whom it asks for the time.
    pub upstreams: Vec<NodeId>,
    /// That it is a reference: its hardware is right, and this is its stratum. It asks nobody.
    pub reference: Option<u8>,
    /// How long it waits from one poll to the next once it has the time.
    pub poll: Span,
    /// The same before that.
    pub burst: Span,
    /// How it sets its clock right.
    pub discipline: Discipline,
    /// How much it takes its hardware to drift at most, in parts per billion (phi).
    pub drift_ppb: u32,
    /// How finely clocks are read, in nanoseconds.
    pub precision: u64,
    /// The rule this node breaks: for testing the tests.
    pub mutant: Option<Mutant>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            upstreams: Vec::new(),
            reference: None,
            poll: Span::exactly(16 * SECOND),
            burst: Span::exactly(2 * SECOND),
            discipline: Discipline::default(),
            drift_ppb: 15_000,
            precision: 1_000,
            mutant: None,
        }
    }
}

impl Config {
    /// How far the hardware can drift from one reading to a later one, rounded up.
    pub fn drift(&self, from: Reading, to: Reading) -> Time {
        if self.breaks(Mutant::NoDispersion) {
            return 0;
        }
        let passed = (i128::from(to) - i128::from(from)).max(0) as u128;
        Time::try_from((passed * u128::from(self.drift_ppb)).div_ceil(1_000_000_000)).unwrap_or(Time::MAX)
    }

    pub(super) fn breaks(&self, rule: Mutant) -> bool {
        self.mutant == Some(rule)
    }
}

/// A rule to break. Each names the one line that guards it, by `breaks(..)` next to the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mutant {
    /// Corrects every error at once.
    AlwaysStep,
    /// Forgets that its hardware drifts.
    NoDispersion,
    /// Says nothing of the error of those it has the time from.
    ForgetRoot,
    /// Believes the lowest stratum, whatever the others say.
    TrustStratum,
}
