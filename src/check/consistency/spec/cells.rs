//! Registers of every kind: plain, with compare-and-set, and what a key-value store does to one key.
//!
//! The state is the number of the value, so that reads and writes are comparisons and nothing more. Only what
//! computes new values (`append`, `increment`) needs a table.
use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};
use rustc_hash::FxBuildHasher;

use crate::check::consistency::error::Error;
use crate::check::consistency::history::{History, Kind, NULL, Names};
use crate::sim::{Outcome, Value};

use super::custom::Broken;
use super::object::{Any, Object, numbered};
use super::{Spec, bad_operation};

/// What an operation does to a register. Values are numbers; all that mean the initial value are [`NULL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Access {
    Read(u32),
    Write(u32),
    Cas {
        old: u32,
        new: u32,
    },
    /// A compare-and-set that found something else.
    Other(u32),
    Swap {
        old: u32,
        new: u32,
    },
    /// The new value is only known if it was returned.
    Append {
        item: u32,
        returned: Option<u32>,
    },
    Add {
        by: i64,
        returned: Option<u32>,
    },
}

/// Values that do not occur in the history on their own; their numbers follow those of the others.
type More = IndexSet<Value, FxBuildHasher>;

/// Whether an operation says anything about a register; fails on impossible ones.
pub(super) fn concerns(history: &History, spec: &Spec, row: u32) -> Result<bool, Error> {
    Ok(understand(history, spec, row, &mut More::default())?.is_some())
}

fn canonical(history: &History, value: u32) -> u32 {
    if history.is_initial(value) { NULL } else { value }
}

/// The number of any value.
fn number(history: &History, more: &mut More, value: &Value) -> u32 {
    let values = &history.names.values;
    match values.number(value) {
        Some(number) => canonical(history, number),
        None => (values.len() + more.insert_full(value.clone()).0) as u32,
    }
}

fn understand(history: &History, spec: &Spec, row: u32, more: &mut More) -> Result<Option<Access>, Error> {
    let at = row as usize;
    let ok = history.status[at] == Outcome::Ok;
    let result = canonical(history, history.result[at]);
    let returned = (ok && history.result[at] != NULL).then_some(result);
    let argument = history.argument[at];
    Ok(Some(match history.kind[at] {
        Kind::READ if !ok => return Ok(None),
        Kind::READ => Access::Read(result),
        Kind::WRITE => Access::Write(canonical(history, argument)),
        Kind::CAS if *spec != Spec::Register => return cas(history, row, more).map(Some),
        _ if *spec != Spec::Kv => return Err(spec.unknown_kind(history, row)),
        Kind::DELETE => Access::Write(NULL),
        Kind::APPEND => Access::Append { item: argument, returned },
        Kind::INCREMENT => Access::Add { by: amount(history, row)?, returned },
        Kind::DECREMENT => Access::Add { by: amount(history, row)?.saturating_neg(), returned },
        Kind::SWAP => {
            let new = canonical(history, argument);
            if ok { Access::Swap { old: result, new } } else { Access::Write(new) }
        }
        _ => return Err(spec.unknown_kind(history, row)),
    }))
}

fn cas(history: &History, row: u32, more: &mut More) -> Result<Access, Error> {
    let (at, values) = (row as usize, &history.names.values);
    let Value::List(pair) = values.value(history.argument[at]) else {
        return Err(bad_operation(history, row, "a cas needs [expected, new]"));
    };
    let [old, new] = &**pair else {
        return Err(bad_operation(history, row, "a cas needs exactly two values, [expected, new]"));
    };
    let (old, new) = (number(history, more, old), number(history, more, new));
    match values.value(history.result[at]) {
        _ if history.status[at] != Outcome::Ok => Ok(Access::Cas { old, new }),
        Value::Null | Value::Bool(true) => Ok(Access::Cas { old, new }),
        Value::Bool(false) => Ok(Access::Other(old)),
        _ => Err(bad_operation(history, row, "a cas returns true, false or nothing")),
    }
}

/// By how much a counter moves: one, unless said.
pub(super) fn amount(history: &History, row: u32) -> Result<i64, Error> {
    match history.names.values.value(history.argument[row as usize]) {
        Value::Null => Ok(1),
        Value::Int(by) => Ok(*by),
        _ => Err(bad_operation(history, row, "the amount must be a whole number (or nothing, for one)")),
    }
}

