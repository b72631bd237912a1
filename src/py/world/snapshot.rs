//! Snapshots of any cluster: nodes begin to take part in them when the first is wanted.
use std::collections::BTreeMap;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::engine::{Inner, guarded};
use crate::protocols::snapshot::{Algorithm, Global, Id, Msg as Said, Snapshot};
use crate::py::actor::{Actor, Msg, Timer};
use crate::py::bridge::to_python;
use crate::py::errors::{bad_value, from_engine};
use crate::py::fault;
use crate::py::shown;
use crate::sim::{Error, NodeId, Span, Time, World, label};

type Object<'py> = Bound<'py, PyAny>;

/// What may go wrong with messages.
pub fn channels<'py>(py: Python<'py>, inner: &Inner) -> PyResult<Bound<'py, PyDict>> {
    let channels = inner.world.channels();
    let shown = PyDict::new(py);
    shown.set_item("disorder", channels.disorder)?;
    shown.set_item("lose", channels.lose)?;
    shown.set_item("double", channels.double)?;
    Ok(shown)
}

/// A snapshot begins at a node, now; its number.
pub fn begin(world: &mut World<Actor>, initiator: NodeId, algorithm: Algorithm) -> Result<u64, Error> {
    let number = world.number();
    take_part(world, number);
    let id = Id { initiator, number, algorithm };
    world.inject(initiator, initiator, Msg::Snapshot(Box::new(Said::Begin(id))))?;
    Ok(number)
}

/// Every node takes part in snapshots: those that did not, from this one on.
fn take_part(world: &mut World<Actor>, number: u64) {
    let peers: Arc<[NodeId]> = (0..world.nodes().len() as u32).map(NodeId).collect();
    let now = world.now();
    let left = |due: Time| Span::exactly(due.saturating_sub(now));
    let mut timers: Vec<BTreeMap<Timer, Span>> = world
        .nodes()
        .iter()
        .map(|node| node.timers().map(|(timer, due)| (timer.clone(), left(due))).collect())
        .collect();
    world.convert(|id, node, lives| {
        let node = match node {
            Actor::Snapshot(around) if lives => *around,
            // What restarts knows that it may have forgotten this snapshot and all before.
            node if !lives => Snapshot::new(node.into_core(), peers.clone()).forgetful(number + 1),
            node => {
                let timers = std::mem::take(&mut timers[id.index()]);
                Snapshot::new(node, peers.clone()).forgetful(0).armed(timers)
            }
        };
        let mut around = Box::new(node);
        around.meet(peers.clone());
        Actor::Snapshot(around)
    });
    let counts = Counts::of(world);
    world.convert(|id, mut node, lives| {
        if let (Actor::Snapshot(around), true) = (&mut node, lives)
            && around.counts().is_none()
        {
            let (sent, received) = counts.for_one_more(id, &peers);
            around.resume(number, sent, received);
        }
        node
    });
}

/// How many messages of the application every node has sent to and received from every other, as far as it knows, and
/// how many are under way.
struct Counts {
    known: BTreeMap<NodeId, [BTreeMap<NodeId, u64>; 2]>,
    under_way: BTreeMap<(NodeId, NodeId), u64>,
}

impl Counts {
    fn of(world: &World<Actor>) -> Self {
        let mut counts = Self { known: BTreeMap::new(), under_way: BTreeMap::new() };
        for (index, node) in world.nodes().iter().enumerate() {
            if let Some(Actor::Snapshot(around)) = node.state()
                && let Some([sent, received]) = around.counts()
            {
                counts.known.insert(NodeId(index as u32), [sent.clone(), received.clone()]);
            }
        }
        for (from, to, msg) in world.in_flight() {
            let is_application = match msg {
                Msg::Snapshot(msg) => matches!(**msg, Said::App(_) | Said::Red(_)),
                _ => true,
            };
            if is_application {
                *counts.under_way.entry((from, to)).or_default() += 1;
            }
        }
        counts
    }

