//! Elections: how a server comes to lead a term, and why no other does.
use super::*;
use crate::protocols::raft::log::Command;
use crate::protocols::raft::quorum::{Tally, majority, tally};

impl Server {
    /// Begins a new term and asks everybody for their vote, itself too.
    pub(super) fn campaign(&mut self, cx: &mut Cx<'_, Node>) {
        let Some(own) = self.config.voters.iter().position(|voter| *voter == cx.id) else { return };
        let Some(term) = cx.disk().term.checked_add(1) else { return cx.note("no term is left", u64::MAX) };
        cx.write(Write::Hard { term, voted_for: Some(cx.id) });
        cx.note("candidate", term);
        self.role = Role::Candidate;
        self.leader = None;
        self.votes = vec![None; self.config.voters.len()];
        self.await_leader(cx);

        let (me, log) = (cx.id, &cx.disk().log);
        let (last_log_index, last_log_term) = (log.last_index(), log.last_term());
        for voter in self.config.voters.iter().filter(|voter| **voter != me) {
            cx.send(*voter, Msg::RequestVote { term, last_log_index, last_log_term });
        }
        // Its own vote is a vote like any other: it counts when it is on disk.
        if cx.durable() {
            self.count_vote(cx, own, true);
        } else {
            cx.send(me, Msg::RequestVoteReply { term, vote_granted: true });
        }
    }

    /// One vote a term, for the first who asks and whose log is no worse than one's own.
    pub(super) fn on_request_vote(
        &mut self,
        cx: &mut Cx<'_, Node>,
        from: NodeId,
        term: u64,
        candidate_last: (u64, u64),
    ) {
        let disk = cx.disk();
        let current = disk.term;
        if term < current {
            return cx.send(from, Msg::RequestVoteReply { term: current, vote_granted: false });
        }
        let free = disk.voted_for.is_none_or(|voted_for| voted_for == from) || self.breaks(Mutant::VoteTwice);
        let own_last = (disk.log.last_term(), disk.log.last_index());
        let up_to_date = candidate_last >= own_last || self.breaks(Mutant::NoLogCheck);
        // A leader or candidate has voted for itself, so only a follower can get here with a free vote.
        let vote_granted = free && up_to_date;
        if vote_granted {
            if disk.voted_for != Some(from) {
                cx.write(Write::Hard { term, voted_for: Some(from) });
            }
            self.await_leader(cx);
        }
        let reply = Msg::RequestVoteReply { term, vote_granted };
        if self.breaks(Mutant::VoteBeforeSync) { cx.send_at_once(from, reply) } else { cx.send(from, reply) }
    }

    pub(super) fn on_vote(&mut self, cx: &mut Cx<'_, Node>, from: NodeId, term: u64, granted: bool) {
        if self.role != Role::Candidate || term != cx.disk().term {
            return; // of an election that is over
        }
        if let Some(voter) = self.config.voters.iter().position(|voter| *voter == from) {
            self.count_vote(cx, voter, granted);
        }
    }

    fn count_vote(&mut self, cx: &mut Cx<'_, Node>, voter: usize, granted: bool) {
        if let Some(vote) = self.votes.get_mut(voter) {
            vote.get_or_insert(granted); // the first answer counts
        }
        match tally(&self.votes, self.quorum()) {
            Tally::Won => self.lead(cx),
            Tally::Lost => self.follow(cx),
            Tally::Open => {}
        }
    }

    /// Wins the election.
    fn lead(&mut self, cx: &mut Cx<'_, Node>) {
        let (term, last) = (cx.disk().term, cx.disk().log.last_index());
        let mut peers: Vec<Peer> = self.config.voters.iter().map(|id| Peer::new(*id, last)).collect();
        // Its RequestVote left only when its whole log was durable.
        peers.iter_mut().filter(|peer| peer.id == cx.id).for_each(|own| own.match_index = last);
        self.role = Role::Leader(Leader { peers, round: 0, reads: Reads::default() });
        self.leader = Some(cx.id);
        cx.note("leader", term);
        cx.disarm(Timer::Election);
        cx.arm(Timer::Heartbeat, Span::exactly(self.config.heartbeat));
        if self.config.noop {
            self.append(cx, vec![Entry { term, command: Command::Noop.into() }]);
        } else {
            self.beat(cx);
        }
    }

    /// How many voters decide.
    pub(super) fn quorum(&self) -> usize {
        let voters = self.config.voters.len();
        if self.breaks(Mutant::MinorityQuorum) { (voters / 2).max(1) } else { majority(voters) }
    }
}
