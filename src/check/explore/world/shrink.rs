//! Shorter ways to the same mistake: steps are left out as long as what is wrong stays wrong.
use super::actions::Action;
use super::judge::Judge;
use super::state::State;
use super::step::Step;
use super::{Failure, Worlds};
use crate::check::explore::{Claim, Counterexample, Model};
use crate::sim::Protocol;

/// States and the actions between them.
type Way = (Vec<State>, Vec<Action>);

impl<P: Protocol, J: Judge<P>> Worlds<P, J> {
    /// A counterexample none of whose steps can be left out: what depth-first search and random walks find is mostly
    /// detour. The way begins where it did. One that never comes to what it should is left as it is.
    ///
    /// # Errors
    /// As [`Model::holds`].
    pub fn shrink(&self, found: &Counterexample<Self>) -> Result<Counterexample<Self>, Failure<J::Error>> {
        let claim = found.property.map(|property| self.properties[property].claim);
        let whole = (found.states.clone(), found.actions.clone());
        let (states, actions) = match claim {
            Some(Claim::Always) | None => self.shrink_way(whole, found.property)?,
            Some(Claim::Sometimes | Claim::Eventually) => whole,
        };
        let (property, lasso, closing) = (found.property, found.lasso, found.closing);
        Ok(Counterexample { property, states, actions, lasso, closing })
    }

    fn shrink_way(&self, whole: Way, property: Option<usize>) -> Result<Way, Failure<J::Error>> {
        let mut best = whole;
        let mut part = best.1.len().div_ceil(2).max(1);
        loop {
            let (mut from, mut shorter) = (0, false);
            while from < best.1.len() {
                let steps: Vec<Step<P>> =
                    best.0.iter().zip(&best.1).map(|(state, action)| self.describe(state, action)).collect();
                let kept = [&steps[..from], &steps[(from + part).min(steps.len())..]].concat();
                match self.go(&best.0[0], &kept, property)? {
                    Some(way) if way.1.len() < best.1.len() => (best, shorter) = (way, true),
                    _ => from += part,
                }
            }
            if part == 1 && !shorter {
                return Ok(best);
            }
            part = if part == 1 { 1 } else { part / 2 };
        }
    }

    /// Goes the steps that are possible, and leaves out the others, up to where it goes wrong; `None`: it does not.
    fn go(
        &self,
        first: &State,
        steps: &[Step<P>],
        property: Option<usize>,
    ) -> Result<Option<Way>, Failure<J::Error>> {
        let (mut states, mut taken, mut actions) = (vec![first.clone()], Vec::new(), Vec::new());
        let mut rest = steps.iter();
        loop {
            let state = states.last().unwrap_or(first).clone();
            actions.clear();
            self.actions(&state, &mut actions)?;
            let wrong = match property {
                Some(property) => !self.holds(property, &state)?,
                None => actions.is_empty(),
            };
            if wrong {
                return Ok(Some((states, taken)));
            }
            let Some(action) = rest.by_ref().find_map(|step| self.matching(&state, &actions, step)) else {
                return Ok(None);
            };
            states.push(self.after(&state.0, &action));
            taken.push(action);
        }
    }

    /// The action that does what a step says; of what a crash took, as much as is there.
    fn matching(&self, state: &State, actions: &[Action], step: &Step<P>) -> Option<Action> {
        let described = |action: &&Action| self.describe(state, action);
        match step {
            Step::Crash { node, lost } => {
                let takes = |action: &&Action| match described(action) {
                    Step::Crash { node: of, lost: taken } if of == *node => {
                        taken.iter().all(|it| lost.contains(it)).then_some(taken.len())
                    }
                    _ => None,
                };
                let crashes = actions.iter().filter_map(|action| Some((takes(&action)?, action)));
                crashes.rev().max_by_key(|(taken, _)| *taken).map(|(_, action)| *action)
            }
            Step::Cut { groups, .. } => {
                let cuts = |action: &&Action| matches!(described(action), Step::Cut { groups: of, .. } if of == *groups);
                actions.iter().find(cuts).copied()
            }
            _ => actions.iter().find(|action| described(action) == *step).copied(),
        }
    }
}
