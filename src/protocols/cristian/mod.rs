//! Cristian's algorithm: ask one server, and assume that half of the round trip has passed since it answered.
//!
//! Notes, section 1.3.1 (as what NTP improves on); Cristian, *Probabilistic Clock Synchronization* (1989).
//!
//! # Invariants
//! 1. *ErrorBound*: a client is off by at most half the round trip, less the shortest way there is, and what its hardware
//!    can have drifted since; if the server is right.
//! 2. *SlewRate*: as for NTP.
//!
//! # A client
//! ```text
//!          [ask]            [on_time], soon enough
//!   idle --------> waiting ------------------------> set; idle
//!    ^               |  '--[on_time], too slow----.
//!    '--Timer::Poll--'                            v
//!         (also without an answer)              asks again after `retry`
//! ```
//!
//! # Deviations
//! - The client's own times are read off its hardware clock, as in `ntp`.
//! - A rejected answer is asked for again without a limit on how often.
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::machines::clocks::{Discipline, Exchange, Progress, Software, within_bound};
use crate::sim::{
    self, Believed, Broken, Cx, NodeId, OpId, Protocol, Reading, Span, Status, Step, Time, View,
};

const SECOND: Time = 1_000_000_000;

/// How a node is set up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whom it asks; none: it is a server, and its hardware is right.
    pub server: Option<NodeId>,
    /// How often it asks.
    pub poll: Span,
    /// How long it waits after an answer that took too long.
    pub retry: Span,
    /// Longer round trips are not believed, in nanoseconds; none: all are.
    pub most_delay: Option<Time>,
    /// The shortest time that a message can take, in nanoseconds.
    pub least_way: Time,
    /// How it sets its clock right.
    pub discipline: Discipline,
    /// How much its hardware may drift, in parts per billion.
    pub drift_ppb: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            server: None,
            poll: Span::exactly(16 * SECOND),
            retry: Span::exactly(SECOND),
            most_delay: None,
            least_way: 0,
            discipline: Discipline::default(),
            drift_ppb: 15_000,
        }
    }
}

impl Config {
    fn drift(&self, from: Reading, to: Reading) -> Time {
        let passed = (i128::from(to) - i128::from(from)).max(0) as u128;
        Time::try_from((passed * u128::from(self.drift_ppb)).div_ceil(1_000_000_000)).unwrap_or(Time::MAX)
    }
}

/// A message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Msg {
    /// What time is it?
    Ask {
        /// The client's hardware clock.
        sent: Reading,
    },
    /// It is this time.
    Tell {
        /// The client's clock, as it was in the question.
        sent: Reading,
        /// The server's.
        time: Reading,
    },
}

/// A timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timer {
    /// It is time to ask.
    Poll,
}

/// A server or a client. All but `config` is volatile.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Node {
    /// How it is set up.
    pub config: Arc<Config>,
    /// The time as it keeps it.
    pub clock: Software,
    /// What the last answer said.
    pub last: Option<Measured>,
    /// When it asked what is not answered.
    asked: Option<Reading>,
}

/// What an answer said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Measured {
    /// By how much the clock was behind.
    pub offset: i64,
    /// How long the round trip took.
    pub delay: Time,
    /// How far the offset can be wrong.
    pub within: Time,
    /// The hardware's reading then.
    pub at: Reading,
}

impl Protocol for Node {
    type Msg = Msg;
    type Timer = Timer;
    type Call = ();
    type Reply = ();
    type Disk = ();
    type Monitor = Monitor;

    fn on_start(&mut self, cx: &mut Cx<'_, Self>) {
        self.ask(cx);
    }

    fn on_message(&mut self, cx: &mut Cx<'_, Self>, from: NodeId, msg: Msg) {
        match msg {
            Msg::Ask { sent } => {
                let time = self.clock.time(cx.now());
                cx.send(from, Msg::Tell { sent, time });
            }
            Msg::Tell { sent, time } if self.asked == Some(sent) => self.on_time(cx, sent, time),
            Msg::Tell { .. } => cx.note("answer to no question", 0),
        }
    }

    fn on_timer(&mut self, cx: &mut Cx<'_, Self>, Timer::Poll: Timer) {
        self.ask(cx);
    }

    fn on_call(&mut self, cx: &mut Cx<'_, Self>, op: OpId, (): ()) {
        cx.reply_at_once(op, ());
    }

    fn status(&self, (): &()) -> Status {
        let role = if self.config.server.is_some() { "client" } else { "server" };
        let mut facts: Status = vec![("role", role.into())];
        if let Some(last) = self.last {
            let number = |it: Time| i64::try_from(it).unwrap_or(i64::MAX).into();
            facts.extend([
                ("offset_ns", last.offset.into()),
                ("delay_ns", number(last.delay)),
                ("within_ns", number(last.within)),
            ]);
        }
        facts
    }

    fn time(&self, reading: Reading) -> Believed {
        let within = match (self.config.server, self.last) {
            (None, _) => Some(0),
            (Some(_), None) => None,
            (Some(_), Some(last)) => Some(
                last.within
                    .saturating_add(self.config.drift(last.at, reading))
                    .saturating_add(self.clock.left(reading).unsigned_abs()),
            ),
        };
        Believed { time: self.clock.time(reading), within }
    }
}

impl Node {
    /// A node before its first start.
    pub fn new(config: Config) -> Self {
        Self { config: config.into(), ..Self::default() }
    }

    fn ask(&mut self, cx: &mut Cx<'_, Self>) {
        let Some(server) = self.config.server else { return };
        let sent = cx.now();
        self.asked = Some(sent);
        cx.send(server, Msg::Ask { sent });
        cx.arm(Timer::Poll, self.config.poll);
    }

    fn on_time(&mut self, cx: &mut Cx<'_, Self>, sent: Reading, time: Reading) {
        self.asked = None;
        let now = cx.now();
        let exchange = Exchange { sent, received: time, answered: time, returned: now };
        let Ok(delay) = Time::try_from(exchange.delay()) else { return }; // the hardware was set back meanwhile
        if self.config.most_delay.is_some_and(|most| delay > most) {
            cx.note("too slow", delay);
            return cx.arm(Timer::Poll, self.config.retry);
        }
        let ahead = exchange.offset();
        let hidden = delay.div_ceil(2).saturating_sub(self.config.least_way);
        let within = hidden.saturating_add(self.config.drift(sent, now)).saturating_add(1);
        let offset = ahead.saturating_sub(self.clock.ahead(now));
        self.last = Some(Measured { offset, delay, within, at: now });
        if self.clock.aim(now, ahead, self.config.discipline) {
            cx.note("step", offset.unsigned_abs());
        }
    }
}

/// The names of the invariants.
pub const INVARIANTS: &[&str] = &["ErrorBound", "SlewRate"];

/// The invariants of Cristian's algorithm.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Monitor(Progress);

impl sim::Monitor<Node> for Monitor {
    const INVARIANTS: &'static [&'static str] = INVARIANTS;

    fn check(&mut self, view: &View<'_, Node>, step: &Step<'_, Node>, report: &mut Vec<Broken>) {
        within_bound(view, step, report);
        self.0.check(view, step, |node| Some((node.clock, node.config.discipline)), report);
    }
}
