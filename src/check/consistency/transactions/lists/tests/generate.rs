//! Small histories of list transactions from stores of all sorts.
use crate::check::consistency::arbitrary::Chance;
use crate::check::consistency::history::{Access, Accesses, Builder, History, NULL};
use crate::sim::{Outcome, Value};

/// What a store shows to a transaction.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Store {
    /// All that is committed before it.
    Serial,
    /// All that was committed at one earlier moment.
    Snapshot,
    /// For each read, all that was committed at some moment.
    Moments,
    /// The same, but never going back.
    Forward,
    /// For each key, all that was committed at some moment; one process never goes back.
    Keyed,
}

struct Txn {
    status: Outcome,
    took_effect: bool,
    accesses: Vec<(u64, Option<i64>)>,
}

/// The elements that `txns[order[..moment]]` have appended to a key.
fn state(txns: &[Txn], moment: usize, key: u64) -> Vec<i64> {
    let effective = txns[..moment].iter().filter(|it| it.took_effect);
    let accesses = effective.flat_map(|it| &it.accesses);
    accesses.filter(|(of, _)| *of == key).filter_map(|(_, element)| *element).collect()
}

fn plan(chance: &mut Chance, count: u64, keys: u64, unknown: u64, has_roles: bool) -> Vec<Txn> {
    let mut element = 0;
    (0..count)
        .map(|_| {
            let unknown = chance.percent(unknown);
            let status = match unknown {
                true if chance.percent(50) => Outcome::Fail,
                true => Outcome::Info,
                false => Outcome::Ok,
            };
            let honest = chance.percent(if status == Outcome::Fail { 90 } else { 60 });
            let mut access = |chance: &mut Chance, key: u64, appends: bool| {
                element += 1;
                (key, (appends && chance.percent(98)).then_some(element))
            };
            let some = |chance: &mut Chance| chance.below(keys);
            let accesses = match chance.below(3) {
                0 if has_roles => (0..keys).map(|key| access(chance, key, false)).collect(),
                _ if has_roles => {
                    let (one, other) = (some(chance), some(chance));
                    let read = chance.percent(60).then(|| access(chance, one, false));
                    read.into_iter().chain([access(chance, other, true)]).collect()
                }
                _ => (0..1 + chance.below(4))
                    .map(|_| {
                        let (key, appends) = (some(chance), chance.percent(50));
                        access(chance, key, appends)
                    })
                    .collect(),
            };
            Txn { status, took_effect: !unknown || !honest, accesses }
        })
        .collect()
}

/// A history of up to `most` transactions, and the order of the elements of each key in the store.
pub(super) fn history(chance: &mut Chance, most: u64) -> (History, Vec<(u32, Vec<u32>)>) {
    // Some histories have transactions that only read, and others that append once.
    let has_roles = chance.percent(50);
    let keys = if has_roles { 2 } else { 1 + chance.below(3) };
    let unknown = if chance.percent(30) { 25 } else { 0 };
    let store = match chance.below(10) {
        0 => Store::Serial,
        1..4 => Store::Snapshot,
        4 => Store::Moments,
        5 => Store::Forward,
        _ => Store::Keyed,
    };
    let count = if has_roles { most } else { 3 + chance.below(most - 2) };
    let txns = plan(chance, count, keys, unknown, has_roles);
    let mut builder = Builder::default();
    let spread = 1 + chance.below(12) as i64;
    let mut free: Vec<i64> = vec![];
    let mut seen: Vec<[usize; 3]> = vec![];
    for (at, txn) in txns.iter().enumerate() {
        let invoked = 4 * at as i64 - chance.below(spread as u64) as i64;
        let completed = invoked + 1 + chance.below(spread as u64) as i64;
        let lane = free.iter().position(|until| *until <= invoked && chance.percent(80));
        let lane = lane.unwrap_or_else(|| {
            free.push(0);
            seen.push([0; 3]);
            free.len() - 1
        });
        free[lane] = if txn.status == Outcome::Info { i64::MAX } else { completed };
        let process = builder.process(&format!("p{lane}"));
        let accesses = run(chance, &mut builder, store, &txns, at, &mut seen[lane]);
        builder.push_txn(process, accesses, txn.status, invoked, Some(completed));
    }
    let orders = (0..keys)
        .map(|key| {
            let known = txns.iter().filter(|it| it.took_effect && it.status != Outcome::Fail);
            let accesses = known.flat_map(|it| &it.accesses).filter(|(of, _)| *of == key);
            let elements: Vec<i64> = accesses.filter_map(|(_, element)| *element).collect();
            let order = elements.into_iter().map(|it| builder.value(it.into())).collect();
            (builder.value(Value::from(&*format!("k{key}"))), order)
        })
        .collect();
    (builder.finish().expect("well formed"), orders)
}

