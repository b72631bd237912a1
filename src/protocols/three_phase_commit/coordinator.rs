//! The coordinator: collects votes, tells everybody that all are YES, and then decides.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Node;
use super::config::{Config, Mutant};
use super::message::{Msg, Timer};
use crate::machines::commitment::{
    Answers, Collecting, Decision, Open, Participants, Settled, Txn, Values, Write,
};
use crate::protocols::two_phase_commit as two_phase;
use crate::sim::{Cx, NodeId, Status};

/// A coordinator. All but `config` is volatile: a new one needs nothing else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coordinator {
    /// How it is set up.
    pub config: Arc<Config>,
    /// Transactions that it has not decided.
    #[serde(default)]
    undecided: BTreeMap<Txn, Undecided>,
    /// Who has not acknowledged which decision.
    #[serde(default)]
    unacknowledged: BTreeMap<Txn, BTreeSet<NodeId>>,
}

/// A transaction that is not decided.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Undecided {
    collecting: Collecting,
    phase: Phase,
}

/// How far it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Phase {
    /// Not everybody has voted.
    Voting,
    /// All have voted YES; these have not acknowledged that they know.
    Precommitting(BTreeSet<NodeId>),
    /// The coordinator has been down, and the participants may have decided without it: it asks them.
    Asking,
}

impl Coordinator {
    /// A coordinator before its first start.
    pub fn new(config: Config) -> Self {
        Self { config: config.into(), undecided: BTreeMap::new(), unacknowledged: BTreeMap::new() }
    }

    /// Asks the participants what became of what it had not decided; announces what it had.
    pub(super) fn on_start(&mut self, cx: &mut Cx<'_, Node>) {
        if self.breaks(Mutant::ForgetDecision) {
            let settled: Vec<_> = cx.disk().settled.keys().copied().collect();
            settled.into_iter().for_each(|txn| write(cx, txn, None, None));
        }
        for (txn, open) in cx.disk().open.clone() {
            match open {
                Open::Collecting(collecting) => {
                    self.undecided.insert(txn, Undecided { collecting, phase: Phase::Asking });
                    self.ask(cx, txn);
                }
                Open::Announcing { participants, .. } => {
                    self.unacknowledged.insert(txn, participants.iter().copied().collect());
                    self.announce(cx, txn);
                }
                Open::Prepared { .. } => {}
            }
        }
    }

    pub(super) fn on_message(&mut self, cx: &mut Cx<'_, Node>, from: NodeId, msg: Msg) {
        match msg {
            Msg::Client(two_phase::Msg::Start { txn, participants, .. }) => {
                self.on_transaction(cx, txn, participants);
            }
            Msg::Vote { txn, yes, answers } => self.on_vote(cx, from, txn, yes, answers),
            Msg::PreAck { txn } => self.on_pre_ack(cx, from, txn),
            Msg::HaveCommitted { txn } => self.on_ack(cx, from, txn),
            Msg::Poll { txn } => self.on_poll(cx, from, txn),
            // The participants have decided without the coordinator.
            Msg::DoCommit { txn } => self.decide(cx, txn, Decision::Commit, None),
            Msg::Abort { txn } => self.decide(cx, txn, Decision::Abort, Some(from)),
            Msg::State { .. } => {} // they will decide, or be told
            _ => cx.note("not for a coordinator", 0),
        }
    }

    pub(super) fn on_timer(&mut self, cx: &mut Cx<'_, Node>, timer: Timer) {
        let phase = |txn: &Txn| self.undecided.get(txn).map(|it| &it.phase);
        match timer {
            Timer::Votes(txn) if phase(&txn) == Some(&Phase::Voting) => {
                cx.note("vote timeout", txn.number());
                let guesses = self.breaks(Mutant::CommitWithoutAllVotes);
                self.decide(cx, txn, if guesses { Decision::Commit } else { Decision::Abort }, None);
            }
            Timer::PreAcks(txn) if matches!(phase(&txn), Some(Phase::Precommitting(_))) => {
                cx.note("missing ack", txn.number());
                let aborts = self.config.abort_on_missing_ack;
                self.decide(cx, txn, if aborts { Decision::Abort } else { Decision::Commit }, None);
            }
            Timer::Round(txn) if phase(&txn) == Some(&Phase::Asking) => self.ask(cx, txn),
            Timer::Acks(txn) => self.announce(cx, txn),
            _ => {} // fired by hand out of season
        }
    }

