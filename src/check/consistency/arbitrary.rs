//! Random small histories for the tests of the judges.
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::Rng as _;

use super::history::{Builder, History, Kind, NULL};
use crate::sim::{Outcome, Value};

/// What histories to make.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub processes: u64,
    pub operations: usize,
    pub keys: u64,
    /// How many different values are written to a key; 0: every write has its own.
    pub values: u64,
    /// Of 100 reads, how many return something else than an atomic register would.
    pub lies: u64,
    /// Of 100 operations, how many end as `info` (a new process goes on) or `fail`.
    pub unknown: u64,
}

/// Chance, the same for the same seed on every machine.
pub(crate) struct Chance(Pcg64Mcg);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Pcg64Mcg::new(u128::from(seed) << 1 | 1))
    }
    /// A number below `n`; 0 for `n = 0`.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        if n == 0 { 0 } else { (self.0.next_u64() >> 16) % n }
    }
    /// True in so many of 100 cases.
    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

struct Open {
    process: u32,
    kind: Kind,
    key: u64,
    value: i64,
    invoked: i64,
    took_effect: Option<i64>,
}

/// The reads and writes of some processes on registers that start as null: atomic where nobody lies.
///
/// Each step invokes, lets take effect or completes one operation of one process. Times may coincide.
pub(crate) fn registers(chance: &mut Chance, shape: Shape) -> History {
    let mut builder = Builder::default();
    let mut state = vec![0i64; shape.keys as usize];
    let mut open: Vec<Option<Open>> = (0..shape.processes).map(|_| None).collect();
    let mut names = shape.processes;
    let mut lanes: Vec<u64> = (0..shape.processes).collect();
    let (mut clock, mut written, mut invoked) = (0, 0, 0);
    while invoked < shape.operations || open.iter().any(Option::is_some) {
        clock += i64::from(chance.percent(80));
        let lane = chance.below(shape.processes) as usize;
        match &mut open[lane] {
            None if invoked < shape.operations => {
                invoked += 1;
                let write = chance.percent(45);
                written += i64::from(write);
                let value = if shape.values == 0 { written } else { 1 + chance.below(shape.values) as i64 };
                open[lane] = Some(Open {
                    process: builder.process(&format!("p{}", lanes[lane])),
                    kind: if write { Kind::WRITE } else { Kind::READ },
                    key: chance.below(shape.keys),
                    value,
                    invoked: clock,
                    took_effect: None,
                });
            }
            None => {}
            Some(op) if op.took_effect.is_none() => {
                let cell = &mut state[op.key as usize];
                let fails = chance.percent(shape.unknown / 2);
                if op.kind == Kind::WRITE && !fails {
                    *cell = op.value;
                }
                op.took_effect = Some(if fails { -1 } else { *cell });
            }
            Some(_) => {
                let op = open[lane].take().expect("it is some");
                let range = if shape.values == 0 { written as u64 } else { shape.values };
                complete(&mut builder, chance, shape, op, clock, range);
                if builder.ends_in_info() {
                    lanes[lane] = names;
                    names += 1;
                }
            }
        }
    }
    builder.finish().expect("well formed")
}

fn complete(builder: &mut Builder, chance: &mut Chance, shape: Shape, op: Open, clock: i64, range: u64) {
    let saw = op.took_effect.expect("it took effect or failed");
    let key = builder.value(Value::from(&*format!("k{}", op.key)));
    let failed = saw < 0;
    let unknown = failed || chance.percent(shape.unknown / 2);
    let lie = op.kind == Kind::READ && chance.percent(shape.lies);
    let seen = if lie { chance.below(range + 1) as i64 } else { saw };
    let argument = if op.kind == Kind::WRITE { builder.value(op.value.into()) } else { NULL };
    let known_result = op.kind == Kind::READ && !unknown && seen != 0;
    let result = if known_result { builder.value(seen.into()) } else { NULL };
    let status = match unknown {
        true if failed && chance.percent(50) => Outcome::Fail,
        true => Outcome::Info,
        false => Outcome::Ok,
    };
    let completed = (status != Outcome::Info).then_some(clock);
    builder.push(op.process, op.kind, key, argument, result, status, op.invoked, completed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histories_have_the_asked_number_of_operations_of_every_status() {
        let shape = Shape { processes: 3, operations: 12, keys: 2, values: 2, lies: 20, unknown: 40 };
        let mut seen = [0; 3];
        for seed in 0..200 {
            let history = registers(&mut Chance::new(seed), shape);
            assert_eq!(history.len(), 12);
            history.status.iter().for_each(|it| seen[*it as usize] += 1);
        }
        assert!(seen.iter().all(|count| *count > 50), "{seen:?}");
    }
}
