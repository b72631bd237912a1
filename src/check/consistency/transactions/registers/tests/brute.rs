//! The definitions, tried out on every commit order, every set of `info` transactions and all sources of
//! reads.
use crate::check::consistency::Model;
use crate::check::consistency::history::{Access, History};
use crate::sim::Outcome;

/// A transaction as the definitions see it.
#[derive(Clone, Debug)]
struct Txn {
    row: usize,
    /// Key, value, and place among the external reads and writes.
    reads: Vec<(u32, u32)>,
    writes: Vec<(u32, u32)>,
}

fn plain(history: &History, value: u32) -> u32 {
    if history.is_initial(value) { 0 } else { value }
}

/// The transaction of a row; none if it does not see its own writes.
fn txn(history: &History, row: usize) -> Option<Txn> {
    let mut it = Txn { row, reads: vec![], writes: vec![] };
    for (key, access) in history.accesses.of(row) {
        match access {
            Access::Write(value) => {
                it.writes.retain(|write| write.0 != key);
                it.writes.push((key, plain(history, value)));
            }
            Access::Read(value) if history.status[row] == Outcome::Ok => {
                let value = plain(history, value);
                match it.writes.iter().find(|write| write.0 == key) {
                    Some(write) if write.1 != value => return None,
                    Some(_) => {}
                    None => it.reads.push((key, value)),
                }
            }
            _ => {}
        }
    }
    Some(it)
}

/// Whether any choice makes the definition true.
pub(super) fn holds(history: &History, model: Model) -> bool {
    let rows = |status| (0..history.len()).filter(move |row| history.status[*row] == status);
    let Some(certain) = rows(Outcome::Ok).map(|row| txn(history, row)).collect::<Option<Vec<_>>>() else {
        return false;
    };
    let unsure: Vec<Txn> = rows(Outcome::Info).filter_map(|row| txn(history, row)).collect();
    (0..1 << unsure.len()).any(|set: u32| {
        let mut txns = certain.clone();
        txns.extend(unsure.iter().enumerate().filter(|it| set >> it.0 & 1 == 1).map(|it| it.1.clone()));
        orders(txns.len()).iter().any(|order| {
            let sorted: Vec<&Txn> = order.iter().map(|it| &txns[*it]).collect();
            is_legal(history, model, &sorted)
        })
    })
}

fn orders(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![vec![]];
    }
    let shorter = orders(n - 1);
    shorter
        .iter()
        .flat_map(|order| {
            (0..n).map(move |at| {
                let mut order = order.clone();
                order.insert(at, n - 1);
                order
            })
        })
        .collect()
}

/// Whether a commit order keeps sessions (and real time), and some sources satisfy the axioms.
pub(super) fn is_legal_order(history: &History, model: Model, rows: &[u32]) -> bool {
    let Some(txns) = rows.iter().map(|row| txn(history, *row as usize)).collect::<Option<Vec<_>>>() else {
        return false;
    };
    is_legal(history, model, &txns.iter().collect::<Vec<_>>())
}

fn is_legal(history: &History, model: Model, order: &[&Txn]) -> bool {
    let session = |i: usize, j: usize| {
        let (one, other) = (order[i].row, order[j].row);
        history.process[one] == history.process[other] && history.invoked[one] < history.invoked[other]
    };
    for later in 0..order.len() {
        for earlier in 0..later {
            let strict = model == Model::StrictSerializable;
            if session(later, earlier) || strict && history.precedes(order[later].row, order[earlier].row) {
                return false;
            }
        }
    }
    if matches!(model, Model::Serializable | Model::StrictSerializable) {
        return replays(order);
    }
    let mut sources: Vec<Vec<usize>> = order.iter().map(|it| vec![0; it.reads.len()]).collect();
    with_sources(order, &mut sources, 0, 0, &|sources| axioms(model, order, sources, &session))
}

fn replays(order: &[&Txn]) -> bool {
    let mut store: Vec<(u32, u32)> = vec![];
    order.iter().all(|it| {
        let get = |key| store.iter().rev().find(|entry| entry.0 == key).map_or(0, |entry| entry.1);
        let fits = it.reads.iter().all(|(key, value)| get(*key) == *value);
        store.extend(&it.writes);
        fits
    })
}

/// Tries all sources: 0 is the initial transaction, i the (i - 1)-th of the order, which must be earlier.
fn with_sources(
    order: &[&Txn],
    sources: &mut Vec<Vec<usize>>,
    reader: usize,
    read: usize,
    fits: &dyn Fn(&[Vec<usize>]) -> bool,
) -> bool {
    if reader == order.len() {
        return fits(sources);
    }
    let Some(wanted) = order[reader].reads.get(read) else {
        return with_sources(order, sources, reader + 1, 0, fits);
    };
    (0..=reader).any(|source| {
        let fitting = if source == 0 { wanted.1 == 0 } else { order[source - 1].writes.contains(wanted) };
        sources[reader][read] = source;
        fitting && with_sources(order, sources, reader, read + 1, fits)
    })
}

/// The axioms of Biswas and Enea. Transactions are numbered by place in the commit order, the initial one is
/// 0.
fn axioms(
    model: Model,
    order: &[&Txn],
    sources: &[Vec<usize>],
    session: &dyn Fn(usize, usize) -> bool,
) -> bool {
    let n = order.len() + 1;
    let writes = |t: usize, key: u32| t == 0 || order[t - 1].writes.iter().any(|it| it.0 == key);
    let mut direct = vec![vec![false; n]; n];
    for (reader, sources) in sources.iter().enumerate() {
        direct[0][reader + 1] = true;
        sources.iter().for_each(|source| direct[*source][reader + 1] = true);
        for (other, row) in direct.iter_mut().enumerate().skip(1) {
            row[reader + 1] |= session(other - 1, reader);
        }
    }
    let mut causal = direct.clone();
    for middle in 0..n {
        for one in 0..n {
            for other in 0..n {
                causal[one][other] |= causal[one][middle] && causal[middle][other];
            }
        }
    }
    let share = |a: usize, b: usize| a > 0 && b > 0 && order[a - 1].writes.iter().any(|it| writes(b, it.0));
    let visible = |t2: usize, t3: usize, read: usize| match model {
        Model::ReadCommitted => sources[t3 - 1][..read].contains(&t2),
        Model::ReadAtomic => direct[t2][t3],
        Model::TransactionalCausal => causal[t2][t3],
        _ => {
            let prefix = (t2..n).any(|t4| direct[t4][t3]);
            let conflict = (t2..t3).any(|t4| share(t4, t3));
            prefix || model == Model::SnapshotIsolation && conflict
        }
    };
    (1..n).all(|t3| {
        order[t3 - 1].reads.iter().enumerate().all(|(read, (key, _))| {
            let t1 = sources[t3 - 1][read];
            (t1 + 1..n).all(|t2| t2 == t3 || !writes(t2, *key) || !visible(t2, t3, read))
        })
    })
}
