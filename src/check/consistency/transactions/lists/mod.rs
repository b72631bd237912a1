//! Lists: what is read tells in which order everything was appended (Kingsbury and Alvaro, *Elle: Inferring
//! Isolation Anomalies from Experimental Observations*, VLDB 2020).
//!
//! 1. [`infer`]: the longest list of each key is the order of its versions; everything else that was read must be
//!    a prefix of it. What breaks that breaks every level.
//! 2. [`dependencies`]: who read from whom (`wr`), who overwrote whom (`ww`), who overwrote what somebody read
//!    (`rw`): Adya's graph, and real time, if it counts.
//! 3. [`judge`]: an acyclic graph has every level. Otherwise each component with cycles is judged by the
//!    condition of the level.
//! 4. [`explain`]: the cycle in words, with the accesses that show it.
use super::prepare;
use crate::check::consistency::{Budget, Error, History, Model, Verdict};

mod dependencies;
mod evidence;
mod explain;
mod flaws;
mod group;
mod infer;
mod judge;
mod snapshot;
#[cfg(test)]
mod tests;
mod versions;
mod weak;

/// Whether transactions on lists are as isolated as a model asks for. Linear in the lengths of all lists and the
/// number of accesses, if they are; for what costs more, see the levels in [`judge`].
///
/// The version order of a key is that of the longest list read. Elements that nobody read come after it, in an
/// unknown order.
///
/// # Errors
/// [`Error::BadOperation`], if an element is appended twice to a key; [`Error::NotDefined`], if the model is not
/// about transactions.
pub fn check(history: &History, model: Model, budget: &Budget<'_>) -> Result<Verdict, Error> {
    let history = prepare(history, model)?;
    match infer::versions(&history, &|_| None, budget) {
        Ok(versions) => Ok(judge::judge(&history, &versions, model, budget)),
        Err(infer::Problem::Bad(error)) => Err(error),
        Err(infer::Problem::Flawed(flaw)) => Ok(Verdict::fails(model, judge::ALGORITHM, *flaw)),
        Err(infer::Problem::Stopped) => Ok(Verdict::unknown(model, judge::ALGORITHM)),
    }
}
