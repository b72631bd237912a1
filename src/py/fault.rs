//! Exceptions on their way from a node written in Python, through the engine, to whoever runs the world.
//!
//! Handlers run on the thread that runs the world, and the engine's functions return no exceptions. So the
//! first one waits here, handlers do nothing while it waits, and the world's wrapper looks after each event.
use std::cell::RefCell;

use pyo3::prelude::*;

use crate::sim::NodeId;

/// An exception, and the node it came from, if from a handler.
pub struct Fault {
    /// Whose handler raised it.
    pub node: Option<NodeId>,
    /// What it raised.
    pub error: PyErr,
    /// Whether the world cannot go on: what should have happened has not, and nobody knows where.
    pub halts: bool,
}

thread_local! { static FAULT: RefCell<Option<Fault>> = const { RefCell::new(None) } }

/// Keeps an exception, unless an earlier one waits.
pub fn keep(node: Option<NodeId>, error: PyErr) {
    FAULT.with_borrow_mut(|it| {
        it.get_or_insert(Fault { node, error, halts: false });
    });
}

/// Keeps an exception after which the world cannot go on.
pub fn keep_and_halt(error: PyErr) {
    FAULT.with_borrow_mut(|it| {
        it.get_or_insert(Fault { node: None, error, halts: true });
    });
}

/// Whether an exception waits.
pub fn waits() -> bool {
    FAULT.with_borrow(Option::is_some)
}

/// The exception that waits, from now on no longer.
pub fn take() -> Option<Fault> {
    FAULT.take()
}
