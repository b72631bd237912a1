//! Accounts that send each other money: the application whose snapshots are easy to judge (notes, section 2.1).
//!
//! Each account sends a random part of what it has to a random other one, again and again. Whatever has left one account
//! and not reached the next is in a message, so the sum of all accounts and of all messages is always the same, and an
//! account alone cannot tell.
//!
//! Invariants: none that can be seen without the messages; that the money of a snapshot is all the money is the test.
//!
//! ```text
//! start     --busy--> the timer is armed                           [on_start]
//! Send      --something left--> Money, to a random account         [on_timer]
//! Transfer  --enough there--> Money, to the account named          [on_call]
//! Money     --> the balance grows                                  [on_message]
//! ```
use serde::{Deserialize, Serialize};

use crate::sim::{Cx, NodeId, OpId, Operation, Outcome, Protocol, Span, Status, Time, Value};

/// An account.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// What it has.
    pub balance: u64,
    /// All accounts.
    #[serde(default)]
    pub peers: Vec<NodeId>,
    /// How long it waits from one transfer of its own to the next, in nanoseconds: up to twice that. 0: it makes none.
    #[serde(default)]
    pub every: Time,
    /// How much it has sent and received in all.
    #[serde(default)]
    pub sent: u64,
    /// See `sent`.
    #[serde(default)]
    pub received: u64,
}

/// The only message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Msg {
    /// So much of it.
    Money(u64),
}

/// The only timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timer {
    /// Time for a transfer.
    Send,
}

/// What an account may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Call {
    /// Send money.
    Transfer {
        /// To whom.
        to: NodeId,
        /// How much.
        amount: u64,
    },
}

/// What the asker is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// It is on its way; so much is left.
    Sent {
        /// What the account has now.
        balance: u64,
    },
    /// There is not so much.
    Insufficient {
        /// What the account has.
        balance: u64,
    },
}

impl Node {
    fn pay(&mut self, cx: &mut Cx<'_, Self>, to: NodeId, amount: u64) {
        self.balance -= amount;
        self.sent += amount;
        cx.send(to, Msg::Money(amount));
    }

    fn wait(&self, cx: &mut Cx<'_, Self>) {
        if self.every > 0 {
            cx.arm(Timer::Send, Span { min: 0, max: self.every.saturating_mul(2) });
        }
    }
}

impl Protocol for Node {
    type Msg = Msg;
    type Timer = Timer;
    type Call = Call;
    type Reply = Reply;
    type Disk = ();
    type Monitor = ();

    fn on_start(&mut self, cx: &mut Cx<'_, Self>) {
        self.wait(cx);
    }

    fn on_message(&mut self, _: &mut Cx<'_, Self>, _: NodeId, Msg::Money(amount): Msg) {
        self.balance = self.balance.saturating_add(amount);
        self.received = self.received.saturating_add(amount);
    }

    fn on_timer(&mut self, cx: &mut Cx<'_, Self>, Timer::Send: Timer) {
        let me = cx.id;
        let mut others = self.peers.iter().copied().filter(|peer| *peer != me);
        let others_count = self.peers.len().saturating_sub(1) as u32;
        let chosen = cx.choose(others_count) as usize;
        if let Some(to) = others.nth(chosen)
            && self.balance > 0
        {
            let most = u32::try_from(self.balance).unwrap_or(u32::MAX - 1);
            let amount = 1 + u64::from(cx.choose(most));
            self.pay(cx, to, amount.min(self.balance));
        }
        self.wait(cx);
    }

    fn on_call(&mut self, cx: &mut Cx<'_, Self>, op: OpId, Call::Transfer { to, amount }: Call) {
        if amount > self.balance {
            return cx.reply(op, Reply::Insufficient { balance: self.balance });
        }
        self.pay(cx, to, amount);
        cx.reply(op, Reply::Sent { balance: self.balance });
    }

    fn status(&self, (): &()) -> Status {
        let facts = [("balance", self.balance), ("sent", self.sent), ("received", self.received)];
        facts.map(|(name, value)| (name, Value::Int(value as i64))).to_vec()
    }

    fn describe(Call::Transfer { to, amount }: &Call, _: Option<&Reply>) -> Operation {
        let (key, argument) = (Value::Int(to.0.into()), Value::Int(*amount as i64));
        Operation { kind: "transfer".into(), key, argument, ..Operation::default() }
    }

    fn outcome(reply: &Reply) -> Outcome {
        match reply {
            Reply::Sent { .. } => Outcome::Ok,
            Reply::Insufficient { .. } => Outcome::Fail,
        }
    }
}
