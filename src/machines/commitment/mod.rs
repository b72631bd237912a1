//! What the participants of an atomic commitment hold, whichever protocol commits: names of transactions, the work
//! they do at one node, what that work would write and must lock, and the records that survive a crash.
mod describe;
mod ledger;
mod locks;
mod work;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::sim::NodeId;

pub use describe::{compose, describe};
pub use ledger::{Collecting, Ledger, Open, Settled, Write};
pub use locks::Locks;
pub use work::{Key, Op, Part, Staged, Values, stage};

/// The name of a transaction: which client began it, and which of that client's it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Txn {
    /// The client.
    pub client: NodeId,
    /// Which of its transactions; never used twice, even after a crash.
    pub seq: u64,
}

impl Txn {
    /// The `count`-th transaction (from 1) of a client that has come up `incarnation` times.
    pub fn new(client: NodeId, incarnation: u32, count: u32) -> Self {
        Self { client, seq: (u64::from(incarnation.max(1) - 1) << 32) | u64::from(count) }
    }

    /// One number for the whole name, for notes: client (16 bits), incarnation (16), count (32). Names of worlds
    /// beyond that share numbers.
    pub fn number(self) -> u64 {
        (u64::from(self.client.0) << 48) | (self.seq & 0xffff_ffff_ffff)
    }
}

/// As `client.count`, or `client.incarnation.count` after the client's first crash.
impl fmt::Display for Txn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (incarnation, count) = ((self.seq >> 32) + 1, self.seq & 0xffff_ffff);
        match incarnation {
            1 => write!(f, "{}.{count}", self.client.0),
            _ => write!(f, "{}.{incarnation}.{count}", self.client.0),
        }
    }
}

/// Who takes part in a transaction, the coordinator aside, in the order in which the client named them.
pub type Participants = Arc<[NodeId]>;

/// What a transaction read, in the order of its operations, those that tell nothing left out.
pub type Answers = Arc<[crate::sim::Value]>;

/// How a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Everywhere.
    Commit,
    /// Nowhere.
    Abort,
}
