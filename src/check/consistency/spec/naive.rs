//! For the tests: the specifications once more, straight from their definitions and as slow as that is; random
//! histories of every kind of object; and a judge that tries all orders.
use std::collections::BTreeMap;

use crate::check::consistency::arbitrary::{Chance, Shape};
use crate::check::consistency::history::{Builder, History, Kind, NULL};
use crate::sim::{Outcome, Value};

use super::{Bank, Spec};

/// What the objects hold, by key.
pub(crate) type State = BTreeMap<u32, Value>;

/// What an operation does to an object and what it returns; none if it is impossible.
fn execute(
    spec: &Spec,
    held: &Value,
    process: usize,
    kind: Kind,
    key: &Value,
    argument: &Value,
) -> Option<(Value, Value)> {
    let items = |value: &Value| match value {
        Value::List(items) => items.to_vec(),
        _ => vec![],
    };
    let list = |items: Vec<Value>| items.into_iter().collect::<Value>();
    let int = |value: &Value, none: i64| match value {
        Value::Int(it) => *it,
        _ => none,
    };
    let mut all = items(held);
    Some(match (spec, kind) {
        (Spec::Bank(bank), _) => return money(bank, held, kind, key, argument),
        (Spec::Mutex, _) => return Some(serve(held, process, kind, key, argument)),
        (Spec::Counter, Kind::READ) => (held.clone(), int(held, 0).into()),
        (Spec::Set | Spec::List, Kind::READ) => (held.clone(), list(all)),
        (_, Kind::READ) => (held.clone(), held.clone()),
        (_, Kind::WRITE) => (argument.clone(), Value::Null),
        (_, Kind::DELETE) => (Value::Null, Value::Null),
        (_, Kind::SWAP) => (argument.clone(), held.clone()),
        (_, Kind::CAS) => {
            let pair = items(argument);
            if pair[0] == *held { (pair[1].clone(), true.into()) } else { (held.clone(), false.into()) }
        }
        (Spec::Counter, Kind::ADD) | (_, Kind::INCREMENT | Kind::DECREMENT) => {
            if !matches!(held, Value::Int(_) | Value::Null) {
                return None;
            }
            let by = int(argument, 1) * if kind == Kind::DECREMENT { -1 } else { 1 };
            let sum = Value::Int(int(held, 0) + by);
            (sum.clone(), sum)
        }
        (Spec::Kv, Kind::APPEND) => {
            let longer: Value = match held {
                Value::Null if matches!(argument, Value::Text(_)) => argument.clone(),
                Value::Text(text) => match argument {
                    Value::Text(more) => Value::from(&*format!("{text}{more}")),
                    _ => return None,
                },
                Value::Null | Value::List(_) => {
                    all.push(argument.clone());
                    list(all)
                }
                _ => return None,
            };
            (longer.clone(), longer)
        }
        _ => return contain(spec, held, kind, argument),
    })
}

/// What an operation does to a set, a list, a queue or a stack.
fn contain(spec: &Spec, held: &Value, kind: Kind, argument: &Value) -> Option<(Value, Value)> {
    let list = |items: Vec<Value>| items.into_iter().collect::<Value>();
    let mut all = match held {
        Value::List(items) => items.to_vec(),
        _ => vec![],
    };
    Some(match (spec, kind) {
        (Spec::Set, Kind::ADD) => {
            let new = !all.contains(argument);
            all.extend(new.then(|| argument.clone()));
            all.sort();
            (list(all), new.into())
        }
        (Spec::Set, Kind::REMOVE) => {
            let there = all.contains(argument);
            all.retain(|it| it != argument);
            (list(all), there.into())
        }
        (Spec::Set, Kind::CONTAINS) => (held.clone(), all.contains(argument).into()),
        (_, Kind::APPEND | Kind::ENQUEUE | Kind::PUSH) => {
            all.push(argument.clone());
            (list(all), Value::Null)
        }
        (_, Kind::DEQUEUE) if !all.is_empty() => {
            let first = all.remove(0);
            (list(all), first)
        }
        (_, Kind::PEEK) => (held.clone(), all.into_iter().next().unwrap_or_default()),
        (_, Kind::POP) if !all.is_empty() => {
            let last = all.pop()?;
            (list(all), last)
        }
        (_, Kind::DEQUEUE | Kind::POP) => (held.clone(), Value::Null),
        _ => return None,
    })
}

