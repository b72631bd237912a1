//! Breadth first: nearest states first, by many threads, and always the same.
//!
//! States of one depth are expanded in the order in which they were found. Some handfuls of them ([`Chunk`]) are
//! expanded at once against the table as it is, each by one thread; then the keys that were not in it are inserted,
//! each shard of the table by one thread, in order; then what is new is taken over, in order. So of several ways to
//! a state it is always the first one that counts, and where an exploration ends is decided when all that comes
//! before is known: neither the number of threads nor how many states are taken at once can be seen in the report.
//!
//! **Reduction.** What the model leaves out in a state must not be left out for ever: on a cycle it could be. Hence
//! a state may be expanded in part only if one of its successors thus found will be expanded later, namely is one
//! deeper; otherwise it is expanded fully. From any state such successors lead deeper and deeper, so after finitely
//! many steps to a state that was expanded fully: an action left out, which stays possible meanwhile and does not
//! mind what happened before it, is taken there at the latest. (One successor suffices for properties of states and
//! for deadlocks: Bosnacki, Leue and Lluch Lafuente 2009; properties of behaviors would need all of them.) Whether a
//! state is one deeper is a fact about the graph, so this too is the same in whatever order threads go.
use std::collections::VecDeque;

use rayon::prelude::*;

use super::ancestry::{Ancestry, Path, Step};
use super::course::{Course, Verdict, counterexample};
use super::expand::{Chunk, END, Known, Link, Place};
use super::finish::Found;
use super::kept::Kept;
use super::memory::{Cut, Memory};
use super::model::{Claim, Model};
use super::pulse::{Meter, Pulse};
use super::report::{Failed, Level, Progress, Report, Stopped};
use super::tally::Tally;
use super::visited::{Key, Visited};

/// How much is done at once; it cannot be seen in the report.
#[derive(Clone, Copy)]
pub(super) struct Batch {
    /// How many states are kept together; at least so many are expanded by one thread at a time.
    pub(super) handful: usize,
    /// How many handfuls one of several threads expands at a time, at most: the more, the more of what comes by
    /// again it notices by itself.
    pub(super) handfuls: usize,
    /// How many times each of several threads does that between two insertions, so that all end at about the same
    /// time.
    pub(super) rounds: usize,
}

impl Default for Batch {
    fn default() -> Self {
        Self { handful: 64, handfuls: 8, rounds: 8 }
    }
}

/// States that wait to be expanded, in handfuls, so that memory is given back as they are.
struct Frontier<S>(VecDeque<Vec<S>>);

impl<S> Frontier<S> {
    fn extend(&mut self, states: impl Iterator<Item = S>, handful: usize) {
        for state in states {
            match self.0.back_mut() {
                Some(last) if last.len() < handful => last.push(state),
                _ => {
                    let mut last = Vec::with_capacity(handful);
                    last.push(state);
                    self.0.push_back(last);
                }
            }
        }
    }
}

/// Something that may end the exploration.
enum Event<E> {
    /// Of a property, what decides about it.
    Found(usize, Result<Claim, E>),
    Deadlock,
    Failure(E),
}

struct Breadth<'a, M: Model, K> {
    course: &'a Course<'a, M>,
    threads: usize,
    batch: Batch,
    visited: Visited<K>,
    /// The states of the next depth, where it matters.
    later: Option<Visited<K>>,
    ancestry: Ancestry,
    now: Frontier<M::State>,
    next: Frontier<M::State>,
    kept: Option<Kept<M, K>>,
    tally: Tally,
    verdict: Verdict<M>,
    levels: Vec<Level>,
    memory: Memory,
    stopped: Option<Stopped>,
}

impl<'a, M: Model, K: Key> Breadth<'a, M, K> {
    fn new(course: &'a Course<'a, M>, threads: usize, batch: Batch) -> Self {
        Self {
            course,
            threads,
            batch,
            visited: Visited::new(),
            later: course.options.reduction.then(Visited::new),
            ancestry: Ancestry::default(),
            now: Frontier(VecDeque::new()),
            next: Frontier(VecDeque::new()),
            kept: course.keeps().then(Kept::new),
            tally: Tally::default(),
            verdict: Verdict::new(course),
            levels: Vec::new(),
            memory: Memory::new::<K>(course.options.reduction),
            stopped: None,
        }
    }

    // --- going on ----------------------------------------------------------------------------------------

    fn run(&mut self, pulse: &mut Pulse) -> Result<(), Failed<M>> {
        let mut chunks = vec![Chunk::new()];
        self.begin(&mut chunks[0])?;
        if let Some(kept) = &mut self.kept {
            kept.all_initial();
        }
        while self.stopped.is_none() && !self.next.0.is_empty() {
            if self.course.options.limits.depth.is_some_and(|most| self.levels.len() >= most as usize) {
                self.stopped = Some(Stopped::Depth);
                break;
            }
            std::mem::swap(&mut self.now, &mut self.next);
            self.next_level();
            while self.stopped.is_none() && !self.now.0.is_empty() {
                self.batch(&mut chunks, pulse)?;
                self.show(pulse.meter);
            }
        }
        self.memory.notice();
        self.levels.pop_if(|level| level.distinct == 0);
        Ok(())
    }

