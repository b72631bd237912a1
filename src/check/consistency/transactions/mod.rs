//! Transactions: the levels from read committed to strict serializable (notes 2.6.1).
//!
//! A level is a condition on the *commit order*: a total order of the committed transactions that contains
//! the order of each session and `wr` (who read from whom), as Biswas and Enea define it (*On the Complexity
//! of Checking Transactional Consistency*, OOPSLA 2019). Where the order of the versions of each key is
//! known, which lists tell by themselves, each level is a question about cycles in Adya's graph ([`lists`]);
//! where it is not, it has to be found ([`registers`]).
//!
//! What counts: transactions of status `ok`, and those `info` ones of which a committed transaction read
//! something. Nothing else took effect that anybody could know of.
use std::borrow::Cow;

use super::history::{History, Kind};
use super::{Budget, Error, Model, Verdict};

pub mod anomaly;
mod committed;
pub mod cycles;
pub mod graph;
mod keys;
pub mod lists;
mod meter;
pub mod realtime;
pub mod registers;

pub use self::committed::Committed;
pub use self::meter::{Exhausted, Meter};

use self::keys::Keys;

/// Whether the transactions of a history are as isolated as a model asks for.
///
/// Plain reads and writes count as transactions of one access. A key is a list, if something is appended to
/// it or a list is read from it, and otherwise a register.
///
/// # Errors
/// [`Error::NotDefined`] for a model that is not about transactions; [`Error::UnknownKind`] for operations
/// that are neither transactions nor reads nor writes; [`Error::BadOperation`] for an access that does not
/// fit its key.
pub fn check(history: &History, model: Model, budget: &Budget<'_>) -> Result<Verdict, Error> {
    on_transactions(history, model, |history| match Keys::of(history)? {
        Keys::Lists => lists::check(history, model, budget),
        Keys::Registers => registers::check(history, model, budget),
        Keys::Mixed => Err(Error::NotDefined {
            model,
            what: "transactions on both lists and registers".to_owned(),
            hint: "give the orders of the versions, or use only one of them".to_owned(),
        }),
    })
}

/// The same for white-box tests: the order of the versions of each key is known from the store's own log, so
/// that the hard levels need no search, for registers and for both in one history either. See
/// [`lists::check_with_versions`] for what the orders may be.
///
/// # Errors
/// Those of [`lists::check_with_versions`].
pub fn check_with_versions(
    history: &History,
    model: Model,
    orders: &[(u32, Vec<u32>)],
    budget: &Budget<'_>,
) -> Result<Verdict, Error> {
    lists::check_with_versions(history, model, orders, budget)
}

/// Judges the history with nothing but transactions in it, if the model is about them.
fn on_transactions(
    history: &History,
    model: Model,
    judge: impl FnOnce(&History) -> Result<Verdict, Error>,
) -> Result<Verdict, Error> {
    match prepare(history, model)? {
        Cow::Borrowed(history) => judge(history),
        Cow::Owned(history) => {
            let mut verdict = judge(&history)?;
            if let Some(flaw) = &mut verdict.flaw {
                // They are those of another history.
                flaw.accesses.clear();
            }
            Ok(verdict)
        }
    }
}

fn prepare(history: &History, model: Model) -> Result<Cow<'_, History>, Error> {
    if !model.is_transactional() {
        return Err(Error::NotDefined {
            model,
            what: "transactions".to_owned(),
            hint: "use one from read-committed to strict-serializable".to_owned(),
        });
    }
    let known = |kind: &Kind| matches!(*kind, Kind::TXN | Kind::READ | Kind::WRITE);
    if let Some(row) = history.kind.iter().position(|kind| !known(kind)) {
        return Err(Error::UnknownKind {
            row,
            what: history.describe_short(row),
            spec: "transactions".to_owned(),
            kind: history.names.kinds.name(history.kind[row]).clone(),
            allowed: "txn, read, write".to_owned(),
        });
    }
    let plain = history.kind.iter().any(|kind| *kind != Kind::TXN);
    Ok(if plain { Cow::Owned(history.as_transactions()) } else { Cow::Borrowed(history) })
}
