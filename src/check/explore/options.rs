//! How to explore, and how far.
use crate::sim::Invalid;

/// How to explore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// In which order.
    pub strategy: Strategy,
    /// How far.
    pub limits: Limits,
    /// How many threads; 1: the calling one, and no other. The report is the same whatever the number.
    pub threads: usize,
    /// Whether states that differ only in the names of things that are alike count as one.
    pub symmetry: bool,
    /// Whether of independent actions only one order is tried.
    pub reduction: bool,
    /// Whether states are told apart by 128 bits of hash instead of 64.
    pub wide: bool,
    /// Whether a state in which nothing may happen counts as a counterexample.
    pub deadlock: bool,
    /// Whether to go on after the first counterexample, until every property has one.
    pub all_counterexamples: bool,
    /// Whether to keep the graph of states.
    pub graph: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            strategy: Strategy::BreadthFirst,
            limits: Limits::default(),
            threads: 1,
            symmetry: false,
            reduction: false,
            wide: false,
            deadlock: false,
            all_counterexamples: false,
            graph: false,
        }
    }
}

/// In which order to visit states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Nearest first: counterexamples are as short as they can be.
    BreadthFirst,
    /// Along one path as far as it goes, then back to the last crossing: by one thread.
    DepthFirst,
    /// Random walks from the beginning, which remember nothing: for what is too large for all else.
    Walks {
        /// How many.
        count: u64,
        /// Where their chance comes from: walk `i` of one seed is always the same.
        seed: u64,
    },
}

/// How far to explore. An exploration that reaches a limit says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest path, in states (an initial state has depth 1); the length of a random walk, else 100.
    pub depth: Option<u32>,
    /// The most distinct states.
    pub states: Option<u64>,
    /// The most bytes for what is remembered. What the threads have in hand comes on top: a few states each.
    pub memory_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: None, states: None, memory_bytes: 4 << 30 }
    }
}

/// The most threads.
const MOST_THREADS: usize = 1_024;

impl Options {
    /// Looks whether the options make sense.
    ///
    /// # Errors
    /// Which one does not, and what it may be.
    pub fn check(&self) -> Result<(), Invalid> {
        let refuse = |wrong: bool, parameter: &str, value: &dyn ToString, allowed: &'static str| {
            if wrong { Err(Invalid::new(parameter, value.to_string(), allowed)) } else { Ok(()) }
        };
        let Limits { depth, states, memory_bytes } = self.limits;
        refuse(!(1..=MOST_THREADS).contains(&self.threads), "threads", &self.threads, "from 1 to 1024")?;
        refuse(depth == Some(0), "limits.depth", &0, "at least 1, or no limit")?;
        refuse(states == Some(0), "limits.states", &0, "at least 1, or no limit")?;
        refuse(memory_bytes == 0, "limits.memory_bytes", &0, "at least 1")?;
        if let Strategy::Walks { count, .. } = self.strategy {
            refuse(count == 0, "strategy.count", &0, "at least 1")?;
            refuse(self.graph, "graph", &true, "false for random walks, which remember nothing")?;
        }
        Ok(())
    }
}
