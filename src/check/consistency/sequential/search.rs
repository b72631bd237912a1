//! A search for one order of all operations that keeps the order of each process.
//!
//! A configuration is how far each process has come and what the objects hold; none is looked at twice. What
//! changes nothing goes first; a value that somebody still has to read, and nobody will put in again, is not
//! overwritten; nothing goes before what was found to precede it.
use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;

use crate::check::consistency::budget::Budget;
use crate::check::consistency::history::History;
use crate::check::consistency::spec::{Arrays, Broken, Object};

use super::sessions::{NONE, Op, Sessions};

/// What a search found.
pub enum Found {
    /// The rows in order.
    Order(Vec<u32>),
    /// There is no order; the longest that was found (by row), and what could not follow it.
    Stuck(Vec<u32>, Vec<u32>),
    /// The budget ran out.
    Exhausted,
    /// The user's specification failed at a row.
    Broken(u32),
}

struct Frame {
    trail: usize,
    candidates: usize,
    next: usize,
}

/// A step that was taken, and how to take it back.
struct Taken {
    process: u32,
    op: u32,
    state: u32,
    places: u32,
    states: u32,
}

/// A search.
pub struct Search<'a, O> {
    sessions: &'a Sessions,
    /// Of each operation and process: how many of its operations must come before, if that is known.
    clocks: &'a [u32],
    objects: &'a mut [O],
    deadlines: Vec<u32>,
    /// How far each process has come, what each object holds; the same as numbers.
    place: Vec<u32>,
    state: Vec<u32>,
    places: (Arrays, u32),
    states: (Arrays, u32),
    /// Of each value: how many operations that need it, and that make it, are still to come.
    needed: Vec<u32>,
    made: Vec<u32>,
    required: usize,
    trail: Vec<Taken>,
    frames: Vec<Frame>,
    candidates: Vec<(u32, u32)>,
    seen: IndexSet<(u32, u32), FxBuildHasher>,
    longest: Vec<u32>,
    blocked: Vec<u32>,
    /// How many configurations were looked at.
    pub looked_at: u64,
}

type Result<T> = std::result::Result<T, (Broken, u32)>;

impl<'a, O: Object> Search<'a, O> {
    /// A search that has not begun.
    pub fn new(history: &History, sessions: &'a Sessions, clocks: &'a [u32], objects: &'a mut [O]) -> Self {
        let mut needed = vec![0; sessions.values.len()];
        let mut made = vec![0; sessions.values.len()];
        for op in &sessions.ops {
            if op.needs != NONE && !op.optional {
                needed[op.needs as usize] += 1;
            }
            if op.makes != NONE {
                made[op.makes as usize] += 1;
            }
        }
        Self {
            clocks,
            deadlines: sessions.ops.iter().map(|op| history.completed[op.row as usize]).collect(),
            place: sessions.starts[..sessions.len()].to_vec(),
            state: vec![0; objects.len()],
            places: (Arrays::new(sessions.len()), 0),
            states: (Arrays::new(objects.len()), 0),
            needed,
            made,
            required: sessions.ops.iter().filter(|op| !op.optional).count(),
            trail: Vec::with_capacity(sessions.ops.len()),
            frames: vec![],
            candidates: vec![],
            seen: IndexSet::default(),
            longest: vec![],
            blocked: vec![],
            looked_at: 0,
            sessions,
            objects,
        }
    }

    /// Searches until there is an answer or the budget is spent.
    pub fn run(&mut self, budget: &Budget) -> Found {
        self.find(budget).unwrap_or_else(|(Broken, row)| Found::Broken(row))
    }

    fn find(&mut self, budget: &Budget) -> Result<Found> {
        let first = self.sessions.ops.first().map_or(0, |op| op.row);
        for (index, object) in self.objects.iter_mut().enumerate() {
            self.state[index] = object.initial().map_err(|it| (it, first))?;
            self.states.1 = self.states.0.set(self.states.1, index, self.state[index]);
        }
        loop {
            self.observe()?;
            if self.required == 0 {
                return Ok(Found::Order(self.rows()));
            }
            self.looked_at += 1;
            if self.is_spent(budget) {
                return Ok(Found::Exhausted);
            }
            if self.seen.insert((self.places.1, self.states.1)) {
                self.branch()?;
            }
            let Some((process, state)) = self.next_candidate() else {
                return Ok(Found::Stuck(
                    std::mem::take(&mut self.longest),
                    std::mem::take(&mut self.blocked),
                ));
            };
            self.take(process, state);
        }
    }

    fn is_spent(&self, budget: &Budget) -> bool {
        if self.looked_at > budget.states {
            return true;
        }
        if !self.looked_at.is_multiple_of(4096) {
            return false;
        }
        let held: usize = self.objects.iter().map(Object::bytes).sum();
        let bytes = 64 * self.seen.capacity() + self.places.0.bytes() + self.states.0.bytes() + held;
        bytes as u64 > budget.memory_bytes || (budget.stop)()
    }

