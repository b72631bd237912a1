//! Consistency: histories, and the models they are held against (notes 2.5 and 2.6.1).
#[cfg(test)]
mod arbitrary;
pub mod budget;
pub mod causal;
pub mod error;
pub mod eventual;
pub mod history;
pub mod model;
mod reads_from;
pub mod release;
pub mod sessions;
pub mod verdict;
pub mod views;

pub use budget::Budget;
pub use error::Error;
pub use history::History;
pub use model::Model;
pub use verdict::{Edge, Flaw, Verdict, Witness};
