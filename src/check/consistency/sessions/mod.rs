//! The four session guarantees: what a process has to know, and may therefore not read around.
//!
//! Source: Terry et al., *Session guarantees for weakly consistent replicated data* (1994), stated for histories
//! alone: a process p *knows* some writes, and the flaw is a read by p that returns the initial value of a key
//! of which p knows a write, or a write that is *older* than one that p knows. A write is older than a later one
//! to its key by the same session. What p knows, at a read r:
//! - read-your-writes: its own earlier writes. Here a write w of another session is also older than p's own
//!   write w1 if p had, before it issued w1, read w or a later write (of any key) by that session.
//! - monotonic-reads: the writes that its earlier reads returned.
//! - monotonic-writes: the writes that come, in their session, before one that p has read, at r or earlier.
//! - writes-follow-reads: the writes that the writer of one that p has read, at r or earlier, had itself read
//!   before it wrote that one.
//!
//! Two concurrent writes by different sessions have no older one, so that a process may read them to and fro:
//! plain causal consistency allows that, and implies all four guarantees; PRAM implies the first three.
//! Cost: O(n) for the first three (plus O(log n) for a read in read-your-writes and O(writers of the key) for a
//! read of an initial value), O(n · processes) small steps for the last.
use super::reads_from::{Finding, INITIAL, NONE, Run, for_each_session, judge};
use super::{Budget, Error, History, Model, Verdict, Witness};

mod explain;
#[cfg(test)]
mod tests;

/// Judges a history of reads and writes by a session guarantee.
///
/// # Errors
/// [`Error::UnknownKind`] for other operations than reads and writes, [`Error::NotDefined`] for other models.
pub fn check(history: &History, model: Model, budget: &Budget<'_>) -> Result<Verdict, Error> {
    let look: Look = match model {
        Model::ReadYourWrites => |it, op| it.read_your_writes(op),
        Model::MonotonicReads => |it, op| it.monotonic_reads(op),
        Model::MonotonicWrites => |it, op| it.monotonic_writes(op),
        Model::WritesFollowReads => |it, op| it.writes_follow_reads(op),
        _ => {
            return Err(Error::NotDefined {
                model,
                what: "the checker of session guarantees".to_owned(),
                hint: "it knows read-your-writes, monotonic-reads, monotonic-writes and writes-follow-reads"
                    .to_owned(),
            });
        }
    };
    judge(history, model, "what each session must know (Terry et al. 1994)", budget, |run| {
        guarantee(run, model, look, budget)
    })
}

/// Tells a knowledge of the next operation of its process; whether that is a read that must not be.
type Look = fn(&mut Knowledge<'_>, u32) -> bool;

fn guarantee(run: &Run<'_>, model: Model, look: Look, budget: &Budget<'_>) -> Finding {
    let writes = Writes::of(run);
    let sessions: Vec<usize> = (0..run.sessions()).collect();
    let tools = || Knowledge::new(run, &writes);
    let found = for_each_session(run, &sessions, tools, |knowledge, session| {
        knowledge.forget();
        for op in run.of_session(session) {
            if op & 0xfff == 0 && (budget.stop)() {
                return None;
            }
            if look(knowledge, op) {
                return Some(Some(op));
            }
        }
        Some(None)
    });
    let mut flaws = Vec::new();
    for session in found {
        flaws.extend(session?);
    }
    let first = flaws.into_iter().min_by_key(|read| run.place[*read as usize]);
    Some(match first {
        None => Ok(Witness::Absence),
        Some(read) => Err(Box::new(explain::explain(run, model, read))),
    })
}

/// The writes of each slot.
struct Writes {
    /// Of each write, the next one of its session to its key, or [`NONE`].
    next: Vec<u32>,
    /// Of each slot, its first write.
    first: Vec<u32>,
}

impl Writes {
    fn of(run: &Run<'_>) -> Self {
        let slots = run.slots.last().map_or(0, |it| *it as usize);
        let (mut next, mut first) = (vec![NONE; run.len()], vec![NONE; slots]);
        for op in (0..run.len()).rev().filter(|op| run.is_write(*op as u32)) {
            let slot = run.slot[op] as usize;
            next[op] = first[slot];
            first[slot] = op as u32;
        }
        Self { next, first }
    }
}

/// What one process knows.
struct Knowledge<'r> {
    run: &'r Run<'r>,
    writes: &'r Writes,
    /// Of each slot, one more than the last write that is known; 0 for none.
    slots: Vec<u32>,
    /// Of each key, whether a write to it is known, and, as one more than it, the process's own last one.
    keys: Vec<(bool, u32)>,
    /// Of each session, how far it was read: (when, one more than the write), ascending.
    read: Vec<Vec<(u32, u32)>>,
    touched: Vec<u32>,
    read_from: Vec<u32>,
}

