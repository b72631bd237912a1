//! Random small histories of transactions on registers, from stores of every strength.
use crate::check::consistency::arbitrary::Chance;
use crate::check::consistency::history::{Access, Builder, History};
use crate::sim::{Outcome, Value};

/// What histories to make.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub sessions: u64,
    pub txns: usize,
    pub keys: u64,
    pub accesses: u64,
    /// How many different values are written to a key; 0: every write has its own.
    pub values: u64,
    /// Of 100 reads, how many return something else.
    pub lies: u64,
    /// Of 100 transactions, how many end as `info` or `fail`.
    pub unknown: u64,
}

/// How a store answers reads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Store {
    /// One transaction after the other.
    Serial,
    /// From a snapshot; the first committer wins.
    Snapshot,
    /// From a snapshot.
    Prefix,
    /// From a replica of the session's own, which learns of others' transactions by and by.
    Replica,
    /// From the snapshot or the latest state.
    Committed,
    /// Anything that was ever written.
    Chaos,
}

type State = Vec<i64>;

struct Open {
    snapshot: State,
    invoked: i64,
    versions: Vec<u64>,
}

struct Simulation<'a> {
    chance: &'a mut Chance,
    shape: Shape,
    store: Store,
    state: State,
    versions: Vec<u64>,
    replicas: Vec<State>,
    written: i64,
}

pub(super) fn history(chance: &mut Chance, shape: Shape) -> History {
    let all = [Store::Serial, Store::Snapshot, Store::Prefix, Store::Replica, Store::Committed, Store::Chaos];
    let store = all[chance.below(6) as usize];
    let keys = shape.keys as usize;
    let mut it = Simulation {
        chance,
        shape,
        store,
        state: vec![0; keys],
        versions: vec![0; keys],
        replicas: vec![vec![0; keys]; shape.sessions as usize],
        written: 0,
    };
    it.run()
}

impl Simulation<'_> {
    fn run(&mut self) -> History {
        let mut builder = Builder::default();
        let mut open: Vec<Option<Open>> = (0..self.shape.sessions).map(|_| None).collect();
        let mut names: Vec<u64> = (0..self.shape.sessions).collect();
        let (mut clock, mut begun) = (0, 0);
        while begun < self.shape.txns || open.iter().any(Option::is_some) {
            clock += i64::from(self.chance.percent(80));
            let lane = self.chance.below(self.shape.sessions) as usize;
            match open[lane].take() {
                None if begun < self.shape.txns => {
                    begun += 1;
                    let snapshot = self.state.clone();
                    open[lane] = Some(Open { snapshot, invoked: clock, versions: self.versions.clone() });
                }
                None => {}
                Some(it) => {
                    self.complete(&mut builder, lane, names[lane], it, clock);
                    if builder.ends_in_info() {
                        names[lane] += self.shape.sessions;
                    }
                }
            }
        }
        builder.finish().expect("well formed")
    }

    fn complete(&mut self, builder: &mut Builder, lane: usize, name: u64, open: Open, clock: i64) {
        let mut view = match self.store {
            Store::Serial => self.state.clone(),
            Store::Replica => self.replicas[lane].clone(),
            _ => open.snapshot,
        };
        let mut accesses = vec![];
        let mut own: Vec<Option<i64>> = vec![None; self.shape.keys as usize];
        for _ in 0..1 + self.chance.below(self.shape.accesses) {
            let key = self.chance.below(self.shape.keys) as usize;
            let name = builder.value(Value::from(&*format!("k{key}")));
            if self.chance.percent(45) {
                self.written += 1;
                let value = match self.shape.values {
                    0 => self.written,
                    values => self.chance.below(values + 1) as i64,
                };
                own[key] = Some(value);
                accesses.push((name, Access::Write(builder.value(value.into()))));
            } else {
                let value = self.read(&mut view, key, own[key]);
                let access =
                    if value == 0 { Access::Read(0) } else { Access::Read(builder.value(value.into())) };
                accesses.push((name, access));
            }
        }
        let conflicts =
            (0..own.len()).any(|key| own[key].is_some() && self.versions[key] != open.versions[key]);
        let fails = self.store == Store::Snapshot && conflicts || self.chance.percent(self.shape.unknown / 3);
        if !fails {
            self.apply(lane, &own);
        }
        let unknown = self.chance.percent(self.shape.unknown);
        let status = match (fails, unknown) {
            (_, true) => Outcome::Info,
            (true, false) => Outcome::Fail,
            (false, false) => Outcome::Ok,
        };
        if self.shape.values > 0 {
            builder.initial(0.into());
        }
        let process = builder.process(&format!("s{name}"));
        let completed = (status != Outcome::Info).then_some(clock);
        builder.push_txn(process, accesses, status, open.invoked, completed);
    }

    fn read(&mut self, view: &mut State, key: usize, own: Option<i64>) -> i64 {
        if self.store == Store::Committed && self.chance.percent(50) {
            view[key] = self.state[key];
        }
        if self.store == Store::Chaos && own.is_none() || self.chance.percent(self.shape.lies) {
            return self.chance.below(1 + self.written as u64) as i64;
        }
        own.unwrap_or(view[key])
    }

    fn apply(&mut self, lane: usize, own: &[Option<i64>]) {
        for (key, value) in own.iter().enumerate() {
            let Some(value) = value else { continue };
            self.state[key] = *value;
            self.versions[key] += 1;
        }
        for (other, replica) in self.replicas.iter_mut().enumerate() {
            if other == lane || self.chance.percent(50) {
                for (key, value) in own.iter().enumerate() {
                    replica[key] = value.unwrap_or(replica[key]);
                }
            }
        }
    }
}

