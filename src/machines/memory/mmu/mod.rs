//! From a virtual address to a physical one: page tables, translation lookaside buffers, frames, swap.
//!
//! Source: notes 2.7. A [`Machine`] is one memory with any number of address spaces in front of it. What an
//! access does is in `access.rs`; `replay.rs` does the same for whole arrays.
mod access;
mod common;
mod entry;
mod error;
mod frames;
mod geometry;
mod machine;
mod nested;
mod pages;
mod recency;
mod recent;
mod replay;
mod schedule;
mod sets;
mod space;
mod swap;
mod system;
mod table;
mod tlb;
mod translate;
mod walk_cache;
mod ways;

pub use access::{Kind, Outcome, Step, Victim};
pub use entry::Shown;
pub use error::{Denial, Error};
pub use geometry::{Geometry, MAX_LEVELS, PRESETS};
pub use machine::{Config, Counters, Machine, Times, Usage};
pub use nested::NestedConfig;
pub use pages::Backing;
pub use replay::{Batch, Results, Stopped, Why};
pub use schedule::{Fared, Job, Schedule, Turn, Turns};

pub use space::{Rights, SpaceId};
pub use swap::Service;
pub use system::{Mapping, Range};
pub use tlb::{ArrayConfig, TlbConfig};
pub use translate::{Shortcut, TlbLook, Translation};
pub use walk_cache::WalkCacheConfig;
pub use ways::{Eviction, Shape};
