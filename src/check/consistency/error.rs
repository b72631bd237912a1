//! What a judge cannot judge.
use std::sync::Arc;

use thiserror::Error;

use super::model::Model;

/// Why a history cannot be held against a model. (A history that merely breaks it gets a verdict.)
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Error {
    /// The specification does not know this kind of operation.
    #[error("operation {row} ({what}): `{spec}` has no operation `{kind}`; it has {allowed}")]
    UnknownKind {
        /// Which operation.
        row: usize,
        /// The operation in words.
        what: String,
        /// The specification.
        spec: String,
        /// The kind it does not have.
        kind: Arc<str>,
        /// The kinds it has.
        allowed: String,
    },
    /// An operation of a known kind, but with something that it cannot have.
    #[error("operation {row} ({what}): {problem}")]
    BadOperation {
        /// Which operation.
        row: usize,
        /// The operation in words.
        what: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// The model says nothing about such histories.
    #[error("{model} is not defined for {what}; {hint}")]
    NotDefined {
        /// The model.
        model: Model,
        /// What it is not defined for.
        what: String,
        /// What to do instead.
        hint: String,
    },
    /// A user's specification failed; what it raised is known to who called.
    #[error("the specification failed at operation {row}")]
    Specification {
        /// The operation it was given.
        row: usize,
    },
}
