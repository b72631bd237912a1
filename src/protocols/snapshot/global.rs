//! A global snapshot as its initiator puts it together.
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::message::{Algorithm, Id, Recorded};
use crate::sim::{Error, NodeId, Protocol, World};

/// What all processes recorded, as far as the initiator knows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Global<P: Protocol> {
    /// Which snapshot it is.
    pub id: Id,
    /// All processes.
    pub peers: Arc<[NodeId]>,
    /// What each recorded.
    pub parts: BTreeMap<NodeId, Recorded<P>>,
    /// By Lai and Yang: what was under way, and was reported before what its receiver recorded.
    early: Vec<(NodeId, NodeId, P::Msg)>,
    /// Whether everything is there. From then on nothing changes.
    complete: bool,
}

/// A channel that does not add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// Its sender.
    pub from: NodeId,
    /// Its receiver.
    pub to: NodeId,
    /// How many messages the sender had sent when it recorded its state.
    pub sent: u64,
    /// How many of them the receiver had handled when it did. More than were sent: the cut is not consistent.
    pub received: u64,
    /// How many were recorded as under way. Fewer than are missing: messages are lost.
    pub recorded: u64,
}

impl<P: Protocol> Global<P> {
    pub(super) fn new(id: Id, peers: Arc<[NodeId]>) -> Self {
        Self { id, peers, parts: BTreeMap::new(), early: Vec::new(), complete: false }
    }

    /// A process reports; whether that completes the snapshot.
    pub(super) fn report(&mut self, from: NodeId, recorded: Recorded<P>) -> bool {
        if self.complete || !self.peers.contains(&from) {
            return false;
        }
        self.parts.entry(from).or_insert(recorded);
        for (sender, receiver, msg) in std::mem::take(&mut self.early) {
            self.put(sender, receiver, msg);
        }
        self.finish()
    }

    /// A message was under way; whether that completes the snapshot.
    pub(super) fn late(&mut self, from: NodeId, to: NodeId, msg: P::Msg) -> bool {
        if self.complete || !self.peers.contains(&from) || !self.peers.contains(&to) {
            return false;
        }
        self.put(from, to, msg);
        self.finish()
    }

    fn put(&mut self, from: NodeId, to: NodeId, msg: P::Msg) {
        match self.parts.get_mut(&to) {
            Some(part) => part.channels.entry(from).or_default().push(msg),
            None => self.early.push((from, to, msg)),
        }
    }

    fn finish(&mut self) -> bool {
        self.complete = self.parts.len() == self.peers.len()
            && (self.id.algorithm != Algorithm::LaiYang || self.flaws().is_empty());
        self.complete
    }

    /// Whether everything is there: all states, and all channels.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// The channels of which more or less was sent than was received or recorded as under way, among the processes that
    /// have reported. A snapshot without any is a consistent cut.
    pub fn flaws(&self) -> Vec<Flaw> {
        let mut flaws = Vec::new();
        for (from, sender) in &self.parts {
            for (to, receiver) in &self.parts {
                let [sent, received] =
                    [(&sender.sent, to), (&receiver.received, from)].map(|(of, it)| of.get(it).copied());
                let (sent, received) = (sent.unwrap_or(0), received.unwrap_or(0));
                let recorded = receiver.channels.get(from).map_or(0, Vec::len) as u64;
                if sent != received + recorded {
                    flaws.push(Flaw { from: *from, to: *to, sent, received, recorded });
                }
            }
        }
        flaws
    }

    /// What was under way: sender, receiver and message, channel by channel and in order.
    pub fn messages(&self) -> Vec<(NodeId, NodeId, P::Msg)> {
        let of = |(to, part): (&NodeId, &Recorded<P>)| {
            let to = *to;
            let channels = part.channels.iter();
            channels
                .flat_map(move |(from, msgs)| msgs.iter().map(move |msg| (*from, to, msg.clone())))
                .collect()
        };
        self.parts.iter().flat_map(|part| -> Vec<_> { of(part) }).collect()
    }

    /// Lets a world of the application go on from here: see [`World::restore`].
    ///
    /// # Errors
    /// As [`World::restore`]; a snapshot that is not complete has not a state for each node.
    pub fn restore(&self, world: &mut World<P>) -> Result<(), Error> {
        world.restore(self.parts.values().map(Recorded::restored).collect(), self.messages())
    }
}
