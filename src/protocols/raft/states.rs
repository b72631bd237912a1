//! State machines to which the same log was applied up to the same entry are equal (StateMachineSafety, of states).
//!
//! The machines of this crate cannot do otherwise. One from outside may: it draws lots, reads a clock, or goes through a set
//! in the order of addresses; then logs agree, and states do not. Of the last indices at which somebody stood after a
//! step, the states are kept; a difference stays, so that looking at some indices is enough.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::machines::store::{Custom, Machine};
use crate::sim::{Broken, Bytes, NodeId, StepKind};

/// How many states are kept.
const KEPT: usize = 64;

/// The states that machines from outside were in.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct States {
    /// By the index of the last entry that was applied: the first node that stood there, and its state.
    at: BTreeMap<u64, (NodeId, Bytes)>,
    /// Where each node stood after its last step.
    stood: BTreeMap<NodeId, (u32, u64)>,
}

impl States {
    /// After a step of a node, whose machine stands at an index.
    pub fn check(
        &mut self,
        node: NodeId,
        kind: StepKind,
        incarnation: u32,
        index: u64,
        machine: &Machine,
        report: &mut Vec<Broken>,
    ) {
        let Machine::Custom(machine) = machine else { return };
        if kind == StepKind::Edited {
            // Somebody has made another past by hand.
            *self = Self::default();
        } else if self.stood.get(&node) == Some(&(incarnation, index)) {
            return;
        }
        self.stood.insert(node, (incarnation, index));
        let state = machine.state();
        let Some((other, known)) = self.at.get(&index) else {
            self.at.insert(index, (node, state));
            if self.at.len() > KEPT {
                self.at.pop_first();
            }
            return;
        };
        if *known != state {
            let theirs = Custom::in_state(machine.kind(), known).map(|it| it.show()).unwrap_or_default();
            let (id, ours, other) = (node.0, machine.show(), other.0);
            let detail = format!(
                "after entry {index} the state machine of node {id} is {ours}, that of node {other} was {theirs}: apply() is \
                 not deterministic"
            );
            report.push(Broken { invariant: "StateMachineSafety".into(), detail });
        }
    }
}
