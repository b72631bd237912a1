//! Operations and their answers, and how both appear in a workload and in a history.
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::sim::{Access, Operation, Outcome, Request, Value};

/// What a state machine can be asked to do.
///
/// A key that was never written holds null, and writing null is deleting: nobody can tell them apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Op {
    /// Reads one key.
    Get {
        /// The key.
        key: Arc<str>,
    },
    /// Writes one key.
    Put {
        /// The key.
        key: Arc<str>,
        /// Its new value.
        value: Value,
    },
    /// Writes one key if it holds what is expected. Answers whether it did, and what the key holds now.
    Cas {
        /// The key.
        key: Arc<str>,
        /// What it must hold.
        expected: Value,
        /// Its new value.
        value: Value,
    },
    /// Lengthens what a key holds: a text by a text, a list by one item. Where nothing is, a text stays a
    /// text and anything else becomes a list of one. Answers the new value.
    Append {
        /// The key.
        key: Arc<str>,
        /// What to put at the end.
        value: Value,
    },
    /// Makes one key hold nothing.
    Delete {
        /// The key.
        key: Arc<str>,
    },
    /// Writes one key and answers what it held: a read-modify-write in one step.
    Swap {
        /// The key.
        key: Arc<str>,
        /// Its new value.
        value: Value,
    },
    /// Reads some keys in order.
    Scan {
        /// The least key to read.
        key: Arc<str>,
        /// How many.
        count: u32,
    },
    /// Adds to the counter. Answers the sum.
    Add {
        /// How much.
        by: i64,
    },
    /// Reads the counter.
    Read,
    /// Takes a lock, if nobody holds it. Answers a token, greater than all before it.
    Acquire {
        /// The lock.
        key: Arc<str>,
        /// For whom.
        owner: Value,
    },
    /// Gives a lock back.
    Release {
        /// The lock.
        key: Arc<str>,
        /// Who holds it.
        owner: Value,
    },
    /// Reads who holds a lock: owner and token, or null.
    Holder {
        /// The lock.
        key: Arc<str>,
    },
    /// Puts a value at the end of a queue.
    Enqueue {
        /// The queue.
        key: Arc<str>,
        /// The value.
        value: Value,
    },
    /// Takes the first value of a queue; null if it is empty.
    Dequeue {
        /// The queue.
        key: Arc<str>,
    },
    /// Reads the first value of a queue.
    Peek {
        /// The queue.
        key: Arc<str>,
    },
    /// Any command, for a machine from outside. A list that begins with a text is shown as kind, key, arguments.
    Apply {
        /// The command.
        command: Value,
    },
    /// Any question for such a machine, which leaves its state as it is.
    Query {
        /// The question.
        command: Value,
    },
}

/// What an operation gave.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It is done; there is nothing to tell.
    Done,
    /// A value: read, replaced, or new, as the operation says.
    Value(Value),
    /// How a compare-and-set ended.
    Cas {
        /// Whether the key held what was expected, and so was written.
        success: bool,
        /// What it holds now.
        current: Value,
    },
    /// Keys and what they hold, in order.
    Pairs(Arc<[(Arc<str>, Value)]>),
    /// Nothing was changed.
    Refused(Refusal),
}

/// Why an operation could not be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// What is stored is of the wrong type for it.
    WrongType,
    /// The result would not fit.
    Overflow,
    /// This machine does not know the operation, or not as a read.
    Unsupported,
    /// Its session has gone on to a later operation.
    Superseded,
    /// Its session has been forgotten: whether it was carried out before, nobody knows.
    SessionExpired,
    /// Somebody holds the lock.
    Held,
    /// Somebody else, or nobody, holds the lock.
    NotHeld,
}

impl Op {
    /// Whether it leaves the state as it is.
    pub fn is_read(&self) -> bool {
        matches!(
            self,
            Self::Get { .. }
                | Self::Scan { .. }
                | Self::Read
                | Self::Holder { .. }
                | Self::Peek { .. }
                | Self::Query { .. }
        )
    }

