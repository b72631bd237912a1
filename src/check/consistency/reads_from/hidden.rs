//! Reads of values that were overwritten in the past of the reader.
//!
//! A read is hidden from a write w if its past holds another write to the same key that has w in its own past.
//! Of every session only the last write to the key within the past counts. A read is settled at once if no other
//! write stands between the write and the read in an order that causality keeps. The others are looked into one
//! by one as long as that is cheap, or by two walks over the history for their process: the first one collects
//! the pairs in doubt, the second one, as the process of the later write, decides them.
use rayon::prelude::*;

use super::super::Budget;
use super::for_each_session;
use super::near::Near;
use super::past::{Past, Pushes, Reasons};
use super::points::Following;
use super::run::{INITIAL, NONE, Run};

/// What comes before what.
#[derive(Clone, Copy)]
pub(crate) struct Order<'r> {
    pub run: &'r Run<'r>,
    /// What else each operation depends on, see [`super::past`].
    pub links: &'r [u32],
    /// An order of all operations that keeps sessions and links.
    pub place: &'r [u32],
    pub pushes: Option<&'r Pushes>,
    /// Which writes follow each other in the order of the places.
    pub following: &'r Following,
}

/// The tools of one thread.
type Tools<'r> = (Past<'r>, Near<'r>);

/// A read, a write that it may have read from, and a write to the same key in its past that may hide that one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Doubt {
    pub over: u32,
    pub hidden: u32,
    pub read: u32,
}

/// A proof that a read cannot return what a write wrote.
pub(crate) struct Proof {
    /// The write that hides the other one.
    pub over: u32,
    /// From that write to the read.
    pub to_read: Vec<u32>,
    /// From the hidden write to that one; empty if the initial value is hidden.
    pub to_over: Vec<u32>,
}

