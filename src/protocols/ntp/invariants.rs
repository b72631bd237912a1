//! What must hold after every step, for whoever sees true time.
//!
//! | invariant | RFC 5905; notes |
//! |---|---|
//! | ErrorBound | root distance: a node is off by at most root delay / 2 + root dispersion (section 11.2) |
//! | SlewRate | a clock is slewed by 500 ppm at most, and stepped only by more than 128 ms (section 12, appendix A.5.5.6) |
//! | Stratum | who has the time is one further from a reference than whom it has it from; 16 has nobody (notes, 3.2) |
//!
//! ErrorBound takes hardware for granted that drifts by `drift_ppb` at most, and references that are right.
use serde::{Deserialize, Serialize};

use super::Node;
use super::upstream::UNSYNCHRONIZED;
use crate::machines::clocks::{Progress, within_bound};
use crate::sim::{self, Broken, Step, View};

/// The names of the invariants.
pub const INVARIANTS: &[&str] = &["ErrorBound", "SlewRate", "Stratum"];

/// The invariants of the Network Time Protocol.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Monitor(Progress);

impl sim::Monitor<Node> for Monitor {
    const INVARIANTS: &'static [&'static str] = INVARIANTS;

    fn check(&mut self, view: &View<'_, Node>, step: &Step<'_, Node>, report: &mut Vec<Broken>) {
        within_bound(view, step, report);
        self.0.check(view, step, |node| Some((node.clock, node.config.discipline)), report);
        let Some(node) = (view.get)(step.node).and_then(|it| it.state) else { return };
        let sound = match (&node.system, node.config.reference) {
            (_, Some(reference)) => node.stratum() == reference,
            (None, None) => node.stratum() == UNSYNCHRONIZED,
            (Some(system), None) => {
                node.config.upstreams.contains(&system.upstream)
                    && (1..UNSYNCHRONIZED).contains(&node.stratum())
                    && node.stratum() == system.upstream_stratum + 1
            }
        };
        if !sound {
            let detail =
                format!("node {} is of stratum {} by {:?}", step.node.0, node.stratum(), node.system);
            report.push(Broken { invariant: "Stratum".into(), detail });
        }
    }
}
