//! The log: entries counted from 1, cheap to copy, and changed in one way only.
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

use crate::machines::membership::Membership;
use crate::machines::store::Op;
use crate::sim::{Chunked, NodeId};

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Entry {
    /// The term of the leader that made it.
    pub term: u64,
    /// What it tells the state machine.
    pub command: Arc<Command>,
}

/// What an entry tells the state machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Nothing: the beginning of a leader's term.
    Noop,
    /// To carry out an operation.
    Apply {
        /// Which of a client's commands it is, so that it is carried out once however often it is sent.
        session: Option<Session>,
        /// The operation.
        op: Op,
    },
    /// Nothing either, but the servers: who belongs to them from here on.
    Configure {
        /// The configuration.
        membership: Arc<Membership<NodeId>>,
    },
    /// To open a session for a client's lane; its name is that of the registration.
    Register {
        /// The registration.
        session: Session,
    },
}

impl Command {
    /// The client's name for it.
    pub fn session(&self) -> Option<&Session> {
        match self {
            Self::Apply { session, .. } => session.as_ref(),
            Self::Register { session } => Some(session),
            Self::Noop | Self::Configure { .. } => None,
        }
    }
}

/// The name of one client's command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Session {
    /// The client.
    pub client: NodeId,
    /// Which of the lanes on which it sends one command after the other.
    pub lane: u32,
    /// Greater for every further command of a lane.
    pub seq: u64,
}

/// A run of entries, shared by whoever holds it. An empty one costs nothing.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(from = "Vec<Entry>")]
pub struct Entries(Option<Arc<[Entry]>>);

impl Deref for Entries {
    type Target = [Entry];
    fn deref(&self) -> &[Entry] {
        self.0.as_deref().unwrap_or_default()
    }
}
impl From<Arc<[Entry]>> for Entries {
    fn from(entries: Arc<[Entry]>) -> Self {
        Self(Some(entries).filter(|it| !it.is_empty()))
    }
}
impl From<Vec<Entry>> for Entries {
    fn from(entries: Vec<Entry>) -> Self {
        Arc::<[Entry]>::from(entries).into()
    }
}
impl FromIterator<Entry> for Entries {
    fn from_iter<I: IntoIterator<Item = Entry>>(entries: I) -> Self {
        entries.into_iter().collect::<Arc<[Entry]>>().into()
    }
}
impl fmt::Debug for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
impl Serialize for Entries {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// A server's log, or what compaction has left of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Log {
    /// The index of the first entry that is here.
    first: u64,
    /// The term of the entry before it.
    #[serde(default)]
    before: u64,
    entries: Chunked<Entry>,
}

impl Default for Log {
    fn default() -> Self {
        Self { first: 1, before: 0, entries: Chunked::default() }
    }
}

impl Log {
    /// The index of the first entry that is here.
    pub fn first_index(&self) -> u64 {
        self.first
    }
    /// The index of the last entry; one less than the first where there is none.
    pub fn last_index(&self) -> u64 {
        self.first + self.entries.len() as u64 - 1
    }
    /// The term of the last entry, even if that is compacted away; 0 where there never was one.
    pub fn last_term(&self) -> u64 {
        self.entries.last().map_or(self.before, |entry| entry.term)
    }
    /// The entry at `index`.
    pub fn entry(&self, index: u64) -> Option<&Entry> {
        self.entries.get(self.position(index)?)
    }
    /// The term of the entry at `index`, which may be the one just before the first: of that, compaction leaves
    /// the term. Before every log stands an entry of term 0.
    pub fn term_at(&self, index: u64) -> Option<u64> {
        if index + 1 == self.first { Some(self.before) } else { self.entry(index).map(|entry| entry.term) }
    }
    /// The entries from `index` on.
    pub fn iter_from(&self, index: u64) -> impl Iterator<Item = &Entry> {
        self.entries.iter_from(index.saturating_sub(self.first) as usize)
    }
    /// At most `max` entries from `index` on, copied out.
    pub fn run(&self, index: u64, max: usize) -> Entries {
        self.iter_from(index).take(max).cloned().collect()
    }

