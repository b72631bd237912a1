//! Causal convergence: one order of conflicting writes.
//!
//! The order of time settles nearly all conflicts. Where a read returned a write in spite of a later one in its
//! past, that pair is turned round. A cycle cannot leave the stretches of the order that such pairs span, so
//! only these are sorted anew.
use std::collections::BTreeMap;

use rayon::prelude::*;

use super::super::reads_from::hidden::Order;
use super::super::reads_from::near::Near;
use super::super::reads_from::order::{self, edge};
use super::super::reads_from::past::{Past, Reasons, causal_links};
use super::super::reads_from::points::Following;
use super::super::reads_from::{Finding, NONE, Run, for_each_session};
use super::super::{Budget, Edge, Flaw, Witness};
use super::{overwritten, rows, sources};

/// A write that comes before another one, because the latter is what a read returned that had both in its past.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Conflict {
    before: u32,
    after: u32,
    read: u32,
}

/// Whether a run is causally convergent.
pub(super) fn converges(run: &Run<'_>, budget: &Budget<'_>) -> Finding {
    let place = match order::causal(run) {
        Ok(place) => place,
        Err(cycle) => return Some(Err(Box::new(order::cyclic(run, &cycle)))),
    };
    let mut sorted = run.by_place(&place);
    let following = Following::of(run, &sorted);
    if following.explains_all(run, &place) {
        return Some(Ok(Witness::Order(run.rows_of(sorted.into_iter()))));
    }
    let links = causal_links(run);
    let order = Order { run, links: &links, place: &place, pushes: None, following: &following };
    let doubts = match order.hidden(|op| sources(run, op), budget)? {
        Ok(doubts) => doubts,
        Err(read) => return Some(Err(Box::new(overwritten(&order, read)))),
    };
    if !doubts.is_empty() {
        let backward = doubts.iter().map(|doubt| (place[doubt.hidden as usize], doubt.over));
        let stretches = Stretches::of(run.len(), backward.collect());
        let conflicts = conflicts(&order, &sorted, &stretches, budget)?;
        if let Err(cycle) = stretches.sort(run, &place, &mut sorted, &conflicts) {
            return Some(Err(Box::new(cyclic(&order, &cycle, &conflicts))));
        }
    }
    Some(Ok(Witness::Order(run.rows_of(sorted.into_iter()))))
}

/// Parts of the order, as ranges of places.
struct Stretches {
    ranges: Vec<(u32, u32)>,
    /// Of each place, its range, or [`NONE`].
    of: Vec<u32>,
}

impl Stretches {
    /// The unions of those of these ranges that overlap.
    fn of(count: usize, mut spans: Vec<(u32, u32)>) -> Self {
        spans.sort_unstable();
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for (from, to) in spans {
            match ranges.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                _ => ranges.push((from, to)),
            }
        }
        let mut of = vec![NONE; count + 1];
        for (index, (from, to)) in ranges.iter().enumerate() {
            of[*from as usize..=*to as usize].fill(index as u32);
        }
        Self { ranges, of }
    }

    /// What a read reads from, and the stretch that this is in.
    fn of_source(&self, run: &Run<'_>, place: &[u32], read: u32) -> Option<(u32, u32)> {
        let source = run.source_of(read)?;
        let stretch = self.of[place[source as usize] as usize];
        (stretch != NONE).then_some((source, stretch))
    }

    /// Sorts each stretch by causality and conflicts, as near to the order as possible. The error is a cycle.
    fn sort(
        &self,
        run: &Run<'_>,
        place: &[u32],
        sorted: &mut [u32],
        conflicts: &[Conflict],
    ) -> Result<(), Vec<u32>> {
        let mut rest = conflicts.iter().peekable();
        for (number, (from, to)) in self.ranges.iter().enumerate() {
            let stretch = &mut sorted[*from as usize - 1..*to as usize];
            let index = |op: u32| {
                let place = place[op as usize];
                (*from..=*to).contains(&place).then(|| place - from)
            };
            let mut edges: Vec<(u32, u32)> = Vec::new();
            for (op, at) in stretch.iter().zip(0..) {
                let first = run.starts[run.session[*op as usize] as usize] == *op;
                let previous = (!first).then(|| op - 1);
                let before = previous.into_iter().chain(run.source_of(*op)).filter_map(index);
                edges.extend(before.map(|before| (before, at)));
            }
            let mine =
                |conflict: &&Conflict| self.of[place[conflict.after as usize] as usize] == number as u32;
            while let Some(conflict) = rest.next_if(mine) {
                edges.extend(index(conflict.before).zip(index(conflict.after)));
            }
            let ops =
                |numbers: Vec<u32>| numbers.into_iter().map(|it| stretch[it as usize]).collect::<Vec<_>>();
            let anew = order::topological(stretch.len(), &edges).map(ops).map_err(ops)?;
            stretch.copy_from_slice(&anew);
        }
        Ok(())
    }
}

