//! A client that pings a server a few times, one ping after the other, and a server that remembers nothing.
use serde::{Deserialize, Serialize};

use crate::sim::{Cx, NodeId, Protocol};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Pinger {
    Server,
    Client { server: NodeId, left: u32 },
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Msg {
    Ping(u32),
    Pong(u32),
}

impl Protocol for Pinger {
    type Msg = Msg;
    type Timer = ();
    type Call = ();
    type Reply = ();
    type Disk = ();
    type Monitor = ();

    fn on_start(&mut self, cx: &mut Cx<'_, Self>) {
        if let Self::Client { server, left } = self {
            cx.send(*server, Msg::Ping(*left));
        }
    }
    fn on_message(&mut self, cx: &mut Cx<'_, Self>, from: NodeId, msg: Msg) {
        match (self, msg) {
            (Self::Server, Msg::Ping(number)) => cx.send(from, Msg::Pong(number)),
            (Self::Client { server, left }, Msg::Pong(number)) if number == *left => {
                *left -= 1;
                if *left > 0 {
                    cx.send(*server, Msg::Ping(*left));
                }
            }
            _ => {}
        }
    }
}
