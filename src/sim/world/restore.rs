//! Putting a world where it was not: another value around every node, and a whole state that was recorded.
use crate::sim::disk::Held;
use crate::sim::error::Error;
use crate::sim::label::label;
use crate::sim::network::Channels;
use crate::sim::protocol::{Input, NodeId, Protocol, Span};
use crate::sim::trace::RowKind;

use super::port::Port;
use super::{Event, World};

/// What a node goes on from.
#[derive(Clone, Debug)]
pub struct Restored<P: Protocol> {
    /// Its state.
    pub state: P,
    /// What is on its disk, durably.
    pub disk: P::Disk,
    /// Its armed timers: each goes off after as long as if it were armed now.
    pub timers: Vec<(P::Timer, Span)>,
}

impl<P: Protocol> World<P> {
    /// Every message that was sent and not yet handled, also those that wait for a disk, a processor or a node that
    /// is paused: for each pair of nodes in the order in which they left, if their link keeps it.
    pub fn in_flight<'a>(&'a self) -> Vec<(NodeId, NodeId, &'a P::Msg)> {
        let mut found = Vec::new();
        let mut take = |to: NodeId, input: &'a Input<P>| {
            if let Input::Message(from, msg) = input {
                found.push((*from, to, msg));
            }
        };
        for (index, node) in self.nodes.iter().enumerate() {
            node.machine.waiting.iter().for_each(|input| take(NodeId(index as u32), input));
        }
        let in_order = self.core.queue.in_order();
        for (_, _, event) in &in_order {
            if let Event::Served { node, incarnation, input } = event
                && self.is_current(*node, *incarnation)
            {
                take(*node, input);
            }
        }
        for (_, _, event) in in_order {
            match event {
                Event::Arrive { from, to, msg } => found.push((*from, *to, msg)),
                Event::Loopback { node, incarnation, msg } if self.is_current(*node, *incarnation) => {
                    found.push((*node, *node, msg));
                }
                _ => {}
            }
        }
        for (index, node) in self.nodes.iter().enumerate() {
            for held in node.machine.disk.held() {
                if let Held::Send(to, msg) = held {
                    found.push((NodeId(index as u32), *to, msg));
                }
            }
        }
        found
    }

    /// A number that nothing else in this world has or will have; later ones are higher.
    pub fn number(&mut self) -> u64 {
        self.core.queue.number()
    }

    /// Puts another value in the place of every node's, of what it restarts from and then, told by `true`, of what lives:
    /// a protocol around a protocol. The new value must take the messages, timers and disk of the old one.
    pub fn convert(&mut self, mut convert: impl FnMut(NodeId, P, bool) -> P) {
        for (index, node) in self.nodes.iter_mut().enumerate() {
            node.convert(|value, lives| convert(NodeId(index as u32), value, lives));
        }
    }

    /// What may go wrong with messages here, as things are.
    pub fn channels(&self) -> Channels {
        let mut channels = self.core.links.channels();
        channels.lose |= self.nodes.iter().any(|node| !node.is_up() || !node.machine.omissions.is_empty());
        channels
    }

    /// Goes on from a state that was recorded: every node has its state, disk and timers, `messages` are on their way
    /// and arrive now in this order, and nothing else that waited will happen. Nodes that were down or paused are up;
    /// clocks, links and operations stay as they are. What invariants remember is forgotten.
    ///
    /// # Errors
    /// [`Error::Parameter`] if it is not a state for every node; [`Error::UnknownNode`]; [`Error::Invariant`].
    pub fn restore(
        &mut self,
        nodes: Vec<Restored<P>>,
        messages: Vec<(NodeId, NodeId, P::Msg)>,
    ) -> Result<(), Error> {
        if nodes.len() != self.nodes.len() {
            return Err(Error::parameter("nodes", nodes.len(), "a state for each node"));
        }
        messages.iter().try_for_each(|(from, to, _)| self.known(*from).and(self.known(*to)))?;
        let waits =
            |(_, id, event): (_, u64, &Event<P>)| (!matches!(event, Event::Wander { .. })).then_some(id);
        let waiting: Vec<u64> = self.core.queue.in_order().into_iter().filter_map(waits).collect();
        waiting.into_iter().for_each(|id| drop(self.core.queue.remove(id)));
        let count = self.nodes.len() as u32;
        for (index, Restored { state, disk, timers }) in nodes.into_iter().enumerate() {
            let node = &mut self.nodes[index];
            node.machine.disk.forget();
            (node.content, node.state) = (disk, Some(state));
            let machine = &mut node.machine;
            (machine.timers, machine.first_start) = Default::default();
            (machine.down, machine.paused) = (false, false);
            machine.waiting.clear();
            machine.processor.free_at = self.core.now;
            let id = NodeId(index as u32);
            let mut port = Port { id, core: &mut self.core, machine, count, effects: 0 };
            timers.into_iter().for_each(|(timer, span)| port.arm(timer, span));
        }
        for (from, to, msg) in messages {
            let kind = if self.core.trace.full() { label(&msg) } else { "" };
            let event = if from == to {
                let incarnation = self.nodes[to.index()].machine.incarnation;
                Event::Loopback { node: to, incarnation, msg }
            } else {
                Event::Arrive { from, to, msg }
            };
            let id = self.core.queue.push(self.core.now, event);
            if from != to {
                self.core.record(RowKind::Send, from, to, id, || kind);
            }
        }
        match self.watched() {
            Some((_, which)) => {
                self.unwatch();
                self.watch(which)
            }
            None => Ok(()),
        }
    }
}
