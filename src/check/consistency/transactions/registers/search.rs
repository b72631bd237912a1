//! The search for a commit order where saturation leaves a choice.
//!
//! Transactions are laid out one after the other: the next one is any whose predecessors are all laid out,
//! and laying it out decides that it precedes every other writer of its keys that is not laid out yet. Each
//! such decision is an edge, from which everything that follows is inferred at once (the rules of saturation,
//! incrementally), so a wrong decision is mostly noticed before anything else is decided. A contradiction is
//! explained by the decisions that it needs; the latest of them is taken back, as far as the one before it
//! (conflict-directed backjumping), and its opposite, which now follows from the others, is inferred. Nothing
//! else of a refutation need be remembered for the search to be complete.
use super::super::{Exhausted, Meter};
use super::events::{Events, Shape};
use super::graph::{Edge, Why};
use super::saturate::Saturation;

const NONE: u32 = u32::MAX;
/// The cause of a change that came along the chain.
const FROM_CHAIN: u32 = u32::MAX;

/// What the search has found.
pub(super) struct Outcome {
    /// Whether there is an order. All edges that were added to the saturated ones are in the search's list.
    pub found: bool,
    /// If not, the transactions that the refutations speak of.
    pub core: Vec<u32>,
    /// How many decisions and refutations there were.
    pub states: u64,
}

/// One entry of a clock that has grown.
#[derive(Clone, Copy)]
struct Change {
    cell: u32,
    old: u32,
    /// The previous change of this entry.
    previous: u32,
    /// The edge, or [`FROM_CHAIN`].
    cause: u32,
}

/// A decision, and where to return to when it is taken back.
struct Level {
    edge: u32,
    changes: u32,
    laid_out: u32,
    refutations: u32,
    /// The earlier and the later writer.
    writers: (u32, u32),
}

pub(super) struct Search<'a> {
    events: &'a Events<'a>,
    chains: usize,
    clock: Vec<u32>,
    /// Of each entry of a clock, its latest change.
    last: Vec<u32>,
    changes: Vec<Change>,
    pub edges: Vec<Edge>,
    /// Of each event, its latest edge, and of each edge, the one before it.
    head: Vec<u32>,
    next: Vec<u32>,
    levels: Vec<Level>,
    /// Of each refuted decision that was turned round, the edges from which its opposite follows.
    refutations: Vec<Vec<u32>>,
    /// The chains whose next events were laid out, in order, and how many of each.
    laid_out: Vec<u32>,
    done: Vec<u32>,
    /// How many events each chain has.
    lengths: Vec<u32>,
    /// Of each event of a transaction, about when it happened.
    hints: &'a [u32],
    /// Transactions that refutations speak of.
    blamed: Vec<bool>,
    states: u64,
    /// Of each edge, the last explanation that it was part of.
    explained: Vec<u32>,
    explanations: u32,
    work: Work,
}

/// What is still to be propagated, and room for it.
#[derive(Default)]
struct Work {
    edges: Vec<Edge>,
    /// Events whose clocks have grown since their successors were told.
    grown: std::collections::VecDeque<u32>,
    is_grown: Vec<bool>,
    old: Vec<u32>,
}

/// A contradiction: this edge cannot be.
struct Conflict(Edge);

enum Step {
    Done,
    Advanced,
    Decide { earlier: u32, later: u32 },
}

