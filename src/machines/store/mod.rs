//! What a replicated log replicates: deterministic state machines, as plain values.
//!
//! A [`Machine`] takes an [`Op`] and gives an [`Answer`]; equal machines given equal operations stay equal.
//! None of them can fail: what an operation cannot do is an answer too.
//!
//! ```
//! use distlab::machines::store::{Answer, Machine, MachineKind, Op};
//! let mut machine = Machine::new(&MachineKind::Kv);
//! machine.apply(&Op::Put { key: "x".into(), value: 1.into() });
//! assert_eq!(machine.apply(&Op::Get { key: "x".into() }), Answer::Value(1.into()));
//! assert_eq!(serde_json::to_string(&Op::Get { key: "x".into() }).unwrap(), r#"{"get":{"key":"x"}}"#);
//! ```
mod counter;
pub mod custom;
mod kv;
mod list;
mod lock;
mod op;
mod queue;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use counter::Counter;
pub use custom::Custom;
pub use kv::Kv;
pub use list::Lists;
pub use lock::Locks;
pub use op::{Answer, Op, Refusal};
pub use queue::Queues;

/// The machines, one line each.
macro_rules! machines {
    ($(#[doc = $doc:literal] $(#[$default:meta])? $Variant:ident($inner:ty)),* $(,)?) => {
        /// Which state machine a store runs.
        #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum MachineKind {
            $(#[doc = $doc] $(#[$default])? $Variant,)*
            /// One from outside, by its name.
            Custom(Arc<str>),
        }

        /// A state machine.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Machine {
            $(#[doc = $doc] $Variant($inner),)*
            /// One from outside.
            Custom(Custom),
        }

        impl Machine {
            /// The machine before its first operation.
            pub fn new(kind: &MachineKind) -> Self {
                match kind {
                    $(MachineKind::$Variant => Self::$Variant(Default::default()),)*
                    MachineKind::Custom(name) => Self::Custom(Custom::new(name.clone())),
                }
            }
            /// Which machine it is.
            pub fn kind(&self) -> MachineKind {
                match self {
                    $(Self::$Variant(_) => MachineKind::$Variant,)*
                    Self::Custom(it) => MachineKind::Custom(it.kind().clone()),
                }
            }
            /// Carries out one operation.
            pub fn apply(&mut self, op: &Op) -> Answer {
                match self {
                    $(Self::$Variant(it) => it.apply(op),)*
                    Self::Custom(it) => it.apply(op),
                }
            }
            /// Answers an operation that only reads; any other is refused.
            pub fn query(&self, op: &Op) -> Answer {
                match self {
                    $(Self::$Variant(it) => it.query(op),)*
                    Self::Custom(it) => it.query(op),
                }
            }
        }
    };
}

machines! {
    /// Keys and values.
    #[default]
    Kv(Kv),
    /// One number.
    Counter(Counter),
    /// Locks by name.
    Lock(Locks),
    /// Queues by name.
    Queue(Queues),
    /// Lists by name that only grow.
    List(Lists),
}

impl Default for Machine {
    fn default() -> Self {
        Self::new(&MachineKind::default())
    }
}
