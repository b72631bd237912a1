//! Frames and the policies that choose who leaves them.
//!
//! [`Policy`] is one set of frames, asked page by page; [`simulate`] replays a whole string of references through it,
//! [`optimal`] does that with knowledge of the future (Belady 1966), and [`distances`] gives the misses of LRU for every
//! number of frames from one pass (Mattson et al. 1970).
mod adaptive;
mod clock;
mod counted_bits;
pub mod distances;
mod frequency;
mod index;
mod kind;
mod lru;
pub mod optimal;
mod places;
mod plain;
mod queues;
mod replacement;
mod scan;
pub mod simulate;

pub use index::{Direct, Hashed, Index};
pub use kind::{Kind, NEEDS_THE_FUTURE, Options};
pub use replacement::{Access, Counts, Policy, Repeat, Replacement};

#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;
