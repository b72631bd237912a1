//! Why a world cannot be explored any further.
use thiserror::Error;

/// What went wrong in the middle of an exploration.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Failure<E> {
    /// A handler looked at its clock.
    #[error(
        "node {node} reads its clock in {handler}, and exploring knows no time: let clocks stand still \
         (clock: frozen), or do without"
    )]
    Clock {
        /// Whose handler.
        node: String,
        /// Which, and for what.
        handler: String,
    },
    /// A handler asked more than can be tried.
    #[error("node {node} makes choices in {handler} with more than {limit} ways to go on")]
    Choices {
        /// Whose handler.
        node: String,
        /// Which, and for what.
        handler: String,
        /// How many ways are tried at most.
        limit: usize,
    },
    /// A handler did more than the world allows.
    #[error("node {node}: effects of {handler} exceed the limit of {limit}")]
    Effects {
        /// Whose handler.
        node: String,
        /// Which, and for what.
        handler: String,
        /// How many are allowed.
        limit: u64,
    },
    /// A node has more timers than can be put in order.
    #[error("node {node} has more than {limit} timers armed at once after {handler}")]
    Timers {
        /// Whose.
        node: String,
        /// After which handler.
        handler: String,
        /// How many there may be.
        limit: usize,
    },
    /// A crash could take more messages with it than there are subsets to try.
    #[error(
        "node {node} has {count} messages under way; a crash tries every subset of at most {limit}: do without \
         partial_sends"
    )]
    Subsets {
        /// Whose.
        node: String,
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// Invariants remember earlier steps, and nodes with them.
    #[error(
        "invariants that remember earlier steps cannot tell alike nodes from each other: explore without \
         symmetry, or look at other invariants"
    )]
    Remembers,
    /// What a user claims could not be looked at, or a handler failed in a way that only the user's side knows.
    #[error("{0}")]
    Judge(E),
}
