//! Nodes that are alike: states that differ only in which of them is which count as one.
//!
//! The fingerprint that such states have in common is the least one of all the states that renaming gives. Renaming
//! needs no new states: a hash of a state is a sum over its parts, and the hash of each part under each renaming is
//! worked out once.
//!
//! Sound where handlers treat alike nodes alike, whatever they are called: they may compare names for equality, but
//! not choose by their order. What can be checked is checked before: under every renaming the nodes restart from the
//! same values, are asked the same, may crash and be cut off alike. Invariants that remember earlier steps know nodes
//! by places in lists, so they are refused as soon as they remember anything.
use super::hash::{Digest, digest};
use super::intern::Interned;
use super::judge::Judge;
use super::local::{Armed, Local};
use super::rename::Renaming;
use super::state::{MONITOR, ends, link};
use super::{Failure, Worlds};
use crate::sim::{Error, Held, NodeId, Protocol};

/// The most renamings.
const MOST: usize = 5_040;

/// All ways to rename nodes that are alike; none if no nodes are.
#[derive(Default)]
pub(super) struct Symmetry {
    pub renamings: Vec<Permuted>,
}

/// A renaming, and what becomes of the numbers that a state is made of.
pub(super) struct Permuted {
    pub renaming: Renaming,
    /// The place of every operation's new name.
    pub ops: Vec<usize>,
    /// The way to cut the network that every way becomes.
    pub ways: Vec<usize>,
}

impl Permuted {
    pub fn link(&self, old: u32) -> u32 {
        let (from, to) = ends(old);
        link(self.renaming.node(from), self.renaming.node(to))
    }
}

impl<P: Protocol, J: Judge<P>> Worlds<P, J> {
    /// Works out the renamings, and whether they leave everything as it is.
    pub(super) fn find_symmetry(&self) -> Result<Symmetry, Error> {
        let groups = &self.setup.symmetry;
        let sizes = groups.iter().map(|group| (1..=group.len()).fold(1, usize::saturating_mul));
        let count = sizes.fold(1, usize::saturating_mul);
        if count > MOST {
            let allowed = "groups of nodes that can be renamed in at most 5,040 ways";
            return Err(Error::parameter("symmetry", format!("groups with {count} ways"), allowed));
        }
        if count == 1 {
            return Ok(Symmetry::default());
        }
        let mut all = vec![(0..self.layout.nodes as u32).map(NodeId).collect::<Vec<_>>()];
        for group in groups {
            let orders = orders(group);
            let renamed = |nodes: &Vec<NodeId>| {
                let (nodes, group) = (nodes.clone(), group.clone());
                orders.clone().into_iter().map(move |order| {
                    let mut nodes = nodes.clone();
                    group.iter().zip(order).for_each(|(from, to)| nodes[from.index()] = to);
                    nodes
                })
            };
            all = all.iter().flat_map(renamed).collect();
        }
        Ok(Symmetry { renamings: all.into_iter().map(|it| self.permute(it)).collect::<Result<_, _>>()? })
    }

    fn permute(&self, nodes: Vec<NodeId>) -> Result<Permuted, Error> {
        let mut renaming = Renaming { nodes, ops: Vec::new() };
        let ops = self.permute_ops(&renaming)?;
        renaming.ops =
            (0..).zip(&ops).map(|(at, to): (usize, _)| (self.ops[at].id, self.ops[*to].id)).collect();
        for id in (0..self.layout.nodes as u32).map(NodeId) {
            let to = renaming.node(id);
            let same = renaming.apply(&self.spawned[id.index()]).as_ref() == Some(&self.spawned[to.index()])
                && self.crashable[id.index()] == self.crashable[to.index()]
                && self.machines[id.index()] == self.machines[to.index()];
            if !same {
                return Err(self.not_alike(id, to));
            }
        }
        for (from, to) in ops.iter().enumerate() {
            let call = renaming.apply(&self.ops[from].call);
            if call.as_ref() != Some(&self.ops[*to].call) {
                return Err(self.not_alike(self.ops[from].node, self.ops[*to].node));
            }
        }
        let unlike = |what: &str| {
            let allowed = "groups of nodes that are alike, also in what cuts them off";
            Error::parameter("symmetry", format!("groups that {what} tells apart"), allowed)
        };
        let permuted = Permuted { renaming, ops, ways: Vec::new() };
        let mut links: Vec<u32> = self.cut_links.iter().map(|it| permuted.link(*it)).collect();
        links.sort_unstable();
        if links != self.cut_links {
            return Err(unlike("a cut link"));
        }
        let ways = self.ways.iter().map(|way| {
            let mut sides = vec![0; way.sides.len()];
            for (node, side) in (0..).map(NodeId).zip(&way.sides) {
                sides[permuted.renaming.node(node).index()] = *side;
            }
            let turned: Vec<u8> = sides.iter().map(|side| [0, 2, 1][usize::from(*side)]).collect();
            self.ways.iter().position(|it| it.sides == sides || it.sides == turned)
        });
        let ways = ways.collect::<Option<Vec<usize>>>().ok_or_else(|| unlike("a way to cut the network"))?;
        Ok(Permuted { ways, ..permuted })
    }

