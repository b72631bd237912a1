//! Consistency: histories, and the models they are held against (notes 2.5 and 2.6.1).
//!
//! [`judge`](judge::judge) is the one door: any history against any model. Each judge is a folder of its own that
//! knows its algorithm and the paper it is from:
//!
//! - [`linearizable`] and [`sequential`]: one order for all, with any sequential specification ([`spec`]);
//! - [`causal`], [`views`] (causal memory, PRAM), [`sessions`], [`eventual`], [`release`]: what weaker systems
//!   promise about reads and writes;
//! - [`transactions`]: from read committed to strict serializable.
//!
//! [`shrink`] makes counterexamples small.
#[cfg(test)]
mod arbitrary;
pub mod budget;
pub mod causal;
pub mod error;
pub mod eventual;
pub mod history;
pub mod judge;
pub mod linearizable;
pub mod model;
mod reads_from;
pub mod release;
pub mod sequential;
pub mod sessions;
pub mod shrink;
pub mod spec;
pub mod transactions;
pub mod verdict;
pub mod views;

pub use budget::Budget;
pub use error::Error;
pub use history::History;
pub use model::Model;
pub use spec::{Machine, Spec};
pub use verdict::{Edge, Flaw, Verdict, Witness};
