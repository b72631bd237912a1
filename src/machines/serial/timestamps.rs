//! Validation by timestamps: every server looks at its part alone, and all agree on one order in advance.
//!
//! Notes, Theorem 6.1 and Example 6.3: "each transaction is assigned a unique timestamp (ID), which aids order
//! agreement between TCs. The downside: unnecessary aborts."
use super::{Footprint, dependencies};

/// What a server says of its part of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InOrder {
    /// The order of the timestamps.
    pub order: Vec<usize>,
    /// The dependencies that lead against it, as (before, after): none means OK, any means NO.
    pub against: Vec<(usize, usize)>,
}

impl InOrder {
    /// Whether the part is as if the transactions had run in the order of their timestamps.
    pub fn ok(&self) -> bool {
        self.against.is_empty()
    }
}

/// Holds a batch against the order of its timestamps, which are unique.
pub fn in_timestamp_order(batch: &[Footprint], timestamps: &[u64]) -> InOrder {
    assert_eq!(batch.len(), timestamps.len(), "every transaction has a timestamp");
    let mut order: Vec<usize> = (0..batch.len()).collect();
    order.sort_by_key(|it| timestamps[*it]);
    assert!(order.windows(2).all(|it| timestamps[it[0]] < timestamps[it[1]]), "timestamps are unique");
    let against = dependencies(batch).edges().filter(|(a, b)| timestamps[*a] > timestamps[*b]).collect();
    InOrder { order, against }
}

/// Validates transactions one after the other, each against the accepted ones before it: by timestamps, and,
/// on the same state, by the graph. Gives for each transaction (may commit by its timestamp, may commit by the
/// graph); those the timestamps accept are the state for the next one.
pub fn one_by_one(batch: &[Footprint], timestamps: &[u64]) -> Vec<(bool, bool)> {
    let graph = dependencies(batch);
    let mut accepted = vec![false; batch.len()];
    let mut verdicts = Vec::with_capacity(batch.len());
    for i in 0..batch.len() {
        let state = |it: usize| it == i || accepted[it];
        let by_graph = graph.only(state).cycle_through(i).is_none();
        let forward = |from: usize, to: usize| !graph.has(from, to) || timestamps[from] < timestamps[to];
        let by_timestamp = (0..i).filter(|it| accepted[*it]).all(|it| forward(it, i) && forward(i, it));
        accepted[i] = by_timestamp;
        verdicts.push((by_timestamp, by_graph));
    }
    verdicts
}
