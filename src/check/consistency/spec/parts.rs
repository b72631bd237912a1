//! Independent parts: a history is right if each of its objects is (Herlihy and Wing 1990; P-compositionality,
//! Horn and Kroening 2015).
use std::ops::Range;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use crate::check::consistency::error::Error;
use crate::check::consistency::history::{History, Kind};
use crate::sim::Outcome;

use super::{Any, Spec, bank, cells, collections, locks, map, scalars};

/// Rows in groups. Those that no search must look at (failed operations that do not say what they found, reads nobody got
/// an answer of) are in none.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    rows: Vec<u32>,
    starts: Vec<u32>,
    groups: Vec<u32>,
}

impl Parts {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// The rows of a part, in the order of their invocation.
    pub fn rows(&self, part: usize) -> &[u32] {
        &self.rows[self.range(part)]
    }

    /// All rows, part after part.
    pub fn all_rows(&self) -> &[u32] {
        &self.rows
    }

    /// Where the rows of a part are among all.
    pub fn range(&self, part: usize) -> Range<usize> {
        self.starts[part] as usize..self.starts[part + 1] as usize
    }

    /// The number that the group had.
    pub fn group(&self, part: usize) -> u32 {
        self.groups[part]
    }

    /// The parts of rows that are given with their groups; parts come in the order of the groups' numbers.
    ///
    /// O(n + groups) if invocations come in the order of the rows and the groups' numbers are dense.
    pub fn of_groups(history: &History, grouped: Vec<(u32, u32)>) -> Self {
        let top = grouped.iter().map(|(group, _)| *group as usize + 1).max().unwrap_or(0);
        if top > 4 * grouped.len() + (1 << 16) {
            return Self::of_sparse_groups(history, grouped);
        }
        let mut ends = vec![0u32; top + 1];
        for (group, _) in &grouped {
            ends[*group as usize + 1] += 1;
        }
        let mut parts = Self { starts: vec![0], ..Self::default() };
        for group in 0..top {
            if ends[group + 1] > 0 {
                parts.groups.push(group as u32);
                parts.starts.push(ends[group] + ends[group + 1]);
            }
            ends[group + 1] += ends[group];
        }
        parts.rows = vec![0; grouped.len()];
        for (group, row) in &grouped {
            let place = &mut ends[*group as usize];
            parts.rows[*place as usize] = *row;
            *place += 1;
        }
        parts.sorted(history)
    }

    fn of_sparse_groups(history: &History, mut grouped: Vec<(u32, u32)>) -> Self {
        grouped.sort_by_key(|(group, _)| *group);
        let mut parts = Self::default();
        for (place, (group, row)) in grouped.iter().enumerate() {
            if parts.groups.last() != Some(group) {
                parts.groups.push(*group);
                parts.starts.push(place as u32);
            }
            parts.rows.push(*row);
        }
        parts.starts.push(grouped.len() as u32);
        parts.sorted(history)
    }

    fn sorted(mut self, history: &History) -> Self {
        for part in 0..self.len() {
            let rows = &mut self.rows[self.starts[part] as usize..self.starts[part + 1] as usize];
            if !rows.is_sorted_by_key(|row| history.invoked[*row as usize]) {
                rows.sort_unstable_by_key(|row| history.invoked[*row as usize]);
            }
        }
        self
    }
}

/// The independent parts of a history. Fails on operations that `spec` does not have, or not so.
pub fn parts(history: &History, spec: &Spec) -> Result<Parts, Error> {
    let one = match spec {
        Spec::Bank(_) => true,
        Spec::Mutex => locks::have_tokens(history),
        _ => false,
    };
    let mut grouped = Vec::with_capacity(history.len());
    for row in 0..history.len() as u32 {
        let failed = history.status[row as usize] == Outcome::Fail;
        if (!failed || says_why(history, spec, row)) && concerns(history, spec, row)? {
            grouped.push((if one { 0 } else { history.key[row as usize] }, row));
        }
    }
    let kind = |(_, row): &(u32, u32)| history.kind[*row as usize];
    if matches!(spec, Spec::Set) && !grouped.iter().any(|it| kind(it) == Kind::READ) {
        split_by_element(history, &mut grouped);
    }
    if matches!(spec, Spec::Kv) && grouped.iter().any(|it| kind(it) == Kind::SCAN) {
        map::join(history, &mut grouped)?;
    }
    Ok(Parts::of_groups(history, grouped))
}

/// A set of which nobody reads the whole is many objects: one for each element.
fn split_by_element(history: &History, grouped: &mut [(u32, u32)]) {
    let mut numbers = IndexMap::with_hasher(FxBuildHasher);
    for (group, row) in grouped {
        let next = numbers.len() as u32;
        *group = *numbers.entry((*group, history.argument[*row as usize])).or_insert(next);
    }
}

/// Whether an operation that failed tells what it found.
fn says_why(history: &History, spec: &Spec, row: u32) -> bool {
    matches!(spec, Spec::Mutex) && locks::is_refusal(history, row)
}

/// Whether an operation that did not fail says anything; whether it is possible at all.
fn concerns(history: &History, spec: &Spec, row: u32) -> Result<bool, Error> {
    match spec {
        Spec::Kv if history.kind[row as usize] == Kind::SCAN => map::concerns(history, row),
        Spec::Register | Spec::CasRegister | Spec::Kv => cells::concerns(history, spec, row),
        Spec::Set | Spec::Queue | Spec::Stack | Spec::List => collections::concerns(history, spec, row),
        Spec::Counter => scalars::concerns(history, row),
        Spec::Mutex => locks::concerns(history, row),
        Spec::Bank(_) => bank::concerns(history, spec, row),
    }
}

impl Spec {
    /// The object that the rows of one part are about. [`parts`] has found them possible.
    pub(in crate::check::consistency) fn object(
        &self,
        history: &History,
        rows: &[u32],
    ) -> Result<Any, Error> {
        let scanned = || rows.iter().any(|row| history.kind[*row as usize] == Kind::SCAN);
        Ok(match self {
            Self::Kv if scanned() => Any::Other(Box::new(map::Map::new(history, rows)?)),
            Self::Register | Self::CasRegister | Self::Kv => cells::object(history, self, rows)?,
            Self::Set => Any::Other(Box::new(collections::Sets::new(history, self, rows)?)),
            Self::Queue => Any::Other(Box::new(collections::Queue::new(history, self, rows)?)),
            Self::Stack => Any::Other(Box::new(collections::Stack::new(history, self, rows)?)),
            Self::List => Any::Other(Box::new(collections::List::new(history, self, rows)?)),
            Self::Counter => Any::Other(Box::new(scalars::Counter::new(history, rows)?)),
            Self::Mutex => Any::Other(Box::new(locks::Locks::new(history, rows)?)),
            Self::Bank(bank) => Any::Other(Box::new(bank::Accounts::new(history, self, bank, rows)?)),
        })
    }
}
