//! What can be explored.
use std::fmt::Debug;

use serde::{Deserialize, Serialize};

/// A system: where it may begin, what may happen in a state, and what comes of it.
///
/// All methods are pure: the same arguments give the same results, in the same order. An exploration calls them
/// from several threads, and finds its way back to a state by going the same steps again.
pub trait Model: Sync {
    /// Where the system is. Small states make large explorations.
    type State: Clone + Send + Sync;
    /// What may happen.
    type Action: Clone + Send + Sync;
    /// What may go wrong while looking: code of a user's that fails, a question with too many answers.
    type Error: Send;

    /// The states it may begin in.
    ///
    /// # Errors
    /// If the model cannot be explored.
    fn initial(&self) -> Result<Vec<Self::State>, Self::Error>;

    /// Adds everything that may happen in `state` to `actions`, in an order that hangs on the state only.
    ///
    /// # Errors
    /// If the model fails.
    fn actions(&self, state: &Self::State, actions: &mut Vec<Self::Action>) -> Result<(), Self::Error>;

    /// The state that `action` leads to; `None`: it cannot happen after all, or leads outside of what is explored.
    ///
    /// # Errors
    /// If the model fails.
    fn next(&self, state: &Self::State, action: &Self::Action) -> Result<Option<Self::State>, Self::Error>;

    /// A hash of the state, the same on every machine; another `lane` gives one that is independent.
    fn fingerprint(&self, state: &Self::State, lane: u64) -> u64;

    /// A fingerprint that all states have in common which differ only in the names of things that are alike.
    ///
    /// # Errors
    /// If the model fails.
    fn canonical(&self, state: &Self::State, lane: u64) -> Result<u64, Self::Error> {
        Ok(self.fingerprint(state, lane))
    }

    /// Which kind of action it is, as a small number: coverage is counted by kind.
    fn kind(&self, action: &Self::Action) -> u32;

    /// The name of a kind.
    fn kind_name(&self, kind: u32) -> String;

    /// Under weak fairness: the class of which something must happen if the class stays possible for ever; `None`:
    /// nobody promises that it ever happens (a fault).
    fn fairness(&self, state: &Self::State, action: &Self::Action) -> Option<u64> {
        let _ = state;
        Some(self.kind(action).into())
    }

    /// Adds the classes of which nothing can happen in `state` for the moment, but only because it is put off: fairness
    /// takes them for possible. (A timer that is armed goes off one day, though never while messages are under way.)
    fn put_off(&self, state: &Self::State, classes: &mut Vec<u64>) {
        let _ = (state, classes);
    }

    /// Keeps of `actions` (all that [`Self::actions`] found) a part that is enough: what it leaves out can wait
    /// until after it, whatever happens meanwhile, and no property can tell. False: keeps all.
    ///
    /// # Errors
    /// If the model fails.
    fn reduce(&self, state: &Self::State, actions: &mut Vec<Self::Action>) -> Result<bool, Self::Error> {
        let _ = (state, actions);
        Ok(false)
    }

    /// What is claimed of its states, in the order in which it is reported.
    fn properties(&self) -> &[Property];

    /// Whether the property with this index holds in `state`.
    ///
    /// # Errors
    /// If the model fails.
    fn holds(&self, property: usize, state: &Self::State) -> Result<bool, Self::Error>;

    /// How many bytes `state` has allocated, about; they count against the limit of memory.
    fn heap_bytes(&self, state: &Self::State) -> usize {
        let _ = state;
        0
    }
}

/// A claim about the states of a system, by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Property {
    /// Its name.
    pub name: String,
    /// Where it should hold.
    pub claim: Claim,
}

/// Where a property should hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Claim {
    /// In every state that can be reached (safety).
    Always,
    /// In some state that can be reached: a claim that nothing ever happens would hide there.
    Sometimes,
    /// In some state of every fair behavior (liveness, under weak fairness).
    Eventually,
}

impl Property {
    /// A property of every state.
    pub fn always(name: impl Into<String>) -> Self {
        Self { name: name.into(), claim: Claim::Always }
    }
    /// A property of some state.
    pub fn sometimes(name: impl Into<String>) -> Self {
        Self { name: name.into(), claim: Claim::Sometimes }
    }
    /// A property that every fair behavior comes to.
    pub fn eventually(name: impl Into<String>) -> Self {
        Self { name: name.into(), claim: Claim::Eventually }
    }
}
