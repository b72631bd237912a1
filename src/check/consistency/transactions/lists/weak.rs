//! Read committed, read atomic and transactional causal where versions are known.
//!
//! Each says of certain transactions `t2` that `t3` must see them: if `t3` reads a key from `t1` that such a
//! `t2` writes too, `t2` comes before `t1`. With known versions that is so or not.
use super::super::cycles;
use super::super::graph::{Dependencies, Dependency, Graph, Layout, Link, Part};
use super::super::{Exhausted, Meter};
use super::versions::Versions;
use crate::check::consistency::history::{History, NULL};

/// `by` had to see the write of `unseen` to a key, but read an older version.
#[derive(Clone, Debug)]
pub(super) struct Missed {
    by: u32,
    unseen: u32,
    cell: usize,
    /// Why it had to: links from `unseen` to `by`.
    path: Vec<Link>,
}

impl Missed {
    /// As a cycle: why it had to see it, and that it did not.
    pub(super) fn into_cycle(self, versions: &Versions) -> Vec<Link> {
        let key = versions.keys[self.cell];
        let mut cycle = vec![Link { from: self.by, to: self.unseen, kind: Dependency::ReadWrite, key }];
        cycle.extend(self.path);
        cycle
    }
}

/// Of each key, the newest version that a transaction must see, and why.
struct Newest {
    entries: Vec<Entry>,
    /// Of each transaction, when its writes were noted last.
    noted: Vec<u32>,
    round: u32,
}

#[derive(Clone, Copy, Default)]
struct Entry {
    round: u32,
    version: u32,
    writer: u32,
    key: u32,
}

impl Newest {
    fn new(versions: &Versions) -> Self {
        let noted = vec![0; versions.committed.len()];
        Self { entries: vec![Entry::default(); versions.cells()], noted, round: 0 }
    }

    fn clear(&mut self) {
        self.round += 1;
    }

    /// Notes all writes of a transaction; `key` is the one through which it must be seen.
    fn note(&mut self, history: &History, versions: &Versions, writer: u32, key: u32) -> u64 {
        let mut steps = 1;
        if std::mem::replace(&mut self.noted[writer as usize], self.round) == self.round {
            return steps;
        }
        for (_, cell, version) in versions.writes(history, writer) {
            let entry = &mut self.entries[cell];
            if entry.round != self.round || entry.version < version {
                *entry = Entry { round: self.round, version, writer, key };
            }
            steps += 1;
        }
        steps
    }

    /// What somebody misses who reads a version of a key.
    fn missed(&self, by: u32, cell: usize, version: u32, kind: Dependency) -> Option<Missed> {
        let entry = self.entries[cell];
        (entry.round == self.round && entry.version > version).then(|| {
            let link = Link { from: entry.writer, to: by, kind, key: entry.key };
            Missed { by, unseen: entry.writer, cell, path: vec![link] }
        })
    }
}

/// Read committed: who has read from `t2` must not afterwards read what `t2` has overwritten. O(reads +
/// writes of all that is read from, once a reader).
///
/// # Errors
/// When the budget is spent.
pub(super) fn read_committed(
    history: &History,
    versions: &Versions,
    part: &Part,
    meter: &mut Meter<'_>,
) -> Result<Option<Missed>, Exhausted> {
    let mut newest = Newest::new(versions);
    for by in part.transactions() {
        newest.clear();
        for (_, cell, version) in versions.reads(history, *by) {
            let missed = newest.missed(*by, cell, version, Dependency::WriteRead);
            if missed.is_some() {
                return Ok(missed);
            }
            if let Some(source) = versions.writer(cell, version) {
                meter.spend(newest.note(history, versions, source, versions.keys[cell]))?;
            }
        }
    }
    Ok(None)
}

/// Read atomic: nobody may read what has been overwritten by somebody from whom it reads too, or by an
/// earlier transaction of its process. Bound as for [`read_committed`].
///
/// # Errors
/// When the budget is spent.
pub(super) fn read_atomic(
    history: &History,
    versions: &Versions,
    part: &Part,
    meter: &mut Meter<'_>,
) -> Result<Option<Missed>, Exhausted> {
    let (mut own, mut others) = (Newest::new(versions), Newest::new(versions));
    for session in sessions(history, versions, part) {
        own.clear();
        for by in session {
            others.clear();
            for (_, cell, version) in versions.reads(history, by) {
                if let Some(source) = versions.writer(cell, version) {
                    meter.spend(others.note(history, versions, source, versions.keys[cell]))?;
                }
            }
            for (_, cell, version) in versions.reads(history, by) {
                let missed = others.missed(by, cell, version, Dependency::WriteRead);
                let missed = missed.or_else(|| own.missed(by, cell, version, Dependency::Session));
                if missed.is_some() {
                    return Ok(missed);
                }
            }
            meter.spend(own.note(history, versions, by, NULL))?;
        }
    }
    Ok(None)
}

