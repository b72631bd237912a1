//! Specifications: systems written down as a model, with what others have counted in them.
//!
//! Each is a system that somebody has published and explored, written anew; what they count is what an exploration
//! here has to count.
//!
//! | file | system | where it is from | constants | distinct | depth |
//! |---|---|---|---|---|---|
//! | `two_phase` | two-phase commit | Gray and Lamport, Consensus on Transaction Commit | 3 resource managers | 288 | 11 |
//! | | | | 5 | 8,832 | 17 |
//! | | | | 7 | 296,448 | 23 |
//! | `paxos` | single-decree Paxos as a register | Stateright, `examples/paxos.rs` | 3 servers, 1 client | 265 | 14 |
//! | | | | 2 clients | 16,668 | 21 |
//! | | | | 3 clients | 1,194,428 | 28 |
//! | `peterson` | mutual exclusion | TLA+ examples, `locks_auxiliary_vars/Peterson` | | 42 | 11 |
//! | `philosophers` | dining philosophers | TLA+ examples, `DiningPhilosophers` | NP = 5 | 67 | 29 |
//! | `ewd840` | termination detection | TLA+ examples, `ewd840/EWD840` | N = 3 | 302 | 9 |
//! | | | TLA+ examples, `ewd840/EWD840_json` | N = 4 | 1,566 | 12 |
//! | `chang_roberts` | election on a ring | TLA+ examples, `chang_roberts/MCChangRoberts` | N = 3 | 137 | 10 |
//! | `alternating_bit` | a line with loss | TLA+ examples, `MCAlternatingBit` | 2 values, 2 + 2 under way | 240 | 10 |
//! | `pings` | k clients with m pings each | arithmetic | | (2m + 1)^k | 2mk + 1 |
//! | | | | with loss | (3m + 1)^k | |
//! | `primary_backup` | fail-over with and without an arbiter | here | | | |
//!
//! Each can also be built with a flaw, which an exploration finds.
pub mod alternating_bit;
pub mod chang_roberts;
pub mod ewd840;
pub mod named;
mod packed;
pub mod paxos;
pub mod peterson;
pub mod philosophers;
pub mod pings;
pub mod primary_backup;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod starting;
pub mod two_phase;

use std::convert::Infallible;

pub use alternating_bit::AlternatingBit;
pub use chang_roberts::ChangRoberts;
pub use ewd840::Ewd840;
pub use named::{Named, Published, Visitor, published};
pub use paxos::Paxos;
pub use peterson::Peterson;
pub use philosophers::Philosophers;
pub use pings::Pings;
pub use primary_backup::PrimaryBackup;
pub use two_phase::TwoPhase;

use super::model::Model;
use crate::sim::Value;

/// A model that never fails, and whose states and actions can be read.
pub trait Spec: Model<Error = Infallible, State: Copy + Ord> {
    /// The variables of a state, by name.
    fn show_state(&self, state: &Self::State) -> Vec<(&'static str, Value)>;

    /// An action, as the publication would write it.
    fn show_action(&self, action: &Self::Action) -> String;
}
