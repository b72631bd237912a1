//! Carries out what a handler does: the simulator's side of [`Cx`].
use crate::sim::disk::Held;
use crate::sim::label::label;
use crate::sim::network::Fate;
use crate::sim::node::Machine;
use crate::sim::protocol::{Backend, Choice, Effect, Label, NodeId, OpId, Order, Protocol, Span};
use crate::sim::rng::Rng;
use crate::sim::trace::{NOBODY, RowKind};
use crate::sim::workload::Arrival;

use super::{Core, Event};

/// One node's door to the world, open while its handler runs.
pub(super) struct Port<'a, P: Protocol> {
    pub(super) id: NodeId,
    pub(super) core: &'a mut Core<P>,
    pub(super) machine: &'a mut Machine<P>,
    /// How many nodes there are to send to.
    pub(super) count: u32,
    /// How many effects the handler has had.
    pub(super) effects: u64,
}

impl<P: Protocol> Backend<P> for Port<'_, P> {
    fn emit(&mut self, effect: Effect<P>) {
        self.effects += 1;
        if self.effects > self.core.limits.effects {
            return; // the world is stopped as soon as the handler returns
        }
        match effect {
            Effect::Send(to, msg, order) => match order {
                Order::AfterWrites if !self.machine.disk.durable() => {
                    self.machine.disk.hold(Held::Send(to, msg))
                }
                _ => self.send(to, msg),
            },
            Effect::Reply(op, reply, order) => match order {
                Order::AfterWrites if !self.machine.disk.durable() => {
                    self.machine.disk.hold(Held::Reply(op, reply))
                }
                _ => self.reply(op, reply),
            },
            Effect::Arm(timer, span) => self.arm(timer, span),
            Effect::Disarm(timer) => self.machine.timers.disarm(&timer),
            Effect::Wrote(inverse) => {
                self.core.metrics.writes += 1;
                self.core.record(RowKind::Write, self.id, NOBODY, 0, || label(&inverse));
                if self.core.collecting {
                    self.core.collected.push(inverse.clone());
                }
                self.machine.disk.wrote(inverse, &self.core.disk_model);
            }
            Effect::Note(what, number) => self.note(what, number),
            Effect::Remark(what, number) => {
                self.core.record(RowKind::Remark, self.id, NOBODY, number, || what);
            }
        }
    }

    fn choose(&mut self, choice: Choice) -> u32 {
        match self.core.script.pop_front() {
            Some(answer) => scripted(answer, choice),
            None => choose(&mut self.machine.rng, choice),
        }
    }

    fn durable(&self) -> bool {
        self.machine.disk.durable()
    }

    fn boots(&self) -> u32 {
        self.machine.incarnation
    }
}

fn choose(rng: &mut Rng, choice: Choice) -> u32 {
    match choice {
        Choice::OneOf(n) => rng.below(n.into()) as u32,
        Choice::Chance(per_million) => u32::from(rng.below(1_000_000) < u64::from(per_million)),
    }
}

/// An answer that was given beforehand, as one that the question allows.
fn scripted(answer: u32, choice: Choice) -> u32 {
    match choice {
        Choice::OneOf(n) => answer.min(n - 1),
        Choice::Chance(_) => answer.min(1),
    }
}

impl<P: Protocol> Port<'_, P> {
    fn send(&mut self, to: NodeId, msg: P::Msg) {
        self.core.transmit(self.id, to, msg, self.machine, self.count);
    }

    fn reply(&mut self, op: OpId, reply: P::Reply) {
        self.core.answer(self.id, op, reply);
    }

    pub(super) fn arm(&mut self, timer: P::Timer, span: Span) {
        let Machine { timers, clock, timer_rng, .. } = &mut *self.machine;
        let span = Span { min: span.min, max: span.max.max(span.min) };
        let armed = clock.counter_at(self.core.now);
        let due = armed.saturating_add_unsigned(timer_rng.within(span));
        let span = (armed.saturating_add_unsigned(span.min), armed.saturating_add_unsigned(span.max));
        let at = clock.time_of(due).unwrap_or(crate::sim::Time::MAX);
        let number = self.core.queue.number();
        if timers.arm(timer.clone(), due, span, at, number) {
            self.core.queue.push_numbered(at, number, Event::Timer { node: self.id, timer });
        }
    }

    fn note(&mut self, what: Label, number: u64) {
        self.core.summarize(RowKind::Note, self.id, number, &what);
        match self.core.metrics.notes.get_mut(&what) {
            Some(count) => *count += 1,
            None => {
                self.core.metrics.notes.insert(what, 1);
            }
        }
    }

    /// After a handler, or a sync: what waited and need not wait any more leaves; a sync begins if one is due.
    pub(super) fn settle(&mut self) {
        while let Some(held) = self.machine.disk.release() {
            match held {
                Held::Send(to, msg) => self.send(to, msg),
                Held::Reply(op, reply) => self.reply(op, reply),
            }
        }
        if let Some(takes) = self.machine.disk.begin_sync(&self.core.disk_model) {
            let (node, boot) = (self.id, self.machine.disk.boot());
            self.core.queue.push(self.core.now.saturating_add(takes), Event::Sync { node, boot });
        }
    }
}

