//! Expanding a handful of states: what a thread does on its own.
//!
//! First their successors are generated, hashed and looked up in the table as it was before ([`Chunk::expand`]).
//! After the keys that were not found have been inserted, in order, it is known which of them are new; then what is
//! needed of the new states is worked out ([`Chunk::settle`]).
use std::sync::atomic::{AtomicBool, Ordering};

use super::ancestry::{list, write_entry};
use super::course::Course;
use super::model::{Claim, Model};
use super::pulse::Pulse;
use super::tally::Tally;
use super::visited::{Key, Visited};

/// How many successors are looked up together.
const WINDOW: usize = 256;
/// How many keys are remembered apart.
const RECENT: usize = 4_096;

/// Where something happened: at which of a chunk's parents, and there at which step: 0 before its first action,
/// `ordinal + 1` at an action, [`END`] after the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) parent: u32,
    pub(super) step: u32,
}

/// The step after all actions.
pub(super) const END: u32 = u32::MAX;

/// How a state was generated.
#[derive(Clone, Copy)]
pub(super) struct Origin {
    pub(super) parent: u32,
    pub(super) ordinal: u32,
    kind: u32,
}

impl Origin {
    pub(super) fn place(self) -> Place {
        Place { parent: self.parent, step: self.ordinal + 1 }
    }
}

/// What a property says of a new state: that it is the one which decides, or nothing, because the model failed.
pub(super) struct Finding<E> {
    pub(super) child: usize,
    pub(super) property: usize,
    pub(super) result: Result<Claim, E>,
}

/// A step from one state to another, both known, kept for later.
#[derive(Clone, Copy)]
pub(super) struct Link<K> {
    pub(super) from: u32,
    pub(super) ordinal: u32,
    pub(super) to: K,
    pub(super) class: Option<u64>,
}

/// The tables that parents are expanded against.
pub(super) struct Known<'a, K> {
    pub(super) visited: &'a Visited<K>,
    /// Those visited whose successors are looked for only after all of this depth.
    pub(super) later: Option<&'a Visited<K>>,
}

/// Some states in order, and their successors that may be new.
pub(super) struct Chunk<M: Model, K> {
    pub(super) parents: Vec<M::State>,
    /// Of each parent, if there is a choice: whether it was expanded fully although it could do with less.
    pub(super) full: Vec<bool>,
    pub(super) parents_bytes: u64,
    pub(super) tally: Tally,
    /// How many of the parents, the first ones, have been expanded to the end.
    pub(super) complete: usize,
    /// The first parent that leads nowhere.
    pub(super) terminal: Option<u32>,
    pub(super) failure: Option<(Place, M::Error)>,
    pub(super) links: Vec<Link<K>>,

    pub(super) states: Vec<M::State>,
    pub(super) keys: Vec<K>,
    pub(super) origins: Vec<Origin>,
    pub(super) fresh: Vec<AtomicBool>,

    pub(super) states_bytes: u64,
    pub(super) findings: Vec<Finding<M::Error>>,
    /// Of each new state and each `eventually`, whether it holds there.
    pub(super) held: Vec<bool>,
    pub(super) log: Vec<u8>,

    actions: Vec<M::Action>,
    window: Window<M, K>,
    recent: Recent<K>,
}

/// Keys that came by a moment ago, in the processor's nearest cache: neighbors lead to the same states, so most
/// that comes by again is noticed here. A key has one place, and the last to come has it. All are keys of states
/// that the same chunk found before, or that have been in the table since then.
struct Recent<K>(Vec<K>);

impl<K: Key> Recent<K> {
    /// Whether `key` was there; now it is.
    #[inline]
    fn swap_in(&mut self, key: K) -> bool {
        let place = &mut self.0[key.spread() as usize % RECENT];
        std::mem::replace(place, key) == key
    }
}

struct Window<M: Model, K> {
    states: Vec<M::State>,
    keys: Vec<K>,
    origins: Vec<Origin>,
}

impl<M: Model, K: Key> Chunk<M, K> {
    pub(super) fn new() -> Self {
        Self {
            parents: Vec::new(),
            full: Vec::new(),
            parents_bytes: 0,
            tally: Tally::default(),
            complete: 0,
            terminal: None,
            failure: None,
            links: Vec::new(),
            states: Vec::new(),
            keys: Vec::new(),
            origins: Vec::new(),
            fresh: Vec::new(),
            states_bytes: 0,
            findings: Vec::new(),
            held: Vec::new(),
            log: Vec::new(),
            actions: Vec::new(),
            window: Window { states: Vec::new(), keys: Vec::new(), origins: Vec::new() },
            recent: Recent(vec![K::NONE; RECENT]),
        }
    }

