//! Making histories, row by row.
use std::sync::Arc;

use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;

use super::order::{self, OPEN};
use super::{Access, Accesses, History, Kind, Malformed, NULL, Names};
use crate::sim::{Outcome, Value};

/// Makes a history row by row.
///
/// ```
/// use distlab::check::consistency::history::{Builder, Kind};
/// use distlab::sim::{Outcome, Value};
///
/// let mut builder = Builder::default();
/// let alice = builder.process("alice");
/// let (x, one) = (builder.value("x".into()), builder.value(1.into()));
/// builder.push(alice, Kind::WRITE, x, one, 0, Outcome::Ok, 0, Some(5));
/// let history = builder.finish().unwrap();
/// assert_eq!(history.describe(0), "alice: write(x, 1)");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Builder {
    names: Names,
    processes: IndexSet<Arc<str>, FxBuildHasher>,
    columns: Columns,
    accesses: Accesses,
    initial: u32,
}

#[derive(Clone, Debug, Default)]
struct Columns {
    process: Vec<u32>,
    kind: Vec<Kind>,
    key: Vec<u32>,
    argument: Vec<u32>,
    result: Vec<u32>,
    status: Vec<Outcome>,
    invoked: Vec<i64>,
    completed: Vec<i64>,
}

impl Builder {
    /// The number of a process.
    pub fn process(&mut self, name: &str) -> u32 {
        if let Some(index) = self.processes.get_index_of(name) {
            return index as u32;
        }
        self.processes.insert(name.into());
        self.processes.len() as u32 - 1
    }

    /// The number of a kind.
    pub fn kind(&mut self, name: &str) -> Kind {
        self.names.kinds.intern(name)
    }

    /// The number of a kind, by exactly this name.
    pub fn kind_exactly(&mut self, name: &str) -> Kind {
        self.names.kinds.intern_exactly(name)
    }

    /// The number of a key, argument or result.
    pub fn value(&mut self, value: Value) -> u32 {
        self.names.values.intern(value)
    }

    /// The value of a number.
    pub fn value_of(&self, number: u32) -> &Value {
        self.names.values.value(number)
    }

    /// Says what registers hold before the first write; null unless said.
    pub fn initial(&mut self, value: Value) {
        self.initial = self.value(value);
    }

    /// Adds an operation. Without a completion time, or with the status `info`, it never completes.
    #[expect(clippy::too_many_arguments, reason = "a row has these columns")]
    pub fn push(
        &mut self,
        process: u32,
        kind: Kind,
        key: u32,
        argument: u32,
        result: u32,
        status: Outcome,
        invoked: i64,
        completed: Option<i64>,
    ) {
        let columns = &mut self.columns;
        columns.process.push(process);
        columns.kind.push(kind);
        columns.key.push(key);
        columns.argument.push(argument);
        columns.result.push(result);
        let status = if completed.is_none() { Outcome::Info } else { status };
        columns.status.push(status);
        columns.invoked.push(invoked);
        columns.completed.push(if status == Outcome::Info { OPEN } else { completed.unwrap_or(OPEN) });
        self.accesses.end();
    }

    /// Adds a transaction.
    pub fn push_txn(
        &mut self,
        process: u32,
        accesses: impl IntoIterator<Item = (u32, Access)>,
        status: Outcome,
        invoked: i64,
        completed: Option<i64>,
    ) {
        for (key, access) in accesses {
            self.accesses.push(key, access);
        }
        self.push(process, Kind::TXN, NULL, NULL, NULL, status, invoked, completed);
    }

    /// Keeps a list that a transaction read, for [`Access::ReadList`].
    pub fn list(&mut self, elements: impl IntoIterator<Item = u32>) -> u32 {
        self.accesses.add_list(elements)
    }

    /// How many operations there are so far.
    pub fn len(&self) -> usize {
        self.columns.process.len()
    }

    /// Whether there are none so far.
    pub fn is_empty(&self) -> bool {
        self.columns.process.is_empty()
    }

    /// Whether the last operation is one of which nobody knows whether it took effect.
    pub fn ends_in_info(&self) -> bool {
        self.columns.status.last() == Some(&Outcome::Info)
    }

    /// The history, if it is well formed. O(n log n), O(n) if the rows come in order of invocation.
    pub fn finish(self) -> Result<History, Malformed> {
        let Self { mut names, processes, columns, mut accesses, initial } = self;
        accesses.read_null_as_empty_list();
        names.processes = processes.into_iter().collect();
        let Columns { process, kind, key, argument, result, status, invoked, completed } = columns;
        let mut history = History {
            process,
            kind,
            key,
            argument,
            result,
            status,
            invoked: vec![],
            completed: vec![],
            accesses,
            initial,
            names: Arc::new(names),
        };
        order::arrange(&mut history, &invoked, &completed)?;
        Ok(history)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(rows: &[(&str, i64, Option<i64>)]) -> Result<History, Malformed> {
        let mut builder = Builder::default();
        for (name, invoked, completed) in rows {
            let process = builder.process(name);
            builder.push(process, Kind::READ, NULL, NULL, NULL, Outcome::Ok, *invoked, *completed);
        }
        builder.finish()
    }

    #[test]
    fn touching_operations_of_one_process_are_well_formed_and_overlapping_ones_are_not() {
        assert!(history(&[("a", 0, Some(2)), ("b", 1, Some(3)), ("a", 2, Some(4))]).is_ok());
        let error = history(&[("a", 0, Some(2)), ("b", 1, Some(3)), ("a", 1, Some(4))]).unwrap_err();
        assert!(matches!(error, Malformed::Overlap { row: 2, open: 0, .. }), "{error}");
        let error = history(&[("a", 0, None), ("a", 7, Some(8))]).unwrap_err();
        assert!(error.to_string().contains("goes on as a new process"), "{error}");
    }

    #[test]
    fn what_touches_is_concurrent_but_a_process_keeps_its_order() {
        let it =
            history(&[("a", 0, Some(2)), ("b", 2, Some(3)), ("a", 2, Some(4)), ("c", 4, Some(4))]).unwrap();
        assert!(!it.precedes(0, 1), "they touch");
        assert!(it.precedes(0, 2), "one process");
        assert!(!it.precedes(2, 3) && !it.precedes(3, 2) && it.precedes(1, 3));
        let mut events: Vec<u32> = it.invoked.iter().chain(&it.completed).copied().collect();
        events.sort_unstable();
        assert_eq!(events, (0..8).collect::<Vec<_>>());
    }

    #[test]
    fn nothing_completes_before_it_begins() {
        let error = history(&[("a", 0, Some(2)), ("b", 3, Some(1))]).unwrap_err();
        assert!(matches!(error, Malformed::Backwards { row: 1, .. }), "{error}");
    }
}
