//! A participant: tries the work, votes, and does what was decided.
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Node;
use super::config::{Config, Mutant};
use super::coordinator::told;
use super::message::{Msg, Timer};
use crate::machines::commitment::{
    Answers, Decision, Locks, Op, Open, Participants, Settled, Staged, Txn, Values, Write, stage,
};
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
    /// What is locked by transactions that it has voted YES to.
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
        Self { config: config.into(), working: BTreeMap::new(), locks: Locks::default() }
    }

    /// Locks again what it is in doubt about, and asks for the decisions.
    pub(super) fn on_start(&mut self, cx: &mut Cx<'_, Node>) {
        let doubts: Vec<(Txn, Arc<Staged>)> =
            cx.disk().in_doubt().map(|(txn, staged)| (txn, staged.clone())).collect();
        for (txn, staged) in doubts {
            if self.breaks(Mutant::ForgetVote) {
                write(cx, txn, None, None, Values::new());
                continue;
            }
            if !self.breaks(Mutant::ForgetLocks) {
                self.locks.take(txn, &staged.keys);
            }
            self.ask(cx, txn);
        }
    }

    pub(super) fn on_message(&mut self, cx: &mut Cx<'_, Node>, from: NodeId, msg: Msg) {
        match msg {
            Msg::Work { txn, ops } => self.on_work(cx, txn, ops),
            Msg::Prepare { txn, participants } => self.on_prepare(cx, from, txn, participants),
            Msg::Commit { txn } => self.on_commit(cx, from, txn),
            Msg::Abort { txn } => self.on_abort(cx, from, txn),
            Msg::Ask { txn } => self.on_ask(cx, from, txn),
            _ => cx.note("not for a participant", 0),
        }
    }

    pub(super) fn on_timer(&mut self, cx: &mut Cx<'_, Node>, timer: Timer) {
        match timer {
            Timer::Prepare(txn) if self.working.contains_key(&txn) => self.give_up(cx, txn),
            Timer::Decision(txn) if cx.disk().staged(txn).is_some() => {
                if self.breaks(Mutant::AbortAfterYes) {
                    return self.abort(cx, txn);
                }
                cx.note("blocked", txn.number());
                self.ask(cx, txn);
            }
            _ => {} // fired by hand out of season
        }
    }

    pub(super) fn status(&self, in_doubt: usize) -> Status {
        let count = |it: usize| (it as i64).into();
        vec![
            ("role", "participant".into()),
            ("working", count(self.working.len())),
            ("in_doubt", count(in_doubt)),
            ("locks", count(self.locks.iter().len())),
        ]
    }

    fn on_work(&mut self, cx: &mut Cx<'_, Node>, txn: Txn, ops: Arc<[Op]>) {
        if known(cx, txn) {
            return; // late, or doubled
        }
        let working = self.working.entry(txn).or_default();
        if working.ops.is_some() {
            return;
        }
        working.ops = Some(ops);
        self.proceed(cx, txn);
    }

    fn on_prepare(&mut self, cx: &mut Cx<'_, Node>, from: NodeId, txn: Txn, participants: Participants) {
        if let Some(staged) = cx.disk().staged(txn) {
            let answers = staged.answers.clone();
            return cx.send(from, Msg::Vote { txn, yes: true, answers });
        }
        match cx.disk().decision(txn) {
            Some(Decision::Commit) => return, // the votes are long counted
            Some(Decision::Abort) if !self.breaks(Mutant::VoteAfterAbort) => {
                return cx.send(from, Msg::Vote { txn, yes: false, answers: Answers::default() });
            }
            Some(Decision::Abort) => {
                let answers = Answers::default();
                return cx.send(from, Msg::Vote { txn, yes: true, answers });
            }
            None => {}
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
        if self.breaks(Mutant::UnlockEarly) {
            self.locks.release(txn, &staged.keys);
        }
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

    fn on_commit(&mut self, cx: &mut Cx<'_, Node>, from: NodeId, txn: Txn) {
        let Some(Open::Prepared { coordinator, participants, staged, .. }) =
            cx.disk().open.get(&txn).cloned()
        else {
            return match cx.disk().decision(txn) {
                Some(_) => self.acknowledge(cx, from, txn, Decision::Commit), // told before
                None => cx.note("commit of a stranger", txn.number()),
            };
        };
        let settled = Settled::Committed { participants, answers: Answers::default() };
        write(cx, txn, None, Some(settled), staged.writes.clone());
        self.out_of_doubt(cx, txn, &staged, "committed");
        self.acknowledge(cx, coordinator, txn, Decision::Commit);
    }

    fn on_abort(&mut self, cx: &mut Cx<'_, Node>, from: NodeId, txn: Txn) {
        let coordinator = match cx.disk().open.get(&txn) {
            Some(Open::Prepared { coordinator, .. }) => *coordinator,
            _ => from,
        };
        if cx.disk().decision(txn).is_none() {
            self.abort(cx, txn);
        }
        self.acknowledge(cx, coordinator, txn, Decision::Abort);
    }

    fn abort(&mut self, cx: &mut Cx<'_, Node>, txn: Txn) {
        let staged = cx.disk().staged(txn).cloned();
        write(cx, txn, None, Some(Settled::Aborted), Values::new());
        if self.working.remove(&txn).is_some() {
            cx.disarm(Timer::Prepare(txn));
        }
        if let Some(staged) = staged {
            self.out_of_doubt(cx, txn, &staged, "aborted");
        }
    }

    fn out_of_doubt(&mut self, cx: &mut Cx<'_, Node>, txn: Txn, staged: &Staged, how: &'static str) {
        self.locks.release(txn, &staged.keys);
        cx.disarm(Timer::Decision(txn));
        cx.note(how, txn.number());
    }

    /// What is presumed need not be confirmed.
    fn acknowledge(&self, cx: &mut Cx<'_, Node>, to: NodeId, txn: Txn, decision: Decision) {
        let presumed = self.config.presumed_abort && decision == Decision::Abort;
        if self.config.acks && !presumed {
            cx.send(to, Msg::Ack { txn });
        }
    }

    /// In doubt: asks the coordinator, and if they cooperate the others too, again and again.
    fn ask(&self, cx: &mut Cx<'_, Node>, txn: Txn) {
        let Some(Open::Prepared { coordinator, participants, .. }) = cx.disk().open.get(&txn).cloned() else {
            return;
        };
        cx.send(coordinator, Msg::Ask { txn });
        if self.config.cooperative {
            let this = cx.id;
            for node in participants.iter().filter(|it| **it != this) {
                cx.send(*node, Msg::Ask { txn });
            }
        }
        cx.arm(Timer::Decision(txn), self.config.decision_timeout);
    }

    /// Another participant is in doubt. Who has not voted can still abort, and so end the other's doubt.
    fn on_ask(&mut self, cx: &mut Cx<'_, Node>, from: NodeId, txn: Txn) {
        if cx.disk().staged(txn).is_some() {
            if self.breaks(Mutant::GuessAbort) {
                cx.send(from, Msg::Abort { txn });
            }
            return; // in doubt too
        }
        if cx.disk().decision(txn).is_none() {
            self.abort(cx, txn);
        }
        if let Some(decision) = cx.disk().decision(txn) {
            cx.send(from, told(txn, decision));
        }
    }

    fn breaks(&self, rule: Mutant) -> bool {
        self.config.mutant == Some(rule)
    }
}

/// Whether it has voted on a transaction, or knows how it ended.
fn known(cx: &Cx<'_, Node>, txn: Txn) -> bool {
    cx.disk().open.contains_key(&txn) || cx.disk().settled.contains_key(&txn)
}

fn write(cx: &mut Cx<'_, Node>, txn: Txn, open: Option<Open>, settled: Option<Settled>, values: Values) {
    cx.write(Write::Record { txn, open, settled, values });
}
