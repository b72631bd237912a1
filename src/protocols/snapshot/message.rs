//! What processes say to each other when snapshots are taken.
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::sim::{NodeId, Protocol, Restored, Span};

/// How a snapshot is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// Markers on every channel, which must keep its order (Chandy and Lamport 1985).
    ChandyLamport,
    /// Messages tell whether their sender has recorded its state; channels need no order (Lai and Yang 1987).
    LaiYang,
    /// Each process records its state when it is told to, and nobody the channels: wrong, to show why.
    Naive,
}

/// A snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Id {
    /// Who began it, and is told what the others recorded.
    pub initiator: NodeId,
    /// Tells it from all others, and from those that begin later, which have higher numbers.
    pub number: u64,
    /// How it is taken.
    pub algorithm: Algorithm,
}

/// What one process recorded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Recorded<P: Protocol> {
    /// Its state.
    pub state: P,
    /// What was on its disk.
    pub disk: P::Disk,
    /// The timers that were armed, as they were armed.
    pub timers: Vec<(P::Timer, Span)>,
    /// What was under way to it, by sender and in order.
    pub channels: BTreeMap<NodeId, Vec<P::Msg>>,
    /// How many messages it had sent to each process, and had handled from each.
    pub sent: BTreeMap<NodeId, u64>,
    /// See `sent`.
    pub received: BTreeMap<NodeId, u64>,
}

impl<P: Protocol> Recorded<P> {
    /// What the process can go on from.
    pub fn restored(&self) -> Restored<P> {
        Restored { state: self.state.clone(), disk: self.disk.clone(), timers: self.timers.clone() }
    }
}

/// A message of the application, or of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(bound = "", rename_all = "snake_case")]
pub enum Msg<P: Protocol> {
    /// The application's.
    App(P::Msg),
    /// The application's, from a process that has recorded its state for these snapshots by Lai and Yang, and has
    /// forgotten all that began before this number.
    Red((P::Msg, u64, Arc<[Id]>)),
    /// To the initiator, from whoever wants the snapshot.
    Begin(Id),
    /// On every channel between these processes: what came before it was sent before its sender recorded its state.
    Marker(Box<(Id, Arc<[NodeId]>)>),
    /// To whom no marker comes: record your state, if you have not.
    Take(Id),
    /// To the initiator: what the sender recorded.
    Report(Box<(Id, Recorded<P>)>),
    /// To the initiator: what was under way from a process to the sender when both recorded their states.
    Late(Box<(Id, NodeId, P::Msg)>),
}
