//! Mutual exclusion of two processes with shared variables only (Peterson, 1981).
//!
//! The system of `Peterson.tla` in the TLA+ examples (`locks_auxiliary_vars`), label by label: two processes, each
//! at one of six places. 42 distinct states, depth 11. There nothing is said of fairness; here each process goes
//! on whenever it can, so that starvation freedom can be asked for.
use std::convert::Infallible;

use serde::{Deserialize, Serialize};

use super::Spec;
use super::packed::{mix, word};
use crate::check::explore::{Model, Property};
use crate::sim::Value;

const KINDS: [&str; 6] = ["a0", "a1", "a2", "a3", "cs", "a4"];
/// Where a process waits for its turn, where it has it, and where it is about to give it up.
const WAITS: u8 = 3;
const INSIDE: u8 = 4;
const LEAVES: u8 = 5;

/// The system.
#[derive(Clone, Debug)]
pub struct Peterson {
    flaw: Option<Flaw>,
    properties: Vec<Property>,
}

/// What can be wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flaw {
    /// A process waits until the other does not want to enter, whoever has the turn: both may wait for ever.
    IgnoresTurn,
    /// A process gives the turn to itself instead of the other: both enter.
    KeepsTurn,
}

/// Where the processes are, which of them want to enter, and whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    at: [u8; 2],
    wants: [bool; 2],
    turn: u8,
}

/// The process with this number (0 or 1) makes its next step, from a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    process: u8,
    from: u8,
}

impl Peterson {
    /// The system, with or without a flaw.
    pub fn new(flaw: Option<Flaw>) -> Self {
        let properties = vec![
            Property::always("mutual exclusion"),
            Property::sometimes("both want to enter"),
            Property::eventually("process 1 enters"),
            Property::eventually("process 2 enters"),
        ];
        Self { flaw, properties }
    }

    fn may_enter(&self, state: &State, process: u8) -> bool {
        let other_wants = state.wants[usize::from(1 - process)];
        match self.flaw {
            Some(Flaw::IgnoresTurn) => !other_wants,
            _ => !other_wants || state.turn == process,
        }
    }
}

impl Model for Peterson {
    type State = State;
    type Action = Step;
    type Error = Infallible;

    fn initial(&self) -> Result<Vec<State>, Infallible> {
        Ok(vec![State { at: [0; 2], wants: [false; 2], turn: 0 }])
    }

    fn actions(&self, state: &State, actions: &mut Vec<Step>) -> Result<(), Infallible> {
        for process in 0..2 {
            let from = state.at[usize::from(process)];
            if from != WAITS || self.may_enter(state, process) {
                actions.push(Step { process, from });
            }
        }
        Ok(())
    }

    fn next(&self, state: &State, step: &Step) -> Result<Option<State>, Infallible> {
        let (own, mut next) = (usize::from(step.process), *state);
        match step.from {
            1 => next.wants[own] = true,
            2 if self.flaw == Some(Flaw::KeepsTurn) => next.turn = step.process,
            2 => next.turn = 1 - step.process,
            LEAVES => next.wants[own] = false,
            _ => {}
        }
        next.at[own] = (step.from + 1) % 6;
        Ok(Some(next))
    }

    fn fingerprint(&self, state: &State, lane: u64) -> u64 {
        let places = state.at.map(|it| (it.into(), 3));
        let wishes = state.wants.map(|it| (it.into(), 1));
        mix(word(places.into_iter().chain(wishes).chain([(state.turn.into(), 1)])), lane)
    }

    fn kind(&self, step: &Step) -> u32 {
        step.from.into()
    }
    fn kind_name(&self, kind: u32) -> String {
        KINDS[kind as usize].to_owned()
    }
    fn fairness(&self, _: &State, step: &Step) -> Option<u64> {
        Some(step.process.into())
    }
    fn properties(&self) -> &[Property] {
        &self.properties
    }

    fn holds(&self, property: usize, state: &State) -> Result<bool, Infallible> {
        Ok(match property {
            0 => !state.at.iter().all(|it| [INSIDE, LEAVES].contains(it)),
            1 => state.wants == [true; 2],
            process => state.at[process - 2] == INSIDE,
        })
    }
}

impl Spec for Peterson {
    fn show_state(&self, state: &State) -> Vec<(&'static str, Value)> {
        vec![
            ("at", state.at.iter().map(|it| Value::from(KINDS[usize::from(*it)])).collect()),
            ("wants", state.wants.iter().map(|it| Value::from(*it)).collect()),
            ("turn", i64::from(state.turn + 1).into()),
        ]
    }
    fn show_action(&self, step: &Step) -> String {
        format!("{}({})", KINDS[usize::from(step.from)], step.process + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::super::reference::{Found, explore};
    use super::*;

    #[test]
    fn each_flaw_is_found() {
        assert_eq!(explore(&Peterson::new(None)).found, Found::default());
        let waits = explore(&Peterson::new(Some(Flaw::IgnoresTurn))).found;
        assert!(waits.deadlock && waits.violated.is_empty());
        let enters = explore(&Peterson::new(Some(Flaw::KeepsTurn))).found;
        assert!(!enters.deadlock);
        assert_eq!(enters.violated, ["mutual exclusion"]);
    }
}
