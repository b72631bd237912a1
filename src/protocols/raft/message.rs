//! What servers and clients say, and what they can be asked.
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::config::ReadMode;
use super::log::{Command, Entries};
use crate::machines::store::{Answer, Op};
use crate::sim::{Bytes, Label, NodeId};

/// A message. Who sent it stands on the envelope: `leaderId` and `candidateId` of the notes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Msg {
    /// A candidate asks for a vote.
    RequestVote {
        /// Candidate's term.
        term: u64,
        /// Index of candidate's last log entry.
        last_log_index: u64,
        /// Term of candidate's last log entry.
        last_log_term: u64,
    },
    /// The answer to it.
    RequestVoteReply {
        /// The voter's term, for the candidate to update itself.
        term: u64,
        /// Whether the candidate has the vote.
        vote_granted: bool,
    },
    /// A leader replicates entries, or only makes itself heard.
    AppendEntries {
        /// Leader's term.
        term: u64,
        /// Index of the entry immediately before the new ones.
        prev_log_index: u64,
        /// Term of that entry.
        prev_log_term: u64,
        /// Entries to store; none in a heartbeat.
        entries: Entries,
        /// The leader's commit index.
        leader_commit: u64,
        /// The latest round of messages the leader has begun; the answer repeats it.
        round: u32,
    },
    /// The answer to it.
    AppendEntriesReply {
        /// The follower's term, for the leader to update itself.
        term: u64,
        /// Whether the follower had the entry before the new ones.
        success: bool,
        /// On success the index up to which the logs now agree, else the index at which they do not.
        index: u64,
        /// Where they may agree, if they do not: the follower's last entry before `index` whose term is no
        /// later than what the leader has there.
        hint_index: u64,
        /// The term of that entry.
        hint_term: u64,
        /// The round of the message answered.
        round: u32,
    },
    /// A client wants a command carried out.
    Request {
        /// The command, named by its session.
        command: Arc<Command>,
        /// Whether it was sent before: then it may be in the log already.
        #[serde(default)]
        retry: bool,
    },
    /// A client wants to read without the log.
    Query {
        /// On which of the client's lanes.
        lane: u32,
        /// Which of the lane's operations.
        seq: u64,
        /// How the read is to be served.
        mode: ReadMode,
        /// What to read.
        op: Arc<Op>,
    },
    /// The answer to a client.
    Response {
        /// On which of the client's lanes.
        lane: u32,
        /// Which of the lane's operations.
        seq: u64,
        /// How it ended.
        result: Response,
    },
    /// A server asks whether it would get a vote, before it begins a term.
    PreVote {
        /// The term it would begin.
        term: u64,
        /// Index of its last log entry.
        last_log_index: u64,
        /// Term of its last log entry.
        last_log_term: u64,
    },
    /// The answer to it. It is no vote, and binds nobody.
    PreVoteReply {
        /// The answering server's term, for the other to update itself.
        term: u64,
        /// The term that was asked about.
        asked: u64,
        /// Whether the server would get the vote.
        granted: bool,
    },
    /// A follower asks how far it must have come to answer a read.
    ReadIndex {
        /// Which of its reads.
        read: u64,
    },
    /// The answer to it.
    ReadIndexReply {
        /// Which of the follower's reads.
        read: u64,
        /// Up to where it must have applied the log; none by a server that does not lead.
        index: Option<u64>,
    },
    /// A leader hands its office over: the receiver is to run for leader at once.
    TimeoutNow {
        /// Leader's term.
        term: u64,
    },
    /// As RequestVote, by a candidate whom the leader itself wants for its successor: that a leader is heard is no
    /// reason to refuse.
    RequestVoteNow {
        /// Candidate's term.
        term: u64,
        /// Index of candidate's last log entry.
        last_log_index: u64,
        /// Term of candidate's last log entry.
        last_log_term: u64,
    },
    /// A leader sends a piece of a snapshot, because it has no more the entries that the snapshot stands for.
    InstallSnapshot {
        /// Leader's term.
        term: u64,
        /// Index of the last entry that the snapshot stands for.
        last_included_index: u64,
        /// The piece.
        chunk: Arc<Chunk>,
        /// The latest round of messages the leader has begun; the answer repeats it.
        round: u32,
    },
    /// The answer to it.
    InstallSnapshotReply {
        /// The follower's term, for the leader to update itself.
        term: u64,
        /// Index of the last entry that the snapshot stands for.
        last_included_index: u64,
        /// How many bytes of the snapshot the follower has: where it is to go on. All that there can be, if it needs
        /// no more.
        offset: u64,
        /// The round of the message answered.
        round: u32,
    },
    /// A client wants to read from whoever has come as far as it has seen.
    SessionQuery {
        /// On which of the client's lanes.
        lane: u32,
        /// Which of the lane's operations.
        seq: u64,
        /// The latest index that the client knows of.
        index: u64,
        /// What to read.
        op: Arc<Op>,
    },
}