    fn begin(&mut self, parents: Vec<M::State>) {
        self.parents = parents;
        self.full.clear();
        self.parents_bytes = 0;
        self.tally.clear();
        (self.complete, self.terminal, self.failure) = (0, None, None);
        self.links.clear();
        self.states.clear();
        self.keys.clear();
        self.origins.clear();
        self.fresh.clear();
        self.states_bytes = 0;
        self.findings.clear();
        self.held.clear();
        self.log.clear();
    }

    /// As if a state before all others led to the initial ones.
    pub(super) fn begin_with(&mut self, initial: Vec<M::State>, keys: Vec<K>) {
        self.begin(Vec::new());
        self.tally.generated = initial.len() as u64;
        self.fresh.extend(initial.iter().map(|_| AtomicBool::new(false)));
        self.origins.extend((0..initial.len() as u32).map(|ordinal| Origin { parent: 0, ordinal, kind: 0 }));
        (self.states, self.keys) = (initial, keys);
    }

    /// Generates all successors, and keeps those that are not known yet. False: it was told to end.
    pub(super) fn expand(
        &mut self,
        parents: Vec<M::State>,
        course: &Course<M>,
        known: &Known<K>,
        pulse: &mut Pulse,
    ) -> bool {
        self.begin(parents);
        for parent in 0..self.parents.len() {
            self.parents_bytes += course.footprint(&self.parents[parent]);
            let before = self.tally.generated;
            if let Err((step, error)) = self.expand_one(parent, course, known) {
                self.failure = Some((Place { parent: parent as u32, step }, error));
                break;
            }
            self.complete = parent + 1;
            if self.tally.generated == before {
                self.tally.terminal += 1;
                self.terminal.get_or_insert(parent as u32);
            }
            if self.window.keys.len() >= WINDOW {
                self.look_up(known);
            }
            if !pulse.beat(self.actions.len() + 1) {
                return false;
            }
        }
        self.look_up(known);
        self.fresh.extend(self.keys.iter().map(|_| AtomicBool::new(false)));
        true
    }

    fn expand_one(
        &mut self,
        parent: usize,
        course: &Course<M>,
        known: &Known<K>,
    ) -> Result<(), (u32, M::Error)> {
        let reduced = course.options.reduction;
        let at_first = |error| (0, error);
        let is_part =
            list(course.model, &self.parents[parent], reduced, &mut self.actions).map_err(at_first)?;
        if is_part {
            self.look_up(known);
        }
        if reduced {
            self.full.push(false);
        }
        self.generate(parent, course, is_part)?;
        if is_part && !self.leads_on(known) {
            for origin in self.window.origins.drain(..) {
                self.tally.take_back(origin.kind);
            }
            self.window.states.clear();
            self.window.keys.clear();
            self.full[parent] = true;
            list(course.model, &self.parents[parent], false, &mut self.actions).map_err(at_first)?;
            self.generate(parent, course, false)?;
        }
        Ok(())
    }

    /// Whether some state in the window will be expanded after all of this depth.
    fn leads_on(&self, known: &Known<K>) -> bool {
        let later = |key: K| known.later.is_some_and(|later| later.contains(key));
        self.window.keys.iter().any(|key| later(*key) || !known.visited.contains(*key))
    }

    /// Generates the successors of a parent; all of them, if they may have to be taken back.
    #[inline]
    fn generate(&mut self, parent: usize, course: &Course<M>, all: bool) -> Result<(), (u32, M::Error)> {
        let Self { parents, actions, tally, window, links, recent, .. } = self;
        let (model, symmetry) = (course.model, course.options.symmetry);
        let state = &parents[parent];
        for (ordinal, action) in actions.iter().enumerate() {
            let step = ordinal as u32 + 1;
            let Some(next) = model.next(state, action).map_err(|error| (step, error))? else { continue };
            let key = K::of(model, &next, symmetry).map_err(|error| (step, error))?;
            let kind = model.kind(action);
            tally.take(kind);
            if course.keeps() {
                let class = model.fairness(state, action);
                links.push(Link { from: parent as u32, ordinal: ordinal as u32, to: key, class });
            }
            if !all && recent.swap_in(key) {
                continue;
            }
            window.states.push(next);
            window.keys.push(key);
            window.origins.push(Origin { parent: parent as u32, ordinal: ordinal as u32, kind });
        }
        Ok(())
    }

