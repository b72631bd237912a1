//! A primary and a backup that lose sight of each other, and an arbiter who says which of them goes on.
//!
//! Neither can tell a crash of the other from a cut of the line between them. Who suspects the other and simply
//! goes on alone may not be the only one: two primaries. With an arbiter (a flag that both can reach, to test and
//! set in one step) one goes on and the other stops; if testing and setting are two steps, it is no arbiter. At
//! most one crash and one cut. The model is of this project; its counts are nobody else's.
use std::convert::Infallible;

use serde::{Deserialize, Serialize};

use super::Spec;
use super::packed::{mix, word};
use crate::check::explore::{Model, Property};
use crate::sim::Value;

const KINDS: [&str; 5] = ["Cut", "Crash", "Suspect", "Ask", "Set"];
const NAMES: [&str; 2] = ["primary", "backup"];

/// The system.
#[derive(Clone, Debug)]
pub struct PrimaryBackup {
    arbiter: Arbiter,
    properties: Vec<Property>,
}

/// Who says which of the two goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arbiter {
    /// A flag that is tested and set in one step.
    #[default]
    TestAndSet,
    /// A flag that is read first and set then.
    ReadThenSet,
    /// Nobody.
    Nobody,
}

/// What a server is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Mode {
    /// It works together with the other.
    Together,
    /// It has lost sight of the other.
    Suspects,
    /// It has seen that the flag is free.
    SawFree,
    /// It goes on alone, as the primary.
    Alone,
    /// It does nothing more.
    Stopped,
    /// It has crashed.
    Down,
}

/// The servers, whether the line is cut, and who has set the flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    modes: [Mode; 2],
    cut: bool,
    flag: Option<u8>,
}

/// What may happen, to one server or (a cut) to both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The line between them is cut.
    Cut,
    /// A server crashes.
    Crash(u8),
    /// A server loses sight of the other.
    Suspect(u8),
    /// A server asks the arbiter, if there is one.
    Ask(u8),
    /// A server that saw the flag free sets it.
    Set(u8),
}

impl PrimaryBackup {
    /// The two, with this arbiter.
    pub fn new(arbiter: Arbiter) -> Self {
        let properties = vec![
            Property::always("at most one goes on alone"),
            Property::sometimes("the primary goes on alone"),
            Property::sometimes("the backup goes on alone"),
        ];
        Self { arbiter, properties }
    }

    fn answer(&self, state: &State, own: u8) -> Mode {
        match (self.arbiter, state.flag) {
            (Arbiter::Nobody, _) => Mode::Alone,
            (_, Some(winner)) if winner != own => Mode::Stopped,
            (Arbiter::TestAndSet, _) => Mode::Alone,
            (Arbiter::ReadThenSet, _) => Mode::SawFree,
        }
    }
}

impl Model for PrimaryBackup {
    type State = State;
    type Action = Action;
    type Error = Infallible;

    fn initial(&self) -> Result<Vec<State>, Infallible> {
        Ok(vec![State { modes: [Mode::Together; 2], cut: false, flag: None }])
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) -> Result<(), Infallible> {
        if !state.cut {
            actions.push(Action::Cut);
        }
        for (server, mode) in (0..).zip(state.modes) {
            if !state.modes.contains(&Mode::Down) {
                actions.push(Action::Crash(server));
            }
            let out_of_sight = state.cut || state.modes[usize::from(1 - server)] == Mode::Down;
            match mode {
                Mode::Together if out_of_sight => actions.push(Action::Suspect(server)),
                Mode::Suspects => actions.push(Action::Ask(server)),
                Mode::SawFree => actions.push(Action::Set(server)),
                _ => {}
            }
        }
        Ok(())
    }

    fn next(&self, state: &State, action: &Action) -> Result<Option<State>, Infallible> {
        let mut next = *state;
        match *action {
            Action::Cut => next.cut = true,
            Action::Crash(server) => next.modes[usize::from(server)] = Mode::Down,
            Action::Suspect(server) => next.modes[usize::from(server)] = Mode::Suspects,
            Action::Ask(server) => {
                let mode = self.answer(state, server);
                next.modes[usize::from(server)] = mode;
                if self.arbiter == Arbiter::TestAndSet && mode == Mode::Alone {
                    next.flag = Some(server);
                }
            }
            Action::Set(server) => {
                next.modes[usize::from(server)] = Mode::Alone;
                next.flag = Some(server);
            }
        }
        Ok(Some(next))
    }

    fn fingerprint(&self, state: &State, lane: u64) -> u64 {
        let modes = state.modes.map(|it| (it as u64, 3));
        let flag = state.flag.map_or(0, |it| u64::from(it) + 1);
        mix(word(modes.into_iter().chain([(state.cut.into(), 1), (flag, 2)])), lane)
    }

    fn kind(&self, action: &Action) -> u32 {
        match action {
            Action::Cut => 0,
            Action::Crash(_) => 1,
            Action::Suspect(_) => 2,
            Action::Ask(_) => 3,
            Action::Set(_) => 4,
        }
    }
    fn kind_name(&self, kind: u32) -> String {
        KINDS[kind as usize].to_owned()
    }
    fn fairness(&self, _: &State, action: &Action) -> Option<u64> {
        match action {
            Action::Cut | Action::Crash(_) => None,
            Action::Suspect(server) | Action::Ask(server) | Action::Set(server) => Some((*server).into()),
        }
    }
    fn properties(&self) -> &[Property] {
        &self.properties
    }

    fn holds(&self, property: usize, state: &State) -> Result<bool, Infallible> {
        Ok(match property {
            0 => state.modes != [Mode::Alone; 2],
            server => state.modes[server - 1] == Mode::Alone,
        })
    }
}

impl Spec for PrimaryBackup {
    fn show_state(&self, state: &State) -> Vec<(&'static str, Value)> {
        let mode = |it: &Mode| {
            Value::from(match it {
                Mode::Together => "together",
                Mode::Suspects => "suspects",
                Mode::SawFree => "saw_free",
                Mode::Alone => "alone",
                Mode::Stopped => "stopped",
                Mode::Down => "down",
            })
        };
        vec![
            ("primary", mode(&state.modes[0])),
            ("backup", mode(&state.modes[1])),
            ("cut", state.cut.into()),
            ("flag", state.flag.map(|it| NAMES[usize::from(it)]).into()),
        ]
    }
    fn show_action(&self, action: &Action) -> String {
        let kind = KINDS[self.kind(action) as usize];
        match action {
            Action::Cut => kind.to_owned(),
            Action::Crash(it) | Action::Suspect(it) | Action::Ask(it) | Action::Set(it) => {
                format!("{kind}({})", NAMES[usize::from(*it)])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::reference::explore;
    use super::*;

    #[test]
    fn two_primaries_appear_without_an_arbiter_and_never_with_one() {
        let found = |arbiter| explore(&PrimaryBackup::new(arbiter)).found;
        for arbiter in [Arbiter::Nobody, Arbiter::ReadThenSet] {
            assert_eq!(found(arbiter).violated, ["at most one goes on alone"]);
        }
        let found = found(Arbiter::TestAndSet);
        assert_eq!((found.violated.len(), found.unseen.len()), (0, 0));
    }
}
