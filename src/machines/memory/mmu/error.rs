//! What the machine refuses.
use serde::Serialize;
use thiserror::Error;

use super::space::SpaceId;
use crate::sim::Invalid;

/// Why an access is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Denial {
    /// A write to a page that may only be read.
    ReadOnly,
    /// A page that only the system may touch.
    Supervisor,
    /// A fetch from a page that holds no instructions.
    NotExecutable,
    /// An address whose upper bits do not repeat the highest bit in use.
    NonCanonical,
    /// Nothing is there.
    Unmapped,
}

/// What the machine refuses.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum Error {
    /// A parameter outside of what is allowed.
    #[error(transparent)]
    Invalid(Box<Invalid>),
    /// There is no such process, or no longer.
    #[error("no process {0}")]
    NoProcess(SpaceId),
    /// A page needs room, and there is none.
    #[error("out of {what}")]
    OutOfMemory {
        /// What there is too little of.
        what: &'static str,
    },
}

impl From<Invalid> for Error {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(Box::new(invalid))
    }
}
