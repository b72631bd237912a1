//! What must hold after every step.
//!
//! | invariant | Lamport (1978), p. 561; Ricart and Agrawala (1981) | TLA+ (LamportMutex, Merz) |
//! |---|---|---|
//! | MutualExclusion | condition I: who is inside must leave before another one enters | `Mutex` |
//! | GrantOrder | condition II: requests are granted in the order in which they are made | |
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::message::Stamp;
use super::{Node, Phase};
use crate::sim::{self, Broken, NodeId, Step, View};

/// The names of the invariants.
pub const INVARIANTS: &[&str] = &["MutualExclusion", "GrantOrder"];

/// The invariants of mutual exclusion.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Monitor {
    /// Who is inside, by which request. Who has crashed there stays: nobody knows that it has left.
    inside: BTreeMap<NodeId, Stamp>,
    /// The latest request that was granted.
    latest: Option<Stamp>,
}

impl sim::Monitor<Node> for Monitor {
    const INVARIANTS: &'static [&'static str] = INVARIANTS;

    fn check(&mut self, view: &View<'_, Node>, step: &Step<'_, Node>, report: &mut Vec<Broken>) {
        let Some(node) = (view.get)(step.node).and_then(|it| it.state) else { return };
        let Phase::Inside { stamp, .. } = node.phase else {
            if !node.has_forgotten() {
                self.inside.remove(&step.node);
            }
            return;
        };
        if self.inside.insert(step.node, stamp) == Some(stamp) {
            return; // it was inside before
        }
        if let Some((other, by)) = self.inside.iter().find(|(other, _)| **other != step.node) {
            let detail = format!(
                "node {} enters by request ({}, {}) while node {} is inside by request ({}, {})",
                step.node.0, stamp.counter, stamp.process.0, other.0, by.counter, by.process.0
            );
            report.push(Broken { invariant: "MutualExclusion".into(), detail });
        }
        if let Some(latest) = self.latest.filter(|latest| *latest >= stamp) {
            let detail = format!(
                "request ({}, {}) is granted after ({}, {}), which is later",
                stamp.counter, stamp.process.0, latest.counter, latest.process.0
            );
            report.push(Broken { invariant: "GrantOrder".into(), detail });
        }
        self.latest = self.latest.max(Some(stamp));
    }
}
