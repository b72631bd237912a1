//! Just-in-time linearization (Lowe 2017; after Wing and Gong 1993), depth first.
//!
//! The events of one object are gone through in order. Nothing is decided before it must be: when an operation
//! returns that has not taken effect yet, some open operations take effect and then it. What was decided is a
//! configuration: the event, which of the open operations have taken effect, the state. None is looked at
//! twice, so there are at most events x 2^open x states of them; breadth-first search would look at the same
//! ones or more. Three reductions, all sound:
//! 1. what changes nothing in any state takes effect as soon as it is open and possible;
//! 2. of two configurations that differ only in operations that never return, the one that has used fewer can do
//!    all that the other can;
//! 3. of equal open operations, the one that must return first takes effect first.
//!
//! Where an object consists of cells, two more:
//! 4. of the open operations, only those take effect before the one that returns now that cannot change places
//!    with it, or with others that cannot, and so on: the rest can wait;
//! 5. a value that somebody still has to read, and nobody will put in again, is not overwritten.
use std::cmp::Reverse;
use std::ops::Range;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use crate::check::consistency::budget::Budget;
use crate::check::consistency::spec::{Broken, Facts, Object};

use super::mask::Mask;
use super::timeline::Timeline;

/// What a search found.
pub enum Found {
    /// The operations in the order in which they can have taken effect, each with the event before (even) or
    /// just after (odd) which it did: twice the event's index, and one more if after it.
    Order(Vec<(u32, u32)>),
    /// There is no order.
    Stuck(Stuck),
    /// The budget ran out.
    Exhausted,
    /// The user's specification failed at an operation.
    Broken(u32),
}

/// Where every order ends.
pub struct Stuck {
    /// The operation that can never take effect before it returns.
    pub op: u32,
    /// The operations that were open then, this one among them.
    pub open: Vec<u32>,
    /// States in which the object can have been (some of them, in the order in which they were found).
    pub states: Vec<u32>,
    /// The event of the return.
    pub event: usize,
    /// What could not have returned what it did if the operation had taken effect, if that is why it cannot.
    pub reader: Option<u32>,
}

struct Frame<M> {
    at: usize,
    done: M,
    trail: usize,
    /// Where its untried candidates end in the common list, and where they begin.
    candidates: usize,
    next: usize,
}

/// Configurations that need not be looked at again: by event, state and what returns; for each, the sets of
/// used operations that never return.
struct Memory<M> {
    heads: IndexMap<(u32, u32, M), u32, FxBuildHasher>,
    sets: Vec<(M, u32)>,
}

const NONE: u32 = u32::MAX;

/// Where states only grow: what the reads that are still to come must have been begun by.
struct Readings {
    /// Reads, in the order of their returns, and the index of that event.
    reads: Vec<(u32, u32)>,
    /// Of each of them: what puts in a value that begins what it returns.
    founders: Vec<Vec<u32>>,
}

/// How many of the reads to come are looked at.
const AHEAD: usize = 4;

/// How many pairs of a read and a write are compared at most, to prepare for that.
const PAIRS: usize = 1 << 22;

/// A search in one object.
pub struct Search<'a, O, M> {
    object: &'a mut O,
    line: &'a Timeline,
    at: usize,
    state: u32,
    open: M,
    done: M,
    endless: M,
    holder: Vec<u32>,
    trail: Vec<(u32, u32)>,
    frames: Vec<Frame<M>>,
    candidates: Vec<(u32, u32)>,
    memory: Memory<M>,
    scratch: Vec<u32>,
    stamps: Vec<u32>,
    stamp: u32,
    deepest: Option<Stuck>,
    readings: Option<Readings>,
    facts: Option<Facts>,
    /// Of each operation: the cells that it is about; empty if the object does not consist of cells.
    cells: Vec<Range<u32>>,
    /// How many configurations were looked at.
    pub states: u64,
}

enum Step {
    End,
    Branch,
    Back,
}

