//! Runs a handler for the explorer: what it does is written down, what it asks is answered as told.
//!
//! The order of effects holds as the simulator has it (`sim/world/port.rs`, `sim/disk.rs`): what is sent or answered
//! after a write that is not durable is held back.
use super::local::{self, Local};
use crate::sim::{Backend, Choice, Cx, Effect, Held, Input, Order, Protocol, Reading, Span, Storage};

/// What holds for all handlers of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Machine {
    /// What the clock shows.
    pub now: Reading,
    /// Whether writes are durable as soon as they are made.
    pub instant_disk: bool,
    /// Whether effects wait for the disk.
    pub fsync: bool,
    /// The most effects that count.
    pub most_effects: u64,
    /// Whether anybody wants to see the writes.
    pub keep_writes: bool,
}

/// What came of a handler.
pub(super) struct Ran<P: Protocol> {
    /// What left the node, in order.
    pub left: Vec<Held<P>>,
    /// The inverses of the writes that were made.
    pub writes: Vec<<P::Disk as Storage>::Write>,
    /// For every question, how many answers it had and which one was given.
    pub asked: Vec<(u32, u32)>,
    pub effects: u64,
    pub clock_read: bool,
}

struct Recorder<'a, P: Protocol> {
    machine: Machine,
    unsynced: &'a mut Vec<<P::Disk as Storage>::Write>,
    held: &'a mut Vec<(u32, Held<P>)>,
    timers: &'a mut Vec<local::Armed<P::Timer>>,
    /// What this handler has armed.
    armed: Vec<(P::Timer, Span)>,
    answers: &'a [u32],
    ran: Ran<P>,
}

/// Hands `input` to a node. The first questions are answered by `answers`, all others by 0.
pub(super) fn run<P: Protocol>(
    local: &mut Local<P>,
    machine: Machine,
    input: Input<P>,
    answers: &[u32],
) -> Ran<P> {
    let mut state = local.state.take().expect("a node that is up");
    let ran = Ran { left: vec![], writes: vec![], asked: vec![], effects: 0, clock_read: false };
    let mut recorder = Recorder {
        machine,
        unsynced: &mut local.unsynced,
        held: &mut local.held,
        timers: &mut local.timers,
        armed: Vec::new(),
        answers,
        ran,
    };
    let mut cx = Cx::new(local.node, machine.now, &mut local.disk, &mut recorder);
    match input {
        Input::Message(from, msg) => state.on_message(&mut cx, from, msg),
        Input::Timer(timer) => state.on_timer(&mut cx, timer),
        Input::Call(op, call) => state.on_call(&mut cx, op, call),
        Input::Start => state.on_start(&mut cx),
    }
    let clock_read = cx.clock_was_read();
    let ran = recorder.ran;
    local.state = Some(state);
    local.begin_sync();
    Ran { clock_read, ..ran }
}

impl<P: Protocol> Recorder<'_, P> {
    fn leave(&mut self, held: Held<P>, order: Order) {
        match order {
            Order::AfterWrites if !self.durable() => self.held.push((self.unsynced.len() as u32, held)),
            _ => self.ran.left.push(held),
        }
    }
}

impl<P: Protocol> Backend<P> for Recorder<'_, P> {
    fn emit(&mut self, effect: Effect<P>) {
        self.ran.effects += 1;
        if self.ran.effects > self.machine.most_effects {
            return; // the exploration ends as soon as the handler returns
        }
        match effect {
            Effect::Send(to, msg, order) => self.leave(Held::Send(to, msg), order),
            Effect::Reply(op, reply, order) => self.leave(Held::Reply(op, reply), order),
            Effect::Arm(timer, span) => {
                let span = Span { min: span.min, max: span.max.max(span.min) };
                local::arm(self.timers, &mut self.armed, timer, span);
            }
            Effect::Disarm(timer) => local::disarm(self.timers, &mut self.armed, &timer),
            Effect::Wrote(inverse) => {
                if self.machine.keep_writes {
                    self.ran.writes.push(inverse.clone());
                }
                if !(self.unsynced.is_empty() && self.machine.instant_disk) {
                    self.unsynced.push(inverse);
                }
            }
            Effect::Note(..) | Effect::Remark(..) => {}
        }
    }

    fn choose(&mut self, choice: Choice) -> u32 {
        let ways = match choice {
            Choice::OneOf(n) => n,
            Choice::Chance(_) => 2,
        };
        let answer = self.answers.get(self.ran.asked.len()).copied().unwrap_or(0).min(ways - 1);
        self.ran.asked.push((ways, answer));
        answer
    }

    fn durable(&self) -> bool {
        !self.machine.fsync || self.unsynced.is_empty()
    }

    fn boots(&self) -> u32 {
        0
    }
}

/// The answers to try after these; `None`: all have been.
pub(super) fn next_answers(asked: &[(u32, u32)]) -> Option<Vec<u32>> {
    let last = asked.iter().rposition(|(ways, answer)| answer + 1 < *ways)?;
    let mut answers: Vec<u32> = asked[..=last].iter().map(|(_, answer)| *answer).collect();
    answers[last] += 1;
    Some(answers)
}

/// How a handler is called in an error.
pub(super) fn name<P: Protocol>(input: &Input<P>) -> String {
    use crate::sim::label;
    match input {
        Input::Start => "on_start".into(),
        Input::Message(_, msg) => format!("on_message ({})", label(msg)),
        Input::Timer(timer) => format!("on_timer ({})", label(timer)),
        Input::Call(_, call) => format!("on_call ({})", label(call)),
    }
}
