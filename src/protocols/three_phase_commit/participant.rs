//! A participant: tries the work, votes, and does what was decided. What it does in doubt is `resolve.rs`.
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Node;
use super::config::{Config, Mutant};
use super::message::{Msg, Timer};
use super::resolve::{Doubt, Stage};
use crate::machines::commitment::{
    Answers, Decision, Locks, Op, Open, Participants, Settled, Txn, Values, Write, stage,
};
use crate::protocols::two_phase_commit as two_phase;
use crate::sim::{Cx, NodeId, Status};

/// A participant. All but `config` is volatile: a new one needs nothing else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Participant {
    /// How it is set up.
    pub config: Arc<Config>,
    /// Transactions that it has not voted on.
    #[serde(default)]
    working: BTreeMap<Txn, Working>,
    /// Transactions that it has voted YES to and knows no decision about.
    #[serde(default)]
    pub(super) doubts: BTreeMap<Txn, Doubt>,
    /// What is locked by them.
    #[serde(default)]
    pub locks: Locks,
}

/// What a participant has of a transaction before it votes: at least one of the two.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Working {
    /// What to do.
    ops: Option<Arc<[Op]>>,
    /// Who asked for a vote, and who else takes part.
    asked: Option<(NodeId, Participants)>,
}

impl Participant {
    /// A participant before its first start.
    pub fn new(config: Config) -> Self {
        Self {
            config: config.into(),
            working: BTreeMap::new(),
            doubts: BTreeMap::new(),
            locks: Locks::default(),
        }
    }

    /// Locks again what it is in doubt about, and asks what became of it. It must not decide alone: the others may
    /// have decided without it.
    pub(super) fn on_start(&mut self, cx: &mut Cx<'_, Node>) {
        let doubts: Vec<_> = cx.disk().in_doubt().map(|(txn, staged)| (txn, staged.clone())).collect();
        for (txn, staged) in doubts {
            if self.breaks(Mutant::ForgetVote) {
                write(cx, txn, None, None, Values::new());
                continue;
            }
            self.locks.take(txn, &staged.keys);
            self.doubts.insert(txn, Doubt { recovered: true, stage: Stage::Waiting });
            if self.breaks(Mutant::RecoverAlone) {
                self.guess(cx, txn);
            } else {
                self.poll(cx, txn);
            }
        }
    }

    pub(super) fn on_message(&mut self, cx: &mut Cx<'_, Node>, from: NodeId, msg: Msg) {
        match msg {
            Msg::Client(two_phase::Msg::Work { txn, ops }) => self.on_work(cx, txn, ops),
            Msg::CanCommit { txn, participants } => self.on_can_commit(cx, from, txn, participants),
            Msg::PreCommit { txn } => self.on_pre_commit(cx, from, txn),
            Msg::PreAck { txn } => self.on_pre_ack(cx, from, txn),
            Msg::DoCommit { txn } => self.on_decision(cx, from, txn, Decision::Commit),
            Msg::Abort { txn } => self.on_decision(cx, from, txn, Decision::Abort),
            Msg::Poll { txn } => self.on_poll(cx, from, txn),
            Msg::State { txn, standing } => self.on_state(from, txn, standing),
            _ => cx.note("not for a participant", 0),
        }
    }

    pub(super) fn on_timer(&mut self, cx: &mut Cx<'_, Node>, timer: Timer) {
        match timer {
            Timer::Prepare(txn) if self.working.contains_key(&txn) => self.give_up(cx, txn),
            Timer::Decision(txn) => self.on_silence(cx, txn),
            Timer::Round(txn) => self.on_round_over(cx, txn),
            _ => {} // fired by hand out of season
        }
    }

    pub(super) fn status(&self) -> Status {
        let count = |it: usize| (it as i64).into();
        vec![
            ("role", "participant".into()),
            ("working", count(self.working.len())),
            ("in_doubt", count(self.doubts.len())),
            ("locks", count(self.locks.iter().len())),
        ]
    }

    fn on_work(&mut self, cx: &mut Cx<'_, Node>, txn: Txn, ops: Arc<[Op]>) {
        if cx.disk().open.contains_key(&txn) || cx.disk().settled.contains_key(&txn) {
            return; // late, or doubled
        }
        let working = self.working.entry(txn).or_default();
        if working.ops.is_none() {
            working.ops = Some(ops);
            self.proceed(cx, txn);
        }
    }

    fn on_can_commit(&mut self, cx: &mut Cx<'_, Node>, from: NodeId, txn: Txn, participants: Participants) {
        if cx.disk().open.contains_key(&txn) {
            return; // doubled: it has voted
        }
        if cx.disk().settled.contains_key(&txn) {
            if cx.disk().decision(txn) == Some(Decision::Abort) {
                cx.send(from, Msg::Vote { txn, yes: false, answers: Answers::default() });
            }
            return;
        }
        let working = self.working.entry(txn).or_default();
        if working.asked.is_none() {
            working.asked = Some((from, participants));
            self.proceed(cx, txn);
        }
    }

