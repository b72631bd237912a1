//! Sequential consistency (Lamport 1979): one order of all operations that is right for the objects and keeps
//! the order of each process. Unlike linearizability, this cannot be judged object by object.
//!
//! What is linearizable is sequentially consistent, which is often quick to see. Otherwise, where written values
//! differ, it is found out first what must come before what; then comes a search. Operations of which nobody
//! knows whether they took effect are the last of their processes; they happen as late as that, or not at all.
mod explain;
mod saturate;
mod search;
mod sessions;
#[cfg(test)]
mod tests;

use std::cell::RefCell;

use super::budget::Budget;
use super::error::Error;
use super::history::History;
use super::linearizable;
use super::model::Model;
use super::spec::{Custom, Machine, Object, Parts, Spec, custom_parts, parts};
use super::verdict::{Verdict, Witness};

use self::saturate::{Saturated, saturate};
use self::search::{Found, Search};
use self::sessions::Sessions;

const SEARCH: &str = "memoized search over the positions of the processes";
const SATURATION: &str = "saturation of forced orders";
const BOTH: &str = "saturation of forced orders, memoized search over the positions of the processes";

/// Whether a history is sequentially consistent with a built-in specification.
///
/// NP-complete even for registers (Gibbons and Korach 1997): at worst exponential in the number of processes,
/// O(n^processes) configurations. Saturation takes O(n x processes) a round. Fails if the specification does not
/// have an operation.
pub fn check(history: &History, spec: &Spec, budget: &Budget) -> Result<Verdict, Error> {
    let quick = Budget { states: budget.states.min(8 * history.len() as u64 + 1_000), ..*budget };
    let linearizable = linearizable::check(history, spec, &quick)?;
    if linearizable.ok == Some(true) {
        return Ok(Verdict { model: Model::Sequential, ..linearizable });
    }
    let parts = parts(history, spec)?;
    let mut objects = vec![];
    for part in 0..parts.len() {
        objects.push(spec.object(history, parts.rows(part))?.boxed());
    }
    let spent = linearizable.states;
    judge(history, &parts, &mut objects, budget).map(|verdict| {
        let states = verdict.states + spent;
        verdict.after(states)
    })
}

/// Whether a history is sequentially consistent with a user's own specification. See [`check`].
///
/// The machine is asked for one group at a time, though the groups are judged together.
pub fn check_machine(
    history: &History,
    machine: &mut dyn Machine,
    budget: &Budget,
) -> Result<Verdict, Error> {
    let broken = |row| Error::Specification { row: row as usize };
    let parts = custom_parts(history, machine).map_err(broken)?;
    let shared = RefCell::new(machine);
    let mut objects = vec![];
    for part in 0..parts.len() {
        objects.push(Custom::new(&shared, history, parts.group(part), parts.rows(part)));
    }
    judge(history, &parts, &mut objects, budget)
}

fn judge<O: Object>(
    history: &History,
    parts: &Parts,
    objects: &mut [O],
    budget: &Budget,
) -> Result<Verdict, Error> {
    let sessions = Sessions::new(history, parts, objects);
    let mut initial = vec![];
    for (part, object) in objects.iter_mut().enumerate() {
        let row = parts.rows(part)[0] as usize;
        initial.push(object.initial().map_err(|_| Error::Specification { row })?);
    }
    let (saturated, steps) = saturate(&sessions, &initial, budget);
    let (clocks, algorithm) = match saturated {
        Saturated::Clocks(clocks) => (clocks, BOTH),
        Saturated::NotApplicable | Saturated::Exhausted => (vec![], SEARCH),
        Saturated::Cycle(cycle) => {
            let flaw = explain::cycle(history, &sessions, &cycle);
            return Ok(Verdict::fails(Model::Sequential, SATURATION, flaw).after(steps));
        }
        Saturated::Nowhere(op) => {
            let flaw = explain::nowhere(history, sessions.ops[op as usize].row);
            return Ok(Verdict::fails(Model::Sequential, SATURATION, flaw).after(steps));
        }
    };
    let mut search = Search::new(history, &sessions, &clocks, objects);
    let found = search.run(budget);
    let states = steps + search.looked_at;
    let verdict = match found {
        Found::Order(rows) => Verdict::holds(Model::Sequential, algorithm, Witness::Order(rows)),
        Found::Stuck(longest, blocked) => {
            Verdict::fails(Model::Sequential, algorithm, explain::stuck(history, &longest, &blocked))
        }
        Found::Exhausted => Verdict::unknown(Model::Sequential, algorithm),
        Found::Broken(row) => return Err(Error::Specification { row: row as usize }),
    };
    Ok(verdict.after(states))
}