    pub(super) fn status(&self) -> Status {
        let count = |it: usize| (it as i64).into();
        vec![
            ("role", "coordinator".into()),
            ("undecided", count(self.undecided.len())),
            ("unacknowledged", count(self.unacknowledged.len())),
        ]
    }

    /// A client wants a commit, or asks again for the result.
    fn on_transaction(&mut self, cx: &mut Cx<'_, Node>, txn: Txn, participants: Participants) {
        if self.undecided.contains_key(&txn) {
            return; // the result comes with the decision
        }
        if cx.disk().settled.contains_key(&txn) {
            return tell_client(cx, txn);
        }
        let collecting = Collecting::new(participants.clone());
        write(cx, txn, Some(Open::Collecting(collecting.clone())), None);
        self.undecided.insert(txn, Undecided { collecting, phase: Phase::Voting });
        for node in participants.iter() {
            cx.send(*node, Msg::CanCommit { txn, participants: participants.clone() });
        }
        cx.arm(Timer::Votes(txn), self.config.vote_timeout);
    }

    fn on_vote(&mut self, cx: &mut Cx<'_, Node>, from: NodeId, txn: Txn, yes: bool, answers: Answers) {
        let Some(Undecided { collecting, phase: Phase::Voting }) = self.undecided.get_mut(&txn) else {
            return;
        };
        if !collecting.participants.contains(&from) {
            return cx.note("vote of a stranger", txn.number());
        }
        if !yes {
            return self.decide(cx, txn, Decision::Abort, Some(from));
        }
        collecting.votes.insert(from, answers);
        if collecting.is_unanimous() {
            self.precommit(cx, txn);
        }
    }

    /// All have voted YES, and before anybody commits, everybody is to know.
    fn precommit(&mut self, cx: &mut Cx<'_, Node>, txn: Txn) {
        let Some(Undecided { collecting, phase }) = self.undecided.get_mut(&txn) else { return };
        if !collecting.answers().is_empty() {
            // Whoever commits, it is the coordinator that must tell the client what was read.
            write(cx, txn, Some(Open::Collecting(collecting.clone())), None);
        }
        *phase = Phase::Precommitting(collecting.participants.iter().copied().collect());
        for node in collecting.participants.iter() {
            cx.send(*node, Msg::PreCommit { txn });
        }
        cx.disarm(Timer::Votes(txn));
        cx.arm(Timer::PreAcks(txn), self.config.ack_timeout);
    }

    fn on_pre_ack(&mut self, cx: &mut Cx<'_, Node>, from: NodeId, txn: Txn) {
        let Some(Undecided { phase: Phase::Precommitting(waiting), .. }) = self.undecided.get_mut(&txn)
        else {
            return;
        };
        waiting.remove(&from);
        if waiting.is_empty() {
            self.decide(cx, txn, Decision::Commit, None);
        }
    }

