//! The loop: takes the next event, hands it to its node, looks at the invariants.
use std::hash::Hash;

use crate::sim::error::Error;
use crate::sim::label::label;
use crate::sim::protocol::{Cx, Input, Label, NodeId, Protocol, StepKind, Time};
use crate::sim::timers::Due;
use crate::sim::trace::{NOBODY, RowKind};

use super::port::Port;
use super::{Event, World};

impl<P: Protocol> World<P> {
    /// Lets the next thing happen, whenever that is. False: there is nothing left to happen.
    ///
    /// # Errors
    /// [`Error::Manual`]; [`Error::Invariant`], also for a world that broke one earlier; [`Error::Livelock`];
    /// [`Error::Budget`].
    pub fn step(&mut self) -> Result<bool, Error> {
        self.may_run()?;
        while let Some((at, number, event)) = self.core.queue.pop() {
            if self.happen(at, number, event)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Lets everything happen up to and including `deadline`; the world's time is `deadline` then.
    /// Returns the number of events.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn run_until(&mut self, deadline: Time) -> Result<u64, Error> {
        let mut events = 0;
        while self.run_some(deadline, u64::MAX, &mut events)? {}
        Ok(events)
    }

    /// As [`run_until`](Self::run_until), but handles at most `most` events; adds their number to `events`.
    /// False: `deadline` is reached.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn run_some(&mut self, deadline: Time, most: u64, events: &mut u64) -> Result<bool, Error> {
        self.run_while(deadline, most, events, |_| true)
    }

