//! Operations and their answers, and how both appear in a workload and in a history.
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::sim::{Access, Operation, Outcome, Request, Value, Verb};

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
    /// Takes a lock, if nobody holds it (not even its owner). Answers a token, greater than all before it.
    Acquire {
        /// The lock.
        key: Arc<str>,
        /// For whom; null is nobody, and is refused.
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
    /// Any command, for a machine from outside. A list that begins with a text is shown as kind, key, arguments; what
    /// can be said so in two ways, like anything else, as a whole (see [`Op::recalled`]).
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
            Access::Only(verb) => return Self::compose_only(verb, key, value),
        })
    }

    fn compose_only(verb: Verb, key: Arc<str>, value: Value) -> Option<Self> {
        Some(match verb {
            Verb::Append => Self::Append { key, value },
            Verb::Add => Self::Add { by: 1 },
            Verb::Count => Self::Read,
            Verb::Acquire => Self::Acquire { key, owner: value },
            Verb::Release => Self::Release { key, owner: value },
            Verb::Holder => Self::Holder { key },
            Verb::Enqueue => Self::Enqueue { key, value },
            Verb::Dequeue => Self::Dequeue { key },
            Verb::Peek => Self::Peek { key },
            Verb::Command => return Self::of_command(&value),
        })
    }

    /// A command of a workload: `["apply", command]` or `["query", question]`.
    fn of_command(value: &Value) -> Option<Self> {
        let Value::List(parts) = value else { return None };
        match &parts[..] {
            [Value::Text(verb), command] if &**verb == "apply" => {
                Some(Self::Apply { command: command.clone() })
            }
            [Value::Text(verb), command] if &**verb == "query" => {
                Some(Self::Query { command: command.clone() })
            }
            _ => None,
        }
    }

    /// What a machine from outside was asked that appears so in a history: the other way round than
    /// [`describe`](Self::describe).
    ///
    /// ```
    /// use distlab::machines::store::Op;
    /// let op = Op::Apply { command: ["add".into(), "x".into(), 3.into()].into_iter().collect() };
    /// let shown = op.describe(None);
    /// assert_eq!((&*shown.kind, shown.key.clone(), shown.argument.clone()), ("add", "x".into(), 3.into()));
    /// assert_eq!(Op::recalled(&shown.kind, &shown.key, &shown.argument, shown.reads), op);
    /// ```
    pub fn recalled(kind: &str, key: &Value, argument: &Value, reads: bool) -> Self {
        let command = match (kind, key, argument) {
            (WHOLE, Value::Null, command) => command.clone(),
            (kind, Value::Null, Value::Null) => [Value::from(kind)].into_iter().collect(),
            (kind, key, Value::Null) => [kind.into(), key.clone()].into_iter().collect(),
            (kind, key, Value::List(several)) => {
                [kind.into(), key.clone()].into_iter().chain(several.iter().cloned()).collect()
            }
            (kind, key, one) => [kind.into(), key.clone(), one.clone()].into_iter().collect(),
        };
        if reads { Self::Query { command } } else { Self::Apply { command } }
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
            Self::Apply { command } => return describe_custom(command, answer, false),
            Self::Query { command } => return describe_custom(command, answer, true),
        };
        let result = answer.map_or(Value::Null, Answer::value);
        Operation { kind: kind.into(), key: key.cloned().into(), argument, result, reads: false }
    }
}

/// The kind of a command that is shown as a whole.
const WHOLE: &str = "apply";

/// How a history calls transactions.
const TRANSACTIONS: [&str; 3] = ["txn", "T", "transaction"];

/// A command such as `["add", "x", 3]` in a history: its kind, its key, and the rest.
fn describe_custom(command: &Value, answer: Option<&Answer>, reads: bool) -> Operation {
    let result = answer.map_or(Value::Null, Answer::value);
    let (kind, key, argument) =
        parts_of(command).unwrap_or_else(|| (WHOLE.to_owned(), Value::Null, command.clone()));
    Operation { kind: kind.into(), key, argument, result, reads }
}

/// The kind, the key and the arguments of a command, where nothing else looks the same.
fn parts_of(command: &Value) -> Option<(String, Value, Value)> {
    let Value::List(parts) = command else { return None };
    let [Value::Text(kind), rest @ ..] = &parts[..] else { return None };
    if TRANSACTIONS.contains(&&**kind) {
        return None; // to a history these are more than a word
    }
    let (key, argument) = match rest {
        [] => (Value::Null, Value::Null),
        [Value::Null] => return None,
        [key] => (key.clone(), Value::Null),
        [_, Value::Null | Value::List(_)] => return None,
        [key, one] => (key.clone(), one.clone()),
        [key, several @ ..] => (key.clone(), several.iter().cloned().collect()),
    };
    (&**kind != WHOLE || key != Value::Null).then(|| (kind.to_string(), key, argument))
}

impl Answer {
    /// What a history shows of it: a compare-and-set as its success, a scan as a list of pairs, and false where a lock
    /// was refused because of who holds it.
    pub fn value(&self) -> Value {
        match self {
            Self::Refused(Refusal::Held | Refusal::NotHeld) => false.into(),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn list(items: impl IntoIterator<Item = Value>) -> Value {
        items.into_iter().collect()
    }

    #[test]
    fn whatever_a_machine_from_outside_is_told_can_be_told_from_the_history() {
        let values =
            [Value::Null, 1.into(), true.into(), "apply".into(), "x".into(), list([]), list([Value::Null])];
        let mut commands = values.to_vec();
        for one in &values {
            commands.push(list([one.clone()]));
            for two in &values {
                commands.push(list([one.clone(), two.clone()]));
                for three in &values {
                    commands.push(list([one, two, three].map(Value::clone)));
                    commands.push(list([one, two, three, &values[1]].map(Value::clone)));
                }
            }
        }
        for command in commands {
            for op in [Op::Apply { command: command.clone() }, Op::Query { command: command.clone() }] {
                let Operation { kind, key, argument, reads, .. } = op.describe(None);
                assert_eq!(Op::recalled(&kind, &key, &argument, reads), op, "{kind} {key} {argument}");
            }
        }
    }

    #[test]
    fn a_workload_may_ask_for_what_only_some_machines_know() {
        let request = |kind, value| Request { kind, key: "k".into(), others: [].into(), value, count: 1 };
        let compose = |verb, value: Value| Op::compose(&request(Access::Only(verb), value));
        let key = || Arc::from("k");
        assert_eq!(
            compose(Verb::Acquire, "ann".into()),
            Some(Op::Acquire { key: key(), owner: "ann".into() })
        );
        assert_eq!(compose(Verb::Enqueue, 7.into()), Some(Op::Enqueue { key: key(), value: 7.into() }));
        assert_eq!(compose(Verb::Count, Value::Null), Some(Op::Read));
        let command = list(["apply".into(), 3.into()]);
        assert_eq!(compose(Verb::Command, command), Some(Op::Apply { command: 3.into() }));
        assert_eq!(compose(Verb::Command, 3.into()), None);
    }
}
