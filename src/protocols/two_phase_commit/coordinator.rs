//! The coordinator: collects votes, decides, and announces.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Node;
use super::config::{Config, Mutant};
use super::message::{Msg, Timer};
use crate::machines::commitment::{
    Answers, Collecting, Decision, Open, Participants, Settled, Txn, Values, Write,
};
use crate::sim::{Cx, NodeId, Status};

/// A coordinator. All but `config` is volatile: a new one needs nothing else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coordinator {
    /// How it is set up.
    pub config: Arc<Config>,
    /// Transactions that it has not decided. Unless it presumes, they are on disk too.
    #[serde(default)]
    collecting: BTreeMap<Txn, Collecting>,
    /// Who has not acknowledged which decision.
    #[serde(default)]
    unacknowledged: BTreeMap<Txn, BTreeSet<NodeId>>,
    /// What it has aborted since it came up, where it keeps no record of that.
    #[serde(default)]
    aborted: BTreeSet<Txn>,
}

impl Coordinator {
    /// A coordinator before its first start.
    pub fn new(config: Config) -> Self {
        Self {
            config: config.into(),
            collecting: BTreeMap::new(),
            unacknowledged: BTreeMap::new(),
            aborted: BTreeSet::new(),
        }
    }

    /// Resumes from where it left off: asks for the votes that are missing, announces what was decided.
    pub(super) fn on_start(&mut self, cx: &mut Cx<'_, Node>) {
        if self.breaks(Mutant::ForgetDecision) {
            let settled: Vec<_> = cx.disk().settled.keys().copied().collect();
            settled.into_iter().for_each(|txn| write(cx, txn, None, None));
        }
        if self.config.presumed_abort {
            cx.write(Write::Incarnation(cx.boots().max(cx.disk().incarnation + 1)));
        }
        for (txn, open) in cx.disk().open.clone() {
            match open {
                Open::Collecting(collecting) => {
                    self.collecting.insert(txn, collecting);
                    self.request_votes(cx, txn);
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
            Msg::Start { txn, epoch, participants } => self.on_transaction(cx, txn, epoch, participants),
            Msg::Vote { txn, yes, answers } => self.on_vote(cx, from, txn, yes, answers),
            Msg::Ack { txn } => self.on_ack(cx, from, txn),
            Msg::Ask { txn } => self.on_ask(cx, from, txn),
            _ => cx.note("not for a coordinator", 0),
        }
    }

    pub(super) fn on_timer(&mut self, cx: &mut Cx<'_, Node>, timer: Timer) {
        match timer {
            Timer::Votes(txn) if self.collecting.contains_key(&txn) => {
                cx.note("vote timeout", txn.number());
                let guesses = self.breaks(Mutant::CommitWithoutAllVotes);
                self.decide(cx, txn, if guesses { Decision::Commit } else { Decision::Abort }, None);
            }
            Timer::Acks(txn) => self.announce(cx, txn),
            _ => {} // fired by hand out of season
        }
    }

    pub(super) fn status(&self) -> Status {
        let count = |it: usize| (it as i64).into();
        vec![
            ("role", "coordinator".into()),
            ("undecided", count(self.collecting.len())),
            ("unacknowledged", count(self.unacknowledged.len())),
        ]
    }

    /// A client wants a commit, or asks again for the result.
    fn on_transaction(&mut self, cx: &mut Cx<'_, Node>, txn: Txn, epoch: u32, participants: Participants) {
        if self.collecting.contains_key(&txn) {
            return; // the result comes with the decision
        }
        // Whoever presumes may have aborted, without a record, what began in an earlier incarnation.
        let forgotten = self.config.presumed_abort && epoch != cx.disk().incarnation;
        if cx.disk().settled.contains_key(&txn) || self.aborted.contains(&txn) || forgotten {
            return self.tell_client(cx, txn);
        }
        let collecting = Collecting::new(participants);
        if !self.config.presumed_abort {
            write(cx, txn, Some(Open::Collecting(collecting.clone())), None);
        }
        self.collecting.insert(txn, collecting);
        self.request_votes(cx, txn);
    }

    /// Asks everybody who has not voted.
    fn request_votes(&mut self, cx: &mut Cx<'_, Node>, txn: Txn) {
        let Some(Collecting { participants, votes }) = self.collecting.get(&txn) else { return };
        for node in participants.iter().filter(|it| !votes.contains_key(it)) {
            cx.send(*node, Msg::Prepare { txn, participants: participants.clone() });
        }
        cx.arm(Timer::Votes(txn), self.config.vote_timeout);
    }

    fn on_vote(&mut self, cx: &mut Cx<'_, Node>, from: NodeId, txn: Txn, yes: bool, answers: Answers) {
        let Some(collecting) = self.collecting.get_mut(&txn) else { return }; // too late
        if !collecting.participants.contains(&from) {
            return cx.note("vote of a stranger", txn.number());
        }
        if !yes {
            return self.decide(cx, txn, Decision::Abort, Some(from));
        }
        if collecting.votes.insert(from, answers).is_some() {
            return; // said twice
        }
        if collecting.is_unanimous() {
            self.decide(cx, txn, Decision::Commit, None);
        } else if !self.config.presumed_abort {
            let open = Open::Collecting(collecting.clone());
            write(cx, txn, Some(open), None);
        }
    }

    /// The decision, which nothing will change. Whoever voted NO knows it already.
    fn decide(&mut self, cx: &mut Cx<'_, Node>, txn: Txn, decision: Decision, refused: Option<NodeId>) {
        let Some(collecting) = self.collecting.remove(&txn) else { return };
        cx.disarm(Timer::Votes(txn));
        let concerned: Participants =
            collecting.participants.iter().copied().filter(|it| Some(*it) != refused).collect();
        if self.config.presumed_abort && decision == Decision::Abort {
            self.aborted.insert(txn);
        } else {
            let settled = match decision {
                Decision::Commit => Settled::Committed {
                    answers: collecting.answers(),
                    participants: collecting.participants,
                },
                Decision::Abort => Settled::Aborted,
            };
            let awaited = self.config.acks && !concerned.is_empty();
            let open = awaited.then(|| Open::Announcing { decision, participants: concerned.clone() });
            write(cx, txn, open, Some(settled));
            if awaited {
                self.unacknowledged.insert(txn, concerned.iter().copied().collect());
                cx.arm(Timer::Acks(txn), self.config.ack_timeout);
            }
        }
        for node in concerned.iter() {
            if self.breaks(Mutant::DecideBeforeSync) {
                cx.send_at_once(*node, told(txn, decision));
            } else {
                cx.send(*node, told(txn, decision));
            }
        }
        self.tell_client(cx, txn);
        cx.note(if decision == Decision::Commit { "commit" } else { "abort" }, txn.number());
    }

    fn tell_client(&self, cx: &mut Cx<'_, Node>, txn: Txn) {
        let (decision, answers) = match cx.disk().settled.get(&txn) {
            Some(Settled::Committed { answers, .. }) => (Decision::Commit, answers.clone()),
            Some(Settled::Aborted) | None => (Decision::Abort, Answers::default()),
        };
        let epoch = cx.disk().incarnation;
        cx.send(txn.client, Msg::Result { txn, decision, answers, epoch });
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

    /// A participant in doubt gets the decision, or none while there is none.
    fn on_ask(&mut self, cx: &mut Cx<'_, Node>, from: NodeId, txn: Txn) {
        if self.collecting.contains_key(&txn) {
            return; // it will be told
        }
        let decision = cx.disk().decision(txn).unwrap_or_else(|| {
            cx.note("no record", txn.number());
            Decision::Abort
        });
        if !self.config.presumed_abort && !cx.disk().settled.contains_key(&txn) {
            write(cx, txn, None, Some(Settled::Aborted)); // what was said once must hold when it begins later
        }
        cx.send(from, told(txn, decision));
    }

    fn breaks(&self, rule: Mutant) -> bool {
        self.config.mutant == Some(rule)
    }
}

fn write(cx: &mut Cx<'_, Node>, txn: Txn, open: Option<Open>, settled: Option<Settled>) {
    cx.write(Write::Record { txn, open, settled, values: Values::new() });
}

pub(super) fn told(txn: Txn, decision: Decision) -> Msg {
    match decision {
        Decision::Commit => Msg::Commit { txn },
        Decision::Abort => Msg::Abort { txn },
    }
}
