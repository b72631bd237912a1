//! What survives a crash.
use serde::{Deserialize, Serialize};

use super::log::{Entries, Log};
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
        }
    }

    /// Of some entries, the first few may have made it.
    fn torn(write: &Write, below: &mut dyn FnMut(u32) -> u32) -> Option<Write> {
        let Write::Splice { from, entries } = write else { return None };
        let whole = u32::try_from(entries.len()).ok().filter(|it| *it > 0)?;
        let left = below(whole) as usize;
        Some(Write::Splice { from: *from, entries: entries[..left].iter().cloned().collect() })
    }
}
