//! The levels straight from their definitions: all orders of commits are tried.
use std::collections::BTreeMap;

use crate::check::consistency::Model;
use crate::check::consistency::history::{Access, History, NULL};
use crate::sim::Outcome;

pub(super) const LEVELS: [Model; 7] = [
    Model::ReadCommitted,
    Model::ReadAtomic,
    Model::TransactionalCausal,
    Model::Prefix,
    Model::SnapshotIsolation,
    Model::Serializable,
    Model::StrictSerializable,
];

/// The order of the versions of each key.
pub(super) type Given = [(u32, Vec<u32>)];

/// A read of a key from a transaction (by place in the commit order), or from nobody.
struct Read {
    key: u32,
    from: Option<usize>,
}

/// An order of commits, and what follows from it. Transactions are their places in it.
struct Order<'a> {
    history: &'a History,
    rows: &'a [u32],
    writers: BTreeMap<u32, Vec<usize>>,
    /// What each key holds in the end.
    lists: BTreeMap<u32, Vec<u32>>,
    reads: Vec<Vec<Read>>,
    /// The order of processes and `wr`, and its closure.
    causes: Vec<Vec<bool>>,
    causal: Vec<Vec<bool>>,
}

/// Which levels some order of commits, and some choice among the transactions of unknown outcome, satisfies.
///
/// With given orders, only those orders of commits count that make them.
pub(super) fn levels(history: &History, given: Option<&Given>) -> [bool; 7] {
    let rows_of = |status| -> Vec<u32> {
        (0..history.len() as u32).filter(|row| history.status[*row as usize] == status).collect()
    };
    let (ok, info) = (rows_of(Outcome::Ok), rows_of(Outcome::Info));
    let mut all = [false; 7];
    for subset in 0..1u32 << info.len() {
        let mut rows = ok.clone();
        rows.extend(info.iter().enumerate().filter(|(i, _)| subset >> i & 1 == 1).map(|(_, row)| row));
        permutations(&mut rows, 0, &mut |order| {
            if all == [true; 7] || !keeps_processes(history, order) {
                return;
            }
            for (held, holds) in all.iter_mut().zip(satisfied(history, order, given)) {
                *held |= holds;
            }
        });
    }
    all
}

fn permutations(rows: &mut Vec<u32>, from: usize, visit: &mut dyn FnMut(&[u32])) {
    if from == rows.len() {
        visit(rows);
    }
    for i in from..rows.len() {
        rows.swap(from, i);
        permutations(rows, from + 1, visit);
        rows.swap(from, i);
    }
}

fn keeps_processes(history: &History, order: &[u32]) -> bool {
    let goes_back = |one: &u32, other: &u32| {
        let (one, other) = (*one as usize, *other as usize);
        history.process[one] == history.process[other] && history.precedes(other, one)
    };
    !order.iter().enumerate().any(|(i, one)| order[i..].iter().any(|other| goes_back(one, other)))
}

/// Which levels this order of commits satisfies.
pub(super) fn satisfied(history: &History, rows: &[u32], given: Option<&Given>) -> [bool; 7] {
    match Order::new(history, rows, given) {
        Some(order) => LEVELS.map(|level| order.satisfies(level)),
        None => [false; 7],
    }
}

impl<'a> Order<'a> {
    /// None, if the lists that were read are not those that this order makes, or it breaks the order of a
    /// process.
    fn new(history: &'a History, rows: &'a [u32], given: Option<&Given>) -> Option<Self> {
        let n = rows.len();
        let mut writers: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (at, row) in rows.iter().enumerate() {
            for (key, access) in history.accesses.of(*row as usize) {
                let writers = writers.entry(key).or_default();
                if matches!(access, Access::Append(_) | Access::Write(_)) && writers.last() != Some(&at) {
                    writers.push(at);
                }
            }
        }
        let (reads, causes, causal) = (vec![], vec![], vec![]);
        let mut order = Self { history, rows, writers, lists: BTreeMap::new(), reads, causes, causal };
        for (key, writers) in &order.writers {
            let list = writers.iter().flat_map(|writer| order.appended(*writer, *key)).collect();
            order.lists.insert(*key, list);
        }
        let fits = |(key, given): &(u32, Vec<u32>)| order.lists.get(key).is_none_or(|list| list == given);
        if !given.is_none_or(|given| given.iter().all(fits)) {
            return None;
        }
        order.reads = (0..n).map(|at| order.explain(at)).collect::<Option<_>>()?;
        order.causes = vec![vec![false; n]; n];
        for later in 0..n {
            for earlier in 0..n {
                let (one, other) = (rows[earlier] as usize, rows[later] as usize);
                let session = history.process[one] == history.process[other] && history.precedes(one, other);
                let read = order.reads[later].iter().any(|read| read.from == Some(earlier));
                if (session || read) && earlier >= later {
                    return None;
                }
                order.causes[earlier][later] = session || read;
            }
        }
        order.causal = order.causes.clone();
        for via in 0..n {
            for from in 0..n {
                for to in 0..n {
                    order.causal[from][to] |= order.causal[from][via] && order.causal[via][to];
                }
            }
        }
        Some(order)
    }

