//! Reads at a follower: it asks the leader how far it must have come, and answers from its own state (thesis, 6.4).
use std::sync::Arc;

use super::*;
use crate::machines::store::Op;

/// Reads that wait for the leader's word, or for what it said.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Forwarded {
    /// The number of the next.
    next: u64,
    waiting: Vec<Forward>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Forward {
    read: u64,
    asker: Asker,
    op: Arc<Op>,
    /// What must be applied before the answer.
    index: Option<u64>,
}

impl Server {
    /// Asked to read, and no leader.
    pub(super) fn forward_read(&mut self, cx: &mut Cx<'_, Node>, asker: Asker, op: Arc<Op>) {
        let Some(leader) = self.leader else { return self.redirect(cx, asker) };
        let read = self.forwarded.next;
        if self.forwarded.waiting.iter().all(|it| it.index.is_some()) {
            cx.arm(Timer::Forward, Span::exactly(self.config.heartbeat));
        }
        self.forwarded.next += 1;
        self.forwarded.waiting.push(Forward { read, asker, op, index: None });
        cx.send_at_once(leader, Msg::ReadIndex { read });
    }

    /// A client wants to see no less than it has seen.
    pub(super) fn on_session_read(&mut self, cx: &mut Cx<'_, Node>, asker: Asker, index: u64, op: Arc<Op>) {
        if index <= self.applied || self.breaks(Mutant::SessionReadAtOnce) {
            return self.answer_read(cx, asker, &op);
        }
        // Somebody who has waited long asks again.
        if !self.forwarded.waiting.iter().any(|it| it.asker == asker) {
            let read = self.forwarded.next;
            self.forwarded.next += 1;
            self.forwarded.waiting.push(Forward { read, asker, op, index: Some(index) });
        }
    }

    /// What the leader has not answered may have been lost.
    pub(super) fn ask_again(&mut self, cx: &mut Cx<'_, Node>) {
        let asks = self.forwarded.waiting.iter().any(|it| it.index.is_none());
        let Some(leader) = self.leader.filter(|_| asks) else { return };
        cx.arm(Timer::Forward, Span::exactly(self.config.heartbeat));
        for it in self.forwarded.waiting.iter().filter(|it| it.index.is_none()) {
            cx.send_at_once(leader, Msg::ReadIndex { read: it.read });
        }
    }

    /// The leader says how far one must have come; or that it leads no longer.
    pub(super) fn on_read_index_reply(&mut self, cx: &mut Cx<'_, Node>, read: u64, index: Option<u64>) {
        let Some(at) = self.forwarded.waiting.iter().position(|it| it.read == read) else { return };
        match index {
            // Any answer is good: each is of a moment after the question.
            Some(_) if self.breaks(Mutant::FollowerReadAtOnce) => self.forwarded.waiting[at].index = Some(0),
            Some(_) => self.forwarded.waiting[at].index = index,
            None => {
                let asker = self.forwarded.waiting.remove(at).asker;
                self.redirect(cx, asker);
            }
        }
        self.serve_forwarded_reads(cx);
    }

    /// Answers what waits for nothing more.
    pub(super) fn serve_forwarded_reads(&mut self, cx: &mut Cx<'_, Node>) {
        let applied = self.applied;
        let ready = |it: &mut Forward| it.index.is_some_and(|index| index <= applied);
        let ready: Vec<Forward> = self.forwarded.waiting.extract_if(.., ready).collect();
        for Forward { asker, op, .. } in ready {
            self.answer_read(cx, asker, &op);
        }
    }

    /// The leader is another, or nobody: it will not answer.
    pub(super) fn drop_forwarded_reads(&mut self, cx: &mut Cx<'_, Node>) {
        if !self.forwards() {
            return;
        }
        let lost: Vec<Forward> = self.forwarded.waiting.extract_if(.., |it| it.index.is_none()).collect();
        for Forward { asker, .. } in lost {
            self.redirect(cx, asker);
        }
    }

    /// Whether anybody waits.
    pub(super) fn forwards(&self) -> bool {
        !self.forwarded.waiting.is_empty()
    }
}
