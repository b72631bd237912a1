//! Who wrote what a transaction read, and the flaws that are visible without any order: internal
//! inconsistency, reads out of thin air, aborted reads (G1a), intermediate reads (G1b).
use crate::check::consistency::history::{Access, History, NULL};
use crate::check::consistency::{Error, Flaw};
use crate::sim::Outcome;

/// The source of a read that returned the initial value.
pub(super) const INITIAL: u32 = u32::MAX;
/// The source of an access that reads from nobody: a write that its own transaction overwrites, a read of its
/// own transaction's write, a read that is not known or not decided on.
pub(super) const NOWHERE: u32 = u32::MAX - 1;
/// The source of a write that is the last one of its transaction to its key.
pub(super) const FINAL: u32 = u32::MAX - 2;

/// Where every access has its value from.
#[derive(Clone)]
pub(super) struct ReadsFrom {
    /// Of each access: the access that wrote what it read, or one of the constants above.
    pub source: Vec<u32>,
    /// Of each access, the row it is in.
    pub row: Vec<u32>,
    /// The reads that several writes would explain.
    pub choices: Vec<Choice>,
}

/// A read that several writes would explain.
#[derive(Clone)]
pub(super) struct Choice {
    /// The read.
    pub access: u32,
    /// The writes, the likeliest first.
    pub candidates: Vec<u32>,
}

/// Why the reads have no sources.
pub(super) enum Stop {
    Error(Error),
    Flaw(Box<Flaw>),
}

/// Finds the source of every read. O(accesses + values), one pass over the accesses by row and one by key.
pub(super) fn resolve(history: &History) -> Result<ReadsFrom, Stop> {
    let count = history.accesses.key.len();
    let mut found = ReadsFrom { source: vec![NOWHERE; count], row: vec![0; count], choices: vec![] };
    let external = found.read_rows(history)?;
    found.read_keys(history, &external)?;
    Ok(found)
}

/// A value, where the two ways to say "initial" are one.
fn plain(history: &History, value: u32) -> u32 {
    if history.is_initial(value) { NULL } else { value }
}

impl ReadsFrom {
    /// Checks that transactions see their own writes; returns the reads that see others' and all writes.
    fn read_rows(&mut self, history: &History) -> Result<Vec<u32>, Stop> {
        let accesses = &history.accesses;
        let mut external = Vec::with_capacity(accesses.key.len());
        let mut own = vec![(0, 0); history.names.values.len()];
        for row in 0..history.len() {
            let ok = history.status[row] == Outcome::Ok;
            for index in accesses.range(row) {
                self.row[index] = row as u32;
                let own = &mut own[accesses.key[index] as usize];
                let mine = (own.0 == row as u32 + 1).then_some(own.1);
                match (accesses.access[index], mine) {
                    (Access::Write(_), previous) => {
                        if let Some(previous) = previous {
                            self.source[previous] = NOWHERE;
                        }
                        self.source[index] = FINAL;
                        *own = (row as u32 + 1, index);
                        external.push(index as u32);
                    }
                    (Access::Read(value), Some(write)) if ok => {
                        if plain(history, value) != plain(history, written(history, write)) {
                            return Err(internal(history, row, index, write));
                        }
                    }
                    (Access::Read(_), None) if ok => external.push(index as u32),
                    (Access::Read(_) | Access::ReadUnknown, _) => {}
                    (Access::ReadList(_) | Access::Append(_), _) => return Err(foreign(history, row, index)),
                }
            }
        }
        Ok(external)
    }

    fn read_keys(&mut self, history: &History, external: &[u32]) -> Result<(), Stop> {
        let values = history.names.values.len();
        let (order, starts) = by_key(history, external);
        let mut writers = Writers { key: 0, first: vec![(0, 0); values], others: vec![] };
        let mut worst: Option<u32> = None;
        for key in 0..values {
            let group = &order[starts[key] as usize..starts[key + 1] as usize];
            writers.begin(key as u32);
            for access in group {
                if let Access::Write(value) = history.accesses.access[*access as usize] {
                    writers.add(self, history, plain(history, value), *access);
                }
            }
            for access in group {
                if let Access::Read(value) = history.accesses.access[*access as usize] {
                    let known = self.find(history, &writers, plain(history, value), *access);
                    if !known && worst.is_none_or(|worst| *access < worst) {
                        worst = Some(*access);
                    }
                }
            }
        }
        self.choices.sort_by_key(|choice| choice.access);
        worst.map_or(Ok(()), |access| Err(self.unexplained(history, access as usize)))
    }

    /// Finds the source of one read; false if there is none.
    fn find(&mut self, history: &History, writers: &Writers, value: u32, read: u32) -> bool {
        let row = self.row[read as usize];
        let first = writers.get(value).filter(|it| self.is_proper(history, *it));
        let single = value != NULL && writers.others.is_empty();
        if let Some(write) = first.filter(|it| single && self.row[*it as usize] != row) {
            self.source[read as usize] = write;
            return true;
        }
        let others = writers.others.iter().filter(|it| it.0 == value).map(|it| it.1);
        let mut candidates: Vec<u32> =
            first.into_iter().chain(others).filter(|it| self.row[*it as usize] != row).collect();
        let asked = history.invoked[row as usize];
        candidates.sort_by_key(|it| {
            let invoked = history.invoked[self.row[*it as usize] as usize];
            (invoked > asked, invoked.abs_diff(asked))
        });
        if value == NULL {
            candidates.push(INITIAL);
        }
        match candidates[..] {
            [] => return false,
            [only] => self.source[read as usize] = only,
            _ => self.choices.push(Choice { access: read, candidates }),
        }
        true
    }

