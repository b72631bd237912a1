//! The user's own specification.
use std::cell::RefCell;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use crate::check::consistency::history::History;
use crate::sim::Outcome;

use super::object::Object;
use super::parts::Parts;

/// The user's specification failed (it raised something, which whoever gave it knows).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

/// A user's own specification. States are numbers that it hands out: equal states, equal numbers.
///
/// Every pair of a state and a signature is asked for once in a part; answers are remembered.
pub trait Machine {
    /// The state before the first operation of a group (see [`Self::partition`]).
    fn initial(&mut self, group: u32) -> Result<u32, Broken>;

    /// The state after the operation of a row took effect in `state`; none if it cannot have answered there what
    /// it answered. An operation of status `info` has no answer: it must be possible with any.
    fn step(&mut self, state: u32, row: u32) -> Result<Option<u32>, Broken>;

    /// Which of the independent objects an operation is about; all about the same one, unless said.
    fn partition(&mut self, row: u32) -> Result<u32, Broken> {
        let _ = row;
        Ok(0)
    }

    /// Whether an operation never changes any state. Saying so makes searches faster.
    fn observes(&self, row: u32) -> bool {
        let _ = row;
        false
    }

    /// A state in words.
    fn show(&self, state: u32) -> String;
}

/// A machine together with the operations of one part. Several parts may share the machine.
pub struct Custom<'a, 'm> {
    machine: &'a RefCell<&'m mut dyn Machine>,
    rows: &'a [u32],
    group: u32,
    signatures: Vec<u32>,
    known: IndexMap<(u32, u32), Option<u32>, FxBuildHasher>,
}

impl<'a, 'm> Custom<'a, 'm> {
    /// `machine` for these rows, which are about one object.
    pub fn new(
        machine: &'a RefCell<&'m mut dyn Machine>,
        history: &History,
        group: u32,
        rows: &'a [u32],
    ) -> Self {
        let mut numbers = IndexMap::with_hasher(FxBuildHasher);
        let signatures = rows
            .iter()
            .map(|row| {
                let observes = machine.borrow().observes(*row);
                let row = *row as usize;
                let what = (history.kind[row], history.key[row], history.argument[row], observes);
                let known = (history.status[row] == Outcome::Ok).then_some(history.result[row]);
                let next = numbers.len() as u32;
                *numbers.entry((what, known, history.process[row])).or_insert(next)
            })
            .collect();
        Self { machine, rows, group, signatures, known: IndexMap::default() }
    }
}

impl Object for Custom<'_, '_> {
    fn initial(&mut self) -> Result<u32, Broken> {
        self.machine.borrow_mut().initial(self.group)
    }
    fn step(&mut self, state: u32, op: u32) -> Result<Option<u32>, Broken> {
        let question = (state, self.signatures[op as usize]);
        if let Some(next) = self.known.get(&question) {
            return Ok(*next);
        }
        let next = self.machine.borrow_mut().step(state, self.rows[op as usize])?;
        self.known.insert(question, next);
        Ok(next)
    }
    fn observes(&self, op: u32) -> bool {
        self.machine.borrow().observes(self.rows[op as usize])
    }
    fn signature(&self, op: u32) -> u32 {
        self.signatures[op as usize]
    }
    fn matters(&self, op: u32) -> bool {
        !self.observes(op)
    }
    fn show(&self, _: &History, state: u32) -> String {
        self.machine.borrow().show(state)
    }
}

/// The operations of a history in the groups that `machine` puts them into. The error names the row.
pub fn custom_parts(history: &History, machine: &mut dyn Machine) -> Result<Parts, u32> {
    let mut groups = Vec::with_capacity(history.len());
    for row in 0..history.len() as u32 {
        if history.status[row as usize] != Outcome::Fail {
            groups.push((machine.partition(row).map_err(|Broken| row)?, row));
        }
    }
    Ok(Parts::of_groups(history, groups))
}
