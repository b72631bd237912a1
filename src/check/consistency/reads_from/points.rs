//! A good guess of the order in which everything took effect, and what it settles.
//!
//! The guess is that of Gibbons and Korach (*Testing shared memories*, 1997) for linearizability: the zone of a
//! write lies between the first completion and the last invocation among the write and its reads. A zone that
//! runs forward in time puts the write at its beginning; one that runs backward is a stretch in which all these
//! operations are open, so the write may be anywhere in it, outside the forward zones. A linearizable history is
//! then in the order in which every read returns the last write, and nothing is left to be done; in others, most
//! reads are right in the guessed order.
use rayon::prelude::*;

use super::super::history::NEVER;
use super::build::group;
use super::run::{INITIAL, NONE, Run};

/// Of each operation, its place, from 1 on, in the guessed order. It keeps the sessions, and reads come after
/// the writes that they read from. Nothing if somebody read what was written only later. O(n log n).
pub(crate) fn places(run: &Run<'_>) -> Option<Vec<u32>> {
    let zones = Zones::of(run)?;
    let points = zones.points(run);
    let moment = |op: usize| -> (u32, u64) {
        if run.is_write(op as u32) {
            return points[op];
        }
        let invoked = run.history.invoked[run.rows[op] as usize];
        match run.source_of(op as u32).map(|source| points[source as usize]) {
            Some((point, rank)) if point >= invoked => (point, rank | 1),
            _ => (invoked, 1),
        }
    };
    let mut keys: Vec<(u32, u64, u32)> = Vec::with_capacity(run.len());
    keys.extend((0..run.len()).map(|op| {
        let (point, rank) = moment(op);
        (point, rank, op as u32)
    }));
    if keys.len() < 1 << 13 {
        keys.sort_unstable()
    } else {
        keys.par_sort_unstable()
    }
    let mut place = vec![0; run.len()];
    keys.iter().zip(1..).for_each(|((_, _, op), at)| place[*op as usize] = at);
    Some(place)
}

/// Of each write, its zone.
struct Zones {
    first_end: Vec<u32>,
    last_begin: Vec<u32>,
}

impl Zones {
    fn of(run: &Run<'_>) -> Option<Self> {
        let column = |column: &[u32]| run.rows.iter().map(|row| column[*row as usize]).collect::<Vec<_>>();
        let (invoked, completed) = (column(&run.history.invoked), column(&run.history.completed));
        let (mut first_end, mut last_begin) = (completed.clone(), invoked.clone());
        for op in 0..run.len() {
            if let Some(source) = run.source_of(op as u32) {
                if invoked[source as usize] > completed[op] {
                    return None;
                }
                let end = &mut first_end[source as usize];
                *end = completed[op].min(*end);
                let begin = &mut last_begin[source as usize];
                *begin = invoked[op].max(*begin);
            }
        }
        Some(Self { first_end, last_begin })
    }

    /// Of each write, its point in time, and its rank (even) among those of one point.
    fn points(&self, run: &Run<'_>) -> Vec<(u32, u64)> {
        let mut points = vec![(0, 0); run.len()];
        let (order, starts) = group(&run.key, run.slots.len() - 1);
        let mut forward: Vec<(u32, u32)> = Vec::new();
        for key in starts.windows(2) {
            let ops = &order[key[0] as usize..key[1] as usize];
            let writes = ops.iter().map(|op| *op as usize).filter(|op| run.is_write(*op as u32));
            forward.clear();
            let zones = writes.clone().map(|op| (self.first_end[op], self.last_begin[op]));
            forward.extend(zones.filter(|(end, begin)| end < begin));
            forward.sort_unstable();
            for op in writes {
                points[op] = self.point(op, &forward);
            }
        }
        points
    }

    fn point(&self, op: usize, forward: &[(u32, u32)]) -> (u32, u64) {
        let (end, begin) = (self.first_end[op], self.last_begin[op]);
        if end < begin || end == NEVER {
            return (end, 0);
        }
        let around = forward.partition_point(|zone| zone.0 < begin).checked_sub(1).map(|it| forward[it]);
        match around {
            Some((_, after)) if begin < after && after < end => (after, 2 * (u64::from(begin) + 1)),
            _ => (begin, 0),
        }
    }
}

/// Which writes follow each other in an order of all operations.
pub(crate) struct Following {
    /// Of each write, the place of the next write to its key; [`NONE`] for none.
    next: Vec<u32>,
    /// Of each key, the place of its first write.
    first: Vec<u32>,
}

impl Following {
    /// In the order of these places.
    pub fn of(run: &Run<'_>, by_place: &[u32]) -> Self {
        let mut next = vec![NONE; run.len()];
        let mut first = vec![NONE; run.slots.len()];
        for (index, op) in by_place.iter().enumerate().rev() {
            if !run.is_write(*op) {
                continue;
            }
            let first = &mut first[run.key[*op as usize] as usize];
            next[*op as usize] = *first;
            *first = index as u32 + 1;
        }
        Self { next, first }
    }

    /// The place of the first write to the key of a read after the write that it may have read from.
    pub fn after(&self, run: &Run<'_>, read: u32, source: u32) -> u32 {
        if source == INITIAL {
            self.first[run.key[read as usize] as usize]
        } else {
            self.next[source as usize]
        }
    }

    /// Whether every read returns the last write before it.
    pub fn explains_all(&self, run: &Run<'_>, place: &[u32]) -> bool {
        (0..run.len() as u32)
            .filter(|op| run.is_known_read(*op))
            .all(|read| place[read as usize] < self.after(run, read, run.source[read as usize]))
    }

    /// Whether the reads of a session can be put between the writes, each as early as those before it allow.
    pub fn explains(&self, run: &Run<'_>, place: &[u32], session: usize) -> bool {
        let mut now = 0;
        run.of_session(session).all(|op| {
            if run.is_write(op) {
                let early = now >= place[op as usize];
                now = place[op as usize].max(now);
                return !early;
            } else if run.is_known_read(op) {
                let source = run.source[op as usize];
                let write = if source == INITIAL { 0 } else { place[source as usize] };
                now = write.max(now);
                return now < self.after(run, op, source);
            }
            true
        })
    }

    /// All writes in their order with the reads of a session, which [`Following::explains`] put between them.
    pub fn view(&self, run: &Run<'_>, place: &[u32], by_place: &[u32], session: usize) -> Vec<u32> {
        let mut now = 0;
        let mut reads: Vec<(u32, u32)> = Vec::new();
        for op in run.of_session(session) {
            let from = if run.is_write(op) { Some(op) } else { run.source_of(op) };
            now = from.map_or(0, |write| place[write as usize]).max(now);
            reads.extend((!run.is_write(op)).then_some((now, op)));
        }
        let writes = by_place.iter().copied().filter(|op| run.is_write(*op));
        let mut view: Vec<(u32, u32)> = writes.map(|op| (place[op as usize], op)).chain(reads).collect();
        view.sort_by_key(|it| it.0);
        view.into_iter().map(|(_, op)| op).collect()
    }
}
