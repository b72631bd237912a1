//! The order of the versions of a list, from the longest list that was read.
//!
//! Every list that was read must be a prefix of the longest one, and each transaction's appends must stand in
//! it together and in order. Linear in the lengths of all lists.
use std::ops::Range;

use rayon::prelude::*;

use super::flaws;
use super::group::{Grouped, list};
use super::register::Register;
use super::versions::{Found, NOWHERE, UNREAD, Versions};
use crate::check::consistency::history::{Access, History};
use crate::check::consistency::{Budget, Error, Flaw};
use crate::sim::Outcome;

/// Why there are no versions.
#[derive(Clone, Debug)]
pub(super) enum Problem {
    /// The history cannot be judged.
    Bad(Error),
    /// It breaks every model.
    Flawed(Box<Flaw>),
    /// There was a stop before the end.
    Stopped,
}

impl From<Flaw> for Problem {
    fn from(flaw: Flaw) -> Self {
        Self::Flawed(Box::new(flaw))
    }
}

/// The true order of the elements of a key, if it is known.
pub(super) type Given<'a> = &'a (dyn Fn(u32) -> Option<&'a [u32]> + Sync);

/// How many accesses are worth a task of their own.
const TASK: usize = 1 << 14;
const TASKS: usize = 32;

/// The versions of all keys, in parallel over keys.
///
/// # Errors
/// The first problem in the order of the keys; errors before flaws.
pub(super) fn versions(
    history: &History,
    given: Given<'_>,
    budget: &Budget<'_>,
) -> Result<Versions, Problem> {
    let grouped = Grouped::new(history);
    let ranges = grouped.ranges((grouped.rows.len() / TASK).clamp(1, TASKS));
    let find = |range: &Range<usize>| find(history, &grouped, given, range.clone(), budget);
    let found: Vec<Result<Found, Problem>> = match ranges.len() {
        0 | 1 => ranges.iter().map(find).collect(),
        _ => ranges.par_iter().map(find).collect(),
    };
    let rank = |problem: &Problem| match problem {
        Problem::Stopped => 0,
        Problem::Bad(_) => 1,
        Problem::Flawed(_) => 2,
    };
    if let Some(problem) = found.iter().filter_map(|it| it.as_ref().err()).min_by_key(|it| rank(it)) {
        return Err(problem.clone());
    }
    let found: Vec<Found> = found.into_iter().filter_map(Result::ok).collect();
    Ok(Versions::new(history, grouped.keys, &found))
}

fn find(
    history: &History,
    grouped: &Grouped,
    given: Given<'_>,
    cells: Range<usize>,
    budget: &Budget<'_>,
) -> Result<Found, Problem> {
    let mut found = Found::default();
    let mut slots = vec![0; history.names.values.len()];
    for cell in cells {
        if (budget.stop)() {
            return Err(Problem::Stopped);
        }
        let (key, members, rows) = (grouped.keys[cell], grouped.members(cell), &grouped.rows);
        let known = given(key);
        let slots = &mut slots;
        if is_register(history, members) {
            let order = known.unwrap_or_default();
            Register { history, rows, key, members, order, slots }.infer(&mut found)?;
            continue;
        }
        let order = known.map(|known| appended(history, members, known, slots));
        let mut cell = Cell {
            history,
            rows,
            key,
            members,
            appends: vec![],
            positions: vec![],
            longest: order.as_deref().unwrap_or_default(),
            longest_access: None,
            is_given: order.is_some(),
            slots,
        };
        cell.collect().map_err(Problem::Bad)?;
        cell.infer(&mut found)?;
        cell.forget();
    }
    Ok(found)
}

fn is_register(history: &History, members: &[u32]) -> bool {
    let is_list = |access: &u32| {
        matches!(history.accesses.access[*access as usize], Access::Append(_) | Access::ReadList(_))
    };
    !members.iter().any(is_list)
}

/// Those elements of a given order that anybody in this history appended: it may be only a part of a longer
/// one.
fn appended(history: &History, members: &[u32], order: &[u32], slots: &mut [u32]) -> Vec<u32> {
    let elements = || {
        members.iter().filter_map(|access| match history.accesses.access[*access as usize] {
            Access::Append(element) => Some(element as usize),
            _ => None,
        })
    };
    elements().for_each(|element| slots[element] = 1);
    let known = order.iter().copied().filter(|element| slots[*element as usize] > 0).collect();
    elements().for_each(|element| slots[element] = 0);
    known
}

/// An append that may have taken effect.
#[derive(Clone, Copy, Debug)]
pub(super) struct Append {
    pub element: u32,
    pub access: u32,
    pub row: u32,
}

/// One key.
pub(super) struct Cell<'a> {
    pub history: &'a History,
    pub rows: &'a [u32],
    pub key: u32,
    /// All accesses of the key.
    pub members: &'a [u32],
    /// Appends in the order of accesses, so that those of one transaction are together.
    pub appends: Vec<Append>,
    /// Where in the longest list each append is.
    positions: Vec<u32>,
    pub longest: &'a [u32],
    /// Who read the longest list; nobody, if the order is given.
    pub longest_access: Option<u32>,
    is_given: bool,
    /// Of each value, 1 + its append; 0 if it was not appended.
    slots: &'a mut [u32],
}

