//! Directed graphs of a few vertices: orders, cycles, and what lies on cycles.
use std::collections::{BTreeSet, VecDeque};

/// A directed graph on the vertices `0..n`. Edges are kept once each and in order, so that every answer is a
/// function of the set of edges.
///
/// ```
/// use distlab::machines::graph::Digraph;
/// let mut graph = Digraph::new(3);
/// graph.add(2, 0);
/// assert_eq!(graph.order(), Some(vec![2, 0, 1]));
/// graph.add(0, 2);
/// assert_eq!((graph.order(), graph.cycle()), (None, Some(vec![0, 2])));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digraph {
    next: Vec<BTreeSet<usize>>,
}

impl Digraph {
    /// `n` vertices and no edge.
    pub fn new(n: usize) -> Self {
        Self { next: vec![BTreeSet::new(); n] }
    }

    /// Adds an edge. An edge from a vertex to itself is a cycle.
    pub fn add(&mut self, from: usize, to: usize) {
        self.next[from].insert(to);
    }

    /// How many vertices there are.
    pub fn len(&self) -> usize {
        self.next.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.next.is_empty()
    }

    /// Whether there is this edge.
    pub fn has(&self, from: usize, to: usize) -> bool {
        self.next[from].contains(&to)
    }

    /// All edges, in order.
    pub fn edges(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.next.iter().enumerate().flat_map(|(from, next)| next.iter().map(move |to| (from, *to)))
    }

    /// The same vertices with only those edges whose ends both stay.
    #[must_use]
    pub fn only(&self, stays: impl Fn(usize) -> bool) -> Self {
        let mut part = Self::new(self.len());
        self.edges()
            .filter(|(from, to)| stays(*from) && stays(*to))
            .for_each(|(from, to)| part.add(from, to));
        part
    }

    /// An order in which every edge leads forward; `None` if there is a cycle.
    ///
    /// What follows a vertex and has become free comes right after it.
    pub fn order(&self) -> Option<Vec<usize>> {
        let mut before = vec![0; self.len()];
        self.edges().for_each(|(_, to)| before[to] += 1);
        let mut free: Vec<usize> = (0..self.len()).filter(|it| before[*it] == 0).collect();
        let mut order = Vec::with_capacity(self.len());
        while let Some(vertex) = free.pop() {
            order.push(vertex);
            for &to in &self.next[vertex] {
                before[to] -= 1;
                if before[to] == 0 {
                    free.push(to);
                }
            }
        }
        (order.len() == self.len()).then_some(order)
    }

    /// Whether every edge leads forward in `order`, which names every vertex once.
    pub fn is_order(&self, order: &[usize]) -> bool {
        let mut place = vec![usize::MAX; self.len()];
        for (at, vertex) in order.iter().enumerate() {
            match place.get_mut(*vertex) {
                Some(slot) if *slot == usize::MAX => *slot = at,
                _ => return false,
            }
        }
        order.len() == self.len() && self.edges().all(|(from, to)| place[from] < place[to])
    }

    /// A shortest cycle, each vertex once; its last vertex is its largest. `None` if there is none.
    pub fn cycle(&self) -> Option<Vec<usize>> {
        if self.order().is_some() {
            return None;
        }
        let mut best: Option<Vec<usize>> = None;
        for vertex in 0..self.len() {
            if let Some(found) = self.cycle_through(vertex)
                && best.as_ref().is_none_or(|best| found.len() < best.len())
            {
                best = Some(found);
            }
        }
        let mut cycle = best?;
        let largest = (0..cycle.len()).max_by_key(|at| cycle[*at]).unwrap_or(0);
        let first = (largest + 1) % cycle.len();
        cycle.rotate_left(first);
        Some(cycle)
    }

    /// A shortest cycle through a vertex, beginning there.
    pub fn cycle_through(&self, vertex: usize) -> Option<Vec<usize>> {
        let mut came_from = vec![usize::MAX; self.len()];
        let mut queue = VecDeque::from([vertex]);
        while let Some(at) = queue.pop_front() {
            for &to in &self.next[at] {
                if to == vertex {
                    let mut path = vec![at];
                    while path[path.len() - 1] != vertex {
                        path.push(came_from[path[path.len() - 1]]);
                    }
                    path.reverse();
                    return Some(path);
                }
                if came_from[to] == usize::MAX {
                    came_from[to] = at;
                    queue.push_back(to);
                }
            }
        }
        None
    }

