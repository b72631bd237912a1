//! Whether there is a leader: what a server asks before it runs for leader itself, whom it does not listen to as
//! long as it hears one, and when a leader concludes that it is one no longer.
//!
//! ```text
//!              .--time out: asks [canvass]---.
//!              |                             v     pre-votes of a majority [on_pre_vote_reply]
//!          Follower                    PreCandidate ------------------------------> Candidate
//!              ^                             |
//!              '-- refused, or a leader -----'
//! ```
//! Pre-votes bind nobody and change no term (thesis, section 9.6). They are refused as long as a leader is heard;
//! so are votes, if `leader_liveness` is on (section 4.2.3): a server that was removed, and does not know, disturbs
//! nobody. Whether a leader is heard is a matter of one timer of the shortest election timeout, so no clock is
//! read.
use super::election::Why;
use super::*;
use crate::machines::store::Answer;
use crate::protocols::raft::quorum::Tally;

impl Server {
    /// The election timer has gone off.
    pub(super) fn time_out(&mut self, cx: &mut Cx<'_, Node>) {
        if self.config.prevote && self.is_whole(cx.disk()) {
            self.canvass(cx)
        } else {
            self.campaign(cx, Why::Silence)
        }
    }

    /// Asks everybody whether it would win a new term.
    fn canvass(&mut self, cx: &mut Cx<'_, Node>) {
        if !self.may_run(cx.id) {
            return;
        }
        let Some(term) = cx.disk().term.checked_add(1) else { return cx.note("no term is left", u64::MAX) };
        cx.note("pre_candidate", cx.disk().term);
        self.role = Role::PreCandidate;
        self.leader = None;
        self.drop_forwarded_reads(cx);
        self.votes.clear();
        self.votes.resize(self.deciding().iter().count(), None);
        self.await_leader(cx);
        let (me, log) = (cx.id, &cx.disk().log);
        let (last_log_index, last_log_term) = (log.last_index(), log.last_term());
        for voter in self.deciding().iter().filter(|voter| *voter != me) {
            // Nothing was written for it.
            cx.send_at_once(voter, Msg::PreVote { term, last_log_index, last_log_term });
        }
        self.on_pre_vote_reply(cx, me, term, true);
    }

    /// Whether a server would get this one's vote in a term not yet begun: nothing changes by that.
    pub(super) fn on_pre_vote(
        &mut self,
        cx: &mut Cx<'_, Node>,
        from: NodeId,
        asked: u64,
        candidate_last: (u64, u64),
    ) {
        let disk = cx.disk();
        let granted = asked > disk.term && candidate_last >= self.vouched(disk) && !self.hears_a_leader();
        let term = disk.term;
        if granted && self.breaks(Mutant::PreVoteBinds) {
            cx.write(Write::Hard { term, voted_for: Some(from) });
        }
        cx.send(from, Msg::PreVoteReply { term, asked, granted });
    }

    pub(super) fn on_pre_vote_reply(
        &mut self,
        cx: &mut Cx<'_, Node>,
        from: NodeId,
        asked: u64,
        granted: bool,
    ) {
        let current = cx.disk().term;
        let stale = self.role != Role::PreCandidate || current.checked_add(1) != Some(asked);
        if stale || !self.deciding().contains(from) {
            return; // to a question asked earlier
        }
        match self.tally_with(from, granted) {
            Tally::Won => self.campaign(cx, Why::Silence),
            Tally::Lost => self.follow(cx),
            Tally::Open => {}
        }
    }

    /// Listens to a leader.
    pub(super) fn heed(&mut self, cx: &mut Cx<'_, Node>, leader: NodeId) {
        if self.leader != Some(leader) {
            self.leader = Some(leader);
            self.settle_transfer(cx, leader);
            self.drop_forwarded_reads(cx);
        }
        self.await_leader(cx);
        if self.config.prevote || self.config.leader_liveness {
            self.heard = true;
            cx.arm(Timer::Silence, Span::exactly(self.config.election_timeout.min));
        }
    }

    /// A server that comes up does not know whether it has heard of a leader just before it went down.
    pub(super) fn promise_silence(&mut self, cx: &mut Cx<'_, Node>) {
        if self.config.leader_liveness {
            self.heard = true;
            cx.arm(Timer::Silence, Span::exactly(self.config.election_timeout.min));
        }
    }

    /// Whether it leads, or has heard of a leader within the shortest election timeout.
    fn hears_a_leader(&self) -> bool {
        self.heard || self.is_leader()
    }

    /// Whether it pays no attention to those who run for leader because time has told them to.
    pub(super) fn disregards_candidates(&self) -> bool {
        self.config.leader_liveness && self.hears_a_leader()
    }

    /// A leader that has not heard a majority since it last looked leads nobody.
    pub(super) fn check_quorum(&mut self, cx: &mut Cx<'_, Node>) {
        let Role::Leader(leader) = &self.role else { return };
        let (me, heard_of) = (cx.id, &leader.heard_of);
        let heard = |id: NodeId| Some(id == me || heard_of.binary_search(&id).is_ok());
        if self.deciding().vote_result(heard) == Tally::Won {
            let Some(leader) = self.leader_mut() else { return };
            leader.heard_of.clear();
            return cx.arm(Timer::Quorum, Span::exactly(self.config.election_timeout.min));
        }
        cx.note("quorum lost", cx.disk().term);
        self.leader = None;
        self.follow(cx);
    }

    /// Asked to: as if the leader had been silent for long. A leader does not forget itself.
    pub(super) fn forget_leader(&mut self, cx: &mut Cx<'_, Node>, op: OpId) {
        if self.is_leader() {
            return cx.reply_at_once(op, Reply::Refused { reason: "it leads".into() });
        }
        self.leader = None;
        if self.heard {
            self.heard = false;
            cx.disarm(Timer::Silence);
        }
        let (index, term) = (self.commit, cx.disk().term);
        cx.reply_at_once(op, Reply::Done { index, term, answer: Answer::Done });
    }
}
