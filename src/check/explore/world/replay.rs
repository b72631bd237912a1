//! The way back: steps that an exploration found, gone by the simulator itself, so that they become an ordinary run
//! with a trace.
use thiserror::Error;

use super::Worlds;
use super::judge::Judge;
use super::step::Step;
use crate::sim::{self, Fault, NodeId, Pending, PendingKind, Protocol, TraceLevel, World};

/// Why a step cannot be gone.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Stuck {
    /// What should happen does not wait to happen.
    #[error("step {at} ({what}) is not possible: {why}")]
    Impossible {
        /// Which step, counted from 1.
        at: usize,
        /// The step.
        what: String,
        /// Why, in words.
        why: String,
    },
    /// The world refuses.
    #[error("step {at} ({what}): {error}")]
    Refused {
        /// Which step, counted from 1; 0: before the first.
        at: usize,
        /// The step.
        what: String,
        /// What the world says.
        error: sim::Error,
    },
}

/// A world on its way along some steps.
pub struct Replay<P: Protocol> {
    world: World<P>,
    gone: usize,
}

/// Why one step cannot be gone.
enum No {
    Why(&'static str),
    Error(sim::Error),
}

impl From<sim::Error> for No {
    fn from(error: sim::Error) -> Self {
        Self::Error(error)
    }
}

impl<P: Protocol> Replay<P> {
    /// A fork of `world`, moved by hand from now on, that records everything. `calls`: those of the setup; they wait
    /// until a step asks them, under the numbers that they had in the exploration.
    ///
    /// # Errors
    /// [`Stuck::Refused`] if a call is to a node that does not exist.
    pub fn new(world: &World<P>, calls: &[(NodeId, Vec<P::Call>)]) -> Result<Self, Stuck> {
        let mut world = world.clone();
        world.set_manual(true);
        world.set_trace(TraceLevel::Full);
        world.calm();
        for (node, calls) in calls {
            for call in calls {
                let refused = |error| Stuck::Refused { at: 0, what: format!("{call:?}"), error };
                world.call(*node, call.clone()).map_err(refused)?;
            }
        }
        Ok(Self { world, gone: 0 })
    }

    /// Goes on with a world that a replay began, `gone` steps later.
    pub fn resume(world: World<P>, gone: usize) -> Self {
        Self { world, gone }
    }

    /// The world as it is now.
    pub fn world(&self) -> &World<P> {
        &self.world
    }

    /// The world as it is now, for good.
    pub fn into_world(self) -> World<P> {
        self.world
    }

    /// Goes one step. An invariant that it breaks is [in the world](World::violation), and no error.
    ///
    /// # Errors
    /// [`Stuck`] if it is not possible.
    pub fn step(&mut self, step: &Step<P>) -> Result<(), Stuck> {
        self.gone += 1;
        let at = self.gone;
        match self.go(step) {
            Ok(()) => {}
            Err(No::Error(sim::Error::Invariant(_))) => self.world.script([]),
            Err(No::Error(error)) => return Err(Stuck::Refused { at, what: format!("{step:?}"), error }),
            Err(No::Why(why)) => {
                return Err(Stuck::Impossible { at, what: format!("{step:?}"), why: why.to_owned() });
            }
        }
        if self.world.scripted() > 0 {
            let why = "fewer choices are made than before".to_owned();
            return Err(Stuck::Impossible { at, what: format!("{step:?}"), why });
        }
        Ok(())
    }

