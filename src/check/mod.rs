//! What judges a run: whether a history is consistent, and (one day) whether every run would be.
//!
//! Nothing here names a protocol. Histories come from clusters, from files, from anywhere.
pub mod consistency;
