//! What a transaction does, and its private copy of what it has seen.
//!
//! "The system reads the transaction request and creates a temporary copy of the state. The transaction modifies
//! the temporary state" (notes, Definition 6.3). A [`Run`] is a transaction under way: it goes on by itself as
//! far as its copy reaches, and says what it needs next.
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::sim::{Access as Kind, Request, Value};

/// One operation of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Op {
    /// Reads a key.
    Get {
        /// The key.
        key: Arc<str>,
    },
    /// Overwrites a key.
    Put {
        /// The key.
        key: Arc<str>,
        /// Its new value.
        value: Value,
    },
    /// Adds to a number; null counts as 0.
    Add {
        /// The key.
        key: Arc<str>,
        /// How much.
        by: i64,
    },
    /// Takes from a number, and rolls everything back if less than 0 would be left.
    Take {
        /// The key.
        key: Arc<str>,
        /// How much.
        by: i64,
    },
    /// Puts an element at the end of a list; null counts as the empty one.
    Append {
        /// The key.
        key: Arc<str>,
        /// The element.
        value: Value,
    },
}

impl Op {
    fn key(&self) -> &Arc<str> {
        match self {
            Self::Get { key } | Self::Put { key, .. } | Self::Add { key, .. } => key,
            Self::Take { key, .. } | Self::Append { key, .. } => key,
        }
    }

    /// How a history shows it while nothing is known of what was read.
    pub fn planned(&self) -> Value {
        match self {
            Self::Get { key } | Self::Add { key, .. } | Self::Take { key, .. } => {
                shown("r", key, Value::Null)
            }
            Self::Put { key, value } => shown("w", key, value.clone()),
            Self::Append { key, value } => shown("append", key, value.clone()),
        }
    }

    /// The transaction that a workload's request means. `None`: there is none.
    pub fn compose(request: &Request) -> Option<Vec<Self>> {
        let keys = || [&request.key].into_iter().chain(request.others.iter()).cloned();
        let put = |key| Self::Put { key, value: request.value.clone() };
        let get = |key| Self::Get { key };
        Some(match request.kind {
            Kind::Read => keys().map(get).collect(),
            Kind::Update | Kind::Insert => keys().map(put).collect(),
            Kind::ReadModifyWrite => keys().map(get).chain(keys().map(put)).collect(),
            Kind::Transfer => {
                let to = request.others.first()?.clone();
                vec![Self::Add { key: request.key.clone(), by: -1 }, Self::Add { key: to, by: 1 }]
            }
            Kind::Scan | Kind::Only(_) => return None,
        })
    }
}

/// Why a transaction was aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Something it had read was overwritten before it was validated.
    Stale,
    /// It was on a cycle with others that were validated with it.
    Cycle,
    /// It came too late for its timestamp, or met one whose outcome was open.
    Timestamp,
    /// An older one was in need of its lock.
    Wounded,
    /// It would have had to wait for an older one.
    Died,
    /// It was chosen to break a deadlock.
    Deadlock,
    /// It waited too long for a lock.
    Timeout,
    /// A server lost its locks.
    Lost,
    /// A server did not vote.
    Silent,
    /// It took more than there was.
    Rollback,
    /// It added to what is no number, or appended to what is no list.
    WrongType,
}

impl Reason {
    /// Whether another attempt may end otherwise.
    pub fn may_pass(self) -> bool {
        !matches!(self, Self::Rollback | Self::WrongType)
    }

    /// What is noted when it happens.
    pub fn label(self) -> &'static str {
        match self {
            Self::Stale => "abort: stale",
            Self::Cycle => "abort: cycle",
            Self::Timestamp => "abort: timestamp",
            Self::Wounded => "abort: wounded",
            Self::Died => "abort: died",
            Self::Deadlock => "abort: deadlock",
            Self::Timeout => "abort: timeout",
            Self::Lost => "abort: lost",
            Self::Silent => "abort: silent",
            Self::Rollback => "abort: rollback",
            Self::WrongType => "abort: wrong type",
        }
    }
}

/// How a transaction gets at what it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// By looking, and writing into a private copy.
    Copied,
    /// By taking locks, and writing into a private copy.
    Locked,
    /// By looking and writing where it is.
    Direct,
}

/// What a transaction needs of a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// To see it.
    Look,
    /// To see it, and nobody may change it.
    Share,
    /// To have it alone.
    Own,
    /// To write it at once.
    Write(Arc<Value>),
}

/// What comes next in a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// It needs something of a key.
    Fetch(Arc<str>, Need),
    /// It is through.
    Done,
    /// It cannot go on.
    Failed(Reason),
}

/// A version of a key.
pub type Version = u64;

/// A transaction under way.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Run {
    /// How many operations are done.
    pub done: u32,
    copy: BTreeMap<Arc<str>, Cell>,
    /// What the operation under way will write, once that is known.
    half: Option<Value>,
    /// What was done, for the history.
    accesses: Vec<Value>,
}

/// A key in the private copy.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Cell {
    /// The version that was read; none: the value is all its own.
    seen: Option<Version>,
    value: Value,
    written: bool,
    alone: bool,
}

