//! Counters and locks.
use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;

use crate::check::consistency::error::Error;
use crate::check::consistency::history::{History, Kind, NULL};
use crate::sim::{Outcome, Value};

use super::cells::amount;
use super::custom::Broken;
use super::object::{Object, numbered};
use super::{Spec, bad_operation};

/// What an operation does to a counter or a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Access {
    Read(i64),
    /// Adds, and may say how much it is then.
    Add(i64, Option<i64>),
    /// Takes the lock for a process, or is refused it.
    Acquire {
        owner: u32,
        granted: bool,
    },
    Release {
        owner: u32,
        granted: bool,
    },
}

/// Whether an operation says anything about a counter or a lock; fails on impossible ones.
pub(super) fn concerns(history: &History, spec: &Spec, row: u32) -> Result<bool, Error> {
    Ok(understand(history, spec, row)?.is_some())
}

fn understand(history: &History, spec: &Spec, row: u32) -> Result<Option<Access>, Error> {
    let at = row as usize;
    let ok = history.status[at] == Outcome::Ok;
    let owner = history.process[at] + 1;
    Ok(Some(match (spec, history.kind[at]) {
        (Spec::Counter, Kind::READ) if !ok => return Ok(None),
        (Spec::Counter, Kind::READ) => {
            Access::Read(number(history, row)?.unwrap_or_else(|| initial_count(history)))
        }
        (Spec::Counter, Kind::ADD | Kind::INCREMENT) => {
            Access::Add(amount(history, row)?, number(history, row)?)
        }
        (Spec::Counter, Kind::DECREMENT) => {
            Access::Add(amount(history, row)?.saturating_neg(), number(history, row)?)
        }
        (Spec::Mutex, Kind::ACQUIRE) => Access::Acquire { owner, granted: granted(history, row)? },
        (Spec::Mutex, Kind::RELEASE) => Access::Release { owner, granted: granted(history, row)? },
        _ => return Err(spec.unknown_kind(history, row)),
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

fn granted(history: &History, row: u32) -> Result<bool, Error> {
    let at = row as usize;
    match history.names.values.value(history.result[at]) {
        _ if history.status[at] != Outcome::Ok => Ok(true),
        Value::Null => Ok(true),
        Value::Bool(granted) => Ok(*granted),
        Value::Int(_) => Ok(true), // a fencing token
        _ => Err(bad_operation(history, row, "it returns true, false, a token or nothing")),
    }
}

fn initial_count(history: &History) -> i64 {
    match history.names.values.value(history.initial) {
        Value::Int(it) => *it,
        _ => 0,
    }
}

fn accesses(history: &History, spec: &Spec, rows: &[u32]) -> Result<Vec<Access>, Error> {
    let mut accesses = Vec::with_capacity(rows.len());
    for row in rows {
        accesses.extend(understand(history, spec, *row)?);
    }
    Ok(accesses)
}

/// A number that is added to.
pub struct Counter {
    accesses: Vec<Access>,
    signatures: Vec<u32>,
    counts: IndexSet<i64, FxBuildHasher>,
}

impl Counter {
    pub(super) fn new(history: &History, spec: &Spec, rows: &[u32]) -> Result<Self, Error> {
        let accesses = accesses(history, spec, rows)?;
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
            _ => None,
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

/// A lock with an owner. The state is 0 if nobody holds it, else one more than the number of the process.
pub struct Mutex {
    accesses: Vec<Access>,
    signatures: Vec<u32>,
}

impl Mutex {
    pub(super) fn new(history: &History, spec: &Spec, rows: &[u32]) -> Result<Self, Error> {
        let accesses = accesses(history, spec, rows)?;
        Ok(Self { signatures: numbered(&accesses), accesses })
    }
}

impl Object for Mutex {
    fn initial(&mut self) -> Result<u32, Broken> {
        Ok(NULL)
    }
    fn step(&mut self, state: u32, op: u32) -> Result<Option<u32>, Broken> {
        Ok(match self.accesses[op as usize] {
            Access::Acquire { owner, granted: true } => (state == 0).then_some(owner),
            Access::Acquire { granted: false, .. } => (state != 0).then_some(state),
            Access::Release { owner, granted: true } => (state == owner).then_some(0),
            Access::Release { owner, granted: false } => (state != owner).then_some(state),
            _ => None,
        })
    }
    fn observes(&self, op: u32) -> bool {
        matches!(
            self.accesses[op as usize],
            Access::Acquire { granted: false, .. } | Access::Release { granted: false, .. }
        )
    }
    fn signature(&self, op: u32) -> u32 {
        self.signatures[op as usize]
    }
    fn matters(&self, _: u32) -> bool {
        true
    }
    fn show(&self, history: &History, state: u32) -> String {
        match state {
            0 => String::from("free"),
            owner => format!("held by {}", history.names.processes[owner as usize - 1]),
        }
    }
}
