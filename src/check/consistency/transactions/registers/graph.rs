//! Directed graphs over events on chains: topological orders, short cycles and paths.
//!
//! A node is a transaction, or its begin or commit, or a barrier of real time. The nodes of a chain (a
//! session) are numbered consecutively and in order, so the edges between neighbours on a chain are not
//! stored.
use std::collections::VecDeque;

/// Why one node comes before another. `about` of an edge says more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// Reads from; about: the write.
    Wr,
    /// The source is visible to somebody who reads the target's write; about: that write.
    Hidden,
    /// Of two writers of a key, the other order is impossible; about: the write of the target.
    Ordered,
    /// The source reads a version that the target overwrites; about: the write that it reads, or `INITIAL`.
    Rw,
    /// Completed before the other was invoked.
    RealTime,
    /// A decision of the search; about: its level.
    Decided,
    /// The opposite of a refuted decision; about: the number of the refutation.
    Learned,
}

/// An edge.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    pub from: u32,
    pub to: u32,
    pub why: Why,
    pub about: u32,
    /// The order of two nodes from which this edge was inferred; the edge itself if it was not inferred.
    pub because: (u32, u32),
}

/// A step along a chain, where a path or cycle is told as edges.
pub(super) const CHAIN: u32 = u32::MAX;

/// One step of a path: the nodes, and the number of the edge or [`CHAIN`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub from: u32,
    pub to: u32,
    pub edge: u32,
}

/// The stored edges by source.
pub(super) struct Links {
    starts: Vec<u32>,
    targets: Vec<(u32, u32)>,
}

impl Links {
    /// Groups edges by source, in their order.
    pub(super) fn new(nodes: usize, edges: &[Edge]) -> Self {
        let mut starts = vec![0; nodes + 2];
        for edge in edges {
            starts[edge.from as usize + 2] += 1;
        }
        for i in 0..nodes + 1 {
            starts[i + 1] += starts[i];
        }
        let mut targets = vec![(0, 0); edges.len()];
        for (i, edge) in edges.iter().enumerate() {
            let next = &mut starts[edge.from as usize + 1];
            targets[*next as usize] = (edge.to, i as u32);
            *next += 1;
        }
        starts.pop();
        Self { starts, targets }
    }

    /// Where the edges of a node lead, with their numbers.
    pub(super) fn of(&self, node: u32) -> &[(u32, u32)] {
        &self.targets[self.starts[node as usize] as usize..self.starts[node as usize + 1] as usize]
    }
}

/// A graph: the chain of each node, and the edges.
#[derive(Clone, Copy)]
pub(super) struct Graph<'a> {
    pub chain: &'a [u32],
    pub edges: &'a [Edge],
    pub links: &'a Links,
}

impl Graph<'_> {
    fn next(&self, node: u32) -> Option<u32> {
        let chain = self.chain.get(node as usize + 1)?;
        (*chain == self.chain[node as usize]).then_some(node + 1)
    }

    /// A topological order, or a short cycle. O(nodes + edges).
    pub(super) fn sort(&self) -> Result<Vec<u32>, Vec<Step>> {
        let nodes = self.chain.len();
        let mut missing = vec![0u32; nodes];
        for edge in self.edges {
            missing[edge.to as usize] += 1;
        }
        for node in 0..nodes as u32 {
            if let Some(next) = self.next(node) {
                missing[next as usize] += 1;
            }
        }
        let mut order: Vec<u32> = Vec::with_capacity(nodes);
        order.extend((0..nodes as u32).filter(|node| missing[*node as usize] == 0));
        let mut done = 0;
        while let Some(node) = order.get(done) {
            done += 1;
            let node = *node;
            let targets = self.links.of(node).iter().map(|it| it.0).chain(self.next(node));
            for to in targets {
                missing[to as usize] -= 1;
                if missing[to as usize] == 0 {
                    order.push(to);
                }
            }
        }
        if order.len() == nodes { Ok(order) } else { Err(self.short_cycle(&missing)) }
    }

    /// A short cycle among the nodes that still miss a predecessor.
    fn short_cycle(&self, missing: &[u32]) -> Vec<Step> {
        const TRIES: usize = 100;
        let left = |node: u32| missing[node as usize] > 0;
        let mut before = vec![u32::MAX; missing.len()];
        for edge in self.edges.iter().filter(|it| left(it.from) && left(it.to)) {
            before[edge.to as usize] = edge.from;
        }
        for node in (0..missing.len() as u32).filter(|it| left(*it)) {
            if let Some(next) = self.next(node).filter(|it| left(*it)) {
                before[next as usize] = node;
            }
        }
        let mut passed = vec![false; missing.len()];
        let mut node = (0..missing.len() as u32).find(|it| left(*it)).unwrap_or(0);
        while !passed[node as usize] {
            passed[node as usize] = true;
            node = before[node as usize];
        }
        let mut best = self.path(node, node, u32::MAX).unwrap_or_default();
        let mut tries: Vec<u32> = best.iter().map(|step| step.from).collect();
        tries.truncate(TRIES);
        for start in tries {
            let other = self.path(start, start, u32::MAX).unwrap_or_default();
            if weight(&other) < weight(&best) {
                best = other;
            }
        }
        best
    }

    /// A path with few edges (steps along chains are free) from one node to another one, or from a node back
    /// to itself, over edges whose numbers are below `limit`. O(nodes + edges).
    pub(super) fn path(&self, from: u32, to: u32, limit: u32) -> Option<Vec<Step>> {
        let mut reached_by: Vec<Option<Step>> = vec![None; self.chain.len()];
        let mut queue = VecDeque::from([from]);
        while let Some(node) = queue.pop_front() {
            let edges = self.links.of(node).iter().filter(|it| it.1 < limit).copied();
            for (next, edge) in self.next(node).map(|next| (next, CHAIN)).into_iter().chain(edges) {
                let reached = &mut reached_by[next as usize];
                if reached.is_some() || (next == from && next != to) {
                    continue;
                }
                *reached = Some(Step { from: node, to: next, edge });
                if next == to {
                    return Some(trace(&reached_by, from, to));
                }
                if edge == CHAIN { queue.push_front(next) } else { queue.push_back(next) }
            }
        }
        None
    }
}

fn weight(path: &[Step]) -> (usize, usize) {
    let edges = path.iter().filter(|it| it.edge != CHAIN).count();
    (if path.is_empty() { usize::MAX } else { edges }, path.len())
}

fn trace(reached_by: &[Option<Step>], from: u32, to: u32) -> Vec<Step> {
    let mut steps = vec![];
    let mut node = to;
    while let Some(step) = reached_by[node as usize] {
        steps.push(step);
        node = step.from;
        if node == from {
            break;
        }
    }
    steps.reverse();
    steps
}
