//! Behaviors that go on for ever, as lassos: a way into a cycle.
//!
//! A behavior that never comes to a property stays among states without it, and at last among states of one strongly
//! connected component. It is fair if each class of actions that is possible in all states in which it goes round is
//! taken there. If a whole component is not fair, none of its cycles is: a class possible everywhere in it and
//! taken nowhere in it is so on each part of it too. Hence it is enough to look at whole components. A single state
//! may be a component as well: the behavior stays there, which is fair if no class is possible. An action that leads
//! back to the same state changes nothing, so it is no step at all (as in TLA+, where fairness is about actions that
//! change something).
use std::collections::VecDeque;

/// A step to a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) to: u32,
    /// Which of the actions.
    pub(super) ordinal: u32,
    /// What fairness promises of it.
    pub(super) class: Option<u64>,
}

/// In place of the number of an action: none of the class can happen now, but it is only put off. Such an edge leads
/// back to its state.
pub(super) const PUT_OFF: u32 = u32::MAX;

/// States by number, and the steps between them.
pub(super) struct Net {
    initial: usize,
    /// Whether all steps from a state are known.
    expanded: Vec<bool>,
    offsets: Vec<usize>,
    edges: Vec<Edge>,
}

/// A way from an initial state to one from which the cycle leads back to it; no cycle: it stays there.
#[derive(Debug)]
pub(super) struct Lasso {
    pub(super) start: u32,
    pub(super) path: Vec<Edge>,
    pub(super) cycle: Vec<Edge>,
}

const NOWHERE: u32 = u32::MAX;

/// How a state was reached: from which one, and by which edge.
type Via = (u32, Edge);

impl Net {
    /// The first `initial` states are; steps are sorted by where they begin.
    pub(super) fn new(initial: usize, expanded: Vec<bool>, steps: &[(u32, Edge)]) -> Self {
        let mut offsets = vec![0; expanded.len() + 1];
        for (from, _) in steps {
            offsets[*from as usize + 1] += 1;
        }
        for at in 1..offsets.len() {
            offsets[at] += offsets[at - 1];
        }
        Self { initial, expanded, offsets, edges: steps.iter().map(|(_, edge)| *edge).collect() }
    }

    pub(super) fn edges(&self, from: usize) -> &[Edge] {
        &self.edges[self.offsets[from]..self.offsets[from + 1]]
    }

    /// The steps that change something.
    fn steps(&self, from: u32) -> impl Iterator<Item = Edge> {
        self.edges(from as usize).iter().copied().filter(move |edge| edge.to != from)
    }

    /// The classes that are possible in a state, in order, once each.
    fn possible(&self, state: u32) -> Vec<u64> {
        let counts = |edge: &&Edge| edge.to != state || edge.ordinal == PUT_OFF;
        let edges = self.edges(state as usize).iter().filter(counts);
        let mut classes: Vec<u64> = edges.filter_map(|edge| edge.class).collect();
        classes.sort_unstable();
        classes.dedup();
        classes
    }

    /// A fair behavior that never comes to a state in which `held` says that the property holds.
    pub(super) fn lasso(&self, held: &[bool]) -> Option<Lasso> {
        let without = |state: u32| self.expanded[state as usize] && !held[state as usize];
        let starts = (0..self.initial as u32).filter(|state| without(*state));
        let (order, via) = self.spread(starts, without);
        let component = self.components(&order, &via, without);
        let fair = self.fair_components(&order, &component);
        let is_fair = |state: u32| fair[component[state as usize] as usize];

        let near = *order.iter().find(|state| is_fair(**state))?;
        let staying = order.iter().copied().find(|state| self.possible(*state).is_empty());
        let way = |state| self.way(state, &via);
        let stay = staying.map(|state| (way(state), Vec::new()));
        let round = (staying != Some(near)).then(|| {
            let inside = |state: u32| {
                via[state as usize].is_some() && component[state as usize] == component[near as usize]
            };
            (way(near), self.cycle(near, inside))
        });
        let length = |((_, path), cycle): &((u32, Vec<Edge>), Vec<Edge>)| path.len() + cycle.len();
        let ((start, path), cycle) = stay.into_iter().chain(round).min_by_key(length)?;
        Some(Lasso { start, path, cycle })
    }

    /// All states that can be reached through states that are `inside`, nearest first, and how.
    fn spread(
        &self,
        starts: impl Iterator<Item = u32>,
        inside: impl Fn(u32) -> bool,
    ) -> (Vec<u32>, Vec<Option<Via>>) {
        let mut via = vec![None; self.expanded.len()];
        let mut order: Vec<u32> = starts.collect();
        for start in &order {
            via[*start as usize] = Some((NOWHERE, Edge { to: *start, ordinal: 0, class: None }));
        }
        let mut next = 0;
        while next < order.len() {
            let from = order[next];
            next += 1;
            for edge in self.steps(from).filter(|edge| inside(edge.to)) {
                let reached = &mut via[edge.to as usize];
                if reached.is_none() {
                    *reached = Some((from, edge));
                    order.push(edge.to);
                }
            }
        }
        (order, via)
    }

    /// Where the way to `state` begins, and its steps.
    fn way(&self, state: u32, via: &[Option<Via>]) -> (u32, Vec<Edge>) {
        let (mut at, mut path) = (state, Vec::new());
        while let Some((from, edge)) = via[at as usize].filter(|(from, _)| *from != NOWHERE) {
            path.push(edge);
            at = from;
        }
        path.reverse();
        (at, path)
    }

