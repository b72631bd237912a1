//! Read committed, read atomic and transactional causal consistency, by saturating the least commit order.
//!
//! The idea is that of AWDIT (Møldrup and Pavlogiannis, PLDI 2025): a level is met if and only if session
//! order, reads-from and the edges below are acyclic together. If t3 reads x from t1, and another t2 that
//! writes x
//!
//! - was read from earlier in t3's program order (read committed),
//! - precedes t3 directly in session order or by reads-from (read atomic),
//! - precedes t3 causally (transactional causal),
//!
//! then t2 is before t1. It is enough to do so for the last such t2 of each session. Read committed and read
//! atomic: O(n^1.5) for n accesses, as the smaller of t2's writes and t3's reads is walked through. Causal:
//! O(n k) for k sessions, by vector clocks and, for each reading session, a pointer into each list of
//! writers.
use super::graph::{Edge, Graph, Links, Step, Why};
use super::reads_from::INITIAL;
use super::txns::{Txns, Write};

/// What saturation has found.
pub(super) struct Saturated {
    pub edges: Vec<Edge>,
    /// A topological order, or a cycle.
    pub order: Result<Vec<u32>, Vec<Step>>,
}

impl Saturated {
    fn new(txns: &Txns, edges: Vec<Edge>) -> Self {
        let links = Links::new(txns.len(), &edges);
        let order = Graph { chain: &txns.session, edges: &edges, links: &links }.sort();
        Self { edges, order }
    }
}

/// The edges from writers to their readers, one for each version that a transaction reads in a row.
pub(super) fn reads_from(txns: &Txns) -> Vec<Edge> {
    let mut edges = Vec::with_capacity(txns.reads.len());
    for txn in 0..txns.len() as u32 {
        for read in txns.reads_of(txn).iter().filter(|it| it.version != INITIAL) {
            let from = txns.writes[read.version as usize].txn;
            edges.push(Edge { from, to: txn, why: Why::Wr, about: read.version, because: (from, txn) });
        }
    }
    edges
}

/// A read of the initial value, although the writer was visible: whoever writes the key comes later.
fn reads_initial(reader: u32, writer: u32) -> Edge {
    Edge { from: reader, to: writer, why: Why::Rw, about: INITIAL, because: (writer, reader) }
}

/// Says that `seen`, which writes the key too, was visible to the reader of a version.
fn hidden(txns: &Txns, edges: &mut Vec<Edge>, seen: u32, reader: u32, version: u32) {
    if version == INITIAL {
        edges.push(reads_initial(reader, seen));
        return;
    }
    let writer = txns.writes[version as usize].txn;
    if seen != writer {
        edges.push(Edge {
            from: seen,
            to: writer,
            why: Why::Hidden,
            about: version,
            because: (seen, reader),
        });
    }
}

/// The reads of one transaction by key, and the writes of others that meet them.
struct Meeting {
    /// Of each key: the reader (plus one) that this entry is about, and its first read of the key.
    first: Vec<(u32, u32)>,
    /// Of each read of the reader, its next read of the same key; 0 for none.
    next: Vec<u32>,
    /// Of each transaction, the reader (plus one) that has already met it.
    met: Vec<u32>,
}

impl Meeting {
    fn new(txns: &Txns) -> Self {
        Self { first: vec![(0, 0); txns.key.len()], next: vec![], met: vec![0; txns.len()] }
    }

    fn begin(&mut self, txns: &Txns, reader: u32) {
        let reads = txns.reads_of(reader);
        self.next.clear();
        self.next.resize(reads.len(), 0);
        for (i, read) in reads.iter().enumerate().rev() {
            let first = &mut self.first[read.key as usize];
            if first.0 == reader + 1 {
                self.next[i] = first.1;
            }
            *first = (reader + 1, i as u32);
        }
    }

    /// The reads of a key, as places among the reader's reads.
    fn reads(&self, reader: u32, key: u32) -> impl Iterator<Item = usize> + '_ {
        let first = self.first[key as usize];
        let mut place = (first.0 == reader + 1).then_some(first.1);
        std::iter::from_fn(move || {
            let now = place? as usize;
            place = Some(self.next[now]).filter(|next| *next != 0);
            Some(now)
        })
    }

    /// Calls back with every read of a key that `writer` writes too.
    fn each(&self, txns: &Txns, reader: u32, writer: u32, mut meet: impl FnMut(usize)) {
        let (reads, writes) = (txns.reads_of(reader), txns.writes_of(writer));
        let steps = writes.len().ilog2() as usize + 1;
        if writes.len() <= reads.len() * steps {
            writes.iter().flat_map(|write| self.reads(reader, write.key)).for_each(meet);
            return;
        }
        for (place, read) in reads.iter().enumerate() {
            if txns.write_to(writer, read.key).is_some() {
                meet(place);
            }
        }
    }
}