    /// The vertices that lie on a cycle, in order.
    pub fn on_cycles(&self) -> Vec<usize> {
        (0..self.len()).filter(|vertex| self.cycle_through(*vertex).is_some()).collect()
    }

    /// A smallest set of vertices without which there is no cycle, in order; of several, the one that a search
    /// along shortest cycles finds first. Exponential in the size of the answer: after `most` steps of the
    /// search the best set found so far is given, which is one, but perhaps not a smallest.
    pub fn smallest_breaking_all_cycles(&self, most: u64) -> Vec<usize> {
        let mut best = self.on_cycles();
        let mut left = most.max(1);
        self.break_cycles(&mut Vec::new(), &mut best, &mut left);
        best.sort_unstable();
        best
    }

    fn break_cycles(&self, gone: &mut Vec<usize>, best: &mut Vec<usize>, left: &mut u64) {
        if *left == 0 || gone.len() >= best.len() {
            return;
        }
        *left -= 1;
        let Some(cycle) = self.cycle() else {
            best.clone_from(gone);
            return;
        };
        // One vertex of every cycle has to go; the largest, which came last, is tried first.
        let mut members = cycle;
        members.sort_unstable_by(|a, b| b.cmp(a));
        for vertex in members {
            gone.push(vertex);
            self.only(|it| it != vertex).break_cycles(gone, best, left);
            gone.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{Purpose, Rng};

    fn random(rng: &mut Rng, n: usize, edges: u64) -> Digraph {
        let mut graph = Digraph::new(n);
        for _ in 0..edges {
            let (from, to) = (rng.below(n as u64) as usize, rng.below(n as u64) as usize);
            if from != to {
                graph.add(from, to);
            }
        }
        graph
    }

    /// By trying every order.
    fn has_order(graph: &Digraph, order: &mut Vec<usize>) -> bool {
        if order.len() == graph.len() {
            return graph.is_order(order);
        }
        (0..graph.len()).any(|vertex| {
            if order.contains(&vertex) {
                return false;
            }
            order.push(vertex);
            let found = has_order(graph, order);
            order.pop();
            found
        })
    }

    /// By trying every set of vertices.
    fn smallest(graph: &Digraph) -> usize {
        let sets = 0..1_u32 << graph.len();
        let breaks = |set: &u32| graph.only(|it| set & (1 << it) == 0).order().is_some();
        sets.filter(breaks).map(u32::count_ones).min().unwrap() as usize
    }

    #[test]
    fn orders_cycles_and_smallest_sets_agree_with_trying_everything() {
        let mut rng = Rng::stream(1, Purpose::Workload, 0, 0);
        let (mut cyclic, mut several) = (0, 0);
        for _ in 0..3_000 {
            let (n, edges) = (1 + rng.below(6) as usize, rng.below(14));
            let graph = random(&mut rng, n, edges);
            let order = graph.order();
            assert_eq!(order.is_some(), has_order(&graph, &mut Vec::new()), "{graph:?}");
            assert!(order.is_none_or(|order| graph.is_order(&order)));
            let cycle = graph.cycle();
            assert_eq!(cycle.is_none(), graph.order().is_some());
            if let Some(cycle) = cycle {
                cyclic += 1;
                let closed = cycle.iter().chain([&cycle[0]]).copied().collect::<Vec<_>>();
                assert!(closed.windows(2).all(|it| graph.has(it[0], it[1])), "{graph:?} {cycle:?}");
                assert_eq!(cycle.last(), cycle.iter().max());
            }
            let set = graph.smallest_breaking_all_cycles(10_000);
            assert!(graph.only(|it| !set.contains(&it)).order().is_some());
            assert_eq!(set.len(), smallest(&graph), "{graph:?} {set:?}");
            several += usize::from(set.len() > 1);
        }
        assert!(cyclic > 300 && several > 30, "the cases are varied: {cyclic} {several}");
    }

    #[test]
    fn a_search_cut_short_still_breaks_all_cycles() {
        let mut rng = Rng::stream(2, Purpose::Workload, 0, 0);
        for _ in 0..50 {
            let graph = random(&mut rng, 30, 90);
            let set = graph.smallest_breaking_all_cycles(3);
            assert!(graph.only(|it| !set.contains(&it)).order().is_some());
        }
    }
}
