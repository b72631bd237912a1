//! Transactions as events on chains, for each level, and the rules by which one order follows from others.
//!
//! | level | events of a transaction | `so`, `wr` | `ww` | `rw` |
//! |---|---|---|---|---|
//! | serializable | one | one to the other | the same | the same |
//! | snapshot isolation | begin, commit | commit to begin | commit to begin | begin to commit |
//! | prefix | begin, commit | commit to begin | commit to commit | begin to commit |
//!
//! A cycle of events is a cycle of `so ∪ wr ∪ ww ∪ rw`, of `(so ∪ wr ∪ ww) ; rw?`, of `((so ∪ wr) ; rw?) ∪
//! ww`: whoever leaves a begin by `rw` arrives at a commit, which can only be left by another dependency.
use crate::check::consistency::history::{History, NEVER};

use super::graph::{Edge, Why};
use super::reads_from::INITIAL;
use super::txns::{Chunk, Txns};

/// What the events of a transaction are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// One: serializable.
    Whole,
    /// Begin and commit; writers of one key follow each other: snapshot isolation.
    Snapshot,
    /// Begin and commit; only the commits of writers are ordered: prefix.
    Prefix,
}

impl Shape {
    /// How many events a transaction has.
    pub(super) fn width(self) -> u32 {
        if self == Self::Whole { 1 } else { 2 }
    }

    /// The event at which a transaction reads.
    pub(super) fn begin(self, txn: u32) -> u32 {
        txn * self.width()
    }

    /// The event at which it writes.
    pub(super) fn commit(self, txn: u32) -> u32 {
        txn * self.width() + self.width() - 1
    }

    /// The event of the later of two writers that comes after the commit of the earlier one.
    pub(super) fn overwrite(self, txn: u32) -> u32 {
        if self == Self::Prefix { self.commit(txn) } else { self.begin(txn) }
    }

    /// Whether an event is a begin, and whether it is a commit.
    fn roles(self, event: u32) -> (bool, bool) {
        if self == Self::Whole { (true, true) } else { (event.is_multiple_of(2), !event.is_multiple_of(2)) }
    }

    /// How many transactions have committed after this many events of their chain.
    fn committed(self, events: u32) -> u32 {
        events / self.width()
    }

    /// How many transactions are known to be earlier writers than one whose commit comes after so many events
    /// of their chain.
    fn overwritten(self, events: u32) -> u32 {
        if self == Self::Snapshot { events.div_ceil(2) } else { self.committed(events) }
    }
}

/// The events of a history.
pub(super) struct Events<'a> {
    pub txns: &'a Txns,
    pub shape: Shape,
    /// Of each event, its chain: sessions first, then the moments of real time, if they count.
    pub chain: Vec<u32>,
    /// Of each chain, its first event.
    pub first: Vec<u32>,
}

impl<'a> Events<'a> {
    pub(super) fn new(txns: &'a Txns, shape: Shape) -> Self {
        let width = shape.width();
        let chain = txns.session.iter().flat_map(|it| std::iter::repeat_n(*it, width as usize)).collect();
        let first = txns.first[..txns.sessions_len()].iter().map(|it| it * width).collect();
        Self { txns, shape, chain, first }
    }

    /// How many events there are.
    pub(super) fn len(&self) -> usize {
        self.chain.len()
    }

    /// Where an event is on its chain.
    pub(super) fn place(&self, event: u32) -> u32 {
        event - self.first[self.chain[event as usize] as usize]
    }

    /// Whose event it is; none for a moment of real time.
    pub(super) fn txn(&self, event: u32) -> Option<u32> {
        let txn = event / self.shape.width();
        ((txn as usize) < self.txns.len()).then_some(txn)
    }

    /// The orders that are known from the start, without those along chains.
    pub(super) fn known(&self) -> Vec<Edge> {
        let mut edges = vec![];
        for reader in 0..self.txns.len() as u32 {
            let to = self.shape.begin(reader);
            for read in self.txns.reads_of(reader).iter().filter(|it| it.version != INITIAL) {
                let from = self.shape.commit(self.txns.writes[read.version as usize].txn);
                edges.push(Edge { from, to, why: Why::Wr, about: read.version, because: (from, to) });
            }
        }
        self.add_initial(&mut edges);
        edges
    }

    /// Whoever reads an initial value comes before all who write the key: for each session, its last such
    /// reader before the first writer of every session.
    fn add_initial(&self, edges: &mut Vec<Edge>) {
        let mut latest = vec![(0, 0); self.txns.key.len()];
        let last = |txns: &Txns, session: u32| txns.first[session as usize]..txns.first[session as usize + 1];
        for session in 0..self.txns.sessions_len() as u32 {
            for reader in last(self.txns, session).rev() {
                for read in self.txns.reads_of(reader).iter().filter(|it| it.version == INITIAL) {
                    let entry = &mut latest[read.key as usize];
                    if entry.0 == session + 1 {
                        continue;
                    }
                    *entry = (session + 1, reader);
                    let from = self.shape.begin(reader);
                    for chunk in self.txns.chunks(read.key) {
                        let writers = self.txns.writers(*chunk).iter().map(|it| it.0);
                        for writer in writers.filter(|it| *it != reader).take(1) {
                            let to = self.shape.commit(writer);
                            edges.push(Edge { from, to, why: Why::Rw, about: INITIAL, because: (from, to) });
                        }
                    }
                }
            }
        }
    }

