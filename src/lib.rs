//! A laboratory for distributed systems: every protocol runs on one deterministic simulator, can be
//! broken on purpose, checked, drawn and measured.
//!
//! Floors, lowest first; a module may `use` only the floors below it:
//!
//! 1. [`sim`]: what a protocol is, and the world that runs it;
//!    [`machines`]: values and machines that need no world (state machines of replicated stores, …);
//! 2. [`protocols`]: one folder each, and the registry that makes them one union;
//!    [`check`]: what judges a run (histories against consistency models) and all runs (exploration);
//! 3. `py` (feature `python`): Python's view; nothing imports it.
pub mod check;
pub mod machines;
pub mod protocols;
#[cfg(feature = "python")]
mod py;
pub mod sim;
