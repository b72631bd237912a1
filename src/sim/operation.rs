//! Operations as users and checkers see them, whatever protocol carries them out.
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::protocol::Label;
use super::value::Value;

/// What a workload asks for, before a protocol has put it in its own words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Request {
    /// What kind of access.
    pub kind: Access,
    /// The key it is about.
    pub key: Arc<str>,
    /// Further keys it is about, all different: the request is a transaction on all of them. Usually none.
    #[serde(default = "nothing")]
    pub others: Arc<[Arc<str>]>,
    /// What to write; unique among the requests of one workload. Of a lock, who asks; of a command, the command.
    pub value: Value,
    /// How many keys a scan reads.
    pub count: u32,
}

/// No further keys.
fn nothing() -> Arc<[Arc<str>]> {
    Arc::new([])
}

/// The kinds of access: those of the YCSB core workloads, and what a bank does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Read one key.
    Read,
    /// Overwrite one key.
    Update,
    /// Write a key that is new.
    Insert,
    /// Read some keys in order, from one on.
    Scan,
    /// Read a key and overwrite it, as one step.
    ReadModifyWrite,
    /// Move an amount, here one, from the first key to the next.
    Transfer,
    /// What only some state machines know.
    Only(Verb),
}

/// What only some state machines know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Put a value at the end of a list.
    Append,
    /// Add one to a counter.
    Add,
    /// Read a counter.
    Count,
    /// Take a lock.
    Acquire,
    /// Give a lock back.
    Release,
    /// Read who holds a lock.
    Holder,
    /// Put a value at the end of a queue.
    Enqueue,
    /// Take the first value of a queue.
    Dequeue,
    /// Read the first value of a queue.
    Peek,
    /// One of the workload's own commands.
    Command,
}

/// Whether an operation took effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It did.
    Ok,
    /// It did not, and never will.
    Fail,
    /// Nobody knows: it may take effect at any later time, or never.
    #[default]
    Info,
}

/// An operation in the terms of a history.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Operation {
    /// `read`, `write`, `cas`, …
    pub kind: Label,
    /// The key it is about; null if it has none.
    pub key: Value,
    /// What it was given.
    pub argument: Value,
    /// What came back; null until then.
    pub result: Value,
    /// Whether it can only look: a question to a state machine, rather than a command.
    pub reads: bool,
}