    /// Adds real time: between an answer and the next question there is a moment; the moments are a chain.
    pub(super) fn add_real_time(&mut self, history: &History, edges: &mut Vec<Edge>) {
        let mut places: Vec<(u32, u32, bool)> = vec![];
        for txn in 0..self.txns.len() as u32 {
            let row = self.txns.row[txn as usize] as usize;
            places.push((history.invoked[row], txn, false));
            if history.completed[row] != NEVER {
                places.push((history.completed[row], txn, true));
            }
        }
        places.sort_unstable();
        let (mut moment, mut answered) = (None, false);
        let chain = self.first.len() as u32;
        for (_, txn, is_answer) in places {
            if is_answer && !answered {
                if moment.is_none() {
                    self.first.push(self.len() as u32);
                }
                moment = Some(self.len() as u32);
                self.chain.push(chain);
            }
            answered = is_answer;
            let Some(moment) = moment else { continue };
            let (from, to) = match is_answer {
                true => (self.shape.commit(txn), moment),
                false => (moment, self.shape.begin(txn)),
            };
            edges.push(Edge { from, to, why: Why::RealTime, about: 0, because: (from, to) });
        }
    }

    /// The edge that puts the writer `earlier` of a version before `later`, which writes the key too.
    pub(super) fn overwrite(&self, earlier: u32, later: u32) -> (u32, u32) {
        (self.shape.commit(earlier), self.shape.overwrite(later))
    }

    /// What follows for an event from what newly comes before it: of each chain, `old` events were known to
    /// come before, and `new` are now.
    ///
    /// - If w is visible to a reader of t's write to x, and writes x, it is an earlier writer than t.
    /// - If w cannot be a later writer than t, it is an earlier one; all readers of w then precede t.
    ///
    /// It is enough to say so for the last w of each session.
    pub(super) fn infer(&self, event: u32, old: &[u32], new: &[u32], mut found: impl FnMut(Edge)) {
        let Some(txn) = self.txn(event) else { return };
        let (reads, writes) = self.shape.roles(event);
        if reads {
            self.infer_from_reads(event, txn, old, new, &mut found);
        }
        if writes {
            self.infer_from_writes(event, txn, old, new, &mut found);
        }
    }

    fn infer_from_reads(&self, event: u32, txn: u32, old: &[u32], new: &[u32], found: &mut impl FnMut(Edge)) {
        for read in self.txns.reads_of(txn).iter().filter(|it| it.version != INITIAL) {
            let writer = self.txns.writes[read.version as usize].txn;
            for chunk in self.txns.chunks(read.key) {
                let session = chunk.session as usize;
                if new[session] == old[session] {
                    continue;
                }
                let (old, new) = (self.shape.committed(old[session]), self.shape.committed(new[session]));
                let Some((seen, _)) = self.latest(*chunk, old, new, u32::MAX) else { continue };
                if seen != writer {
                    let (from, to) = self.overwrite(seen, writer);
                    let because = (self.shape.commit(seen), event);
                    found(Edge { from, to, why: Why::Hidden, about: read.version, because });
                }
            }
        }
    }

    fn infer_from_writes(
        &self,
        event: u32,
        txn: u32,
        old: &[u32],
        new: &[u32],
        found: &mut impl FnMut(Edge),
    ) {
        let (first, own) = (self.txns.first_write(txn), self.txns.session[txn as usize]);
        for (number, write) in (first..).zip(self.txns.writes_of(txn)) {
            for chunk in self.txns.chunks(write.key) {
                let session = chunk.session as usize;
                if new[session] == old[session] {
                    continue;
                }
                let limit = if chunk.session == own { txn } else { u32::MAX };
                let (old, new) = (self.shape.overwritten(old[session]), self.shape.overwritten(new[session]));
                let Some((earlier, version)) = self.latest(*chunk, old, new, limit) else { continue };
                let (from, to) = self.overwrite(earlier, txn);
                let because = (self.shape.overwrite(earlier), event);
                found(Edge { from, to, why: Why::Ordered, about: number, because });
                for reader in self.txns.readers(version).iter().filter(|it| **it != txn) {
                    let from = self.shape.begin(*reader);
                    found(Edge { from, to: event, why: Why::Rw, about: version, because });
                }
            }
        }
    }

    /// The last writer among the transactions of a session from the `old`-th to the `new`-th, before `limit`.
    fn latest(&self, chunk: Chunk, old: u32, new: u32, limit: u32) -> Option<(u32, u32)> {
        let first = self.txns.first[chunk.session as usize];
        let new = (first + new).min(limit);
        let writers = self.txns.writers(chunk);
        let count = match writers {
            [.., last] if last.0 < new => writers.len(),
            _ => writers.partition_point(|it| it.0 < new),
        };
        let last = *writers.get(count.checked_sub(1)?)?;
        (last.0 >= first + old).then_some(last)
    }
}
