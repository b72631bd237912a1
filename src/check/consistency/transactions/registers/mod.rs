//! Transactions on registers: who read from whom is known, the order of the versions is not.
//!
//! | file | what it does |
//! |---|---|
//! | `reads_from.rs` | finds who wrote what was read; flaws that need no order |
//! | `choices.rs` | tries out the sources of reads that several writes explain |
//! | `txns.rs` | the committed transactions as dense arrays |
//! | `weak.rs` | read committed, read atomic, transactional causal: the least commit order |
//! | `events.rs` | the other levels as orders of events, and what follows from what |
//! | `saturate.rs` | everything that follows from what is known |
//! | `search.rs` | decides what is left open |
//! | `graph.rs`, `flaw.rs` | cycles, and what they say |
//!
//! The weak levels take time O(n^1.5) and O(n·k) for n accesses and k sessions. The others are NP-complete
//! for registers (Papadimitriou 1979; Biswas and Enea 2019), but saturation, which is polynomial, decides
//! most histories alone, and the search seldom meets more than a few contradictions.
use super::{Exhausted, Meter};
use crate::check::consistency::history::{History, NEVER};
use crate::check::consistency::{Budget, Error, Flaw, Model, Verdict, Witness};

use self::events::{Events, Shape};
use self::reads_from::{ReadsFrom, Stop};
use self::saturate::Saturation;
use self::search::Search;
use self::txns::Txns;
use self::weak::Saturated;

mod choices;
mod events;
mod flaw;
mod graph;
mod reads_from;
mod saturate;
mod search;
#[cfg(test)]
mod tests;
mod txns;
mod weak;

/// What came out for one choice of sources.
enum Judgement {
    /// The rows in a commit order.
    Holds(Vec<u32>),
    Fails(Box<Flaw>),
}

/// Whether transactions on registers are as isolated as a transactional model asks for.
///
/// # Errors
/// [`Error::BadOperation`] for an access that is not to a register.
pub fn check(history: &History, model: Model, budget: &Budget<'_>) -> Result<Verdict, Error> {
    let algorithm = algorithm(model);
    let mut meter = Meter::new(budget);
    let judged = match reads_from::resolve(history) {
        Err(Stop::Error(error)) => return Err(error),
        Err(Stop::Flaw(flaw)) => Ok(Judgement::Fails(flaw)),
        Ok(from) if from.choices.is_empty() => judge(history, &from, model, &mut meter),
        Ok(from) => choices::judge(history, from, model, &mut meter),
    };
    let verdict = match judged {
        Ok(Judgement::Holds(order)) => Verdict::holds(model, algorithm, Witness::Order(order)),
        Ok(Judgement::Fails(flaw)) => Verdict::fails(model, algorithm, *flaw),
        Err(Exhausted) => Verdict::unknown(model, algorithm),
    };
    Ok(verdict.after(meter.spent()))
}

fn algorithm(model: Model) -> &'static str {
    match model {
        Model::ReadCommitted | Model::ReadAtomic | Model::TransactionalCausal => {
            "least commit order (AWDIT, Moldrup-Pavlogiannis 2025)"
        }
        _ => "saturation by vector clocks, search with backjumping",
    }
}

/// Judges a history whose reads have these sources. Reads without one are ignored.
fn judge(
    history: &History,
    from: &ReadsFrom,
    model: Model,
    meter: &mut Meter<'_>,
) -> Result<Judgement, Exhausted> {
    let txns = Txns::new(history, from);
    if let Some(shape) = shape(model) {
        return strong_level(history, &txns, shape, model, meter);
    }
    let saturated = match model {
        Model::ReadCommitted => weak::read_committed(&txns),
        Model::ReadAtomic => weak::read_atomic(&txns),
        _ => {
            meter.afford(txns.len() as u64 * txns.sessions_len() as u64 * 4)?;
            weak::causal(&txns)
        }
    };
    weak_level(history, &txns, saturated, meter)
}

/// The events of the levels that need an order of the versions.
fn shape(model: Model) -> Option<Shape> {
    match model {
        Model::Prefix => Some(Shape::Prefix),
        Model::SnapshotIsolation => Some(Shape::Snapshot),
        Model::Serializable | Model::StrictSerializable => Some(Shape::Whole),
        _ => None,
    }
}

/// The events of a level, and what is known of their order.
fn events_of<'a>(
    history: &History,
    txns: &'a Txns,
    shape: Shape,
    model: Model,
) -> (Events<'a>, Vec<graph::Edge>) {
    let mut events = Events::new(txns, shape);
    let mut known = events.known();
    if model == Model::StrictSerializable {
        events.add_real_time(history, &mut known);
    }
    (events, known)
}

fn weak_level(
    history: &History,
    txns: &Txns,
    saturated: Saturated,
    meter: &mut Meter<'_>,
) -> Result<Judgement, Exhausted> {
    meter.spend(saturated.edges.len() as u64)?;
    Ok(match saturated.order {
        Ok(order) => Judgement::Holds(order.into_iter().map(|txn| txns.row[txn as usize]).collect()),
        Err(cycle) => {
            let events = Events::new(txns, Shape::Whole);
            Judgement::Fails(Box::new(flaw::tell(history, &events, &saturated.edges, &cycle)))
        }
    })
}

fn strong_level(
    history: &History,
    txns: &Txns,
    shape: Shape,
    model: Model,
    meter: &mut Meter<'_>,
) -> Result<Judgement, Exhausted> {
    let (events, known) = events_of(history, txns, shape, model);
    let saturation = Saturation::new(&events, known, meter)?;
    if let Err(cycle) = &saturation.order {
        return Ok(Judgement::Fails(Box::new(flaw::tell(history, &events, &saturation.edges, cycle))));
    }
    let hints = hints(history, &events);
    let mut search = Search::new(&events, saturation, &hints);
    let outcome = search.run(meter)?;
    meter.spend(outcome.states)?;
    if !outcome.found {
        return Ok(Judgement::Fails(Box::new(flaw::refuted(history, &events, model, &outcome))));
    }
    let links = graph::Links::new(events.len(), &search.edges);
    let graph = graph::Graph { chain: &events.chain, edges: &search.edges, links: &links };
    match graph.sort() {
        Ok(order) => Ok(Judgement::Holds(commits(&events, &order))),
        Err(cycle) => Ok(Judgement::Fails(Box::new(flaw::tell(history, &events, &search.edges, &cycle)))),
    }
}

/// The rows in the order of their commits.
fn commits(events: &Events<'_>, order: &[u32]) -> Vec<u32> {
    let commits = order.iter().filter_map(|event| {
        let txn = events.txn(*event)?;
        (events.shape.commit(txn) == *event).then(|| events.txns.row[txn as usize])
    });
    commits.collect()
}

/// Of each event, about when it happened.
fn hints(history: &History, events: &Events<'_>) -> Vec<u32> {
    let all = (0..events.len() as u32).map_while(|event| {
        let txn = events.txn(event)?;
        let row = events.txns.row[txn as usize] as usize;
        let invoked = history.invoked[row];
        let completed = if history.completed[row] == NEVER { invoked } else { history.completed[row] };
        Some(match events.shape {
            Shape::Whole => invoked / 2 + completed / 2,
            _ if event == events.shape.begin(txn) => invoked,
            _ => completed,
        })
    });
    all.collect()
}