/// What a lock service does. It holds the last token, and triples of lock, owner and token.
fn serve(held: &Value, process: usize, kind: Kind, key: &Value, argument: &Value) -> (Value, Value) {
    let parts = |value: &Value| match value {
        Value::List(items) => items.to_vec(),
        _ => vec![],
    };
    let mut all = parts(held);
    if all.is_empty() {
        all.push(Value::Int(0));
    }
    let owner = match argument {
        Value::Null => Value::from(&*format!("p{process}")),
        named => named.clone(),
    };
    let at = all.iter().position(|it| parts(it).first() == Some(key));
    let answer = match (kind, at) {
        (Kind::ACQUIRE, None) => {
            let Value::Int(last) = all[0] else { unreachable!("it is a number") };
            let token = Value::Int(last + 1);
            all[0] = token.clone();
            all.push([key.clone(), owner, token.clone()].into_iter().collect());
            token
        }
        (Kind::RELEASE, Some(at)) if parts(&all[at])[1] == owner => {
            all.remove(at);
            true.into()
        }
        (Kind::HOLDER, Some(at)) => parts(&all[at])[1..].iter().cloned().collect(),
        (Kind::HOLDER, None) => Value::Null,
        _ => false.into(),
    };
    (all.into_iter().collect(), answer)
}

/// What an operation does to locks, each of which holds its owner, its token (null: nobody knows it) and what that is
/// greater than; the last token is kept where no lock is.
fn lock(history: &History, state: &State, row: usize) -> Option<State> {
    const LAST: u32 = u32::MAX;
    let value = |number: u32| history.names.values.value(number);
    let info = history.status[row] == Outcome::Info;
    let said = if info { &Value::Null } else { value(history.result[row]) };
    let owner = match value(history.argument[row]) {
        Value::Null => Value::Text(history.names.processes[history.process[row] as usize].clone()),
        named => named.clone(),
    };
    let last = state.get(&LAST).cloned().unwrap_or(Value::Int(0));
    let key = history.key[row];
    let held = state.get(&key).map(|it| if let Value::List(parts) = it { parts.to_vec() } else { vec![] });
    let mut next = state.clone();
    let possible = match (history.kind[row], held, said) {
        (Kind::ACQUIRE, held, Value::Bool(false)) => held.is_some(),
        (Kind::ACQUIRE, None, said) => {
            let token = if let Value::Int(_) = said { said.clone() } else { Value::Null };
            let later = token == Value::Null || token > last;
            next.insert(key, [owner, token.clone(), last.clone()].into_iter().collect());
            next.insert(LAST, if token == Value::Null { last } else { token });
            later
        }
        (Kind::RELEASE, held, Value::Bool(false)) => held.is_none_or(|it| it[0] != owner),
        (Kind::RELEASE, Some(held), _) => {
            next.remove(&key);
            held[0] == owner
        }
        (Kind::HOLDER, held, Value::Null) => info || held.is_none(),
        (Kind::HOLDER, Some(held), said) => {
            let (owner, token) = match said {
                Value::List(pair) if pair.len() == 2 && matches!(pair[1], Value::Int(_)) => {
                    (pair[0].clone(), pair[1].clone())
                }
                whole => (whole.clone(), held[1].clone()),
            };
            if held[1] == Value::Null && token != Value::Null {
                next.insert(key, [held[0].clone(), token.clone(), held[2].clone()].into_iter().collect());
                next.insert(LAST, last.max(token.clone()));
                held[0] == owner && token > held[2]
            } else {
                held[0] == owner && token == held[1]
            }
        }
        _ => false,
    };
    possible.then_some(next)
}

