//! Eventual consistency: after the last write, all agree (notes 2.5.4).
//!
//! A history ends, so "eventually" has to mean something at its end: of each key, after its last write has
//! completed, the last read of each process returns the same value as that of every other process. What was read
//! must have been written. A write of which nobody knows whether it took effect never completes: if somebody read
//! (or may have read) its value, nothing can be demanded of its key; if nobody did, it is left out of account. In
//! a linearizable history all reads that begin after the last write agree, so linearizability implies this.
//! O(n log n), for the matching of reads with writes.
use super::history::NULL;
use super::reads_from::build::group;
use super::reads_from::{INITIAL, NONE, Reads, Run};
use super::{Budget, Error, Flaw, History, Model, Verdict, Witness};
use crate::sim::Outcome;

#[cfg(test)]
mod tests;

const ALGORITHM: &str = "final reads after the last write";

/// Judges a history of reads and writes by [`Model::Eventual`]. `states` of the verdict says how many final reads
/// were compared.
///
/// # Errors
/// [`Error::UnknownKind`] for other operations than reads and writes.
pub fn check(history: &History, _budget: &Budget<'_>) -> Result<Verdict, Error> {
    let reads = match Reads::of(history, Model::Eventual)? {
        Ok(reads) => reads,
        Err(flaw) => return Ok(Verdict::fails(Model::Eventual, ALGORITHM, flaw)),
    };
    let run = &reads.run;
    let open = maybe_written(&reads);
    let (order, starts) = group(&run.key, run.slots.len() - 1);
    let mut compared = 0;
    for (_, range) in starts.windows(2).enumerate().filter(|(key, _)| !open[*key]) {
        let finals = final_reads(run, &order[range[0] as usize..range[1] as usize]);
        compared += finals.len() as u64;
        let value = |read: &u32| value_of(run, *read);
        let differs = finals.iter().find(|read| value(read) != value(&finals[0]));
        if let Some(other) = differs {
            let flaw = disagreement(run, finals[0], *other);
            return Ok(Verdict::fails(Model::Eventual, ALGORITHM, flaw).after(compared));
        }
    }
    Ok(Verdict::holds(Model::Eventual, ALGORITHM, Witness::Absence).after(compared))
}

/// Of each key, whether somebody may have read a write of which it is unknown whether it took effect.
fn maybe_written(reads: &Reads<'_>) -> Vec<bool> {
    let run = &reads.run;
    let mut open = vec![false; run.slots.len()];
    let unsure = |op: u32| run.history.status[run.rows[op as usize] as usize] != Outcome::Ok;
    let known = (0..run.len() as u32).filter_map(|read| run.source_of(read));
    let maybe = reads.behind.writes.iter().flatten().copied().filter(|it| *it != INITIAL);
    for write in known.chain(maybe).filter(|write| unsure(*write)) {
        open[run.key[write as usize] as usize] = true;
    }
    open
}

/// The last read of each session of a key (given its operations, session by session), if it began after the last
/// write that surely happened had completed.
fn final_reads(run: &Run<'_>, ops: &[u32]) -> Vec<u32> {
    let history = run.history;
    let row = |op: u32| run.rows[op as usize] as usize;
    let completed = |op: u32| history.completed[row(op)];
    let sure = ops.iter().filter(|op| run.is_write(**op) && history.status[row(**op)] == Outcome::Ok);
    let end = sure.map(|op| completed(*op)).max();
    let mut latest = NONE;
    let mut finals = Vec::new();
    for op in ops.iter().rev().filter(|op| !run.is_write(**op)) {
        let session = run.session[*op as usize];
        if session != latest {
            latest = session;
            finals.extend(end.is_none_or(|end| history.invoked[row(*op)] > end).then_some(*op));
        }
    }
    finals.reverse();
    finals
}

/// The value that a read returned; null for the initial one.
fn value_of(run: &Run<'_>, read: u32) -> u32 {
    let value = run.history.result[run.rows[read as usize] as usize];
    if run.history.is_initial(value) { NULL } else { value }
}

fn disagreement(run: &Run<'_>, one: u32, other: u32) -> Flaw {
    let mut culprits = vec![run.rows[other as usize], run.rows[one as usize]];
    let history = run.history;
    for read in [other, one] {
        let same = |write: &u32| {
            let row = run.rows[*write as usize] as usize;
            run.is_write(*write)
                && run.key[*write as usize] == run.key[read as usize]
                && history.argument[row] == history.result[run.rows[read as usize] as usize]
        };
        culprits.extend((0..run.len() as u32).find(same).map(|write| run.rows[write as usize]));
    }
    Flaw {
        anomaly: "no convergence".to_owned(),
        reason: format!(
            "After the last write, {} and {} are the last reads of their processes, and they differ.",
            run.say(one),
            run.say(other)
        ),
        culprits,
        ..Flaw::default()
    }
}
