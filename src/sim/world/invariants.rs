//! Invariants, looked at after every step of a node.
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::sim::error::{Error, Violation};
use crate::sim::node::Node;
use crate::sim::protocol::{
    Broken, Monitor, NodeId, NodeView, Protocol, Step, StepKind, Storage, Time, View,
};

use super::World;

/// Which invariants to look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Invariants {
    /// All that the protocols have.
    All,
    /// Those with these names.
    Named(BTreeSet<String>),
}

/// The monitor, and what of its reports counts.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub(super) struct Watch<P: Protocol> {
    monitor: P::Monitor,
    which: Invariants,
    #[serde(skip, default = "Vec::new")]
    report: Vec<Broken>,
}

impl<P: Protocol> World<P> {
    /// Looks at invariants after every step from now on. A broken one stops the world.
    ///
    /// # Errors
    /// [`Error::Parameter`] if a name is not that of an invariant; [`Error::Invariant`] if one does not hold now.
    pub fn watch(&mut self, which: Invariants) -> Result<(), Error> {
        if let Invariants::Named(names) = &which {
            let unknown = names.iter().find(|&name| !P::Monitor::INVARIANTS.contains(&name.as_str()));
            if let Some(name) = unknown {
                return Err(Error::parameter(
                    "invariants",
                    format!("{name:?}"),
                    "a name listed in `invariants`",
                ));
            }
        }
        self.core.collecting = true;
        self.watch = Some(Watch { monitor: P::Monitor::default(), which, report: Vec::new() });
        (0..self.nodes.len() as u32).try_for_each(|id| self.look(NodeId(id), StepKind::Edited))
    }

    /// Looks at no invariants any more, and lets a world that broke one go on.
    pub fn unwatch(&mut self) {
        (self.watch, self.violation, self.core.collecting) = (None, None, false);
        self.core.collected.clear();
    }

    /// Which invariants are looked at, and what they remember.
    pub(super) fn watched(&self) -> Option<(P::Monitor, Invariants)> {
        self.watch.as_ref().map(|it| (it.monitor.clone(), it.which.clone()))
    }

    /// Looks at the invariants after a step of `node`.
    pub(super) fn look(&mut self, node: NodeId, kind: StepKind) -> Result<(), Error> {
        let Some(watch) = &mut self.watch else { return Ok(()) };
        let nodes = &self.nodes;
        let (len, now) = (nodes.len() as u32, self.core.now);
        let view = View { len, now: Some(now), get: &|id: NodeId| Some(see(&nodes[id.index()], now)) };
        let collected = std::mem::take(&mut self.core.collected);
        let writes = |visit: &mut dyn FnMut(&<P::Disk as Storage>::Write)| collected.iter().for_each(visit);
        watch.monitor.check(&view, &Step { node, kind, writes: &writes }, &mut watch.report);
        self.core.collected = collected;
        self.core.collected.clear();
        let counts = |it: &Broken| match &watch.which {
            Invariants::All => true,
            Invariants::Named(names) => names.contains(&*it.invariant),
        };
        let broken = watch.report.drain(..).find(counts);
        let Some(Broken { invariant, detail }) = broken else { return Ok(()) };
        let (seed, step, time) = (self.seed, self.core.metrics.events, self.core.now);
        let violation = Violation { invariant, detail, seed, step, time, node };
        self.violation = Some(violation.clone());
        Err(Error::Invariant(Box::new(violation)))
    }
}

fn see<P: Protocol>(node: &Node<P>, now: Time) -> NodeView<'_, P> {
    let reading = Some(node.clock().reading(now));
    NodeView { state: node.state(), disk: node.disk(), incarnation: node.incarnation(), reading }
}
