//! Mutual exclusion without a coordinator: one node at a time is inside, in the order in which they asked.
//!
//! Notes, section 1.3.2 (what a total order of events is good for); Lamport, *Time, Clocks, and the Ordering of Events
//! in a Distributed System* (1978); Ricart and Agrawala, *An Optimal Algorithm for Mutual Exclusion in Computer Networks*
//! (1981).
//!
//! # Invariants
//! 1. *MutualExclusion*: no two nodes are inside.
//! 2. *GrantOrder*: requests are granted in the order of their stamps.
//!
//! They hold because:
//! - stamps are totally ordered, and who answers a request stamps all later ones higher   (2: `receive`)
//! - Lamport: who has heard something later from everybody knows every earlier request, as channels keep their order
//!   (1, 2: `may_enter`)
//! - Ricart and Agrawala: who is inside, or has asked earlier, answers when it leaves      (1, 2: `on_request`)
//!
//! # A node
//! ```text
//!           Acquire, Enter [ask]              all have answered, and it is first [try_enter]
//!   outside -------------------> waiting ------------------------------------------------> inside
//!      ^                                                                                      |
//!      '----------------------------- Release, Timer::Leave [leave] -------------------------'
//! ```
//! For an entry among n nodes Lamport's algorithm takes n - 1 requests, n - 1 acknowledgements and n - 1 releases; Ricart
//! and Agrawala's takes n - 1 requests and n - 1 answers.
//!
//! # Deviations
//! - Both take reliable channels for granted, Lamport's also ones that keep their order, and nobody to fail: while one is
//!   down nobody enters. A node that comes up again has forgotten whom it has let pass, so it takes part no more.
//! - Questions that arrive while a node waits or is inside wait at the node, in order.
mod config;
mod invariants;
mod message;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::machines::clocks::{Lamport, Rule};
use crate::sim::{Cx, NodeId, OpId, Outcome, Protocol, Request, Span, Status, Time, Whole};

pub use config::{Algorithm, Config, Mutant};
pub use invariants::{INVARIANTS, Monitor};
pub use message::{Call, Msg, Reply, Stamp, Timer};

/// A node. All but `config` is volatile; the disk says only whether it has been up before.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Node {
    /// How it is set up.
    pub config: Arc<Config>,
    /// Whether it is inside.
    pub phase: Phase,
    clock: Stamp,
    /// The others.
    others: Vec<NodeId>,
    /// Who asks next: (whom to answer, how long to stay; none: until it is told).
    next: VecDeque<(OpId, Option<Time>)>,
    /// All requests that are not done (Lamport).
    queue: BTreeSet<Stamp>,
    /// The latest stamp of everybody else (Lamport).
    heard: BTreeMap<NodeId, u64>,
    /// Who has answered this node's request (Ricart and Agrawala).
    answered: BTreeSet<NodeId>,
    /// Whose requests are answered when this node leaves (Ricart and Agrawala).
    deferred: Vec<Stamp>,
    forgotten: bool,
}

/// Whether a node is inside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It is not, and does not want to be.
    #[default]
    Outside,
    /// It has asked.
    Waiting {
        /// When.
        stamp: Stamp,
        /// Whom to answer.
        op: OpId,
        /// How long it will stay; none: until it is told.
        hold: Option<Time>,
    },
    /// It is.
    Inside {
        /// When it had asked.
        stamp: Stamp,
        /// Whom to answer when it leaves by itself.
        op: OpId,
        /// How long it stays; none: until it is told.
        hold: Option<Time>,
    },
}

impl Protocol for Node {
    type Msg = Msg;
    type Timer = Timer;
    type Call = Call;
    type Reply = Reply;
    type Disk = Whole<bool>;
    type Monitor = Monitor;

