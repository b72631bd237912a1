//! The smallest state machine worth replicating: a number that a command executed twice gives away.
use serde::{Deserialize, Serialize};

use super::{Answer, Op, Refusal};

/// One number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Counter(pub i64);

impl Counter {
    /// Carries out one operation.
    pub fn apply(&mut self, op: &Op) -> Answer {
        let Op::Add { by } = op else { return self.query(op) };
        match self.0.checked_add(*by) {
            None => Answer::Refused(Refusal::Overflow),
            Some(sum) => {
                self.0 = sum;
                Answer::Value(sum.into())
            }
        }
    }
    /// Answers an operation that only reads; any other is refused.
    pub fn query(&self, op: &Op) -> Answer {
        match op {
            Op::Read => Answer::Value(self.0.into()),
            _ => Answer::Refused(Refusal::Unsupported),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_and_refuses_to_wrap_around() {
        let mut counter = Counter::default();
        assert_eq!(counter.apply(&Op::Add { by: i64::MAX }), Answer::Value(i64::MAX.into()));
        assert_eq!(counter.apply(&Op::Add { by: 1 }), Answer::Refused(Refusal::Overflow));
        assert_eq!(counter.apply(&Op::Read), Answer::Value(i64::MAX.into()));
        assert_eq!(counter.query(&Op::Add { by: -1 }), Answer::Refused(Refusal::Unsupported));
    }
}
