//! What can go wrong with a world.
use serde::{Deserialize, Serialize};

use super::invalid::Invalid;
use super::protocol::{Label, NodeId, Time};

/// Why a world refused or stopped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A parameter makes no sense.
    #[error(transparent)]
    Parameter(#[from] Invalid),
    /// No node has this id.
    #[error("no node {id}: there are {count} nodes")]
    UnknownNode {
        /// What was given.
        id: u32,
        /// How many nodes there are.
        count: u32,
    },
    /// Nothing with this id waits.
    #[error("nothing with id {id} is pending")]
    NotPending {
        /// What was given.
        id: u64,
    },
    /// The node is not in the state that this needs.
    #[error("node {name}: {why}")]
    Node {
        /// Which node.
        name: String,
        /// What is wrong, in words.
        why: String,
    },
    /// An invariant does not hold.
    #[error("{0}")]
    Invariant(Box<Violation>),
    /// Time does not move: nodes keep each other busy at one instant.
    #[error(
        "time stands still at {time} ns: {events} events in one instant, the last one {event} at node {name}"
    )]
    Livelock {
        /// The instant.
        time: Time,
        /// How many events were handled in it.
        events: u64,
        /// The last event.
        event: Label,
        /// Whose it was.
        name: String,
    },
    /// More than the limits allow is waiting or was sent.
    #[error("node {name} handling {event} at {time} ns: {what} exceed the limit of {limit}")]
    Budget {
        /// The instant.
        time: Time,
        /// What there is too much of.
        what: String,
        /// How much is allowed.
        limit: u64,
        /// The event that went over.
        event: Label,
        /// Whose it was.
        name: String,
    },
    /// The world moves only by hand.
    #[error("this cluster is in manual mode: deliver events by hand, or leave manual mode")]
    Manual,
}

impl Error {
    /// A parameter that makes no sense.
    pub fn parameter(name: impl Into<String>, value: impl ToString, allowed: &'static str) -> Self {
        Self::Parameter(Invalid::new(name, value, allowed))
    }

    pub(super) fn unknown(id: NodeId, count: usize) -> Self {
        Self::UnknownNode { id: id.0, count: count as u32 }
    }
}

/// An invariant that did not hold, with all it takes to see it again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{invariant} violated at step {step}, {time} ns, seed {seed}: {detail}")]
pub struct Violation {
    /// Which invariant.
    pub invariant: Label,
    /// What was seen, in words.
    pub detail: String,
    /// The world's seed.
    pub seed: u64,
    /// How many events had been handled, this one included.
    pub step: u64,
    /// The world's time.
    pub time: Time,
    /// The node whose step broke it.
    pub node: NodeId,
}
