//! Graphs of transactions: who must come before whom, and why.
//!
//! [`Links`] is the list of dependencies as they are found; a [`Graph`] is made of those of some kinds, in
//! the layout that the level asks for:
//!
//! | level | what must be acyclic | layout |
//! |---|---|---|
//! | read committed to causal, serializable | the links themselves | [`Layout::Single`]: a node a transaction |
//! | snapshot isolation | `(so ∪ wr ∪ ww) ; rw?` | [`Layout::Snapshot`]: a beginning and a commit each; others see a commit only when they begin after it, and an overwriter commits after the reader began |
//! | prefix | `((so ∪ wr) ; rw?) ∪ ww` | [`Layout::Prefix`]: the same, but overwriting only orders the commits |
//!
//! Besides transactions, links may have *helpers* at their ends: nodes that stand for many links of one kind
//! at once (everybody before a moment, everybody after it), so that their number stays linear.
use super::{Committed, Exhausted, Meter};
use crate::check::consistency::history::{History, NULL};

/// Why one transaction comes before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Dependency {
    /// The other read what it wrote.
    WriteRead,
    /// The other overwrote what it wrote.
    WriteWrite,
    /// The other overwrote what it read.
    ReadWrite,
    /// They are of one process, in this order.
    Session,
    /// It was answered before the other was asked.
    RealTime,
}

impl Dependency {
    /// Its short name.
    pub fn name(self) -> &'static str {
        match self {
            Self::WriteRead => "wr",
            Self::WriteWrite => "ww",
            Self::ReadWrite => "rw",
            Self::Session => "session",
            Self::RealTime => "real-time",
        }
    }
}

/// A set of dependencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dependencies(u8);

impl Dependencies {
    /// None of them.
    pub const NONE: Self = Self(0);
    /// All of them.
    pub const ALL: Self = Self(u8::MAX);

    /// These.
    pub const fn of(kinds: &[Dependency]) -> Self {
        let (mut set, mut i) = (0, 0);
        while i < kinds.len() {
            set |= 1 << kinds[i] as u8;
            i += 1;
        }
        Self(set)
    }

    /// These and those.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether this is one of them.
    pub const fn contains(self, kind: Dependency) -> bool {
        self.0 & 1 << kind as u8 != 0
    }
}

/// One transaction (or helper) must come before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// The earlier one,
    pub from: u32,
    /// the later one,
    pub to: u32,
    /// why,
    pub kind: Dependency,
    /// and through which key; null if through none.
    pub key: u32,
}

/// All that was found out about who must come before whom.
#[derive(Clone, Debug, Default)]
pub struct Links {
    /// How many transactions there are: the ends of links below this number.
    pub transactions: u32,
    /// How many helpers there are: the numbers that follow.
    pub helpers: u32,
    /// The links.
    pub links: Vec<Link>,
}

impl Links {
    /// None yet, between so many transactions.
    pub fn new(transactions: usize) -> Self {
        Self { transactions: transactions as u32, helpers: 0, links: vec![] }
    }

    /// A new helper. All links of a helper must be of one kind.
    pub fn helper(&mut self) -> u32 {
        self.helpers += 1;
        self.transactions + self.helpers - 1
    }

    /// Adds a link, unless it is from a transaction to itself.
    pub fn add(&mut self, from: u32, to: u32, kind: Dependency, key: u32) {
        if from != to {
            self.links.push(Link { from, to, kind, key });
        }
    }

    /// Adds the order of each process: a link from each transaction to the next one.
    pub fn add_sessions(&mut self, history: &History, committed: &Committed) {
        let mut latest = vec![Committed::NONE; history.names.processes.len()];
        for (number, row) in committed.rows.iter().enumerate() {
            let latest = &mut latest[history.process[*row as usize] as usize];
            if *latest != Committed::NONE {
                self.add(*latest, number as u32, Dependency::Session, NULL);
            }
            *latest = number as u32;
        }
    }

    /// Whether a number is that of a helper.
    pub fn is_helper(&self, slot: u32) -> bool {
        slot >= self.transactions
    }
}

/// The links among some transactions and helpers, which have numbers of their own here.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// The links, in the numbers of the part.
    pub links: Links,
    /// Of each transaction and helper of the part, its number in the whole, ascending.
    pub slots: Vec<u32>,
}

