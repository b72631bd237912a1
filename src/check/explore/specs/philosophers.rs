//! Dining philosophers who hand each other forks (Chandy and Misra, 1984).
//!
//! The system of `DiningPhilosophers.tla` in the TLA+ examples: a fork is dirty once it was used, and whoever holds
//! a dirty one cleans it and hands it over; who is hungry eats with two clean forks. Every philosopher goes on
//! whenever it can. At the published constant, NP = 5: 67 distinct states, depth 29.
use std::convert::Infallible;

use serde::{Deserialize, Serialize};

use super::Spec;
use super::packed::{has, mix, with_bit, word};
use crate::check::explore::{Model, Property};
use crate::sim::{Invalid, Value};

const KINDS: [&str; 3] = ["Loop", "Eat", "Think"];

/// The system.
#[derive(Clone, Debug)]
pub struct Philosophers {
    seats: u8,
    flaw: Option<Flaw>,
    properties: Vec<Property>,
}

/// What can be wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flaw {
    /// At the beginning everybody holds the left fork, where one should hold two: nobody ever eats.
    EverybodyHoldsLeft,
    /// Who is hungry eats with dirty forks too, even with one that is just being handed over: neighbours eat
    /// together.
    EatsDirty,
}

/// One bit for each fork or philosopher. Fork `i` lies to the left of philosopher `i`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    /// Which forks are held by the philosopher to whose left they lie; the others, by the one to whose right.
    held_as_left: u8,
    clean: u8,
    hungry: u8,
    eating: u8,
    thinking: u8,
}

/// A philosopher makes the next step, from a place in the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    seat: u8,
    kind: u8,
}

impl Philosophers {
    /// A table with so many seats.
    ///
    /// # Errors
    /// If there are too few or too many.
    pub fn new(seats: u8, flaw: Option<Flaw>) -> Result<Self, Invalid> {
        if !(2..=8).contains(&seats) {
            return Err(Invalid::new("seats", seats, "2 to 8"));
        }
        let mut properties =
            vec![Property::always("neighbours do not eat together"), Property::sometimes("somebody eats")];
        properties.extend((1..=seats).map(|it| Property::eventually(format!("philosopher {it} eats"))));
        Ok(Self { seats, flaw, properties })
    }

    fn right(&self, seat: u8) -> u8 {
        (seat + 1) % self.seats
    }

    fn can_eat(&self, state: &State, seat: u8) -> bool {
        let right = self.right(seat);
        let holds = has(state.held_as_left, seat) && !has(state.held_as_left, right);
        let clean = has(state.clean, seat) && has(state.clean, right);
        match self.flaw {
            Some(Flaw::EatsDirty) => holds,
            _ => holds && clean,
        }
    }

    /// Hands over a dirty fork, then looks whether to eat with what was held before.
    fn go_round(&self, state: &State, seat: u8) -> State {
        let (right, mut next) = (self.right(seat), *state);
        if has(state.held_as_left, seat) && !has(state.clean, seat) {
            next.held_as_left = with_bit(next.held_as_left, seat, false);
            next.clean = with_bit(next.clean, seat, true);
        } else if !has(state.held_as_left, right) && !has(state.clean, right) {
            next.held_as_left = with_bit(next.held_as_left, right, true);
            next.clean = with_bit(next.clean, right, true);
        }
        if !has(state.hungry, seat) {
            next.thinking = with_bit(next.thinking, seat, true);
        } else if self.can_eat(state, seat) {
            next.eating = with_bit(next.eating, seat, true);
        }
        next
    }
}

impl Model for Philosophers {
    type State = State;
    type Action = Step;
    type Error = Infallible;

    fn initial(&self) -> Result<Vec<State>, Infallible> {
        let all = u8::MAX >> (8 - self.seats);
        let held_as_left = match self.flaw {
            Some(Flaw::EverybodyHoldsLeft) => all,
            _ => with_bit(all, 1, false),
        };
        Ok(vec![State { held_as_left, clean: 0, hungry: all, eating: 0, thinking: 0 }])
    }