/// Accounts are a list of pairs.
fn money(bank: &Bank, held: &Value, kind: Kind, key: &Value, argument: &Value) -> Option<(Value, Value)> {
    let Value::List(pairs) = held else { return None };
    let mut pairs: Vec<(Value, i64)> = pairs
        .iter()
        .map(|pair| match pair {
            Value::List(pair) => match (&pair[0], &pair[1]) {
                (name, Value::Int(balance)) => (name.clone(), *balance),
                _ => unreachable!("balances are numbers"),
            },
            _ => unreachable!("accounts are pairs"),
        })
        .collect();
    let mut change = |name: &Value, by: i64| {
        let account = pairs.iter_mut().find(|it| it.0 == *name).expect("the tests know all accounts");
        account.1 += by;
        account.1 >= 0 || bank.allow_negative
    };
    let fine = match (kind, argument) {
        (Kind::TRANSFER, Value::List(parts)) => {
            let Value::Int(amount) = parts[2] else { return None };
            change(&parts[0], -amount) & change(&parts[1], amount)
        }
        (Kind::DEPOSIT, Value::Int(amount)) => change(key, *amount),
        (Kind::WITHDRAW, Value::Int(amount)) => change(key, -amount),
        (Kind::READ, _) if *key == Value::Null => return Some((held.clone(), held.clone())),
        (Kind::READ, _) => {
            let balance = pairs.iter().find(|it| it.0 == *key).expect("the tests know all accounts").1;
            return Some((held.clone(), balance.into()));
        }
        _ => return None,
    };
    if !fine {
        return Some((held.clone(), false.into()));
    }
    let pair = |(name, balance): (Value, i64)| [name, balance.into()].into_iter().collect::<Value>();
    Some((pairs.into_iter().map(pair).collect(), true.into()))
}

/// Which object an operation is about, and what it holds at first.
fn object(history: &History, spec: &Spec, row: usize) -> (u32, Value) {
    let initial = history.names.values.value(history.initial).clone();
    match spec {
        Spec::Bank(bank) => {
            let pair = |it: &(Value, i64)| [it.0.clone(), it.1.into()].into_iter().collect::<Value>();
            (NULL, bank.initial.iter().map(pair).collect())
        }
        Spec::Register | Spec::CasRegister | Spec::Kv | Spec::Counter => (history.key[row], initial),
        _ => (history.key[row], Value::Null),
    }
}

/// What a scan returns of all that is held.
fn scan<'a>(held: impl Iterator<Item = (&'a Value, &'a Value)>, first: &Value, limit: &Value) -> Value {
    let mut pairs: Vec<(&Value, &Value)> = held.filter(|it| it.0 >= first && *it.1 != Value::Null).collect();
    pairs.sort();
    if let Value::Int(limit) = limit {
        pairs.truncate(*limit as usize);
    }
    let pair = |(key, value): (&Value, &Value)| [key.clone(), value.clone()].into_iter().collect::<Value>();
    pairs.into_iter().map(pair).collect()
}