impl Part {
    /// The parts that the components with cycles are, in their order. `components` are those of the graph of
    /// all these links with a node each. O(transactions + links + size of the parts · its logarithm).
    pub fn cyclic(links: &Links, components: &Components) -> Vec<Self> {
        const NONE: u32 = u32::MAX;
        let slots = (links.transactions + links.helpers) as usize;
        let (mut part_of, mut number) = (vec![NONE; slots], vec![0; slots]);
        let mut parts = Vec::with_capacity(components.cyclic.len());
        for range in &components.cyclic {
            let mut slots = components.order[range.clone()].to_vec();
            slots.sort_unstable();
            for (i, slot) in slots.iter().enumerate() {
                part_of[*slot as usize] = parts.len() as u32;
                number[*slot as usize] = i as u32;
            }
            let transactions = slots.partition_point(|slot| !links.is_helper(*slot));
            let mut part = Self { links: Links::new(transactions), slots };
            part.links.helpers = (part.slots.len() - transactions) as u32;
            parts.push(part);
        }
        for link in &links.links {
            let (from, to) = (link.from as usize, link.to as usize);
            if part_of[from] != NONE && part_of[from] == part_of[to] {
                let part = &mut parts[part_of[from] as usize];
                part.links.links.push(Link { from: number[from], to: number[to], ..*link });
            }
        }
        parts
    }

    /// The transactions of the part, by their numbers in the whole, ascending.
    pub fn transactions(&self) -> &[u32] {
        &self.slots[..self.links.transactions as usize]
    }
}

/// How transactions become nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// One node each.
    Single,
    /// Beginning and commit; whoever depends begins after the commit; who overwrites what was read commits
    /// after the reader began.
    Snapshot,
    /// The same, except that who overwrites only commits after the commit of the other.
    Prefix,
}

impl Layout {
    fn nodes(self, links: &Links) -> usize {
        let width = if self == Self::Single { 1 } else { 2 };
        links.transactions as usize * width + links.helpers as usize
    }

    fn begin(self, links: &Links, slot: u32) -> u32 {
        match self {
            Self::Single => slot,
            _ if links.is_helper(slot) => slot + links.transactions,
            _ => 2 * slot,
        }
    }

    fn commit(self, links: &Links, slot: u32) -> u32 {
        match self {
            Self::Single => slot,
            _ if links.is_helper(slot) => slot + links.transactions,
            _ => 2 * slot + 1,
        }
    }

    fn ends(self, links: &Links, link: &Link) -> (u32, u32) {
        let from = match link.kind {
            Dependency::ReadWrite => self.begin(links, link.from),
            _ => self.commit(links, link.from),
        };
        let to = match link.kind {
            Dependency::ReadWrite => self.commit(links, link.to),
            Dependency::WriteWrite if self == Self::Prefix => self.commit(links, link.to),
            _ => self.begin(links, link.to),
        };
        (from, to)
    }
}

/// Successors of every node, one after the other.
#[derive(Clone, Debug)]
pub struct Graph {
    layout: Layout,
    transactions: u32,
    starts: Vec<u32>,
    targets: Vec<u32>,
    reasons: Vec<u32>,
}

impl Graph {
    /// The reason of an edge from the beginning of a transaction to its commit.
    pub const INNER: u32 = u32::MAX;

    /// The graph of the links of these kinds. O(nodes + links).
    pub fn new(links: &Links, layout: Layout, kinds: Dependencies) -> Self {
        let nodes = layout.nodes(links);
        let inner = if layout == Layout::Single { 0 } else { links.transactions };
        let mut starts = vec![0u32; nodes + 2];
        let wanted = || links.links.iter().enumerate().filter(|(_, link)| kinds.contains(link.kind));
        for (_, link) in wanted() {
            starts[layout.ends(links, link).0 as usize + 2] += 1;
        }
        for transaction in 0..inner {
            starts[2 * transaction as usize + 2] += 1;
        }
        for node in 2..starts.len() {
            starts[node] += starts[node - 1];
        }
        let edges = starts[nodes + 1] as usize;
        let (mut targets, mut reasons) = (vec![0; edges], vec![Self::INNER; edges]);
        let mut put = |from: u32, to: u32, reason: u32| {
            let at = &mut starts[from as usize + 1];
            targets[*at as usize] = to;
            reasons[*at as usize] = reason;
            *at += 1;
        };
        (0..inner).for_each(|transaction| put(2 * transaction, 2 * transaction + 1, Self::INNER));
        for (reason, link) in wanted() {
            let (from, to) = layout.ends(links, link);
            put(from, to, reason as u32);
        }
        starts.pop();
        Self { layout, transactions: links.transactions, starts, targets, reasons }
    }

