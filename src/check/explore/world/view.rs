//! A state of the explored world, to look at.
use super::judge::Judge;
use super::local::{Local, Phase};
use super::state::{ANSWERED, CUT, Layout, Spent, State, UNASKED, ends, left};
use super::tables::Tables;
use super::{Ask, Budget, Way, Worlds};
use crate::sim::{History, NodeId, OpId, Protocol, Time};

/// A look at one state of an explored world.
pub struct View<'a, P: Protocol> {
    pub(super) words: &'a [u32],
    pub(super) layout: Layout,
    pub(super) tables: &'a Tables<P>,
    pub(super) names: &'a [String],
    pub(super) spawned: &'a [P],
    pub(super) ops: &'a [Ask<P>],
    pub(super) ways: &'a [Way],
    pub(super) past: &'a History<P>,
    pub(super) now: Time,
    pub(super) history: bool,
}

/// An operation in a state of the explored world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked<'a, P: Protocol> {
    /// Its number.
    pub id: OpId,
    /// The node that is asked.
    pub node: NodeId,
    /// What is asked.
    pub call: &'a P::Call,
    /// Whether it has been asked yet.
    pub asked: bool,
    /// The answer, once there is one.
    pub reply: Option<&'a P::Reply>,
}

impl<'a, P: Protocol> View<'a, P> {
    pub(super) fn new<J: Judge<P>>(worlds: &'a Worlds<P, J>, state: &'a State) -> Self {
        Self {
            words: &state.0,
            layout: worlds.layout,
            tables: &worlds.tables,
            names: &worlds.names,
            spawned: &worlds.spawned,
            ops: &worlds.ops,
            ways: &worlds.ways,
            past: &worlds.past,
            now: worlds.now,
            history: worlds.setup.history,
        }
    }

    fn local(&self, node: NodeId) -> &'a Local<P> {
        &self.tables.node(self.layout.local(self.words, node)).local
    }

    /// The nodes' names, by id.
    pub fn names(&self) -> &'a [String] {
        self.names
    }

    /// Every node, by id.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + use<P> {
        (0..self.layout.nodes as u32).map(NodeId)
    }

    /// A node's live state; `None` while it is down, or has yet to start.
    pub fn state(&self, node: NodeId) -> Option<&'a P> {
        self.local(node).state.as_ref()
    }

    /// What a node restarts from.
    pub fn spawned(&self, node: NodeId) -> &'a P {
        &self.spawned[node.index()]
    }

    /// What is on a node's disk, durable or not.
    pub fn disk(&self, node: NodeId) -> &'a P::Disk {
        &self.local(node).disk
    }

    /// Whether everything that a node has written is durable.
    pub fn is_durable(&self, node: NodeId) -> bool {
        self.local(node).unsynced.is_empty()
    }

    /// Whether a node has crashed and not come up again.
    pub fn has_crashed(&self, node: NodeId) -> bool {
        self.local(node).phase == Phase::Down
    }

    /// A node's armed timers, by name.
    pub fn timers(&self, node: NodeId) -> impl Iterator<Item = &'a P::Timer> + use<'a, P> {
        self.local(node).timers.iter().map(|it| &it.name)
    }

    /// Messages under way, as (from, to, message). On a link that keeps order, in that order. A message to a node
    /// that is down for ever is not there.
    pub fn messages(&self) -> impl Iterator<Item = (NodeId, NodeId, &'a P::Msg)> + use<'a, P> {
        let tables = self.tables;
        self.layout.messages(self.words).iter().map(move |[link, msg]| {
            let (from, to) = ends(*link);
            (from, to, &tables.messages.get(*msg).value.msg)
        })
    }

    /// Every operation that is open, was answered, or may yet be asked: in the order of their numbers.
    pub fn operations(&self) -> impl Iterator<Item = Asked<'a, P>> + use<'a, P> {
        let (words, layout, tables) = (self.words, self.layout, self.tables);
        self.ops.iter().enumerate().map(move |(at, ask)| {
            let word = words[layout.op(at)];
            let reply = word.checked_sub(ANSWERED).map(|reply| &tables.replies.get(reply).value);
            Asked { id: ask.id, node: ask.node, call: &ask.call, asked: word != UNASKED, reply }
        })
    }

    /// What is left of the budget.
    pub fn budget(&self) -> Budget {
        let left = |what| Some(left(self.words, what)).filter(|it| *it != super::state::ENDLESS);
        Budget {
            crashes: left(Spent::Crash),
            recoveries: left(Spent::Recovery),
            drops: left(Spent::Drop),
            duplicates: left(Spent::Duplicate),
            partitions: left(Spent::Partition),
            timeouts: left(Spent::Timeout),
        }
    }

    /// The two groups between which the network is cut, if it is. (Links that were cut before the exploration began
    /// are not told.)
    pub fn partition(&self) -> Option<[Vec<NodeId>; 2]> {
        let way = (self.words[CUT] as usize >> 1).checked_sub(1)?;
        Some(self.ways[way].groups())
    }
}