/// The transactions of a part by process, in order.
fn sessions(history: &History, versions: &Versions, part: &Part) -> Vec<Vec<u32>> {
    let process = |transaction: u32| history.process[versions.committed.row(transaction)];
    let mut ordered: Vec<(u32, u32)> = part.transactions().iter().map(|it| (process(*it), *it)).collect();
    ordered.sort_unstable();
    ordered.chunk_by(|one, other| one.0 == other.0).map(|it| it.iter().map(|(_, it)| *it).collect()).collect()
}

const CAUSAL: Dependencies = Dependencies::of(&[Dependency::WriteRead, Dependency::Session]);

/// How many sessions are looked at in one go.
const BLOCK: usize = 16;

/// A write, ordered by key, then session.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Write {
    cell: u32,
    session: u32,
    place: u32,
    version: u32,
    writer: u32,
}

/// Transactional causal: nobody may read what has been overwritten in its causal past. O(n · k) for k
/// sessions and n transactions and accesses (times a logarithm), with vector clocks, in blocks of sessions so
/// that memory is O(n).
///
/// The links of the part without `rw` must be acyclic.
///
/// # Errors
/// When the budget is spent.
pub(super) fn causal(
    history: &History,
    versions: &Versions,
    part: &Part,
    meter: &mut Meter<'_>,
) -> Result<Option<Missed>, Exhausted> {
    let graph = Graph::new(&part.links, Layout::Single, CAUSAL);
    let order = graph.commit_order(&graph.components(meter)?);
    let sessions = sessions(history, versions, part);
    meter.afford((order.len() * BLOCK * 4) as u64)?;
    let local = |transaction: u32| part.transactions().binary_search(&transaction).unwrap_or_default();
    let mut lanes = vec![(0u32, 0u32); order.len()];
    for (lane, session) in sessions.iter().enumerate() {
        for (place, transaction) in session.iter().enumerate() {
            lanes[local(*transaction)] = (lane as u32, place as u32);
        }
    }
    let mut writes: Vec<Write> = vec![];
    for (i, writer) in part.transactions().iter().enumerate() {
        let (session, place) = lanes[i];
        let written = versions.writes(history, *writer);
        writes.extend(written.map(|(_, cell, version)| Write {
            cell: cell as u32,
            session,
            place,
            version,
            writer: *writer,
        }));
    }
    writes.sort_unstable();
    for block in (0..sessions.len() as u32).step_by(BLOCK) {
        let clocks = clocks(&graph, &order, &lanes, block, meter)?;
        for (i, by) in part.transactions().iter().enumerate() {
            for (_, cell, version) in versions.reads(history, *by) {
                meter.spend(1)?;
                let Some(newer) = newer(&writes, cell as u32, version, block, &clocks[i]) else { continue };
                let to = local(newer.writer) as u32;
                let path = cycles::path(part, CAUSAL, to, i as u32, meter)?.unwrap_or_default();
                return Ok(Some(Missed { by: *by, unseen: newer.writer, cell, path }));
            }
        }
    }
    Ok(None)
}

/// Of each transaction, how many of each session of the block are in its causal past.
fn clocks(
    graph: &Graph,
    order: &[u32],
    lanes: &[(u32, u32)],
    block: u32,
    meter: &mut Meter<'_>,
) -> Result<Vec<[u32; BLOCK]>, Exhausted> {
    let mut clocks = vec![[0; BLOCK]; order.len()];
    for node in order {
        let mut clock = clocks[*node as usize];
        let (lane, place) = lanes[*node as usize];
        if (block..block + BLOCK as u32).contains(&lane) {
            clock[(lane - block) as usize] = place + 1;
        }
        for (next, _) in graph.successors(*node) {
            meter.spend(1)?;
            for (theirs, ours) in clocks[next as usize].iter_mut().zip(clock) {
                *theirs = ours.max(*theirs);
            }
        }
    }
    Ok(clocks)
}

/// A write to a key within the clock that is newer than a version.
fn newer(writes: &[Write], cell: u32, version: u32, block: u32, clock: &[u32; BLOCK]) -> Option<Write> {
    let begin = writes.partition_point(|it| (it.cell, it.session) < (cell, block));
    let end = writes.partition_point(|it| (it.cell, it.session) < (cell, block + BLOCK as u32));
    let mut rest = &writes[begin..end];
    while let Some(first) = rest.first() {
        let (lane, others) = rest.split_at(rest.partition_point(|it| it.session == first.session));
        rest = others;
        let seen = lane.partition_point(|it| it.place < clock[(first.session - block) as usize]);
        // The versions of a session grow with its order: the last one in the past is the newest.
        let last = seen.checked_sub(1).map(|at| lane[at]).filter(|it| it.version > version);
        if last.is_some() {
            return last;
        }
    }
    None
}
