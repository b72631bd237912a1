//! Configurations of a replicated group as Python sees them: members are numbers here, names there.
use pyo3::prelude::*;

use super::errors::class::ParameterError;
use crate::machines::membership::quorum::{Tally, Voters};
use crate::machines::membership::{Change, Membership};

/// Adds what is here to the native module.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(quorum_index, m)?)?;
    m.add_function(wrap_pyfunction!(quorum_vote, m)?)?;
    m.add_function(wrap_pyfunction!(membership_change, m)?)
}

/// Voters, outgoing voters, learners, learners to be, and whether a joint configuration is left at once.
type Parts = (Vec<u32>, Vec<u32>, Vec<u32>, Vec<u32>, bool);

/// The greatest index that the voters, members as positions in ``acked``, have acknowledged in sufficient number.
#[pyfunction]
fn quorum_index(incoming: Vec<u32>, outgoing: Vec<u32>, acked: Vec<u64>) -> Option<u64> {
    let of = |it: u32| acked.get(it as usize).copied().unwrap_or(0);
    Voters { incoming: &incoming, outgoing: &outgoing }.committed_index(of)
}

/// How an election stands, with votes by position: ``"won"``, ``"lost"`` or ``"open"``.
#[pyfunction]
fn quorum_vote(incoming: Vec<u32>, outgoing: Vec<u32>, votes: Vec<Option<bool>>) -> &'static str {
    let of = |it: u32| votes.get(it as usize).copied().flatten();
    match (Voters { incoming: &incoming, outgoing: &outgoing }).vote_result(of) {
        Tally::Won => "won",
        Tally::Lost => "lost",
        Tally::Open => "open",
    }
}

/// The configuration after ``changes`` (of ``"voter"``, ``"learner"``, ``"remove"``), made in the way ``how``.
#[pyfunction]
fn membership_change(config: Parts, how: &str, changes: Vec<(String, u32)>) -> PyResult<Parts> {
    let (voters, outgoing, learners, learners_next, auto_leave) = config;
    let config = Membership { voters, outgoing, learners, learners_next, auto_leave };
    let steps: Vec<Change<u32>> = changes
        .iter()
        .map(|(what, it)| match what.as_str() {
            "voter" => Change::Voter(*it),
            "learner" => Change::Learner(*it),
            _ => Change::Remove(*it),
        })
        .collect();
    let next = match how {
        "simple" => config.simple(&steps),
        "enter_joint" => config.enter_joint(false, &steps),
        "enter_joint_auto" => config.enter_joint(true, &steps),
        _ => config.leave_joint(),
    };
    match next {
        Ok(it) => Ok((it.voters, it.outgoing, it.learners, it.learners_next, it.auto_leave)),
        Err(refused) => {
            let text = refused.to_string();
            Err(ParameterError::new_err(("membership", config.to_string(), text.clone(), text)))
        }
    }
}