    /// What a node that knows nothing must take for what it sent and received, so that every channel adds up with what
    /// the others know.
    fn for_one_more(&self, id: NodeId, peers: &[NodeId]) -> (BTreeMap<NodeId, u64>, BTreeMap<NodeId, u64>) {
        let [mut sent, mut received] = [BTreeMap::new(), BTreeMap::new()];
        let under_way = |from, to| self.under_way.get(&(from, to)).copied().unwrap_or(0);
        for &other in peers {
            let its =
                |which: usize| self.known.get(&other).map(|it| it[which].get(&id).copied().unwrap_or(0));
            sent.insert(other, its(1).unwrap_or(0) + under_way(id, other));
            received.insert(other, its(0).map_or(0, |its| its.saturating_sub(under_way(other, id))));
        }
        (sent, received)
    }
}

/// A snapshot, as its initiator has it; none: it has not begun, or the initiator has crashed since.
pub fn find<'a>(
    inner: &'a Inner,
    initiator: &Object<'_>,
    number: u64,
) -> PyResult<Option<&'a Global<Actor>>> {
    let node = inner.world.node(inner.scene.names.find(initiator)?);
    Ok(match node.state() {
        Some(Actor::Snapshot(around)) => around.global(number),
        _ => None,
    })
}

/// A snapshot as data.
pub fn show<'py>(
    py: Python<'py>,
    inner: &Inner,
    initiator: &Object<'py>,
    number: u64,
) -> PyResult<Bound<'py, PyDict>> {
    let names = &inner.scene.names;
    let name = |id: NodeId| names.get(id).expect("every node has a name");
    let shown = PyDict::new(py);
    let global = find(inner, initiator, number)?;
    shown.set_item("complete", global.is_some_and(Global::is_complete))?;
    let (nodes, flaws) = (PyDict::new(py), PyList::empty(py));
    for (id, part) in global.iter().flat_map(|it| &it.parts) {
        let (node, channels) = (PyDict::new(py), PyDict::new(py));
        let ours = matches!(part.state.core(), Actor::Ours(_));
        node.set_item("state", bare(shown::state(py, names, Some(&part.state))?, ours)?)?;
        node.set_item("disk", bare(shown::disk(py, names, &part.disk)?, ours)?)?;
        node.set_item("timers", part.timers.iter().map(|(timer, _)| label(timer)).collect::<Vec<_>>())?;
        for (from, messages) in &part.channels {
            let message = |msg| bare(shown::msg(py, names, msg)?, matches!(msg, Msg::Ours(_)));
            let messages: Vec<Object<'_>> = messages.iter().map(message).collect::<PyResult<_>>()?;
            channels.set_item(name(*from), messages)?;
        }
        node.set_item("channels", channels)?;
        nodes.set_item(name(*id), node)?;
    }
    for flaw in global.into_iter().flat_map(Global::flaws) {
        flaws.append((name(flaw.from), name(flaw.to), flaw.sent, flaw.received, flaw.recorded))?;
    }
    shown.set_item("nodes", nodes)?;
    shown.set_item("flaws", flaws)?;
    Ok(shown)
}

/// Data of one of our protocols without the protocol's name around it: there is nobody else to tell it from.
fn bare<'py>(shown: Object<'py>, ours: bool) -> PyResult<Object<'py>> {
    match shown.cast::<PyDict>() {
        Ok(named) if ours && named.len() == 1 => named.values().get_item(0),
        _ => Ok(shown),
    }
}

/// A world that goes on from a snapshot.
pub fn restored(
    py: Python<'_>,
    inner: &Inner,
    initiator: &Object<'_>,
    number: u64,
) -> PyResult<World<Actor>> {
    let global = match find(inner, initiator, number)? {
        Some(global) if global.is_complete() => global,
        _ => {
            return Err(bad_value(
                "snapshot",
                to_python(py, None, &number)?.as_any(),
                "a snapshot that is complete",
            ));
        }
    };
    if global.peers.len() != inner.world.nodes().len() {
        let nodes = to_python(py, None, &global.peers.len())?;
        return Err(bad_value("snapshot", nodes.as_any(), "a snapshot of as many nodes as there are now"));
    }
    let mut world = guarded(Some(inner.world.seed()), || inner.world.clone())?;
    world.convert(|_, node, _| node.into_core());
    let restored = guarded(Some(inner.world.seed()), || global.restore(&mut world))?;
    if let Some(fault) = fault::take() {
        return Err(fault.error);
    }
    restored.map_err(|error| from_engine(py, &error, &inner.scene.names))?;
    Ok(world)
}