/// A piece of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Chunk {
    /// Term of the last entry that the snapshot stands for.
    pub last_included_term: u64,
    /// Where in the snapshot the piece belongs, in bytes.
    pub offset: u64,
    /// The bytes; none only to ask how many have arrived.
    pub data: Bytes,
    /// Whether it is the last piece.
    pub done: bool,
}

/// How a client's request ended.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    /// It was carried out.
    Answer(Answer),
    /// The server cannot serve it: it is no leader, or no longer. Another may know more.
    NotLeader {
        /// The leader it knows.
        hint: Option<NodeId>,
    },
    /// It was carried out, and the client wants to know when.
    Seen {
        /// What it gave.
        answer: Answer,
        /// The index of its entry; of a read, how far it saw.
        index: u64,
    },
}

/// A timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timer {
    /// A server has not heard of a leader for long.
    Election,
    /// A leader must make itself heard.
    Heartbeat,
    /// A client has waited long for an answer on this lane.
    Retry(u32),
    /// A server has not heard of its leader for the shortest election timeout.
    Silence,
    /// A leader looks whom it has heard lately.
    Quorum,
    /// A leader has waited long for its successor.
    Transfer,
    /// Newcomers have taken long to catch up.
    CatchUp,
    /// A follower has waited long for the leader's word on a read.
    Forward,
    /// The log has not been compacted for long.
    Compaction,
}

/// What a node can be asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Call {
    /// Of a client: to have an operation carried out, exactly once, whoever leads.
    Execute {
        /// The operation.
        op: Op,
    },
    /// Of a server: to replicate an operation, if it leads.
    Propose {
        /// The operation.
        op: Op,
    },
    /// Of a server: to replicate some operations at once. The answer is that of the last.
    ProposeBatch {
        /// The operations.
        ops: Vec<Op>,
    },
    /// Of a server: to read.
    Read {
        /// What to read.
        op: Op,
        /// How.
        mode: ReadMode,
    },
    /// Of a leader: to hand its office over.
    Transfer {
        /// To whom.
        to: NodeId,
    },
    /// Of a follower: to act as if it had not heard of its leader for long.
    ForgetLeader,
    /// Of a leader: to change who belongs to the cluster.
    ChangeMembership {
        /// Those whose votes and copies count from then on.
        voters: Vec<NodeId>,
        /// Those who receive the log and do not count.
        #[serde(default)]
        learners: Vec<NodeId>,
        /// By which way.
        #[serde(default)]
        way: Way,
    },
    /// Of a leader: to end a change that was begun by [`Way::Joint`].
    LeaveJoint,
    /// Of a server: to take a snapshot now.
    Snapshot,
    /// Of a server: to forget the entries up to an index, if a snapshot stands for them.
    Compact {
        /// The last index to go.
        index: u64,
    },
}

/// The way from one configuration to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// Through a joint one, which is left as soon as it is committed.
    #[default]
    Auto,
    /// To a joint one, to be left when one is asked to.
    Joint,
    /// At once: for one voter at most.
    Simple,
}

/// What the asker is told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// By a client: the operation was carried out.
    Executed {
        /// What it gave.
        answer: Answer,
    },
    /// By a server: the operation is committed and applied.
    Done {
        /// The index of its entry; of a read, how far it saw.
        index: u64,
        /// The term of its entry; of a read, the server's.
        term: u64,
        /// What it gave.
        answer: Answer,
    },
    /// By a server that does not lead: it did nothing.
    NotLeader {
        /// The leader it knows.
        hint: Option<NodeId>,
    },
    /// By a server that led: another leader's entry has taken the place of the operation's here. It takes
    /// effect only if some server that still holds it comes to lead.
    Lost {
        /// The index of its entry.
        index: u64,
        /// The term of its entry.
        term: u64,
    },
    /// The question makes no sense here.
    Refused {
        /// Why.
        reason: Label,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_small() {
        assert!(size_of::<Msg>() <= 56, "{}", size_of::<Msg>());
    }
}
