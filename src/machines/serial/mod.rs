//! Whether transactions can be put into one order: the validation of optimistic concurrency control.
//!
//! Notes, section 2.6.1: "one can think of the transactions as nodes and the edges as the dependencies between
//! them. If the graph is a DAG, then there is some serial order. If not, then there is a cycle, so we must
//! abort."
//!
//! A transaction is its [`Footprint`]: which version of which key it read, and which it would make. Versions of
//! a key are numbered; two transactions may both want to make the next one.
//!
//! ```
//! use distlab::machines::serial::{Footprint, Policy, validate};
//! // Example 6.1, first half.
//! let batch = ["Rx0 Wx1", "Rz0 Wz9", "Ry1 Rx1", "Rx0 Wy1"].map(|it| Footprint::parse(it).unwrap());
//! let verdict = validate(&batch, Policy::All);
//! assert_eq!(verdict.order, [3, 0, 2, 1]); // T4, T1, T3, T2
//! ```
mod timestamps;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::graph::Digraph;

pub use timestamps::{InOrder, in_timestamp_order, one_by_one};

/// What a transaction read and what it would write.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Footprint {
    /// Keys, each with the version that was read.
    #[serde(default)]
    pub reads: Vec<(Arc<str>, u64)>,
    /// Keys, each with the version that would be made.
    #[serde(default)]
    pub writes: Vec<(Arc<str>, u64)>,
}

/// Who has to go if there is no order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// Everybody who lies on a cycle, as in Example 6.1.
    All,
    /// Whoever closes a cycle with those before it.
    #[default]
    Validator,
    /// As few as possible.
    Minimum,
}

/// What a validation says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Verdict {
    /// Those who may commit, in an order in which they could have run.
    pub order: Vec<usize>,
    /// Those who must abort, ascending.
    pub aborted: Vec<usize>,
    /// A shortest cycle, if there is one.
    pub cycle: Option<Vec<usize>>,
}

/// How many steps the search for a smallest set takes at most.
const MOST_STEPS: u64 = 2_000;

impl Footprint {
    /// From the notation of the notes: `Rx0 Wx1` reads version 0 of `x` and makes version 1.
    pub fn parse(text: &str) -> Option<Self> {
        let mut found = Self::default();
        for word in text.split_whitespace() {
            let digits = word.find(|it: char| it.is_ascii_digit())?;
            let (name, version) =
                (word.get(1..digits).filter(|it| !it.is_empty())?, word[digits..].parse().ok()?);
            match word.as_bytes()[0] {
                b'R' => found.reads.push((name.into(), version)),
                b'W' => found.writes.push((name.into(), version)),
                _ => return None,
            }
        }
        Some(found)
    }

    /// The part of it that is about some keys.
    #[must_use]
    pub fn part(&self, about: impl Fn(&str) -> bool) -> Self {
        let of = |all: &[(Arc<str>, u64)]| all.iter().filter(|(key, _)| about(key)).cloned().collect();
        Self { reads: of(&self.reads), writes: of(&self.writes) }
    }

    /// Whether two transactions have an item in common.
    pub fn meets(&self, other: &Self) -> bool {
        let mine = || self.reads.iter().chain(&self.writes);
        other.reads.iter().chain(&other.writes).any(|(key, _)| mine().any(|(it, _)| it == key))
    }
}

/// Who must come before whom: who made a version before who read it; who read a version before who makes a
/// later one; who makes a version before who makes a later one.
pub fn dependencies(batch: &[Footprint]) -> Digraph {
    /// Who did something with a key, each with a version.
    type Who = Vec<(usize, u64)>;
    let (mut readers, mut writers) = (BTreeMap::<&str, Who>::new(), BTreeMap::<&str, Who>::new());
    for (i, it) in batch.iter().enumerate() {
        it.reads.iter().for_each(|(key, version)| readers.entry(key).or_default().push((i, *version)));
        it.writes.iter().for_each(|(key, version)| writers.entry(key).or_default().push((i, *version)));
    }
    let mut graph = Digraph::new(batch.len());
    for (key, writes) in &writers {
        let reads = readers.get(key).map_or(&[][..], Vec::as_slice);
        for &(writer, made) in writes {
            for &(reader, seen) in reads.iter().filter(|(reader, _)| *reader != writer) {
                match made <= seen {
                    true => graph.add(writer, reader),
                    false => graph.add(reader, writer),
                }
            }
            for &(later, _) in writes.iter().filter(|(other, it)| *it > made && *other != writer) {
                graph.add(writer, later);
            }
        }
    }
    graph
}

/// Looks for an order; where there is none, says who has to go.
pub fn validate(batch: &[Footprint], policy: Policy) -> Verdict {
    let graph = dependencies(batch);
    let cycle = graph.cycle();
    let aborted = match policy {
        _ if cycle.is_none() => vec![],
        Policy::All => graph.on_cycles(),
        Policy::Validator => closing(&graph),
        Policy::Minimum => graph.smallest_breaking_all_cycles(MOST_STEPS),
    };
    let stays = |it: usize| aborted.binary_search(&it).is_err();
    let order = graph.only(stays).order().expect("no cycle is left");
    Verdict { order: order.into_iter().filter(|it| stays(*it)).collect(), aborted, cycle }
}

/// Those who close a cycle with the accepted ones before them.
fn closing(graph: &Digraph) -> Vec<usize> {
    let mut aborted = Vec::new();
    for i in 0..graph.len() {
        let accepted = |it: usize| it <= i && !aborted.contains(&it);
        if graph.only(accepted).cycle_through(i).is_some() {
            aborted.push(i);
        }
    }
    aborted
}

#[cfg(test)]
mod tests;