    /// The greatest index, no greater than `index`, at which the term is no greater than `term`: where two
    /// logs may agree if they differ at `index`. Terms never fall along a log, so halving finds it. Of what is
    /// compacted away nothing is known but that it was committed: there logs agree.
    pub fn last_within(&self, index: u64, term: u64) -> u64 {
        let (mut low, mut high) = ((self.first - 1).min(index), index.min(self.last_index()));
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            match self.term_at(middle) {
                Some(there) if there > term => high = middle - 1,
                _ => low = middle,
            }
        }
        low
    }

    /// Replaces everything from `from` on by `entries`; returns what was there.
    pub fn splice(&mut self, from: u64, entries: &[Entry]) -> Entries {
        assert!(from >= self.first && from <= self.last_index() + 1, "a log has no holes");
        let keep = (from - self.first) as usize;
        let old = if from > self.last_index() { Entries::default() } else { self.run(from, usize::MAX) };
        self.entries.truncate(keep);
        entries.iter().for_each(|entry| self.entries.push(entry.clone()));
        old
    }

    /// Makes the log begin at `first`, after an entry of term `before`: with `entries`, and then with what it has
    /// after them. Returns how to take that back.
    pub fn begin(&mut self, first: u64, before: u64, entries: &[Entry]) -> (u64, u64, Entries) {
        let next = first + entries.len() as u64;
        let gone =
            self.iter_from(self.first).take(next.saturating_sub(self.first) as usize).cloned().collect();
        let stays: Vec<Entry> = entries.iter().chain(self.iter_from(next)).cloned().collect();
        self.entries = stays.into();
        (std::mem::replace(&mut self.first, first), std::mem::replace(&mut self.before, before), gone)
    }

    fn position(&self, index: u64) -> Option<usize> {
        index.checked_sub(self.first).map(|position| position as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(terms: &[u64]) -> Log {
        let mut log = Log::default();
        log.splice(1, &entries(terms));
        log
    }
    fn entries(terms: &[u64]) -> Vec<Entry> {
        terms.iter().map(|term| Entry { term: *term, command: Arc::new(Command::Noop) }).collect()
    }

    #[test]
    fn an_entry_is_small() {
        assert_eq!(size_of::<Entry>(), 16);
        assert_eq!(size_of::<Entries>(), 16);
    }

    #[test]
    fn a_splice_is_taken_back_by_splicing_what_it_returned() {
        let mut it = log(&[1, 1, 2, 2]);
        let old = it.splice(3, &entries(&[3]));
        assert_eq!(it, log(&[1, 1, 3]));
        let new = it.splice(3, &old);
        assert_eq!(it, log(&[1, 1, 2, 2]));
        assert_eq!(&*new, entries(&[3]));
    }

    #[test]
    fn last_within_skips_later_terms() {
        let it = log(&[1, 1, 2, 4, 4]);
        for (index, term, want) in
            [(5, 4, 5), (5, 3, 3), (5, 1, 2), (5, 0, 0), (2, 9, 2), (9, 9, 5), (0, 9, 0)]
        {
            assert_eq!(it.last_within(index, term), want, "{index} {term}");
        }
    }

    #[test]
    fn a_new_beginning_is_taken_back_by_what_it_returned() {
        let whole = log(&[1, 1, 2, 2, 3]);
        for (first, before) in [(1, 0), (2, 1), (4, 2), (6, 3), (9, 7)] {
            let mut it = whole.clone();
            let (old_first, old_before, gone) = it.begin(first, before, &[]);
            assert_eq!((it.first_index(), it.term_at(first - 1)), (first, Some(before)));
            assert_eq!(it.last_index(), 5.max(first - 1));
            assert_eq!(it.term_at(5), if first > 6 { None } else { Some(3) }, "{first}");
            assert_eq!(it.begin(old_first, old_before, &gone).0, first);
            assert_eq!(it, whole);
        }
    }

    /// Scenario C8: of a log that is compacted as a whole the last term is still known.
    #[test]
    fn a_compacted_log_knows_the_term_before_it() {
        let mut it = log(&[1, 1, 3]);
        it.begin(4, 3, &[]);
        assert_eq!((it.last_index(), it.last_term()), (3, 3));
        assert_eq!((it.term_at(3), it.term_at(2), it.entry(3)), (Some(3), None, None));
        for (index, term, want) in [(3, 9, 3), (3, 0, 3), (2, 1, 2), (0, 0, 0)] {
            assert_eq!(it.last_within(index, term), want, "{index} {term}");
        }
        it.splice(4, &entries(&[3, 4]));
        assert_eq!((it.last_index(), it.last_within(5, 3), it.last_within(5, 1)), (5, 4, 3));
    }

    #[test]
    fn indices_begin_at_one_after_term_zero() {
        let it = log(&[3]);
        assert_eq!((it.term_at(0), it.term_at(1), it.term_at(2)), (Some(0), Some(3), None));
        assert_eq!((it.first_index(), it.last_index(), it.last_term()), (1, 1, 3));
        assert_eq!((Log::default().last_index(), Log::default().last_term()), (0, 0));
        assert_eq!(it.entry(0), None);
    }
}
