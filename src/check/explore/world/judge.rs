//! What a user claims of a world.
use std::convert::Infallible;

use super::view::View;
use crate::check::explore::Property;
use crate::sim::{NodeId, Protocol};

/// Claims about the states of a world, besides the invariants of its protocols.
///
/// `()` claims nothing.
pub trait Judge<P: Protocol>: Sync {
    /// What may go wrong while looking.
    type Error: Send;

    /// What is claimed.
    fn properties(&self) -> &[Property];

    /// Whether the claim with this index holds.
    ///
    /// # Errors
    /// If looking fails.
    fn holds(&self, property: usize, view: &View<'_, P>) -> Result<bool, Self::Error>;

    /// Which nodes the claim with this index looks at, and nothing but their states and disks; `None`: it may look
    /// at everything. Of steps of other nodes only one order need be tried.
    fn looks_at(&self, property: usize) -> Option<&[NodeId]> {
        let _ = property;
        None
    }

    /// Whether the handler that has just run on this thread went wrong in a way that only the caller can know.
    ///
    /// # Errors
    /// If it did.
    fn after_handler(&self) -> Result<(), Self::Error> {
        Ok(())
    }
}

impl<P: Protocol> Judge<P> for () {
    type Error = Infallible;

    fn properties(&self) -> &[Property] {
        &[]
    }
    fn holds(&self, _: usize, _: &View<'_, P>) -> Result<bool, Infallible> {
        Ok(true)
    }
}
