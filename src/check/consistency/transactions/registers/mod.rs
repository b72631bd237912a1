//! Registers: reads and writes, where nobody knows the order of the versions.
use crate::check::consistency::{Budget, Error, History, Model, Verdict};

/// Whether transactions on registers are as isolated as a model asks for.
///
/// # Errors
/// None yet.
pub fn check(_history: &History, model: Model, _budget: &Budget<'_>) -> Result<Verdict, Error> {
    Ok(Verdict::unknown(model, "none"))
}
