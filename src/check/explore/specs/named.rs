//! Specifications by name, with their constants: the way in for whoever does not know their types.
use serde::{Deserialize, Serialize};

use super::TwoPhase;
use super::{
    AlternatingBit, ChangRoberts, Ewd840, Paxos, Peterson, Philosophers, Pings, PrimaryBackup, Spec,
};
use super::{
    alternating_bit, chang_roberts, ewd840, paxos, peterson, philosophers, primary_backup, two_phase,
};
use crate::sim::Invalid;

/// A specification, its constants, and what is wrong with it if anything is.
///
/// ```
/// use distlab::check::explore::specs::Named;
/// let named: Named = serde_json::from_str(r#"{"ewd840": {"nodes": 3}}"#).unwrap();
/// assert_eq!(named, Named::Ewd840 { nodes: 3, flaw: None });
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Named {
    /// Two-phase commit.
    TwoPhase {
        /// How many resource managers: 1 to 15.
        managers: u32,
        /// What is wrong.
        #[serde(default)]
        flaw: Option<two_phase::Flaw>,
    },
    /// Mutual exclusion of two processes.
    Peterson {
        /// What is wrong.
        #[serde(default)]
        flaw: Option<peterson::Flaw>,
    },
    /// Dining philosophers who hand each other forks.
    Philosophers {
        /// How many: 2 to 8.
        seats: u8,
        /// What is wrong.
        #[serde(default)]
        flaw: Option<philosophers::Flaw>,
    },
    /// Termination detection on a ring.
    Ewd840 {
        /// How many: 1 to 8.
        nodes: u8,
        /// What is wrong.
        #[serde(default)]
        flaw: Option<ewd840::Flaw>,
    },
    /// Election on a ring.
    ChangRoberts {
        /// How many: 1 to 6.
        nodes: u8,
        /// What is wrong.
        #[serde(default)]
        flaw: Option<chang_roberts::Flaw>,
    },
    /// Values over a line with loss.
    AlternatingBit {
        /// How many different ones: 1 to 4.
        values: u8,
        /// How many messages, and how many acknowledgements, may be under way: 1 to 4.
        under_way: u8,
        /// Whether the line loses any.
        #[serde(default = "yes")]
        loss: bool,
        /// What is wrong.
        #[serde(default)]
        flaw: Option<alternating_bit::Flaw>,
    },
    /// Clients that ping a server.
    Pings {
        /// How many: 1 to 8.
        clients: u8,
        /// How many each: 1 to 80.
        pings: u8,
        /// Whether pings and answers may be lost.
        #[serde(default)]
        loss: bool,
    },
    /// Single-decree Paxos as a register.
    Paxos {
        /// How many clients write and read: 1 to 3.
        clients: u8,
        /// What is wrong.
        #[serde(default)]
        flaw: Option<paxos::Flaw>,
    },
    /// A primary and a backup that lose sight of each other.
    PrimaryBackup {
        /// Who says which of the two goes on.
        #[serde(default)]
        arbiter: primary_backup::Arbiter,
    },
}

fn yes() -> bool {
    true
}

/// Something to do with a specification whose type is not known.
pub trait Visitor {
    /// What comes of it.
    type Out;
    /// Does it.
    fn visit<S: Spec>(self, spec: &S) -> Self::Out;
}

impl Named {
    /// Builds the specification and shows it to `visitor`.
    ///
    /// # Errors
    /// If a constant is outside of what is allowed.
    pub fn with<V: Visitor>(&self, visitor: V) -> Result<V::Out, Invalid> {
        Ok(match *self {
            Self::TwoPhase { managers, flaw } => visitor.visit(&TwoPhase::flawed(managers, flaw)?),
            Self::Peterson { flaw } => visitor.visit(&Peterson::new(flaw)),
            Self::Philosophers { seats, flaw } => visitor.visit(&Philosophers::new(seats, flaw)?),
            Self::Ewd840 { nodes, flaw } => visitor.visit(&Ewd840::new(nodes, flaw)?),
            Self::ChangRoberts { nodes, flaw } => visitor.visit(&ChangRoberts::new(nodes, flaw)?),
            Self::AlternatingBit { values, under_way, loss, flaw } => {
                visitor.visit(&AlternatingBit::new(values, under_way, loss, flaw)?)
            }
            Self::Pings { clients, pings, loss } => visitor.visit(&Pings::new(clients, pings, loss)?),
            Self::Paxos { clients, flaw } => visitor.visit(&Paxos::new(clients, flaw)?),
            Self::PrimaryBackup { arbiter } => visitor.visit(&PrimaryBackup::new(arbiter)),
        })
    }
}

/// What somebody else has counted in a system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The system.
    pub named: Named,
    /// Distinct states.
    pub distinct: u64,
    /// States generated, as [`Report::generated`](crate::check::explore::Report::generated) counts them.
    pub generated: u64,
    /// The length of the longest of the shortest paths to a state, in states.
    pub depth: u32,
}

/// The published counts, one exploration each.
pub fn published() -> Vec<Published> {
    let row = |named, distinct, generated, depth| Published { named, distinct, generated, depth };
    let two_phase = |managers| Named::TwoPhase { managers, flaw: None };
    vec![
        row(two_phase(3), 288, 1_146, 11),
        row(two_phase(4), 1_568, 8_258, 14),
        row(two_phase(5), 8_832, 58_146, 17),
        row(two_phase(6), 50_816, 402_306, 20),
        row(Named::Peterson { flaw: None }, 42, 77, 11),
        row(Named::Philosophers { seats: 5, flaw: None }, 67, 336, 29),
        row(Named::Ewd840 { nodes: 3, flaw: None }, 302, 1_817, 9),
        row(Named::Ewd840 { nodes: 4, flaw: None }, 1_566, 14_962, 12),
        row(Named::ChangRoberts { nodes: 3, flaw: None }, 137, 227, 10),
        row(Named::AlternatingBit { values: 2, under_way: 2, loss: true, flaw: None }, 240, 1_204, 10),
        row(Named::Paxos { clients: 1, flaw: None }, 265, 482, 14),
        row(Named::Paxos { clients: 2, flaw: None }, 16_668, 32_971, 21),
    ]
}

#[cfg(test)]
mod tests;
