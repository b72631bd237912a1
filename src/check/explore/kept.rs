//! The graph of states in memory, for those who want to see it and for what hangs on more than single states.
use hashbrown::HashTable;

use super::ancestry::list;
use super::course::Course;
use super::expand::Link;
use super::fair::{Edge, Net, PUT_OFF};
use super::model::Model;
use super::report::Graph;
use super::visited::Key;

/// States in the order in which they were found, and what leads from one to another.
pub(super) struct Kept<M: Model, K> {
    pub(super) states: Vec<M::State>,
    keys: Vec<K>,
    /// The numbers of the states, by key.
    numbers: HashTable<u32>,
    /// Of each state and each `eventually`, whether it holds there.
    held: Vec<bool>,
    /// Of each state, whether all that leads from it is known.
    expanded: Vec<bool>,
    links: Vec<Link<K>>,
    initial: usize,
}

/// About how many bytes a step takes, first as it is kept and then as it is looked through.
pub(super) fn link_bytes<K>() -> u64 {
    (size_of::<Link<K>>() + size_of::<Edge>() + size_of::<u32>()) as u64
}

/// About how many bytes a state takes besides itself.
pub(super) fn state_bytes<K>(eventually: usize) -> u64 {
    (size_of::<K>() + eventually + 64) as u64
}

impl<M: Model, K: Key> Kept<M, K> {
    pub(super) fn new() -> Self {
        Self {
            states: Vec::new(),
            keys: Vec::new(),
            numbers: HashTable::new(),
            held: Vec::new(),
            expanded: Vec::new(),
            links: Vec::new(),
            initial: 0,
        }
    }

    /// Adds new states; `held` for each one and each `eventually`.
    pub(super) fn add(&mut self, states: &[M::State], keys: &[K], held: &[bool]) {
        self.states.extend_from_slice(states);
        for key in keys {
            let number = self.keys.len() as u32;
            self.keys.push(*key);
            self.numbers.insert_unique(key.spread(), number, |it| self.keys[*it as usize].spread());
        }
        self.held.extend_from_slice(held);
        self.expanded.resize(self.states.len(), false);
    }

    /// All so far are initial.
    pub(super) fn all_initial(&mut self) {
        self.initial = self.states.len();
    }

    pub(super) fn link(&mut self, links: impl Iterator<Item = Link<K>>) {
        self.links.extend(links);
    }

    /// All that can happen in a state is known.
    pub(super) fn expanded(&mut self, model: &M, state: usize) {
        self.expanded[state] = true;
        let mut classes = Vec::new();
        model.put_off(&self.states[state], &mut classes);
        let (from, to) = (state as u32, self.keys[state]);
        self.links.extend(classes.into_iter().map(|class| Link {
            from,
            ordinal: PUT_OFF,
            to,
            class: Some(class),
        }));
    }

    pub(super) fn number_of(&self, key: K) -> Option<u32> {
        self.numbers.find(key.spread(), |it| self.keys[*it as usize] == key).copied()
    }

    /// Where each step leads, by number.
    pub(super) fn net(&self) -> Net {
        let mut steps: Vec<(u32, Edge)> = self
            .links
            .iter()
            .filter(|link| self.expanded[link.from as usize])
            .filter_map(|link| {
                let to = self.number_of(link.to)?;
                Some((link.from, Edge { to, ordinal: link.ordinal, class: link.class }))
            })
            .collect();
        steps.sort_by_key(|(from, edge)| (*from, edge.ordinal));
        Net::new(self.initial, self.expanded.clone(), &steps)
    }

    /// Whether the `eventually` number `which` of `count` holds in each state.
    pub(super) fn held(&self, which: usize, count: usize) -> Vec<bool> {
        self.held.iter().skip(which).step_by(count).copied().collect()
    }

    /// As it is shown.
    pub(super) fn graph(self, course: &Course<M>, net: &Net) -> Graph<M> {
        let (mut edges, mut actions) = (Vec::new(), Vec::new());
        for (from, state) in self.states.iter().enumerate() {
            if net.edges(from).is_empty() || list(course.model, state, false, &mut actions).is_err() {
                continue;
            }
            let named = net.edges(from).iter().filter_map(|edge| {
                let action = actions.get(edge.ordinal as usize)?;
                Some((from as u32, edge.to, action.clone()))
            });
            edges.extend(named);
        }
        Graph { states: self.states, initial: self.initial, edges }
    }
}
