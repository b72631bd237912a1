//! Locks with owners, and with fencing tokens where they are given out (Burrows, *Chubby*, 2006, section 2.4).
//!
//! The owner is whom a lock is acquired for, or where that is not said the process. A token is greater than all that were
//! given out before, for whichever lock; so locks with tokens are one object, and others one each.
use std::collections::BTreeMap;

use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;

use crate::check::consistency::error::Error;
use crate::check::consistency::history::{History, Kind, NULL};
use crate::sim::{Outcome, Value};

use super::custom::Broken;
use super::object::{Object, numbered};
use super::{Spec, bad_operation};

/// What an operation does to a lock, whose key is a number of a value, as are owners.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Access {
    key: u32,
    deed: Deed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Deed {
    /// Takes it, with a token if one is known.
    Acquire {
        owner: u32,
        token: Option<i64>,
    },
    /// Is refused it, since somebody holds it.
    AcquireRefused,
    Release {
        owner: u32,
    },
    /// May not give it back, since the owner does not hold it.
    ReleaseRefused {
        owner: u32,
    },
    /// Sees who holds it.
    Held {
        owner: u32,
        token: Option<i64>,
    },
    Free,
}

/// Who holds a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Hold {
    owner: u32,
    /// Its token, or, as long as nobody knows it, what it is greater than.
    token: Result<i64, i64>,
}

/// Who holds which lock, and the last token that is known to have been given out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct State {
    held: BTreeMap<u32, Hold>,
    last: i64,
}

/// Whether an operation says anything about a lock; fails on impossible ones.
pub(super) fn concerns(history: &History, row: u32) -> Result<bool, Error> {
    Ok(understand(history, row)?.is_some())
}

/// Whether an operation took no effect, and says so because of what it found: nobody need wonder why.
pub(super) fn is_refusal(history: &History, row: u32) -> bool {
    let at = row as usize;
    matches!(history.kind[at], Kind::ACQUIRE | Kind::RELEASE)
        && *history.names.values.value(history.result[at]) == Value::Bool(false)
}

/// Whether tokens are given out: somebody was told one, or has seen one.
pub(super) fn have_tokens(history: &History) -> bool {
    (0..history.len()).any(|row| match (history.kind[row], history.names.values.value(history.result[row])) {
        (Kind::ACQUIRE, Value::Int(_)) => true,
        (Kind::HOLDER, Value::List(pair)) => matches!(&**pair, [_, Value::Int(_)]),
        _ => false,
    })
}

fn understand(history: &History, row: u32) -> Result<Option<Access>, Error> {
    let at = row as usize;
    let refused = history.status[at] != Outcome::Info && is_refusal(history, row);
    let owner = owner(history, at);
    let deed = match history.kind[at] {
        Kind::ACQUIRE if refused => Deed::AcquireRefused,
        Kind::RELEASE if refused => Deed::ReleaseRefused { owner },
        Kind::ACQUIRE => Deed::Acquire { owner, token: granted(history, row)? },
        Kind::RELEASE => {
            granted(history, row)?;
            Deed::Release { owner }
        }
        Kind::HOLDER if history.status[at] != Outcome::Ok => return Ok(None),
        Kind::HOLDER => holder(history, at),
        _ => return Err(Spec::Mutex.unknown_kind(history, row)),
    };
    Ok(Some(Access { key: history.key[at], deed }))
}

/// For whom: the argument, or the name of the process.
fn owner(history: &History, at: usize) -> u32 {
    let (argument, process) = (history.argument[at], history.process[at]);
    if argument != NULL {
        return argument;
    }
    let values = &history.names.values;
    let name = Value::Text(history.names.processes[process as usize].clone());
    values.number(&name).unwrap_or(values.len() as u32 + process)
}

/// The number of an owner whom a reader saw: of a value, or of a process that is none.
fn seen(history: &History, owner: &Value) -> Option<u32> {
    let values = &history.names.values;
    let process = || {
        let Value::Text(name) = owner else { return None };
        history.names.processes.iter().position(|it| it == name).map(|at| (values.len() + at) as u32)
    };
    values.number(owner).or_else(process)
}

/// The token with which it was granted, if one is known.
fn granted(history: &History, row: u32) -> Result<Option<i64>, Error> {
    let at = row as usize;
    match history.names.values.value(history.result[at]) {
        _ if history.status[at] != Outcome::Ok => Ok(None),
        Value::Null | Value::Bool(_) => Ok(None),
        Value::Int(token) => Ok(Some(*token)),
        _ => Err(bad_operation(history, row, "it returns true, false, a token or nothing")),
    }
}