impl<'r> Knowledge<'r> {
    fn new(run: &'r Run<'r>, writes: &'r Writes) -> Self {
        Self {
            run,
            writes,
            slots: vec![0; writes.first.len()],
            keys: vec![(false, 0); run.slots.len()],
            read: vec![Vec::new(); run.sessions()],
            touched: vec![],
            read_from: vec![],
        }
    }

    fn forget(&mut self) {
        for write in self.touched.drain(..) {
            self.slots[self.run.slot[write as usize] as usize] = 0;
            self.keys[self.run.key[write as usize] as usize] = (false, 0);
        }
        self.read_from.drain(..).for_each(|session| self.read[session as usize].clear());
    }

    fn learn(&mut self, write: u32) {
        let known = &mut self.slots[self.run.slot[write as usize] as usize];
        if *known <= write {
            *known = write + 1;
            self.keys[self.run.key[write as usize] as usize].0 = true;
            self.touched.push(write);
        }
    }

    /// Whether a read returns the initial value, or a write, though a younger one is known.
    fn is_stale(&self, read: u32) -> bool {
        match self.run.source_of(read) {
            Some(source) => self.slots[self.run.slot[source as usize] as usize] > source + 1,
            None => self.reads_initial(read) && self.keys[self.run.key[read as usize] as usize].0,
        }
    }

    fn reads_initial(&self, op: u32) -> bool {
        self.run.source[op as usize] == INITIAL
    }

    /// How far the session of a write was read before; notes that it was read up to this write.
    fn advance(&mut self, read: u32, source: u32) -> u32 {
        let session = self.run.session[source as usize];
        let reads = &mut self.read[session as usize];
        let before = reads.last().map_or(0, |it| it.1);
        if reads.is_empty() {
            self.read_from.push(session);
        }
        if source >= before {
            reads.push((read, source + 1));
        }
        before
    }

    fn read_your_writes(&mut self, op: u32) -> bool {
        let run = self.run;
        let key = run.key[op as usize] as usize;
        if run.is_write(op) {
            self.learn(op);
            self.keys[key].1 = op + 1;
            return false;
        }
        let Some(source) = run.source_of(op) else { return self.is_stale(op) };
        let own = self.keys[key].1;
        let reads = &self.read[run.session[source as usize] as usize];
        let earlier = reads.partition_point(|it| it.0 + 1 < own);
        let foreign = run.session[source as usize] != run.session[op as usize];
        let replaced = foreign && earlier > 0 && reads[earlier - 1].1 > source;
        let stale = self.is_stale(op);
        self.advance(op, source);
        stale || replaced
    }

    fn monotonic_reads(&mut self, op: u32) -> bool {
        let stale = self.is_stale(op);
        if let Some(source) = self.run.source_of(op) {
            self.learn(source);
        }
        stale
    }

    fn monotonic_writes(&mut self, op: u32) -> bool {
        let run = self.run;
        let until = |it: &Self, session: u32| it.read[session as usize].last().map_or(0, |it| it.1);
        if let Some(source) = run.source_of(op) {
            self.advance(op, source);
            let next = self.writes.next[source as usize];
            return next != NONE && next + 1 < until(self, run.session[source as usize]);
        }
        let mut firsts = self.writes.first[run.slots_of(op)].iter();
        self.reads_initial(op) && firsts.any(|first| *first + 1 < until(self, run.session[*first as usize]))
    }

    fn writes_follow_reads(&mut self, op: u32) -> bool {
        let run = self.run;
        if let Some(source) = run.source_of(op) {
            let session = run.session[source as usize] as usize;
            let from = self.advance(op, source).max(run.starts[session]);
            for other in from..source {
                if let Some(known) = run.source_of(other) {
                    self.learn(known);
                }
            }
        }
        self.is_stale(op)
    }
}
