//! Single-decree Paxos, used as a register that is written and read (Lamport, The Part-Time Parliament).
//!
//! The system of Stateright's `examples/paxos.rs`: three servers, each acceptor and proposer in one; clients that
//! put a value at one server and, once it is written, get it from the next; an unordered network that neither loses
//! nor doubles. What a server would ignore it does not receive. Distinct states for 1, 2 and 3 clients: 265,
//! 16,668 and 1,194,428.
mod state;

use std::convert::Infallible;

use serde::{Deserialize, Serialize};

use super::Spec;
use super::packed::{fold, has, with_bit};
use crate::check::explore::{Model, Property};
use crate::sim::{Invalid, Value};
pub use state::State;
use state::{Client, GET, PUT, SERVERS};

/// More than half of the servers.
const MAJORITY: usize = SERVERS / 2 + 1;

/// The system.
#[derive(Clone, Debug)]
pub struct Paxos {
    clients: u8,
    flaw: Option<Flaw>,
    properties: Vec<Property>,
}

/// What can be wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flaw {
    /// A server proposes its own client's value, whatever others have voted for.
    IgnoresVotes,
    /// A server votes in any ballot, also in one it has promised not to.
    BreaksPromises,
}

/// Kinds of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A client wants to write.
    Put,
    /// A client wants to read.
    Get,
    /// A server begins a ballot.
    Prepare,
    /// Another promises to vote in no earlier one.
    Prepared,
    /// The first asks for votes.
    Accept,
    /// Another has voted.
    Accepted,
    /// The first knows of a majority.
    Decided,
    /// The value is written.
    PutOk,
    /// The value that is read.
    GetOk,
}

/// All kinds, in their order.
const KINDS: [(Kind, &str); 9] = [
    (Kind::Put, "Put"),
    (Kind::Get, "Get"),
    (Kind::Prepare, "Prepare"),
    (Kind::Prepared, "Prepared"),
    (Kind::Accept, "Accept"),
    (Kind::Accepted, "Accepted"),
    (Kind::Decided, "Decided"),
    (Kind::PutOk, "PutOk"),
    (Kind::GetOk, "GetOk"),
];

/// The one message of a kind that is under way from one to another is received. Clients and servers are both
/// numbered from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    kind: Kind,
    from: u8,
    to: u8,
}

impl Paxos {
    /// A system with so many clients.
    ///
    /// # Errors
    /// If there are none or too many.
    pub fn new(clients: u8, flaw: Option<Flaw>) -> Result<Self, Invalid> {
        if !(1..=SERVERS).contains(&usize::from(clients)) {
            return Err(Invalid::new("clients", clients, "1 to 3"));
        }
        let properties = vec![
            Property::always("linearizable"),
            Property::sometimes("value chosen"),
            Property::sometimes("somebody has read"),
        ];
        Ok(Self { clients, flaw, properties })
    }

    /// The server that a client puts at, and the one that it gets from.
    fn asks(kind: Kind, client: u8) -> u8 {
        let next = u8::from(kind == Kind::Get);
        (client + next) % SERVERS as u8
    }

    /// What is under way between two servers and not ignored by the second.
    fn between(&self, state: &State, from: u8, to: u8, actions: &mut Vec<Delivery>) {
        let server = &state.servers[usize::from(to)];
        if server.decided {
            return;
        }
        let link = &state.links[State::link(from, to)];
        let votes = link.accept / 4 >= server.ballot || self.flaw == Some(Flaw::BreaksPromises);
        let kinds = [
            (Kind::Prepare, link.prepare > server.ballot),
            (Kind::Prepared, link.prepared.0 != 0 && link.prepared.0 == server.ballot),
            (Kind::Accept, link.accept != 0 && votes),
            (Kind::Accepted, link.accepted != 0 && link.accepted == server.ballot),
            (Kind::Decided, link.decided != 0),
        ];
        let received = kinds.into_iter().filter(|(_, received)| *received);
        actions.extend(received.map(|(kind, _)| Delivery { kind, from, to }));
    }

