//! For the tests of the weak models: a notation for small histories, and the models straight from their
//! definitions, by trying all orders.
use super::super::arbitrary::{Chance, Shape, registers};
use super::super::history::{Builder, History, Kind};
use crate::sim::Outcome;

/// A history from words: sessions divided by `|`, operations by blanks. `wx1` writes, `rx1` reads (0 is the
/// initial value), `Lm` takes a lock, `Um` gives it back; `@3-5` says when, otherwise the n-th operations of all
/// sessions overlap and are over before the next ones begin. `@3-` never ends, `!` at the end means failed.
pub(crate) fn history(text: &str) -> History {
    let mut builder = Builder::default();
    builder.initial(0.into());
    for (number, session) in text.split('|').enumerate() {
        let process = builder.process(&format!("C{}", number + 1));
        for (i, word) in session.split_whitespace().enumerate() {
            let failed = word.ends_with('!');
            let word = word.trim_end_matches('!');
            let (what, times) = word.split_once('@').unwrap_or((word, ""));
            let (from, to) = times.split_once('-').unwrap_or(("", "late"));
            let begin = from.parse().unwrap_or(10 * i as i64);
            let end = if to == "late" { Some(10 * i as i64 + 8) } else { to.parse().ok() };
            let key = builder.value((&what[1..2]).into());
            let value = what[2..].parse::<i64>().map_or(0, |it| builder.value(it.into()));
            let (kind, argument, result) = match &what[..1] {
                "w" => (Kind::WRITE, value, 0),
                "r" => (Kind::READ, 0, value),
                "L" => (Kind::ACQUIRE, 0, 0),
                _ => (Kind::RELEASE, 0, 0),
            };
            let status = if failed { Outcome::Fail } else { Outcome::Ok };
            builder.push(process, kind, key, argument, result, status, begin, end);
        }
    }
    builder.finish().expect("well formed")
}

/// Shapes of small histories: many and few values, honest and lying, with and without unknown outcomes.
pub(crate) fn shape(chance: &mut Chance) -> Shape {
    Shape {
        processes: 2 + chance.below(2),
        operations: 3 + chance.below(4) as usize + 2 * usize::from(chance.percent(5)),
        keys: 1 + chance.below(2),
        values: if chance.percent(70) { 0 } else { 1 + chance.below(3) },
        lies: [0, 20, 40, 60][chance.below(4) as usize],
        unknown: if chance.percent(50) { 0 } else { 20 },
    }
}

/// A small history: half of them as an atomic register with lies makes them, half with reads of whatever was
/// written to the key at any time.
pub(crate) fn arbitrary(chance: &mut Chance) -> History {
    if chance.percent(50) {
        let shape = shape(chance);
        return registers(chance, shape);
    }
    let (sessions, keys, count) = (2 + chance.below(2), 1 + chance.below(3), 4 + chance.below(5));
    let repeats = chance.percent(10);
    let mut words = vec![Vec::new(); sessions as usize];
    let mut written = vec![vec![0]; keys as usize];
    let writes = 2 + chance.below(3);
    let kinds: Vec<(u64, u64)> = (0..count).map(|i| (chance.below(keys), u64::from(i < writes))).collect();
    for (i, (key, _)) in kinds.iter().enumerate().filter(|(_, kind)| kind.1 == 1) {
        let value = if repeats { 1 + chance.below(2) } else { i as u64 + 1 };
        written[*key as usize].push(value);
    }
    let mut next = vec![1; keys as usize];
    let mut order: Vec<usize> = (0..count as usize).collect();
    (1..order.len()).for_each(|i| order.swap(i, chance.below(i as u64 + 1) as usize));
    for (key, write) in order.into_iter().map(|i| kinds[i]) {
        let (values, name) = (&written[key as usize], ["x", "y", "z"][key as usize]);
        let word = if write == 1 {
            next[key as usize] += 1;
            format!("w{name}{}", values[next[key as usize] - 1])
        } else {
            format!("r{name}{}", values[chance.below(values.len() as u64) as usize])
        };
        words[chance.below(sessions) as usize].push(word);
    }
    let sessions: Vec<String> = words.iter().map(|session| session.join(" ")).collect();
    history(&sessions.join("|"))
}

/// An operation of a small history.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Op {
    pub row: u32,
    pub process: u32,
    pub key: u32,
    pub value: u32,
    pub write: bool,
    pub sure: bool,
    pub invoked: u32,
    pub completed: u32,
}

/// A small history as a list, with one choice of the writes that reads read from.
#[derive(Clone, Debug)]
pub(crate) struct Small {
    pub ops: Vec<Op>,
    /// Of each operation, what it reads from; `None` for the initial value and for writes.
    pub source: Vec<Option<usize>>,
}

impl Small {
    /// The history with every possible choice.
    pub fn all(history: &History) -> Vec<Self> {
        let value = |value: u32| if history.is_initial(value) { 0 } else { value };
        let mut ops: Vec<Op> = (0..history.len())
            .filter(|row| match history.status[*row] {
                Outcome::Ok => true,
                Outcome::Info => history.kind[*row] == Kind::WRITE,
                Outcome::Fail => false,
            })
            .map(|row| Op {
                row: row as u32,
                process: history.process[row],
                key: history.key[row],
                value: value(if history.kind[row] == Kind::WRITE {
                    history.argument[row]
                } else {
                    history.result[row]
                }),
                write: history.kind[row] == Kind::WRITE,
                sure: history.status[row] == Outcome::Ok,
                invoked: history.invoked[row],
                completed: history.completed[row],
            })
            .collect();
        ops.sort_by_key(|op| op.invoked);
        let mut all = vec![Self { source: vec![None; ops.len()], ops: ops.clone() }];
        for (i, op) in ops.iter().enumerate().filter(|(_, op)| !op.write) {
            let writes = (0..ops.len()).filter(|w| ops[*w].write && ops[*w].key == op.key);
            let mut choices: Vec<Option<usize>> =
                writes.filter(|w| ops[*w].value == op.value).map(Some).collect();
            choices.extend((op.value == 0).then_some(None));
            let with = |small: &Self, choice: &Option<usize>| {
                let mut small = small.clone();
                small.source[i] = *choice;
                small
            };
            all = all.iter().flat_map(|small| choices.iter().map(move |it| with(small, it))).collect();
        }
        all
    }