impl<'r> Order<'r> {
    /// Looks for a read all of whose candidates are hidden. The error is the first one by time. Otherwise: those
    /// pairs in doubt in which the write in the past turned out to be unordered. Nothing if the budget ran out.
    ///
    /// O(n · processes) steps in the worst case.
    pub fn hidden<'c, C>(&self, candidates: C, budget: &Budget<'_>) -> Option<Result<Vec<Doubt>, u32>>
    where
        C: Fn(u32) -> &'c [u32] + Sync,
    {
        let open = |op: u32| !candidates(op).is_empty() && !self.settled(op, candidates(op));
        let reads = |session: &usize| self.run.of_session(*session).any(open);
        let readers: Vec<usize> = (0..self.run.sessions()).filter(reads).collect();
        let looked = for_each_session(
            self.run,
            &readers,
            || self.tools(),
            |tools, session| {
                self.look_near(&mut tools.1, session, &candidates)
                    .map(Some)
                    .unwrap_or_else(|| self.scan(&mut tools.0, session, &candidates, budget))
            },
        );
        let place = |read: &u32| self.run.place[*read as usize];
        let mut doubts = Vec::new();
        let mut flaw: Option<u32> = None;
        for session in looked {
            let (found, violated) = session?;
            flaw = flaw.into_iter().chain(violated).min_by_key(place);
            doubts.extend(found);
            if doubts.len() as u64 * size_of::<Doubt>() as u64 > budget.memory_bytes {
                return None;
            }
        }
        if let Some(read) = flaw {
            return Some(Err(read));
        }
        doubts.par_sort_unstable();
        let sure = self.decide(&doubts, budget)?;
        if sure.contains(&true) {
            let all =
                doubts.iter().zip(&sure).map(|(doubt, sure)| (doubt.read, doubt.hidden, *sure)).collect();
            if let Some(read) = without_candidate(all).into_iter().min_by_key(place) {
                return Some(Err(read));
            }
        }
        Some(Ok(doubts))
    }

    fn past(&self) -> Past<'r> {
        Past::new(self.run, self.links, self.place, self.pushes)
    }

    fn tools(&self) -> Tools<'r> {
        (self.past(), Near::new(self.run, self.links, self.place))
    }

    /// Whether no write to the key stands between one of the candidates and the read.
    fn settled(&self, read: u32, candidates: &[u32]) -> bool {
        let place = self.place[read as usize];
        candidates.iter().any(|write| place < self.following.after(self.run, read, *write))
    }

    /// The same as [`Order::scan`], read by read. Nothing if that is no cheaper.
    fn look_near<'c, C>(
        &self,
        near: &mut Near<'_>,
        session: usize,
        candidates: &C,
    ) -> Option<(Vec<Doubt>, Option<u32>)>
    where
        C: Fn(u32) -> &'c [u32],
    {
        let mut doubts = Vec::new();
        if self.pushes.is_some() {
            return None;
        }
        near.left = self.run.len() / 2;
        for read in self.run.of_session(session) {
            let writes = candidates(read);
            if !writes.is_empty()
                && !self.settled(read, writes)
                && !self.allows_near(near, read, writes, &mut doubts)?
            {
                return Some((doubts, Some(read)));
            }
        }
        Some((doubts, None))
    }

    /// The same as [`Order::allows`], by a search. Nothing if it takes too long.
    fn allows_near(
        &self,
        near: &mut Near<'_>,
        read: u32,
        candidates: &[u32],
        doubts: &mut Vec<Doubt>,
    ) -> Option<bool> {
        let run = self.run;
        let start = doubts.len();
        for write in candidates.iter().copied() {
            let first = self.following.after(run, read, write);
            let slot = if write == INITIAL { NONE } else { run.slot[write as usize] };
            let (mut safe, mut hidden, before) = (true, false, doubts.len());
            let cheap = near.each(read, first - 1, |op| {
                if run.is_write(op) && run.key[op as usize] == run.key[read as usize] {
                    safe = false;
                    hidden |= slot == NONE || run.slot[op as usize] == slot;
                    doubts.push(Doubt { over: self.place[op as usize], hidden: write, read });
                }
            });
            if !cheap {
                return None;
            }
            if safe {
                doubts.truncate(start);
                return Some(true);
            }
            if hidden {
                doubts.truncate(before);
            }
        }
        Some(doubts.len() > start)
    }

    /// The same as [`Order::decide_in`], pair by pair. Nothing if that is no cheaper.
    fn decide_near(&self, near: &mut Near<'_>, group: &[(u32, u32, usize)]) -> Option<Vec<usize>> {
        let mut sure = Vec::new();
        if self.pushes.is_some() {
            return None;
        }
        near.left = self.run.len() / 2;
        for (over, hidden, index) in group {
            let mut found = false;
            if !near.each(*over, self.place[*hidden as usize] - 1, |op| found |= op == *hidden) {
                return None;
            }
            sure.extend(found.then_some(*index));
        }
        Some(sure)
    }

    fn scan<'c, C>(
        &self,
        past: &mut Past<'_>,
        session: usize,
        candidates: &C,
        budget: &Budget<'_>,
    ) -> Option<(Vec<Doubt>, Option<u32>)>
    where
        C: Fn(u32) -> &'c [u32],
    {
        let mut doubts = Vec::new();
        let ops = self.run.of_session(session);
        past.begin(session);
        for op in ops {
            if op & 0xfff == 0 && (budget.stop)() {
                return None;
            }
            past.step(op, self.run.source_of(op), 0, &mut ());
            if !self.allows(past, op, candidates(op), &mut doubts) {
                return Some((doubts, Some(op)));
            }
        }
        Some((doubts, None))
    }

    /// Whether a read may return one of the candidates, if what is in doubt turns out well.
    fn allows(&self, past: &Past<'_>, read: u32, candidates: &[u32], doubts: &mut Vec<Doubt>) -> bool {
        let start = doubts.len();
        let slots = self.run.slots_of(read);
        for write in candidates {
            let floor = if *write == INITIAL { 0 } else { u64::from(self.place[*write as usize]) };
            if past.last[slots.clone()].iter().all(|last| *last <= floor) {
                doubts.truncate(start);
                return true;
            }
            if *write == INITIAL || past.last[self.run.slot[*write as usize] as usize] > floor {
                continue;
            }
            let later = past.last[slots.clone()].iter().filter(|last| **last > floor);
            doubts.extend(later.map(|last| Doubt { over: *last as u32, hidden: *write, read }));
        }
        candidates.is_empty() || doubts.len() > start
    }

    /// Of each pair in doubt (sorted), whether the hidden write is in the past of the other one.
    fn decide(&self, doubts: &[Doubt], budget: &Budget<'_>) -> Option<Vec<bool>> {
        let order = if doubts.is_empty() { vec![] } else { self.run.by_place(self.place) };
        let session = |doubt: &Doubt| self.run.session[order[doubt.over as usize - 1] as usize];
        let mut groups: Vec<Vec<(u32, u32, usize)>> = vec![Vec::new(); self.run.sessions()];
        for (index, doubt) in doubts.iter().enumerate() {
            groups[session(doubt) as usize].push((order[doubt.over as usize - 1], doubt.hidden, index));
        }
        let concerned: Vec<usize> = (0..groups.len()).filter(|it| !groups[*it].is_empty()).collect();
        let decided = for_each_session(
            self.run,
            &concerned,
            || self.tools(),
            |tools, session| {
                let group = &groups[session];
                self.decide_near(&mut tools.1, group)
                    .or_else(|| self.decide_in(&mut tools.0, session, group, budget))
            },
        );
        let mut sure = vec![false; doubts.len()];
        for group in decided {
            group?.into_iter().for_each(|index| sure[index] = true);
        }
        Some(sure)
    }

    fn decide_in(
        &self,
        past: &mut Past<'_>,
        session: usize,
        group: &[(u32, u32, usize)],
        budget: &Budget<'_>,
    ) -> Option<Vec<usize>> {
        let mut sure = Vec::new();
        let mut rest = group.iter().peekable();
        past.begin(session);
        for op in self.run.of_session(session) {
            if rest.peek().is_none() {
                break;
            }
            if op & 0xfff == 0 && (budget.stop)() {
                return None;
            }
            past.step(op, self.run.source_of(op), 0, &mut ());
            while let Some((_, hidden, index)) = rest.next_if(|it| it.0 == op) {
                if *hidden < past.frontier[self.run.session[*hidden as usize] as usize] {
                    sure.push(*index);
                }
            }
        }
        Some(sure)
    }

    /// Why a read cannot return what this candidate wrote. Nothing if it can. O(n · writers of the key).
    pub fn prove(&self, read: u32, candidate: u32) -> Option<Proof> {
        let (past, reasons) = self.past_of(read);
        let order = self.run.by_place(self.place);
        let floor = if candidate == INITIAL { 0 } else { u64::from(self.place[candidate as usize]) };
        for last in &past.last[self.run.slots_of(read)] {
            if *last <= floor {
                continue;
            }
            let over = order[*last as usize - 1];
            let to_read = reasons.chain(self.run, over, read);
            if candidate == INITIAL {
                return Some(Proof { over, to_read, to_over: vec![] });
            }
            let (past, reasons) = self.past_of(over);
            if candidate < past.frontier[self.run.session[candidate as usize] as usize] {
                return Some(Proof { over, to_read, to_over: reasons.chain(self.run, candidate, over) });
            }
        }
        None
    }

    fn past_of(&self, op: u32) -> (Past<'r>, Reasons) {
        let (mut past, mut reasons) = (self.past(), Reasons::new(self.run));
        let session = self.run.session[op as usize] as usize;
        past.begin(session);
        for own in self.run.starts[session]..=op {
            past.step(own, self.run.source_of(own), 0, &mut reasons);
        }
        (past, reasons)
    }
}

/// The reads all of whose candidates are surely hidden.
fn without_candidate(mut all: Vec<(u32, u32, bool)>) -> Vec<u32> {
    all.sort_unstable();
    let hidden = |candidate: &[(u32, u32, bool)]| candidate.iter().any(|it| it.2);
    all.chunk_by(|a, b| a.0 == b.0)
        .filter(|read| read.chunk_by(|a, b| a.1 == b.1).all(hidden))
        .map(|read| read[0].0)
        .collect()
}