/// The register of some rows.
pub(super) fn object(history: &History, spec: &Spec, rows: &[u32]) -> Result<Any, Error> {
    let cells = Cells::new(history, spec, rows, &[])?;
    Ok(if cells.growth.is_some() { Any::Other(Box::new(cells)) } else { Any::Cells(Box::new(cells)) })
}

/// One register, and all that is done to it.
pub struct Cells {
    accesses: Vec<Access>,
    signatures: Vec<u32>,
    /// What somebody reads or expects; none if that cannot be told.
    wanted: Option<IndexSet<u32, FxBuildHasher>>,
    more: More,
    growth: Option<Growth>,
}

impl Cells {
    /// The register of some rows, in which somebody else `saw` these values.
    pub(super) fn new(history: &History, spec: &Spec, rows: &[u32], saw: &[&Value]) -> Result<Self, Error> {
        let mut accesses = Vec::with_capacity(rows.len() + saw.len());
        let mut more = More::default();
        for row in rows {
            accesses.extend(understand(history, spec, *row, &mut more)?);
        }
        accesses.extend(saw.iter().map(|value| Access::Read(number(history, &mut more, value))));
        let signatures = numbered(&accesses);
        let grows = |it: &Access| matches!(it, Access::Append { .. } | Access::Add { .. });
        let growth = accesses.iter().any(grows).then(|| Growth::new(history, rows, saw, &accesses));
        let mut wanted = IndexSet::with_hasher(FxBuildHasher);
        let mut exact = growth.is_none();
        for access in &accesses {
            match access {
                Access::Read(value) | Access::Cas { old: value, .. } | Access::Swap { old: value, .. } => {
                    wanted.insert(*value);
                }
                Access::Other(_) => exact = false,
                _ => {}
            }
        }
        Ok(Self { accesses, signatures, wanted: exact.then_some(wanted), more, growth })
    }

    /// The state in which the register holds this value.
    pub(super) fn number(&mut self, history: &History, value: &Value) -> u32 {
        number(history, &mut self.more, value)
    }

    /// Whether nobody can tell this state from others of which the same is said.
    pub(super) fn is_unread(&self, state: u32) -> bool {
        self.wanted.as_ref().is_some_and(|wanted| !wanted.contains(&state))
    }

    /// Whether operations compute values.
    pub(super) fn computes(&self) -> bool {
        self.growth.is_some()
    }
}

impl Object for Cells {
    fn initial(&mut self) -> Result<u32, Broken> {
        Ok(NULL)
    }
    #[inline]
    fn step(&mut self, state: u32, op: u32) -> Result<Option<u32>, Broken> {
        Ok(match self.accesses[op as usize] {
            Access::Read(value) => (value == state).then_some(state),
            Access::Write(value) => Some(value),
            Access::Cas { old, new } | Access::Swap { old, new } => (old == state).then_some(new),
            Access::Other(old) => (old != state).then_some(state),
            access => match &mut self.growth {
                None => None,
                Some(growth) => growth.step(&mut self.more, state, access, self.signatures[op as usize]),
            },
        })
    }
    #[inline]
    fn observes(&self, op: u32) -> bool {
        match self.accesses[op as usize] {
            Access::Read(_) | Access::Other(_) => true,
            Access::Cas { old, new } | Access::Swap { old, new } => old == new,
            _ => false,
        }
    }
    #[inline]
    fn signature(&self, op: u32) -> u32 {
        self.signatures[op as usize]
    }
    fn matters(&self, op: u32) -> bool {
        let Some(wanted) = &self.wanted else { return true };
        match self.accesses[op as usize] {
            Access::Write(new) | Access::Cas { new, .. } | Access::Swap { new, .. } => wanted.contains(&new),
            _ => true,
        }
    }
    fn needs(&self, op: u32) -> Option<u32> {
        match self.accesses[op as usize] {
            Access::Read(value) | Access::Cas { old: value, .. } | Access::Swap { old: value, .. } => {
                Some(value)
            }
            _ => None,
        }
    }
    fn makes(&self, op: u32) -> Option<u32> {
        match self.accesses[op as usize] {
            Access::Write(new) | Access::Cas { new, .. } | Access::Swap { new, .. } => Some(new),
            _ => None,
        }
    }
    fn grows(&self) -> bool {
        self.growth.is_some() && !self.accesses.iter().any(|it| matches!(it, Access::Add { .. }))
    }
    fn begins(&self, state: u32, read: u32) -> bool {
        match (&self.growth, self.accesses[read as usize]) {
            (Some(growth), Access::Read(want)) => {
                state == want || begins(growth.value(&self.more, state), growth.value(&self.more, want))
            }
            _ => true,
        }
    }
    fn show(&self, history: &History, state: u32) -> String {
        let known = history.names.values.len();
        match state {
            NULL => history.show(history.initial),
            state if (state as usize) < known => history.show(state),
            state => self.more.get_index(state as usize - known).map(Value::to_string).unwrap_or_default(),
        }
    }
}