/// What a reader saw: nothing, an owner and a token, or an owner.
fn holder(history: &History, at: usize) -> Deed {
    let values = &history.names.values;
    let number = |owner: &Value| seen(history, owner).unwrap_or(u32::MAX); // nobody's
    match values.value(history.result[at]) {
        Value::Null => Deed::Free,
        Value::List(pair) => match &**pair {
            [owner, Value::Int(token)] => Deed::Held { owner: number(owner), token: Some(*token) },
            _ => Deed::Held { owner: history.result[at], token: None },
        },
        _ => Deed::Held { owner: history.result[at], token: None },
    }
}

/// Some locks.
pub struct Locks {
    accesses: Vec<Access>,
    signatures: Vec<u32>,
    states: IndexSet<State, FxBuildHasher>,
    /// Whether somebody may hold a lock with a token that nobody knows.
    unknown: bool,
}

impl Locks {
    pub(super) fn new(history: &History, rows: &[u32]) -> Result<Self, Error> {
        let mut accesses = Vec::with_capacity(rows.len());
        for row in rows {
            accesses.extend(understand(history, *row)?);
        }
        let unknown = accesses.iter().any(|it| matches!(it.deed, Deed::Acquire { token: None, .. }));
        let states = IndexSet::from_iter([State::default()]);
        Ok(Self { signatures: numbered(&accesses), accesses, states, unknown })
    }
}

impl State {
    /// The state after an access, if it is possible.
    fn after(&self, Access { key, deed }: Access) -> Option<Self> {
        let hold = self.held.get(&key);
        let is_held_by = |owner: u32| hold.is_some_and(|it| it.owner == owner);
        let same = |possible: bool| possible.then(|| self.clone());
        match deed {
            Deed::Acquire { .. } if hold.is_some() => None,
            Deed::Acquire { token: Some(token), .. } if token <= self.last => None,
            Deed::Acquire { owner, token } => {
                let mut next = self.clone();
                next.last = token.unwrap_or(self.last);
                next.held.insert(key, Hold { owner, token: token.ok_or(self.last) });
                Some(next)
            }
            Deed::Release { owner } => is_held_by(owner).then(|| {
                let mut next = self.clone();
                next.held.remove(&key);
                next
            }),
            Deed::AcquireRefused => same(hold.is_some()),
            Deed::ReleaseRefused { owner } => same(!is_held_by(owner)),
            Deed::Free => same(hold.is_none()),
            Deed::Held { owner, token } => match (hold.filter(|it| it.owner == owner)?.token, token) {
                (_, None) => same(true),
                (Ok(known), Some(seen)) => same(known == seen),
                (Err(least), Some(seen)) if seen <= least => None,
                (Err(_), Some(seen)) => {
                    let mut next = self.clone();
                    next.held.insert(key, Hold { owner, token: Ok(seen) });
                    next.last = next.last.max(seen);
                    Some(next)
                }
            },
        }
    }
}

impl Object for Locks {
    fn initial(&mut self) -> Result<u32, Broken> {
        Ok(0)
    }
    fn step(&mut self, state: u32, op: u32) -> Result<Option<u32>, Broken> {
        let next = self.states[state as usize].after(self.accesses[op as usize]);
        Ok(next.map(|it| self.states.insert_full(it).0 as u32))
    }
    fn observes(&self, op: u32) -> bool {
        match self.accesses[op as usize].deed {
            Deed::Acquire { .. } | Deed::Release { .. } => false,
            Deed::Held { token: Some(_), .. } => !self.unknown,
            _ => true,
        }
    }
    fn signature(&self, op: u32) -> u32 {
        self.signatures[op as usize]
    }
    fn matters(&self, _: u32) -> bool {
        true
    }
    fn show(&self, history: &History, state: u32) -> String {
        let values = history.names.values.len() as u32;
        let name = |owner: u32| match owner.checked_sub(values) {
            Some(process) => history.names.processes[process as usize].to_string(),
            None => history.show(owner),
        };
        let State { held, last } = &self.states[state as usize];
        let mut locks = held.iter().map(|(key, it)| {
            let which = if *key == NULL { String::new() } else { format!("{} ", history.show(*key)) };
            format!("{which}held by {}", name(it.owner))
        });
        let mut said = match locks.by_ref().take(3).collect::<Vec<_>>().join(", ") {
            none if none.is_empty() => String::from("free"),
            some => some,
        };
        if locks.next().is_some() {
            said.push_str(", ...");
        }
        if *last != 0 {
            said.push_str(&format!(", the last token {last}"));
        }
        said
    }
}
