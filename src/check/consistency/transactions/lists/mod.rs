//! Lists: what is read tells in which order everything was appended (Kingsbury and Alvaro, *Elle: Inferring
//! Isolation Anomalies from Experimental Observations*, VLDB 2020).
//!
//! 1. `infer`: the longest list of each key is the order of its versions; everything else that was read must
//!    be a prefix of it. What breaks that breaks every level.
//! 2. `dependencies`: who read from whom (`wr`), who overwrote whom (`ww`), who overwrote what somebody read
//!    (`rw`): Adya's graph, and real time, if it counts.
//! 3. `judge`: an acyclic graph has every level. Otherwise each component with cycles is judged by the
//!    condition of the level.
//! 4. `explain`: the cycle in words, with the accesses that show it.
use std::collections::BTreeMap;

use super::keys::Keys;
use super::on_transactions;
use crate::check::consistency::{Budget, Error, History, Model, Verdict};

mod dependencies;
mod evidence;
mod explain;
mod flaws;
mod group;
mod infer;
mod judge;
mod register;
mod snapshot;
#[cfg(test)]
mod tests;
mod versions;
mod weak;

/// Whether transactions on lists are as isolated as a model asks for.
///
/// O(lengths of all lists + accesses) for prefix and (strict) serializable, and for all levels if the history is
/// serializable. Otherwise, for those transactions that are on cycles: read committed and read atomic also go
/// through all writes of everybody from whom a transaction reads; transactional causal takes O(accesses · number
/// of processes); and snapshot isolation may have to search for the order of appends that nobody read, which can
/// take exponentially long (and is what the budget is for).
///
/// The version order of a key is that of the longest list read. A list is a state of its key, also if its
/// reader has appended the end of it itself: that tells on what it has put its elements. Elements that nobody
/// read come after all others, in an unknown order. A read of null is one of the empty list.
///
/// # Errors
/// [`Error::BadOperation`], if an element is appended twice to a key; [`Error::NotDefined`], if the model is
/// not about transactions.
pub fn check(history: &History, model: Model, budget: &Budget<'_>) -> Result<Verdict, Error> {
    on_transactions(history, model, |history| judge(history, model, &|_| None, budget))
}

/// The same, and the order of the versions of each key is given: then it works for registers, too, and for
/// both in one history. Keys and values are numbers into `names.values`; an order may have the initial value
/// in front, and all that a transaction wrote to the key or only the last. Values that nobody in the history
/// wrote are skipped, so that the orders of a history fit its parts.
///
/// A write of unknown outcome that an order has took effect. One that no order has comes after all that it
/// has.
///
/// # Errors
/// [`Error::BadOperation`], if two transactions write one value to a key, so that nobody can tell who read
/// from whom, or if a register is read whose value is not in the order; those of [`check`].
pub fn check_with_versions(
    history: &History,
    model: Model,
    orders: &[(u32, Vec<u32>)],
    budget: &Budget<'_>,
) -> Result<Verdict, Error> {
    let by_key: BTreeMap<u32, &[u32]> = orders.iter().map(|(key, order)| (*key, order.as_slice())).collect();
    let mut numbers = orders.iter().flat_map(|(key, order)| order.iter().chain([key]));
    if let Some(unknown) = numbers.find(|it| **it as usize >= history.names.values.len()) {
        return Err(Error::NotDefined {
            model,
            what: format!("an order of versions with value number {unknown}"),
            hint: "use numbers of the values of the history".to_owned(),
        });
    }
    on_transactions(history, model, |history| {
        Keys::of(history)?;
        judge(history, model, &|key| by_key.get(&key).copied(), budget)
    })
}

fn judge(
    history: &History,
    model: Model,
    given: infer::Given<'_>,
    budget: &Budget<'_>,
) -> Result<Verdict, Error> {
    match infer::versions(history, given, budget) {
        Ok(versions) => Ok(judge::judge(history, &versions, model, budget)),
        Err(infer::Problem::Bad(error)) => Err(error),
        Err(infer::Problem::Flawed(flaw)) => Ok(Verdict::fails(model, judge::ALGORITHM, *flaw)),
        Err(infer::Problem::Stopped) => Ok(Verdict::unknown(model, judge::ALGORITHM)),
    }
}
