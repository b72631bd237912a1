//! A node's place in a world: its state, its disk, and the machine it runs on.
use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::clock::{Clock, Wander};
use super::disk::Disk;
use super::protocol::{Input, NodeId, Protocol, Time};
use super::rng::{Probability, Purpose, Rng};
use super::timers::Timers;

/// A node: a protocol's value, and the machine that runs it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Node<P: Protocol> {
    pub(super) name: String,
    /// What it restarts from.
    spawned: P,
    pub(super) state: Option<P>,
    pub(super) content: P::Disk,
    pub(super) machine: Machine<P>,
}

/// What a node runs on: disk, clock, timers, processor.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub(super) struct Machine<P: Protocol> {
    pub(super) disk: Disk<P>,
    pub(super) clock: Clock,
    pub(super) wander: Wander,
    /// How its clock wanders.
    pub(super) clock_rng: Rng,
    pub(super) timers: Timers<P::Timer>,
    /// What its handlers choose.
    pub(super) rng: Rng,
    /// How long its timers take.
    pub(super) timer_rng: Rng,
    /// How often it has come up.
    pub(super) incarnation: u32,
    /// The event that will start it for the first time.
    pub(super) first_start: Option<u64>,
    /// Whether it was crashed and not yet recovered.
    pub(super) down: bool,
    /// While paused: what waits.
    pub(super) paused: bool,
    pub(super) waiting: VecDeque<Input<P>>,
    pub(super) processor: Processor,
    pub(super) omissions: Vec<Omission>,
}

/// A single-server queue: inputs are served one after another.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Processor {
    pub(super) rng: Rng,
    pub(super) free_at: Time,
    pub(super) factor: f64,
    pub(super) extra: Time,
}

/// A node drops some of its own messages.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Omission {
    pub(super) send: Probability,
    pub(super) receive: Probability,
    pub(super) peer: Option<NodeId>,
    pub(super) kind: Option<String>,
}

impl<P: Protocol> Node<P> {
    pub(super) fn new(name: String, node: P, id: NodeId, seed: u64) -> Self {
        let stream = |purpose| Rng::stream(seed, purpose, id.0, 0);
        let processor = Processor { rng: stream(Purpose::Service), free_at: 0, factor: 1.0, extra: 0 };
        let machine = Machine {
            disk: Disk::new(stream(Purpose::Disk)),
            clock: Clock::default(),
            wander: Wander::default(),
            clock_rng: stream(Purpose::Clock),
            timers: Timers::default(),
            rng: stream(Purpose::Node),
            timer_rng: stream(Purpose::Timer),
            incarnation: 0,
            first_start: None,
            down: false,
            paused: false,
            waiting: VecDeque::new(),
            processor,
            omissions: Vec::new(),
        };
        Self { name, content: node.format(), spawned: node, state: None, machine }
    }

    pub(super) fn reseed(&mut self, id: NodeId, seed: u64) {
        let stream = |purpose| Rng::stream(seed, purpose, id.0, 0);
        self.machine.rng = stream(Purpose::Node);
        self.machine.timer_rng = stream(Purpose::Timer);
        self.machine.clock_rng = stream(Purpose::Clock);
        self.machine.disk.reseed(stream(Purpose::Disk));
        self.machine.processor.rng = stream(Purpose::Service);
    }

    /// Puts the spawned value in place.
    pub(super) fn come_up(&mut self) {
        self.machine.incarnation += 1;
        self.state = Some(self.spawned.clone());
    }

    /// Takes away all that a crash takes but what is on the disk. False: it was down.
    pub(super) fn go_down(&mut self, now: Time) -> bool {
        let machine = &mut self.machine;
        machine.down = true;
        if self.state.take().is_none() {
            return false;
        }
        machine.timers = Timers::default();
        machine.waiting.clear();
        machine.paused = false;
        machine.processor.free_at = now;
        true
    }

    /// Puts another value in the place of the live one and of the one it restarts from.
    pub(super) fn convert(&mut self, mut convert: impl FnMut(P, bool) -> P) {
        self.spawned = convert(self.spawned.clone(), false);
        self.state = self.state.take().map(|state| convert(state, true));
    }

    /// Blanks the disk.
    pub(super) fn format(&mut self) {
        self.content = self.spawned.format();
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
    /// The live state; `None` while it is down.
    pub fn state(&self) -> Option<&P> {
        self.state.as_ref()
    }
    /// The value it was spawned with, and restarts from.
    pub fn spawned(&self) -> &P {
        &self.spawned
    }
    /// What is on its disk, durable or not.
    pub fn disk(&self) -> &P::Disk {
        &self.content
    }
    /// Whether it runs (a paused node does).
    pub fn is_up(&self) -> bool {
        self.state.is_some()
    }
    /// Whether it is paused.
    pub fn is_paused(&self) -> bool {
        self.machine.paused
    }
    /// How often it has come up.
    pub fn incarnation(&self) -> u32 {
        self.machine.incarnation
    }
    /// Whether everything it wrote is durable, as far as it can know.
    pub fn is_durable(&self) -> bool {
        self.machine.disk.durable()
    }
    /// Its clock.
    pub fn clock(&self) -> &Clock {
        &self.machine.clock
    }
    /// Its armed timers, with the world time each is due (`Time::MAX`: never, as the clock runs).
    pub fn timers(&self) -> impl Iterator<Item = (&P::Timer, Time)> {
        self.machine.timers.armed()
    }
}
