//! Values and machines that need no world.
pub mod clocks;
pub mod commitment;
pub mod graph;
pub mod hashing;
pub mod locks;
pub mod membership;
pub mod memory;
pub mod serial;
pub mod store;
