//! Detecting that a computation on a ring has terminated (Dijkstra, Feijen and van Gasteren, EWD 840).
//!
//! The system of `EWD840.tla` in the TLA+ examples, fair to the token but not to the computation. At the published
//! constant, N = 3: 302 distinct states, depth 9 (TLC, whose depth is not exact if it has several workers, says 10).
use std::convert::Infallible;

use serde::{Deserialize, Serialize};

use super::Spec;
use super::packed::{has, mix, with_bit, word};
use crate::check::explore::{Model, Property};
use crate::sim::{Invalid, Value};

const KINDS: [&str; 4] = ["InitiateProbe", "PassToken", "SendMsg", "Deactivate"];

/// The system.
#[derive(Clone, Debug)]
pub struct Ewd840 {
    nodes: u8,
    flaw: Option<Flaw>,
    properties: Vec<Property>,
}

/// What can be wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flaw {
    /// A node that wakes one behind the token stays white: termination is announced too early.
    StaysWhite,
    /// A node that passes the token stays black: termination is never announced.
    StaysBlack,
}

/// Which nodes are active and which black (one bit each), where the token is and whether it is black.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    active: u8,
    black: u8,
    token_at: u8,
    token_black: bool,
}

/// What may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Node 0 sends the token around once more, white.
    InitiateProbe,
    /// The node that has the token hands it to the one before.
    PassToken(u8),
    /// An active node makes another active.
    SendMsg {
        /// The one.
        from: u8,
        /// The other.
        to: u8,
    },
    /// A node becomes passive.
    Deactivate(u8),
}

impl Ewd840 {
    /// A ring of `nodes`.
    ///
    /// # Errors
    /// If there are none or too many.
    pub fn new(nodes: u8, flaw: Option<Flaw>) -> Result<Self, Invalid> {
        if !(1..=8).contains(&nodes) {
            return Err(Invalid::new("nodes", nodes, "1 to 8"));
        }
        let properties = vec![
            Property::always("only what has terminated is announced"),
            Property::always("Dijkstra's invariant"),
            Property::sometimes("termination is announced"),
            Property::eventually("what has terminated is announced"),
        ];
        Ok(Self { nodes, flaw, properties })
    }

    fn announced(state: &State) -> bool {
        state.token_at == 0 && !state.token_black && !has(state.black, 0) && !has(state.active, 0)
    }

    /// Everyone the token has passed is passive, unless it will meet a black node or is black itself.
    fn invariant(state: &State) -> bool {
        let passed_active = u32::from(state.active) >> (state.token_at + 1) != 0;
        let ahead_black = u32::from(state.black) & ((2 << state.token_at) - 1) != 0;
        !passed_active || ahead_black || state.token_black
    }
}

impl Model for Ewd840 {
    type State = State;
    type Action = Action;
    type Error = Infallible;

    fn initial(&self) -> Result<Vec<State>, Infallible> {
        let sets = || 0..=u8::MAX >> (8 - self.nodes);
        let mut states = vec![];
        for active in sets() {
            for black in sets() {
                let at = |token_at| State { active, black, token_at, token_black: true };
                states.extend((0..self.nodes).map(at));
            }
        }
        Ok(states)
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) -> Result<(), Infallible> {
        let at = state.token_at;
        if at == 0 && (state.token_black || has(state.black, 0)) {
            actions.push(Action::InitiateProbe);
        }
        if at != 0 && (!has(state.active, at) || has(state.black, at) || state.token_black) {
            actions.push(Action::PassToken(at));
        }
        for from in (0..self.nodes).filter(|it| has(state.active, *it)) {
            let others = (0..self.nodes).filter(|to| *to != from);
            actions.extend(others.map(|to| Action::SendMsg { from, to }));
            actions.push(Action::Deactivate(from));
        }
        Ok(())
    }

