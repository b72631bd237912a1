//! The invariants of the application, seen through the snapshots around it.
use serde::{Deserialize, Serialize};

use super::Snapshot;
use crate::sim::{Broken, Monitor, NodeView, Protocol, Step, View};

/// What the application's invariants remember.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Inside<P: Protocol>(P::Monitor);

impl<P: Protocol> Default for Inside<P> {
    fn default() -> Self {
        Self(P::Monitor::default())
    }
}

impl<P: Protocol> Monitor<Snapshot<P>> for Inside<P> {
    const INVARIANTS: &'static [&'static str] = P::Monitor::INVARIANTS;

    fn check(
        &mut self,
        view: &View<'_, Snapshot<P>>,
        step: &Step<'_, Snapshot<P>>,
        report: &mut Vec<Broken>,
    ) {
        let get = |id| {
            let NodeView { state, disk, incarnation, reading } = (view.get)(id)?;
            Some(NodeView { state: state.map(|it| &it.inner), disk, incarnation, reading })
        };
        let step = Step { node: step.node, kind: step.kind, writes: step.writes };
        self.0.check(&View { len: view.len, now: view.now, get: &get }, &step, report);
    }
}
