//! Causal consistency, plain and convergent (notes 2.5.4).
//!
//! Source: Bouajjani, Enea, Guerraoui, Hamza, *On verifying causal consistency* (POPL 2017). Causality is the
//! order of the sessions and of reads after the writes that they read from. A history is
//! - causally consistent (CC) if causality has no cycle, no read returns what was overwritten in its past
//!   (`WriteCORead`), and none returns the initial value of a key with a write in its past (`WriteCOInitRead`);
//! - causally convergent (CCv) if moreover writes have one order that extends causality and in which a read
//!   returns the last write of its past: the conflict order (a write before the one that a read returned in
//!   spite of it) makes no cycle with causality (`CyclicCF`).
//!
//! Causal memory (CM) is judged by [`super::views`]. The initial value counts as written before everything.
//! Cost: O(n log n) if the history is linearizable or nearly so, see `reads_from/points.rs`; at worst O(n ·
//! processes) small steps more, see `reads_from/past.rs`. Memory O(n).
use super::reads_from::hidden::{Order, Proof};
use super::reads_from::order::{self, edge};
use super::reads_from::past::causal_links;
use super::reads_from::points::Following;
use super::reads_from::{Finding, INITIAL, Run, judge};
use super::{Budget, Error, Flaw, History, Model, Verdict, Witness, views};

mod converge;
#[cfg(test)]
mod tests;

const PLAIN: &str = "bad patterns of causal consistency (Bouajjani et al. 2017)";
const CONVERGENT: &str = "bad patterns of causal convergence (Bouajjani et al. 2017)";

/// Judges a history of reads and writes by [`Model::Causal`], [`Model::CausalConvergence`] or
/// [`Model::CausalMemory`].
///
/// A convergent history's witness is an order of all operations: it keeps causality, and each read returns the
/// write to its key that is the last one in this order among those in its causal past.
///
/// # Errors
/// [`Error::UnknownKind`] for other operations than reads and writes, [`Error::NotDefined`] for other models.
pub fn check(history: &History, model: Model, budget: &Budget<'_>) -> Result<Verdict, Error> {
    match model {
        Model::Causal => judge(history, model, PLAIN, budget, |run| plain(run, budget)),
        Model::CausalConvergence => {
            judge(history, model, CONVERGENT, budget, |run| converge::converges(run, budget))
        }
        Model::CausalMemory => views::check(history, model, budget),
        _ => Err(Error::NotDefined {
            model,
            what: "the causal checker".to_owned(),
            hint: "it knows causal, causal-convergence and causal-memory".to_owned(),
        }),
    }
}

fn plain(run: &Run<'_>, budget: &Budget<'_>) -> Finding {
    let place = match order::causal(run) {
        Ok(place) => place,
        Err(cycle) => return Some(Err(Box::new(order::cyclic(run, &cycle)))),
    };
    let following = Following::of(run, &run.by_place(&place));
    if following.explains_all(run, &place) {
        return Some(Ok(Witness::Absence));
    }
    let links = causal_links(run);
    let order = Order { run, links: &links, place: &place, pushes: None, following: &following };
    match order.hidden(|op| sources(run, op), budget)? {
        Ok(_) => Some(Ok(Witness::Absence)),
        Err(read) => Some(Err(Box::new(overwritten(&order, read)))),
    }
}

/// What a read reads from, as a list of one; an empty list for everything else.
fn sources<'r>(run: &'r Run<'_>, op: u32) -> &'r [u32] {
    if run.is_known_read(op) { std::slice::from_ref(&run.source[op as usize]) } else { &[] }
}

/// The flaw of a read whose source was overwritten in its past.
fn overwritten(order: &Order<'_>, read: u32) -> Flaw {
    let run = order.run;
    let source = run.source[read as usize];
    let Some(Proof { over, to_read, to_over }) = order.prove(read, source) else { return Flaw::default() };
    let mut culprits = vec![read, over];
    culprits.extend(to_over.iter().chain(&to_read));
    let through = |path: &[u32]| {
        let words: Vec<String> = path.iter().map(|op| run.say(*op)).collect();
        words.join("; ")
    };
    let (anomaly, reason) = if source == INITIAL {
        let reason = format!(
            "{} returns the initial value, but {} comes before it by causality: {}; {}.",
            run.say(read),
            run.say(over),
            through(&to_read),
            run.say_short(read)
        );
        ("stale read of the initial value", reason)
    } else {
        culprits.push(source);
        let reason = format!(
            "{} returns what was overwritten in its causal past: {} comes after {} ({}) and before the read ({}).",
            run.say(read),
            run.say(over),
            run.say_short(source),
            through(&to_over),
            through(&to_read),
        );
        ("stale read", reason)
    };
    let mut cycle: Vec<u32> = to_over;
    cycle.extend(&to_read);
    cycle.push(read);
    cycle.dedup();
    Flaw {
        anomaly: anomaly.to_owned(),
        reason,
        culprits: rows(run, &culprits),
        cycle: cycle.windows(2).map(|pair| edge(run, pair[0], pair[1])).collect(),
        ..Flaw::default()
    }
}

/// The rows of some operations, each once.
fn rows(run: &Run<'_>, ops: &[u32]) -> Vec<u32> {
    let mut rows: Vec<u32> = Vec::with_capacity(ops.len());
    for op in ops {
        let row = run.rows[*op as usize];
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    rows
}
