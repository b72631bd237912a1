//! TrueTime: a clock that knows how far it can be off.
//!
//! Notes, section 2.13; Corbett et al., *Spanner: Google's Globally-Distributed Database* (2012), section 3.
//!
//! # Invariants
//! 1. *ErrorBound*: true time is in the interval that a node shows.
//! 2. *ExternalConsistency*: a commit that begins after another one has ended has the larger stamp.
//!
//! They hold because:
//! - a master's answer is as old as the round trip at most                          (1: `on_tell`)
//! - what is known ages, by what hardware can drift                                 (1: `Known::age`)
//! - masters that the others contradict are outvoted, if they are the fewer         (1: `agree`)
//! - who finds its own clock outside of what it thought possible says nothing more  (1: `agree`)
//! - a commit's stamp is the latest that it can be, and it waits until that has passed for certain (2: `on_wait`)
//!
//! # A node
//! ```text
//!                 most masters agree [agree]
//!   not synchronized ----------------------> synchronized --.  the interval grows until the next
//!    (a daemon's start)                        |   ^        |  poll, and is narrow again then
//!                                              |   '--------'  [agree]
//!        own clock contradicts them [agree]    v
//!                                            evicted: until it is started again
//! ```
//!
//! # The numbers
//! With a poll every 30 s and 200 us/s of drift the error bound is a sawtooth of 6 ms above what the way to the masters
//! leaves open: 1 ms to 7 ms, 4 ms on average, where that takes 1 ms.
//!
//! # Deviations
//! - The hull of what all but a minority of masters allow is kept (Marzullo's own rule), not the narrowest overlap: a
//!   minority of liars can then widen it, and cannot make it wrong.
//! - The drift is counted on the machine's own clock, as nothing else counts there.
//! - What was known before a poll is replaced, not cut with what the poll says, as in the paper's sawtooth.
//! - The notes wait until the *middle* of the clock has passed the stamp, and take the bound for milliseconds where the
//!   example has seconds; here `earliest` must have passed it, after 2 epsilon.
mod config;
mod invariants;
mod message;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::machines::clocks::{Interval, marzullo};
use crate::sim::{Believed, Cx, NodeId, OpId, Outcome, Protocol, Reading, Span, Status, Time};

pub use config::{Config, Kind, Mutant};
pub use invariants::{INVARIANTS, Monitor};
pub use message::{Call, Msg, Reply, Timer};

/// A master or a daemon. All but `config` is volatile: a new one needs nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Node {
    /// How it is set up.
    pub config: Arc<Config>,
    /// What it knows of the time.
    pub known: Option<Known>,
    /// Whether its own clock was found out to be wrong.
    evicted: bool,
    /// When this round's questions left.
    asked: Option<Reading>,
    /// What this round's answers say.
    answers: BTreeMap<NodeId, Known>,
    /// The masters that the others contradict.
    liars: Vec<NodeId>,
    /// Who waits until a time has passed.
    pub waits: BTreeMap<OpId, Wait>,
}

/// How far true time can be ahead of the hardware.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Known {
    /// From how far to how far ahead it was.
    pub ahead: Interval,
    /// The hardware's reading then.
    pub at: Reading,
}

impl Known {
    /// How far it can be ahead at a later reading.
    fn age(&self, now: Reading, config: &Config) -> Interval {
        let drift = config.drift(self.at, now);
        let (earliest, latest) = (self.ahead.earliest(), self.ahead.latest());
        let wider = (earliest.saturating_sub_unsigned(drift), latest.saturating_add_unsigned(drift));
        Interval::try_from(wider).unwrap_or(self.ahead)
    }
}

/// Somebody who waits until a time has passed for certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Wait {
    /// Which time.
    pub stamp: Reading,
    /// Whether it is a commit's, given by this node.
    pub commit: bool,
}

impl Protocol for Node {
    type Msg = Msg;
    type Timer = Timer;
    type Call = Call;
    type Reply = Reply;
    type Disk = ();
    type Monitor = Monitor;

    fn on_start(&mut self, cx: &mut Cx<'_, Self>) {
        if self.config.kind != Kind::Daemon {
            let epsilon = i64::try_from(self.config.epsilon).unwrap_or(i64::MAX);
            self.known = Interval::new(-epsilon, epsilon).ok().map(|ahead| Known { ahead, at: cx.now() });
        }
        self.poll(cx);
    }

