//! All placements as one value, to be kept, copied, compared and saved.
use serde::{Deserialize, Serialize};

use super::alphabet::Alphabet;
use super::bounded::BoundedRing;
use super::hashring::HashRing;
use super::listed::{Jump, Modulo};
use super::maglev::Maglev;
use super::multiprobe::MultiProbe;
use super::placement::Placement;
use super::rendezvous::Rendezvous;
use super::table::RandomTable;

/// A placement of one kind or another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Scheme {
    /// A ring of virtual nodes.
    Ring(HashRing),
    /// A ring whose servers can be full.
    Bounded(BoundedRing),
    /// The remainder of a division.
    Modulo(Modulo),
    /// Jump consistent hash.
    Jump(Jump),
    /// The highest of numbers drawn.
    Rendezvous(Rendezvous),
    /// A table filled in turn.
    Maglev(Maglev),
    /// One point a server, several probes a key.
    MultiProbe(MultiProbe),
    /// A table drawn at random.
    RandomTable(RandomTable),
    /// Ranges of keys in their order.
    Alphabet(Alphabet),
}

impl Scheme {
    /// What all of them can do.
    pub fn placement(&self) -> &(dyn Placement + Send + Sync) {
        match self {
            Self::Ring(it) => it,
            Self::Bounded(it) => it,
            Self::Modulo(it) => it,
            Self::Jump(it) => it,
            Self::Rendezvous(it) => it,
            Self::Maglev(it) => it,
            Self::MultiProbe(it) => it,
            Self::RandomTable(it) => it,
            Self::Alphabet(it) => it,
        }
    }

    /// The same, to be changed.
    pub fn placement_mut(&mut self) -> &mut dyn Placement {
        match self {
            Self::Ring(it) => it,
            Self::Bounded(it) => it,
            Self::Modulo(it) => it,
            Self::Jump(it) => it,
            Self::Rendezvous(it) => it,
            Self::Maglev(it) => it,
            Self::MultiProbe(it) => it,
            Self::RandomTable(it) => it,
            Self::Alphabet(it) => it,
        }
    }

    /// The ring, of those that have one.
    pub fn ring(&self) -> Option<&HashRing> {
        match self {
            Self::Ring(it) => Some(it),
            Self::Bounded(it) => Some(it.ring()),
            _ => None,
        }
    }
}