    fn on_start(&mut self, cx: &mut Cx<'_, Self>) {
        self.clock = Lamport::new(cx.id);
        self.others = self.config.peers.iter().copied().filter(|it| *it != cx.id).collect();
        self.forgotten = cx.disk().0 && !self.config.breaks(Mutant::ForgetRestart);
        match cx.disk().0 {
            true => cx.note("has forgotten", 0),
            false => cx.write(true),
        }
    }

    fn on_message(&mut self, cx: &mut Cx<'_, Self>, from: NodeId, msg: Msg) {
        if self.forgotten || !self.others.contains(&from) {
            return cx.note("nothing to say", 0);
        }
        let Ok(clock) = self.clock.receive(&msg.stamp(), Rule::Standard) else {
            return cx.note("clock at its end", 0);
        };
        self.clock = clock;
        let heard = self.heard.entry(from).or_default();
        *heard = msg.stamp().counter.max(*heard);
        match msg {
            Msg::Request { stamp } => self.on_request(cx, from, stamp),
            Msg::Ack { request, .. } => {
                if matches!(self.phase, Phase::Waiting { stamp, .. } if stamp.counter == request) {
                    self.answered.insert(from);
                }
            }
            Msg::Release { request, .. } => {
                self.queue.remove(&Lamport { counter: request, process: from });
            }
        }
        self.try_enter(cx);
    }

    fn on_timer(&mut self, cx: &mut Cx<'_, Self>, Timer::Leave: Timer) {
        if let Phase::Inside { stamp, op, hold: Some(_) } = self.phase {
            cx.reply(op, Reply::Released { stamp });
            self.leave(cx);
        }
    }

    fn on_call(&mut self, cx: &mut Cx<'_, Self>, op: OpId, call: Call) {
        let refuse = |reason: &'static str| Reply::Refused { reason: reason.into() };
        if self.forgotten {
            return cx.reply_at_once(op, refuse("it was down, and has forgotten whom it has let pass"));
        }
        match (call, self.phase) {
            (Call::Release, Phase::Inside { stamp, hold: None, .. }) => {
                cx.reply(op, Reply::Released { stamp });
                self.leave(cx);
            }
            (Call::Release, _) => {
                cx.reply_at_once(op, refuse("it does not hold what it was asked to acquire"))
            }
            (Call::Acquire, _) => self.line_up(cx, op, None),
            (Call::Enter { hold }, _) => self.line_up(cx, op, Some(hold)),
        }
    }

    fn status(&self, disk: &Whole<bool>) -> Status {
        let (phase, stamp) = match self.phase {
            Phase::Outside if self.forgotten => ("forgotten", None),
            Phase::Outside => ("outside", None),
            Phase::Waiting { stamp, .. } => ("waiting", Some(stamp)),
            Phase::Inside { stamp, .. } => ("inside", Some(stamp)),
        };
        let count = |it: usize| (it as i64).into();
        let mut facts: Status = vec![("phase", phase.into())];
        facts.extend(stamp.map(|it| ("stamp", i64::try_from(it.counter).unwrap_or(i64::MAX).into())));
        facts.extend([("lined_up", count(self.next.len())), ("been_up", disk.0.into())]);
        facts
    }

    fn compose(&self, _: &Request) -> Option<Call> {
        Some(Call::Enter { hold: self.config.hold })
    }

    fn outcome(reply: &Reply) -> Outcome {
        match reply {
            Reply::Refused { .. } => Outcome::Fail,
            Reply::Granted { .. } | Reply::Released { .. } => Outcome::Ok,
        }
    }
}

impl Node {
    /// A node before its first start.
    pub fn new(config: Config) -> Self {
        Self { config: config.into(), ..Self::default() }
    }

    /// Whether it was down, and so takes part no more.
    pub fn has_forgotten(&self) -> bool {
        self.forgotten
    }

    fn is_lamport(&self) -> bool {
        self.config.algorithm == Algorithm::Lamport
    }

