//! Clients that ping a server, one ping after the other.
//!
//! Nothing is published of it but arithmetic: a client is at one of 2m + 1 places on its way through m pings (one
//! under way, its answer under way, or all done), and clients know nothing of each other, so that k of them have
//! (2m + 1)^k distinct states and depth 2mk + 1. A client that has lost a ping or an answer waits for ever: with
//! loss, each ping adds a third place, (3m + 1)^k. Of clients that are all alike only how many are where counts.
use std::convert::Infallible;

use super::Spec;
use super::packed::mix;
use crate::check::explore::{Model, Property};
use crate::sim::{Invalid, Value};

const KINDS: [&str; 3] = ["Ping", "Pong", "Lose"];
const MOST: usize = 8;
/// What has become of the current ping.
const PING: u8 = 0;
const PONG: u8 = 1;
const LOST: u8 = 2;

/// The system.
#[derive(Clone, Debug)]
pub struct Pings {
    clients: usize,
    pings: u8,
    loss: bool,
    properties: Vec<Property>,
}

/// For each client, three times the answers it has, and what has become of the current ping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State([u8; MOST]);

/// What becomes of the ping or answer that is under way from or to a client: as in `KINDS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    client: u8,
    kind: u8,
}

impl Pings {
    /// So many clients, each with so many pings.
    ///
    /// # Errors
    /// If there are none or too many.
    pub fn new(clients: u8, pings: u8, loss: bool) -> Result<Self, Invalid> {
        if !(1..=MOST).contains(&usize::from(clients)) {
            return Err(Invalid::new("clients", clients, "1 to 8"));
        }
        if !(1..=80).contains(&pings) {
            return Err(Invalid::new("pings", pings, "1 to 80"));
        }
        let properties =
            vec![Property::sometimes("all are answered"), Property::eventually("all are answered some day")];
        Ok(Self { clients: clients.into(), pings, loss, properties })
    }

    fn word(state: &State) -> u64 {
        u64::from_le_bytes(state.0)
    }
}

impl Model for Pings {
    type State = State;
    type Action = Step;
    type Error = Infallible;

    fn initial(&self) -> Result<Vec<State>, Infallible> {
        Ok(vec![State([0; MOST])])
    }

    fn actions(&self, state: &State, actions: &mut Vec<Step>) -> Result<(), Infallible> {
        for (client, place) in (0..).zip(&state.0[..self.clients]) {
            let ping = place % 3;
            if place / 3 < self.pings && ping != LOST {
                actions.push(Step { client, kind: ping });
                if self.loss {
                    actions.push(Step { client, kind: LOST });
                }
            }
        }
        Ok(())
    }

    fn next(&self, state: &State, step: &Step) -> Result<Option<State>, Infallible> {
        let mut next = *state;
        let place = &mut next.0[usize::from(step.client)];
        *place = match step.kind {
            PING => *place + 1,
            PONG => *place + 2,
            _ => *place / 3 * 3 + LOST,
        };
        Ok(Some(next))
    }

    fn fingerprint(&self, state: &State, lane: u64) -> u64 {
        mix(Self::word(state), lane)
    }
    fn canonical(&self, state: &State, lane: u64) -> Result<u64, Infallible> {
        let mut sorted = *state;
        sorted.0[..self.clients].sort_unstable();
        Ok(mix(Self::word(&sorted), lane))
    }

    fn kind(&self, step: &Step) -> u32 {
        step.kind.into()
    }
    fn kind_name(&self, kind: u32) -> String {
        KINDS[kind as usize].to_owned()
    }
    fn fairness(&self, _: &State, step: &Step) -> Option<u64> {
        (step.kind != LOST).then(|| step.client.into())
    }
    fn properties(&self) -> &[Property] {
        &self.properties
    }

    fn holds(&self, _: usize, state: &State) -> Result<bool, Infallible> {
        Ok(state.0[..self.clients].iter().all(|it| it / 3 == self.pings))
    }
}

impl Spec for Pings {
    fn show_state(&self, state: &State) -> Vec<(&'static str, Value)> {
        let places = &state.0[..self.clients];
        let under_way = |place: &u8| match place % 3 {
            _ if place / 3 == self.pings => Value::Null,
            PING => "ping".into(),
            PONG => "pong".into(),
            _ => "lost".into(),
        };
        vec![
            ("answers", places.iter().map(|it| Value::from(i64::from(it / 3))).collect()),
            ("under_way", places.iter().map(under_way).collect()),
        ]
    }
    fn show_action(&self, step: &Step) -> String {
        format!("{}({})", KINDS[usize::from(step.kind)], step.client + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::super::reference::explore;
    use super::*;

    #[test]
    fn counts_follow_the_law() {
        for (clients, pings) in [(1, 1), (1, 80), (2, 3), (3, 2), (4, 1)] {
            let count = |loss| explore(&Pings::new(clients, pings, loss).unwrap());
            let places = |each: u64| (each * u64::from(pings) + 1).pow(clients.into());
            let (safe, lossy) = (count(false), count(true));
            assert_eq!((safe.distinct, lossy.distinct), (places(2), places(3)));
            assert_eq!(safe.depth, 2 * u32::from(clients) * u32::from(pings) + 1);
            assert_eq!(safe.found.avoided, [""; 0]);
            assert_eq!(lossy.found.avoided, ["all are answered some day"]);
        }
    }

    #[test]
    fn clients_are_alike() {
        let model = Pings::new(3, 2, false).unwrap();
        let hash = |places: [u8; MOST]| model.canonical(&State(places), 0);
        assert_eq!(hash([3, 0, 1, 0, 0, 0, 0, 0]), hash([0, 1, 3, 0, 0, 0, 0, 0]));
        assert_ne!(hash([3, 0, 1, 0, 0, 0, 0, 0]), hash([0, 1, 4, 0, 0, 0, 0, 0]));
    }
}
