//! The transaction coordinator (TC): says of each transaction whether it commits, once and for ever.
//!
//! A transaction is, at the coordinator,
//! ```text
//!  unknown --Commit [on_commit]--> gathered --[validate_batch]------------.
//!     |                                                                  v
//!     '-----Commit [on_commit]--> voted on --all yes [on_vote]--> committed --all done [on_done]--> ended
//!                                    |                                                               ^
//!                                    '--a no [on_vote], no answer [on_timer]--> aborted -------------'
//! ```
//! Centralized OCC takes the upper way, all else the lower one. A coordinator that comes up again has forgotten
//! the rounds it was in: whoever asks hears that they were aborted.
mod deadlocks;
mod rounds;
mod validation;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Node;
use super::config::{Config, Control};
use super::disk::{Disk, Ended, Write};
use super::message::{Body, Call, End, Msg, Reply, Report, Serial, Timer, TxnId};
use crate::machines::serial::validate;
use crate::sim::{Cx, NodeId, OpId, Status};

pub use rounds::Round;

/// A coordinator. All but `config` is volatile: a new one needs nothing else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coordinator {
    /// How the cluster is set up.
    pub config: Arc<Config>,
    /// Transactions to be validated together, in the order in which they came.
    #[serde(default)]
    batch: Vec<(TxnId, Arc<Body>)>,
    /// Rounds in which votes are missing.
    #[serde(default)]
    pub rounds: BTreeMap<Serial, Round>,
    /// How many rounds it has begun since it came up.
    #[serde(default)]
    count: u32,
    /// Of commits: who has carried them out.
    #[serde(default)]
    done: BTreeMap<Serial, BTreeSet<NodeId>>,
    /// What the servers have said about who waits for whom.
    #[serde(default)]
    reports: BTreeMap<NodeId, Arc<Report>>,
    /// The latest transaction of each lane that had to die: late reports of it count for nothing.
    #[serde(default)]
    doomed: BTreeMap<(NodeId, u32), TxnId>,
    /// Whether the timer to ask again is set.
    #[serde(default)]
    resending: bool,
}

impl Coordinator {
    /// A coordinator before its first start.
    pub fn new(config: Arc<Config>) -> Self {
        Self {
            config,
            batch: Vec::new(),
            rounds: BTreeMap::new(),
            count: 0,
            done: BTreeMap::new(),
            reports: BTreeMap::new(),
            doomed: BTreeMap::new(),
            resending: false,
        }
    }

    pub(super) fn on_start(&mut self, cx: &mut Cx<'_, Node>) {
        cx.write(Write::Incarnation(cx.boots().max(cx.disk().incarnation + 1)));
        self.resend_commits(cx);
        self.keep_resending(cx);
    }

    pub(super) fn on_call(&mut self, cx: &mut Cx<'_, Node>, op: OpId, call: Call) {
        cx.reply_at_once(
            op,
            match call {
                Call::Validate { batch, policy } => Reply::Validated { verdict: validate(&batch, policy) },
                Call::Run { .. } => Reply::Refused { reason: "not a client".into() },
            },
        );
    }

    pub(super) fn on_message(&mut self, cx: &mut Cx<'_, Node>, from: NodeId, msg: Msg) {
        match msg {
            Msg::Commit { txn, body } => self.on_commit(cx, txn, body),
            Msg::Vote { serial, vote } => self.on_vote(cx, from, serial, vote),
            Msg::Done { serial } => self.on_done(cx, from, serial),
            Msg::Inquire { serial, txn } => self.on_inquire(cx, from, serial, txn),
            Msg::Waits { report } => self.on_waits(cx, from, report),
            _ => cx.note("strange message to a coordinator", 0),
        }
        self.keep_resending(cx);
    }

    pub(super) fn on_timer(&mut self, cx: &mut Cx<'_, Node>, timer: Timer) {
        match timer {
            Timer::Batch => self.validate_batch(cx),
            Timer::Resend => {
                self.resending = false;
                self.ask_again(cx);
                self.resend_commits(cx);
                self.remind_doomed(cx);
            }
            _ => {} // fired by hand
        }
        self.keep_resending(cx);
    }

    pub(super) fn status(&self, disk: &Disk) -> Status {
        let count = |it: usize| (it as i64).into();
        vec![
            ("part", "coordinator".into()),
            ("gathered", count(self.batch.len())),
            ("rounds", count(self.rounds.len())),
            ("unfinished", count(disk.decided.len())),
        ]
    }

    /// A client wants to commit; perhaps it has asked before.
    fn on_commit(&mut self, cx: &mut Cx<'_, Node>, txn: TxnId, body: Arc<Body>) {
        match cx.disk().ended.get(&txn.session()) {
            Some(it) if it.txn == txn => {
                let end = it.end;
                return cx.send(txn.client, Msg::Outcome { txn, end });
            }
            Some(it) if it.txn.place() > txn.place() => return, // the client has gone on
            _ => {}
        }
        let gathered = self.batch.iter().any(|(it, _)| *it == txn);
        if gathered || self.rounds.values().any(|round| round.txn == txn) {
            return;
        }
        match self.config.control {
            Control::Graph { batch, .. } => self.gather(cx, txn, body, batch),
            _ => self.open_round(cx, txn, &body),
        }
    }

    /// A number for a round: above all earlier ones, whatever has crashed.
    fn next_serial(&mut self, disk: &Disk) -> Serial {
        self.count += 1;
        u64::from(disk.incarnation) << 32 | u64::from(self.count)
    }

    /// A transaction has ended: that is written down, with what follows from it, and told.
    fn finish(cx: &mut Cx<'_, Node>, txn: TxnId, end: End, mut writes: Vec<Write>) {
        writes.push(Write::Ended(txn.session(), Some(Ended { txn, end })));
        cx.write(Write::All(writes));
        cx.send(txn.client, Msg::Outcome { txn, end });
    }

    fn keep_resending(&mut self, cx: &mut Cx<'_, Node>) {
        let needed = !self.rounds.is_empty() || !cx.disk().decided.is_empty() || self.waits_for_doomed();
        if let (true, false, Some(retry)) = (needed, self.resending, self.config.retry) {
            self.resending = true;
            cx.arm(Timer::Resend, retry);
        }
    }
}
