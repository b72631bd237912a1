//! Linearizability (Herlihy and Wing 1990): one order of all operations that is right for the object and keeps
//! what was over before something else began.
//!
//! Each independent part of a history is judged on its own (locality), by the best that is known for it:
//! registers whose written values differ by their zones, queues whose elements differ by the order of these,
//! stacks whose elements differ by how these nest, everything else by just-in-time search.
#[cfg(test)]
mod cases;
mod elements;
pub(super) mod explain;
mod mask;
mod order;
mod queue;
mod search;
mod stack;
#[cfg(test)]
mod tests;
mod timeline;
mod zones;

use std::cell::RefCell;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::budget::Budget;
use super::error::Error;
use super::history::History;
use super::model::Model;
use super::spec::{Any, Custom, Machine, Object, Spec, custom_parts, parts};
use super::verdict::{Flaw, Verdict, Witness};

use self::elements::Shown;
use self::mask::{Mask, Wide};
use self::search::{Found, Search};
use self::timeline::Timeline;
use self::zones::{Cell, Writers, Zoned};

const SEARCH: &str = "just-in-time search (Lowe 2017)";

const QUEUE: &str = "order of elements (Henzinger et al. 2013)";
const STACK: &str = "nesting of elements (after Lee and Mathur 2024)";
const ZONES: &str = "zones (Gibbons-Korach 1997)";

/// How many pieces the work of all parts is cut into.
const CHUNKS: usize = 16;

/// Below this many operations, threads cost more than they save.
const WORTH_THREADS: usize = 2_000;

/// What became of one part.
struct Judged {
    found: Part,
    algorithm: &'static str,
    states: u64,
}

enum Part {
    /// An order, as (point, row); points are those of [`order::merge`] and do not descend.
    Order(Vec<(u32, u32)>),
    Flaw(Box<Flaw>),
    Exhausted,
}

/// Whether a history is linearizable with a built-in specification.
///
/// The budget's states are meant for each independent part. Takes O(n log n) where written values (or queued
/// elements) differ, otherwise as long as the search takes: at worst exponential in the number of operations
/// that are open at a time. Fails if the specification does not have an operation.
pub fn check(history: &History, spec: &Spec, budget: &Budget) -> Result<Verdict, Error> {
    let parts = parts(history, spec)?;
    let share = share(budget, parts.len());
    let registers = matches!(spec, Spec::Register | Spec::CasRegister | Spec::Kv);
    let cells = if registers { zones::cells(history, &parts) } else { vec![] };
    let failed = AtomicUsize::new(usize::MAX);
    let judge = |chunk: Range<usize>| {
        let mut writers = None;
        let mut judged = vec![];
        for part in chunk {
            // Parts after one that failed do not matter, so what is found does not depend on how threads run.
            if part > failed.load(Ordering::Relaxed) {
                break;
            }
            let zoned = cells.get(parts.range(part)).filter(|it| zones::apply(it));
            let quick = zoned.and_then(|it| by_zones(history, it, &mut writers));
            let one = quick.map_or_else(|| judge(history, spec, parts.rows(part), &share), Ok);
            if !matches!(one, Ok(Judged { found: Part::Order(_) | Part::Exhausted, .. })) {
                failed.fetch_min(part, Ordering::Relaxed);
            }
            judged.push(one);
        }
        judged
    };
    let judged: Vec<_> = if history.len() < WORTH_THREADS || parts.len() < 2 {
        judge(0..parts.len())
    } else {
        let size = parts.len().div_ceil(CHUNKS);
        let chunks = (0..parts.len()).into_par_iter().step_by(size);
        chunks.flat_map_iter(|start| judge(start..parts.len().min(start + size))).collect()
    };
    conclude(history, judged)
}

/// Whether a history is linearizable with a user's own specification. See [`check`].
pub fn check_machine(
    history: &History,
    machine: &mut dyn Machine,
    budget: &Budget,
) -> Result<Verdict, Error> {
    let broken = |row| Error::Specification { row: row as usize };
    let parts = custom_parts(history, machine).map_err(broken)?;
    let share = share(budget, parts.len());
    let shared = RefCell::new(machine);
    let mut judged = vec![];
    for part in 0..parts.len() {
        let rows = parts.rows(part);
        let mut object = Custom::new(&shared, history, parts.group(part), rows);
        let one = search(history, rows, &mut object, &share);
        let ends = !matches!(one, Ok(Judged { found: Part::Order(_) | Part::Exhausted, .. }));
        judged.push(one);
        if ends {
            break;
        }
    }
    conclude(history, judged)
}