    /// The number of each state's strongly connected component (Tarjan 1972, with a stack of its own).
    fn components(&self, order: &[u32], via: &[Option<Via>], without: impl Fn(u32) -> bool) -> Vec<u32> {
        let states = self.expanded.len();
        let (mut component, mut index, mut low) =
            (vec![NOWHERE; states], vec![0u32; states], vec![0u32; states]);
        let (mut found, mut count) = (0, 0);
        let (mut open, mut calls): (Vec<u32>, Vec<(u32, usize)>) = (Vec::new(), Vec::new());
        for &root in order {
            if index[root as usize] != 0 {
                continue;
            }
            calls.push((root, 0));
            while let Some((state, next)) = calls.pop() {
                let at = state as usize;
                if next == 0 {
                    found += 1;
                    (index[at], low[at]) = (found, found);
                    open.push(state);
                } else {
                    let child = self.edges(at)[next - 1].to as usize;
                    low[at] = low[at].min(low[child]);
                }
                let mut deeper = None;
                for (number, edge) in self.edges(at).iter().enumerate().skip(next) {
                    let to = edge.to as usize;
                    if via[to].is_none() || !without(edge.to) || component[to] != NOWHERE {
                        continue;
                    }
                    if index[to] == 0 {
                        deeper = Some((number, edge.to));
                        break;
                    }
                    low[at] = low[at].min(index[to]);
                }
                if let Some((number, child)) = deeper {
                    calls.push((state, number + 1));
                    calls.push((child, 0));
                } else if low[at] == index[at] {
                    while let Some(member) = open.pop() {
                        component[member as usize] = count;
                        if member == state {
                            break;
                        }
                    }
                    count += 1;
                }
            }
        }
        component
    }

    /// Of each component, whether what goes round in all of it is fair.
    fn fair_components(&self, order: &[u32], component: &[u32]) -> Vec<bool> {
        let mut members: Vec<(u32, u32)> = order.iter().map(|it| (component[*it as usize], *it)).collect();
        members.sort_unstable();
        members
            .chunk_by(|a, b| a.0 == b.0)
            .map(|members| {
                let mut possible: Vec<u64> =
                    members.iter().flat_map(|(_, state)| self.possible(*state)).collect();
                possible.sort_unstable();
                let mut taken: Vec<u64> = members
                    .iter()
                    .flat_map(|(own, state)| {
                        let inside = |edge: &Edge| component[edge.to as usize] == *own;
                        self.steps(*state).filter(inside).filter_map(|edge| edge.class)
                    })
                    .collect();
                taken.sort_unstable();
                let everywhere = |run: &&[u64]| run.len() == members.len();
                possible
                    .chunk_by(|a, b| a == b)
                    .filter(everywhere)
                    .all(|run| taken.binary_search(&run[0]).is_ok())
            })
            .collect()
    }

    /// A fair way round from `begin` within its fair component: on to the nearest step that takes a class which was
    /// possible all along, or comes to a state where it is not, until there is none left; then back.
    fn cycle(&self, begin: u32, inside: impl Fn(u32) -> bool) -> Vec<Edge> {
        let mut due = self.possible(begin);
        let (mut at, mut cycle) = (begin, Vec::new());
        while !due.is_empty() {
            let (order, via) = self.spread([at].into_iter(), &inside);
            let meets = |edge: &Edge| {
                inside(edge.to)
                    && (edge.class.is_some_and(|class| due.contains(&class)) || {
                        let possible = self.possible(edge.to);
                        due.iter().any(|class| !possible.contains(class))
                    })
            };
            let found = order.iter().find_map(|from| Some((*from, self.steps(*from).find(meets)?)));
            let (from, last) = found.expect("a fair component has such a step");
            let mut way = self.way(from, &via).1;
            way.push(last);
            for edge in way {
                let possible = self.possible(edge.to);
                due.retain(|class| edge.class != Some(*class) && possible.contains(class));
                cycle.push(edge);
                at = edge.to;
            }
        }
        if at != begin || cycle.is_empty() {
            // Whoever has nothing due, and is not alone, may go round any way.
            cycle.extend(self.back(at, begin, inside));
        }
        cycle
    }

    /// The shortest way from one state to another, of at least one step.
    fn back(&self, from: u32, to: u32, inside: impl Fn(u32) -> bool) -> Vec<Edge> {
        let mut waiting: VecDeque<u32> = VecDeque::from([from]);
        let mut via: Vec<Option<Via>> = vec![None; self.expanded.len()];
        while let Some(state) = waiting.pop_front() {
            for edge in self.steps(state).filter(|edge| inside(edge.to)) {
                if edge.to == to {
                    let mut path = vec![edge];
                    let mut at = state;
                    while at != from {
                        let (before, edge) = via[at as usize].expect("it was reached");
                        path.push(edge);
                        at = before;
                    }
                    path.reverse();
                    return path;
                }
                if via[edge.to as usize].is_none() && edge.to != from {
                    via[edge.to as usize] = Some((state, edge));
                    waiting.push_back(edge.to);
                }
            }
        }
        unreachable!("a component is strongly connected");
    }
}
