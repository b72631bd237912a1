//! Keys and values.
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Answer, Op, Refusal};
use crate::sim::Value;

/// Keys and values, in the order of the keys. Copies share everything until one of them writes.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Kv(Arc<BTreeMap<Arc<str>, Value>>);

impl Kv {
    /// What `key` holds; null if nothing.
    pub fn get(&self, key: &str) -> Value {
        self.0.get(key).cloned().unwrap_or_default()
    }

    /// Makes `key` hold `value`; returns what it held.
    fn set(&mut self, key: &Arc<str>, value: Value) -> Value {
        let map = Arc::make_mut(&mut self.0);
        if value == Value::Null {
            return map.remove(key).unwrap_or_default();
        }
        match map.get_mut(key) {
            Some(held) => std::mem::replace(held, value),
            None => map.insert(key.clone(), value).unwrap_or_default(),
        }
    }

    /// Carries out one operation.
    pub fn apply(&mut self, op: &Op) -> Answer {
        match op {
            Op::Put { key, value } => {
                self.set(key, value.clone());
                Answer::Done
            }
            Op::Delete { key } => {
                self.set(key, Value::Null);
                Answer::Done
            }
            Op::Swap { key, value } => Answer::Value(self.set(key, value.clone())),
            Op::Cas { key, expected, value } => {
                let held = self.get(key);
                if held != *expected {
                    return Answer::Cas { success: false, current: held };
                }
                self.set(key, value.clone());
                Answer::Cas { success: true, current: value.clone() }
            }
            Op::Append { key, value } => match append(self.get(key), value) {
                None => Answer::Refused(Refusal::WrongType),
                Some(longer) => {
                    self.set(key, longer.clone());
                    Answer::Value(longer)
                }
            },
            _ => self.query(op),
        }
    }

    /// Answers an operation that only reads; any other is refused.
    pub fn query(&self, op: &Op) -> Answer {
        match op {
            Op::Get { key } => Answer::Value(self.get(key)),
            Op::Scan { key, count } => {
                let from = self.0.range::<Arc<str>, _>(key..);
                Answer::Pairs(
                    from.take(*count as usize).map(|(key, value)| (key.clone(), value.clone())).collect(),
                )
            }
            _ => Answer::Refused(Refusal::Unsupported),
        }
    }
}

/// `held` with `more` at its end, where that means anything.
fn append(held: Value, more: &Value) -> Option<Value> {
    match (held, more) {
        (Value::Null, Value::Text(_)) => Some(more.clone()),
        (Value::Null, item) => Some([item.clone()].into_iter().collect()),
        (Value::Text(held), Value::Text(more)) => Some(Value::Text([&*held, &**more].concat().into())),
        (Value::List(items), item) => Some(items.iter().chain([item]).cloned().collect()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Arc<str> {
        "k".into()
    }

    /// Applies `ops` to an empty store; the last answer.
    fn last(ops: &[Op]) -> Answer {
        let mut kv = Kv::default();
        ops.iter().map(|op| kv.apply(op)).last().unwrap()
    }

    #[test]
    fn append_lengthens_texts_and_lists_and_refuses_numbers() {
        let append = |value: Value| Op::Append { key: key(), value };
        let put = |value: Value| Op::Put { key: key(), value };
        let list = |items: &[i64]| items.iter().map(|it| Value::from(*it)).collect::<Value>();
        for (ops, want) in [
            (vec![append("a".into()), append("b".into())], Answer::Value("ab".into())),
            (vec![append(1.into()), append(2.into())], Answer::Value(list(&[1, 2]))),
            (vec![put(list(&[])), append(1.into())], Answer::Value(list(&[1]))),
            (vec![put(1.into()), append(1.into())], Answer::Refused(Refusal::WrongType)),
            (vec![put("a".into()), append(1.into())], Answer::Refused(Refusal::WrongType)),
        ] {
            assert_eq!(last(&ops), want, "{ops:?}");
        }
    }

    #[test]
    fn cas_writes_only_over_what_was_expected() {
        let cas = |expected: Value, value: Value| Op::Cas { key: key(), expected, value };
        let ended = |success, current: i64| Answer::Cas { success, current: current.into() };
        assert_eq!(last(&[cas(Value::Null, 1.into())]), ended(true, 1));
        assert_eq!(last(&[cas(Value::Null, 1.into()), cas(Value::Null, 2.into())]), ended(false, 1));
        assert_eq!(last(&[cas(Value::Null, 1.into()), cas(1.into(), 2.into())]), ended(true, 2));
    }

    #[test]
    fn swap_answers_the_old_value_and_null_deletes() {
        let swap = |value: Value| Op::Swap { key: key(), value };
        assert_eq!(last(&[swap(1.into()), swap(2.into())]), Answer::Value(1.into()));
        let mut kv = Kv::default();
        kv.apply(&swap(1.into()));
        kv.apply(&swap(Value::Null));
        assert_eq!(kv, Kv::default());
    }

    #[test]
    fn scan_reads_in_order_from_a_key_on() {
        let put = |key: &str| Op::Put { key: key.into(), value: 1.into() };
        let answer = last(&[put("c"), put("a"), put("d"), Op::Scan { key: "b".into(), count: 2 }]);
        let Answer::Pairs(pairs) = answer else { panic!("{answer:?}") };
        assert_eq!(pairs.iter().map(|(key, _)| &**key).collect::<Vec<_>>(), ["c", "d"]);
    }

    #[test]
    fn a_copy_does_not_see_later_writes() {
        let mut kv = Kv::default();
        kv.apply(&Op::Put { key: key(), value: 1.into() });
        let copy = kv.clone();
        kv.apply(&Op::Put { key: key(), value: 2.into() });
        assert_eq!((copy.get("k"), kv.get("k")), (1.into(), 2.into()));
    }
}
