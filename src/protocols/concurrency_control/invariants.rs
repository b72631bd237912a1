//! What must hold after every step.
//!
//! | invariant | where from |
//! |---|---|
//! | DecidedOnce, CommitDecided, NothingDropped | Gray and Lamport, *Consensus on Transaction Commit*, `TCConsistent` |
//! | LocksCompatible, PreparedLocked | strict two-phase locking, by definition |
//! | NoDeadlock | Rosenkrantz, Stearns and Lewis (1978), theorem of wound-wait and wait-die |
//! | VersionsBehind | notes, Definition 6.4: the servers commit on OK, and not before |
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Node;
use super::config::{Config, Control, Deadlock};
use super::disk::{Disk, Write};
use super::message::TxnId;
use super::server::Server;
use crate::machines::graph::Digraph;
use crate::machines::locks::Mode;
use crate::sim::{self, Broken, Step, StepKind, View};

/// What the invariants remember.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Monitor {
    /// What the coordinator has said: whether a transaction committed.
    outcomes: BTreeMap<TxnId, bool>,
}

impl sim::Monitor<Node> for Monitor {
    const INVARIANTS: &'static [&'static str] = &[
        "DecidedOnce",
        "CommitDecided",
        "NothingDropped",
        "LocksCompatible",
        "PreparedLocked",
        "NoDeadlock",
        "VersionsBehind",
    ];

    fn check(&mut self, view: &View<'_, Node>, step: &Step<'_, Node>, report: &mut Vec<Broken>) {
        let Some(node) = (view.get)(step.node) else { return };
        let mut writes = Vec::new();
        (step.writes)(&mut |write| flatten(write, &mut writes));
        self.check_outcomes(&writes, node.disk, step.kind, report);
        if step.kind == StepKind::Handler {
            self.check_commits(&writes, node.disk, report);
        }
        match node.state {
            Some(Node::Server(server)) => check_server(view, step, server, node.disk, report),
            Some(Node::Client(_) | Node::Coordinator(_)) | None => {}
        }
    }
}

/// The single writes in it, in order.
fn flatten(write: &Write, into: &mut Vec<Write>) {
    match write {
        Write::All(writes) => writes.iter().rev().for_each(|write| flatten(write, into)),
        write => into.push(write.clone()),
    }
}

impl Monitor {
    /// The coordinator has written down how a transaction ended, or lost that in a crash.
    fn check_outcomes(&mut self, inverses: &[Write], disk: &Disk, kind: StepKind, report: &mut Vec<Broken>) {
        for inverse in inverses {
            let Write::Ended(lane, before) = inverse else { continue };
            if kind != StepKind::Handler {
                // What nobody has heard of may be decided otherwise.
                if let Some(lost) = before {
                    self.outcomes.remove(&lost.txn);
                }
                continue;
            }
            let Some(ended) = disk.ended.get(lane) else { continue };
            let commit = ended.end.is_ok();
            if self.outcomes.insert(ended.txn, commit).is_some_and(|it| it != commit) {
                report.push(broken("DecidedOnce", format!("{:?} was decided otherwise before", ended.txn)));
            }
        }
    }

    /// A server has carried out what it was prepared for, or dropped it.
    fn check_commits(&self, inverses: &[Write], disk: &Disk, report: &mut Vec<Broken>) {
        let wrote = inverses.iter().any(|it| matches!(it, Write::Item(..)));
        for inverse in inverses {
            let Write::Prepared(txn, Some(prepared)) = inverse else { continue };
            if disk.prepared.contains_key(txn) {
                continue; // in another round
            }
            let committed = self.outcomes.get(txn) == Some(&true);
            if wrote && !committed {
                report
                    .push(broken("CommitDecided", format!("{txn:?} is carried out, and was not committed")));
            }
            // In timestamp order something newer may be there already.
            let there = |key: &str| wrote || disk.item(key).version >= prepared.serial;
            if committed && !prepared.share.writes.iter().all(|(key, _)| there(key)) {
                report.push(broken("NothingDropped", format!("{txn:?} is dropped, and was committed")));
            }
        }
    }
}

fn check_server(
    view: &View<'_, Node>,
    step: &Step<'_, Node>,
    server: &Server,
    disk: &Disk,
    report: &mut Vec<Broken>,
) {
    match server.config.control {
        Control::Locking { deadlock } => {
            check_locks(step, server, disk, report);
            if matches!(deadlock, Deadlock::WoundWait | Deadlock::WaitDie) {
                check_waits(view, report);
            }
        }
        Control::Graph { .. } => check_versions(view, &server.config, step, disk, report),
        Control::Timestamp | Control::Nothing => {}
    }
}

fn check_locks(step: &Step<'_, Node>, server: &Server, disk: &Disk, report: &mut Vec<Broken>) {
    let id = step.node.0;
    for (key, holders) in server.table.holders() {
        if holders.len() > 1 && holders.values().any(|mode| *mode == Mode::Exclusive) {
            report.push(broken("LocksCompatible", format!("at node {id} {key} is held by {holders:?}")));
        }
    }
    for (txn, prepared) in &disk.prepared {
        let lacks = |key: &str, mode| server.table.held(*txn, key).is_none_or(|held| held < mode);
        let reads = prepared.share.reads.iter().find(|(key, _)| lacks(key, Mode::Shared));
        let writes = prepared.share.writes.iter().find(|(key, _)| lacks(key, Mode::Exclusive));
        if let Some(key) = reads.map(|(key, _)| key).or(writes.map(|(key, _)| key)) {
            report.push(broken("PreparedLocked", format!("at node {id} {txn:?} has no lock on {key}")));
        }
    }
}

/// Nobody waits for himself, through all servers together.
fn check_waits(view: &View<'_, Node>, report: &mut Vec<Broken>) {
    let mut pairs = Vec::new();
    for (_, node) in view.nodes() {
        if let Some(Node::Server(server)) = node.state {
            pairs.extend(server.table.waits());
        }
    }
    let mut all: Vec<TxnId> = pairs.iter().flat_map(|(a, b)| [*a, *b]).collect();
    all.sort_unstable();
    all.dedup();
    let mut graph = Digraph::new(all.len());
    let number = |it: &TxnId| all.binary_search(it).unwrap_or(0);
    pairs.iter().for_each(|(a, b)| graph.add(number(a), number(b)));
    if let Some(cycle) = graph.cycle() {
        let names: Vec<_> = cycle.iter().map(|it| all[*it]).collect();
        report.push(broken("NoDeadlock", format!("{names:?} wait for each other")));
    }
}

fn check_versions(
    view: &View<'_, Node>,
    config: &Config,
    step: &Step<'_, Node>,
    disk: &Disk,
    report: &mut Vec<Broken>,
) {
    let Some(coordinator) = (view.get)(config.coordinator) else { return };
    (step.writes)(&mut |write| {
        let mut writes = Vec::new();
        flatten(write, &mut writes);
        for write in &writes {
            let Write::Item(key, _) = write else { continue };
            let (held, known) = (disk.item(key).version, coordinator.disk.versions.get(key).copied());
            if held > known.unwrap_or(0) {
                let detail =
                    format!("node {} has {key} at {held}, the coordinator knows {known:?}", step.node.0);
                report.push(broken("VersionsBehind", detail));
            }
        }
    });
}

fn broken(invariant: &'static str, detail: String) -> Broken {
    Broken { invariant: invariant.into(), detail }
}
