//! The Berkeley algorithm: nobody knows the time, so a master lets all agree on the average.
//!
//! Notes, section 1.3.1 (as what NTP improves on); Gusella and Zatti, *The Accuracy of the Clock Synchronization
//! Achieved by TEMPO in Berkeley UNIX 4.3BSD* (1989).
//!
//! # Invariants
//! 1. *SlewRate*: as for NTP. How far off the common time is nobody can say: there is no *ErrorBound*.
//!
//! # A round
//! ```text
//!  master: Timer::Round [ask] --Ask--> members --Tell [on_tell]--> all there, or Timer::Collect [agree]
//!                                                                        |
//!                          members: [on_adjust] <--Adjust, to each its own--'
//! ```
//! The average is the fault-tolerant one: of the largest group of clocks that are all within `gamma` of each other. Who is
//! outside is not counted, and is told the average all the same.
//!
//! # Deviations
//! - The master does not change; while it is down, clocks drift apart.
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::machines::clocks::{Discipline, Exchange, Progress, Software};
use crate::sim::{
    self, Believed, Broken, Cx, NodeId, OpId, Protocol, Reading, Span, Status, Step, Time, View,
};

const MILLISECOND: Time = 1_000_000;

/// How a node is set up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Of the master: all others. Of the others: nobody.
    pub members: Vec<NodeId>,
    /// From one round to the next.
    pub poll: Span,
    /// How long the master waits for answers.
    pub patience: Span,
    /// How far apart clocks may be that are averaged, in nanoseconds.
    pub gamma: Time,
    /// How clocks are set right.
    pub discipline: Discipline,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            members: Vec::new(),
            poll: Span::exactly(16_000 * MILLISECOND),
            patience: Span::exactly(1_000 * MILLISECOND),
            gamma: 1_000 * MILLISECOND,
            discipline: Discipline::default(),
        }
    }
}

/// A message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Msg {
    /// The master asks for the time.
    Ask {
        /// Its hardware clock.
        sent: Reading,
    },
    /// A member says what its clock shows.
    Tell {
        /// The master's clock, as it was in the question.
        sent: Reading,
        /// Its own.
        time: Reading,
    },
    /// The master says how to set a clock right.
    Adjust {
        /// By how much it is behind, in nanoseconds.
        by: i64,
    },
}

/// A timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timer {
    /// The next round is due.
    Round,
    /// No more answers are waited for.
    Collect,
}

/// A master or a member. All but `config` is volatile.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Node {
    /// How it is set up.
    pub config: Arc<Config>,
    /// The time as it keeps it.
    pub clock: Software,
    /// By how much it was last set right.
    pub adjusted: i64,
    /// Of the master: when this round's questions left.
    asked: Option<Reading>,
    /// Of the master: how far each clock is ahead of its hardware, as far as it knows.
    ahead: BTreeMap<NodeId, i64>,
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
            Msg::Tell { sent, time } if self.asked == Some(sent) => self.on_tell(cx, from, sent, time),
            Msg::Tell { .. } => cx.note("answer to no question", 0),
            Msg::Adjust { by } => self.adjust(cx, by),
        }
    }

    fn on_timer(&mut self, cx: &mut Cx<'_, Self>, timer: Timer) {
        match timer {
            Timer::Round => self.ask(cx),
            Timer::Collect => self.agree(cx),
        }
    }

    fn on_call(&mut self, cx: &mut Cx<'_, Self>, op: OpId, (): ()) {
        cx.reply_at_once(op, ());
    }

    fn status(&self, (): &()) -> Status {
        let role = if self.config.members.is_empty() { "member" } else { "master" };
        vec![("role", role.into()), ("adjusted_ns", self.adjusted.into())]
    }

    fn time(&self, reading: Reading) -> Believed {
        Believed { time: self.clock.time(reading), within: None }
    }
}

impl Node {
    /// A node before its first start.
    pub fn new(config: Config) -> Self {
        Self { config: config.into(), ..Self::default() }
    }

