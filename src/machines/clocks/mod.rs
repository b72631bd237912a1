//! Clocks as values: what a stamp says about the order of two events, what an exchange says about another clock, how a
//! clock is set right, and what several of them agree on.
//!
//! Notes 1.3 and 2.13; Lamport 1978, Mattern 1989 and Fidge 1988, Kulkarni et al. 2014, Corbett et al. 2012.
mod agreement;
mod exchange;
mod hybrid;
mod interval;
mod lamport;
mod software;
mod vector;
mod watch;

use serde::{Deserialize, Serialize};

pub use agreement::{marzullo, truechimers};
pub use exchange::Exchange;
pub use hybrid::Hybrid;
pub use interval::Interval;
pub use lamport::{Lamport, Rule, possible_relations};
pub use software::{Discipline, Software};
pub use vector::{Entries, Vector};
pub use watch::{Progress, within_bound};

/// How the first of two events stands to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// It happened before, and may have caused it.
    Before,
    /// It happened after.
    After,
    /// It is the same event.
    Equal,
    /// Neither can have caused the other.
    Concurrent,
}

impl Relation {
    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
            Self::Equal => "equal",
            Self::Concurrent => "concurrent",
        }
    }

    /// How the second stands to the first.
    pub const fn reversed(self) -> Self {
        match self {
            Self::Before => Self::After,
            Self::After => Self::Before,
            same => same,
        }
    }
}

/// Why a clock cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The counter is as high as it can be.
    #[error("the counter is at 2^64 - 1 and cannot go on")]
    Overflow,
    /// A dense vector has no such entry.
    #[error("process {process} of {processes}: a dense vector has one entry for each process")]
    UnknownProcess {
        /// Which was meant.
        process: usize,
        /// How many there are.
        processes: usize,
    },
    /// Dense vectors of different lengths.
    #[error("vectors of {left} and of {right} processes cannot be compared or merged")]
    DifferentProcesses {
        /// Entries of the one.
        left: usize,
        /// Entries of the other.
        right: usize,
    },
    /// A received physical time is further ahead than the bound on clock errors allows.
    #[error("the message is {ahead} ns ahead of the local clock, more than the bound of {bound} ns")]
    TooFarAhead {
        /// How far.
        ahead: u64,
        /// How far it may be.
        bound: u64,
    },
    /// An interval that ends before it begins.
    #[error("an interval from {earliest} to {latest}: it ends before it begins")]
    Reversed {
        /// Where it begins.
        earliest: i64,
        /// Where it ends.
        latest: i64,
    },
}
