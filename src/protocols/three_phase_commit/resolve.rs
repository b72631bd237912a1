//! Self-resolution: what participants in doubt do when they hear nothing (Skeen's termination protocol).
//!
//! ```text
//!             silence [on_silence]            nobody has the pre-commit [resolve]
//!  waiting -----------------------> polling --------------------------------------> aborted
//!     ^                             |     |
//!     '--a lower one is up ---------'     '--somebody has it [resolve]
//!        [on_round_over]                      |
//!                                             v
//!                                        precommitting --all that are up have it--> committed
//!                                                        [on_pre_ack, on_round_over]
//! ```
//! Whoever is in doubt asks everybody. Of those who answer, the one with the lowest id that has never been down since
//! it voted resolves. Nobody commits before everybody who is up has the pre-commit, so that whoever is left after
//! more crashes comes to the same end. Who has been down may know less than was decided, so it neither resolves nor
//! counts, unless all participants are up and all have been down.
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Node;
use super::config::Mutant;
use super::coordinator::told;
use super::message::{Msg, Standing, Timer};
use super::participant::{Participant, write};
use crate::machines::commitment::{Decision, Open, Participants, Txn, Values};
use crate::sim::{Cx, NodeId};

/// A transaction that a participant has voted YES to and knows no decision about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Doubt {
    /// Whether it has been down since it voted.
    pub(super) recovered: bool,
    /// What it does about it.
    pub(super) stage: Stage,
}

/// What a participant in doubt does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) enum Stage {
    /// Waits to be told.
    Waiting,
    /// Has asked everybody; these have answered.
    Polling(BTreeMap<NodeId, Standing>),
    /// Has passed on the pre-commit; these have not acknowledged it.
    Precommitting(BTreeSet<NodeId>),
}

impl Participant {
    /// Everybody has voted YES, says the coordinator, or who resolves in its place.
    pub(super) fn on_pre_commit(&mut self, cx: &mut Cx<'_, Node>, from: NodeId, txn: Txn) {
        if let Some(decision) = cx.disk().decision(txn) {
            return cx.send(from, told(txn, decision));
        }
        let Some(doubt) = self.doubts.get_mut(&txn) else {
            return cx.note("pre-commit of a stranger", txn.number());
        };
        doubt.stage = Stage::Waiting; // somebody is at work
        cx.disarm(Timer::Round(txn));
        note_precommit(cx, txn);
        cx.send(from, Msg::PreAck { txn });
        cx.arm(Timer::Decision(txn), self.config.decision_timeout);
    }

    /// Nothing was heard for long.
    pub(super) fn on_silence(&mut self, cx: &mut Cx<'_, Node>, txn: Txn) {
        if !self.doubts.contains_key(&txn) {
            return; // fired by hand out of season
        }
        if self.breaks(Mutant::ResolveAlone) {
            return self.guess(cx, txn);
        }
        self.poll(cx, txn);
    }

    /// Asks everybody.
    pub(super) fn poll(&mut self, cx: &mut Cx<'_, Node>, txn: Txn) {
        let Some(doubt) = self.doubts.get_mut(&txn) else { return };
        doubt.stage = Stage::Polling(BTreeMap::new());
        cx.note("poll", txn.number());
        self.tell_everybody(cx, txn, &Msg::Poll { txn });
        cx.disarm(Timer::Decision(txn));
        cx.arm(Timer::Round(txn), self.config.poll_timeout);
    }

    /// Somebody is in doubt. Who has not voted can still abort, and so end the other's doubt.
    pub(super) fn on_poll(&mut self, cx: &mut Cx<'_, Node>, from: NodeId, txn: Txn) {
        if let Some(standing) = self.standing(cx, txn) {
            return cx.send(from, Msg::State { txn, standing });
        }
        if cx.disk().decision(txn).is_none() {
            self.settle(cx, txn, Decision::Abort);
        }
        if let Some(decision) = cx.disk().decision(txn) {
            cx.send(from, told(txn, decision));
        }
    }

    pub(super) fn on_state(&mut self, from: NodeId, txn: Txn, standing: Standing) {
        if let Some(Doubt { stage: Stage::Polling(heard), .. }) = self.doubts.get_mut(&txn) {
            heard.insert(from, standing);
        }
    }

    /// Who has not answered by now is down.
    pub(super) fn on_round_over(&mut self, cx: &mut Cx<'_, Node>, txn: Txn) {
        let Some(own) = self.standing(cx, txn) else { return };
        match self.doubts.get(&txn).map(|it| &it.stage) {
            Some(Stage::Polling(heard)) => {
                let mut standings = heard.clone();
                standings.insert(cx.id, own);
                self.on_standings(cx, txn, standings);
            }
            Some(Stage::Precommitting(_)) => self.end(cx, txn, Decision::Commit),
            Some(Stage::Waiting) | None => {} // fired by hand out of season
        }
    }

