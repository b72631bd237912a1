//! What nodes say, and what they can be asked.
use serde::{Deserialize, Serialize};

use crate::sim::{Label, OpId, Reading, Time};

/// A message. Who sent it stands on the envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Msg {
    /// What time is it?
    Ask {
        /// The asker's hardware clock.
        sent: Reading,
    },
    /// It is between these times.
    Tell {
        /// The asker's clock, as it was in the question.
        sent: Reading,
        /// The middle of what the master knows.
        time: Reading,
        /// How far that can be off, in nanoseconds.
        epsilon: Time,
    },
}

/// A timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timer {
    /// It is time to ask the masters.
    Poll,
    /// No more answers are waited for.
    Collect,
    /// A wait may be over.
    Wait(OpId),
}

/// What a node can be asked. Times are in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Call {
    /// What time is it?
    Now,
    /// Has this time passed for certain?
    After {
        /// Which.
        time: Reading,
    },
    /// Has this time certainly not come yet?
    Before {
        /// Which.
        time: Reading,
    },
    /// Answer when this time has passed for certain.
    CommitWait {
        /// Which.
        stamp: Reading,
    },
    /// Give a stamp that no other node has passed, and answer when all have.
    Commit,
}

/// What the asker is told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// True time is between these two, both included.
    Now {
        /// The earliest it can be.
        earliest: Reading,
        /// The latest it can be.
        latest: Reading,
    },
    /// Whether it is so for certain.
    Certain {
        /// Whether.
        holds: bool,
    },
    /// The time has passed for certain.
    Waited {
        /// Which.
        stamp: Reading,
    },
    /// It does not know.
    Refused {
        /// Why.
        reason: Label,
    },
}