    fn ask(&mut self, cx: &mut Cx<'_, Self>) {
        if self.config.members.is_empty() {
            return;
        }
        let sent = cx.now();
        (self.asked, self.ahead) = (Some(sent), BTreeMap::new());
        for member in &self.config.members {
            cx.send(*member, Msg::Ask { sent });
        }
        cx.arm(Timer::Round, self.config.poll);
        cx.arm(Timer::Collect, self.config.patience);
    }

    fn on_tell(&mut self, cx: &mut Cx<'_, Self>, from: NodeId, sent: Reading, time: Reading) {
        let exchange = Exchange { sent, received: time, answered: time, returned: cx.now() };
        if exchange.delay() >= 0 && self.config.members.contains(&from) {
            self.ahead.insert(from, exchange.offset());
        }
        if self.ahead.len() == self.config.members.len() {
            self.agree(cx);
        }
    }

    /// The round ends: everybody who has answered is told by how much it is off the average.
    fn agree(&mut self, cx: &mut Cx<'_, Self>) {
        if self.asked.take().is_none() {
            return; // it has ended
        }
        cx.disarm(Timer::Collect);
        let own = self.clock.ahead(cx.now());
        let all: Vec<i64> = self.ahead.values().copied().chain([own]).collect();
        let average = average(&all, self.config.gamma);
        let outside = all.iter().filter(|it| it.abs_diff(average) > self.config.gamma).count();
        if outside > 0 {
            cx.note("outliers", outside as u64);
        }
        for (member, ahead) in std::mem::take(&mut self.ahead) {
            cx.send(member, Msg::Adjust { by: average.saturating_sub(ahead) });
        }
        self.adjust(cx, average.saturating_sub(own));
    }

    fn adjust(&mut self, cx: &mut Cx<'_, Self>, by: i64) {
        let now = cx.now();
        self.adjusted = by;
        let ahead = self.clock.ahead(now).saturating_add(by);
        if self.clock.aim(now, ahead, self.config.discipline) {
            cx.note("step", by.unsigned_abs());
        }
    }
}

/// The average of the largest group of clocks that are within `gamma` of each other; of two as large, the one furthest
/// behind.
fn average(all: &[i64], gamma: Time) -> i64 {
    let mut sorted = all.to_vec();
    sorted.sort_unstable();
    let group = |from: usize| {
        let until = sorted.partition_point(|it| *it <= sorted[from] || it.abs_diff(sorted[from]) <= gamma);
        &sorted[from..until]
    };
    let best = (0..sorted.len()).map(group).rev().max_by_key(|it| it.len()).unwrap_or(&[]);
    let sum: i128 = best.iter().map(|it| i128::from(*it)).sum();
    sum.div_euclid(best.len().max(1) as i128) as i64
}

/// The names of the invariants.
pub const INVARIANTS: &[&str] = &["SlewRate"];

/// The invariants of the Berkeley algorithm.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Monitor(Progress);

impl sim::Monitor<Node> for Monitor {
    const INVARIANTS: &'static [&'static str] = INVARIANTS;

    fn check(&mut self, view: &View<'_, Node>, step: &Step<'_, Node>, report: &mut Vec<Broken>) {
        self.0.check(view, step, |node| Some((node.clock, node.config.discipline)), report);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_far_off_are_not_averaged() {
        let minute = 60_000 * MILLISECOND as i64;
        // Tanenbaum's example: 3:00, 3:25 and 2:50 make 3:05.
        assert_eq!(average(&[0, 25 * minute, -10 * minute], 60 * minute as u64), 5 * minute);
        assert_eq!(average(&[0, 10, 20, 1_000], 20), 10);
        assert_eq!(average(&[0, 10, 500, 510], 20), 5);
        assert_eq!(average(&[i64::MIN, i64::MAX], 5), i64::MIN);
        assert_eq!(average(&[-1, 0], 5), -1);
    }
}