/// The state after an operation, if it can have answered what it answered.
pub(crate) fn apply(history: &History, spec: &Spec, state: &State, row: usize) -> Option<State> {
    if history.kind[row] == Kind::SCAN {
        let value = |number: u32| history.names.values.value(number);
        let held = state.iter().map(|(key, held)| (value(*key), held));
        let returned = scan(held, value(history.key[row]), value(history.argument[row]));
        let said = match value(history.result[row]) {
            Value::Null => Value::from_iter([]),
            said => said.clone(),
        };
        let agrees = history.status[row] == Outcome::Info || said == returned;
        return agrees.then(|| state.clone());
    }
    if *spec == Spec::Mutex {
        return lock(history, state, row);
    }
    let value = |number: u32| history.names.values.value(number);
    let (key, initial) = object(history, spec, row);
    let held = state.get(&key).unwrap_or(&initial);
    let (kind, argument) = (history.kind[row], value(history.argument[row]));
    let about = value(history.key[row]);
    let is_cell = matches!(spec, Spec::Register | Spec::CasRegister | Spec::Kv);
    let same = |value: &Value| if is_cell && *value == Value::Null { initial.clone() } else { value.clone() };
    let pair: Value = match argument {
        Value::List(pair) => pair.iter().map(same).collect(),
        other => other.clone(),
    };
    let argument = if kind == Kind::CAS { &pair } else { argument };
    let said = value(history.result[row]);
    let may_refuse = matches!(spec, Spec::Bank(Bank { allow_negative: true, .. }));
    if may_refuse && *said == Value::Bool(false) && history.status[row] == Outcome::Ok {
        return Some(state.clone());
    }
    let (next, returned) = execute(spec, held, 0, kind, about, argument)?;
    let agrees = match (spec, kind) {
        _ if history.status[row] == Outcome::Info => true,
        (_, Kind::WRITE | Kind::DELETE) => true,
        (Spec::Set | Spec::List, Kind::READ) if *said == Value::Null => returned == Value::from_iter([]),
        (Spec::Counter, Kind::READ) if *said == Value::Null => returned == Value::Int(0),
        (Spec::Bank(bank), Kind::READ) if *said == Value::Null => {
            bank.initial.iter().any(|it| it.0 == *about && returned == Value::Int(it.1))
        }
        (Spec::Bank(_), Kind::READ) if history.key[row] == NULL => match (said, &returned) {
            (Value::List(said), Value::List(all)) => {
                !said.is_empty() && said.iter().all(|pair| all.contains(pair))
            }
            _ => false,
        },
        (_, Kind::READ | Kind::SWAP) => same(said) == same(&returned),
        (_, Kind::CONTAINS | Kind::DEQUEUE | Kind::POP | Kind::PEEK) => *said == returned,
        (_, Kind::CAS | Kind::TRANSFER | Kind::DEPOSIT | Kind::WITHDRAW) => {
            (*said != Value::Bool(false)) == (returned == Value::Bool(true))
        }
        _ => *said == Value::Null || *said == returned,
    };
    let mut after = state.clone();
    after.insert(key, if is_cell { same(&next) } else { next });
    agrees.then_some(after)
}

/// Whether some order of all that took effect, with as much of what may have as it needs, is right for the
/// object and keeps what must come `before`. Tries all.
pub(crate) fn exists_order(history: &History, spec: &Spec, before: &dyn Fn(usize, usize) -> bool) -> bool {
    let counts = |row: &usize| history.status[*row] != Outcome::Fail || is_refusal(history, spec, *row);
    let rows: Vec<usize> = (0..history.len()).filter(counts).collect();
    extend(history, spec, before, &rows, &State::new())
}

/// Whether an operation failed because of what it found.
fn is_refusal(history: &History, spec: &Spec, row: usize) -> bool {
    let refused = *history.names.values.value(history.result[row]) == Value::Bool(false);
    *spec == Spec::Mutex && refused && matches!(history.kind[row], Kind::ACQUIRE | Kind::RELEASE)
}

fn extend(
    history: &History,
    spec: &Spec,
    before: &dyn Fn(usize, usize) -> bool,
    rest: &[usize],
    state: &State,
) -> bool {
    if rest.iter().all(|row| history.status[*row] == Outcome::Info) {
        return true;
    }
    rest.iter().any(|row| {
        if rest.iter().any(|other| before(*other, *row)) {
            return false;
        }
        let others: Vec<usize> = rest.iter().copied().filter(|other| other != row).collect();
        apply(history, spec, state, *row).is_some_and(|next| extend(history, spec, before, &others, &next))
    })
}