    fn on_message(&mut self, cx: &mut Cx<'_, Self>, from: NodeId, msg: Msg) {
        match msg {
            Msg::Ask { sent } => {
                if let Some(now) = self.now(cx.now()) {
                    let time = middle(now);
                    cx.send(from, Msg::Tell { sent, time, epsilon: now.epsilon() });
                }
            }
            Msg::Tell { sent, time, epsilon } if self.asked == Some(sent) => {
                self.on_tell(cx, from, sent, time, epsilon);
            }
            Msg::Tell { .. } => cx.note("answer to no question", 0),
        }
    }

    fn on_timer(&mut self, cx: &mut Cx<'_, Self>, timer: Timer) {
        match timer {
            Timer::Poll => self.poll(cx),
            Timer::Collect => self.agree(cx),
            Timer::Wait(op) => self.on_wait(cx, op),
        }
    }

    fn on_call(&mut self, cx: &mut Cx<'_, Self>, op: OpId, call: Call) {
        let Some(now) = self.now(cx.now()) else {
            return cx.reply_at_once(op, self.refusal());
        };
        let (stamp, commit) = match call {
            Call::Now => {
                let (earliest, latest) = now.into();
                return cx.reply_at_once(op, Reply::Now { earliest, latest });
            }
            Call::After { time } => return cx.reply_at_once(op, Reply::Certain { holds: now.after(time) }),
            Call::Before { time } => return cx.reply_at_once(op, Reply::Certain { holds: now.before(time) }),
            Call::CommitWait { stamp } => (stamp, false),
            Call::Commit => (now.latest(), true),
        };
        self.waits.insert(op, Wait { stamp, commit });
        self.wait(cx, op, stamp, now);
    }

    fn status(&self, (): &()) -> Status {
        let kind = match self.config.kind {
            Kind::Gps => "gps",
            Kind::Atomic => "atomic",
            Kind::Daemon => "daemon",
        };
        let mut facts: Status = vec![("kind", kind.into()), ("evicted", self.evicted.into())];
        if let Some(known) = self.known {
            let base = i64::try_from(known.ahead.epsilon()).unwrap_or(i64::MAX);
            facts.extend([("base_ns", base.into()), ("synchronized_at_ns", known.at.into())]);
        }
        let count = |it: usize| (it as i64).into();
        facts.extend([("liars", count(self.liars.len())), ("waits", count(self.waits.len()))]);
        facts
    }

    fn time(&self, reading: Reading) -> Believed {
        match self.now(reading) {
            Some(now) => Believed { time: middle(now), within: Some(now.epsilon()) },
            None => Believed { time: reading, within: None },
        }
    }

    fn outcome(reply: &Reply) -> Outcome {
        match reply {
            Reply::Refused { .. } => Outcome::Fail,
            Reply::Now { .. } | Reply::Certain { .. } | Reply::Waited { .. } => Outcome::Ok,
        }
    }
}

impl Node {
    /// A node before its first start.
    pub fn new(config: Config) -> Self {
        Self { config: config.into(), ..Self::default() }
    }

    /// What it knows of the time when its hardware shows `reading`; nothing before it is synchronized, and if its clock
    /// is wrong.
    pub fn now(&self, reading: Reading) -> Option<Interval> {
        let ahead = self.known.filter(|_| !self.evicted)?.age(reading, &self.config);
        let (earliest, latest) = (ahead.earliest(), ahead.latest());
        Interval::new(reading.saturating_add(earliest), reading.saturating_add(latest)).ok()
    }

    /// Whether its own clock was found out to be wrong.
    pub fn is_evicted(&self) -> bool {
        self.evicted
    }

    /// The masters that the others contradict.
    pub fn liars(&self) -> &[NodeId] {
        &self.liars
    }

    fn refusal(&self) -> Reply {
        let reason = if self.evicted { "its clock is wrong" } else { "not synchronized yet" };
        Reply::Refused { reason: reason.into() }
    }

    fn poll(&mut self, cx: &mut Cx<'_, Self>) {
        if self.config.sources.is_empty() {
            return;
        }
        let sent = cx.now();
        (self.asked, self.answers) = (Some(sent), BTreeMap::new());
        for source in &self.config.sources {
            cx.send(*source, Msg::Ask { sent });
        }
        cx.arm(Timer::Poll, self.config.poll);
        cx.arm(Timer::Collect, self.config.patience);
    }