    fn next(&self, state: &State, action: &Action) -> Result<Option<State>, Infallible> {
        let mut next = *state;
        match *action {
            Action::InitiateProbe => {
                next.token_at = self.nodes - 1;
                next.token_black = false;
                next.black = with_bit(state.black, 0, false);
            }
            Action::PassToken(node) => {
                next.token_at = node - 1;
                next.token_black |= has(state.black, node);
                if self.flaw != Some(Flaw::StaysBlack) {
                    next.black = with_bit(state.black, node, false);
                }
            }
            Action::SendMsg { from, to } => {
                next.active = with_bit(state.active, to, true);
                if to > from && self.flaw != Some(Flaw::StaysWhite) {
                    next.black = with_bit(state.black, from, true);
                }
            }
            Action::Deactivate(node) => next.active = with_bit(state.active, node, false),
        }
        Ok(Some(next))
    }

    fn fingerprint(&self, state: &State, lane: u64) -> u64 {
        let State { active, black, token_at, token_black } = *state;
        mix(
            word([(active.into(), 8), (black.into(), 8), (token_at.into(), 3), (token_black.into(), 1)]),
            lane,
        )
    }

    fn kind(&self, action: &Action) -> u32 {
        match action {
            Action::InitiateProbe => 0,
            Action::PassToken(_) => 1,
            Action::SendMsg { .. } => 2,
            Action::Deactivate(_) => 3,
        }
    }
    fn kind_name(&self, kind: u32) -> String {
        KINDS[kind as usize].to_owned()
    }
    fn fairness(&self, _: &State, action: &Action) -> Option<u64> {
        matches!(action, Action::InitiateProbe | Action::PassToken(_)).then_some(0)
    }
    fn properties(&self) -> &[Property] {
        &self.properties
    }

    fn holds(&self, property: usize, state: &State) -> Result<bool, Infallible> {
        Ok(match property {
            0 => !Self::announced(state) || state.active == 0,
            1 => Self::invariant(state),
            2 => Self::announced(state),
            _ => state.active != 0 || Self::announced(state),
        })
    }
}

impl Spec for Ewd840 {
    fn show_state(&self, state: &State) -> Vec<(&'static str, Value)> {
        let color = |black| Value::from(if black { "black" } else { "white" });
        vec![
            ("active", (0..self.nodes).map(|it| Value::from(has(state.active, it))).collect()),
            ("color", (0..self.nodes).map(|it| color(has(state.black, it))).collect()),
            ("tpos", i64::from(state.token_at).into()),
            ("tcolor", color(state.token_black)),
        ]
    }
    fn show_action(&self, action: &Action) -> String {
        match action {
            Action::InitiateProbe => KINDS[0].to_owned(),
            Action::PassToken(node) => format!("PassToken({node})"),
            Action::SendMsg { from, to } => format!("SendMsg({from}, {to})"),
            Action::Deactivate(node) => format!("Deactivate({node})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::reference::explore;
    use super::super::starting::Starting;
    use super::*;

    #[test]
    fn forgotten_colours_are_found() {
        for nodes in 1..=4 {
            let found = explore(&Ewd840::new(nodes, None).unwrap()).found;
            assert_eq!((found.violated, found.unseen, found.avoided), (vec![], vec![], vec![]));
        }
        let found = explore(&Ewd840::new(3, Some(Flaw::StaysWhite)).unwrap()).found;
        assert_eq!(found.violated, ["only what has terminated is announced", "Dijkstra's invariant"]);
        let found = explore(&Ewd840::new(3, Some(Flaw::StaysBlack)).unwrap()).found;
        assert_eq!(found.violated, [""; 0]);
        assert_eq!(found.avoided, ["what has terminated is announced"]);
    }

    /// TLC counts a step of the token once for each of the reasons why it may move: by that rule, and by distinct
    /// states, the counts of the collection (of its `EWD840_json`, too) are met.
    #[test]
    fn counts_are_those_of_tlc() {
        for (nodes, distinct, generated) in [(3, 302, 2_001), (4, 1_566, 15_986)] {
            let model = Ewd840::new(nodes, None).unwrap();
            let reasons = |state: &State| -> u64 {
                let at = state.token_at;
                let passive = at != 0 && !has(state.active, at);
                [passive, has(state.black, at), state.token_black].map(u64::from).iter().sum()
            };
            let states = Starting::anywhere(model.clone(), |_: &State| true).initial().unwrap();
            let more: u64 = states.iter().map(|it| reasons(it).saturating_sub(1)).sum();
            let explored = explore(&model);
            assert_eq!((explored.distinct, explored.generated + more), (distinct, generated));
        }
    }
}
