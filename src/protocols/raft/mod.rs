//! Raft: consensus by a replicated log.
//!
//! Notes, section 2.3; Ongaro and Ousterhout, *In Search of an Understandable Consensus Algorithm* (2014);
//! Ongaro's thesis (2014) for what goes beyond.
//!
//! # Invariants
//! 1. *Election safety*: at most one server leads in a term.
//! 2. *Leader append-only*: a leader never overwrites or removes an entry of its log.
//! 3. *Log matching*: entries of two logs with the same index and term are the same, and so is all before.
//! 4. *Leader completeness*: who leads a term has every entry that was committed in earlier ones.
//! 5. *State machine safety*: no two servers apply different commands at one index.
//! 6. A term never falls and a vote, once it has counted, never changes, crashes or not.
//! 7. applied <= commit <= last index; neither of the first two falls while a server is up.
//!
//! They hold because:
//! - a server votes once a term, for a log no worse than its own        (1, 4: `server/election.rs`)
//! - a follower takes entries only where its log has their predecessor  (3: `server/appending.rs`)
//! - only entries of the present term are committed by counting         (4: `server/replication.rs`)
//! - whatever a message promises is on disk before the message leaves   (6: the order of effects)
//!
//! # A server
//! ```text
//!            .--time out [campaign]---.   .--time out: a new term [campaign]--.
//!            |                        v   v                                   |
//!  start -> Follower               Candidate ---------------------------------'
//!            ^   ^                  |     |
//!            |   '--a leader [on_append_entries], refused by a majority [count_vote],
//!            |      a later term [observe_term]
//!            |                            '--votes of a majority [lead]--> Leader
//!            |                                                               |
//!            '------------a later term [observe_term]------------------------'
//! ```
//! A command: `[admit]` appended by the leader, `[replicate]` sent, `[store]` appended by followers,
//! `[advance_commit]` on a majority's disks, `[apply]` applied and answered; followers learn of the commit
//! by the next message, and apply it too.
//!
//! # Beyond the paper
//! All of it is off unless the configuration asks for it, and then costs no message, timer or draw.
//! - pre-votes, leaders that followers mind, leaders that check their quorum   (`server/liveness.rs`)
//! - an office that is handed over                                             (`server/transfer.rs`)
//! - joint consensus, single changes, learners, newcomers that catch up        (`server/members.rs`)
//! - reads by a lease, and at followers                        (`server/lease.rs`, `server/forwarding.rs`)
//! - snapshots in place of the beginning of a log             (`server/compaction.rs`, `server/install.rs`)
//!
//! # Deviations
//! - A follower that refuses entries tells not the conflicting term's first index but the entry just before
//!   it, or an even earlier one if that is still of a later term than the leader's: the leader skips from
//!   there by the same rule, so that every refusal passes over a term on either side.
//! - `leaderId` and `candidateId` stand on the envelope. A `round` is added to AppendEntries: it
//!   confirms reads (thesis, section 6.4), and tells answers that were overtaken from a disk that was lost.
//! - A leader takes entries for stored as soon as they are sent and goes on (thesis, section 10.2.1), and
//!   sends them while its own disk still writes; its own copy counts when that is done.
//! - A candidate refused by a majority becomes a follower at once.
//! - Newcomers that catch up are known to the leader alone, not to the log; a change that its leader does not
//!   survive at that point must be asked for again.
//! - A leader sends to those who leave until that is committed: whoever has heard of it never runs again.
//! - A candidate steps down before an *equal* term's leader too; the notes name only higher terms.
//! - The answer to a piece of a snapshot tells how much has arrived, so that the leader can go on from there after
//!   a loss; `lastIncludedTerm`, `offset`, `data` and `done` stand in the piece. A snapshot's bytes say who belongs
//!   to the cluster and what clients were answered, besides what the state machine holds.
mod client;
mod config;
mod disk;
mod invariants;
mod log;
mod message;
mod progress;
mod replica;
mod server;
mod snapshot;
mod states;

use serde::{Deserialize, Serialize};

use crate::machines::membership::quorum;
use crate::machines::store::{MachineKind, Op};
use crate::sim::{Cx, NodeId, OpId, Operation, Outcome, Protocol, Request, Status};