    fn actions(&self, state: &State, actions: &mut Vec<Step>) -> Result<(), Infallible> {
        actions.extend((0..self.seats).map(|seat| Step {
            seat,
            kind: u8::from(has(state.eating, seat)) + 2 * u8::from(has(state.thinking, seat)),
        }));
        Ok(())
    }

    fn next(&self, state: &State, step: &Step) -> Result<Option<State>, Infallible> {
        let (seat, mut next) = (step.seat, *state);
        match step.kind {
            0 => return Ok(Some(self.go_round(state, seat))),
            1 => {
                next.hungry = with_bit(next.hungry, seat, false);
                next.clean &= !(1 << seat | 1 << self.right(seat));
                next.eating = with_bit(next.eating, seat, false);
            }
            _ => {
                next.hungry = with_bit(next.hungry, seat, true);
                next.thinking = with_bit(next.thinking, seat, false);
            }
        }
        Ok(Some(next))
    }

    fn fingerprint(&self, state: &State, lane: u64) -> u64 {
        let State { held_as_left, clean, hungry, eating, thinking } = *state;
        mix(word([held_as_left, clean, hungry, eating, thinking].map(|it| (it.into(), 8))), lane)
    }

    fn kind(&self, step: &Step) -> u32 {
        step.kind.into()
    }
    fn kind_name(&self, kind: u32) -> String {
        KINDS[kind as usize].to_owned()
    }
    fn fairness(&self, _: &State, step: &Step) -> Option<u64> {
        Some(step.seat.into())
    }
    fn properties(&self) -> &[Property] {
        &self.properties
    }

    fn holds(&self, property: usize, state: &State) -> Result<bool, Infallible> {
        Ok(match property {
            0 => !(0..self.seats).any(|it| has(state.eating, it) && has(state.eating, self.right(it))),
            1 => state.eating != 0,
            seat => !has(state.hungry, seat as u8 - 2),
        })
    }
}

impl Spec for Philosophers {
    fn show_state(&self, state: &State) -> Vec<(&'static str, Value)> {
        let seats = || 0..self.seats;
        let holder = |fork| {
            let left = (fork + self.seats - 1) % self.seats;
            i64::from(if has(state.held_as_left, fork) { fork } else { left }) + 1
        };
        let place = |it| match () {
            () if has(state.eating, it) => KINDS[1],
            () if has(state.thinking, it) => KINDS[2],
            () => KINDS[0],
        };
        vec![
            ("holder", seats().map(|it| Value::from(holder(it))).collect()),
            ("clean", seats().map(|it| Value::from(has(state.clean, it))).collect()),
            ("hungry", seats().map(|it| Value::from(has(state.hungry, it))).collect()),
            ("pc", seats().map(|it| Value::from(place(it))).collect()),
        ]
    }
    fn show_action(&self, step: &Step) -> String {
        format!("{}({})", KINDS[usize::from(step.kind)], step.seat + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::super::reference::{Found, explore};
    use super::super::starting::Starting;
    use super::*;

    #[test]
    fn each_flaw_is_found() {
        let found = |flaw| explore(&Philosophers::new(4, flaw).unwrap()).found;
        assert_eq!(found(None), Found::default());
        let left = found(Some(Flaw::EverybodyHoldsLeft));
        assert_eq!((left.unseen.len(), left.avoided.len()), (1, 4));
        assert_eq!(found(Some(Flaw::EatsDirty)).violated, ["neighbours do not eat together"]);
    }

    /// `NobodyStarves`: whatever state the system is in, every philosopher eats again.
    #[test]
    fn everybody_eats_again_and_again() {
        for seat in 0..5 {
            let eats = move |state: &State| !has(state.hungry, seat);
            let model = Starting::anywhere(Philosophers::new(5, None).unwrap(), eats);
            assert_eq!(explore(&model).found.avoided, [""; 0]);
        }
    }
}
