//! Everything that is tested from outside of the crate, as one binary.
#![allow(missing_docs)]
mod commitment;
mod compose;
mod concurrency_control;
mod explore_raft;
mod golden;
mod mutual_exclusion;
mod nemesis;
mod raft;
mod snapshot;
mod three_phase_commit;
mod tidy;
mod timekeeping;
mod truetime;
mod two_phase_commit;
mod world;
