//! Snapshot isolation, and the order of writes that nobody read.
//!
//! Two transactions that write one key must not overlap under snapshot isolation. For writes that somebody read
//! the order of the versions says which came first; for the others it has to be found: an order of beginnings
//! and commits is proposed, and where two such writers overlap in it, both ways are tried, with
//! conflict-directed backjumping (Prosser, *Hybrid Algorithms for the Constraint Satisfaction Problem*, 1993):
//! what fails goes back to the last choice that the cycle goes through.
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use super::super::cycles;
use super::super::graph::{Components, Dependencies, Dependency, Graph, Layout, Link, Part};
use super::super::{Exhausted, Meter};
use super::versions::Versions;

/// What was found.
#[derive(Clone, Debug)]
pub(super) enum Found {
    /// The transactions of the part in the order of their commits, in the numbers of the part.
    Order(Vec<u32>),
    /// There is none.
    Conflict {
        /// With these choices (perhaps none) there is a cycle.
        choices: Vec<Link>,
        /// The last pair of which neither order is possible.
        pair: Option<Link>,
    },
}

/// A choice that was made.
struct Choice {
    link: Link,
    /// If this is the second way: the earlier choices because of which the first one failed.
    blamed: Option<BTreeSet<usize>>,
}

/// An order of commits for a part. O(size) if nothing has to be chosen or the first proposal is good; each
/// choice costs as much, and there may be exponentially many in the number of overlapping writers.
///
/// # Errors
/// When the budget is spent.
pub(super) fn commit_order(
    part: &Part,
    versions: &Versions,
    meter: &mut Meter<'_>,
) -> Result<Found, Exhausted> {
    let groups = groups(part, versions);
    let mut choices: Vec<Choice> = vec![];
    let mut links = part.links.clone();
    loop {
        links.links.truncate(part.links.links.len());
        links.links.extend(choices.iter().map(|it| it.link));
        let graph = Graph::new(&links, Layout::Snapshot, Dependencies::ALL);
        let components = graph.components(meter)?;
        if !components.is_acyclic() {
            let cycle = cycles::shortest(&graph, &components, meter)?;
            let chosen = |link: u32| (link as usize).checked_sub(part.links.links.len());
            let blamed = cycle.into_iter().filter(|it| *it != Graph::INNER).filter_map(chosen).collect();
            let links = choices.iter().map(|it| it.link).collect();
            if let Err(pair) = jump_back(&mut choices, blamed) {
                return Ok(Found::Conflict { choices: links, pair });
            }
        } else if groups.is_empty() {
            return Ok(Found::Order(graph.commit_order(&components)));
        } else {
            let schedule = Schedule::of(&graph, &components, &groups, links.transactions, meter)?;
            match schedule.overlap(&groups) {
                Some(link) => choices.push(Choice { link, blamed: None }),
                None => return Ok(Found::Order(schedule.commits)),
            }
        }
    }
}

/// Takes the other way at the last of the choices that are to blame and have one.
///
/// # Errors
/// If there is none; then with the pair that had none last.
fn jump_back(choices: &mut Vec<Choice>, mut blamed: BTreeSet<usize>) -> Result<(), Option<Link>> {
    let mut pair = None;
    while let Some(last) = blamed.pop_last() {
        choices.truncate(last + 1);
        let Some(Choice { link, blamed: before }) = choices.pop() else { break };
        match before {
            None => {
                let link = Link { from: link.to, to: link.from, ..link };
                choices.push(Choice { link, blamed: Some(blamed) });
                return Ok(());
            }
            Some(before) => {
                pair = Some(link);
                blamed.extend(before);
            }
        }
    }
    Err(pair)
}

/// Several transactions of a part that wrote a key, and nobody read it.
struct Group {
    key: u32,
    writers: Vec<u32>,
}

