//! A node that sends everything back: the smallest protocol there is, and the yardstick of the engine.
//!
//! Not from the notes. Invariants: none.
//!
//! ```text
//! Ping(n) --n > 0--> Ping(n - 1), to where it came from     [on_message]
//! Ping(0) --asked--> Done                                   [on_message]
//! ```
use serde::{Deserialize, Serialize};

use crate::sim::{Cx, NodeId, OpId, Protocol};

/// A node.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Node {
    /// How many messages have arrived.
    pub heard: u64,
    /// Who is being pinged for whom, oldest first.
    pub waiting: Vec<(NodeId, OpId)>,
}

/// The only message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Msg {
    /// To be sent back this many times.
    Ping(u32),
}

/// What a node may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Call {
    /// Play with another node.
    Ping {
        /// The other node.
        to: NodeId,
        /// How many times there and back; no more than 2^31 - 1 count.
        count: u32,
    },
}

/// What the asker is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// The last one has come home.
    Done,
}

impl Protocol for Node {
    type Msg = Msg;
    type Timer = ();
    type Call = Call;
    type Reply = Reply;
    type Disk = ();
    type Monitor = ();

    fn on_message(&mut self, cx: &mut Cx<'_, Self>, from: NodeId, Msg::Ping(left): Msg) {
        self.heard += 1;
        if left > 0 {
            return cx.send(from, Msg::Ping(left - 1));
        }
        if let Some(at) = self.waiting.iter().position(|(to, _)| *to == from) {
            let (_, op) = self.waiting.remove(at);
            cx.reply(op, Reply::Done);
        }
    }

    fn on_call(&mut self, cx: &mut Cx<'_, Self>, op: OpId, Call::Ping { to, count }: Call) {
        if count == 0 {
            return cx.reply(op, Reply::Done);
        }
        self.waiting.push((to, op));
        cx.send(to, Msg::Ping(count.min(u32::MAX / 2) * 2 - 1));
    }
}
