//! Strict two-phase locking at a server: locks are taken one by one, and all given back at the end.
use std::sync::Arc;

use super::Server;
use crate::machines::locks::{Changes, Mode, Prevention};
use crate::protocols::concurrency_control::Node;
use crate::protocols::concurrency_control::config::{Deadlock, Mutant};
use crate::protocols::concurrency_control::message::{End, Msg, Report, Share, TxnId};
use crate::protocols::concurrency_control::program::Reason;
use crate::sim::Cx;

impl Server {
    /// A transaction needs a lock. It is answered when it has it.
    pub(super) fn lock(&mut self, cx: &mut Cx<'_, Node>, txn: TxnId, step: u32, key: &Arc<str>, alone: bool) {
        if self.is_over(txn) {
            return cx.send(txn.client, Msg::Refused { txn, reason: Reason::Lost });
        }
        *self.owners.entry(txn).or_default() = 0;
        let mode = if alone { Mode::Exclusive } else { Mode::Shared };
        if self.table.held(txn, key).is_some_and(|held| held >= mode) {
            return self.answer(cx, txn, step, key);
        }
        self.waiting.insert(txn, (step, key.clone()));
        let changes = self.table.request(txn, key, mode, self.prevention());
        self.follow_up(cx, changes);
    }

    /// Whether a transaction may commit here: it still has every lock that it was given.
    pub(super) fn vote_locked(
        &mut self,
        cx: &Cx<'_, Node>,
        txn: TxnId,
        share: &Share,
        prepared: bool,
    ) -> End {
        if self.config.breaks(Mutant::IgnoreWound) {
            return Ok(());
        }
        if !prepared && (share.epoch != cx.disk().incarnation || !self.owners.contains_key(&txn)) {
            return Err(Reason::Lost);
        }
        self.table.pin(txn);
        Ok(())
    }

    /// What is prepared keeps its locks over a crash; all others have lost theirs.
    pub(super) fn restore_locks(&mut self, cx: &Cx<'_, Node>) {
        for (txn, prepared) in &cx.disk().prepared {
            let share = &prepared.share;
            share.reads.iter().for_each(|(key, _)| self.table.restore(*txn, key, Mode::Shared));
            share.writes.iter().for_each(|(key, _)| self.table.restore(*txn, key, Mode::Exclusive));
            self.table.pin(*txn);
            self.owners.insert(*txn, 0);
        }
    }

    /// A transaction is over here: its locks go to whoever waits for them.
    pub(super) fn drop_owner(&mut self, cx: &mut Cx<'_, Node>, txn: TxnId) {
        if self.config.deadlock().is_none() {
            return;
        }
        self.forget(txn);
        let changes = self.table.release(txn, self.prevention());
        self.follow_up(cx, changes);
    }

    fn forget(&mut self, txn: TxnId) {
        self.owners.remove(&txn);
        self.waiting.remove(&txn);
        if !self.is_over(txn) {
            self.over.insert(txn.session(), txn);
        }
    }

    /// Whether late messages of a transaction count for nothing.
    fn is_over(&self, txn: TxnId) -> bool {
        self.over.get(&txn.session()).is_some_and(|it| it.place() >= txn.place())
    }

    /// Tells everybody what a change of the table means for him.
    fn follow_up(&mut self, cx: &mut Cx<'_, Node>, changes: Changes<TxnId>) {
        let wound = self.prevention() == Prevention::WoundWait;
        for txn in changes.killed {
            self.forget(txn);
            let reason = if wound { Reason::Wounded } else { Reason::Died };
            cx.send(txn.client, Msg::Refused { txn, reason });
        }
        for (txn, key) in changes.granted {
            if self.waiting.get(&txn).is_some_and(|(_, wanted)| *wanted == key) {
                let (step, key) = self.waiting.remove(&txn).expect("it was there");
                self.answer(cx, txn, step, &key);
                if self.config.breaks(Mutant::UnlockEarly) {
                    let changes = self.table.release_shared(txn, &key, self.prevention());
                    self.follow_up(cx, changes);
                }
            }
        }
        self.report(cx, false);
    }

    fn prevention(&self) -> Prevention {
        self.config.deadlock().map_or(Prevention::Nothing, Deadlock::prevention)
    }

    pub(super) fn report_again(&mut self, cx: &mut Cx<'_, Node>) {
        self.report(cx, true);
    }

    /// Tells the coordinator who waits for whom, when that has changed, or again if there is anybody.
    fn report(&mut self, cx: &mut Cx<'_, Node>, again: bool) {
        let Some(Deadlock::Detect { .. }) = self.config.deadlock() else { return };
        let pairs = self.table.waits();
        let changed = pairs != self.reported.pairs;
        if !(changed || again && !pairs.is_empty()) {
            return;
        }
        let mut ends: Vec<TxnId> = pairs.iter().flat_map(|(a, b)| [*a, *b]).collect();
        ends.sort_unstable();
        ends.dedup();
        let locks = ends.into_iter().map(|it| (it, self.table.count(it) as u32)).collect();
        let epoch = cx.disk().incarnation;
        let count =
            if self.reported.number.0 == epoch { self.reported.number.1 + u32::from(changed) } else { 1 };
        self.reported = Arc::new(Report { number: (epoch, count), pairs, locks });
        cx.send(self.config.coordinator, Msg::Waits { report: self.reported.clone() });
    }
}
