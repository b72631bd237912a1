//! A client: hands out the work of a transaction and asks the coordinator to commit it.
//!
//! ```text
//!  idle --[on_call]--> asking --Result [on_result]--> answered
//!                       ^  |
//!                       '--'--no result: asks again [on_timer]
//! ```
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Node;
use super::config::ClientConfig;
use super::message::{Call, Msg, Reply, Timer};
use crate::machines::commitment::{self, Answers, Decision, Part, Participants, Txn, Write};
use crate::sim::{Cx, OpId, Request, Status};

/// A client. All but `config` is volatile: a new one needs nothing else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// How it is set up.
    pub config: Arc<ClientConfig>,
    /// The coordinator's incarnation, as far as it knows.
    #[serde(default = "first")]
    epoch: u32,
    /// How many transactions it has begun.
    #[serde(default)]
    count: u32,
    /// Those that it does not know the end of.
    #[serde(default)]
    asking: BTreeMap<Txn, Asking>,
}

/// A transaction under way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Asking {
    op: OpId,
    /// The incarnation in which it may begin; does not change when the client learns of a later one.
    epoch: u32,
    participants: Participants,
}

const fn first() -> u32 {
    1
}

impl Client {
    /// A client before its first start.
    pub fn new(config: ClientConfig) -> Self {
        Self { config: config.into(), epoch: first(), count: 0, asking: BTreeMap::new() }
    }

    pub(in crate::protocols) fn on_start(&mut self, cx: &mut Cx<'_, Node>) {
        cx.write(Write::Incarnation(cx.boots().max(cx.disk().incarnation + 1)));
    }

    pub(in crate::protocols) fn on_call(&mut self, cx: &mut Cx<'_, Node>, op: OpId, call: Call) {
        let Call::Transact { parts } = call;
        if let Err(reason) = check(&parts) {
            return cx.reply_at_once(op, Reply::Refused { reason: reason.into() });
        }
        self.count += 1;
        let txn = Txn::new(cx.id, cx.disk().incarnation, self.count);
        for part in parts.iter() {
            cx.send(part.node, Msg::Work { txn, ops: part.ops.clone() });
        }
        let participants = parts.iter().map(|it| it.node).collect();
        self.asking.insert(txn, Asking { op, epoch: self.epoch, participants });
        self.ask(cx, txn);
    }

    pub(in crate::protocols) fn on_message(&mut self, cx: &mut Cx<'_, Node>, msg: Msg) {
        match msg {
            Msg::Result { txn, decision, answers, epoch } => {
                self.epoch = self.epoch.max(epoch);
                self.on_result(cx, txn, decision, answers);
            }
            _ => cx.note("request to a client", 0),
        }
    }

    pub(in crate::protocols) fn on_timer(&mut self, cx: &mut Cx<'_, Node>, timer: Timer) {
        if let Timer::Retry(txn) = timer {
            self.ask(cx, txn);
        }
    }

    pub(in crate::protocols) fn status(&self) -> Status {
        vec![("role", "client".into()), ("open", (self.asking.len() as i64).into())]
    }

    /// What a workload's request means to it.
    pub(in crate::protocols) fn compose(&self, request: &Request) -> Option<Call> {
        let parts = commitment::compose(request, &self.config.participants, self.config.width);
        (!parts.is_empty()).then(|| Call::Transact { parts: parts.into() })
    }

    /// Asks for the commit, or, what is the same, for the result.
    fn ask(&self, cx: &mut Cx<'_, Node>, txn: Txn) {
        let Some(Asking { epoch, participants, .. }) = self.asking.get(&txn) else { return };
        let start = Msg::Start { txn, epoch: *epoch, participants: participants.clone() };
        cx.send(self.config.coordinator, start);
        if let Some(retry) = self.config.retry {
            cx.arm(Timer::Retry(txn), retry);
        }
    }

    fn on_result(&mut self, cx: &mut Cx<'_, Node>, txn: Txn, decision: Decision, answers: Answers) {
        let Some(asking) = self.asking.remove(&txn) else { return }; // told before
        if self.config.retry.is_some() {
            cx.disarm(Timer::Retry(txn));
        }
        let reply = match decision {
            Decision::Commit => Reply::Committed { txn, answers },
            Decision::Abort => Reply::Aborted { txn },
        };
        cx.reply(asking.op, reply);
    }
}

/// Whether these are the parts of a transaction.
fn check(parts: &[Part]) -> Result<(), &'static str> {
    let mut nodes: Vec<_> = parts.iter().map(|it| it.node).collect();
    nodes.sort_unstable();
    match () {
        () if parts.is_empty() => Err("a transaction without participants"),
        () if nodes.windows(2).any(|pair| pair[0] == pair[1]) => Err("a participant is named twice"),
        () => Ok(()),
    }
}
