//! What survives a crash.
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::log::{Entries, Log};
use super::snapshot::Snapshot;
use crate::sim::{NodeId, Storage};

/// A server's persistent state, in the notes' words; a client keeps only how often it has come up.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Disk {
    /// The latest term it has seen.
    pub term: u64,
    /// Whom it voted for in that term.
    pub voted_for: Option<NodeId>,
    /// Its log.
    pub log: Log,
    /// How often a client has come up, so that it never gives two commands one name.
    pub incarnation: u32,
    /// What the log had made of the state machine, where its beginning is compacted away.
    pub snapshot: Option<Arc<Snapshot>>,
    /// Term and index of the last entry that it has ever had and cannot read any more.
    pub unreadable: (u64, u64),
}

/// A change of the persistent state.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Write {
    /// A new term, or a vote.
    Hard {
        /// The latest term seen.
        term: u64,
        /// Whom it voted for in that term.
        voted_for: Option<NodeId>,
    },
    /// Everything from an index on is replaced.
    Splice {
        /// The index of the first entry to go, or to come.
        from: u64,
        /// What takes the place of all that followed.
        entries: Entries,
    },
    /// A client comes up.
    Incarnation(u32),
    /// A snapshot takes the place of the one before.
    Snapshot(Option<Arc<Snapshot>>),
    /// The log begins elsewhere.
    Begin {
        /// The index of its first entry.
        first: u64,
        /// The term of the entry before that.
        before: u64,
        /// What it begins with, before what is there of it from the next index on.
        entries: Entries,
    },
    /// An entry cannot be read any more: its term and index.
    Unreadable((u64, u64)),
}

impl Disk {
    /// Index of the last entry that the snapshot stands for; 0 where there is none.
    pub fn snapshot_index(&self) -> u64 {
        self.snapshot.as_ref().map_or(0, |it| it.last_included_index)
    }

    /// Term and index of the last entry that it has vouched for: it may be unreadable by now.
    pub fn last(&self) -> (u64, u64) {
        (self.log.last_term(), self.log.last_index()).max(self.unreadable)
    }
}

impl Storage for Disk {
    type Write = Write;

    fn apply(&mut self, write: Write) -> Write {
        match write {
            Write::Hard { term, voted_for } => Write::Hard {
                term: std::mem::replace(&mut self.term, term),
                voted_for: std::mem::replace(&mut self.voted_for, voted_for),
            },
            Write::Splice { from, entries } => {
                Write::Splice { from, entries: self.log.splice(from, &entries) }
            }
            Write::Incarnation(new) => Write::Incarnation(std::mem::replace(&mut self.incarnation, new)),
            Write::Snapshot(new) => Write::Snapshot(std::mem::replace(&mut self.snapshot, new)),
            Write::Begin { first, before, entries } => {
                let (first, before, entries) = self.log.begin(first, before, &entries);
                Write::Begin { first, before, entries }
            }
            Write::Unreadable(new) => Write::Unreadable(std::mem::replace(&mut self.unreadable, new)),
        }
    }

    /// The last entry goes; what is remembered is that there was one (Alagappan et al., *Protocol-Aware Recovery*,
    /// 2018): it may have been committed. Term, vote and snapshot are kept twice.
    fn corrupt(&mut self) -> Vec<Write> {
        let (term, from) = (self.log.last_term(), self.log.last_index());
        if from < self.log.first_index() {
            return Vec::new();
        }
        let unreadable = self.unreadable.max((term, from));
        let gone = Write::Splice { from, entries: Entries::default() };
        vec![self.apply(gone), self.apply(Write::Unreadable(unreadable))]
    }

    /// Of some entries, the first few may have made it. What is written at one place, or has a checksum, as a
    /// snapshot has, is there or not: so a crash may come between it and what was written after it.
    fn torn(write: &Write, below: &mut dyn FnMut(u32) -> u32) -> Option<Write> {
        let (from, entries) = match write {
            Write::Splice { from, entries } => (from, entries),
            Write::Snapshot(_) | Write::Begin { .. } => return Some(write.clone()).filter(|_| below(2) == 1),
            Write::Hard { .. } | Write::Incarnation(_) | Write::Unreadable(_) => return None,
        };
        let whole = u32::try_from(entries.len()).ok().filter(|it| *it > 0)?;
        let left = below(whole) as usize;
        Some(Write::Splice { from: *from, entries: entries[..left].iter().cloned().collect() })
    }
}
