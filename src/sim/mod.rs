//! What a protocol is ([`Protocol`], [`Cx`]) and the world that runs it ([`World`]).
mod bytes;
mod chunked;
mod clock;
mod disk;
mod distribution;
mod error;
mod fault;
mod fingerprint;
mod history;
mod invalid;
mod label;
mod metrics;
mod nemesis;
mod network;
mod node;
mod operation;
mod protocol;
mod queue;
mod rng;
mod timers;
mod trace;
mod trials;
mod value;
pub mod workload;
mod world;

pub use bytes::Bytes;
pub use chunked::Chunked;
pub use clock::Clock;
pub use disk::{DiskModel, Held};
pub use distribution::Distribution;
pub use error::{Error, Violation};
pub use fault::{Fault, Weather};
pub use fingerprint::Fingerprint;
pub use history::{History, NO_LOAD, Op};
pub use invalid::Invalid;
pub use label::label;
pub use metrics::Metrics;
pub use nemesis::{Hazard, Nemesis, Scope, Strike};
pub use network::{Channels, Network, Places};
pub use node::Node;
pub use operation::{Access, Operation, Outcome, Request, Verb};
pub use protocol::{
    Backend, Believed, Broken, Choice, Cx, Data, EachWrite, Effect, Input, Label, Monitor, NodeId, NodeView,
    OpId, Order, Part, Protocol, Reading, Span, Status, Step, StepKind, Storage, Time, View, Whole,
};
pub use rng::{Probability, Purpose, Rng};
pub use trace::{NOBODY, Row, RowKind, Trace, TraceLevel};
pub use trials::{Plan, Trial, trials};
pub use value::Value;
pub use world::{
    ArmedTimer, Config, Invariants, Limits, Moment, NodeMoment, Pending, PendingKind, Restored, World,
};
