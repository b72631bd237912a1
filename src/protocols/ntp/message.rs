//! What nodes say.
use serde::{Deserialize, Serialize};

use crate::sim::{NodeId, Reading, Time};

/// A message. Who sent it stands on the envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Msg {
    /// What time is it?
    Request {
        /// The asker's hardware clock (T1).
        sent: Reading,
    },
    /// It is this time.
    Response {
        /// T1, as it was in the question.
        sent: Reading,
        /// When the question arrived (T2), and, as a question is answered at once, when the answer left (T3).
        at: Reading,
        /// How far from a reference it is.
        stratum: u8,
        /// The round trip to the reference, in nanoseconds.
        root_delay: Time,
        /// How far the time can be off besides, in nanoseconds.
        root_dispersion: Time,
        /// Whom it has the time from.
        upstream: Option<NodeId>,
    },
}

/// A timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timer {
    /// The next poll is due.
    Poll,
}
