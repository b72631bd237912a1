//! Two-phase commit (Gray and Lamport, Consensus on Transaction Commit, 2006).
//!
//! The system of `TwoPhase.tla`. Messages are never lost nor taken away: whoever may receive one may receive it
//! again. A commit or abort message is there exactly if the transaction manager has decided so, hence it needs no
//! room of its own. All is packed into one number, four bits for each resource manager. Distinct states for 3, 4,
//! 5, 6, 7, 8 and 9 of them: 288, 1,568, 8,832, 50,816, 296,448, 1,745,408 and 10,340,352; three levels deeper with
//! each, from 11 on.
//!
//! Of resource managers that are all alike, 5 make 314 different states. Stateright publishes 665: its
//! representatives are sorted by a part of the state only, so that how many it meets hangs on the order of search.
use std::convert::Infallible;

use serde::{Deserialize, Serialize};

use super::Spec;
use super::packed::mix;
use crate::check::explore::{Model, Property};
use crate::sim::{Invalid, Value};

/// The most resource managers that fit.
pub const MOST: u32 = 15;

const WORKING: u64 = 0;
const PREPARED: u64 = 1;
const COMMITTED: u64 = 2;
const ABORTED: u64 = 3;
/// The state of a resource manager.
const MANAGER: u64 = 0b11;
/// It has said that it is prepared.
const SAID: u64 = 1 << 2;
/// The transaction manager has heard that.
const HEARD: u64 = 1 << 3;
/// Where the state of the transaction manager begins: `WORKING` (it has not decided), `COMMITTED`, `ABORTED`.
const DECISION: u32 = 60;

const KINDS: [&str; 7] = [
    "TMCommit",
    "TMAbort",
    "TMRcvPrepared",
    "RMPrepare",
    "RMChooseToAbort",
    "RMRcvCommitMsg",
    "RMRcvAbortMsg",
];

/// Two-phase commit with a number of resource managers.
#[derive(Clone, Debug)]
pub struct TwoPhase {
    managers: u32,
    flaw: Option<Flaw>,
    properties: [Property; 3],
}

/// What can be wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flaw {
    /// The transaction manager commits as soon as one resource manager is prepared.
    CommitsEarly,
    /// A resource manager that is prepared may still abort on its own, as if it had lost patience.
    AbortsPrepared,
}

impl TwoPhase {
    /// With this many resource managers, and nothing wrong.
    ///
    /// # Panics
    /// If there are none, or more than [`MOST`].
    pub fn new(managers: u32) -> Self {
        Self::flawed(managers, None).expect("a number of resource managers that is allowed")
    }

    /// With this many resource managers, and something wrong.
    ///
    /// # Errors
    /// If there are none, or more than [`MOST`].
    pub fn flawed(managers: u32, flaw: Option<Flaw>) -> Result<Self, Invalid> {
        if !(1..=MOST).contains(&managers) {
            return Err(Invalid::new("managers", managers, "1 to 15"));
        }
        let properties = [
            Property::always("consistent"),
            Property::sometimes("all commit"),
            Property::sometimes("all abort"),
        ];
        Ok(Self { managers, flaw, properties })
    }

    /// This bit in every resource manager.
    fn all(&self, bit: u64) -> u64 {
        (0x1111_1111_1111_1111 * bit) & ((1 << (4 * self.managers)) - 1)
    }
}

/// A step of two-phase commit; those of a resource manager with its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The transaction manager has heard everybody and commits.
    Commit,
    /// The transaction manager aborts.
    Abort,
    /// The transaction manager hears that a resource manager is prepared.
    HearPrepared(u8),
    /// A resource manager prepares, and says so.
    Prepare(u8),
    /// A resource manager decides for itself to abort.
    ChooseToAbort(u8),
    /// A resource manager is told to commit.
    ObeyCommit(u8),
    /// A resource manager is told to abort.
    ObeyAbort(u8),
}

impl Model for TwoPhase {
    type State = u64;
    type Action = Action;
    type Error = Infallible;

    fn initial(&self) -> Result<Vec<u64>, Infallible> {
        Ok(vec![0])
    }

    #[inline]
    fn actions(&self, &state: &u64, actions: &mut Vec<Action>) -> Result<(), Infallible> {
        let decision = state >> DECISION;
        if decision == WORKING {
            let heard = state & self.all(HEARD);
            let early = self.flaw == Some(Flaw::CommitsEarly) && heard != 0;
            if heard == self.all(HEARD) || early {
                actions.push(Action::Commit);
            }
            actions.push(Action::Abort);
        }
        for number in 0..self.managers as u8 {
            let manager = state >> (4 * number);
            if decision == WORKING && manager & SAID != 0 {
                actions.push(Action::HearPrepared(number));
            }
            if manager & MANAGER == WORKING {
                actions.push(Action::Prepare(number));
            }
            let impatient = manager & MANAGER == PREPARED && self.flaw == Some(Flaw::AbortsPrepared);
            if manager & MANAGER == WORKING || impatient {
                actions.push(Action::ChooseToAbort(number));
            }
            if decision == COMMITTED {
                actions.push(Action::ObeyCommit(number));
            }
            if decision == ABORTED {
                actions.push(Action::ObeyAbort(number));
            }
        }
        Ok(())
    }