    /// What is under way between a client and the servers, and not ignored.
    fn around(state: &State, client: u8, actions: &mut Vec<Delivery>) {
        let Client { completed, asked, put_ok, get_ok, .. } = state.clients[usize::from(client)];
        for (kind, bit) in [(Kind::Put, PUT), (Kind::Get, GET)] {
            let to = Self::asks(kind, client);
            let server = &state.servers[usize::from(to)];
            let received =
                if kind == Kind::Get { server.decided } else { !server.decided && server.value == 0 };
            if asked & bit != 0 && received {
                actions.push(Delivery { kind, from: client, to });
            }
        }
        if completed == 0 {
            let answers = (0..SERVERS as u8).filter(|it| has(put_ok, *it));
            actions.extend(answers.map(|from| Delivery { kind: Kind::PutOk, from, to: client }));
        }
        if completed == 1 && get_ok != 0 {
            let from = Self::asks(Kind::Get, client);
            actions.push(Delivery { kind: Kind::GetOk, from, to: client });
        }
    }
}

fn others(server: u8) -> impl Iterator<Item = u8> {
    (0..SERVERS as u8).filter(move |it| *it != server)
}

/// A client's put reaches a server, which begins a ballot.
fn put(state: &mut State, client: u8, own: u8) {
    state.clients[usize::from(client)].asked &= !PUT;
    let server = &mut state.servers[usize::from(own)];
    server.value = client + 1;
    server.ballot = (server.ballot / 4 + 1) * 4 + own;
    server.promises = [0; SERVERS];
    server.promises[usize::from(own)] = 1 + server.vote;
    server.votes = 0;
    let ballot = server.ballot;
    for to in others(own) {
        state.links[State::link(own, to)].prepare = ballot;
    }
}

fn prepare(state: &mut State, from: u8, own: u8) {
    let ballot = std::mem::take(&mut state.links[State::link(from, own)].prepare);
    let server = &mut state.servers[usize::from(own)];
    server.ballot = ballot;
    state.links[State::link(own, from)].prepared = (ballot, server.vote);
}

/// A promise; with a majority of them, the server asks to vote for the latest vote they tell of.
fn prepared(state: &mut State, from: u8, own: u8, flaw: Option<Flaw>) {
    let (ballot, vote) = std::mem::take(&mut state.links[State::link(from, own)].prepared);
    let server = &mut state.servers[usize::from(own)];
    server.promises[usize::from(from)] = 1 + vote;
    if server.promises.iter().filter(|it| **it != 0).count() != MAJORITY {
        return;
    }
    let latest = server.promises.iter().max().map_or(0, |it| it - 1);
    if latest != 0 && flaw != Some(Flaw::IgnoresVotes) {
        server.value = latest % 4;
    }
    server.vote = ballot * 4 + server.value;
    server.votes = with_bit(server.votes, own, true);
    let vote = server.vote;
    for to in others(own) {
        state.links[State::link(own, to)].accept = vote;
    }
}

fn accept(state: &mut State, from: u8, own: u8) {
    let vote = std::mem::take(&mut state.links[State::link(from, own)].accept);
    let server = &mut state.servers[usize::from(own)];
    (server.ballot, server.vote) = (vote / 4, vote);
    state.links[State::link(own, from)].accepted = vote / 4;
}

/// A vote; with a majority of them, the server tells everybody.
fn accepted(state: &mut State, from: u8, own: u8) {
    let ballot = std::mem::take(&mut state.links[State::link(from, own)].accepted);
    let server = &mut state.servers[usize::from(own)];
    server.votes = with_bit(server.votes, from, true);
    if server.votes.count_ones() as usize != MAJORITY {
        return;
    }
    server.decided = true;
    let value = server.value;
    for to in others(own) {
        state.links[State::link(own, to)].decided = ballot * 4 + value;
    }
    state.clients[usize::from(value - 1)].put_ok |= 1 << own;
}

