//! Centralized OCC: the coordinator itself finds an order (notes, Example 6.1).
//!
//! It knows the version of every key. A transaction that has read something older is stale. Those that are
//! validated together have all read the same state, and none has been answered: any order of them is as good as
//! any other, if there is one.
use std::collections::BTreeSet;
use std::sync::Arc;

use super::Coordinator;
use crate::machines::serial::{Footprint, validate};
use crate::protocols::concurrency_control::Node;
use crate::protocols::concurrency_control::config::{Control, Mutant};
use crate::protocols::concurrency_control::disk::{Decided, Disk, Write};
use crate::protocols::concurrency_control::message::{Body, Item, Timer, TxnId};
use crate::protocols::concurrency_control::program::Reason;
use crate::sim::{Cx, Span, Time};

impl Coordinator {
    pub(super) fn gather(&mut self, cx: &mut Cx<'_, Node>, txn: TxnId, body: Arc<Body>, window: Time) {
        self.batch.push((txn, body));
        if window == 0 {
            self.validate_batch(cx);
        } else if self.batch.len() == 1 {
            cx.arm(Timer::Batch, Span::exactly(window));
        }
    }

    pub(super) fn validate_batch(&mut self, cx: &mut Cx<'_, Node>) {
        let Control::Graph { policy, .. } = self.config.control else { return };
        let mut fresh = Vec::new();
        for (txn, body) in std::mem::take(&mut self.batch) {
            if self.is_stale(cx.disk(), &body) {
                Self::finish(cx, txn, Err(Reason::Stale), vec![]);
            } else {
                fresh.push((txn, body));
            }
        }
        let footprints: Vec<Footprint> =
            fresh.iter().map(|(_, body)| self.footprint(cx.disk(), body)).collect();
        let verdict = validate(&footprints, policy);
        for at in verdict.aborted {
            Self::finish(cx, fresh[at].0, Err(Reason::Cycle), vec![]);
        }
        for at in verdict.order {
            let (txn, body) = &fresh[at];
            self.commit(cx, *txn, body);
        }
    }

    /// Whether something that a transaction has read was overwritten since.
    fn is_stale(&self, disk: &Disk, body: &Body) -> bool {
        let old = |(key, seen): &(Arc<str>, u64)| disk.versions.get(key).copied().unwrap_or(0) != *seen;
        body.reads.iter().any(old) && !self.config.breaks(Mutant::SkipReadValidation)
    }

    /// Every transaction of a batch would make the next version of what it writes.
    fn footprint(&self, disk: &Disk, body: &Body) -> Footprint {
        let next = |key: &Arc<str>| disk.versions.get(key).copied().unwrap_or(0) + 1;
        let reads = if self.config.breaks(Mutant::SkipGraph) { vec![] } else { body.reads.clone() };
        Footprint { reads, writes: body.writes.iter().map(|(key, _)| (key.clone(), next(key))).collect() }
    }

    fn commit(&mut self, cx: &mut Cx<'_, Node>, txn: TxnId, body: &Body) {
        let (mut writes, mut items, mut servers) = (Vec::new(), Vec::new(), BTreeSet::new());
        for (key, value) in &body.writes {
            let version = cx.disk().versions.get(key).copied().unwrap_or(0) + 1;
            writes.push(Write::Version(key.clone(), Some(version)));
            items.push((key.clone(), Arc::new(Item { value: value.clone(), version })));
            servers.insert(self.config.server_of(key));
        }
        if items.is_empty() {
            return Self::finish(cx, txn, Ok(()), vec![]);
        }
        let serial = self.next_serial(cx.disk());
        writes.push(Write::Decided(serial, Some(Decided { txn, servers, items }.into())));
        Self::finish(cx, txn, Ok(()), writes);
        self.tell(cx, serial);
    }
}
