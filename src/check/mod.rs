//! What judges a run: whether a history is consistent, and which event can have caused which; and what judges all runs: exhaustive exploration.
//!
//! Nothing here names a protocol. Histories come from clusters, from files, from anywhere.
pub mod causality;
pub mod consistency;
pub mod explore;
