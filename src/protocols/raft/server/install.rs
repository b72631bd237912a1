//! InstallSnapshot: for followers that lack what their leader has compacted away (notes, 3.15).
//!
//! ```text
//!  leader:   Snapshot{0} --piece 0--> --piece 1--> ... --last piece--> Replicate
//!                 ^                        |
//!                 '--nothing arrives: the next heartbeat asks, and the answer has it sent again
//! ```
//! Every piece is a heartbeat too, and confirms reads. A follower keeps the pieces in memory until it has them all:
//! one that crashes says so by the offset it wants next, and the leader begins again, with its latest snapshot.
use std::sync::Arc;

use super::*;
use crate::protocols::raft::message::Chunk;
use crate::protocols::raft::progress::{Progress, Transmission};
use crate::protocols::raft::snapshot::Snapshot;
use crate::sim::Bytes;

/// A snapshot that arrives in pieces.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Incoming {
    /// Index of the last entry that it stands for.
    pub last_included_index: u64,
    /// The term of the leader that sends it.
    pub term: u64,
    /// What has arrived.
    pub data: Vec<u8>,
}

/// An offset behind every snapshot's end.
const ALL: u64 = u64::MAX;

impl Server {
    /// A leader finds that a follower needs what is compacted away: begins to send it a snapshot. False where
    /// there is none.
    pub(super) fn begin_snapshot(&mut self, cx: &mut Cx<'_, Node>, peer: usize) -> bool {
        let Role::Leader(leader) = &mut self.role else { return false };
        let Some(snapshot) = cx.disk().snapshot.clone() else {
            cx.note("no snapshot to send", leader.peers[peer].next_index);
            return false;
        };
        let (last_included_index, last_included_term) =
            (snapshot.last_included_index, snapshot.last_included_term);
        // Another may be receiving the same.
        let shared = leader.peers.iter().find_map(|it| match &it.progress {
            Progress::Snapshot(it) if it.last_included_index == last_included_index => Some(it.data.clone()),
            _ => None,
        });
        let data = shared.unwrap_or_else(|| snapshot.encode());
        cx.note("sends a snapshot", last_included_index);
        let (offset, since) = (0, leader.round);
        leader.peers[peer].progress =
            Progress::Snapshot(Transmission { last_included_index, last_included_term, data, offset, since });
        self.send_chunk(cx, peer, true);
        true
    }

    /// Sends the next piece, or only asks for it.
    pub(super) fn send_chunk(&self, cx: &mut Cx<'_, Node>, peer: usize, with_data: bool) {
        let Role::Leader(leader) = &self.role else { return };
        let peer = &leader.peers[peer];
        let Progress::Snapshot(it) = &peer.progress else { return };
        let (from, len) = (it.offset as usize, it.data.len());
        let until =
            if with_data { len.min(from + self.config.compaction.chunk.max(1) as usize) } else { from };
        let chunk = Chunk {
            last_included_term: it.last_included_term,
            offset: it.offset,
            data: Bytes::from(&it.data[from..until]),
            done: until == len,
        };
        let (term, last_included_index, round) = (cx.disk().term, it.last_included_index, leader.round);
        cx.send_at_once(
            peer.id,
            Msg::InstallSnapshot { term, last_included_index, chunk: chunk.into(), round },
        );
    }

    /// A heartbeat has come: asks those who are being sent a snapshot what has arrived.
    pub(super) fn ask_for_chunks(&self, cx: &mut Cx<'_, Node>) {
        let Role::Leader(leader) = &self.role else { return };
        for at in 0..leader.peers.len() {
            self.send_chunk(cx, at, false);
        }
    }

