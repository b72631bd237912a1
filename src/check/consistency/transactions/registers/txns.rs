//! The committed transactions of a history as dense arrays: session by session, reads and writes by number.
use super::reads_from::{FINAL, INITIAL, NOWHERE, ReadsFrom, group};
use crate::check::consistency::history::History;
use crate::sim::Outcome;

/// Committed transactions, numbered session by session in session order.
pub(super) struct Txns {
    /// Of each transaction, its row.
    pub row: Vec<u32>,
    /// Of each transaction, its session.
    pub session: Vec<u32>,
    /// The first transaction of each session, and the number of all.
    pub first: Vec<u32>,
    /// All external reads, by transaction, in program order.
    pub reads: Vec<Read>,
    read_starts: Vec<u32>,
    /// All final writes, by transaction, in program order.
    pub writes: Vec<Write>,
    write_starts: Vec<u32>,
    /// Of each write, the last transaction of each session that read it, ascending.
    readers: Vec<u32>,
    reader_starts: Vec<u32>,
    /// Per key, the transactions that write it, ascending: with each the number of its write.
    writers: Vec<(u32, u32)>,
    chunks: Vec<Chunk>,
    chunk_starts: Vec<u32>,
    /// Of each key, its number among the history's values.
    pub key: Vec<u32>,
}

/// A read of another transaction's write.
#[derive(Clone, Copy)]
pub(super) struct Read {
    /// The key, numbered densely.
    pub key: u32,
    /// The number of the write that it reads, or [`INITIAL`].
    pub version: u32,
    /// Which access it is.
    pub access: u32,
}

/// The last write of a transaction to a key.
#[derive(Clone, Copy)]
pub(super) struct Write {
    /// The key, numbered densely.
    pub key: u32,
    /// Who writes.
    pub txn: u32,
    /// Which access it is.
    pub access: u32,
}

/// Those writers of a key that belong to one session.
#[derive(Clone, Copy)]
pub(super) struct Chunk {
    /// The session.
    pub session: u32,
    start: u32,
    end: u32,
}

impl Txns {
    /// The transactions that took effect: those that are `ok`, and those of unknown fate that `ok` ones read
    /// from.
    pub(super) fn new(history: &History, from: &ReadsFrom) -> Self {
        let mut txns = Self::sessions(history, from);
        let slots = txns.accesses(history, from);
        txns.link(&slots, from);
        txns.group_writers();
        txns.group_readers();
        txns
    }

    fn sessions(history: &History, from: &ReadsFrom) -> Self {
        let mut taken: Vec<bool> = history.status.iter().map(|it| *it == Outcome::Ok).collect();
        for source in from.source.iter().filter(|it| **it < FINAL) {
            taken[from.row[*source as usize] as usize] = true;
        }
        let rows: Vec<u32> = (0..history.len() as u32).filter(|row| taken[*row as usize]).collect();
        let processes = history.names.processes.len();
        let (mut row, starts) = group(processes, &rows, |row| history.process[row as usize]);
        let (mut first, mut session) = (vec![], Vec::with_capacity(row.len()));
        for process in 0..processes {
            let range = starts[process] as usize..starts[process + 1] as usize;
            if !range.is_empty() {
                session.resize(range.end, first.len() as u32);
                first.push(range.start as u32);
                let rows = &mut row[range];
                if !rows.is_sorted_by_key(|row| history.invoked[*row as usize]) {
                    rows.sort_by_key(|row| history.invoked[*row as usize]);
                }
            }
        }
        first.push(row.len() as u32);
        Self {
            row,
            session,
            first,
            reads: vec![],
            read_starts: vec![0],
            writes: vec![],
            write_starts: vec![0],
            readers: vec![],
            reader_starts: vec![],
            writers: vec![],
            chunks: vec![],
            chunk_starts: vec![],
            key: vec![],
        }
    }

    /// Collects reads (their versions still being accesses) and writes; returns the number of the write that
    /// each access is.
    fn accesses(&mut self, history: &History, from: &ReadsFrom) -> Vec<u32> {
        let mut slots = vec![NOWHERE; from.source.len()];
        let mut dense = vec![u32::MAX; history.names.values.len()];
        for txn in 0..self.row.len() {
            for index in history.accesses.range(self.row[txn] as usize) {
                let (source, access) = (from.source[index], index as u32);
                if source == NOWHERE {
                    continue;
                }
                let key = history.accesses.key[index];
                let dense = &mut dense[key as usize];
                if *dense == u32::MAX {
                    *dense = self.key.len() as u32;
                    self.key.push(key);
                }
                if source == FINAL {
                    slots[index] = self.writes.len() as u32;
                    self.writes.push(Write { key: *dense, txn: txn as u32, access });
                } else {
                    self.reads.push(Read { key: *dense, version: source, access });
                }
            }
            self.read_starts.push(self.reads.len() as u32);
            self.write_starts.push(self.writes.len() as u32);
        }
        slots
    }

