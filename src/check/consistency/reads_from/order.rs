//! Causality as an order: of sessions and of reads after the writes that they read from.
use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::super::{Edge, Flaw};
use super::build::group;
use super::points;
use super::run::{NONE, Run};

/// Of each operation, its place (from 1 on) in an order of all that keeps causality and is near that of time.
/// The error is a cycle: each operation comes before the next one, the last before the first.
///
/// O(n log n).
pub(crate) fn causal(run: &Run<'_>) -> Result<Vec<u32>, Vec<u32>> {
    if let Some(place) = points::places(run) {
        return Ok(place);
    }
    let mut heads: BinaryHeap<Reverse<(u32, u32)>> = BinaryHeap::new();
    let add = |heads: &mut BinaryHeap<_>, op: u32| heads.push(Reverse((run.place[op as usize], op)));
    (0..run.sessions()).for_each(|session| add(&mut heads, run.starts[session]));
    let mut waiting: Vec<Vec<u32>> = vec![Vec::new(); run.len()];
    let (mut place, mut count) = (vec![0; run.len()], 0);
    while let Some(Reverse((_, op))) = heads.pop() {
        if let Some(source) = run.source_of(op).filter(|source| place[*source as usize] == 0) {
            waiting[source as usize].push(op);
            continue;
        }
        count += 1;
        place[op as usize] = count;
        if op + 1 < run.starts[run.session[op as usize] as usize + 1] {
            add(&mut heads, op + 1);
        }
        std::mem::take(&mut waiting[op as usize]).into_iter().for_each(|read| add(&mut heads, read));
    }
    if count as usize == run.len() { Ok(place) } else { Err(cycle(run, &place)) }
}

/// Follows what each operation waits for until it comes round.
fn cycle(run: &Run<'_>, place: &[u32]) -> Vec<u32> {
    let stuck = |op: &u32| place[*op as usize] == 0;
    let mut op = (0..run.len() as u32).find(stuck).unwrap_or(0);
    let mut seen = vec![NONE; run.len()];
    let mut walk = Vec::new();
    while seen[op as usize] == NONE {
        seen[op as usize] = walk.len() as u32;
        walk.push(op);
        op = run.source_of(op).filter(stuck).unwrap_or_else(|| op.saturating_sub(1));
    }
    let mut cycle = walk.split_off(seen[op as usize] as usize);
    cycle.reverse();
    shorten(run, &cycle)
}

/// The flaw of a causal cycle.
pub(crate) fn cyclic(run: &Run<'_>, cycle: &[u32]) -> Flaw {
    let next = |i: usize| cycle[(i + 1) % cycle.len()];
    let edges: Vec<Edge> = (0..cycle.len()).map(|i| edge(run, cycle[i], next(i))).collect();
    let words: Vec<String> = cycle.iter().map(|op| run.say(*op)).collect();
    Flaw {
        anomaly: "cyclic causality".to_owned(),
        reason: format!(
            "Each of these must come before the next one, and the last before the first: {}.",
            words.join("; ")
        ),
        culprits: cycle.iter().map(|op| run.rows[*op as usize]).collect(),
        cycle: edges,
        ..Flaw::default()
    }
}

/// Why an operation is before another by causality: that one reads it, or comes later in its session.
pub(crate) fn edge(run: &Run<'_>, from: u32, to: u32) -> Edge {
    let (kind, why) = if run.source_of(to) == Some(from) {
        ("wr", run.say_short(to))
    } else {
        ("session", format!("{} does one after the other", run.name(run.session[from as usize] as usize)))
    };
    Edge { from: run.rows[from as usize], to: run.rows[to as usize], kind: kind.to_owned(), why }
}

/// Sorts numbers below `count` so that the first of each pair comes before the second, small ones as early as
/// possible. The error is a cycle.
pub(crate) fn topological(count: usize, edges: &[(u32, u32)]) -> Result<Vec<u32>, Vec<u32>> {
    let befores: Vec<u32> = edges.iter().map(|edge| edge.0).collect();
    let (after, starts) = group(&befores, count);
    let mut open = vec![0u32; count];
    edges.iter().for_each(|edge| open[edge.1 as usize] += 1);
    let mut ready: BinaryHeap<Reverse<u32>> =
        (0..count as u32).filter(|it| open[*it as usize] == 0).map(Reverse).collect();
    let mut sorted = Vec::with_capacity(count);
    while let Some(Reverse(next)) = ready.pop() {
        sorted.push(next);
        let range = starts[next as usize] as usize..starts[next as usize + 1] as usize;
        for edge in &after[range] {
            let after = edges[*edge as usize].1;
            open[after as usize] -= 1;
            if open[after as usize] == 0 {
                ready.push(Reverse(after));
            }
        }
    }
    if sorted.len() == count { Ok(sorted) } else { Err(stuck_cycle(edges, &open)) }
}

/// A cycle among the numbers that still wait for others.
fn stuck_cycle(edges: &[(u32, u32)], open: &[u32]) -> Vec<u32> {
    let stuck = |it: u32| open[it as usize] > 0;
    let mut before = vec![NONE; open.len()];
    edges.iter().filter(|it| stuck(it.0)).for_each(|it| before[it.1 as usize] = it.0);
    let mut seen = vec![NONE; open.len()];
    let mut walk: Vec<u32> = Vec::new();
    let mut at = (0..open.len() as u32).find(|it| stuck(*it)).unwrap_or(0);
    while seen[at as usize] == NONE {
        seen[at as usize] = walk.len() as u32;
        walk.push(at);
        at = before[at as usize];
    }
    let mut cycle = walk.split_off(seen[at as usize] as usize);
    cycle.reverse();
    cycle
}

/// A cycle without what lies between two of its operations in one session.
pub(crate) fn shorten(run: &Run<'_>, cycle: &[u32]) -> Vec<u32> {
    let count = cycle.len();
    let inner = |i: usize| {
        let (before, it, after) = (cycle[(i + count - 1) % count], cycle[i], cycle[(i + 1) % count]);
        let session = |op: u32| run.session[op as usize];
        before < it && it < after && session(before) == session(it) && session(it) == session(after)
    };
    (0..count).filter(|i| !inner(*i)).map(|i| cycle[i]).collect()
}
