//! Values and machines that need no world.
pub mod commitment;
pub mod graph;
pub mod locks;
pub mod serial;
pub mod store;
