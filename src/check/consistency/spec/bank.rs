//! Accounts between which money moves.
use indexmap::{IndexMap, IndexSet};
use rustc_hash::FxBuildHasher;

use crate::check::consistency::error::Error;
use crate::check::consistency::history::{History, Kind, NULL};
use crate::sim::{Outcome, Value};

use super::arena::Arrays;
use super::custom::Broken;
use super::object::{Object, numbered};
use super::{Bank, Spec, bad_operation};

/// What an operation does to the accounts, which are named by their values.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Access {
    Move {
        from: Option<Value>,
        to: Option<Value>,
        amount: i64,
        granted: bool,
    },
    /// Some accounts, and what is in them (nothing: what was in it at first).
    Read(Vec<(Value, Option<i64>)>),
    /// All accounts in order.
    ReadAll(Vec<i64>),
}

/// Whether an operation says anything about a bank; fails on impossible ones.
pub(super) fn concerns(history: &History, spec: &Spec, row: u32) -> Result<bool, Error> {
    Ok(understand(history, spec, row)?.is_some())
}

fn understand(history: &History, spec: &Spec, row: u32) -> Result<Option<Access>, Error> {
    let at = row as usize;
    let value = |number: u32| history.names.values.value(number);
    let ok = history.status[at] == Outcome::Ok;
    let granted = !ok || *value(history.result[at]) != Value::Bool(false);
    let account = || Some(value(history.key[at]).clone());
    let amount = |amount: &Value| match amount {
        Value::Int(amount) if *amount >= 0 => Ok(*amount),
        _ => Err(bad_operation(history, row, "the amount must be a whole number, at least 0")),
    };
    let argument = value(history.argument[at]);
    Ok(Some(match history.kind[at] {
        Kind::TRANSFER => {
            let Value::List(parts) = argument else {
                return Err(bad_operation(history, row, "a transfer needs [from, to, amount]"));
            };
            let [from, to, much] = &**parts else {
                return Err(bad_operation(history, row, "a transfer needs [from, to, amount]"));
            };
            let (from, to) = (Some(from.clone()), Some(to.clone()));
            Access::Move { from, to, amount: amount(much)?, granted }
        }
        Kind::DEPOSIT => Access::Move { from: None, to: account(), amount: amount(argument)?, granted },
        Kind::WITHDRAW => Access::Move { from: account(), to: None, amount: amount(argument)?, granted },
        Kind::READ if !ok => return Ok(None),
        Kind::READ => return read(history, row).map(Some),
        _ => return Err(spec.unknown_kind(history, row)),
    }))
}

fn read(history: &History, row: u32) -> Result<Access, Error> {
    let at = row as usize;
    let result = history.names.values.value(history.result[at]);
    let wrong = || bad_operation(history, row, "it must return a balance, or a list of balances or pairs");
    if history.key[at] != NULL {
        let balance = match result {
            Value::Int(balance) => Some(*balance),
            Value::Null => None,
            _ => return Err(wrong()),
        };
        return Ok(Access::Read(vec![(history.names.values.value(history.key[at]).clone(), balance)]));
    }
    let Value::List(items) = result else { return Err(wrong()) };
    let balance = |item: &Value| if let Value::Int(it) = item { Some(*it) } else { None };
    if let Some(balances) = items.iter().map(balance).collect() {
        return Ok(Access::ReadAll(balances));
    }
    let pair = |item: &Value| match item {
        Value::List(pair) => match &**pair {
            [account, Value::Int(balance)] => Some((account.clone(), Some(*balance))),
            _ => None,
        },
        _ => None,
    };
    items.iter().map(pair).collect::<Option<_>>().map(Access::Read).ok_or_else(wrong)
}

/// The same with accounts and balances as numbers.
enum Step {
    Move { from: Option<usize>, to: Option<usize>, amount: i64, granted: bool },
    Read(Vec<(usize, u32)>),
    Impossible,
}

/// All accounts together. The state is an array of the numbers of balances.
pub struct Accounts {
    steps: Vec<Step>,
    signatures: Vec<u32>,
    arrays: Arrays,
    names: Vec<Value>,
    balances: IndexSet<i64, FxBuildHasher>,
    initial: u32,
    allow_negative: bool,
}

