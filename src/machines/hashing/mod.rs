//! Which server holds which key, and how two replicas find out where they differ.
pub mod merkle;
pub mod ring;
pub mod strategies;
