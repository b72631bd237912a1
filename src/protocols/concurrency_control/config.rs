//! What all nodes are told when they are set up, and the ways to set them up wrong on purpose.
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::machines::locks::{Prevention, Victim};
use crate::machines::serial::Policy;
use crate::sim::{NodeId, Span, Time};

const MILLISECOND: Time = 1_000_000;

/// How a cluster is set up. Only the servers, the coordinator and the control must be given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The data servers (DB): each keeps a share of the keys.
    pub servers: Vec<NodeId>,
    /// The transaction coordinator (TC).
    pub coordinator: NodeId,
    /// What keeps transactions apart.
    pub control: Control,
    /// Where some keys are kept; the others are spread by a hash of their names.
    #[serde(default)]
    pub placement: BTreeMap<Arc<str>, NodeId>,
    /// How long anybody waits for an answer before it asks again; none: nobody ever does.
    #[serde(default = "retry")]
    pub retry: Option<Span>,
    /// How often servers ask whether those who have locks are still there, and how transactions ended whose
    /// outcome they wait for; none: never.
    #[serde(default = "sweep")]
    pub sweep: Option<Span>,
    /// How often a coordinator asks for a vote in vain before it aborts.
    #[serde(default = "patience")]
    pub patience: u32,
    /// How often a client tries a transaction that is aborted; none: for ever.
    #[serde(default = "attempts")]
    pub attempts: Option<u32>,
    /// How long a client waits before it tries again.
    #[serde(default = "backoff")]
    pub backoff: Span,
    /// How many transactions a client has under way at once; the others queue.
    #[serde(default = "max_lanes")]
    pub max_lanes: u32,
    /// The rule that is broken: for testing the tests.
    #[serde(default)]
    pub mutant: Option<Mutant>,
}

/// What keeps transactions apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Control {
    /// Nothing: every access takes effect at once, where it is made.
    Nothing,
    /// Centralized OCC: the coordinator validates by the graph of dependencies.
    Graph {
        /// Who has to go if there is a cycle.
        #[serde(default)]
        policy: Policy,
        /// How long transactions are gathered to be validated together, in nanoseconds; 0: each by itself.
        #[serde(default)]
        batch: Time,
    },
    /// Distributed OCC: each server validates its part in the order of timestamps.
    Timestamp,
    /// Strict two-phase locking.
    Locking {
        /// What is done about deadlocks.
        deadlock: Deadlock,
    },
}

/// What is done about deadlocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Deadlock {
    /// The coordinator hears from all servers who waits for whom, and aborts one of each cycle.
    Detect {
        /// Which one.
        #[serde(default)]
        victim: Victim,
    },
    /// The older aborts the younger that is in its way.
    WoundWait,
    /// The younger aborts itself rather than wait for the older.
    WaitDie,
    /// Whoever has waited this long aborts itself.
    Timeout {
        /// How long.
        after: Span,
    },
}

impl Deadlock {
    /// What the lock tables have to do about them.
    pub fn prevention(self) -> Prevention {
        match self {
            Self::WoundWait => Prevention::WoundWait,
            Self::WaitDie => Prevention::WaitDie,
            Self::Detect { .. } | Self::Timeout { .. } => Prevention::Nothing,
        }
    }
}

impl Config {
    /// The usual setting.
    pub fn new(servers: Vec<NodeId>, coordinator: NodeId, control: Control) -> Self {
        Self {
            servers,
            coordinator,
            control,
            placement: BTreeMap::new(),
            retry: retry(),
            sweep: sweep(),
            patience: patience(),
            attempts: attempts(),
            backoff: backoff(),
            max_lanes: max_lanes(),
            mutant: None,
        }
    }

    /// The server that keeps a key. There must be a server.
    pub fn server_of(&self, key: &str) -> NodeId {
        self.placement.get(key).copied().unwrap_or_else(|| {
            // Fowler, Noll and Vo's hash (FNV-1a): the same on every machine.
            let hash = key
                .bytes()
                .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
            self.servers[hash as usize % self.servers.len()]
        })
    }

    /// What is done about deadlocks, where there are locks.
    pub fn deadlock(&self) -> Option<Deadlock> {
        match self.control {
            Control::Locking { deadlock } => Some(deadlock),
            _ => None,
        }
    }

    pub(super) fn breaks(&self, rule: Mutant) -> bool {
        self.mutant == Some(rule)
    }
}

fn retry() -> Option<Span> {
    Some(Span { min: 50 * MILLISECOND, max: 100 * MILLISECOND })
}
fn sweep() -> Option<Span> {
    Some(Span { min: 100 * MILLISECOND, max: 150 * MILLISECOND })
}
fn patience() -> u32 {
    10
}
fn attempts() -> Option<u32> {
    Some(1)
}
fn backoff() -> Span {
    Span { min: MILLISECOND, max: 10 * MILLISECOND }
}
fn max_lanes() -> u32 {
    1024
}

/// A rule to break. Each names the one line that guards it, by `breaks(..)` next to the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mutant {
    /// Centralized OCC does not ask whether what was read is still there.
    SkipReadValidation,
    /// A batch is validated without its reads: everything in it has an order.
    SkipGraph,
    /// A server validates by timestamps without looking at transactions whose outcome is open.
    SkipPending,
    /// A server validates a write by timestamps without asking who has read what it replaces.
    SkipReaders,
    /// Locks for reading are given back as soon as the value is read.
    UnlockEarly,
    /// Who shares a lock writes without having it alone.
    SkipUpgrade,
    /// A server votes for a transaction that it has killed.
    IgnoreWound,
    /// Who has waited long for a lock goes on without it.
    TimeoutWithoutAbort,
    /// The vote leaves before it is on disk.
    VoteBeforeSync,
    /// The coordinator commits at the first vote.
    CommitOnFirstVote,
}