    /// Whether this write may be read by others.
    fn is_proper(&self, history: &History, write: u32) -> bool {
        let row = self.row[write as usize];
        self.source[write as usize] == FINAL && history.status[row as usize] != Outcome::Fail
    }

    fn rank(&self, history: &History, write: u32) -> u32 {
        let failed = history.status[self.row[write as usize] as usize] == Outcome::Fail;
        if failed { 0 } else { 1 + u32::from(self.source[write as usize] == FINAL) }
    }

    /// Why a read without a source has none.
    fn unexplained(&self, history: &History, read: usize) -> Stop {
        let (key, row) = (history.accesses.key[read], self.row[read]);
        let Access::Read(value) = history.accesses.access[read] else {
            unreachable!("only reads are explained")
        };
        let who = history.who(row);
        let what = format!("{who} reads {} = {}", history.show(key), history.show(value));
        let writes = (0..self.row.len()).filter(|it| {
            let same = |other| plain(history, other) == plain(history, value);
            history.accesses.key[*it] == key
                && matches!(history.accesses.access[*it], Access::Write(other) if same(other))
        });
        let rank = |it: &usize| self.rank(history, *it as u32) * 2 + u32::from(self.row[*it] != row);
        let Some(write) = writes.max_by_key(rank) else {
            let reason = format!("{what}, which nobody wrote.");
            return flaw("thin-air read", reason, vec![row], vec![read as u32]);
        };
        let writer = self.row[write];
        let (anomaly, reason) = if writer == row {
            ("internal", format!("{what} before it writes that itself, and nobody else wrote it."))
        } else if history.status[writer as usize] == Outcome::Fail {
            ("G1a", format!("{what}, which only T{writer} wrote, and T{writer} aborted (aborted read)."))
        } else {
            ("G1b", format!("{what}, which T{writer} wrote and then overwrote itself (intermediate read)."))
        };
        let rows = if writer == row { vec![row] } else { vec![row, writer] };
        let mut accesses = vec![read as u32, write as u32];
        accesses.extend(self.overwrites(history, write));
        flaw(anomaly, reason, rows, accesses)
    }

    /// The write with which its own transaction overwrites this one.
    fn overwrites(&self, history: &History, write: usize) -> Option<u32> {
        let accesses = &history.accesses;
        let mut later = write + 1..accesses.range(self.row[write] as usize).end;
        let same = |it: &usize| accesses.key[*it] == accesses.key[write];
        later.find(|it| same(it) && matches!(accesses.access[*it], Access::Write(_))).map(|it| it as u32)
    }
}

/// Who wrote which value to the key that is looked at.
struct Writers {
    key: u32,
    /// Of each value: the key (plus one) that this entry is about, and its best writer.
    first: Vec<(u32, u32)>,
    /// Further proper writers of values.
    others: Vec<(u32, u32)>,
}

impl Writers {
    fn begin(&mut self, key: u32) {
        self.key = key + 1;
        self.others.clear();
    }

    fn add(&mut self, from: &ReadsFrom, history: &History, value: u32, write: u32) {
        let entry = &mut self.first[value as usize];
        if entry.0 != self.key {
            *entry = (self.key, write);
            return;
        }
        let (old, new) = (from.rank(history, entry.1), from.rank(history, write));
        if new > old {
            entry.1 = write;
        } else if new == 2 {
            self.others.push((value, write));
        }
    }

    fn get(&self, value: u32) -> Option<u32> {
        let (key, write) = self.first[value as usize];
        (key == self.key).then_some(write)
    }
}

/// The given accesses by key, and where each key's begin.
fn by_key(history: &History, external: &[u32]) -> (Vec<u32>, Vec<u32>) {
    group(history.names.values.len(), external, |access| history.accesses.key[access as usize])
}

/// Puts items into groups, keeping their order within a group (counting sort).
pub(super) fn group(groups: usize, items: &[u32], group: impl Fn(u32) -> u32) -> (Vec<u32>, Vec<u32>) {
    let mut starts = vec![0; groups + 1];
    for item in items {
        starts[group(*item) as usize + 1] += 1;
    }
    for i in 0..groups {
        starts[i + 1] += starts[i];
    }
    let mut next = starts.clone();
    let mut sorted = vec![0; items.len()];
    for item in items {
        let next = &mut next[group(*item) as usize];
        sorted[*next as usize] = *item;
        *next += 1;
    }
    (sorted, starts)
}

fn written(history: &History, write: usize) -> u32 {
    match history.accesses.access[write] {
        Access::Write(value) => value,
        _ => NULL,
    }
}

fn flaw(anomaly: &str, reason: String, culprits: Vec<u32>, mut accesses: Vec<u32>) -> Stop {
    accesses.sort_unstable();
    Stop::Flaw(Box::new(Flaw { anomaly: anomaly.to_owned(), reason, culprits, accesses, ..Flaw::default() }))
}

fn internal(history: &History, row: usize, read: usize, write: usize) -> Stop {
    let say =
        |index: usize| history.describe_access(history.accesses.key[index], history.accesses.access[index]);
    let who = history.who(row as u32);
    let reason = format!("{who} does not see its own write: after {} it has {}.", say(write), say(read));
    flaw("internal", reason, vec![row as u32], vec![write as u32, read as u32])
}

fn foreign(history: &History, row: usize, index: usize) -> Stop {
    let access = history.describe_access(history.accesses.key[index], history.accesses.access[index]);
    Stop::Error(Error::BadOperation {
        row,
        what: history.describe(row),
        problem: format!("{access} is not an access to a register: use r(key, value) and w(key, value)"),
    })
}