fn groups(part: &Part, versions: &Versions) -> Vec<Group> {
    let mut pairs: Vec<(u32, u32)> = vec![];
    for cell in 0..versions.cells() {
        for writer in versions.unread(cell) {
            if let Ok(local) = part.transactions().binary_search(writer) {
                pairs.push((cell as u32, local as u32));
            }
        }
    }
    let groups = pairs.chunk_by(|one, other| one.0 == other.0).filter(|group| group.len() > 1);
    let group = |group: &[(u32, u32)]| Group {
        key: versions.keys[group[0].0 as usize],
        writers: group.iter().map(|(_, writer)| *writer).collect(),
    };
    groups.map(group).collect()
}

/// An order of beginnings and commits.
struct Schedule {
    /// Of each node, when it is.
    times: Vec<u32>,
    commits: Vec<u32>,
}

impl Schedule {
    /// Begins the transactions in the order of their invocations as far as the graph allows, commits them as
    /// soon as it does, and keeps those of a group apart as long as there is anything else to do.
    fn of(
        graph: &Graph,
        components: &Components,
        groups: &[Group],
        transactions: u32,
        meter: &mut Meter<'_>,
    ) -> Result<Self, Exhausted> {
        let mut memberships: Vec<Vec<u32>> = vec![vec![]; transactions as usize];
        for (group, members) in groups.iter().enumerate() {
            members.writers.iter().for_each(|it| memberships[*it as usize].push(group as u32));
        }
        let mut waits_for = vec![0u32; graph.nodes()];
        for node in &components.order {
            graph.successors(*node).for_each(|(next, _)| waits_for[next as usize] += 1);
        }
        let is_begin = |node: u32| node < 2 * transactions && node.is_multiple_of(2);
        let mut begins: BinaryHeap<Reverse<u32>> = BinaryHeap::new();
        let mut others: Vec<u32> = vec![];
        for node in (0..graph.nodes() as u32).filter(|node| waits_for[*node as usize] == 0) {
            if is_begin(node) { begins.push(Reverse(node)) } else { others.push(node) }
        }
        let mut open = vec![0u32; groups.len()];
        let mut deferred: Vec<u32> = vec![];
        let mut schedule = Self { times: vec![0; graph.nodes()], commits: vec![] };
        let mut time = 0;
        loop {
            let mut next = others.pop();
            while next.is_none() {
                let Some(Reverse(node)) = begins.pop() else { break };
                let busy = memberships[node as usize / 2].iter().any(|group| open[*group as usize] > 0);
                if busy { deferred.push(node) } else { next = Some(node) }
            }
            let next = next.or_else(|| (!deferred.is_empty()).then(|| deferred.remove(0)));
            let Some(node) = next else { return Ok(schedule) };
            meter.spend(1)?;
            schedule.times[node as usize] = time;
            time += 1;
            if is_begin(node) {
                memberships[node as usize / 2].iter().for_each(|group| open[*group as usize] += 1);
            } else if node < 2 * transactions {
                schedule.commits.push(node / 2);
                let left = &memberships[node as usize / 2];
                left.iter().for_each(|group| open[*group as usize] -= 1);
                if !left.is_empty() {
                    meter.spend(deferred.len() as u64)?;
                    begins.extend(deferred.drain(..).map(Reverse));
                }
            }
            for (next, _) in graph.successors(node) {
                let left = &mut waits_for[next as usize];
                *left -= 1;
                if *left == 0 {
                    if is_begin(next) { begins.push(Reverse(next)) } else { others.push(next) }
                }
            }
        }
    }

    /// Two of a group that overlap, as the link that would keep them apart.
    fn overlap(&self, groups: &[Group]) -> Option<Link> {
        groups.iter().find_map(|group| {
            let mut writers = group.writers.clone();
            writers.sort_by_key(|it| self.times[2 * *it as usize + 1]);
            let overlap =
                |pair: &&[u32]| self.times[2 * pair[1] as usize] < self.times[2 * pair[0] as usize + 1];
            let pair = writers.windows(2).find(overlap)?;
            Some(Link { from: pair[0], to: pair[1], kind: Dependency::WriteWrite, key: group.key })
        })
    }
}