/// Whether `order` is such an order.
pub(crate) fn is_order(
    history: &History,
    spec: &Spec,
    before: &dyn Fn(usize, usize) -> bool,
    order: &[u32],
) -> bool {
    let times = |row: usize| order.iter().filter(|it| **it as usize == row).count();
    let complete = (0..history.len()).all(|row| match history.status[row] {
        Outcome::Ok => times(row) == 1,
        Outcome::Fail => times(row) == usize::from(is_refusal(history, spec, row)),
        Outcome::Info => times(row) <= 1,
    });
    let ordered = order
        .iter()
        .enumerate()
        .all(|(place, row)| order[place..].iter().all(|later| !before(*later as usize, *row as usize)));
    let mut state = Some(State::new());
    for row in order {
        state = state.and_then(|it| apply(history, spec, &it, *row as usize));
    }
    complete && ordered && state.is_some()
}

/// A specification and the operations to try it with.
pub(crate) fn catalogue() -> Vec<(Spec, &'static [Kind])> {
    let accounts = vec![("a".into(), 2), ("b".into(), 1)];
    let bank = |allow_negative| Spec::Bank(Bank { initial: accounts.clone(), allow_negative });
    let banking: &[Kind] = &[Kind::TRANSFER, Kind::DEPOSIT, Kind::WITHDRAW, Kind::READ];
    vec![
        (Spec::Register, &[Kind::READ, Kind::WRITE]),
        (Spec::CasRegister, &[Kind::READ, Kind::WRITE, Kind::CAS]),
        (
            Spec::Kv,
            &[Kind::READ, Kind::WRITE, Kind::CAS, Kind::DELETE, Kind::SWAP, Kind::APPEND, Kind::INCREMENT],
        ),
        (Spec::Kv, &[Kind::READ, Kind::APPEND]),
        (Spec::Kv, &[Kind::READ, Kind::SWAP, Kind::CAS]),
        (Spec::Kv, SCANNED),
        (Spec::Kv, &[Kind::SCAN, Kind::READ, Kind::WRITE, Kind::DELETE]),
        (Spec::Set, &[Kind::ADD, Kind::REMOVE, Kind::CONTAINS]),
        (Spec::Set, &[Kind::ADD, Kind::REMOVE, Kind::CONTAINS, Kind::READ]),
        (Spec::Set, &[Kind::ADD, Kind::READ]),
        (Spec::Counter, &[Kind::ADD, Kind::INCREMENT, Kind::DECREMENT, Kind::READ]),
        (Spec::Queue, &[Kind::ENQUEUE, Kind::DEQUEUE]),
        (Spec::Queue, &[Kind::ENQUEUE, Kind::DEQUEUE, Kind::DEQUEUE]),
        (Spec::Queue, &[Kind::ENQUEUE, Kind::DEQUEUE, Kind::PEEK]),
        (Spec::Queue, &[Kind::ENQUEUE, Kind::ENQUEUE, Kind::DEQUEUE, Kind::PEEK]),
        (Spec::Stack, &[Kind::PUSH, Kind::POP]),
        (Spec::Mutex, &[Kind::ACQUIRE, Kind::RELEASE]),
        (Spec::Mutex, &[Kind::ACQUIRE, Kind::RELEASE, Kind::HOLDER]),
        (Spec::List, &[Kind::APPEND, Kind::READ]),
        (bank(false), banking),
        (bank(true), banking),
    ]
}

/// All that can be done to keys and values.
pub(crate) const SCANNED: &[Kind] = &[
    Kind::SCAN,
    Kind::READ,
    Kind::WRITE,
    Kind::CAS,
    Kind::DELETE,
    Kind::SWAP,
    Kind::APPEND,
    Kind::INCREMENT,
    Kind::SCAN,
];