    fn appended(&self, at: usize, key: u32) -> Vec<u32> {
        let accesses = self.history.accesses.of(self.rows[at] as usize);
        let elements = accesses.filter(|(of, _)| *of == key).filter_map(|(_, access)| match access {
            Access::Append(element) | Access::Write(element) => Some((element, access)),
            _ => None,
        });
        let mut elements: Vec<(u32, Access)> = elements.collect();
        if let Some(last @ (_, Access::Write(_))) = elements.last().copied() {
            elements = vec![last];
        }
        elements.into_iter().map(|(element, _)| element).collect()
    }

    /// From whom a transaction reads.
    fn explain(&self, at: usize) -> Option<Vec<Read>> {
        let row = self.rows[at] as usize;
        let mut reads = vec![];
        if self.history.status[row] != Outcome::Ok {
            return Some(reads);
        }
        let mut own: Vec<(u32, u32)> = vec![];
        for (key, access) in self.history.accesses.of(row) {
            match access {
                Access::Append(element) | Access::Write(element) => own.push((key, element)),
                Access::Read(value) => match own.iter().rfind(|(of, _)| *of == key) {
                    Some((_, own)) if *own != value => return None,
                    Some(_) => {}
                    None if value == NULL => reads.push(Read { key, from: None }),
                    None => {
                        let wrote = |it: &&usize| self.appended(**it, key) == [value];
                        let from = *self.writers[&key].iter().find(wrote).filter(|it| **it != at)?;
                        reads.push(Read { key, from: Some(from) });
                    }
                },
                Access::ReadList(list) => {
                    let own = own.iter().filter(|(of, _)| *of == key).map(|(_, element)| *element);
                    let own: Vec<u32> = own.collect();
                    let list = self.history.accesses.list(list);
                    let outside = list.strip_suffix(own.as_slice())?;
                    // A list is a state of the key, also with one's own elements at its end.
                    if !self.lists[&key].starts_with(list) {
                        return None;
                    }
                    reads.push(Read { key, from: self.source(at, key, outside)? });
                }
                _ => {}
            }
        }
        Some(reads)
    }

    /// Whose version of a key this is.
    #[expect(clippy::option_option, reason = "nobody, or it is no version")]
    fn source(&self, reader: usize, key: u32, list: &[u32]) -> Option<Option<usize>> {
        let (mut length, mut from) = (0, None);
        for writer in &self.writers[&key] {
            if length >= list.len() {
                break;
            }
            length += self.appended(*writer, key).len();
            from = Some(*writer);
        }
        (self.lists[&key].get(..length) == Some(list) && from != Some(reader)).then_some(from)
    }

    fn satisfies(&self, level: Model) -> bool {
        let n = self.rows.len();
        let in_real_time = || {
            let precedes = |one: usize, other: usize| {
                self.history.precedes(self.rows[one] as usize, self.rows[other] as usize)
            };
            (0..n).all(|later| (0..later).all(|earlier| !precedes(later, earlier)))
        };
        let explained = (0..n).all(|reader| {
            let reads = self.reads[reader].iter().enumerate();
            let mut missed = reads.flat_map(|(i, read)| {
                let writers = &self.writers[&read.key];
                let newer = writers.iter().filter(|it| read.from.is_none_or(|from| **it > from));
                newer.map(move |unseen| (i, *unseen))
            });
            !missed.any(|(i, unseen)| self.must_see(level, unseen, reader, i))
        });
        explained && (level != Model::StrictSerializable || in_real_time())
    }

    /// Whether the `i`-th read of a transaction must see another one.
    fn must_see(&self, level: Model, other: usize, reader: usize, i: usize) -> bool {
        let before = |of: &dyn Fn(usize) -> bool| (other..reader).any(of);
        match level {
            Model::ReadCommitted => self.reads[reader][..i].iter().any(|read| read.from == Some(other)),
            Model::ReadAtomic => self.causes[other][reader],
            Model::TransactionalCausal => self.causal[other][reader],
            Model::Prefix => before(&|via| self.causes[via][reader]),
            Model::SnapshotIsolation => before(&|via| {
                let both_write = self.writers.values().any(|it| it.contains(&via) && it.contains(&reader));
                self.causes[via][reader] || both_write
            }),
            _ => other < reader,
        }
    }
}
