//! What transactions do inside: their accesses, as columns.
use std::ops::Range;

use super::NULL;

/// One access of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// Read this value (0: null, the key was never written).
    Read(u32),
    /// Read this list; the number names it in [`Accesses::list`].
    ReadList(u32),
    /// Read something, but nobody knows what.
    ReadUnknown,
    /// Overwrote the key with this value.
    Write(u32),
    /// Put this element at the end of the key's list.
    Append(u32),
}

/// The accesses of all transactions of a history, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accesses {
    /// Of each access, the key.
    pub key: Vec<u32>,
    /// Of each access, what it did.
    pub access: Vec<Access>,
    starts: Vec<u32>,
    list_starts: Vec<u32>,
    elements: Vec<u32>,
}

impl Default for Accesses {
    fn default() -> Self {
        Self { key: vec![], access: vec![], starts: vec![0], list_starts: vec![0], elements: vec![] }
    }
}

impl Accesses {
    /// Adds an access to the transaction being built.
    pub fn push(&mut self, key: u32, access: Access) {
        self.key.push(key);
        self.access.push(access);
    }

    /// Ends the transaction being built; an operation that is none ends an empty one.
    pub fn end(&mut self) {
        self.starts.push(self.key.len() as u32);
    }

    /// Keeps a list for [`Access::ReadList`].
    pub fn add_list(&mut self, elements: impl IntoIterator<Item = u32>) -> u32 {
        self.elements.extend(elements);
        self.list_starts.push(self.elements.len() as u32);
        self.list_starts.len() as u32 - 2
    }

    /// The elements of a list.
    pub fn list(&self, list: u32) -> &[u32] {
        let list = list as usize;
        &self.elements[self.list_starts[list] as usize..self.list_starts[list + 1] as usize]
    }

    /// Where the accesses of an operation are; empty if it is no transaction.
    pub fn range(&self, row: usize) -> Range<usize> {
        self.starts.get(row + 1).map_or(0..0, |end| self.starts[row] as usize..*end as usize)
    }

    /// The accesses of an operation, as (key, access).
    pub fn of(&self, row: usize) -> impl ExactSizeIterator<Item = (u32, Access)> + Clone + '_ {
        self.range(row).map(|i| (self.key[i], self.access[i]))
    }

    /// Where a key is a list, reading null means reading the empty list.
    pub(super) fn read_null_as_empty_list(&mut self) {
        let is_list = |access: &Access| matches!(access, Access::Append(_) | Access::ReadList(_));
        let null = |access: &Access| *access == Access::Read(NULL);
        if !self.access.iter().any(is_list) || !self.access.iter().any(null) {
            return;
        }
        let largest = self.key.iter().copied().max().map_or(0, |it| it as usize + 1);
        let mut lists = vec![false; largest];
        for (key, _) in self.key.iter().zip(&self.access).filter(|(_, access)| is_list(access)) {
            lists[*key as usize] = true;
        }
        let empty = self.add_list([]);
        for (key, access) in self.key.iter().zip(&mut self.access) {
            if lists[*key as usize] && null(access) {
                *access = Access::ReadList(empty);
            }
        }
    }
}