    fn line_up(&mut self, cx: &mut Cx<'_, Self>, op: OpId, hold: Option<Time>) {
        self.next.push_back((op, hold));
        self.ask(cx);
    }

    /// Asks for the next one in line, if nobody is waiting or inside.
    fn ask(&mut self, cx: &mut Cx<'_, Self>) {
        if self.phase != Phase::Outside {
            return;
        }
        let Some((op, hold)) = self.next.pop_front() else { return };
        let Some(stamp) = self.tick(cx) else {
            let reason = "the clock is at its end".into();
            return cx.reply_at_once(op, Reply::Refused { reason });
        };
        self.phase = Phase::Waiting { stamp, op, hold };
        self.answered.clear();
        if self.is_lamport() {
            self.queue.insert(stamp);
        }
        self.broadcast(cx, Msg::Request { stamp });
        self.try_enter(cx);
    }

    fn on_request(&mut self, cx: &mut Cx<'_, Self>, from: NodeId, stamp: Stamp) {
        if self.is_lamport() {
            self.queue.insert(stamp);
            return self.answer(cx, from, stamp);
        }
        let earlier = |own: Stamp| match self.config.breaks(Mutant::IgnoreTies) {
            true => own.counter < stamp.counter,
            false => own < stamp,
        };
        let mine = match self.phase {
            Phase::Outside => false,
            Phase::Waiting { stamp: own, .. } => earlier(own),
            Phase::Inside { .. } => !self.config.breaks(Mutant::AnswerInside),
        };
        if mine {
            self.deferred.push(stamp);
        } else {
            self.answer(cx, from, stamp);
        }
    }

    fn answer(&mut self, cx: &mut Cx<'_, Self>, to: NodeId, request: Stamp) {
        if let Some(stamp) = self.tick(cx) {
            cx.send(to, Msg::Ack { stamp, request: request.counter });
        }
    }

    fn may_enter(&self, own: Stamp) -> bool {
        if !self.is_lamport() {
            return self.others.iter().all(|it| self.answered.contains(it));
        }
        let first = self.queue.first() == Some(&own) || self.config.breaks(Mutant::IgnoreQueue);
        let later = |from: &NodeId| {
            let counter = self.heard.get(from).copied().unwrap_or(0);
            Lamport { counter, process: *from } > own
        };
        first && (self.others.iter().all(later) || self.config.breaks(Mutant::EnterWithoutAcks))
    }

    fn try_enter(&mut self, cx: &mut Cx<'_, Self>) {
        let Phase::Waiting { stamp, op, hold } = self.phase else { return };
        if !self.may_enter(stamp) {
            return;
        }
        self.phase = Phase::Inside { stamp, op, hold };
        cx.note("enters", stamp.counter);
        match hold {
            None => cx.reply(op, Reply::Granted { stamp }),
            Some(hold) => cx.arm(Timer::Leave, Span::exactly(hold)),
        }
    }

    fn leave(&mut self, cx: &mut Cx<'_, Self>) {
        let Phase::Inside { stamp: own, .. } = self.phase else { return };
        self.phase = Phase::Outside;
        cx.note("leaves", own.counter);
        if self.is_lamport() {
            self.queue.remove(&own);
            if let Some(stamp) = self.tick(cx) {
                self.broadcast(cx, Msg::Release { stamp, request: own.counter });
            }
        }
        for request in std::mem::take(&mut self.deferred) {
            self.answer(cx, request.process, request);
        }
        self.ask(cx);
    }

    fn broadcast(&self, cx: &mut Cx<'_, Self>, msg: Msg) {
        for other in &self.others {
            cx.send(*other, msg);
        }
    }

    fn tick(&mut self, cx: &mut Cx<'_, Self>) -> Option<Stamp> {
        match self.clock.tick() {
            Ok(clock) => {
                self.clock = clock;
                Some(clock)
            }
            Err(_) => {
                cx.note("clock at its end", 0);
                None
            }
        }
    }
}
