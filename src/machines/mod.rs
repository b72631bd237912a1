//! Values and machines that need no world.
pub mod store;
