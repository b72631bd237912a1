//! Placements of keys on servers: consistent hashing and its alternatives (notes 2.9).
//!
//! | file | placement | source |
//! |---|---|---|
//! | [`hashring`] | a ring of virtual nodes | Karger et al. 1997; Dynamo 2007 |
//! | [`bounded`] | a ring whose servers can be full | Mirrokni, Thorup, Zadimoghaddam 2018 |
//! | [`multiprobe`] | one point a server, several probes a key | Appleton, O'Reilly 2015 |
//! | [`rendezvous`] | the highest of numbers that servers draw | Thaler, Ravishankar 1998 |
//! | [`maglev`] | a table that servers fill in turn | Eisenbud et al. 2016 |
//! | [`listed`] | jump consistent hash; the remainder of a division | Lamping, Veach 2014; notes |
//! | [`table`] | a table drawn at random | notes |
//! | [`alphabet`] | ranges of keys in their order | notes |
//!
//! All are a [`Placement`]: servers join, leave and change their weights, and columns of keys are assigned to
//! them. Keys and their hashes are in [`keys`] and [`hash`](mod@hash), the positions of virtual nodes (and other
//! people's rules for them, bit for bit) in [`tokens`], what has to be copied when a ring changes in [`plan`].
pub mod alphabet;
pub mod bounded;
pub mod hash;
pub mod hashring;
pub mod keys;
pub mod listed;
pub mod maglev;
pub mod multiprobe;
pub mod placement;
pub mod plan;
mod points;
pub mod rendezvous;
pub mod scheme;
pub mod servers;
pub mod table;
pub mod tokens;

pub use alphabet::Alphabet;
pub use bounded::BoundedRing;
pub use hash::Hash;
pub use hashring::HashRing;
pub use keys::{Key, Keys};
pub use listed::{Jump, Modulo};
pub use maglev::Maglev;
pub use multiprobe::MultiProbe;
pub use placement::{Placement, Tally};
pub use rendezvous::Rendezvous;
pub use scheme::Scheme;
pub use servers::{Error, Server, Servers};
pub use table::RandomTable;
