//! What nodes say, and what they can be asked.
use serde::{Deserialize, Serialize};

use crate::machines::clocks::Lamport;
use crate::sim::{Label, NodeId, Time};

/// When something happened, in an order that all agree on.
pub type Stamp = Lamport<NodeId>;

/// A message. Who sent it stands on the envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Msg {
    /// Somebody wants to enter.
    Request {
        /// When it asked.
        stamp: Stamp,
    },
    /// The request has arrived (Lamport); or: as far as I am concerned, enter (Ricart and Agrawala).
    Ack {
        /// The sender's clock.
        stamp: Stamp,
        /// The counter of the request that is answered.
        request: u64,
    },
    /// The one inside has left (Lamport).
    Release {
        /// The sender's clock.
        stamp: Stamp,
        /// The counter of the request that is done.
        request: u64,
    },
}

impl Msg {
    /// The sender's clock.
    pub fn stamp(&self) -> Stamp {
        match self {
            Self::Request { stamp } | Self::Ack { stamp, .. } | Self::Release { stamp, .. } => *stamp,
        }
    }
}

/// A timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timer {
    /// It is time to leave the critical section.
    Leave,
}

/// What a node can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Call {
    /// To enter the critical section; answered when it is inside.
    Acquire,
    /// To leave it again.
    Release,
    /// To enter it, to stay for a time, and to leave it; answered when it has left.
    Enter {
        /// How long, in nanoseconds.
        hold: Time,
    },
}

/// What the asker is told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// It is inside.
    Granted {
        /// When it asked.
        stamp: Stamp,
    },
    /// It has left.
    Released {
        /// When it had asked.
        stamp: Stamp,
    },
    /// Not possible now.
    Refused {
        /// Why.
        reason: Label,
    },
}
