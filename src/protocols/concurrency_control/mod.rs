//! Concurrency control: transactions on sharded data, kept apart by validation, by locks, or not at all.
//!
//! Notes, section 2.6.1; Kung and Robinson, *On Optimistic Methods for Concurrency Control* (1981), for validation;
//! Gray and Reuter, *Transaction Processing* (1993), for locks; Rosenkrantz, Stearns and Lewis, *System Level
//! Concurrency Control* (1978), for wound-wait and wait-die.
//!
//! A client reads from the data servers into a private copy, writes there, and hands what it did to the
//! coordinator. What keeps transactions apart (`Control`) is
//! - *centralized OCC*: the coordinator looks for an order, by the graph of dependencies (Example 6.1);
//! - *distributed OCC with timestamps*: every server looks at its part in an order fixed in advance (Example 6.3);
//! - *strict two-phase locking*: whoever reads or writes takes a lock first, and keeps it to the end;
//! - *nothing*: every access takes effect where it is made, when it is made (Figure 2.34).
//!
//! The first three are strict serializable: a transaction takes its place in the order between its first message
//! and its answer, at the coordinator's validation, at its timestamp (the coordinator gives it when the client
//! is through), or when it has all its locks.
//!
//! # Invariants
//! 1. *DecidedOnce*: the coordinator never says two things about one transaction.
//! 2. *CommitDecided*: a server carries out only what the coordinator has committed.
//! 3. *NothingDropped*: a server gives up what it has voted for only if the coordinator has not committed it.
//! 4. *LocksCompatible*: nobody shares what somebody has alone.
//! 5. *PreparedLocked*: who is prepared has all its locks.
//! 6. *NoDeadlock*: under wound-wait and wait-die nobody waits for himself, not even through others.
//! 7. *VersionsBehind*: in centralized OCC no server has a version that the coordinator does not know.
//!
//! They hold because:
//! - a vote is on disk before it leaves, an outcome before anybody hears of it  (2, 3: the order of effects)
//! - outcomes are kept by lane, and a lane's transactions come one after the other (1: `coordinator/mod.rs`)
//! - who is killed at a server is unknown there, and gets no vote                (5: `server/locking.rs`)
//! - whoever waits is younger (older) than everybody he waits for                (6: `machines/locks/table.rs`)
//!
//! The states of a transaction stand in `client.rs`, `server/mod.rs` and `coordinator/mod.rs`.
//!
//! # Deviations
//! - The notes abort all members of a cycle; only one has to go: [`Policy`](crate::machines::serial::Policy).
//! - The graph of a batch holds only what is validated together. Against what committed before, a transaction
//!   must have read the latest of everything. A graph over all transactions would let some commit in the past
//!   of others that were answered before they began: serializable, but not strictly.
//! - The coordinator's timestamps are a counter, and its round is two-phase commit with presumed abort.
//! - A client locks a key alone at once, where it is going to write what it reads in one operation.
mod client;
mod config;
mod coordinator;
mod disk;
mod invariants;
mod message;
mod program;
mod server;

use serde::{Deserialize, Serialize};

use crate::sim::{Cx, NodeId, OpId, Operation, Outcome, Protocol, Request, Status, Value};

pub use client::Client;
pub use config::{Config, Control, Deadlock, Mutant};
pub use coordinator::{Coordinator, Round};
pub use disk::{Decided, Disk, Ended, Prepared, Write};
pub use invariants::Monitor;
pub use message::{Body, Call, End, Item, Msg, Reply, Report, Serial, Share, Timer, TxnId};
pub use program::{Need, Next, Op, Reason, Run, Style, Version};
pub use server::Server;

/// A node of a cluster that runs transactions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(clippy::large_enum_variant)] // there are few nodes
pub enum Node {
    /// One that keeps a share of the keys.
    Server(Server),
    /// The one that says whether transactions commit.
    Coordinator(Coordinator),
    /// One that runs transactions.
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
            Self::Coordinator(coordinator) => coordinator.on_start(cx),
            Self::Client(client) => client.on_start(cx),
        }
    }
    fn on_message(&mut self, cx: &mut Cx<'_, Self>, from: NodeId, msg: Msg) {
        match self {
            Self::Server(server) => server.on_message(cx, from, msg),
            Self::Coordinator(coordinator) => coordinator.on_message(cx, from, msg),
            Self::Client(client) => client.on_message(cx, from, msg),
        }
    }
    fn on_timer(&mut self, cx: &mut Cx<'_, Self>, timer: Timer) {
        match self {
            Self::Server(server) => server.on_timer(cx, timer),
            Self::Coordinator(coordinator) => coordinator.on_timer(cx, timer),
            Self::Client(client) => client.on_timer(cx, timer),
        }
    }
    fn on_call(&mut self, cx: &mut Cx<'_, Self>, op: OpId, call: Call) {
        match self {
            Self::Server(_) => cx.reply_at_once(op, Reply::Refused { reason: "not a client".into() }),
            Self::Coordinator(coordinator) => coordinator.on_call(cx, op, call),
            Self::Client(client) => client.on_call(cx, op, call),
        }
    }
    fn status(&self, disk: &Disk) -> Status {
        match self {
            Self::Server(server) => server.status(disk),
            Self::Coordinator(coordinator) => coordinator.status(disk),
            Self::Client(client) => client.status(),
        }
    }
    fn compose(&self, request: &Request) -> Option<Call> {
        match self {
            Self::Client(_) => Some(Call::Run { ops: Op::compose(request)? }),
            Self::Server(_) | Self::Coordinator(_) => None,
        }
    }
    fn describe(call: &Call, reply: Option<&Reply>) -> Operation {
        let Call::Run { ops } = call else {
            return Operation { kind: "validate".into(), ..Operation::default() };
        };
        let result = match reply {
            Some(Reply::Committed { accesses, .. } | Reply::Aborted { accesses, .. }) => accesses.clone(),
            _ => Value::Null,
        };
        let argument = ops.iter().map(Op::planned).collect();
        Operation { kind: "txn".into(), argument, result, ..Operation::default() }
    }
    fn outcome(reply: &Reply) -> Outcome {
        match reply {
            Reply::Committed { .. } | Reply::Validated { .. } => Outcome::Ok,
            Reply::Aborted { .. } | Reply::Refused { .. } => Outcome::Fail,
        }
    }
}