    /// What each node is asked in a row, its like is asked too.
    fn permute_ops(&self, renaming: &Renaming) -> Result<Vec<usize>, Error> {
        let mut ops = vec![0; self.ops.len()];
        for (at, script) in self.scripts.iter().enumerate() {
            let nth = self.scripts[..at].iter().filter(|it| it.node == script.node).count();
            let to = renaming.node(script.node);
            let like = self.scripts.iter().filter(|it| it.node == to).nth(nth);
            let like = like.filter(|it| it.ops.len() == script.ops.len());
            let like = like.ok_or_else(|| self.not_alike(script.node, to))?;
            script.ops.clone().zip(like.ops.clone()).for_each(|(from, to)| ops[from] = to);
        }
        Ok(ops)
    }

    fn not_alike(&self, one: NodeId, other: NodeId) -> Error {
        if one == other {
            let value = format!("a group that {} knows in an order", self.names[one.index()]);
            let allowed = "groups of nodes that the others name in no order: in sets, not in lists";
            return Error::parameter("symmetry", value, allowed);
        }
        let names = format!("{} and {}", self.names[one.index()], self.names[other.index()]);
        let allowed = "groups of nodes that differ in nothing but their names";
        Error::parameter("symmetry", format!("a group with {names}"), allowed)
    }

    /// The least fingerprint of all renamed states.
    pub(super) fn least_hash(&self, words: &[u32], lane: u64) -> Result<u64, Failure<J::Error>> {
        if self.symmetry.renamings.is_empty() {
            return Ok(self.hash(words, lane));
        }
        if self.watched.is_some() && self.tables.monitors.get(words[MONITOR]).value != P::Monitor::default() {
            return Err(Failure::Remembers);
        }
        let renamings = 0..self.symmetry.renamings.len();
        renamings
            .map(|which| self.hash_renamed(words, lane, which))
            .try_fold(u64::MAX, |least, it| Ok(least.min(it?)))
    }

    /// The hashes of a node under all renamings.
    pub(super) fn renamed_local(&self, id: u32) -> Result<&[Digest], Failure<J::Error>> {
        let interned = self.tables.locals.get(id);
        self.all_renamed(interned, |renaming| Some(digest(&rename_local(&interned.value.local, renaming)?)))
    }

    /// The hashes of a message under all renamings.
    pub(super) fn renamed_message(&self, id: u32) -> Result<&[Digest], Failure<J::Error>> {
        let interned = self.tables.messages.get(id);
        self.all_renamed(interned, |renaming| Some(digest(&renaming.apply(&interned.value.msg)?)))
    }

    /// The hashes of an answer under all renamings.
    pub(super) fn renamed_reply(&self, id: u32) -> Result<&[Digest], Failure<J::Error>> {
        let interned = self.tables.replies.get(id);
        self.all_renamed(interned, |renaming| Some(digest(&renaming.apply(&interned.value)?)))
    }

    fn all_renamed<'a, T>(
        &self,
        interned: &'a Interned<T>,
        hash: impl Fn(&Renaming) -> Option<Digest>,
    ) -> Result<&'a [Digest], Failure<J::Error>> {
        if let Some(known) = interned.renamed.get() {
            return Ok(known);
        }
        let all = self.symmetry.renamings.iter().map(|it| hash(&it.renaming));
        let all = all.collect::<Option<Box<[Digest]>>>();
        self.went_well()?;
        Ok(interned.renamed.get_or_init(|| all.expect("data reads back what it has written")))
    }
}

/// Every order of some nodes, the given one first.
fn orders(group: &[NodeId]) -> Vec<Vec<NodeId>> {
    if group.is_empty() {
        return vec![Vec::new()];
    }
    let first = |at: usize| {
        let mut rest = group.to_vec();
        let node = rest.remove(at);
        orders(&rest).into_iter().map(move |rest| [vec![node], rest].concat())
    };
    (0..group.len()).flat_map(first).collect()
}

/// A node under another name, with everything in it renamed.
fn rename_local<P: Protocol>(local: &Local<P>, renaming: &Renaming) -> Option<Local<P>> {
    fn each<T: crate::sim::Data>(items: &[T], renaming: &Renaming) -> Option<Vec<T>> {
        items.iter().map(|it| renaming.apply(it)).collect()
    }
    let state = match &local.state {
        Some(state) => Some(renaming.apply(state)?),
        None => None,
    };
    let held = local.held.iter().map(|(waits, held)| Some((*waits, renaming.apply::<Held<P>>(held)?)));
    Some(Local {
        node: renaming.node(local.node),
        phase: local.phase,
        turn: local.turn,
        state,
        disk: renaming.apply(&local.disk)?,
        unsynced: each(&local.unsynced, renaming)?,
        syncing: local.syncing,
        held: held.collect::<Option<_>>()?,
        timers: rename_timers(&local.timers, renaming)?,
    })
}

/// Timers are sorted by name, and know each other by place.
fn rename_timers<T: crate::sim::Data>(timers: &[Armed<T>], renaming: &Renaming) -> Option<Vec<Armed<T>>> {
    let mut names: Vec<(T, usize)> = Vec::with_capacity(timers.len());
    for (at, timer) in timers.iter().enumerate() {
        names.push((renaming.apply(&timer.name)?, at));
    }
    names.sort_unstable();
    let place = |old: usize| names.iter().position(|(_, at)| *at == old).unwrap_or(0);
    let moved = |set: u64| {
        let members = (0..timers.len()).filter(|at| set >> at & 1 != 0);
        members.fold(0, |moved, at| moved | 1 << place(at))
    };
    let renamed = names.iter().map(|(name, at)| Armed {
        name: name.clone(),
        latest: timers[*at].latest,
        after: moved(timers[*at].after),
    });
    Some(renamed.collect())
}