impl<'a> Search<'a> {
    /// `hints`: of each event, about when it happened.
    pub(super) fn new(events: &'a Events<'a>, saturation: Saturation, hints: &'a [u32]) -> Self {
        let chains = events.first.len();
        let mut head = vec![NONE; events.len()];
        let mut next = Vec::with_capacity(saturation.edges.len());
        for (number, edge) in saturation.edges.iter().enumerate() {
            next.push(std::mem::replace(&mut head[edge.from as usize], number as u32));
        }
        let end = |chain: usize| events.first.get(chain + 1).map_or(events.len() as u32, |it| *it);
        let work = Work { is_grown: vec![false; events.len()], old: vec![0; chains], ..Work::default() };
        Self {
            events,
            chains,
            last: vec![NONE; saturation.clock.len()],
            clock: saturation.clock,
            changes: vec![],
            edges: saturation.edges,
            head,
            next,
            levels: vec![],
            refutations: vec![],
            laid_out: vec![],
            done: vec![0; chains],
            lengths: (0..chains).map(|chain| end(chain) - events.first[chain]).collect(),
            hints,
            blamed: vec![false; events.txns.len()],
            states: 0,
            explained: vec![],
            explanations: 0,
            work,
        }
    }

    /// Searches.
    pub(super) fn run(&mut self, meter: &mut Meter<'_>) -> Result<Outcome, Exhausted> {
        loop {
            let conflict = match self.step() {
                Step::Done => return Ok(self.outcome(true)),
                Step::Advanced => continue,
                Step::Decide { earlier, later } => {
                    self.states += 1;
                    let edge = self.decide(earlier, later);
                    self.propagate(edge, meter)?
                }
            };
            let mut conflict = conflict;
            while let Some(Conflict(edge)) = conflict {
                self.states += 1;
                let Some(edge) = self.turn_round(edge) else { return Ok(self.outcome(false)) };
                conflict = self.propagate(edge, meter)?;
            }
            meter.afford((self.clock.len() * 8 + self.changes.len() * 16 + self.edges.len() * 64) as u64)?;
        }
    }

    fn outcome(&self, found: bool) -> Outcome {
        let core = (0..self.blamed.len() as u32).filter(|it| self.blamed[*it as usize]).collect();
        Outcome { found, core, states: self.states }
    }

    fn row(&self, event: u32) -> std::ops::Range<usize> {
        let at = event as usize * self.chains;
        at..at + self.chains
    }

    /// Whether one event is known to precede another.
    fn precedes(&self, one: u32, other: u32) -> bool {
        let chain = self.events.chain[one as usize] as usize;
        self.clock[other as usize * self.chains + chain] > self.events.place(one)
    }

    /// Lays out an event that needs no decision, or says which decision the earliest of the others needs
    /// first.
    fn step(&mut self) -> Step {
        let mut likeliest: Option<(u32, u32, u32)> = None;
        let mut is_done = true;
        for chain in 0..self.chains {
            let done = self.done[chain];
            if done == self.lengths[chain] {
                continue;
            }
            is_done = false;
            let event = self.events.first[chain] + done;
            if self.clock[self.row(event)].iter().zip(&self.done).any(|(before, done)| before > done) {
                continue;
            }
            let Some(other) = self.undecided(event) else {
                self.done[chain] += 1;
                self.laid_out.push(chain as u32);
                return Step::Advanced;
            };
            let hint = self.hints.get(event as usize).copied().unwrap_or(0);
            if likeliest.is_none_or(|(best, ..)| hint < best) {
                likeliest = Some((hint, event, other));
            }
        }
        match likeliest {
            None => {
                assert!(is_done, "a saturated order always has a next event");
                Step::Done
            }
            Some((_, event, later)) => Step::Decide { earlier: event / self.events.shape.width(), later },
        }
    }

