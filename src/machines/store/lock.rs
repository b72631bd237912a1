//! Locks with fencing tokens, as a lock service gives them out (Burrows, *Chubby*, 2006, section 2.4).
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Answer, Op, Refusal};
use crate::sim::Value;

/// Locks by name, and who holds them.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Locks {
    held: Arc<BTreeMap<Arc<str>, Holder>>,
    /// The last token given out. Whoever uses what a lock protects shows its token: a later one has been seen if the
    /// lock has changed hands since.
    token: i64,
}

/// Who holds a lock.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Holder {
    owner: Value,
    token: i64,
}

impl Locks {
    /// Carries out one operation.
    pub fn apply(&mut self, op: &Op) -> Answer {
        match op {
            Op::Acquire { owner: Value::Null, .. } => Answer::Refused(Refusal::Unsupported),
            Op::Acquire { key, .. } if self.held.contains_key(key) => Answer::Refused(Refusal::Held),
            Op::Acquire { key, owner } => {
                self.token += 1;
                let holder = Holder { owner: owner.clone(), token: self.token };
                Arc::make_mut(&mut self.held).insert(key.clone(), holder);
                Answer::Value(self.token.into())
            }
            Op::Release { key, owner } if self.held.get(key).is_some_and(|it| it.owner == *owner) => {
                Arc::make_mut(&mut self.held).remove(key);
                Answer::Done
            }
            Op::Release { .. } => Answer::Refused(Refusal::NotHeld),
            _ => self.query(op),
        }
    }

    /// Answers an operation that only reads; any other is refused.
    pub fn query(&self, op: &Op) -> Answer {
        match op {
            Op::Holder { key } => Answer::Value(
                self.held
                    .get(key)
                    .map_or(Value::Null, |it| [it.owner.clone(), it.token.into()].into_iter().collect()),
            ),
            _ => Answer::Refused(Refusal::Unsupported),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_has_one_holder_and_every_holder_a_later_token() {
        let mut locks = Locks::default();
        let acquire = |key: &str, owner: &str| Op::Acquire { key: key.into(), owner: owner.into() };
        let release = |key: &str, owner: &str| Op::Release { key: key.into(), owner: owner.into() };
        let holder = Op::Holder { key: "l".into() };
        assert_eq!(locks.apply(&acquire("l", "ann")), Answer::Value(1.into()));
        assert_eq!(locks.apply(&acquire("l", "bob")), Answer::Refused(Refusal::Held));
        assert_eq!(locks.apply(&acquire("l", "ann")), Answer::Refused(Refusal::Held));
        assert_eq!(locks.apply(&acquire("m", "bob")), Answer::Value(2.into()));
        let nobody = Op::Acquire { key: "n".into(), owner: Value::Null };
        assert_eq!(
            locks.apply(&nobody),
            Answer::Refused(Refusal::Unsupported),
            "who holds it is told by null otherwise"
        );
        assert_eq!(locks.apply(&release("l", "bob")), Answer::Refused(Refusal::NotHeld));
        assert_eq!(locks.query(&holder), Answer::Value(["ann".into(), 1.into()].into_iter().collect()));
        assert_eq!(locks.apply(&release("l", "ann")), Answer::Done);
        assert_eq!(locks.apply(&release("l", "ann")), Answer::Refused(Refusal::NotHeld));
        assert_eq!(locks.query(&holder), Answer::Value(Value::Null));
        assert_eq!(locks.apply(&acquire("l", "bob")), Answer::Value(3.into()));
        assert_eq!(locks.apply(&Op::Read), Answer::Refused(Refusal::Unsupported));
    }
}
