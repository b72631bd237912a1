//! Replication, the leader's side: what it sends, what it learns from the answers, when it commits.
use super::*;
use crate::protocols::raft::log::{Command, Entries, Log};
use crate::protocols::raft::progress::Progress;

/// A run of the log cut out for one follower: the next one mostly needs the same.
struct Cut {
    from: u64,
    entries: Entries,
}

impl Cut {
    /// At most `max` entries of `log` from `from` on.
    fn at(&mut self, log: &Log, from: u64, max: usize) -> Entries {
        if self.from != from || self.entries.len() > max || self.entries.is_empty() {
            *self = Self { from, entries: log.run(from, max) };
        }
        self.entries.clone()
    }
}

impl Server {
    /// Puts entries of its own term at the end of its log, and sends everybody what they lack.
    pub(super) fn append(&mut self, cx: &mut Cx<'_, Node>, entries: impl Into<Entries>) {
        let mut cut = Cut { from: cx.disk().log.last_index() + 1, entries: entries.into() };
        cx.write(Write::Splice { from: cut.from, entries: cut.entries.clone() });
        let (from, entries) = (cut.from, cut.entries.clone());
        self.replicate_to_all(cx, &mut cut);
        if entries.first().is_some_and(|entry| matches!(*entry.command, Command::Configure { .. })) {
            // Those who leave have just been told so.
            self.adopt(cx, from, &entries);
            self.replicate_to_all(cx, &mut cut);
        }
        self.count_own_copy(cx);
    }

    /// A leader's own copy counts, like any other, when it is on disk. The followers need not wait for that.
    fn count_own_copy(&mut self, cx: &mut Cx<'_, Node>) {
        let index = cx.disk().log.last_index();
        if cx.durable() || self.breaks(Mutant::CountBeforeSync) {
            let Some(leader) = self.leader_mut() else { return };
            let own = leader.peers.iter_mut().find(|peer| peer.id == cx.id);
            if own.is_some_and(|own| own.acknowledged(index, leader.round)) {
                self.advance_commit(cx);
            }
        } else {
            let (term, hint_index, hint_term, round) = (cx.disk().term, 0, 0, 0);
            let reply = Msg::AppendEntriesReply { term, success: true, index, hint_index, hint_term, round };
            cx.send(cx.id, reply);
        }
    }

    fn replicate_to_all(&mut self, cx: &mut Cx<'_, Node>, cut: &mut Cut) {
        let peers = self.leader_mut().map_or(0, |leader| leader.peers.len());
        for i in 0..peers {
            self.replicate(cx, i, cut);
        }
    }

    /// Sends one server what it lacks, as far as its window allows.
    fn replicate(&mut self, cx: &mut Cx<'_, Node>, peer: usize, cut: &mut Cut) {
        if self.lacks_what_is_compacted(cx, peer) && !self.begin_snapshot(cx, peer) {
            return;
        }
        let Role::Leader(leader) = &mut self.role else { return };
        let (most, max) = (self.config.max_inflight.max(1), self.config.max_entries.max(1) as usize);
        let peer = &mut leader.peers[peer];
        while peer.id != cx.id && peer.next_index <= cx.disk().log.last_index() && peer.may_send(most) {
            let disk = cx.disk();
            let entries = cut.at(&disk.log, peer.next_index, max);
            let msg = append_entries(disk, peer, entries.clone(), self.commit, leader.round);
            peer.sent(entries.len());
            // True whatever our own disk keeps: the term is durable since the election, and the followers'
            // copies count for themselves.
            cx.send_at_once(peer.id, msg);
        }
    }

    /// Whether what a peer needs next, or what comes just before it, is in the log no more.
    fn lacks_what_is_compacted(&self, cx: &Cx<'_, Node>, peer: usize) -> bool {
        let Role::Leader(leader) = &self.role else { return false };
        let peer = &leader.peers[peer];
        peer.id != cx.id
            && peer.next_index < cx.disk().log.first_index()
            && !matches!(peer.progress, Progress::Snapshot(_))
    }

    pub(super) fn heartbeat(&mut self, cx: &mut Cx<'_, Node>) {
        self.begin_round(cx);
        self.ask_for_chunks(cx);
        cx.arm(Timer::Heartbeat, Span::exactly(self.config.heartbeat));
        self.beat(cx);
    }