    /// Votes once there is both work and a question; until then waits for the other, but not for ever.
    fn proceed(&mut self, cx: &mut Cx<'_, Node>, txn: Txn) {
        let Some(working) = self.working.get(&txn) else { return };
        match (&working.ops, &working.asked) {
            (Some(ops), Some((coordinator, participants))) => {
                let (ops, coordinator, participants) = (ops.clone(), *coordinator, participants.clone());
                self.working.remove(&txn);
                cx.disarm(Timer::Prepare(txn));
                self.vote(cx, txn, &ops, coordinator, participants);
            }
            _ => cx.arm(Timer::Prepare(txn), self.config.prepare_timeout),
        }
    }

    /// The vote, which nothing will change: YES if the work can be done, its keys are free, and nothing is amiss.
    fn vote(
        &mut self,
        cx: &mut Cx<'_, Node>,
        txn: Txn,
        ops: &[Op],
        coordinator: NodeId,
        participants: Participants,
    ) {
        let staged = stage(&cx.disk().values, ops);
        let able = staged.filter(|_| !cx.chance(self.config.no_per_million));
        let Some(staged) = able.filter(|staged| self.locks.take(txn, &staged.keys)) else {
            cx.note("voted no", txn.number());
            write(cx, txn, None, Some(Settled::Aborted), Values::new());
            return cx.send(coordinator, Msg::Vote { txn, yes: false, answers: Answers::default() });
        };
        let yes = Msg::Vote { txn, yes: true, answers: staged.answers.clone() };
        let prepared =
            Open::Prepared { coordinator, participants, staged: staged.into(), precommitted: false };
        write(cx, txn, Some(prepared), None, Values::new());
        if self.breaks(Mutant::VoteBeforeSync) {
            cx.send_at_once(coordinator, yes);
        } else {
            cx.send(coordinator, yes);
        }
        cx.note("in doubt", txn.number());
        self.doubts.insert(txn, Doubt { recovered: false, stage: Stage::Waiting });
        cx.arm(Timer::Decision(txn), self.config.decision_timeout);
    }

    /// Neither has it voted nor will it wait any longer: it aborts alone.
    fn give_up(&mut self, cx: &mut Cx<'_, Node>, txn: Txn) {
        let Some(working) = self.working.remove(&txn) else { return };
        cx.note("gave up", txn.number());
        write(cx, txn, None, Some(Settled::Aborted), Values::new());
        if let Some((coordinator, _)) = working.asked {
            cx.send(coordinator, Msg::Vote { txn, yes: false, answers: Answers::default() });
        }
    }

    /// Somebody has decided.
    fn on_decision(&mut self, cx: &mut Cx<'_, Node>, from: NodeId, txn: Txn, decision: Decision) {
        let coordinator = match cx.disk().open.get(&txn) {
            Some(Open::Prepared { coordinator, .. }) => *coordinator,
            _ => from,
        };
        let known = cx.disk().open.contains_key(&txn) || cx.disk().settled.contains_key(&txn);
        if decision == Decision::Commit && !known {
            return cx.note("commit of a stranger", txn.number());
        }
        if cx.disk().decision(txn).is_none() {
            self.settle(cx, txn, decision);
        }
        if self.config.acks {
            cx.send(coordinator, Msg::HaveCommitted { txn });
        }
    }

    /// Does what was decided about a transaction that it has not settled.
    pub(super) fn settle(&mut self, cx: &mut Cx<'_, Node>, txn: Txn, decision: Decision) {
        if self.working.remove(&txn).is_some() {
            cx.disarm(Timer::Prepare(txn));
        }
        let Some(Open::Prepared { participants, staged, .. }) = cx.disk().open.get(&txn).cloned() else {
            return write(cx, txn, None, Some(Settled::Aborted), Values::new());
        };
        let (settled, values, note) = match decision {
            Decision::Commit => {
                let settled = Settled::Committed { participants, answers: Answers::default() };
                (settled, staged.writes.clone(), "committed")
            }
            Decision::Abort => (Settled::Aborted, Values::new(), "aborted"),
        };
        write(cx, txn, None, Some(settled), values);
        self.locks.release(txn, &staged.keys);
        self.doubts.remove(&txn);
        cx.disarm(Timer::Decision(txn));
        cx.disarm(Timer::Round(txn));
        cx.note(note, txn.number());
    }

    pub(super) fn breaks(&self, rule: Mutant) -> bool {
        self.config.mutant == Some(rule)
    }
}

pub(super) fn write(
    cx: &mut Cx<'_, Node>,
    txn: Txn,
    open: Option<Open>,
    settled: Option<Settled>,
    values: Values,
) {
    cx.write(Write::Record { txn, open, settled, values });
}