    fn link(&mut self, slots: &[u32], from: &ReadsFrom) {
        debug_assert_eq!(slots.len(), from.source.len());
        for read in self.reads.iter_mut().filter(|it| it.version != INITIAL) {
            read.version = slots[read.version as usize];
        }
    }

    fn group_writers(&mut self) {
        let all: Vec<u32> = (0..self.writes.len() as u32).collect();
        let (sorted, starts) = group(self.key.len(), &all, |it| self.writes[it as usize].key);
        self.writers = sorted.iter().map(|it| (self.writes[*it as usize].txn, *it)).collect();
        self.chunk_starts = vec![0];
        for key in 0..self.key.len() {
            let (mut start, end) = (starts[key], starts[key + 1]);
            while start < end {
                let session = self.session[self.writers[start as usize].0 as usize];
                let same = self.writers[start as usize..end as usize]
                    .partition_point(|it| it.0 < self.first[session as usize + 1]);
                self.chunks.push(Chunk { session, start, end: start + same as u32 });
                start += same as u32;
            }
            self.chunk_starts.push(self.chunks.len() as u32);
        }
    }

    fn group_readers(&mut self) {
        let mut of_read = vec![0; self.reads.len()];
        for txn in 0..self.row.len() {
            let range = self.read_starts[txn] as usize..self.read_starts[txn + 1] as usize;
            of_read[range].fill(txn as u32);
        }
        let all: Vec<u32> =
            (0..self.reads.len() as u32).filter(|it| self.reads[*it as usize].version != INITIAL).collect();
        let (sorted, starts) = group(self.writes.len(), &all, |it| self.reads[it as usize].version);
        self.reader_starts = vec![0];
        for write in 0..self.writes.len() {
            let begin = self.readers.len();
            for read in &sorted[starts[write] as usize..starts[write + 1] as usize] {
                let reader = of_read[*read as usize];
                let session = self.session[reader as usize];
                match self.readers[begin..].last_mut() {
                    Some(last) if self.session[*last as usize] == session => *last = reader,
                    _ => self.readers.push(reader),
                }
            }
            self.reader_starts.push(self.readers.len() as u32);
        }
    }

    /// How many transactions there are.
    pub(super) fn len(&self) -> usize {
        self.row.len()
    }

    /// How many sessions there are.
    pub(super) fn sessions_len(&self) -> usize {
        self.first.len() - 1
    }

    /// Where a transaction's reads are in `reads`.
    pub(super) fn reads_of(&self, txn: u32) -> &[Read] {
        &self.reads[self.read_starts[txn as usize] as usize..self.read_starts[txn as usize + 1] as usize]
    }

    /// The writes of a transaction.
    pub(super) fn writes_of(&self, txn: u32) -> &[Write] {
        let range = self.write_starts[txn as usize] as usize..self.write_starts[txn as usize + 1] as usize;
        &self.writes[range]
    }

    /// The number of the first write of a transaction.
    pub(super) fn first_write(&self, txn: u32) -> u32 {
        self.write_starts[txn as usize]
    }

    /// The last transaction of each session that reads this write.
    pub(super) fn readers(&self, write: u32) -> &[u32] {
        let range =
            self.reader_starts[write as usize] as usize..self.reader_starts[write as usize + 1] as usize;
        &self.readers[range]
    }

    /// The sessions that write a key.
    pub(super) fn chunks(&self, key: u32) -> &[Chunk] {
        &self.chunks[self.chunk_starts[key as usize] as usize..self.chunk_starts[key as usize + 1] as usize]
    }

    /// The same with the numbers of the chunks.
    pub(super) fn chunks_at(&self, key: u32) -> impl Iterator<Item = (usize, Chunk)> + '_ {
        let start = self.chunk_starts[key as usize] as usize;
        self.chunks(key).iter().enumerate().map(move |(i, chunk)| (start + i, *chunk))
    }

    /// How many chunks there are.
    pub(super) fn chunks_len(&self) -> usize {
        self.chunks.len()
    }

    /// The number of the write of a transaction to a key, if it writes it. O(log sessions + log writers).
    pub(super) fn write_to(&self, txn: u32, key: u32) -> Option<u32> {
        let chunks = self.chunks(key);
        let chunk = chunks.binary_search_by_key(&self.session[txn as usize], |it| it.session).ok()?;
        let writers = self.writers(chunks[chunk]);
        writers.binary_search_by_key(&txn, |it| it.0).ok().map(|it| writers[it].1)
    }

    /// The writers of a chunk, ascending, each with the number of its write.
    pub(super) fn writers(&self, chunk: Chunk) -> &[(u32, u32)] {
        &self.writers[chunk.start as usize..chunk.end as usize]
    }
}