impl Run {
    /// Goes on as far as the private copy reaches.
    pub fn advance(&mut self, program: &[Op], style: Style, skip_upgrade: bool) -> Next {
        while let Some(op) = program.get(self.done as usize) {
            let need = match style {
                Style::Direct => self.need_directly(op),
                Style::Copied if self.copy.contains_key(op.key()) || matches!(op, Op::Put { .. }) => None,
                Style::Copied => Some(Need::Look),
                Style::Locked => self.need_locked(op, skip_upgrade),
            };
            if let Some(need) = need {
                return Next::Fetch(op.key().clone(), need);
            }
            if let Err(reason) = self.carry_out(op) {
                return Next::Failed(reason);
            }
        }
        Next::Done
    }

    fn need_locked(&self, op: &Op, skip_upgrade: bool) -> Option<Need> {
        match (op, self.copy.get(op.key())) {
            (Op::Get { .. }, None) => Some(Need::Share),
            (_, Some(cell)) if cell.alone || skip_upgrade => None,
            (Op::Get { .. }, Some(_)) => None,
            _ => Some(Need::Own),
        }
    }

    fn need_directly(&mut self, op: &Op) -> Option<Need> {
        if let Op::Put { value, .. } = op {
            self.half = Some(value.clone());
        }
        Some(self.half.clone().map_or(Need::Look, |value| Need::Write(value.into())))
    }

    /// Takes what was needed of a key.
    pub fn take(
        &mut self,
        program: &[Op],
        style: Style,
        value: &Value,
        version: Version,
    ) -> Result<(), Reason> {
        let Some(op) = program.get(self.done as usize) else { return Ok(()) };
        if style == Style::Direct {
            return self.take_directly(op, value);
        }
        let is_put = matches!(op, Op::Put { .. });
        let cell = self.copy.entry(op.key().clone()).or_insert_with(|| Cell {
            seen: (!is_put).then_some(version),
            value: value.clone(),
            ..Cell::default()
        });
        cell.alone |= style == Style::Locked && !matches!(op, Op::Get { .. });
        self.carry_out(op)
    }

    /// Without a copy, an operation that reads and writes takes two steps.
    fn take_directly(&mut self, op: &Op, value: &Value) -> Result<(), Reason> {
        let key = op.key();
        match (self.half.take(), op) {
            (Some(_), Op::Append { value, .. }) => self.accesses.push(shown("append", key, value.clone())),
            (Some(written), _) => self.accesses.push(shown("w", key, written)),
            (None, Op::Get { .. }) => self.accesses.push(shown("r", key, value.clone())),
            (None, _) => {
                if !matches!(op, Op::Append { .. }) {
                    self.accesses.push(shown("r", key, value.clone()));
                }
                self.half = Some(changed(op, value)?);
                return Ok(());
            }
        }
        self.done += 1;
        Ok(())
    }

    /// Carries out an operation on the private copy.
    fn carry_out(&mut self, op: &Op) -> Result<(), Reason> {
        let key = op.key();
        let cell = self.copy.entry(key.clone()).or_default();
        match op {
            Op::Get { .. } => self.accesses.push(shown("r", key, cell.value.clone())),
            Op::Append { value, .. } => self.accesses.push(shown("append", key, value.clone())),
            Op::Put { value, .. } => self.accesses.push(shown("w", key, value.clone())),
            Op::Add { .. } | Op::Take { .. } => self.accesses.push(shown("r", key, cell.value.clone())),
        }
        if !matches!(op, Op::Get { .. }) {
            cell.value = changed(op, &cell.value)?;
            cell.written = true;
        }
        if matches!(op, Op::Add { .. } | Op::Take { .. }) {
            self.accesses.push(shown("w", key, cell.value.clone()));
        }
        self.done += 1;
        Ok(())
    }

    /// Which versions it read.
    pub fn reads(&self) -> Vec<(Arc<str>, Version)> {
        self.copy.iter().filter_map(|(key, cell)| Some((key.clone(), cell.seen?))).collect()
    }

    /// What it would write.
    pub fn writes(&self) -> Vec<(Arc<str>, Value)> {
        let written = self.copy.iter().filter(|(_, cell)| cell.written);
        written.map(|(key, cell)| (key.clone(), cell.value.clone())).collect()
    }

    /// What was done, as a history shows it.
    pub fn accesses(&self) -> Value {
        self.accesses.iter().cloned().collect()
    }
}

/// What a key holds after an operation that writes.
fn changed(op: &Op, held: &Value) -> Result<Value, Reason> {
    let number = || match held {
        Value::Null => Ok(0),
        Value::Int(it) => Ok(*it),
        _ => Err(Reason::WrongType),
    };
    match op {
        Op::Get { .. } => Ok(held.clone()),
        Op::Put { value, .. } => Ok(value.clone()),
        Op::Add { by, .. } => number()?.checked_add(*by).map(Value::Int).ok_or(Reason::WrongType),
        Op::Take { by, .. } => match number()?.checked_sub(*by).ok_or(Reason::WrongType)? {
            ..0 => Err(Reason::Rollback),
            left => Ok(Value::Int(left)),
        },
        Op::Append { value, .. } => match held {
            Value::Null => Ok([value.clone()].into_iter().collect()),
            Value::List(items) => Ok(items.iter().chain([value]).cloned().collect()),
            _ => Err(Reason::WrongType),
        },
    }
}

/// An access as a history shows it.
fn shown(what: &str, key: &Arc<str>, value: Value) -> Value {
    [what.into(), key.clone().into(), value].into_iter().collect()
}