impl<'a, O: Object, M: Mask> Search<'a, O, M> {
    /// A search that has not begun. `line` must be of this object and not wider than `M`.
    pub fn new(object: &'a mut O, line: &'a Timeline) -> Self {
        let mut endless = M::default();
        line.endless.iter().for_each(|slot| endless.insert(*slot));
        let ops = 0..line.slot.len() as u32;
        let top = ops.clone().map(|op| object.signature(op) as usize + 1).max();
        let cells = ops.map_while(|op| object.cells(op)).collect();
        Self {
            object,
            line,
            at: 0,
            state: 0,
            open: M::default(),
            done: M::default(),
            endless,
            holder: vec![NONE; line.width],
            trail: Vec::with_capacity(line.slot.len()),
            frames: vec![],
            candidates: vec![],
            memory: Memory { heads: IndexMap::default(), sets: vec![] },
            scratch: vec![],
            stamps: vec![0; top.unwrap_or(0)],
            stamp: 0,
            deepest: None,
            readings: None,
            facts: None,
            cells,
            states: 0,
        }
    }

    /// Finds out what reads to come rely on.
    fn prepare(&mut self) {
        self.facts = self.object.facts();
        for needed in self.facts.iter_mut().flat_map(|it| &mut it.needed) {
            needed.sort_unstable_by_key(|op| Reverse(self.line.deadline[*op as usize]));
        }
        self.prepare_readings();
    }

    /// Finds out which writes begin which reads. O(reads x writes).
    fn prepare_readings(&mut self) {
        let mut reads = vec![];
        for (index, event) in self.line.events.iter().enumerate() {
            if event % 2 == 1 && self.line.observes[*event as usize / 2] {
                reads.push((event / 2, index as u32));
            }
        }
        let count = self.line.slot.len() as u32;
        let makers: Vec<(u32, u32)> =
            (0..count).filter_map(|op| self.object.makes(op).map(|state| (op, state))).collect();
        if !self.object.grows() || reads.len() * makers.len() > PAIRS {
            return;
        }
        let object = &self.object;
        let founders = |read: u32| {
            let begins = |it: &&(u32, u32)| object.begins(it.1, read);
            makers.iter().filter(begins).map(|it| it.0).collect()
        };
        let founders = reads.iter().map(|(read, _)| founders(*read)).collect();
        self.readings = Some(Readings { reads, founders });
    }

    /// Whether some read to come can no longer return what it returned, once the object is in `state` and `op`
    /// has taken effect.
    fn is_hopeless(&self, state: u32, op: u32) -> bool {
        if self.reader_of_ended(state, op).is_some() {
            return true;
        }
        let Some(readings) = &self.readings else { return false };
        let from = readings.reads.partition_point(|(_, event)| (*event as usize) < self.at);
        let mut left = AHEAD;
        for (read, founders) in readings.reads[from..].iter().zip(&readings.founders[from..]) {
            let (read, _) = *read;
            if !self.is_to_come(read) {
                continue;
            }
            if left == 0 {
                break;
            }
            left -= 1;
            let founded = || founders.iter().any(|it| *it != op && self.is_to_come(*it));
            if !self.object.begins(state, read) && !founded() {
                return true;
            }
        }
        false
    }

    /// An operation that still relies on a fact that `op`, which leads to the state `next`, would end for good.
    fn reader_of_ended(&self, next: u32, op: u32) -> Option<u32> {
        let facts = self.facts.as_ref()?;
        let fact = self.object.ends(self.state, next, op)? as usize;
        let now = self.line.deadline[self.line.events[self.at] as usize / 2];
        let is_other = |other: &u32| *other != op && self.is_to_come(*other);
        // The operations that rely on it come in the reverse order of their returns.
        let mut needed =
            facts.needed[fact].iter().copied().take_while(|it| self.line.deadline[*it as usize] >= now);
        needed.find(is_other).filter(|_| !facts.made[fact].iter().any(is_other))
    }

    /// Whether an operation has not taken effect yet: it is open and has not, or has yet to be invoked.
    fn is_to_come(&self, op: u32) -> bool {
        let slot = self.line.slot[op as usize];
        if self.open.has(slot) && self.holder[slot as usize] == op {
            return !self.done.has(slot);
        }
        self.line.invoked[op as usize] as usize >= self.at
    }

    /// Searches until there is an answer or the budget is spent.
    pub fn run(&mut self, budget: &Budget) -> Found {
        self.find(budget).unwrap_or_else(|(Broken, op)| Found::Broken(op))
    }