impl Cell<'_> {
    /// Finds the appends and the longest list.
    fn collect(&mut self) -> Result<(), Error> {
        for access in self.members {
            let row = self.rows[*access as usize];
            match self.history.accesses.access[*access as usize] {
                Access::Append(_) if self.history.status[row as usize] == Outcome::Fail => {}
                Access::Append(element) => {
                    let slot = &mut self.slots[element as usize];
                    if *slot > 0 {
                        let other = self.appends[*slot as usize - 1].row as usize;
                        return Err(twice(self.history, self.key, element, row as usize, other));
                    }
                    self.appends.push(Append { element, access: *access, row });
                    *slot = self.appends.len() as u32;
                }
                _ => {
                    let list = list(self.history, *access).unwrap_or_default();
                    if !self.is_given && list.len() > self.longest.len() {
                        self.longest = list;
                        self.longest_access = Some(*access);
                    }
                }
            }
        }
        self.positions = vec![NOWHERE; self.appends.len()];
        Ok(())
    }

    /// The append of an element.
    pub(super) fn append_of(&self, element: u32) -> Option<usize> {
        (self.slots[element as usize] as usize).checked_sub(1)
    }

    fn infer(&mut self, found: &mut Found) -> Result<(), Problem> {
        let chain_begin = found.chain.len();
        let versions = self.walk(&mut found.chain)?;
        found.chain_ends.push(found.chain.len() as u32);
        self.place_reads(&versions, found)?;
        self.place_writes(&found.chain[chain_begin..], &mut found.places);
        let first = |at: usize| at == 0 || self.appends[at - 1].row != self.appends[at].row;
        let unread = (0..self.appends.len()).filter(|at| first(*at) && self.positions[*at] == NOWHERE);
        found.unread.extend(unread.map(|at| self.appends[at].row));
        found.unread_ends.push(found.unread.len() as u32);
        Ok(())
    }

    /// Goes along the longest list: who wrote the versions, and which version each prefix is ([`NOWHERE`] for
    /// one in the middle of a transaction's appends).
    fn walk(&mut self, chain: &mut Vec<u32>) -> Result<Vec<u32>, Problem> {
        let begin = chain.len();
        let mut versions = vec![NOWHERE; self.longest.len() + 1];
        versions[0] = 0;
        let mut unfinished: Option<usize> = None;
        for (position, element) in self.longest.iter().enumerate() {
            let Some(at) = self.append_of(*element) else {
                return Err(flaws::never_appended(self, self.longest_access, *element).into());
            };
            if self.positions[at] != NOWHERE {
                return Err(flaws::duplicate(self, self.longest_access, *element).into());
            }
            self.positions[at] = position as u32;
            let row = self.appends[at].row;
            let starts = at == 0 || self.appends[at - 1].row != row;
            let ends = self.appends.get(at + 1).is_none_or(|next| next.row != row);
            match unfinished {
                Some(previous) if at == previous + 1 => {}
                Some(previous) if self.appends[previous].row != row => {
                    return Err(flaws::torn(self, previous, at).into());
                }
                None if starts => {}
                _ => return Err(flaws::reversed(self, at).into()),
            }
            unfinished = (!ends).then_some(at);
            if ends {
                chain.push(row);
                versions[position + 1] = (chain.len() - begin) as u32;
            }
        }
        if let Some(at) = unfinished {
            // Only its own transaction may have read this far.
            chain.push(self.appends[at].row);
        }
        Ok(versions)
    }

    fn place_reads(&self, versions: &[u32], found: &mut Found) -> Result<(), Problem> {
        let mut own = 0..0;
        for access in self.members {
            let row = self.rows[*access as usize];
            if own.start < self.appends.len() && self.appends[own.start].row != row {
                own = own.end..own.end;
            }
            if self.appends.get(own.end).is_some_and(|it| it.access == *access) {
                own.end += 1;
                continue;
            }
            let Some(list) = list(self.history, *access) else { continue };
            if self.longest.get(..list.len()) != Some(list) {
                return Err(flaws::incompatible(self, *access, list).into());
            }
            let appended = &self.appends[own.clone()];
            let outside = list.len().checked_sub(appended.len());
            let ends_with = |at: usize| appended.iter().map(|it| it.element).eq(list[at..].iter().copied());
            let Some(outside) = outside.filter(|at| ends_with(*at)) else {
                return Err(flaws::internal(self, *access, list, own).into());
            };
            let later = self.appends.get(own.end).filter(|it| it.row == row);
            if later.is_some() && (self.positions[own.end] as usize) < list.len() {
                return Err(flaws::own_future(self, *access, own.end).into());
            }
            if versions[outside] == NOWHERE {
                return Err(flaws::intermediate(self, *access, list[outside - 1]).into());
            }
            found.places.push((*access, versions[outside]));
        }
        Ok(())
    }

    /// Gives a place to the first append of each transaction.
    fn place_writes(&self, chain: &[u32], places: &mut Vec<(u32, u32)>) {
        let mut appended = self.longest.iter();
        for (version, row) in chain.iter().enumerate() {
            let first = appended
                .by_ref()
                .find_map(|element| self.append_of(*element).filter(|at| self.appends[*at].row == *row));
            if let Some(at) = first {
                places.push((self.appends[at].access, version as u32 + 1));
            }
        }
        for (at, append) in self.appends.iter().enumerate() {
            let starts = at == 0 || self.appends[at - 1].row != append.row;
            if starts && self.positions[at] == NOWHERE {
                places.push((append.access, UNREAD));
            }
        }
    }

    fn forget(&mut self) {
        for append in &self.appends {
            self.slots[append.element as usize] = 0;
        }
    }
}

fn twice(history: &History, key: u32, element: u32, row: usize, other: usize) -> Error {
    Error::BadOperation {
        row,
        what: history.describe_short(row),
        problem: format!(
            "it appends {} to {}, and so does operation {other} ({}): the elements of a list must be distinct",
            history.show(element),
            history.show(key),
            history.describe_short(other)
        ),
    }
}