    /// Makes itself heard: an AppendEntries without entries. It checks the logs like any other, so its
    /// answer also tells what got lost on the way, and confirms the present round of reads.
    pub(super) fn beat(&mut self, cx: &mut Cx<'_, Node>) {
        let Role::Leader(leader) = &self.role else { return };
        let (me, round) = (cx.id, leader.round);
        let asked = |peer: &&Peer| peer.id != me && !matches!(peer.progress, Progress::Snapshot(_));
        for peer in leader.peers.iter().filter(asked) {
            let msg = append_entries(cx.disk(), peer, Entries::default(), self.commit, round);
            cx.send_at_once(peer.id, msg);
        }
    }

    pub(super) fn on_append_entries_reply(&mut self, cx: &mut Cx<'_, Node>, from: NodeId, msg: Msg) {
        let Msg::AppendEntriesReply { term, success, index, hint_index, hint_term, round } = msg else {
            return;
        };
        let disk = cx.disk();
        let (current, last) = (disk.term, disk.log.last_index());
        if term != current || index > last {
            return; // of an earlier term of ours: what was acknowledged then may be gone; or made up
        }
        let Some((at, confirmed)) = self.heard_from(from, round) else { return };
        let Role::Leader(leader) = &mut self.role else { return };
        let peer = &mut leader.peers[at];
        if success {
            if peer.acknowledged(index, leader.round) {
                self.advance_commit(cx);
            }
        } else if peer.refused(&disk.log, round, index, hint_index, hint_term) {
            cx.note("refused", index);
        }
        self.follow_up(cx, from, confirmed);
    }

    /// A peer has answered something of a round: which it is, and whether it never answered so late a round before.
    pub(super) fn heard_from(&mut self, from: NodeId, round: u32) -> Option<(usize, bool)> {
        let checks = self.config.check_quorum;
        let leader = self.leader_mut()?;
        let at = leader.peers.iter().position(|peer| peer.id == from)?;
        let peer = &mut leader.peers[at];
        let confirmed = round > peer.round;
        peer.round = peer.round.max(round);
        if checks && let Err(at) = leader.heard_of.binary_search(&from) {
            leader.heard_of.insert(at, from);
        }
        Some((at, confirmed))
    }

    /// What follows from an answer: the peer is sent what it still lacks, and whoever waited for it may go on.
    pub(super) fn follow_up(&mut self, cx: &mut Cx<'_, Node>, from: NodeId, confirmed: bool) {
        // A commit may have changed who the peers are.
        if let Some(at) = self.leader_mut().and_then(|it| it.peers.iter().position(|peer| peer.id == from)) {
            self.replicate(cx, at, &mut Cut { from: 0, entries: Entries::default() });
        }
        if confirmed {
            self.renew_lease(cx);
            self.serve_confirmed_reads(cx);
        }
        if self.transfer.is_some() {
            self.hand_over_if_ready(cx);
        }
        if self.leader_mut().is_some_and(|leader| leader.change.is_some()) {
            self.catch_up(cx);
        }
    }

    /// Commits what a majority has on disk, if it is of the present term: what precedes it is then safe too.
    /// An entry of an earlier term is not, however many have it (the paper's figure 8).
    pub(super) fn advance_commit(&mut self, cx: &mut Cx<'_, Node>) {
        let Role::Leader(leader) = &self.role else { return };
        let index = self.decided(leader, |peer| peer.match_index);
        if index <= self.commit {
            return;
        }
        let disk = cx.disk();
        if disk.log.term_at(index) == Some(disk.term) || self.breaks(Mutant::CommitOldTerm) {
            let (before, first_of_term) = (self.commit, disk.log.term_at(self.commit) != Some(disk.term));
            self.commit = index;
            cx.remark("commit", index);
            self.apply(cx);
            if first_of_term {
                self.begin_postponed_reads(cx);
            }
            if self.members.last().is_some_and(|it| first_of_term || it.index > before) {
                self.settle_members(cx);
            }
        }
    }
}

/// An AppendEntries by which a server shows what it has.
pub(super) fn probe(disk: &Disk, peer: &Peer, leader_commit: u64, round: u32) -> Msg {
    append_entries(disk, peer, Entries::default(), leader_commit, round)
}

fn append_entries(disk: &Disk, peer: &Peer, entries: Entries, leader_commit: u64, round: u32) -> Msg {
    let prev_log_index = peer.next_index - 1;
    let prev_log_term = disk.log.term_at(prev_log_index).unwrap_or(0);
    Msg::AppendEntries { term: disk.term, prev_log_index, prev_log_term, entries, leader_commit, round }
}
