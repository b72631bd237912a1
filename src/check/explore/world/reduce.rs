//! Partial-order reduction: of steps that cannot matter to each other, only one order is tried.
//!
//! # What is left out, and why nothing is missed
//! Two steps of different nodes commute: each changes its own node, takes a message that is under way to that node,
//! and adds messages behind those that are there; neither can make the other impossible. (Where messages are a set
//! this fails: adding one that is there already and taking it do not commute. So there is no reduction there.) What
//! they may share is dealt with one by one:
//! - *Budgets.* Where a fault is still possible, nothing is left out; nor where nodes are down that may come back only
//!   so and so often, or a cut may heal. While the number of timers that may go off is limited, a part is enough
//!   only if no timer is in it.
//! - *Bounded delays.* A timer waits until nothing is under way. A part in which a message arrives (or a sync or a
//!   start is) keeps all timers waiting until it has happened; no other part is enough.
//! - *Answers.* The first answer to an operation counts, so all must come from one node. A node that answers what
//!   another one was asked may let that one go on, as a message would.
//! - *Histories* tell which operation was over when another began, whatever the node: nothing is left out there.
//!
//! A set of nodes is *closed* in a state if no node outside may ever again send anything to a node inside. All that
//! may happen to the nodes of a closed set is a persistent set (Godefroid 1996): whatever happens outside meanwhile, it
//! stays possible, changes nothing outside that it would have changed otherwise, and nothing is added to it. So an
//! exploration that looks at a persistent set in each state, and at everything once on each cycle (that is the
//! engine's part), finds every state in which nothing may happen, and every state of every single node. Properties
//! that look at one node each are decided by that. One that looks at several could see the order of their steps; it
//! is safe from a part whose nodes it does not look at. Invariants of protocols look at everything: with them there is no
//! reduction.
//!
//! # Who may still send to whom
//! Every node is explored alone: all its situations, given every message that anybody may ever send to it, whatever
//! the order, until no more are found. That is more than what can happen, so who sends to nobody there never does. It
//! also means that handlers are tried on inputs that they may never get. If there is too much to try, or a handler
//! fails, there is no reduction.
use std::collections::{BTreeMap, BTreeSet};

use super::actions::{Action, What};
use super::judge::Judge;
use super::local::Phase;
use super::state::{CUT, ENDLESS, Spent, ends, left};
use super::tables::Happens;
use super::{Messages, Timing, Worlds};
use crate::sim::{NodeId, Protocol};

/// The most nodes: a set of them is one word.
const MOST_NODES: usize = 64;
/// The most pairs of a situation and an input that are tried.
const MOST_TRIES: usize = 4_000;

/// Of each situation of a node, by number, to which nodes it may ever send: a set.
pub(super) type Reach = Vec<u64>;

/// What a node alone can be.
#[derive(Default)]
struct Alone {
    locals: Vec<u32>,
    /// What may ever arrive, as (from, message).
    messages: Vec<(NodeId, u32)>,
}

/// Nodes explored one by one.
struct Search {
    nodes: Vec<Alone>,
    /// What is known already: situations, and (to, from, message).
    seen: BTreeSet<(u32, u32, u32)>,
    /// Of each situation, to whom it sends in its next step.
    sends: BTreeMap<u32, u64>,
    /// From which situation to which.
    edges: Vec<(u32, u32)>,
    /// Who answers each operation.
    repliers: Vec<Option<NodeId>>,
    tries: usize,
}