struct Open {
    process: u32,
    name: usize,
    kind: Kind,
    key: Value,
    argument: Value,
    invoked: i64,
    /// What it returned, once it took effect; nothing if it failed instead.
    ended: Option<Option<Value>>,
}

/// A random history of operations of these kinds: atomic where nobody lies. Times may coincide.
pub(crate) fn random(chance: &mut Chance, spec: &Spec, kinds: &[Kind], shape: Shape) -> History {
    let mut builder = Builder::default();
    let zero = matches!(spec, Spec::Register | Spec::CasRegister | Spec::Counter) && chance.percent(50);
    let initial = if zero { Value::Int(0) } else { Value::Null };
    if zero {
        builder.initial(initial.clone());
    }
    let mut objects: BTreeMap<Value, Value> = BTreeMap::new();
    let mut open: Vec<Option<Open>> = (0..shape.processes).map(|_| None).collect();
    let mut names: Vec<usize> = (0..open.len()).collect();
    let (mut clock, mut invoked, mut next_name) = (0, 0, open.len());
    while invoked < shape.operations || open.iter().any(Option::is_some) {
        clock += i64::from(chance.percent(80));
        let lane = chance.below(shape.processes) as usize;
        match &mut open[lane] {
            None if invoked < shape.operations => {
                invoked += 1;
                let kind = kinds[chance.below(kinds.len() as u64) as usize];
                let (key, argument) = question(chance, spec, kind, shape, invoked as i64);
                let process = builder.process(&format!("p{}", names[lane]));
                open[lane] =
                    Some(Open { process, name: lane, kind, key, argument, invoked: clock, ended: None });
            }
            None => {}
            Some(op) if op.kind == Kind::SCAN && op.ended.is_none() => {
                op.ended = Some(Some(scan(objects.iter(), &op.key, &op.argument)));
            }
            Some(op) if op.ended.is_none() => {
                let one = matches!(spec, Spec::Bank(_) | Spec::Mutex);
                let place = if one { Value::Null } else { op.key.clone() };
                let first = if let Spec::Bank(bank) = spec { accounts(bank) } else { initial.clone() };
                let held = objects.entry(place).or_insert(first);
                let done = execute(spec, held, op.name, op.kind, &op.key, &op.argument);
                let done = done.filter(|_| !chance.percent(shape.unknown / 2));
                if let Some((next, _)) = &done {
                    *held = next.clone();
                }
                op.ended = Some(done.map(|it| it.1));
            }
            Some(_) => {
                let op = open[lane].take().expect("it is some");
                let lane = op.name;
                answer(&mut builder, chance, shape, op, clock, invoked as u64);
                if builder.ends_in_info() {
                    names[lane] = next_name;
                    next_name += 1;
                }
            }
        }
    }
    builder.finish().expect("well formed")
}

fn accounts(bank: &Bank) -> Value {
    bank.initial.iter().map(|it| [it.0.clone(), it.1.into()].into_iter().collect::<Value>()).collect()
}

/// What to ask: a key and an argument.
fn question(chance: &mut Chance, spec: &Spec, kind: Kind, shape: Shape, count: i64) -> (Value, Value) {
    let some = |chance: &mut Chance| {
        if shape.values == 0 { Value::Int(count) } else { Value::Int(1 + chance.below(shape.values) as i64) }
    };
    let account = |chance: &mut Chance| Value::from(if chance.percent(50) { "a" } else { "b" });
    let key = match (spec, kind) {
        (Spec::Bank(_), Kind::READ) if chance.percent(60) => Value::Null,
        (Spec::Bank(_), Kind::TRANSFER) => Value::Null,
        (Spec::Bank(_), _) => account(chance),
        _ if shape.keys > 1 => Value::from(&*format!("k{}", chance.below(shape.keys))),
        _ => Value::Null,
    };
    let argument = match kind {
        Kind::TRANSFER => [account(chance), account(chance), some(chance)].into_iter().collect(),
        Kind::CAS => {
            let old =
                if chance.percent(20) { Value::Null } else { Value::Int(chance.below(count as u64) as i64) };
            [old, some(chance)].into_iter().collect()
        }
        Kind::SCAN if chance.percent(40) => Value::Null,
        Kind::SCAN => Value::Int(chance.below(3) as i64),
        Kind::APPEND if *spec == Spec::Kv && chance.percent(50) => "ab".into(),
        Kind::ACQUIRE | Kind::RELEASE if shape.values > 0 => {
            Value::from(&*format!("o{}", chance.below(1 + shape.values)))
        }
        Kind::READ | Kind::DELETE | Kind::DEQUEUE | Kind::POP | Kind::PEEK => Value::Null,
        Kind::ACQUIRE | Kind::RELEASE | Kind::HOLDER => Value::Null,
        Kind::INCREMENT | Kind::DECREMENT if chance.percent(50) => Value::Null,
        Kind::ENQUEUE | Kind::PUSH if chance.percent(3) => Value::Null,
        _ => some(chance),
    };
    (key, argument)
}