    /// How many nodes there are.
    pub fn nodes(&self) -> usize {
        self.starts.len() - 1
    }

    /// How many edges there are.
    pub fn edges(&self) -> usize {
        self.targets.len()
    }

    /// The edges out of a node, as (node, index of the link that is the reason).
    pub fn successors(&self, node: u32) -> impl Iterator<Item = (u32, u32)> + '_ {
        let range = self.starts[node as usize] as usize..self.starts[node as usize + 1] as usize;
        self.targets[range.clone()].iter().copied().zip(self.reasons[range].iter().copied())
    }

    /// The transaction that commits at a node.
    fn commits(&self, node: u32) -> Option<u32> {
        match self.layout {
            Layout::Single => (node < self.transactions).then_some(node),
            _ => (node / 2 < self.transactions && node % 2 == 1).then_some(node / 2),
        }
    }

    /// The strongly connected components. O(nodes + edges), by Pearce's form of Tarjan's algorithm (*A
    /// Space-Efficient Algorithm for Finding Strongly Connected Components*, 2016), without recursion.
    ///
    /// # Errors
    /// When the budget is spent.
    pub fn components(&self, meter: &mut Meter<'_>) -> Result<Components, Exhausted> {
        let mut search = Search {
            graph: self,
            rank: vec![0; self.nodes()],
            next_rank: 1,
            next_component: u32::MAX,
            calls: vec![],
            waiting: vec![],
            found: Components { order: Vec::with_capacity(self.nodes()), cyclic: vec![] },
        };
        for node in 0..self.nodes() as u32 {
            if search.rank[node as usize] == 0 {
                search.visit(node, meter)?;
            }
        }
        Ok(search.found)
    }

    /// The transactions in the order in which they commit, if there is no cycle.
    pub fn commit_order(&self, components: &Components) -> Vec<u32> {
        components.order.iter().rev().filter_map(|node| self.commits(*node)).collect()
    }
}

/// Strongly connected components.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Components {
    /// All nodes, component by component, those that nothing follows first: a topological order, backwards.
    pub order: Vec<u32>,
    /// Where in `order` the components of more than one node are.
    pub cyclic: Vec<std::ops::Range<usize>>,
}

impl Components {
    /// Whether there is no cycle.
    pub fn is_acyclic(&self) -> bool {
        self.cyclic.is_empty()
    }
}

struct Call {
    node: u32,
    edge: u32,
    is_root: bool,
}

struct Search<'a> {
    graph: &'a Graph,
    /// 0: not yet visited; small: visited, the smallest rank known to be reachable; large: in a component.
    rank: Vec<u32>,
    next_rank: u32,
    next_component: u32,
    calls: Vec<Call>,
    waiting: Vec<u32>,
    found: Components,
}

