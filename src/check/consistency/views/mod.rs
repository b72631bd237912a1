//! PRAM and causal memory: every process has its own order of all writes and of its own reads (notes 2.5.4).
//!
//! Source: Lipton and Sandberg 1988 (PRAM), Ahamad et al. 1995 (causal memory), and the saturation of Bouajjani,
//! Enea, Guerraoui, Hamza (POPL 2017), of which PRAM is the case without causality between processes. For one
//! process: what a read reads from is in the past of the read, with all before it (in its session; for causal
//! memory, by causality). Of two writes to one key in the past of a read, the one that it did not return comes
//! first. If that puts a write into the past of an earlier read, that past grows, and so on, until nothing
//! changes. The process has a view exactly if no write to a key is then in the past of a read of its initial
//! value, and there is no cycle.
//!
//! A write enters the past of a process with one of its operations, its segment. Ordered by (segment, time),
//! nearly all writes stand right; a pair of one segment that does not is sorted within its segment. O(n ·
//! processes) small steps for each round; two or three rounds are usual. A process whose reads fit between the
//! writes in the guessed order (see `reads_from/points.rs`) needs none of this: O(n log n) for all of them.
use self::explain::explain;
use self::saturate::{Saturation, View};
use super::reads_from::order;
use super::reads_from::past::causal_links;
use super::reads_from::points::{self, Following};
use super::reads_from::{Finding, NONE, Run, for_each_session, judge};
use super::{Budget, Error, History, Model, Verdict, Witness};

mod explain;
mod saturate;
#[cfg(test)]
mod tests;

const PRAM: &str = "saturation of each process's view (PRAM)";
const MEMORY: &str = "saturation of each process's view (causal memory, Bouajjani et al. 2017)";

/// The witness lists the view of every process, unless these are more entries than that together.
const WITNESS_ENTRIES: usize = 1 << 22;

/// Judges a history of reads and writes by [`Model::Pram`] or [`Model::CausalMemory`].
///
/// The witness is an order for each process that reads: of all writes and of its own reads. It is left out
/// ([`Witness::Absence`]) where it would take more than four million entries.
///
/// # Errors
/// [`Error::UnknownKind`] for other operations than reads and writes, [`Error::NotDefined`] for other models.
pub fn check(history: &History, model: Model, budget: &Budget<'_>) -> Result<Verdict, Error> {
    match model {
        Model::Pram => judge(history, model, PRAM, budget, |run| views(run, Base::Sessions, budget)),
        Model::CausalMemory => {
            judge(history, model, MEMORY, budget, |run| views(run, Base::Causality, budget))
        }
        _ => Err(Error::NotDefined {
            model,
            what: "the checker of views".to_owned(),
            hint: "it knows pram and causal-memory".to_owned(),
        }),
    }
}

/// What a view has to keep besides the reads of its process.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Base {
    /// The order of each session.
    Sessions,
    /// Causality.
    Causality,
}

fn views(run: &Run<'_>, base: Base, budget: &Budget<'_>) -> Finding {
    let (links, place) = match base {
        Base::Sessions => (run.slot.clone(), points::places(run).unwrap_or_else(|| run.place.clone())),
        Base::Causality => match order::causal(run) {
            Ok(place) => (causal_links(run), place),
            Err(cycle) => return Some(Err(Box::new(order::cyclic(run, &cycle)))),
        },
    };
    let by_place = run.by_place(&place);
    let readers: Vec<usize> = (0..run.sessions()).filter(|session| reads(run, *session)).collect();
    let writes = run.slot.iter().filter(|slot| **slot != NONE).count();
    let wanted = readers.len().saturating_mul(writes) <= WITNESS_ENTRIES;
    let following = Following::of(run, &by_place);
    let tools = || Saturation::new(run, &links, &place, &by_place);
    let views: Vec<View> = for_each_session(run, &readers, tools, |saturation, session| {
        if !following.explains(run, &place, session) {
            saturation.view(session, wanted, budget)
        } else if wanted {
            View::Possible(following.view(run, &place, &by_place, session))
        } else {
            View::Possible(vec![])
        }
    });
    let mut orders = Vec::new();
    for (session, view) in readers.into_iter().zip(views) {
        match view {
            View::OutOfBudget => return None,
            View::Impossible => return Some(Err(Box::new(explain(run, &links, &place, session)))),
            View::Possible(order) => {
                let row = run.rows[run.starts[session] as usize] as usize;
                orders.push((run.history.process[row], order));
            }
        }
    }
    if !wanted {
        return Some(Ok(Witness::Absence));
    }
    let mut views: Vec<(u32, Vec<u32>)> = Vec::with_capacity(orders.len());
    let rows = |order: Vec<u32>| run.rows_of(order.into_iter());
    orders.into_iter().for_each(|(process, order)| views.push((process, rows(order))));
    Some(Ok(Witness::Views(views)))
}

fn reads(run: &Run<'_>, session: usize) -> bool {
    run.of_session(session).any(|op| run.is_known_read(op))
}
