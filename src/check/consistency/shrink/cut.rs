//! Parts of a history while they are being cut.
use indexmap::{IndexMap, IndexSet};
use rustc_hash::FxBuildHasher;

use super::super::history::{Access, Accesses, History, Kind, NULL};
use crate::sim::{Outcome, Value};

/// A value under a key.
type Cell = (u32, u32);
type Cells = IndexSet<Cell, FxBuildHasher>;

/// A part of a history: some of its atoms. An atom is an access of a transaction, or an operation that is none.
#[derive(Clone)]
pub(super) struct Cut<'a> {
    history: &'a History,
    /// By number: its row and, of a transaction, the index of its access.
    atoms: std::rc::Rc<[(u32, Option<u32>)]>,
    kept: Vec<bool>,
    /// Cells that somebody in the part at its largest wrote.
    explicable: std::rc::Rc<Cells>,
}

impl<'a> Cut<'a> {
    /// The part with all of these rows (ascending).
    pub(super) fn of(history: &'a History, rows: Vec<u32>) -> Self {
        let mut atoms = Vec::new();
        for row in rows {
            if history.kind[row as usize] == Kind::TXN {
                atoms.extend(history.accesses.range(row as usize).map(|index| (row, Some(index as u32))));
            } else {
                atoms.push((row, None));
            }
        }
        let mut explicable = Cells::default();
        for atom in &atoms {
            explicable.extend(produced(history, *atom));
        }
        let kept = vec![true; atoms.len()];
        Self { history, atoms: atoms.into(), kept, explicable: explicable.into() }
    }

    /// The atoms of each operation.
    pub(super) fn operations(&self) -> Vec<Vec<u32>> {
        let mut operations: Vec<Vec<u32>> = Vec::new();
        for (number, (row, _)) in self.atoms.iter().enumerate() {
            match operations.last_mut() {
                Some(last) if self.atoms[last[0] as usize].0 == *row => last.push(number as u32),
                _ => operations.push(vec![number as u32]),
            }
        }
        operations
    }

    /// The atoms that are in it.
    pub(super) fn kept(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.atoms.len() as u32).filter(|atom| self.keeps(*atom))
    }

    pub(super) fn keeps(&self, atom: u32) -> bool {
        self.kept[atom as usize]
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.kept.contains(&true)
    }

    /// The part without these atoms and without the reads that nobody explains any more.
    pub(super) fn without(&self, atoms: impl Iterator<Item = u32>) -> Self {
        let mut rest = self.clone();
        for atom in atoms {
            rest.kept[atom as usize] = false;
        }
        loop {
            let produced = rest.produced();
            let lost = |cell: &Cell| rest.explicable.contains(cell) && !produced.contains(cell);
            let unexplained: Vec<u32> = rest
                .kept()
                .filter(|atom| observed(rest.history, rest.atoms[*atom as usize]).iter().any(lost))
                .collect();
            if unexplained.is_empty() {
                return rest;
            }
            for atom in unexplained {
                rest.kept[atom as usize] = false;
            }
        }
    }

    fn produced(&self) -> Cells {
        self.kept().flat_map(|atom| produced(self.history, self.atoms[atom as usize])).collect()
    }

    /// The rows that are in it.
    pub(super) fn rows(&self) -> Vec<u32> {
        let mut rows: Vec<u32> = self.kept().map(|atom| self.atoms[atom as usize].0).collect();
        rows.dedup();
        rows
    }

    /// The part as a history.
    pub(super) fn part(&self) -> History {
        let produced = self.produced();
        let wanted: IndexSet<u32, FxBuildHasher> =
            self.kept().filter_map(|atom| self.atoms[atom as usize].1).collect();
        let all = &self.history.accesses;
        self.history.map_accesses(&self.rows(), |index, into| {
            wanted.contains(&(index as u32)).then(|| match all.access[index] {
                Access::ReadList(list) => {
                    let key = all.key[index];
                    let stays =
                        |it: &u32| produced.contains(&(key, *it)) || !self.explicable.contains(&(key, *it));
                    Access::ReadList(into.add_list(all.list(list).iter().copied().filter(stays)))
                }
                other => other,
            })
        })
    }
}

/// These rows and all that explain what they read, and what those read, and so on; ascending.
pub(super) fn explained(history: &History, rows: &[u32]) -> Vec<u32> {
    let mut found: IndexSet<u32, FxBuildHasher> = rows.iter().copied().collect();
    let mut wanted = Cells::default();
    let mut looked_at = 0;
    while looked_at < found.len() {
        let before = wanted.len();
        for row in found.iter().skip(looked_at) {
            for atom in atoms_of(history, *row) {
                wanted.extend(observed(history, atom));
                wanted.extend(elements(history, atom));
            }
        }
        looked_at = found.len();
        if wanted.len() > before {
            let explains = |row: &u32| {
                atoms_of(history, *row)
                    .any(|atom| produced(history, atom).iter().any(|cell| wanted.contains(cell)))
            };
            found.extend((0..history.len() as u32).filter(explains));
        }
    }
    found.sort_unstable();
    found.into_iter().collect()
}