    /// A writer of a key of the transaction at this event that is not laid out and may still come before it.
    fn undecided(&self, event: u32) -> Option<u32> {
        let (events, txns) = (self.events, self.events.txns);
        let txn = events.txn(event)?;
        let decides = match events.shape {
            Shape::Whole => true,
            Shape::Snapshot => event == events.shape.begin(txn),
            Shape::Prefix => event == events.shape.commit(txn),
        };
        if !decides {
            return None;
        }
        let first = txns.first_write(txn);
        for (number, write) in (first..).zip(txns.writes_of(txn)) {
            for chunk in txns.chunks(write.key) {
                let done = self.done[chunk.session as usize];
                let begun = match events.shape {
                    Shape::Snapshot => done.div_ceil(2),
                    _ => done / events.shape.width(),
                };
                let begun = txns.first[chunk.session as usize] + begun;
                let writers = txns.writers(*chunk);
                for (later, version) in &writers[writers.partition_point(|it| it.0 < begun)..] {
                    if *later == txn {
                        continue;
                    }
                    let (from, to) = events.overwrite(txn, *later);
                    if self.precedes(from, to) {
                        break;
                    }
                    let is_read = |write| !txns.readers(write).is_empty();
                    if events.shape == Shape::Snapshot || is_read(number) || is_read(*version) {
                        return Some(*later);
                    }
                }
            }
        }
        None
    }

    fn decide(&mut self, earlier: u32, later: u32) -> Edge {
        let (from, to) = self.events.overwrite(earlier, later);
        self.levels.push(Level {
            edge: self.edges.len() as u32,
            changes: self.changes.len() as u32,
            laid_out: self.laid_out.len() as u32,
            refutations: self.refutations.len() as u32,
            writers: (earlier, later),
        });
        Edge { from, to, why: Why::Decided, about: self.levels.len() as u32, because: (from, to) }
    }

    /// Adds an edge and all that follows from it.
    fn propagate(&mut self, edge: Edge, meter: &mut Meter<'_>) -> Result<Option<Conflict>, Exhausted> {
        self.work.edges.push(edge);
        loop {
            if let Some(edge) = self.work.edges.pop() {
                if self.precedes(edge.from, edge.to) {
                    continue;
                }
                if edge.from == edge.to || self.precedes(edge.to, edge.from) {
                    self.forget_work();
                    return Ok(Some(Conflict(edge)));
                }
                let number = self.edges.len() as u32;
                self.next.push(std::mem::replace(&mut self.head[edge.from as usize], number));
                self.edges.push(edge);
                self.raise(edge.from, edge.to, number);
                meter.spend(1)?;
            } else if let Some(event) = self.work.grown.pop_front() {
                self.work.is_grown[event as usize] = false;
                meter.spend(1)?;
                if self.events.chain.get(event as usize + 1) == Some(&self.events.chain[event as usize]) {
                    self.raise(event, event + 1, FROM_CHAIN);
                }
                let mut edge = self.head[event as usize];
                while edge != NONE {
                    self.raise(event, self.edges[edge as usize].to, edge);
                    edge = self.next[edge as usize];
                }
            } else {
                return Ok(None);
            }
        }
    }

    fn forget_work(&mut self) {
        self.work.edges.clear();
        for event in self.work.grown.drain(..) {
            self.work.is_grown[event as usize] = false;
        }
    }

    /// Tells an event what comes before it through an edge, and infers what follows.
    fn raise(&mut self, from: u32, to: u32, cause: u32) {
        let (from_row, to_row) = (self.row(from), self.row(to));
        let own = self.events.chain[from as usize] as usize;
        let place = self.events.place(from) + 1;
        let mut has_grown = false;
        for chain in 0..self.chains {
            let source = self.clock[from_row.start + chain];
            let source = if chain == own { place } else { source };
            let cell = to_row.start + chain;
            let old = self.clock[cell];
            if source > old {
                if !has_grown {
                    has_grown = true;
                    self.work.old.copy_from_slice(&self.clock[to_row.clone()]);
                }
                self.clock[cell] = source;
                let previous = std::mem::replace(&mut self.last[cell], self.changes.len() as u32);
                self.changes.push(Change { cell: cell as u32, old, previous, cause });
            }
        }
        if !has_grown {
            return;
        }
        let Work { edges, grown, is_grown, old } = &mut self.work;
        self.events.infer(to, old, &self.clock[to_row], |edge| edges.push(edge));
        if !std::mem::replace(&mut is_grown[to as usize], true) {
            grown.push_back(to);
        }
    }

