//! Operations in words.
use std::fmt::Write;

use super::{Access, History, Kind, NULL};
use crate::sim::{Outcome, Value};

impl History {
    /// An operation in one line: `alice: write(x, 1)`, `bob: read(x) -> 1`, `c: txn[r(x, 1) append(y, 2)]`.
    pub fn describe(&self, row: usize) -> String {
        format!("{}: {}", self.names.processes[self.process[row] as usize], self.describe_short(row))
    }

    /// An operation without its process.
    pub fn describe_short(&self, row: usize) -> String {
        if self.kind[row] == Kind::TXN {
            return self.describe_txn(row);
        }
        let mut text = format!("{}(", self.names.kinds.name(self.kind[row]));
        let given = [self.key[row], self.argument[row]].into_iter().filter(|it| *it != NULL);
        for (i, value) in given.enumerate() {
            let _ = write!(text, "{}{}", if i > 0 { ", " } else { "" }, self.show(value));
        }
        text.push(')');
        match self.status[row] {
            Outcome::Ok if self.result[row] != NULL || self.returns_something(row) => {
                let _ = write!(text, " -> {}", self.show(self.result[row]));
            }
            Outcome::Ok => {}
            Outcome::Fail => text.push_str(" failed"),
            Outcome::Info => text.push_str(" unknown"),
        }
        text
    }

    fn returns_something(&self, row: usize) -> bool {
        matches!(
            self.kind[row],
            Kind::READ
                | Kind::CAS
                | Kind::CONTAINS
                | Kind::DEQUEUE
                | Kind::POP
                | Kind::SWAP
                | Kind::SCAN
                | Kind::HOLDER
                | Kind::PEEK
        )
    }

    fn describe_txn(&self, row: usize) -> String {
        let mut text = String::from("txn[");
        for (i, (key, access)) in self.accesses.of(row).enumerate() {
            let space = if i > 0 { " " } else { "" };
            let _ = write!(text, "{space}{}", self.describe_access(key, access));
        }
        text.push(']');
        text.push_str(match self.status[row] {
            Outcome::Ok => "",
            Outcome::Fail => " aborted",
            Outcome::Info => " unknown",
        });
        text
    }

    /// One access of a transaction: `r(x, 1)`, `w(x, 2)`, `append(x, 3)`, `r(x, [1, 2])`.
    pub fn describe_access(&self, key: u32, access: Access) -> String {
        let key = self.show(key);
        match access {
            Access::Read(value) => format!("r({key}, {})", self.show(value)),
            Access::ReadUnknown => format!("r({key}, ?)"),
            Access::Write(value) => format!("w({key}, {})", self.show(value)),
            Access::Append(value) => format!("append({key}, {})", self.show(value)),
            Access::ReadList(list) => {
                let elements: Vec<_> = self.accesses.list(list).iter().map(|it| self.show(*it)).collect();
                format!("r({key}, [{}])", elements.join(", "))
            }
        }
    }

    /// What a transaction is called: as its process if that has no other operation, else by its row, `T7`.
    pub fn who(&self, row: u32) -> String {
        let process = self.process[row as usize];
        let alone = self.process.iter().filter(|it| **it == process).nth(1).is_none();
        if alone { self.names.processes[process as usize].to_string() } else { format!("T{row}") }
    }

    /// A value in words: texts without quotes, as `x` in `read(x)`.
    pub fn show(&self, value: u32) -> String {
        match self.names.values.value(value) {
            Value::Text(text) => text.to_string(),
            other => other.to_string(),
        }
    }
}