pub use client::Client;
pub use config::{ClientConfig, Compaction, ConfEffective, Config, Mutant, ReadMode};
pub use disk::{Disk, Write};
pub use invariants::Monitor;
pub use log::{Command, Entries, Entry, Log, Session};
pub use message::{Call, Chunk, Msg, Reply, Response, Timer, Way};
pub use progress::{Peer, Progress, Transmission};
pub use replica::{Memory, Replica};
pub use server::{
    Adopted, Asker, Change, Forwarded, Incoming, Leader, Lease, Pending, Reads, Role, Server, Transfer,
};
pub use snapshot::Snapshot;

/// A node of a Raft cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(clippy::large_enum_variant)] // there are few nodes, and nearly all are the large ones
pub enum Node {
    /// One that keeps a copy of the log.
    Server(Server),
    /// One that asks them.
    Client(Client),
}

impl Protocol for Node {
    type Msg = Msg;
    type Timer = Timer;
    type Call = Call;
    type Reply = Reply;
    type Disk = Disk;
    type Monitor = Monitor;

    fn on_start(&mut self, cx: &mut Cx<'_, Self>) {
        match self {
            Self::Server(server) => server.on_start(cx),
            Self::Client(client) => client.on_start(cx),
        }
    }
    fn on_message(&mut self, cx: &mut Cx<'_, Self>, from: NodeId, msg: Msg) {
        match self {
            Self::Server(server) => server.on_message(cx, from, msg),
            Self::Client(client) => client.on_message(cx, from, msg),
        }
    }
    fn on_timer(&mut self, cx: &mut Cx<'_, Self>, timer: Timer) {
        match self {
            Self::Server(server) => server.on_timer(cx, timer),
            Self::Client(client) => client.on_timer(cx, timer),
        }
    }
    fn on_call(&mut self, cx: &mut Cx<'_, Self>, op: OpId, call: Call) {
        match self {
            Self::Server(server) => server.on_call(cx, op, call),
            Self::Client(client) => client.on_call(cx, op, call),
        }
    }

    fn edited(&mut self, disk: &Disk) {
        if let Self::Server(server) = self {
            server.edited(disk);
        }
    }

    fn status(&self, disk: &Disk) -> Status {
        match self {
            Self::Server(server) => server.status(disk),
            Self::Client(client) => client.status(),
        }
    }
    fn calls_out(&self) -> bool {
        matches!(self, Self::Server(server) if matches!(server.config.machine, MachineKind::Custom(_)))
    }
    fn compose(&self, request: &Request) -> Option<Call> {
        match self {
            Self::Server(_) => None,
            Self::Client(_) => Some(Call::Execute { op: Op::compose(request)? }),
        }
    }
    fn describe(call: &Call, reply: Option<&Reply>) -> Operation {
        let answer = reply.and_then(|reply| match reply {
            Reply::Executed { answer } | Reply::Done { answer, .. } => Some(answer),
            Reply::NotLeader { .. } | Reply::Lost { .. } | Reply::Refused { .. } => None,
        });
        match call {
            Call::Execute { op } | Call::Propose { op } | Call::Read { op, .. } => op.describe(answer),
            Call::Transfer { .. } => Operation { kind: "transfer".into(), ..Operation::default() },
            Call::ForgetLeader => Operation { kind: "forget_leader".into(), ..Operation::default() },
            Call::ChangeMembership { .. } | Call::LeaveJoint => {
                Operation { kind: "change_membership".into(), ..Operation::default() }
            }
            Call::Snapshot | Call::Compact { .. } => {
                Operation { kind: "compact".into(), ..Operation::default() }
            }
            Call::ProposeBatch { ops } => Operation {
                kind: "batch".into(),
                argument: (ops.len() as i64).into(),
                ..Operation::default()
            },
        }
    }
    fn outcome(reply: &Reply) -> Outcome {
        match reply {
            Reply::Executed { answer } | Reply::Done { answer, .. } => answer.outcome(),
            Reply::NotLeader { .. } | Reply::Refused { .. } => Outcome::Fail,
            Reply::Lost { .. } => Outcome::Info,
        }
    }
}