/// These rows without the reads of what only other rows wrote.
pub(super) fn explained_rows(history: &History, rows: Vec<u32>) -> Vec<u32> {
    let mut writers: IndexMap<Cell, bool, FxBuildHasher> = IndexMap::default();
    let mut inside = vec![false; history.len()];
    for row in &rows {
        inside[*row as usize] = true;
    }
    for row in 0..history.len() as u32 {
        for cell in atoms_of(history, row).flat_map(|atom| produced(history, atom)) {
            *writers.entry(cell).or_default() |= inside[row as usize];
        }
    }
    let explained = |row: &u32| {
        atoms_of(history, *row)
            .flat_map(|atom| observed(history, atom))
            .all(|cell| writers.get(&cell).is_none_or(|inside| *inside))
    };
    rows.into_iter().filter(explained).collect()
}

fn atoms_of(history: &History, row: u32) -> impl Iterator<Item = (u32, Option<u32>)> {
    let plain = history.kind[row as usize] != Kind::TXN;
    let accesses = history.accesses.range(row as usize).map(move |index| (row, Some(index as u32)));
    plain.then_some((row, None)).into_iter().chain(accesses)
}

/// What an atom may have put where others can read it.
fn produced(history: &History, (row, access): (u32, Option<u32>)) -> Vec<Cell> {
    if let Some(index) = access {
        return match history.accesses.access[index as usize] {
            Access::Write(value) | Access::Append(value) => {
                vec![(history.accesses.key[index as usize], value)]
            }
            _ => vec![],
        };
    }
    let row = row as usize;
    let (key, argument) = (history.key[row], history.argument[row]);
    match history.kind[row] {
        Kind::WRITE | Kind::APPEND | Kind::ADD | Kind::ENQUEUE | Kind::PUSH | Kind::SWAP => {
            vec![(key, argument)]
        }
        // An owner, a token, and for those who are refused that there is an owner at all.
        Kind::ACQUIRE if *history.names.values.value(history.result[row]) != Value::Bool(false) => {
            vec![(key, argument), (key, history.result[row]), (key, HELD)]
        }
        Kind::CAS => second(history, argument).map(|value| (key, value)).into_iter().collect(),
        _ => vec![],
    }
}

/// Stands for whoever holds a lock; no number of a value.
const HELD: u32 = u32::MAX;

/// What an atom saw that it can only have seen because somebody put it there.
fn observed(history: &History, (row, access): (u32, Option<u32>)) -> Vec<Cell> {
    let values = match access {
        Some(index) => match history.accesses.access[index as usize] {
            Access::Read(value) => vec![(history.accesses.key[index as usize], value)],
            _ => vec![],
        },
        None => observed_by_operation(history, row as usize),
    };
    values.into_iter().filter(|(_, value)| !history.is_initial(*value)).collect()
}

fn observed_by_operation(history: &History, row: usize) -> Vec<Cell> {
    let (key, result) = (history.key[row], history.result[row]);
    if history.kind[row] == Kind::ACQUIRE && *history.names.values.value(result) == Value::Bool(false) {
        return vec![(key, HELD)];
    }
    if history.status[row] != Outcome::Ok {
        return vec![];
    }
    match history.kind[row] {
        Kind::RELEASE => vec![(key, history.argument[row])],
        Kind::READ | Kind::DEQUEUE | Kind::POP | Kind::SWAP | Kind::PEEK | Kind::HOLDER => {
            match history.names.values.value(result) {
                Value::List(items) => {
                    let number = |it: &Value| history.names.values.number(it).map(|it| (key, it));
                    items.iter().filter_map(number).chain([(key, result)]).collect()
                }
                _ => vec![(key, result)],
            }
        }
        Kind::SCAN => match history.names.values.value(result) {
            Value::List(pairs) => pairs.iter().filter_map(|pair| listed(history, pair)).collect(),
            _ => vec![],
        },
        Kind::CONTAINS if *history.names.values.value(result) == Value::Bool(true) => {
            vec![(key, history.argument[row])]
        }
        Kind::CAS if *history.names.values.value(result) != Value::Bool(false) => {
            first(history, history.argument[row]).map(|value| (key, value)).into_iter().collect()
        }
        _ => vec![],
    }
}

/// What a scan saw under a key.
fn listed(history: &History, pair: &Value) -> Option<Cell> {
    let Value::List(pair) = pair else { return None };
    let [key, value] = &**pair else { return None };
    Some((history.names.values.number(key)?, history.names.values.number(value)?))
}

/// The elements of a list that an access read.
fn elements(history: &History, (_, access): (u32, Option<u32>)) -> Vec<Cell> {
    let Some(index) = access else { return vec![] };
    let accesses: &Accesses = &history.accesses;
    match accesses.access[index as usize] {
        Access::ReadList(list) => {
            accesses.list(list).iter().map(|it| (accesses.key[index as usize], *it)).collect()
        }
        _ => vec![],
    }
}

fn first(history: &History, pair: u32) -> Option<u32> {
    nth(history, pair, 0)
}

fn second(history: &History, pair: u32) -> Option<u32> {
    nth(history, pair, 1)
}

fn nth(history: &History, list: u32, n: usize) -> Option<u32> {
    match history.names.values.value(list) {
        Value::List(items) => {
            items.get(n).and_then(|it| history.names.values.number(it)).filter(|it| *it != NULL)
        }
        _ => None,
    }
}
