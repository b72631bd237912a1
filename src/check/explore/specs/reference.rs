//! The slow, obvious exploration that specifications are tried with.
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use crate::check::explore::{Claim, Model};

/// Counts as an exploration reports them, and what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explored {
    pub distinct: u64,
    pub generated: u64,
    /// Actions that led nowhere.
    pub refused: u64,
    pub depth: u32,
    /// How many states have this first fingerprint in common with another.
    pub alike: u64,
    pub found: Found,
}

/// What does not hold, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    pub deadlock: bool,
    /// `always`.
    pub violated: Vec<String>,
    /// `sometimes`.
    pub unseen: Vec<String>,
    /// `eventually`, where no state can be left out: the fair lassos are looked for among all.
    pub avoided: Vec<String>,
}

/// States in the order in which they are first reached, and for each what leads where, by which fairness class.
struct Graph<S> {
    states: Vec<S>,
    initial: usize,
    edges: Vec<Vec<(usize, Option<u64>)>>,
}

pub fn explore<M>(model: &M) -> Explored
where
    M: Model<Error = Infallible>,
    M::State: Ord,
{
    let (mut generated, mut refused) = (0, 0);
    let mut depth = 0;
    let mut deadlock = false;
    let mut numbers = BTreeMap::new();
    let mut graph = Graph { states: vec![], initial: 0, edges: vec![] };
    let mut level: Vec<M::State> = vec![];
    for state in model.initial().unwrap_or_else(|it| match it {}) {
        generated += 1;
        if !numbers.contains_key(&state) {
            numbers.insert(state.clone(), numbers.len());
            level.push(state);
        }
    }
    graph.initial = level.len();
    while !level.is_empty() {
        depth += 1;
        let mut next_level = vec![];
        for state in level {
            let mut actions = vec![];
            let Ok(()) = model.actions(&state, &mut actions);
            let mut edges = vec![];
            for action in &actions {
                let Ok(next) = model.next(&state, action);
                let Some(next) = next else {
                    refused += 1;
                    continue;
                };
                generated += 1;
                let fresh = numbers.len();
                let number = *numbers.entry(next.clone()).or_insert(fresh);
                edges.push((number, model.fairness(&state, action)));
                if number == fresh {
                    next_level.push(next);
                }
            }
            deadlock |= edges.is_empty();
            graph.states.push(state);
            graph.edges.push(edges);
        }
        level = next_level;
    }
    let prints: BTreeSet<u64> = graph.states.iter().map(|it| model.fingerprint(it, 0)).collect();
    let distinct = graph.states.len() as u64;
    let alike = distinct - prints.len() as u64;
    Explored { distinct, generated, refused, depth, alike, found: judge(model, &graph, deadlock) }
}

fn judge<M: Model<Error = Infallible>>(model: &M, graph: &Graph<M::State>, deadlock: bool) -> Found {
    let mut found = Found { deadlock, ..Found::default() };
    for (index, property) in model.properties().iter().enumerate() {
        let holds: Vec<bool> = graph
            .states
            .iter()
            .map(|it| {
                let Ok(holds) = model.holds(index, it);
                holds
            })
            .collect();
        let (fails, list) = match property.claim {
            Claim::Always => (holds.contains(&false), &mut found.violated),
            Claim::Sometimes => (!holds.contains(&true), &mut found.unseen),
            Claim::Eventually => (can_avoid(graph, &holds), &mut found.avoided),
        };
        if fails {
            list.push(property.name.clone());
        }
    }
    found
}

/// Whether some fair behavior never comes to a state that holds. A set of states that all lead to each other can
/// be gone round for ever, by every one of its edges; that is fair if each class either has an edge in it, or is
/// impossible in one of its states. A step that changes nothing counts as nothing.
fn can_avoid<S>(graph: &Graph<S>, holds: &[bool]) -> bool {
    let from = |start: usize| reached(graph, holds, [start]);
    let all = reached(graph, holds, 0..graph.initial);
    let reach: BTreeMap<usize, BTreeSet<usize>> = all.iter().map(|it| (*it, from(*it))).collect();
    reach.iter().any(|(state, there)| {
        let around: BTreeSet<usize> =
            there.iter().copied().filter(|other| reach[other].contains(state)).collect();
        let classes = |state: usize| {
            let real = graph.edges[state].iter().filter(move |(to, _)| *to != state);
            real.filter_map(|(to, class)| class.map(|class| (class, *to)))
        };
        classes(*state).all(|(class, _)| {
            let taken = |at: usize| classes(at).any(|(it, to)| it == class && around.contains(&to));
            let possible = |at: usize| classes(at).any(|(it, _)| it == class);
            around.iter().any(|at| taken(*at) || !possible(*at))
        })
    })
}

/// The states that do not hold, and can be reached through such states only.
fn reached<S>(graph: &Graph<S>, holds: &[bool], start: impl IntoIterator<Item = usize>) -> BTreeSet<usize> {
    let mut stack: Vec<usize> = start.into_iter().filter(|it| !holds[*it]).collect();
    let mut seen: BTreeSet<usize> = stack.iter().copied().collect();
    while let Some(state) = stack.pop() {
        for (to, _) in &graph.edges[state] {
            if !holds[*to] && seen.insert(*to) {
                stack.push(*to);
            }
        }
    }
    seen
}
