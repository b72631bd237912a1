//! How much a judge may spend.

/// What a check may spend before it gives up with `ok = None`.
///
/// The core has no clock: whoever has one says `stop`.
#[derive(Clone, Copy)]
pub struct Budget<'a> {
    /// How many states (configurations, decisions, assignments) to look at.
    pub states: u64,
    /// How many bytes the tables of a search may take.
    pub memory_bytes: u64,
    /// Asked now and then (every few thousand states); true: give up.
    pub stop: &'a (dyn Fn() -> bool + Sync),
}

impl Default for Budget<'_> {
    fn default() -> Self {
        Self { states: u64::MAX, memory_bytes: 4 << 30, stop: &|| false }
    }
}

impl std::fmt::Debug for Budget<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Budget")
            .field("states", &self.states)
            .field("memory_bytes", &self.memory_bytes)
            .finish()
    }
}
