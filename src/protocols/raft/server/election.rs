//! Elections: how a server comes to lead a term, and why no other does.
use super::*;
use crate::protocols::raft::log::Command;
use crate::protocols::raft::quorum::{Tally, majority, reached_by};

impl Server {
    /// Begins a new term and asks everybody for their vote, itself too.
    pub(super) fn campaign(&mut self, cx: &mut Cx<'_, Node>, why: Why) {
        if !self.may_run(cx.id) {
            return;
        }
        if !self.is_whole(cx.disk()) {
            cx.note("an entry is unreadable", cx.disk().unreadable.1);
            return self.await_leader(cx);
        }
        let Some(term) = cx.disk().term.checked_add(1) else { return cx.note("no term is left", u64::MAX) };
        cx.write(Write::Hard { term, voted_for: Some(cx.id) });
        cx.note("candidate", term);
        self.role = Role::Candidate;
        self.leader = None;
        self.drop_forwarded_reads(cx);
        if !self.breaks(Mutant::PreVoteCounts) {
            self.votes.clear();
        }
        self.votes.resize(self.deciding().iter().count(), None);
        self.await_leader(cx);

        let (me, log) = (cx.id, &cx.disk().log);
        let (last_log_index, last_log_term) = (log.last_index(), log.last_term());
        for voter in self.deciding().iter().filter(|voter| *voter != me) {
            cx.send(
                voter,
                match why {
                    Why::Silence => Msg::RequestVote { term, last_log_index, last_log_term },
                    Why::Leader => Msg::RequestVoteNow { term, last_log_index, last_log_term },
                },
            );
        }
        // Its own vote is a vote like any other: it counts when it is on disk.
        if cx.durable() {
            self.count_vote(cx, me, true);
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
        let up_to_date = candidate_last >= self.vouched(disk) || self.breaks(Mutant::NoLogCheck);
        // A leader or candidate has voted for itself, so only a follower can get here with a free vote.
        let vote_granted = free && up_to_date;
        if vote_granted {
            if disk.voted_for != Some(from) {
                cx.write(Write::Hard { term, voted_for: Some(from) });
            }
            if self.role == Role::PreCandidate {
                self.follow(cx); // another was quicker
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
        if self.deciding().contains(from) {
            self.count_vote(cx, from, granted);
        }
    }

    fn count_vote(&mut self, cx: &mut Cx<'_, Node>, voter: NodeId, granted: bool) {
        match self.tally_with(voter, granted) {
            Tally::Won => self.lead(cx),
            Tally::Lost => self.follow(cx),
            Tally::Open => {}
        }
    }

    /// Notes what a voter has answered, and how the election stands then.
    pub(super) fn tally_with(&mut self, voter: NodeId, granted: bool) -> Tally {
        let at = self.deciding().iter().position(|it| it == voter);
        if let Some(vote) = at.and_then(|at| self.votes.get_mut(at)) {
            vote.get_or_insert(granted); // the first answer counts
        }
        let voters = self.deciding();
        let vote = |id: NodeId| {
            let at = voters.iter().position(|it| it == id)?;
            self.votes.get(at).copied().flatten()
        };
        voters.vote_result_by(|voters| self.quorum_of(voters), vote)
    }

    /// Wins the election.
    fn lead(&mut self, cx: &mut Cx<'_, Node>) {
        let (term, last) = (cx.disk().term, cx.disk().log.last_index());
        let mut peers: Vec<Peer> = self.audience().into_iter().map(|id| Peer::new(id, last)).collect();
        // Its RequestVote left only when its whole log was durable.
        peers.iter_mut().filter(|peer| peer.id == cx.id).for_each(|own| own.match_index = last);
        let (reads, lease, heard_of) = (Reads::default(), Lease::default(), Vec::new());
        let (round, handed, change) = (0, false, None);
        self.role = Role::Leader(Leader { peers, round, reads, heard_of, handed, change, lease });
        self.leader = Some(cx.id);
        cx.note("leader", term);
        cx.disarm(Timer::Election);
        cx.arm(Timer::Heartbeat, Span::exactly(self.config.heartbeat));
        if self.config.check_quorum {
            cx.arm(Timer::Quorum, Span::exactly(self.config.election_timeout.min));
        }
        if self.config.noop {
            self.append(cx, vec![Entry { term, command: Command::Noop.into() }]);
        } else {
            self.beat(cx);
        }
    }

    /// Up to where a candidate's log must go to have this server's vote: what it cannot read any more may have been
    /// committed with its help, so it counts like the rest.
    pub(super) fn vouched(&self, disk: &Disk) -> (u64, u64) {
        if self.breaks(Mutant::VoteWithHole) {
            (disk.log.last_term(), disk.log.last_index())
        } else {
            disk.last()
        }
    }

    /// Whether it could vote for itself.
    pub(super) fn is_whole(&self, disk: &Disk) -> bool {
        self.vouched(disk) == (disk.log.last_term(), disk.log.last_index())
    }

    /// How many of so many voters decide.
    pub(super) fn quorum_of(&self, voters: usize) -> usize {
        if self.breaks(Mutant::MinorityQuorum) { (voters / 2).max(1) } else { majority(voters) }
    }

    /// Of a number that every peer has, the greatest that as many as decide have reached.
    pub(super) fn decided(&self, leader: &Leader, of: impl Fn(&Peer) -> u64) -> u64 {
        let (voters, peers) = (self.deciding(), &leader.peers);
        if voters.outgoing.is_empty() && voters.incoming.len() == peers.len() {
            return reached_by(self.quorum_of(peers.len()), peers.iter().map(of)); // nobody else is there
        }
        if self.breaks(Mutant::LearnersCount) {
            return reached_by(self.quorum_of(peers.len()), peers.iter().map(of));
        }
        let of = |id: NodeId| peers.iter().find(|peer| peer.id == id).map_or(0, &of);
        voters.committed_index_by(|voters| self.quorum_of(voters), of).unwrap_or(0)
    }
}

/// Why a server runs for leader.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// It has not heard of a leader.
    Silence,
    /// The leader wants it.
    Leader,
}
