//! A client: runs transactions on a private copy, hands them to the coordinator, and tries again.
//!
//! A lane carries one transaction at a time:
//! ```text
//!            .--more to fetch [proceed]--.
//!            v                           |
//!  idle --> running --------------------'
//!   ^ [begin] |  ^ '--through [proceed]--> committing --committed [on_outcome]--> idle
//!   |         |  |                             |
//!   |   refused [on_refused], doomed [on_doomed], timed out [on_timer],
//!   |   aborted by the coordinator [on_outcome]
//!   |         v  '--[on_timer]--.              |
//!   '-------[abort] --> waiting -'  <----------'
//!    no attempts left
//! ```
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Node;
use super::config::{Config, Control, Deadlock, Mutant};
use super::disk::Write;
use super::message::{Body, Call, End, Item, Msg, Reply, Timer, TxnId};
use super::program::{Need, Next, Op, Reason, Run, Style};
use crate::sim::{Cx, NodeId, OpId, Span, Status};

/// A client. All but `config` is volatile: a new one needs nothing else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// How the cluster is set up.
    pub config: Arc<Config>,
    /// The highest age it has heard of.
    #[serde(default)]
    clock: u32,
    #[serde(default)]
    lanes: Vec<Lane>,
    /// Lanes on which nothing is under way, the next to be used last.
    #[serde(default)]
    idle: Vec<u32>,
    /// Transactions for which there is no lane yet.
    #[serde(default)]
    queue: VecDeque<(OpId, Arc<[Op]>)>,
}

/// One transaction after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Lane {
    work: Option<Work>,
}

/// A transaction under way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Work {
    op: OpId,
    txn: TxnId,
    program: Arc<[Op]>,
    run: Run,
    /// How many accesses it has asked for.
    step: u32,
    /// The servers it has got something from, with the incarnation of each.
    epochs: BTreeMap<NodeId, u32>,
    phase: Phase,
}

/// What a transaction waits for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Phase {
    /// An access.
    Running(NodeId, Msg),
    /// The coordinator.
    Committing(Arc<Body>),
    /// Time.
    Waiting,
}

impl Client {
    /// A client before its first start.
    pub fn new(config: Arc<Config>) -> Self {
        Self { config, clock: 0, lanes: Vec::new(), idle: Vec::new(), queue: VecDeque::new() }
    }

    pub(super) fn on_start(&mut self, cx: &mut Cx<'_, Node>) {
        cx.write(Write::Incarnation(cx.boots().max(cx.disk().incarnation + 1)));
    }

    pub(super) fn on_call(&mut self, cx: &mut Cx<'_, Node>, op: OpId, call: Call) {
        let refuse = |reason: &'static str| Reply::Refused { reason: reason.into() };
        match call {
            Call::Run { .. } if self.config.servers.is_empty() => {
                cx.reply_at_once(op, refuse("no servers to ask"));
            }
            Call::Run { ops } => self.begin(cx, op, ops.into()),
            Call::Validate { .. } => cx.reply_at_once(op, refuse("not a coordinator")),
        }
    }

    pub(super) fn on_message(&mut self, cx: &mut Cx<'_, Node>, from: NodeId, msg: Msg) {
        match msg {
            Msg::Answer { txn, step, epoch, clock, item } => {
                self.clock = self.clock.max(clock);
                self.on_answer(cx, from, (txn, step), epoch, &item);
            }
            Msg::Refused { txn, reason } => self.on_refused(cx, txn, reason),
            Msg::Doomed { txn } => self.on_refused(cx, txn, Reason::Deadlock),
            Msg::Outcome { txn, end } => self.on_outcome(cx, txn, end),
            Msg::Probe { txn } => {
                let alive = self.current(txn).is_some();
                cx.send(from, if alive { Msg::Alive { txn } } else { Msg::Release { txn } });
            }
            _ => cx.note("request to a client", 0),
        }
    }

