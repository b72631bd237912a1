//! What a transaction does at one participant, and what comes of it when it is tried there.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Answers;
use crate::sim::{NodeId, Value};

/// A key of a participant's.
pub type Key = Arc<str>;

/// Keys and what they hold; what is not there holds null.
pub type Values = BTreeMap<Key, Value>;

/// One operation of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Op {
    /// Reads a key.
    Get {
        /// The key.
        key: Key,
    },
    /// Writes a key.
    Put {
        /// The key.
        key: Key,
        /// Its new value.
        value: Value,
    },
    /// Puts an item at the end of the list that a key holds.
    Append {
        /// The key.
        key: Key,
        /// The item.
        value: Value,
    },
    /// Adds to the number that a key holds, zero if it holds nothing. Answers what it held.
    Add {
        /// The key.
        key: Key,
        /// How much.
        by: i64,
        /// The participant cannot commit if the sum would be below this: an account that must not be overdrawn.
        #[serde(default)]
        least: Option<i64>,
    },
    /// Cannot be done: makes the participant vote NO.
    Refuse,
}

/// All operations of a transaction at one participant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The participant.
    pub node: NodeId,
    /// Its operations, in order.
    pub ops: Arc<[Op]>,
}

/// What a transaction would do at a participant: tried, not done.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Staged {
    /// Every key it touches.
    pub keys: BTreeSet<Key>,
    /// What it would write.
    pub writes: Values,
    /// What it read.
    pub answers: Answers,
}

impl Op {
    /// The key it is about.
    pub fn key(&self) -> Option<&Key> {
        match self {
            Self::Get { key } | Self::Put { key, .. } | Self::Append { key, .. } | Self::Add { key, .. } => {
                Some(key)
            }
            Self::Refuse => None,
        }
    }

    /// Whether it tells what it found.
    pub fn answers(&self) -> bool {
        matches!(self, Self::Get { .. } | Self::Add { .. })
    }
}

/// Tries operations on `values`, each seeing what those before it wrote. None: they cannot be done.
pub fn stage(values: &Values, ops: &[Op]) -> Option<Staged> {
    let mut staged = Staged::default();
    let mut answers = Vec::new();
    for op in ops {
        let key = op.key()?;
        staged.keys.insert(key.clone());
        let held = staged.writes.get(key).or_else(|| values.get(key)).cloned().unwrap_or_default();
        let new = match op {
            Op::Get { .. } => None,
            Op::Put { value, .. } => Some(value.clone()),
            Op::Append { value, .. } => Some(longer(&held, value)?),
            Op::Add { by, least, .. } => Some(sum(&held, *by, *least)?),
            Op::Refuse => return None,
        };
        if op.answers() {
            answers.push(held);
        }
        if let Some(new) = new {
            staged.writes.insert(key.clone(), new);
        }
    }
    staged.answers = answers.into();
    Some(staged)
}

fn longer(held: &Value, item: &Value) -> Option<Value> {
    match held {
        Value::Null => Some([item.clone()].into_iter().collect()),
        Value::List(items) => Some(items.iter().chain([item]).cloned().collect()),
        _ => None,
    }
}

fn sum(held: &Value, by: i64, least: Option<i64>) -> Option<Value> {
    let held = match held {
        Value::Null => 0,
        Value::Int(number) => *number,
        _ => return None,
    };
    held.checked_add(by).filter(|sum| least.is_none_or(|least| *sum >= least)).map(Value::Int)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, i64)]) -> Values {
        pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
    }
    fn add(key: &str, by: i64, least: Option<i64>) -> Op {
        Op::Add { key: key.into(), by, least }
    }

    #[test]
    fn an_operation_sees_those_before_it() {
        let put = Op::Put { key: "x".into(), value: 5.into() };
        let get = Op::Get { key: "x".into() };
        let staged = stage(&values(&[("x", 1)]), &[get.clone(), put, add("x", 2, None), get]).unwrap();
        assert_eq!(staged.answers.to_vec(), [1.into(), 5.into(), 7.into()]);
        assert_eq!(staged.writes, values(&[("x", 7)]));
        assert_eq!(staged.keys.len(), 1);
    }

    #[test]
    fn what_cannot_be_done_stages_nothing() {
        let held = values(&[("x", 3)]);
        assert_eq!(stage(&held, &[add("x", -4, Some(0))]), None);
        assert!(stage(&held, &[add("x", -3, Some(0))]).is_some());
        assert_eq!(stage(&held, &[add("x", i64::MAX, None)]), None);
        assert_eq!(stage(&held, &[Op::Append { key: "x".into(), value: 1.into() }]), None);
        assert_eq!(stage(&held, &[Op::Refuse]), None);
    }
}
