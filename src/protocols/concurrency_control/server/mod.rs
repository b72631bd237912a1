//! A data server (DB): keeps a share of the keys, and votes on what transactions did with them.
//!
//! In timestamp order and under locks a transaction is, at a server,
//! ```text
//!  unknown --locks [lock]--> owner --Prepare: yes [vote]--> prepared --commit [decide]--> unknown
//!                              |                                |
//!                              '--killed, released [drop_owner]-'--abort [decide]--> unknown
//! ```
//! What is prepared is on disk, and waits for the coordinator, whatever happens.
mod locking;
mod timestamps;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Node;
use super::config::{Config, Control, Mutant};
use super::disk::{Disk, Prepared, Write};
use super::message::{End, Item, Msg, Report, Serial, Share, Timer, TxnId};
use super::program::Need;
use crate::machines::locks::LockTable;
use crate::sim::{Cx, NodeId, Status};

/// A server. All but `config` is volatile: a new one needs nothing else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// How the cluster is set up.
    pub config: Arc<Config>,
    /// The highest age it has heard of.
    #[serde(default)]
    pub clock: u32,
    /// Who has locks, and who waits for some.
    #[serde(default)]
    pub table: LockTable<TxnId>,
    /// Those the table knows, and how many questions each has left unanswered.
    #[serde(default)]
    pub owners: BTreeMap<TxnId, u32>,
    /// Of those who wait for a lock: which of their accesses, and the key.
    #[serde(default)]
    waiting: BTreeMap<TxnId, (u32, Arc<str>)>,
    /// The latest transaction of each lane that is over here: late messages of it count for nothing.
    #[serde(default)]
    over: BTreeMap<(NodeId, u32), TxnId>,
    /// What the coordinator was told last.
    #[serde(default)]
    reported: Arc<Report>,
    /// Whether the sweep timer is set.
    #[serde(default)]
    sweeping: bool,
}

impl Server {
    /// A server before its first start.
    pub fn new(config: Arc<Config>) -> Self {
        Self {
            config,
            clock: 0,
            table: LockTable::default(),
            owners: BTreeMap::new(),
            waiting: BTreeMap::new(),
            over: BTreeMap::new(),
            reported: Arc::default(),
            sweeping: false,
        }
    }

    pub(super) fn on_start(&mut self, cx: &mut Cx<'_, Node>) {
        cx.write(Write::Incarnation(cx.boots().max(cx.disk().incarnation + 1)));
        if self.config.deadlock().is_some() {
            self.restore_locks(cx);
        }
        self.keep_sweeping(cx);
    }

    pub(super) fn on_message(&mut self, cx: &mut Cx<'_, Node>, from: NodeId, msg: Msg) {
        match msg {
            Msg::Access { txn, step, key, need } => {
                self.clock = self.clock.max(txn.age);
                self.on_access(cx, txn, step, &key, need);
            }
            // What is prepared is the coordinator's to decide.
            Msg::Release { txn } if cx.disk().prepared.contains_key(&txn) => {}
            Msg::Release { txn } => self.drop_owner(cx, txn),
            Msg::Alive { txn } => {
                if let Some(unanswered) = self.owners.get_mut(&txn) {
                    *unanswered = 0;
                }
            }
            Msg::Prepare { serial, txn, share } => self.on_prepare(cx, from, serial, txn, share),
            Msg::Decide { serial, txn, commit } => self.decide(cx, from, serial, txn, commit),
            Msg::Install { serial, items } => self.install(cx, from, serial, &items),
            _ => cx.note("strange message to a server", 0),
        }
        self.keep_sweeping(cx);
    }

    pub(super) fn on_timer(&mut self, cx: &mut Cx<'_, Node>, timer: Timer) {
        if timer == Timer::Sweep {
            self.sweeping = false;
            self.sweep(cx);
            self.keep_sweeping(cx);
        }
    }

    pub(super) fn status(&self, disk: &Disk) -> Status {
        let count = |it: usize| (it as i64).into();
        vec![
            ("part", "server".into()),
            ("keys", count(disk.items.len())),
            ("owners", count(self.owners.len())),
            ("waiting", count(self.waiting.len())),
            ("prepared", count(disk.prepared.len())),
        ]
    }

    fn on_access(&mut self, cx: &mut Cx<'_, Node>, txn: TxnId, step: u32, key: &Arc<str>, need: Need) {
        match need {
            Need::Look => self.answer(cx, txn, step, key),
            Need::Share | Need::Own => self.lock(cx, txn, step, key, need == Need::Own),
            Need::Write(value) => {
                let version = cx.disk().item(key).version + 1;
                let item = Item { value: (*value).clone(), version };
                cx.write(Write::Item(key.clone(), Some(item.into())));
                self.answer(cx, txn, step, key);
            }
        }
    }

    fn answer(&self, cx: &mut Cx<'_, Node>, txn: TxnId, step: u32, key: &str) {
        let (item, epoch) = (cx.disk().item(key), cx.disk().incarnation);
        cx.send(txn.client, Msg::Answer { txn, step, epoch, clock: self.clock, item });
    }

