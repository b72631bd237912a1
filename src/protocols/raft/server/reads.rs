//! Reads that leave no trace in the log.
use std::collections::VecDeque;
use std::sync::Arc;

use super::*;
use crate::machines::store::Op;
use crate::protocols::raft::config::ReadMode;
use crate::protocols::raft::log::Command;

/// Reads at a leader (ReadIndex, thesis section 6.4). A read begins a round: the next message to every
/// follower carries its number, and when a majority has answered it, no other server led a later term when
/// the read arrived. What is committed by then, and so applied, is fresh enough to read.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Reads {
    /// Reads by the round that confirms them, in its order.
    waiting: VecDeque<(u32, Read)>,
    /// Reads that arrived before the term's first commit: until then the leader does not know what the
    /// leaders before it have committed.
    postponed: Vec<Read>,
}

/// Somebody who wants to read.
type Read = (Asker, Arc<Op>);

impl Server {
    /// Reads, in the way that is wanted.
    pub(super) fn on_read(&mut self, cx: &mut Cx<'_, Node>, asker: Asker, mode: ReadMode, op: Arc<Op>) {
        match mode {
            ReadMode::Local | ReadMode::Session => self.answer_read(cx, asker, &op),
            ReadMode::Follower if !self.is_leader() => self.forward_read(cx, asker, op),
            _ if !self.is_leader() => self.redirect(cx, asker),
            ReadMode::Log => {
                let session = None; // a read may be repeated
                let command = Arc::new(Command::Apply { session, op: Arc::unwrap_or_clone(op) });
                self.admit(cx, asker, [command].into_iter());
            }
            ReadMode::Lease if self.has_lease(cx) => self.answer_read(cx, asker, &op),
            ReadMode::ReadIndex if self.breaks(Mutant::ReadWithoutRound) => self.answer_read(cx, asker, &op),
            ReadMode::ReadIndex | ReadMode::Lease | ReadMode::Follower => {
                self.begin_reads(cx, vec![(asker, op)]);
            }
        }
    }

    /// A follower wants to read: all it needs is how far to have come.
    pub(super) fn on_read_index(&mut self, cx: &mut Cx<'_, Node>, asker: Asker) {
        if self.is_leader() {
            self.begin_reads(cx, vec![(asker, Op::Read.into())]);
        } else {
            self.redirect(cx, asker);
        }
    }

    /// Begins a round for `reads`, unless it is too early in the term.
    fn begin_reads(&mut self, cx: &mut Cx<'_, Node>, reads: Vec<Read>) {
        let disk = cx.disk();
        let early = disk.log.term_at(self.commit) != Some(disk.term);
        let Some(leader) = self.leader_mut() else { return };
        if early {
            return leader.reads.postponed.extend(reads);
        }
        let round = self.begin_round(cx);
        let Some(leader) = self.leader_mut() else { return };
        leader.reads.waiting.extend(reads.into_iter().map(|read| (round, read)));
        self.beat(cx);
        self.serve_confirmed_reads(cx); // one server is its own majority
    }

    /// The term has its first commit.
    pub(super) fn begin_postponed_reads(&mut self, cx: &mut Cx<'_, Node>) {
        let Some(leader) = self.leader_mut() else { return };
        let reads = std::mem::take(&mut leader.reads.postponed);
        if !reads.is_empty() {
            cx.note("postponed reads", reads.len() as u64);
            self.begin_reads(cx, reads);
        }
    }

    /// Answers the reads whose round a majority has confirmed.
    pub(super) fn serve_confirmed_reads(&mut self, cx: &mut Cx<'_, Node>) {
        let Role::Leader(leader) = &self.role else { return };
        let (me, begun) = (cx.id, leader.round);
        let confirmed =
            self.decided(leader, |peer| u64::from(if peer.id == me { begun } else { peer.round }));
        let Some(leader) = self.leader_mut() else { return };
        let waiting = &mut leader.reads.waiting;
        let ready = waiting.partition_point(|(round, _)| u64::from(*round) <= confirmed);
        let ready: Vec<_> = waiting.drain(..ready).collect();
        for (_, (asker, op)) in ready {
            self.answer_read(cx, asker, &op);
        }
    }

    /// A leader steps down: the reads it was asked for must be asked of another.
    pub(super) fn refuse_reads(&mut self, cx: &mut Cx<'_, Node>, reads: Reads) {
        let waiting = reads.waiting.into_iter().map(|(_, read)| read);
        for (asker, _) in waiting.chain(reads.postponed) {
            self.redirect(cx, asker);
        }
    }

    pub(super) fn answer_read(&mut self, cx: &mut Cx<'_, Node>, asker: Asker, op: &Op) {
        if let Asker::Follower { id, read } = asker {
            return cx.send_at_once(id, Msg::ReadIndexReply { read, index: Some(self.applied) });
        }
        let answer = self.replica.machine.query(op);
        self.answer(cx, asker, (self.applied, cx.disk().term), answer);
    }
}
