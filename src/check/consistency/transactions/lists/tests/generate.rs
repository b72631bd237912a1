//! Small histories of list transactions from stores of all sorts.
use crate::check::consistency::arbitrary::Chance;
use crate::check::consistency::history::{Access, Builder, History};
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

/// A history of up to `most` transactions.
pub(super) fn history(chance: &mut Chance, most: u64) -> History {
    let keys = 1 + chance.below(3);
    let unknown = if chance.percent(40) { 25 } else { 0 };
    let store = match chance.below(10) {
        0 => Store::Serial,
        1..6 => Store::Snapshot,
        6..8 => Store::Moments,
        _ => Store::Forward,
    };
    let mut element = 0;
    let txns: Vec<Txn> = (0..3 + chance.below(most - 2))
        .map(|_| {
            let unknown = chance.percent(unknown);
            let status = match unknown {
                true if chance.percent(50) => Outcome::Fail,
                true => Outcome::Info,
                false => Outcome::Ok,
            };
            let honest = chance.percent(if status == Outcome::Fail { 90 } else { 60 });
            let accesses = (0..1 + chance.below(4))
                .map(|_| {
                    element += 1;
                    (chance.below(keys), chance.percent(50).then_some(element))
                })
                .collect();
            Txn { status, took_effect: !unknown || !honest, accesses }
        })
        .collect();
    let mut builder = Builder::default();
    let spread = 1 + chance.below(12) as i64;
    let mut free: Vec<i64> = vec![];
    for (at, txn) in txns.iter().enumerate() {
        let invoked = 4 * at as i64 - chance.below(spread as u64) as i64;
        let completed = invoked + 1 + chance.below(spread as u64) as i64;
        let lane = free.iter().position(|until| *until <= invoked && chance.percent(80));
        let lane = lane.unwrap_or_else(|| {
            free.push(0);
            free.len() - 1
        });
        free[lane] = if txn.status == Outcome::Info { i64::MAX } else { completed };
        let process = builder.process(&format!("p{lane}"));
        let accesses = run(chance, &mut builder, store, &txns, at);
        builder.push_txn(process, accesses, txn.status, invoked, Some(completed));
    }
    builder.finish().expect("well formed")
}

fn run(
    chance: &mut Chance,
    builder: &mut Builder,
    store: Store,
    txns: &[Txn],
    at: usize,
) -> Vec<(u32, Access)> {
    let some_moment = |chance: &mut Chance, from: usize| {
        // Often a recent one, seldom one of the future.
        match chance.below(40) {
            0..16 => at.max(from),
            16..39 => from.min(at) + chance.below((at + 1 - from.min(at)) as u64) as usize,
            _ => chance.below(txns.len() as u64 + 1) as usize,
        }
    };
    let mut moment = if store == Store::Snapshot { some_moment(chance, 0) } else { at };
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
