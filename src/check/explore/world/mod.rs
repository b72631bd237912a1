//! Worlds of any protocol as something to explore: every order of deliveries, timers, starts, calls and syncs, every
//! answer to a choice, and faults within a budget.
//!
//! Time is gone. What is left of it is order: a timer that was armed before another, and is due for sure before it,
//! goes off first; and where delays are [bounded](Timing::Synchronous), no timer goes off while something is under
//! way. Everything else that the simulator draws is branched on. The order of effects around the disk holds as it
//! does in the simulator.
//!
//! A state is a few numbers (`state.rs`): nodes, messages and answers are kept once each (`intern.rs`), and what
//! comes of an input of a node is worked out once (`tables.rs`, `outcomes.rs`). `actions.rs` says what may happen,
//! `next.rs` what comes of it; a way through the states is told as [`Step`]s, which `replay.rs` goes in the simulator
//! itself.
mod actions;
mod error;
mod fingerprint;
mod handler;
mod hash;
mod history;
mod intern;
mod judge;
mod kinds;
mod local;
mod next;
mod outcomes;
mod reduce;
mod rename;
mod replay;
mod setup;
mod shrink;
mod start;
mod state;
mod step;
mod symmetry;
mod tables;
mod view;
mod watch;

#[cfg(test)]
mod tests;

use std::sync::OnceLock;

use crate::check::explore::{Claim, Model, Property};
use crate::sim::{History, NodeId, OpId, Protocol, Time};

pub use actions::Action;
pub use error::Failure;
pub use judge::Judge;
pub use replay::{Replay, Stuck};
pub use setup::{Budget, Clocks, Messages, Setup, Starts, Timing};
pub use state::State;
pub use step::Step;
pub use view::{Asked, View};

use handler::Machine;
use reduce::Reach;
use state::{Draft, Layout};
use symmetry::Symmetry;
use tables::Tables;
use watch::Watched;

/// A world that can be explored, from one of its moments on.
pub struct Worlds<P: Protocol, J: Judge<P>> {
    judge: J,
    setup: Setup<P>,
    names: Vec<String>,
    spawned: Vec<P>,
    machines: Vec<Machine>,
    /// How often each node had come up before.
    incarnations: Vec<u32>,
    crashable: Vec<bool>,
    messages: Messages,
    watched: Option<Watched>,
    /// Whether the world itself looks at invariants.
    was_watched: bool,
    ops: Vec<Ask<P>>,
    scripts: Vec<Script>,
    /// What had been asked before, and until when.
    past: History<P>,
    now: Time,
    /// Links that were cut before.
    cut_links: Vec<u32>,
    /// The ways to cut the network in two.
    ways: Vec<Way>,
    symmetry: Symmetry,
    /// Which nodes may still send to which, once somebody wants to know; `None`: it is not known.
    reach: OnceLock<Option<Reach>>,
    properties: Vec<Property>,
    layout: Layout,
    tables: Tables<P>,
    /// The world at the moment from which it is explored.
    first: Draft,
}

/// An operation that is open or will be asked.
struct Ask<P: Protocol> {
    id: OpId,
    node: NodeId,
    call: P::Call,
    label: u32,
}

/// Operations of one node that are asked one after the other.
struct Script {
    node: NodeId,
    ops: std::ops::Range<usize>,
}

/// A way to cut the network: of every node, which side it is on; 0: it reaches both.
struct Way {
    sides: Vec<u8>,
}

impl Way {
    fn groups(&self) -> [Vec<NodeId>; 2] {
        [1, 2].map(|side| {
            let on_it = self.sides.iter().enumerate().filter(|(_, it)| **it == side);
            on_it.map(|(node, _)| NodeId(node as u32)).collect()
        })
    }
}

impl<P: Protocol, J: Judge<P>> Worlds<P, J> {
    /// What the user claims.
    pub fn judge(&self) -> &J {
        &self.judge
    }

    /// What may happen.
    pub fn setup(&self) -> &Setup<P> {
        &self.setup
    }

    /// The nodes' names, by id.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// A look at a state.
    pub fn view<'a>(&'a self, state: &'a State) -> View<'a, P> {
        View::new(self, state)
    }

    /// How many different situations of nodes have been seen, and how many different messages.
    pub fn remembered(&self) -> (u32, u32) {
        (self.tables.locals.len(), self.tables.messages.len())
    }
}

impl<P: Protocol, J: Judge<P>> Model for Worlds<P, J> {
    type State = State;
    type Action = Action;
    type Error = Failure<J::Error>;

    fn initial(&self) -> Result<Vec<State>, Self::Error> {
        Ok(self.beginnings()?.into_iter().map(|it| it.state).collect())
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) -> Result<(), Self::Error> {
        self.add_actions(&state.0, actions)
    }

    fn next(&self, state: &State, action: &Action) -> Result<Option<State>, Self::Error> {
        Ok(Some(self.after(&state.0, action)))
    }

    fn fingerprint(&self, state: &State, lane: u64) -> u64 {
        self.hash(&state.0, lane)
    }

    fn canonical(&self, state: &State, lane: u64) -> Result<u64, Self::Error> {
        self.least_hash(&state.0, lane)
    }

    fn kind(&self, action: &Action) -> u32 {
        action.kind
    }

    fn kind_name(&self, kind: u32) -> String {
        self.name_of(kind)
    }

    fn fairness(&self, state: &State, action: &Action) -> Option<u64> {
        self.class(&state.0, action)
    }

    fn put_off(&self, state: &State, classes: &mut Vec<u64>) {
        self.timers_put_off(&state.0, classes);
    }

    fn reduce(&self, state: &State, actions: &mut Vec<Action>) -> Result<bool, Self::Error> {
        Ok(self.keep_enough(&state.0, actions))
    }

    fn properties(&self) -> &[Property] {
        &self.properties
    }

    fn holds(&self, property: usize, state: &State) -> Result<bool, Self::Error> {
        let own = self.judge.properties().len();
        if property < own {
            return self.judge.holds(property, &self.view(state)).map_err(Failure::Judge);
        }
        Ok(!self.has_broken(&state.0, property - own))
    }

    fn heap_bytes(&self, state: &State) -> usize {
        size_of_val(&*state.0)
    }
}

/// The properties of a judge, and one for each invariant that is watched.
fn properties(own: &[Property], watched: Option<&Watched>) -> Vec<Property> {
    let invariants = watched.into_iter().flat_map(|it| &it.names);
    let always = invariants.map(|name| Property { name: (*name).to_owned(), claim: Claim::Always });
    own.iter().cloned().chain(always).collect()
}