    #[inline]
    fn next(&self, &state: &u64, action: &Action) -> Result<Option<u64>, Infallible> {
        let becomes = |number: u8, it: u64| state & !(MANAGER << (4 * number)) | it << (4 * number);
        Ok(Some(match *action {
            Action::Commit => state | COMMITTED << DECISION,
            Action::Abort => state | ABORTED << DECISION,
            Action::HearPrepared(number) => state | HEARD << (4 * number),
            Action::Prepare(number) => becomes(number, PREPARED | SAID),
            Action::ChooseToAbort(number) | Action::ObeyAbort(number) => becomes(number, ABORTED),
            Action::ObeyCommit(number) => becomes(number, COMMITTED),
        }))
    }

    #[inline]
    fn fingerprint(&self, &state: &u64, lane: u64) -> u64 {
        mix(state, lane)
    }

    fn canonical(&self, &state: &u64, lane: u64) -> Result<u64, Infallible> {
        let mut managers = [0; MOST as usize];
        let managers = &mut managers[..self.managers as usize];
        for (number, manager) in managers.iter_mut().enumerate() {
            *manager = state >> (4 * number) & 0xF;
        }
        managers.sort_unstable();
        let sorted = managers.iter().fold(0, |packed, manager| packed << 4 | manager);
        Ok(self.fingerprint(&(state >> DECISION << DECISION | sorted), lane))
    }

    #[inline]
    fn kind(&self, action: &Action) -> u32 {
        match action {
            Action::Commit => 0,
            Action::Abort => 1,
            Action::HearPrepared(_) => 2,
            Action::Prepare(_) => 3,
            Action::ChooseToAbort(_) => 4,
            Action::ObeyCommit(_) => 5,
            Action::ObeyAbort(_) => 6,
        }
    }

    fn kind_name(&self, kind: u32) -> String {
        KINDS[kind as usize].to_owned()
    }

    fn properties(&self) -> &[Property] {
        &self.properties
    }

    #[inline]
    fn holds(&self, property: usize, &state: &u64) -> Result<bool, Infallible> {
        // Of each resource manager both bits are set if it has aborted, and only the high one if it has committed.
        let (high, low) = (state >> 1 & self.all(1), state & self.all(1));
        Ok(match property {
            0 => high & !low == 0 || high & low == 0,
            1 => high & !low == self.all(1),
            _ => high & low == self.all(1),
        })
    }
}

impl Spec for TwoPhase {
    fn show_state(&self, &state: &u64) -> Vec<(&'static str, Value)> {
        let each = |show: fn(u64) -> Value| (0..self.managers).map(|it| show(state >> (4 * it))).collect();
        let place = |of: u64| ["working", "prepared", "committed", "aborted"][(of & MANAGER) as usize];
        let decision = state >> DECISION;
        vec![
            ("rmState", (0..self.managers).map(|it| Value::from(place(state >> (4 * it)))).collect()),
            ("tmState", if decision == WORKING { "init" } else { place(decision) }.into()),
            ("tmPrepared", each(|manager| Value::from(manager & HEARD != 0))),
            ("prepared", each(|manager| Value::from(manager & SAID != 0))),
        ]
    }

    fn show_action(&self, action: &Action) -> String {
        let kind = KINDS[self.kind(action) as usize];
        match action {
            Action::Commit | Action::Abort => kind.to_owned(),
            Action::HearPrepared(it)
            | Action::Prepare(it)
            | Action::ChooseToAbort(it)
            | Action::ObeyCommit(it)
            | Action::ObeyAbort(it) => format!("{kind}({})", it + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::reference::explore;
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_flaw_is_found() {
        assert_eq!(explore(&TwoPhase::new(3)).found.violated, [""; 0]);
        for flaw in [Flaw::CommitsEarly, Flaw::AbortsPrepared] {
            let found = explore(&TwoPhase::flawed(3, Some(flaw)).unwrap()).found;
            assert_eq!(found.violated, ["consistent"], "{flaw:?}");
        }
    }

    /// As Stateright does: depth first, last action first, sorted by the states of the resource managers and
    /// otherwise by their numbers; whole states are followed, and representatives remembered.
    #[test]
    fn what_stateright_counts_with_symmetry_is_no_number_of_classes() {
        let representative = |state: u64, key: u64| {
            let mut managers: Vec<u64> = (0..5).map(|it| state >> (4 * it) & 0xF).collect();
            managers.sort_by_key(|it| it & key);
            (state >> DECISION, managers)
        };
        let model = TwoPhase::new(5);
        let [mut met, mut whole] = [const { BTreeSet::new() }; 2];
        let (mut stack, mut all, mut sorted) = (vec![0], BTreeSet::new(), BTreeSet::new());
        met.insert(representative(0, MANAGER));
        while let Some(state) = stack.pop() {
            let mut actions = vec![];
            let Ok(()) = model.actions(&state, &mut actions);
            for action in &actions {
                let Ok(Some(next)) = model.next(&state, action) else { continue };
                if met.insert(representative(next, MANAGER)) {
                    stack.push(next);
                }
            }
        }
        stack.push(0);
        while let Some(state) = stack.pop() {
            if all.insert(state) {
                sorted.insert(model.canonical(&state, 0));
                whole.insert(representative(state, MANAGER));
                let mut actions = vec![];
                let Ok(()) = model.actions(&state, &mut actions);
                stack.extend(actions.iter().filter_map(|it| model.next(&state, it).unwrap()));
            }
        }
        assert_eq!((met.len(), sorted.len(), whole.len(), all.len()), (665, 314, 1_092, 8_832));
    }
}
