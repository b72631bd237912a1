//! What the nodes say, and what a client can be asked.
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::program::{Need, Op, Reason, Version};
use crate::machines::serial::{Footprint, Policy, Verdict};
use crate::sim::{Label, NodeId, Value};

/// A transaction: one attempt of one. The order is by seniority; every attempt keeps the age of the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TxnId {
    /// A logical time: later than whatever its client had heard of when it began.
    pub age: u32,
    /// Whose it is.
    pub client: NodeId,
    /// On which of the client's lanes.
    pub lane: u32,
    /// How often the client had come up.
    pub incarnation: u32,
    /// Which attempt.
    pub attempt: u32,
}

impl TxnId {
    /// Where it is in the order of its lane.
    pub fn place(&self) -> (u32, u32, u32) {
        (self.incarnation, self.age, self.attempt)
    }

    /// Its lane: one transaction after the other.
    pub fn session(&self) -> (NodeId, u32) {
        (self.client, self.lane)
    }
}

/// The name of a commit round, and in timestamp order its timestamp. Unique, and ascending with time.
pub type Serial = u64;

/// What a key holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Item {
    /// The value.
    pub value: Value,
    /// Which version: 0 was never written.
    pub version: Version,
}

/// What a transaction did, to be validated and carried out.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Body {
    /// Which versions it read.
    pub reads: Vec<(Arc<str>, Version)>,
    /// What it would write.
    pub writes: Vec<(Arc<str>, Value)>,
    /// The servers that gave it locks, with the incarnation of each at that time.
    pub epochs: Vec<(NodeId, u32)>,
}

/// The part of a transaction that one server has to do with.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Share {
    /// Which versions it read here.
    pub reads: Vec<(Arc<str>, Version)>,
    /// What it would write here.
    pub writes: Vec<(Arc<str>, Value)>,
    /// The server's incarnation when it gave the locks.
    pub epoch: u32,
}

/// How a transaction ended: committed, or aborted for a reason.
pub type End = Result<(), Reason>;

/// Who waits for whom at one server.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Report {
    /// The server's incarnation, and which of its reports: the latest counts.
    pub number: (u32, u32),
    /// Pairs of one who waits and one he waits for.
    pub pairs: Vec<(TxnId, TxnId)>,
    /// How many locks those in the pairs have here.
    pub locks: Vec<(TxnId, u32)>,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Msg {
    /// Client to server: a transaction needs something of a key.
    Access {
        /// Which transaction.
        txn: TxnId,
        /// Which of its accesses.
        step: u32,
        /// The key.
        key: Arc<str>,
        /// What it needs.
        need: Need,
    },
    /// Server to client: it has it.
    Answer {
        /// Which transaction.
        txn: TxnId,
        /// Which of its accesses.
        step: u32,
        /// The server's incarnation.
        epoch: u32,
        /// The highest age the server has heard of.
        clock: u32,
        /// What the key holds.
        item: Arc<Item>,
    },
    /// Server to client: the transaction has no locks here, or no longer.
    Refused {
        /// Which transaction.
        txn: TxnId,
        /// Why.
        reason: Reason,
    },
    /// Coordinator to client: the transaction has to die to break a deadlock.
    Doomed {
        /// Which transaction.
        txn: TxnId,
    },
    /// Client to server: the transaction is over without a commit.
    Release {
        /// Which transaction.
        txn: TxnId,
    },
    /// Server to client: is the transaction still under way?
    Probe {
        /// Which transaction.
        txn: TxnId,
    },
    /// Client to server: it is.
    Alive {
        /// Which transaction.
        txn: TxnId,
    },
    /// Client to coordinator: a transaction is through, and wants to commit.
    Commit {
        /// Which transaction.
        txn: TxnId,
        /// What it did.
        body: Arc<Body>,
    },
    /// Coordinator to client: how it ended.
    Outcome {
        /// Which transaction.
        txn: TxnId,
        /// How.
        end: End,
    },
    /// Coordinator to server: could a transaction commit here?
    Prepare {
        /// Which round.
        serial: Serial,
        /// Which transaction.
        txn: TxnId,
        /// Its part here.
        share: Arc<Share>,
    },
    /// Server to coordinator: whether it could.
    Vote {
        /// Which round.
        serial: Serial,
        /// Yes, or why not.
        vote: End,
    },
    /// Coordinator to server: how a transaction ended that was prepared here.
    Decide {
        /// Which round.
        serial: Serial,
        /// Which transaction.
        txn: TxnId,
        /// Whether it committed.
        commit: bool,
    },
    /// Coordinator to server, in centralized OCC: the writes of a transaction that committed.
    Install {
        /// Which round.
        serial: Serial,
        /// What keys hold now, unless they hold something newer.
        items: Arc<[(Arc<str>, Arc<Item>)]>,
    },
    /// Server to coordinator: a commit is carried out.
    Done {
        /// Which round.
        serial: Serial,
    },
    /// Server to coordinator: how did a transaction end that is prepared here?
    Inquire {
        /// Which round.
        serial: Serial,
        /// Which transaction.
        txn: TxnId,
    },
    /// Server to coordinator: who waits for whom.
    Waits {
        /// Who.
        report: Arc<Report>,
    },
}

/// A timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timer {
    /// A client has waited long for an answer on this lane.
    Retry(u32),
    /// A client has waited too long for a lock on this lane.
    Patience(u32),
    /// A client may try again on this lane.
    Backoff(u32),
    /// A coordinator asks again.
    Resend,
    /// A coordinator validates what it has gathered.
    Batch,
    /// A server asks what has become of those it knows.
    Sweep,
}

/// What a node can be asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Call {
    /// Of a client: to carry out a transaction.
    Run {
        /// Its operations, in order.
        ops: Vec<Op>,
    },
    /// Of a coordinator: to validate transactions, and nothing else.
    Validate {
        /// What each read and would write.
        batch: Vec<Footprint>,
        /// Who has to go if there is a cycle.
        policy: Policy,
    },
}

/// What the asker is told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// All of the transaction took effect.
    Committed {
        /// What was read and written, as a history shows it.
        accesses: Value,
        /// How many attempts it took.
        attempts: u32,
    },
    /// Nothing of it took effect. (Without control, what was written stays.)
    Aborted {
        /// Why.
        reason: Reason,
        /// What was read and would have been written, as a history shows it.
        accesses: Value,
        /// How many attempts there were.
        attempts: u32,
    },
    /// What a validation says.
    Validated {
        /// What it says.
        verdict: Verdict,
    },
    /// The question makes no sense here.
    Refused {
        /// Why.
        reason: Label,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_small() {
        assert!(size_of::<Msg>() <= 56, "{}", size_of::<Msg>());
    }
}
