//! The same situation again and again under other chances: forks of one world, each with its own seed, on all
//! cores.
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::error::Error;
use super::fault::Fault;
use super::protocol::{NodeId, Protocol, Time};
use super::world::World;

/// What happens in every trial, and when it is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "", deny_unknown_fields)]
pub struct Plan<P: Protocol> {
    /// Faults, by time from the trial's beginning.
    #[serde(default = "Vec::new")]
    pub faults: Vec<(Time, Fault)>,
    /// Messages sent over the network at the trial's beginning, as (from, to, message).
    #[serde(default = "Vec::new")]
    pub messages: Vec<(NodeId, NodeId, P::Msg)>,
    /// The trial is over once this has been noted (again).
    pub until_note: String,
    /// It is over after this time in any case.
    pub deadline: Time,
}

/// How one trial went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trial {
    /// Its seed: the trial is the fork with this seed.
    pub seed: u64,
    /// How long it took from its beginning; `None`: the deadline came first.
    pub took: Option<Time>,
    /// Who noted it.
    pub node: Option<NodeId>,
    /// How many events were handled.
    pub events: u64,
    /// How many messages were sent.
    pub sent: u64,
    /// The fingerprint at its end.
    pub fingerprint: u64,
}

/// Runs a trial for every seed, on all cores; the result is in the order of the seeds whatever their number.
///
/// # Errors
/// As [`World::run_until`], of the first seed that has one.
pub fn trials<P: Protocol>(world: &World<P>, seeds: &[u64], plan: &Plan<P>) -> Result<Vec<Trial>, Error> {
    seeds.par_iter().with_min_len(16).map(|&seed| trial(world, seed, plan)).collect()
}

fn trial<P: Protocol>(world: &World<P>, seed: u64, plan: &Plan<P>) -> Result<Trial, Error> {
    let mut fork = world.clone();
    fork.reseed(seed);
    let begin = fork.now();
    for (after, fault) in &plan.faults {
        fork.schedule(begin.saturating_add(*after), fault.clone())?;
    }
    for (from, to, msg) in &plan.messages {
        fork.post(*from, *to, msg.clone())?;
    }
    let before = (fork.metrics().events, fork.metrics().sent);
    let noted = |world: &World<P>| world.metrics().notes.get(plan.until_note.as_str()).copied().unwrap_or(0);
    let (start, mut last) = (noted(&fork), None);
    let deadline = begin.saturating_add(plan.deadline);
    let found = fork.run_while(deadline, u64::MAX, &mut 0, |world| {
        last = world.last_node();
        noted(world) == start
    })?;
    Ok(Trial {
        seed,
        took: found.then(|| fork.now() - begin),
        node: last.filter(|_| found),
        events: fork.metrics().events - before.0,
        sent: fork.metrics().sent - before.1,
        fingerprint: fork.fingerprint(),
    })
}
