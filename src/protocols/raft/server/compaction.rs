//! Snapshots of a server's own state, and what of the log they make superfluous (notes, 3.14 and 3.15; thesis,
//! chapter 5).
//!
//! Each server takes its own when its own log has grown: what is applied is committed, so nobody need agree. A
//! snapshot shares the state machine's contents until the next command changes them, and is written like anything
//! else; the log's beginning goes after it, so that a crash between the two leaves more than is needed, not less.
use super::*;
use crate::machines::store::Answer;
use crate::protocols::raft::log::{Entries, Log};
use crate::protocols::raft::snapshot::{Snapshot, size};

impl Server {
    /// A server comes up: what it has applied is what its snapshot says.
    pub(super) fn recall_snapshot(&mut self, cx: &mut Cx<'_, Node>) {
        self.replica = Replica::new(&self.config.machine);
        (self.commit, self.applied, self.weight) = (0, 0, 0);
        if let Some(snapshot) = cx.disk().snapshot.clone() {
            (self.commit, self.applied) = (snapshot.last_included_index, snapshot.last_included_index);
            self.replica = snapshot.replica.clone();
            self.fit_log(cx, snapshot.last_included_index, snapshot.last_included_term);
            self.weigh_snapshot(&snapshot);
        }
        if let Some(every) = self.config.compaction.every {
            cx.arm(Timer::Compaction, Span::exactly(every));
        }
    }

    /// Entries have been applied: perhaps it is time.
    pub(super) fn compact_if_due(&mut self, cx: &mut Cx<'_, Node>) {
        let policy = &self.config.compaction;
        let since = self.applied - cx.disk().snapshot_index();
        let due = policy.entries.is_some_and(|most| since >= most.max(1))
            || policy.bytes.is_some_and(|most| self.weight >= most.max(1))
            || policy.factor_percent.is_some_and(|factor| {
                u128::from(self.weight) * 100 > u128::from(factor) * u128::from(self.snapshot_weight.max(1))
            });
        if due && since > 0 {
            self.take_snapshot(cx);
        }
    }

    /// The log has not been compacted for long.
    pub(super) fn compact_by_time(&mut self, cx: &mut Cx<'_, Node>) {
        let Some(every) = self.config.compaction.every else { return };
        cx.arm(Timer::Compaction, Span::exactly(every));
        if self.applied > cx.disk().snapshot_index() {
            self.take_snapshot(cx);
        }
    }

    /// Asked to take a snapshot now.
    pub(super) fn on_snapshot_call(&mut self, cx: &mut Cx<'_, Node>, op: OpId) {
        if self.applied == cx.disk().snapshot_index() {
            return cx.reply_at_once(op, Reply::Refused { reason: "nothing new is applied".into() });
        }
        self.take_snapshot(cx);
        self.say_snapshot(cx, op);
    }

    /// Asked to forget entries.
    pub(super) fn on_compact_call(&mut self, cx: &mut Cx<'_, Node>, op: OpId, index: u64) {
        if index > cx.disk().snapshot_index() {
            return cx
                .reply_at_once(op, Reply::Refused { reason: "no snapshot stands for these entries".into() });
        }
        trim(cx, index);
        self.say_snapshot(cx, op);
    }

    /// What there is now, once it is durable.
    fn say_snapshot(&self, cx: &mut Cx<'_, Node>, op: OpId) {
        let snapshot = cx.disk().snapshot.as_ref();
        let (index, term) = snapshot.map_or((0, 0), |it| (it.last_included_index, it.last_included_term));
        cx.reply(op, Reply::Done { index, term, answer: Answer::Done });
    }

    fn take_snapshot(&mut self, cx: &mut Cx<'_, Node>) {
        let index = self.applied;
        let Some(last_included_term) = cx.disk().log.term_at(index) else { return };
        let members = self.members.iter().rev().find(|it| it.index <= index).cloned();
        let mut replica = self.replica.clone();
        if self.breaks(Mutant::SnapshotWithoutSessions) {
            replica.forget_sessions();
        }
        let members = members.filter(|_| !self.breaks(Mutant::SnapshotWithoutMembers));
        let snapshot = Snapshot { last_included_index: index, last_included_term, members, replica };
        cx.note("snapshot", index);
        self.weight = 0;
        self.weigh_snapshot(&snapshot);
        let kept = index.saturating_sub(self.config.compaction.keep);
        if self.breaks(Mutant::CompactBeforeSnapshot) {
            trim(cx, kept);
            return cx.write(Write::Snapshot(Some(snapshot.into())));
        }
        cx.write(Write::Snapshot(Some(snapshot.into())));
        trim(cx, kept);
    }

    pub(super) fn weigh_snapshot(&mut self, snapshot: &Snapshot) {
        if self.config.compaction.factor_percent.is_some() {
            self.snapshot_weight = size(snapshot);
        }
    }

    /// Makes the log one that follows a snapshot: where it has the snapshot's last entry, what comes after stays;
    /// otherwise nothing does (notes, 3.15, rules 6 and 7).
    pub(super) fn fit_log(&mut self, cx: &mut Cx<'_, Node>, index: u64, term: u64) {
        let log = &cx.disk().log;
        if log.term_at(index) == Some(term) || self.keeps_log(log, index) {
            return trim(cx, index.saturating_sub(self.config.compaction.keep));
        }
        let first = log.first_index();
        if log.last_index() >= first {
            cx.note("truncated", first);
            self.give_up_from(cx, first);
            self.members.retain(|it| it.index < first);
            cx.write(Write::Splice { from: first, entries: Entries::default() });
        }
        cx.write(Write::Begin { first: index + 1, before: term, entries: Entries::default() });
    }

    /// For the mutant that does: the log must still have no hole.
    fn keeps_log(&self, log: &Log, index: u64) -> bool {
        self.breaks(Mutant::KeepConflictingLog) && log.term_at(index).is_some()
    }
}

/// Forgets the entries up to `index`.
fn trim(cx: &mut Cx<'_, Node>, index: u64) {
    let log = &cx.disk().log;
    let (first, Some(before)) = (index + 1, log.term_at(index)) else { return };
    if first > log.first_index() {
        cx.write(Write::Begin { first, before, entries: Entries::default() });
    }
}
