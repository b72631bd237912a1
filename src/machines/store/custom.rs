//! State machines that somebody outside of the crate has written.
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Answer, Op, Refusal};
use crate::sim::{Bytes, Value};

/// What such a machine does. Equal states given equal commands must answer alike and stay equal.
pub trait Behavior: Send + Sync {
    /// Carries out a command.
    fn apply(&mut self, command: &Value) -> Value;
    /// Answers a question, and leaves the state as it is; `None` where that is not meant.
    fn query(&self, question: &Value) -> Option<Value>;
    /// The state, as bytes: of equal states the same.
    fn state(&self) -> Bytes;
    /// The state in words.
    fn show(&self) -> String;
    /// Another machine in the same state.
    fn copy(&self) -> Arc<dyn Behavior>;
}

/// A machine, if there is one.
pub type Made = Option<Arc<dyn Behavior>>;

/// Where such machines come from.
#[derive(Clone, Copy)]
pub struct Origin {
    /// A machine of a kind, in the state that these bytes are; without any, before its first command. `None`: nobody
    /// knows the kind, or the bytes are of no state.
    pub make: fn(kind: &str, state: Option<&[u8]>) -> Made,
}

static ORIGIN: OnceLock<Origin> = OnceLock::new();

/// Says where such machines come from, once for the process. Whether nobody had said so before.
pub fn come_from(origin: Origin) -> bool {
    ORIGIN.set(origin).is_ok()
}

/// One such machine. As data it is its kind and its state; a copy shares the state until one of them changes.
#[derive(Clone)]
pub struct Custom {
    kind: Arc<str>,
    machine: Made,
}

impl Custom {
    /// A machine of a kind before its first command. One of a kind that nobody knows refuses everything.
    pub fn new(kind: Arc<str>) -> Self {
        let machine = ORIGIN.get().and_then(|it| (it.make)(&kind, None));
        Self { kind, machine }
    }
    /// A machine of a kind in a state; `None` if nobody knows the kind, or the bytes are of no state.
    pub fn in_state(kind: &Arc<str>, state: &[u8]) -> Option<Self> {
        let machine = ORIGIN.get().and_then(|it| (it.make)(kind, Some(state)));
        machine.is_some().then(|| Self { kind: kind.clone(), machine })
    }
    /// Its kind.
    pub fn kind(&self) -> &Arc<str> {
        &self.kind
    }
    /// Carries out one operation.
    pub fn apply(&mut self, op: &Op) -> Answer {
        let Op::Apply { command } = op else { return self.query(op) };
        let Some(machine) = &mut self.machine else { return Answer::Refused(Refusal::Unsupported) };
        if Arc::get_mut(machine).is_none() {
            *machine = machine.copy();
        }
        match Arc::get_mut(machine) {
            Some(machine) => Answer::Value(machine.apply(command)),
            None => Answer::Refused(Refusal::Unsupported), // a copy that is shared already is none
        }
    }
    /// Answers an operation that only reads; any other is refused.
    pub fn query(&self, op: &Op) -> Answer {
        let answer = match (op, &self.machine) {
            (Op::Query { command }, Some(machine)) => machine.query(command),
            _ => None,
        };
        answer.map_or(Answer::Refused(Refusal::Unsupported), Answer::Value)
    }
    /// Its state, as bytes.
    pub fn state(&self) -> Bytes {
        self.machine.as_ref().map_or_else(Bytes::default, |it| it.state())
    }
    /// Its state, in words.
    pub fn show(&self) -> String {
        self.machine.as_ref().map_or_else(String::new, |it| it.show())
    }
}

impl fmt::Debug for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.kind, self.state().len())
    }
}
impl PartialEq for Custom {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Custom {}
impl PartialOrd for Custom {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Custom {
    fn cmp(&self, other: &Self) -> Ordering {
        let same = match (&self.machine, &other.machine) {
            (Some(one), Some(two)) => Arc::ptr_eq(one, two),
            _ => false,
        };
        self.kind
            .cmp(&other.kind)
            .then_with(|| if same { Ordering::Equal } else { self.state().cmp(&other.state()) })
    }
}
impl Hash for Custom {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (&self.kind, self.state()).hash(hasher);
    }
}
impl Serialize for Custom {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&self.kind, self.state()).serialize(serializer)
    }
}
impl<'de> Deserialize<'de> for Custom {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (kind, state) = <(Arc<str>, Bytes)>::deserialize(deserializer)?;
        Self::in_state(&kind, &state)
            .ok_or_else(|| D::Error::custom(format!("no state of a state machine `{kind}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sum of what it is told, as text.
    #[derive(Clone)]
    struct Sum(i64);

    impl Behavior for Sum {
        fn apply(&mut self, command: &Value) -> Value {
            if let Value::Int(it) = command {
                self.0 += it;
            }
            self.0.into()
        }
        fn query(&self, question: &Value) -> Option<Value> {
            (*question == Value::Null).then(|| self.0.into())
        }
        fn state(&self) -> Bytes {
            self.0.to_string().into_bytes().into()
        }
        fn show(&self) -> String {
            self.0.to_string()
        }
        fn copy(&self) -> Arc<dyn Behavior> {
            Arc::new(self.clone())
        }
    }

    fn make(kind: &str, state: Option<&[u8]>) -> Made {
        let sum = state.map_or(Some(0), |it| std::str::from_utf8(it).ok()?.parse().ok());
        (kind == "sum").then_some(Arc::new(Sum(sum?)))
    }

    #[test]
    fn a_machine_from_outside_is_copied_compared_and_written_like_ours() {
        come_from(Origin { make });
        let add = |by: i64| Op::Apply { command: by.into() };
        let read = Op::Query { command: Value::Null };
        let mut it = Custom::new("sum".into());
        assert_eq!(it.apply(&add(3)), Answer::Value(3.into()));
        let copy = it.clone();
        assert_eq!(copy, it);
        assert_eq!(it.apply(&add(4)), Answer::Value(7.into()));
        assert_eq!((copy.query(&read), it.query(&read)), (Answer::Value(3.into()), Answer::Value(7.into())));
        assert_ne!(copy, it);
        assert_eq!((it.show(), Custom::new("product".into()).show()), ("7".into(), String::new()));
        let bytes = postcard::to_stdvec(&it).unwrap();
        assert_eq!(postcard::from_bytes::<Custom>(&bytes).unwrap(), it);
        assert!(
            postcard::from_bytes::<Custom>(&postcard::to_stdvec(&("sum", Bytes::from(&b"x"[..]))).unwrap())
                .is_err()
        );
        assert_eq!(it.query(&add(1)), Answer::Refused(Refusal::Unsupported));
        assert_eq!(it.apply(&Op::Read), Answer::Refused(Refusal::Unsupported));
        assert_eq!(Custom::new("product".into()).apply(&add(1)), Answer::Refused(Refusal::Unsupported));
    }
}
