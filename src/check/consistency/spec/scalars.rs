//! Counters.
use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;

use crate::check::consistency::error::Error;
use crate::check::consistency::history::{History, Kind};
use crate::sim::{Outcome, Value};

use super::cells::amount;
use super::custom::Broken;
use super::object::{Object, numbered};
use super::{Spec, bad_operation};

/// What an operation does to a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Access {
    Read(i64),
    /// Adds, and may say how much it is then.
    Add(i64, Option<i64>),
}

/// Whether an operation says anything about a counter; fails on impossible ones.
pub(super) fn concerns(history: &History, row: u32) -> Result<bool, Error> {
    Ok(understand(history, row)?.is_some())
}

fn understand(history: &History, row: u32) -> Result<Option<Access>, Error> {
    let at = row as usize;
    let ok = history.status[at] == Outcome::Ok;
    Ok(Some(match history.kind[at] {
        Kind::READ if !ok => return Ok(None),
        Kind::READ => Access::Read(number(history, row)?.unwrap_or_else(|| initial_count(history))),
        Kind::ADD | Kind::INCREMENT => Access::Add(amount(history, row)?, number(history, row)?),
        Kind::DECREMENT => Access::Add(amount(history, row)?.saturating_neg(), number(history, row)?),
        _ => return Err(Spec::Counter.unknown_kind(history, row)),
    }))
}

/// What a counter returned, if anything.
fn number(history: &History, row: u32) -> Result<Option<i64>, Error> {
    let at = row as usize;
    match history.names.values.value(history.result[at]) {
        _ if history.status[at] != Outcome::Ok => Ok(None),
        Value::Null => Ok(None),
        Value::Int(it) => Ok(Some(*it)),
        _ => Err(bad_operation(history, row, "it must return a whole number")),
    }
}

fn initial_count(history: &History) -> i64 {
    match history.names.values.value(history.initial) {
        Value::Int(it) => *it,
        _ => 0,
    }
}

/// A number that is added to.
pub struct Counter {
    accesses: Vec<Access>,
    signatures: Vec<u32>,
    counts: IndexSet<i64, FxBuildHasher>,
}

impl Counter {
    pub(super) fn new(history: &History, rows: &[u32]) -> Result<Self, Error> {
        let mut accesses = Vec::with_capacity(rows.len());
        for row in rows {
            accesses.extend(understand(history, *row)?);
        }
        let counts = IndexSet::from_iter([initial_count(history)]);
        Ok(Self { signatures: numbered(&accesses), accesses, counts })
    }
}

impl Object for Counter {
    fn initial(&mut self) -> Result<u32, Broken> {
        Ok(0)
    }
    fn step(&mut self, state: u32, op: u32) -> Result<Option<u32>, Broken> {
        let count = self.counts[state as usize];
        Ok(match self.accesses[op as usize] {
            Access::Read(returned) => (returned == count).then_some(state),
            Access::Add(by, returned) => count
                .checked_add(by)
                .filter(|sum| returned.is_none_or(|it| it == *sum))
                .map(|sum| self.counts.insert_full(sum).0 as u32),
        })
    }
    fn observes(&self, op: u32) -> bool {
        matches!(self.accesses[op as usize], Access::Read(_) | Access::Add(0, _))
    }
    fn signature(&self, op: u32) -> u32 {
        self.signatures[op as usize]
    }
    fn matters(&self, op: u32) -> bool {
        !self.observes(op)
    }
    fn show(&self, _: &History, state: u32) -> String {
        self.counts[state as usize].to_string()
    }
}
