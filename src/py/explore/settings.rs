//! How to explore, as Python says it.
use serde::Deserialize;

use crate::check::explore::{Limits, Options, Strategy};

/// All of [`Options`], and what only somebody with a clock can keep.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    strategy: Order,
    depth: Option<u32>,
    states: Option<u64>,
    memory_bytes: u64,
    /// How many threads.
    pub threads: usize,
    symmetry: bool,
    reduction: bool,
    wide: bool,
    deadlock: bool,
    all_counterexamples: bool,
    graph: bool,
    /// When to give up, in seconds.
    pub seconds: Option<f64>,
}

/// As [`Strategy`].
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Order {
    BreadthFirst,
    DepthFirst,
    Walks { count: u64, seed: u64 },
}

impl Settings {
    /// As the core knows them.
    pub fn options(&self) -> Options {
        Options {
            strategy: match self.strategy {
                Order::BreadthFirst => Strategy::BreadthFirst,
                Order::DepthFirst => Strategy::DepthFirst,
                Order::Walks { count, seed } => Strategy::Walks { count, seed },
            },
            limits: Limits { depth: self.depth, states: self.states, memory_bytes: self.memory_bytes },
            threads: self.threads,
            symmetry: self.symmetry,
            reduction: self.reduction,
            wide: self.wide,
            deadlock: self.deadlock,
            all_counterexamples: self.all_counterexamples,
            graph: self.graph,
        }
    }
}