    fn go(&mut self, step: &Step<P>) -> Result<(), No> {
        let world = &mut self.world;
        match step {
            Step::Deliver { from, to, msg, choices } => self.arrive(*from, *to, msg, choices),
            Step::Duplicate { from, to, msg, choices } => {
                let id = self.message(*from, *to, msg).ok_or(No::Why("no such message is under way"))?;
                self.world.duplicate(id)?;
                self.arrive(*from, *to, msg, choices)
            }
            Step::Drop { from, to, msg } => {
                let id = self.message(*from, *to, msg).ok_or(No::Why("no such message is under way"))?;
                let cut = self.world.cuts().contains(&(*from, *to));
                if cut {
                    self.world.deliver(id)?
                } else {
                    self.world.discard(id)?
                }
                Ok(())
            }
            Step::Fire { node, timer, choices } => {
                let is_it =
                    |kind: &PendingKind<'_, P>| matches!(kind, PendingKind::Timer(it) if *it == timer);
                let waiting = self.waiting(*node, is_it);
                self.deliver(waiting.ok_or(No::Why("no such timer is armed"))?, choices)
            }
            Step::Start { node, choices } => {
                let waiting = self.waiting(*node, |kind| matches!(kind, PendingKind::Start));
                self.deliver(waiting.ok_or(No::Why("the node has started already"))?, choices)
            }
            Step::Call { op, choices, .. } => {
                let id = world.pending_call(*op).ok_or(No::Why("no such operation waits to be asked"))?;
                self.deliver(id, choices)
            }
            Step::Sync { node } => Ok(world.complete_write(*node)?),
            Step::Crash { node, lost } => {
                for (to, msg) in lost {
                    self.lose_last(*node, *to, msg)?;
                }
                if !self.world.node(*node).is_up() {
                    return Err(No::Why("the node is down"));
                }
                Ok(self.world.apply(&Fault::crash(*node))?)
            }
            Step::Recover { node, choices } => {
                if world.node(*node).is_up() {
                    return Err(No::Why("the node is up"));
                }
                world.script(choices.iter().copied());
                Ok(world.apply(&Fault::Recover { node: *node })?)
            }
            Step::Cut { groups, lost } => {
                world.apply(&Fault::Partition { groups: groups.to_vec() })?;
                lost.iter().try_for_each(|(from, to, msg)| self.lose_last(*from, *to, msg))
            }
            Step::Heal => Ok(world.apply(&Fault::Heal)?),
        }
    }

    fn waiting(&self, node: NodeId, is_it: impl Fn(&PendingKind<'_, P>) -> bool) -> Option<u64> {
        let pending = self.world.pending();
        pending.into_iter().find(|it| it.node == Some(node) && is_it(&it.kind)).map(|it| it.id)
    }

    fn message(&self, from: NodeId, to: NodeId, msg: &P::Msg) -> Option<u64> {
        self.waiting(to, |kind| is_message(kind, from, msg))
    }

    /// A message is lost together with its sender: of equal ones the one sent last.
    fn lose_last(&mut self, from: NodeId, to: NodeId, msg: &P::Msg) -> Result<(), No> {
        let is_it = |it: &&Pending<'_, P>| it.node == Some(to) && is_message(&it.kind, from, msg);
        let pending = self.world.pending();
        let id = pending.iter().rev().find(is_it).map(|it| it.id);
        Ok(self.world.discard(id.ok_or(No::Why("no such message is under way"))?)?)
    }

    fn arrive(&mut self, from: NodeId, to: NodeId, msg: &P::Msg, choices: &[u32]) -> Result<(), No> {
        if self.world.cuts().contains(&(from, to)) {
            return Err(No::Why("the link is cut"));
        }
        let id = self.message(from, to, msg).ok_or(No::Why("no such message is under way"))?;
        self.deliver(id, choices)
    }

    fn deliver(&mut self, id: u64, choices: &[u32]) -> Result<(), No> {
        self.world.script(choices.iter().copied());
        Ok(self.world.deliver(id)?)
    }
}

fn is_message<P: Protocol>(kind: &PendingKind<'_, P>, sender: NodeId, message: &P::Msg) -> bool {
    matches!(kind, PendingKind::Message(from, msg) if *from == sender && *msg == message)
}

impl<P: Protocol, J: Judge<P>> Worlds<P, J> {
    /// Goes `steps` in the simulator: from `world`, the one that is explored.
    ///
    /// # Errors
    /// [`Stuck`] at the first step that is not possible.
    pub fn replay(&self, world: &World<P>, steps: &[Step<P>]) -> Result<World<P>, Stuck> {
        let mut replay = Replay::new(world, &self.setup.calls)?;
        if self.watched.is_some() && !self.was_watched {
            match replay.world.watch(self.setup.invariants.clone()) {
                Ok(()) | Err(sim::Error::Invariant(_)) => {}
                Err(error) => return Err(Stuck::Refused { at: 0, what: "invariants".into(), error }),
            }
        }
        steps.iter().try_for_each(|step| replay.step(step))?;
        Ok(replay.into_world())
    }
}
