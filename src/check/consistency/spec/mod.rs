//! Sequential specifications: what an object answers when nobody else is there.
//!
//! A [`Spec`] names one of the built-in objects; a [`Machine`] is the user's own, a [`StateMachine`] one that logs drive. Searches see neither: they see
//! `Object`s, one for each independent part of the history (`parts`), whose states and operations
//! are numbers.
mod arena;
mod bank;
mod cells;
mod collections;
mod custom;
mod locks;
mod map;
#[cfg(test)]
pub(super) mod naive;
mod object;
mod parts;
mod scalars;
mod state_machine;

use crate::sim::Value;

use super::error::Error;
use super::history::{History, Kind};

pub(super) use self::arena::Arrays;
pub use self::custom::{Broken, Machine};
pub(super) use self::custom::{Custom, custom_parts};
pub(super) use self::object::{Any, Facts, Object};
pub(super) use self::parts::{Parts, parts};
pub use self::state_machine::StateMachine;

/// A built-in sequential specification.
///
/// Operations that carry a key are about one object among many, of which each is judged on its own; only the
/// accounts of a bank belong together, locks with fencing tokens, and keys that one `scan` has looked at. A null result of an `ok` operation that need not return anything means
/// that nobody said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Spec {
    /// `read`, `write`.
    Register,
    /// A register with `cas([expected, new])`, which returns whether it wrote (null: it did).
    CasRegister,
    /// Keys and values: a register each, with `cas`, `delete`, `swap` (returns the old value), `append` to texts
    /// and lists, `increment` and `decrement` (both may return the new value). `scan` reads some keys at once:
    /// from its key on (without one, from the first), in order, those that hold something, no more than its
    /// argument says (null: all); it returns a list of pairs of key and value. Keys that one scan has looked at
    /// are judged together, all others each on its own.
    #[default]
    Kv,
    /// `add` and `remove` (may return whether they changed anything), `contains`, and `read` of all elements.
    Set,
    /// `add`, `increment`, `decrement` (by one unless said; may return the new value), and `read`.
    Counter,
    /// First in, first out: `enqueue`, `dequeue`, which returns null from an empty queue, and `peek`, which takes
    /// nothing out.
    Queue,
    /// Last in, first out: `push`, and `pop`, which returns null from an empty stack.
    Stack,
    /// `acquire` and `release` by an owner: the argument, or without one the process. Not re-entrant. The result false,
    /// be it ok or failed: was refused, since somebody (`release`: another, or nobody) held it. An `acquire` may return a
    /// fencing token, greater than all before it, of whichever lock. `holder` returns owner and token, or null.
    Mutex,
    /// `append` and `read` of the whole list.
    List,
    /// Accounts: `transfer([from, to, amount])`, `deposit` and `withdraw` (the key is the account), `read` of one
    /// account, of all (a list of balances), or of some (a list of pairs of account and balance).
    Bank(Bank),
}

/// The accounts of a bank.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bank {
    /// What is in the accounts at first, in the order in which a list of balances names them. An account that
    /// is not among them starts empty.
    pub initial: Vec<(Value, i64)>,
    /// Whether an account may be overdrawn. If not, what would overdraw it must be refused (the result false).
    pub allow_negative: bool,
}

impl Spec {
    /// All names, in the order of the documentation.
    pub const NAMES: [&'static str; 10] =
        ["register", "cas-register", "kv", "set", "counter", "queue", "stack", "mutex", "list", "bank"];

    /// The specification of a name (`cas_register` and `lock` are other words); a bank starts empty.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().replace(['_', ' '], "-").as_str() {
            "register" => Self::Register,
            "cas-register" => Self::CasRegister,
            "kv" | "map" => Self::Kv,
            "set" => Self::Set,
            "counter" => Self::Counter,
            "queue" | "fifo-queue" => Self::Queue,
            "stack" => Self::Stack,
            "mutex" | "lock" => Self::Mutex,
            "list" | "list-append" => Self::List,
            "bank" => Self::Bank(Bank::default()),
            _ => return None,
        })
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        Self::NAMES[match self {
            Self::Register => 0,
            Self::CasRegister => 1,
            Self::Kv => 2,
            Self::Set => 3,
            Self::Counter => 4,
            Self::Queue => 5,
            Self::Stack => 6,
            Self::Mutex => 7,
            Self::List => 8,
            Self::Bank(_) => 9,
        }]
    }

    /// The specification that the kinds of a history speak of; keys and values where they leave it open.
    ///
    /// Of `add` and `read`, which sets and counters share, a list as an answer means a set, and so does an
    /// element that is no number. O(n).
    pub fn infer(history: &History) -> Self {
        let mut adds = None;
        for row in 0..history.len() {
            match history.kind[row] {
                Kind::ENQUEUE | Kind::DEQUEUE | Kind::PEEK => return Self::Queue,
                Kind::PUSH | Kind::POP => return Self::Stack,
                Kind::ACQUIRE | Kind::RELEASE | Kind::HOLDER => return Self::Mutex,
                Kind::TRANSFER | Kind::DEPOSIT | Kind::WITHDRAW => return Self::Bank(Bank::default()),
                Kind::REMOVE | Kind::CONTAINS => return Self::Set,
                Kind::ADD => adds = Some(row),
                Kind::INCREMENT | Kind::DECREMENT if history.key[row] == 0 => adds = Some(row),
                _ => {}
            }
        }
        let Some(add) = adds else { return Self::Kv };
        let values = &history.names.values;
        let lists = (0..history.len()).any(|row| matches!(values.value(history.result[row]), Value::List(_)));
        let number = matches!(values.value(history.argument[add]), Value::Int(_) | Value::Null);
        if lists || !number { Self::Set } else { Self::Counter }
    }

    /// The kinds that it has, in words.
    fn kinds(&self) -> &'static str {
        match self {
            Self::Register => "read, write",
            Self::CasRegister => "read, write, cas",
            Self::Kv => "read, write, cas, delete, swap, append, increment, decrement, scan",
            Self::Set => "add, remove, contains, read",
            Self::Counter => "add, increment, decrement, read",
            Self::Queue => "enqueue, dequeue, peek",
            Self::Stack => "push, pop",
            Self::Mutex => "acquire, release, holder",
            Self::List => "append, read",
            Self::Bank(_) => "transfer, deposit, withdraw, read",
        }
    }

    fn unknown_kind(&self, history: &History, row: u32) -> Error {
        let row = row as usize;
        Error::UnknownKind {
            row,
            what: history.describe(row),
            spec: self.name().to_owned(),
            kind: history.names.kinds.name(history.kind[row]).clone(),
            allowed: self.kinds().to_owned(),
        }
    }
}

fn bad_operation(history: &History, row: u32, problem: &str) -> Error {
    let row = row as usize;
    Error::BadOperation { row, what: history.describe(row), problem: problem.to_owned() }
}