    pub(super) fn on_timer(&mut self, cx: &mut Cx<'_, Node>, timer: Timer) {
        let (Timer::Retry(lane) | Timer::Patience(lane) | Timer::Backoff(lane)) = timer else { return };
        let Some(work) = self.lanes.get_mut(lane as usize).and_then(|lane| lane.work.as_mut()) else {
            return;
        };
        match (timer, &mut work.phase) {
            (Timer::Retry(_), Phase::Running(server, msg)) => {
                cx.send(*server, msg.clone());
                arm_retry(cx, &self.config, lane);
            }
            (Timer::Retry(_), Phase::Committing(body)) => {
                cx.send(self.config.coordinator, Msg::Commit { txn: work.txn, body: body.clone() });
                arm_retry(cx, &self.config, lane);
            }
            (Timer::Patience(_), Phase::Running(server, Msg::Access { need, .. }))
                if self.config.breaks(Mutant::TimeoutWithoutAbort) =>
            {
                *need = Need::Look;
                let server = *server;
                let Phase::Running(_, msg) = &work.phase else { return };
                cx.send(server, msg.clone());
            }
            (Timer::Patience(_), Phase::Running(..)) => self.abort(cx, lane, Reason::Timeout),
            (Timer::Backoff(_), Phase::Waiting) => self.proceed(cx, lane),
            _ => {} // fired by hand out of season
        }
    }

    pub(super) fn status(&self) -> Status {
        let running = self.lanes.iter().filter(|lane| lane.work.is_some()).count();
        vec![("part", "client".into()), ("outstanding", ((running + self.queue.len()) as i64).into())]
    }