    /// Votes, and keeps a promise for ever: what is voted for can be committed, crashes or not.
    fn on_prepare(
        &mut self,
        cx: &mut Cx<'_, Node>,
        from: NodeId,
        serial: Serial,
        txn: TxnId,
        share: Arc<Share>,
    ) {
        let known = cx.disk().prepared.get(&txn).map(|it| it.serial);
        if known.is_some_and(|known| known > serial) {
            return; // a round that the coordinator itself has given up
        }
        let vote = match (known, self.config.control) {
            (Some(known), _) if known == serial => Ok(()),
            (_, Control::Locking { .. }) => self.vote_locked(cx, txn, &share, known.is_some()),
            _ => self.vote_in_order(cx, serial, txn, &share),
        };
        let prepared = Prepared { serial, share };
        match vote {
            Ok(()) if known != Some(serial) => cx.write(Write::Prepared(txn, Some(prepared))),
            Err(_) if known.is_some() => cx.write(Write::Prepared(txn, None)),
            _ => {}
        }
        self.send_vote(cx, from, serial, vote);
    }

    fn send_vote(&self, cx: &mut Cx<'_, Node>, to: NodeId, serial: Serial, vote: End) {
        let msg = Msg::Vote { serial, vote };
        if self.config.breaks(Mutant::VoteBeforeSync) { cx.send_at_once(to, msg) } else { cx.send(to, msg) }
    }

    /// The coordinator says how a transaction ended.
    fn decide(&mut self, cx: &mut Cx<'_, Node>, from: NodeId, serial: Serial, txn: TxnId, commit: bool) {
        let prepared = cx.disk().prepared.get(&txn).filter(|it| it.serial == serial).cloned();
        if let Some(prepared) = prepared {
            let mut writes = vec![Write::Prepared(txn, None)];
            if commit {
                self.carry_out(cx.disk(), serial, &prepared.share, &mut writes);
            }
            cx.write(Write::All(writes));
            self.drop_owner(cx, txn);
        } else if !commit && !cx.disk().prepared.contains_key(&txn) {
            self.drop_owner(cx, txn);
        }
        if commit {
            cx.send(from, Msg::Done { serial });
        }
    }

    /// The writes of a commit: in timestamp order the version is the timestamp, and nothing older overwrites
    /// it; under locks it is the next one.
    fn carry_out(&self, disk: &Disk, serial: Serial, share: &Share, writes: &mut Vec<Write>) {
        let ordered = self.config.control == Control::Timestamp;
        for (key, value) in &share.writes {
            let held = disk.item(key).version;
            let version = if ordered { serial } else { held + 1 };
            if version > held {
                let item = Item { value: value.clone(), version };
                writes.push(Write::Item(key.clone(), Some(item.into())));
            }
        }
        for (key, _) in share.reads.iter().filter(|_| ordered) {
            if disk.read_at.get(key).is_none_or(|it| *it < serial) {
                writes.push(Write::ReadAt(key.clone(), Some(serial)));
            }
        }
    }

    fn install(
        &mut self,
        cx: &mut Cx<'_, Node>,
        from: NodeId,
        serial: Serial,
        items: &[(Arc<str>, Arc<Item>)],
    ) {
        let newer = |(key, item): &&(Arc<str>, Arc<Item>)| item.version > cx.disk().item(key).version;
        let writes: Vec<Write> = items
            .iter()
            .filter(newer)
            .map(|(key, item)| Write::Item(key.clone(), Some(item.clone())))
            .collect();
        if !writes.is_empty() {
            cx.write(Write::All(writes));
        }
        cx.send(from, Msg::Done { serial });
    }

    /// Asks what has become of everybody it keeps something for; gives up those who do not answer.
    fn sweep(&mut self, cx: &mut Cx<'_, Node>) {
        const UNANSWERED: u32 = 3;
        for (txn, prepared) in &cx.disk().prepared.clone() {
            cx.send(self.config.coordinator, Msg::Inquire { serial: prepared.serial, txn: *txn });
        }
        for txn in self.owners.keys().copied().collect::<Vec<_>>() {
            if cx.disk().prepared.contains_key(&txn) {
                continue;
            }
            let unanswered = self.owners.entry(txn).or_default();
            *unanswered += 1;
            if *unanswered > UNANSWERED {
                self.drop_owner(cx, txn);
            } else {
                cx.send(txn.client, Msg::Probe { txn });
            }
        }
        self.report_again(cx);
    }

    fn keep_sweeping(&mut self, cx: &mut Cx<'_, Node>) {
        let needed = !self.owners.is_empty() || !cx.disk().prepared.is_empty();
        if let (true, false, Some(sweep)) = (needed, self.sweeping, self.config.sweep) {
            self.sweeping = true;
            cx.arm(Timer::Sweep, sweep);
        }
    }
}
