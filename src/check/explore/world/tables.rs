//! What is remembered while a world is explored: every different node, message, answer and monitor once, under a
//! number, and what comes of every input of every node.
//!
//! A handler is a pure function of the node and the input. So it runs once for each pair of them (and for each way
//! to answer its questions), however many states of the world the pair occurs in: a step of the world is a look into
//! a table.
use super::hash::{Digest, digest, spread};
use super::intern::{Arena, Interner, Memo};
use super::local::Local;
use crate::sim::{NodeId, Protocol, Storage, label};

/// Everything that is remembered.
pub(super) struct Tables<P: Protocol> {
    pub locals: Interner<Situation<P>>,
    pub messages: Interner<Message<P>>,
    pub replies: Interner<P::Reply>,
    pub monitors: Interner<P::Monitor>,
    /// Sets of invariants that a step has broken.
    pub broken: Interner<Vec<u16>>,
    pub labels: Interner<&'static str>,
    pub outcomes: Arena<Box<[Outcome<P>]>>,
    /// From node and input to outcomes.
    pub steps: Memo,
}

impl<P: Protocol> Default for Tables<P> {
    fn default() -> Self {
        let (locals, messages, replies) = <_>::default();
        let (monitors, broken, labels) = <_>::default();
        Self {
            locals,
            messages,
            replies,
            monitors,
            broken,
            labels,
            outcomes: <_>::default(),
            steps: <_>::default(),
        }
    }
}

/// A node, with what one would look up time and again.
#[derive(Clone)]
pub(super) struct Situation<P: Protocol> {
    pub local: Local<P>,
    /// The timers that may go off: their places, their labels and the hashes of their names.
    pub due: Vec<(u32, u32, u64)>,
}

impl<P: Protocol> PartialEq for Situation<P> {
    fn eq(&self, other: &Self) -> bool {
        self.local == other.local
    }
}
impl<P: Protocol> Eq for Situation<P> {}

/// A message, with the number of its label.
#[derive(Clone)]
pub(super) struct Message<P: Protocol> {
    pub msg: P::Msg,
    pub label: u32,
}

impl<P: Protocol> PartialEq for Message<P> {
    fn eq(&self, other: &Self) -> bool {
        self.msg == other.msg
    }
}
impl<P: Protocol> Eq for Message<P> {}

/// What comes of an input, to the node and to the world.
#[derive(Clone, Debug)]
pub(super) struct Outcome<P: Protocol> {
    /// The node afterwards.
    pub local: u32,
    /// What left it, in order: to whom, and the message's number.
    pub sends: Box<[(NodeId, u32)]>,
    /// The places of the operations that it answered, and the numbers of the answers.
    pub replies: Box<[(u32, u32)]>,
    /// The inverses of its writes, for invariants.
    pub writes: Box<[<P::Disk as Storage>::Write]>,
    /// How its questions were answered.
    pub choices: Box<[u32]>,
}

/// What happens to a node, as a key: the kind in the highest bits, then a node, then a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happens {
    /// It comes up.
    Start,
    /// A message from a node arrives.
    Message(NodeId, u32),
    /// The timer at this place goes off.
    Timer(u32),
    /// The operation at this place is asked.
    Call(u32),
    /// The sync under way completes.
    Sync,
    /// Power fails.
    Crash,
}

impl Happens {
    pub fn key(self) -> u64 {
        let key = |kind: u64, node: u32, number: u32| kind << 56 | u64::from(node) << 32 | u64::from(number);
        match self {
            Self::Start => key(0, 0, 0),
            Self::Message(from, msg) => key(1, from.0, msg),
            Self::Timer(at) => key(2, 0, at),
            Self::Call(at) => key(3, 0, at),
            Self::Sync => key(4, 0, 0),
            Self::Crash => key(5, 0, 0),
        }
    }
}

impl<P: Protocol> Tables<P> {
    /// The number of a node in its situation.
    pub fn local(&self, local: Local<P>) -> u32 {
        let timer = |at: usize| {
            let name = &local.timers[at].name;
            (at as u32, self.label(label(name)), digest(name)[0])
        };
        let due = local.due().map(timer).collect();
        self.locals.intern(digest(&local), Situation { local, due })
    }

    pub fn message(&self, msg: P::Msg) -> u32 {
        let label = self.label(label(&msg));
        self.messages.intern(digest(&msg), Message { msg, label })
    }

    pub fn reply(&self, reply: P::Reply) -> u32 {
        self.replies.intern(digest(&reply), reply)
    }

    pub fn monitor(&self, monitor: P::Monitor) -> u32 {
        self.monitors.intern(digest(&monitor), monitor)
    }

    pub fn broken(&self, which: Vec<u16>) -> u32 {
        self.broken.intern(digest(&which), which)
    }

    pub fn label(&self, name: &'static str) -> u32 {
        self.labels.intern(digest(name), name)
    }

    pub fn node(&self, id: u32) -> &Situation<P> {
        &self.locals.get(id).value
    }
}

/// The hash of a part together with its place.
pub(super) fn placed(hash: &Digest, lane: usize, place: u64) -> u64 {
    spread(hash[lane] ^ spread(place))
}