impl Accounts {
    pub(super) fn new(history: &History, spec: &Spec, bank: &Bank, rows: &[u32]) -> Result<Self, Error> {
        let mut accesses = Vec::with_capacity(rows.len());
        for row in rows {
            accesses.extend(understand(history, spec, *row)?);
        }
        let mut names: IndexSet<Value, FxBuildHasher> = bank.initial.iter().map(|it| it.0.clone()).collect();
        let ordered = names.len();
        for access in &accesses {
            match access {
                Access::Move { from, to, .. } => names.extend([from, to].into_iter().flatten().cloned()),
                Access::Read(pairs) => names.extend(pairs.iter().map(|it| it.0.clone())),
                Access::ReadAll(_) => {}
            }
        }
        let mut accounts = Self {
            steps: vec![],
            signatures: numbered(&accesses),
            arrays: Arrays::new(names.len()),
            names: names.iter().cloned().collect(),
            balances: IndexSet::from_iter([0]),
            initial: 0,
            allow_negative: bank.allow_negative,
        };
        for (name, balance) in &bank.initial {
            let place = names.get_index_of(name).unwrap_or_default();
            accounts.initial = accounts.with(accounts.initial, place, *balance);
        }
        let places: IndexMap<&Value, usize> =
            names.iter().enumerate().map(|(place, name)| (name, place)).collect();
        accounts.steps = accesses.iter().map(|it| accounts.number(it, &places, ordered)).collect();
        Ok(accounts)
    }

    fn with(&mut self, array: u32, place: usize, balance: i64) -> u32 {
        let number = self.balances.insert_full(balance).0 as u32;
        self.arrays.set(array, place, number)
    }

    fn number(&mut self, access: &Access, places: &IndexMap<&Value, usize>, ordered: usize) -> Step {
        let place = |name: &Value| places[name];
        match access {
            Access::Move { from, to, amount, granted } => Step::Move {
                from: from.as_ref().map(place),
                to: to.as_ref().map(place),
                amount: *amount,
                granted: *granted,
            },
            Access::Read(pairs) => {
                let mut cells = vec![];
                for (name, balance) in pairs {
                    let place = place(name);
                    let first = self.arrays.get(self.initial, place);
                    cells.push((place, balance.map_or(first, |it| self.balances.insert_full(it).0 as u32)));
                }
                Step::Read(cells)
            }
            Access::ReadAll(balances) if balances.len() == ordered => {
                let number = |it: &i64| self.balances.insert_full(*it).0 as u32;
                Step::Read(balances.iter().map(number).enumerate().collect())
            }
            Access::ReadAll(_) => Step::Impossible,
        }
    }

    fn moved(&mut self, state: u32, from: Option<usize>, to: Option<usize>, amount: i64) -> Option<u32> {
        let mut array = state;
        if let Some(from) = from {
            let rest = self.balances[self.arrays.get(array, from) as usize].checked_sub(amount)?;
            if rest < 0 && !self.allow_negative {
                return None;
            }
            array = self.with(array, from, rest);
        }
        if let Some(to) = to {
            let sum = self.balances[self.arrays.get(array, to) as usize].checked_add(amount)?;
            array = self.with(array, to, sum);
        }
        Some(array)
    }
}

impl Object for Accounts {
    fn initial(&mut self) -> Result<u32, Broken> {
        Ok(self.initial)
    }
    fn step(&mut self, state: u32, op: u32) -> Result<Option<u32>, Broken> {
        Ok(match &self.steps[op as usize] {
            Step::Impossible => None,
            Step::Read(cells) => {
                cells.iter().all(|(place, number)| self.arrays.get(state, *place) == *number).then_some(state)
            }
            Step::Move { granted: false, .. } if self.allow_negative => Some(state),
            Step::Move { from, to, amount, granted } => {
                let (from, to, amount, granted) = (*from, *to, *amount, *granted);
                let moved = self.moved(state, from, to, amount);
                if granted { moved } else { moved.is_none().then_some(state) }
            }
        })
    }
    fn observes(&self, op: u32) -> bool {
        !matches!(self.steps[op as usize], Step::Move { granted: true, .. })
    }
    fn signature(&self, op: u32) -> u32 {
        self.signatures[op as usize]
    }
    fn matters(&self, op: u32) -> bool {
        !self.observes(op)
    }
    fn show(&self, _: &History, state: u32) -> String {
        let balance = |place| self.balances[self.arrays.get(state, place) as usize];
        let words: Vec<_> = self
            .names
            .iter()
            .enumerate()
            .map(|(place, name)| format!("{name}: {}", balance(place)))
            .collect();
        words.join(", ")
    }
}
