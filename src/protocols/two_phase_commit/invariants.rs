//! What must hold after every step. It is read off the disks of all nodes, also of those that are down, and of the
//! node that made the step: nothing is remembered between steps.
//!
//! | invariant | notes; Bernstein, Hadzilacos, Goodman (1987), 7.3 | TLA+ (TCommit, TwoPhase; Lamport) |
//! |---|---|---|
//! | Agreement | definition 6.5, atomicity; AC1: all that decide decide the same | `TCConsistent` |
//! | DecisionStable | definition 6.7; AC2: a decision is not reversed | `[]` of `rmState` final |
//! | CommitValid | definition 6.5, all voted YES; AC3 | `TMCommit` needs `tmPrepared = RM` |
//! | AppliedOnce | a commit installs exactly what was prepared, and only a commit installs anything | |
//! | LocksHeld | definition 6.6: who is in doubt holds its locks, and nobody else holds any | |
//!
//! A decision that is not durable yet counts: whoever loses it in a crash has told nobody.
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Node;
use crate::machines::commitment::{Decision, Ledger, Locks, Open, Participants, Settled, Txn, Write};
use crate::sim::{self, Broken, Protocol, Step, StepKind, View};

/// The names of the invariants.
pub const INVARIANTS: &[&str] = &["Agreement", "DecisionStable", "CommitValid", "AppliedOnce", "LocksHeld"];

/// The invariants of two-phase commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Monitor;

impl sim::Monitor<Node> for Monitor {
    const INVARIANTS: &'static [&'static str] = INVARIANTS;

    fn check(&mut self, view: &View<'_, Node>, step: &Step<'_, Node>, report: &mut Vec<Broken>) {
        let locks = (view.get)(step.node).and_then(|node| match node.state {
            Some(Node::Participant(participant)) => Some(&participant.locks),
            _ => None,
        });
        check(view, step, locks, report);
    }
}

/// Looks at one step of any protocol that keeps its records in a [`Ledger`]; `locks` are those of a participant
/// that is up.
pub fn check<P: Protocol<Disk = Ledger>>(
    view: &View<'_, P>,
    step: &Step<'_, P>,
    locks: Option<&Locks>,
    report: &mut Vec<Broken>,
) {
    let Some(node) = (view.get)(step.node) else { return };
    if let Some(locks) = locks {
        check_locks(step, node.disk, locks, report);
    }
    if step.kind == StepKind::Edited {
        // What was there before is not known; what is there now is looked at as a whole.
        let ledger = node.disk;
        let txns: BTreeSet<Txn> = ledger.open.keys().chain(ledger.settled.keys()).copied().collect();
        txns.into_iter().for_each(|txn| check_decisions(view, txn, report));
        return;
    }
    (step.writes)(&mut |inverse| {
        let Write::Record { txn, open, settled, values } = inverse else { return };
        if step.kind == StepKind::Handler {
            check_stable(step, node.disk, *txn, settled.as_ref(), report);
            check_applied(step, node.disk, *txn, open.as_ref(), values.is_empty(), report);
        }
        check_decisions(view, *txn, report);
    });
}

/// All that have decided have decided the same; who committed was allowed to by everybody.
fn check_decisions<P: Protocol<Disk = Ledger>>(view: &View<'_, P>, txn: Txn, report: &mut Vec<Broken>) {
    let (mut committed, mut aborted) = (None, None);
    for (id, node) in view.nodes() {
        match node.disk.settled.get(&txn) {
            Some(Settled::Committed { participants, .. }) => committed = Some((id, participants)),
            Some(Settled::Aborted) => aborted = Some(id),
            None => {}
        }
    }
    let Some((decider, participants)) = committed else { return };
    if let Some(aborted) = aborted {
        let detail =
            format!("node {} has committed {}, node {} has aborted it", decider.0, show(txn), aborted.0);
        report.push(broken("Agreement", detail));
    }
    // Nodes may know of others' part in it by their own records only.
    let mut lists: Vec<&Participants> = vec![participants];
    for (_, node) in view.nodes() {
        match node.disk.open.get(&txn) {
            Some(Open::Prepared { participants, .. }) => lists.push(participants),
            Some(Open::Collecting(collecting)) => lists.push(&collecting.participants),
            Some(Open::Announcing { .. }) | None => {}
        }
    }
    let ready = |ledger: &Ledger| {
        ledger.staged(txn).is_some() || ledger.decision(txn).is_some() // an abort is a matter of agreement
    };
    let unready = lists
        .into_iter()
        .flat_map(|it| it.iter())
        .find(|id| (view.get)(**id).is_none_or(|node| !ready(node.disk)));
    if let Some(unready) = unready {
        let detail =
            format!("node {} has committed {}, node {} has no vote", decider.0, show(txn), unready.0);
        report.push(broken("CommitValid", detail));
    }
}

/// A decision stays what it was.
fn check_stable<P: Protocol<Disk = Ledger>>(
    step: &Step<'_, P>,
    ledger: &Ledger,
    txn: Txn,
    before: Option<&Settled>,
    report: &mut Vec<Broken>,
) {
    let (before, now) = (before.map(Settled::decision), ledger.decision(txn));
    if before.is_some() && now != before {
        let detail = format!("node {} turns {before:?} of {} into {now:?}", step.node.0, show(txn));
        report.push(broken("DecisionStable", detail));
    }
}

/// Data changes by the step from a YES vote to a commit, into what was prepared, and by nothing else.
fn check_applied<P: Protocol<Disk = Ledger>>(
    step: &Step<'_, P>,
    ledger: &Ledger,
    txn: Txn,
    before: Option<&Open>,
    untouched: bool,
    report: &mut Vec<Broken>,
) {
    let commits = ledger.decision(txn) == Some(Decision::Commit) && !ledger.open.contains_key(&txn);
    let wrong = match before {
        Some(Open::Prepared { staged, .. }) if commits => {
            let held = |key| ledger.values.get(key).cloned().unwrap_or_default();
            staged.writes.iter().any(|(key, value)| held(key) != *value)
        }
        _ => !untouched,
    };
    if wrong {
        let detail = format!("node {} does not apply {} once, as it was prepared", step.node.0, show(txn));
        report.push(broken("AppliedOnce", detail));
    }
}

/// What is in doubt is locked, and nothing else is.
fn check_locks<P: Protocol<Disk = Ledger>>(
    step: &Step<'_, P>,
    ledger: &Ledger,
    locks: &Locks,
    report: &mut Vec<Broken>,
) {
    let mut wanted: Vec<_> =
        ledger.in_doubt().flat_map(|(txn, staged)| staged.keys.iter().map(move |key| (key, txn))).collect();
    wanted.sort();
    if !wanted.iter().map(|(key, txn)| (*key, txn)).eq(locks.iter()) {
        let detail = format!("node {} is in doubt about {wanted:?} and has locked {locks:?}", step.node.0);
        report.push(broken("LocksHeld", detail));
    }
}

fn show(txn: Txn) -> String {
    format!("transaction {txn}")
}

fn broken(invariant: &'static str, detail: String) -> Broken {
    Broken { invariant: invariant.into(), detail }
}
