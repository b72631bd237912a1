//! What a node is told when it is set up, and the ways to set it up wrong on purpose.
use serde::{Deserialize, Serialize};

use crate::sim::{NodeId, Time};

/// How nodes agree on who is next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// Every node keeps the queue of all requests: 3(n - 1) messages for each entry, on channels that keep their order.
    #[default]
    Lamport,
    /// A node answers a request when it has no earlier one: 2(n - 1) messages for each entry, on any channels.
    RicartAgrawala,
}

/// How a node is set up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// All who may enter, this node included or not.
    pub peers: Vec<NodeId>,
    /// How they agree.
    pub algorithm: Algorithm,
    /// How long a workload's request keeps the critical section, in nanoseconds.
    pub hold: Time,
    /// The rule this node breaks: for testing the tests.
    pub mutant: Option<Mutant>,
}

impl Default for Config {
    fn default() -> Self {
        Self { peers: Vec::new(), algorithm: Algorithm::Lamport, hold: 1_000_000, mutant: None }
    }
}

impl Config {
    pub(super) fn breaks(&self, rule: Mutant) -> bool {
        self.mutant == Some(rule)
    }
}

/// A rule to break. Each names the one line that guards it, by `breaks(..)` next to the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mutant {
    /// Enters when its own request is the first it knows of, without having heard from all (Lamport).
    EnterWithoutAcks,
    /// Enters when it has heard from all, whatever the queue says (Lamport).
    IgnoreQueue,
    /// Answers a request though it is in the critical section (Ricart and Agrawala).
    AnswerInside,
    /// Takes requests with equal counters for one as early as the other (Ricart and Agrawala).
    IgnoreTies,
    /// Does not remember that it has been up before.
    ForgetRestart,
}
