//! What every protocol that keeps a clock promises, as invariants for whoever sees true time.
//!
//! | invariant | what it says |
//! |---|---|
//! | ErrorBound | a node that says how far it can be off is not further off |
//! | SlewRate | a clock that is set right runs at most so much fast or slow, except where it may be corrected at once |
//!
//! Both say how a clock is kept, not that the hardware is sound: hardware that drifts more than a protocol allows for,
//! or that jumps, breaks the first, and that is what it is for.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Discipline, Software};
use crate::sim::{Broken, NodeId, Protocol, Step, View};

/// *ErrorBound* at the node of a step.
pub fn within_bound<P: Protocol>(view: &View<'_, P>, step: &Step<'_, P>, report: &mut Vec<Broken>) {
    let Some(node) = (view.get)(step.node) else { return };
    let (Some(now), Some(state), Some(reading)) = (view.now, node.state, node.reading) else { return };
    let believed = state.time(reading);
    let Some(within) = believed.within else { return };
    let error = i128::from(believed.time) - i128::from(now);
    if error.unsigned_abs() > u128::from(within) {
        let detail = format!(
            "node {} takes {} ns for the time, off by at most {within} ns; it is {now} ns, {error} ns off",
            step.node.0, believed.time
        );
        report.push(Broken { invariant: "ErrorBound".into(), detail });
    }
}

/// *SlewRate*: remembers how every clock was when its node last did something.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Progress {
    last: BTreeMap<NodeId, Seen>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Seen {
    incarnation: u32,
    reading: i64,
    ahead: i64,
    steps: u32,
}

impl Progress {
    /// *SlewRate* at the node of a step, whose state keeps `clock`.
    pub fn check<P: Protocol>(
        &mut self,
        view: &View<'_, P>,
        step: &Step<'_, P>,
        clock: impl FnOnce(&P) -> Option<(Software, Discipline)>,
        report: &mut Vec<Broken>,
    ) {
        let Some(node) = (view.get)(step.node) else { return };
        let (Some(state), Some(reading)) = (node.state, node.reading) else { return };
        let Some((clock, how)) = clock(state) else { return };
        let (ahead, steps) = (clock.ahead(reading), clock.steps());
        let seen = Seen { incarnation: node.incarnation, reading, ahead, steps };
        let Some(before) = self.last.insert(step.node, seen) else { return };
        if before.incarnation != seen.incarnation || reading < before.reading {
            return; // a new clock, or hardware that was set back
        }
        let change = ahead.abs_diff(before.ahead);
        let slewed =
            u128::from(reading.abs_diff(before.reading)) * u128::from(how.slew_ppb) / 1_000_000_000 + 1;
        let allowed = match steps - before.steps {
            0 => u128::from(change) <= slewed,
            _ => u128::from(change) + slewed > u128::from(how.step),
        };
        if !allowed {
            let word = if steps == before.steps { "slews" } else { "steps" };
            let detail =
                format!("node {} {word} by {change} ns in {} ns", step.node.0, reading - before.reading);
            report.push(Broken { invariant: "SlewRate".into(), detail });
        }
    }
}