    fn rows(&self) -> Vec<u32> {
        self.trail.iter().map(|taken| self.sessions.ops[taken.op as usize].row).collect()
    }

    /// The next operation of a process, if it has one that nothing else must precede.
    fn head(&self, process: usize) -> Option<(u32, &'a Op)> {
        let place = self.place[process];
        let sessions = self.sessions;
        if place == sessions.starts[process + 1] {
            return None;
        }
        let width = sessions.len();
        if !self.clocks.is_empty() {
            let clock = &self.clocks[place as usize * width..][..width];
            let late = |(other, count): (usize, &u32)| self.place[other] - sessions.starts[other] < *count;
            if clock.iter().enumerate().any(|it| it.0 != process && late(it)) {
                return None;
            }
        }
        Some((place, &sessions.ops[place as usize]))
    }

    fn ask(&mut self, op: &Op) -> Result<Option<u32>> {
        let object = op.object as usize;
        self.objects[object].step(self.state[object], op.inner).map_err(|it| (it, op.row))
    }

    /// Takes everything that changes nothing and is possible.
    fn observe(&mut self) -> Result<()> {
        loop {
            let before = self.trail.len();
            for process in 0..self.sessions.len() {
                while let Some((_, op)) = self.head(process).filter(|(_, op)| op.observes) {
                    let Some(state) = self.ask(op)? else { break };
                    self.take(process as u32, state);
                }
            }
            if self.trail.len() == before {
                return Ok(());
            }
        }
    }

    fn branch(&mut self) -> Result<()> {
        let start = self.candidates.len();
        let deepest = self.trail.len() >= self.longest.len() && self.longest.len() < self.sessions.ops.len();
        let mut blocked = vec![];
        let mut found = vec![];
        for process in 0..self.sessions.len() {
            let Some((place, op)) = self.head(process) else { continue };
            match self.ask(op)?.filter(|next| self.may_leave(op, *next)) {
                Some(next) => found.push((self.deadlines[place as usize], process as u32, next)),
                None => blocked.push(op.row),
            }
        }
        if deepest && found.is_empty() {
            self.longest = self.rows();
            self.blocked = blocked;
        }
        found.sort_unstable_by(|one, other| other.cmp(one));
        self.candidates.extend(found.into_iter().map(|(_, process, next)| (process, next)));
        self.frames.push(Frame { trail: self.trail.len(), candidates: start, next: self.candidates.len() });
        Ok(())
    }

    /// Whether nobody has to find the state that `op` would end.
    fn may_leave(&self, op: &Op, next: u32) -> bool {
        let object = op.object as usize;
        if next == self.state[object] || !self.sessions.plain[object] {
            return true;
        }
        let Some(value) = self.sessions.values.get(&(op.object, self.state[object])) else { return true };
        let own = u32::from(op.needs == *value && !op.optional);
        self.needed[*value as usize] == own || self.made[*value as usize] > 0
    }

    fn next_candidate(&mut self) -> Option<(u32, u32)> {
        while let Some(frame) = self.frames.last_mut() {
            if frame.next == frame.candidates {
                self.frames.pop();
                continue;
            }
            frame.next -= 1;
            let (trail, next) = (frame.trail, frame.next);
            while self.trail.len() > trail {
                self.take_back();
            }
            self.candidates.truncate(next + 1);
            return self.candidates.pop();
        }
        None
    }

    fn take(&mut self, process: u32, state: u32) {
        let at = process as usize;
        let place = self.place[at];
        let op = &self.sessions.ops[place as usize];
        let object = op.object as usize;
        self.trail.push(Taken {
            process,
            op: place,
            state: self.state[object],
            places: self.places.1,
            states: self.states.1,
        });
        self.place[at] += 1;
        self.places.1 = self.places.0.set(self.places.1, at, place + 1 - self.sessions.starts[at]);
        if state != self.state[object] {
            self.state[object] = state;
            self.states.1 = self.states.0.set(self.states.1, object, state);
        }
        if op.needs != NONE && !op.optional {
            self.needed[op.needs as usize] -= 1;
        }
        if op.makes != NONE {
            self.made[op.makes as usize] -= 1;
        }
        self.required -= usize::from(!op.optional);
    }

    fn take_back(&mut self) {
        let Some(taken) = self.trail.pop() else { return };
        let op = &self.sessions.ops[taken.op as usize];
        self.place[taken.process as usize] = taken.op;
        self.state[op.object as usize] = taken.state;
        (self.places.1, self.states.1) = (taken.places, taken.states);
        if op.needs != NONE && !op.optional {
            self.needed[op.needs as usize] += 1;
        }
        if op.makes != NONE {
            self.made[op.makes as usize] += 1;
        }
        self.required += usize::from(!op.optional);
    }
}