impl<P: Protocol, J: Judge<P>> Worlds<P, J> {
    /// Why all orders of steps are tried whatever the options say; `None`: where it is safe, some are left out.
    pub fn not_reduced_because(&self) -> Option<&'static str> {
        match () {
            () if self.watched.is_some() => Some("invariants of protocols look at all nodes"),
            () if self.setup.history => Some("histories tell the order of steps of different nodes"),
            () if self.messages == Messages::Set => Some("equal messages under way count once"),
            () if self.layout.nodes > MOST_NODES => Some("there are more than 64 nodes"),
            () if self.reach().is_none() => {
                Some("nodes have too many situations, or fail in one that cannot be")
            }
            () => None,
        }
    }

    fn reach(&self) -> Option<&Reach> {
        self.reach.get_or_init(|| self.find_reach()).as_ref()
    }

    /// Keeps of `actions` those of a closed set of nodes, if that is enough.
    pub(super) fn keep_enough(&self, words: &[u32], actions: &mut Vec<Action>) -> bool {
        if actions.len() < 2 || self.faults_may_happen(words) || self.not_reduced_because().is_some() {
            return false;
        }
        let Some(reach) = self.reach() else { return false };
        let sends: Vec<u64> = self
            .layout
            .locals(words)
            .iter()
            .map(|it| reach.get(*it as usize).copied().unwrap_or(u64::MAX))
            .collect();
        let node_of = |action: &Action| self.node_of(words, action);
        let mut best: Option<(usize, u64)> = None;
        let mut tried = 0_u64;
        for action in actions.iter() {
            let node = node_of(action);
            if tried >> node.0 & 1 != 0 {
                continue;
            }
            tried |= 1 << node.0;
            let closed = close(1 << node.0, &sends);
            let part = || actions.iter().filter(|it| closed >> node_of(it).0 & 1 != 0);
            let size = part().count();
            if size < actions.len()
                && best.is_none_or(|(least, _)| size < least)
                && self.is_enough(words, closed, part())
            {
                best = Some((size, closed));
            }
        }
        let Some((_, closed)) = best else { return false };
        actions.retain(|action| closed >> self.node_of(words, action).0 & 1 != 0);
        true
    }

    fn faults_may_happen(&self, words: &[u32]) -> bool {
        let faults = [Spent::Crash, Spent::Drop, Spent::Duplicate, Spent::Partition];
        let counted = !matches!(left(words, Spent::Recovery), 0 | ENDLESS);
        let is_down = |id: &u32| self.tables.node(*id).local.phase == Phase::Down;
        faults.into_iter().any(|it| left(words, it) > 0)
            || words[CUT] != 0
            || counted && self.layout.locals(words).iter().any(is_down)
    }

    /// Whether all that may happen to some nodes, which nobody else may send to, is enough.
    fn is_enough<'a>(
        &self,
        words: &[u32],
        nodes: u64,
        part: impl Iterator<Item = &'a Action> + Clone,
    ) -> bool {
        let fires = part.clone().any(|it| matches!(it.what, What::Fire { .. }));
        if fires && left(words, Spent::Timeout) != ENDLESS {
            return false;
        }
        let busy = |it: &Action| {
            matches!(
                it.what,
                What::Deliver { .. } | What::Unheard { .. } | What::Sync { .. } | What::Start { .. }
            )
        };
        if self.setup.timing == Timing::Synchronous && !part.clone().any(busy) {
            return false;
        }
        (0..self.judge.properties().len()).all(|property| match self.judge.looks_at(property) {
            None => false,
            Some([] | [_]) => true,
            Some(several) => several.iter().all(|it| nodes >> it.0 & 1 == 0),
        })
    }

    /// The node that a step is one of. Only where no faults happen.
    fn node_of(&self, words: &[u32], action: &Action) -> NodeId {
        match action.what {
            What::Deliver { at }
            | What::Unheard { at }
            | What::Duplicate { at }
            | What::Drop { at }
            | What::DropToCut { at } => ends(self.layout.messages(words)[at as usize][0]).1,
            What::Fire { node, .. }
            | What::Start { node }
            | What::Sync { node }
            | What::Crash { node, .. }
            | What::Recover { node } => node,
            What::Call { op } => self.ops[op as usize].node,
            What::Cut { .. } | What::Heal => NodeId(0),
        }
    }

    fn find_reach(&self) -> Option<Reach> {
        let mut search = Search {
            nodes: (0..self.layout.nodes).map(|_| Alone::default()).collect(),
            seen: BTreeSet::new(),
            sends: BTreeMap::new(),
            edges: Vec::new(),
            repliers: vec![None; self.ops.len()],
            tries: 0,
        };
        for beginning in self.beginnings().ok()? {
            let words = &beginning.state.0;
            (0..)
                .map(NodeId)
                .zip(self.layout.locals(words))
                .for_each(|(node, local)| search.local(node, *local));
            for &[link, msg] in self.layout.messages(words) {
                let (from, to) = ends(link);
                search.message(from, to, msg);
            }
        }
        let mut done: Vec<(usize, usize)> = vec![(0, 0); search.nodes.len()];
        while let Some(node) = (0..done.len()).find(|node| done[*node] != search.sizes(*node)) {
            let (locals, messages) = done[node];
            done[node] = search.sizes(node);
            for at in 0..done[node].0 {
                let local = search.nodes[node].locals[at];
                // Old situations are tried with new messages, new ones with everything.
                let from = if at < locals { messages } else { 0 };
                let new: Vec<_> = search.nodes[node].messages[from..done[node].1].to_vec();
                let messages = new.into_iter().map(|(from, msg)| Happens::Message(from, msg));
                let own = if at < locals { Vec::new() } else { self.own_inputs(local) };
                let up = self.tables.node(local).local.phase == Phase::Up;
                for happens in messages.filter(|_| up).chain(own) {
                    self.try_alone(&mut search, local, happens)?;
                }
            }
        }
        Some(search.spread())
    }

    /// What may happen to a node by itself.
    fn own_inputs(&self, id: u32) -> Vec<Happens> {
        let situation = self.tables.node(id);
        let (local, node) = (&situation.local, situation.local.node);
        if local.phase != Phase::Up {
            return vec![Happens::Start];
        }
        let timers = situation.due.iter().map(|it| Happens::Timer(it.0));
        let calls = (0..self.ops.len()).filter(|at| self.ops[*at].node == node);
        let calls = calls.map(|at| Happens::Call(at as u32));
        let sync = (local.syncing > 0).then_some(Happens::Sync);
        let may_crash = self.setup.budget.crashes != Some(0) && self.crashable[node.index()];
        let crash = may_crash.then_some(Happens::Crash);
        timers.chain(calls).chain(sync).chain(crash).collect()
    }

    /// `None`: it is too much, or goes wrong.
    fn try_alone(&self, search: &mut Search, local: u32, happens: Happens) -> Option<()> {
        search.tries += 1;
        if search.tries > MOST_TRIES {
            return None;
        }
        let node = self.tables.node(local).local.node;
        for outcome in self.tables.outcomes.get(self.outcomes(local, happens).ok()?) {
            search.local(node, outcome.local);
            search.edges.push((local, outcome.local));
            for &(to, msg) in &outcome.sends {
                search.message(node, to, msg);
                if to != node {
                    *search.sends.entry(local).or_default() |= 1 << to.0;
                }
            }
            for &(op, _) in &outcome.replies {
                if *search.repliers[op as usize].get_or_insert(node) != node {
                    return None;
                }
                let asked = self.ops[op as usize].node;
                if asked != node {
                    *search.sends.entry(local).or_default() |= 1 << asked.0;
                }
            }
        }
        Some(())
    }
}