/// The same with registers instead of lists: what is read is the last element.
pub(super) fn as_registers(history: &History) -> History {
    let mut accesses = Accesses::default();
    for row in 0..history.len() {
        for (key, access) in history.accesses.of(row) {
            accesses.push(
                key,
                match access {
                    Access::Append(value) => Access::Write(value),
                    Access::ReadList(list) => {
                        Access::Read(history.accesses.list(list).last().copied().unwrap_or(NULL))
                    }
                    other => other,
                },
            );
        }
        accesses.end();
    }
    History { accesses, ..history.clone() }
}

fn run(
    chance: &mut Chance,
    builder: &mut Builder,
    store: Store,
    txns: &[Txn],
    at: usize,
    seen: &mut [usize; 3],
) -> Vec<(u32, Access)> {
    let some_moment = |chance: &mut Chance, from: usize| {
        // Often a recent one, seldom one of the future.
        match chance.below(40) {
            0..8 => at.max(from),
            8..39 => from.min(at) + chance.below((at + 1 - from.min(at)) as u64) as usize,
            _ => chance.below(txns.len() as u64 + 1) as usize,
        }
    };
    let mut moment = if store == Store::Snapshot { some_moment(chance, 0) } else { at };
    if store == Store::Keyed {
        seen.iter_mut().for_each(|seen| *seen = some_moment(chance, *seen).min(at));
    }
    let mut own: Vec<(u64, i64)> = vec![];
    let mut accesses = vec![];
    for (key, appended) in &txns[at].accesses {
        let number = builder.value(Value::from(&*format!("k{key}")));
        if let Some(element) = appended {
            own.push((*key, *element));
            accesses.push((number, Access::Append(builder.value((*element).into()))));
            continue;
        }
        match store {
            Store::Moments => moment = some_moment(chance, 0),
            Store::Forward => moment = some_moment(chance, moment.min(at)),
            Store::Keyed => moment = seen[*key as usize],
            Store::Serial | Store::Snapshot => {}
        }
        let mut list = state(txns, moment, *key);
        if moment <= at {
            list.extend(own.iter().filter(|(of, _)| of == key).map(|(_, element)| *element));
        }
        if chance.percent(3) {
            spoil(chance, &mut list);
        }
        let list: Vec<u32> = list.into_iter().map(|it| builder.value(it.into())).collect();
        accesses.push((number, Access::ReadList(builder.list(list))));
    }
    accesses
}

fn spoil(chance: &mut Chance, list: &mut Vec<i64>) {
    let at = chance.below(list.len() as u64) as usize;
    match chance.below(4) {
        0 if !list.is_empty() => drop(list.remove(at)),
        1 if !list.is_empty() => list.push(list[at]),
        2 if list.len() > 1 => list.swap(0, at),
        3 => list.push(77),
        _ => {}
    }
}

/// Transactions on lists that nobody sees: all reads are empty, and all appends unread.
pub(super) fn unread(chance: &mut Chance) -> History {
    let mut builder = Builder::default();
    let keys: Vec<u32> = ["x", "y", "z", "w"].iter().map(|key| builder.value(Value::from(*key))).collect();
    for at in 0..3 + chance.below(3) as i64 {
        let process = builder.process(&format!("p{at}"));
        let mut accesses = vec![];
        for (i, key) in keys.iter().enumerate() {
            if chance.percent(25) {
                accesses.push((*key, Access::ReadList(builder.list([]))));
            }
            if chance.percent(35) {
                accesses.push((*key, Access::Append(builder.value((4 * at + i as i64).into()))));
            }
        }
        let invoked = 2 * at - chance.below(8) as i64;
        builder.push_txn(process, accesses, Outcome::Ok, invoked, Some(2 * at + 1));
    }
    builder.finish().expect("well formed")
}

/// Many transactions, one after the other in the store; the reads of one of them in a thousand lack the last
/// element, if that is wanted.
pub(super) fn long(chance: &mut Chance, transactions: i64, spoiled: bool) -> History {
    let mut builder = Builder::default();
    let mut lists: Vec<Vec<u32>> = vec![vec![]; transactions as usize / 20 + 8];
    for at in 0..transactions {
        let process = builder.process(&format!("p{}", at % 10));
        let stale = spoiled && at % 1_000 == 999;
        let mut accesses = vec![];
        for _ in 0..3 {
            let cell = at as usize / 20 + chance.below(8) as usize;
            let key = builder.value(Value::from(&*format!("k{cell}")));
            let list = &mut lists[cell];
            if chance.percent(50) && !stale {
                list.push(builder.value((list.len() as i64).into()));
                accesses.push((key, Access::Append(list[list.len() - 1])));
            } else {
                let length = list.len().saturating_sub(usize::from(stale));
                accesses.push((key, Access::ReadList(builder.list(list[..length].iter().copied()))));
            }
        }
        builder.push_txn(process, accesses, Outcome::Ok, 10 * at, Some(10 * at + 95));
    }
    builder.finish().expect("well formed")
}