    /// The master's time was `time` at some moment between question and answer.
    fn on_tell(&mut self, cx: &mut Cx<'_, Self>, from: NodeId, sent: Reading, time: Reading, epsilon: Time) {
        let now = cx.now();
        let Ok(trip) = Time::try_from(i128::from(now) - i128::from(sent)) else { return }; // the clock was set back
        let most = match self.config.breaks(Mutant::NoDelay) {
            true => 0,
            false => trip.saturating_add(self.config.drift(sent, now)),
        };
        let ahead = time.saturating_sub(now);
        let (earliest, latest) = (
            ahead.saturating_sub_unsigned(epsilon),
            ahead.saturating_add_unsigned(most).saturating_add_unsigned(epsilon),
        );
        let Ok(ahead) = Interval::new(earliest, latest) else { return };
        if self.config.sources.contains(&from) {
            self.answers.insert(from, Known { ahead, at: now });
        }
        if self.answers.len() == self.config.sources.len() {
            self.agree(cx);
        }
    }

    /// The round ends: what most masters allow is what is known from now on.
    fn agree(&mut self, cx: &mut Cx<'_, Self>) {
        if self.asked.take().is_none() {
            return; // it has ended
        }
        cx.disarm(Timer::Collect);
        let now = cx.now();
        let answers: Vec<(NodeId, Interval)> = std::mem::take(&mut self.answers)
            .into_iter()
            .map(|(id, it)| (id, it.age(now, &self.config)))
            .collect();
        let intervals: Vec<Interval> = answers.iter().map(|(_, it)| *it).collect();
        let found = match self.config.breaks(Mutant::BelieveAll) {
            true => intervals.first().copied(),
            false => marzullo(&intervals, intervals.len().saturating_sub(1) / 2),
        };
        let Some(found) = found else {
            return cx.note("no majority", intervals.len() as u64);
        };
        self.liars =
            answers.iter().filter(|(_, it)| it.intersection(&found).is_none()).map(|(id, _)| *id).collect();
        for liar in &self.liars {
            cx.note("liar", liar.0.into());
        }
        if self.known.is_some_and(|it| it.age(now, &self.config).intersection(&found).is_none()) {
            cx.note("wrong clock", 0);
            self.evicted = true;
            return self.give_up(cx);
        }
        if self.config.kind != Kind::Gps {
            self.known = Some(Known { ahead: found, at: now });
        }
    }

    /// Arms the timer of a wait for when it may be over, if the clock goes on as it is.
    fn wait(&mut self, cx: &mut Cx<'_, Self>, op: OpId, stamp: Reading, now: Interval) {
        let needed = (i128::from(stamp) - i128::from(now.earliest()) + 1).max(0) as u128;
        // While the hardware counts a second, `earliest` grows by a second less the drift.
        let drift = if self.config.kind == Kind::Gps { 0 } else { self.config.drift_ppb };
        let rate = 1_000_000_000_u128.saturating_sub(drift.into()).max(1);
        let needed = Time::try_from((needed * 1_000_000_000).div_ceil(rate)).unwrap_or(Time::MAX);
        let needed = match self.config.mutant {
            Some(Mutant::HalfWait) => needed / 2,
            Some(Mutant::NoWait) => 0,
            _ => needed,
        };
        cx.arm(Timer::Wait(op), Span::exactly(needed));
    }

    fn on_wait(&mut self, cx: &mut Cx<'_, Self>, op: OpId) {
        let Some(Wait { stamp, .. }) = self.waits.get(&op).copied() else { return }; // fired by hand
        let Some(now) = self.now(cx.now()) else { return };
        let hasty = self.config.breaks(Mutant::HalfWait) || self.config.breaks(Mutant::NoWait);
        if now.after(stamp) || hasty {
            self.waits.remove(&op);
            return cx.reply(op, Reply::Waited { stamp });
        }
        self.wait(cx, op, stamp, now);
    }

    /// Nobody can wait for what will never be known.
    fn give_up(&mut self, cx: &mut Cx<'_, Self>) {
        for op in std::mem::take(&mut self.waits).into_keys() {
            cx.disarm(Timer::Wait(op));
            cx.reply(op, self.refusal());
        }
    }
}

/// The middle, rounded down.
fn middle(of: Interval) -> Reading {
    of.earliest().wrapping_add_unsigned(of.commit_wait() / 2)
}
