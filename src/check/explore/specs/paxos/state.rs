//! What a state of Paxos consists of, in bytes.
//!
//! A ballot is a round and the server who began it, `round * 4 + server`; 0 is the one before all. A value is the
//! number of the client who writes it, from 1 on; 0 is none. A vote is a ballot and a value, `ballot * 4 + value`;
//! 0 is none. Every message is sent once at the most, so that the network is a set with one place for each.

/// How many servers there are, and how many clients at the most: one proposal a server.
pub const SERVERS: usize = 3;

/// What a server knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Server {
    /// The highest ballot seen.
    pub ballot: u8,
    /// What it proposes.
    pub value: u8,
    /// By server, one more than the vote it has told of; 0: it has told nothing.
    pub promises: [u8; SERVERS],
    /// Who has voted for the proposal, one bit each.
    pub votes: u8,
    /// What it has voted for last.
    pub vote: u8,
    /// Whether its vote is known to be decided.
    pub decided: bool,
}

/// What is under way from one server to another; 0: nothing of the kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link {
    /// A ballot.
    pub prepare: u8,
    /// The ballot that is answered, and the sender's last vote.
    pub prepared: (u8, u8),
    /// A vote.
    pub accept: u8,
    /// A ballot.
    pub accepted: u8,
    /// A vote.
    pub decided: u8,
}

/// A client, and what is under way from and to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Client {
    /// How many of its two operations, a write and a read, are complete.
    pub completed: u8,
    /// By client, how many operations were complete when the read began.
    pub seen: [u8; SERVERS],
    /// The value read; 0: not yet.
    pub read: u8,
    /// Whether a put and a get are under way, one bit each.
    pub asked: u8,
    /// Which servers have an answer to the put under way, one bit each.
    pub put_ok: u8,
    /// The value in the answer to the get under way; 0: none.
    pub get_ok: u8,
}

/// The bit of [`Client::asked`] that is the put.
pub const PUT: u8 = 1;
/// The bit of [`Client::asked`] that is the get.
pub const GET: u8 = 2;

/// Everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    /// The servers.
    pub servers: [Server; SERVERS],
    /// What is under way between them: see [`State::link`].
    pub links: [Link; SERVERS * (SERVERS - 1)],
    /// The clients, those that exist first.
    pub clients: [Client; SERVERS],
    /// Whether what the clients have seen is not linearizable. It follows from the rest, and is kept so that it is
    /// judged only when an operation completes.
    pub broken: bool,
}

impl State {
    /// The place of the link between two servers.
    pub fn link(from: u8, to: u8) -> usize {
        debug_assert_ne!(from, to, "a server sends nothing to itself");
        usize::from(from) * (SERVERS - 1) + usize::from(if to > from { to - 1 } else { to })
    }

    /// Everything that tells it apart from other states, in words.
    pub fn words(&self) -> impl Iterator<Item = u64> {
        let servers = self.servers.iter().map(|it| {
            let [a, b, c] = it.promises;
            u64::from_le_bytes([it.ballot, it.value, a, b, c, it.votes, it.vote, it.decided.into()])
        });
        let links = self.links.iter().map(|it| {
            let (ballot, vote) = it.prepared;
            u64::from_le_bytes([it.prepare, ballot, vote, it.accept, it.accepted, it.decided, 0, 0])
        });
        let clients = self.clients.iter().map(|it| {
            let [a, b, c] = it.seen;
            u64::from_le_bytes([it.completed, a, b, c, it.read, it.asked, it.put_ok, it.get_ok])
        });
        servers.chain(links).chain(clients)
    }

    /// Whether one order of the clients' operations explains all that they have seen: `done` of each are in their
    /// places, and leave `value`.
    pub fn linearizable(&self, done: [u8; SERVERS], value: u8) -> bool {
        let complete = (0..SERVERS).all(|it| done[it] >= self.clients[it].completed);
        complete
            || (0..SERVERS).any(|it| {
                let client = self.clients[it];
                let mut next = done;
                next[it] += 1;
                match done[it] {
                    0 => client != Client::default() && self.linearizable(next, it as u8 + 1),
                    1 if client.completed == 2 => {
                        let in_time = client.seen.iter().zip(done).all(|(seen, done)| done >= *seen);
                        in_time && client.read == value && self.linearizable(next, value)
                    }
                    _ => false,
                }
            })
    }
}