    /// Empties the window.
    #[inline]
    fn look_up(&mut self, known: &Known<K>) {
        let Window { states, keys, origins } = &mut self.window;
        known.visited.touch(keys);
        for ((state, key), origin) in states.drain(..).zip(keys.drain(..)).zip(origins.drain(..)) {
            if !known.visited.contains(key) {
                self.states.push(state);
                self.keys.push(key);
                self.origins.push(origin);
            }
        }
    }

    /// Inserts what may be new, and marks what is.
    pub(super) fn insert(&mut self, visited: &mut Visited<K>) {
        for (key, fresh) in self.keys.iter().zip(&mut self.fresh) {
            *fresh.get_mut() = visited.insert(*key);
        }
    }

    /// Keeps the states that are new, and finds out about them what is to be known.
    pub(super) fn settle(&mut self, course: &Course<M>, open: &[(usize, Claim)]) {
        let Self { fresh, states, keys, origins, .. } = self;
        retain(states, fresh);
        retain(keys, fresh);
        retain(origins, fresh);
        for state in &self.states {
            self.states_bytes += course.footprint(state);
        }
        if !self.parents.is_empty() {
            for origin in &self.origins {
                self.tally.discover(origin.kind);
            }
        }
        for (property, claim) in open {
            self.findings.extend(self.find(course.model, *property, *claim));
        }
        self.find_held(course);
        self.write_log();
    }

    /// The first of the new states that decides about a property, or on which the model fails.
    fn find(&self, model: &M, property: usize, claim: Claim) -> Option<Finding<M::Error>> {
        let decides = claim == Claim::Sometimes;
        for (child, state) in self.states.iter().enumerate() {
            match model.holds(property, state) {
                Ok(holds) if holds != decides => {}
                result => return Some(Finding { child, property, result: result.map(|_| claim) }),
            }
        }
        None
    }

    fn find_held(&mut self, course: &Course<M>) {
        for (child, state) in self.states.iter().enumerate() {
            for &property in &course.eventually {
                match course.model.holds(property, state) {
                    Ok(holds) => self.held.push(holds),
                    Err(error) => {
                        self.findings.push(Finding { child, property, result: Err(error) });
                        return;
                    }
                }
            }
        }
    }

    /// How many parents there are, the one before all initial states too.
    pub(super) fn entries(&self) -> usize {
        self.parents.len().max(1)
    }

    fn write_log(&mut self) {
        self.log.clear();
        let mut rest = &self.origins[..];
        for parent in 0..self.entries() {
            let count = rest.iter().take_while(|origin| origin.parent as usize == parent).count();
            let (ours, others) = rest.split_at(count);
            let full = self.full.get(parent).is_some_and(|full| *full);
            write_entry(&mut self.log, full, ours.iter().map(|origin| origin.ordinal));
            rest = others;
        }
    }

    /// Forgets what comes after `place`, and all but the first `children` new states.
    pub(super) fn cut(&mut self, course: &Course<M>, place: Place, children: usize) {
        self.states.truncate(children);
        self.keys.truncate(children);
        self.origins.truncate(children);
        self.held.truncate(children * course.eventually.len());
        self.states_bytes = self.states.iter().map(|state| course.footprint(state)).sum();
        // Where an end was cut off, it is not known what else happens.
        self.complete = place.parent as usize + usize::from(place.step == END);
        self.links.retain(|link| (link.from as usize) < self.complete);
        if self.parents.is_empty() {
            self.tally.generated = place.step.min(self.tally.generated as u32).into();
        } else {
            self.recount(course, place);
            self.parents.truncate(place.parent as usize + 1);
            let expanded = &self.parents[..self.complete];
            self.parents_bytes = expanded.iter().map(|parent| course.footprint(parent)).sum();
        }
        self.write_log();
    }

    fn recount(&mut self, course: &Course<M>, place: Place) {
        self.tally.clear();
        for (number, parent) in self.parents.iter().enumerate().take(place.parent as usize + 1) {
            let last = if number == place.parent as usize { place.step } else { END };
            let full = self.full.get(number).is_some_and(|full| *full);
            if list(course.model, parent, course.options.reduction && !full, &mut self.actions).is_err() {
                continue;
            }
            let before = self.tally.generated;
            for action in self.actions.iter().take(last as usize) {
                if let Ok(Some(_)) = course.model.next(parent, action) {
                    self.tally.take(course.model.kind(action));
                }
            }
            self.tally.terminal += u64::from(last == END && self.tally.generated == before);
        }
        for origin in &self.origins {
            self.tally.discover(origin.kind);
        }
    }
}

/// Keeps the items that are marked.
fn retain<T>(items: &mut Vec<T>, marks: &[AtomicBool]) {
    let mut marks = marks.iter();
    items.retain(|_| marks.next().is_some_and(|mark| mark.load(Ordering::Relaxed)));
}