    /// All that are up and in doubt, this participant among them. One of them resolves.
    fn on_standings(&mut self, cx: &mut Cx<'_, Node>, txn: Txn, standings: BTreeMap<NodeId, Standing>) {
        let all_there = standings.len() == participants(cx, txn).len();
        let mut counted = standings.clone();
        if !self.breaks(Mutant::CountRecovered) {
            counted.retain(|_, standing| !standing.recovered);
        }
        if counted.is_empty() && all_there {
            counted = standings;
        }
        if counted.first_key_value().map(|(id, _)| *id) == Some(cx.id) {
            return self.resolve(cx, txn, &counted);
        }
        if let Some(doubt) = self.doubts.get_mut(&txn) {
            doubt.stage = Stage::Waiting;
            cx.arm(Timer::Decision(txn), self.config.decision_timeout);
        }
    }

    /// Decides in the coordinator's place: aborts if nobody can have committed, else makes sure that all who are up
    /// can, and commits.
    fn resolve(&mut self, cx: &mut Cx<'_, Node>, txn: Txn, counted: &BTreeMap<NodeId, Standing>) {
        cx.note("resolve", txn.number());
        if counted.values().all(|it| !it.precommitted) {
            return self.end(cx, txn, Decision::Abort);
        }
        let this = cx.id;
        let lacking = |(id, it): (&NodeId, &Standing)| (!it.precommitted && *id != this).then_some(*id);
        let waiting: BTreeSet<NodeId> = counted.iter().filter_map(lacking).collect();
        if waiting.is_empty() || self.breaks(Mutant::SkipPrecommit) {
            return self.end(cx, txn, Decision::Commit);
        }
        note_precommit(cx, txn);
        for node in &waiting {
            cx.send(*node, Msg::PreCommit { txn });
        }
        if let Some(doubt) = self.doubts.get_mut(&txn) {
            doubt.stage = Stage::Precommitting(waiting);
        }
        cx.arm(Timer::Round(txn), self.config.poll_timeout);
    }

    pub(super) fn on_pre_ack(&mut self, cx: &mut Cx<'_, Node>, from: NodeId, txn: Txn) {
        let Some(Doubt { stage: Stage::Precommitting(waiting), .. }) = self.doubts.get_mut(&txn) else {
            return;
        };
        waiting.remove(&from);
        if waiting.is_empty() {
            self.end(cx, txn, Decision::Commit);
        }
    }

    /// Settles a transaction and tells everybody.
    fn end(&mut self, cx: &mut Cx<'_, Node>, txn: Txn, decision: Decision) {
        let everybody = others(cx, txn);
        self.settle(cx, txn, decision);
        for node in everybody {
            cx.send(node, told(txn, decision));
        }
    }

    /// What a mutant does instead of asking.
    pub(super) fn guess(&mut self, cx: &mut Cx<'_, Node>, txn: Txn) {
        let precommitted = self.standing(cx, txn).is_some_and(|it| it.precommitted);
        self.settle(cx, txn, if precommitted { Decision::Commit } else { Decision::Abort });
    }

    fn standing(&self, cx: &Cx<'_, Node>, txn: Txn) -> Option<Standing> {
        let recovered = self.doubts.get(&txn)?.recovered;
        match cx.disk().open.get(&txn) {
            Some(Open::Prepared { precommitted, .. }) => {
                Some(Standing { precommitted: *precommitted, recovered })
            }
            _ => None,
        }
    }

    fn tell_everybody(&self, cx: &mut Cx<'_, Node>, txn: Txn, msg: &Msg) {
        for node in others(cx, txn) {
            cx.send(node, msg.clone());
        }
    }
}

/// Puts down that everybody has voted YES.
fn note_precommit(cx: &mut Cx<'_, Node>, txn: Txn) {
    let Some(Open::Prepared { coordinator, participants, staged, precommitted: false }) =
        cx.disk().open.get(&txn).cloned()
    else {
        return;
    };
    let open = Open::Prepared { coordinator, participants, staged, precommitted: true };
    write(cx, txn, Some(open), None, Values::new());
    cx.note("precommitted", txn.number());
}

/// Who takes part in a transaction that this participant is in doubt about.
fn participants(cx: &Cx<'_, Node>, txn: Txn) -> Participants {
    match cx.disk().open.get(&txn) {
        Some(Open::Prepared { participants, .. }) => participants.clone(),
        _ => Participants::default(),
    }
}

/// The coordinator, and the other participants.
fn others(cx: &Cx<'_, Node>, txn: Txn) -> Vec<NodeId> {
    match cx.disk().open.get(&txn) {
        Some(Open::Prepared { coordinator, participants, .. }) => {
            [*coordinator].into_iter().chain(participants.iter().copied()).filter(|it| *it != cx.id).collect()
        }
        _ => Vec::new(),
    }
}