/// Transactions in sessions of their own with many choices: for each key there are two writers, and a reader
/// of one of them, which the other must not come between. At a certain number of keys these are hard.
pub(super) fn choices(chance: &mut Chance, txns: u64, keys: u64) -> History {
    let mut builder = Builder::default();
    let mut accesses: Vec<Vec<(u32, Access)>> = vec![vec![]; txns as usize];
    for key in 0..keys {
        let name = builder.value(Value::from(&*format!("k{key}")));
        let (one, other) = (builder.value(1.into()), builder.value(2.into()));
        let read = chance.below(txns - 1) as usize;
        let reader = read + 1 + chance.below(txns - 1 - read as u64) as usize;
        let between = chance.below(txns) as usize;
        accesses[reader].push((name, Access::Read(one)));
        accesses[read].push((name, Access::Write(one)));
        if between != read && between != reader {
            accesses[between].push((name, Access::Write(other)));
        }
    }
    for (txn, accesses) in accesses.into_iter().enumerate() {
        let process = builder.process(&format!("s{txn}"));
        builder.push_txn(process, accesses, Outcome::Ok, 0, Some(1));
    }
    builder.finish().expect("well formed")
}

/// A formula of clauses of two literals, as (variable, whether it is to be true), and a history that is as
/// isolated as any strong level asks for exactly if the formula can be satisfied.
///
/// Each variable is a key with two writers, false before true or the reverse. Each clause is a cycle of two
/// readers, closed if the versions that they read are both the overwritten ones. Nothing follows without a
/// guess.
pub(super) fn formula(
    chance: &mut Chance,
    variables: u64,
    clauses: usize,
) -> (Vec<[(u64, bool); 2]>, History) {
    let mut literal = || (chance.below(variables), chance.percent(50));
    let formula: Vec<_> = (0..clauses).map(|_| [literal(), literal()]).collect();
    let mut builder = Builder::default();
    let (one, two) = (builder.value(1.into()), builder.value(2.into()));
    // The writers of variable v are 2v and 2v + 1, then come two readers for each clause.
    let mut accesses: Vec<Vec<(u32, Access)>> = vec![vec![]; 2 * variables as usize + 2 * clauses];
    for variable in 0..variables {
        let key = builder.value(Value::from(&*format!("v{variable}")));
        accesses[2 * variable as usize].push((key, Access::Write(one)));
        accesses[2 * variable as usize + 1].push((key, Access::Write(two)));
    }
    for (number, clause) in formula.iter().enumerate() {
        let readers = [0, 1].map(|it| 2 * variables as usize + 2 * number + it);
        for (place, (variable, wanted)) in clause.iter().enumerate() {
            // True means that the writer of 1 is the later one; the reader's version must be the later one.
            let key = builder.value(Value::from(&*format!("v{variable}")));
            let (version, other) = if *wanted { (one, 1) } else { (two, 0) };
            accesses[readers[place]].push((key, Access::Read(version)));
            let link = builder.value(Value::from(&*format!("c{number}.{place}")));
            accesses[2 * *variable as usize + other].push((link, Access::Write(one)));
            accesses[readers[1 - place]].push((link, Access::Read(one)));
        }
    }
    for (txn, accesses) in accesses.into_iter().enumerate() {
        let process = builder.process(&format!("s{txn}"));
        builder.push_txn(process, accesses, Outcome::Ok, 0, Some(1));
    }
    (formula, builder.finish().expect("well formed"))
}