impl Search {
    fn sizes(&self, node: usize) -> (usize, usize) {
        (self.nodes[node].locals.len(), self.nodes[node].messages.len())
    }

    fn local(&mut self, node: NodeId, local: u32) {
        if self.seen.insert((u32::MAX, u32::MAX, local)) {
            self.nodes[node.index()].locals.push(local);
            self.sends.entry(local).or_default();
        }
    }

    fn message(&mut self, from: NodeId, to: NodeId, msg: u32) {
        if self.seen.insert((to.0, from.0, msg)) {
            self.nodes[to.index()].messages.push((from, msg));
        }
    }

    /// From whom one sends next to whom one may ever send: against the edges, until nothing changes.
    fn spread(self) -> Reach {
        let Self { mut sends, edges, .. } = self;
        let mut before: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (from, to) in edges {
            before.entry(to).or_default().push(from);
        }
        let mut changed: Vec<u32> = before.keys().copied().collect();
        while let Some(local) = changed.pop() {
            let reached = sends.get(&local).copied().unwrap_or_default();
            for from in before.get(&local).map_or(&[][..], |it| it) {
                let own = sends.entry(*from).or_default();
                if *own | reached != *own {
                    *own |= reached;
                    changed.push(*from);
                }
            }
        }
        // What nobody has found may do anything.
        let mut reach = vec![u64::MAX; sends.last_key_value().map_or(0, |(last, _)| *last as usize + 1)];
        sends.into_iter().for_each(|(local, nodes)| reach[local as usize] = nodes);
        reach
    }
}

/// The smallest set with these nodes that no node outside may send to.
fn close(mut nodes: u64, sends: &[u64]) -> u64 {
    loop {
        let joins = |(node, to): (usize, &u64)| if to & nodes != 0 { 1 << node } else { 0 };
        let wider = sends.iter().enumerate().map(joins).fold(nodes, |all, it| all | it);
        if wider == nodes {
            return nodes;
        }
        nodes = wider;
    }
}