impl Search<'_> {
    fn visit(&mut self, start: u32, meter: &mut Meter<'_>) -> Result<(), Exhausted> {
        self.enter(start);
        while let Some(call) = self.calls.last_mut() {
            let node = call.node;
            if call.edge < self.graph.starts[node as usize + 1] {
                let next = self.graph.targets[call.edge as usize];
                let rank = self.rank[next as usize];
                if rank == 0 {
                    // The edge is looked at again when the call returns.
                    self.enter(next);
                    continue;
                }
                call.edge += 1;
                if rank < self.rank[node as usize] {
                    self.rank[node as usize] = rank;
                    call.is_root = false;
                }
            } else {
                let is_root = call.is_root;
                meter.spend(1 + u64::from(call.edge - self.graph.starts[node as usize]))?;
                self.calls.pop();
                if is_root { self.complete(node) } else { self.waiting.push(node) }
            }
        }
        Ok(())
    }

    fn enter(&mut self, node: u32) {
        self.rank[node as usize] = self.next_rank;
        self.next_rank += 1;
        self.calls.push(Call { node, edge: self.graph.starts[node as usize], is_root: true });
    }

    fn complete(&mut self, root: u32) {
        let begin = self.found.order.len();
        let rank = self.rank[root as usize];
        while let Some(node) = self.waiting.pop_if(|node| self.rank[*node as usize] >= rank) {
            self.rank[node as usize] = self.next_component;
            self.found.order.push(node);
        }
        self.rank[root as usize] = self.next_component;
        self.found.order.push(root);
        self.next_component -= 1;
        let size = self.found.order.len() - begin;
        self.next_rank -= size as u32;
        if size > 1 {
            self.found.cyclic.push(begin..begin + size);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::consistency::Budget;
    use crate::check::consistency::arbitrary::Chance;

    fn random(chance: &mut Chance) -> Links {
        let mut links = Links::new(1 + chance.below(8) as usize);
        let kinds =
            [Dependency::WriteRead, Dependency::WriteWrite, Dependency::ReadWrite, Dependency::Session];
        let n = u64::from(links.transactions);
        for _ in 0..chance.below(2 * n) {
            let (from, to) = (chance.below(n) as u32, chance.below(n) as u32);
            links.add(from, to, kinds[chance.below(4) as usize], 1);
        }
        links
    }

    /// Which nodes reach which, by at least one edge.
    fn reach(graph: &Graph) -> Vec<Vec<bool>> {
        let n = graph.nodes();
        let mut reach = vec![vec![false; n]; n];
        for (node, reach) in reach.iter_mut().enumerate() {
            graph.successors(node as u32).for_each(|(next, _)| reach[next as usize] = true);
        }
        for via in 0..n {
            for from in 0..n {
                for to in 0..n {
                    reach[from][to] |= reach[from][via] && reach[via][to];
                }
            }
        }
        reach
    }

    #[test]
    fn components_are_those_that_reach_each_other_in_topological_order() {
        let budget = Budget::default();
        let mut cyclic = 0;
        for seed in 0..3_000 {
            let links = random(&mut Chance::new(seed));
            for layout in [Layout::Single, Layout::Snapshot, Layout::Prefix] {
                let graph = Graph::new(&links, layout, Dependencies::ALL);
                let found = graph.components(&mut Meter::new(&budget)).expect("there is enough");
                let reach = reach(&graph);
                assert_eq!(found.is_acyclic(), (0..graph.nodes()).all(|node| !reach[node][node]));
                cyclic += u32::from(!found.is_acyclic());
                let together = |one: usize, other: usize| {
                    found.cyclic.iter().any(|range| range.contains(&one) && range.contains(&other))
                };
                for (i, one) in found.order.iter().enumerate() {
                    for (j, other) in found.order.iter().enumerate().skip(i + 1) {
                        let (one, other) = (*one as usize, *other as usize);
                        assert_eq!(together(i, j), reach[one][other] && reach[other][one]);
                        assert!(together(i, j) || !reach[one][other], "what comes first follows");
                    }
                }
            }
        }
        assert!((1_000..8_000).contains(&cyclic), "{cyclic}");
    }

    #[test]
    fn layouts_forbid_the_cycles_of_their_levels() {
        use Dependency::{ReadWrite, WriteRead, WriteWrite};
        let forbidden = |kinds: &[Dependency]| {
            let mut links = Links::new(kinds.len());
            for (i, kind) in kinds.iter().enumerate() {
                links.add(i as u32, (i as u32 + 1) % links.transactions, *kind, 1);
            }
            [Layout::Prefix, Layout::Snapshot, Layout::Single].map(|layout| {
                let budget = Budget::default();
                let graph = Graph::new(&links, layout, Dependencies::ALL);
                !graph.components(&mut Meter::new(&budget)).expect("there is enough").is_acyclic()
            })
        };
        assert_eq!(forbidden(&[WriteWrite, WriteWrite]), [true, true, true]);
        assert_eq!(forbidden(&[WriteRead, ReadWrite]), [true, true, true]);
        assert_eq!(forbidden(&[WriteWrite, ReadWrite]), [false, true, true]);
        assert_eq!(forbidden(&[ReadWrite, ReadWrite]), [false, false, true]);
        assert_eq!(forbidden(&[WriteRead, ReadWrite, ReadWrite]), [false, false, true]);
        assert_eq!(forbidden(&[WriteRead, ReadWrite, WriteRead, ReadWrite]), [true, true, true]);
    }
}