    /// A follower is sent a piece of a snapshot.
    pub(super) fn on_install_snapshot(&mut self, cx: &mut Cx<'_, Node>, from: NodeId, msg: Msg) {
        let Msg::InstallSnapshot { term, last_included_index, chunk, round } = msg else { return };
        let current = cx.disk().term;
        let reply = |offset| Msg::InstallSnapshotReply { term: current, last_included_index, offset, round };
        if term < current {
            return cx.send(from, reply(0));
        }
        if self.is_leader() {
            return cx.note("two leaders in one term", term);
        }
        self.follow(cx);
        self.heed(cx, from);
        if last_included_index <= self.commit && !self.breaks(Mutant::InstallOlder) {
            return cx.send(from, reply(ALL)); // it has come by itself, or by an earlier piece
        }
        let Some(offset) = self.receive(term, last_included_index, &chunk) else { return };
        if !(chunk.done && offset == chunk.offset + chunk.data.len() as u64) {
            return cx.send(from, reply(offset));
        }
        let snapshot = self.incoming.take().and_then(|it| Snapshot::decode(&it.data));
        let snapshot = snapshot.filter(|it| it.last_included_index == last_included_index);
        match snapshot {
            None => {
                cx.note("not a snapshot", last_included_index);
                cx.send(from, reply(0));
            }
            Some(snapshot) => {
                self.install(cx, snapshot);
                cx.send(from, reply(ALL));
            }
        }
    }

    /// Puts a piece behind those before it. How much there is then; `None` if it belongs to a snapshot that is given
    /// up.
    fn receive(&mut self, term: u64, last_included_index: u64, chunk: &Chunk) -> Option<u64> {
        let known = self.incoming.as_ref().map(|it| (it.term, it.last_included_index));
        match known {
            Some(known) if known == (term, last_included_index) => {}
            Some((by, index)) if by == term && index > last_included_index => return None, // it was late
            // Another leader's snapshot of the same entries is equal, but not for certain to the byte.
            _ => self.incoming = Some(Incoming { last_included_index, term, data: Vec::new() }),
        }
        let incoming = self.incoming.as_mut()?;
        if chunk.offset == incoming.data.len() as u64 || self.config.mutant == Some(Mutant::ChunksInAnyOrder)
        {
            incoming.data.extend_from_slice(&chunk.data);
        }
        Some(incoming.data.len() as u64)
    }

    /// A snapshot takes the place of what was applied.
    fn install(&mut self, cx: &mut Cx<'_, Node>, snapshot: Snapshot) {
        let (index, term) = (snapshot.last_included_index, snapshot.last_included_term);
        cx.note("installed", index);
        let snapshot = Arc::new(snapshot);
        cx.write(Write::Snapshot(Some(snapshot.clone())));
        self.fit_log(cx, index, term);
        // What became of commands that it has passed over, nobody here knows.
        while self.pending.front().is_some_and(|it| it.index <= index) {
            let Some(it) = self.pending.pop_front() else { break };
            self.give_up(cx, it);
        }
        self.replica = snapshot.replica.clone();
        (self.commit, self.applied, self.weight) = (index, index, 0);
        self.weigh_snapshot(&snapshot);
        self.members.retain(|it| it.index > index);
        self.members.splice(0..0, snapshot.members.clone());
        self.reconfigured(cx);
        self.serve_forwarded_reads(cx);
    }

    pub(super) fn on_install_snapshot_reply(&mut self, cx: &mut Cx<'_, Node>, from: NodeId, msg: Msg) {
        let Msg::InstallSnapshotReply { term, last_included_index, offset, round } = msg else { return };
        if term != cx.disk().term {
            return; // of an earlier term of ours
        }
        let Some((at, confirmed)) = self.heard_from(from, round) else { return };
        let Role::Leader(leader) = &mut self.role else { return };
        let now = leader.round;
        let peer = &mut leader.peers[at];
        match &mut peer.progress {
            Progress::Snapshot(it) if it.last_included_index == last_included_index => {
                if offset >= it.data.len() as u64 {
                    if peer.acknowledged(last_included_index, now) {
                        self.advance_commit(cx);
                    }
                } else if offset > it.offset || (offset == it.offset && round > it.since) {
                    // It has arrived; or it is lost, since it was sent before the question that is answered here.
                    (it.offset, it.since) = (offset, now);
                    self.send_chunk(cx, at, true);
                } else if offset < it.offset && round > it.since {
                    // What had arrived is lost. There may be a later snapshot by now.
                    self.begin_snapshot(cx, at);
                }
            }
            _ => {} // it has arrived some other way
        }
        self.follow_up(cx, from, confirmed);
    }
}
