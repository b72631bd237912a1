//! Logical and bounded clocks as Python sees them: numbers in, numbers out; the facades make values of them.
use std::collections::BTreeMap;

use pyo3::prelude::*;

use super::errors::class::ClockError;
use crate::machines::clocks::possible_relations;
use crate::machines::clocks::{Entries, Error, Hybrid, Lamport, Relation, Rule, Vector};

/// Adds what is here to the native module.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(lamport_next, m)?)?;
    m.add_function(wrap_pyfunction!(lamport_relations, m)?)?;
    m.add_function(wrap_pyfunction!(vector_next, m)?)?;
    m.add_function(wrap_pyfunction!(vector_merge, m)?)?;
    m.add_function(wrap_pyfunction!(vector_relation, m)?)?;
    m.add_function(wrap_pyfunction!(hybrid_next, m)?)
}

fn raise(error: Error) -> PyErr {
    ClockError::new_err(error.to_string())
}

/// The counter of the next event, which receives `message` if there is one.
#[pyfunction]
fn lamport_next(counter: u64, message: Option<u64>, notes: bool) -> PyResult<u64> {
    let clock = Lamport { counter, process: () };
    let rule = if notes { Rule::Notes } else { Rule::Standard };
    let next = match message {
        Some(counter) => clock.receive(&Lamport { counter, process: () }, rule),
        None => clock.tick(),
    };
    next.map(|it| it.counter).map_err(raise)
}

/// What two counters leave open.
#[pyfunction]
fn lamport_relations(a: u64, b: u64, same_process: bool) -> Vec<&'static str> {
    let second = Lamport { counter: b, process: !same_process };
    let open = possible_relations(&Lamport { counter: a, process: false }, &second);
    open.into_iter().map(Relation::name).collect()
}

/// A dense vector, or a sparse one.
#[derive(FromPyObject, IntoPyObject)]
enum Either {
    Dense(Vec<u64>),
    Sparse(BTreeMap<String, u64>),
}

/// Which process.
#[derive(FromPyObject)]
enum Process {
    Number(usize),
    Name(String),
}

/// Runs `body` on two vectors of one kind.
fn both<T>(
    a: Either,
    b: Either,
    dense: impl FnOnce(Vector<Vec<u64>>, Vector<Vec<u64>>) -> Result<T, Error>,
    sparse: impl FnOnce(Vector<BTreeMap<String, u64>>, Vector<BTreeMap<String, u64>>) -> Result<T, Error>,
) -> PyResult<T> {
    match (a, b) {
        (Either::Dense(a), Either::Dense(b)) => dense(Vector(a), Vector(b)).map_err(raise),
        (Either::Sparse(a), Either::Sparse(b)) => sparse(Vector(a), Vector(b)).map_err(raise),
        _ => Err(ClockError::new_err("a vector of numbered processes and one of named processes do not mix")),
    }
}

/// The vector of the next event of `process`, which receives `message` if there is one.
#[pyfunction]
fn vector_next(clock: Either, process: Process, message: Option<Either>) -> PyResult<Either> {
    fn next<E: Entries>(clock: Vector<E>, process: &E::Process, message: Option<E>) -> Result<E, Error> {
        let next = match message {
            Some(message) => clock.receive(&Vector(message), process),
            None => clock.tick(process),
        };
        next.map(|it| it.0)
    }
    let mixed =
        || ClockError::new_err("a vector of numbered processes and one of named processes do not mix");
    match (clock, process, message) {
        (Either::Dense(clock), Process::Number(process), None) => {
            next(Vector(clock), &process, None).map(Either::Dense).map_err(raise)
        }
        (Either::Dense(clock), Process::Number(process), Some(Either::Dense(message))) => {
            next(Vector(clock), &process, Some(message)).map(Either::Dense).map_err(raise)
        }
        (Either::Sparse(clock), Process::Name(process), None) => {
            next(Vector(clock), &process, None).map(Either::Sparse).map_err(raise)
        }
        (Either::Sparse(clock), Process::Name(process), Some(Either::Sparse(message))) => {
            next(Vector(clock), &process, Some(message)).map(Either::Sparse).map_err(raise)
        }
        _ => Err(mixed()),
    }
}

/// The larger of each two entries.
#[pyfunction]
fn vector_merge(a: Either, b: Either) -> PyResult<Either> {
    both(
        a,
        b,
        |a, b| a.merge(&b).map(|it| Either::Dense(it.0)),
        |a, b| a.merge(&b).map(|it| Either::Sparse(it.0)),
    )
}

/// How the event of the first stands to that of the second.
#[pyfunction]
fn vector_relation(a: Either, b: Either) -> PyResult<&'static str> {
    both(a, b, |a, b| a.relation(&b), |a, b| a.relation(&b)).map(Relation::name)
}

/// Physical time and counter of the next event, which receives `message` if there is one.
#[pyfunction]
fn hybrid_next(
    clock: (u64, u64),
    now: u64,
    message: Option<(u64, u64)>,
    bound: Option<u64>,
) -> PyResult<(u64, u64)> {
    let hybrid = |(physical, counter)| Hybrid { physical, counter };
    let next = match message {
        Some(message) => hybrid(clock).receive(&hybrid(message), now, bound),
        None => hybrid(clock).tick(now),
    };
    next.map(|it| (it.physical, it.counter)).map_err(raise)
}
