//! Cycles that are short and say much.
use super::graph::{Components, Dependencies, Dependency, Graph, Layout, Link, Links, Part};
use super::{Exhausted, Meter};

/// Which cycles a level forbids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forbidden {
    /// Those without any `rw`: read committed to causal.
    WithoutOverwriting,
    /// Those in which each `rw` follows a `wr` or a session: prefix.
    Prefix,
    /// Those in which no two `rw` follow each other: snapshot isolation.
    Snapshot,
    /// All: serializable.
    All,
}

const WRITES: Dependencies = Dependencies::of(&[Dependency::WriteWrite]);
const READS: Dependencies = Dependencies::of(&[Dependency::WriteWrite, Dependency::WriteRead]);
const OVERWRITTEN: Dependencies = Dependencies::of(&[Dependency::ReadWrite]);
const SESSION: Dependencies = Dependencies::of(&[Dependency::Session]);
const REAL_TIME: Dependencies = Dependencies::of(&[Dependency::RealTime]);

/// How many edges to look at in search of a shorter cycle than the one that is known already.
const EFFORT: u64 = 1 << 20;

/// A forbidden cycle of a part, in the numbers of the whole, as links between transactions only; none if the
/// part has none.
///
/// What is worse comes first: overwritten writes (G0), circular information (G1c), a single `rw`, several;
/// and of each sort those that need no real time, and then those that need no session order. Among cycles of
/// a sort, a short one. O(nodes + edges) plus a bounded effort.
///
/// # Errors
/// When the budget is spent.
pub fn worst(
    part: &Part,
    forbidden: Forbidden,
    meter: &mut Meter<'_>,
) -> Result<Option<Vec<Link>>, Exhausted> {
    let links = &part.links;
    let has = |kind| links.links.iter().any(|link| link.kind == kind);
    let times: &[Dependencies] =
        if has(Dependency::RealTime) { &[Dependencies::NONE, REAL_TIME] } else { &[Dependencies::NONE] };
    let orders: &[Dependencies] =
        if has(Dependency::Session) { &[Dependencies::NONE, SESSION] } else { &[Dependencies::NONE] };
    for time in times {
        for sort in sorts(forbidden) {
            for order in orders {
                let kinds = sort.kinds().and(*time).and(*order);
                if let Some(cycle) = sort.find(links, kinds, meter)? {
                    return Ok(Some(whole(part, &cycle)));
                }
            }
        }
    }
    Ok(None)
}

#[derive(Clone, Copy)]
enum Sort {
    Plain(Dependencies),
    SingleOverwriting,
    Laid(Layout),
}

fn sorts(forbidden: Forbidden) -> &'static [Sort] {
    use Sort::*;
    match forbidden {
        Forbidden::WithoutOverwriting => &[Plain(WRITES), Plain(READS)],
        Forbidden::Prefix => &[Plain(WRITES), Plain(READS), Laid(Layout::Prefix)],
        Forbidden::Snapshot => &[Plain(WRITES), Plain(READS), SingleOverwriting, Laid(Layout::Snapshot)],
        Forbidden::All => {
            &[Plain(WRITES), Plain(READS), SingleOverwriting, Laid(Layout::Snapshot), Laid(Layout::Single)]
        }
    }
}

impl Sort {
    fn kinds(self) -> Dependencies {
        match self {
            Self::Plain(kinds) => kinds,
            Self::SingleOverwriting | Self::Laid(_) => READS.and(OVERWRITTEN),
        }
    }

    /// A cycle, as indexes of links.
    fn find(
        self,
        links: &Links,
        kinds: Dependencies,
        meter: &mut Meter<'_>,
    ) -> Result<Option<Vec<u32>>, Exhausted> {
        let layout = if let Self::Laid(layout) = self { layout } else { Layout::Single };
        let graph = Graph::new(links, layout, kinds);
        let components = graph.components(meter)?;
        if components.is_acyclic() {
            return Ok(None);
        }
        let mut walk = Walk::new(&graph);
        match self {
            Self::SingleOverwriting => walk.single_overwriting(links, &components, meter),
            _ => walk.shortest(&components, meter),
        }
    }
}

/// In the numbers of the whole, without helpers.
fn whole(part: &Part, cycle: &[u32]) -> Vec<Link> {
    let reasons = cycle.iter().filter(|reason| **reason != Graph::INNER);
    let mut links: Vec<Link> = reasons.map(|reason| part.links.links[*reason as usize]).collect();
    let first = links.iter().position(|link| !part.links.is_helper(link.from)).unwrap_or(0);
    links.rotate_left(first);
    let mut steps: Vec<Link> = vec![];
    for link in links {
        match steps.last_mut() {
            Some(step) if part.links.is_helper(step.to) => step.to = link.to,
            _ => steps.push(link),
        }
    }
    for step in &mut steps {
        step.from = part.slots[step.from as usize];
        step.to = part.slots[step.to as usize];
    }
    steps
}

/// Breadth-first searches in a graph.
struct Walk<'a> {
    graph: &'a Graph,
    /// In which search each node was last reached.
    reached: Vec<u32>,
    search: u32,
    queue: Vec<Step>,
    effort: u64,
}

#[derive(Clone, Copy)]
struct Step {
    node: u32,
    reason: u32,
    previous: u32,
    depth: u32,
}

