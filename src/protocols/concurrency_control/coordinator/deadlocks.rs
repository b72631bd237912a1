//! Finding deadlocks that no server sees alone: the coordinator collects who waits for whom.
//!
//! What the servers say is of different times, and still a cycle is a deadlock: who waits does not give his
//! locks back, so if the last wait of a cycle is true, so are the others. Only who was aborted meanwhile may
//! seem to be in one that is none, and then one dies in vain.
use std::collections::BTreeSet;
use std::sync::Arc;

use super::Coordinator;
use crate::machines::locks::WaitGraph;
use crate::protocols::concurrency_control::Node;
use crate::protocols::concurrency_control::config::Deadlock;
use crate::protocols::concurrency_control::message::{Msg, Report, TxnId};
use crate::sim::{Cx, NodeId};

impl Coordinator {
    pub(super) fn on_waits(&mut self, cx: &mut Cx<'_, Node>, from: NodeId, report: Arc<Report>) {
        let Some(Deadlock::Detect { victim }) = self.config.deadlock() else { return };
        if self.reports.get(&from).is_some_and(|it| it.number >= report.number) {
            return; // overtaken
        }
        self.reports.insert(from, report);
        let mut graph = WaitGraph::default();
        for report in self.reports.values() {
            let alive = report.pairs.iter().filter(|(a, b)| !self.is_doomed(*a) && !self.is_doomed(*b));
            alive.for_each(|(waiter, blocker)| graph.wait(*waiter, *blocker));
            report.locks.iter().for_each(|(owner, count)| graph.locks(*owner, *count));
        }
        for txn in graph.victims(victim) {
            cx.note("deadlock", u64::from(txn.age));
            self.doomed.insert(txn.session(), txn);
            cx.send(txn.client, Msg::Doomed { txn });
        }
    }

    fn is_doomed(&self, txn: TxnId) -> bool {
        self.doomed.get(&txn.session()).is_some_and(|it| it.place() >= txn.place())
    }

    /// Those who had to die, and still stand in a report: perhaps they have not heard of it.
    fn dying(&self) -> BTreeSet<TxnId> {
        let ends = self.reports.values().flat_map(|it| it.pairs.iter().flat_map(|(a, b)| [*a, *b]));
        ends.filter(|it| self.is_doomed(*it)).collect()
    }

    pub(super) fn waits_for_doomed(&self) -> bool {
        !self.doomed.is_empty() && !self.dying().is_empty()
    }

    pub(super) fn remind_doomed(&self, cx: &mut Cx<'_, Node>) {
        self.dying().into_iter().for_each(|txn| cx.send(txn.client, Msg::Doomed { txn }));
    }
}