fn answer(builder: &mut Builder, chance: &mut Chance, shape: Shape, op: Open, clock: i64, range: u64) {
    let ended = op.ended.expect("it took effect or failed");
    let failed = ended.is_none();
    let unknown = failed || chance.percent(shape.unknown / 2);
    let mut result = ended.unwrap_or_default();
    if chance.percent(shape.lies) {
        result = match result {
            Value::List(pairs) if op.kind == Kind::SCAN => lie(chance, &pairs, range),
            Value::Bool(it) => Value::Bool(!it),
            Value::List(items) if !items.is_empty() && chance.percent(80) => {
                items[1..].iter().cloned().collect()
            }
            other if matches!(op.kind, Kind::ADD | Kind::APPEND | Kind::WRITE) => other,
            Value::List(_) => Value::from_iter([]),
            _ if chance.percent(20) => Value::Null,
            _ => Value::Int(chance.below(range + 1) as i64),
        };
    }
    let telling = matches!(
        op.kind,
        Kind::SCAN
            | Kind::READ
            | Kind::CONTAINS
            | Kind::DEQUEUE
            | Kind::POP
            | Kind::SWAP
            | Kind::PEEK
            | Kind::HOLDER
    );
    let optional = !telling;
    if unknown || (optional && result != Value::Bool(false) && chance.percent(50)) || is_silent(op.kind) {
        result = Value::Null;
    }
    let status = match unknown {
        true if failed && chance.percent(50) => Outcome::Fail,
        true => Outcome::Info,
        false
            if matches!(op.kind, Kind::ACQUIRE | Kind::RELEASE)
                && result == Value::Bool(false)
                && chance.percent(50) =>
        {
            Outcome::Fail
        }
        false => Outcome::Ok,
    };
    let (key, argument) = (builder.value(op.key), builder.value(op.argument));
    let result = builder.value(result);
    let completed = (status != Outcome::Info).then_some(clock);
    builder.push(op.process, op.kind, key, argument, result, status, op.invoked, completed);
}

/// Other pairs: one less, or one with another value.
fn lie(chance: &mut Chance, pairs: &[Value], range: u64) -> Value {
    let place = chance.below(pairs.len() as u64) as usize;
    let mut pairs = pairs.to_vec();
    match pairs.get_mut(place) {
        Some(Value::List(pair)) if chance.percent(70) => {
            let value = Value::Int(1 + chance.below(range) as i64);
            pairs[place] = [pair[0].clone(), value].into_iter().collect();
        }
        Some(_) => drop(pairs.remove(place)),
        None => pairs.push(["k0".into(), 1.into()].into_iter().collect()),
    }
    pairs.into_iter().collect()
}

/// What never says anything but that it is done.
fn is_silent(kind: Kind) -> bool {
    matches!(kind, Kind::WRITE | Kind::DELETE | Kind::ENQUEUE | Kind::PUSH)
}
