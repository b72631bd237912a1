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
pub fn begin(world: &mut World<Actor>, initiator: NodeId, algorithm: Algorithm) -> Result<u32, Error> {
    take_part(world);
    let known = world.nodes().iter().filter_map(|node| match node.state() {
        Some(Actor::Snapshot(it)) => Some(it.last()),
        _ => None,
    });
    let wanted = world.in_flight().into_iter().filter_map(|(_, _, msg)| match msg {
        Msg::Snapshot(msg) => match &**msg {
            Said::Begin(id) => Some(id.number),
            _ => None,
        },
        _ => None,
    });
    let number = 1 + known.chain(wanted).max().unwrap_or(0);
    let id = Id { initiator, number, algorithm };
    world.inject(initiator, initiator, Msg::Snapshot(Box::new(Said::Begin(id))))?;
    Ok(number)
}

/// Every node takes part in snapshots from now on, and knows how many messages are under way from it.
fn take_part(world: &mut World<Actor>) {
    let peers: Arc<[NodeId]> = (0..world.nodes().len() as u32).map(NodeId).collect();
    let now = world.now();
    let left = |due: Time| Span::exactly(due.saturating_sub(now));
    let mut timers: Vec<BTreeMap<Timer, Span>> = world
        .nodes()
        .iter()
        .map(|node| node.timers().map(|(timer, due)| (timer.clone(), left(due))).collect())
        .collect();
    world.convert(|id, node, lives| {
        let mut around = match node {
            Actor::Snapshot(around) => around,
            node if lives => {
                let timers = std::mem::take(&mut timers[id.index()]);
                Box::new(Snapshot::new(node, peers.clone()).armed(timers))
            }
            node => Box::new(Snapshot::new(node, peers.clone())),
        };
        around.meet(peers.clone());
        Actor::Snapshot(around)
    });
    let has_counts = |node: &Actor| matches!(node, Actor::Snapshot(it) if it.has_counts());
    if world.nodes().iter().filter_map(|node| node.state()).all(has_counts) {
        return;
    }
    let mut under_way = vec![BTreeMap::<NodeId, u64>::new(); peers.len()];
    for (from, to, msg) in world.in_flight() {
        let is_application = match msg {
            Msg::Snapshot(msg) => matches!(**msg, Said::App(_) | Said::Red(_)),
            _ => true,
        };
        if is_application {
            *under_way[from.index()].entry(to).or_default() += 1;
        }
    }
    world.convert(|id, mut node, lives| {
        if let (Actor::Snapshot(around), true) = (&mut node, lives) {
            around.count(std::mem::take(&mut under_way[id.index()]));
        }
        node
    });
}

/// A snapshot, as its initiator has it; none: it has not begun, or the initiator has crashed since.
pub fn find<'a>(
    inner: &'a Inner,
    initiator: &Object<'_>,
    number: u32,
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
    number: u32,
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
    number: u32,
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
        return Err(bad_value("snapshot", initiator, "a snapshot of all the nodes that there are now"));
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
