//! The versions of each key, in order, and which of them every transaction read and wrote.
use std::ops::Range;

use super::super::Committed;
use crate::check::consistency::history::History;
use crate::sim::Outcome;

/// The place of an access that neither reads a version from others nor is the write that counts.
pub(super) const NOWHERE: u32 = u32::MAX;
/// The place of a write that comes after all versions of the key that have a place, in an unknown order among
/// its like.
pub(super) const UNREAD: u32 = u32::MAX - 1;

/// What is known about one group of keys: columns that go one after the other.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    /// Who wrote the versions of each key, in order, one key after the other.
    pub chain: Vec<u32>,
    /// Where in `chain` the versions of each key end.
    pub chain_ends: Vec<u32>,
    /// Who wrote what nobody read, key by key.
    pub unread: Vec<u32>,
    /// Where in `unread` those of each key end.
    pub unread_ends: Vec<u32>,
    /// Places of accesses, as (access, place).
    pub places: Vec<(u32, u32)>,
}

/// The versions of all keys.
///
/// Version 0 of a key is what it holds before the first write, version `i` is what the `i`-th transaction of
/// its chain left there.
#[derive(Clone, Debug, Default)]
pub(super) struct Versions {
    /// The transactions.
    pub committed: Committed,
    /// The keys.
    pub keys: Vec<u32>,
    /// Of each access, the version it read or wrote, [`NOWHERE`] or [`UNREAD`].
    pub places: Vec<u32>,
    /// Of each key by its number among all values, its place in `keys`.
    cells: Vec<u32>,
    chain: Vec<u32>,
    chain_starts: Vec<u32>,
    unread: Vec<u32>,
    unread_starts: Vec<u32>,
}

impl Versions {
    /// Puts together what was found about groups of keys, in their order. Rows become transactions; those of
    /// unknown outcome that nobody read are dropped. O(accesses + values).
    pub(super) fn new(history: &History, keys: Vec<u32>, found: &[Found]) -> Self {
        let mut observed = vec![false; history.len()];
        found.iter().flat_map(|it| &it.chain).for_each(|row| observed[*row as usize] = true);
        let committed = Committed::new(history, |row| match history.status[row] {
            Outcome::Ok => true,
            Outcome::Info => observed[row],
            Outcome::Fail => false,
        });
        let mut cells = vec![u32::MAX; history.names.values.len()];
        keys.iter().enumerate().for_each(|(cell, key)| cells[*key as usize] = cell as u32);
        let mut versions = Self {
            committed,
            keys,
            cells,
            places: vec![NOWHERE; history.accesses.key.len()],
            chain_starts: vec![0],
            unread_starts: vec![0],
            ..Self::default()
        };
        found.iter().for_each(|it| versions.append(it));
        versions
    }

    fn append(&mut self, found: &Found) {
        found.places.iter().for_each(|(access, place)| self.places[*access as usize] = *place);
        let base = self.chain.len() as u32;
        self.chain.extend(found.chain.iter().map(|row| self.committed.numbers[*row as usize]));
        self.chain_starts.extend(found.chain_ends.iter().map(|end| base + end));
        let mut begin = 0;
        for end in &found.unread_ends {
            let writers = &found.unread[begin..*end as usize];
            let first = self.unread.len();
            self.unread.extend(writers.iter().filter_map(|row| self.committed.number(*row)));
            self.unread[first..].sort_unstable();
            self.unread_starts.push(self.unread.len() as u32);
            begin = *end as usize;
        }
    }

    /// How many keys there are.
    pub(super) fn cells(&self) -> usize {
        self.keys.len()
    }

    /// Of a key by its number among all values, its place in `keys`.
    pub(super) fn cell(&self, key: u32) -> usize {
        self.cells[key as usize] as usize
    }

    /// Who wrote the versions of a key, in order.
    pub(super) fn chain(&self, cell: usize) -> &[u32] {
        &self.chain[range(&self.chain_starts, cell)]
    }

    /// Who wrote to a key what nobody read, ascending: after all versions of its chain.
    pub(super) fn unread(&self, cell: usize) -> &[u32] {
        &self.unread[range(&self.unread_starts, cell)]
    }

    /// What a transaction read from others, in its order, as (access, cell, version).
    pub(super) fn reads<'a>(
        &'a self,
        history: &'a History,
        transaction: u32,
    ) -> impl Iterator<Item = (usize, usize, u32)> + 'a {
        self.placed(history, transaction).filter(|(access, ..)| !is_write(history, *access))
    }

    /// What a transaction wrote, as (access, cell, version); the version is larger than all others if nobody
    /// read it.
    pub(super) fn writes<'a>(
        &'a self,
        history: &'a History,
        transaction: u32,
    ) -> impl Iterator<Item = (usize, usize, u32)> + 'a {
        self.placed(history, transaction).filter(|(access, ..)| is_write(history, *access))
    }

    fn placed<'a>(
        &'a self,
        history: &'a History,
        transaction: u32,
    ) -> impl Iterator<Item = (usize, usize, u32)> + 'a {
        history
            .accesses
            .range(self.committed.row(transaction))
            .map(|access| (access, self.places[access]))
            .filter(|(_, place)| *place != NOWHERE)
            .map(|(access, place)| (access, self.cell(history.accesses.key[access]), place))
    }

    /// Who wrote a version; nobody wrote version 0, and nobody knows of [`UNREAD`].
    pub(super) fn writer(&self, cell: usize, version: u32) -> Option<u32> {
        self.chain(cell).get((version as usize).checked_sub(1)?).copied()
    }
}

fn range(starts: &[u32], cell: usize) -> Range<usize> {
    starts[cell] as usize..starts[cell + 1] as usize
}

fn is_write(history: &History, access: usize) -> bool {
    use crate::check::consistency::history::Access;
    matches!(history.accesses.access[access], Access::Append(_) | Access::Write(_))
}