impl<'a> Walk<'a> {
    fn new(graph: &'a Graph) -> Self {
        Self { graph, reached: vec![0; graph.nodes()], search: 0, queue: vec![], effort: 0 }
    }

    /// A shortest cycle of the smallest component, if that can be found with bounded effort; some cycle at
    /// least.
    fn shortest(
        &mut self,
        components: &Components,
        meter: &mut Meter<'_>,
    ) -> Result<Option<Vec<u32>>, Exhausted> {
        let Some(range) = components.cyclic.iter().min_by_key(|range| range.len()) else { return Ok(None) };
        let mut nodes = components.order[range.clone()].to_vec();
        nodes.sort_unstable();
        let mut best: Option<Vec<u32>> = None;
        for node in nodes {
            let bound = best.as_ref().map_or(u32::MAX, |it| it.len() as u32);
            if let Some(cycle) = self.around(node, bound, &|_, _| true, meter)? {
                best = Some(cycle);
            }
            if self.effort > EFFORT || best.as_ref().is_some_and(|it| it.len() == 2) {
                break;
            }
        }
        Ok(best)
    }

    /// A short cycle with exactly one `rw`, if one is found with bounded effort.
    fn single_overwriting(
        &mut self,
        links: &Links,
        components: &Components,
        meter: &mut Meter<'_>,
    ) -> Result<Option<Vec<u32>>, Exhausted> {
        let is_rw = |reason: u32| links.links[reason as usize].kind == Dependency::ReadWrite;
        let mut best: Option<Vec<u32>> = None;
        let mut ranges: Vec<_> = components.cyclic.iter().collect();
        ranges.sort_by_key(|range| range.len());
        for node in ranges.into_iter().flat_map(|range| &components.order[range.clone()]) {
            if links.is_helper(*node) {
                continue;
            }
            let bound = best.as_ref().map_or(u32::MAX, |it| it.len() as u32);
            // From the start one `rw` is taken, through helpers if need be, and then no other.
            let allowed = |from: u32, reason: u32| {
                if from == *node { is_rw(reason) } else { links.is_helper(from) || !is_rw(reason) }
            };
            if let Some(cycle) = self.around(*node, bound, &allowed, meter)? {
                best = Some(cycle);
            }
            if self.effort > EFFORT || best.as_ref().is_some_and(|it| it.len() == 2) {
                break;
            }
        }
        Ok(best)
    }

    /// A shortest cycle through a node that is shorter than the bound.
    fn around(
        &mut self,
        start: u32,
        bound: u32,
        allowed: &dyn Fn(u32, u32) -> bool,
        meter: &mut Meter<'_>,
    ) -> Result<Option<Vec<u32>>, Exhausted> {
        self.search += 1;
        self.queue.clear();
        self.queue.push(Step { node: start, reason: Graph::INNER, previous: 0, depth: 0 });
        let mut next = 0;
        while let Some(step) = self.queue.get(next).copied() {
            if step.depth + 1 >= bound {
                break;
            }
            let mut edges = 0;
            for (node, reason) in self.graph.successors(step.node) {
                edges += 1;
                if reason != Graph::INNER && !allowed(step.node, reason) {
                    continue;
                }
                let found = Step { node, reason, previous: next as u32, depth: step.depth + 1 };
                if node == start {
                    self.queue.push(found);
                    return Ok(Some(self.path()));
                }
                if self.reached[node as usize] != self.search {
                    self.reached[node as usize] = self.search;
                    self.queue.push(found);
                }
            }
            next += 1;
            self.effort += 1 + edges;
            meter.spend(1 + edges)?;
        }
        Ok(None)
    }

    /// The reasons on the way to the last step, [`Graph::INNER`] among them.
    fn path(&self) -> Vec<u32> {
        let mut reasons = vec![];
        let mut at = self.queue.len() - 1;
        while at > 0 {
            reasons.push(self.queue[at].reason);
            at = self.queue[at].previous as usize;
        }
        reasons.reverse();
        reasons
    }
}

/// A short cycle of a graph that has one, as indexes of links, with [`Graph::INNER`] among them.
///
/// # Errors
/// When the budget is spent.
pub fn shortest(
    graph: &Graph,
    components: &Components,
    meter: &mut Meter<'_>,
) -> Result<Vec<u32>, Exhausted> {
    Ok(Walk::new(graph).shortest(components, meter)?.unwrap_or_default())
}

/// A shortest path between two transactions through the links of these kinds; none if there is none.
///
/// # Errors
/// When the budget is spent.
pub fn path(
    part: &Part,
    kinds: Dependencies,
    from: u32,
    to: u32,
    meter: &mut Meter<'_>,
) -> Result<Option<Vec<Link>>, Exhausted> {
    let mut links = part.links.clone();
    // A cycle through this one link is a path without it.
    links.links.retain(|link| kinds.contains(link.kind));
    let closing = links.links.len() as u32;
    links.add(to, from, Dependency::ReadWrite, 0);
    let graph = Graph::new(&links, Layout::Single, Dependencies::ALL);
    let only = |node: u32, reason: u32| (node == to) == (reason == closing);
    let found = Walk::new(&graph).around(to, u32::MAX, &only, meter)?;
    let part = Part { links, slots: part.slots.clone() };
    Ok(found.map(|cycle| whole(&part, &cycle[1..])))
}
