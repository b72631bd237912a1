//! Why there is no order, in words.
use crate::check::consistency::history::{History, Kind};
use crate::check::consistency::linearizable::explain::{unwritten, with_process};
use crate::check::consistency::verdict::{Edge, Flaw};
use crate::sim::Outcome;

use super::saturate::Why;
use super::sessions::{NONE, Sessions};

/// How many operations are named where many could be.
const NAMED: usize = 8;

/// The flaw of operations each of which must come before the next.
pub fn cycle(history: &History, sessions: &Sessions, cycle: &[(u32, u32, Why)]) -> Flaw {
    let row = |op: u32| sessions.ops[op as usize].row;
    let short = |op: u32| history.describe_short(row(op) as usize);
    let mut culprits = vec![];
    let mut edges = vec![];
    for (from, to, why) in cycle {
        let (kind, why, third) = match *why {
            Why::Session => ("session", String::from("comes later in its process"), NONE),
            Why::Reads => ("wr", format!("is read by {}", short(*to)), NONE),
            Why::BeforeReadOf(read) => ("ww", format!("comes before {}", short(read)), read),
            Why::AfterWrite(NONE) => ("rw", String::from("reads the initial value"), NONE),
            Why::AfterWrite(write) => ("rw", format!("reads {}, which is older", short(write)), write),
        };
        edges.push(Edge { from: row(*from), to: row(*to), kind: kind.to_owned(), why });
        let ops = [*from, *to, third].into_iter().filter(|op| *op != NONE);
        culprits.extend(ops.map(row));
    }
    let mut seen = vec![];
    culprits.retain(|row| {
        !seen.contains(row) && {
            seen.push(*row);
            true
        }
    });
    let order: Vec<_> = edges.iter().take(NAMED).map(|edge| with_process(history, edge.from)).collect();
    let back = edges.first().map(|edge| with_process(history, edge.from)).unwrap_or_default();
    let gap = if edges.len() > NAMED { " … before " } else { " before " };
    Flaw {
        anomaly: String::from("cycle"),
        reason: format!("Each of these must come before the next: {}{gap}{back}.", order.join(" before ")),
        culprits,
        cycle: edges,
        ..Flaw::default()
    }
}

/// The flaw of a read of what nobody wrote.
pub fn nowhere(history: &History, row: u32) -> Flaw {
    let (key, value) = (history.key[row as usize], history.result[row as usize]);
    let failed = |other: &usize| {
        history.status[*other] == Outcome::Fail
            && (history.kind[*other], history.key[*other], history.argument[*other])
                == (Kind::WRITE, key, value)
    };
    unwritten(history, row, (0..history.len()).find(failed).map(|row| row as u32))
}

/// The flaw of a search that ended without an order.
pub fn stuck(history: &History, longest: &[u32], blocked: &[u32]) -> Flaw {
    let next: Vec<_> = blocked.iter().take(4).map(|row| with_process(history, *row)).collect();
    let after = match longest.last() {
        None => String::from("Nothing can come first"),
        Some(last) => format!(
            "After {} operations in the longest order that was found, the last of them {}, nothing can follow",
            longest.len(),
            with_process(history, *last)
        ),
    };
    let rest = if next.is_empty() { String::from(".") } else { format!(": not {}.", next.join(", nor ")) };
    let mut culprits = blocked.to_vec();
    culprits.extend(longest.iter().rev().take(NAMED));
    if culprits.is_empty() {
        culprits.extend((0..history.len() as u32).find(|row| history.status[*row as usize] == Outcome::Ok));
    }
    Flaw {
        anomaly: String::from("no sequential order"),
        reason: format!("{after}{rest}"),
        culprits,
        ..Flaw::default()
    }
}