    fn find(&mut self, budget: &Budget) -> Result<Found, (Broken, u32)> {
        self.state = self.object.initial().map_err(|it| (it, 0))?;
        self.prepare();
        let mut step = self.advance()?;
        loop {
            match step {
                Step::End => return Ok(Found::Order(std::mem::take(&mut self.trail))),
                Step::Branch => {
                    self.states += 1;
                    if self.is_spent(budget) {
                        return Ok(Found::Exhausted);
                    }
                    if self.is_new() {
                        self.note_depth();
                        self.branch()?;
                    }
                    step = Step::Back;
                }
                Step::Back => match self.next_candidate() {
                    None => return Ok(self.deepest.take().map_or(Found::Exhausted, Found::Stuck)),
                    Some((op, state)) => {
                        self.take_effect(op, state)?;
                        step = self.advance()?;
                    }
                },
            }
        }
    }

    fn is_spent(&self, budget: &Budget) -> bool {
        if self.states > budget.states {
            return true;
        }
        if !self.states.is_multiple_of(4096) {
            return false;
        }
        // A table that grows needs room for the old and the new one, which is twice as large.
        let table = self.memory.heads.capacity() * (size_of::<(u32, u32, M)>() + 32) * 2
            + self.memory.sets.len() * size_of::<(M, u32)>() * 3;
        let bytes = table + self.object.bytes();
        bytes as u64 > budget.memory_bytes || (budget.stop)()
    }

    fn ask(&mut self, state: u32, op: u32) -> Result<Option<u32>, (Broken, u32)> {
        self.object.step(state, op).map_err(|it| (it, op))
    }

    /// Goes on until something must be decided.
    fn advance(&mut self) -> Result<Step, (Broken, u32)> {
        while let Some(event) = self.line.events.get(self.at) {
            let op = event / 2;
            let slot = self.line.slot[op as usize];
            if event % 2 == 0 {
                self.holder[slot as usize] = op;
                self.open.insert(slot);
                if self.line.observes[op as usize] && self.ask(self.state, op)?.is_some() {
                    self.done.insert(slot);
                    self.trail.push((op, 2 * self.at as u32 + 1));
                }
            } else if self.done.has(slot) {
                self.done.remove(slot);
                self.open.remove(slot);
            } else {
                return Ok(Step::Branch);
            }
            self.at += 1;
        }
        Ok(Step::End)
    }

    /// Undoes events until `at` is the next one.
    fn rewind(&mut self, at: usize) {
        while self.at > at {
            self.at -= 1;
            let event = self.line.events[self.at];
            let slot = self.line.slot[event as usize / 2];
            if event.is_multiple_of(2) {
                self.open.remove(slot);
            } else {
                self.holder[slot as usize] = event / 2;
                self.open.insert(slot);
            }
        }
    }

    /// Whether the configuration must be looked at; remembers it if so.
    fn is_new(&mut self) -> bool {
        let used = self.done.both(&self.endless);
        let mut returning = self.done.clone();
        self.scratch.clear();
        used.difference(&M::default(), &mut self.scratch);
        self.scratch.iter().for_each(|slot| returning.remove(*slot));
        let head = self.memory.heads.entry((self.at as u32, self.state, returning)).or_insert(NONE);
        if self.line.endless.is_empty() {
            return std::mem::replace(head, 0) == NONE;
        }
        let mut link = *head;
        while let Some((set, next)) = self.memory.sets.get(link as usize) {
            if set.is_within(&used) {
                return false;
            }
            link = *next;
        }
        self.memory.sets.push((used, *head));
        *head = self.memory.sets.len() as u32 - 1;
        true
    }

    fn note_depth(&mut self) {
        let event = self.at;
        if self.deepest.as_ref().is_none_or(|it| it.event < event) {
            self.scratch.clear();
            self.open.difference(&M::default(), &mut self.scratch);
            let open = self.scratch.iter().map(|slot| self.holder[*slot as usize]).collect();
            let op = self.line.events[event] / 2;
            self.deepest = Some(Stuck { op, open, states: vec![], event, reader: None });
        }
        if let Some(deepest) = &mut self.deepest
            && deepest.event == event
            && deepest.states.len() < 8
            && !deepest.states.contains(&self.state)
        {
            deepest.states.push(self.state);
        }
    }

