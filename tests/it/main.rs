//! Everything that is tested from outside of the crate, as one binary.
#![allow(missing_docs)]
mod compose;
mod nemesis;
mod raft;
mod tidy;
mod world;
