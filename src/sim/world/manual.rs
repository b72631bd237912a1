//! Moving a world by hand: see what waits, let one thing happen or not happen, change what is there.
use crate::sim::error::Error;
use crate::sim::label::label;
use crate::sim::protocol::{Input, NodeId, OpId, Protocol, Span, StepKind, Time};
use crate::sim::trace::RowKind;

use super::port::Port;
use super::{Event, World};

/// Something that waits to happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending<'a, P: Protocol> {
    /// Its id, for [`World::deliver`] and its like.
    pub id: u64,
    /// When it will happen, if the world runs by itself.
    pub at: Time,
    /// Another number whenever a timer is armed anew, though it keeps its id; otherwise the id.
    pub armed: u64,
    /// The node it will happen to; none: the world as a whole.
    pub node: Option<NodeId>,
    /// What it is.
    pub kind: PendingKind<'a, P>,
}

/// What waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PendingKind<'a, P: Protocol> {
    /// A message from a node (also from the node to itself).
    Message(NodeId, &'a P::Msg),
    /// An input that waits for the processor.
    Service(&'a Input<P>),
    /// A timer.
    Timer(&'a P::Timer),
    /// A sync of the disk.
    Sync,
    /// A node that will come up.
    Start,
    /// An operation that will be asked.
    Call(&'a P::Call),
    /// A fault, by name.
    Fault(&'static str),
    /// A workload's next request.
    Load,
}

impl<P: Protocol> World<P> {
    /// Everything that waits, in the order in which it will happen by itself. Costs a walk over all.
    pub fn pending(&self) -> Vec<Pending<'_, P>> {
        self.core
            .queue
            .in_order()
            .into_iter()
            .filter_map(|(at, id, event)| self.see_event(at, id, event))
            .collect()
    }

    /// The id of what will put an operation to its node that has not reached it yet.
    pub fn pending_call(&self, op: OpId) -> Option<u64> {
        let is_it = |event: &Event<P>| matches!(event, Event::Call { op: of, .. } if *of == op);
        self.core.queue.in_order().into_iter().find(|(_, _, event)| is_it(event)).map(|(_, id, _)| id)
    }

    fn see_event<'a>(&'a self, at: Time, id: u64, event: &'a Event<P>) -> Option<Pending<'a, P>> {
        let (node, kind) = match event {
            // What a crash took with it never happens, though its event is still there.
            Event::Loopback { node, incarnation, .. } | Event::Served { node, incarnation, .. }
                if !self.is_current(*node, *incarnation) =>
            {
                return None;
            }
            Event::Sync { node, boot } if !self.nodes[node.index()].machine.disk.is_syncing(*boot) => {
                return None;
            }
            Event::Arrive { from, to, msg } => (*to, PendingKind::Message(*from, msg)),
            Event::Loopback { node, msg, .. } => (*node, PendingKind::Message(*node, msg)),
            Event::Served { node, input, .. } => (*node, PendingKind::Service(input)),
            Event::Timer { node, timer } => {
                let (at, armed) = self.nodes[node.index()].machine.timers.due(timer, id)?;
                return Some(Pending { id, at, armed, node: Some(*node), kind: PendingKind::Timer(timer) });
            }
            Event::Sync { node, .. } => (*node, PendingKind::Sync),
            Event::Start { node } => (*node, PendingKind::Start),
            Event::Call { node, op } => (*node, PendingKind::Call(&self.core.history.op(*op)?.call)),
            Event::Next { client, .. } => (*client, PendingKind::Load),
            Event::Wander { node, turn } if self.nodes[node.index()].machine.wander.turn != *turn => {
                return None;
            }
            Event::Wander { node, .. } => (*node, PendingKind::Fault("clock_wander")),
            Event::Fault(fault) => {
                let kind = PendingKind::Fault(label(&**fault));
                return Some(Pending { id, at, armed: id, node: None, kind });
            }
        };
        Some(Pending { id, at, armed: id, node: Some(node), kind })
    }

    /// Lets one thing that waits happen next, whatever waits before it. The world's time moves on to the
    /// thing's own if that is later.
    ///
    /// # Errors
    /// [`Error::NotPending`]; [`Error::Invariant`]; [`Error::Budget`].
    pub fn deliver(&mut self, id: u64) -> Result<(), Error> {
        let (at, event) = self.core.queue.remove(id).ok_or(Error::NotPending { id })?;
        match event {
            Event::Timer { node, timer } => {
                let timers = &mut self.nodes[node.index()].machine.timers;
                let at = timers.due(&timer, id).map_or(at, |(at, _)| at);
                timers.forget(&timer, id);
                self.core.now = self.core.now.max(at);
                self.fire(node, &timer)
            }
            event => self.happen(at, id, event).map(drop),
        }
    }

    /// Lets one thing that waits never happen: a lost message, a skipped fault. A timer is cancelled.
    ///
    /// # Errors
    /// [`Error::NotPending`].
    pub fn discard(&mut self, id: u64) -> Result<(), Error> {
        match self.core.queue.remove(id).ok_or(Error::NotPending { id })?.1 {
            Event::Timer { node, timer } => {
                let timers = &mut self.nodes[node.index()].machine.timers;
                timers.forget(&timer, id);
                timers.disarm(&timer);
            }
            Event::Arrive { from, to, .. } => {
                self.core.metrics.lost += 1;
                self.core.record(RowKind::Drop, to, from, id, || "lost");
            }
            _ => {}
        }
        Ok(())
    }

    /// Makes a message on its way arrive a second time; returns the copy's id.
    ///
    /// # Errors
    /// [`Error::NotPending`], also if it is no message.
    pub fn duplicate(&mut self, id: u64) -> Result<u64, Error> {
        let (at, copy) = match self.core.queue.get(id) {
            Some((at, event @ Event::Arrive { .. })) => (at, event.clone()),
            _ => return Err(Error::NotPending { id }),
        };
        self.core.metrics.duplicated += 1;
        let Event::Arrive { from, to, ref msg } = copy else { unreachable!("it was a message") };
        let kind = if self.core.trace.full() { label(msg) } else { "" };
        let copy = self.core.queue.push(at, copy);
        // The row names the message as its cause: nothing that is being handled has made the copy.
        let cause = std::mem::replace(&mut self.core.cause, id);
        self.core.record(RowKind::Duplicate, from, to, copy, || kind);
        self.core.cause = cause;
        Ok(copy)
    }

    /// Every node that was added and has not come up yet comes up now, in the order in which they were added.
    ///
    /// # Errors
    /// [`Error::Invariant`]; [`Error::Budget`].
    pub fn start_nodes(&mut self) -> Result<(), Error> {
        for index in 0..self.nodes.len() {
            if let Some(event) = self.nodes[index].machine.first_start.take() {
                self.core.queue.remove(event);
                self.start(NodeId(index as u32))?;
            }
        }
        Ok(())
    }

    /// A timer goes off now, whether it was armed or not.
    ///
    /// # Errors
    /// [`Error::UnknownNode`]; [`Error::Node`] if the node is down; [`Error::Invariant`].
    pub fn fire(&mut self, node: NodeId, timer: &P::Timer) -> Result<(), Error> {
        self.known(node)?;
        self.up(node)?;
        self.nodes[node.index()].machine.timers.disarm(timer);
        let number = self.core.queue.number();
        self.core.cause = number;
        let fired = self.fire_now(node, timer.clone(), number);
        self.core.cause = 0;
        fired
    }

    /// A timer is set from outside, as its node would set it: to go off once within a span, on the node's clock.
    ///
    /// # Errors
    /// [`Error::UnknownNode`]; [`Error::Node`] if the node is down.
    pub fn arm(&mut self, id: NodeId, timer: P::Timer, span: Span) -> Result<(), Error> {
        self.known(id)?;
        self.up(id)?;
        let count = self.nodes.len() as u32;
        let machine = &mut self.nodes[id.index()].machine;
        Port { id, core: &mut self.core, machine, count, effects: 0 }.arm(timer, span);
        Ok(())
    }

    /// A timer will not go off, if it was armed.
    ///
    /// # Errors
    /// [`Error::UnknownNode`]; [`Error::Node`] if the node is down.
    pub fn disarm(&mut self, id: NodeId, timer: &P::Timer) -> Result<(), Error> {
        self.known(id)?;
        self.up(id)?;
        self.nodes[id.index()].machine.timers.disarm(timer);
        Ok(())
    }

    /// The sync of a node's disk that is under way completes now.
    ///
    /// # Errors
    /// [`Error::UnknownNode`]; [`Error::Node`] if no sync is under way.
    pub fn complete_write(&mut self, node: NodeId) -> Result<(), Error> {
        self.known(node)?;
        let disk = &self.nodes[node.index()].machine.disk; // what was under way before power failed never completes
        let is_sync = |event: &Event<P>| matches!(event, Event::Sync { node: of, boot } if *of == node && disk.is_syncing(*boot));
        let found =
            self.core.queue.in_order().into_iter().find(|(_, _, event)| is_sync(event)).map(|(_, id, _)| id);
        match found {
            Some(id) => self.deliver(id),
            None => Err(self.not_so(node, "no write is waiting for the disk")),
        }
    }

    /// From now on only whoever moves the world by hand decides what happens: the network itself loses and doubles
    /// nothing, and no input waits for a processor. What waits for one is on its way again.
    pub fn calm(&mut self) {
        let network = &mut self.core.links.network;
        (network.loss, network.duplicate) = Default::default();
        self.service = None;
        for node in &mut self.nodes {
            let processor = &mut node.machine.processor;
            (processor.free_at, processor.factor, processor.extra) = (0, 1.0, 0);
        }
        let served =
            |(_, id, event): (Time, u64, &Event<P>)| matches!(event, Event::Served { .. }).then_some(id);
        let waiting: Vec<u64> = self.core.queue.in_order().into_iter().filter_map(served).collect();
        for id in waiting {
            let Some((at, Event::Served { node, incarnation, input })) = self.core.queue.remove(id) else {
                continue;
            };
            if !self.is_current(node, incarnation) {
                continue;
            }
            let event = match input {
                Input::Message(from, msg) if from != node => Event::Arrive { from, to: node, msg },
                Input::Message(_, msg) => Event::Loopback { node, incarnation, msg },
                Input::Call(op, _) => Event::Call { node, op },
                input => Event::Served { node, incarnation, input },
            };
            self.core.queue.push_numbered(at, id, event);
        }
    }

    /// The next questions that handlers ask ([`Cx::choose`](crate::sim::Cx::choose) and
    /// [`Cx::chance`](crate::sim::Cx::chance): 1 is true) get these answers, in order, instead of random ones. An
    /// answer that a question does not allow becomes the highest that it does. Replaces what is left of an earlier
    /// script.
    pub fn script(&mut self, answers: impl IntoIterator<Item = u32>) {
        self.core.script = answers.into_iter().collect();
    }

    /// How many answers of the script nobody has asked for yet.
    pub fn scripted(&self) -> usize {
        self.core.script.len()
    }

    /// Changes a node's state and disk from outside; what was not durable is taken to be so.
    ///
    /// # Errors
    /// [`Error::UnknownNode`]; [`Error::Node`] if the node is down; [`Error::Invariant`].
    pub fn edit(&mut self, id: NodeId, change: impl FnOnce(&mut P, &mut P::Disk)) -> Result<(), Error> {
        self.known(id)?;
        self.up(id)?;
        let node = &mut self.nodes[id.index()];
        let state = node.state.as_mut().expect("the node is up");
        change(state, &mut node.content);
        state.edited(&node.content);
        node.machine.disk.settle_all();
        self.settle_disk(id);
        self.look(id, StepKind::Edited)
    }

    /// Lets everything that waits happen except timers, faults and workloads, in order, until nothing is left.
    /// Returns the number of events.
    ///
    /// # Errors
    /// As [`World::step`]; [`Error::Budget`] after more than `most` events.
    pub fn settle(&mut self, most: u64) -> Result<u64, Error> {
        let mut events = 0;
        loop {
            let is_quiet = |event: &Event<P>| {
                matches!(
                    event,
                    Event::Timer { .. } | Event::Fault(_) | Event::Next { .. } | Event::Wander { .. }
                )
            };
            let next = self.core.queue.in_order().into_iter().find(|(_, _, event)| !is_quiet(event));
            let Some(id) = next.map(|(_, id, _)| id) else { return Ok(events) };
            if events == most {
                let (what, name) = ("events to settle".into(), "(any)".into());
                return Err(Error::Budget {
                    time: self.core.now,
                    what,
                    limit: most,
                    event: "settle".into(),
                    name,
                });
            }
            self.deliver(id)?;
            events += 1;
        }
    }

    /// After a change of a node's disk: lets go what need not wait any more, and begins a sync if one is due.
    pub(super) fn settle_disk(&mut self, id: NodeId) {
        let count = self.nodes.len() as u32;
        let node = &mut self.nodes[id.index()];
        if node.is_up() {
            Port { id, core: &mut self.core, machine: &mut node.machine, count, effects: 0 }.settle();
        }
    }

    fn up(&self, node: NodeId) -> Result<(), Error> {
        if self.nodes[node.index()].is_up() { Ok(()) } else { Err(self.not_so(node, "it is down")) }
    }

    fn not_so(&self, node: NodeId, why: &str) -> Error {
        Error::Node { name: self.nodes[node.index()].name.clone(), why: why.into() }
    }
}