    /// What a workload's request means here. `None`: it is about several keys, which is no single operation.
    pub fn compose(request: &Request) -> Option<Self> {
        if !request.others.is_empty() {
            return None;
        }
        let (key, value) = (request.key.clone(), request.value.clone());
        Some(match request.kind {
            Access::Transfer => return None,
            Access::Read => Self::Get { key },
            Access::Update | Access::Insert => Self::Put { key, value },
            Access::Scan => Self::Scan { key, count: request.count },
            Access::ReadModifyWrite => Self::Swap { key, value },
        })
    }

    /// How it appears in a history, with its answer if there is one.
    pub fn describe(&self, answer: Option<&Answer>) -> Operation {
        let (kind, key, argument) = match self {
            Self::Get { key } => ("read", Some(key), Value::Null),
            Self::Put { key, value } => ("write", Some(key), value.clone()),
            Self::Cas { key, expected, value } => {
                ("cas", Some(key), [expected.clone(), value.clone()].into_iter().collect())
            }
            Self::Append { key, value } => ("append", Some(key), value.clone()),
            Self::Delete { key } => ("delete", Some(key), Value::Null),
            Self::Swap { key, value } => ("rmw", Some(key), value.clone()),
            Self::Scan { key, count } => ("scan", Some(key), i64::from(*count).into()),
            Self::Add { by } => ("add", None, (*by).into()),
            Self::Read => ("read", None, Value::Null),
            Self::Acquire { key, owner } => ("acquire", Some(key), owner.clone()),
            Self::Release { key, owner } => ("release", Some(key), owner.clone()),
            Self::Holder { key } => ("holder", Some(key), Value::Null),
            Self::Enqueue { key, value } => ("enqueue", Some(key), value.clone()),
            Self::Dequeue { key } => ("dequeue", Some(key), Value::Null),
            Self::Peek { key } => ("peek", Some(key), Value::Null),
            Self::Apply { command } | Self::Query { command } => return describe_custom(command, answer),
        };
        let result = answer.map_or(Value::Null, Answer::value);
        Operation { kind: kind.into(), key: key.cloned().into(), argument, result }
    }
}

/// A command such as `["add", "x", 3]` in a history: its kind, its key, and the rest.
fn describe_custom(command: &Value, answer: Option<&Answer>) -> Operation {
    let result = answer.map_or(Value::Null, Answer::value);
    let parts = match command {
        Value::List(parts) => &parts[..],
        _ => &[],
    };
    let (kind, key, arguments) = match parts {
        [Value::Text(kind), key, arguments @ ..] => (kind.to_string(), key.clone(), arguments),
        [Value::Text(kind)] => (kind.to_string(), Value::Null, &[][..]),
        _ => {
            let argument = command.clone();
            return Operation { kind: "apply".into(), key: Value::Null, argument, result };
        }
    };
    let argument = match arguments {
        [] => Value::Null,
        [one] => one.clone(),
        more => more.iter().cloned().collect(),
    };
    Operation { kind: kind.into(), key, argument, result }
}

impl Answer {
    /// What a history shows of it: a compare-and-set as its success, a scan as a list of pairs.
    pub fn value(&self) -> Value {
        match self {
            Self::Done | Self::Refused(_) => Value::Null,
            Self::Value(value) => value.clone(),
            Self::Cas { success, .. } => (*success).into(),
            Self::Pairs(pairs) => pairs
                .iter()
                .map(|(key, value)| [key.clone().into(), value.clone()].into_iter().collect())
                .collect(),
        }
    }

    /// Whether the operation took effect: a compare-and-set that found something else did not.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Refused(Refusal::SessionExpired) => Outcome::Info,
            Self::Refused(_) | Self::Cas { success: false, .. } => Outcome::Fail,
            _ => Outcome::Ok,
        }
    }
}