/// Values that operations compute.
struct Growth {
    names: Arc<Names>,
    initial: u32,
    known: IndexMap<(u32, u32), Option<u32>, FxBuildHasher>,
    /// Where values only ever grow, whatever is read at any time begins the longest value that is read.
    longest: Option<Value>,
}

impl Growth {
    fn new(history: &History, rows: &[u32], saw: &[&Value], accesses: &[Access]) -> Self {
        let values = &history.names.values;
        let only_grows = |it: &Access| matches!(it, Access::Append { .. } | Access::Read(_));
        let longest = accesses.iter().all(only_grows).then(|| {
            let results = rows.iter().map(|row| values.value(history.result[*row as usize]));
            let seen = results.chain(saw.iter().copied());
            seen.max_by_key(|it| length(it)).cloned().unwrap_or_default()
        });
        let (names, initial) = (history.names.clone(), history.initial);
        Self { names, initial, known: IndexMap::default(), longest }
    }

    fn value<'a>(&'a self, more: &'a More, state: u32) -> &'a Value {
        let known = self.names.values.len();
        match state {
            NULL => self.names.values.value(self.initial),
            state if (state as usize) < known => self.names.values.value(state),
            state => more.get_index(state as usize - known).unwrap_or(&Value::Null),
        }
    }

    fn number(&self, more: &mut More, value: Value) -> u32 {
        match self.names.values.number(&value) {
            Some(number) if number == self.initial => NULL,
            Some(number) => number,
            None => (self.names.values.len() + more.insert_full(value).0) as u32,
        }
    }

    fn step(&mut self, more: &mut More, state: u32, access: Access, signature: u32) -> Option<u32> {
        if let Some(next) = self.known.get(&(state, signature)) {
            return *next;
        }
        let (value, returned) = match access {
            Access::Append { item, returned } => {
                (append(self.value(more, state), self.names.values.value(item)), returned)
            }
            Access::Add { by, returned } => (add(self.value(more, state), by), returned),
            _ => (None, None),
        };
        let possible = value.filter(|it| self.longest.as_ref().is_none_or(|longest| agree(longest, it)));
        let next =
            possible.map(|it| self.number(more, it)).filter(|it| returned.is_none_or(|want| want == *it));
        self.known.insert((state, signature), next);
        next
    }
}

fn length(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::List(items) => items.len(),
        _ => 0,
    }
}

/// Whether appending can make `whole` out of `start`.
fn begins(start: &Value, whole: &Value) -> bool {
    match (start, whole) {
        (Value::Null, Value::Text(_) | Value::List(_)) => true,
        (Value::Text(start), Value::Text(whole)) => whole.starts_with(&**start),
        (Value::List(start), Value::List(whole)) => whole.starts_with(start),
        _ => start == whole,
    }
}

/// Whether one of two values begins the other, or they cannot be compared.
fn agree(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Text(one), Value::Text(other)) => one.starts_with(&**other) || other.starts_with(&**one),
        (Value::List(one), Value::List(other)) => one.starts_with(other) || other.starts_with(one),
        _ => true,
    }
}

/// `held` with `more` at its end, as stores do it: a text grows by a text, a list by an item.
fn append(held: &Value, more: &Value) -> Option<Value> {
    match (held, more) {
        (Value::Null, Value::Text(_)) => Some(more.clone()),
        (Value::Null, item) => Some([item.clone()].into_iter().collect()),
        (Value::Text(held), Value::Text(more)) => Some(Value::Text([&**held, &**more].concat().into())),
        (Value::List(items), item) => Some(items.iter().chain([item]).cloned().collect()),
        _ => None,
    }
}

fn add(held: &Value, by: i64) -> Option<Value> {
    match held {
        Value::Null => Some(Value::Int(by)),
        Value::Int(held) => held.checked_add(by).map(Value::Int),
        _ => None,
    }
}
