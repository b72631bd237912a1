//! A server: its state, and the way from an input to the part that deals with it.
mod appending;
mod compaction;
mod election;
mod forwarding;
mod install;
mod lease;
mod liveness;
mod members;
mod proposals;
mod reads;
mod replication;
#[cfg(test)]
mod tests;
mod transfer;

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::Node;
use super::config::{Config, Mutant};
use super::disk::{Disk, Write};
use super::log::{Entry, Session};
use super::message::{Call, Msg, Reply, Timer};
use super::progress::Peer;
use super::replica::Replica;
use crate::machines::membership::quorum::Voters;
use crate::sim::{Cx, NodeId, OpId, Reading, Span, Status};
pub use forwarding::Forwarded;
pub use install::Incoming;
pub use lease::Lease;
pub use members::{Adopted, Change};
pub use reads::Reads;
pub use transfer::Transfer;

/// A server. All but `config` is volatile: a new one needs nothing else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// How it is set up.
    pub config: Config,
    /// What it is in its term.
    #[serde(default)]
    pub role: Role,
    /// The leader of its term, where it knows one.
    #[serde(default)]
    pub leader: Option<NodeId>,
    /// What each voter said to its latest candidacy, in the order of the configuration.
    #[serde(default)]
    pub votes: Vec<Option<bool>>,
    /// Index of the highest entry known to be committed.
    #[serde(default)]
    pub commit: u64,
    /// Index of the highest entry applied. No handler leaves it behind `commit`.
    #[serde(default)]
    pub applied: u64,
    /// What the entries were applied to.
    #[serde(default)]
    pub replica: Replica,
    /// Who waits for which entries, in the order of their indices.
    #[serde(default)]
    pub pending: VecDeque<Pending>,
    /// Whether it has heard of a leader within the shortest election timeout; kept where the configuration asks.
    #[serde(default)]
    pub heard: bool,
    /// To whom it hands its office over.
    #[serde(default)]
    pub transfer: Option<Transfer>,
    /// The configurations of the log, in its order: the last that is applied, and all later ones.
    #[serde(default)]
    pub members: Vec<Adopted>,
    /// Reads of its own for which it needs the leader's word.
    #[serde(default)]
    pub forwarded: Forwarded,
    /// A snapshot that arrives.
    #[serde(default)]
    pub incoming: Option<Incoming>,
    /// How many bytes the entries take that were applied since the last snapshot; kept where the configuration asks.
    #[serde(default)]
    pub weight: u64,
    /// How many bytes that snapshot takes; likewise.
    #[serde(default)]
    pub snapshot_weight: u64,
}

/// What a server is in its term.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(clippy::large_enum_variant)] // a server holds one, and goes to its leader's part all the time
pub enum Role {
    /// Listens to a leader.
    #[default]
    Follower,
    /// Runs for leader.
    Candidate,
    /// Leads.
    Leader(Leader),
    /// Asks whether it could win, before it runs.
    PreCandidate,
}

/// What only a leader knows; new with every term.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Leader {
    /// All voters, in the order of the configuration. Of itself it knows how much of its log is durable.
    pub peers: Vec<Peer>,
    /// The latest round of messages begun: an answer shows its round, and so that nobody led a later term
    /// when it began.
    pub round: u32,
    /// Reads that wait for a majority to confirm that it leads.
    pub reads: Reads,
    /// Whom it has heard since it last looked, sorted; kept where it checks its quorum.
    #[serde(default)]
    pub heard_of: Vec<NodeId>,
    /// Whether it has asked another to take over: then it may have a successor at any time.
    #[serde(default)]
    pub handed: bool,
    /// What it was asked to change.
    #[serde(default)]
    pub change: Option<Change>,
    /// How long it is safe; kept where the configuration allows leases.
    #[serde(default)]
    pub lease: Lease,
}

/// Somebody who waits for an entry to be applied.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Pending {
    index: u64,
    term: u64,
    asker: Asker,
}

/// Somebody who has asked for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asker {
    /// Somebody outside, by a call on this server.
    Operation(OpId),
    /// A client, by a message.
    Session(Session),
    /// A follower that wants to answer a read.
    Follower {
        /// Which follower.
        id: NodeId,
        /// Which of its reads.
        read: u64,
    },
}

