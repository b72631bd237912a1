//! What a node is told when it is set up, and the ways to set it up wrong on purpose.
use serde::{Deserialize, Serialize};

use crate::sim::{NodeId, Reading, Span, Time};

const SECOND: Time = 1_000_000_000;

/// What a node has the time from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A master with a GPS receiver: its hardware is right to within `epsilon`, always.
    Gps,
    /// A master with an atomic clock ("Armageddon"): right to within `epsilon` when it starts, and drifting slowly.
    Atomic,
    /// A machine's daemon: knows what masters tell it.
    #[default]
    Daemon,
}

/// How a node is set up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What it has the time from.
    pub kind: Kind,
    /// The masters that it asks. A GPS master only compares itself with them.
    pub sources: Vec<NodeId>,
    /// How often it asks.
    pub poll: Span,
    /// How long it waits for answers.
    pub patience: Span,
    /// Of a master: how far its hardware can be off when it starts, in nanoseconds.
    pub epsilon: Time,
    /// How far true time and its hardware can drift apart, in nanoseconds for each second that the hardware counts.
    pub drift_ppb: u32,
    /// The rule this node breaks: for testing the tests.
    pub mutant: Option<Mutant>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            kind: Kind::Daemon,
            sources: Vec::new(),
            poll: Span::exactly(30 * SECOND),
            patience: Span::exactly(SECOND),
            epsilon: 0,
            drift_ppb: 200_000,
            mutant: None,
        }
    }
}

impl Config {
    /// How far true time and the hardware can drift apart from one reading to a later one.
    pub fn drift(&self, from: Reading, to: Reading) -> Time {
        if self.kind == Kind::Gps || self.breaks(Mutant::NoDrift) {
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
    /// A commit waits half as long as it must.
    HalfWait,
    /// A commit does not wait.
    NoWait,
    /// What is known does not age.
    NoDrift,
    /// The way from the master takes no time.
    NoDelay,
    /// Every master is believed: liars too.
    BelieveAll,
}
