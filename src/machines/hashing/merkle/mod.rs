//! Merkle trees: how two replicas find the keys on which they differ without sending everything (notes 2.12,
//! definition 12.5; Merkle 1987; Dynamo 2007, section 4.7).
//!
//! A [`Tree`] is a perfect binary tree over a key space that is cut into `L = 2^depth` leaves once and for all, so
//! that the same pairs make the same tree in whatever order they came, and two replicas can compare node by node.
//! A leaf is a bucket of pairs; its hash is that of the hashes of its pairs. Invariants:
//!
//! 1. A pair is in the leaf that [`Shape::leaf_of`] says, and pairs of a leaf are in the order of their keys.
//! 2. Every node's hash is what [`Scheme`] makes of what is below it, after every call.
//! 3. A comparison sends 1 + 2 x (inner nodes that differ) hashes: 1 + 2 log2 L for one difference.
//!
//! | file | what |
//! |---|---|
//! | [`key`] | keys and values as bytes without ambiguity |
//! | [`scheme`] | what is hashed, and by what |
//! | [`shape`] | which key belongs to which leaf |
//! | [`tree`] | the tree, kept up to date in O(log n) a change |
//! | [`build`] | many pairs at once |
//! | [`compare`] | two trees, from the root down, and what went over the wire |
//! | [`proof`] | that a pair is in a tree, for someone who knows the root only |
pub mod build;
pub mod compare;
mod error;
pub mod key;
pub mod proof;
pub mod scheme;
pub mod shape;
pub mod tree;

pub use build::{Builder, Pairs};
pub use compare::{Content, Diff, Message};
pub use error::Error;
pub use key::{Form, Key, Value};
pub use proof::Proof;
pub use scheme::{Encoding, Hash, Scheme};
pub use shape::{Order, Shape};
pub use tree::Tree;
