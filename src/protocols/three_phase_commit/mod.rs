//! Three-phase commit: between the votes and the commit everybody learns that all are YES, so that participants need
//! not wait for a coordinator that is down.
//!
//! Notes, section 2.6.3; Skeen, *Nonblocking Commit Protocols* (1981); Bernstein, Hadzilacos and Goodman,
//! *Concurrency Control and Recovery in Database Systems* (1987), section 7.5.
//!
//! # Invariants
//! Those of two-phase commit, on the same records: agreement, stability, validity, applied once, locks. They hold if
//! nodes do nothing worse than crash and messages are never late (see `Config`). If the network is partitioned,
//! or only slow, *agreement breaks*: both sides resolve, each for itself (theorem 6.4).
//!
//! They hold because:
//! - nobody commits while somebody who is up does not know that all voted YES  (`coordinator.rs`, `resolve.rs`)
//! - so where nobody who is up knows, nobody has committed, and abort is safe  (`resolve.rs`)
//! - who has been down asks, and decides nothing                               (`resolve.rs`)
//!
//! And nobody is blocked: a participant that stays up is out of doubt some timeouts after the last crash.
//!
//! # A transaction at a participant
//! ```text
//!          work, question [proceed]           PreCommit [on_pre_commit]   DoCommit [on_decision]
//!  start ----------> working --[vote] YES--> in doubt --------> precommitted ----------> committed
//!                     |    |                  |  |                 |  |
//!        no question  |    '--[vote] NO--.    |  '-----silence-----'  |
//!        [give_up]    '------------------+----+--Abort----------------'
//!                                        v           '--> resolves, or lets resolve: `resolve.rs`
//!                                     aborted
//! ```
//! And at the coordinator:
//! ```text
//!         Start           all YES [precommit]          all know [on_pre_ack], or time [on_timer]
//!  start ------> voting ----------------------> precommitting ----------> committed
//!   [on_transaction]  |                              |
//!                     '--one NO, time--> aborted <---'--time, with `abort_on_missing_ack`
//!  after a crash: asking [on_start], until a participant tells how it ended
//! ```
//!
//! # Deviations
//! - The notes abort when an acknowledgement of a pre-commit is missing. All have voted YES then, and participants
//!   that have the pre-commit may have committed among themselves: the coordinator commits, as Skeen's does. The
//!   notes' wording is the option `abort_on_missing_ack`.
//! - The notes draw five messages a participant and speak of three round trips; the sixth message, `HaveCommitted`,
//!   is the option `acks`.
//! - What does not block are the participants (the notes' theorem 6.4 gives the coordinator's recovery as the
//!   reason): a coordinator that comes up again asks them, and decides nothing.
//! - If all participants have been down, they resolve once all are up: fewer cannot know who was the last.
//! - Work, votes, locks, answers and clients are those of two-phase commit.
mod config;
mod coordinator;
mod message;
mod participant;
mod resolve;

use serde::{Deserialize, Serialize};

use super::two_phase_commit as two_phase;
use crate::machines::commitment::Ledger;
use crate::sim::{
    self, Broken, Cx, NodeId, OpId, Operation, Outcome, Part, Protocol, Request, Status, Step, View,
};

pub use super::two_phase_commit::{Call, Client, ClientConfig, Reply};
pub use config::{Config, Mutant};
pub use coordinator::Coordinator;
pub use message::{Msg, Standing, Timer};
pub use participant::Participant;

/// A node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Node {
    /// The transaction coordinator (TC).
    Coordinator(Coordinator),
    /// A database (DB).
    Participant(Participant),
    /// Somebody who has transactions carried out: the same as in two-phase commit.
    Client(Client),
}

/// How a client of two-phase commit sits inside.
const CLIENT: Part<Node, two_phase::Node> = Part {
    msg: Msg::Client,
    timer: Timer::Client,
    reply: |reply| reply,
    disk: |disk| disk,
    write: |write| write,
};

impl Protocol for Node {
    type Msg = Msg;
    type Timer = Timer;
    type Call = Call;
    type Reply = Reply;
    type Disk = Ledger;
    type Monitor = Monitor;

    fn on_start(&mut self, cx: &mut Cx<'_, Self>) {
        match self {
            Self::Coordinator(coordinator) => coordinator.on_start(cx),
            Self::Participant(participant) => participant.on_start(cx),
            Self::Client(client) => cx.lift(&CLIENT, |cx| client.on_start(cx)),
        }
    }
    fn on_message(&mut self, cx: &mut Cx<'_, Self>, from: NodeId, msg: Msg) {
        match (self, msg) {
            (Self::Coordinator(coordinator), msg) => coordinator.on_message(cx, from, msg),
            (Self::Participant(participant), msg) => participant.on_message(cx, from, msg),
            (Self::Client(client), Msg::Client(msg)) => cx.lift(&CLIENT, |cx| client.on_message(cx, msg)),
            (Self::Client(_), _) => cx.note("not for a client", 0),
        }
    }
    fn on_timer(&mut self, cx: &mut Cx<'_, Self>, timer: Timer) {
        match (self, timer) {
            (Self::Coordinator(coordinator), timer) => coordinator.on_timer(cx, timer),
            (Self::Participant(participant), timer) => participant.on_timer(cx, timer),
            (Self::Client(client), Timer::Client(timer)) => cx.lift(&CLIENT, |cx| client.on_timer(cx, timer)),
            (Self::Client(_), _) => {} // fired by hand out of season
        }
    }
    fn on_call(&mut self, cx: &mut Cx<'_, Self>, op: OpId, call: Call) {
        match self {
            Self::Client(client) => cx.lift(&CLIENT, |cx| client.on_call(cx, op, call)),
            _ => cx.reply_at_once(op, Reply::Refused { reason: "not a client".into() }),
        }
    }

    fn status(&self, _disk: &Ledger) -> Status {
        match self {
            Self::Coordinator(coordinator) => coordinator.status(),
            Self::Participant(participant) => participant.status(),
            Self::Client(client) => client.status(),
        }
    }
    fn compose(&self, request: &Request) -> Option<Call> {
        match self {
            Self::Client(client) => client.compose(request),
            _ => None,
        }
    }
    fn describe(call: &Call, reply: Option<&Reply>) -> Operation {
        two_phase::Node::describe(call, reply)
    }
    fn outcome(reply: &Reply) -> Outcome {
        two_phase::Node::outcome(reply)
    }
}

/// The invariants of two-phase commit, looked at here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Monitor;

impl sim::Monitor<Node> for Monitor {
    const INVARIANTS: &'static [&'static str] = two_phase::INVARIANTS;

    fn check(&mut self, view: &View<'_, Node>, step: &Step<'_, Node>, report: &mut Vec<Broken>) {
        let locks = (view.get)(step.node).and_then(|node| match node.state {
            Some(Node::Participant(participant)) => Some(&participant.locks),
            _ => None,
        });
        two_phase::check(view, step, locks, report);
    }
}
