//! What nodes say, and what clients can be asked.
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::machines::commitment::{Answers, Decision, Op, Part, Participants, Txn};
use crate::sim::Label;

/// A message. Who sent it stands on the envelope.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Msg {
    /// A client gives a participant its part of a transaction.
    Work {
        /// The transaction.
        txn: Txn,
        /// The participant's operations.
        ops: Arc<[Op]>,
    },
    /// A client asks the coordinator to commit a transaction, or how it ended.
    Start {
        /// The transaction.
        txn: Txn,
        /// The incarnation of the coordinator in which the transaction may begin.
        epoch: u32,
        /// Who takes part.
        participants: Participants,
    },
    /// The coordinator asks for a vote.
    Prepare {
        /// The transaction.
        txn: Txn,
        /// Who takes part.
        participants: Participants,
    },
    /// A participant votes.
    Vote {
        /// The transaction.
        txn: Txn,
        /// Whether it can commit.
        yes: bool,
        /// What it read.
        answers: Answers,
    },
    /// The transaction commits.
    Commit {
        /// The transaction.
        txn: Txn,
    },
    /// The transaction is aborted.
    Abort {
        /// The transaction.
        txn: Txn,
    },
    /// A participant knows the decision.
    Ack {
        /// The transaction.
        txn: Txn,
    },
    /// A participant in doubt asks for the decision.
    Ask {
        /// The transaction.
        txn: Txn,
    },
    /// The coordinator tells the client how its transaction ended.
    Result {
        /// The transaction.
        txn: Txn,
        /// How.
        decision: Decision,
        /// What the participants read.
        answers: Answers,
        /// The coordinator's incarnation.
        epoch: u32,
    },
}

/// A timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timer {
    /// The coordinator waits for votes.
    Votes(Txn),
    /// The coordinator waits for acknowledgements.
    Acks(Txn),
    /// A participant waits to be asked for its vote, or for the work to vote about.
    Prepare(Txn),
    /// A participant waits for the decision.
    Decision(Txn),
    /// A client waits for the result.
    Retry(Txn),
}

/// What a client can be asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Call {
    /// To carry out a transaction.
    Transact {
        /// What it does at each participant, none of them twice.
        parts: Arc<[Part]>,
    },
}

/// What the asker is told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// The transaction took effect.
    Committed {
        /// Its name.
        txn: Txn,
        /// What it read, in the order of its parts and their operations.
        answers: Answers,
    },
    /// The transaction did not take effect, and never will.
    Aborted {
        /// Its name.
        txn: Txn,
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
        assert!(size_of::<Msg>() <= 48, "{}", size_of::<Msg>());
    }
}
