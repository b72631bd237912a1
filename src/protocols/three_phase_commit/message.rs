//! What nodes say.
use serde::{Deserialize, Serialize};

use crate::machines::commitment::{Answers, Participants, Txn};
use crate::protocols::two_phase_commit as two_phase;

/// A message. Who sent it stands on the envelope.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Msg {
    /// What clients say and hear, as in two-phase commit: work, start, result.
    Client(two_phase::Msg),
    /// The coordinator asks for a vote.
    CanCommit {
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
    /// Everybody has voted YES.
    PreCommit {
        /// The transaction.
        txn: Txn,
    },
    /// A participant knows that everybody has voted YES.
    PreAck {
        /// The transaction.
        txn: Txn,
    },
    /// The transaction commits.
    DoCommit {
        /// The transaction.
        txn: Txn,
    },
    /// The transaction is aborted.
    Abort {
        /// The transaction.
        txn: Txn,
    },
    /// A participant has committed.
    HaveCommitted {
        /// The transaction.
        txn: Txn,
    },
    /// Somebody in doubt asks what the receiver knows.
    Poll {
        /// The transaction.
        txn: Txn,
    },
    /// A participant is in doubt too.
    State {
        /// The transaction.
        txn: Txn,
        /// What it knows.
        standing: Standing,
    },
}

/// What a participant in doubt knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Standing {
    /// That everybody has voted YES.
    pub precommitted: bool,
    /// That it has been down since it voted: others may have decided without it.
    pub recovered: bool,
}

/// A timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timer {
    /// A client's.
    Client(two_phase::Timer),
    /// The coordinator waits for votes.
    Votes(Txn),
    /// The coordinator waits for acknowledgements of the pre-commit.
    PreAcks(Txn),
    /// The coordinator waits for acknowledgements of the decision.
    Acks(Txn),
    /// A participant waits to be asked for its vote, or for the work to vote about.
    Prepare(Txn),
    /// Somebody in doubt waits to be told more, before asking.
    Decision(Txn),
    /// Somebody in doubt has asked, and waits for what the others say.
    Round(Txn),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_small() {
        assert!(size_of::<Msg>() <= 56, "{}", size_of::<Msg>());
    }
}
