//! The operations of each process, in its order, as a search for one order of all needs them.
use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use crate::check::consistency::history::History;
use crate::check::consistency::spec::{Object, Parts};
use crate::sim::Outcome;

/// No value, no operation.
pub const NONE: u32 = u32::MAX;

/// An operation.
#[derive(Clone, Copy, Debug)]
pub struct Op {
    pub row: u32,
    /// Which object it is about, and its number there.
    pub object: u32,
    pub inner: u32,
    pub observes: bool,
    /// Whether it need not happen.
    pub optional: bool,
    /// The number of the value without which it is impossible.
    pub needs: u32,
    /// The number of the value that it puts into its object.
    pub makes: u32,
}

/// All operations, process by process.
pub struct Sessions {
    pub ops: Vec<Op>,
    /// Where the operations of each process begin; one more at the end.
    pub starts: Vec<u32>,
    /// Of each object: whether its state is always the value that was put in last.
    pub plain: Vec<bool>,
    /// (object, state) as a number.
    pub values: IndexMap<(u32, u32), u32, FxBuildHasher>,
}

impl Sessions {
    /// The sessions of a history whose parts are about these objects.
    pub fn new<O: Object>(history: &History, parts: &Parts, objects: &[O]) -> Self {
        let mut found: Vec<Option<Op>> = vec![None; history.len()];
        let mut values = IndexMap::with_hasher(FxBuildHasher);
        let mut plain = vec![true; parts.len()];
        for (part, object) in objects.iter().enumerate() {
            for (inner, row) in parts.rows(part).iter().enumerate() {
                let inner = inner as u32;
                let observes = object.observes(inner);
                let optional = history.status[*row as usize] == Outcome::Info;
                if optional && (observes || !object.matters(inner)) {
                    continue;
                }
                let mut number = |state: Option<u32>| {
                    let next = values.len() as u32;
                    state.map_or(NONE, |state| *values.entry((part as u32, state)).or_insert(next))
                };
                let (needs, makes) = (number(object.needs(inner)), number(object.makes(inner)));
                plain[part] &= makes != NONE || observes;
                let op = Op { row: *row, object: part as u32, inner, observes, optional, needs, makes };
                found[*row as usize] = Some(op);
            }
        }
        let mut sessions = Self { ops: vec![], starts: vec![0], plain, values };
        for session in history.sessions() {
            sessions.ops.extend(session.iter().filter_map(|row| found[*row as usize]));
            if *sessions.starts.last().unwrap_or(&0) < sessions.ops.len() as u32 {
                sessions.starts.push(sessions.ops.len() as u32);
            }
        }
        sessions
    }

    /// How many processes have operations.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// The process of each operation.
    pub fn owners(&self) -> Vec<u32> {
        let mut owners = vec![0; self.ops.len()];
        for process in 0..self.len() {
            owners[self.starts[process] as usize..self.starts[process + 1] as usize].fill(process as u32);
        }
        owners
    }
}
