//! What must hold after every step, for whoever sees true time.
//!
//! | invariant | Corbett et al. (2012); notes |
//! |---|---|
//! | ErrorBound | `TT.now()` contains true time: *t_abs(e_now)* lies in the interval (section 3) |
//! | ExternalConsistency | a commit that begins after another one has ended has the larger stamp (section 4.1.2) |
//!
//! ErrorBound takes for granted hardware that drifts as little as it should, and masters most of which are right: a clock
//! fault breaks it, at the latest when its node does something. ExternalConsistency is checked by what is waited for:
//! a commit has begun when its node waits for it, and has ended when the node is up and does not wait any more.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Node;
use crate::machines::clocks::within_bound;
use crate::sim::{self, Broken, NodeId, OpId, Reading, Step, View};

/// The names of the invariants.
pub const INVARIANTS: &[&str] = &["ErrorBound", "ExternalConsistency"];

/// The invariants of TrueTime.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Monitor {
    /// The commits that have not ended.
    open: BTreeMap<OpId, (NodeId, Reading)>,
    /// The largest stamp of one that has.
    ended: Option<Reading>,
}

impl sim::Monitor<Node> for Monitor {
    const INVARIANTS: &'static [&'static str] = INVARIANTS;

    fn check(&mut self, view: &View<'_, Node>, step: &Step<'_, Node>, report: &mut Vec<Broken>) {
        within_bound(view, step, report);
        let Some(view) = (view.get)(step.node) else { return };
        let Some(node) = view.state else {
            return self.open.retain(|_, (of, _)| *of != step.node); // nobody was answered
        };
        let commits = || node.waits.iter().filter(|(_, it)| it.commit);
        for (op, wait) in commits().filter(|(op, _)| !self.open.contains_key(op)) {
            if let Some(ended) = self.ended.filter(|ended| wait.stamp <= *ended) {
                let detail = format!(
                    "operation {} of node {} gets the stamp {} ns after a commit stamped {ended} ns has ended",
                    op.0, step.node.0, wait.stamp
                );
                report.push(Broken { invariant: "ExternalConsistency".into(), detail });
            }
        }
        let (mut open, known) = (std::mem::take(&mut self.open), !node.is_evicted());
        open.retain(|op, (of, stamp)| {
            let ends = *of == step.node && !node.waits.contains_key(op);
            if ends && known {
                self.ended = self.ended.max(Some(*stamp));
            }
            !ends
        });
        open.extend(commits().map(|(op, wait)| (*op, (step.node, wait.stamp))));
        self.open = open;
    }
}
