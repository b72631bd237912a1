//! What a protocol is ([`Protocol`], [`Cx`]) and the world that runs it ([`World`]).
mod distribution;
mod error;
mod fault;
mod invalid;
mod label;
mod nemesis;
mod operation;
mod protocol;
mod rng;
mod value;
mod workload;

pub use distribution::Distribution;
pub use error::{Error, Violation};
pub use fault::{Fault, Weather};
pub use invalid::Invalid;
pub use label::label;
pub use nemesis::{Hazard, Nemesis, Scope, Strike};
pub use operation::{Access, Operation, Outcome, Request};
pub use protocol::{
    Backend, Broken, Choice, Cx, Data, EachWrite, Effect, Input, Label, Monitor, NodeId, NodeView, OpId,
    Order, Part, Protocol, Reading, Span, Status, Step, StepKind, Storage, Time, View, Whole,
};
pub use rng::{Probability, Purpose, Rng};
pub use value::Value;
pub use workload::{Arrival, Arrivals, Generator, Keys, Mix, Workload, Ycsb};
