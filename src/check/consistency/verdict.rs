//! What a judge says.
use serde::{Deserialize, Serialize};

use super::model::Model;

/// What a checker found out about a history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Whether the history is what the model asks for; `None`: the budget ran out.
    pub ok: Option<bool>,
    /// What was asked for.
    pub model: Model,
    /// How it was found out.
    pub algorithm: String,
    /// How many states (configurations, edges, …) were looked at.
    pub states: u64,
    /// The proof that it is.
    pub witness: Option<Witness>,
    /// The proof that it is not.
    pub flaw: Option<Flaw>,
}

/// A proof that a history is what a model asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Witness {
    /// One order of all operations that took effect (by row). Failed ones are not in it, nor those `info` ones
    /// that need not have happened.
    Order(Vec<u32>),
    /// An order for each process that has operations, as (process, order): what it saw.
    Views(Vec<(u32, Vec<u32>)>),
    /// Nothing had to be ordered: what the model forbids does not occur.
    Absence,
}

/// A proof that a history is not what a model asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flaw {
    /// What it is called: `stale read`, `G1a`, `lost update`, …
    pub anomaly: String,
    /// What is wrong, in words.
    pub reason: String,
    /// The operations that the reason speaks of, by row, the culprit first.
    pub culprits: Vec<u32>,
    /// The cycle, if the flaw is one.
    pub cycle: Vec<Edge>,
    /// The smallest part of the history that was found to have the flaw, by row, ascending.
    pub counterexample: Vec<u32>,
    /// Of transactions: those of their accesses that matter, by index into `accesses`; all, if empty.
    pub accesses: Vec<u32>,
}

/// A step of a cycle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// Which operation, by row,
    pub from: u32,
    /// must come before which.
    pub to: u32,
    /// Why: `wr`, `ww`, `rw`, `session`, `real-time`, …
    pub kind: String,
    /// Why, in words: `reads x = 1`.
    pub why: String,
}

impl Verdict {
    /// It holds.
    pub fn holds(model: Model, algorithm: &str, witness: Witness) -> Self {
        Self { ok: Some(true), witness: Some(witness), ..Self::unknown(model, algorithm) }
    }

    /// It does not hold.
    pub fn fails(model: Model, algorithm: &str, flaw: Flaw) -> Self {
        Self { ok: Some(false), flaw: Some(flaw), ..Self::unknown(model, algorithm) }
    }

    /// The budget ran out.
    pub fn unknown(model: Model, algorithm: &str) -> Self {
        Self { ok: None, model, algorithm: algorithm.to_owned(), states: 0, witness: None, flaw: None }
    }

    /// The same, after so many states.
    #[must_use]
    pub fn after(mut self, states: u64) -> Self {
        self.states = states;
        self
    }
}
