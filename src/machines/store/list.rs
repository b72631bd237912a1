//! Lists by name that only grow: of all that can be checked, they tell the most (Kingsbury and Alvaro, *Elle*, 2020).
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Answer, Op, Refusal};
use crate::sim::{Chunked, Value};

/// Lists that hold something.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Lists(Arc<BTreeMap<Arc<str>, Chunked<Value>>>);

impl Lists {
    /// Carries out one operation. Unlike that of keys and values, an append answers nothing.
    pub fn apply(&mut self, op: &Op) -> Answer {
        let Op::Append { key, value } = op else { return self.query(op) };
        Arc::make_mut(&mut self.0).entry(key.clone()).or_default().push(value.clone());
        Answer::Done
    }

    /// Answers an operation that only reads; any other is refused.
    pub fn query(&self, op: &Op) -> Answer {
        match op {
            Op::Get { key } => {
                Answer::Value(self.0.get(key).map_or(Value::Null, |items| items.iter().cloned().collect()))
            }
            _ => Answer::Refused(Refusal::Unsupported),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_holds_what_was_appended_in_its_order() {
        let mut lists = Lists::default();
        let get = Op::Get { key: "l".into() };
        let list = |items: &[i64]| Answer::Value(items.iter().map(|it| Value::from(*it)).collect());
        assert_eq!(lists.query(&get), Answer::Value(Value::Null));
        for value in [3, 1, 2] {
            assert_eq!(lists.apply(&Op::Append { key: "l".into(), value: value.into() }), Answer::Done);
        }
        assert_eq!(lists.apply(&get), list(&[3, 1, 2]));
        assert_eq!(lists.apply(&Op::Read), Answer::Refused(Refusal::Unsupported));
    }
}
