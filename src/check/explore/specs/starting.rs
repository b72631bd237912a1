//! A model that starts in any state of another: there `eventually` says that something always comes true again.
use std::collections::BTreeSet;
use std::convert::Infallible;

use crate::check::explore::{Model, Property};

pub struct Starting<M: Model, F> {
    model: M,
    initial: Vec<M::State>,
    properties: [Property; 1],
    goal: F,
}

impl<M, F> Starting<M, F>
where
    M: Model<Error = Infallible>,
    M::State: Ord,
    F: Fn(&M::State) -> bool + Sync,
{
    /// Starts in every state of `model` that can be reached, and claims that each leads to one that is a `goal`.
    pub fn anywhere(model: M, goal: F) -> Self {
        let Ok(mut stack) = model.initial();
        let mut seen: BTreeSet<M::State> = stack.iter().cloned().collect();
        while let Some(state) = stack.pop() {
            let mut actions = vec![];
            let Ok(()) = model.actions(&state, &mut actions);
            for action in &actions {
                let Ok(next) = model.next(&state, action);
                stack.extend(next.filter(|it| seen.insert(it.clone())));
            }
        }
        let initial = seen.into_iter().collect();
        Self { model, initial, properties: [Property::eventually("comes true")], goal }
    }
}

impl<M, F> Model for Starting<M, F>
where
    M: Model<Error = Infallible>,
    F: Fn(&M::State) -> bool + Sync,
    M::State: Sync,
{
    type State = M::State;
    type Action = M::Action;
    type Error = Infallible;

    fn initial(&self) -> Result<Vec<M::State>, Infallible> {
        Ok(self.initial.clone())
    }
    fn actions(&self, state: &M::State, actions: &mut Vec<M::Action>) -> Result<(), Infallible> {
        self.model.actions(state, actions)
    }
    fn next(&self, state: &M::State, action: &M::Action) -> Result<Option<M::State>, Infallible> {
        self.model.next(state, action)
    }
    fn fingerprint(&self, state: &M::State, lane: u64) -> u64 {
        self.model.fingerprint(state, lane)
    }
    fn kind(&self, action: &M::Action) -> u32 {
        self.model.kind(action)
    }
    fn kind_name(&self, kind: u32) -> String {
        self.model.kind_name(kind)
    }
    fn fairness(&self, state: &M::State, action: &M::Action) -> Option<u64> {
        self.model.fairness(state, action)
    }
    fn properties(&self) -> &[Property] {
        &self.properties
    }
    fn holds(&self, _: usize, state: &M::State) -> Result<bool, Infallible> {
        Ok((self.goal)(state))
    }
}