/// The budget of one of so many parts. It must not depend on the number of threads.
fn share<'a>(budget: &Budget<'a>, parts: usize) -> Budget<'a> {
    Budget { memory_bytes: budget.memory_bytes / parts.clamp(1, 8) as u64, ..*budget }
}

fn conclude(
    history: &History,
    judged: impl IntoIterator<Item = Result<Judged, Error>>,
) -> Result<Verdict, Error> {
    let mut algorithms: Vec<&str> = vec![];
    let (mut orders, mut states, mut flaw, mut exhausted) = (vec![], 0, None, false);
    for part in judged {
        let part = part?;
        states += part.states;
        if !algorithms.contains(&part.algorithm) {
            algorithms.push(part.algorithm);
        }
        match part.found {
            Part::Order(order) => orders.push(order),
            Part::Exhausted => exhausted = true,
            Part::Flaw(found) => {
                flaw = Some(*found);
                algorithms = vec![part.algorithm];
                break;
            }
        }
    }
    let algorithm =
        if algorithms.is_empty() { String::from("nothing to order") } else { algorithms.join(", ") };
    let verdict = match flaw {
        Some(flaw) => Verdict::fails(Model::Linearizable, &algorithm, flaw),
        None if exhausted => Verdict::unknown(Model::Linearizable, &algorithm),
        None => {
            Verdict::holds(Model::Linearizable, &algorithm, Witness::Order(order::merge(history, orders)))
        }
    };
    Ok(verdict.after(states))
}

fn by_zones(history: &History, cells: &[Cell], writers: &mut Option<Writers>) -> Option<Judged> {
    let writers = writers.get_or_insert_with(|| Writers::new(history.names.values.len()));
    let found = match zones::judge(history, cells, writers) {
        Zoned::Order(order) => Part::Order(order),
        Zoned::Flaw(flaw) => Part::Flaw(flaw),
        Zoned::Repeated => return None,
    };
    Some(Judged { found, algorithm: ZONES, states: cells.len() as u64 })
}

fn judge(history: &History, spec: &Spec, rows: &[u32], budget: &Budget) -> Result<Judged, Error> {
    let by_elements = match spec {
        Spec::Queue => Some((queue::judge(history, rows), QUEUE)),
        Spec::Stack => Some((stack::judge(history, rows), STACK)),
        _ => None,
    };
    let found = match by_elements {
        Some((Shown::Order(order), algorithm)) => Some((Part::Order(order), algorithm)),
        Some((Shown::Flaw(flaw), algorithm)) => Some((Part::Flaw(flaw), algorithm)),
        Some((Shown::Unclear, _)) | None => None,
    };
    if let Some((found, algorithm)) = found {
        return Ok(Judged { found, algorithm, states: rows.len() as u64 });
    }
    match spec.object(history, rows)? {
        Any::Cells(mut cells) => search(history, rows, &mut *cells, budget),
        Any::Other(mut object) => search(history, rows, &mut object, budget),
    }
}

fn search(
    history: &History,
    rows: &[u32],
    object: &mut impl Object,
    budget: &Budget,
) -> Result<Judged, Error> {
    let line = Timeline::new(history, rows, object);
    match line.width {
        width if width <= u64::LIMIT => run::<_, u64>(history, rows, object, &line, budget),
        width if width <= u128::LIMIT => run::<_, u128>(history, rows, object, &line, budget),
        _ => run::<_, Wide>(history, rows, object, &line, budget),
    }
}

fn run<O: Object, M: Mask>(
    history: &History,
    rows: &[u32],
    object: &mut O,
    line: &Timeline,
    budget: &Budget,
) -> Result<Judged, Error> {
    let mut search = Search::<O, M>::new(object, line);
    let found = search.run(budget);
    let states = search.states;
    let found = match found {
        Found::Order(trail) => {
            let point = |(op, when): (u32, u32)| {
                let event = line.events[when as usize / 2];
                let row = rows[event as usize / 2] as usize;
                let column = if event.is_multiple_of(2) { &history.invoked } else { &history.completed };
                (2 * column[row] + when % 2, rows[op as usize])
            };
            Part::Order(trail.into_iter().map(point).collect())
        }
        Found::Stuck(stuck) => Part::Flaw(Box::new(explain::stuck(history, rows, object, line, &stuck))),
        Found::Exhausted => Part::Exhausted,
        Found::Broken(op) => return Err(Error::Specification { row: rows[op as usize] as usize }),
    };
    Ok(Judged { found, algorithm: SEARCH, states })
}
