//! The protocols' own invariants, looked at after every step of a node exactly as the simulator does.
//!
//! What a monitor remembers is part of the state. Which invariants a step has broken is, too, but only until the next
//! step: an `always` for each of them reports it.
use super::Worlds;
use super::judge::Judge;
use super::state::{BROKEN, Draft, MONITOR, NODES};
use crate::sim::{
    Broken, Error, Invariants, Monitor, NodeId, NodeView, Protocol, Step, StepKind, Storage, View,
};

/// The invariants that are looked at.
pub(super) struct Watched {
    pub names: Vec<&'static str>,
}

impl Watched {
    pub fn new<P: Protocol>(which: &Invariants) -> Result<Option<Self>, Error> {
        let known = P::Monitor::INVARIANTS;
        if let Invariants::Named(names) = which
            && let Some(name) = names.iter().find(|name| !known.contains(&name.as_str()))
        {
            let allowed = "a name listed in `invariants`";
            return Err(Error::parameter("invariants", format!("{name:?}"), allowed));
        }
        let counts = |name: &&&str| match which {
            Invariants::All => true,
            Invariants::Named(names) => names.contains(**name),
        };
        let names: Vec<_> = known.iter().filter(counts).copied().collect();
        Ok((!names.is_empty()).then_some(Self { names }))
    }
}

impl<P: Protocol, J: Judge<P>> Worlds<P, J> {
    /// Looks at the invariants after a step of `node`.
    pub(super) fn look(
        &self,
        draft: &mut Draft,
        node: NodeId,
        kind: StepKind,
        writes: &[<P::Disk as Storage>::Write],
    ) {
        let Some(watched) = &self.watched else { return };
        let broken = self.monitor_step(draft, node, kind, writes);
        if broken.is_empty() {
            return;
        }
        let number = |it: &Broken| watched.names.iter().position(|name| *name == it.invariant);
        let mut which = self.tables.broken.get(draft[BROKEN]).value.clone();
        which.extend(broken.iter().filter_map(number).map(|it| it as u16));
        which.sort_unstable();
        which.dedup();
        draft[BROKEN] = self.tables.broken(which);
    }

    fn monitor_step(
        &self,
        draft: &mut Draft,
        node: NodeId,
        kind: StepKind,
        writes: &[<P::Disk as Storage>::Write],
    ) -> Vec<Broken> {
        let before = &self.tables.monitors.get(draft[MONITOR]).value;
        let (mut monitor, mut report) = (before.clone(), Vec::new());
        let get = |id: NodeId| {
            let local =
                &self.tables.node(*draft.get(NODES..NODES + self.layout.nodes)?.get(id.index())?).local;
            let incarnation = self.incarnations[id.index()] + u32::from(local.turn);
            Some(NodeView { state: local.state.as_ref(), disk: &local.disk, incarnation, reading: None })
        };
        let view = View { len: self.layout.nodes as u32, now: None, get: &get };
        let visit = |visit: &mut dyn FnMut(&<P::Disk as Storage>::Write)| writes.iter().for_each(visit);
        monitor.check(&view, &Step { node, kind, writes: &visit }, &mut report);
        if monitor != *before {
            draft[MONITOR] = self.tables.monitor(monitor);
        }
        report
    }

    /// Whether the step to this state has broken an invariant.
    pub(super) fn has_broken(&self, words: &[u32], invariant: usize) -> bool {
        words[BROKEN] != 0 && self.tables.broken.get(words[BROKEN]).value.contains(&(invariant as u16))
    }
}