    fn next_level(&mut self) {
        self.memory.notice();
        self.levels.push(Level { distinct: 0, generated: 0 });
        if let Some(later) = &mut self.later {
            *later = Visited::new();
            self.memory.forget_later::<K>();
        }
    }

    fn begin(&mut self, chunk: &mut Chunk<M, K>) -> Result<(), Failed<M>> {
        self.next_level();
        let course = self.course;
        let nowhere = |error| Path::new().failed(error);
        let initial = course.model.initial().map_err(nowhere)?;
        let mut keys = Vec::with_capacity(initial.len());
        for state in &initial {
            let key = K::of(course.model, state, course.options.symmetry);
            keys.push(key.map_err(|error| Failed { error, states: vec![state.clone()], actions: vec![] })?);
        }
        chunk.begin_with(initial, keys);
        chunk.insert(&mut self.visited);
        chunk.settle(course, &self.verdict.open);
        self.take(chunk)
    }

    fn batch(&mut self, chunks: &mut Vec<Chunk<M, K>>, pulse: &mut Pulse) -> Result<(), Failed<M>> {
        if self.threads == 1 || self.now.0.len() == 1 {
            let parents = self.now.0.pop_front().expect("a handful waits");
            let known = Known { visited: &self.visited, later: self.later.as_ref() };
            if !chunks[0].expand(parents, self.course, &known, pulse) {
                self.stopped = Some(Stopped::Cancelled);
                return Ok(());
            }
            chunks[0].insert(&mut self.visited);
            chunks[0].settle(self.course, &self.verdict.open);
            return self.take(&mut chunks[0]);
        }
        // What is in hand comes on top of what is remembered, so it must be little beside what may be: a 16th, if each
        // state has eight successors that may be new.
        let room = self.course.options.limits.memory_bytes / 16 / 8 / self.memory.average_bytes();
        let most = self.threads * self.batch.rounds;
        let waiting = self.now.0.len().min((room as usize / self.batch.handful).max(self.threads));
        let handfuls = (waiting / most).clamp(1, self.batch.handfuls);
        let count = waiting.div_ceil(handfuls).min(most);
        chunks.resize_with(chunks.len().max(count), Chunk::new);
        self.expand_together(&mut chunks[..count], handfuls, pulse.meter);
        if pulse.meter.cancelled() {
            self.stopped = Some(Stopped::Cancelled);
        }
        for chunk in &mut chunks[..count] {
            if self.stopped.is_some() {
                break;
            }
            self.take(chunk)?;
        }
        Ok(())
    }

    fn expand_together(&mut self, chunks: &mut [Chunk<M, K>], handfuls: usize, meter: &Meter) {
        let course = self.course;
        let all = (chunks.len() * handfuls).min(self.now.0.len());
        let mut waiting: Vec<Vec<M::State>> = self.now.0.drain(..all).collect();
        assert_eq!(waiting.len().div_ceil(handfuls), chunks.len(), "each chunk gets some");
        let known = Known { visited: &self.visited, later: self.later.as_ref() };
        waiting.par_chunks_mut(handfuls).zip(chunks.par_iter_mut()).for_each(|(parents, chunk)| {
            let parents = parents.iter_mut().flat_map(std::mem::take).collect();
            chunk.expand(parents, course, &known, &mut Pulse::silent(meter));
        });
        let rows: Vec<_> = chunks.iter().map(|chunk| (&chunk.keys[..], &chunk.fresh[..])).collect();
        self.visited.insert_rows(&rows, self.threads);
        let open = &self.verdict.open;
        chunks.par_iter_mut().for_each(|chunk| chunk.settle(course, open));
    }

    // --- taking over what was found, in order ------------------------------------------------------------

    fn take(&mut self, chunk: &mut Chunk<M, K>) -> Result<(), Failed<M>> {
        if let Some(cut) = self.judge(chunk)? {
            chunk.cut(self.course, cut.place, cut.children);
            self.stopped = Some(cut.why);
        }
        let level = self.levels.last_mut().expect("a level is under way");
        level.distinct += chunk.states.len() as u64;
        level.generated += chunk.tally.generated;
        self.tally.add(&chunk.tally);
        self.memory.take(self.course, chunk);
        if let Some(later) = &mut self.later {
            for key in &chunk.keys {
                later.insert(*key);
            }
        }
        if let Some(kept) = &mut self.kept {
            keep(self.course.model, kept, chunk, self.ancestry.entries());
        }
        self.ancestry.append(&chunk.log, chunk.entries() as u64, chunk.states.len() as u64);
        self.next.extend(chunk.states.drain(..), self.batch.handful);
        Ok(())
    }

