//! A commit round: asks every server that has to do with a transaction, and tells them what has become of it.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Coordinator;
use crate::protocols::concurrency_control::Node;
use crate::protocols::concurrency_control::config::{Config, Mutant};
use crate::protocols::concurrency_control::disk::{Decided, Write};
use crate::protocols::concurrency_control::message::{Body, End, Item, Msg, Serial, Share, TxnId};
use crate::protocols::concurrency_control::program::Reason;
use crate::sim::{Cx, NodeId};

/// A round in which votes are missing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Round {
    /// Which transaction.
    pub txn: TxnId,
    /// The part of each server.
    pub shares: BTreeMap<NodeId, Arc<Share>>,
    /// Who has said yes.
    pub yes: BTreeSet<NodeId>,
    /// How often the others were asked again.
    pub asked: u32,
}

/// The parts of a transaction, by server.
pub(super) fn shares(config: &Config, body: &Body) -> BTreeMap<NodeId, Share> {
    let mut found: BTreeMap<NodeId, Share> = BTreeMap::new();
    for (key, version) in &body.reads {
        found.entry(config.server_of(key)).or_default().reads.push((key.clone(), *version));
    }
    for (key, value) in &body.writes {
        found.entry(config.server_of(key)).or_default().writes.push((key.clone(), value.clone()));
    }
    for (server, epoch) in &body.epochs {
        found.entry(*server).or_default().epoch = *epoch;
    }
    found
}

impl Coordinator {
    pub(super) fn open_round(&mut self, cx: &mut Cx<'_, Node>, txn: TxnId, body: &Body) {
        let shares = shares(&self.config, body);
        if shares.is_empty() {
            return Self::finish(cx, txn, Ok(()), vec![]);
        }
        let serial = self.next_serial(cx.disk());
        let shares = shares.into_iter().map(|(server, share)| (server, Arc::new(share))).collect();
        let round = Round { txn, shares, yes: BTreeSet::new(), asked: 0 };
        round.ask(cx, serial);
        self.rounds.insert(serial, round);
    }

    pub(super) fn on_vote(&mut self, cx: &mut Cx<'_, Node>, from: NodeId, serial: Serial, vote: End) {
        let Some(round) = self.rounds.get_mut(&serial) else { return };
        if let Err(reason) = vote {
            return self.give_up(cx, serial, reason);
        }
        round.yes.insert(from);
        if round.yes.len() < round.shares.len() && !self.config.breaks(Mutant::CommitOnFirstVote) {
            return;
        }
        let Some(round) = self.rounds.remove(&serial) else { return };
        let servers = round.shares.keys().copied().collect();
        let decided = Decided { txn: round.txn, servers, items: vec![] };
        Self::finish(cx, round.txn, Ok(()), vec![Write::Decided(serial, Some(decided.into()))]);
        self.tell(cx, serial);
    }

    /// A round ends without a commit. Nothing but the outcome is written: who asks later hears the same.
    fn give_up(&mut self, cx: &mut Cx<'_, Node>, serial: Serial, reason: Reason) {
        let Some(round) = self.rounds.remove(&serial) else { return };
        Self::finish(cx, round.txn, Err(reason), vec![]);
        for server in round.shares.keys() {
            cx.send(*server, Msg::Decide { serial, txn: round.txn, commit: false });
        }
    }

    /// Votes are missing: asks again, but not for ever.
    pub(super) fn ask_again(&mut self, cx: &mut Cx<'_, Node>) {
        for serial in self.rounds.keys().copied().collect::<Vec<_>>() {
            let Some(round) = self.rounds.get_mut(&serial) else { continue };
            round.asked += 1;
            if round.asked > self.config.patience {
                self.give_up(cx, serial, Reason::Silent);
            } else {
                round.ask(cx, serial);
            }
        }
    }

    pub(super) fn resend_commits(&mut self, cx: &mut Cx<'_, Node>) {
        for serial in cx.disk().decided.keys().copied().collect::<Vec<_>>() {
            self.tell(cx, serial);
        }
    }

    /// Tells of a commit those who have not carried it out yet.
    pub(super) fn tell(&mut self, cx: &mut Cx<'_, Node>, serial: Serial) {
        let Some(decided) = cx.disk().decided.get(&serial).cloned() else { return };
        let done = self.done.entry(serial).or_default();
        for server in decided.servers.difference(done) {
            let here = |(key, _): &&(Arc<str>, Arc<Item>)| self.config.server_of(key) == *server;
            let msg = match decided.items[..] {
                [] => Msg::Decide { serial, txn: decided.txn, commit: true },
                _ => Msg::Install { serial, items: decided.items.iter().filter(here).cloned().collect() },
            };
            cx.send(*server, msg);
        }
    }

    /// When all have carried a commit out, nobody will ask for it any more.
    pub(super) fn on_done(&mut self, cx: &mut Cx<'_, Node>, from: NodeId, serial: Serial) {
        let Some(decided) = cx.disk().decided.get(&serial) else { return };
        let all = decided.servers.len();
        let done = self.done.entry(serial).or_default();
        done.insert(from);
        if done.len() >= all {
            self.done.remove(&serial);
            cx.write(Write::Decided(serial, None));
        }
    }

    /// What is neither committed nor still voted on was aborted.
    pub(super) fn on_inquire(&mut self, cx: &mut Cx<'_, Node>, from: NodeId, serial: Serial, txn: TxnId) {
        if !self.rounds.contains_key(&serial) {
            let commit = cx.disk().decided.contains_key(&serial);
            cx.send(from, Msg::Decide { serial, txn, commit });
        }
    }
}

impl Round {
    /// Asks those who have not voted.
    fn ask(&self, cx: &mut Cx<'_, Node>, serial: Serial) {
        for (server, share) in self.shares.iter().filter(|(server, _)| !self.yes.contains(*server)) {
            cx.send(*server, Msg::Prepare { serial, txn: self.txn, share: share.clone() });
        }
    }
}
