//! The accesses of a history, key by key.
use std::ops::Range;

use crate::check::consistency::history::{Access, History, NULL};
use crate::sim::Outcome;

/// Which accesses belong to which key.
#[derive(Clone, Debug, Default)]
pub(super) struct Grouped {
    /// The keys that matter, in the order of their first access.
    pub keys: Vec<u32>,
    /// Of each access, its row.
    pub rows: Vec<u32>,
    starts: Vec<u32>,
    members: Vec<u32>,
}

impl Grouped {
    /// Groups all appends and writes, and the reads of transactions of status `ok`, by key, in the order of
    /// the accesses. O(accesses + values).
    pub(super) fn new(history: &History) -> Self {
        let mut rows = vec![0; history.accesses.key.len()];
        let mut cells = vec![u32::MAX; history.names.values.len()];
        let mut grouped = Self { starts: vec![0, 0], ..Self::default() };
        for row in 0..history.len() {
            for access in history.accesses.range(row) {
                rows[access] = row as u32;
                if matters(history, row, access) {
                    let key = history.accesses.key[access];
                    let cell = &mut cells[key as usize];
                    if *cell == u32::MAX {
                        *cell = grouped.keys.len() as u32;
                        grouped.keys.push(key);
                        grouped.starts.push(0);
                    }
                    grouped.starts[*cell as usize + 2] += 1;
                }
            }
        }
        grouped.rows = rows;
        grouped.fill(history, &cells);
        grouped
    }

    fn fill(&mut self, history: &History, cells: &[u32]) {
        for cell in 2..self.starts.len() {
            self.starts[cell] += self.starts[cell - 1];
        }
        self.members = vec![0; self.starts[self.starts.len() - 1] as usize];
        for (access, row) in self.rows.iter().enumerate() {
            if matters(history, *row as usize, access) {
                let cell = cells[history.accesses.key[access] as usize] as usize;
                let at = &mut self.starts[cell + 1];
                self.members[*at as usize] = access as u32;
                *at += 1;
            }
        }
        self.starts.pop();
    }

    /// The accesses of a key, ascending.
    pub(super) fn members(&self, cell: usize) -> &[u32] {
        &self.members[self.starts[cell] as usize..self.starts[cell + 1] as usize]
    }

    /// The keys in at most so many ranges of about equally many accesses.
    pub(super) fn ranges(&self, pieces: usize) -> Vec<Range<usize>> {
        let size = self.members.len().div_ceil(pieces).max(1);
        let mut ranges = vec![];
        let mut begin = 0;
        for cell in 0..self.keys.len() {
            let so_far = (self.starts[cell + 1] - self.starts[begin]) as usize;
            if so_far >= size || cell + 1 == self.keys.len() {
                ranges.push(begin..cell + 1);
                begin = cell + 1;
            }
        }
        ranges
    }
}

fn matters(history: &History, row: usize, access: usize) -> bool {
    match history.accesses.access[access] {
        Access::Append(_) | Access::Write(_) => true,
        Access::ReadList(_) | Access::Read(_) => history.status[row] == Outcome::Ok,
        Access::ReadUnknown => false,
    }
}

/// The list that an access read; a read of null is one of the empty list.
pub(super) fn list(history: &History, access: u32) -> Option<&[u32]> {
    match history.accesses.access[access as usize] {
        Access::ReadList(list) => Some(history.accesses.list(list)),
        Access::Read(NULL) => Some(&[]),
        _ => None,
    }
}
