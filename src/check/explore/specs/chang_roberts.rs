//! Electing the node with the smallest name on a one-way ring (Chang and Roberts, CACM 22(5), 1979).
//!
//! The system of `MCChangRoberts.tla` in the TLA+ examples: node `i` is named `i`, any set of nodes may start the
//! election, and every node goes on whenever it can. At the published constant, N = 3: 137 distinct states, depth
//! 10.
use std::convert::Infallible;

use serde::{Deserialize, Serialize};

use super::Spec;
use super::packed::{has, mix, with_bit, word};
use crate::check::explore::{Model, Property};
use crate::sim::{Invalid, Value};

const KINDS: [&str; 2] = ["n0", "n1"];
const MOST: usize = 6;

/// The system.
#[derive(Clone, Debug)]
pub struct ChangRoberts {
    nodes: u8,
    flaw: Option<Flaw>,
    properties: Vec<Property>,
}

/// What can be wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flaw {
    /// A candidate lets names larger than its own pass: their owners win too.
    ForwardsLarger,
    /// A candidate that learns of a smaller name keeps it to itself: nobody wins.
    SwallowsSmaller,
}

/// One bit for each node or name: what is under way to each node, who has begun, who started the election, who is
/// a candidate still, and who has won.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    inbox: [u8; MOST],
    begun: u8,
    initiator: u8,
    candidate: u8,
    won: u8,
}

/// What may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A node begins: if it starts the election, it sends its own name.
    Begin(u8),
    /// A node takes one of the names that have come in.
    Take {
        /// The node.
        node: u8,
        /// The name.
        name: u8,
    },
}

impl ChangRoberts {
    /// A ring of `nodes`.
    ///
    /// # Errors
    /// If there are none or too many.
    pub fn new(nodes: u8, flaw: Option<Flaw>) -> Result<Self, Invalid> {
        if !(1..=MOST).contains(&usize::from(nodes)) {
            return Err(Invalid::new("nodes", nodes, "1 to 6"));
        }
        let properties = vec![
            Property::always("only the smallest who started wins, and all others have lost"),
            Property::sometimes("somebody wins"),
            Property::eventually("somebody wins if anybody started"),
        ];
        Ok(Self { nodes, flaw, properties })
    }

    fn correct(state: &State) -> bool {
        let smallest = state.initiator & state.initiator.wrapping_neg();
        state.won == 0 || (state.won == smallest && state.candidate == 0)
    }
}

impl Model for ChangRoberts {
    type State = State;
    type Action = Action;
    type Error = Infallible;

    fn initial(&self) -> Result<Vec<State>, Infallible> {
        let state = |initiator| State { inbox: [0; MOST], begun: 0, initiator, candidate: initiator, won: 0 };
        Ok((0..1 << self.nodes).map(state).collect())
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) -> Result<(), Infallible> {
        for node in 0..self.nodes {
            if has(state.begun, node) {
                let names = (0..self.nodes).filter(|it| has(state.inbox[usize::from(node)], *it));
                actions.extend(names.map(|name| Action::Take { node, name }));
            } else {
                actions.push(Action::Begin(node));
            }
        }
        Ok(())
    }

    fn next(&self, state: &State, action: &Action) -> Result<Option<State>, Infallible> {
        let mut next = *state;
        let (node, name, forward) = match *action {
            Action::Begin(node) => {
                next.begun |= 1 << node;
                (node, node, has(state.initiator, node))
            }
            Action::Take { node, name } => {
                let own = &mut next.inbox[usize::from(node)];
                *own = with_bit(*own, name, false);
                (node, name, self.take(&mut next, node, name))
            }
        };
        if forward {
            next.inbox[usize::from((node + 1) % self.nodes)] |= 1 << name;
        }
        Ok(Some(next))
    }

    fn fingerprint(&self, state: &State, lane: u64) -> u64 {
        let sets = [state.begun, state.initiator, state.candidate, state.won];
        mix(word(state.inbox.into_iter().chain(sets).map(|it| (it.into(), MOST as u32))), lane)
    }

    fn kind(&self, action: &Action) -> u32 {
        matches!(action, Action::Take { .. }).into()
    }
    fn kind_name(&self, kind: u32) -> String {
        KINDS[kind as usize].to_owned()
    }
    fn fairness(&self, _: &State, action: &Action) -> Option<u64> {
        let (Action::Begin(node) | Action::Take { node, .. }) = action;
        Some((*node).into())
    }
    fn properties(&self) -> &[Property] {
        &self.properties
    }

    fn holds(&self, property: usize, state: &State) -> Result<bool, Infallible> {
        Ok(match property {
            0 => Self::correct(state),
            1 => state.won != 0,
            _ => state.won != 0 || state.initiator == 0,
        })
    }
}

impl ChangRoberts {
    /// What a node does about a name that has come in, and whether it hands it on.
    fn take(&self, next: &mut State, node: u8, name: u8) -> bool {
        let lost = !has(next.candidate, node) && !has(next.won, node);
        lost || self.contend(next, node, name)
    }

    /// A candidate, or a winner, against a name.
    fn contend(&self, next: &mut State, node: u8, name: u8) -> bool {
        let candidate = with_bit(next.candidate, node, false);
        if name < node {
            (next.candidate, next.won) = (candidate, with_bit(next.won, node, false));
            return self.flaw != Some(Flaw::SwallowsSmaller);
        }
        if name == node {
            (next.candidate, next.won) = (candidate, next.won | (1 << node));
            return false;
        }
        self.flaw == Some(Flaw::ForwardsLarger)
    }
}

impl Spec for ChangRoberts {
    fn show_state(&self, state: &State) -> Vec<(&'static str, Value)> {
        let names = |set: u8| -> Value {
            (0..self.nodes).filter(|it| has(set, *it)).map(|it| Value::from(i64::from(it) + 1)).collect()
        };
        let standing = |node| {
            let words = [(state.candidate, "cand"), (state.won, "won")];
            Value::from(words.iter().find(|(set, _)| has(*set, node)).map_or("lost", |(_, word)| word))
        };
        vec![
            ("msgs", state.inbox[..self.nodes.into()].iter().map(|it| names(*it)).collect()),
            ("begun", names(state.begun)),
            ("initiator", names(state.initiator)),
            ("state", (0..self.nodes).map(standing).collect()),
        ]
    }
    fn show_action(&self, action: &Action) -> String {
        match action {
            Action::Begin(node) => format!("n0({})", node + 1),
            Action::Take { node, name } => format!("n1({}) takes {}", node + 1, name + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::reference::explore;
    use super::*;

    #[test]
    fn two_winners_are_found() {
        for nodes in 1..=4 {
            let found = explore(&ChangRoberts::new(nodes, None).unwrap()).found;
            assert_eq!((found.violated, found.unseen, found.avoided), (vec![], vec![], vec![]));
        }
        let found = explore(&ChangRoberts::new(3, Some(Flaw::ForwardsLarger)).unwrap()).found;
        assert_eq!(found.violated, ["only the smallest who started wins, and all others have lost"]);
    }

    #[test]
    fn a_swallowed_name_leaves_nobody_to_win() {
        let found = explore(&ChangRoberts::new(3, Some(Flaw::SwallowsSmaller)).unwrap()).found;
        assert_eq!(found.violated, [""; 0]);
        assert_eq!(found.avoided, ["somebody wins if anybody started"]);
    }
}
