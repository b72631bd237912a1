//! What a Merkle tree refuses.
use thiserror::Error;

use super::key::Key;
use crate::sim::Invalid;

/// What a Merkle tree refuses.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Error {
    /// A parameter outside of what is allowed.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// There is no such key.
    #[error("the key is not in the tree")]
    Missing,
    /// A key that the tree's range does not cover.
    #[error("the key is at position {position}, outside of the tree's range from {first} to {last}")]
    Outside {
        /// Which.
        key: Key,
        /// Where it is on the ring.
        position: u128,
        /// The first position of the range.
        first: u128,
        /// The last one.
        last: u128,
    },
    /// Two trees that cannot be compared: nodes at the same place stand for different things.
    #[error("trees of different {what}: {ours} and {theirs}")]
    Mismatch {
        /// In what they differ.
        what: &'static str,
        /// What this tree has.
        ours: String,
        /// What the other one has.
        theirs: String,
    },
}