    /// As [`run_some`](Self::run_some), but also stops after the first event after which `go_on` is false.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn run_while(
        &mut self,
        deadline: Time,
        most: u64,
        events: &mut u64,
        mut go_on: impl FnMut(&Self) -> bool,
    ) -> Result<bool, Error> {
        self.may_run()?;
        let mut left = most;
        while self.core.queue.next_at().is_some_and(|at| at <= deadline) {
            let (at, number, event) = self.core.queue.pop().expect("there is a next event");
            if self.happen(at, number, event)? {
                *events += 1;
                left -= 1;
                if left == 0 || !go_on(self) {
                    return Ok(true);
                }
            }
        }
        if deadline < Time::MAX {
            self.core.now = self.core.now.max(deadline); // without a deadline it stays when nothing is left
        }
        Ok(false)
    }

    fn may_run(&self) -> Result<(), Error> {
        match &self.violation {
            Some(violation) => Err(Error::Invariant(Box::new(violation.clone()))),
            None if self.manual => Err(Error::Manual),
            None => Ok(()),
        }
    }

    /// One event happens. False: it was nothing (a timer that had been pushed back or cancelled).
    pub(super) fn happen(&mut self, at: Time, number: u64, event: Event<P>) -> Result<bool, Error> {
        if at > self.core.now {
            self.core.now = at;
            self.at_this_instant = 0;
        }
        self.core.cause = number;
        match event {
            Event::Arrive { from, to, msg } => self.arrive(from, to, msg, number)?,
            Event::Timer { node, timer } => return self.timer(at, number, node, timer),
            Event::Loopback { node, incarnation, msg } => {
                if self.is_current(node, incarnation) {
                    self.take(node, Input::Message(node, msg))?;
                }
            }
            Event::Served { node, incarnation, input } => {
                if self.is_current(node, incarnation) {
                    self.take(node, input)?;
                }
            }
            Event::Sync { node, boot } => self.synced(node, boot)?,
            Event::Start { node } => return self.start(node),
            Event::Call { node, op } => {
                self.core.history.asked(op, self.core.now);
                self.called(node, op)?;
            }
            Event::Fault(fault) => self.change(&fault)?,
            Event::Next { load, client } => self.next_request(load, client)?,
            Event::Wander { node, turn } => self.wander(node, turn),
        }
        self.core.cause = 0;
        Ok(true)
    }

    pub(super) fn is_current(&self, node: NodeId, incarnation: u32) -> bool {
        let node = &self.nodes[node.index()];
        node.is_up() && node.machine.incarnation == incarnation
    }

    fn arrive(&mut self, from: NodeId, to: NodeId, msg: P::Msg, number: u64) -> Result<(), Error> {
        let machine = &mut self.nodes[to.index()].machine;
        let lost = if self.core.links.blocked(from, to) {
            self.core.metrics.cut += 1;
            Some("cut")
        } else if !machine.omissions.is_empty() && machine.omits(&msg, from, false) {
            self.core.metrics.omitted += 1;
            Some("omitted")
        } else if self.nodes[to.index()].state.is_none() {
            self.core.metrics.unheard += 1;
            Some("down")
        } else {
            None
        };
        if let Some(why) = lost {
            self.core.record(RowKind::Drop, to, from, number, || why);
            return Ok(());
        }
        self.core.metrics.delivered += 1;
        self.core.record(RowKind::Deliver, to, from, number, || label(&msg));
        self.serve(to, Input::Message(from, msg))
    }

    fn timer(&mut self, at: Time, number: u64, node: NodeId, timer: P::Timer) -> Result<bool, Error> {
        match self.nodes[node.index()].machine.timers.came_up(&timer, at, number) {
            Due::Stale => Ok(false),
            Due::Later(at, number) => {
                self.core.queue.push_numbered(at, number, Event::Timer { node, timer });
                Ok(false)
            }
            Due::Now => self.fire_now(node, timer, number).map(|()| true),
        }
    }

    pub(super) fn fire_now(&mut self, node: NodeId, timer: P::Timer, number: u64) -> Result<(), Error> {
        self.core.metrics.timers += 1;
        self.core.record(RowKind::Timer, node, NOBODY, number, || label(&timer));
        self.take(node, Input::Timer(timer))
    }

    /// A sync ends, whether the process that asked for it still lives or not.
    fn synced(&mut self, id: NodeId, boot: u32) -> Result<(), Error> {
        if !self.nodes[id.index()].machine.disk.is_syncing(boot) {
            return Ok(());
        }
        self.core.metrics.syncs += 1;
        self.core.record(RowKind::Sync, id, NOBODY, 0, || "sync");
        let count = self.nodes.len() as u32;
        let machine = &mut self.nodes[id.index()].machine;
        machine.disk.end_sync();
        Port { id, core: &mut self.core, machine, count, effects: 0 }.settle();
        Ok(())
    }

    /// A node comes up. False: it has crashed before it could, or was started by hand.
    pub(super) fn start(&mut self, id: NodeId) -> Result<bool, Error> {
        let node = &mut self.nodes[id.index()];
        node.machine.first_start = None;
        if node.is_up() || node.machine.down {
            return Ok(false);
        }
        node.come_up();
        self.core.summarize(RowKind::Start, id, 0, "start");
        self.take(id, Input::Start)?;
        Ok(true)
    }

    pub(super) fn called(&mut self, node: NodeId, op: crate::sim::OpId) -> Result<(), Error> {
        let call = self.core.history.op(op).expect("an operation that was asked").call.clone();
        self.core.record(RowKind::Call, node, NOBODY, op.0, || label(&call));
        if !self.nodes[node.index()].is_up() {
            self.core.metrics.unheard += 1;
            return Ok(());
        }
        self.serve(node, Input::Call(op, call))
    }

    /// An input reaches a node's machine: it may have to wait for the processor.
    fn serve(&mut self, id: NodeId, input: Input<P>) -> Result<(), Error> {
        let now = self.core.now;
        let machine = &mut self.nodes[id.index()].machine;
        let processor = &mut machine.processor;
        let service = match &self.service {
            None => processor.extra,
            Some(service) => {
                let takes = service.sample(&mut processor.rng) as f64 * processor.factor;
                (takes as Time).saturating_add(processor.extra)
            }
        };
        if service == 0 && processor.free_at <= now {
            return self.take(id, input);
        }
        processor.free_at = processor.free_at.max(now).saturating_add(service);
        let event = Event::Served { node: id, incarnation: machine.incarnation, input };
        self.core.queue.push(processor.free_at, event);
        Ok(())
    }

    /// The only way into a handler.
    pub(super) fn take(&mut self, id: NodeId, input: Input<P>) -> Result<(), Error> {
        let count = self.nodes.len() as u32;
        let node = &mut self.nodes[id.index()];
        let Some(state) = &mut node.state else { return Ok(()) };
        if node.machine.paused {
            node.machine.waiting.push_back(input);
            return Ok(());
        }
        self.core.metrics.events += 1;
        self.last_node = Some(id);
        (self.core.now, id, &input).hash(&mut self.fingerprint);
        let now = node.machine.clock.reading(self.core.now);
        let mut port = Port { id, core: &mut self.core, machine: &mut node.machine, count, effects: 0 };
        let kind = kind_of(&input);
        let cx = &mut Cx::new(id, now, &mut node.content, &mut port);
        match input {
            Input::Message(from, msg) => state.on_message(cx, from, msg),
            Input::Timer(timer) => state.on_timer(cx, timer),
            Input::Call(op, call) => state.on_call(cx, op, call),
            Input::Start => state.on_start(cx),
        }
        let effects = port.effects;
        port.settle();
        self.mind_limits(id, effects, kind)?;
        if self.watch.is_some() { self.look(id, StepKind::Handler) } else { Ok(()) }
    }

    /// Stops a world that runs away.
    #[inline]
    fn mind_limits(&mut self, id: NodeId, effects: u64, kind: &'static str) -> Result<(), Error> {
        self.at_this_instant += 1;
        let limits = self.core.limits;
        let waiting = self.core.queue.len() as u64;
        if self.at_this_instant <= limits.instant && effects <= limits.effects && waiting <= limits.pending {
            return Ok(());
        }
        Err(self.over_limit(id, effects, kind))
    }

    #[cold]
    fn over_limit(&mut self, id: NodeId, effects: u64, kind: &'static str) -> Error {
        let (time, limits, name) = (self.core.now, self.core.limits, self.nodes[id.index()].name.clone());
        let event = Label::Borrowed(kind);
        let budget = |what: &str, limit| Error::Budget {
            time,
            what: what.into(),
            limit,
            event: event.clone(),
            name: name.clone(),
        };
        if effects > limits.effects {
            return budget("effects of one handler", limits.effects);
        }
        if self.core.queue.len() as u64 > limits.pending {
            return budget("pending events", limits.pending);
        }
        let events = std::mem::take(&mut self.at_this_instant);
        Error::Livelock { time, events, event, name }
    }
}

fn kind_of<P: Protocol>(input: &Input<P>) -> &'static str {
    match input {
        Input::Start => "start",
        Input::Message(..) => "message",
        Input::Timer(_) => "timer",
        Input::Call(..) => "call",
    }
}