    /// Looks at everything that may end the exploration, in order. An answer: here it ends.
    fn judge(&mut self, chunk: &mut Chunk<M, K>) -> Result<Option<Cut>, Failed<M>> {
        let limit = self.memory.limit(self.course, chunk);
        for (place, event) in events(chunk, self.verdict.deadlock) {
            if limit.as_ref().is_some_and(|limit| limit.place <= place) {
                break;
            }
            let children = chunk.origins.partition_point(|origin| origin.place() <= place);
            match event {
                Event::Failure(error) => return Err(self.failed(chunk, place, error)),
                Event::Found(property, _) if !self.verdict.is_open(property) => {}
                Event::Found(_, Err(error)) => return Err(self.failed_at(chunk, place, error)),
                Event::Found(property, Ok(Claim::Sometimes)) => self.verdict.seen(property),
                Event::Found(property, Ok(_)) => {
                    let path = self.path(chunk, place)?;
                    self.verdict.refuted(counterexample(Some(property), path));
                }
                Event::Deadlock => {
                    let path = self.path(chunk, place)?;
                    self.verdict.refuted(counterexample(None, path));
                }
            }
            if self.verdict.enough() {
                return Ok(Some(Cut { place, children, why: Stopped::Counterexample }));
            }
        }
        Ok(limit)
    }

    fn way(&self, chunk: &Chunk<M, K>, place: Place) -> (Vec<Step>, Option<Step>) {
        let steps = self.ancestry.way(self.ancestry.entries() + u64::from(place.parent));
        let full = chunk.full.get(place.parent as usize).is_some_and(|full| *full);
        let last = (1..END).contains(&place.step).then(|| Step { ordinal: place.step - 1, full });
        (steps, last)
    }

    /// The way to the state that was found there.
    fn path(&self, chunk: &Chunk<M, K>, place: Place) -> Result<Path<M>, Failed<M>> {
        let (mut steps, last) = self.way(chunk, place);
        steps.extend(last);
        Path::follow(self.course.model, &steps, self.course.options.reduction)
    }

    /// The model failed on the state that was found there.
    fn failed_at(&self, chunk: &Chunk<M, K>, place: Place, error: M::Error) -> Failed<M> {
        match self.path(chunk, place) {
            Ok(path) => path.failed(error),
            Err(failed) => failed,
        }
    }

    /// The model failed on the way to a state.
    fn failed(&self, chunk: &Chunk<M, K>, place: Place, error: M::Error) -> Failed<M> {
        let (model, reduction) = (self.course.model, self.course.options.reduction);
        let (steps, last) = self.way(chunk, place);
        match Path::follow(model, &steps, reduction) {
            Ok(mut path) => {
                if let Some(last) = last {
                    path.try_action(model, last, reduction);
                }
                path.failed(error)
            }
            Err(failed) => failed,
        }
    }

    fn show(&self, meter: &Meter) {
        meter.show(Progress {
            distinct: self.memory.distinct,
            generated: self.tally.generated,
            depth: self.levels.len() as u32,
            frontier: self.memory.waiting(),
            memory_bytes: self.memory.bytes(),
        });
    }
}

/// All that may end the exploration, in order.
fn events<M: Model, K: Key>(chunk: &mut Chunk<M, K>, deadlock: bool) -> Vec<(Place, Event<M::Error>)> {
    let mut events: Vec<_> = chunk
        .findings
        .drain(..)
        .map(|finding| (chunk.origins[finding.child].place(), finding.property, finding.result))
        .collect();
    events.sort_by_key(|(place, property, _)| (*place, *property));
    let mut events: Vec<_> =
        events.into_iter().map(|(place, property, result)| (place, Event::Found(property, result))).collect();
    if let Some(parent) = chunk.terminal.filter(|_| deadlock) {
        events.push((Place { parent, step: END }, Event::Deadlock));
    }
    events.extend(chunk.failure.take().map(|(place, error)| (place, Event::Failure(error))));
    events.sort_by_key(|(place, _)| *place);
    events
}

/// Keeps what a chunk has found; `entries` have been written before it.
fn keep<M: Model, K: Key>(model: &M, kept: &mut Kept<M, K>, chunk: &Chunk<M, K>, entries: u64) {
    kept.add(&chunk.states, &chunk.keys, &chunk.held);
    // The states themselves have numbers from 1 on among the entries.
    let Some(first) = entries.checked_sub(1) else { return };
    kept.link(chunk.links.iter().map(|link| Link { from: link.from + first as u32, ..*link }));
    for parent in 0..chunk.complete {
        kept.expanded(model, first as usize + parent);
    }
}

/// Explores all that can be reached, nearest first.
pub(super) fn explore<M: Model, K: Key>(
    course: &Course<M>,
    threads: usize,
    batch: Batch,
    pulse: &mut Pulse,
) -> Result<Report<M>, Failed<M>> {
    let mut search = Breadth::<M, K>::new(course, threads, batch);
    search.run(pulse)?;
    search.show(pulse.meter);
    let Breadth { kept, tally, verdict, levels, memory, stopped, .. } = search;
    let depth = levels.len() as u32;
    let found =
        Found { distinct: memory.distinct, tally, depth, levels, stopped, memory_bytes: memory.most_bytes };
    Ok(found.report(course, verdict, kept))
}
