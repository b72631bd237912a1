//! Everything that is tested from outside of the crate.
#![allow(missing_docs)]
mod world;