    /// Explains why an edge cannot be, returns to where the explanation still holds but for its last
    /// decision, and gives that decision's opposite; none if no decision is to blame.
    fn turn_round(&mut self, edge: Edge) -> Option<Edge> {
        let mut reasons = self.explain(edge);
        reasons.sort_unstable();
        let last = reasons.pop()?;
        let level_of = |edge: u32| self.levels.partition_point(|level| level.edge <= edge);
        let level = level_of(last);
        debug_assert_eq!(self.levels[level - 1].edge, last);
        let keep = reasons.last().map_or(0, |edge| level_of(*edge));
        let (earlier, later) = self.levels[level - 1].writers;
        self.return_to(keep);
        let (from, to) = self.events.overwrite(later, earlier);
        self.refutations.push(reasons);
        let about = self.refutations.len() as u32 - 1;
        Some(Edge { from, to, why: Why::Learned, about, because: (from, to) })
    }

    fn return_to(&mut self, keep: usize) {
        let Some(level) = self.levels.get(keep) else { return };
        let (edges, changes, laid_out) = (level.edge, level.changes, level.laid_out);
        self.refutations.truncate(level.refutations as usize);
        self.levels.truncate(keep);
        for edge in self.edges.drain(edges as usize..).rev() {
            self.head[edge.from as usize] = self.next.pop().unwrap_or(NONE);
        }
        for change in self.changes.drain(changes as usize..).rev() {
            self.clock[change.cell as usize] = change.old;
            self.last[change.cell as usize] = change.previous;
        }
        for chain in self.laid_out.drain(laid_out as usize..) {
            self.done[chain as usize] -= 1;
        }
    }

    /// The decisions (as edges) from which it follows that an edge cannot be.
    fn explain(&mut self, conflict: Edge) -> Vec<u32> {
        let mut reasons = vec![];
        self.explained.resize(self.edges.len(), 0);
        self.explanations += 1;
        let mut orders = vec![(conflict.to, conflict.from)];
        self.explain_edge(conflict, None, &mut orders, &mut reasons);
        while let Some((one, other)) = orders.pop() {
            if one == other {
                continue;
            }
            self.blame(one);
            self.blame(other);
            let (chain, place) = (self.events.chain[one as usize] as usize, self.events.place(one));
            let mut change = self.last[other as usize * self.chains + chain];
            while change != NONE && self.changes[change as usize].old > place {
                change = self.changes[change as usize].previous;
            }
            let Some(change) = self.changes.get(change as usize) else { continue };
            let from = if change.cause == FROM_CHAIN {
                other - 1
            } else {
                let edge = self.edges[change.cause as usize];
                let explained = &mut self.explained[change.cause as usize];
                if std::mem::replace(explained, self.explanations) != self.explanations {
                    self.explain_edge(edge, Some(change.cause), &mut orders, &mut reasons);
                }
                edge.from
            };
            if self.events.chain[from as usize] as usize != chain || self.events.place(from) < place {
                orders.push((one, from));
            }
        }
        reasons.sort_unstable();
        reasons.dedup();
        reasons
    }

    fn explain_edge(
        &self,
        edge: Edge,
        number: Option<u32>,
        orders: &mut Vec<(u32, u32)>,
        reasons: &mut Vec<u32>,
    ) {
        match edge.why {
            // A decision that is refused at once is the last level's.
            Why::Decided => reasons.extend(number.or_else(|| self.levels.last().map(|level| level.edge))),
            Why::Learned => reasons.extend(&self.refutations[edge.about as usize]),
            Why::Hidden | Why::Ordered | Why::Rw if edge.because != (edge.from, edge.to) => {
                orders.push(edge.because);
            }
            _ => {}
        }
    }

    fn blame(&mut self, event: u32) {
        if let Some(txn) = self.events.txn(event) {
            self.blamed[txn as usize] = true;
        }
    }
}
