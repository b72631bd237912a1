//! A history of reads and writes as the judges of weak models see it.
use std::ops::Range;

use super::super::History;
use crate::sim::Outcome;

/// No operation.
pub(crate) const NONE: u32 = u32::MAX;
/// The source of what is no read.
pub(crate) const WRITE: u32 = u32::MAX;
/// The source of a read of the initial value.
pub(crate) const INITIAL: u32 = u32::MAX - 1;
/// The source of a read of which nobody knows (yet) what it reads from.
pub(crate) const UNKNOWN: u32 = u32::MAX - 2;

/// The operations that took effect (or may have), numbered session by session in the order of each session.
pub(crate) struct Run<'h> {
    pub history: &'h History,
    /// Of each operation, its row.
    pub rows: Vec<u32>,
    /// Where the operations of each session begin, and the end of all.
    pub starts: Vec<u32>,
    /// Of each operation, its session.
    pub session: Vec<u32>,
    /// Of each operation, its key: a number from 0 on.
    pub key: Vec<u32>,
    /// Of each operation, the write that it reads from, or [`WRITE`], [`INITIAL`], [`UNKNOWN`].
    pub source: Vec<u32>,
    /// Of each write, the number of its pair of key and session; [`NONE`] of what is no write.
    pub slot: Vec<u32>,
    /// Where the slots of each key begin, and the end of all: those of one key are consecutive.
    pub slots: Vec<u32>,
    /// Of each operation, its place, from 1 on, in an order by time that keeps the sessions: writes count when
    /// they begin, all else when it ends, so that no read comes before a write that it can have seen.
    pub place: Vec<u32>,
}

impl Run<'_> {
    /// How many operations.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// How many sessions.
    pub fn sessions(&self) -> usize {
        self.starts.len() - 1
    }

    /// The operations of a session.
    pub fn of_session(&self, session: usize) -> Range<u32> {
        self.starts[session]..self.starts[session + 1]
    }

    /// The slots of the key of an operation.
    pub fn slots_of(&self, op: u32) -> Range<usize> {
        let key = self.key[op as usize] as usize;
        self.slots[key] as usize..self.slots[key + 1] as usize
    }

    /// Whether it is a write.
    pub fn is_write(&self, op: u32) -> bool {
        self.slot[op as usize] != NONE
    }

    /// The write that it reads from, if it is a read of a known write.
    pub fn source_of(&self, op: u32) -> Option<u32> {
        let source = self.source[op as usize];
        (source < UNKNOWN).then_some(source)
    }

    /// Whether the operation is a read whose source is known (it may be the initial value).
    pub fn is_known_read(&self, op: u32) -> bool {
        self.source[op as usize] <= INITIAL && self.source[op as usize] != UNKNOWN
    }

    /// The operation in words, with its process.
    pub fn say(&self, op: u32) -> String {
        self.history.describe(self.rows[op as usize] as usize)
    }

    /// The operation in words.
    pub fn say_short(&self, op: u32) -> String {
        self.history.describe_short(self.rows[op as usize] as usize)
    }

    /// The name of the process of a session.
    pub fn name(&self, session: usize) -> &str {
        let row = self.rows[self.starts[session] as usize] as usize;
        &self.history.names.processes[self.history.process[row] as usize]
    }

    /// The rows of some operations, without those of which it is unknown whether they happened and that nobody
    /// saw.
    pub fn rows_of(&self, ops: impl Iterator<Item = u32>) -> Vec<u32> {
        let mut seen = vec![false; self.len()];
        for op in 0..self.len() as u32 {
            if let Some(source) = self.source_of(op) {
                seen[source as usize] = true;
            }
        }
        let happened = |row: u32| self.history.status[row as usize] == Outcome::Ok;
        ops.map(|op| (op, self.rows[op as usize]))
            .filter(|(op, row)| seen[*op as usize] || happened(*row))
            .map(|(_, row)| row)
            .collect()
    }

    /// The operations in the order of their places.
    pub fn by_place(&self, place: &[u32]) -> Vec<u32> {
        let mut order = vec![0; self.len()];
        for (op, place) in place.iter().enumerate() {
            order[*place as usize - 1] = op as u32;
        }
        order
    }
}
