//! Queues by name, first in, first out.
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Answer, Op, Refusal};
use crate::sim::Value;

/// Queues that hold something.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Queues(Arc<BTreeMap<Arc<str>, VecDeque<Value>>>);

impl Queues {
    /// Carries out one operation.
    pub fn apply(&mut self, op: &Op) -> Answer {
        match op {
            Op::Enqueue { key, value } => {
                Arc::make_mut(&mut self.0).entry(key.clone()).or_default().push_back(value.clone());
                Answer::Done
            }
            Op::Dequeue { key } if self.0.contains_key(key) => {
                let queues = Arc::make_mut(&mut self.0);
                let queue = queues.get_mut(key);
                let (first, empty) = queue.map_or((None, true), |it| (it.pop_front(), it.is_empty()));
                if empty {
                    queues.remove(key);
                }
                Answer::Value(first.unwrap_or_default())
            }
            Op::Dequeue { .. } => Answer::Value(Value::Null),
            _ => self.query(op),
        }
    }

    /// Answers an operation that only reads; any other is refused.
    pub fn query(&self, op: &Op) -> Answer {
        match op {
            Op::Peek { key } => {
                Answer::Value(self.0.get(key).and_then(|it| it.front()).cloned().unwrap_or_default())
            }
            _ => Answer::Refused(Refusal::Unsupported),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_first_goes_first() {
        let mut queues = Queues::default();
        let enqueue = |key: &str, value: i64| Op::Enqueue { key: key.into(), value: value.into() };
        let dequeue = Op::Dequeue { key: "q".into() };
        [enqueue("q", 1), enqueue("q", 2), enqueue("r", 3)].iter().for_each(|op| {
            assert_eq!(queues.apply(op), Answer::Done);
        });
        assert_eq!(queues.query(&Op::Peek { key: "q".into() }), Answer::Value(1.into()));
        for want in [Value::from(1), Value::from(2), Value::Null, Value::Null] {
            assert_eq!(queues.apply(&dequeue), Answer::Value(want));
        }
        assert_eq!(queues.query(&dequeue), Answer::Refused(Refusal::Unsupported));
        queues.apply(&Op::Dequeue { key: "r".into() });
        assert_eq!(queues, Queues::default(), "what is empty is as if it never was");
    }
}
