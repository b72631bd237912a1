//! What a node is told when it is set up, and the ways to set it up wrong on purpose.
use serde::{Deserialize, Serialize};

use crate::sim::{Span, Time};

const MILLISECOND: Time = 1_000_000;

/// How coordinators and participants are set up; the same for all of them.
///
/// The protocol is safe only if a silent node is a crashed one: a round trip of messages, with what the disks take,
/// is shorter than `poll_timeout` and `ack_timeout`, and a coordinator that is up has moved on before
/// `decision_timeout` is over.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether participants acknowledge decisions, so that the coordinator repeats one until all have it.
    pub acks: bool,
    /// Whether a coordinator aborts when an acknowledgement of a pre-commit does not come: the notes' wording.
    /// Otherwise it commits: all have voted YES, and who is silent has crashed.
    pub abort_on_missing_ack: bool,
    /// How long a coordinator waits for votes.
    pub vote_timeout: Span,
    /// How long a participant that has work waits to be asked for its vote.
    pub prepare_timeout: Span,
    /// How long a coordinator waits for acknowledgements.
    pub ack_timeout: Span,
    /// How long a participant in doubt hears nothing before it asks the others.
    pub decision_timeout: Span,
    /// How long it waits for what the others say.
    pub poll_timeout: Span,
    /// How often, in a million, a participant votes NO though it could commit.
    pub no_per_million: u32,
    /// The rule this node breaks: for testing the tests.
    pub mutant: Option<Mutant>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            acks: false,
            abort_on_missing_ack: false,
            vote_timeout: Span::exactly(100 * MILLISECOND),
            prepare_timeout: Span::exactly(300 * MILLISECOND),
            ack_timeout: Span::exactly(100 * MILLISECOND),
            decision_timeout: Span::exactly(300 * MILLISECOND),
            poll_timeout: Span::exactly(100 * MILLISECOND),
            no_per_million: 0,
            mutant: None,
        }
    }
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
    /// A coordinator takes missing votes for YES.
    CommitWithoutAllVotes,
    /// A participant in doubt decides by what it knows alone: commit if it has the pre-commit, else abort.
    ResolveAlone,
    /// Who resolves commits without passing on the pre-commit first.
    SkipPrecommit,
    /// Who resolves also counts those that have been down.
    CountRecovered,
    /// A participant that comes up again in doubt decides by what it knows alone.
    RecoverAlone,
}