fn decided(state: &mut State, from: u8, own: u8) {
    let vote = std::mem::take(&mut state.links[State::link(from, own)].decided);
    let server = &mut state.servers[usize::from(own)];
    (server.ballot, server.vote, server.decided) = (vote / 4, vote, true);
}

fn get(state: &mut State, client: u8, own: u8) {
    let client = &mut state.clients[usize::from(client)];
    client.asked &= !GET;
    client.get_ok = state.servers[usize::from(own)].vote % 4;
}

/// A write is complete; its client reads.
fn put_ok(state: &mut State, from: u8, own: u8) {
    let mut seen = state.clients.map(|it| it.completed);
    seen[usize::from(own)] = 0;
    let client = &mut state.clients[usize::from(own)];
    client.put_ok = with_bit(client.put_ok, from, false);
    client.completed = 1;
    client.seen = seen;
    client.asked |= GET;
    state.broken |= !state.linearizable([0; SERVERS], 0);
}

fn get_ok(state: &mut State, own: u8) {
    let client = &mut state.clients[usize::from(own)];
    client.read = std::mem::take(&mut client.get_ok);
    client.completed = 2;
    state.broken |= !state.linearizable([0; SERVERS], 0);
}

impl Model for Paxos {
    type State = State;
    type Action = Delivery;
    type Error = Infallible;

    fn initial(&self) -> Result<Vec<State>, Infallible> {
        let mut state = State::default();
        for client in &mut state.clients[..self.clients.into()] {
            client.asked = PUT;
        }
        Ok(vec![state])
    }

    fn actions(&self, state: &State, actions: &mut Vec<Delivery>) -> Result<(), Infallible> {
        for client in 0..self.clients {
            Self::around(state, client, actions);
        }
        for from in 0..SERVERS as u8 {
            for to in others(from) {
                self.between(state, from, to, actions);
            }
        }
        Ok(())
    }

    fn next(&self, state: &State, delivery: &Delivery) -> Result<Option<State>, Infallible> {
        let Delivery { kind, from, to } = *delivery;
        let mut next = *state;
        match kind {
            Kind::Put => put(&mut next, from, to),
            Kind::Get => get(&mut next, from, to),
            Kind::Prepare => prepare(&mut next, from, to),
            Kind::Prepared => prepared(&mut next, from, to, self.flaw),
            Kind::Accept => accept(&mut next, from, to),
            Kind::Accepted => accepted(&mut next, from, to),
            Kind::Decided => decided(&mut next, from, to),
            Kind::PutOk => put_ok(&mut next, from, to),
            Kind::GetOk => get_ok(&mut next, to),
        }
        Ok(Some(next))
    }

    fn fingerprint(&self, state: &State, lane: u64) -> u64 {
        fold(state.words(), lane)
    }
    fn kind(&self, delivery: &Delivery) -> u32 {
        delivery.kind as u32
    }
    fn kind_name(&self, kind: u32) -> String {
        KINDS[kind as usize].1.to_owned()
    }
    fn fairness(&self, _: &State, delivery: &Delivery) -> Option<u64> {
        let Delivery { kind, from, to } = *delivery;
        Some(u64::from_le_bytes([kind as u8, from, to, 0, 0, 0, 0, 0]))
    }
    fn properties(&self) -> &[Property] {
        &self.properties
    }

    fn holds(&self, property: usize, state: &State) -> Result<bool, Infallible> {
        let clients = &state.clients[..self.clients.into()];
        Ok(match property {
            0 => !state.broken,
            1 => clients.iter().any(|it| it.get_ok != 0),
            _ => clients.iter().any(|it| it.completed == 2),
        })
    }
}

