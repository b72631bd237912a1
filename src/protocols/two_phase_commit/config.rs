//! What a node is told when it is set up, and the ways to set it up wrong on purpose.
use serde::{Deserialize, Serialize};

use crate::sim::{NodeId, Span, Time};

const MILLISECOND: Time = 1_000_000;

/// How coordinators and participants are set up; the same for all of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether a coordinator keeps no record of a transaction until it commits: without a record it was aborted.
    pub presumed_abort: bool,
    /// Whether participants acknowledge decisions, so that the coordinator repeats one until all have it.
    pub acks: bool,
    /// Whether a participant in doubt asks the other participants too.
    pub cooperative: bool,
    /// How long a coordinator waits for votes.
    pub vote_timeout: Span,
    /// How long a participant that has work waits to be asked for its vote.
    pub prepare_timeout: Span,
    /// How long a participant that has voted YES waits for the decision before it asks; it asks as often.
    pub decision_timeout: Span,
    /// How long a coordinator waits for acknowledgements before it repeats a decision.
    pub ack_timeout: Span,
    /// How often, in a million, a participant votes NO though it could commit.
    pub no_per_million: u32,
    /// The rule this node breaks: for testing the tests.
    pub mutant: Option<Mutant>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            presumed_abort: false,
            acks: false,
            cooperative: false,
            vote_timeout: Span::exactly(100 * MILLISECOND),
            prepare_timeout: Span::exactly(200 * MILLISECOND),
            decision_timeout: Span::exactly(100 * MILLISECOND),
            ack_timeout: Span::exactly(100 * MILLISECOND),
            no_per_million: 0,
            mutant: None,
        }
    }
}

/// How a client is set up. Only the coordinator must be given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientConfig {
    /// Who coordinates its transactions.
    pub coordinator: NodeId,
    /// Where the data of its workloads lies.
    #[serde(default)]
    pub participants: Vec<NodeId>,
    /// How many participants a transaction of a workload touches.
    #[serde(default = "width")]
    pub width: u32,
    /// How long it waits for the result before it asks for it; none: for ever.
    #[serde(default = "retry")]
    pub retry: Option<Span>,
}

impl ClientConfig {
    /// The usual setting for a client of `coordinator`.
    pub fn new(coordinator: NodeId, participants: Vec<NodeId>) -> Self {
        Self { coordinator, participants, width: width(), retry: retry() }
    }
}

fn width() -> u32 {
    2
}
fn retry() -> Option<Span> {
    Some(Span::exactly(500 * MILLISECOND))
}

/// A rule to break. Each names the one line that guards it, by `breaks(..)` next to the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mutant {
    /// A participant that comes up again has forgotten its votes.
    ForgetVote,
    /// A coordinator that comes up again has forgotten its decisions.
    ForgetDecision,
    /// A participant's YES leaves before it is on disk.
    VoteBeforeSync,
    /// A coordinator's decision leaves before it is on disk.
    DecideBeforeSync,
    /// A participant that voted YES aborts when the decision does not come.
    AbortAfterYes,
    /// A participant that has aborted alone votes YES when it is asked later.
    VoteAfterAbort,
    /// A coordinator takes missing votes for YES.
    CommitWithoutAllVotes,
    /// A participant in doubt that is asked by another one says that the transaction was aborted.
    GuessAbort,
    /// A participant releases its locks when it has voted.
    UnlockEarly,
    /// A participant that comes up again does not lock again what it is in doubt about.
    ForgetLocks,
}
