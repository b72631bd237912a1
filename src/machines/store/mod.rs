//! What a replicated log replicates: deterministic state machines, as plain values.
//!
//! A [`Machine`] takes an [`Op`] and gives an [`Answer`]; equal machines given equal operations stay equal.
//! None of them can fail: what an operation cannot do is an answer too.
//!
//! ```
//! use distlab::machines::store::{Answer, Machine, MachineKind, Op};
//! let mut machine = Machine::new(MachineKind::Kv);
//! machine.apply(&Op::Put { key: "x".into(), value: 1.into() });
//! assert_eq!(machine.apply(&Op::Get { key: "x".into() }), Answer::Value(1.into()));
//! assert_eq!(serde_json::to_string(&Op::Get { key: "x".into() }).unwrap(), r#"{"get":{"key":"x"}}"#);
//! ```
mod counter;
mod kv;
mod op;

use serde::{Deserialize, Serialize};

pub use counter::Counter;
pub use kv::Kv;
pub use op::{Answer, Op, Refusal};

/// Which state machine a store runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MachineKind {
    /// Keys and values.
    #[default]
    Kv,
    /// One number.
    Counter,
}

/// A state machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Machine {
    /// Keys and values.
    Kv(Kv),
    /// One number.
    Counter(Counter),
}

impl Default for Machine {
    fn default() -> Self {
        Self::new(MachineKind::default())
    }
}

impl Machine {
    /// The machine before its first operation.
    pub fn new(kind: MachineKind) -> Self {
        match kind {
            MachineKind::Kv => Self::Kv(Kv::default()),
            MachineKind::Counter => Self::Counter(Counter::default()),
        }
    }
    /// Which machine it is.
    pub fn kind(&self) -> MachineKind {
        match self {
            Self::Kv(_) => MachineKind::Kv,
            Self::Counter(_) => MachineKind::Counter,
        }
    }
    /// Carries out one operation.
    pub fn apply(&mut self, op: &Op) -> Answer {
        match self {
            Self::Kv(kv) => kv.apply(op),
            Self::Counter(counter) => counter.apply(op),
        }
    }
    /// Answers an operation that only reads; any other is refused.
    pub fn query(&self, op: &Op) -> Answer {
        match self {
            Self::Kv(kv) => kv.query(op),
            Self::Counter(counter) => counter.query(op),
        }
    }
}
