//! Kinds of actions: what happens, and the kind of message, timer or call it happens to.
use super::judge::Judge;
use super::{Failure, Worlds};
use crate::sim::Protocol;

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Kind {
    Deliver,
    /// A message arrives at a node that is down.
    Unheard,
    Start,
    Sync,
    Call,
    Fire,
    Recover,
    Heal,
    Crash,
    Drop,
    Duplicate,
    Cut,
}

const NAMES: [&str; 12] = [
    "deliver",
    "deliver to a crashed node",
    "start",
    "sync",
    "call",
    "timer",
    "recover",
    "heal",
    "crash",
    "drop",
    "duplicate",
    "cut",
];

impl Kind {
    /// Together with a label, as one number. The first label is the empty one.
    pub fn of(self, label: u32) -> u32 {
        label << 4 | self as u32
    }
}

impl<P: Protocol, J: Judge<P>> Worlds<P, J> {
    pub(super) fn name_of(&self, kind: u32) -> String {
        let name = NAMES[(kind & 15) as usize];
        match self.tables.labels.get(kind >> 4).value {
            "" => name.to_owned(),
            label => format!("{name} {label}"),
        }
    }

    /// Tells a user that `what` of a node's goes too far.
    pub(super) fn name(&self, node: crate::sim::NodeId) -> String {
        self.names[node.index()].clone()
    }

    /// Whether the handler that has just run went well, as far as only the user's side knows.
    pub(super) fn went_well(&self) -> Result<(), Failure<J::Error>> {
        self.judge.after_handler().map_err(Failure::Judge)
    }
}
