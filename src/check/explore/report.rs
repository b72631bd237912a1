//! What an exploration has found.
use super::model::{Model, Property};

/// How an exploration is going.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Distinct states so far.
    pub distinct: u64,
    /// States generated so far, known ones too.
    pub generated: u64,
    /// The depth reached.
    pub depth: u32,
    /// Distinct states whose successors are not known yet.
    pub frontier: u64,
    /// Bytes remembered.
    pub memory_bytes: u64,
}

/// Why an exploration ended before every state had been visited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// A counterexample was found.
    Counterexample,
    /// The limit of depth.
    Depth,
    /// The limit of states.
    States,
    /// The limit of memory.
    Memory,
    /// Whoever watched said so.
    Cancelled,
    /// Random walks are never complete.
    Walks,
}

/// The states of one depth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// How many distinct states are first reached at this depth.
    pub distinct: u64,
    /// How many states were generated on the way to it, known ones too.
    pub generated: u64,
}

/// Everything there is to say about an exploration.
pub struct Report<M: Model> {
    /// Distinct states visited (random walks do not know).
    pub distinct: u64,
    /// States generated: initial ones, and one for each action that led to a state, known or not.
    pub generated: u64,
    /// The length of the longest of the paths by which states were first reached, in states.
    pub depth: u32,
    /// By depth, from 1 on. (What leads from the last level is all known; it only counts above.)
    pub levels: Vec<Level>,
    /// Distinct states from which nothing leads to a state.
    pub terminal: u64,
    /// How often each kind of action was taken, by kind; and how often it led to a new state.
    pub coverage: Vec<(String, u64, u64)>,
    /// Why it ended early; `None`: everything was visited.
    pub stopped: Option<Stopped>,
    /// What became of each property, in the order of the model.
    pub properties: Vec<(Property, Outcome)>,
    /// The counterexamples, in the order in which they were found.
    pub counterexamples: Vec<Counterexample<M>>,
    /// How likely it is that two states were taken for one because of equal hashes, about.
    pub collision: f64,
    /// Bytes remembered at the most.
    pub memory_bytes: u64,
    /// Whether states that differ only in names really counted as one: not where it could hide a behavior.
    pub symmetry: bool,
    /// Whether of independent actions really only one order was tried.
    pub reduction: bool,
    /// The graph of states, if it was asked for.
    pub graph: Option<Graph<M>>,
}

/// What is known of a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It holds, and every state was visited.
    Holds,
    /// It does not: the number of its counterexample (none for a `sometimes` that no state fulfils).
    Fails(Option<usize>),
    /// A `sometimes` was seen.
    Seen,
    /// Not every state was visited, and nothing speaks against it.
    Unknown,
}

/// A path to a state that should not be.
pub struct Counterexample<M: Model> {
    /// The property that does not hold; `None`: a deadlock.
    pub property: Option<usize>,
    /// The states, the initial one first.
    pub states: Vec<M::State>,
    /// The actions between them, one fewer than states.
    pub actions: Vec<M::Action>,
    /// Where a behavior that never comes to what it should goes on for ever: the last state leads back to this
    /// one by `closing` (`None`: it just stays in the last state).
    pub lasso: Option<usize>,
    /// The action that leads from the last state back to the beginning of the lasso.
    pub closing: Option<M::Action>,
}

/// States and what leads from one to another.
pub struct Graph<M: Model> {
    /// The states, in the order in which they were found.
    pub states: Vec<M::State>,
    /// How many of them are initial: the first.
    pub initial: usize,
    /// From, to, and by which action, in the order of `from` and then of the model.
    pub edges: Vec<(u32, u32, M::Action)>,
}

/// An exploration that could not go on, because the model failed.
pub struct Failed<M: Model> {
    /// What went wrong.
    pub error: M::Error,
    /// The way to the state that was being looked at, the initial one first; empty: there was none.
    pub states: Vec<M::State>,
    /// The actions between them; one more than that where it went wrong on the way to a next state.
    pub actions: Vec<M::Action>,
}