    /// The transactions that this client still has under way, each in its latest attempt.
    pub fn under_way(&self) -> impl Iterator<Item = TxnId> + '_ {
        self.lanes.iter().filter_map(|lane| lane.work.as_ref()).map(|work| work.txn)
    }

    fn style(&self) -> Style {
        match self.config.control {
            Control::Nothing => Style::Direct,
            Control::Graph { .. } | Control::Timestamp => Style::Copied,
            Control::Locking { .. } => Style::Locked,
        }
    }

    /// Puts a transaction on a free lane, or in the queue.
    fn begin(&mut self, cx: &mut Cx<'_, Node>, op: OpId, program: Arc<[Op]>) {
        let lane = match self.idle.pop() {
            Some(lane) => lane,
            None if self.lanes.len() < self.config.max_lanes.max(1) as usize => {
                self.lanes.push(Lane::default());
                (self.lanes.len() - 1) as u32
            }
            None => return self.queue.push_back((op, program)),
        };
        self.clock += 1;
        let incarnation = cx.disk().incarnation;
        let txn = TxnId { age: self.clock, client: cx.id, lane, incarnation, attempt: 1 };
        self.lanes[lane as usize].work = Some(Work {
            op,
            txn,
            program,
            run: Run::default(),
            step: 0,
            epochs: BTreeMap::new(),
            phase: Phase::Waiting,
        });
        self.proceed(cx, lane);
    }

    /// Goes on with a transaction: to the next access, or to the coordinator.
    fn proceed(&mut self, cx: &mut Cx<'_, Node>, lane: u32) {
        let (style, config) = (self.style(), self.config.clone());
        let Some(work) = self.work(lane) else { return };
        match work.run.advance(&work.program, style, config.breaks(Mutant::SkipUpgrade)) {
            Next::Fetch(key, need) => {
                work.step += 1;
                let server = config.server_of(&key);
                let msg = Msg::Access { txn: work.txn, step: work.step, key, need };
                work.phase = Phase::Running(server, msg.clone());
                cx.send(server, msg);
                arm_retry(cx, &config, lane);
                if let Some(Deadlock::Timeout { after }) = config.deadlock() {
                    cx.arm(Timer::Patience(lane), after);
                }
            }
            Next::Failed(reason) => self.abort(cx, lane, reason),
            Next::Done if style == Style::Direct || work.program.is_empty() => self.finish(cx, lane, Ok(())),
            Next::Done => {
                let epochs = work.epochs.iter().map(|(node, epoch)| (*node, *epoch)).collect();
                let body = Arc::new(Body { reads: work.run.reads(), writes: work.run.writes(), epochs });
                work.phase = Phase::Committing(body.clone());
                cx.send(config.coordinator, Msg::Commit { txn: work.txn, body });
                cx.disarm(Timer::Patience(lane));
                arm_retry(cx, &config, lane);
            }
        }
    }

    fn on_answer(
        &mut self,
        cx: &mut Cx<'_, Node>,
        from: NodeId,
        (txn, step): (TxnId, u32),
        epoch: u32,
        item: &Item,
    ) {
        let style = self.style();
        let Some(work) = self.current(txn) else { return };
        if work.step != step || !matches!(work.phase, Phase::Running(..)) {
            return; // answered before
        }
        // A server that has come up again has forgotten the locks it gave.
        if *work.epochs.entry(from).or_insert(epoch) != epoch && style == Style::Locked {
            return self.abort(cx, txn.lane, Reason::Lost);
        }
        match work.run.take(&work.program, style, &item.value, item.version) {
            Ok(()) => self.proceed(cx, txn.lane),
            Err(reason) => self.abort(cx, txn.lane, reason),
        }
    }

    /// Once the coordinator has been asked, only the coordinator says how a transaction ends.
    fn on_refused(&mut self, cx: &mut Cx<'_, Node>, txn: TxnId, reason: Reason) {
        if self.current(txn).is_some_and(|work| matches!(work.phase, Phase::Running(..))) {
            self.abort(cx, txn.lane, reason);
        }
    }

    fn on_outcome(&mut self, cx: &mut Cx<'_, Node>, txn: TxnId, end: End) {
        if !self.current(txn).is_some_and(|work| matches!(work.phase, Phase::Committing(_))) {
            return;
        }
        match end {
            Ok(()) => self.finish(cx, txn.lane, Ok(())),
            Err(reason) => self.abort(cx, txn.lane, reason),
        }
    }

    /// An attempt has failed: locks are given back, and there may be another one.
    fn abort(&mut self, cx: &mut Cx<'_, Node>, lane: u32, reason: Reason) {
        let (style, config) = (self.style(), self.config.clone());
        let Some(work) = self.work(lane) else { return };
        cx.note(reason.label(), u64::from(work.txn.age));
        if style == Style::Locked {
            let asked = match &work.phase {
                Phase::Running(server, _) => Some(*server),
                _ => None,
            };
            let servers: std::collections::BTreeSet<_> = work.epochs.keys().copied().chain(asked).collect();
            servers.into_iter().for_each(|server| cx.send(server, Msg::Release { txn: work.txn }));
        }
        if !reason.may_pass() || config.attempts.is_some_and(|most| work.txn.attempt >= most) {
            return self.finish(cx, lane, Err(reason));
        }
        // The more attempts have failed, the longer the next one may wait.
        let longer = config.backoff.max.saturating_mul(1 << (work.txn.attempt - 1).min(6));
        work.txn.attempt += 1;
        (work.run, work.step, work.phase) = (Run::default(), 0, Phase::Waiting);
        work.epochs.clear();
        self.quiet(cx, lane);
        cx.arm(Timer::Backoff(lane), Span { min: config.backoff.min, max: longer });
    }

    /// A transaction is over.
    fn finish(&mut self, cx: &mut Cx<'_, Node>, lane: u32, end: End) {
        let Some(work) = self.lanes.get_mut(lane as usize).and_then(|lane| lane.work.take()) else { return };
        let (accesses, attempts) = (work.run.accesses(), work.txn.attempt);
        let reply = match end {
            Ok(()) => Reply::Committed { accesses, attempts },
            Err(reason) => Reply::Aborted { reason, accesses, attempts },
        };
        cx.reply(work.op, reply);
        self.quiet(cx, lane);
        self.idle.push(lane);
        if let Some((op, program)) = self.queue.pop_front() {
            self.begin(cx, op, program);
        }
    }

    fn quiet(&self, cx: &mut Cx<'_, Node>, lane: u32) {
        cx.disarm(Timer::Retry(lane));
        if matches!(self.config.deadlock(), Some(Deadlock::Timeout { .. })) {
            cx.disarm(Timer::Patience(lane));
        }
    }

    fn work(&mut self, lane: u32) -> Option<&mut Work> {
        self.lanes.get_mut(lane as usize)?.work.as_mut()
    }

    /// A transaction, if this attempt of it is under way.
    fn current(&mut self, txn: TxnId) -> Option<&mut Work> {
        self.work(txn.lane).filter(|work| work.txn == txn)
    }
}

fn arm_retry(cx: &mut Cx<'_, Node>, config: &Config, lane: u32) {
    if let Some(retry) = config.retry {
        cx.arm(Timer::Retry(lane), retry);
    }
}