impl Server {
    /// A server before its first start.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            role: Role::Follower,
            leader: None,
            votes: Vec::new(),
            commit: 0,
            applied: 0,
            replica: Replica::default(),
            pending: VecDeque::new(),
            heard: false,
            transfer: None,
            members: Vec::new(),
            forwarded: Forwarded::default(),
            incoming: None,
            weight: 0,
            snapshot_weight: 0,
        }
    }

    pub(super) fn on_start(&mut self, cx: &mut Cx<'_, Node>) {
        self.recall_snapshot(cx);
        self.recall_members(cx.disk());
        cx.note("follower", cx.disk().term);
        self.await_leader(cx);
        self.promise_silence(cx);
    }

    pub(super) fn on_message(&mut self, cx: &mut Cx<'_, Node>, from: NodeId, msg: Msg) {
        if matches!(msg, Msg::RequestVote { .. }) && self.disregards_candidates() {
            return cx.note("candidate disregarded", cx.disk().term);
        }
        if let Some(term) = term_of(&msg) {
            self.observe_term(cx, term);
        }
        match msg {
            Msg::RequestVote { term, last_log_index, last_log_term } => {
                self.on_request_vote(cx, from, term, (last_log_term, last_log_index));
            }
            Msg::RequestVoteReply { term, vote_granted } => self.on_vote(cx, from, term, vote_granted),
            Msg::AppendEntries { .. } => self.on_append_entries(cx, from, msg),
            Msg::AppendEntriesReply { .. } => self.on_append_entries_reply(cx, from, msg),
            Msg::Request { command, retry } => self.on_request(cx, from, command, retry),
            Msg::Query { lane, seq, mode, op } => {
                self.on_read(cx, Asker::Session(Session { client: from, lane, seq }), mode, op);
            }
            Msg::Response { .. } => cx.note("response to a server", 0),
            Msg::PreVote { term, last_log_index, last_log_term } => {
                self.on_pre_vote(cx, from, term, (last_log_term, last_log_index));
            }
            Msg::PreVoteReply { asked, granted, .. } => self.on_pre_vote_reply(cx, from, asked, granted),
            Msg::ReadIndex { read } => self.on_read_index(cx, Asker::Follower { id: from, read }),
            Msg::ReadIndexReply { read, index } => self.on_read_index_reply(cx, read, index),
            Msg::TimeoutNow { term } => self.on_timeout_now(cx, term),
            Msg::SessionQuery { lane, seq, index, op } => {
                self.on_session_read(cx, Asker::Session(Session { client: from, lane, seq }), index, op);
            }
            Msg::InstallSnapshot { .. } => self.on_install_snapshot(cx, from, msg),
            Msg::InstallSnapshotReply { .. } => self.on_install_snapshot_reply(cx, from, msg),
            Msg::RequestVoteNow { term, last_log_index, last_log_term } => {
                self.on_request_vote(cx, from, term, (last_log_term, last_log_index));
            }
        }
    }

    pub(super) fn on_timer(&mut self, cx: &mut Cx<'_, Node>, timer: Timer) {
        match (timer, &self.role) {
            (Timer::Election, Role::Follower | Role::Candidate | Role::PreCandidate) => self.time_out(cx),
            (Timer::Heartbeat, Role::Leader(_)) => self.heartbeat(cx),
            (Timer::Silence, _) => self.heard = false,
            (Timer::Quorum, Role::Leader(_)) => self.check_quorum(cx),
            (Timer::Transfer, _) => self.give_up_transfer(cx),
            (Timer::Forward, _) => self.ask_again(cx),
            (Timer::CatchUp, Role::Leader(_)) => self.catch_up_timeout(cx),
            (Timer::Compaction, _) => self.compact_by_time(cx),
            _ => {} // fired by hand out of season
        }
    }

    pub(super) fn on_call(&mut self, cx: &mut Cx<'_, Node>, op: OpId, call: Call) {
        let asker = Asker::Operation(op);
        match call {
            Call::Propose { op } | Call::Execute { op } => self.propose(cx, asker, [op].into_iter()),
            Call::ProposeBatch { ops } if ops.is_empty() => {
                cx.reply_at_once(op, Reply::Refused { reason: "an empty batch".into() });
            }
            Call::ProposeBatch { ops } => self.propose(cx, asker, ops.into_iter()),
            Call::Read { op: read, .. } if !read.is_read() => {
                cx.reply_at_once(op, Reply::Refused { reason: "not a read".into() });
            }
            Call::Read { op, mode } => self.on_read(cx, asker, mode, op.into()),
            Call::Transfer { to } => self.hand_over(cx, op, to),
            Call::ForgetLeader => self.forget_leader(cx, op),
            Call::ChangeMembership { voters, learners, way } => {
                self.change_membership(cx, op, &voters, &learners, way);
            }
            Call::LeaveJoint => self.leave_joint(cx, op),
            Call::Snapshot => self.on_snapshot_call(cx, op),
            Call::Compact { index } => self.on_compact_call(cx, op, index),
        }
    }

    /// Somebody has changed its state from outside: what is said to be committed is applied.
    pub(super) fn edited(&mut self, disk: &Disk) {
        let memory = self.memory();
        if self.applied == 0 {
            self.replica = Replica::new(&self.config.machine);
        }
        while self.applied < self.commit {
            let Some(entry) = disk.log.entry(self.applied + 1) else { return };
            self.applied += 1;
            self.replica.apply(self.applied, &entry.command, memory);
        }
    }

    pub(super) fn status(&self, disk: &Disk) -> Status {
        let role = match self.role {
            Role::Follower => "follower",
            Role::Candidate => "candidate",
            Role::Leader(_) => "leader",
            Role::PreCandidate => "pre_candidate",
        };
        let node = |id: Option<NodeId>| id.map(|id| i64::from(id.0)).into();
        let number = |it: u64| i64::try_from(it).unwrap_or(i64::MAX).into();
        vec![
            ("role", role.into()),
            ("term", number(disk.term)),
            ("voted_for", node(disk.voted_for)),
            ("leader", node(self.leader)),
            ("commit", number(self.commit)),
            ("applied", number(self.applied)),
            ("last_index", number(disk.log.last_index())),
            ("snapshot_index", number(disk.snapshot_index())),
        ]
    }

    /// Whoever sees a later term than its own adopts it, and follows.
    fn observe_term(&mut self, cx: &mut Cx<'_, Node>, term: u64) {
        if term > cx.disk().term {
            cx.write(Write::Hard { term, voted_for: None });
            self.leader = None;
            self.follow(cx);
            self.drop_forwarded_reads(cx);
        }
    }

    /// Becomes a follower, of whatever leader the present term has.
    fn follow(&mut self, cx: &mut Cx<'_, Node>) {
        match std::mem::take(&mut self.role) {
            Role::Follower => return,
            Role::Candidate | Role::PreCandidate => {} // its election timer runs already
            Role::Leader(leader) => {
                cx.disarm(Timer::Heartbeat);
                if self.config.check_quorum {
                    cx.disarm(Timer::Quorum);
                }
                self.await_leader(cx);
                self.refuse_reads(cx, leader.reads);
                self.drop_change(cx, leader.change);
            }
        }
        cx.note("follower", cx.disk().term);
    }

    /// Gives a leader, or a candidate, until the election timeout to be heard. A server whose vote does not
    /// count never runs for leader, and so has nothing to wait for.
    fn await_leader(&mut self, cx: &mut Cx<'_, Node>) {
        if self.may_run(cx.id) {
            cx.arm(Timer::Election, self.config.election_timeout);
        }
    }

    fn leader_mut(&mut self) -> Option<&mut Leader> {
        match &mut self.role {
            Role::Leader(leader) => Some(leader),
            _ => None,
        }
    }

    fn is_leader(&self) -> bool {
        matches!(self.role, Role::Leader(_))
    }

    fn breaks(&self, rule: Mutant) -> bool {
        self.config.mutant == Some(rule)
    }
}

/// The term of a message between servers.
fn term_of(msg: &Msg) -> Option<u64> {
    match msg {
        Msg::RequestVote { term, .. }
        | Msg::RequestVoteReply { term, .. }
        | Msg::AppendEntries { term, .. }
        | Msg::AppendEntriesReply { term, .. }
        | Msg::PreVoteReply { term, .. }
        | Msg::TimeoutNow { term }
        | Msg::InstallSnapshot { term, .. }
        | Msg::InstallSnapshotReply { term, .. }
        | Msg::RequestVoteNow { term, .. } => Some(*term),
        // The term of a pre-vote is one that nobody has begun.
        Msg::PreVote { .. } => None,
        Msg::Request { .. } | Msg::Query { .. } | Msg::Response { .. } => None,
        Msg::ReadIndex { .. } | Msg::ReadIndexReply { .. } | Msg::SessionQuery { .. } => None,
    }
}