impl<P: Protocol> Core<P> {
    /// A message leaves its node.
    pub(super) fn transmit(
        &mut self,
        from: NodeId,
        to: NodeId,
        msg: P::Msg,
        machine: &mut Machine<P>,
        count: u32,
    ) {
        if to == from {
            self.queue.push(self.now, Event::Loopback { node: to, incarnation: machine.incarnation, msg });
            return;
        }
        self.metrics.sent += 1;
        let kind = if self.trace.full() { label(&msg) } else { "" };
        if to.0 >= count {
            self.metrics.unheard += 1;
            return self.never_arrives(from, to, kind, "no such node");
        }
        if !machine.omissions.is_empty() && machine.omits(&msg, to, true) {
            self.metrics.omitted += 1;
            return self.never_arrives(from, to, kind, "omitted");
        }
        let size = if self.links.network.needs_sizes() { self.measure(&msg) } else { 0 };
        match self.links.send(self.now, from, to, size) {
            Fate::Arrives(at) => {
                let id = self.queue.push(at, Event::Arrive { from, to, msg });
                self.record(RowKind::Send, from, to, id, || kind);
            }
            Fate::Twice(first, second) => {
                self.metrics.duplicated += 1;
                let id = self.queue.push(first, Event::Arrive { from, to, msg: msg.clone() });
                self.record(RowKind::Send, from, to, id, || kind);
                let copy = self.queue.push(second, Event::Arrive { from, to, msg });
                self.record(RowKind::Duplicate, from, to, copy, || kind);
            }
            Fate::Cut => {
                self.metrics.cut += 1;
                self.never_arrives(from, to, kind, "cut");
            }
            Fate::Lost => {
                self.metrics.lost += 1;
                self.never_arrives(from, to, kind, "lost");
            }
            Fate::Corrupt => {
                self.metrics.corrupt += 1;
                self.never_arrives(from, to, kind, "corrupt");
            }
        }
    }

    /// Records a message that was sent and will not arrive: the send under its kind, the drop under the reason.
    fn never_arrives(&mut self, from: NodeId, to: NodeId, kind: &'static str, why: &'static str) {
        if self.trace.full() {
            let id = self.queue.number();
            self.row(RowKind::Send, from, to, id, kind);
            self.row(RowKind::Drop, to, from, id, why);
        }
    }

    /// The size of a message as it would be written.
    fn measure(&mut self, msg: &P::Msg) -> u64 {
        let counter = postcard::ser_flavors::Size::default();
        let size = postcard::serialize_with_flavor(msg, counter).expect("data can be written") as u64;
        self.metrics.bytes += size;
        size
    }

    /// An operation is answered; only the first answer counts. A workload's client may ask the next thing.
    fn answer(&mut self, node: NodeId, op: OpId, reply: P::Reply) {
        self.record(RowKind::Reply, node, NOBODY, op.0, || label(&reply));
        let Some(answered) = self.history.answer(op, self.now, reply) else { return };
        let (load, client) = (answered.load, answered.node);
        self.metrics.replies += 1;
        let Some(generator) = self.loads.get_mut(load as usize) else { return };
        if let Some(Arrival { at, client }) = generator.after_reply(client, self.now) {
            self.queue.push(at, Event::Next { load, client });
        }
    }
}

impl<P: Protocol> Machine<P> {
    /// Whether this node drops a message it should send or receive.
    pub(super) fn omits(&mut self, msg: &P::Msg, peer: NodeId, sending: bool) -> bool {
        let Self { omissions, processor, .. } = self;
        omissions.iter().any(|it| {
            let concerns =
                it.peer.is_none_or(|of| of == peer) && it.kind.as_ref().is_none_or(|of| of == label(msg));
            concerns && processor.rng.happens(if sending { it.send } else { it.receive })
        })
    }
}