/// Read committed.
pub(super) fn read_committed(txns: &Txns) -> Saturated {
    let mut edges = reads_from(txns);
    let mut meeting = Meeting::new(txns);
    for reader in 0..txns.len() as u32 {
        let reads = txns.reads_of(reader);
        if reads.len() < 2 {
            continue;
        }
        meeting.begin(txns, reader);
        for (place, read) in reads.iter().enumerate().filter(|it| it.1.version != INITIAL) {
            let seen = txns.writes[read.version as usize].txn;
            if std::mem::replace(&mut meeting.met[seen as usize], reader + 1) == reader + 1 {
                continue;
            }
            meeting.each(txns, reader, seen, |later| {
                if later > place {
                    hidden(txns, &mut edges, seen, reader, reads[later].version);
                }
            });
        }
    }
    Saturated::new(txns, edges)
}

/// Read atomic.
pub(super) fn read_atomic(txns: &Txns) -> Saturated {
    let mut edges = reads_from(txns);
    let mut meeting = Meeting::new(txns);
    let mut latest = vec![(0, 0); txns.key.len()];
    for reader in 0..txns.len() as u32 {
        let (reads, session) = (txns.reads_of(reader), txns.session[reader as usize]);
        if reads.len() > 1 {
            meeting.begin(txns, reader);
        }
        for read in reads {
            let (of, writer) = latest[read.key as usize];
            if of == session + 1 {
                hidden(txns, &mut edges, writer, reader, read.version);
            }
            if read.version == INITIAL || reads.len() == 1 {
                continue;
            }
            let seen = txns.writes[read.version as usize].txn;
            if std::mem::replace(&mut meeting.met[seen as usize], reader + 1) != reader + 1 {
                meeting.each(txns, reader, seen, |place| {
                    hidden(txns, &mut edges, seen, reader, reads[place].version);
                });
            }
        }
        for Write { key, .. } in txns.writes_of(reader) {
            latest[*key as usize] = (session + 1, reader);
        }
    }
    Saturated::new(txns, edges)
}

/// Of each transaction and session, how many transactions of the session precede it causally.
struct Clocks {
    sessions: usize,
    clock: Vec<u32>,
}

impl Clocks {
    fn new(txns: &Txns, order: &[u32]) -> Self {
        let sessions = txns.sessions_len();
        let mut clock = vec![0u32; sessions * txns.len()];
        for txn in order {
            let at = *txn as usize * sessions;
            let session = txns.session[*txn as usize] as usize;
            let previous = (*txn > txns.first[session]).then(|| *txn - 1);
            let sources = txns.reads_of(*txn).iter().filter(|it| it.version != INITIAL);
            let sources = sources.map(|it| txns.writes[it.version as usize].txn);
            let mut last = u32::MAX;
            for from in previous.into_iter().chain(sources) {
                let from_session = txns.session[from as usize] as usize;
                let place = from - txns.first[from_session];
                if from != last && (clock[at + from_session] <= place) {
                    let (row, source) = two_rows(&mut clock, at, from as usize * sessions, sessions);
                    row.iter_mut().zip(source).for_each(|(a, b)| *a = (*a).max(*b));
                    clock[at + from_session] = place + 1;
                }
                last = from;
            }
        }
        Self { sessions, clock }
    }

    fn of(&self, txn: u32) -> &[u32] {
        &self.clock[txn as usize * self.sessions..(txn as usize + 1) * self.sessions]
    }
}

/// Two rows of a table, the first to change.
pub(super) fn two_rows(table: &mut [u32], to: usize, from: usize, width: usize) -> (&mut [u32], &[u32]) {
    if to < from {
        let (low, high) = table.split_at_mut(from);
        (&mut low[to..to + width], &high[..width])
    } else {
        let (low, high) = table.split_at_mut(to);
        (&mut high[..width], &low[from..from + width])
    }
}

/// Transactional causal consistency.
pub(super) fn causal(txns: &Txns) -> Saturated {
    let known = Saturated::new(txns, reads_from(txns));
    let Ok(order) = &known.order else { return known };
    let clocks = Clocks::new(txns, order);
    let mut edges = known.edges;
    // Of each chunk of writers: the reading session (plus one) it was last asked for, and how many had been
    // seen.
    let mut seen = vec![(0, 0); txns.chunks_len()];
    for reader in 0..txns.len() as u32 {
        let session = txns.session[reader as usize];
        let clock = clocks.of(reader);
        for read in txns.reads_of(reader) {
            let source = (read.version != INITIAL).then(|| txns.writes[read.version as usize].txn);
            for (number, chunk) in txns.chunks_at(read.key) {
                let limit = txns.first[chunk.session as usize] + clock[chunk.session as usize];
                let entry = &mut seen[number];
                if entry.0 != session + 1 {
                    *entry = (session + 1, 0);
                }
                let writers = txns.writers(chunk);
                while writers.get(entry.1).is_some_and(|it| it.0 < limit) {
                    entry.1 += 1;
                }
                let Some((last, _)) = entry.1.checked_sub(1).map(|it| writers[it]) else { continue };
                let implied = source.is_some_and(|source| {
                    let before = clocks.of(source)[chunk.session as usize];
                    last - txns.first[chunk.session as usize] < before
                });
                if !implied {
                    hidden(txns, &mut edges, last, reader, read.version);
                }
            }
        }
    }
    Saturated::new(txns, edges)
}
