//! Two-phase commit: a transaction happens at all of its participants or at none.
//!
//! Notes, section 2.6.2; Gray, *Notes on Data Base Operating Systems* (1978); Bernstein, Hadzilacos and Goodman,
//! *Concurrency Control and Recovery in Database Systems* (1987), chapter 7; presumed abort from Mohan, Lindsay and
//! Obermarck (1986).
//!
//! # Invariants
//! 1. *Agreement*: no two nodes decide differently, crashed ones included.
//! 2. *Stability*: a decision never changes.
//! 3. *Validity*: who commits was allowed to by a YES of every participant.
//! 4. *Applied once*: a participant that commits installs what it prepared, once.
//! 5. *Locks*: a participant's keys are locked exactly while it is in doubt.
//!
//! They hold because:
//! - a participant ends a transaction alone only before it votes YES   (1: `participant.rs`)
//! - a coordinator commits only with all votes                         (3: `coordinator.rs`)
//! - votes, and what they promise, are on disk before they leave       (2, 3, 4: the order of effects)
//! - a decision is on disk before it leaves                            (1, 2: the order of effects)
//!
//! # A transaction at a participant
//! ```text
//!          work, question [proceed]              Commit [on_commit]
//!  start ----------> working --[vote] YES--> in doubt --------------> committed
//!                     |    |                  |   ^ |
//!        no question  |    '--[vote] NO--.    |   '-'--nothing heard: asks [ask]
//!        [give_up]    '------------------+----'--Abort [on_abort]
//!                                        v
//!                                     aborted
//! ```
//! And at the coordinator:
//! ```text
//!         Start              all YES [on_vote]
//!  start ------> collecting -------------------> committed ---.
//!   [on_transaction]  |                                       +--all acknowledged [on_ack]--> forgotten
//!                     '--one NO [on_vote], time [on_timer]--> aborted
//! ```
//!
//! # The timeouts of the notes
//! | case | action | here |
//! |---|---|---|
//! | coordinator, for a vote | abort | `Timer::Votes` |
//! | participant, for prepare | abort | `Timer::Prepare` |
//! | participant that voted NO, for the decision | abort | it aborts when it votes |
//! | participant that voted YES, for the decision | block | `Timer::Decision`: it asks, again and again |
//!
//! # Deviations
//! - A participant that votes NO aborts at once instead of after a timeout, and is not told the decision.
//! - Where `Prepare` overtakes the work, the participant waits for the work as it would for `Prepare`.
//! - Locks are taken by the vote, all or none, and a conflict is a NO: nobody waits, so nothing deadlocks.
//! - Votes carry what the participant read, and the result carries it on to the client: no messages more.
//! - A coordinator that presumes numbers its incarnations, and a transaction may begin in one of them only: a `Start`
//!   that was repeated must not bring back what was aborted without a record. The first transaction of a client
//!   after such a coordinator has crashed is aborted.
//! - Decisions are kept for ever; what a coordinator forgets once all have acknowledged is whom to tell.
mod client;
mod config;
mod coordinator;
mod invariants;
mod message;
mod participant;

use serde::{Deserialize, Serialize};

use crate::machines::commitment::{self, Ledger};
use crate::sim::{Cx, NodeId, OpId, Operation, Outcome, Protocol, Request, Status};

pub use client::Client;
pub use config::{ClientConfig, Config, Mutant};
pub use coordinator::Coordinator;
pub use invariants::{INVARIANTS, Monitor, check};
pub use message::{Call, Msg, Reply, Timer};
pub use participant::Participant;

/// A node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Node {
    /// The transaction coordinator (TC).
    Coordinator(Coordinator),
    /// A database (DB).
    Participant(Participant),
    /// Somebody who has transactions carried out.
    Client(Client),
}

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
            Self::Client(client) => client.on_start(cx),
        }
    }
    fn on_message(&mut self, cx: &mut Cx<'_, Self>, from: NodeId, msg: Msg) {
        match self {
            Self::Coordinator(coordinator) => coordinator.on_message(cx, from, msg),
            Self::Participant(participant) => participant.on_message(cx, from, msg),
            Self::Client(client) => client.on_message(cx, msg),
        }
    }
    fn on_timer(&mut self, cx: &mut Cx<'_, Self>, timer: Timer) {
        match self {
            Self::Coordinator(coordinator) => coordinator.on_timer(cx, timer),
            Self::Participant(participant) => participant.on_timer(cx, timer),
            Self::Client(client) => client.on_timer(cx, timer),
        }
    }
    fn on_call(&mut self, cx: &mut Cx<'_, Self>, op: OpId, call: Call) {
        match self {
            Self::Client(client) => client.on_call(cx, op, call),
            _ => cx.reply_at_once(op, Reply::Refused { reason: "not a client".into() }),
        }
    }

    fn status(&self, disk: &Ledger) -> Status {
        match self {
            Self::Coordinator(coordinator) => coordinator.status(),
            Self::Participant(participant) => participant.status(disk.in_doubt().count()),
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
        let Call::Transact { parts } = call;
        let answers = match reply {
            Some(Reply::Committed { answers, .. }) => Some(answers),
            _ => None,
        };
        commitment::describe(parts, answers)
    }
    fn outcome(reply: &Reply) -> Outcome {
        match reply {
            Reply::Committed { .. } => Outcome::Ok,
            Reply::Aborted { .. } | Reply::Refused { .. } => Outcome::Fail,
        }
    }
}