    /// Session order and reads-from, closed; nothing if cyclic.
    pub fn causality(&self) -> Option<Vec<Vec<bool>>> {
        let n = self.ops.len();
        let mut before = vec![vec![false; n]; n];
        for (b, op) in self.ops.iter().enumerate() {
            for (a, other) in self.ops.iter().enumerate() {
                before[a][b] = a < b && other.process == op.process || self.source[b] == Some(a);
            }
        }
        close(&mut before);
        (0..n).all(|i| !before[i][i]).then_some(before)
    }

    /// Whether the operations `within` have an order that keeps `before` in which all reads that `count` read
    /// from their source.
    pub fn serializes(
        &self,
        before: &[Vec<bool>],
        within: &dyn Fn(usize) -> bool,
        count: &dyn Fn(usize) -> bool,
    ) -> bool {
        let ops: Vec<usize> = (0..self.ops.len()).filter(|op| within(*op)).collect();
        self.extend(before, &ops, count, &mut Vec::new())
    }

    fn extend(
        &self,
        before: &[Vec<bool>],
        ops: &[usize],
        count: &dyn Fn(usize) -> bool,
        done: &mut Vec<usize>,
    ) -> bool {
        if done.len() == ops.len() {
            return true;
        }
        for op in ops {
            let ready = !done.contains(op) && ops.iter().all(|it| !before[*it][*op] || done.contains(it));
            let key = self.ops[*op].key;
            let latest = done.iter().rev().find(|it| self.ops[**it].write && self.ops[**it].key == key);
            let right = self.ops[*op].write || !count(*op) || latest.copied() == self.source[*op];
            if ready && right {
                done.push(*op);
                if self.extend(before, ops, count, done) {
                    return true;
                }
                done.pop();
            }
        }
        false
    }
}

/// Closes a relation transitively.
pub(crate) fn close(before: &mut [Vec<bool>]) {
    for via in 0..before.len() {
        let onward = before[via].clone();
        for row in before.iter_mut().filter(|row| row[via]) {
            row.iter_mut().zip(&onward).for_each(|(it, onward)| *it |= onward);
        }
    }
}

/// Plain causal consistency: each read is right in some order of its causal past.
pub(crate) fn causal(small: &Small) -> bool {
    let Some(before) = small.causality() else { return false };
    (0..small.ops.len())
        .filter(|read| !small.ops[*read].write)
        .all(|read| small.serializes(&before, &|op| op == read || before[op][read], &|op| op == read))
}

/// Causal memory: each process has an order of its causal past in which all its reads are right.
pub(crate) fn memory(small: &Small) -> bool {
    let Some(before) = small.causality() else { return false };
    (0..small.ops.len()).all(|last| {
        let own = |op: usize| small.ops[op].process == small.ops[last].process;
        small.serializes(&before, &|op| op == last || before[op][last], &own)
    })
}

/// Causal convergence: one order of all writes in which each read returns the last one of its causal past.
pub(crate) fn convergence(small: &Small) -> bool {
    let Some(before) = small.causality() else { return false };
    let writes: Vec<usize> = (0..small.ops.len()).filter(|op| small.ops[*op].write).collect();
    some_order(&before, &writes, &mut Vec::new(), &|order| {
        (0..small.ops.len()).filter(|op| !small.ops[*op].write).all(|read| {
            let seen = |w: &&usize| before[**w][read] && small.ops[**w].key == small.ops[read].key;
            order.iter().rev().find(seen).copied() == small.source[read]
        })
    })
}

fn some_order(
    before: &[Vec<bool>],
    ops: &[usize],
    done: &mut Vec<usize>,
    good: &dyn Fn(&[usize]) -> bool,
) -> bool {
    if done.len() == ops.len() {
        return good(done);
    }
    ops.iter().any(|op| {
        let ready = !done.contains(op) && ops.iter().all(|it| !before[*it][*op] || done.contains(it));
        if !ready {
            return false;
        }
        done.push(*op);
        let found = some_order(before, ops, done, good);
        done.pop();
        found
    })
}

/// PRAM: each process has an order of all writes and its own reads that keeps the sessions.
pub(crate) fn pram(small: &Small) -> bool {
    let n = small.ops.len();
    let ops = &small.ops;
    let before: Vec<Vec<bool>> =
        (0..n).map(|a| (0..n).map(|b| a < b && ops[a].process == ops[b].process).collect()).collect();
    ops.iter().all(|it| {
        let own = |op: usize| ops[op].process == it.process;
        small.serializes(&before, &|op| own(op) || ops[op].write, &own)
    })
}

/// Sequential consistency.
pub(crate) fn sequential(small: &Small) -> bool {
    let Some(before) = small.causality() else { return false };
    small.serializes(&before, &|_| true, &|_| true)
}