/// The conflicts within stretches, sorted by stretch.
fn conflicts(
    order: &Order<'_>,
    by_place: &[u32],
    stretches: &Stretches,
    budget: &Budget<'_>,
) -> Option<Vec<Conflict>> {
    let (run, place) = (order.run, order.place);
    let within = |op: u32| stretches.of_source(run, place, op).is_some();
    let concerned = |session: &usize| run.of_session(*session).any(within);
    let sessions: Vec<usize> = (0..run.sessions()).filter(concerned).collect();
    let tools = || (Past::new(run, order.links, place, None), Near::new(run, order.links, place));
    let found = for_each_session(run, &sessions, tools, |tools, session| {
        near_conflicts(order, &mut tools.1, session, stretches)
            .or_else(|| conflicts_of(order, &mut tools.0, session, by_place, stretches, budget))
    });
    let mut all = Vec::new();
    for session in found {
        all.extend(session?);
        if all.len() as u64 * size_of::<Conflict>() as u64 > budget.memory_bytes {
            return None;
        }
    }
    let stretch = |it: &Conflict| stretches.of[place[it.after as usize] as usize];
    all.par_sort_unstable_by_key(|it| (stretch(it), *it));
    all.dedup_by_key(|it| (it.before, it.after));
    Some(all)
}

/// The same as [`conflicts_of`], read by read. Nothing if that is no cheaper.
fn near_conflicts(
    order: &Order<'_>,
    near: &mut Near<'_>,
    session: usize,
    stretches: &Stretches,
) -> Option<Vec<Conflict>> {
    let run = order.run;
    let mut found = Vec::new();
    near.left = run.len() / 2;
    for read in run.of_session(session) {
        let Some((after, stretch)) = stretches.of_source(run, order.place, read) else { continue };
        let (from, to) = stretches.ranges[stretch as usize];
        let cheap = near.each(read, from - 1, |op| {
            let same = run.is_write(op) && run.key[op as usize] == run.key[read as usize];
            if same && op != after && order.place[op as usize] <= to {
                found.push(Conflict { before: op, after, read });
            }
        });
        if !cheap {
            return None;
        }
    }
    found.sort_unstable();
    found.dedup_by_key(|it| (it.before, it.after));
    Some(found)
}

fn conflicts_of(
    order: &Order<'_>,
    past: &mut Past<'_>,
    session: usize,
    by_place: &[u32],
    stretches: &Stretches,
    budget: &Budget<'_>,
) -> Option<Vec<Conflict>> {
    let run = order.run;
    let mut found = Vec::new();
    past.begin(session);
    for op in run.of_session(session) {
        if op & 0xfff == 0 && (budget.stop)() {
            return None;
        }
        past.step(op, run.source_of(op), 0, &mut ());
        let Some((after, stretch)) = stretches.of_source(run, order.place, op) else { continue };
        let lasts = past.last[run.slots_of(op)].iter().filter(|last| **last > 0);
        let near = lasts.filter(|last| stretches.of[**last as usize] == stretch);
        let writes = near.map(|last| by_place[*last as usize - 1]).filter(|it| *it != after);
        found.extend(writes.map(|before| Conflict { before, after, read: op }));
    }
    found.sort_unstable();
    found.dedup_by_key(|it| (it.before, it.after));
    Some(found)
}

/// The flaw of a cycle of causality and conflicts.
fn cyclic(order: &Order<'_>, cycle: &[u32], conflicts: &[Conflict]) -> Flaw {
    let run = order.run;
    let known: BTreeMap<(u32, u32), u32> =
        conflicts.iter().map(|it| ((it.before, it.after), it.read)).collect();
    let causal = |a: u32, b: u32| {
        run.source_of(b) == Some(a) || (run.session[a as usize] == run.session[b as usize] && a < b)
    };
    let cycle = order::shorten(run, cycle);
    let mut culprits = cycle.clone();
    let mut edges: Vec<Edge> = Vec::new();
    let mut words: Vec<String> = Vec::new();
    for (i, from) in cycle.iter().copied().enumerate() {
        let to = cycle[(i + 1) % cycle.len()];
        if causal(from, to) {
            edges.push(edge(run, from, to));
            words.push(format!("{} comes before {}", run.say(from), run.say(to)));
            continue;
        }
        let read = known.get(&(from, to)).copied().unwrap_or(to);
        culprits.push(read);
        culprits.extend(path(order, from, read));
        let why = format!("{} returned the latter though it knew of the former", run.say(read));
        words.push(format!("{} must come before {}, for {why}", run.say_short(from), run.say_short(to)));
        let (from, to) = (run.rows[from as usize], run.rows[to as usize]);
        edges.push(Edge { from, to, kind: "ww".to_owned(), why });
    }
    Flaw {
        anomaly: "conflicting orders of writes".to_owned(),
        reason: format!("The writes have no order on which all can agree: {}.", words.join("; ")),
        culprits: rows(run, &culprits),
        cycle: edges,
        ..Flaw::default()
    }
}

/// From a write to a read that has it in its past.
fn path(order: &Order<'_>, write: u32, read: u32) -> Vec<u32> {
    let run = order.run;
    let session = run.session[read as usize] as usize;
    let mut past = Past::new(run, order.links, order.place, None);
    let mut reasons = Reasons::new(run);
    past.begin(session);
    for op in run.starts[session]..=read {
        past.step(op, run.source_of(op), 0, &mut reasons);
    }
    reasons.chain(run, write, read)
}