    /// The decision. Whoever it came from, by a NO or by an abort, knows it already.
    fn decide(&mut self, cx: &mut Cx<'_, Node>, txn: Txn, decision: Decision, knows: Option<NodeId>) {
        let Some(Undecided { collecting, phase }) = self.undecided.remove(&txn) else { return };
        cx.disarm(match phase {
            Phase::Voting => Timer::Votes(txn),
            Phase::Precommitting(_) => Timer::PreAcks(txn),
            Phase::Asking => Timer::Round(txn),
        });
        let concerned: Participants =
            collecting.participants.iter().copied().filter(|it| Some(*it) != knows).collect();
        let settled = match decision {
            Decision::Commit => {
                Settled::Committed { answers: collecting.answers(), participants: collecting.participants }
            }
            Decision::Abort => Settled::Aborted,
        };
        let awaited = self.config.acks && !concerned.is_empty();
        let open = awaited.then(|| Open::Announcing { decision, participants: concerned.clone() });
        write(cx, txn, open, Some(settled));
        if awaited {
            self.unacknowledged.insert(txn, concerned.iter().copied().collect());
            cx.arm(Timer::Acks(txn), self.config.ack_timeout);
        }
        for node in concerned.iter() {
            cx.send(*node, told(txn, decision));
        }
        tell_client(cx, txn);
        cx.note(if decision == Decision::Commit { "commit" } else { "abort" }, txn.number());
    }

    /// Tells the decision to everybody who has not acknowledged it.
    fn announce(&mut self, cx: &mut Cx<'_, Node>, txn: Txn) {
        let Some(waiting) = self.unacknowledged.get(&txn) else { return };
        let Some(decision) = cx.disk().decision(txn) else { return };
        for node in waiting {
            cx.send(*node, told(txn, decision));
        }
        cx.arm(Timer::Acks(txn), self.config.ack_timeout);
    }

    fn on_ack(&mut self, cx: &mut Cx<'_, Node>, from: NodeId, txn: Txn) {
        let Some(waiting) = self.unacknowledged.get_mut(&txn) else { return };
        waiting.remove(&from);
        if waiting.is_empty() {
            self.unacknowledged.remove(&txn);
            cx.disarm(Timer::Acks(txn));
            let settled = cx.disk().settled.get(&txn).cloned();
            write(cx, txn, None, settled);
        }
    }

    /// Asks all participants what became of a transaction, again and again.
    fn ask(&self, cx: &mut Cx<'_, Node>, txn: Txn) {
        let Some(Undecided { collecting, .. }) = self.undecided.get(&txn) else { return };
        for node in collecting.participants.iter() {
            cx.send(*node, Msg::Poll { txn });
        }
        cx.arm(Timer::Round(txn), self.config.poll_timeout);
    }

    /// A participant in doubt gets the decision, or none while there is none.
    fn on_poll(&mut self, cx: &mut Cx<'_, Node>, from: NodeId, txn: Txn) {
        if self.undecided.contains_key(&txn) {
            return; // it will be told, or they decide without the coordinator
        }
        if !cx.disk().settled.contains_key(&txn) {
            cx.note("no record", txn.number());
            write(cx, txn, None, Some(Settled::Aborted));
        }
        if let Some(decision) = cx.disk().decision(txn) {
            cx.send(from, told(txn, decision));
        }
    }

    fn breaks(&self, rule: Mutant) -> bool {
        self.config.mutant == Some(rule)
    }
}

fn tell_client(cx: &mut Cx<'_, Node>, txn: Txn) {
    let (decision, answers) = match cx.disk().settled.get(&txn) {
        Some(Settled::Committed { answers, .. }) => (Decision::Commit, answers.clone()),
        Some(Settled::Aborted) | None => (Decision::Abort, Answers::default()),
    };
    // It forgets nothing that it has begun, so that all its incarnations are alike to clients.
    let result = two_phase::Msg::Result { txn, decision, answers, epoch: 0 };
    cx.send(txn.client, Msg::Client(result));
}

fn write(cx: &mut Cx<'_, Node>, txn: Txn, open: Option<Open>, settled: Option<Settled>) {
    cx.write(Write::Record { txn, open, settled, values: Values::new() });
}

pub(super) fn told(txn: Txn, decision: Decision) -> Msg {
    match decision {
        Decision::Commit => Msg::DoCommit { txn },
        Decision::Abort => Msg::Abort { txn },
    }
}
