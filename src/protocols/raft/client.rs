//! A client: carries out operations exactly once, whoever leads and whatever gets lost.
//!
//! A lane carries one operation at a time:
//! ```text
//!             .--NotLeader with a hint: to the hinted server [on_response]--.
//!             v                                                             |
//!  idle --> asking ----------------------------------------------------------
//!   ^  [begin]   |  ^--no answer, or no (new) hint: to any server [on_timer]
//!   '------------'
//!      Answer [on_response]
//! ```
//! Where servers remember only some sessions, a lane registers before its first command, and again when its session has
//! been forgotten: the command that finds that out ends without anybody knowing whether it was carried out.
use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Node;
use super::config::{ClientConfig, ReadMode};
use super::disk::Write;
use super::log::{Command, Session};
use super::message::{Call, Msg, Reply, Response, Timer};
use crate::machines::store::{Answer, Op, Refusal};
use crate::sim::{Cx, NodeId, OpId, Status, Value};

/// The highest bit of the name of a registration, so that no command has the same.
const REGISTRATION: u64 = 1 << 63;

/// A client. All but `config` is volatile: a new one needs nothing else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// How it is set up.
    pub config: ClientConfig,
    /// The server that answered last.
    #[serde(default)]
    pub leader: Option<NodeId>,
    /// Its lanes.
    #[serde(default)]
    lanes: Vec<Lane>,
    /// Lanes on which nothing is under way, the next to be used last.
    #[serde(default)]
    idle: Vec<u32>,
    /// The latest index that it knows of, where servers tell.
    #[serde(default)]
    pub seen: u64,
    /// Operations for which there is no lane yet.
    #[serde(default)]
    queue: VecDeque<(OpId, Op)>,
}

/// One operation after the other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Lane {
    /// The name of its latest operation.
    seq: u64,
    /// Whether it has a session, as far as it knows.
    registered: bool,
    /// How often it has registered.
    registrations: u32,
    /// That operation, until it is answered.
    asking: Option<Asking>,
}

/// An operation under way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Asking {
    op: OpId,
    msg: Msg,
    /// Whom it was sent to last.
    server: NodeId,
    /// What is to follow, if this is a registration.
    then: Option<Op>,
    /// Whether that server was another's hint. One hint in a row is believed: servers that point at each
    /// other would send it round in circles.
    hinted: bool,
}

impl Client {
    /// A client before its first start.
    pub fn new(config: ClientConfig) -> Self {
        Self { config, leader: None, seen: 0, lanes: Vec::new(), idle: Vec::new(), queue: VecDeque::new() }
    }

    pub(super) fn on_start(&mut self, cx: &mut Cx<'_, Node>) {
        // A disk that was wiped has forgotten which names are taken.
        cx.write(Write::Incarnation(cx.boots().max(cx.disk().incarnation + 1)));
    }

    pub(super) fn on_call(&mut self, cx: &mut Cx<'_, Node>, op: OpId, call: Call) {
        let refuse = |reason: &'static str| Reply::Refused { reason: reason.into() };
        match call {
            Call::Execute { .. } | Call::Propose { .. } if self.config.servers.is_empty() => {
                cx.reply_at_once(op, refuse("no servers to ask"));
            }
            Call::Execute { op: store } | Call::Propose { op: store } => self.begin(cx, op, store),
            _ => cx.reply_at_once(op, refuse("not a server")),
        }
    }

    pub(super) fn on_message(&mut self, cx: &mut Cx<'_, Node>, from: NodeId, msg: Msg) {
        match msg {
            Msg::Response { lane, seq, result } => self.on_response(cx, from, lane, seq, result),
            _ => cx.note("request to a client", 0),
        }
    }

    /// Nobody has answered, or nobody knew more: anybody may.
    pub(super) fn on_timer(&mut self, cx: &mut Cx<'_, Node>, timer: Timer) {
        let Timer::Retry(lane) = timer else { return };
        let Some(asking) = self.asking(lane) else { return };
        let silent = asking.server;
        if self.leader == Some(silent) {
            self.leader = None;
        }
        let server = self.any_server(cx);
        self.ask(cx, lane, server, false);
    }

    pub(super) fn status(&self) -> Status {
        let outstanding = (self.lanes.len() - self.idle.len() + self.queue.len()) as i64;
        vec![("outstanding", outstanding.into()), ("leader", self.leader.map(|id| i64::from(id.0)).into())]
    }