    /// Lists what may take effect next, best first: the operation that must, then what makes it possible, then
    /// the rest in the order of their returns.
    fn branch(&mut self) -> Result<(), (Broken, u32)> {
        let must = self.line.events[self.at] / 2;
        let start = self.candidates.len();
        let (at, done, trail) = (self.at, self.done.clone(), self.trail.len());
        if let Some(next) = self.ask(self.state, must)? {
            if self.is_hopeless(next, must) {
                let reader = self.reader_of_ended(next, must);
                if let Some(deepest) = self.deepest.as_mut().filter(|it| it.event == at) {
                    deepest.reader = deepest.reader.or(reader);
                }
            } else {
                self.candidates.push((must, next));
            }
        }
        self.others(must)?;
        // The list is taken from its end.
        self.candidates[start..].reverse();
        self.frames.push(Frame { at, done, trail, candidates: start, next: self.candidates.len() });
        Ok(())
    }

    fn others(&mut self, must: u32) -> Result<(), (Broken, u32)> {
        let mut slots = std::mem::take(&mut self.scratch);
        slots.clear();
        self.open.difference(&self.done, &mut slots);
        slots.iter_mut().for_each(|slot| *slot = self.holder[*slot as usize]);
        if !self.cells.is_empty() {
            self.keep_bound_to(must, &mut slots);
        }
        slots.retain(|op| !self.line.observes[*op as usize] && *op != must);
        slots.sort_unstable_by_key(|op| (self.line.deadline[*op as usize], *op));
        self.stamp += 1;
        self.stamps[self.object.signature(must) as usize] = self.stamp;
        let mut helpful = self.candidates.len();
        for op in &slots {
            let signature = self.object.signature(*op) as usize;
            if std::mem::replace(&mut self.stamps[signature], self.stamp) == self.stamp {
                continue;
            }
            if let Some(next) = self.ask(self.state, *op)?.filter(|next| !self.is_hopeless(*next, *op)) {
                self.candidates.push((*op, next));
                if self.line.observes[must as usize] && self.ask(next, must)?.is_some() {
                    let last = self.candidates.len();
                    self.candidates[helpful..last].rotate_right(1);
                    helpful += 1;
                }
            }
        }
        self.scratch = slots;
        Ok(())
    }

    /// Keeps of some operations, `must` among them, those that cannot change places with it, or with others that
    /// are kept. O(operations squared).
    fn keep_bound_to(&self, must: u32, ops: &mut Vec<u32>) {
        let (mut seen, mut kept) = (0, ops.len().min(1));
        if let Some(place) = ops.iter().position(|op| *op == must) {
            ops.swap(0, place);
        }
        while seen < kept {
            let rest = kept..ops.len();
            for place in rest {
                if self.is_bound(ops[seen], ops[place]) {
                    ops.swap(kept, place);
                    kept += 1;
                }
            }
            seen += 1;
        }
        ops.truncate(kept);
    }

    /// Whether two operations cannot change places.
    fn is_bound(&self, one: u32, other: u32) -> bool {
        let (one, other) = (one as usize, other as usize);
        let (left, right) = (&self.cells[one], &self.cells[other]);
        let apart = left.end <= right.start || right.end <= left.start;
        !(apart || self.line.observes[one] && self.line.observes[other])
    }

    /// The next thing to try, with everything as it was when it was listed.
    fn next_candidate(&mut self) -> Option<(u32, u32)> {
        while let Some(frame) = self.frames.last_mut() {
            if frame.next == frame.candidates {
                self.frames.pop();
                continue;
            }
            frame.next -= 1;
            let (at, next) = (frame.at, frame.next);
            self.done = frame.done.clone();
            self.trail.truncate(frame.trail);
            self.rewind(at);
            self.candidates.truncate(next + 1);
            return self.candidates.pop();
        }
        None
    }

    fn take_effect(&mut self, op: u32, state: u32) -> Result<(), (Broken, u32)> {
        let now = 2 * self.at as u32;
        self.state = state;
        self.done.insert(self.line.slot[op as usize]);
        self.trail.push((op, now));
        let mut slots = std::mem::take(&mut self.scratch);
        slots.clear();
        self.open.difference(&self.done, &mut slots);
        for slot in &slots {
            let other = self.holder[*slot as usize];
            if self.line.observes[other as usize] && self.ask(state, other)?.is_some() {
                self.done.insert(*slot);
                self.trail.push((other, now));
            }
        }
        self.scratch = slots;
        Ok(())
    }
}
