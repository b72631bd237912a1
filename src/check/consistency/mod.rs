//! Consistency: histories, and the models they are held against (notes 2.5 and 2.6.1).
#[cfg(test)]
mod arbitrary;
pub mod budget;
pub mod error;
pub mod history;
pub mod linearizable;
pub mod model;
pub mod sequential;
pub mod spec;
pub mod verdict;

pub use budget::Budget;
pub use error::Error;
pub use history::History;
pub use model::Model;
pub use spec::{Machine, Spec};
pub use verdict::{Edge, Flaw, Verdict, Witness};