impl Spec for Paxos {
    fn show_state(&self, state: &State) -> Vec<(&'static str, Value)> {
        let letter = |it: u8| (it > 0).then(|| show_value(it)).into();
        let ballot = |it: u8| Value::from(show_ballot(it).as_str());
        let vote = |it: u8| Value::from((it > 0).then(|| Value::from(show_vote(it).as_str())));
        let voters = |votes: u8| {
            (0..SERVERS as u8).filter(|it| has(votes, *it)).map(|it| Value::from(i64::from(it))).collect()
        };
        let promise = |it: &u8| match it {
            0 => Value::Null,
            it => show_vote(it - 1).as_str().into(),
        };
        let servers = &state.servers;
        let clients = &state.clients[..self.clients.into()];
        vec![
            ("ballot", servers.iter().map(|it| ballot(it.ballot)).collect()),
            ("proposal", servers.iter().map(|it| letter(it.value)).collect()),
            ("prepares", servers.iter().map(|it| it.promises.iter().map(promise).collect()).collect()),
            ("accepts", servers.iter().map(|it| voters(it.votes)).collect()),
            ("accepted", servers.iter().map(|it| vote(it.vote)).collect()),
            ("decided", servers.iter().map(|it| Value::from(it.decided)).collect()),
            ("completed", clients.iter().map(|it| Value::from(i64::from(it.completed))).collect()),
            (
                "seen",
                clients
                    .iter()
                    .map(|it| it.seen[..clients.len()].iter().map(|it| Value::from(i64::from(*it))).collect())
                    .collect(),
            ),
            ("read", clients.iter().map(|it| letter(it.read)).collect()),
            ("network", under_way(state).iter().map(|it| Value::from(it.as_str())).collect()),
        ]
    }

    fn show_action(&self, delivery: &Delivery) -> String {
        let Delivery { kind, from, to } = *delivery;
        let (from, to) = match kind {
            Kind::Put | Kind::Get => (format!("client {}", show_value(from + 1)), format!("server {to}")),
            Kind::PutOk | Kind::GetOk => (format!("server {from}"), format!("client {}", show_value(to + 1))),
            _ => (format!("server {from}"), format!("server {to}")),
        };
        format!("{}: {from} to {to}", KINDS[kind as usize].1)
    }
}

fn show_value(it: u8) -> &'static str {
    ["none", "A", "B", "C"][usize::from(it)]
}
fn show_ballot(it: u8) -> String {
    format!("{}.{}", it / 4, it % 4)
}
fn show_vote(it: u8) -> String {
    if it == 0 { "none".to_owned() } else { format!("{} in {}", show_value(it % 4), show_ballot(it / 4)) }
}

/// Every message on its way, ignored or not.
fn under_way(state: &State) -> Vec<String> {
    let mut shown = vec![];
    for (client, it) in (0..).zip(&state.clients) {
        let name = show_value(client + 1);
        let mut show = |is: bool, what: String| is.then(|| shown.push(what));
        let [put_at, get_at] = [Kind::Put, Kind::Get].map(|kind| Paxos::asks(kind, client));
        show(it.asked & PUT != 0, format!("Put({name}): client {name} to server {put_at}"));
        show(it.asked & GET != 0, format!("Get: client {name} to server {get_at}"));
        for server in (0..SERVERS as u8).filter(|server| has(it.put_ok, *server)) {
            show(true, format!("PutOk: server {server} to client {name}"));
        }
        let value = show_value(it.get_ok);
        show(it.get_ok != 0, format!("GetOk({value}): server {get_at} to client {name}"));
    }
    for from in 0..SERVERS as u8 {
        for to in others(from) {
            let it = &state.links[State::link(from, to)];
            let mut show = |is: u8, what: &str, content: String| {
                (is != 0).then(|| shown.push(format!("{what}({content}): server {from} to server {to}")))
            };
            let (ballot, vote) = it.prepared;
            show(it.prepare, "Prepare", show_ballot(it.prepare));
            show(ballot, "Prepared", format!("{}, {}", show_ballot(ballot), show_vote(vote)));
            show(it.accept, "Accept", show_vote(it.accept));
            show(it.accepted, "Accepted", show_ballot(it.accepted));
            show(it.decided, "Decided", show_vote(it.decided));
        }
    }
    shown
}

#[cfg(test)]
mod tests;
