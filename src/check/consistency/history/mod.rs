//! Histories: what was asked and what was answered, as columns.
//!
//! Everything that can repeat (keys, values, names) is interned, so that checkers compare numbers. A history is
//! made by [`Builder`], which refuses what is not well formed: an operation that completes before it is
//! invoked, or that overlaps another one of the same process.
use std::sync::Arc;

use thiserror::Error;

pub use self::build::Builder;
pub use self::kind::{Kind, Kinds};
pub use self::table::{NULL, Table};
pub use self::txn::{Access, Accesses};
use crate::sim::Outcome;

mod build;
mod describe;
pub mod formats;
mod kind;
mod order;
mod part;
mod recorded;
mod table;
mod txn;

/// The completion of an operation that never completed.
pub const NEVER: u32 = u32::MAX;

/// What was asked and what was answered. All columns are equally long; a row is an operation.
///
/// Only the order of times counts: `invoked` and `completed` are the places of these events among all events of
/// the history, no two of them equal. At one instant, what is invoked comes before what completes, so operations
/// that only touch are concurrent; but the operations of one process keep their order. An `info` operation (nobody knows whether it took effect) never completes,
/// so it is the last one of its process; one that failed took no effect, and no model looks at it, except that
/// nobody may read what it wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// Who asked: a number into `names.processes`.
    pub process: Vec<u32>,
    /// What kind of operation.
    pub kind: Vec<Kind>,
    /// What it is about, as a number into `names.values`; [`NULL`]: it has no key.
    pub key: Vec<u32>,
    /// What it was given, as a number into `names.values`.
    pub argument: Vec<u32>,
    /// What came back, as a number into `names.values`; [`NULL`] for nothing (or null).
    pub result: Vec<u32>,
    /// Whether it took effect.
    pub status: Vec<Outcome>,
    /// When it was asked: its place among all events.
    pub invoked: Vec<u32>,
    /// When it was answered: its place among all events; [`NEVER`] without an answer and for `info`.
    pub completed: Vec<u32>,
    /// What the transactions among the operations did inside.
    pub accesses: Accesses,
    /// What a register holds before the first write, as a number into `names.values`. A read that returns null
    /// always means the initial value, whatever it is.
    pub initial: u32,
    /// What the numbers stand for; shared by the parts of a history.
    pub names: Arc<Names>,
}

/// What the numbers in a history stand for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// The names of the processes.
    pub processes: Vec<Arc<str>>,
    /// The names of the kinds.
    pub kinds: Kinds,
    /// Keys, arguments and results.
    pub values: Table,
}

/// A row that no history can have.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Malformed {
    /// An operation completes before it is invoked.
    #[error("operation {row} ({what}) completes at {completed}, before it is invoked at {invoked}")]
    Backwards {
        /// Which.
        row: usize,
        /// The operation in words.
        what: String,
        /// When it was asked.
        invoked: i64,
        /// When it was answered.
        completed: i64,
    },
    /// Two operations of one process overlap.
    #[error(
        "operation {row} ({what}) of process {process} begins while its operation {open} ({open_what}) is still \
         open: a process has one operation at a time{hint}"
    )]
    Overlap {
        /// The later one.
        row: usize,
        /// The later one in words.
        what: String,
        /// The earlier one.
        open: usize,
        /// The earlier one in words.
        open_what: String,
        /// Whose.
        process: Arc<str>,
        /// What may help.
        hint: &'static str,
    },
    /// There are more rows, keys or values than numbers for them.
    #[error("a history has at most {limit} operations (got {got})")]
    TooLong {
        /// How many there may be.
        limit: usize,
        /// How many there are.
        got: usize,
    },
}

impl History {
    /// How many operations there are.
    pub fn len(&self) -> usize {
        self.process.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.process.is_empty()
    }

    /// Whether one operation was answered before another was asked.
    pub fn precedes(&self, one: usize, other: usize) -> bool {
        self.completed[one] < self.invoked[other]
    }

    /// Whether any operation is a transaction.
    pub fn is_transactional(&self) -> bool {
        self.kind.contains(&Kind::TXN)
    }

    /// The rows of each process, in its order.
    pub fn sessions(&self) -> Vec<Vec<u32>> {
        let mut sessions = vec![Vec::new(); self.names.processes.len()];
        for (row, process) in self.process.iter().enumerate() {
            sessions[*process as usize].push(row as u32);
        }
        for session in &mut sessions {
            session.sort_by_key(|row| self.invoked[*row as usize]);
        }
        sessions
    }

    /// Whether a read that returned this value read the initial one (unless somebody wrote that value too).
    pub fn is_initial(&self, value: u32) -> bool {
        value == NULL || value == self.initial
    }
}
