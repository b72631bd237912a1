//! A state machine from outside as its own sequential specification: what it answers when nobody else is there.
use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;

use crate::check::consistency::history::History;
use crate::machines::store::{Machine as Store, MachineKind, Op};
use crate::sim::Outcome;

use super::custom::{Broken, Machine};

/// A state machine, and the operations of a history as commands and questions to it. Its states are compared as data.
pub struct StateMachine<'a> {
    kind: MachineKind,
    history: &'a History,
    /// Of each row, whether it is a question; of rows beyond the last, it is a command.
    questions: &'a [bool],
    states: IndexSet<Store, FxBuildHasher>,
    /// Whether the machine has failed, which whoever runs it finds out.
    failed: fn() -> bool,
}

impl<'a> StateMachine<'a> {
    /// Machines of a kind, for the rows of a history. Whether one has failed tells `failed`.
    pub fn new(kind: MachineKind, history: &'a History, questions: &'a [bool], failed: fn() -> bool) -> Self {
        Self { kind, history, questions, states: IndexSet::default(), failed }
    }

    /// What an operation asked of the machine.
    fn op(&self, row: usize) -> Op {
        let History { kind, key, argument, names, .. } = self.history;
        let value = |number: u32| names.values.value(number);
        Op::recalled(names.kinds.name(kind[row]), value(key[row]), value(argument[row]), self.asks(row))
    }

    fn asks(&self, row: usize) -> bool {
        self.questions.get(row).copied().unwrap_or(false)
    }

    fn sound<T>(&self, it: T) -> Result<T, Broken> {
        if (self.failed)() { Err(Broken) } else { Ok(it) }
    }
}

impl Machine for StateMachine<'_> {
    fn initial(&mut self, _: u32) -> Result<u32, Broken> {
        let number = self.states.insert_full(Store::new(&self.kind)).0 as u32;
        self.sound(number)
    }

    fn step(&mut self, state: u32, row: u32) -> Result<Option<u32>, Broken> {
        let row = row as usize;
        let (op, mut next) = (self.op(row), self.states[state as usize].clone());
        let answer = if self.asks(row) { next.query(&op) } else { next.apply(&op) };
        let said = self.history.names.values.value(self.history.result[row]);
        let right = self.history.status[row] != Outcome::Ok
            || (answer.outcome() == Outcome::Ok && answer.value() == *said);
        let number = if !right {
            None
        } else if self.asks(row) {
            Some(state)
        } else {
            Some(self.states.insert_full(next).0 as u32)
        };
        self.sound(number)
    }

    fn observes(&self, row: u32) -> bool {
        self.asks(row as usize)
    }

    fn show(&self, state: u32) -> String {
        match &self.states[state as usize] {
            Store::Custom(machine) => machine.show(),
            other => format!("{other:?}"),
        }
    }
}