    /// Puts an operation on a free lane, or in the queue.
    fn begin(&mut self, cx: &mut Cx<'_, Node>, op: OpId, store: Op) {
        let lane = match self.idle.pop() {
            Some(lane) => lane,
            None if self.lanes.len() < self.config.max_lanes.max(1) as usize => {
                // A client that comes up again has forgotten its lanes: its names go on above the old ones.
                let seq = u64::from(cx.disk().incarnation) << 32;
                self.lanes.push(Lane { seq, registered: false, registrations: 0, asking: None });
                (self.lanes.len() - 1) as u32
            }
            None => return self.queue.push_back((op, store)),
        };
        let (id, mode) = (cx.id, self.config.read_mode);
        let anybody = matches!(mode, ReadMode::Follower | ReadMode::Session) && store.is_read();
        let index = self.seen;
        let server = self.leader.filter(|_| !anybody).unwrap_or_else(|| self.any_server(cx));
        let slot = &mut self.lanes[lane as usize];
        let mut then = None;
        let query = store.is_read() && mode != ReadMode::Log;
        let msg = if self.config.register && !slot.registered && !query {
            slot.registrations += 1;
            slot.seq = REGISTRATION | u64::from(cx.disk().incarnation) << 32 | u64::from(slot.registrations);
            then = Some(store);
            let session = Session { client: id, lane, seq: slot.seq };
            Msg::Request { command: Arc::new(Command::Register { session }), retry: false }
        } else {
            slot.seq += 1;
            let seq = slot.seq;
            if query && mode == ReadMode::Session {
                Msg::SessionQuery { lane, seq, index, op: Arc::new(store) }
            } else if query {
                Msg::Query { lane, seq, mode, op: Arc::new(store) }
            } else {
                let session = Some(Session { client: id, lane, seq });
                Msg::Request { command: Arc::new(Command::Apply { session, op: store }), retry: false }
            }
        };
        slot.asking = Some(Asking { op, msg, server, then, hinted: false });
        self.ask(cx, lane, server, false);
    }

    /// Sends a lane's operation to `server`, and waits for the answer.
    fn ask(&mut self, cx: &mut Cx<'_, Node>, lane: u32, server: NodeId, hinted: bool) {
        let retry = self.config.retry;
        let Some(asking) = self.asking(lane) else { return };
        (asking.server, asking.hinted) = (server, hinted);
        cx.send(server, asking.msg.clone());
        if let Msg::Request { retry, .. } = &mut asking.msg {
            *retry = true;
        }
        cx.arm(Timer::Retry(lane), retry);
    }

    fn on_response(&mut self, cx: &mut Cx<'_, Node>, from: NodeId, lane: u32, seq: u64, result: Response) {
        let Some(slot) = self.lanes.get_mut(lane as usize) else { return };
        if slot.seq != seq || slot.asking.is_none() {
            return; // answered before
        }
        match result {
            Response::Answer(answer) => self.on_answer(cx, from, lane, answer),
            Response::Seen { answer, index } => {
                self.seen = self.seen.max(index);
                self.on_answer(cx, from, lane, answer);
            }
            Response::NotLeader { hint } => {
                if self.leader == Some(from) {
                    self.leader = None;
                }
                // The servers may be others than they were: who is pointed at belongs to them.
                if let Some(server) = hint.filter(|it| !self.config.servers.contains(it)) {
                    self.config.servers.push(server);
                }
                // An answer of a server asked earlier says nothing about the one asked now.
                let current = self.asking(lane).is_some_and(|asking| asking.server == from && !asking.hinted);
                match hint {
                    Some(server) if current => self.ask(cx, lane, server, true),
                    _ => {} // the retry timer asks somebody else
                }
            }
        }
    }

    fn on_answer(&mut self, cx: &mut Cx<'_, Node>, from: NodeId, lane: u32, answer: Answer) {
        let Some(slot) = self.lanes.get_mut(lane as usize) else { return };
        let Some(Asking { op, msg, then, .. }) = slot.asking.take() else { return };
        // Whoever answers these may be anybody.
        if !matches!(msg, Msg::Query { mode: ReadMode::Follower, .. } | Msg::SessionQuery { .. }) {
            self.leader = Some(from);
        }
        slot.registered &= answer != Answer::Refused(Refusal::SessionExpired);
        self.idle.push(lane);
        match (then, &answer) {
            (Some(then), Answer::Value(Value::Int(opened))) => {
                (slot.registered, slot.seq) = (true, opened.unsigned_abs());
                self.begin(cx, op, then);
            }
            _ => {
                cx.disarm(Timer::Retry(lane));
                cx.reply(op, Reply::Executed { answer });
                if let Some((op, store)) = self.queue.pop_front() {
                    self.begin(cx, op, store);
                }
            }
        }
    }

    fn asking(&mut self, lane: u32) -> Option<&mut Asking> {
        self.lanes.get_mut(lane as usize)?.asking.as_mut()
    }

    fn any_server(&self, cx: &mut Cx<'_, Node>) -> NodeId {
        let servers = &self.config.servers;
        servers[cx.choose(servers.len() as u32) as usize]
    }
}
